//! Who is told what, in which words, and signed how?

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;

use super::{ROOMS, SECRET};
use crate::harness::Gateway;
use crate::harness::busy::Busy;
use crate::harness::process::{House, roomgate};
use crate::harness::receiver::{Mood, Receiver};
use crate::harness::socket::{eventually, series};

#[tokio::test(flavor = "multi_thread")]
async fn a_story_is_told_in_order_and_signed_with_who_decided() {
    let receiver = Receiver::start().await;
    let hooks = [
        receiver.section("all", "secret_file = \"hook.secret\""),
        receiver.section("board", "rooms = [\"boa*\"]\nevents = [\"waiting-participant.joined\"]"),
        receiver.section("chat", "shape = \"slack\""),
        receiver.section("phone", "shape = \"ntfy\"\nevents = [\"waiting-participant.joined\"]"),
    ];
    let gateway = Gateway::with(&[ROOMS, &hooks.concat()].concat()).await;
    let (mut olga, mut bob, mut eve) = (gateway.stranger(), gateway.stranger(), gateway.stranger());
    olga.visits(&format!("/standup?t={}", gateway.owner_token("standup"))).await;
    bob.knocks("standup", "Bob").await;
    let waiting = olga.waiting("standup").await;
    assert_eq!(olga.answers("standup", &waiting[0], true).await.status, 200);
    eve.knocks("standup", "<!channel> @here").await;
    let waiting = olga.waiting("standup").await;
    assert_eq!(olga.answers("standup", &waiting[0], false).await.status, 200);
    eve.knocks("board", "Eve").await;

    let is_knock = |kind: &str| kind.starts_with("waiting-participant.");
    let told = eventually("seven messages about waiting", Duration::from_secs(20), async || {
        let got: Vec<_> = receiver.got_at("all").into_iter().filter(|g| is_knock(&g.kind())).collect();
        (got.len() >= 7).then_some(got)
    })
    .await;
    let kinds: Vec<String> = told.iter().map(|g| g.kind().replace("waiting-participant.", "")).collect();
    assert_eq!(kinds, ["joined", "admitted", "left", "joined", "denied", "left", "joined"]);
    let ids: BTreeSet<String> = receiver.got_at("all").iter().map(|g| g.id()).collect();
    assert_eq!(ids.len(), receiver.got_at("all").len(), "each has an id of its own");
    for got in receiver.got_at("all") {
        assert!(got.is_signed_by(SECRET), "{got:?}");
        assert_eq!(got.header("content-type"), "application/json");
        let at: i64 = got.header("x-webhook-timestamp").parse().unwrap();
        assert!((gateway.now().as_secs() - at).abs() < 60);
    }
    let all: Vec<_> = told.iter().map(|g| g.json()).collect();
    assert_eq!(all[0]["payload"]["user_name"], "Bob");
    assert_eq!(all[0]["payload"]["session_id"], all[1]["payload"]["session_id"]);
    assert_eq!((&all[1]["payload"]["decided_by"], &all[1]["payload"]["through"]), (&json!("Olga"), &json!("api")));
    assert_eq!((&all[2]["payload"]["outcome"], &all[5]["payload"]["outcome"]), (&json!("allowed"), &json!("denied")));
    assert_eq!(all[6]["payload"]["room"], "board");

    // One room and one type.
    let board = receiver.gets("board", 1, || {}).await;
    assert_eq!((board.len(), board[0].id()), (1, told[6].id()), "the same id for every hook");
    assert_eq!((board[0].header("x-webhook-signature"), board[0].json()["payload"]["user_name"].as_str()), ("", Some("Eve")));

    // Sentences.
    let chat = receiver.gets("chat", 5, || {}).await;
    let texts: Vec<String> = chat.iter().map(|g| g.json()["text"].as_str().unwrap().to_owned()).collect();
    let door = |room| format!("<http://{}/_roomgate/door?room={room}|Open the door>", gateway.address);
    assert_eq!(
        texts,
        [
            format!("Bob asks to be let into standup. {}", door("standup")),
            "Olga let Bob into standup.".to_owned(),
            format!("&lt;!channel&gt; ＠here asks to be let into standup. {}", door("standup")),
            "Olga did not let &lt;!channel&gt; ＠here into standup.".to_owned(),
            format!("Eve asks to be let into board. {}", door("board")),
        ]
    );
    // Published to the server, about the topic.
    let phone = receiver.gets("", 3, || {}).await;
    assert_eq!((&phone[2].json()["topic"], &phone[2].json()["title"]), (&json!("phone"), &json!("Somebody waits: board")));
    eventually("all are counted", Duration::from_secs(10), async || {
        let delivered = series(&gateway.metrics().await, "roomgate_webhook_deliveries_total{result=\"delivered\"}");
        (delivered as usize == receiver.got().len()).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hooks_follow_the_configuration_and_a_new_one_begins_with_the_present() {
    let receiver = Receiver::start().await;
    let gateway = Gateway::with(&[ROOMS, &receiver.section("one", "")].concat()).await;
    let mut bob = gateway.stranger();
    bob.knocks("standup", "Bob").await;
    receiver.gets("one", 1, || {}).await;

    gateway.edit("name = \"one\"", "name = \"two\"");
    gateway.edit("/one\"", "/two\"");
    gateway.running().reload();
    eventually("the new hook has its place", Duration::from_secs(10), async || gateway.gate().store().position("two").await.unwrap()).await;
    let mut eve = gateway.stranger();
    eve.knocks("standup", "Eve").await;
    let got = receiver.gets("two", 1, || {}).await;
    assert_eq!(got[0].json()["payload"]["user_name"], "Eve");
    assert_eq!(receiver.got_at("one").len(), 1, "and the old one hears no more");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_secrets_sign_both_while_they_are_rotated() {
    const SECOND: &str = "c2Vjb25kIHNlY3JldCBvZiAyNCBieXRl";
    let receiver = Receiver::start().await;
    let house = House::new(&crate::harness::busy::section("http://127.0.0.1:1"), ROOMS);
    std::fs::write(house.file("hook.secret"), format!("{SECRET}\n{SECOND}\n")).unwrap();
    house.edit("[store]", &format!("{}[store]", receiver.section("all", "secret_file = \"hook.secret\"")));
    let _process = house.serve(&[]).await;
    house.stranger().posts_knock("standup", "Bob").await;
    let got = receiver.gets("all", 1, || {}).await;
    assert!(got[0].is_signed_by(SECRET) && got[0].is_signed_by(SECOND), "{:?}", got[0]);
    assert!(!got[0].is_signed_by("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSx"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_secret_of_a_hook_is_ever_said() {
    let receiver = Receiver::start().await;
    receiver.usually(Mood::Says("500 No"));
    let house = House::new(&crate::harness::busy::section("http://127.0.0.1:1"), ROOMS);
    let hook = |name: &str, more: &str| {
        format!("[[webhook]]\nname = \"{name}\"\nurl = \"http://ann:hunter2@{}/pathsecret?key=querysecret\"\n{more}\n", receiver.address)
    };
    let events = hook("events", "private = true\nsecret_file = \"hook.secret\"");
    let gone =
        "[[webhook]]\nname = \"gone\"\nurl = \"https://ann:hunter2@nowhere.invalid/pathsecret?key=querysecret\"\nshape = \"slack\"\n";
    house.edit("[store]", &format!("{events}{gone}[store]"));
    let process = house.serve(&["--log", "trace"]).await;
    house.stranger().posts_knock("standup", "Bob").await;
    let got = eventually("two attempts", Duration::from_secs(20), async || Some(receiver.got()).filter(|g| g.len() >= 2)).await;
    assert_eq!(got[0].target, "/pathsecret?key=querysecret");
    assert_eq!(got[0].header("authorization"), "Basic YW5uOmh1bnRlcjI=");
    process.says("\"hook\":\"gone\"").await;
    process.says("a webhook was not taken").await;
    receiver.usually(Mood::Says("410 Gone"));
    process.says("answered 410").await;

    house.edit("secret_file = \"hook.secret\"\n[[webhook]]", "secret_file = \"hook.secret\"\nrooms = 5\n[[webhook]]");
    process.signal("HUP").await;
    process.says("the configuration is broken").await;
    let config = house.config();
    let check = roomgate(&["check", "--config", &config]).await;
    let said = [process.log().join("\n"), format!("{check:?}"), house.metrics().await].concat();
    assert!(said.contains("a webhook was not taken") && said.contains(&format!("http://{}", receiver.address)));
    for secret in ["hunter2", "pathsecret", "querysecret", SECRET, "aHVudGVy", "YW5uOmh1bnRlcjI"] {
        assert!(!said.contains(secret), "{secret}: {}", said.lines().find(|l| l.contains(secret)).unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_goes_and_is_banned_is_told_with_the_meeting() {
    let (receiver, busy) = (Receiver::start().await, Busy::start().await);
    let house = House::new(&busy.section(), ROOMS);
    house.edit("[store]", &format!("[meeting]\ngrace = \"0s\"\n{}[store]", receiver.section("all", "")));
    let _process = house.serve(&[]).await;
    let owner = house.token(&["--room", "standup", "--owner", "--name", "Olga"]).await;
    let guest = house.token(&["--room", "standup", "--name", "Bob", "--user", "bob-1"]).await;
    let (mut olga, mut bob) = (house.stranger(), house.stranger());
    olga.visits(&format!("/standup?t={owner}")).await;
    bob.visits(&format!("/standup?t={guest}")).await;
    let told = async |kind: &str, who: Option<&str>| {
        eventually(&format!("{kind} {who:?}"), Duration::from_secs(20), async || {
            let is_it = |json: &serde_json::Value| json["type"] == kind && json["payload"]["user_name"].as_str() == who;
            receiver.got_at("all").iter().map(|g| g.json()).find(is_it)
        })
        .await
    };
    let socket = bob.socket("/ws?room=standup").await.unwrap();
    let started = told("meeting.started", None).await;
    let joined = told("participant.joined", Some("Bob")).await;
    assert_eq!((&joined["payload"]["user_id"], &joined["payload"]["owner"]), (&json!("bob-1"), &json!(false)));
    let inside = olga.fetches("/_roomgate/v1/rooms/standup/presence").await.json();
    let id = inside["data"].as_array().unwrap().iter().find(|p| p["userName"] == "Bob").map(|p| p["id"].clone()).unwrap();
    assert_eq!(joined["payload"]["session_id"], id);
    // Sent back, let in again; everybody let in from now on, and not.
    assert_eq!(olga.posts("/_roomgate/v1/rooms/standup/move-back", &json!({"ids": [id]})).await.status, 200);
    let back = told("waiting-participant.moved-back", Some("Bob")).await;
    assert_eq!((&back["payload"]["decided_by"], &back["payload"]["through"]), (&json!("Olga"), &json!("api")));
    told("waiting-participant.joined", Some("Bob")).await;
    told("participant.left", Some("Bob")).await;
    let waiting = olga.waiting("standup").await;
    assert_eq!(olga.answers("standup", &waiting[0], true).await.status, 200);
    told("waiting-participant.admitted", Some("Bob")).await;
    let origin = format!("http://{}", house.address);
    let headers = [("Origin", origin.as_str()), ("Content-Type", "application/json"), ("Roomgate-Through", "door")];
    let target = "/_roomgate/v1/rooms/standup/remembered";
    assert_eq!(olga.sends("PUT", target, &headers, br#"{"answer": "allow"}"#).await.status, 200);
    let choice = told("room.choice-remembered", None).await;
    assert_eq!((&choice["payload"]["answer"], &choice["payload"]["through"]), (&json!("allow"), &json!("door")));
    assert_eq!(olga.sends("DELETE", target, &headers, b"").await.status, 200);
    told("room.choice-forgotten", None).await;
    drop(socket);
    assert_eq!(bob.visits("/standup").await.status, 200);
    let socket = bob.socket("/ws?room=standup").await.unwrap();
    let inside = olga.fetches("/_roomgate/v1/rooms/standup/presence").await.json();
    let id = inside["data"].as_array().unwrap().iter().find(|p| p["userName"] == "Bob").map(|p| p["id"].clone()).unwrap();
    assert_eq!(olga.posts("/_roomgate/v1/rooms/standup/eject", &json!({"ids": [id], "ban": true})).await.status, 200);
    let banned = told("participant.banned", Some("Bob")).await;
    assert_eq!((&banned["payload"]["decided_by"], &banned["payload"]["session_id"]), (&json!("Olga"), &id));
    let left = told("participant.left", Some("Bob")).await;
    assert!(left["payload"]["duration"].as_f64().is_some());
    drop(socket);
    let ended = told("meeting.ended", None).await;
    assert_eq!(ended["payload"]["start_ts"], started["payload"]["start_ts"]);
    assert!(ended["payload"]["end_ts"].as_f64() >= started["payload"]["start_ts"].as_f64());
    assert_eq!(ended["payload"]["meeting_id"], started["payload"]["meeting_id"]);
}
