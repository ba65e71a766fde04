//! What the gateway is compared with, and what stands before and behind it: each of them alone in its process.

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use pingora::proxy::{ProxyHttp, Session, http_proxy};
use pingora::server::configuration::ServerConf;
use pingora::upstreams::peer::HttpPeer;
use roomgate::proxy::listen::{Listening, bind};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::measured::{from_one_of_many, tell};

/// Pingora with nothing of ours in it, as its own first example has it, on the same kind of runtime.
struct Bare(SocketAddr);

#[async_trait]
impl ProxyHttp for Bare {
    type CTX = ();

    fn new_ctx(&self) {}

    async fn upstream_peer(&self, _: &mut Session, (): &mut ()) -> pingora::Result<Box<HttpPeer>> {
        Ok(Box::new(HttpPeer::new(self.0, false, String::new())))
    }
}

/// Runs the bare proxy until killed.
pub fn bare(upstream: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let proxy = http_proxy(&Arc::new(ServerConf::default()), Bare(upstream.parse().unwrap()));
        let sockets = bind(&["127.0.0.1:0".parse().unwrap()]).unwrap();
        let running = Listening::new("bare", proxy, sockets, None).unwrap().start();
        tell(running.addresses()[0]);
        std::future::pending::<()>().await;
    });
}

/// Runs a tiny conferencing server until killed: a kilobyte for every request, and WebSockets that say nothing.
pub fn upstream() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        tell(listener.local_addr().unwrap());
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            socket.set_nodelay(true).unwrap();
            tokio::spawn(serve(socket));
        }
    });
}

async fn serve(mut socket: TcpStream) -> Option<()> {
    let page = format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1024\r\n\r\n{}", "x".repeat(1024));
    let mut head = Vec::new();
    loop {
        while !head.ends_with(b"\r\n\r\n") {
            if socket.read_buf(&mut head).await.ok()? == 0 {
                return None;
            }
        }
        let text = std::str::from_utf8(&head).ok()?;
        let key = text.lines().find_map(|line| line.split_once(": ").filter(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key")));
        match key {
            None => socket.write_all(page.as_bytes()).await.ok()?,
            Some((_, key)) => socket.write_all(switching(key).as_bytes()).await.ok()?,
        }
        head.clear();
    }
}

/// RFC 6455 section 4.2.2.
fn switching(key: &str) -> String {
    let whole = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, whole.as_bytes());
    let accept = base64::engine::general_purpose::STANDARD.encode(hash);
    format!("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n")
}

/// Opens so many WebSockets, each with this request, and holds them until killed.
pub fn hold(address: &str, count: &str, request: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut held = Vec::new();
        for number in 0..count.parse::<u32>().unwrap() {
            let mut socket = from_one_of_many(number).connect(address.parse().unwrap()).await.unwrap();
            socket.write_all(request.as_bytes()).await.unwrap();
            let mut answer = Vec::new();
            while !answer.ends_with(b"\r\n\r\n") {
                assert!(socket.read_buf(&mut answer).await.unwrap() > 0, "{}", String::from_utf8_lossy(&answer));
            }
            assert!(answer.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&answer));
            held.push(socket);
        }
        tell(held.len());
        std::future::pending::<()>().await;
    });
}
