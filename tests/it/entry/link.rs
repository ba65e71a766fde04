//! A link with a token.

use crate::harness::Gateway;

const ROOMS: &str = "[[room]]\nname = \"standup\"\nprivacy = \"private\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_link_opens_the_room_and_leaves_the_address() {
    let gateway = Gateway::with(ROOMS).await;
    let mut ann = gateway.stranger();
    let link = format!("/standup?lang=de&t={}&x=1", gateway.token("standup"));
    let answer = ann.opens(&link).await;
    assert_eq!((answer.status, answer.location()), (303, "/standup?lang=de&x=1"));
    assert!(gateway.upstream.seen().is_empty(), "nothing is forwarded before the token is gone");
    assert_eq!(ann.opens("/standup?lang=de&x=1").await.status, 200);
    assert_eq!(gateway.upstream.last().target, "/standup?lang=de&x=1");
    assert_eq!(gateway.upstream.last().header("x-roomgate-role"), Some("participant"));
    assert_eq!(gateway.upstream.last().header("cookie"), None, "our cookies are ours");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_is_told_that_the_room_is_private() {
    let gateway = Gateway::with(ROOMS).await;
    let mut eve = gateway.stranger();
    assert_eq!(eve.opens("/standup").await.status, 401);
    assert_eq!(eve.fetches("/standup").await.code(), "private");
    assert!(gateway.upstream.seen().is_empty());
}
