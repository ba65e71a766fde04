//! Whoever was told no, was sent back or was shut out: what do they try next, and does it get them in?

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::house::{House, ORIGIN_LISTED, Person, request};
use crate::access::{Ending, Review};
use crate::live::reviewer;

const V1: &str = "/_roomgate/v1/rooms/standup";

async fn code(person: &mut Person<'_>, room: &str) -> Value {
    person.get_json(&format!("/_roomgate/access?room={room}")).await.json()["code"].clone()
}

async fn allows_the_first(owner: &mut Person<'_>) {
    let listed = owner.get_json(&format!("{V1}/waiting-participants")).await.json()["data"][0].clone();
    let path = format!("{V1}/waiting-participants/{}", listed["id"].as_str().unwrap());
    let told = owner.json(Method::PATCH, &path, json!({"grantRequestedAccess": true, "version": listed["version"]})).await;
    assert_eq!(told.status, StatusCode::OK, "{}", told.body);
}

#[tokio::test]
async fn what_is_said_of_whoever_knocks_opens_no_room_at_which_a_stranger_may_not_knock() {
    let house = House::new();
    let mut grace = house.owner("board", "Grace").await;
    let mut guest = house.person("192.0.2.7");
    guest.brings(&house.token("board", |m| m.guest = true));
    let mut stranger = house.person("192.0.2.8");
    assert_eq!((code(&mut guest, "board").await, code(&mut stranger, "board").await), (json!("may-knock"), json!("private")));
    let said = grace.json(Method::PUT, "/_roomgate/v1/rooms/board/remembered", json!({"answer": "allow"})).await;
    assert_eq!(said.json()["answer"], "allow");
    assert_eq!(code(&mut guest, "board").await, "knock", "the guest's link says that they may ask");
    assert_eq!(code(&mut stranger, "board").await, "private");
    // And what was said to nobody in particular turns away nobody who need not ask.
    grace.json(Method::PUT, "/_roomgate/v1/rooms/board/remembered", json!({"answer": "deny"})).await;
    let mut bearer = house.person("192.0.2.9");
    bearer.brings(&house.token("board", |_| {}));
    assert_eq!((code(&mut bearer, "board").await, code(&mut stranger, "board").await), (json!("token"), json!("private")));
}

#[tokio::test]
async fn a_network_that_is_shut_out_stays_so_behind_a_header_and_is_never_the_owners_own() {
    let house = House::new();
    let mut grace = house.owner("standup", "Grace").await;
    let invited = || house.token("standup", |_| {});
    let person = |address: &str, certain: bool| {
        let mut person = house.person(address);
        person.brings(&invited());
        person.certain = certain;
        person
    };
    // She is at the console, and not in the meeting.
    let mut near = person(&grace.address.to_string(), true);
    let (beside, seat) = house.enters(&mut near, "standup").await;
    seat.came_from(near.address, true);
    let ban = |id: crate::access::Id| json!({"ids": [id.to_string()], "ban": true, "lasting": true, "network": true});
    let told = grace.json(Method::POST, &format!("{V1}/eject"), ban(beside)).await;
    assert_eq!((told.status, told.json()["code"].clone()), (StatusCode::CONFLICT, json!("own-network")));

    let (mut bo, mut hidden) = (person("198.51.100.8", true), person("198.51.100.8", false));
    let (his, seat) = house.enters(&mut bo, "standup").await;
    seat.came_from(bo.address, true);
    let (_, inside) = house.enters(&mut hidden, "standup").await;
    inside.came_from(hidden.address, false);
    assert_eq!(grace.json(Method::POST, &format!("{V1}/eject"), ban(his)).await.json()["ejectedIds"][0], his.to_string());
    for certain in [true, false] {
        assert_eq!(code(&mut person("198.51.100.8", certain), "standup").await, "banned", "another link, no cookies, {certain}");
        assert_eq!(code(&mut person("::ffff:198.51.100.8", certain), "standup").await, "banned");
        assert_eq!(code(&mut person("198.51.100.9", certain), "standup").await, "token");
    }
    assert_eq!(reviewer::ask(&house.gate, inside.participant()), Review::Leave(Ending::Banned), "nor does it keep anybody inside");
    assert_eq!(code(&mut grace, "standup").await, "token");
}

#[tokio::test]
async fn whoever_is_known_by_an_e_mail_address_alone_is_known_again_by_it() {
    let house = House::new();
    let mut grace = house.owner("standup", "Grace").await;
    let link = |email: &str, id: &str| {
        house.token("standup", |m| {
            m.email = Some(email.to_owned());
            m.id = Some(id.to_owned());
        })
    };
    let mut bo = house.person("192.0.2.8");
    bo.brings(&link("bo@example.org", "one"));
    let (his, _seat) = house.enters(&mut bo, "standup").await;
    grace.json(Method::POST, &format!("{V1}/eject"), json!({"ids": [his.to_string()]})).await;
    let (mut again, mut other) = (house.person("192.0.2.9"), house.person("192.0.2.9"));
    again.brings(&link("Bo@Example.org", "two"));
    other.brings(&link("bob@example.org", "three"));
    assert_eq!((code(&mut again, "standup").await, code(&mut other, "standup").await), (json!("ejected"), json!("token")));
}

#[tokio::test]
async fn whoever_is_moved_back_has_not_been_let_in_by_another_browser_of_theirs() {
    let house = House::new();
    let mut grace = house.owner("standup", "Grace").await;
    let person = |id: &'static str| {
        let mut person = house.person("192.0.2.8");
        person.brings(&house.token("standup", |m| {
            (m.guest, m.user, m.id) = (true, Some("42".to_owned()), Some(id.to_owned()));
        }));
        person
    };
    let (mut desk, mut phone) = (person("one"), person("two"));
    for browser in [&mut desk, &mut phone] {
        browser.knocks("standup", "Bo").await;
        allows_the_first(&mut grace).await;
        assert_eq!(code(browser, "standup").await, "knock");
    }
    let (his, seat) = house.enters(&mut desk, "standup").await;
    let (_, other) = house.enters(&mut phone, "standup").await;
    house.advance(1);
    grace.json(Method::POST, &format!("{V1}/move-back"), json!({"ids": [his.to_string()]})).await;
    for seat in [&seat, &other] {
        assert_eq!(reviewer::ask(&house.gate, seat.participant()), Review::Leave(Ending::MovedBack));
    }
    drop((seat, other));
    assert_eq!((code(&mut desk, "standup").await, code(&mut phone, "standup").await), (json!("waiting"), json!("may-knock")));
    // Nor does it help to take the knock back and to knock again, whatever is said of others.
    grace.json(Method::PUT, &format!("{V1}/remembered"), json!({"answer": "allow"})).await;
    desk.json(Method::DELETE, "/_roomgate/knock?room=standup", json!({})).await;
    assert_eq!(code(&mut desk, "standup").await, "may-knock");
    phone.knocks("standup", "Bo").await;
    assert_eq!(code(&mut phone, "standup").await, "waiting");
    house.advance(1);
    allows_the_first(&mut grace).await;
    assert_eq!((code(&mut phone, "standup").await, code(&mut desk, "standup").await), (json!("knock"), json!("may-knock")));
}

#[tokio::test]
async fn an_owner_who_is_sent_back_decides_about_nobody_and_not_about_herself() {
    let house = House::new();
    let (mut grace, mut alan) = (house.owner("standup", "Grace").await, house.owner("standup", "Alan").await);
    let (hers, _seat) = house.enters(&mut grace, "standup").await;
    let form = super::house::between(&grace.get("/_roomgate/door?room=standup").await.body, "name=\"form\" value=\"", "\"").to_owned();
    alan.json(Method::POST, &format!("{V1}/move-back"), json!({"ids": [hers.to_string()]})).await;
    let knock = alan.get_json(&format!("{V1}/waiting-participants")).await.json()["data"][0].clone();
    let own = format!("{V1}/waiting-participants/{}", knock["id"].as_str().unwrap());
    for (method, path, body) in [
        (Method::PATCH, own.clone(), json!({"grantRequestedAccess": true, "version": knock["version"]})),
        (Method::PATCH, format!("{V1}/waiting-participants"), json!({"*": {"grantRequestedAccess": true, "remember": true}})),
        (Method::PUT, format!("{V1}/remembered"), json!({"answer": "allow"})),
        (Method::DELETE, format!("{V1}/remembered"), json!({})),
        (Method::POST, format!("{V1}/move-back"), json!({"ids": [hers.to_string()]})),
        (Method::DELETE, format!("{V1}/bans/{}", knock["id"].as_str().unwrap()), json!({})),
    ] {
        assert_eq!(grace.json(method, &path, body).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    for order in ["allow-all", "forget", "move-back", "lift"] {
        let sent = [("room", "standup"), ("form", form.as_str()), ("do", order), ("id", knock["id"].as_str().unwrap()), ("version", "1")];
        assert_eq!(grace.form("/_roomgate/door", &sent).await.status, StatusCode::FORBIDDEN, "{order}");
    }
    assert_eq!(code(&mut grace, "standup").await, "waiting");
    allows_the_first(&mut alan).await;
    assert_eq!(grace.get_json(&format!("{V1}/remembered")).await.status, StatusCode::OK, "and let in again she is one");
}

#[tokio::test]
async fn no_other_site_and_nobody_else_says_what_holds_for_whoever_knocks_or_moves_anybody() {
    let house = House::new();
    let mut grace = house.owner("standup", "Grace").await;
    let mut bo = house.person("192.0.2.8");
    bo.brings(&house.token("standup", |m| m.name = Some("Bo".to_owned())));
    let (his, _seat) = house.enters(&mut bo, "standup").await;
    let mut elsewhere = house.person("192.0.2.9");
    elsewhere.brings(&house.token("board", |m| m.owner = true));
    let orders = [
        (Method::PUT, format!("{V1}/remembered"), json!({"answer": "allow"})),
        (Method::DELETE, format!("{V1}/remembered"), json!({})),
        (Method::POST, format!("{V1}/move-back"), json!({"ids": [his.to_string()]})),
    ];
    for (method, path, body) in &orders {
        for person in [&mut bo, &mut elsewhere] {
            assert_eq!(person.json(method.clone(), path, body.clone()).await.status, StatusCode::FORBIDDEN, "{method} {path}");
        }
        // Her cookies, from another site's page, or from a form that says nothing of where it comes from.
        for (origin, kind) in [
            (Some("https://evil.example"), "application/json"),
            (Some("null"), "text/plain"),
            (None, "application/json"),
            (None, "text/plain"),
        ] {
            let mut sent = request(method.clone(), path, "application/json", origin, body.to_string().into());
            sent.headers_mut().insert("content-type", kind.parse().unwrap());
            assert!(grace.send(sent).await.status.is_client_error(), "{method} {path} {origin:?} {kind}");
        }
        // A listed site may, and its browser is told so beforehand.
        let mut ask = request(Method::OPTIONS, path, "*/*", Some(ORIGIN_LISTED), axum::body::Body::empty());
        ask.headers_mut().insert("access-control-request-method", method.as_str().parse().unwrap());
        let allowed = grace.send(ask).await.headers["access-control-allow-methods"].to_str().unwrap().to_owned();
        assert!(allowed.split(", ").any(|m| m == method.as_str()), "{method}: {allowed}");
    }
    assert_eq!(code(&mut bo, "standup").await, "token");
    assert_eq!(grace.get_json(&format!("{V1}/remembered")).await.json()["answer"], Value::Null);
    // Two things at once cannot hold.
    let both = json!({
        "0".repeat(32): {"grantRequestedAccess": false, "version": 1, "remember": true},
        "*": {"grantRequestedAccess": true, "remember": true},
    });
    assert_eq!(grace.json(Method::PATCH, &format!("{V1}/waiting-participants"), both).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(grace.get_json(&format!("{V1}/remembered")).await.json()["answer"], Value::Null);
}
