//! Every reason for which somebody inside has to leave: idle or busy, within a second, and told why.

use std::io::Write as _;
use std::time::Duration;

use serde_json::json;

use super::inside::{Inside, TUNNELS};
use crate::harness::busy::Busy;
use crate::harness::process::roomgate;
use crate::harness::socket::{SOON, eventually, series};
use crate::harness::{Gateway, Person};

const HOUR: Duration = Duration::from_secs(3600);
const PRIVATE: &str = "[[room]]\nname = \"standup\"\nprivacy = \"private\"\n[[room]]\nname = \"board\"\nprivacy = \"private\"\n";

/// A gateway before a busy server.
pub async fn house(sections: &str, rooms: &str) -> (Gateway, Busy) {
    let busy = Busy::start().await;
    let gateway = Gateway::configured(&format!("{}{sections}\n", busy.section()), rooms).await;
    (gateway, busy)
}

/// Somebody who came by a link.
pub async fn comes(gateway: &Gateway, room: &str, token: &str) -> Person {
    let mut person = gateway.stranger();
    assert_eq!(person.visits(&format!("/{room}?t={token}")).await.status, 200);
    person
}

/// Ann is inside when something happens, and leaves; Bob is in the same room by another right, Cleo in another one: they stay.
async fn ann_leaves(gateway: Gateway, busy: Busy, ann: Person, told: (u16, &str), cause: impl AsyncFnOnce(&Gateway, &Person)) {
    let bob = comes(&gateway, "standup", &gateway.mint("standup", |m| m.expires = Some(gateway.now().plus(HOUR * 9)))).await;
    let cleo = comes(&gateway, "board", &gateway.mint("board", |m| m.expires = Some(gateway.now().plus(HOUR * 9)))).await;
    let (mut bobs, mut cleos) = (bob.socket("/ws?room=standup").await.unwrap(), cleo.socket("/board/socket").await.unwrap());
    let anns = Inside::enter(&gateway, &busy, &ann, "standup").await;
    assert_eq!(series(&gateway.metrics().await, "roomgate_tunnels_open"), TUNNELS + 2.0);

    cause(&gateway, &ann).await;
    anns.all_end(&gateway, &busy, 2, told).await;

    bobs.is_alive().await;
    cleos.is_alive().await;
    let refused = ann.socket("/ws?room=standup").await.err();
    assert!(refused.as_ref().is_some_and(|(status, _)| [401, 403, 404].contains(status)), "{refused:?}");
    let metrics = gateway.metrics().await;
    assert_eq!(series(&metrics, "roomgate_tunnels_open"), 2.0);
    assert_eq!(series(&metrics, &format!("roomgate_tunnels_closed_total{{reason=\"{}\"}}", told.1)), TUNNELS, "{metrics}");
    assert_eq!(series(&metrics, &format!("roomgate_ejects_total{{reason=\"{}\"}}", told.1)), 1.0);
    assert_eq!(series(&metrics, "roomgate_eject_lag_seconds_count"), 1.0, "one session, one lag");
    assert_eq!(series(&metrics, "roomgate_eject_lag_seconds_bucket{le=\"1\"}"), 1.0, "and no more than a second of it");
    assert_eq!(series(&metrics, "roomgate_http_requests_in_flight"), 2.0, "what was cut off is no longer in flight");
}

async fn owner_ejects(gateway: &Gateway, body: impl Fn(&str) -> serde_json::Value) {
    let mut olga = comes(gateway, "standup", &gateway.owner_token("standup")).await;
    let inside = olga.fetches("/_roomgate/v1/rooms/standup/presence").await.json();
    let ann = inside["data"].as_array().unwrap().iter().find(|p| p["userName"] == "Ann").unwrap_or_else(|| panic!("{inside}"));
    let id = ann["id"].as_str().unwrap();
    let answer = olga.posts("/_roomgate/v1/rooms/standup/eject", &body(id)).await;
    assert_eq!((answer.status, answer.json()["ejectedIds"][0].as_str()), (200, Some(id)));
}

fn ann(gateway: &Gateway, change: impl FnOnce(&mut roomgate::token::Minting)) -> String {
    gateway.mint("standup", |m| {
        m.name = Some("Ann".into());
        change(m);
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_says_so_ends_what_it_opened_when_it_expires() {
    let (gateway, busy) = house("", PRIVATE).await;
    let token = ann(&gateway, |m| m.eject_at_expiry = Some(true));
    let ann = comes(&gateway, "standup", &token).await;
    ann_leaves(gateway, busy, ann, (4401, "token-expired"), async |gateway, _| gateway.clock.advance(HOUR)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn time_inside_that_is_used_up_ends_it() {
    let (gateway, busy) = house("", PRIVATE).await;
    let token = ann(&gateway, |m| m.eject_after = Some(Duration::from_secs(60)));
    let ann = comes(&gateway, "standup", &token).await;
    ann_leaves(gateway, busy, ann, (4401, "ejected"), async |gateway, _| gateway.clock.advance(Duration::from_secs(61))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_in_the_revocations_file_ends_it() {
    for order in ["jti:", "user:"] {
        let (gateway, busy) = house("[tokens]\nrevocations_file = \"revoked.txt\"\n", PRIVATE).await;
        let token = ann(&gateway, |m| (m.id, m.user) = (Some("ann-1".into()), Some("ann-1".into())));
        let ann = comes(&gateway, "standup", &token).await;
        ann_leaves(gateway, busy, ann, (4401, "token-revoked"), async |gateway, _| {
            let mut file = std::fs::File::options().create(true).append(true).open(gateway.file("revoked.txt")).unwrap();
            writeln!(file, "{order}ann-1").unwrap();
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn roomgate_revoke_ends_it() {
    let (gateway, busy) = house("[store]\nkind = \"sqlite\"\npath = \"facts.db\"\n", PRIVATE).await;
    let token = ann(&gateway, |m| m.id = Some("ann-1".into()));
    let ann = comes(&gateway, "standup", &token).await;
    ann_leaves(gateway, busy, ann, (4401, "token-revoked"), async |gateway, _| {
        let done = roomgate(&["revoke", "--config", gateway.file("roomgate.toml").to_str().unwrap(), "jti:ann-1"]).await;
        assert!(done.status.success(), "{done:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_removes_somebody() {
    let (gateway, busy) = house("", PRIVATE).await;
    let ann = comes(&gateway, "standup", &ann(&gateway, |_| {})).await;
    ann_leaves(gateway, busy, ann, (4403, "ejected"), async |gateway, _| owner_ejects(gateway, |id| json!({"ids": [id]})).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_bans_somebody() {
    let (gateway, busy) = house("", PRIVATE).await;
    let ann = comes(&gateway, "standup", &ann(&gateway, |_| {})).await;
    ann_leaves(gateway, busy, ann, (4403, "banned"), async |gateway, _| {
        owner_ejects(gateway, |id| json!({"ids": [id], "ban": true})).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_sends_somebody_back_to_wait() {
    let (gateway, busy) = house("", PRIVATE).await;
    let ann = comes(&gateway, "standup", &ann(&gateway, |_| {})).await;
    ann_leaves(gateway, busy, ann, (4408, "waiting"), async |gateway, _| {
        let mut olga = comes(gateway, "standup", &gateway.owner_token("standup")).await;
        let inside = olga.fetches("/_roomgate/v1/rooms/standup/presence").await.json();
        let ann = inside["data"].as_array().unwrap().iter().find(|p| p["userName"] == "Ann").unwrap_or_else(|| panic!("{inside}"));
        let answer = olga.posts("/_roomgate/v1/rooms/standup/move-back", &json!({"ids": [ann["id"]]})).await;
        assert_eq!(answer.json()["movedIds"][0], ann["id"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_buttons_at_the_door_do_the_same() {
    for (button, reason) in [("remove", "ejected"), ("ban", "banned")] {
        let (gateway, busy) = house("", PRIVATE).await;
        let ann = comes(&gateway, "standup", &ann(&gateway, |_| {})).await;
        ann_leaves(gateway, busy, ann, (4403, reason), async |gateway, _| {
            let mut olga = comes(gateway, "standup", &gateway.owner_token("standup")).await;
            let people = olga.fetches("/_roomgate/v1/rooms/standup/presence").await.json();
            let people = people["data"].as_array().unwrap().clone();
            let id = people.iter().find(|p| p["userName"] == "Ann").unwrap()["id"].as_str().unwrap().to_owned();
            let door = olga.opens("/_roomgate/door?room=standup").await.text();
            let form = door.split("name=\"form\" value=\"").nth(1).unwrap().split('"').next().unwrap();
            let origin = format!("http://{}", olga.address);
            let headers = [("Origin", origin.as_str()), ("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "text/html")];
            let body = format!("room=standup&form={form}&do={button}&id={id}");
            let answer = olga.sends("POST", "/_roomgate/door", &headers, body.as_bytes()).await;
            assert_eq!(answer.status, 303, "{}", answer.text());
        })
        .await;
    }
}

/// Everybody of one room leaves, those of another stay.
async fn all_leave(gateway: Gateway, busy: Busy, told: (u16, &str), patience: Duration, cause: impl AsyncFnOnce(&Gateway)) {
    let (ann, cleo) =
        (comes(&gateway, "standup", &gateway.token("standup")).await, comes(&gateway, "board", &gateway.token("board")).await);
    let mut cleos = cleo.socket("/board/socket").await.unwrap();
    let anns = Inside::enter(&gateway, &busy, &ann, "standup").await;
    cause(&gateway).await;
    eventually("it has been heard of", patience, async || {
        (series(&gateway.metrics().await, &format!("roomgate_ejects_total{{reason=\"{}\"}}", told.1)) > 0.0).then_some(())
    })
    .await;
    anns.all_end(&gateway, &busy, 1, told).await;
    cleos.is_alive().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_says_so_empties_when_it_closes() {
    let busy = Busy::start().await;
    let exp = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() + 600;
    let rooms = format!(
        "[[room]]\nname = \"standup\"\nprivacy = \"private\"\nexp = {exp}\neject_at_room_exp = true\n[[room]]\nname = \"board\"\nexp = {exp}\n"
    );
    let gateway = Gateway::configured(&busy.section(), &rooms).await;
    all_leave(gateway, busy, (4401, "room-expired"), SOON, async |gateway| gateway.clock.advance(Duration::from_secs(601))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_gives_each_so_long_ends_them() {
    let rooms = "[[room]]\nname = \"standup\"\neject_after_elapsed = \"60s\"\n[[room]]\nname = \"board\"\n";
    let (gateway, busy) = house("", rooms).await;
    all_leave(gateway, busy, (4401, "ejected"), SOON, async |gateway| gateway.clock.advance(Duration::from_secs(61))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_taken_out_of_the_configuration_empties() {
    let (gateway, busy) = house("", PRIVATE).await;
    // Renamed over: a file that shrinks in place might be half written, and is given longer.
    all_leave(gateway, busy, (4404, "no-room"), SOON * 2, async |gateway| {
        let text = std::fs::read_to_string(gateway.file("roomgate.toml")).unwrap();
        std::fs::write(gateway.file("new"), text.replace("name = \"standup\"", "name = \"other\"")).unwrap();
        std::fs::rename(gateway.file("new"), gateway.file("roomgate.toml")).unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn revoking_a_room_s_tokens_or_all_before_a_time_ends_those_and_no_guests() {
    for order in ["room:standup", "before:"] {
        let rooms = "[[room]]\nname = \"standup\"\n[[room]]\nname = \"board\"\n";
        let (gateway, busy) = house("[tokens]\nrevocations_file = \"revoked.txt\"\n", rooms).await;
        let ann = comes(&gateway, "standup", &gateway.token("standup")).await;
        let mut guest = gateway.stranger();
        guest.opens("/standup").await;
        let mut guests = guest.socket("/standup/socket").await.unwrap();
        let anns = Inside::enter(&gateway, &busy, &ann, "standup").await;
        let order = if order == "before:" { format!("before:{}", gateway.now().as_secs() + 1) } else { order.to_owned() };
        std::fs::write(gateway.file("revoked.txt"), format!("{order}\n")).unwrap();
        anns.all_end(&gateway, &busy, 1, (4401, "token-revoked")).await;
        guests.is_alive().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_banned_while_connecting_does_not_get_in() {
    let (gateway, _busy) = house("", PRIVATE).await;
    for round in 0..10_u64 {
        let ann = comes(&gateway, "standup", &ann(&gateway, |m| m.user = Some(format!("ann-{round}")))).await;
        let mut first = ann.socket("/ws?room=standup").await.unwrap();
        let connecting = tokio::spawn({
            let ann = ann.clone();
            async move {
                let mut sockets = Vec::new();
                for _ in 0..30 {
                    sockets.push(ann.socket("/ws?room=standup").await);
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                sockets
            }
        });
        tokio::time::sleep(Duration::from_millis(round * 3)).await;
        owner_ejects(&gateway, |id| json!({"ids": [id], "ban": true})).await;
        assert_eq!(first.ends().await, (4403, "banned".to_owned()));
        for socket in connecting.await.unwrap() {
            match socket {
                Ok(mut socket) => assert_eq!(socket.ends().await, (4403, "banned".to_owned())),
                Err((status, code)) => assert!([(403, "banned"), (0, "")].contains(&(status, &*code)), "{status} {code}"),
            }
        }
        eventually("no tunnel is left", SOON, async || (series(&gateway.metrics().await, "roomgate_tunnels_open") == 0.0).then_some(()))
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn draining_says_goodbye_and_lets_requests_finish() {
    let (mut gateway, busy) = house("", PRIVATE).await;
    let ann = comes(&gateway, "standup", &gateway.token("standup")).await;
    let mut idle = ann.socket("/ws?room=standup").await.unwrap();
    let mut second = ann.asks("GET", "/standup/second", &[("Connection", "close")]).await;
    let mut waiting = gateway.stranger().asks("GET", "/_roomgate/events?room=standup", &[]).await;
    eventually("the request is there", SOON, async || (busy.living() == 2).then_some(())).await;
    let (since, running) = (std::time::Instant::now(), gateway.take_running());
    let draining = tokio::spawn(running.drain(Duration::from_secs(20)));
    assert_eq!(idle.ends().await, (1001, "drain".to_owned()));
    assert!(since.elapsed() < SOON);
    second.end().await;
    assert!(second.text().ends_with("a second later"), "{}", second.text());
    waiting.end().await;
    draining.await.unwrap();
    assert!(since.elapsed() < Duration::from_secs(5), "nothing was left to wait for: {:?}", since.elapsed());
}
