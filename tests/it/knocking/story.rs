//! A stranger knocks, waits, and is let in or told no.

use std::time::Duration;

use serde_json::json;

use super::people::{ROOMS, between};
use crate::harness::socket::{SOON, eventually};
use crate::harness::{Gateway, Person};

async fn olga(gateway: &Gateway, room: &str) -> Person {
    let mut olga = gateway.stranger();
    assert_eq!(olga.visits(&format!("/{room}?t={}", gateway.owner_token(room))).await.status, 200);
    olga
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_without_scripts_knocks_is_let_in_by_a_button_and_comes_to_where_it_wanted() {
    let gateway = Gateway::with(ROOMS).await;
    let mut olga = olga(&gateway, "standup").await;
    let mut bob = gateway.stranger();

    let held = bob.opens("/standup/agenda?lang=de&page=2").await;
    assert_eq!(held.status, 303);
    assert!(held.location().starts_with("/_roomgate/knock?room=standup&to="), "{}", held.location());
    let door = held.location().to_owned();
    let page = bob.opens(&door).await;
    assert_eq!((page.status, between(&page.text(), "data-state=\"", "\"")), (200, "may-knock"));
    let to = between(&page.text(), "name=\"to\" value=\"", "\"").to_owned();
    let sent = bob.submits("/_roomgate/knock", &[("room", "standup"), ("name", "  Bob \u{202e} B. "), ("to", &to)]).await;
    assert_eq!(sent.status, 303, "{}", sent.text());
    for _ in 0..3 {
        let page = bob.visits("/standup/agenda?lang=de&page=2").await.text();
        assert_eq!(between(&page, "data-state=\"", "\""), "waiting", "waiting survives a reload");
        assert!(page.contains("http-equiv=\"refresh\""), "a page without scripts looks again by itself");
    }
    assert_eq!(bob.stands("standup").await, "waiting");
    assert!(bob.socket("/ws?room=standup").await.is_err());

    let listed = olga.waiting("standup").await;
    assert_eq!((listed.len(), &listed[0]["name"]), (1, &json!("Bob B.")), "{listed:?}");
    let console = olga.opens("/_roomgate/door?room=standup").await.text();
    assert!(console.contains("Bob B."));
    let form = between(&console, "name=\"form\" value=\"", "\"").to_owned();
    let (id, version) = (listed[0]["id"].as_str().unwrap().to_owned(), listed[0]["version"].to_string());
    let allow = [("room", "standup"), ("form", form.as_str()), ("id", id.as_str()), ("version", version.as_str()), ("do", "allow")];
    let answer = olga.submits("/_roomgate/door", &allow).await;
    assert_eq!((answer.status, answer.location()), (303, "/_roomgate/door?room=standup&note=allowed"));

    let inside = bob.opens(sent.location()).await;
    assert_eq!((inside.status, inside.location()), (303, "/standup/agenda?lang=de&page=2"));
    assert_eq!(bob.opens("/standup/agenda?lang=de&page=2").await.status, 200);
    assert_eq!(gateway.upstream.last().header("x-roomgate-role"), Some("participant"));
    bob.socket("/ws?room=standup").await.unwrap().is_alive().await;
    assert_eq!(bob.clone().fetches("/board").await.code(), "may-knock", "one door, not two");
}

#[tokio::test(flavor = "multi_thread")]
async fn both_sides_hear_of_it_within_a_second() {
    let gateway = Gateway::with(ROOMS).await;
    let mut olga = olga(&gateway, "standup").await;
    let mut bob = gateway.stranger();
    bob.visits("/standup").await;
    let accept = [("Accept", "text/event-stream"), ("Sec-Fetch-Site", "same-origin")];
    let mut owners = olga.asks("GET", "/_roomgate/events?room=standup", &accept).await;
    let mut bobs = bob.asks("GET", "/_roomgate/events?room=standup", &accept).await;
    bobs.until("\"may-knock\"").await;
    owners.until("event: presence").await;
    for (allow, told) in [(false, "\"denied\""), (true, "\"full\"")] {
        bob.posts("/_roomgate/knock", &json!({"room": "standup", "name": "Bob"})).await;
        assert!(owners.until("waiting-participant-added").await < SOON);
        owners.came.clear();
        let listed = olga.waiting("standup").await;
        let answered = olga.answers("standup", &listed[0], allow).await;
        assert_eq!(answered.status, 200, "{}", answered.text());
        assert!(bobs.until(told).await < SOON);
        assert!(owners.until("waiting-participant-removed").await < SOON);
        gateway.clock.advance(Duration::from_secs(31));
    }
    let mut eve = gateway.stranger();
    eve.visits("/standup").await;
    owners.came.clear();
    eve.posts("/_roomgate/knock", &json!({"room": "standup", "name": "Eve"})).await;
    assert!(owners.until("\"Eve\"").await < SOON);
    assert!(!bobs.text().contains("Eve"), "visitors hear of themselves only");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_denied_is_told_and_may_knock_again_after_a_while() {
    let gateway = Gateway::with(ROOMS).await;
    let mut olga = olga(&gateway, "standup").await;
    let mut bob = gateway.stranger();
    bob.knocks("standup", "Bob").await;
    let listed = olga.waiting("standup").await;
    assert_eq!(olga.answers("standup", &listed[0], false).await.status, 200);
    let page = bob.visits("/standup").await;
    assert_eq!(page.status, 401, "a link would help");
    assert!(page.text().contains("/_roomgate/knock?room=standup"), "and where to ask again: {}", page.text());
    let page = bob.opens("/_roomgate/knock?room=standup").await;
    assert_eq!(between(&page.text(), "data-state=\"", "\""), "denied");
    assert_eq!(bob.fetches("/standup").await.code(), "denied");
    let soon = bob.posts("/_roomgate/knock", &json!({"room": "standup", "name": "Bob"})).await;
    assert_eq!((soon.status, soon.code().as_str(), soon.header("retry-after")), (429, "denied", Some("30")));
    gateway.clock.advance(Duration::from_secs(31));
    let again = bob.posts("/_roomgate/knock", &json!({"room": "standup", "name": "Bob, again"})).await;
    assert_eq!((again.status, again.code().as_str()), (200, "waiting"));
    let listed = olga.waiting("standup").await;
    assert_eq!(listed[0]["name"], "Bob, again");
    assert_eq!(olga.answers("standup", &listed[0], true).await.status, 200);
    assert_eq!(bob.visits("/standup").await.status, 200);
    assert_eq!(bob.stands("standup").await, "full");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_answers_whom_they_saw_and_the_second_owner_learns_who_was_first() {
    let gateway = Gateway::with(ROOMS).await;
    let (mut olga, mut otto) = (olga(&gateway, "standup").await, gateway.stranger());
    let token = gateway.mint("standup", |m| (m.owner, m.name) = (true, Some("Otto".into())));
    otto.visits(&format!("/standup?t={token}")).await;
    let mut bob = gateway.stranger();
    bob.knocks("standup", "Bob").await;
    let seen = olga.waiting("standup").await[0].clone();
    bob.knocks("standup", "The Boss").await;
    let answer = olga.answers("standup", &seen, true).await;
    assert_eq!((answer.status, answer.code().as_str()), (409, "renamed"), "{}", answer.text());
    assert_eq!(bob.stands("standup").await, "waiting");

    let now = olga.waiting("standup").await[0].clone();
    assert_eq!(olga.answers("standup", &now, true).await.status, 200);
    let second = otto.answers("standup", &now, false).await;
    assert_eq!((second.status, second.code().as_str(), second.json()["by"].as_str()), (409, "first-allowed", Some("Olga")));
    assert_eq!(bob.stands("standup").await, "full");

    let mut eve = gateway.stranger();
    eve.knocks("standup", "Eve").await;
    let eves = olga.waiting("standup").await[0].clone();
    let (one, two) = tokio::join!(olga.answers("standup", &eves, true), otto.answers("standup", &eves, false));
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409], "one of two who answer at once is first");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_must_wait_waits_whatever_they_bring_and_enters_as_who_they_are() {
    let gateway = Gateway::with(
        "[[room]]\nname = \"standup\"\nprivacy = \"private\"\n[[room]]\nname = \"guests\"\nwaiting_room = \"guests\"\n\
         [[room]]\nname = \"everyone\"\nwaiting_room = \"everyone\"\n",
    )
    .await;
    let guest = |room: &str, owner: bool| {
        gateway.mint(room, |m| {
            (m.guest, m.owner, m.name) = (true, owner, Some("Gus".into()));
        })
    };
    for (room, token, role) in [
        ("standup", Some(guest("standup", false)), "participant"),
        ("standup", Some(guest("standup", true)), "owner"),
        ("guests", None, "participant"),
        ("everyone", None, "participant"),
        ("everyone", Some(gateway.token("everyone")), "participant"),
    ] {
        let mut olga = olga(&gateway, room).await;
        let mut gus = gateway.stranger();
        let target = token.map_or_else(|| format!("/{room}"), |t| format!("/{room}?t={t}"));
        let page = gus.visits(&target).await;
        assert_eq!(between(&page.text(), "data-state=\"", "\""), "may-knock", "{room}");
        assert!(gus.socket(&format!("/ws?room={room}")).await.is_err());
        assert!(gus.fetches(&format!("/_roomgate/v1/rooms/{room}/waiting-participants")).await.status >= 400, "no owner yet");
        gus.posts("/_roomgate/knock", &json!({"room": room, "name": "Gus"})).await;
        let listed = olga.waiting(room).await;
        assert_eq!(olga.answers(room, &listed[0], true).await.status, 200);
        assert_eq!(gus.visits(&format!("/{room}")).await.status, 200);
        assert_eq!(gateway.upstream.last().header("x-roomgate-role"), Some(role), "{room}");
    }
    let mut ann = gateway.stranger();
    assert_eq!(ann.visits(&format!("/guests?t={}", gateway.token("guests"))).await.status, 200);
    assert_eq!(gateway.upstream.last().target, "/guests", "with a token one is no guest");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_meeting_gave_ends_with_it() {
    let gateway = Gateway::configured("[meeting]\ngrace = \"60s\"\n", ROOMS).await;
    let mut olga = olga(&gateway, "standup").await;
    let (mut bob, mut eve) = (gateway.stranger(), gateway.stranger());
    for (person, name) in [(&mut bob, "Bob"), (&mut eve, "Eve")] {
        person.knocks("standup", name).await;
        let listed = olga.waiting("standup").await;
        assert_eq!(olga.answers("standup", &listed[0], true).await.status, 200);
        assert_eq!(person.visits("/standup").await.status, 200);
    }
    let (bobs, _eves) = (bob.socket("/ws?room=standup").await.unwrap(), eve.socket("/ws?room=standup").await.unwrap());
    let inside = olga.fetches("/_roomgate/v1/rooms/standup/presence").await.json();
    let id = inside["data"].as_array().unwrap().iter().find(|p| p["userName"] == "Eve").map(|p| p["id"].clone());
    let id = id.unwrap_or_else(|| panic!("{inside}"));
    olga.posts("/_roomgate/v1/rooms/standup/eject", &json!({"ids": [id], "ban": true})).await;
    assert_eq!(eve.fetches("/standup").await.code(), "banned");

    // While somebody is connected the meeting goes on, however long.
    for _ in 0..4 {
        gateway.clock.advance(Duration::from_secs(59));
        tokio::time::sleep(Duration::from_millis(1200)).await;
    }
    assert_eq!(eve.fetches("/standup").await.code(), "banned");
    assert_eq!(bob.stands("standup").await, "full");
    drop(bobs);
    tokio::time::sleep(Duration::from_millis(300)).await;
    gateway.clock.advance(Duration::from_secs(30));
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert_eq!(bob.stands("standup").await, "full", "within the grace one comes back");
    gateway.clock.advance(Duration::from_secs(61));
    eventually("the meeting is over", Duration::from_secs(4), async || {
        (bob.stands("standup").await == "may-knock" && eve.stands("standup").await == "may-knock").then_some(())
    })
    .await;
}
