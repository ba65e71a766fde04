//! Can somebody stay longer because something else is slow?

use std::time::Duration;

use crate::harness::Gateway;
use crate::harness::socket::{SOON, eventually};

const ROOMS: &str = "[[room]]\nname = \"standup\"\nprivacy = \"private\"\n[[room]]\nname = \"board\"\n[[room]]\nname = \"lab\"\n[[room]]\nname = \"attic\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_does_not_answer_keeps_nobody_inside() {
    let gateway = Gateway::configured("[rooms]\nunknown = \"refuse\"\n[store]\nkind = \"sqlite\"", ROOMS).await;
    let mut ann = gateway.stranger();
    let token = gateway.mint("standup", |m| {
        m.expires = Some(gateway.now().plus(Duration::from_secs(30)));
        m.eject_at_expiry = Some(true);
    });
    assert_eq!(ann.visits(&format!("/standup?t={token}")).await.status, 200);
    let mut anns = ann.socket("/ws?room=standup").await.unwrap();
    anns.is_alive().await;
    let room = gateway.gate().profile().room_name("standup").unwrap();
    let noted = async || gateway.gate().store().facts().meeting(&room);
    eventually("her meeting is noted", Duration::from_secs(5), noted).await;

    let other = rusqlite::Connection::open(gateway.file("roomgate.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut cleo = gateway.stranger();
    let mut cleos = Vec::new();
    for room in ["board", "lab", "attic"] {
        cleo.opens(&format!("/{room}")).await;
        cleos.push(cleo.socket(&format!("/ws?room={room}")).await.unwrap());
    }
    // Time for the gateway to notice that meetings begin there, and to want to write it down.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    gateway.clock.advance(Duration::from_secs(31));
    let ended = tokio::time::timeout(SOON, anns.ends()).await.expect("she stays while the store is busy");
    assert_eq!(ended, (4401, "token-expired".to_owned()));
    for mut socket in cleos {
        socket.is_alive().await;
    }
    other.execute_batch("ROLLBACK").unwrap();
}
