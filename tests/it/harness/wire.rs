//! One connection, byte by byte: for those who send several requests on it, or what no HTTP client would.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::http::Answer;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

pub struct Wire {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Wire {
    pub async fn connect(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap(), unread: Vec::new() }
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        // Whoever is refused early may find the connection closed.
        let _ = self.stream.write_all(bytes).await;
    }

    /// The next answer, its body by its length, or what came of it before the connection ended; `None` where nothing did.
    pub async fn answer(&mut self) -> Option<Answer> {
        match tokio::time::timeout(PATIENCE, self.next()).await {
            Ok(answer) => answer,
            Err(_) => panic!("no answer within ten seconds, only {:?}", String::from_utf8_lossy(&self.unread)),
        }
    }

    /// The same, but none may come: not waited for longer than half a second.
    pub async fn perhaps_an_answer(&mut self) -> Option<Answer> {
        tokio::time::timeout(Duration::from_millis(500), self.next()).await.ok().flatten()
    }

    async fn next(&mut self) -> Option<Answer> {
        loop {
            if let Some(length) = whole(&self.unread) {
                let raw: Vec<u8> = self.unread.drain(..length).collect();
                return Some(Answer::parse(&raw));
            }
            let mut piece = [0; 16 * 1024];
            match self.stream.read(&mut piece).await {
                Ok(0) | Err(_) => {
                    let rest = std::mem::take(&mut self.unread);
                    return rest.windows(4).any(|w| w == b"\r\n\r\n").then(|| Answer::parse(&rest));
                }
                Ok(n) => self.unread.extend_from_slice(&piece[..n]),
            }
        }
    }
}

/// How long the first answer is, once all of it is there.
fn whole(raw: &[u8]) -> Option<usize> {
    let head = raw.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&raw[..head]).to_ascii_lowercase();
    let status: u16 = text.split(' ').nth(1)?.parse().ok()?;
    let field = |name: &str| text.split("\r\n").find_map(|l| l.strip_prefix(name)?.strip_prefix(':').map(|v| v.trim().to_owned()));
    if status == 101 || status == 204 || status == 304 {
        return Some(head);
    }
    if let Some(length) = field("content-length") {
        let length = head + length.parse::<usize>().ok()?;
        return (raw.len() >= length).then_some(length);
    }
    let end = raw[head..].windows(5).position(|w| w == b"0\r\n\r\n")?;
    Some(head + end + 5)
}
