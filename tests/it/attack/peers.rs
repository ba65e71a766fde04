//! Peer Calls, by both of its transports: is whoever speaks in a room always on the list of that room?

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::extract::{FromRequestParts as _, Request, State};
use axum::response::{IntoResponse as _, Response};
use roomgate::access::{Revocation, TokenId};
use roomgate::token::Minting;

use crate::harness::socket::{SOON, Socket};
use crate::harness::{Gateway, Person};

const SID: &str = "O5-ltjBITuLMABPnAAAA";
const OPEN: &str = r#"0{"sid":"O5-ltjBITuLMABPnAAAA","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000}"#;
const READY: &str = r#"42["ready",{"room":"board","userId":"eve"}]"#;
const ROOMS: &str = "[[room]]\nname = \"lobby\"\nprivacy = \"public\"\n[[room]]\nname = \"board\"\nprivacy = \"private\"\n";

/// As much of Peer Calls as a client sees: one session, and on its WebSocket what is said in the room, every 20 ms.
#[derive(Clone)]
struct Calls {
    address: SocketAddr,
    posted: Arc<Mutex<Vec<String>>>,
}

impl Calls {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let this = Self { address: listener.local_addr().unwrap(), posted: Arc::default() };
        let router = Router::new().fallback(answer).with_state(this.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        this
    }

    async fn gateway(&self) -> Gateway {
        let sections = format!("[rooms]\nunknown = \"refuse\"\n[upstream]\nurl = \"http://{}\"\nprofile = \"peercalls\"\n", self.address);
        Gateway::configured(&sections, ROOMS).await
    }

    fn posted(&self) -> Vec<String> {
        self.posted.lock().unwrap().clone()
    }
}

async fn answer(State(calls): State<Calls>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    if parts.headers.contains_key("upgrade") {
        let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &()).await.unwrap();
        return upgrade.on_upgrade(talk);
    }
    if parts.method == "POST" {
        let body: Bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        calls.posted.lock().unwrap().push(String::from_utf8_lossy(&body).into_owned());
        return "ok".into_response();
    }
    if parts.uri.path() == "/ws/" {
        return format!("{}:{OPEN}2:40", OPEN.len()).into_response();
    }
    parts.uri.path().to_owned().into_response()
}

async fn talk(mut socket: axum::extract::ws::WebSocket) {
    while let Some(Ok(Message::Text(text))) = socket.recv().await {
        match text.as_str() {
            "2probe" => drop(socket.send(Message::text("3probe")).await),
            "5" => break,
            _ => {}
        }
    }
    while socket.send(Message::text(r#"42["signal","said in the board room"]"#)).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Somebody with a session in both rooms.
async fn eve(gateway: &Gateway, token: impl FnOnce(&mut Minting)) -> Person {
    let mut eve = gateway.stranger();
    assert_eq!(eve.opens("/call/lobby").await.status, 200);
    let token = gateway.mint("board", token);
    assert_eq!(eve.visits(&format!("/call/board?t={token}")).await.status, 200);
    eve
}

async fn joins_by_polling(eve: &mut Person) {
    let same = ("Sec-Fetch-Site", "same-origin");
    assert_eq!(eve.sends("GET", "/ws/?EIO=3&transport=polling", &[same], b"").await.status, 200);
    let origin = format!("http://{}", eve.address);
    let headers = [("Origin", origin.as_str()), ("Content-Type", "text/plain;charset=UTF-8")];
    let body = format!("{}:{READY}", READY.len());
    assert_eq!(eve.sends("POST", &format!("/ws/?EIO=3&transport=polling&sid={SID}"), &headers, body.as_bytes()).await.status, 200);
}

async fn upgrades(eve: &Person) -> Socket {
    let mut socket = eve.socket(&format!("/ws/?EIO=3&transport=websocket&sid={SID}")).await.unwrap();
    socket.says("2probe").await;
    assert_eq!(socket.hears().await, "3probe");
    socket.says("5").await;
    socket
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_takes_over_a_polled_session_leaves_when_its_room_says_so() {
    let calls = Calls::start().await;
    let gateway = calls.gateway().await;
    let mut eve = eve(&gateway, |m| m.id = Some("eves".into())).await;
    joins_by_polling(&mut eve).await;
    assert!(calls.posted()[0].contains("board"), "{:?}", calls.posted());
    let mut socket = upgrades(&eve).await;
    assert!(socket.hears().await.contains("said in the board room"));
    let olga = gateway.stranger();
    let token = gateway.owner_token("board");
    let inside = olga.clone().sends("GET", &format!("/_roomgate/v1/rooms/board/presence?t={token}"), &[], b"").await;
    assert_eq!(inside.json()["total_count"], 1, "whoever listens is seen: {}", inside.text());
    gateway.gate().store().revoke(Revocation::Token(TokenId::jti("eves"))).await.unwrap();
    let ended = tokio::time::timeout(SOON, socket.ends()).await.expect("it goes on after its right has ended");
    assert_eq!(ended, (4401, "token-revoked".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_opened_by_the_right_to_another_room_does_not_take_over_what_joined_this_one() {
    let calls = Calls::start().await;
    let gateway = calls.gateway().await;
    let mut eve = eve(&gateway, |_| {}).await;
    joins_by_polling(&mut eve).await;
    // She keeps the cookie of the public room, and who she is; that of the board room stays at home.
    let board = gateway.gate().cookies().name(&gateway.gate().profile().room_name("board").unwrap());
    eve.cookies.remove(&board).unwrap();
    let mut socket = upgrades(&eve).await;
    assert_eq!(socket.ends().await, (1008, "no-permit".to_owned()));
}
