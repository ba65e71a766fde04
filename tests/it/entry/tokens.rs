//! What does a token do, good or bad, for a page, a script and a socket?

use std::time::Duration;

use roomgate::access::{TokenFault, TokenId};

use crate::harness::{Gateway, SECRET, forge};

const SECTIONS: &str = "[rooms]\nunknown = \"public\"\n[tokens]\nrevocations_file = \"revoked.txt\"\ndomain_id = \"meet\"\n";
const ROOMS: &str = "[[room]]\nname = \"board\"\nprivacy = \"private\"\n[[room]]\nname = \"lobby\"\nprivacy = \"private\"\nenable_knocking = true\n[[room]]\nname = \"plaza\"\n";

async fn gateway() -> Gateway {
    Gateway::configured(SECTIONS, ROOMS).await
}

fn good(gateway: &Gateway, room: &str) -> String {
    gateway.mint(room, |m| m.domain = Some("meet".into()))
}

/// Every fault there is, and what shows it: what stands behind `?` in the address.
fn bad(gateway: &Gateway, room: &str) -> Vec<(TokenFault, String)> {
    let now = gateway.now();
    let secs = now.as_secs();
    let header = |alg: &str, kid: &str| format!("{{\"alg\":\"{alg}\",\"kid\":\"{kid}\"}}");
    let claims = format!("{{\"r\":\"{room}\",\"d\":\"meet\",\"exp\":{}}}", secs + 600);
    let says = |claims: &str| format!("t={}", forge(&header("HS256", "main"), claims, SECRET));
    let mut list = vec![
        (TokenFault::BadSignature, format!("t={}", forge(&header("HS256", "main"), &claims, "another secret, as long as the first one"))),
        (TokenFault::UnknownKey, format!("t={}", forge(&header("HS256", "other"), &claims, SECRET))),
        (TokenFault::WrongAlgorithm, format!("t={}", forge(&header("HS512", "main"), &claims, SECRET))),
        (TokenFault::WrongAlgorithm, format!("t={}", forge(&header("none", "main"), &claims, SECRET))),
        (TokenFault::WrongRoom, says(&format!("{{\"r\":\"elsewhere\",\"d\":\"meet\",\"exp\":{}}}", secs + 600))),
        (TokenFault::WrongDomain, says(&format!("{{\"r\":\"{room}\",\"d\":\"other\",\"exp\":{}}}", secs + 600))),
        (TokenFault::WrongDomain, says(&format!("{{\"r\":\"{room}\",\"exp\":{}}}", secs + 600))),
        (TokenFault::Expired, says(&format!("{{\"r\":\"{room}\",\"d\":\"meet\",\"exp\":{}}}", secs - 6))),
        (TokenFault::NotYetValid, says(&format!("{{\"r\":\"{room}\",\"d\":\"meet\",\"nbf\":{}}}", secs + 8))),
        (TokenFault::Revoked, says(&format!("{{\"r\":\"{room}\",\"d\":\"meet\",\"jti\":\"taken-back\",\"exp\":{}}}", secs + 600))),
        (TokenFault::Ambiguous, format!("t={}&x=1&t={}", good(gateway, room), good(gateway, room))),
        (TokenFault::Ambiguous, format!("t={}&%74=garbage", good(gateway, room))),
    ];
    for claims in [
        format!("{{\"r\":\"{room}\",\"d\":\"meet\",\"exp\":\"{}\"}}", secs + 600),
        format!("{{\"r\":\"{room}\",\"d\":\"meet\",\"exp\":null}}"),
        format!("{{\"r\":\"{room}\",\"d\":\"meet\",\"exp\":{}000}}", secs + 600),
        format!("{{\"r\":\"{room}\",\"room_name\":\"{room}\",\"d\":\"meet\"}}"),
        format!("{{\"r\":\"{room}\",\"r\":\"{room}\",\"d\":\"meet\"}}"),
        "{\"r\":null,\"d\":\"meet\"}".to_owned(),
        "{\"r\":[\"board\"],\"d\":\"meet\"}".to_owned(),
        "{\"r\":\"*\",\"d\":\"meet\"}".to_owned(),
        format!("{{\"r\":\"{room}\",\"o\":\"true\",\"d\":\"meet\"}}"),
        format!("{{\"r\":\"{room}\",\"o\":1,\"d\":\"meet\"}}"),
        "[]".to_owned(),
        "{".to_owned(),
    ] {
        list.push((TokenFault::Malformed, says(&claims)));
    }
    let crit = "{\"alg\":\"HS256\",\"kid\":\"main\",\"crit\":[\"x\"],\"x\":1}";
    list.push((TokenFault::Malformed, format!("t={}", forge(crit, &claims, SECRET))));
    let whole = good(gateway, room);
    let parts: Vec<&str> = whole.split('.').collect();
    for text in [
        "garbage".to_owned(),
        "a.b.c".to_owned(),
        format!("{whole}."),
        format!("{whole}%20"),
        format!("{whole}="),
        format!("{}.{}", parts[0], parts[1]),
        format!("{}.{}.", parts[0], parts[1]),
        "a".repeat(7000),
    ] {
        list.push((TokenFault::Malformed, format!("t={text}")));
    }
    list
}

/// `{whole}.`-like spellings may be told from a wrong signature or not; all others have one code.
fn same(fault: TokenFault, told: &str) -> bool {
    fault.code() == told || (fault == TokenFault::Malformed && told == TokenFault::BadSignature.code())
}

async fn with_revocations() -> Gateway {
    let gateway = gateway().await;
    std::fs::write(gateway.file("revoked.txt"), "jti:taken-back\n").unwrap();
    gateway.running().reload();
    for _ in 0..200 {
        if gateway.metrics().await.contains("config_last_reload_successful 1") && revoked(&gateway) {
            return gateway;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the file of revocations was not read");
}

fn revoked(gateway: &Gateway) -> bool {
    gateway.gate().store().facts().revocations().names(&TokenId::jti("taken-back"), None, None, None)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_token_makes_its_bearer_a_stranger_and_is_told_by_its_code() {
    let gateway = with_revocations().await;
    // Room, what a stranger gets: status, code, level.
    for (room, status, code, level) in [("board", 403, "private", "none"), ("lobby", 403, "may-knock", "lobby"), ("plaza", 200, "", "")] {
        for (fault, query) in bad(&gateway, room) {
            let told = |json: &serde_json::Value| same(fault, json["token_code"].as_str().unwrap_or_default());
            gateway.upstream.forget();

            let answer = gateway.stranger().fetches(&format!("/{room}?a=1&{query}&b=2")).await;
            assert_eq!(answer.status, status, "{room} {query}: {answer:?}");
            assert_eq!(answer.header("location"), None, "{room} {query}");
            if status == 200 {
                let clean = if query.contains("&x=1&") { "/plaza?a=1&x=1&b=2" } else { "/plaza?a=1&b=2" };
                assert_eq!(gateway.upstream.last().target, clean, "{query}");
                assert_eq!(gateway.upstream.last().header("x-roomgate-role"), Some("participant"), "{query}");
                assert_eq!(gateway.upstream.last().header("x-roomgate-user"), None, "{query}");
            } else {
                let json = answer.json();
                assert!(told(&json), "{room} {query}: {json} for {fault}");
                assert_eq!((json["code"].as_str(), json["access"]["level"].as_str()), (Some(code), Some(level)), "{room} {query}");
                assert!(!json["message"].as_str().unwrap().is_empty());
                assert_eq!(answer.header("cache-control"), Some("no-store"));
                assert!(answer.all("set-cookie").is_empty(), "{room} {query}: {answer:?}");
                assert!(gateway.upstream.seen().is_empty(), "{room} {query}");
            }

            let answer = gateway.stranger().dials(&format!("/ws?room={room}&{query}"), &[]).await;
            assert_eq!(answer.status, if status == 200 { 101 } else { status }, "{room} {query}: {answer:?}");
            assert_eq!(answer.header("location"), None);
            if status != 200 {
                assert!(told(&answer.json()), "{room} {query}: {answer:?} for {fault}");
                assert_eq!(answer.code(), code);
            }
            gateway.upstream.forget();

            let mut person = gateway.stranger();
            let answer = person.opens(&format!("/{room}?a=1&{query}")).await;
            assert_eq!(answer.status, 303, "{room} {query}: {answer:?}");
            let clean = if query.contains("&x=1&") { format!("/{room}?a=1&x=1") } else { format!("/{room}?a=1") };
            assert_eq!(answer.location(), clean);
            assert_eq!((answer.header("referrer-policy"), answer.header("cache-control")), (Some("no-referrer"), Some("no-store")));
            let names: Vec<&String> = person.cookies.keys().collect();
            if room != "plaza" {
                assert_eq!(names, ["roomgate-notice"], "{room} {query}: a bad token earns no session");
            }
            let notice = person.cookies["roomgate-notice"].clone();
            assert!(same(fault, &notice), "{room} {query}: {notice}");
            let page = person.visits(&clean).await;
            let said = gateway_words(&notice);
            match room {
                "plaza" => assert_eq!(page.status, 200, "{query}"),
                "board" => {
                    assert!(matches!(page.status, 401 | 403), "{query}: {page:?}");
                    assert!(page.text().contains(said), "{query}: {said} on {}", page.text());
                }
                _ => assert!(page.text().contains(said), "{query}: {said} on {}", page.text()),
            }
        }
    }
}

/// How the pages begin their word about a token with this code.
fn gateway_words(code: &str) -> &'static str {
    match code {
        "malformed-token" => "This link is damaged",
        "bad-signature" => "This link was not issued for this place",
        "unknown-key" => "We do not know the issuer",
        "wrong-algorithm" => "This link is sealed in a way",
        "wrong-room" => "This link is for another room",
        "wrong-domain" => "This link is for another site",
        "token-expired" => "This link has expired",
        "token-not-yet-valid" => "This link is not valid yet",
        "token-revoked" => "This link was taken back",
        "ambiguous-token" => "",
        other => panic!("no such code: {other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_without_a_credential_is_told_more_than_how_to_bring_one() {
    let gateway = gateway().await;
    for (room, code, level) in [("board", "private", "none"), ("lobby", "may-knock", "lobby")] {
        for answer in [
            gateway.stranger().fetches(&format!("/{room}")).await,
            gateway.stranger().dials(&format!("/ws?room={room}"), &[]).await,
            gateway.stranger().sends("HEAD", &format!("/{room}"), &[], b"").await,
            gateway.stranger().sends("POST", &format!("/{room}/x"), &[], b"a=1").await,
            gateway.stranger().sends("OPTIONS", &format!("/{room}/x"), &[], b"").await,
        ] {
            assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some("Bearer")), "{room}: {answer:?}");
            if !answer.body.is_empty() {
                let json = answer.json();
                assert_eq!((json["code"].as_str(), json["access"]["level"].as_str()), (Some(code), Some(level)));
                assert!(json.get("token_code").is_none());
            }
        }
    }
    assert!(gateway.upstream.seen().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_token_is_enough_for_a_script_and_a_socket_and_earns_a_session() {
    let gateway = gateway().await;
    let token = good(&gateway, "board");
    let mut script = gateway.stranger();
    assert_eq!(script.fetches(&format!("/board?x=1&t={token}")).await.status, 200);
    assert_eq!(gateway.upstream.last().target, "/board?x=1");
    assert_eq!(script.fetches("/board/data.json").await.status, 200, "the session alone");

    let mut socket = gateway.stranger();
    assert_eq!(socket.dials(&format!("/ws?room=board&t={token}"), &[]).await.status, 101);
    assert_eq!(gateway.upstream.last().target, "/ws?room=board");
    assert_eq!(gateway.stranger().dials(&format!("/ws?room=lobby&t={token}"), &[]).await.json()["token_code"], "wrong-room");
    // A token with nothing in it is no token, and leaves the address all the same.
    let mut person = gateway.stranger();
    assert_eq!(person.opens("/plaza?t=").await.location(), "/plaza");
    assert_eq!(person.opens("/plaza?a&t").await.location(), "/plaza?a");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_token_replaces_a_session_and_a_bad_one_never_does() {
    let gateway = with_revocations().await;
    let mut ann = gateway.stranger();
    ann.visits(&format!(
        "/board?t={}",
        gateway.mint("board", |m| {
            m.domain = Some("meet".into());
            m.user = Some("ann".into());
        })
    ))
    .await;
    assert_eq!(gateway.upstream.last().header("x-roomgate-user"), Some("ann"));
    for (_, query) in bad(&gateway, "board") {
        let before: Vec<_> = ann.cookies.iter().filter(|(n, _)| !n.contains("notice")).map(|(n, v)| (n.clone(), v.clone())).collect();
        assert_eq!(ann.visits(&format!("/board?{query}")).await.status, 200, "{query}");
        assert_eq!(gateway.upstream.last().header("x-roomgate-user"), Some("ann"), "{query}");
        assert_eq!(ann.fetches(&format!("/board/x?{query}")).await.status, 200, "{query}");
        assert_eq!(gateway.upstream.last().header("x-roomgate-user"), Some("ann"), "{query}");
        let after: Vec<_> = ann.cookies.iter().filter(|(n, _)| !n.contains("notice")).map(|(n, v)| (n.clone(), v.clone())).collect();
        assert_eq!(before, after, "{query}: the session stays as it was");
    }
    ann.visits(&format!(
        "/board?t={}",
        gateway.mint("board", |m| {
            m.domain = Some("meet".into());
            m.user = Some("bob".into());
            m.owner = true;
        })
    ))
    .await;
    let last = gateway.upstream.last();
    assert_eq!((last.header("x-roomgate-user"), last.header("x-roomgate-role")), (Some("bob"), Some("owner")));
    // Back to less: the newest good one counts, also where it gives less.
    ann.visits(&format!("/board?t={}", good(&gateway, "board"))).await;
    let last = gateway.upstream.last();
    assert_eq!((last.header("x-roomgate-user"), last.header("x-roomgate-role")), (None, Some("participant")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_over_when_its_time_is_also_for_the_session_it_earned() {
    let gateway = gateway().await;
    let token = good(&gateway, "board");
    let mut ann = gateway.stranger();
    assert_eq!(ann.visits(&format!("/board?t={token}")).await.status, 200);
    gateway.clock.advance(Duration::from_secs(3604));
    assert_eq!(gateway.stranger().fetches(&format!("/board?t={token}")).await.status, 200, "within the leeway");
    gateway.clock.advance(Duration::from_secs(2));
    let late = gateway.stranger().fetches(&format!("/board?t={token}")).await;
    assert_eq!((late.status, late.json()["token_code"].as_str()), (403, Some("token-expired")));
    let page = ann.opens("/board").await;
    assert_eq!(page.status, 403);
    assert!(page.text().contains("This link has expired"), "{}", page.text());

    let early = gateway.mint("board", |m| {
        m.domain = Some("meet".into());
        m.not_before = Some(gateway.now().plus(Duration::from_secs(60)));
    });
    assert_eq!(gateway.stranger().fetches(&format!("/board?t={early}")).await.json()["token_code"], "token-not-yet-valid");
    gateway.clock.advance(Duration::from_secs(60));
    assert_eq!(gateway.stranger().fetches(&format!("/board?t={early}")).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_without_a_room_opens_any_room_unless_the_operator_says_otherwise() {
    for (strict, status) in [(false, 200), (true, 403)] {
        let gateway = Gateway::configured(&format!("[tokens]\nrequire_room = {strict}\n"), ROOMS).await;
        let claims = format!("{{\"u\":\"Ann\",\"exp\":{}}}", gateway.now().as_secs() + 600);
        let token = forge("{\"alg\":\"HS256\"}", &claims, SECRET);
        for room in ["board", "lobby"] {
            let answer = gateway.stranger().fetches(&format!("/{room}?t={token}")).await;
            assert_eq!(answer.status, status, "{room}");
            if strict {
                assert_eq!(answer.json()["token_code"], "wrong-room");
            }
        }
        assert_eq!(gateway.stranger().fetches(&format!("/nowhere?t={token}")).await.status, 404, "unknown rooms are refused");
        let mut ann = gateway.stranger();
        ann.visits(&format!("/board?t={token}")).await;
        let other = ann.fetches("/lobby").await;
        assert_ne!(other.status, 200, "its session is for the room that it was used for");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bearer_token_is_the_upstreams_unless_the_operator_says_otherwise() {
    let gateway = gateway().await;
    let token = good(&gateway, "board");
    let bearer = format!("Bearer {token}");
    for value in [bearer.as_str(), "Basic dXNlcjpwYXNz", "Bearer upstream-secret", "Digest a=1, b=2"] {
        let answer = gateway.stranger().sends("GET", "/board", &[("Authorization", value)], b"").await;
        assert_eq!(answer.status, 401, "{value} is not for us");
        gateway.stranger().sends("GET", "/plaza", &[("Authorization", value)], b"").await;
        assert_eq!(gateway.upstream.last().headers("authorization"), [value]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bearer_token_that_is_ours_is_read_and_never_passed_on() {
    let gateway = Gateway::configured("[tokens]\nheader = true\n[rooms]\nunknown = \"public\"\n", ROOMS).await;
    let (token, other) = (gateway.token("board"), gateway.token("board"));
    for (lines, query, status, token_code) in [
        (vec![format!("Bearer {token}")], String::new(), 200, ""),
        (vec![format!("bearer   {token} ")], String::new(), 200, ""),
        (vec![format!("BEARER\t{token}")], String::new(), 200, ""),
        (vec![format!("Bearer {token}")], format!("?t={token}"), 200, ""),
        (vec![format!("Bearer {token}"), format!("Bearer {token}")], String::new(), 200, ""),
        (vec![format!("Bearer {token}")], format!("?t={other}"), 403, "ambiguous-token"),
        (vec![format!("Bearer {token}"), format!("Bearer {other}")], String::new(), 403, "ambiguous-token"),
        (vec![format!("Bearer {token}, Bearer {token}")], String::new(), 403, "malformed-token"),
        (vec!["Bearer".to_owned()], String::new(), 403, "malformed-token"),
        (vec!["Bearer garbage".to_owned()], String::new(), 403, "malformed-token"),
        (vec![format!("Basic {token}")], String::new(), 401, ""),
        (vec![format!("Bearerx {token}")], String::new(), 401, ""),
    ] {
        let headers: Vec<_> = lines.iter().map(|l| ("Authorization", l.as_str())).collect();
        let answer = gateway.stranger().sends("GET", &format!("/board{query}"), &headers, b"").await;
        assert_eq!(answer.status, status, "{lines:?} {query}: {answer:?}");
        if !token_code.is_empty() {
            assert_eq!(answer.json()["token_code"], token_code, "{lines:?} {query}");
        }
        // Wherever it goes, it does not go with it.
        for place in ["/plaza", "/static/app.js", "/", "/favicon.ico"] {
            assert_eq!(gateway.stranger().sends("GET", place, &headers, b"").await.status, 200, "{place}");
            let passed = gateway.upstream.last().headers("authorization").join(",");
            assert_eq!(
                passed.is_empty(),
                !lines[0].starts_with("Basic") && !lines[0].starts_with("Bearerx"),
                "{place} {lines:?}: {passed}"
            );
        }
    }
    for value in ["Basic dXNlcjpwYXNz", "Digest a=1"] {
        gateway.stranger().sends("GET", "/plaza", &[("Authorization", value)], b"").await;
        assert_eq!(gateway.upstream.last().headers("authorization"), [value]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_opens_shared_places_and_leaves_their_address_too() {
    let upstream = crate::harness::Recorder::start().await;
    let gateway = Gateway::configured(&upstream.sections(), ROOMS).await;
    let mut ann = gateway.stranger();
    assert_eq!(ann.fetches("/api/rooms").await.status, 401);
    let token = gateway.token("board");
    assert_eq!(ann.opens(&format!("/api/rooms?x=1&t={token}")).await.location(), "/api/rooms?x=1");
    assert!(upstream.seen().is_empty());
    assert_eq!(ann.opens("/api/rooms?x=1").await.status, 200);
    assert_eq!(upstream.one().target(), "/api/rooms?x=1");
    let mut eve = gateway.stranger();
    assert_eq!(eve.opens("/api/rooms?t=garbage").await.location(), "/api/rooms");
    assert!(matches!(eve.opens("/api/rooms").await.status, 401 | 403));
    assert!(upstream.seen().is_empty());
}
