use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_SECURITY_POLICY, REFERRER_POLICY, WWW_AUTHENTICATE};
use http::{Method, StatusCode};
use serde_json::json;

use super::house::{House, ORIGIN_LISTED, request};

#[tokio::test]
async fn a_script_learns_how_far_it_gets() {
    let house = House::new();
    let mut ada = house.person("192.0.2.7");
    for (room, level, code) in [
        ("lounge", "full", "public"),
        ("standup", "lobby", "may-knock"),
        ("board", "none", "private"),
        ("nowhere", "none", "no-room"),
        ("later", "none", "room-not-open"),
    ] {
        let told = ada.get_json(&format!("/_roomgate/access?room={room}")).await;
        let mut expected = json!({"access": {"level": level}, "code": code});
        if level == "full" {
            expected["page"] = json!("/call/lounge");
        }
        if code == "room-not-open" {
            expected["opens"] = json!("2026-12-01T05:40:00Z");
        }
        assert_eq!((told.status, told.json()), (StatusCode::OK, expected), "{room}");
        assert_eq!(told.headers["cache-control"], "no-store");
    }
    ada.brings("not.a.token");
    let told = ada.get_json("/_roomgate/access?room=board").await.json();
    assert_eq!(told, json!({"access": {"level": "none"}, "code": "private", "token_code": "malformed-token"}));
}

#[tokio::test]
async fn where_rooms_are_hidden_a_script_cannot_tell_them_apart_either() {
    let house = House::with("hide = true");
    let told = |room: &'static str| {
        let mut ada = house.person("192.0.2.7");
        async move {
            let access = ada.get_json(&format!("/_roomgate/access?room={room}")).await;
            let page = ada.get(&format!("/_roomgate/knock?room={room}")).await;
            let door = ada.get(&format!("/_roomgate/door?room={room}")).await;
            let api = ada.get_json(&format!("/_roomgate/v1/rooms/{room}/presence")).await;
            let all = [access, page, door, api];
            all.map(|a| (a.status, a.body.replace(room, "NAME"), a.headers.len()))
        }
    };
    assert_eq!(told("board").await, told("nowhere").await);
}

#[tokio::test]
async fn a_token_earns_its_session_and_a_bad_one_none() {
    let house = House::new();
    let mut ada = house.person("192.0.2.7");
    let token = house.token("board", |_| {});
    let bring = |token: &str| json!({"room": "board", "token": token});
    let told = ada.json(Method::POST, "/_roomgate/session", bring(&token)).await;
    assert_eq!((told.status, told.json()), (StatusCode::OK, json!({"access": {"level": "full"}, "code": "token", "page": "/call/board"})));
    assert!(!told.body.contains(&token));
    assert_eq!(ada.get_json("/_roomgate/access?room=board").await.json()["access"]["level"], "full");

    let mut mallory = house.person("192.0.2.8");
    for bad in ["", "x", &house.token("standup", |_| {})] {
        let told = mallory.json(Method::POST, "/_roomgate/session", bring(bad)).await;
        assert_eq!((told.status, told.json()["code"].as_str()), (StatusCode::FORBIDDEN, Some("private")), "{bad}");
        assert!(told.json()["token_code"].is_string() && mallory.jar.is_empty(), "{bad}");
    }
    // A bad token takes nothing away.
    ada.json(Method::POST, "/_roomgate/session", bring("x")).await;
    assert_eq!(ada.get_json("/_roomgate/access?room=board").await.json()["access"]["level"], "full");
}

#[tokio::test]
async fn a_listed_origin_may_bring_a_token_and_no_other_reads_a_word() {
    let house = House::new();
    let body = json!({"room": "board", "token": house.token("board", |_| {})}).to_string();
    for (origin, let_in) in [(ORIGIN_LISTED, true), ("https://evil.example", false), ("null", false)] {
        let mut ask = request(Method::OPTIONS, "/_roomgate/session", "*/*", Some(origin), axum::body::Body::empty());
        ask.headers_mut().insert("access-control-request-method", "POST".parse().unwrap());
        let asked = house.person("192.0.2.7").send(ask).await;
        assert_eq!(asked.headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN), let_in, "{origin}");
        let mut bring = request(Method::POST, "/_roomgate/session", "*/*", Some(origin), body.clone().into());
        bring.headers_mut().insert("content-type", "application/json".parse().unwrap());
        let told = house.person("192.0.2.7").send(bring).await;
        assert_eq!(told.status, if let_in { StatusCode::OK } else { StatusCode::FORBIDDEN }, "{origin}");
        assert_eq!(told.headers.get(ACCESS_CONTROL_ALLOW_ORIGIN).is_some_and(|o| o == ORIGIN_LISTED), let_in, "{origin}");
    }
    // Where no browser speaks, there is no origin: the token in the request is enough.
    let mut bring = request(Method::POST, "/_roomgate/session", "*/*", None, body.clone().into());
    bring.headers_mut().insert("content-type", "application/json".parse().unwrap());
    assert_eq!(house.person("192.0.2.7").send(bring).await.status, StatusCode::OK);
    let mut form = request(Method::POST, "/_roomgate/session", "*/*", None, body.into());
    form.headers_mut().insert("content-type", "text/plain".parse().unwrap());
    assert_eq!(house.person("192.0.2.7").send(form).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn every_page_keeps_to_itself() {
    let house = House::new();
    let mut grace = house.owner("standup", "Grace").await;
    let mut ada = house.person("192.0.2.7");
    for page in [ada.get("/_roomgate/knock?room=standup").await, grace.get("/_roomgate/door?room=standup").await] {
        assert_eq!(page.headers["cache-control"], "no-store");
        assert_eq!(page.headers["x-content-type-options"], "nosniff");
        assert_eq!(page.headers[REFERRER_POLICY], "same-origin");
        assert!(page.headers[CONTENT_SECURITY_POLICY].to_str().unwrap().starts_with("default-src 'none'; script-src 'self'"));
        assert!(!page.body.contains(" style=") && !page.body.contains("<style") && !page.body.contains(" onclick"), "{}", page.body);
        assert!(!page.body.contains("http://") && !page.body.contains("https://"), "nothing from elsewhere: {}", page.body);
        assert!(page.body.len() < 16 * 1024);
    }
    let told = ada.get("/_roomgate/door?room=standup").await;
    assert_eq!((told.status, &told.headers[WWW_AUTHENTICATE]), (StatusCode::UNAUTHORIZED, &"Bearer".parse().unwrap()));
}

#[tokio::test]
async fn a_request_without_its_caller_is_nobodys() {
    use tower::ServiceExt as _;
    let house = House::new();
    let request = request(Method::GET, "/_roomgate/access?room=lounge", "application/json", None, axum::body::Body::empty());
    let response = house.router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn an_oversized_body_is_a_bad_request() {
    let house = House::new();
    let mut ada = house.person("192.0.2.7");
    ada.get("/_roomgate/knock?room=standup").await;
    let told = ada.json(Method::POST, "/_roomgate/knock", json!({"room": "standup", "name": "x".repeat(100_000)})).await;
    assert_eq!(told.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn the_client_stays_at_one_address_and_is_read_by_listed_sites_only() {
    let house = House::new();
    for (origin, readable) in [(Some(ORIGIN_LISTED), true), (Some("https://evil.example"), false), (None, false)] {
        let ask = || request(Method::GET, "/_roomgate/client.js", "*/*", origin, axum::body::Body::empty());
        let client = house.person("192.0.2.7").send(ask()).await;
        assert_eq!((client.status, &client.headers["cache-control"]), (StatusCode::OK, &"no-cache".parse().unwrap()));
        assert_eq!(client.headers["content-type"], "text/javascript; charset=utf-8");
        assert_eq!(client.headers.get(ACCESS_CONTROL_ALLOW_ORIGIN).is_some_and(|o| o == ORIGIN_LISTED), readable, "{origin:?}");
        assert_eq!(client.headers["vary"], "Origin");
        assert!(client.body.contains("export function createCallObject"));
        let mut again = ask();
        again.headers_mut().insert("if-none-match", client.headers["etag"].clone());
        let again = house.person("192.0.2.7").send(again).await;
        assert_eq!((again.status, again.body.as_str()), (StatusCode::NOT_MODIFIED, ""));
    }
    assert!(house.person("192.0.2.7").get("/_roomgate/client.d.ts").await.body.contains("export interface CallObject"));
}

#[tokio::test]
async fn a_listed_site_may_send_what_the_client_sends() {
    let house = House::new();
    let mut ask = request(Method::OPTIONS, "/_roomgate/v1/rooms/standup/remembered", "*/*", Some(ORIGIN_LISTED), axum::body::Body::empty());
    ask.headers_mut().insert("access-control-request-method", "PUT".parse().unwrap());
    let asked = house.person("192.0.2.7").send(ask).await;
    let said = |name: &str| asked.headers[name].to_str().unwrap().to_owned();
    for method in ["GET", "POST", "PATCH", "PUT", "DELETE"] {
        assert!(said("access-control-allow-methods").split(", ").any(|m| m == method), "{method}");
    }
    assert!(said("access-control-allow-headers").split(", ").any(|h| h == "roomgate-through"));
    assert_eq!(said("access-control-allow-credentials"), "true");
}

#[tokio::test]
async fn a_page_that_is_not_ours_makes_a_browser_known_by_asking_how_far_it_gets() {
    let house = House::new();
    let mut ada = house.person("192.0.2.7");
    let ask = |origin| request(Method::GET, "/_roomgate/access?room=standup", "application/json", origin, axum::body::Body::empty());
    assert_eq!(ada.send(ask(Some(ORIGIN_LISTED))).await.status, StatusCode::OK);
    assert_eq!(ada.jar.len(), 1, "{:?}", ada.jar);
    let known = ada.jar.clone();
    ada.send(ask(Some(ORIGIN_LISTED))).await;
    assert_eq!(ada.jar, known, "who is known stays who they are");
    let knocked = ada.json(Method::POST, "/_roomgate/knock", json!({"room": "standup", "name": "Ada", "message": "It is me"})).await;
    assert_eq!((knocked.status, &knocked.json()["code"]), (StatusCode::OK, &json!("waiting")));
}

#[tokio::test]
async fn an_owner_who_only_asks_is_told_what_the_stream_tells() {
    let house = House::new();
    let mut ada = house.person("192.0.2.7");
    ada.get("/_roomgate/knock?room=standup").await;
    ada.json(Method::POST, "/_roomgate/knock", json!({"room": "standup", "name": "Ada", "message": "It is me"})).await;
    let told = ada.get_json("/_roomgate/access?room=standup").await.json();
    assert_eq!((&told["code"], &told["owner"]), (&json!("waiting"), &json!(null)));
    let told = house.owner("standup", "Grace").await.get_json("/_roomgate/access?room=standup").await.json();
    assert_eq!(told["owner"]["remembered"], json!({"answer": null}));
    assert_eq!((&told["owner"]["waiting"][0]["name"], &told["owner"]["waiting"][0]["message"]), (&json!("Ada"), &json!("It is me")));
    assert_eq!((told["owner"]["inside"].as_array().unwrap().len(), &told["owner"]["bans"]), (0, &json!([])));
}
