//! How much of what everybody shares can one take?

use std::time::Duration;

use serde_json::json;

use crate::harness::Gateway;

const ROOMS: &str = "[[room]]\nname = \"standup\"\nprivacy = \"private\"\nenable_knocking = true\n[[room]]\nname = \"board\"\nprivacy = \"private\"\nenable_knocking = true\n";

#[tokio::test(flavor = "multi_thread")]
async fn one_address_cannot_fill_the_waiting_list_of_a_room_in_an_hour() {
    let gateway = Gateway::with(ROOMS).await;
    let knock = |n: u32, room: &'static str| {
        let mut eve = gateway.stranger();
        async move {
            assert_eq!(eve.opens(&format!("/_roomgate/knock?room={room}")).await.status, 200);
            eve.posts("/_roomgate/knock", &json!({ "room": room, "name": format!("Eve {n}") })).await
        }
    };
    let mut refused = 0_u32;
    for n in 0..900 {
        // Each of them in a browser of her own, one every four seconds: an hour.
        gateway.clock.advance(Duration::from_secs(4));
        refused += u32::from(knock(n, "standup").await.status == 429);
    }
    let waiting = gateway.gate().store().facts().waiting();
    assert!(waiting < 400, "{waiting} wait, {refused} were refused");
    assert_eq!(knock(0, "board").await.status, 200, "at another room she may knock as before");
}
