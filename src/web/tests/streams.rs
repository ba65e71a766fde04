use std::time::Duration;

use axum::body::Body;
use http::header::CONTENT_TYPE;
use http::{Method, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use super::house::{House, Person, request};
use crate::access::RoomName;

/// An open event stream, read event by event.
struct Events {
    body: Body,
    text: String,
}

impl Events {
    async fn open(person: &mut Person<'_>, room: &str) -> Result<Self, StatusCode> {
        let path = format!("/_roomgate/events?room={room}");
        let response = person.stream(request(Method::GET, &path, "text/event-stream", None, Body::empty())).await;
        if response.status() != StatusCode::OK {
            return Err(response.status());
        }
        assert_eq!(response.headers()[CONTENT_TYPE], "text/event-stream");
        Ok(Self { body: response.into_body(), text: String::new() })
    }

    /// The next event with data; `None` where the stream ended.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let line = |name: &str| block.lines().find_map(|l| l.strip_prefix(name)).map(|v| v.trim().to_owned());
                let found = line("event:").zip(line("data:"));
                self.text = rest.to_owned();
                if let Some((event, data)) = found {
                    return Some((event, serde_json::from_str(&data).unwrap()));
                }
            }
            let frame = tokio::time::timeout(Duration::from_secs(20), self.body.frame()).await.expect("something happens")?;
            self.text.push_str(std::str::from_utf8(&frame.unwrap().into_data().unwrap()).unwrap());
        }
    }
}

#[tokio::test]
async fn a_visitor_hears_of_itself_and_an_owner_of_all_who_wait() {
    let house = House::new();
    let mut grace = house.owner("standup", "Grace").await;
    let mut ada = house.person("192.0.2.7");
    ada.knocks("standup", "Ada").await;
    let mut hers = Events::open(&mut ada, "standup").await.unwrap();
    let mut door = Events::open(&mut grace, "standup").await.unwrap();
    let (event, state) = hers.next().await.unwrap();
    assert_eq!(event, "access-state-updated");
    assert_eq!(
        state,
        json!({"access": {"level": "lobby"}, "awaitingAccess": {"level": "full"}, "code": "waiting", "name": "Ada", "opener": true})
    );
    assert_eq!(door.next().await.unwrap(), ("remembered".to_owned(), json!({"answer": null})));
    let (event, added) = door.next().await.unwrap();
    assert_eq!((event.as_str(), &added["participant"]["name"]), ("waiting-participant-added", &json!("Ada")));
    assert_eq!(door.next().await.unwrap().0, "presence");

    ada.form("/_roomgate/knock", &[("room", "standup"), ("name", "Ada L.")]).await;
    let (event, updated) = door.next().await.unwrap();
    assert_eq!((event.as_str(), &updated["participant"]["version"]), ("waiting-participant-updated", &json!(2)));
    assert_eq!(hers.next().await.unwrap().1["name"], "Ada L.");

    let id = updated["participant"]["id"].as_str().unwrap();
    let path = format!("/_roomgate/v1/rooms/standup/waiting-participants/{id}");
    grace.json(Method::PATCH, &path, json!({"grantRequestedAccess": true, "version": 2})).await;
    assert_eq!(hers.next().await.unwrap().1["access"]["level"], "full");
    let (event, removed) = door.next().await.unwrap();
    assert_eq!((event.as_str(), removed["participant"]["id"].as_str()), ("waiting-participant-removed", Some(id)));
    assert_eq!((&removed["outcome"], &removed["by"]), (&json!("allowed"), &json!("Grace")), "every owner learns who decided");
}

#[tokio::test]
async fn an_owners_stream_ends_with_the_ownership() {
    let house = House::new();
    let mut grace = house.owner("standup", "Grace").await;
    let mut door = Events::open(&mut grace, "standup").await.unwrap();
    assert_eq!(door.next().await.unwrap().0, "remembered");
    assert_eq!(door.next().await.unwrap().0, "presence");
    house.gate.store().revoke("before:1900000000".parse().unwrap()).await.unwrap();
    house.person("192.0.2.7").knocks("standup", "Ada").await;
    let (event, state) = door.next().await.unwrap();
    assert_eq!((event.as_str(), &state["token_code"]), ("access-state-updated", &json!("token-revoked")));
    assert_eq!(door.next().await, None);
}

#[tokio::test]
async fn a_visitors_stream_tells_nothing_of_others_and_a_refused_one_there_is_none() {
    let house = House::new();
    let mut ada = house.person("192.0.2.7");
    ada.knocks("standup", "Ada").await;
    let mut hers = Events::open(&mut ada, "standup").await.unwrap();
    hers.next().await.unwrap();
    house.person("192.0.2.8").knocks("standup", "Bo").await;
    house.gate.store().end_meeting(&RoomName::canonical("standup").unwrap(), house.gate.clock().now()).await.unwrap();
    let quiet = tokio::time::timeout(Duration::from_millis(300), hers.next()).await;
    assert!(quiet.is_err(), "{quiet:?}");
    assert_eq!(Events::open(&mut house.person("192.0.2.9"), "board").await.err(), Some(StatusCode::UNAUTHORIZED));
    assert_eq!(Events::open(&mut house.person("192.0.2.9"), "nowhere").await.err(), Some(StatusCode::NOT_FOUND));
}

#[tokio::test]
async fn streams_are_counted_by_browser_and_by_address_and_no_longer_than_they_last() {
    let house = House::new();
    let mut ada = house.person("192.0.2.7");
    ada.knocks("standup", "Ada").await;
    let mut open = Vec::new();
    for _ in 0..8 {
        open.push(Events::open(&mut ada, "standup").await.unwrap());
    }
    assert_eq!(Events::open(&mut ada, "standup").await.err(), Some(StatusCode::TOO_MANY_REQUESTS));
    open.pop();
    assert!(Events::open(&mut ada, "standup").await.is_ok());
    for _ in 7..64 {
        open.push(Events::open(&mut house.person("192.0.2.7"), "standup").await.unwrap());
    }
    assert_eq!(Events::open(&mut house.person("192.0.2.7"), "standup").await.err(), Some(StatusCode::TOO_MANY_REQUESTS));
    assert!(Events::open(&mut house.person("192.0.2.8"), "standup").await.is_ok());
}
