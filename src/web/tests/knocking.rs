use http::{Method, StatusCode};
use serde_json::json;

use super::house::{House, between, request, serde_urlencoded};
use crate::access::TokenFault;
use crate::web::refusal::tests_hostile;

const KNOCK: &str = "/_roomgate/knock?room=standup";

#[tokio::test]
async fn a_stranger_knocks_without_scripts_waits_through_a_reload_and_is_let_in_by_itself() {
    let house = House::new();
    let mut owner = house.owner("standup", "Grace").await;
    let mut ada = house.person("192.0.2.7");

    let page = ada.get(KNOCK).await;
    assert_eq!((page.status, page.state()), (StatusCode::OK, "may-knock"));
    assert!(ada.jar.keys().any(|name| name.ends_with("visitor")), "the browser is known from now on");

    let knocked = ada.form("/_roomgate/knock", &[("room", "standup"), ("name", " Ada\u{202e}  Lovelace ")]).await;
    assert_eq!((knocked.status, knocked.location()), (StatusCode::SEE_OTHER, KNOCK));
    for _ in 0..2 {
        let page = ada.get(KNOCK).await;
        assert_eq!(page.state(), "waiting");
        assert!(page.body.contains("<strong data-name>Ada Lovelace</strong>"), "{}", page.body);
        assert!(page.body.contains("http-equiv=\"refresh\""));
    }

    let door = owner.get("/_roomgate/door?room=standup").await;
    assert!(door.body.contains("Ada Lovelace"));
    let form = between(&door.body, "name=\"form\" value=\"", "\"").to_owned();
    let id = between(&door.body, "name=\"id\" value=\"", "\"").to_owned();
    let fields = [("room", "standup"), ("form", form.as_str()), ("id", id.as_str()), ("version", "1"), ("do", "allow")];
    let allowed = owner.form("/_roomgate/door", &fields).await;
    assert_eq!(allowed.location(), "/_roomgate/door?room=standup&note=allowed");

    let inside = ada.get(KNOCK).await;
    assert_eq!((inside.status, inside.location()), (StatusCode::SEE_OTHER, "/call/standup"));
    let door = owner.get("/_roomgate/door?room=standup").await.body;
    assert!(!door.contains("data-name>Ada Lovelace") && door.contains("<strong>Ada Lovelace</strong> let in by"), "{door}");
}

#[tokio::test]
async fn the_way_back_is_the_one_that_was_sealed_and_no_other() {
    let house = House::new();
    let room = house.gate.profile().room_name("lounge").unwrap();
    let sealed = house.gate.seal_return(&room, "/call/lounge?lang=de").unwrap();
    let mut ada = house.person("192.0.2.7");
    // The room is public: whoever comes to its knocking page goes on at once.
    assert_eq!(ada.get(&format!("/_roomgate/knock?room=lounge&to={sealed}")).await.location(), "/call/lounge?lang=de");
    for to in ["https%3A%2F%2Fevil.example%2F", "%2F%2Fevil.example", "/call/other", "", &sealed[1..]] {
        assert_eq!(ada.get(&format!("/_roomgate/knock?room=lounge&to={to}")).await.location(), "/call/lounge", "{to}");
    }
    // What was sealed for one room is nothing to another.
    let page = ada.get(&format!("{KNOCK}&to={sealed}")).await;
    assert!(page.body.contains("data-to=\"/call/standup\"") && !page.body.contains(&sealed), "{}", page.body);
    let own = house.gate.seal_return(&house.gate.profile().room_name("standup").unwrap(), "/call/standup?a=b").unwrap();
    let page = ada.get(&format!("{KNOCK}&to={own}")).await;
    assert!(page.body.contains("data-to=\"/call/standup?a=b\"") && page.body.contains(&format!("value=\"{own}\"")), "{}", page.body);
}

#[tokio::test]
async fn who_is_denied_is_told_so_and_may_knock_again_after_a_while() {
    let house = House::new();
    let mut owner = house.owner("standup", "Grace").await;
    let mut ada = house.person("192.0.2.7");
    ada.knocks("standup", "Ada").await;
    let waiting = owner.get_json("/_roomgate/v1/rooms/standup/waiting-participants").await.json();
    let id = waiting["data"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("/_roomgate/v1/rooms/standup/waiting-participants/{id}");
    assert_eq!(owner.json(Method::PATCH, &path, json!({"grantRequestedAccess": false, "version": 1})).await.status, StatusCode::OK);

    let page = ada.get(KNOCK).await;
    assert_eq!(page.state(), "denied");
    assert!(page.body.contains("data-cooling=\"31\"") && page.body.contains("disabled"), "{}", page.body);
    let soon = ada.json(Method::POST, "/_roomgate/knock", json!({"room": "standup", "name": "Ada"})).await;
    assert_eq!((soon.status, soon.json()["code"].as_str()), (StatusCode::TOO_MANY_REQUESTS, Some("denied")));
    assert_eq!(soon.headers["retry-after"], "30");

    house.advance(31);
    assert!(!ada.get(KNOCK).await.body.contains("disabled"));
    let again = ada.json(Method::POST, "/_roomgate/knock", json!({"room": "standup", "name": "Ada"})).await.json();
    assert_eq!(
        (&again["code"], &again["access"]["level"], &again["awaitingAccess"]["level"]),
        (&json!("waiting"), &json!("lobby"), &json!("full"))
    );
}

#[tokio::test]
async fn a_browser_without_cookies_is_told_so_and_never_sent_round_in_circles() {
    let house = House::new();
    let mut ada = house.person("192.0.2.7");
    ada.cookies = false;
    assert_eq!(ada.get(KNOCK).await.state(), "may-knock");
    let told = ada.form("/_roomgate/knock", &[("room", "standup"), ("name", "Ada")]).await;
    assert_eq!(told.status, StatusCode::FORBIDDEN);
    assert!(told.body.contains("Your browser keeps no cookies"), "{}", told.body);
    let told = ada.json(Method::POST, "/_roomgate/knock", json!({"room": "standup", "name": "Ada"})).await;
    assert_eq!(told.json()["code"], "no-cookies");
}

#[tokio::test]
async fn who_gives_up_waits_no_more() {
    let house = House::new();
    let mut owner = house.owner("standup", "Grace").await;
    for by_form in [true, false] {
        let mut ada = house.person("192.0.2.7");
        ada.knocks("standup", "Ada").await;
        if by_form {
            ada.form("/_roomgate/knock", &[("room", "standup"), ("do", "leave")]).await;
        } else {
            let left = ada.json(Method::DELETE, KNOCK, json!({})).await;
            assert_eq!(left.json()["code"], "may-knock");
        }
        assert_eq!(ada.get(KNOCK).await.state(), "may-knock");
        let waiting = owner.get_json("/_roomgate/v1/rooms/standup/waiting-participants").await.json();
        assert_eq!(waiting["total_count"], 0);
    }
}

#[tokio::test]
async fn a_name_that_cannot_be_read_is_no_name() {
    let house = House::new();
    let mut ada = house.person("192.0.2.7");
    for name in ["", "   ", "\u{202e}\u{200b}", "\u{0}\u{7}"] {
        let told = ada.knocks("standup", name).await;
        assert_eq!((told.status, told.state()), (StatusCode::BAD_REQUEST, "may-knock"), "{name:?}");
        assert!(told.body.contains("Please give a name that can be read"));
    }
}

#[tokio::test]
async fn names_are_text_on_every_page_whatever_they_say() {
    let house = House::new();
    let mut owner = house.owner("standup", "<b>Grace</b>").await;
    for (n, hostile) in tests_hostile().iter().enumerate() {
        let mut mallory = house.person(&format!("192.0.2.{}", n + 10));
        mallory.knocks("standup", hostile).await;
        let _seat = house.enters(&mut owner, "standup").await;
        for page in [mallory.get(KNOCK).await.body, owner.get("/_roomgate/door?room=standup").await.body] {
            for risky in ["<script>alert", "<img", "<svg onload", "<b>Grace", "\"><img", "onerror=alert(1)>"] {
                assert!(!page.contains(risky), "{hostile} gave {risky} in {page}");
            }
        }
    }
}

#[tokio::test]
async fn knocking_is_limited_by_browser_and_by_address_and_the_person_is_told_kindly() {
    let house = House::new();
    let mut ada = house.person("2001:db8::1");
    for _ in 0..5 {
        assert_eq!(ada.knocks("standup", "Ada").await.status, StatusCode::SEE_OTHER);
    }
    let told = ada.knocks("standup", "Ada").await;
    assert_eq!(told.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(told.headers["retry-after"], "5");
    assert!(told.body.contains("That was a lot of knocking") && told.state() == "waiting");
    house.advance(5);
    assert_eq!(ada.knocks("standup", "Ada").await.status, StatusCode::SEE_OTHER);

    // Other browsers of the same site, in other dresses.
    let mut statuses = Vec::new();
    for n in 0..60 {
        let mut other = house.person(&format!("2001:db8::{n:x}:1"));
        statuses.push(other.knocks("standup", "Sybil").await.status);
    }
    let through = statuses.iter().filter(|s| **s == StatusCode::SEE_OTHER).count();
    assert!((35..=41).contains(&through), "{through}");
    // Somebody elsewhere does not suffer from it.
    assert_eq!(house.person("2001:db8:1::1").knocks("standup", "Bo").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn what_keeps_somebody_out_is_told_at_the_knocking_page_too() {
    let house = House::new();
    for (room, status, code) in
        [("board", 401, "private"), ("later", 403, "room-not-open"), ("office-1", 403, "reserved"), ("nowhere", 404, "no-room")]
    {
        let page = house.person("192.0.2.7").get(&format!("/_roomgate/knock?room={room}")).await;
        assert_eq!(page.status.as_u16(), status, "{room}");
        assert!(page.body.contains(&format!("data-code=\"{code}\"")), "{room}: {}", page.body);
    }
    for bad in [
        "/_roomgate/knock",
        "/_roomgate/knock?room=",
        "/_roomgate/knock?room=a&room=b",
        "/_roomgate/knock?room=a%2Fb",
        "/_roomgate/knock?room=%ff",
    ] {
        assert_eq!(house.person("192.0.2.7").get(bad).await.status, StatusCode::BAD_REQUEST, "{bad}");
    }
    let nowhere = house.person("192.0.2.7").get("/_roomgate/other").await;
    assert_eq!(nowhere.status, StatusCode::NOT_FOUND);
    assert!(nowhere.body.contains("unknown-path"));
}

#[tokio::test]
async fn what_was_wrong_with_a_link_is_told_for_a_minute() {
    let house = House::new();
    let mut ada = house.person("192.0.2.7");
    let line = house.gate.cookies().set_notice(TokenFault::Expired.code());
    let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
    ada.jar.insert(name.to_owned(), value.to_owned());
    assert!(ada.get(KNOCK).await.body.contains("This link has expired. Ask whoever invited you for a new one."));
    ada.jar.insert(name.to_owned(), "<script>alert(1)</script>".to_owned());
    assert!(!ada.get(KNOCK).await.body.contains("alert(1)"));
}

#[tokio::test]
async fn another_sites_page_cannot_knock_in_somebodys_name() {
    let house = House::new();
    let mut ada = house.person("192.0.2.7");
    ada.get(KNOCK).await;
    let body = || serde_urlencoded(&[("room", "standup"), ("name", "Ada")]);
    for (origin, code) in [(Some("https://evil.example"), "foreign-origin"), (Some("null"), "foreign-origin"), (None, "foreign-origin")] {
        for kind in ["application/x-www-form-urlencoded", "application/json", "text/plain"] {
            let mut request = request(Method::POST, "/_roomgate/knock", "text/html", origin, body().into());
            request.headers_mut().insert("content-type", kind.parse().unwrap());
            let told = ada.send(request).await;
            assert!(told.status.is_client_error(), "{origin:?} {kind}");
            if kind == "application/x-www-form-urlencoded" {
                assert!(told.body.contains(code), "{origin:?}: {}", told.body);
            }
        }
    }
    assert_eq!(ada.get(KNOCK).await.state(), "may-knock");
}

#[tokio::test]
async fn a_guest_whose_token_must_knock_waits_under_the_issuers_name_for_them() {
    let house = House::new();
    let mut guest = house.person("192.0.2.7");
    guest.brings(&house.token("lounge", |m| {
        m.guest = true;
        m.name = Some("Bo".to_owned());
    }));
    let page = guest.get("/_roomgate/knock?room=lounge").await;
    assert_eq!(page.state(), "may-knock");
    assert!(page.body.contains("value=\"Bo\""), "{}", page.body);
}
