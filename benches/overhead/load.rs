//! Requests over kept-alive HTTP/1.1 connections, and a look at each answer.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

/// So many ask at once.
const CONNECTIONS: usize = 32;

/// What is asked, over and over, and the status of every answer.
#[derive(Clone)]
pub struct Asked {
    pub requests: Arc<Vec<String>>,
    pub status: u16,
}

/// Connections to one server.
pub struct Load {
    address: SocketAddr,
    runtime: Runtime,
    streams: Vec<TcpStream>,
}

/// One answer.
pub struct Answer {
    pub head: String,
    length: usize,
}

impl Load {
    pub fn new(address: SocketAddr) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { address, runtime, streams: Vec::new() }
    }

    /// Asks so many times in all. Any other answer than the expected one ends the bench.
    pub fn run(&mut self, asked: &Asked, times: usize) {
        let address = self.address;
        self.streams = self.runtime.block_on(async {
            let mut streams = std::mem::take(&mut self.streams);
            let tasks: Vec<_> = (0..CONNECTIONS)
                .map(|first| {
                    let (stream, asked) = (streams.pop(), asked.clone());
                    tokio::spawn(async move {
                        let mut stream = match stream {
                            Some(stream) => stream,
                            None => TcpStream::connect(address).await.unwrap(),
                        };
                        stream.set_nodelay(true).unwrap();
                        for turn in (first..times).step_by(CONNECTIONS) {
                            let request = &asked.requests[turn % asked.requests.len()];
                            let answer = exchange(&mut stream, request).await;
                            let status = answer.head.get(9..12).and_then(|s| s.parse().ok());
                            assert_eq!(status, Some(asked.status), "{request}{}", answer.head);
                        }
                        stream
                    })
                })
                .collect();
            for task in tasks {
                streams.push(task.await.unwrap());
            }
            streams
        });
    }

    /// Asks once.
    pub fn once(&self, request: &str) -> Answer {
        self.runtime.block_on(async { exchange(&mut TcpStream::connect(self.address).await.unwrap(), request).await })
    }
}

impl Answer {
    /// What a browser would send back of its cookies.
    pub fn cookies(&self) -> String {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let pairs = lines.filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie")).filter_map(|(_, line)| line.split(';').next());
        pairs.collect::<Vec<_>>().join("; ")
    }
}

async fn exchange(stream: &mut TcpStream, request: &str) -> Answer {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::with_capacity(4096);
    let answer = loop {
        let more = stream.read_buf(&mut bytes).await.unwrap();
        assert!(more > 0, "hung up on {request}");
        if let Some(answer) = head(&bytes) {
            break answer;
        }
    };
    let whole = answer.head.len() + answer.length;
    while bytes.len() < whole {
        assert!(stream.read_buf(&mut bytes).await.unwrap() > 0, "hung up on {request}");
    }
    answer
}

fn head(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let length = head.lines().filter_map(|line| line.split_once(": ")).find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = length.unwrap_or_else(|| panic!("no length: {head}")).1.parse().unwrap();
    Some(Answer { head, length })
}
