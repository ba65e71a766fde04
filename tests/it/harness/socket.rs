//! WebSockets and other exchanges that last: opened, watched, and timed when they end.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::Person;

/// Whoever has to leave is gone by then: a second, and what a busy machine adds.
pub const SOON: Duration = Duration::from_millis(1500);

/// A WebSocket of somebody's.
pub struct Socket(pub WebSocketStream<TcpStream>);

/// Why there is none: the status, and the code of the refusal.
pub type Refused = (u16, String);

impl Person {
    /// Opens a WebSocket like a script of the page does.
    pub async fn socket(&self, target: &str) -> Result<Socket, Refused> {
        let origin = format!("http://{}", self.address);
        self.socket_with(target, &[("Origin", &origin)]).await
    }

    /// The same with these headers only, and the cookies.
    pub async fn socket_with(&self, target: &str, headers: &[(&'static str, &str)]) -> Result<Socket, Refused> {
        let mut request = format!("ws://{}{target}", self.address).into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        if !self.cookies.is_empty() {
            request.headers_mut().insert("Cookie", self.cookie_line().parse().unwrap());
        }
        let stream = TcpStream::connect(self.address).await.unwrap();
        match tokio_tungstenite::client_async(request, stream).await {
            Ok((socket, _)) => Ok(Socket(socket)),
            Err(Error::Http(response)) => {
                let body = response.body().clone().unwrap_or_default();
                let code = serde_json::from_slice::<serde_json::Value>(&body).ok();
                let code = code.and_then(|json| Some(json["code"].as_str()?.to_owned())).unwrap_or_default();
                Err((response.status().as_u16(), code))
            }
            // Ended before it was answered.
            Err(Error::Protocol(_) | Error::Io(_) | Error::ConnectionClosed) => Err((0, String::new())),
            Err(other) => panic!("{target}: {other}"),
        }
    }

    /// Sends a request and leaves the connection open, to read the answer as it comes.
    pub async fn asks(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> Pipe {
        let mut head = format!("{method} {target} HTTP/1.1\r\nHost: {}\r\n", self.address);
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        if !self.cookies.is_empty() {
            head += &format!("Cookie: {}\r\n", self.cookie_line());
        }
        let mut wire = Pipe::open(self.address).await;
        wire.send((head + "\r\n").as_bytes()).await;
        wire
    }
}

impl Socket {
    pub async fn says(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    /// The next text that comes.
    pub async fn hears(&mut self) -> String {
        loop {
            let next = tokio::time::timeout(Duration::from_secs(5), self.0.next()).await.expect("nothing came in five seconds");
            match next {
                Some(Ok(Message::Text(text))) => return text.to_string(),
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Binary(_))) => {}
                other => panic!("the socket ended: {other:?}"),
            }
        }
    }

    /// Whether it still works: says something and hears it back.
    pub async fn is_alive(&mut self) {
        let text = format!("still here {:?}", Instant::now());
        self.says(&text).await;
        while self.hears().await != text {}
    }

    /// How it ends: the close code and the reason; 1006 where there was none (RFC 6455 section 7.1.5).
    pub async fn ends(&mut self) -> (u16, String) {
        let ending = async {
            loop {
                match self.0.next().await {
                    Some(Ok(Message::Close(Some(frame)))) => return (frame.code.into(), frame.reason.to_string()),
                    Some(Ok(Message::Close(None))) => return (1005, String::new()),
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return (1006, String::new()),
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(10), ending).await.expect("the socket did not end in ten seconds")
    }
}

/// A connection and what has come on it.
pub struct Pipe {
    pub stream: TcpStream,
    pub came: Vec<u8>,
}

impl Pipe {
    pub async fn open(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap(), came: Vec::new() }
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// Reads until this has come; how long that took.
    pub async fn until(&mut self, text: &str) -> Duration {
        let since = Instant::now();
        while !self.came.windows(text.len()).any(|w| w == text.as_bytes()) {
            let read = tokio::time::timeout(Duration::from_secs(10), self.stream.read_buf(&mut self.came)).await;
            let n = read.unwrap_or_else(|_| panic!("no {text:?} in ten seconds, but {}", self.text())).unwrap();
            assert!(n > 0, "no {text:?}, but the end of {}", self.text());
        }
        since.elapsed()
    }

    /// Reads to the end, however it comes; how long that took.
    pub async fn end(&mut self) -> Duration {
        let since = Instant::now();
        let mut piece = vec![0; 64 * 1024];
        let ending = async {
            while let Ok(n) = self.stream.read(&mut piece).await {
                if n == 0 {
                    return;
                }
                self.came.truncate(64 * 1024);
                self.came.extend_from_slice(&piece[..n]);
            }
        };
        tokio::time::timeout(Duration::from_secs(10), ending).await.expect("no end in ten seconds");
        since.elapsed()
    }

    /// Reads to the end, however long it is; how many bytes came.
    pub async fn counts(&mut self) -> usize {
        let (mut piece, mut count) = (vec![0; 256 * 1024], 0);
        loop {
            let read = tokio::time::timeout(Duration::from_secs(10), self.stream.read(&mut piece)).await;
            match read.expect("nothing came in ten seconds").unwrap() {
                0 => return count,
                n => count += n,
            }
        }
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.came).into_owned()
    }
}

/// Waits until something is so; says what was not.
pub async fn eventually<T>(what: &str, within: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let since = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(since.elapsed() < within, "not so within {within:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The value of one series, with its labels as they stand in the text; zero where there is none.
pub fn series(metrics: &str, name: &str) -> f64 {
    let line = metrics.lines().find(|l| l.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')));
    line.map_or(0.0, |l| l.rsplit(' ').next().unwrap().parse().unwrap())
}
