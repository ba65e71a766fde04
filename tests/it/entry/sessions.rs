//! The session alone works afterwards: everywhere, for its room, for its browser, as long as its secret and its time last.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::harness::{Answer, Gateway, Person};

const ROOMS: &str = "[[room]]\nname = \"board\"\nprivacy = \"private\"\n[[room]]\nname = \"other\"\nprivacy = \"private\"\n[[room]]\nmatch = \"team-*\"\nprivacy = \"private\"\n";

fn sessions(person: &Person) -> BTreeMap<String, String> {
    person
        .cookies
        .iter()
        .filter(|(n, _)| !n.ends_with("-visitor") && !n.ends_with("-notice"))
        .map(|(n, v)| (n.clone(), v.clone()))
        .collect()
}

fn attributes<'a>(answer: &'a Answer, name: &str) -> Vec<&'a str> {
    let line = answer.all("set-cookie").into_iter().find(|l| l.contains(name)).unwrap_or_else(|| panic!("no {name} in {answer:?}"));
    line.split("; ").skip(1).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_session_alone_works_for_pages_scripts_sockets_second_tabs_and_after_a_restart() {
    let gateway = Gateway::with(ROOMS).await;
    let mut ann = gateway.stranger();
    let link = format!("/board?t={}", gateway.mint("board", |m| m.user = Some("ann".into())));
    let answer = ann.opens(&link).await;
    assert_eq!(answer.status, 303);
    assert_eq!(sessions(&ann).len(), 1);
    assert!(ann.cookies.contains_key("roomgate-visitor"), "{:?}", ann.cookies.keys());
    let (name, _) = sessions(&ann).into_iter().next().unwrap();
    assert!(name.starts_with("roomgate-") && !name.contains("board"), "{name}");
    for cookie in [name.as_str(), "roomgate-visitor"] {
        let attributes = attributes(&answer, cookie);
        for needed in ["Path=/", "HttpOnly", "SameSite=Lax"] {
            assert!(attributes.contains(&needed), "{cookie}: {attributes:?}");
        }
        assert!(!attributes.iter().any(|a| a.starts_with("Domain") || *a == "Secure" || *a == "Partitioned"), "{attributes:?}");
    }
    assert!(attributes(&answer, &name).contains(&"Max-Age=43200"));
    let gateway = {
        let mut tab = ann.clone();
        for _ in 0..2 {
            assert_eq!(ann.opens("/board").await.status, 200);
            assert_eq!(tab.fetches("/board/x").await.status, 200);
            assert_eq!(tab.dials("/ws?room=board", &[]).await.status, 101);
            assert_eq!(tab.dials("/board/ws", &[]).await.status, 101);
        }
        gateway.restart().await
    };
    assert_eq!(ann.opens("/board").await.status, 200);
    assert_eq!(gateway.upstream.last().header("x-roomgate-user"), Some("ann"));
    assert_eq!(ann.dials("/ws?room=board", &[]).await.status, 101);
    // It is the token's room that it opens.
    for room in ["other", "team-a"] {
        assert!(matches!(ann.fetches(&format!("/{room}")).await.status, 401 | 403));
    }
    // The session's own time is over before the token's.
    gateway.clock.advance(Duration::from_secs(3600 * 13));
    assert_ne!(ann.fetches("/board").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_holds_sixteen_sessions_and_the_oldest_goes() {
    let gateway = Gateway::with(ROOMS).await;
    let mut ann = gateway.stranger();
    for n in 0..20 {
        ann.visits(&format!("/team-{n}?t={}", gateway.token(&format!("team-{n}")))).await;
        gateway.clock.advance(Duration::from_secs(1));
        assert!(sessions(&ann).len() <= 16, "{n}: {}", sessions(&ann).len());
    }
    for n in 0..20 {
        let status = ann.fetches(&format!("/team-{n}")).await.status;
        assert_eq!(status == 200, n >= 4, "team-{n}: {status}");
    }
    assert!(ann.cookie_line().len() < 16 * 1024, "{}", ann.cookie_line().len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_under_another_rooms_name_or_changed_in_one_character_is_none() {
    let gateway = Gateway::with(ROOMS).await;
    let (mut ann, mut bob) = (gateway.stranger(), gateway.stranger());
    ann.visits(&format!("/board?t={}", gateway.token("board"))).await;
    bob.visits(&format!("/other?t={}", gateway.token("other"))).await;
    let (board, value) = sessions(&ann).into_iter().next().unwrap();
    let (other, others) = sessions(&bob).into_iter().next().unwrap();
    let visitor = ann.cookies["roomgate-visitor"].clone();
    gateway.upstream.forget();
    let mut cut = value.clone();
    cut.pop();
    let mut swapped: Vec<char> = value.chars().collect();
    let middle = swapped.len() / 2;
    swapped[middle] = if swapped[middle] == 'A' { 'B' } else { 'A' };
    let swapped: String = swapped.into_iter().collect();
    let cases = [
        (format!("{other}={value}"), "/other"),
        (format!("{board}={others}"), "/board"),
        (format!("{board}={visitor}"), "/board"),
        (format!("roomgate-visitor={value}"), "/board"),
        (format!("{board}={cut}"), "/board"),
        (format!("{board}={value}A"), "/board"),
        (format!("{board}={swapped}"), "/board"),
        (format!("{board}="), "/board"),
        (board.clone(), "/board"),
        (format!("{board}=\"{value}\""), "/board"),
        (format!("{}={value}", board.to_uppercase()), "/board"),
        (format!("__Host-{board}={value}"), "/board"),
        (format!("{board} ={value}"), "/board"),
        (format!("{board}= {value}"), "/board"),
        (format!("x={board}={value}"), "/board"),
        (format!("a=1, {board}={value}"), "/board"),
        (format!("{board}={value}; {board}={value}"), "/board"),
        (format!("{board}=planted; {board}={value}"), "/board"),
        (format!("{board}={value}; {board}=planted"), "/board"),
        (format!("{board}={value}\u{a0}"), "/board"),
    ];
    for (cookie, target) in &cases {
        let answer = gateway.stranger().sends("GET", target, &[("Cookie", cookie)], b"").await;
        assert!(matches!(answer.status, 400 | 401 | 403), "{cookie}: {answer:?}");
    }
    for (first, second) in [(&value, "planted"), (&value, value.as_str())] {
        let lines = [("Cookie", format!("{board}={first}")), ("Cookie", format!("{board}={second}"))];
        let lines: Vec<(&str, &str)> = lines.iter().map(|(n, v)| (*n, v.as_str())).collect();
        assert_eq!(gateway.stranger().sends("GET", "/board", &lines, b"").await.status, 401);
    }
    assert!(gateway.upstream.seen().is_empty());
    // What others planted beside it does no harm.
    for cookie in [
        format!("a=1; {board}={value}; b=2"),
        format!("{board}={value}; {other}=planted"),
        format!("roomgate-visitor=planted; {board}={value}"),
        format!("roomgate-zzz=1; {board}={value}; roomgate-=2"),
    ] {
        assert_eq!(gateway.stranger().sends("GET", "/board", &[("Cookie", &cookie)], b"").await.status, 200, "{cookie}");
        let seen = gateway.upstream.last();
        let passed = seen.headers("cookie").join("; ");
        assert!(!passed.to_lowercase().contains("roomgate"), "{cookie}: {passed}");
        assert_eq!(passed, if cookie.starts_with("a=1") { "a=1; b=2" } else { "" });
    }
    // Also those of the other scheme's names.
    let both = format!("__Host-{board}={value}; a=1; {board}={value}; __Host-roomgate-visitor=x");
    assert_eq!(gateway.stranger().sends("GET", "/board", &[("Cookie", &both)], b"").await.status, 200);
    assert_eq!(gateway.upstream.last().headers("cookie"), ["a=1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_survives_a_new_secret_as_long_as_the_old_one_is_kept() {
    let gateway = Gateway::with(ROOMS).await;
    let mut ann = gateway.stranger();
    ann.visits(&format!("/board?t={}", gateway.token("board"))).await;
    let before = std::fs::read_to_string(gateway.file("session.secret")).unwrap();
    let new = "Zs5dKq8wMv1xPb6nTj3hRf9gLc2yUa7e-session";
    std::fs::write(gateway.file("session.secret"), format!("{new}\n{before}")).unwrap();
    let gateway = gateway.restart().await;
    assert_eq!(ann.fetches("/board").await.status, 200, "the old secret still opens");
    let mut bob = gateway.stranger();
    bob.visits(&format!("/board?t={}", gateway.token("board"))).await;
    std::fs::write(gateway.file("session.secret"), format!("{new}\n")).unwrap();
    let gateway = gateway.restart().await;
    assert_eq!(ann.fetches("/board").await.status, 401, "and is gone once it is taken out");
    assert_eq!(bob.fetches("/board").await.status, 200, "the new secret sealed");
    assert_eq!(gateway.upstream.last().header("x-roomgate-role"), Some("participant"));
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_https_cookies_are_of_this_host_alone_and_embedded_ones_of_their_partition() {
    for (frames, site) in
        [("", &["SameSite=Lax"][..]), ("allowed_frames = [\"https://portal.example.org\"]\n", &["SameSite=None", "Partitioned"])]
    {
        let server = format!("public_url = \"https://meet.example.org\"\n{frames}");
        let gateway = Gateway::configured(&format!("{server}[rooms]\nunknown = \"public\"\n"), ROOMS).await;
        let request = format!(
            "GET /board?t={} HTTP/1.1\r\nHost: meet.example.org\r\nAccept: text/html\r\nConnection: close\r\n\r\n",
            gateway.token("board")
        );
        let answer = gateway.stranger().raw(request.as_bytes()).await;
        assert_eq!((answer.status, answer.location()), (303, "/board"));
        assert_eq!(answer.all("set-cookie").len(), 2);
        let mut pairs = Vec::new();
        for line in answer.all("set-cookie") {
            let attributes: Vec<&str> = line.split("; ").skip(1).collect();
            assert!(line.starts_with("__Host-roomgate-"), "{line}");
            for needed in ["Path=/", "HttpOnly", "Secure"].iter().chain(site) {
                assert!(attributes.contains(needed), "{line}");
            }
            assert!(!attributes.iter().any(|a| a.starts_with("Domain")), "{line}");
            assert_eq!(attributes.contains(&"Partitioned"), !frames.is_empty(), "{line}");
            pairs.push(line.split(';').next().unwrap().to_owned());
        }
        let asks = async |cookie: &str, origin: &str| {
            let request = format!("GET /board HTTP/1.1\r\nHost: meet.example.org\r\nCookie: {cookie}\r\n{origin}Connection: close\r\n\r\n");
            gateway.stranger().raw(request.as_bytes()).await.status
        };
        let line = pairs.join("; ");
        assert_eq!(asks(&line, "").await, 200);
        assert_eq!(asks(&line, "Origin: https://meet.example.org\r\n").await, 200);
        assert_eq!(asks(&line, "Origin: http://meet.example.org\r\n").await, 403);
        // A cookie that any site of the domain, or the network without TLS, could have set.
        assert_eq!(asks(&line.replace("__Host-", ""), "").await, 401);
        assert_eq!(asks(&line.replace("__Host-", "__Secure-"), "").await, 401);
        assert_eq!(asks(&line.replace("__Host-", "__host-"), "").await, 401);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_new_at_every_admission_by_another_token_and_its_visitor_stays() {
    let gateway = Gateway::with(ROOMS).await;
    let mut ann = gateway.stranger();
    ann.visits(&format!("/board?t={}", gateway.token("board"))).await;
    let (visitor, first) = (ann.cookies["roomgate-visitor"].clone(), sessions(&ann));
    ann.visits(&format!("/board?t={}", gateway.token("board"))).await;
    assert_ne!(first, sessions(&ann));
    assert_eq!(visitor, ann.cookies["roomgate-visitor"]);
    // A planted visitor is not adopted.
    let mut eve = gateway.stranger();
    eve.cookies.insert("roomgate-visitor".into(), "AAAAAAAAAAAAAAAAAAAAAA".into());
    eve.visits(&format!("/board?t={}", gateway.token("board"))).await;
    assert_ne!(eve.cookies["roomgate-visitor"], "AAAAAAAAAAAAAAAAAAAAAA");
    assert_ne!(eve.cookies["roomgate-visitor"], visitor);
    // Nobody without cookies is sent in circles: the clean address answers for itself.
    let mut none = gateway.stranger();
    let answer = none.opens(&format!("/board?t={}", gateway.token("board"))).await;
    none.cookies.clear();
    assert_eq!(none.opens(answer.location()).await.status, 401);
}
