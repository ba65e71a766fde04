//! What honest clients send: it must arrive as it was sent, byte for byte.

use super::targets::ROOMS;
use crate::harness::{Gateway, Recorder, Wire};

/// Targets that go on as they are: to open places, to a public room, to an unknown one that is public, to a private room by a member.
const TARGETS: &[&str] = &[
    "/",
    "/?",
    "/?utm_source=mail",
    "/favicon.ico",
    "/favicon.ico?v=2",
    "/static/",
    "/static/app.js",
    "/static/app.min.3f2a.js?v=1.2.3",
    "/static/a%20b.png",
    "/static/logo@2x.png",
    "/static/%C3%BCber.svg",
    "/static/e%CC%81.svg",
    "/static/.well-known/x",
    "/static/a..b",
    "/static/..a",
    "/static/a;v=1/b",
    "/static/(1)/a,b;c=d/!$&'()*+=:@",
    "/static/board",
    "/static/~user/x",
    "/plaza",
    "/plaza/",
    "/plaza?",
    "/plaza/?",
    "/plaza/index.html",
    "/plaza/a/b/c.css?x=1",
    "/plaza/%F0%9F%8E%A5",
    "/pl%61za",
    "/plaza?a=1&b=2",
    "/plaza?b=2&a=1&a=1&c",
    "/plaza?a=%zz",
    "/plaza?%",
    "/plaza?100%",
    "/plaza?=",
    "/plaza?&&a&&",
    "/plaza?a=b?c=d",
    "/plaza?a=%2525",
    "/plaza?a=%ff%00%0d%0a",
    "/plaza?a=+%20%2B",
    "/plaza?a=%C3%BC&b=%c3%bc",
    "/plaza?/../x//y\\z",
    "/plaza?redirect=https://portal.example.org/a?b=c",
    "/plaza?redirect=https%3A%2F%2Fportal.example.org%2F%3Fx%3D1",
    "/plaza?T=1&tt=2&at=3&t1=4&xt=5",
    "/plaza?x=t&y=t=1",
    "/plaza?a;t=1;b",
    "/plaza?t[]=1&t[0]=2",
    "/plaza?a[b][]=1",
    "/plaza?q=eyJ",
    "/plaza?q=a.b.c",
    "/plaza?json={%22t%22:1}",
    "/plaza?json=[1,{'a':2}]",
    "/plaza?%3Cscript%3E",
    "/plaza?room=board",
    "/plaza?_=1700000000000",
    "/plaza-2",
    "/Plaza_3",
    "/0",
    "/-",
    "/_",
    "/a-very-long-name-but-not-too-long-for-a-room",
    "/boards",
    "/boar",
    "/bboard",
    "/xteam-a",
    "/team",
    "/admin-help",
    "/static-site",
    "/roomgate",
    "/_room",
    "/wss",
    "/api2",
    "/board",
    "/board/",
    "/b%6fard/x?y",
    "/board/a%20b;c=d/..e",
    "/board?x=/../y",
    "/api/",
    "/api/x?y=1",
    "/ws?room=board",
    "/ws?x=1&room=board&y=%zz",
    "/ws?room=plaza",
];

#[tokio::test(flavor = "multi_thread")]
async fn honest_targets_arrive_byte_for_byte() {
    let upstream = Recorder::start().await;
    let gateway = Gateway::configured(&format!("{}[rooms]\nunknown = \"public\"\n", upstream.sections()), ROOMS).await;
    let host = gateway.address.to_string();
    let mut member = gateway.stranger();
    member.visits(&format!("/board?t={}", gateway.token("board"))).await;
    upstream.take();
    let mut wrong = Vec::new();
    assert!(TARGETS.len() >= 80);
    for target in TARGETS {
        for (method, version) in [("GET", "HTTP/1.1"), ("POST", "HTTP/1.1"), ("GET", "HTTP/1.0")] {
            let origin = format!("Origin: http://{host}\r\nContent-Length: 0\r\n");
            let more = if method == "POST" { origin.as_str() } else { "" };
            let cookie = member.cookie_line();
            let request = format!("{method} {target} {version}\r\nHost: {host}\r\nCookie: {cookie}\r\n{more}Connection: close\r\n\r\n");
            let answer = gateway.stranger().raw(request.as_bytes()).await;
            let seen = upstream.take();
            if answer.status != 200 || seen.len() != 1 || seen[0].target() != *target {
                wrong.push(format!("{method} {target}: {} {:?}", answer.status, seen.iter().map(|s| &s.line).collect::<Vec<_>>()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Header lines that go on as they are, in their order and their spelling.
const HEADERS: &[&str] = &[
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64)",
    "Accept: */*",
    "accept-language: de-DE,de;q=0.9",
    "ACCEPT-ENCODING: gzip, br",
    "Cookie: a=1; b=\"x y\";c=%20;  d=;e",
    "Cookie: roomgatex=1; xroomgate-a=2",
    "Authorization: Bearer abc.def.ghi",
    "Authorization: Basic dXNlcjpwYXNz",
    "If-None-Match: W/\"abc\"",
    "If-Modified-Since: Sat, 29 Oct 1994 19:43:31 GMT",
    "Range: bytes=0-99",
    "Cache-Control: no-cache",
    "Pragma: no-cache",
    "DNT: 1",
    "X-Requested-With: XMLHttpRequest",
    "X-CSRF-Token: eyJ0.a",
    "X-Request-ID: 7f",
    "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "X_Custom: kept",
    "my.header: kept",
    "X-Room: board",
    "X-User-Id: 7",
    "X-Roomgateway: kept",
    "Sec-Fetch-Dest: empty",
    "Sec-CH-UA: \"Chromium\";v=\"130\"",
    "Priority: u=1, i",
    "Last-Event-ID: 7",
    "Via: 1.1 squid",
    "X-Empty:",
    "X-Latin: caf\u{e9}",
    "X-Quote: a \"b\\\"c\", d; e='f'",
    "X-Tab: a\tb",
    "Referer: https://elsewhere.example/a?b=c",
    "Save-Data: on",
    "Upgrade-Insecure-Requests: 1",
];

#[tokio::test(flavor = "multi_thread")]
async fn honest_headers_arrive_byte_for_byte() {
    let upstream = Recorder::start().await;
    let gateway = Gateway::configured(&format!("{}[rooms]\nunknown = \"public\"\n", upstream.sections()), ROOMS).await;
    let host = gateway.address.to_string();
    for header in HEADERS {
        let mut raw = format!("GET /plaza HTTP/1.1\r\nHost: {host}\r\n").into_bytes();
        raw.extend(header.chars().map(|c| u8::try_from(u32::from(c)).unwrap()));
        raw.extend_from_slice(b"\r\n\r\n");
        let mut wire = Wire::connect(gateway.address).await;
        wire.send(&raw).await;
        assert_eq!(wire.answer().await.unwrap().status, 200, "{header}");
        let seen = upstream.one();
        let (name, value) = header.split_once(':').unwrap();
        let line = seen.headers.iter().find(|l| l.split_once(':').is_some_and(|(n, _)| n.eq_ignore_ascii_case(name)));
        let line = line.unwrap_or_else(|| panic!("{header} did not arrive: {seen:?}"));
        assert_eq!(line.split_once(':').map(|(n, v)| (n, v.trim())), Some((name, value.trim())));
        assert_eq!(seen.all("host"), [host.as_str()]);
    }
    // Repeated ones stay repeated, and in order.
    let request = format!("GET /plaza HTTP/1.1\r\nHost: {host}\r\nX-B: 2\r\nX-A: 1\r\nX-B: 1\r\nx-a: 0\r\nX-B: 3\r\n\r\n");
    let mut wire = Wire::connect(gateway.address).await;
    wire.send(request.as_bytes()).await;
    wire.answer().await.unwrap();
    let seen = upstream.one();
    assert_eq!(seen.all("x-b"), ["2", "1", "3"]);
    assert_eq!(seen.all("x-a"), ["1", "0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_and_methods_arrive_as_they_were_sent() {
    let upstream = Recorder::start().await;
    let gateway = Gateway::configured(&format!("{}[rooms]\nunknown = \"public\"\n", upstream.sections()), ROOMS).await;
    let host = gateway.address.to_string();
    let bytes: Vec<u8> = (0..=255_u8).cycle().take(200_000).collect();
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
        let mut raw =
            format!("{method} /plaza/x?t=&a=1 HTTP/1.1\r\nHost: {host}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", bytes.len())
                .into_bytes();
        raw.extend_from_slice(&bytes);
        assert_eq!(gateway.stranger().raw(&raw).await.status, 200, "{method}");
        let seen = upstream.one();
        assert!(seen.line.starts_with(method) && seen.body == bytes, "{method}: {}", seen.line);
        assert_eq!(seen.target(), "/plaza/x?a=1");
    }
    for (method, query) in [("HEAD", "/plaza"), ("GET", "/plaza")] {
        let raw = format!("{method} {query} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        assert_eq!(gateway.stranger().raw(raw.as_bytes()).await.status, 200);
        assert!(upstream.one().line.starts_with(method));
    }
    let chunked = format!(
        "POST /plaza HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5;ext=1\r\nhello\r\n6\r\n world\r\n0\r\nX-Roomgate-Role: owner\r\n\r\n"
    );
    assert_eq!(gateway.stranger().raw(chunked.as_bytes()).await.status, 200);
    let seen = upstream.one();
    let text = String::from_utf8_lossy(&seen.body).into_owned();
    assert!(text.contains("hello") && text.contains(" world") && !text.contains("owner") && !text.contains("ext"), "{text:?}");
}
