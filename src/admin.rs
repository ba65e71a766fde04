//! Is it alive, is it ready, how is it doing? For operators, on a listener of its own.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio_util::sync::CancellationToken;

use crate::gate::Gate;

#[derive(Clone)]
struct Admin {
    gate: Arc<Gate>,
    ready: Arc<AtomicBool>,
}

/// Serves `/metrics`, `/healthz` and `/readyz` until stopped.
///
/// # Errors
/// Where the socket is none.
pub fn serve(socket: TcpListener, gate: Arc<Gate>, ready: Arc<AtomicBool>, stop: CancellationToken) -> std::io::Result<SocketAddr> {
    socket.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(socket)?;
    let address = listener.local_addr()?;
    let routes = Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readiness))
        .with_state(Admin { gate, ready });
    tokio::spawn(async move {
        let serving = axum::serve(listener, routes).with_graceful_shutdown(async move { stop.cancelled().await });
        if let Err(error) = serving.await {
            tracing::error!(%error, "the admin listener stopped");
        }
    });
    Ok(address)
}

async fn metrics(State(admin): State<Admin>) -> impl IntoResponse {
    admin.gate.metrics().waiting(admin.gate.store().facts().waiting());
    match admin.gate.metrics().render() {
        Ok(text) => (StatusCode::OK, [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text),
        Err(error) => {
            tracing::error!(%error, "could not write the metrics");
            (StatusCode::INTERNAL_SERVER_ERROR, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], Vec::new())
        }
    }
}

async fn readiness(State(admin): State<Admin>) -> (StatusCode, &'static str) {
    if admin.ready.load(Ordering::Acquire) { (StatusCode::OK, "ready\n") } else { (StatusCode::SERVICE_UNAVAILABLE, "draining\n") }
}
