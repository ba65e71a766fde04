//! What becomes of a message that is not taken?

use std::time::Duration;

use tokio::net::TcpListener;

use super::ROOMS;
use crate::harness::Gateway;
use crate::harness::process::House;
use crate::harness::receiver::{Mood, Receiver};
use crate::harness::socket::{eventually, series};

/// Of an instance with one hook that hears of knocks alone.
async fn gateway(receiver: &Receiver) -> Gateway {
    let hook = receiver.section("all", "events = [\"waiting-participant.joined\"]");
    Gateway::with(&[ROOMS, &hook].concat()).await
}

fn results(metrics: &str) -> Vec<usize> {
    ["delivered", "retried", "refused-target", "given-up"]
        .map(|r| series(metrics, &format!("roomgate_webhook_deliveries_total{{result=\"{r}\"}}")) as usize)
        .into()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_told_again_until_it_is_taken_and_the_next_waits_for_it() {
    let (receiver, elsewhere) = (Receiver::start().await, TcpListener::bind("127.0.0.1:0").await.unwrap());
    let gateway = gateway(&receiver).await;
    let to: &'static str = format!("302 Found\r\nLocation: http://{}/", elsewhere.local_addr().unwrap()).leak();
    receiver.next([
        Mood::Says("500 No"),
        Mood::Resets,
        Mood::Says(to),
        Mood::Says("404 No"),
        Mood::Hangs,
        Mood::Says("503 No"),
        Mood::Drips,
    ]);
    receiver.next([Mood::Says("307 Away\r\nLocation: /other"), Mood::Floods, Mood::Takes]);
    for name in ["Ann", "Bob", "Cleo"] {
        gateway.stranger().knocks("standup", name).await;
    }
    let later = || gateway.clock.advance(Duration::from_secs(2));
    let got = receiver.gets("all", 10, later).await;
    let names: Vec<String> = got.iter().map(|g| g.json()["payload"]["user_name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names, ["Ann", "Ann", "Ann", "Ann", "Ann", "Ann", "Ann", "Bob", "Bob", "Cleo"]);
    assert!(got[..7].iter().all(|g| g.id() == got[0].id() && g.body == got[0].body), "the same each time");
    assert!(got[7].id() != got[0].id() && got[7].id() == got[8].id());
    eventually("all are counted", Duration::from_secs(5), async || (results(&gateway.metrics().await) == [3, 7, 0, 0]).then_some(())).await;
    let followed = tokio::time::timeout(Duration::from_millis(100), elsewhere.accept()).await;
    assert!(followed.is_err(), "no redirect is followed");
    assert_eq!(receiver.got().len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_says_how_long_to_wait() {
    let receiver = Receiver::start().await;
    let gateway = gateway(&receiver).await;
    receiver.next([Mood::Says("429 Slowly\r\nRetry-After: 120")]);
    gateway.stranger().knocks("standup", "Bob").await;
    receiver.gets("all", 1, || {}).await;
    eventually("it is counted", Duration::from_secs(5), async || (results(&gateway.metrics().await)[1] == 1).then_some(())).await;
    gateway.clock.advance(Duration::from_secs(110));
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(receiver.got().len(), 1, "not before the time");
    gateway.clock.advance(Duration::from_secs(11));
    receiver.gets("all", 2, || {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_can_take_is_given_up_and_the_next_has_its_turn() {
    let receiver = Receiver::start().await;
    let gateway = gateway(&receiver).await;
    // Its receiver finds it wrong: six times, as the reference does.
    receiver.next(std::iter::repeat_n(Mood::Says("422 What"), 6));
    gateway.stranger().knocks("standup", "Ann").await;
    gateway.stranger().knocks("standup", "Bob").await;
    let got = receiver.gets("all", 7, || gateway.clock.advance(Duration::from_secs(2))).await;
    assert_eq!((got[5].id() == got[0].id(), got[6].id() == got[0].id()), (true, false));
    eventually("it is counted", Duration::from_secs(5), async || (results(&gateway.metrics().await) == [1, 5, 0, 1]).then_some(())).await;

    // Nobody is there, for more than a day.
    receiver.usually(Mood::Says("500 No"));
    gateway.stranger().knocks("standup", "Cleo").await;
    gateway.stranger().knocks("standup", "Dora").await;
    receiver.gets("all", 8, || {}).await;
    gateway.clock.advance(Duration::from_secs(24 * 3600 + 60));
    eventually("both are given up", Duration::from_secs(10), async || {
        // A wait that began a moment ago is over, too.
        gateway.clock.advance(Duration::from_secs(2));
        (results(&gateway.metrics().await)[3] == 3).then_some(())
    })
    .await;
    receiver.usually(Mood::Takes);
    gateway.stranger().knocks("standup", "Emil").await;
    let got = receiver.gets("all", 9, || gateway.clock.advance(Duration::from_secs(2))).await;
    assert_eq!(got.last().unwrap().json()["payload"]["user_name"], "Emil");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_wants_no_more_gets_no_more_until_the_configuration_is_read_anew() {
    let receiver = Receiver::start().await;
    let gateway = gateway(&receiver).await;
    receiver.next([Mood::Says("410 Gone")]);
    gateway.stranger().knocks("standup", "Ann").await;
    receiver.gets("all", 1, || {}).await;
    gateway.stranger().knocks("standup", "Bob").await;
    for _ in 0..10 {
        gateway.clock.advance(Duration::from_secs(600));
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    assert_eq!(receiver.got().len(), 1);
    gateway.running().reload();
    let got = receiver.gets("all", 3, || {}).await;
    let names: Vec<_> = got.iter().map(|g| g.json()["payload"]["user_name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names, ["Ann", "Ann", "Bob"], "nothing is lost by it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_down_slows_no_knock_and_hears_of_all_when_it_is_back() {
    const KNOCKS: usize = 200;
    let receiver = Receiver::start().await;
    receiver.usually(Mood::Hangs);
    let hooks = [receiver.section("all", "events = [\"waiting-participant.joined\"]"), receiver.section("other", "rooms = [\"board\"]")];
    let gateway =
        Gateway::configured("trusted_proxies = [\"127.0.0.0/8\"]\n[rooms]\nunknown = \"refuse\"\n", &[ROOMS, &hooks.concat()].concat())
            .await;
    for n in 0..KNOCKS {
        let told = gateway.stranger().posts_knock_from("standup", &format!("Guest {n}"), &format!("198.51.100.{n}")).await;
        assert_eq!(told.status, 200, "{n}: {}", told.text());
    }
    // All were answered while the first message hung.
    assert_eq!((gateway.gate().store().facts().waiting(), receiver.got_at("all").len()), (KNOCKS, 1));
    // Hooks know nothing of each other.
    gateway.stranger().knocks("board", "Eve").await;
    receiver.gets("other", 1, || {}).await;
    receiver.usually(Mood::Takes);
    let got = receiver.gets("all", KNOCKS + 2, || gateway.clock.advance(Duration::from_secs(1))).await;
    let names: Vec<_> = got[1..=KNOCKS].iter().map(|g| g.json()["payload"]["user_name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names, (0..KNOCKS).map(|n| format!("Guest {n}")).collect::<Vec<_>>());
}

/// A name for this machine that is not `localhost`, where there is one.
fn name_of_this_machine() -> Option<String> {
    let hosts = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
    let lines = hosts.lines().filter(|l| l.starts_with("127."));
    let names = lines.flat_map(|l| l.split_whitespace().skip(1).map(str::to_owned).collect::<Vec<_>>());
    names.filter(|n| !n.contains("localhost")).find(|n| n.bytes().all(|b| b.is_ascii_lowercase()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_leads_into_our_own_network_is_refused_unless_that_is_meant() {
    let receiver = Receiver::start().await;
    let Some(name) = name_of_this_machine() else {
        println!("this machine has no name but localhost: src/notify/post.rs tests that one");
        return;
    };
    let hook = format!("[[webhook]]\nname = \"all\"\nurl = \"http://{name}:{}/all\"\n", receiver.address.port());
    let gateway = Gateway::with(&[ROOMS, &hook].concat()).await;
    gateway.stranger().knocks("standup", "Bob").await;
    eventually("it is refused", Duration::from_secs(10), async || (results(&gateway.metrics().await)[2] >= 1).then_some(())).await;
    assert_eq!(receiver.got().len(), 0);
    gateway.edit("/all\"\n", "/all\"\nprivate = true\n");
    gateway.running().reload();
    let got = receiver.gets("all", 1, || {}).await;
    assert_eq!(got[0].json()["payload"]["user_name"], "Bob", "and then it hears what it missed");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_of_our_own_is_refused_by_check() {
    let house = House::new(&crate::harness::busy::section("http://127.0.0.1:1"), ROOMS);
    house.edit("[store]", "[[webhook]]\nurl = \"http://127.0.0.1:9/\"\n[store]");
    let config = house.config();
    let out = crate::harness::process::roomgate(&["check", "--config", &config]).await;
    assert_eq!(out.status.code(), Some(2));
    assert!(String::from_utf8(out.stderr).unwrap().contains("private = true"));
    house.edit(
        "127.0.0.1:9/\"\n",
        "127.0.0.1:9/x?y=z\"\nprivate = true\nrooms = [\"standup\", \"team-*\"]\nevents = [\"meeting.started\"]\n",
    );
    let out = crate::harness::process::roomgate(&["check", "--config", &config]).await;
    let said = String::from_utf8(out.stdout).unwrap();
    assert!(said.starts_with("webhook 127.0.0.1: http://127.0.0.1:9 as events, 1 events, standup, team-*, not signed\n"), "{said}");
}
