//! Whole heads as bytes, through a parser like the proxy's: what is refused with which status, and what goes on of the rest.

use http::{HeaderName, HeaderValue, Request, Version};

use super::*;

/// The status that a head is refused with, or the header lines that go upstream.
fn judged(raw: &str) -> Result<Vec<String>, u16> {
    let mut space = [httparse::EMPTY_HEADER; 256];
    let mut parsed = httparse::Request::new(&mut space);
    let Ok(httparse::Status::Complete(length)) = parsed.parse(raw.as_bytes()) else { return Err(400) };
    CanonicalPath::parse(parsed.path.unwrap().as_bytes()).map_err(|_| BadTarget::STATUS)?;
    let version = if parsed.version == Some(1) { Version::HTTP_11 } else { Version::HTTP_10 };
    let mut request = Request::builder().method(parsed.method.unwrap()).version(version).body(()).unwrap();
    for header in parsed.headers.iter() {
        request
            .headers_mut()
            .append(HeaderName::from_bytes(header.name.as_bytes()).unwrap(), HeaderValue::from_bytes(header.value).unwrap());
    }
    let (mut head, ()) = request.into_parts();
    let hosts = Hosts::new(&["meet.example.org".to_owned()], true);
    let kept_back = KeptBack::new(["X-Person"]);
    check(&head, length, &hosts, &kept_back).map_err(|bad| bad.status)?;
    for name in kept_back.among(&head.headers.clone()) {
        head.headers.remove(name);
    }
    let mut lines: Vec<_> = head
        .headers
        .iter()
        .filter(|(name, _)| *name != "host")
        .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))
        .collect();
    lines.sort();
    Ok(lines)
}

fn with(lines: &[&str]) -> String {
    let mut head = "GET /standup HTTP/1.1\r\nHost: meet.example.org\r\n".to_owned();
    for line in lines {
        head.push_str(line);
        head.push_str("\r\n");
    }
    head + "\r\n"
}

#[test]
fn honest_headers_go_on_byte_for_byte() {
    for lines in [
        &["accept: text/html,*/*;q=0.8", "accept-language: de-DE,de;q=0.5", "user-agent: Mozilla/5.0 (X11) \"x\" {}"][..],
        &["authorization: Bearer eyJhbGciOiJIUzI1NiJ9.e30.x"],
        &["cookie: a=1; b=\"x y\"; c"],
        &["if-none-match: W/\"x\"", "range: bytes=0-1"],
        &["x-custom: \u{fc}ber", "x-requested-with: XMLHttpRequest", "x_custom: 1", "my.header: 2"],
        &["last-event-id: 7", "dnt: 1", "priority: u=1, i"],
        &["sec-fetch-mode: navigate", "sec-fetch-site: none"],
        &["origin: https://meet.example.org", "referer: https://meet.example.org/"],
        &["content-length: 0"],
        &["x-user-id: 42", "x-auth-token: abc", "x-csrf-token: \t"],
        &["traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"],
        &["connection: keep-alive"],
        &["te: trailers"],
    ] {
        let mut expected: Vec<_> = lines.iter().map(|line| line.trim_end_matches('\t').to_owned()).collect();
        expected.sort();
        assert_eq!(judged(&with(lines)), Ok(expected));
    }
}

#[test]
fn what_only_a_proxy_may_say_does_not_go_on() {
    for line in [
        "X-Roomgate-Role: owner",
        "x-roomgate-role: owner",
        "X_Roomgate_Role: owner",
        "X.Roomgate.Role: owner",
        "x~roomgate~role: owner",
        "X-Roomgate-User: ann",
        "X-Roomgate-: x",
        "X-Person: ann",
        "X_Person: ann",
        "X-Forwarded-For: 127.0.0.1",
        "X_Forwarded_For: 127.0.0.1",
        "X-Forwarded-Host: evil.example",
        "X-Forwarded-Prefix: /private",
        "X-Forwarded-Uri: /private",
        "X-Forwarded-Path: /private",
        "Forwarded: for=127.0.0.1",
        "X-Original-URL: /private",
        "X_Original_Url: /private",
        "X-Original-URI: /private",
        "X-Rewrite-URL: /private",
        "X-Override-URL: /private",
        "X-HTTP-DestinationURL: /private",
        "X-Real-IP: 127.0.0.1",
        "True-Client-IP: 127.0.0.1",
        "CF-Connecting-IP: 127.0.0.1",
        "X-HTTP-Method-Override: DELETE",
        "X-HTTP-Method: DELETE",
        "X-Method-Override: DELETE",
        "X-Accel-Redirect: /private",
        "X-Accel-Buffering: no",
        "X-Sendfile: /etc/passwd",
        "Remote-User: ann",
        "Remote_User: ann",
        "X-Remote-User: ann",
        "X-Auth-Request-User: ann",
        "Proxy: http://evil.example",
        "Proxy-Connection: close",
        "X-Middleware-Subrequest: x",
        "HTTP2-Settings: x",
        "Sec_Fetch_Site: none",
        "Content_Type: text/html",
    ] {
        assert_eq!(judged(&with(&[line])), Ok(vec![]), "{line}");
    }
}

#[test]
fn a_head_that_can_be_read_in_two_ways_is_refused() {
    for (raw, status) in [
        ("GET /a HTTP/1.1\r\n\r\n", 400),
        ("GET /a HTTP/1.0\r\n\r\n", 400),
        ("GET /a HTTP/1.1\r\nHost:\r\n\r\n", 400),
        ("GET /a HTTP/1.1\r\nHost: meet.example.org\r\nHost: meet.example.org\r\n\r\n", 400),
        ("GET /a HTTP/1.1\r\nHost: meet.example.org\r\nHost: evil.example\r\n\r\n", 400),
        ("GET /a HTTP/1.1\r\nHost: meet.example.org, evil.example\r\n\r\n", 400),
        ("GET /a HTTP/1.1\r\nHost: a@meet.example.org\r\n\r\n", 400),
        ("GET /a HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421),
        ("GET /a HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: meet.example.org\r\n\r\n", 421),
        ("GET http://meet.example.org/a HTTP/1.1\r\nHost: meet.example.org\r\n\r\n", 400),
        ("GET //a HTTP/1.1\r\nHost: meet.example.org\r\n\r\n", 400),
        ("OPTIONS * HTTP/1.1\r\nHost: meet.example.org\r\n\r\n", 400),
        ("get /a HTTP/1.1\r\nHost: meet.example.org\r\n\r\n", 400),
        ("gEt /a HTTP/1.1\r\nHost: meet.example.org\r\n\r\n", 400),
        ("TRACE /a HTTP/1.1\r\nHost: meet.example.org\r\n\r\n", 405),
        ("CONNECT /a HTTP/1.1\r\nHost: meet.example.org\r\n\r\n", 405),
        ("MKCOL /a HTTP/1.1\r\nHost: meet.example.org\r\n\r\n", 501),
        ("PRI /a HTTP/1.1\r\nHost: meet.example.org\r\n\r\n", 501),
        ("GET /a HTTP/1.1\r\nHost: meet.example.org\r\nContent-Length: 1\r\n\r\nx", 400),
        ("HEAD /a HTTP/1.1\r\nHost: meet.example.org\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        ("POST /a HTTP/1.1\r\nHost: meet.example.org\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400),
        ("POST /a HTTP/1.1\r\nHost: meet.example.org\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        ("POST /a HTTP/1.1\r\nHost: meet.example.org\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", 400),
        ("POST /a HTTP/1.1\r\nHost: meet.example.org\r\nTransfer_Encoding: chunked\r\n\r\n", 400),
        ("POST /a HTTP/1.1\r\nHost: meet.example.org\r\nTransfer.Encoding: chunked\r\n\r\n", 400),
        ("POST /a HTTP/1.1\r\nHost: meet.example.org\r\nContent_Length: 1\r\n\r\nx", 400),
        ("POST /a HTTP/1.1\r\nHost: meet.example.org\r\nContent-Length: +1\r\n\r\nx", 400),
        ("POST /a HTTP/1.1\r\nHost: meet.example.org\r\nContent-Length: 1,1\r\n\r\nx", 400),
        ("POST /a HTTP/1.0\r\nHost: meet.example.org\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        ("GET /a HTTP/1.1\r\nHost: meet.example.org\r\nConnection: Host\r\n\r\n", 400),
        ("GET /a HTTP/1.1\r\nHost: meet.example.org\r\nConnection: X-Forwarded-For\r\n\r\n", 400),
        ("GET /a HTTP/1.1\r\nHost: meet.example.org\r\nConnection: content-length\r\n\r\n", 400),
        ("GET /a HTTP/1.1\r\nHost: meet.example.org\r\nUpgrade: websocket\r\n\r\n", 400),
        ("GET /a HTTP/1.1\r\nHost: meet.example.org\r\nUpgrade: h2c, websocket\r\nConnection: upgrade\r\n\r\n", 400),
        ("POST /a HTTP/1.1\r\nHost: meet.example.org\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n", 400),
        ("GET /a HTTP/1.1\r\nHost: meet.example.org\r\nX y: 1\r\n\r\n", 400),
        ("GET /a HTTP/1.1\r\nHost : meet.example.org\r\n\r\n", 400),
        ("GET /a HTTP/1.1\r\nHost: meet.example.org\r\n X: folded\r\n\r\n", 400),
        ("GET /a HTTP/1.1\r\nHost: meet.example.org\r\nX: a\0b\r\n\r\n", 400),
        ("GET /a HTTP/1.1\r\nHost: meet.example.org\r\n: empty\r\n\r\n", 400),
        ("POST /a HTTP/1.1\r\nHost: meet.example.org\r\nExpect: something\r\n\r\n", 417),
    ] {
        assert_eq!(judged(raw), Err(status), "{raw}");
    }
    assert_eq!(judged(&with(&[&format!("x: {}", "a".repeat(MAX_HEAD))])), Err(431));
    let many: Vec<_> = (0..MAX_HEADERS).map(|n| format!("x-{n}: 1")).collect();
    assert_eq!(judged(&with(&many.iter().map(String::as_str).collect::<Vec<_>>())), Err(431));
}
