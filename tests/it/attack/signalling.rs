//! Whoever is in a Jitsi room is on the list of those inside, and leaves when they have to; and nobody is kept out who brings what they have.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use roomgate::access::RoomName;

use crate::harness::prosody::Prosody;
use crate::harness::socket::{Socket, eventually};
use crate::harness::{Answer, Gateway, Person};

const ROOM: &str = "[[room]]\nname = \"standup\"\nprivacy = \"private\"\n[[room]]\nname = \"open\"\n";
const BIND: &str = "<iq xmlns=\"jabber:client\" type=\"set\" id=\"b\"><bind xmlns=\"urn:ietf:params:xml:ns:xmpp-bind\"/></iq>";

async fn house() -> (Gateway, Prosody) {
    let prosody = Prosody::start().await;
    let gateway = Gateway::configured(&prosody.sections(), ROOM).await;
    (gateway, prosody)
}

fn joins(room: &str, nick: &str) -> String {
    format!(
        "<presence xmlns=\"jabber:client\" to=\"{room}@conference.meet.test/{nick}\"><x xmlns=\"http://jabber.org/protocol/muc\"/></presence>"
    )
}

/// A stream with a resource, in no room yet.
async fn stream(person: &Person, target: &str) -> Socket {
    let origin = format!("http://{}", person.address);
    let mut socket = person.socket_with(target, &[("Origin", &origin), ("Sec-WebSocket-Protocol", "xmpp")]).await.unwrap();
    socket.says("<open xmlns=\"urn:ietf:params:xml:ns:xmpp-framing\" to=\"meet.test\" version=\"1.0\"/>").await;
    socket.says(BIND).await;
    assert!(socket.hears().await.contains("<jid>"));
    socket
}

fn inside(gateway: &Gateway, room: &str) -> u32 {
    gateway.gate().live().count(&RoomName::canonical(room).unwrap(), gateway.now())
}

async fn asks(person: &mut Person, target: &str, origin: bool, body: &str) -> Answer {
    let own = format!("http://{}", person.address);
    let headers = [("Content-Type", "text/xml"), ("Origin", own.as_str())];
    person.sends("POST", target, &headers[..if origin { 2 } else { 1 }], body.as_bytes()).await
}

fn body(rid: u64, sid: Option<&str>, said: &str) -> String {
    let who = sid.map_or_else(|| "to=\"meet.test\" wait=\"60\" hold=\"1\"".to_owned(), |sid| format!("sid=\"{sid}\""));
    format!("<body xmlns=\"http://jabber.org/protocol/httpbind\" rid=\"{rid}\" {who}>{said}</body>")
}

fn sid_of(answer: &Answer) -> String {
    let text = answer.text();
    text.split_once("sid='").unwrap_or_else(|| panic!("no sid: {text}")).1.split('\'').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_new_name_at_the_last_moment_hides_nobody_from_their_end() {
    // The clock is looked at ten times a second: whoever asks in between is refused by `access` before the reviewer has come round.
    for _ in 0..5 {
        let (gateway, _) = house().await;
        let mut ann = gateway.stranger();
        let token = gateway.mint("standup", |m| {
            m.eject_at_expiry = Some(true);
            m.expires = Some(gateway.now().plus(Duration::from_secs(600)));
        });
        ann.visits(&format!("/standup?t={token}")).await;
        let mut socket = stream(&ann, "/xmpp-websocket?room=standup").await;
        socket.says(&joins("standup", "ann")).await;
        assert!(socket.hears().await.contains("110"));
        assert_eq!(inside(&gateway, "standup"), 1);

        gateway.clock.advance(Duration::from_secs(601));
        socket.says(&joins("standup", "hidden")).await;
        let since = Instant::now();
        let (code, _) = socket.ends().await;
        assert!(since.elapsed() < Duration::from_millis(1500), "still inside after {:?}, closed with {code}", since.elapsed());
    }
}

#[tokio::test]
async fn over_bosh_neither() {
    for _ in 0..5 {
        let (gateway, prosody) = house().await;
        let mut ann = gateway.stranger();
        let token = gateway.mint("standup", |m| {
            m.eject_at_expiry = Some(true);
            m.expires = Some(gateway.now().plus(Duration::from_secs(600)));
        });
        ann.visits(&format!("/standup?t={token}")).await;
        let at = "/http-bind?room=standup";
        let sid = sid_of(&asks(&mut ann, at, true, &body(10, None, "")).await);
        asks(&mut ann, at, true, &body(11, Some(&sid), BIND)).await;
        let answer = asks(&mut ann, at, true, &body(12, Some(&sid), &joins("standup", "ann"))).await;
        assert!(answer.text().contains("110"), "{}", answer.text());
        assert_eq!(inside(&gateway, "standup"), 1);

        gateway.clock.advance(Duration::from_secs(601));
        asks(&mut ann, at, true, &body(13, Some(&sid), &joins("standup", "hidden"))).await;
        eventually("the server was told that Ann leaves", Duration::from_millis(1500), async || {
            (prosody.heard("terminate") == 1 && prosody.heard("unavailable") == 1).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn without_cookies_a_session_goes_on_by_the_token_or_in_a_public_room_by_nothing() {
    let (gateway, prosody) = house().await;
    let token = gateway.token("standup");
    for (at, room) in [(format!("/http-bind?room=standup&token={token}"), "standup"), ("/http-bind?room=open".to_owned(), "open")] {
        for origin in [true, false] {
            // No browser, or one that keeps no cookies of a page inside another.
            let without = async |text: String| {
                let mut nobody = gateway.stranger();
                asks(&mut nobody, &at, origin, &text).await
            };
            let sid = sid_of(&without(body(10, None, "")).await);
            let answer = without(body(11, Some(&sid), BIND)).await;
            assert!(answer.text().contains("<jid>"), "{room} {origin}: {}", answer.text());
            let answer = without(body(12, Some(&sid), &joins(room, "ann"))).await;
            assert!(answer.text().contains("110"), "{room} {origin}: {}", answer.text());
        }
    }
    assert_eq!(prosody.heard(&token), 0, "no token of ours reaches the server");
    // Who keeps the cookie that came with the first answer is the same person all the same.
    let mut ann = gateway.stranger();
    let sid = sid_of(&asks(&mut ann, "/http-bind?room=open", true, &body(10, None, "")).await);
    assert!(!ann.cookies.is_empty());
    let answer = asks(&mut ann, "/http-bind?room=open", true, &body(11, Some(&sid), BIND)).await;
    assert!(answer.text().contains("<jid>"), "{}", answer.text());
    // And nobody else has it, who has another token or another browser.
    let mut bob = gateway.stranger();
    bob.visits(&format!("/standup?t={}", gateway.token("standup"))).await;
    let mut ann = gateway.stranger();
    ann.visits(&format!("/standup?t={token}")).await;
    let sid = sid_of(&asks(&mut ann, "/http-bind?room=standup", true, &body(10, None, "")).await);
    let answer = asks(&mut bob, "/http-bind?room=standup", true, &body(11, Some(&sid), BIND)).await;
    assert!(answer.text().contains("item-not-found"), "{}", answer.text());
}

#[tokio::test]
async fn interim_answers_of_the_server_are_for_nobody() {
    let (gateway, prosody) = house().await;
    prosody.hints.store(true, Ordering::Relaxed);
    let mut ann = gateway.stranger();
    let at = "/http-bind?room=open";
    let sid = sid_of(&asks(&mut ann, at, true, &body(10, None, "")).await);
    for rid in 11..14 {
        let answer = asks(&mut ann, at, true, &body(rid, Some(&sid), BIND)).await;
        assert!(answer.text().contains("<jid>"), "{}", answer.text());
    }
}

#[tokio::test]
async fn a_session_that_falls_silent_leaves_the_room() {
    let (gateway, prosody) = house().await;
    let mut ann = gateway.stranger();
    let at = "/http-bind?room=open";
    let sid = sid_of(&asks(&mut ann, at, true, &body(10, None, "")).await);
    asks(&mut ann, at, true, &body(11, Some(&sid), BIND)).await;
    asks(&mut ann, at, true, &body(12, Some(&sid), &joins("open", "ann"))).await;
    assert_eq!(inside(&gateway, "open"), 1);
    gateway.clock.advance(Duration::from_secs(80));
    eventually("the server was told", Duration::from_secs(8), async || (prosody.heard("terminate") == 1).then_some(())).await;
    eventually("nobody is inside", Duration::from_secs(1), async || (inside(&gateway, "open") == 0).then_some(())).await;
}

#[tokio::test]
async fn one_session_has_only_so_many_requests_at_once() {
    let (gateway, prosody) = house().await;
    let mut ann = gateway.stranger();
    ann.visits("/open").await;
    let at = "/http-bind?room=open";
    let sid = sid_of(&asks(&mut ann, at, true, &body(10, None, "")).await);
    asks(&mut ann, at, true, &body(11, Some(&sid), BIND)).await;
    prosody.holds.store(true, Ordering::Relaxed);
    let mut polls = Vec::new();
    for rid in 12..52 {
        let (mut person, text) = (ann.clone(), body(rid, Some(&sid), ""));
        polls.push(tokio::spawn(async move { asks(&mut person, at, true, &text).await.status }));
    }
    eventually("the others are turned away", Duration::from_secs(5), async || {
        (polls.iter().filter(|poll| poll.is_finished()).count() == 24).then_some(())
    })
    .await;
    polls.iter().for_each(tokio::task::JoinHandle::abort);
}
