//! Somebody was sent back to wait, or waits: what gets them in, what do they learn, and what can they fill?

use std::time::Duration;

use serde_json::json;

use crate::harness::socket::{SOON, eventually};
use crate::harness::{Gateway, Person, Upstream};

const ROOMS: &str = "[[room]]\nname = \"standup\"\nprivacy = \"private\"\nenable_knocking = true\n\
                     [[room]]\nname = \"board\"\nprivacy = \"private\"\nenable_knocking = true\n[[room]]\nname = \"lounge\"\n";

async fn olga(gateway: &Gateway) -> Person {
    let mut olga = gateway.stranger();
    assert_eq!(olga.visits(&format!("/standup?t={}", gateway.owner_token("standup"))).await.status, 200);
    olga
}

async fn says(olga: &mut Person, method: &str, target: &str, body: &str) -> u16 {
    let origin = format!("http://{}", olga.address);
    olga.sends(method, target, &[("Origin", &origin), ("Content-Type", "application/json")], body.as_bytes()).await.status
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_sent_back_gets_in_by_nothing_but_an_owners_word() {
    let kept = "[rooms]\nunknown = \"refuse\"\n[store]\nkind = \"sqlite\"\npath = \"state.db\"\n";
    let gateway = Gateway::configured(kept, ROOMS).await;
    let mut olga = olga(&gateway).await;
    let link = |room: &str| gateway.mint(room, |m| (m.user, m.name) = (Some("bob-1".into()), Some("Bob".into())));
    let (first, second) = (link("standup"), link("standup"));
    let mut bob = gateway.stranger();
    assert_eq!(bob.visits(&format!("/standup?t={first}")).await.status, 200);
    let mut socket = bob.socket("/ws?room=standup").await.unwrap();
    let mut poll = bob.asks("GET", "/standup/slow", &[("Connection", "close"), ("Sec-Fetch-Site", "same-origin")]).await;
    let listed = olga.fetches("/_roomgate/v1/rooms/standup/presence").await.json();
    let session = listed["data"].as_array().unwrap().iter().find(|p| p["userName"] == "Bob").unwrap()["id"].clone();
    assert_eq!(says(&mut olga, "POST", "/_roomgate/v1/rooms/standup/move-back", &json!({"ids": [session]}).to_string()).await, 200);
    assert_eq!(socket.ends().await, (4408, "waiting".to_owned()));
    poll.end().await;
    // Nor by what is said of everybody else.
    assert_eq!(says(&mut olga, "PUT", "/_roomgate/v1/rooms/standup/remembered", r#"{"answer":"allow"}"#).await, 200);
    assert_eq!(gateway.stranger().stands("standup").await, "full");

    let keeps_waiting = async |bob: &mut Person, how: &str| {
        let told = bob.fetches("/standup").await;
        assert!(matches!(told.code().as_str(), "waiting" | "may-knock"), "{how}: {} {}", told.status, told.text());
        assert!(bob.socket("/ws?room=standup").await.is_err(), "{how}");
        assert!(bob.socket(&format!("/ws?room=standup&t={second}")).await.is_err(), "{how}: by the socket's own token");
        assert!(bob.socket_with(&format!("/ws?room=standup&t={first}"), &[]).await.is_err(), "{how}: and as an app does");
        assert_eq!(bob.fetches(&format!("/standup?t={second}")).await.code(), told.code(), "{how}: by another link of his");
    };
    keeps_waiting(&mut bob, "the same browser").await;
    bob.visits(&format!("/standup?t={second}")).await;
    keeps_waiting(&mut bob, "after another link").await;
    // Another room's session, and none for this one.
    bob.visits("/lounge").await;
    let mut elsewhere = gateway.stranger();
    elsewhere.visits("/lounge").await;
    elsewhere.visits(&format!("/standup?t={first}")).await;
    keeps_waiting(&mut elsewhere, "another browser").await;
    // He gives up, and asks again.
    assert_eq!(says(&mut bob, "DELETE", "/_roomgate/knock?room=standup", "").await, 200);
    keeps_waiting(&mut bob, "after giving up").await;
    bob.knocks("standup", "Somebody else").await;
    let listed = olga.waiting("standup").await;
    assert_eq!((listed.len(), &listed[0]["name"], &listed[0]["movedBack"]), (1, &json!("Somebody else"), &json!(true)));
    keeps_waiting(&mut bob, "after knocking again").await;

    let gateway = gateway.restart().await;
    let mut olga = olga.clone();
    keeps_waiting(&mut bob, "after a restart").await;
    // The second browser's knock is another: one answer lets in one.
    elsewhere.knocks("standup", "Bob").await;
    let listed = olga.waiting("standup").await;
    let his = listed.iter().find(|k| k["name"] == "Bob").unwrap();
    assert_eq!(olga.answers("standup", his, true).await.status, 200);
    assert_eq!((elsewhere.stands("standup").await.as_str(), bob.stands("standup").await.as_str()), ("full", "waiting"));
    drop(gateway);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_learns_of_nobody_else_and_a_stranger_of_nothing() {
    let gateway = Gateway::with(ROOMS).await;
    let mut olga = olga(&gateway).await;
    let (mut bob, mut eve) = (gateway.stranger(), gateway.stranger());
    bob.knocks("standup", "Bob").await;
    let with_message = bob.posts("/_roomgate/knock", &json!({"room": "standup", "name": "Bob", "message": "from the bank"})).await;
    assert_eq!(with_message.json()["message"], "from the bank");
    let knock = olga.waiting("standup").await.remove(0);
    eve.knocks("standup", "Eve").await;
    for person in [&mut eve, &mut gateway.stranger()] {
        let mut stream = person.asks("GET", "/_roomgate/events?room=standup", &[("Sec-Fetch-Site", "same-origin")]).await;
        stream.until("access-state-updated").await;
        bob.posts("/_roomgate/knock", &json!({"room": "standup", "name": "Bob", "message": "from the bank again"})).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        for secret in ["Bob", "bank", "presence", "waiting-participant", "remembered", "Olga"] {
            assert!(!stream.text().contains(secret), "{secret}: {}", stream.text());
        }
        let told = person.fetches("/_roomgate/access?room=standup").await;
        assert!(!told.text().contains("Bob") && !told.text().contains("bank"), "{}", told.text());
        // The number of somebody's knock is no use to anybody but an owner.
        let path = format!("/_roomgate/v1/rooms/standup/waiting-participants/{}", knock["id"].as_str().unwrap());
        let body = json!({"grantRequestedAccess": true, "version": 2}).to_string();
        assert!(says(person, "PATCH", &path, &body).await >= 400);
    }
    assert_eq!(gateway.stranger().fetches("/_roomgate/access?room=standup").await.json().get("opener"), None);
    assert_eq!(bob.stands("standup").await, "waiting");
    let long = json!({"room": "standup", "name": "Bob", "message": "x".repeat(100_000)});
    assert_eq!(bob.posts("/_roomgate/knock", &long).await.status, 413);
    let hostile = json!({"room": "standup", "name": "\u{202e}B\u{200b}ob\u{0}\n\u{2066}", "message": format!("a\r\n\u{2029}b\u{2800}{}", "x".repeat(1000))});
    assert_eq!(bob.posts("/_roomgate/knock", &hostile).await.status, 200);
    let shown = olga.waiting("standup").await;
    let bob = shown.iter().find(|k| k["name"] == "Bob").unwrap();
    assert_eq!(bob["message"].as_str().unwrap().chars().count(), 280);
    assert!(bob["message"].as_str().unwrap().starts_with("a bx"), "{bob}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_without_cookies_is_many_and_does_not_drown_what_else_there_is_to_tell() {
    let upstream = Upstream::start().await;
    let sections =
        format!("[upstream]\nurl = \"http://{}\"\nprofile = \"generic\"\n[upstream.generic]\nroom = \"/{{room}}\"\n", upstream.address);
    let gateway = Gateway::before(upstream, &sections, ROOMS).await;
    for _ in 0..60 {
        assert_eq!(gateway.stranger().fetches("/lounge").await.status, 200);
    }
    eventually("some came in", SOON * 4, async || {
        let told = gateway.gate().store().trail(0, 1000).await.unwrap();
        (!told.is_empty()).then_some(())
    })
    .await;
    let told = gateway.gate().store().trail(0, 1000).await.unwrap();
    let joined = told.iter().filter(|e| e.what == roomgate::store::What::Joined).count();
    assert!(joined <= 20, "{joined} came in at one look");
}
