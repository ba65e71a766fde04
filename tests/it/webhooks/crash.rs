//! What is told after the worst of ends?

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::ROOMS;
use crate::harness::busy::section;
use crate::harness::process::House;
use crate::harness::receiver::{Got, Mood, Receiver};
use crate::harness::socket::eventually;

fn house(receiver: &Receiver) -> House {
    let house = House::new(&section("http://127.0.0.1:1"), ROOMS);
    let hook = receiver.section("all", "events = [\"waiting-participant.joined\"]\nsecret_file = \"hook.secret\"");
    house.edit("[store]", &format!("{hook}[store]"));
    house
}

/// Each name with the ids that it was told with.
fn ids(got: &[Got]) -> BTreeMap<String, BTreeSet<String>> {
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for got in got {
        let name = got.json()["payload"]["user_name"].as_str().unwrap().to_owned();
        all.entry(name).or_default().insert(got.id());
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_by_a_kill_between_knock_and_delivery() {
    let receiver = Receiver::start().await;
    let house = house(&receiver);
    receiver.usually(Mood::Hangs);
    let process = house.serve(&[]).await;
    for name in ["Ann", "Bob", "Cleo"] {
        house.stranger().posts_knock("standup", name).await;
    }
    // Ann's message is under way.
    receiver.gets("all", 1, || {}).await;
    process.kill();

    receiver.usually(Mood::Takes);
    let process = house.serve(&[]).await;
    let got = receiver.gets("all", 4, || {}).await;
    assert_eq!((got[0].id(), &got[0].body), (got[1].id(), &got[1].body), "the same once more");
    let all = ids(&got);
    assert_eq!(all.keys().collect::<Vec<_>>(), ["Ann", "Bob", "Cleo"]);
    assert!(all.values().all(|ids| ids.len() == 1), "{all:?}");
    // What was taken and noted is not told again.
    tokio::time::sleep(Duration::from_millis(500)).await;
    process.kill();
    let _process = house.serve(&[]).await;
    house.stranger().posts_knock("standup", "Dora").await;
    let got = receiver.gets("all", 5, || {}).await;
    assert_eq!(got.last().unwrap().json()["payload"]["user_name"], "Dora");
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_at_any_moment_lose_nothing_and_make_no_second_id() {
    let receiver = Receiver::start().await;
    let house = house(&receiver);
    let mut names = BTreeSet::new();
    for round in 0..5 {
        let process = house.serve(&[]).await;
        for n in 0..4 {
            let name = format!("Guest {round}-{n}");
            house.stranger().posts_knock("standup", &name).await;
            names.insert(name);
        }
        // At another moment each time: before, while and after they are told.
        tokio::time::sleep(Duration::from_millis(round * 13)).await;
        process.kill();
    }
    let _process = house.serve(&[]).await;
    let all = eventually("all are told", Duration::from_secs(20), async || {
        let all = ids(&receiver.got());
        (all.len() == names.len()).then_some(all)
    })
    .await;
    assert!(all.values().all(|ids| ids.len() == 1), "{all:?}");
    assert_eq!(all.into_keys().collect::<BTreeSet<_>>(), names);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_that_was_added_while_nobody_looked_begins_with_the_present() {
    let receiver = Receiver::start().await;
    let house = House::new(&section("http://127.0.0.1:1"), ROOMS);
    let process = house.serve(&[]).await;
    house.stranger().posts_knock("standup", "Ann").await;
    process.kill();
    house.edit("[store]", &format!("{}[store]", receiver.section("all", "events = [\"waiting-participant.joined\"]")));
    let process = house.serve(&[]).await;
    process.kill();
    // Its place was written down before anybody came.
    let _process = house.serve(&[]).await;
    house.stranger().posts_knock("standup", "Bob").await;
    let got = receiver.gets("all", 1, || {}).await;
    assert_eq!(ids(&got).keys().collect::<Vec<_>>(), ["Bob"]);
}
