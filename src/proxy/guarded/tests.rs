#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::time::Instant;

use bytes::Bytes;
use pingora::http::ResponseHeader;
use pingora::proxy::Session;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::proxy::killable::Exchange;
use crate::proxy::killable::lab::{Act, Gateway, certificate, eventually, read_to_end, read_until, tls_connect};
use crate::proxy::tls::Certificates;

/// `/hello` is answered, `/events` says one word each 100 ms, `/silent` nothing more, `/flood` more than anybody would read.
struct Own;

#[async_trait]
impl Act for Own {
    async fn request(&self, session: &mut Session, _: &Exchange) -> pingora::Result<bool> {
        session.set_keepalive(Some(0)); // for ever, as far as pingora is concerned
        let mut head = ResponseHeader::build(200, None)?;
        if session.req_header().uri.path() == "/hello" {
            head.insert_header("content-length", 5)?;
            session.write_response_header(Box::new(head), false).await?;
            session.write_response_body(Some(Bytes::from_static(b"hello")), true).await?;
            return Ok(true);
        }
        if !session.is_http2() {
            head.insert_header("transfer-encoding", "chunked")?;
        }
        let path = session.req_header().uri.path().to_owned();
        session.write_response_header(Box::new(head), false).await?;
        session.write_response_body(Some(Bytes::from_static(b"first")), false).await?;
        match path.as_str() {
            "/events" => loop {
                tokio::time::sleep(Duration::from_millis(100)).await;
                session.write_response_body(Some(Bytes::from_static(b"event")), false).await?;
            },
            "/flood" => loop {
                session.write_response_body(Some(Bytes::from_static(&[b'x'; 65536])), false).await?;
            },
            _ => {
                let _ = session.read_body_or_idle(true).await;
                session.set_keepalive(None);
                Ok(true)
            }
        }
    }
}

fn impatient() -> Limits {
    Limits {
        first_request: Duration::from_millis(300),
        head: Duration::from_millis(300),
        between_requests: Duration::from_millis(2000),
        silence: Duration::from_millis(500),
        ..Limits::default()
    }
}

/// How long the connection lives, while `also` goes on.
async fn lives(mut socket: impl AsyncReadExt + Unpin, since: Instant) -> Duration {
    read_to_end(&mut socket).await;
    since.elapsed()
}

/// The client's clock starts a little later than the gateway's, and the machine may be busy.
fn about(took: Duration, millis: u64) {
    let limit = Duration::from_millis(millis);
    assert!(
        took + Duration::from_millis(50) >= limit && took < limit + Duration::from_millis(700),
        "it took {took:?} instead of {limit:?}"
    );
}

const HELLO: &[u8] = b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_says_nothing_is_cut() {
    let gateway = Gateway::with(Own, impatient(), None);
    let socket = gateway.connect().await;
    about(lives(socket, Instant::now()).await, 300);
    eventually("it is counted", || (gateway.connections.silenced() == 1 && gateway.connections.open() == 0).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_drips_is_cut_on_the_first_request_and_on_the_next() {
    let gateway = Gateway::with(Own, impatient(), None);
    for requests_before in [0, 1, 2] {
        let mut socket = gateway.connect().await;
        for _ in 0..requests_before {
            socket.write_all(HELLO).await.unwrap();
            read_until(&mut socket, "hello").await;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        let (reads, mut writes) = socket.into_split();
        let since = Instant::now();
        tokio::spawn(async move {
            for byte in b"GET /hello HTTP/1.1\r\nHost: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa".iter().cycle() {
                if writes.write_all(&[*byte]).await.is_err() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        let took = lives(reads, since).await;
        // The first 200 ms of silence count for a first request.
        about(took, if requests_before == 0 { 100 } else { 300 });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kept_connection_is_kept_for_so_long_and_no_longer() {
    let gateway = Gateway::with(Own, impatient(), None);
    let mut socket = gateway.connect().await;
    for pause in [0, 1500, 1500] {
        tokio::time::sleep(Duration::from_millis(pause)).await;
        socket.write_all(HELLO).await.unwrap();
        read_until(&mut socket, "hello").await;
    }
    about(lives(socket, Instant::now()).await, 2000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_hears_something_is_not_silent_and_who_hears_nothing_is_cut_at_last() {
    let gateway = Gateway::with(Own, impatient(), None);
    let mut events = gateway.connect().await;
    events.write_all(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut silent = gateway.connect().await;
    silent.write_all(b"GET /silent HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    read_until(&mut silent, "first").await;

    about(lives(silent, Instant::now()).await, 500);
    tokio::time::sleep(Duration::from_millis(700)).await;
    read_until(&mut events, "event").await;
    assert_eq!(gateway.connections.open(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_read_is_cut() {
    let gateway = Gateway::with(Own, impatient(), None);
    let mut socket = gateway.connect().await;
    socket.write_all(b"GET /flood HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    eventually("it is cut", || (gateway.connections.silenced() == 1).then_some(())).await;
    eventually("it is closed", || (gateway.connections.open() == 0).then_some(())).await;
    assert!(gateway.connections.bytes_written() > 65536);
    drop(socket);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tls_client_that_promises_http2_must_speak_it() {
    let (folder, issued) = certificate("meet.example.org");
    let certificates = Certificates::load(&folder.path().join("cert.pem"), &folder.path().join("key.pem")).unwrap();
    let gateway = Gateway::with(Own, impatient(), Some(&certificates));

    // No preface at all, and one that drips.
    let socket = tls_connect(&gateway, &issued.cert, &[b"h2"]).await.unwrap();
    about(lives(socket, Instant::now()).await, 300);
    let (reads, mut writes) = tokio::io::split(tls_connect(&gateway, &issued.cert, &[b"h2"]).await.unwrap());
    tokio::spawn(async move {
        for byte in b"PRI * HTTP/2.0\r\n\r\nSM\r\n" {
            let _ = writes.write_all(&[*byte]).await;
            let _ = writes.flush().await;
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    });
    about(lives(reads, Instant::now()).await, 300);

    // The preface, and then no request: idle.
    let socket = tls_connect(&gateway, &issued.cert, &[b"h2"]).await.unwrap();
    let (_client, connection) = h2::client::handshake(socket).await.unwrap();
    let since = Instant::now();
    let _ = connection.await;
    assert!(since.elapsed() < Duration::from_millis(3000), "it took {:?}", since.elapsed());

    // Streams that hear something keep it alive for longer than all limits.
    let socket = tls_connect(&gateway, &issued.cert, &[b"h2"]).await.unwrap();
    let (mut client, connection) = h2::client::handshake(socket).await.unwrap();
    tokio::spawn(connection);
    let request = http::Request::get("https://meet.example.org/events").body(()).unwrap();
    let mut body = client.send_request(request, true).unwrap().0.await.unwrap().into_body();
    let since = Instant::now();
    while since.elapsed() < Duration::from_millis(2500) {
        body.data().await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_address_holds_so_many_connections_and_gets_them_back() {
    async fn answered(gateway: &Gateway) -> Option<TcpStream> {
        let mut socket = gateway.connect().await;
        let _ = socket.write_all(HELLO).await;
        let mut first = [0; 4];
        socket.read_exact(&mut first).await.ok().map(|_| socket)
    }
    let mine: Vec<Network> = vec!["127.0.0.0/8".parse().unwrap()];
    for (per_address, total, exempt, held) in [(3, 100, vec![], 3), (100, 4, vec![], 4), (3, 6, mine, 6)] {
        let gateway = Gateway::with(Own, Limits { per_address, total, exempt, ..Limits::default() }, None);
        let mut sockets = Vec::new();
        for nth in 0..held {
            sockets.push(answered(&gateway).await.unwrap_or_else(|| panic!("{nth} of {held}")));
        }
        assert!(answered(&gateway).await.is_none());
        assert!(answered(&gateway).await.is_none());
        assert_eq!((gateway.connections.open(), gateway.connections.refused()), (held, 2));

        sockets.pop();
        eventually("its place is free", || (gateway.connections.open() == held - 1).then_some(())).await;
        assert!(answered(&gateway).await.is_some());
        sockets.clear();
        eventually("all are", || (gateway.connections.open() == 0).then_some(())).await;
        assert!(gateway.connections.0.by_client.lock().is_empty(), "nothing is kept of those who have gone");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_even_shake_hands_is_counted_and_who_does_is_counted_once() {
    let (folder, issued) = certificate("meet.example.org");
    let certificates = Certificates::load(&folder.path().join("cert.pem"), &folder.path().join("key.pem")).unwrap();
    let limits = Limits { per_address: 3, silence: Duration::from_secs(60), ..Limits::default() };
    let gateway = Gateway::with(Own, limits, Some(&certificates));

    let mute = gateway.connect().await;
    eventually("it is counted", || (gateway.connections.open() == 1).then_some(())).await;
    let (mut first, connection) = h2::client::handshake(tls_connect(&gateway, &issued.cert, &[b"h2"]).await.unwrap()).await.unwrap();
    let first_connection = tokio::spawn(connection);
    let request = http::Request::get("https://meet.example.org/hello").body(()).unwrap();
    first.send_request(request, true).unwrap().0.await.unwrap();
    let _second = tls_connect(&gateway, &issued.cert, &[]).await.unwrap();
    assert_eq!(gateway.connections.open(), 3);
    assert!(tls_connect(&gateway, &issued.cert, &[]).await.is_err());
    assert_eq!(gateway.connections.refused(), 1);

    drop(mute);
    first_connection.abort();
    drop(first);
    eventually("two places are free", || (gateway.connections.open() == 1).then_some(())).await;
    tls_connect(&gateway, &issued.cert, &[]).await.unwrap();
}

#[test]
fn an_ipv6_network_is_one_client() {
    let client_of = |a: &str| client(a.parse().unwrap());
    assert_eq!(client_of("2001:db8:1:2:aaaa::1"), client_of("2001:db8:1:2:bbbb::2"));
    assert_ne!(client_of("2001:db8:1:2::1"), client_of("2001:db8:1:3::1"));
    assert_eq!(client_of("::ffff:10.0.0.1"), client_of("10.0.0.1"));
    assert_ne!(client_of("::ffff:10.0.0.1"), client_of("::ffff:10.0.0.2"));
}
