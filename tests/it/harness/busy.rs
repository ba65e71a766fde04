//! A conferencing server that is busy: floods, streams, polls, and counts what lives on it.
//!
//! Below any path: `/flood` (a WebSocket that never stops talking), `/down` (an endless download), `/up` (reads all it is sent),
//! `/poll` (answers after a minute), `/big` (64 MiB), `/steps` (server-sent events, each when the test says so). Any other upgrade
//! echoes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{FromRequestParts as _, Request, State};
use axum::response::{IntoResponse as _, Response};
use futures_util::StreamExt as _;
use tokio::sync::Semaphore;

/// The size of `/big`.
pub const BIG: usize = 64 * 1024 * 1024;

#[derive(Clone)]
pub struct Busy {
    pub address: SocketAddr,
    /// Exchanges that live on it now.
    pub living: Arc<AtomicUsize>,
    /// Bytes of bodies that it has read.
    pub read: Arc<AtomicU64>,
    /// Lets `/steps` take one.
    pub step: Arc<Semaphore>,
}

struct Alive(Arc<AtomicUsize>);

impl Alive {
    fn on(busy: &Busy) -> Self {
        busy.living.fetch_add(1, Ordering::SeqCst);
        Self(busy.living.clone())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Busy {
    pub fn new(address: SocketAddr) -> Self {
        Self { address, living: Arc::default(), read: Arc::default(), step: Arc::new(Semaphore::new(0)) }
    }

    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let this = Self::new(listener.local_addr().unwrap());
        let router = this.router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        this
    }

    pub fn router(&self) -> Router {
        Router::new().fallback(answer).with_state(self.clone())
    }

    pub fn living(&self) -> usize {
        self.living.load(Ordering::SeqCst)
    }

    /// The section of a configuration that names it.
    pub fn section(&self) -> String {
        section(&format!("http://{}", self.address))
    }
}

/// The section of a configuration that names this server, profile generic.
pub fn section(url: &str) -> String {
    format!(
        "[upstream]\nurl = \"{url}\"\nprofile = \"generic\"\n[upstream.generic]\nroom = \"/{{room}}\"\nsockets = [\"/ws?room={{room}}\"]\n"
    )
}

async fn answer(State(busy): State<Busy>, request: Request) -> Response {
    let alive = Alive::on(&busy);
    let last = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
    if request.headers().contains_key("upgrade") {
        let (mut parts, _) = request.into_parts();
        return match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
            Ok(upgrade) if last == "flood" => upgrade.on_upgrade(|socket| flood(socket, alive)),
            Ok(upgrade) => upgrade.on_upgrade(|socket| echo(socket, alive)),
            Err(rejection) => rejection.into_response(),
        };
    }
    match &*last {
        "down" => {
            let pieces = futures_util::stream::unfold(alive, |alive| async move {
                tokio::time::sleep(Duration::from_millis(1)).await;
                Some((Ok::<_, std::io::Error>(vec![b'x'; 16 * 1024]), alive))
            });
            Body::from_stream(pieces).into_response()
        }
        "big" => {
            let pieces = futures_util::stream::iter((0..BIG / 65536).map(|_| Ok::<_, std::io::Error>(vec![b'x'; 65536])));
            Body::from_stream(pieces).into_response()
        }
        "steps" => {
            let steps = futures_util::stream::unfold((0, busy, alive), |(n, busy, alive)| async move {
                busy.step.acquire().await.unwrap().forget();
                Some((Ok::<_, std::io::Error>(format!("data: step {n}.\n\n")), (n + 1, busy, alive)))
            });
            ([("content-type", "text/event-stream")], Body::from_stream(steps)).into_response()
        }
        "up" => {
            let mut body = request.into_body().into_data_stream();
            let mut total = 0_u64;
            while let Some(Ok(piece)) = body.next().await {
                total += piece.len() as u64;
                busy.read.fetch_add(piece.len() as u64, Ordering::SeqCst);
            }
            total.to_string().into_response()
        }
        "poll" => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            "late".into_response()
        }
        "second" => {
            tokio::time::sleep(Duration::from_secs(1)).await;
            "a second later".into_response()
        }
        _ => "here".into_response(),
    }
}

async fn echo(mut socket: WebSocket, _alive: Alive) {
    while let Some(Ok(message)) = socket.recv().await {
        if socket.send(message).await.is_err() {
            return;
        }
    }
}

/// Talks and listens at once, as fast as it may.
async fn flood(socket: WebSocket, _alive: Alive) {
    use futures_util::SinkExt as _;
    let (mut to, mut from) = socket.split();
    let talking = async {
        while to.send(Message::Binary(vec![7; 16 * 1024].into())).await.is_ok() {
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
    };
    let listening = async { while let Some(Ok(_)) = from.next().await {} };
    tokio::select! { () = talking => {}, () = listening => {} }
}
