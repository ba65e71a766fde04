//! What does not touch those who are inside.

use std::time::Duration;

use super::endings::{comes, house};
use super::inside::Inside;
use crate::harness::socket::{SOON, eventually, series};

const ROOMS: &str = "[[room]]\nname = \"standup\"\nprivacy = \"private\"\nallow = [\"127.0.0.0/8\"]\n[[room]]\nname = \"board\"\n";

/// The configuration as it is read after this change.
async fn reads_again(gateway: &crate::harness::Gateway, from: &str, to: &str) {
    let series_of = "roomgate_config_last_reload_success_timestamp_seconds";
    let before = series(&gateway.metrics().await, series_of);
    gateway.clock.advance(Duration::from_millis(5));
    gateway.edit(from, to);
    gateway.running().reload();
    eventually("it was read again", Duration::from_secs(5), async || (series(&gateway.metrics().await, series_of) > before).then_some(()))
        .await;
    tokio::time::sleep(Duration::from_millis(300)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_the_configuration_leave_those_alone_who_may_stay() {
    let (gateway, busy) = house("", ROOMS).await;
    let mut ann = gateway.stranger();
    assert_eq!(ann.opens("/standup").await.status, 200);
    let mut anns = Inside::enter(&gateway, &busy, &ann, "standup").await;
    for (from, to) in [
        ("name = \"board\"", "name = \"other\""),
        ("privacy = \"private\"", "privacy = \"public\""),
        ("privacy = \"public\"", "privacy = \"private\""),
        ("127.0.0.0/8", "10.0.0.0/8"),
        ("allow = [\"10.0.0.0/8\"]", "nbf = 2099-01-01T00:00:00Z"),
        ("nbf = 2099-01-01T00:00:00Z", "exp = 2001-01-01T00:00:00Z"),
        ("exp = 2001-01-01T00:00:00Z", "max_participants = 1"),
        ("max_participants = 1", "waiting_room = \"everyone\""),
    ] {
        reads_again(&gateway, from, to).await;
        anns.all_live(&busy).await;
    }
    assert_eq!(gateway.stranger().fetches("/standup").await.status, 401, "others stay outside");
    // And a socket more of the one who is inside.
    ann.socket("/ws?room=standup").await.unwrap().is_alive().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_configuration_touches_nobody() {
    let (gateway, busy) = house("", ROOMS).await;
    let mut ann = gateway.stranger();
    ann.opens("/standup").await;
    let mut anns = Inside::enter(&gateway, &busy, &ann, "standup").await;
    gateway.edit("[[room]]", "[[rooom]]");
    eventually("it was found broken", Duration::from_secs(5), async || {
        (series(&gateway.metrics().await, "roomgate_config_last_reload_successful") == 0.0).then_some(())
    })
    .await;
    anns.all_live(&busy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_exp_closes_the_door_and_sends_nobody_out() {
    let (gateway, busy) = house("", "[[room]]\nname = \"standup\"\nprivacy = \"private\"\n").await;
    let ann = comes(&gateway, "standup", &gateway.token("standup")).await;
    let mut anns = Inside::enter(&gateway, &busy, &ann, "standup").await;
    gateway.clock.advance(Duration::from_secs(3700));
    tokio::time::sleep(Duration::from_millis(400)).await;
    anns.all_live(&busy).await;
    // Signalling of one who is inside goes on; the page is a new visit.
    ann.socket("/standup/socket").await.unwrap().is_alive().await;
    assert_eq!(ann.clone().opens("/standup").await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_closes_their_socket_leaves_their_place_at_once() {
    let (gateway, _busy) = house("", "[[room]]\nname = \"standup\"\nmax_participants = 1\n").await;
    let mut ann = gateway.stranger();
    ann.opens("/standup").await;
    let socket = ann.socket("/ws?room=standup").await.unwrap();
    let mut bob = gateway.stranger();
    assert_eq!(bob.fetches("/standup").await.code(), "full");
    drop(socket);
    eventually("there is room again", SOON, async || (bob.fetches("/standup").await.status == 200).then_some(())).await;
}
