//! Do people of one room meet, and only they?

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::{Tokens, config, serve_until, story};

struct Meetings {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
}

impl Meetings {
    async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(serve_until(listener, async {
            let _ = stopped.await;
        }));
        Self { address, stop }
    }

    async fn enter(&self, room: &str, name: &str) -> Guest {
        let mut request = format!("ws://{}/ws?room={room}", self.address).into_client_request().unwrap();
        request.headers_mut().insert("x-roomgate-name", name.parse().unwrap());
        Guest(connect_async(request).await.unwrap().0)
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> String {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let more: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{more}\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }
}

struct Guest(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Guest {
    async fn hears(&mut self) -> Value {
        match timeout(Duration::from_secs(5), self.0.next()).await.expect("silence").unwrap().unwrap() {
            Message::Text(text) => serde_json::from_str(&text).unwrap(),
            other => panic!("expected text, got {other:?}"),
        }
    }

    async fn hears_nothing(&mut self) {
        let heard = timeout(Duration::from_millis(150), self.0.next()).await;
        assert!(heard.is_err(), "expected silence, got {heard:?}");
    }

    async fn says(&mut self, text: impl Into<String>) {
        self.0.send(Message::text(text.into())).await.unwrap();
    }

    async fn is_sent_away(&mut self) -> u16 {
        loop {
            match timeout(Duration::from_secs(5), self.0.next()).await.expect("silence") {
                Some(Ok(Message::Close(Some(frame)))) => return frame.code.into(),
                Some(Ok(_)) => {}
                other => panic!("expected a close frame, got {other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn people_of_one_room_see_each_other_and_nobody_else_does() {
    let meetings = Meetings::open().await;
    let mut ann = meetings.enter("open", "Ann").await;
    let welcome = ann.hears().await;
    assert_eq!((&welcome["type"], &welcome["people"]), (&json!("welcome"), &json!({})));
    let ann_id = welcome["you"].as_u64().unwrap();
    let mut far = meetings.enter("board", "Far").await;
    let far_welcome = far.hears().await;
    assert_eq!(far_welcome["people"], json!({}), "a person of another room was shown");

    let mut ben = meetings.enter("open", "Ben%20%C3%89").await;
    let welcome = ben.hears().await;
    assert_eq!(welcome["people"], json!({ ann_id.to_string(): { "name": "Ann", "owner": false } }));
    let ben_id = welcome["you"].as_u64().unwrap();
    assert_eq!(ann.hears().await, json!({ "type": "joined", "id": ben_id, "person": { "name": "Ben É", "owner": false } }));

    ben.says(json!({ "to": ann_id, "data": { "sdp": "x" } }).to_string()).await;
    assert_eq!(ann.hears().await, json!({ "type": "signal", "from": ben_id, "data": { "sdp": "x" } }));
    // Across rooms nothing is heard, though the number is right.
    far.says(json!({ "to": ann_id, "data": "hello" }).to_string()).await;
    ann.says(json!({ "to": far_welcome["you"], "data": "hello" }).to_string()).await;
    ann.hears_nothing().await;
    far.hears_nothing().await;

    drop(ben);
    assert_eq!(ann.hears().await, json!({ "type": "left", "id": ben_id }));
    far.hears_nothing().await;
}

#[tokio::test]
async fn a_seventeenth_person_finds_the_room_full_and_a_freed_seat_can_be_taken() {
    let meetings = Meetings::open().await;
    let mut seated = Vec::new();
    for _ in 0..16 {
        let mut guest = meetings.enter("open", "x").await;
        guest.hears().await;
        seated.push(guest);
    }
    assert_eq!(meetings.enter("open", "x").await.is_sent_away().await, 1013);
    let mut other = meetings.enter("board", "x").await;
    assert_eq!(other.hears().await["type"], "welcome", "the other room is not full");
    drop(seated.pop());
    while seated[0].hears().await["type"] != "left" {}
    assert_eq!(meetings.enter("open", "x").await.hears().await["type"], "welcome");
}

#[tokio::test]
async fn the_hundred_and_first_room_is_refused_and_empty_rooms_are_forgotten() {
    let rooms = super::Rooms::default();
    let person = || super::rooms::Person { name: "x".into(), owner: false };
    let seats: Vec<_> = (0..100).map(|n| rooms.join(&n.to_string(), person()).unwrap()).collect();
    assert!(rooms.join("100", person()).is_none());
    assert!(rooms.join("99", person()).is_some(), "a room that exists is not full");
    rooms.leave("0", seats[0].0);
    assert!(rooms.join("100", person()).is_some());
}

#[tokio::test]
async fn what_is_not_understood_or_too_long_ends_the_stay() {
    let meetings = Meetings::open().await;
    for (said, code) in [(String::from("[]"), 1007), (String::from("{\"to\":\"1\",\"data\":0}"), 1007)] {
        let mut guest = meetings.enter("open", "x").await;
        guest.says(said).await;
        assert_eq!(guest.is_sent_away().await, code);
    }
    let mut guest = meetings.enter("open", "x").await;
    let mut witness = meetings.enter("open", "y").await;
    let long = json!({ "to": witness.hears().await["you"], "data": "x".repeat(64 * 1024) }).to_string();
    let _ = guest.0.send(Message::text(long)).await;
    assert_eq!(witness.hears().await["type"], "left");
}

#[tokio::test]
async fn the_page_shows_a_hostile_name_as_text() {
    let meetings = Meetings::open().await;
    let name = "%3C/script%3E%3Cscript%3Ealert(1)%3C/script%3E";
    let page = meetings.get("/a%3Cb%7B%7Byou%7D%7D", &[("x-roomgate-name", name), ("x-roomgate-role", "owner")]).await;
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    let data = page.split("id=\"you\">").nth(1).unwrap().split("</script>").next().unwrap();
    let you: Value = serde_json::from_str(data).unwrap();
    assert_eq!(you, json!({ "room": "a<b{{you}}", "name": "</script><script>alert(1)</script>", "owner": true }));
    assert!(!data.contains('<'));
}

#[tokio::test]
async fn a_name_that_is_no_room_is_not_found() {
    let meetings = Meetings::open().await;
    for path in [format!("/{}", "x".repeat(129)), "/a%00b".into(), "/a/b".into()] {
        assert!(meetings.get(&path, &[]).await.starts_with("HTTP/1.1 404"), "{path}");
    }
    let refused = connect_async(format!("ws://{}/ws?room=", meetings.address)).await;
    assert!(matches!(refused, Err(Error::Http(answer)) if answer.status() == 404));
}

#[tokio::test]
async fn a_stop_says_goodbye_to_everybody() {
    let meetings = Meetings::open().await;
    let mut ann = meetings.enter("open", "Ann").await;
    ann.hears().await;
    meetings.stop.send(()).unwrap();
    assert_eq!(ann.is_sent_away().await, 1001);
}

#[test]
fn the_story_fits_a_screen_and_gives_every_link() {
    let told = story(8080, &Tokens { owner: "OOO", guest: "GGG", expired: "XXX" });
    assert!(told.lines().count() <= 25, "{told}");
    for link in [
        "http://127.0.0.1:8080/standup?t=OOO",
        "http://localhost:8080/standup\n",
        "http://localhost:8080/board?t=GGG",
        "http://localhost:8080/board?t=XXX",
        "http://localhost:8080/open\n",
    ] {
        assert!(told.contains(link), "{link}");
    }
}

#[test]
fn the_demo_s_configuration_is_toml_and_has_the_story_s_rooms() {
    let config: toml::Table = config(8080, 9180, 3000, &"x".repeat(32)).parse().unwrap();
    let rooms: Vec<_> = config["room"].as_array().unwrap().iter().map(|room| room["name"].as_str().unwrap()).collect();
    assert_eq!(rooms, ["open", "standup", "board"]);
    assert_eq!(config["upstream"]["generic"]["sockets"][0].as_str(), Some("/ws?room={room}"));
}
