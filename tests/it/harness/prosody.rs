//! What a Jitsi server says over XMPP, as little of it as tests need: it lets everybody in, over WebSocket and BOSH, and remembers what it was told.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};

/// It listens on a port of its own.
#[derive(Clone)]
pub struct Prosody {
    pub address: SocketAddr,
    said: Arc<Mutex<Vec<String>>>,
    sessions: Arc<AtomicU64>,
    /// Answers polls without anything to say only when this is off.
    pub holds: Arc<AtomicBool>,
    /// Sends an interim answer before each.
    pub hints: Arc<AtomicBool>,
}

impl Prosody {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let this = Self {
            address: listener.local_addr().unwrap(),
            said: Arc::default(),
            sessions: Arc::default(),
            holds: Arc::default(),
            hints: Arc::default(),
        };
        let server = this.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(server.clone().serve(stream));
            }
        });
        this
    }

    /// The sections of a configuration before it.
    pub fn sections(&self) -> String {
        format!(
            "[rooms]\nunknown = \"refuse\"\n[upstream]\nurl = \"http://{}\"\nprofile = \"jitsi\"\n[upstream.jitsi]\ndomain = \"meet.test\"\n",
            self.address
        )
    }

    /// Everything that it was told, in order: request heads, bodies, messages.
    pub fn said(&self) -> Vec<String> {
        self.said.lock().unwrap().clone()
    }

    /// How often it was told something with these words in it.
    pub fn heard(&self, words: &str) -> usize {
        self.said().iter().filter(|text| text.contains(words)).count()
    }

    fn hears(&self, text: &str) {
        self.said.lock().unwrap().push(text.to_owned());
    }

    async fn serve(self, stream: TcpStream) {
        let mut seen = vec![0; 16 * 1024];
        loop {
            let n = stream.peek(&mut seen).await.unwrap_or(0);
            if n == 0 {
                return;
            }
            let head = String::from_utf8_lossy(&seen[..n]).to_ascii_lowercase();
            if head.contains("\r\n\r\n") {
                return if head.contains("upgrade: websocket") { self.socket(stream).await } else { self.requests(stream).await };
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn socket(self, stream: TcpStream) {
        #[allow(clippy::result_large_err)]
        let accept = |request: &Request, mut response: Response| {
            self.hears(&format!("GET {}", request.uri()));
            response.headers_mut().insert("Sec-WebSocket-Protocol", "xmpp".parse().unwrap());
            Ok(response)
        };
        let Ok(mut socket) = tokio_tungstenite::accept_hdr_async(stream, accept).await else { return };
        while let Some(Ok(message)) = socket.next().await {
            let Message::Text(text) = message else { continue };
            self.hears(&text);
            for answer in answers(&text) {
                let _ = socket.send(Message::text(answer)).await;
            }
        }
    }

    async fn requests(self, mut stream: TcpStream) {
        let mut came = Vec::new();
        loop {
            let (head, length) = loop {
                if let Some(end) = came.windows(4).position(|w| w == b"\r\n\r\n") {
                    let head = String::from_utf8_lossy(&came[..end]).into_owned();
                    let length = head.lines().find_map(|l| l.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
                    came.drain(..end + 4);
                    break (head, length.unwrap_or(0_usize));
                }
                if stream.read_buf(&mut came).await.unwrap_or(0) == 0 {
                    return;
                }
            };
            while came.len() < length {
                if stream.read_buf(&mut came).await.unwrap_or(0) == 0 {
                    return;
                }
            }
            let body = String::from_utf8_lossy(&came.drain(..length).collect::<Vec<_>>()).into_owned();
            self.hears(&head);
            self.hears(&body);
            if self.holds.load(Ordering::Relaxed) && body.contains("sid=") && body.ends_with("></body>") && !body.contains("terminate") {
                tokio::time::sleep(Duration::from_secs(60)).await;
            }
            let said = if body.contains("sid=") {
                let terminate = if body.contains("terminate") { " type='terminate'" } else { "" };
                let stanzas: String = answers(&body).concat();
                format!("<body xmlns='http://jabber.org/protocol/httpbind'{terminate}>{stanzas}</body>")
            } else {
                let sid = self.sessions.fetch_add(1, Ordering::Relaxed);
                format!("<body xmlns='http://jabber.org/protocol/httpbind' sid='session-{sid}' wait='60' hold='1'/>")
            };
            let hint = if self.hints.load(Ordering::Relaxed) { "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" } else { "" };
            let answer = format!("{hint}HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n{said}", said.len());
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

/// To a request for a resource, and to a presence in a room.
fn answers(said: &str) -> Vec<String> {
    let mut answers = Vec::new();
    if said.contains("urn:ietf:params:xml:ns:xmpp-bind") {
        answers.push("<iq xmlns='jabber:client' type='result' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>ann@meet.test/1</jid></bind></iq>".to_owned());
    }
    if let Some(to) = said.split_once("<presence").and_then(|(_, rest)| rest.split(['"', '\'']).find(|part| part.contains("@conference.")))
    {
        answers.push(format!(
            "<presence xmlns='jabber:client' from='{to}' to='ann@meet.test/1'><x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='member' role='participant'/><status code='110'/></x></presence>"
        ));
    }
    answers
}
