//! Waiting, inside, moved back, removed, banned, back next time: a participant's life, edge by edge, by a clock that we move.

use std::time::Duration;

use serde_json::json;

use super::people::ROOMS;
use crate::harness::socket::{SOON, eventually};

use crate::harness::{Gateway, Person, Upstream};

const MINUTE: Duration = Duration::from_secs(60);

async fn olga(gateway: &Gateway, room: &str) -> Person {
    let mut olga = gateway.stranger();
    assert_eq!(olga.visits(&format!("/{room}?t={}", gateway.owner_token(room))).await.status, 200);
    olga
}

/// The session of whoever is called so, as an owner sees it.
async fn inside(olga: &mut Person, room: &str, name: &str) -> Option<String> {
    let listed = olga.fetches(&format!("/_roomgate/v1/rooms/{room}/presence")).await.json();
    let found = listed["data"].as_array().unwrap().iter().find(|p| p["userName"] == name);
    found.map(|p| p["id"].as_str().unwrap().to_owned())
}

async fn the_meeting_ends(gateway: &Gateway) {
    // Nobody is connected; presence goes first, then the grace.
    gateway.clock.advance(MINUTE * 7);
    let open = || gateway.gate().store().facts().meetings().len();
    eventually("the meeting ends", SOON * 3, async || (open() == 0).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_moved_back_is_at_the_door_within_a_second_and_may_be_let_in_again() {
    let gateway = Gateway::with(ROOMS).await;
    let mut olga = olga(&gateway, "standup").await;
    let mut bob = gateway.stranger();
    bob.knocks("standup", "Bob").await;
    let listed = olga.waiting("standup").await;
    olga.answers("standup", &listed[0], true).await;
    bob.visits("/standup").await;
    let mut socket = bob.socket("/ws?room=standup").await.unwrap();

    let session = inside(&mut olga, "standup", "Bob").await.unwrap();
    let moved = olga.posts("/_roomgate/v1/rooms/standup/move-back", &json!({"ids": [session]})).await;
    assert_eq!(moved.json()["movedIds"][0].as_str(), Some(session.as_str()), "{}", moved.text());
    assert_eq!(socket.ends().await, (4408, "waiting".to_owned()));
    let page = bob.visits("/standup").await;
    assert!(page.text().contains("data-state=\"waiting\""), "{}", page.text());
    assert!(bob.socket("/ws?room=standup").await.is_err());

    let listed = olga.waiting("standup").await;
    assert_eq!((&listed[0]["name"], &listed[0]["movedBack"]), (&json!("Bob"), &json!(true)));
    assert_eq!(olga.answers("standup", &listed[0], true).await.status, 200);
    eventually("the old connections are forgotten", SOON, async || bob.clone().socket("/ws?room=standup").await.ok())
        .await
        .is_alive()
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn removed_until_the_meeting_ends_and_welcome_to_the_next_one() {
    let gateway = Gateway::with(ROOMS).await;
    let mut olga = olga(&gateway, "standup").await;
    let mut bob = gateway.stranger();
    bob.knocks("standup", "Bob").await;
    let listed = olga.waiting("standup").await;
    olga.answers("standup", &listed[0], true).await;
    bob.visits("/standup").await;
    let socket = bob.socket("/ws?room=standup").await.unwrap();
    let session = inside(&mut olga, "standup", "Bob").await.unwrap();
    olga.posts("/_roomgate/v1/rooms/standup/eject", &json!({"ids": [session]})).await;
    drop(socket);
    assert_eq!(bob.stands("standup").await, "ejected");
    let refused = bob.posts("/_roomgate/knock", &json!({"room": "standup", "name": "Bob"})).await;
    assert_eq!((refused.status, refused.code().as_str()), (403, "ejected"), "and cannot knock");

    the_meeting_ends(&gateway).await;
    assert_eq!(bob.stands("standup").await, "may-knock");
    bob.knocks("standup", "Bob").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_remembered_and_who_was_let_in_end_with_the_meeting_and_who_waits_keeps_waiting() {
    let gateway = Gateway::with(ROOMS).await;
    let mut olga = olga(&gateway, "standup").await;
    let (mut bob, mut cleo, mut dan) = (gateway.stranger(), gateway.stranger(), gateway.stranger());
    bob.knocks("standup", "Bob").await;
    let listed = olga.waiting("standup").await;
    olga.answers("standup", &listed[0], true).await;
    cleo.knocks("standup", "Cleo").await;
    let origin = format!("http://{}", olga.address);
    let headers = [("Origin", origin.as_str()), ("Content-Type", "application/json")];
    let kept = olga.sends("PUT", "/_roomgate/v1/rooms/standup/remembered", &headers, br#"{"answer":"allow"}"#).await;
    assert_eq!(kept.json()["answer"], "allow");
    assert_eq!((dan.stands("standup").await.as_str(), cleo.stands("standup").await.as_str()), ("full", "waiting"));
    // Dan comes in by it, and stays when it is dropped: also over a reload.
    assert_eq!(dan.visits("/standup").await.status, 200);
    let socket = dan.socket("/ws?room=standup").await.unwrap();
    olga.sends("DELETE", "/_roomgate/v1/rooms/standup/remembered", &headers, b"").await;
    let page = dan.visits("/standup").await.text();
    assert!(!page.contains("data-state"), "a reload does not send him out: {page}");
    drop(socket);

    the_meeting_ends(&gateway).await;
    for person in [&mut bob, &mut dan] {
        assert_eq!(person.stands("standup").await, "may-knock");
    }
    assert_eq!(cleo.stands("standup").await, "waiting");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_sockets_are_known_an_active_page_counts_and_no_longer_than_it_is_active() {
    let upstream = Upstream::start().await;
    let sections = format!(
        "[upstream]\nurl = \"http://{}\"\nprofile = \"generic\"\n[upstream.generic]\nroom = \"/{{room}}\"\n[meeting]\npresence = \"60s\"\n",
        upstream.address
    );
    let rooms = "[[room]]\nname = \"standup\"\nprivacy = \"private\"\nmax_participants = 2\n";
    let gateway = Gateway::before(upstream, &sections, rooms).await;
    let mut olga = olga(&gateway, "standup").await;
    let (mut bob, mut eve) = (gateway.stranger(), gateway.stranger());
    let token = |name: &str| gateway.mint("standup", |m| m.name = Some(name.to_owned()));
    assert_eq!(bob.visits(&format!("/standup?t={}", token("Bob"))).await.status, 200);
    assert!(inside(&mut olga, "standup", "Bob").await.is_some());
    assert_eq!(eve.visits(&format!("/standup?t={}", token("Eve"))).await.status, 403, "two are inside");
    gateway.clock.advance(MINUTE / 2);
    assert_eq!(bob.fetches("/standup/poll").await.status, 200);
    gateway.clock.advance(MINUTE * 3 / 4);
    assert!(inside(&mut olga, "standup", "Bob").await.is_some(), "heard of half a minute ago");
    gateway.clock.advance(MINUTE);
    assert_eq!(inside(&mut olga, "standup", "Bob").await, None);
    assert_eq!(eve.visits("/standup").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn everyone_waits_but_owners_and_an_owner_who_is_made_to_wait_enters_as_one() {
    let rooms = "[[room]]\nname = \"standup\"\nprivacy = \"private\"\nwaiting_room = \"everyone\"\n";
    let gateway = Gateway::with(rooms).await;
    let (mut bob, mut grace) = (gateway.stranger(), gateway.stranger());
    bob.visits(&format!("/standup?t={}", gateway.token("standup"))).await;
    assert_eq!(bob.stands("standup").await, "may-knock", "a registered person too");
    let guest = gateway.mint("standup", |m| {
        m.owner = true;
        m.guest = true;
        m.name = Some("Grace".to_owned());
    });
    grace.visits(&format!("/standup?t={guest}")).await;
    assert_eq!(grace.stands("standup").await, "may-knock", "even a moderator, where the link says so");
    for target in ["/_roomgate/door?room=standup", "/_roomgate/v1/rooms/standup/waiting-participants"] {
        assert_ne!(grace.fetches(target).await.status, 200, "and until then decides about nobody");
    }
    grace.knocks("standup", "Grace").await;
    let mut olga = olga(&gateway, "standup").await;
    assert_eq!(bob.stands("standup").await, "may-knock", "that an owner has come lets nobody in");
    let listed = olga.waiting("standup").await;
    olga.answers("standup", &listed[0], true).await;
    assert_eq!(grace.visits("/standup").await.status, 200);
    assert_eq!(gateway.upstream.last().header("x-roomgate-role"), Some("owner"));
    bob.knocks("standup", "Bob").await;
    assert_eq!(grace.waiting("standup").await[0]["name"], "Bob");
}
