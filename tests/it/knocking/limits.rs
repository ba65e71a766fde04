//! How much one may knock.

use std::time::Duration;

use serde_json::json;

use super::people::ROOMS;
use crate::harness::Gateway;
use crate::harness::socket::series;

#[tokio::test(flavor = "multi_thread")]
async fn one_browser_and_one_address_knock_only_so_often_and_are_told_when_again() {
    let gateway = Gateway::with(ROOMS).await;
    let mut bob = gateway.stranger();
    bob.visits("/standup").await;
    let knock = json!({"room": "standup", "name": "Bob"});
    let limited = async |person: &mut crate::harness::Person, most: usize| {
        for n in 0..=most {
            let told = person.posts("/_roomgate/knock", &knock).await;
            if told.status == 429 {
                assert_eq!(told.code(), "too-many");
                let wait: u64 = told.header("retry-after").unwrap().parse().unwrap();
                assert!((1..=60).contains(&wait), "{wait}");
                return (n, wait);
            }
            assert_eq!(told.status, 200, "{}", told.text());
        }
        panic!("{most} knocks, and no end");
    };
    let (knocks, wait) = limited(&mut bob, 20).await;
    assert!(knocks >= 3, "a person may mistype a name");
    gateway.clock.advance(Duration::from_secs(wait));
    assert_eq!(bob.posts("/_roomgate/knock", &knock).await.status, 200);
    assert_eq!(series(&gateway.metrics().await, "roomgate_knocks_total{result=\"limited\"}"), 1.0);

    // A flood from one address, a new browser each time.
    let mut refused = 0;
    for _ in 0..60 {
        let mut person = gateway.stranger();
        person.visits("/standup").await;
        refused += u32::from(person.posts("/_roomgate/knock", &knock).await.status == 429);
    }
    assert!((10..60).contains(&refused), "{refused} of 60 refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_text_everywhere() {
    let gateway = Gateway::with(ROOMS).await;
    let mut olga = gateway.stranger();
    olga.visits(&format!("/standup?t={}", gateway.owner_token("standup"))).await;
    let evil = "<script>alert(1)</script>\"'&<img src=x>";
    let mut eve = gateway.stranger();
    eve.knocks("standup", evil).await;
    let own = eve.visits("/standup").await.text();
    let console = olga.opens("/_roomgate/door?room=standup").await.text();
    for page in [&own, &console] {
        assert!(!page.contains("<script>alert") && !page.contains("<img src=x"), "{page}");
        assert!(page.contains("alert(1)"), "the name is shown: {page}");
    }
    let policy = olga.opens("/_roomgate/door?room=standup").await;
    let policy = policy.header("content-security-policy").unwrap();
    assert!(policy.contains("script-src 'self'") && !policy.contains("unsafe"), "{policy}");
    let listed = olga.waiting("standup").await;
    assert_eq!(listed[0]["name"].as_str().unwrap(), evil, "scripts get it as it is, in JSON");
    for (name, status) in [("", 400), ("   ", 400), ("\u{200b}\u{202e}", 400), (&*"x".repeat(5000), 200)] {
        let mut person = gateway.stranger();
        person.visits("/standup").await;
        let told = person.posts("/_roomgate/knock", &json!({"room": "standup", "name": name})).await;
        assert_eq!(told.status, status, "{name:.10}: {}", told.text());
    }
    let listed = olga.waiting("standup").await;
    assert!(listed.iter().all(|k| k["name"].as_str().unwrap().chars().count() <= 100));
}
