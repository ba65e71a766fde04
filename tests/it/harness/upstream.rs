//! A conferencing server that remembers every byte it was sent, and answers with the request itself.
//!
//! `/sse` streams a line every 50 ms, `/slow` answers after a minute, an upgrade becomes an echoing WebSocket.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{FromRequestParts as _, Request, State};
use axum::response::{IntoResponse as _, Response};
use futures_util::StreamExt as _;

/// What the upstream was asked: the target and the headers, as they came.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    pub fn headers(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str()).collect()
    }
}

#[derive(Clone)]
pub struct Upstream {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Upstream {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let this = Self { address: listener.local_addr().unwrap(), seen: Arc::default() };
        let router = Router::new().fallback(answer).with_state(this.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        this
    }

    /// Everything it was asked, in order.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// What it was asked last.
    pub fn last(&self) -> Seen {
        self.seen().pop().expect("nothing reached the upstream")
    }

    pub fn forget(&self) {
        self.seen.lock().unwrap().clear();
    }
}

async fn answer(State(upstream): State<Upstream>, request: Request) -> Response {
    let text = |v: &axum::http::HeaderValue| String::from_utf8_lossy(v.as_bytes()).into_owned();
    let seen = Seen {
        method: request.method().to_string(),
        target: request.uri().to_string(),
        headers: request.headers().iter().map(|(n, v)| (n.to_string(), text(v))).collect(),
    };
    upstream.seen.lock().unwrap().push(seen.clone());
    if seen.header("upgrade").is_some() {
        let (mut parts, _) = request.into_parts();
        return match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
            Ok(upgrade) => upgrade.on_upgrade(echo),
            Err(rejection) => rejection.into_response(),
        };
    }
    let path = request.uri().path();
    if path.ends_with("/sse") {
        let ticks = futures_util::stream::unfold(0_u32, |n| async move {
            tokio::time::sleep(Duration::from_millis(50)).await;
            Some((Ok::<_, std::io::Error>(format!("data: {n}\n\n")), n + 1))
        });
        return ([("content-type", "text/event-stream")], Body::from_stream(ticks)).into_response();
    }
    if path.ends_with("/slow") {
        tokio::time::sleep(Duration::from_secs(60)).await;
        return "late".into_response();
    }
    if path.ends_with("/count") {
        let bytes = request.into_body().into_data_stream().fold(0_usize, |n, chunk| async move { n + chunk.map_or(0, |c| c.len()) }).await;
        return bytes.to_string().into_response();
    }
    let lines = seen.headers.iter().map(|(n, v)| format!("{n}: {v}\n")).collect::<String>();
    ([("content-type", "text/plain")], format!("{} {}\n{lines}", seen.method, seen.target)).into_response()
}

async fn echo(mut socket: axum::extract::ws::WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if socket.send(message).await.is_err() {
            return;
        }
    }
}
