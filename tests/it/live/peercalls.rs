//! Peer Calls behind us, over the wire: rooms that are named inside messages are judged too, by WebSocket and by polling.
//!
//! The server here is small and keeps what it was told: engine.io 3's packets, and no rooms of its own.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::extract::{FromRequestParts as _, Request, State};
use axum::response::{IntoResponse as _, Response};

use crate::harness::socket::{SOON, Socket, eventually, series};
use crate::harness::{Answer, Gateway, Person};

/// All that reached it, as packets.
#[derive(Clone, Default)]
struct Server {
    told: Arc<Mutex<Vec<String>>>,
    sessions: Arc<Mutex<u32>>,
}

impl Server {
    async fn start() -> (Self, SocketAddr) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (this, address) = (Self::default(), listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(this.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (this, address)
    }

    fn open(&self) -> String {
        let mut n = self.sessions.lock().unwrap();
        *n += 1;
        format!("0{{\"sid\":\"sid-{:016}\",\"upgrades\":[\"websocket\"],\"pingInterval\":25000,\"pingTimeout\":20000}}", *n)
    }

    fn tell(&self, text: &str) {
        self.told.lock().unwrap().push(text.to_owned());
    }

    fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }
}

async fn answer(State(server): State<Server>, request: Request) -> Response {
    let query = request.uri().query().unwrap_or_default().to_owned();
    if request.headers().contains_key("upgrade") {
        let (mut parts, _) = request.into_parts();
        let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &()).await.unwrap();
        let opens = !query.contains("sid=");
        return upgrade.on_upgrade(move |mut socket| async move {
            if opens {
                for text in [server.open(), "40".to_owned()] {
                    let _ = socket.send(Message::text(text)).await;
                }
            }
            while let Some(Ok(message)) = socket.recv().await {
                let Message::Text(text) = message else { continue };
                server.tell(&text);
                let reply = match &*text {
                    "2probe" => "3probe".to_owned(),
                    "2" => "3".to_owned(),
                    other => format!("42[\"heard\",{}]", other.len()),
                };
                if socket.send(Message::text(reply)).await.is_err() {
                    return;
                }
            }
        });
    }
    if !request.uri().path().starts_with("/ws/") {
        return "page".into_response();
    }
    let payload = |packets: &[&str]| packets.iter().map(|p| format!("{}:{p}", p.len())).collect::<String>();
    if request.method() == "POST" {
        let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
        server.tell(&String::from_utf8_lossy(&body));
        return ([("content-type", "text/html")], "ok").into_response();
    }
    if query.contains("sid=") {
        tokio::time::sleep(Duration::from_secs(20)).await;
        return payload(&["6"]).into_response();
    }
    payload(&[&server.open(), "40"]).into_response()
}

const ROOMS: &str = "[[room]]\nname = \"standup\"\nprivacy = \"private\"\n[[room]]\nname = \"board\"\nprivacy = \"private\"\n\
                     [[room]]\nname = \"lounge\"\n[[room]]\nname = \"small\"\nmax_participants = 1\n";

async fn house() -> (Gateway, Server) {
    let (server, address) = Server::start().await;
    let upstream = format!("[meeting]\npresence = \"10s\"\n[upstream]\nurl = \"http://{address}\"\nprofile = \"peercalls\"\n");
    (Gateway::configured(&upstream, ROOMS).await, server)
}

async fn comes(gateway: &Gateway, room: &str) -> Person {
    let mut person = gateway.stranger();
    assert_eq!(person.visits(&format!("/call/{room}?t={}", gateway.token(room))).await.status, 200);
    person
}

fn ready(room: &str, user: &str) -> String {
    format!("42[\"ready\",{{\"room\":\"{room}\",\"userId\":\"{user}\"}}]")
}

async fn connects(person: &Person) -> Socket {
    let mut socket = person.socket("/ws/?EIO=3&transport=websocket").await.unwrap();
    assert!(socket.hears().await.starts_with("0{"));
    assert_eq!(socket.hears().await, "40");
    socket
}

/// Says something, and then a ping: when that is answered, all before it has been judged.
async fn says(socket: &mut Socket, text: &str) {
    socket.says(text).await;
    socket.says("2").await;
    while socket.hears().await != "3" {}
}

#[tokio::test(flavor = "multi_thread")]
async fn without_any_right_nothing_opens() {
    let (gateway, server) = house().await;
    let mut eve = gateway.stranger();
    assert!(eve.socket("/ws/?EIO=3&transport=websocket").await.is_err());
    assert!(eve.fetches("/ws/?EIO=3&transport=polling&t=NxYz1aB").await.status >= 400);
    assert!(eve.fetches("/ws/?EIO=3&transport=polling&sid=sid-0000000000000001").await.status >= 400);
    assert!(server.told().is_empty() && *server.sessions.lock().unwrap() == 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_to_one_room_opens_that_one_and_no_other() {
    let (gateway, server) = house().await;
    let ann = comes(&gateway, "standup").await;
    let mut socket = connects(&ann).await;
    for (text, passes) in [
        (ready("board", "ann"), false),
        (ready("nowhere", "ann"), false),
        (ready("Standup", "ann"), false),
        ("42[\"signal\",{\"userId\":\"bob\",\"signal\":{}}]".to_owned(), false),
        ("42[\"join\",\"board\"]".to_owned(), false),
        (ready("standup", "ann"), true),
        (ready("board", "ann"), false),
        ("42[\"signal\",{\"userId\":\"bob\",\"signal\":{}}]".to_owned(), false),
    ] {
        let before = server.told().len();
        says(&mut socket, &text).await;
        let told: Vec<_> = server.told()[before..].iter().filter(|t| *t != "2").cloned().collect();
        assert_eq!(told, if passes { vec![text.clone()] } else { vec![] }, "{text}");
    }
    let metrics = gateway.metrics().await;
    assert!(metrics.contains("roomgate_guard_refusals_total{protocol=\"peercalls\",reason=\""), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn signals_go_to_people_of_the_same_room() {
    let (gateway, server) = house().await;
    let (mut ann, mut bob, mut eve) = (
        connects(&comes(&gateway, "standup").await).await,
        connects(&comes(&gateway, "standup").await).await,
        connects(&comes(&gateway, "board").await).await,
    );
    says(&mut ann, &ready("standup", "user-ann")).await;
    says(&mut bob, &ready("standup", "user-bob")).await;
    says(&mut eve, &ready("board", "user-eve")).await;
    let signal = |to: &str| format!("42[\"signal\",{{\"signal\":{{\"renegotiate\":true}},\"userId\":\"{to}\"}}]");
    for (socket, to, passes) in [(&mut ann, "user-bob", true), (&mut eve, "user-bob", false), (&mut bob, "user-eve", false)] {
        let before = server.told().len();
        says(socket, &signal(to)).await;
        let told = server.told()[before..].iter().any(|t| t.contains(to));
        assert_eq!(told, passes, "{to}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_message_of_this_protocol_ends_the_connection() {
    let (gateway, server) = house().await;
    let ann = comes(&gateway, "standup").await;
    for text in ["", "x", "4", "42[", "42[\"ready\",{\"room\":\"board\"}"] {
        let mut socket = connects(&ann).await;
        socket.says(text).await;
        let (code, reason) = tokio::time::timeout(SOON, socket.ends()).await.unwrap_or((0, "did not end".to_owned()));
        if code != 0 {
            assert_eq!((code, &*reason), (1008, "malformed"), "{text}");
        }
    }
    assert!(!server.told().iter().any(|t| t.contains("board")));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_joined_is_present_and_can_be_removed_and_the_room_can_be_full() {
    let (gateway, _server) = house().await;
    let (ann, bob) = (comes(&gateway, "small").await, comes(&gateway, "small").await);
    let (mut anns, mut bobs) = (connects(&ann).await, connects(&bob).await);
    says(&mut anns, &ready("small", "user-ann")).await;
    let room = gateway.gate().profile().room_name("small").unwrap();
    assert_eq!(gateway.gate().live().count(&room, gateway.now()), 1);
    bobs.says(&ready("small", "user-bob")).await;
    assert_eq!(gateway.gate().live().count(&room, gateway.now()), 1, "the place is taken");
    let order = roomgate::access::Revocation::Room(room.to_string());
    gateway.gate().store().revoke(order).await.unwrap();
    assert_eq!(tokio::time::timeout(SOON, anns.ends()).await.unwrap(), (4401, "token-revoked".to_owned()));
    eventually("nobody is inside", SOON, async || (gateway.gate().live().count(&room, gateway.now()) == 0).then_some(())).await;
}

/// A polled session of this person's: its id.
async fn polls(person: &mut Person) -> String {
    let opened = person.fetches("/ws/?EIO=3&transport=polling&t=NxYz1aB").await;
    assert_eq!(opened.status, 200, "{}", opened.text());
    opened.text().split("\"sid\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

async fn posts(person: &mut Person, sid: &str, packets: &[&str]) -> Answer {
    let body: String = packets.iter().map(|p| format!("{}:{p}", p.encode_utf16().count())).collect();
    let origin = format!("http://{}", person.address);
    let headers = [("Origin", origin.as_str()), ("Content-Type", "text/plain;charset=UTF-8")];
    person.sends("POST", &format!("/ws/?EIO=3&transport=polling&sid={sid}"), &headers, body.as_bytes()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn polling_is_judged_packet_by_packet() {
    let (gateway, server) = house().await;
    let mut ann = comes(&gateway, "standup").await;
    let sid = polls(&mut ann).await;
    let (board, standup) = (ready("board", "ann"), ready("standup", "user-ann"));
    assert_eq!(posts(&mut ann, &sid, &[&board]).await.status, 200, "the session lives");
    assert!(!server.told().iter().any(|t| t.contains("board")));
    assert_eq!(posts(&mut ann, &sid, &["2", &standup, &board]).await.status, 200);
    let told = server.told().join("\n");
    assert!(told.contains("standup") && !told.contains("board"), "{told}");
    // Somebody else's session, known or not, is nobody's.
    let mut bob = comes(&gateway, "standup").await;
    assert_eq!(posts(&mut bob, &sid, &["2"]).await.status, 400);
    assert_eq!(bob.fetches(&format!("/ws/?EIO=3&transport=polling&sid={sid}")).await.status, 400);
    assert!(bob.socket(&format!("/ws/?EIO=3&transport=websocket&sid={sid}")).await.is_err());
    for body in ["3:42[", "x", "99:2", "1:2x"] {
        let origin = format!("http://{}", gateway.address);
        let headers = [("Origin", origin.as_str()), ("Content-Type", "text/plain;charset=UTF-8")];
        let mut cleo = comes(&gateway, "standup").await;
        let sid = polls(&mut cleo).await;
        let before = server.told().len();
        let answer = cleo.sends("POST", &format!("/ws/?EIO=3&transport=polling&sid={sid}"), &headers, body.as_bytes()).await;
        assert_eq!((answer.status, server.told().len()), (400, before), "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_polls_is_present_for_a_while_after() {
    let (gateway, _server) = house().await;
    let mut ann = comes(&gateway, "small").await;
    let sid = polls(&mut ann).await;
    let room = gateway.gate().profile().room_name("small").unwrap();
    assert_eq!(gateway.gate().live().count(&room, gateway.now()), 0, "a session that has joined nothing is nowhere");
    assert_eq!(posts(&mut ann, &sid, &[&ready("small", "user-ann")]).await.status, 200);
    assert_eq!(posts(&mut ann, &sid, &["2"]).await.status, 200);
    gateway.clock.advance(Duration::from_secs(9));
    assert_eq!(gateway.gate().live().count(&room, gateway.now()), 1);
    assert_eq!(gateway.stranger().fetches("/call/small").await.code(), "full");
    assert_eq!(posts(&mut ann, &sid, &["2"]).await.status, 200);
    gateway.clock.advance(Duration::from_secs(9));
    assert_eq!(gateway.gate().live().count(&room, gateway.now()), 1, "each poll renews it");
    gateway.clock.advance(Duration::from_secs(2));
    assert_eq!(gateway.gate().live().count(&room, gateway.now()), 0);
    assert_eq!(gateway.stranger().fetches("/call/small").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_that_waits_ends_with_the_right_to_its_room() {
    let (gateway, _server) = house().await;
    let mut ann = comes(&gateway, "standup").await;
    let sid = polls(&mut ann).await;
    assert_eq!(posts(&mut ann, &sid, &[&ready("standup", "user-ann")]).await.status, 200);
    let mut poll = ann.asks("GET", &format!("/ws/?EIO=3&transport=polling&sid={sid}"), &[("Sec-Fetch-Site", "same-origin")]).await;
    let in_flight = || async { series(&gateway.metrics().await, "roomgate_http_requests_in_flight") };
    eventually("the poll waits", SOON, async || (in_flight().await == 1.0).then_some(())).await;
    let room = gateway.gate().profile().room_name("standup").unwrap();
    assert_eq!(gateway.gate().live().count(&room, gateway.now()), 1, "who polls is present");
    gateway.gate().store().revoke(roomgate::access::Revocation::Room(room.to_string())).await.unwrap();
    assert!(poll.end().await < SOON);
    assert!(posts(&mut ann, &sid, &["2"]).await.status >= 400, "and the session is over");
    // Presence of one who polls lasts a while, and not for one who was sent out.
    assert_eq!(gateway.gate().live().count(&room, gateway.now()), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_polled_session_moves_to_a_socket_and_stays_judged() {
    let (gateway, server) = house().await;
    let mut ann = comes(&gateway, "standup").await;
    let sid = polls(&mut ann).await;
    assert_eq!(posts(&mut ann, &sid, &[&ready("standup", "user-ann")]).await.status, 200);
    let mut socket = ann.socket(&format!("/ws/?EIO=3&transport=websocket&sid={sid}")).await.unwrap();
    socket.says("2probe").await;
    assert_eq!(socket.hears().await, "3probe");
    socket.says("5").await;
    says(&mut socket, &ready("board", "user-ann")).await;
    assert!(!server.told().iter().any(|t| t.contains("board")));
    let room = gateway.gate().profile().room_name("standup").unwrap();
    gateway.gate().store().revoke(roomgate::access::Revocation::Room(room.to_string())).await.unwrap();
    assert_eq!(tokio::time::timeout(SOON, socket.ends()).await.unwrap(), (4401, "token-revoked".to_owned()));
}
