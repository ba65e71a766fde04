//! Those who are in the room: each joins it as a Jitsi page does, and then only listens, unless it is told to say something.

use std::io::BufRead as _;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::LocalSet;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::measured::{from_one_of_many, tell};
use crate::unix;

/// So many come in at the same time.
const AT_ONCE: usize = 64;

const OPEN: &str = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='meet.jitsi' version='1.0'/>";
const PING: &str = "<iq id='p' to='meet.jitsi' type='get' xmlns='jabber:client'><ping xmlns='urn:xmpp:ping'/></iq>";
const MESSAGE: &str =
    "<message id='m' to='hall@conference.meet.jitsi' type='groupchat' xmlns='jabber:client'><body>Shall we begin?</body></message>";

/// What one of them has heard.
enum News {
    Pong,
    Message,
    Closed {
        at: f64,
        /// Whether the room told before (XEP-0045 section 8.2).
        removed: bool,
        code: Option<u16>,
    },
}

/// Joins one for each token in the file, tells how many are in, and then does as it is told, line by line.
pub fn run(address: &str, tokens: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let tokens = std::fs::read_to_string(tokens).unwrap();
        let joining = futures_util::stream::iter(tokens.lines().enumerate().map(|(number, token)| join(address, number, token)));
        let (tell_us, mut news) = unbounded_channel();
        let mut sinks = Vec::new();
        let mut joined = joining.buffer_unordered(AT_ONCE);
        while let Some(socket) = joined.next().await {
            let (sink, stream) = socket.split();
            tokio::task::spawn_local(listen(stream, tell_us.clone()));
            sinks.push(sink);
        }
        tell(sinks.len());
        let mut orders = orders();
        while let Some(order) = orders.recv().await {
            obey(&order, &mut sinks, &mut news).await;
        }
    });
}

async fn obey(order: &str, sinks: &mut [SplitSink<WebSocketStream<TcpStream>, Message>], news: &mut UnboundedReceiver<News>) {
    let began = unix();
    match order {
        "ping" => {
            for sink in &mut *sinks {
                sink.send(Message::text(PING)).await.unwrap();
            }
        }
        "say" => sinks[0].send(Message::text(MESSAGE)).await.unwrap(),
        _ => {}
    }
    let (mut removals, mut closes, mut first, mut last) = (0, 0, f64::MAX, 0_f64);
    for _ in 0..sinks.len() {
        match (order, news.recv().await.unwrap()) {
            ("ping", News::Pong) | ("say", News::Message) => {}
            ("watch", News::Closed { at, removed, code }) => {
                (first, last) = (first.min(at), last.max(at));
                removals += usize::from(removed);
                closes += usize::from(code == Some(1000));
            }
            _ => panic!("told to {order}, one of them heard something else"),
        }
    }
    match order {
        "watch" => tell(format_args!("{first:.3} {last:.3} {removals} {closes}")),
        _ => tell(unix() - began),
    }
}

/// The lines of the standard input.
fn orders() -> UnboundedReceiver<String> {
    let (sender, orders) = unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let _ = sender.send(line.unwrap());
        }
    });
    orders
}

async fn join(address: &str, number: usize, token: &str) -> WebSocketStream<TcpStream> {
    let stream = from_one_of_many(number as u32).connect(address.parse().unwrap()).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut request = format!("ws://{address}/xmpp-websocket?room=hall&t={token}").into_client_request().unwrap();
    request.headers_mut().insert("Origin", format!("http://{address}").parse().unwrap());
    request.headers_mut().insert("Sec-WebSocket-Protocol", "xmpp".parse().unwrap());
    let (mut socket, _) = client_async(request, stream).await.unwrap();
    let join = format!(
        "<presence to='hall@conference.meet.jitsi/n{number}' xmlns='jabber:client'><x xmlns='http://jabber.org/protocol/muc'/><nick xmlns='http://jabber.org/protocol/nick'>Ann {number}</nick></presence>"
    );
    for (said, answer) in [
        (OPEN, "ANONYMOUS"),
        ("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>", "<success"),
        (OPEN, "xmpp-bind"),
        ("<iq id='b' type='set' xmlns='jabber:client'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>", "<jid>"),
        ("<enable xmlns='urn:xmpp:sm:3' resume='true'/>", "<enabled"),
        (&join, "code='110'"),
    ] {
        socket.send(Message::text(said)).await.unwrap();
        while !socket.next().await.unwrap().unwrap().to_text().unwrap().contains(answer) {}
    }
    socket
}

async fn listen(mut stream: SplitStream<WebSocketStream<TcpStream>>, tell_us: UnboundedSender<News>) {
    let (mut removed, mut code) = (false, None);
    while let Some(Ok(message)) = stream.next().await {
        let heard = match message {
            Message::Text(text) if text.starts_with("<iq") => News::Pong,
            Message::Text(text) if text.starts_with("<message") => News::Message,
            Message::Text(text) => {
                removed |= text.starts_with("<presence") && text.contains("unavailable") && text.contains("307");
                continue;
            }
            Message::Close(frame) => {
                code = frame.map(|frame| frame.code.into());
                break;
            }
            _ => continue,
        };
        let _ = tell_us.send(heard);
    }
    let _ = tell_us.send(News::Closed { at: unix(), removed, code });
    // The goodbye is returned, and the rest is for the other side.
    while let Some(Ok(_)) = stream.next().await {}
}
