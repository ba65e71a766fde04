//! What survives a restart, and the worst of ends.

use serde_json::json;

use super::people::ROOMS;
use crate::harness::Gateway;
use crate::harness::busy::Busy;
use crate::harness::process::House;

#[tokio::test(flavor = "multi_thread")]
async fn knocks_and_answers_survive_a_kill() {
    let busy = Busy::start().await;
    let house = House::new(&busy.section(), ROOMS);
    let process = house.serve(&[]).await;
    let owner = house.token(&["--room", "standup", "--owner", "--name", "Olga"]).await;
    let (mut olga, mut bob, mut eve, mut cleo) = (house.stranger(), house.stranger(), house.stranger(), house.stranger());
    olga.visits(&format!("/standup?t={owner}")).await;
    bob.knocks("standup", "Bob").await;
    process.kill();

    let process = house.serve(&[]).await;
    assert_eq!(bob.stands("standup").await, "waiting");
    let listed = olga.waiting("standup").await;
    assert_eq!((listed.len(), &listed[0]["name"]), (1, &json!("Bob")));
    assert_eq!(olga.answers("standup", &listed[0], true).await.status, 200);
    eve.knocks("standup", "Eve").await;
    let eves = olga.waiting("standup").await[0].clone();
    assert_eq!(olga.answers("standup", &eves, false).await.status, 200);
    cleo.knocks("standup", "Cleo").await;
    process.kill();

    let process = house.serve(&[]).await;
    assert_eq!((&*bob.stands("standup").await, &*eve.stands("standup").await), ("full", "denied"));
    assert_eq!(cleo.stands("standup").await, "waiting");
    assert_eq!(bob.visits("/standup").await.status, 200);
    let sockets = bob.socket("/ws?room=standup").await.unwrap();
    let inside = olga.fetches("/_roomgate/v1/rooms/standup/presence").await.json();
    let ids: Vec<_> = inside["data"].as_array().unwrap().iter().map(|p| p["id"].clone()).collect();
    assert_eq!(olga.posts("/_roomgate/v1/rooms/standup/eject", &json!({"ids": ids, "ban": true})).await.status, 200);
    drop(sockets);
    process.kill();

    let _process = house.serve(&[]).await;
    assert_eq!(bob.fetches("/standup").await.code(), "banned");
    assert_eq!(olga.waiting("standup").await[0]["name"], "Cleo");
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_and_knocks_survive_an_orderly_restart() {
    let gateway = Gateway::configured("[store]\nkind = \"sqlite\"\npath = \"facts.db\"\n", ROOMS).await;
    let (mut olga, mut bob) = (gateway.stranger(), gateway.stranger());
    olga.visits(&format!("/standup?t={}", gateway.owner_token("standup"))).await;
    bob.knocks("standup", "Bob").await;
    let gateway = gateway.restart().await;
    let listed = olga.waiting("standup").await;
    assert_eq!(listed[0]["name"], "Bob");
    assert_eq!(olga.answers("standup", &listed[0], true).await.status, 200);
    let _gateway = gateway.restart().await;
    assert_eq!(bob.visits("/standup").await.status, 200);
}
