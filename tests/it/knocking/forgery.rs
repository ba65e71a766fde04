//! What other sites, other people and other rooms try at the door.

use serde_json::json;

use super::people::{ROOMS, between};
use crate::harness::{Gateway, Person};

async fn enters(gateway: &Gateway, room: &str, token: &str) -> Person {
    let mut person = gateway.stranger();
    assert_eq!(person.visits(&format!("/{room}?t={token}")).await.status, 200);
    person
}

#[tokio::test(flavor = "multi_thread")]
async fn another_site_neither_knocks_nor_answers() {
    let gateway = Gateway::with(ROOMS).await;
    let mut olga = enters(&gateway, "standup", &gateway.owner_token("standup")).await;
    let mut bob = gateway.stranger();
    bob.knocks("standup", "Bob").await;
    let knock = olga.waiting("standup").await[0].clone();
    let id = knock["id"].as_str().unwrap();
    let console = olga.opens("/_roomgate/door?room=standup").await.text();
    let form = between(&console, "name=\"form\" value=\"", "\"").to_owned();
    let body = format!("room=standup&form={form}&id={id}&version=1&do=allow");
    let kind = ("Content-Type", "application/x-www-form-urlencoded");
    let own = format!("http://{}", gateway.address);
    let cases: [(&str, Vec<(&str, &str)>); 6] = [
        ("a foreign origin", vec![kind, ("Origin", "https://evil.example")]),
        ("a null origin", vec![kind, ("Origin", "null")]),
        ("no origin, but a cookie", vec![kind]),
        ("two origins", vec![kind, ("Origin", &own), ("Origin", "https://evil.example")]),
        ("another port of ours", vec![kind, ("Origin", "http://127.0.0.1:1")]),
        ("a form as text", vec![("Content-Type", "text/plain"), ("Origin", &own)]),
    ];
    for (what, headers) in &cases {
        let answer = olga.clone().sends("POST", "/_roomgate/door", headers, body.as_bytes()).await;
        assert!([400, 401, 403].contains(&answer.status), "{what}: {}", answer.status);
        let json = json!({"grantRequestedAccess": true, "version": 1}).to_string();
        let target = format!("/_roomgate/v1/rooms/standup/waiting-participants/{id}");
        let headers: Vec<_> =
            headers.iter().filter(|(n, _)| *n == "Origin").copied().chain([("Content-Type", "application/json")]).collect();
        if *what != "a form as text" {
            let answer = olga.clone().sends("PATCH", &target, &headers, json.as_bytes()).await;
            assert!([400, 401, 403].contains(&answer.status), "{what}, as JSON: {}", answer.status);
        }
        assert_eq!(bob.stands("standup").await, "waiting", "{what}");
    }
    // From the right place, but with no or another's form token.
    let others = enters(&gateway, "standup", &gateway.owner_token("standup")).await.opens("/_roomgate/door?room=standup").await.text();
    let others = between(&others, "name=\"form\" value=\"", "\"").to_owned();
    for form in ["", "x", &others] {
        let fields = [("room", "standup"), ("form", form), ("id", id), ("version", "1"), ("do", "allow")];
        let answer = olga.submits("/_roomgate/door", &fields).await;
        assert!(answer.status >= 400 || answer.location().contains("note=stale"), "{form}: {}", answer.status);
        assert_eq!(bob.stands("standup").await, "waiting", "{form}");
    }
    let mut eve = gateway.stranger();
    eve.visits("/standup").await;
    let headers = [kind, ("Origin", "https://evil.example")];
    assert_eq!(eve.sends("POST", "/_roomgate/knock", &headers, b"room=standup&name=Eve").await.status, 403);
    assert_eq!(olga.waiting("standup").await.len(), 1);
    // And with all that is right it works.
    let fields = [("room", "standup"), ("form", &*form), ("id", id), ("version", "1"), ("do", "allow")];
    assert!(olga.submits("/_roomgate/door", &fields).await.location().ends_with("note=allowed"));
    assert_eq!(bob.stands("standup").await, "full");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_owners_of_this_room_decide_about_it() {
    let gateway = Gateway::with(ROOMS).await;
    let mut olga = enters(&gateway, "standup", &gateway.owner_token("standup")).await;
    let mut bob = gateway.stranger();
    bob.knocks("standup", "Bob").await;
    let knock = olga.waiting("standup").await[0].clone();
    let (mut ann, mut otto) =
        (enters(&gateway, "standup", &gateway.token("standup")).await, enters(&gateway, "board", &gateway.owner_token("board")).await);
    let mut nobody = gateway.stranger();
    for (who, person) in
        [("a participant", &mut ann), ("another room's owner", &mut otto), ("the visitor", &mut bob), ("nobody", &mut nobody)]
    {
        for target in ["waiting-participants", "presence", "bans"] {
            let answer = person.fetches(&format!("/_roomgate/v1/rooms/standup/{target}")).await;
            assert!([401, 403].contains(&answer.status), "{who} {target}: {}", answer.status);
            assert!(!answer.text().contains("Bob"));
        }
        assert!([401, 403].contains(&person.opens("/_roomgate/door?room=standup").await.status), "{who}");
        assert!([401, 403].contains(&person.answers("standup", &knock, true).await.status), "{who}");
        let eject = person.posts("/_roomgate/v1/rooms/standup/eject", &json!({"ids": ["x"]})).await;
        assert!([401, 403].contains(&eject.status), "{who}");
    }
    // The owner of another room, through their own.
    let answer = otto.answers("board", &knock, true).await;
    assert_eq!(answer.status, 404, "{}", answer.text());
    assert_eq!(bob.stands("standup").await, "waiting");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_way_back_is_ours_or_the_room() {
    let gateway = Gateway::with(ROOMS).await;
    let mut ann = enters(&gateway, "standup", &gateway.token("standup")).await;
    let mut eve = gateway.stranger();
    let sealed = eve.opens("/board/secret").await.location().split("to=").nth(1).unwrap().to_owned();
    for to in
        ["https://evil.example/", "//evil.example/", "/\\evil.example", "/board", "%2F%2Fevil.example", "javascript:alert(1)", "", &sealed]
    {
        let encoded = percent_encoding::utf8_percent_encode(to, percent_encoding::NON_ALPHANUMERIC);
        let answer = ann.opens(&format!("/_roomgate/knock?room=standup&to={encoded}")).await;
        assert_eq!((answer.status, answer.location()), (303, "/standup"), "{to}");
        let page = eve.opens(&format!("/_roomgate/knock?room=standup&to={encoded}")).await.text();
        assert!(!page.contains("evil.example") && !page.contains("javascript:"), "{to}");
        assert!(page.contains("data-to=\"/standup\""), "{to}");
    }
}
