//! What does a browser load, and whom does the gateway say it belongs to?

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use percent_encoding::percent_decode_str;
use serde_json::json;

use super::rooms::Person;

const POLICY: [(HeaderName, &str); 2] = [
    (CACHE_CONTROL, "no-store"),
    (CONTENT_SECURITY_POLICY, "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; media-src 'self' blob:"),
];

/// `GET /`: the demo's rooms.
pub(super) async fn index() -> impl IntoResponse {
    (POLICY, Html(include_str!("assets/index.html")))
}

/// `GET /{room}`: the meeting.
pub(super) async fn room(Path(room): Path<String>, headers: HeaderMap) -> Response {
    if !fits(&room) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let Person { name, owner } = person(&headers);
    let you = json!({ "room": room, "name": name, "owner": owner }).to_string();
    // Inside <script type="application/json"> nothing but `<` could end the element.
    let page = include_str!("assets/room.html").replacen("{{you}}", &you.replace('<', "\\u003c"), 1);
    (POLICY, Html(page)).into_response()
}

/// `GET /static/meeting.js`
pub(super) async fn script() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("assets/meeting.js"))
}

/// `GET /static/meeting.css`
pub(super) async fn style() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("assets/meeting.css"))
}

/// Whether a room of this name can be.
pub(super) fn fits(room: &str) -> bool {
    (1..=128).contains(&room.len()) && !room.chars().any(char::is_control)
}

/// Who sits behind a request, by the headers that the gateway sets (and takes away where a visitor sent them).
pub(super) fn person(headers: &HeaderMap) -> Person {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let name = percent_decode_str(header("x-roomgate-name")).decode_utf8_lossy();
    let name: String = name.trim().chars().filter(|c| !c.is_control()).take(60).collect();
    let owner = header("x-roomgate-role") == "owner";
    let nameless = if owner { "The owner" } else { "Somebody" };
    Person { name: if name.is_empty() { nameless.to_owned() } else { name }, owner }
}
