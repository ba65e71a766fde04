#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use futures_util::{SinkExt, StreamExt};
use parking_lot::Mutex;
use pingora::connectors::ConnectorOptions;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{self, Message};

use super::*;
use crate::proxy::guarded;
use crate::proxy::killable::lab::{Act, Gateway, REMOVED, certificate, eventually, read_to_end, read_until, tls_connect};
use crate::proxy::tls::Certificates;

// ── The gateway ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────

struct Tunnels {
    peer: HttpPeer,
    connector: TransportConnector,
    limits: Limits,
    censored: bool,
    outcomes: Outcomes,
}

type Outcomes = Arc<Mutex<Vec<Result<Outcome, String>>>>;

#[async_trait]
impl Act for Tunnels {
    async fn upgrade(&self, session: &mut Session, exchange: &Exchange) -> pingora::Result<bool> {
        let mut request = session.req_header().clone();
        request.insert_header("x-roomgate-room", "standup")?;
        let cookie = [(header::SET_COOKIE, HeaderValue::from_static("session=1"))];
        let passage = Passage {
            connector: &self.connector,
            peer: &self.peer,
            request: &request,
            answer_headers: &cookie,
            exchange,
            limits: self.limits,
        };
        let mut inspect: Box<dyn Inspect> = if self.censored { Box::new(Censor::default()) } else { Box::new(Untouched) };
        let outcome = run(session, passage, &mut *inspect).await;
        if let Err(failure) = &outcome {
            session.respond_error(failure.status().as_u16()).await?;
        }
        self.outcomes.lock().push(outcome.map_err(|f| f.to_string()));
        Ok(false)
    }
}

struct Setting {
    gateway: Gateway,
    outcomes: Outcomes,
}

impl Setting {
    fn before(upstream: SocketAddr) -> Self {
        Self::with(upstream, Limits::default(), false)
    }

    fn with(upstream: SocketAddr, limits: Limits, censored: bool) -> Self {
        Self::full(HttpPeer::new(upstream, false, String::new()), None, limits, censored, None)
    }

    fn full(peer: HttpPeer, ca_file: Option<String>, limits: Limits, censored: bool, certificates: Option<&Arc<Certificates>>) -> Self {
        let mut options = ConnectorOptions::new(1);
        options.ca_file = ca_file;
        let outcomes = Outcomes::default();
        let tunnels = Tunnels { peer, connector: TransportConnector::new(Some(options)), limits, censored, outcomes: outcomes.clone() };
        Self { gateway: Gateway::with(tunnels, guarded::Limits::default(), certificates), outcomes }
    }

    async fn opens(&self) -> WebSocketStream<TcpStream> {
        tokio_tungstenite::client_async("ws://meet.example.org/ws?room=standup", self.gateway.connect().await).await.unwrap().0
    }

    /// A tunnel without a WebSocket library: the socket behind the 101.
    async fn opens_raw(&self) -> TcpStream {
        let mut socket = self.gateway.connect().await;
        socket.write_all(HANDSHAKE.as_bytes()).await.unwrap();
        read_until(&mut socket, "\r\n\r\n").await;
        socket
    }

    async fn outcome(&self) -> Result<Outcome, String> {
        eventually("the tunnel has ended", || self.outcomes.lock().first().cloned()).await
    }

    async fn reason(&self) -> Reason {
        match self.outcome().await.unwrap() {
            Outcome::Carried(end) => end.reason,
            Outcome::Declined(status) => panic!("declined with {status}"),
        }
    }
}

const HANDSHAKE: &str = "GET /ws?room=standup HTTP/1.1\r\nHost: meet.example.org\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: xmpp\r\n\
    Sec-WebSocket-Extensions: permessage-deflate\r\nKeep-Alive: 5\r\n\r\n";

/// The answer to that key, by RFC 6455 section 1.3.
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

fn switched(more: &str) -> String {
    format!("HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: {ACCEPT}\r\n{more}\r\n")
}

/// An unfragmented frame.
fn frame(opcode: u8, payload: &[u8], mask: Option<[u8; 4]>) -> Vec<u8> {
    let mut out = vec![0x80 | opcode];
    let masked = if mask.is_some() { 0x80 } else { 0 };
    match payload.len() {
        n @ 0..=125 => out.push(masked | n as u8),
        n @ 126..=0xffff => {
            out.push(masked | 126);
            out.extend((n as u16).to_be_bytes());
        }
        n => {
            out.push(masked | 127);
            out.extend((n as u64).to_be_bytes());
        }
    }
    let key = mask.unwrap_or_default();
    out.extend(mask.unwrap_or_default().iter().take(if mask.is_some() { 4 } else { 0 }));
    out.extend(payload.iter().zip(key.iter().cycle()).map(|(b, k)| b ^ k));
    out
}

fn close_frame(to: Side, ending: Ending) -> Bytes {
    let mut payload = ending.close.to_be_bytes().to_vec();
    payload.extend(ending.reason.bytes());
    frame(8, &payload, (to == Side::Server).then_some([1, 2, 3, 4])).into()
}

/// Lets everything pass.
struct Untouched;

#[async_trait]
impl Inspect for Untouched {
    async fn client(&mut self, bytes: Bytes) -> Flow {
        Flow::on(bytes)
    }

    fn server(&mut self, bytes: Bytes) -> Flow {
        Flow::on(bytes)
    }

    fn goodbye(&mut self, to: Side, ending: Ending, _: bool) -> Bytes {
        close_frame(to, ending)
    }
}

/// Reads whole small frames of the client. `bad` ends, `ask` is answered by us, `slow` takes long, all else passes, shouting.
#[derive(Default)]
struct Censor {
    kept: Vec<u8>,
}

#[async_trait]
impl Inspect for Censor {
    async fn client(&mut self, bytes: Bytes) -> Flow {
        self.kept.extend(bytes);
        let mut flow = Flow::default();
        let mut on = Vec::new();
        while self.kept.len() >= 6 && self.kept.len() >= 6 + usize::from(self.kept[1] & 0x7f) {
            let rest = self.kept.split_off(6 + usize::from(self.kept[1] & 0x7f));
            let whole = std::mem::replace(&mut self.kept, rest);
            let said: Vec<u8> = whole[6..].iter().zip(whole[2..6].iter().cycle()).map(|(b, k)| b ^ k).collect();
            match said.as_slice() {
                b"bad" => return Flow { end: Some(Ending { close: 1008, reason: "malformed" }), ..flow },
                b"ask" => flow.back = frame(1, b"answer", None).into(),
                b"slow" => tokio::time::sleep(Duration::from_secs(5)).await,
                said => on.extend(frame(whole[0] & 0x0f, &said.to_ascii_uppercase(), Some([9, 8, 7, 6]))),
            }
        }
        flow.on = on.into();
        flow
    }

    fn server(&mut self, bytes: Bytes) -> Flow {
        Flow::on(bytes)
    }

    fn goodbye(&mut self, to: Side, ending: Ending, amid_message: bool) -> Bytes {
        let mut last = if amid_message || to == Side::Server { Vec::new() } else { frame(1, b"goodbye", None) };
        last.extend(close_frame(to, ending));
        last.into()
    }
}

// ── Servers ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/// What the server saw of a client's end.
type Closes = Arc<Mutex<Vec<Option<(u16, String)>>>>;

async fn echo() -> (SocketAddr, Closes) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let closes = Closes::default();
    let seen = closes.clone();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(echoes(socket, seen.clone()));
        }
    });
    (address, closes)
}

async fn echoes(socket: impl AsyncRead + AsyncWrite + Unpin, closes: Closes) {
    let mut socket = tokio_tungstenite::accept_async(socket).await.unwrap();
    while let Some(said) = socket.next().await {
        match said {
            Ok(Message::Close(close)) => closes.lock().push(close.map(|c| (c.code.into(), c.reason.to_string()))),
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => socket.send(message).await.unwrap(),
            Ok(_) => {}
            Err(_) => return closes.lock().push(None),
        }
    }
}

/// A server that answers the handshake with these bytes, and hands the connection over. What it was asked comes with it.
async fn answers(answer: impl Into<Vec<u8>>) -> (SocketAddr, tokio::sync::mpsc::UnboundedReceiver<(TcpStream, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, told) = tokio::sync::mpsc::unbounded_channel();
    let answer = answer.into();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let asked = read_until(&mut socket, "\r\n\r\n").await;
            socket.write_all(&answer).await.unwrap();
            let _ = tell.send((socket, asked));
        }
    });
    (address, told)
}

fn is_close(said: Option<Result<Message, tungstenite::Error>>, code: u16, reason: &str) {
    match said {
        Some(Ok(Message::Close(Some(CloseFrame { code: c, reason: r })))) => assert_eq!((u16::from(c), r.as_str()), (code, reason)),
        other => panic!("no close frame but {other:?}"),
    }
}

// ── The handshake ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_sees_our_request_and_the_client_its_answer() {
    let (upstream, mut arrived) =
        answers(switched("Sec-WebSocket-Protocol: xmpp\r\nX-Server: yes\r\nX-Hop: 1\r\nConnection: x-hop\r\n")).await;
    let setting = Setting::before(upstream);
    let mut client = setting.gateway.connect().await;
    client.write_all(HANDSHAKE.as_bytes()).await.unwrap();
    let head = read_until(&mut client, "\r\n\r\n").await.to_lowercase();
    let (_, asked) = arrived.recv().await.unwrap();

    assert!(asked.starts_with("GET /ws?room=standup HTTP/1.1\r\n"), "{asked}");
    let asked = asked.to_lowercase();
    for there in ["host: meet.example.org", "connection: upgrade\r\n", "upgrade: websocket", "x-roomgate-room: standup", "protocol: xmpp"] {
        assert!(asked.contains(there), "{there} is not in {asked}");
    }
    assert!(!asked.contains("extensions") && !asked.contains("keep-alive"), "{asked}");

    assert!(head.starts_with("http/1.1 101 "), "{head}");
    for there in
        [&format!("accept: {}", ACCEPT.to_lowercase()), "protocol: xmpp", "x-server: yes", "set-cookie: session=1", "upgrade: websocket"]
    {
        assert!(head.contains(there), "{there} is not in {head}");
    }
    assert!(!head.contains("x-hop: 1"), "{head}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_are_no_handshake_are_not_passed_on() {
    for (answer, why) in [
        (switched("").replace(ACCEPT, "s3pPLMBiTxaQ9kYGzzhZRbK+xOp="), "Sec-WebSocket-Accept"),
        (switched("").replace("Sec-WebSocket-Accept", "X-Accept"), "Sec-WebSocket-Accept"),
        (switched(&format!("Sec-WebSocket-Accept: {ACCEPT}\r\n")), "Sec-WebSocket-Accept"),
        (switched("Sec-WebSocket-Extensions: permessage-deflate\r\n"), "extension"),
        (switched("Sec-WebSocket-Protocol: other\r\n"), "subprotocol"),
        (switched("").replace("Upgrade: WebSocket", "Upgrade: h2c"), "Upgrade: websocket"),
        (switched("").replace("Connection: upgrade", "Connection: close"), "Connection: Upgrade"),
        (switched(&format!("X: {}\r\n", "x".repeat(40_000))), "too large"),
        (switched(&"X: 1\r\n".repeat(101)), "not HTTP"),
        ("SSH-2.0-OpenSSH_9.6\r\n\r\n".to_owned(), "not HTTP"),
    ] {
        let (upstream, _arrived) = answers(answer).await;
        let setting = Setting::before(upstream);
        let got = setting.gateway.says(HANDSHAKE).await;
        assert!(got.starts_with("HTTP/1.1 502 "), "{got}");
        let failure = setting.outcome().await.unwrap_err();
        assert!(failure.contains(why), "{failure:?} does not say {why}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_are_no_handshake_do_not_reach_the_server() {
    let (upstream, mut arrived) = answers(switched("")).await;
    for request in [
        HANDSHAKE.replace("Sec-WebSocket-Key", "X-Key"),
        HANDSHAKE.replace("Keep-Alive: 5", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
        HANDSHAKE.replace("GET", "POST"),
        HANDSHAKE.replace("Keep-Alive: 5", "Content-Length: 5"),
        HANDSHAKE.replace("keep-alive, Upgrade", "keep-alive"),
        HANDSHAKE.replace("Upgrade: websocket", "Upgrade: websocket, h2c"),
        HANDSHAKE.replace("Upgrade: websocket", "Upgrade: h2c"),
        HANDSHAKE.replace("Version: 13", "Version: 8"),
    ] {
        let got = Setting::before(upstream).gateway.says(&request).await;
        assert!(got.starts_with("HTTP/1.1 400 "), "{request} gave {got}");
    }
    assert!(arrived.try_recv().is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_declines_is_relayed() {
    let body = "members only";
    for (answer, status, ends) in [
        (format!("HTTP/1.1 403 Forbidden\r\nX-Why: 1\r\nContent-Type: text/plain\r\nContent-Length: 12\r\n\r\n{body}"), 403, body),
        (
            "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n".to_owned(),
            404,
            "\r\n\r\n",
        ),
        ("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n".to_owned(), 200, "\r\n\r\n"),
    ] {
        let (upstream, _arrived) = answers(answer).await;
        let setting = Setting::before(upstream);
        let got = setting.gateway.says(HANDSHAKE).await;
        assert!(got.starts_with(&format!("HTTP/1.1 {status} ")) && got.ends_with(ends), "{got}");
        assert!(got.to_lowercase().contains("set-cookie: session=1") && got.to_lowercase().contains("connection: close"), "{got}");
        assert_eq!(got.contains("X-Why: 1") || got.contains("x-why: 1"), status == 403, "{got}");
        assert_eq!(setting.outcome().await, Ok(Outcome::Declined(StatusCode::from_u16(status).unwrap())));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_not_there_or_does_not_answer_is_said_so() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    assert!(Setting::before(gone).gateway.says(HANDSHAKE).await.starts_with("HTTP/1.1 502 "));

    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let limits = Limits { answer: Duration::from_millis(50), ..Limits::default() };
    let got = Setting::with(mute.local_addr().unwrap(), limits, false).gateway.says(HANDSHAKE).await;
    assert!(got.starts_with("HTTP/1.1 504 "), "{got}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_that_come_with_the_handshake_are_not_lost() {
    // Both ends send their first frame in the very packet of their handshake.
    let mut answer = switched("").into_bytes();
    answer.extend(frame(1, b"welcome", None));
    let (upstream, mut arrived) = answers(answer).await;
    let setting = Setting::before(upstream);
    let mut client = setting.gateway.connect().await;
    let hello = frame(1, b"hello", Some([0; 4]));
    client.write_all(&[HANDSHAKE.as_bytes(), &hello].concat()).await.unwrap();

    read_until(&mut client, "\u{7}welcome").await;
    let (mut server, _) = arrived.recv().await.unwrap();
    read_until(&mut server, "hello").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn not_one_of_a_thousand_tunnels_dies_after_its_handshake() {
    let (upstream, _) = echo().await;
    let setting = Arc::new(Setting::before(upstream));
    let clients = (0..8).map(|_| {
        let setting = setting.clone();
        tokio::spawn(async move {
            for n in 0..125 {
                let mut socket = setting.opens().await;
                socket.send(Message::text(n.to_string())).await.unwrap();
                assert_eq!(socket.next().await.unwrap().unwrap(), Message::text(n.to_string()));
                socket.close(None).await.unwrap();
                while socket.next().await.is_some() {}
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
    eventually("all have ended", || (setting.outcomes.lock().len() == 1000).then_some(())).await;
    for outcome in setting.outcomes.lock().iter() {
        assert!(matches!(outcome, Ok(Outcome::Carried(End { reason: Reason::Client, .. }))), "{outcome:?}");
    }
    assert_eq!(setting.gateway.logged(), 1000);
}

// ── Carrying ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_pings_and_the_goodbye_pass() {
    let (upstream, closes) = echo().await;
    let setting = Setting::before(upstream);
    let mut client = setting.opens().await;
    for message in [Message::text("ada"), Message::binary(vec![7; 1 << 20]), Message::text(""), Message::text("x".repeat(70_000))] {
        client.send(message.clone()).await.unwrap();
        assert_eq!(client.next().await.unwrap().unwrap(), message);
    }
    client.send(Message::Ping("still there?".into())).await.unwrap();
    assert_eq!(client.next().await.unwrap().unwrap(), Message::Pong("still there?".into()));

    client.close(Some(CloseFrame { code: 3001.into(), reason: "lunch".into() })).await.unwrap();
    is_close(client.next().await, 3001, "lunch");
    assert!(client.next().await.is_none());
    assert_eq!(*closes.lock(), [Some((3001, "lunch".to_owned()))]);

    let Ok(Outcome::Carried(end)) = setting.outcome().await else { panic!() };
    assert_eq!(end.reason, Reason::Client);
    assert!(end.to_server > 1 << 20 && end.to_client > 1 << 20, "{end:?}");
    eventually("it is logged", || (setting.gateway.logged() == 1).then_some(())).await;
}

/// A reproducible sequence.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % n) as usize
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_are_the_same_in_both_directions_at_once_however_they_are_cut() {
    let (upstream, mut arrived) = answers(switched("")).await;
    let setting = Setting::before(upstream);
    let client = setting.opens_raw().await;
    let (server, _) = arrived.recv().await.unwrap();

    // Neither side reads before it has written all: a tunnel that cannot do both at once would stand still for ever.
    async fn play(socket: TcpStream, seed: u64, expected: u64) {
        let bytes = |seed| {
            let mut dice = Dice(seed);
            let mut all = Vec::new();
            while all.len() < 8 << 20 {
                let payload: Vec<u8> = (0..dice.below(40_000)).map(|_| dice.below(256) as u8).collect();
                all.extend(frame(2, &payload, None));
            }
            all
        };
        let (mut reads, mut writes) = socket.into_split();
        let writing = tokio::spawn(async move {
            let mut dice = Dice(seed + 100);
            let all = bytes(seed);
            let mut left = all.as_slice();
            while !left.is_empty() {
                let (now, rest) = left.split_at(dice.below(100_000).min(left.len()));
                writes.write_all(now).await.unwrap();
                left = rest;
            }
            writes
        });
        let expected = bytes(expected);
        let mut got = vec![0; expected.len()];
        reads.read_exact(&mut got).await.unwrap();
        assert!(got == expected, "the bytes differ");
        writing.await.unwrap();
    }
    let both = async { tokio::join!(play(client, 1, 2), play(server, 2, 1)) };
    tokio::time::timeout(Duration::from_secs(60), both).await.expect("it does not stand still");
}

/// Writes this many bytes as one endless frame, as fast as it is let; how many went.
fn floods(mut socket: impl AsyncWrite + Unpin + Send + 'static, mask: bool) -> (Arc<AtomicU64>, tokio::task::JoinHandle<()>) {
    let went = Arc::new(AtomicU64::new(0));
    let count = went.clone();
    let task = tokio::spawn(async move {
        let piece = frame(2, &[0; 60_000], mask.then_some([0; 4]));
        while let Ok(n) = socket.write(&piece).await {
            count.fetch_add(n as u64, Ordering::Relaxed);
            if n < piece.len() && socket.write_all(&piece[n..]).await.is_err() {
                break;
            }
        }
    });
    (went, task)
}

async fn stands_still(went: &AtomicU64) -> u64 {
    let mut before = 0;
    eventually("the flood stands still", || {
        let now = went.load(Ordering::Relaxed);
        let still = now > 0 && now == before;
        before = now;
        still.then_some(())
    })
    .await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    went.load(Ordering::Relaxed)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_read_stops_the_server_and_can_still_speak_and_be_ended() {
    let (upstream, mut arrived) = answers(switched("")).await;
    let setting = Setting::before(upstream);
    let mut client = setting.opens_raw().await;
    let (server, _) = arrived.recv().await.unwrap();
    let (mut reads, writes) = server.into_split();
    let (went, flood) = floods(writes, false);

    let held = stands_still(&went).await;
    assert!(held < 24 << 20, "{held} bytes are somewhere between the two");
    client.write_all(&frame(1, b"I talk all the same", Some([0; 4]))).await.unwrap();
    read_until(&mut reads, "I talk all the same").await;

    let before = Instant::now();
    setting.gateway.exchange(0).await.end(REMOVED);
    assert_eq!(setting.reason().await, Reason::Killed(REMOVED));
    assert!(before.elapsed() < Duration::from_millis(250), "it took {:?}", before.elapsed());
    tokio::time::timeout(Duration::from_secs(1), flood).await.expect("the server's connection is closed").unwrap();
    read_to_end(&mut client).await;
    eventually("the context is dropped", || (setting.gateway.ended() == 1).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_does_not_read_stops_the_client_which_still_hears_its_goodbye() {
    let (upstream, mut arrived) = answers(switched("")).await;
    let setting = Setting::before(upstream);
    let client = setting.opens_raw().await;
    let (mut server, _) = arrived.recv().await.unwrap();
    let (mut reads, writes) = client.into_split();
    let (went, flood) = floods(writes, true);

    let held = stands_still(&went).await;
    assert!(held < 24 << 20, "{held} bytes are somewhere between the two");
    server.write_all(&frame(1, b"I talk all the same", None)).await.unwrap();
    read_until(&mut reads, "I talk all the same").await;

    let before = Instant::now();
    setting.gateway.exchange(0).await.end(REMOVED);
    read_until(&mut reads, "ejected").await;
    assert!(before.elapsed() < Duration::from_millis(250), "it took {:?}", before.elapsed());
    assert_eq!(setting.reason().await, Reason::Killed(REMOVED));
    tokio::time::timeout(Duration::from_secs(2), flood).await.expect("the client's connection is closed").unwrap();
}

// ── Ending ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_tunnel_is_ended_at_once_and_both_sides_are_told() {
    let (upstream, closes) = echo().await;
    let setting = Setting::before(upstream);
    let mut client = setting.opens().await;
    client.send(Message::text("in")).await.unwrap();
    client.next().await;
    tokio::time::sleep(Duration::from_millis(50)).await;

    let before = Instant::now();
    setting.gateway.exchange(0).await.end(REMOVED);
    is_close(client.next().await, 4403, "ejected");
    assert!(before.elapsed() < Duration::from_millis(100), "it took {:?}", before.elapsed());
    assert!(client.next().await.is_none(), "and the connection is closed");
    assert_eq!(setting.reason().await, Reason::Killed(REMOVED));
    let seen = eventually("the server is told", || closes.lock().first().cloned()).await;
    assert_eq!(seen, Some((4403, "ejected".to_owned())));
    eventually("it is logged and forgotten", || (setting.gateway.logged() == 1 && setting.gateway.ended() == 1).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn busy_tunnels_are_ended_at_once_and_their_clients_are_told() {
    let (upstream, _) = echo().await;
    let setting = Setting::before(upstream);
    for nth in 0..20 {
        let (mut says, mut hears) = setting.opens().await.split();
        let talk = tokio::spawn(async move { while says.send(Message::binary(vec![1; 30_000 + nth])).await.is_ok() {} });
        for _ in 0..10 {
            hears.next().await.unwrap().unwrap();
        }

        let before = Instant::now();
        setting.gateway.exchange(nth).await.end(REMOVED);
        loop {
            match hears.next().await {
                Some(Ok(Message::Binary(_))) => {}
                said => break is_close(said, 4403, "ejected"),
            }
        }
        assert!(before.elapsed() < Duration::from_millis(300), "it took {:?}", before.elapsed());
        tokio::time::timeout(Duration::from_secs(1), talk).await.expect("the connection is closed").unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_tls_it_is_the_same() {
    let (folder, issued) = certificate("meet.example.org");
    let file = |name: &str| folder.path().join(name);
    let certificates = Certificates::load(&file("cert.pem"), &file("key.pem")).unwrap();

    // The server speaks TLS, too, and its certificate is checked against its name.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = listener.local_addr().unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(certificates.clone());
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(socket) = acceptor.accept(socket).await {
                    echoes(socket, Closes::default()).await;
                }
            });
        }
    });

    for (name, works) in [("meet.example.org", true), ("elsewhere.example.org", false)] {
        let peer = HttpPeer::new(upstream, true, name.to_owned());
        let ca_file = Some(file("cert.pem").to_str().unwrap().to_owned());
        let setting = Setting::full(peer, ca_file, Limits::default(), false, Some(&certificates));
        let socket = tls_connect(&setting.gateway, &issued.cert, &[b"http/1.1"]).await.unwrap();
        let opened = tokio_tungstenite::client_async("ws://meet.example.org/ws", socket).await;
        assert_eq!(opened.is_ok(), works, "{name}: {:?}", opened.err());
        let Ok((mut client, _)) = opened else { continue };
        let message = Message::binary(vec![3; 1 << 20]);
        client.send(message.clone()).await.unwrap();
        assert_eq!(client.next().await.unwrap().unwrap(), message);
        setting.gateway.exchange(0).await.end(REMOVED);
        is_close(client.next().await, 4403, "ejected");
        assert!(client.next().await.is_none());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_server_dies_the_client_is_told_where_it_can_be() {
    let text = frame(1, b"whole", None);
    for (said, told) in [(&text[..], true), (&text[..3], false), (&[][..], true), (&close_frame(Side::Client, REMOVED)[..], false)] {
        let (upstream, mut arrived) = answers(switched("")).await;
        let setting = Setting::before(upstream);
        let mut client = setting.opens_raw().await;
        let (mut server, _) = arrived.recv().await.unwrap();
        server.write_all(said).await.unwrap();
        drop(server);

        let mut got = Vec::new();
        client.read_to_end(&mut got).await.unwrap();
        let last = if told { close_frame(Side::Client, Ending { close: 1001, reason: "upstream-gone" }).to_vec() } else { Vec::new() };
        assert_eq!(got, [said, &last].concat());
        assert_eq!(setting.reason().await, Reason::Server);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_client_leaves_the_server_learns_of_it_and_may_finish() {
    let (upstream, mut arrived) = answers(switched("")).await;
    let setting = Setting::before(upstream);
    let mut client = setting.opens_raw().await;
    let (mut server, _) = arrived.recv().await.unwrap();
    client.write_all(&frame(1, b"bye", Some([0; 4]))).await.unwrap();
    client.shutdown().await.unwrap();
    assert!(read_to_end(&mut server).await.ends_with("bye"));
    server.write_all(&frame(1, b"one more thing", None)).await.unwrap();
    drop(server);
    assert!(read_to_end(&mut client).await.ends_with("one more thing"), "and no close frame: nobody is there to answer it");
    assert_eq!(setting.reason().await, Reason::Client);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_tunnel_lives_unless_there_is_a_limit() {
    let (upstream, _) = echo().await;
    for (idle, lives) in [(None, true), (Some(Duration::from_millis(100)), false)] {
        let setting = Setting::with(upstream, Limits { idle, ..Limits::default() }, false);
        let mut client = setting.opens().await;
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_millis(60)).await;
            client.send(Message::Ping("".into())).await.unwrap();
            assert!(client.next().await.unwrap().unwrap().is_pong(), "who pings is not silent");
        }
        match tokio::time::timeout(Duration::from_millis(300), client.next()).await {
            Err(_) => assert!(lives),
            Ok(said) => {
                assert!(!lives);
                is_close(said, 1001, "idle");
                assert_eq!(setting.reason().await, Reason::Idle);
            }
        }
    }
}

// ── Inspecting ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_inspector_writes_goes_on_and_what_it_refuses_ends_the_tunnel() {
    let (upstream, closes) = echo().await;
    let setting = Setting::with(upstream, Limits::default(), true);
    let mut client = setting.opens().await;
    for (said, heard) in [("hello", "HELLO"), ("ask", "answer"), ("again", "AGAIN")] {
        client.send(Message::text(said)).await.unwrap();
        assert_eq!(client.next().await.unwrap().unwrap(), Message::text(heard));
    }
    client.send(Message::text("bad")).await.unwrap();
    assert_eq!(client.next().await.unwrap().unwrap(), Message::text("goodbye"));
    is_close(client.next().await, 1008, "malformed");
    assert_eq!(setting.reason().await, Reason::Inspected(Ending { close: 1008, reason: "malformed" }));
    let seen = eventually("the server is told", || closes.lock().first().cloned()).await;
    assert_eq!(seen, Some((1008, "malformed".to_owned())));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_we_say_waits_for_the_end_of_the_servers_message() {
    let (upstream, mut arrived) = answers(switched("")).await;
    let setting = Setting::with(upstream, Limits::default(), true);
    let mut client = setting.opens_raw().await;
    let (mut server, _) = arrived.recv().await.unwrap();

    server.write_all(&[0x01, 2, b'a', b'b']).await.unwrap(); // begins, and does not end
    read_until(&mut client, "ab").await;
    client.write_all(&frame(1, b"ask", Some([0; 4]))).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(client.try_read(&mut [0; 64]).is_err(), "nothing of ours stands in the middle of a message");
    server.write_all(&[0x89, 0, 0x80, 2, b'c', b'd', 0x81, 1, b'e']).await.unwrap(); // a ping, the end, another message

    let mut got = [0; 6 + 8 + 3];
    client.read_exact(&mut got).await.unwrap();
    let expected = [&[0x89, 0, 0x80, 2, b'c', b'd'][..], &frame(1, b"answer", None), &[0x81, 1, b'e']].concat();
    assert_eq!(got[..], expected);

    // Amid a message only the close frame may be said.
    server.write_all(&[0x01, 1, b'f']).await.unwrap();
    read_until(&mut client, "f").await;
    setting.gateway.exchange(0).await.end(REMOVED);
    let mut got = Vec::new();
    client.read_to_end(&mut got).await.unwrap();
    assert_eq!(got, close_frame(Side::Client, REMOVED));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tunnel_is_ended_while_its_inspector_thinks() {
    let (upstream, _) = echo().await;
    let setting = Setting::with(upstream, Limits::default(), true);
    let mut client = setting.opens().await;
    client.send(Message::text("slow")).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;

    let before = Instant::now();
    setting.gateway.exchange(0).await.end(REMOVED);
    assert_eq!(client.next().await.unwrap().unwrap(), Message::text("goodbye"));
    is_close(client.next().await, 4403, "ejected");
    assert!(before.elapsed() < Duration::from_millis(100), "it took {:?}", before.elapsed());
}
