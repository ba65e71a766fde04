//! A server that keeps what it is sent, byte by byte: targets, header lines in their order and spelling, bodies.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// One request as it came.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// `GET /standup HTTP/1.1`
    pub line: String,
    /// Header lines, as they came.
    pub headers: Vec<String>,
    pub body: Vec<u8>,
}

impl Recorded {
    pub fn target(&self) -> &str {
        self.line.split(' ').nth(1).unwrap()
    }

    /// All values of a header, whatever its letter case.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter_map(|l| l.split_once(": ")).filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v).collect()
    }

    /// Everything, for a search.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}", self.line, self.headers.join("\n"), String::from_utf8_lossy(&self.body))
    }
}

/// Answers 200 with `lines` among its headers, and says in the body which request it was.
#[derive(Clone)]
pub struct Recorder {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Recorded>>>,
}

impl Recorder {
    pub async fn start() -> Self {
        Self::answering("Content-Type: text/plain\r\n").await
    }

    pub async fn answering(lines: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let this = Self { address: listener.local_addr().unwrap(), seen: Arc::default() };
        let seen = this.seen.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, seen.clone(), lines));
            }
        });
        this
    }

    /// `[upstream]` sections for a gateway before it.
    pub fn sections(&self) -> String {
        Self::sections_before(self.address)
    }

    /// The same for what listens there, or does not.
    pub fn sections_before(address: SocketAddr) -> String {
        format!(
            "[upstream]\nurl = \"http://{address}\"\nprofile = \"generic\"\n[upstream.generic]\nroom = \"/{{room}}\"\nopen = [\"/\", \"/static/\", \"/favicon.ico\"]\nsockets = [\"/ws?room={{room}}\"]\nshared = [\"/api/\"]\n",
        )
    }

    pub fn seen(&self) -> Vec<Recorded> {
        self.seen.lock().unwrap().clone()
    }

    /// What it was asked since the last time, which must be one request.
    pub fn one(&self) -> Recorded {
        let mut seen = std::mem::take(&mut *self.seen.lock().unwrap());
        assert_eq!(seen.len(), 1, "{seen:?}");
        seen.remove(0)
    }

    /// How much it was asked since the last time.
    pub fn take(&self) -> Vec<Recorded> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

async fn serve(mut stream: TcpStream, seen: Arc<Mutex<Vec<Recorded>>>, lines: &'static str) {
    let mut raw = Vec::new();
    loop {
        let Some(head) = raw.windows(4).position(|w| w == b"\r\n\r\n") else {
            if more(&mut stream, &mut raw).await.is_none() {
                return;
            }
            continue;
        };
        let text: String = raw[..head].iter().map(|b| char::from(*b)).collect();
        let mut rows = text.split("\r\n").map(str::to_owned);
        let (line, headers): (_, Vec<String>) = (rows.next().unwrap(), rows.collect());
        let mut request = Recorded { line, headers, body: Vec::new() };
        let body = head + 4;
        let length = if !request.all("transfer-encoding").is_empty() {
            loop {
                if let Some(end) = raw[body..].windows(5).position(|w| w == b"0\r\n\r\n") {
                    break end + 5;
                }
                if more(&mut stream, &mut raw).await.is_none() {
                    return;
                }
            }
        } else {
            request.all("content-length").first().map_or(0, |l| l.parse().unwrap())
        };
        while raw.len() < body + length {
            if more(&mut stream, &mut raw).await.is_none() {
                return;
            }
        }
        request.body = raw[body..body + length].to_vec();
        raw.drain(..body + length);
        let user = request.all("x-roomgate-user").first().copied().unwrap_or("-").to_owned();
        let answer = format!("{} user={user}", request.line);
        let head = request.line.starts_with("HEAD ");
        seen.lock().unwrap().push(request);
        let mut reply = format!("HTTP/1.1 200 OK\r\n{lines}Content-Length: {}\r\n\r\n", answer.len());
        if !head {
            reply += &answer;
        }
        if stream.write_all(reply.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn more(stream: &mut TcpStream, raw: &mut Vec<u8>) -> Option<()> {
    let mut piece = [0; 16 * 1024];
    match stream.read(&mut piece).await {
        Ok(n) if n > 0 => {
            raw.extend_from_slice(&piece[..n]);
            Some(())
        }
        Ok(_) | Err(_) => None,
    }
}
