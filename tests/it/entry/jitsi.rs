//! Jitsi's own way of carrying a token in a page's address, and what is let through to its server.

use std::time::Duration;

use crate::harness::prosody::Prosody;
use crate::harness::{Gateway, Upstream};

const ROOMS: &str = "[[room]]\nname = \"board\"\nprivacy = \"private\"\n[[room]]\nname = \"acme/board\"\nprivacy = \"private\"\n[[room]]\nname = \"b\u{fc}ro\"\n";
const BOARD: &str = "[[room]]\nname = \"board\"\nprivacy = \"private\"\n";
const JITSI: &str =
    "[upstream]\nurl = \"http://UPSTREAM\"\nprofile = \"jitsi\"\n[upstream.jitsi]\ndomain = \"meet.test\"\ntenants = true\n";

async fn house() -> Gateway {
    Gateway::before(Upstream::start().await, JITSI, ROOMS).await
}

fn navigation(dest: &'static str) -> [(&'static str, &'static str); 4] {
    [("Accept", "text/html"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", dest), ("Sec-Fetch-Site", "cross-site")]
}

#[tokio::test]
async fn an_embedding_page_brings_a_token_as_jitsi_knows_it() {
    let gateway = house().await;
    let token = gateway.token("board");

    let mut framed = gateway.stranger();
    let answer = framed.sends("GET", &format!("/board?lang=de&jwt={token}&x=1"), &navigation("iframe"), b"").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(gateway.upstream.last().target, "/board?lang=de&x=1", "the server behind sees no token");

    let mut person = gateway.stranger();
    let answer = person.sends("GET", &format!("/board?jwt={token}"), &navigation("document"), b"").await;
    assert_eq!((answer.status, answer.location()), (303, "/board"), "it leaves the address bar");
    assert_eq!(person.visits("/board").await.status, 200, "and has earned a session");

    // A page's files come with its address as their referrer.
    gateway.upstream.forget();
    let referer = format!("http://{}/board?jwt={token}", gateway.address);
    assert_eq!(framed.sends("GET", "/libs/app.js", &[("Referer", &referer)], b"").await.status, 200);
    let seen = gateway.upstream.last();
    assert!(!format!("{seen:?}").contains(&token), "{seen:?}");

    // It leaves what is no room's page, too.
    for path in ["/", "/libs/app.js", "/static/a.html", "/colibri-ws/a/b/c"] {
        gateway.upstream.forget();
        gateway.stranger().sends("GET", &format!("{path}?jwt={token}&x"), &[], b"").await;
        assert_eq!(gateway.upstream.last().target, format!("{path}?x"));
    }

    for (address, status) in [
        ("/board".to_owned(), 401),
        ("/board?jwt=garbage".to_owned(), 403),
        (format!("/board?jwt={token}&jwt={}", gateway.token("b\u{fc}ro")), 403),
        (format!("/board?t={}&jwt={token}", gateway.token("b\u{fc}ro")), 403),
        (format!("/acme/board?jwt={token}"), 403),
        (format!("/board?JWT={token}"), 400),
        (format!("/board?a=?jwt={token}"), 400),
    ] {
        let answer = gateway.stranger().sends("GET", &address, &[], b"").await;
        assert_eq!(answer.status, status, "{} {}", address.split("jwt").next().unwrap(), answer.text());
    }
}

#[tokio::test]
async fn a_stop_says_goodbye_to_those_who_have_no_seat() {
    let prosody = Prosody::start().await;
    let mut gateway = Gateway::configured(&prosody.sections(), BOARD).await;
    let stranger = gateway.stranger();
    let origin = format!("http://{}", gateway.address);
    let headers = [("Origin", origin.as_str()), ("Sec-WebSocket-Protocol", "xmpp")];
    let mut socket = stranger.socket_with("/xmpp-websocket?room=board", &headers).await.unwrap();
    socket.says("<open xmlns=\"urn:ietf:params:xml:ns:xmpp-framing\" to=\"meet.test\" version=\"1.0\"/>").await;
    let running = gateway.take_running();
    let (drained, (code, _)) =
        tokio::join!(tokio::time::timeout(Duration::from_secs(5), running.drain(Duration::from_secs(60))), socket.ends());
    assert!(drained.is_ok(), "it waited for somebody on no list");
    assert_eq!(code, 1001);
}

#[tokio::test]
async fn what_a_server_says_of_other_sites_is_not_passed_on() {
    let prosody = Prosody::start().await;
    let gateway = Gateway::configured(&prosody.sections(), BOARD).await;
    let mut person = gateway.stranger();
    let own = format!("http://{}", gateway.address);
    for (method, target) in
        [("OPTIONS", "/http-bind?room=board"), ("GET", "/xmpp-websocket?room=board"), ("OPTIONS", "/conference-request/v1?room=board")]
    {
        let answer = person.sends(method, target, &[("Origin", &own)], b"").await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, Some(own.as_str())), "{method} {target}");
        let answer = person.sends(method, target, &[("Origin", "https://evil.example")], b"").await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (403, None), "{method} {target}");
    }
    for target in
        ["/room-census", "/sessions", "/room-size?room=board", "/_api/x", "/xmpp-websocket/", "/a/b/xmpp-websocket", "/http-bindx"]
    {
        assert_eq!(person.fetches(target).await.status, 404, "{target}");
    }
}
