//! What does a person in a room say and hear?

use std::sync::Arc;

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::mpsc::Receiver;

use super::page;
use super::rooms::{News, Person, Rooms};

const MESSAGE: usize = 64 * 1024;

#[derive(Deserialize)]
pub(super) struct Asked {
    room: String,
}

/// What a browser says: something for one other person of the room.
#[derive(Deserialize)]
struct Said {
    to: u64,
    data: Value,
}

/// `GET /ws?room=NAME`. The person's name is what the gateway says, not what the browser says.
pub(super) async fn upgrade(
    State(rooms): State<Arc<Rooms>>,
    Query(Asked { room }): Query<Asked>,
    headers: HeaderMap,
    socket: WebSocketUpgrade,
) -> Response {
    if !page::fits(&room) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let person = page::person(&headers);
    socket.max_message_size(MESSAGE).max_frame_size(MESSAGE).on_upgrade(move |socket| stay(rooms, room, person, socket))
}

async fn stay(rooms: Arc<Rooms>, room: String, person: Person, mut socket: WebSocket) {
    let goodbye = match rooms.join(&room, person) {
        Some((id, news)) => {
            let goodbye = talk(&rooms, &room, id, news, &mut socket).await;
            rooms.leave(&room, id);
            goodbye
        }
        None => Some((1013, "full")),
    };
    if let Some((code, reason)) = goodbye {
        let _ = socket.send(Message::Close(Some(CloseFrame { code, reason: reason.into() }))).await;
    }
}

/// Ends with what is left to say, where there is still somebody to hear it.
async fn talk(rooms: &Rooms, room: &str, id: u64, mut news: Receiver<News>, socket: &mut WebSocket) -> Option<(u16, &'static str)> {
    loop {
        tokio::select! {
            heard = news.recv() => {
                let Some(heard) = heard else { return Some((1001, "closing")) };
                let text = serde_json::to_string(&heard).ok()?;
                socket.send(Message::Text(text.into())).await.ok()?;
            }
            said = socket.recv() => match said?.ok()? {
                Message::Text(text) => match serde_json::from_str::<Said>(&text) {
                    Ok(Said { to, data }) => rooms.signal(room, id, to, data),
                    Err(_) => return Some((1007, "not understood")),
                },
                Message::Binary(_) => return Some((1003, "text only")),
                Message::Close(_) => return None,
                Message::Ping(_) | Message::Pong(_) => {}
            },
        }
    }
}
