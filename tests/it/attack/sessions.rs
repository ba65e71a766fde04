//! What a session opens, for how long, and what takes it away.

use std::time::Duration;

use roomgate::access::{Bar, By, Id, Through};
use roomgate::store::Barred;

use crate::harness::Gateway;
use crate::harness::socket::eventually;

const ROOMS: &str = "[[room]]\nname = \"standup\"\nprivacy = \"private\"\n[[room]]\nname = \"board\"\nprivacy = \"private\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_token_takes_nothing_away_from_somebody_inside() {
    let gateway = Gateway::with(ROOMS).await;
    let mut ann = gateway.stranger();
    assert_eq!(ann.visits(&format!("/standup?t={}", gateway.token("standup"))).await.status, 200);
    let socket = ann.socket("/ws?room=standup").await.unwrap();
    let before = ann.cookies.clone();
    let expired = gateway.mint("standup", |m| m.expires = Some(gateway.now().minus(Duration::from_secs(3600))));
    for bad in [gateway.token("board"), expired] {
        let answer = ann.fetches(&format!("/standup?t={bad}")).await;
        assert_eq!((answer.status, answer.all("set-cookie")), (200, vec![]));
    }
    assert_eq!(ann.cookies, before);
    drop(socket);
    eventually("her presence is over", Duration::from_secs(5), async || {
        (gateway.gate().live().participants(None).is_empty()).then_some(())
    })
    .await;
    assert_eq!(ann.opens("/standup").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_better_token_counts_for_somebody_inside() {
    let gateway = Gateway::with(ROOMS).await;
    let mut ann = gateway.stranger();
    assert_eq!(ann.visits(&format!("/standup?t={}", gateway.token("standup"))).await.status, 200);
    let _socket = ann.socket("/ws?room=standup").await.unwrap();
    assert_eq!(ann.fetches(&format!("/standup?t={}", gateway.owner_token("standup"))).await.status, 200);
    assert_eq!(gateway.upstream.last().header("x-roomgate-role"), Some("owner"));
    assert_eq!(ann.fetches("/standup").await.status, 200);
    assert_eq!(gateway.upstream.last().header("x-roomgate-role"), Some("owner"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_the_door_ends_with_the_session_that_opened_it() {
    let gateway =
        Gateway::configured("[rooms]\nunknown = \"refuse\"\n[session]\nsecret_file = \"session.secret\"\nlifetime = \"10m\"", ROOMS).await;
    let mut olga = gateway.stranger();
    assert_eq!(olga.visits(&format!("/standup?t={}", gateway.owner_token("standup"))).await.status, 200);
    let mut stream = olga.asks("GET", "/_roomgate/events?room=standup", &[("Sec-Fetch-Site", "same-origin")]).await;
    stream.until("event: presence").await;
    gateway.clock.advance(Duration::from_secs(601));
    assert_eq!(olga.fetches("/_roomgate/v1/rooms/standup/presence").await.status, 401, "her session is over");
    stream.until("access-state-updated").await;
    stream.until("\r\n0\r\n\r\n").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ban_of_a_person_holds_whatever_token_of_another_name_they_bring() {
    let identity = "[rooms]\nunknown = \"refuse\"\n[identity]\nfrom = [\"127.0.0.1/32\"]\nheaders = { user = \"Remote-User\" }";
    let gateway = Gateway::configured(identity, ROOMS).await;
    let room = gateway.gate().profile().room_name("standup").unwrap();
    let barred = Barred {
        id: Id::new([7; 16]),
        room,
        kind: Bar::Banned,
        visitor: None,
        user: Some("mallory".into()),
        token: None,
        session: None,
        name: "Mallory".into(),
        by: By::new("Olga", Through::Door),
        network: None,
        at: gateway.now(),
        lasting: true,
    };
    gateway.gate().store().bar(barred).await.unwrap();
    for user in [None, Some("somebody-else")] {
        let token = gateway.mint("standup", |m| m.user = user.map(Into::into));
        let mut mallory = gateway.stranger();
        let answer = mallory.sends("GET", &format!("/standup?t={token}"), &[("Remote-User", "mallory")], b"").await;
        assert_eq!(answer.code(), "banned", "{user:?}");
    }
    assert!(gateway.upstream.seen().is_empty());
}
