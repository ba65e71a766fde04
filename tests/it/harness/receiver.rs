//! Somebody who is told by webhooks, and does what real ones do: takes it, fails, hangs, breaks off, sends elsewhere, goes on for ever.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::socket::eventually;

/// What the receiver does with a message.
#[derive(Clone, Debug)]
pub enum Mood {
    Takes,
    /// Answers with this status line and these headers.
    Says(&'static str),
    Hangs,
    Resets,
    /// Takes it, and then talks for ever: slowly, or as fast as it can.
    Drips,
    Floods,
}

/// A message as it came.
#[derive(Clone, Debug)]
pub struct Got {
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Got {
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v)
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {:?}", String::from_utf8_lossy(&self.body)))
    }

    pub fn id(&self) -> String {
        self.json()["id"].as_str().unwrap().to_owned()
    }

    pub fn kind(&self) -> String {
        self.json()["type"].as_str().unwrap().to_owned()
    }

    /// Whether one of its signatures is by this secret (base64), worked out as the documents say.
    pub fn is_signed_by(&self, secret: &str) -> bool {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode(secret).unwrap());
        let signed = [self.header("x-webhook-timestamp").as_bytes(), b".", &self.body].concat();
        let right = STANDARD.encode(hmac::sign(&key, &signed));
        self.header("x-webhook-signature").split(' ').any(|s| s == right)
    }
}

#[derive(Clone)]
pub struct Receiver {
    pub address: SocketAddr,
    got: Arc<Mutex<Vec<Got>>>,
    /// What it does with the next messages, one each; then it is as it usually is.
    moods: Arc<Mutex<VecDeque<Mood>>>,
    usually: Arc<Mutex<Mood>>,
}

impl Receiver {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let usually = Arc::new(Mutex::new(Mood::Takes));
        let this = Self { address: listener.local_addr().unwrap(), got: Arc::default(), moods: Arc::default(), usually };
        let receiver = this.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(receiver.clone().hears(stream));
            }
        });
        this
    }

    /// A section of a configuration for it, with these keys besides.
    pub fn section(&self, name: &str, more: &str) -> String {
        format!("[[webhook]]\nname = \"{name}\"\nurl = \"http://{}/{name}\"\nprivate = true\n{more}\n", self.address)
    }

    pub fn usually(&self, mood: Mood) {
        *self.usually.lock().unwrap() = mood;
    }

    pub fn next(&self, moods: impl IntoIterator<Item = Mood>) {
        self.moods.lock().unwrap().extend(moods);
    }

    pub fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    /// What was sent to this path.
    pub fn got_at(&self, name: &str) -> Vec<Got> {
        self.got().into_iter().filter(|g| g.target == format!("/{name}")).collect()
    }

    /// Waits for so many messages at this path; `meanwhile` is done again and again.
    pub async fn gets(&self, name: &str, count: usize, meanwhile: impl Fn()) -> Vec<Got> {
        eventually(&format!("{count} messages at /{name}"), Duration::from_secs(40), async || {
            meanwhile();
            Some(self.got_at(name)).filter(|got| got.len() >= count)
        })
        .await
    }

    async fn hears(self, mut stream: TcpStream) {
        let mut raw = Vec::new();
        loop {
            let end = loop {
                if let Some(at) = raw.windows(4).position(|w| w == b"\r\n\r\n") {
                    break at + 4;
                }
                if stream.read_buf(&mut raw).await.unwrap_or(0) == 0 {
                    return;
                }
            };
            let head = String::from_utf8(raw[..end].to_vec()).unwrap();
            let mut lines = head.split("\r\n");
            let target = lines.next().unwrap().split(' ').nth(1).unwrap().to_owned();
            let headers: Vec<(String, String)> =
                lines.filter_map(|l| l.split_once(": ")).map(|(n, v)| (n.to_ascii_lowercase(), v.to_owned())).collect();
            let length: usize = headers.iter().find(|(n, _)| n == "content-length").map_or(0, |(_, v)| v.parse().unwrap());
            while raw.len() < end + length {
                if stream.read_buf(&mut raw).await.unwrap_or(0) == 0 {
                    return;
                }
            }
            let body = raw[end..end + length].to_vec();
            raw.drain(..end + length);
            let mood = self.moods.lock().unwrap().pop_front().unwrap_or_else(|| self.usually.lock().unwrap().clone());
            self.got.lock().unwrap().push(Got { target, headers, body });
            let told = match mood {
                Mood::Takes => stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await,
                Mood::Says(said) => stream.write_all(format!("HTTP/1.1 {said}\r\nContent-Length: 0\r\n\r\n").as_bytes()).await,
                Mood::Hangs => return std::future::pending().await,
                Mood::Resets => {
                    let _ = stream.set_zero_linger();
                    return;
                }
                Mood::Drips => {
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
                    while stream.write_all(b"x").await.is_ok() {
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                    return;
                }
                Mood::Floods => {
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
                    while stream.write_all(&[b'x'; 65_536]).await.is_ok() {}
                    return;
                }
            };
            if told.is_err() {
                return;
            }
        }
    }
}
