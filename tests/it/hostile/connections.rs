//! Several requests on one connection: each is judged for itself.

use super::targets::ROOMS;
use crate::harness::{Gateway, Recorder, Wire};

async fn gateway() -> (Recorder, Gateway) {
    let upstream = Recorder::start().await;
    let gateway = Gateway::configured(&format!("{}[rooms]\nunknown = \"public\"\n", upstream.sections()), ROOMS).await;
    (upstream, gateway)
}

fn as_user(gateway: &Gateway, user: &str) -> String {
    gateway.mint("board", |m| {
        m.user = Some(user.into());
        m.owner = user == "olga";
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_on_one_connection_do_not_share_an_identity() {
    let (upstream, gateway) = gateway().await;
    let host = gateway.address.to_string();
    let (mut ann, mut olga) = (gateway.stranger(), gateway.stranger());
    ann.visits(&format!("/board?t={}", as_user(&gateway, "ann"))).await;
    olga.visits(&format!("/board?t={}", as_user(&gateway, "olga"))).await;
    upstream.take();
    let cookie = |who: &crate::harness::Person| format!("Cookie: {}\r\n", who.cookie_line());
    let token = as_user(&gateway, "tom");
    // Cookie or query, and who must be seen; `None` for nobody.
    let steps = [
        (cookie(&olga), String::new(), Some(("olga", "owner"))),
        (String::new(), String::new(), None),
        (cookie(&ann), String::new(), Some(("ann", "participant"))),
        (cookie(&olga), String::new(), Some(("olga", "owner"))),
        (String::new(), format!("?t={token}"), Some(("tom", "participant"))),
        (String::new(), String::new(), None),
        (String::new(), "?t=garbage".to_owned(), None),
        (cookie(&ann), "?t=garbage".to_owned(), Some(("ann", "participant"))),
    ];
    for pipelined in [false, true] {
        let mut wire = Wire::connect(gateway.address).await;
        let requests: Vec<String> =
            steps.iter().map(|(cookie, query, _)| format!("GET /board/x{query} HTTP/1.1\r\nHost: {host}\r\n{cookie}\r\n")).collect();
        if pipelined {
            wire.send(requests.concat().as_bytes()).await;
        }
        for ((_, _, who), request) in steps.iter().zip(&requests) {
            if !pipelined {
                wire.send(request.as_bytes()).await;
            }
            let Some(answer) = wire.perhaps_an_answer().await else {
                // Whoever pipelines may be cut off (RFC 9112 section 9.3.2 lets clients ask again).
                assert!(pipelined);
                break;
            };
            match who {
                None => assert!(matches!(answer.status, 401 | 403), "{answer:?}"),
                Some((user, _)) => assert!(answer.status == 200 && answer.text().ends_with(&format!("user={user}")), "{answer:?}"),
            }
            assert_eq!(answer.all("set-cookie").is_empty(), !matches!(who, Some(("tom", _))), "{answer:?}");
        }
        let seen: Vec<_> =
            upstream.take().iter().map(|s| (s.all("x-roomgate-user").join(","), s.all("x-roomgate-role").join(","))).collect();
        let expected: Vec<_> = steps.iter().filter_map(|(_, _, who)| who.map(|(u, r)| (u.to_owned(), r.to_owned()))).collect();
        assert_eq!(seen, expected[..seen.len()], "pipelined: {pipelined}");
        assert!(pipelined || seen.len() == expected.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_behind_a_refused_request_is_not_taken_for_part_of_it() {
    let (upstream, gateway) = gateway().await;
    let host = gateway.address.to_string();
    let smuggled = format!("GET /board/smuggled HTTP/1.1\r\nHost: {host}\r\nX-Roomgate-Role: owner\r\n\r\n");
    for first in [
        format!(
            "POST /plaza HTTP/1.1\r\nHost: {host}\r\nContent-Length: {}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            smuggled.len()
        ),
        format!("POST /plaza HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n"),
        format!("GET /plaza HTTP/1.1\r\nHost: {host}\r\nContent-Length: {}\r\n\r\n", smuggled.len()),
        format!("POST /board HTTP/1.1\r\nHost: {host}\r\nContent-Length: {}\r\n\r\n", smuggled.len()),
        format!("POST /plaza HTTP/1.1\r\nHost: {host}\r\nContent-Length: {}\r\n\r\n", smuggled.len()),
        format!(
            "GET /plaza HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        ),
        format!(
            "GET /plaza HTTP/1.1\r\nHost: {host}\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"
        ),
        format!("GET /plaza HTTP/1.1\r\nHost: {host}\n\n"),
        format!("GET /plaza#x HTTP/1.1\r\nHost: {host}\r\n\r\n"),
        format!("OPTIONS * HTTP/1.1\r\nHost: {host}\r\nContent-Length: {}\r\n\r\n", smuggled.len()),
        format!("PROPFIND /plaza HTTP/1.1\r\nHost: {host}\r\nContent-Length: {}\r\n\r\n", smuggled.len()),
        format!("GET /static/app.js HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"),
    ] {
        let mut wire = Wire::connect(gateway.address).await;
        wire.send(first.as_bytes()).await;
        wire.send(smuggled.as_bytes()).await;
        wire.perhaps_an_answer().await;
        // Where the connection lives on, what follows is a stranger's request of its own.
        if let Some(second) = wire.perhaps_an_answer().await {
            assert!(matches!(second.status, 400 | 401), "{first:?}: {second:?}");
        }
        for request in upstream.take() {
            assert!(!request.line.contains("smuggled"), "{first:?}: {}", request.line);
            assert_ne!(request.all("x-roomgate-role"), ["owner"], "{first:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_go_to_those_who_asked_however_many_ask_at_once() {
    let (_upstream, gateway) = gateway().await;
    let host = gateway.address.to_string();
    let tasks: Vec<_> = (0..8)
        .map(|n| {
            let (token, host, address) = (as_user(&gateway, &format!("user-{n}")), host.clone(), gateway.address);
            tokio::spawn(async move {
                let mut wire = Wire::connect(address).await;
                for i in 0..60 {
                    let private = i % 3 != 0;
                    let target = if private { format!("/board/{n}-{i}?t={token}") } else { format!("/plaza/{n}-{i}") };
                    wire.send(format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes()).await;
                    let answer = wire.answer().await.unwrap();
                    let (path, _) = target.split_once('?').unwrap_or((&target, ""));
                    let user = if private { format!("user-{n}") } else { "-".to_owned() };
                    assert_eq!(answer.text(), format!("GET {path} HTTP/1.1 user={user}"));
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_concerns_one_connection_ends_with_it() {
    let (upstream, gateway) = gateway().await;
    let host = gateway.address.to_string();
    for lines in [
        "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__",
        "Upgrade: h2c\r\nConnection: Upgrade",
        "Upgrade: H2C, TLS/1.3\r\nConnection: upgrade",
        "Upgrade: TLS/1.0\r\nConnection: Upgrade",
        "Upgrade: foo\r\nConnection: keep-alive, Upgrade",
        "Upgrade: h2c",
        "Connection: X-Session\r\nX-Session: 1",
        "Connection: close, x-session\r\nX-Session: 1",
        "Keep-Alive: timeout=5",
        "Proxy-Connection: keep-alive",
        "TE: trailers\r\nConnection: TE",
    ] {
        for target in ["/plaza", "/static/app.js"] {
            let mut wire = Wire::connect(gateway.address).await;
            wire.send(format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n\r\n").as_bytes()).await;
            assert_eq!(wire.answer().await.map(|a| a.status), Some(200), "{lines}");
            let seen = upstream.one();
            for name in ["upgrade", "http2-settings", "keep-alive", "proxy-connection", "x-session", "te"] {
                assert!(seen.all(name).is_empty(), "{lines}: {name} went on: {seen:?}");
            }
            let connection = seen.all("connection").join(",").to_lowercase();
            assert!(connection.is_empty() || connection == "keep-alive" || connection == "close", "{lines}: {connection}");
        }
    }
    // A handshake that is none.
    let asks = async |lines: &str| {
        let mut wire = Wire::connect(gateway.address).await;
        wire.send(
            format!("GET /ws?room=plaza HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{lines}\r\n").as_bytes(),
        )
        .await;
        wire.answer().await.map(|a| a.status)
    };
    for lines in ["", "Sec-WebSocket-Version: 13\r\n", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 8\r\n"] {
        let status = asks(lines).await;
        assert!(matches!(status, Some(400 | 426)), "{lines:?}: {status:?}");
        assert!(upstream.take().is_empty(), "{lines:?}");
    }
}
