//! A new process takes over from an old one, and nobody notices.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::harness::busy::Busy;
use crate::harness::process::{House, roomgate};
use crate::harness::socket::{SOON, eventually};

const ROOMS: &str = "[[room]]\nname = \"lounge\"\n[[room]]\nname = \"standup\"\nprivacy = \"private\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn no_request_fails_tunnels_live_on_and_revocations_still_reach_them() {
    let busy = Busy::start().await;
    let house = House::new(&busy.section(), ROOMS);
    let mut old = house.serve(&["--drain", "30"]).await;
    let mut people = Vec::new();
    for name in ["ann", "bob"] {
        let mut person = house.stranger();
        let token = house.token(&["--room", "standup", "--user", name]).await;
        assert_eq!(person.visits(&format!("/standup?t={token}")).await.status, 200);
        people.push(person);
    }
    let (mut ann, mut bob) = (people[0].socket("/ws?room=standup").await.unwrap(), people[1].socket("/ws?room=standup").await.unwrap());

    let (stop, good) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let load: Vec<_> = (0..4)
        .map(|_| {
            let (stop, good, mut person) = (stop.clone(), good.clone(), house.stranger());
            tokio::spawn(async move {
                while !stop.load(Ordering::SeqCst) {
                    let answer = person.opens("/lounge/page").await;
                    assert_eq!((answer.status, answer.text().as_str()), (200, "here"));
                    good.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(200)).await;

    let mut new = house.start(&["--upgrade"]);
    new.says("waiting for the sockets").await;
    let before = good.load(Ordering::SeqCst);
    old.signal("QUIT").await;
    new.says("\"message\":\"ready\"").await;
    old.says("a new process serves now").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    stop.store(true, Ordering::SeqCst);
    for task in load {
        task.await.expect("a request failed");
    }
    assert!(good.load(Ordering::SeqCst) > before + 10, "{} requests meanwhile", good.load(Ordering::SeqCst) - before);
    assert!(!std::fs::exists(house.file("roomgate-upgrade.sock")).unwrap());

    // The old process has the tunnels still, and ends them when it has to.
    ann.is_alive().await;
    bob.is_alive().await;
    let metrics = house.metrics().await;
    assert!(metrics.contains("roomgate_tunnels_open 0\n"), "the new process answers operators");
    let revoked = roomgate(&["revoke", "--config", &house.config(), "user:ann"]).await;
    assert!(revoked.status.success(), "{revoked:?}");
    let told = tokio::time::timeout(SOON, ann.ends()).await.expect("a second");
    assert_eq!(told, (4401, "token-revoked".to_owned()));
    bob.is_alive().await;
    eventually("the new process knows too", SOON, async || people[0].asks_for("/standup").await.filter(|status| *status >= 400).map(drop))
        .await;
    people[1].socket("/ws?room=standup").await.unwrap().is_alive().await;

    // The last tunnel gone, the old process ends; the new one stays, and can be followed by another.
    drop(bob);
    assert_eq!(old.ends(Duration::from_secs(5)).await.code(), Some(0));
    let next = house.start(&["--upgrade"]);
    next.says("waiting for the sockets").await;
    new.signal("QUIT").await;
    next.says("\"message\":\"ready\"").await;
    assert_eq!(new.ends(Duration::from_secs(5)).await.code(), Some(0));
    assert_eq!(house.stranger().opens("/lounge").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn tunnels_of_the_old_process_are_told_when_their_time_is_over() {
    let busy = Busy::start().await;
    let house = House::new(&busy.section(), ROOMS);
    let mut old = house.serve(&["--drain", "1"]).await;
    let mut ann = house.stranger();
    ann.opens("/lounge").await;
    let mut socket = ann.socket("/ws?room=lounge").await.unwrap();
    let new = house.start(&["--upgrade"]);
    new.says("waiting for the sockets").await;
    old.signal("QUIT").await;
    assert_eq!(socket.ends().await, (1001, "drain".to_owned()));
    assert_eq!(old.ends(Duration::from_secs(5)).await.code(), Some(0));
    ann.socket("/ws?room=lounge").await.unwrap().is_alive().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_process_that_does_not_start_leaves_the_old_one_serving() {
    let busy = Busy::start().await;
    let house = House::new(&busy.section(), ROOMS);
    let old = house.serve(&[]).await;
    let mut new = house.start(&["--upgrade"]);
    new.says("waiting for the sockets").await;
    // What it reads next is no database.
    let database = house.file("facts.db");
    for name in ["facts.db-wal", "facts.db-shm"] {
        let _ = std::fs::remove_file(house.file(name));
    }
    std::fs::remove_file(&database).unwrap();
    std::fs::write(&database, "this is no database, but long enough to be looked at as if it were one").unwrap();
    old.signal("QUIT").await;
    old.says("the sockets were not handed over").await;
    assert_eq!(new.ends(Duration::from_secs(5)).await.code(), Some(1));
    assert_eq!(house.stranger().opens("/lounge").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_without_a_new_process_changes_nothing() {
    let house = House::new(&Busy::start().await.section(), ROOMS);
    let old = house.serve(&[]).await;
    old.signal("QUIT").await;
    old.says("no new process waits").await;
    assert_eq!(house.stranger().opens("/lounge").await.status, 200);
}
