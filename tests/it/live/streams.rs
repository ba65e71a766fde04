//! Streams of the upstream pass as they come: nothing is gathered, nothing is cut.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;

use super::endings::{comes, house};
use crate::harness::busy::BIG;

const ROOM: &str = "[[room]]\nname = \"standup\"\nprivacy = \"private\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn an_event_arrives_before_the_next_is_sent() {
    let (gateway, busy) = house("", ROOM).await;
    let ann = comes(&gateway, "standup", &gateway.token("standup")).await;
    let mut events = ann.asks("GET", "/standup/steps", &[("Accept", "text/event-stream"), ("Accept-Encoding", "gzip")]).await;
    for n in 0..5 {
        busy.step.add_permits(1);
        events.until(&format!("data: step {n}.\n\n")).await;
        assert!(!events.text().contains(&format!("step {}.", n + 1)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_download_and_a_large_upload_pass_whole() {
    let (gateway, busy) = house("", ROOM).await;
    let ann = comes(&gateway, "standup", &gateway.token("standup")).await;
    let mut download = ann.asks("GET", "/standup/big", &[("Connection", "close")]).await;
    assert!(download.counts().await >= BIG);

    let origin = format!("http://{}", gateway.address);
    let length = BIG.to_string();
    let headers = [("Origin", origin.as_str()), ("Content-Length", length.as_str()), ("Connection", "close")];
    let mut wire = ann.asks("POST", "/standup/up", &headers).await;
    let piece = vec![b'u'; 64 * 1024];
    wire.stream.write_all(&piece).await.unwrap();
    crate::harness::socket::eventually("the first piece is there before the last is sent", Duration::from_secs(5), async || {
        (busy.read.load(Ordering::SeqCst) >= 1024).then_some(())
    })
    .await;
    for _ in 1..BIG / piece.len() {
        wire.stream.write_all(&piece).await.unwrap();
    }
    wire.end().await;
    assert!(wire.text().ends_with(&BIG.to_string()), "{}", wire.text());
}
