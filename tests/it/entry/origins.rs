//! Who made the browser ask? Another site's page gets nothing by a cookie or an address.

use crate::harness::{Gateway, Person, Recorder};

const ROOMS: &str = "[[room]]\nname = \"board\"\nprivacy = \"private\"\n[[room]]\nname = \"home\"\nprivacy = \"private\"\nallow = [\"127.0.0.0/8\"]\n[[room]]\nname = \"plaza\"\n";

async fn gateway() -> (Recorder, Gateway, Person) {
    let upstream = Recorder::start().await;
    let server = "allowed_origins = [\"https://portal.example.org\"]\n";
    let gateway = Gateway::configured(&format!("{server}{}", upstream.sections()), ROOMS).await;
    let mut ann = gateway.stranger();
    ann.visits(&format!("/board?t={}", gateway.token("board"))).await;
    ann.visits("/plaza").await;
    upstream.take();
    (upstream, gateway, ann)
}

fn foreign(gateway: &Gateway) -> Vec<String> {
    let own = gateway.address;
    vec![
        "https://evil.example".to_owned(),
        "null".to_owned(),
        "file://".to_owned(),
        format!("https://{own}"),
        format!("http://{own}/"),
        format!("http://{own}0"),
        format!("http://{own}.evil.example"),
        format!("http://evil.{own}"),
        format!("http://user@{own}"),
        format!("HTTP://{own}"),
        format!("{own}"),
        "http://127.0.0.1".to_owned(),
        "http://localhost:1".to_owned(),
        "http://portal.example.org".to_owned(),
        "https://portal.example.org.evil.example".to_owned(),
        "https://evil-portal.example.org".to_owned(),
        "https://sub.portal.example.org".to_owned(),
        "https://portal.example.org:444".to_owned(),
        format!("http://{own} https://evil.example"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_origin_is_refused_wherever_something_is_guarded() {
    let (upstream, gateway, ann) = gateway().await;
    let token = gateway.token("board");
    for origin in foreign(&gateway) {
        for target in ["/board", "/board/x", "/plaza", "/home", "/api/x", &format!("/board?t={token}")] {
            for method in ["GET", "POST", "DELETE"] {
                let answer = ann.clone().sends(method, target, &[("Origin", &origin)], b"").await;
                assert_eq!((answer.status, answer.code().as_str()), (403, "foreign-origin"), "{method} {target} from {origin}");
                assert_eq!(answer.header("access-control-allow-origin"), None);
            }
        }
        for target in ["/ws?room=board", "/ws?room=plaza", "/board/ws", &format!("/ws?room=board&t={token}")] {
            let answer = ann.clone().dials(target, &[("Origin", &origin)]).await;
            assert_eq!((answer.status, answer.code().as_str()), (403, "foreign-origin"), "{target} from {origin}");
        }
        for target in ["/_roomgate/access?room=board", "/_roomgate/door?room=board", "/_roomgate/session"] {
            let answer = ann.clone().sends("POST", target, &[("Origin", &origin)], b"").await;
            assert_eq!(answer.status, 403, "{target} from {origin}: {answer:?}");
        }
        // What guards nothing is everybody's.
        assert_eq!(ann.clone().sends("GET", "/static/app.js", &[("Origin", &origin)], b"").await.status, 200);
    }
    let two = [("Origin", format!("http://{}", gateway.address)), ("Origin", "https://evil.example".to_owned())];
    let two: Vec<(&str, &str)> = two.iter().map(|(n, v)| (*n, v.as_str())).collect();
    assert_eq!(ann.clone().sends("GET", "/board", &two, b"").await.status, 403);
    assert!(upstream.take().iter().all(|s| s.target() == "/static/app.js"));
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_and_listed_origins_are_known() {
    let (_upstream, gateway, ann) = gateway().await;
    for origin in [format!("http://{}", gateway.address), "https://portal.example.org".to_owned(), "http://localhost".to_owned()] {
        for method in ["GET", "POST", "PUT", "DELETE"] {
            assert_eq!(ann.clone().sends(method, "/board/x", &[("Origin", &origin)], b"").await.status, 200, "{method} from {origin}");
        }
        // The recorder is no WebSocket server: that it was asked is what counts.
        let answer = ann.clone().dials("/ws?room=board", &[("Origin", &origin)]).await;
        assert_ne!(answer.status, 403, "{origin}: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_origin_a_cookie_or_an_address_opens_only_what_reads() {
    let (upstream, gateway, ann) = gateway().await;
    let token = gateway.token("board");
    for (method, target, status) in [
        ("GET", "/board/x".to_owned(), 200),
        ("HEAD", "/board/x".to_owned(), 200),
        ("OPTIONS", "/board/x".to_owned(), 200),
        ("POST", "/board/x".to_owned(), 401),
        ("PUT", "/board/x".to_owned(), 401),
        ("PATCH", "/board/x".to_owned(), 401),
        ("DELETE", "/board/x".to_owned(), 401),
        ("POST", format!("/board/x?t={token}"), 200),
        ("POST", "/board/x?t=garbage".to_owned(), 403),
        ("POST", "/plaza/x".to_owned(), 200),
        ("GET", "/home".to_owned(), 200),
        ("POST", "/home".to_owned(), 401),
        ("POST", "/api/x".to_owned(), 401),
        ("GET", "/api/x".to_owned(), 200),
    ] {
        let answer = ann.clone().sends(method, &target, &[], b"").await;
        let expected: &[u16] = if status == 401 { &[401, 403] } else { std::slice::from_ref(&status) };
        assert!(expected.contains(&answer.status), "{method} {target}: {answer:?}");
        assert_eq!(upstream.take().len(), usize::from(status == 200), "{method} {target}");
    }
    for (target, admitted) in [
        ("/ws?room=board".to_owned(), false),
        ("/board/ws".to_owned(), false),
        ("/ws?room=home".to_owned(), false),
        ("/ws?room=plaza".to_owned(), true),
        (format!("/ws?room=board&t={token}"), true),
    ] {
        let answer = ann.clone().dials(&target, &[("Origin", "")]).await;
        assert_eq!(upstream.take().len(), usize::from(admitted), "{target}: {answer:?}");
    }
    // An admission that another site's page may have caused sets nothing in the browser, and takes no identity from it.
    let answer = ann.clone().sends("POST", "/plaza/x", &[], b"").await;
    assert!(answer.all("set-cookie").is_empty(), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_sites_page_loads_by_itself_is_not_loaded_with_our_cookies() {
    let (upstream, gateway, ann) = gateway().await;
    for (site, mode, status) in [
        ("same-origin", "cors", 200),
        ("same-origin", "navigate", 200),
        ("none", "navigate", 200),
        ("cross-site", "navigate", 200),
        ("same-site", "navigate", 200),
        ("cross-site", "no-cors", 401),
        ("same-site", "no-cors", 401),
        ("cross-site", "cors", 401),
        ("cross-site", "websocket", 401),
        ("elsewhere", "no-cors", 401),
    ] {
        for target in ["/board/x", "/home/x"] {
            let answer = ann.clone().sends("GET", target, &[("Sec-Fetch-Site", site), ("Sec-Fetch-Mode", mode)], b"").await;
            let expected: &[u16] = if status == 401 { &[401, 403] } else { &[200] };
            assert!(expected.contains(&answer.status), "{target} {site} {mode}: {answer:?}");
            assert_eq!(upstream.take().len(), usize::from(status == 200));
        }
        let public = gateway.stranger().sends("GET", "/plaza/x", &[("Sec-Fetch-Site", site), ("Sec-Fetch-Mode", mode)], b"").await;
        assert_eq!(public.status, 200, "{site} {mode}");
        upstream.take();
    }
}
