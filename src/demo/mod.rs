//! What is there to stand in front of, when nobody has a conferencing server at hand?
//!
//! A miniature meeting server: a page per room, a WebSocket that introduces the people of a room to each other, and
//! WebRTC between their browsers. It has no access control of its own, like the servers that Roomgate is made for, and
//! knows the gateway only by the `X-Roomgate-*` headers that any upstream gets. It is a demo and no part of the product.
//!
//! Bounds: 100 rooms, 16 people in each, 64 KiB a message, 128 bytes a room name.

mod page;
mod rooms;
mod socket;
mod story;
#[cfg(test)]
mod tests;

pub use story::{Tokens, config, story};

use std::future::{Future, pending};
use std::io;
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;

use self::rooms::Rooms;

/// Serves meetings until the task is dropped.
///
/// # Errors
/// Those of the listener.
pub async fn serve(listener: TcpListener) -> io::Result<()> {
    serve_until(listener, pending()).await
}

/// Serves meetings until `stop` is done, then says goodbye (1001) to everybody inside.
///
/// # Errors
/// Those of the listener.
pub async fn serve_until(listener: TcpListener, stop: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
    let rooms = Arc::new(Rooms::default());
    let farewell = {
        let rooms = Arc::clone(&rooms);
        async move {
            stop.await;
            rooms.close();
        }
    };
    axum::serve(listener, routes(rooms)).with_graceful_shutdown(farewell).await
}

fn routes(rooms: Arc<Rooms>) -> Router {
    Router::new()
        .route("/", get(page::index))
        .route("/static/meeting.js", get(page::script))
        .route("/static/meeting.css", get(page::style))
        .route("/ws", get(socket::upgrade))
        .route("/{room}", get(page::room))
        .with_state(rooms)
}
