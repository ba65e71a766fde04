//! Every form of a request's head that is refused, with its status, as raw bytes.

use super::targets::ROOMS;
use crate::harness::{Gateway, Recorder, Wire};

/// Status (0: closed without an answer; either is as good where there are two) and what is sent. `HOST` is the right one,
/// `¦` ends a line, and two stand at the end where nothing else does.
const REFUSED: &[(&[u16], &str)] = &[
    // The request line.
    (&[400], "GET /plaza HTTP/1.1 x¦Host: HOST¦¦"),
    (&[400], "GET  /plaza HTTP/1.1¦Host: HOST¦¦"),
    (&[400], "GET /plaza  HTTP/1.1¦Host: HOST¦¦"),
    (&[400], "GET\t/plaza HTTP/1.1¦Host: HOST¦¦"),
    (&[400], "GET /plaza\tHTTP/1.1¦Host: HOST¦¦"),
    (&[400], " GET /plaza HTTP/1.1¦Host: HOST¦¦"),
    (&[400], "GET /pla za HTTP/1.1¦Host: HOST¦¦"),
    (&[400], "GET /plaza HTTP/1.1 ¦Host: HOST¦¦"),
    (&[400, 0], "GET /plaza¦Host: HOST¦¦"),
    (&[400, 0], "GET /plaza¦¦"),
    (&[400, 0], "GET /plaza HTTP/0.9¦Host: HOST¦¦"),
    (&[400, 505, 0], "GET /plaza HTTP/2.0¦Host: HOST¦¦"),
    (&[400, 505, 0], "GET /plaza HTTP/3.0¦Host: HOST¦¦"),
    (&[400, 505, 0], "GET /plaza HTTP/1.2¦Host: HOST¦¦"),
    (&[400, 0], "GET /plaza HTTP/1.10¦Host: HOST¦¦"),
    (&[400, 0], "GET /plaza http/1.1¦Host: HOST¦¦"),
    (&[400, 0], "GET /plaza HTTP/01.1¦Host: HOST¦¦"),
    (&[400, 0], "GET /plaza ICAP/1.0¦Host: HOST¦¦"),
    (&[400, 0], "GET /plaza HTTP/1.1\rHost: HOST¦¦"),
    (&[400], "GET /plaza\0 HTTP/1.1¦Host: HOST¦¦"),
    (&[400], "GET /pl\x01aza HTTP/1.1¦Host: HOST¦¦"),
    (&[400], "GET /pl\x7faza HTTP/1.1¦Host: HOST¦¦"),
    (&[400], "GET /plazü HTTP/1.1¦Host: HOST¦¦"),
    (&[400], "GET /plaza?ü HTTP/1.1¦Host: HOST¦¦"),
    (&[400], "GET /plaza#x HTTP/1.1¦Host: HOST¦¦"),
    (&[400], "GET /plaza?x#y HTTP/1.1¦Host: HOST¦¦"),
    // Methods.
    (&[400], "get /plaza HTTP/1.1¦Host: HOST¦¦"),
    (&[400], "Get /plaza HTTP/1.1¦Host: HOST¦¦"),
    (&[400], "post /plaza HTTP/1.1¦Host: HOST¦Content-Length: 0¦¦"),
    (&[400], "G3T /plaza HTTP/1.1¦Host: HOST¦¦"),
    (&[400], "GET_ /plaza HTTP/1.1¦Host: HOST¦¦"),
    (&[400, 0], "G\0ET /plaza HTTP/1.1¦Host: HOST¦¦"),
    (&[400, 0], "GÉT /plaza HTTP/1.1¦Host: HOST¦¦"),
    (&[400, 0], "/plaza HTTP/1.1¦Host: HOST¦¦"),
    (&[405], "TRACE /plaza HTTP/1.1¦Host: HOST¦¦"),
    (&[405], "TRACE /board HTTP/1.1¦Host: HOST¦¦"),
    (&[405], "CONNECT HOST HTTP/1.1¦Host: HOST¦¦"),
    (&[405], "CONNECT /board HTTP/1.1¦Host: HOST¦¦"),
    (&[405], "CONNECT evil.example:443 HTTP/1.1¦Host: evil.example:443¦¦"),
    (&[501], "PROPFIND /plaza HTTP/1.1¦Host: HOST¦¦"),
    (&[501], "LINK /plaza HTTP/1.1¦Host: HOST¦¦"),
    (&[501], "PURGE /plaza HTTP/1.1¦Host: HOST¦¦"),
    (&[501], "DEBUG /plaza HTTP/1.1¦Host: HOST¦¦"),
    (&[501], "TRACK /plaza HTTP/1.1¦Host: HOST¦¦"),
    (&[501, 400], "PRI /plaza HTTP/1.1¦Host: HOST¦¦"),
    (&[501], "GETS /plaza HTTP/1.1¦Host: HOST¦¦"),
    (&[400], "OPTIONS * HTTP/1.1¦Host: HOST¦¦"),
    // Hosts.
    (&[400], "GET /plaza HTTP/1.1¦¦"),
    (&[400], "GET /plaza HTTP/1.0¦¦"),
    (&[400], "GET /plaza HTTP/1.1¦Host:¦¦"),
    (&[400], "GET /plaza HTTP/1.1¦Host: ¦¦"),
    (&[400], "GET /plaza HTTP/1.1¦Host: HOST¦Host: HOST¦¦"),
    (&[400], "GET /plaza HTTP/1.1¦Host: HOST¦Host: evil.example¦¦"),
    (&[400], "GET /plaza HTTP/1.1¦Host: evil.example¦Host: HOST¦¦"),
    (&[400], "GET /plaza HTTP/1.1¦Host: HOST¦host: HOST¦¦"),
    (&[400], "GET /plaza HTTP/1.1¦Host: HOST,evil.example¦¦"),
    (&[400], "GET /plaza HTTP/1.1¦Host: HOST evil.example¦¦"),
    (&[400], "GET /plaza HTTP/1.1¦Host: user@HOST¦¦"),
    (&[400], "GET /plaza HTTP/1.1¦Host: HOST/x¦¦"),
    (&[400], "GET /plaza HTTP/1.1¦Host: HOST?x¦¦"),
    (&[400], "GET /plaza HTTP/1.1¦Host: HOST#x¦¦"),
    (&[400], "GET /plaza HTTP/1.1¦Host: http://HOST¦¦"),
    (&[400], "GET /plaza HTTP/1.1¦Host : HOST¦¦"),
    (&[400], "GET /plaza HTTP/1.1¦Host: HOST¦_Host: evil.example¦¦"),
    (&[400], "GET http://HOST/plaza HTTP/1.1¦Host: HOST¦¦"),
    (&[400], "GET http://HOST/plaza HTTP/1.1¦Host: evil.example¦¦"),
    (&[400], "GET http://evil.example/plaza HTTP/1.1¦Host: HOST¦¦"),
    (&[421], "GET /plaza HTTP/1.1¦Host: evil.example¦¦"),
    (&[421], "GET /board HTTP/1.1¦Host: evil.example¦¦"),
    (&[421], "GET /plaza HTTP/1.1¦Host: 127.0.0.1¦¦"),
    (&[421], "GET /plaza HTTP/1.1¦Host: 127.0.0.1:1¦¦"),
    (&[421], "GET /plaza HTTP/1.1¦Host: HOST.¦¦"),
    (&[421], "GET /plaza HTTP/1.1¦Host: HOST0¦¦"),
    (&[421], "GET /plaza HTTP/1.1¦Host: xlocalhost¦¦"),
    (&[421], "GET /plaza HTTP/1.1¦Host: localhost.evil.example¦¦"),
    (&[421], "GET /plaza HTTP/1.0¦Host: evil.example¦¦"),
    (&[421], "GET /plaza HTTP/1.1¦Host: evil.example¦X-Forwarded-Host: HOST¦¦"),
    (&[421], "GET /plaza HTTP/1.1¦Host: evil.example¦Forwarded: host=HOST¦¦"),
    (&[421], "GET /_roomgate/door?room=board HTTP/1.1¦Host: evil.example¦¦"),
    // Header lines.
    (&[400], "GET /plaza HTTP/1.1\nHost: HOST\n\n"),
    (&[400], "GET /plaza HTTP/1.1¦Host: HOST\n¦"),
    (&[400], "GET /plaza HTTP/1.1¦Host: HOST\nX-A: 1¦¦"),
    (&[400, 0], "GET /plaza HTTP/1.1¦Host: HOST¦X-A: 1\rX-B: 2¦¦"),
    (&[400], "GET /plaza HTTP/1.1¦Host: HOST¦X-A: 1¦ 2¦¦"),
    (&[400], "GET /plaza HTTP/1.1¦Host: HOST¦X-A: 1¦\t2¦¦"),
    (&[400], "GET /plaza HTTP/1.1¦ X-A: 1¦Host: HOST¦¦"),
    (&[400], "GET /plaza HTTP/1.1¦Host: HOST¦X-A : 1¦¦"),
    (&[400], "GET /plaza HTTP/1.1¦Host: HOST¦X A: 1¦¦"),
    (&[400], "GET /plaza HTTP/1.1¦Host: HOST¦: 1¦¦"),
    (&[400], "GET /plaza HTTP/1.1¦Host: HOST¦X-A¦¦"),
    (&[400], "GET /plaza HTTP/1.1¦Host: HOST¦X\0A: 1¦¦"),
    (&[400], "GET /plaza HTTP/1.1¦Host: HOST¦X-A: 1\x002¦¦"),
    (&[400], "GET /plaza HTTP/1.1¦Host: HOST¦X-A: \x012¦¦"),
    (&[400], "GET /plaza HTTP/1.1¦Host: HOST¦XÄ: 1¦¦"),
    (&[400], "GET /plaza HTTP/1.1¦Host: HOST¦X(A): 1¦¦"),
    (&[400], "GET /plaza HTTP/1.1¦Host: HOST¦X/A: 1¦¦"),
    (&[400], "GET /plaza HTTP/1.1¦Host: HOST¦\"X\": 1¦¦"),
    (&[400], "GET /plaza HTTP/1.1¦Host: HOST¦GET /board HTTP/1.1¦¦"),
    // Framing.
    (&[400], "POST /plaza HTTP/1.1¦Host: HOST¦Content-Length: 5¦Transfer-Encoding: chunked¦¦0¦¦"),
    (&[400], "POST /plaza HTTP/1.1¦Host: HOST¦Transfer-Encoding: chunked¦Content-Length: 5¦¦0¦¦"),
    (&[400], "POST /plaza HTTP/1.1¦Host: HOST¦Content-Length: 0¦Transfer-Encoding: chunked¦¦0¦¦"),
    (&[400], "POST /plaza HTTP/1.1¦Host: HOST¦Content-Length: 5¦Content-Length: 5¦¦hello"),
    (&[400], "POST /plaza HTTP/1.1¦Host: HOST¦Content-Length: 5¦Content-Length: 6¦¦hello"),
    (&[400], "POST /plaza HTTP/1.1¦Host: HOST¦Content-Length: 5, 5¦¦hello"),
    (&[400], "POST /plaza HTTP/1.1¦Host: HOST¦Content-Length: +5¦¦hello"),
    (&[400], "POST /plaza HTTP/1.1¦Host: HOST¦Content-Length: -5¦¦hello"),
    (&[400], "POST /plaza HTTP/1.1¦Host: HOST¦Content-Length: 0x5¦¦hello"),
    (&[400], "POST /plaza HTTP/1.1¦Host: HOST¦Content-Length: 5a¦¦hello"),
    (&[400], "POST /plaza HTTP/1.1¦Host: HOST¦Content-Length:¦¦"),
    (&[400], "POST /plaza HTTP/1.1¦Host: HOST¦Content-Length: 99999999999999999999¦¦hello"),
    (&[400], "POST /plaza HTTP/1.1¦Host: HOST¦Content_Length: 5¦¦hello"),
    (&[400], "POST /plaza HTTP/1.1¦Host: HOST¦Content.Length: 5¦¦hello"),
    (&[400], "POST /plaza HTTP/1.1¦Host: HOST¦Content-Length : 5¦¦hello"),
    (&[400], "POST /plaza HTTP/1.1¦Host: HOST¦Transfer_Encoding: chunked¦¦0¦¦"),
    (&[400], "POST /plaza HTTP/1.1¦Host: HOST¦Transfer-Encoding : chunked¦¦0¦¦"),
    (&[400], "POST /plaza HTTP/1.1¦Host: HOST¦Transfer-Encoding: xchunked¦¦0¦¦"),
    (&[400], "POST /plaza HTTP/1.1¦Host: HOST¦Transfer-Encoding: gzip, chunked¦¦0¦¦"),
    (&[400], "POST /plaza HTTP/1.1¦Host: HOST¦Transfer-Encoding: chunked, identity¦¦0¦¦"),
    (&[400], "POST /plaza HTTP/1.1¦Host: HOST¦Transfer-Encoding: identity¦¦0¦¦"),
    (&[400], "POST /plaza HTTP/1.1¦Host: HOST¦Transfer-Encoding: chunked¦Transfer-Encoding: chunked¦¦0¦¦"),
    (&[400], "POST /plaza HTTP/1.1¦Host: HOST¦Transfer-Encoding: chunked¦Transfer-Encoding: identity¦¦0¦¦"),
    (&[400], "POST /plaza HTTP/1.1¦Host: HOST¦Transfer-Encoding: \"chunked\"¦¦0¦¦"),
    (&[400], "POST /plaza HTTP/1.1¦Host: HOST¦Transfer-Encoding: chunked;x=1¦¦0¦¦"),
    (&[400], "POST /plaza HTTP/1.1¦Host: HOST¦Transfer-Encoding: \x0bchunked¦¦0¦¦"),
    (&[400], "POST /plaza HTTP/1.1¦Host: HOST¦Transfer-Encoding:¦ chunked¦¦0¦¦"),
    (&[400], "POST /plaza HTTP/1.0¦Host: HOST¦Transfer-Encoding: chunked¦¦0¦¦"),
    (&[400], "GET /plaza HTTP/1.1¦Host: HOST¦Content-Length: 5¦¦hello"),
    (&[400], "GET /plaza HTTP/1.1¦Host: HOST¦Transfer-Encoding: chunked¦¦0¦¦"),
    (&[400], "HEAD /plaza HTTP/1.1¦Host: HOST¦Content-Length: 5¦¦hello"),
    (&[417], "POST /plaza HTTP/1.1¦Host: HOST¦Content-Length: 5¦Expect: 200-ok¦¦hello"),
    // What Connection may name.
    (&[400], "GET /plaza HTTP/1.1¦Host: HOST¦Connection: close, Host¦¦"),
    (&[400], "GET /plaza HTTP/1.1¦Host: HOST¦Connection: close, Cookie¦¦"),
    (&[400], "GET /plaza HTTP/1.1¦Host: HOST¦Connection: X-Forwarded-For¦¦"),
    (&[400], "POST /plaza HTTP/1.1¦Host: HOST¦Content-Length: 5¦Connection: Content-Length¦¦hello"),
    (&[400], "POST /plaza HTTP/1.1¦Host: HOST¦Transfer-Encoding: chunked¦Connection: transfer-encoding¦¦0¦¦"),
    (&[400], "GET /plaza HTTP/1.1¦Host: HOST¦Connection: a b¦¦"),
    (&[400], "GET /plaza HTTP/1.1¦Host: HOST¦Connection: a,b,c,d,e,f,g,h,i,j¦¦"),
    // Upgrades.
    (&[400], "GET /ws?room=plaza HTTP/1.1¦Host: HOST¦Upgrade: websocket¦¦"),
    (&[400], "GET /ws?room=plaza HTTP/1.1¦Host: HOST¦Upgrade: websocket, h2c¦Connection: Upgrade¦¦"),
    (&[400], "GET /ws?room=plaza HTTP/1.1¦Host: HOST¦Upgrade: websocket¦Upgrade: websocket¦Connection: Upgrade¦¦"),
    (&[400], "POST /ws?room=plaza HTTP/1.1¦Host: HOST¦Upgrade: websocket¦Connection: Upgrade¦Content-Length: 0¦¦"),
    (&[400], "GET /ws?room=plaza HTTP/1.0¦Host: HOST¦Upgrade: websocket¦Connection: Upgrade¦¦"),
    (
        &[404],
        "GET /static/app.js HTTP/1.1¦Host: HOST¦Upgrade: websocket¦Connection: Upgrade¦Sec-WebSocket-Version: 13¦Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==¦¦",
    ),
    (
        &[404],
        "GET / HTTP/1.1¦Host: HOST¦Upgrade: websocket¦Connection: Upgrade¦Sec-WebSocket-Version: 13¦Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==¦¦",
    ),
    (
        &[404],
        "GET /api/x HTTP/1.1¦Host: HOST¦Upgrade: websocket¦Connection: Upgrade¦Sec-WebSocket-Version: 13¦Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==¦¦",
    ),
    (
        &[400],
        "GET /plaza/ws?room=board HTTP/1.1¦Host: HOST¦Upgrade: websocket¦Connection: Upgrade¦Sec-WebSocket-Version: 13¦Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==¦¦",
    ),
];

async fn gateway() -> (Recorder, Gateway) {
    let upstream = Recorder::start().await;
    let sections = format!("{}[rooms]\nunknown = \"public\"\n", upstream.sections());
    let gateway = Gateway::configured(&sections, ROOMS).await;
    (upstream, gateway)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_can_be_read_in_two_ways_is_refused_with_its_status() {
    let (upstream, gateway) = gateway().await;
    let host = gateway.address.to_string();
    let mut wrong = Vec::new();
    assert!(REFUSED.len() >= 130);
    for (statuses, text) in REFUSED {
        let request = text.replace('¦', "\r\n").replace("HOST", &host);
        let mut wire = Wire::connect(gateway.address).await;
        wire.send(request.as_bytes()).await;
        let answer = wire.answer().await;
        let status = answer.as_ref().map_or(0, |a| a.status);
        if !statuses.contains(&status) {
            wrong.push(format!("{text:?}: {status}, expected {statuses:?}"));
        }
        for request in upstream.take() {
            wrong.push(format!("{text:?} ({status}): reached the upstream as {}", request.line));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), REFUSED.len(), wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_is_too_large_is_refused_before_anything_of_it_counts() {
    let (upstream, gateway) = gateway().await;
    let host = gateway.address.to_string();
    let lines = |n: usize| (0..n).map(|i| format!("X-{i}: 1\r\n")).collect::<String>();
    for (what, headers, status) in [
        ("99 headers", lines(98), 200),
        ("101 headers", lines(100), 431),
        ("250 headers", lines(250), 431),
        // pingora's parser ends at 256, with its own answer.
        ("300 headers", lines(300), 400),
        ("30 KiB in one", format!("X-A: {}\r\n", "a".repeat(30 * 1024)), 200),
        ("33 KiB in one", format!("X-A: {}\r\n", "a".repeat(33 * 1024)), 431),
        ("33 KiB in a cookie", format!("Cookie: a={}\r\n", "a".repeat(33 * 1024)), 431),
        ("33 KiB in a name", format!("{}: 1\r\n", "a".repeat(33 * 1024)), 431),
        ("300 KiB", format!("X-A: {}\r\n", "a".repeat(300 * 1024)), 431),
    ] {
        let request = format!("GET /plaza HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n");
        let mut wire = Wire::connect(gateway.address).await;
        wire.send(request.as_bytes()).await;
        let answer = wire.answer().await;
        let got = answer.as_ref().map_or(0, |a| a.status);
        assert_eq!(got, status, "{what}");
        assert_eq!(upstream.take().len(), usize::from(status == 200), "{what}");
    }
}
