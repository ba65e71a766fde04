//! The script element in a meeting's page: which pages get it, and that all others pass as they are.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::endings::comes;
use crate::harness::busy::section;
use crate::harness::{Answer, Gateway, Person};

const ROOMS: &str = "[[room]]\nname = \"standup\"\nprivacy = \"private\"\nenable_knocking = true\n";
const PAGE: &str = "<!doctype html>\n<html><head>\n<meta charset=utf-8><title>Call</title>\n<script src=/app.js></script></head><body>Hello</body></html>\n";

/// A server that answers everything with the same bytes, in these pieces.
#[derive(Clone)]
struct Parrot {
    address: SocketAddr,
    pieces: Arc<Mutex<Vec<Vec<u8>>>>,
    asked: Arc<Mutex<String>>,
}

impl Parrot {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let this = Self { address: listener.local_addr().unwrap(), pieces: Arc::default(), asked: Arc::default() };
        let parrot = this.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let parrot = parrot.clone();
                tokio::spawn(async move {
                    let (mut head, mut byte) = (Vec::new(), [0]);
                    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).await.is_ok_and(|n| n > 0) {
                        head.push(byte[0]);
                    }
                    *parrot.asked.lock().unwrap() = String::from_utf8_lossy(&head).to_ascii_lowercase();
                    let pieces = parrot.pieces.lock().unwrap().clone();
                    for piece in pieces {
                        let _ = stream.write_all(&piece).await;
                        let _ = stream.flush().await;
                        tokio::time::sleep(Duration::from_millis(2)).await;
                    }
                });
            }
        });
        this
    }

    /// Says this from now on: a head, and a body chunked in pieces of this size.
    fn says(&self, head: &str, body: &[u8], size: usize) {
        let mut pieces = vec![format!("HTTP/1.1 {head}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n").into_bytes()];
        for piece in body.chunks(size) {
            pieces.push([format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat());
        }
        pieces.push(b"0\r\n\r\n".to_vec());
        *self.pieces.lock().unwrap() = pieces;
    }

    /// The same with a length instead, all at once.
    fn says_whole(&self, head: &str, body: &[u8]) {
        let head = format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        *self.pieces.lock().unwrap() = vec![[head.as_bytes(), body].concat()];
    }

    fn was_asked(&self) -> String {
        self.asked.lock().unwrap().clone()
    }
}

async fn house(more: &str) -> (Gateway, Parrot) {
    let parrot = Parrot::start().await;
    parrot.says_whole("200 OK\r\nContent-Type: text/html", PAGE.as_bytes());
    let gateway = Gateway::configured(&format!("{}{more}\n", section(&format!("http://{}", parrot.address))), ROOMS).await;
    (gateway, parrot)
}

/// Without the element, and whether there was one.
fn split(body: &[u8]) -> (Vec<u8>, bool) {
    let text = body.windows(14).position(|w| w == b"<script async ");
    match text {
        Some(at) => {
            let end = body[at..].windows(9).position(|w| w == b"</script>").unwrap() + at + 9;
            ([&body[..at], &body[end..]].concat(), true)
        }
        None => (body.to_vec(), false),
    }
}

async fn opened(person: &mut Person) -> Answer {
    person.opens("/standup").await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_script_stands_in_the_head_of_a_page_however_it_comes() {
    let (gateway, parrot) = house("").await;
    let mut olga = comes(&gateway, "standup", &gateway.owner_token("standup")).await;
    for size in [1, 3, 7, 40, 4096] {
        parrot.says(
            "200 OK\r\nContent-Type: text/html; charset=utf-8\r\nETag: \"x\"\r\nLast-Modified: x\r\nDigest: sha-256=x",
            PAGE.as_bytes(),
            size,
        );
        let answer = opened(&mut olga).await;
        let (rest, there) = split(&answer.body);
        assert!(there && rest == PAGE.as_bytes(), "{size}: {}", answer.text());
        let at = answer.text().find("<script async src=\"/_roomgate/assets/overlay.").unwrap();
        assert!(answer.text()[..at].ends_with("</title>") && answer.text().contains("data-room=\"standup\""), "{}", answer.text());
        for gone in ["etag", "last-modified", "digest", "content-length", "content-encoding"] {
            assert_eq!(answer.header(gone), None, "{gone}");
        }
    }
    parrot.says_whole("200 OK\r\nContent-Type: text/html", PAGE.as_bytes());
    assert_eq!(split(&opened(&mut olga).await.body), (PAGE.as_bytes().to_vec(), true));
    let script = opened(&mut olga).await.text();
    let address = script.split("src=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let served = olga.fetches(&address).await;
    assert_eq!((served.status, served.header("content-type")), (200, Some("text/javascript; charset=utf-8")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_is_asked_for_the_page_as_it_is() {
    let (gateway, parrot) = house("").await;
    let mut ann = comes(&gateway, "standup", &gateway.token("standup")).await;
    let asking = [
        ("Accept", "text/html"),
        ("Sec-Fetch-Mode", "navigate"),
        ("Sec-Fetch-Dest", "document"),
        ("Sec-Fetch-Site", "none"),
        ("Accept-Encoding", "gzip, br"),
        ("If-None-Match", "\"x\""),
        ("If-Modified-Since", "Tue, 24 Nov 2026 00:00:00 GMT"),
        ("Range", "bytes=0-1"),
        ("If-Range", "\"x\""),
    ];
    assert!(split(&ann.sends("GET", "/standup", &asking, b"").await.body).1, "participants have it too");
    let asked = parrot.was_asked();
    assert!(asked.contains("accept-encoding: identity\r\n"), "{asked}");
    for gone in ["if-none-match", "if-modified-since", "range:", "if-range", "gzip"] {
        assert!(!asked.contains(gone), "{gone}: {asked}");
    }
    // What is no page load is asked for as it was, and passes as it is.
    for (name, value) in
        [("Sec-Fetch-Dest", "empty"), ("Sec-Fetch-Dest", "object"), ("Sec-Fetch-Mode", "cors"), ("Cache-Control", "no-transform")]
    {
        let changed: Vec<_> = asking.into_iter().filter(|(n, _)| *n != name).chain([(name, value)]).collect();
        let answer = ann.sends("GET", "/standup", &changed, b"").await;
        assert_eq!(split(&answer.body), (PAGE.as_bytes().to_vec(), false), "{name}: {value}");
        assert!(parrot.was_asked().contains("accept-encoding: gzip, br"), "{name}: {value}");
    }
    let head = ann.sends("HEAD", "/standup", &[("Accept", "text/html")], b"").await;
    assert!(head.body.is_empty());
    assert_eq!(head.header("content-length"), Some(PAGE.len().to_string().as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_not_inside_gets_no_script() {
    let (gateway, _parrot) = house("").await;
    let mut stranger = gateway.stranger();
    let answer = stranger.visits("/standup").await;
    assert!(!answer.text().contains("overlay."), "{}", answer.text());
    let told = stranger.fetches("/_roomgate/overlay?room=standup").await.json();
    assert_eq!(told, serde_json::json!({"stay": false}));

    let mut ann = comes(&gateway, "standup", &gateway.token("standup")).await;
    assert_eq!(ann.fetches("/_roomgate/overlay?room=standup").await.json(), serde_json::json!({"stay": true}));
    let mut olga = comes(&gateway, "standup", &gateway.owner_token("standup")).await;
    let told = olga.fetches("/_roomgate/overlay?room=standup").await.json();
    assert_eq!((&told["stay"], &told["owner"]), (&true.into(), &true.into()));
    assert!(told["words"]["allow"].is_string() && told["door"].as_str().unwrap().starts_with("/_roomgate/door?"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_can_do_without() {
    let (gateway, parrot) = house("[pages]\noverlay = false\n").await;
    let mut olga = comes(&gateway, "standup", &gateway.owner_token("standup")).await;
    let answer = opened(&mut olga).await;
    assert_eq!(split(&answer.body), (PAGE.as_bytes().to_vec(), false));
    assert_eq!(answer.header("content-length"), Some(PAGE.len().to_string().as_str()));
    assert!(!parrot.was_asked().contains("identity"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compressed_page_is_read_where_it_can_be_and_passed_on_where_not() {
    let (gateway, parrot) = house("").await;
    let mut olga = comes(&gateway, "standup", &gateway.owner_token("standup")).await;
    let long = PAGE.replace("Hello", &"Hello ".repeat(40_000));
    let level = Compression::default();
    let (mut gzip, mut zlib, mut bare) =
        (GzEncoder::new(Vec::new(), level), ZlibEncoder::new(Vec::new(), level), DeflateEncoder::new(Vec::new(), level));
    gzip.write_all(long.as_bytes()).unwrap();
    zlib.write_all(long.as_bytes()).unwrap();
    bare.write_all(long.as_bytes()).unwrap();
    for (coding, bytes) in [("gzip", gzip.finish().unwrap()), ("deflate", zlib.finish().unwrap()), ("deflate", bare.finish().unwrap())] {
        for size in [5, 100, 100_000] {
            parrot.says(&format!("200 OK\r\nContent-Type: text/html\r\nContent-Encoding: {coding}"), &bytes, size);
            let answer = opened(&mut olga).await;
            assert_eq!(answer.header("content-encoding"), None);
            assert_eq!(split(&answer.body), (long.clone().into_bytes(), true), "{coding} {size}");
        }
    }
    for coding in ["br", "zstd", "gzip, gzip", "aes128gcm"] {
        parrot.says_whole(&format!("200 OK\r\nContent-Type: text/html\r\nContent-Encoding: {coding}"), PAGE.as_bytes());
        let answer = opened(&mut olga).await;
        assert_eq!((answer.header("content-encoding"), split(&answer.body)), (Some(coding), (PAGE.as_bytes().to_vec(), false)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_whole_page_or_does_not_want_it_passes_as_it_is() {
    let (gateway, parrot) = house("").await;
    let mut olga = comes(&gateway, "standup", &gateway.owner_token("standup")).await;
    for head in [
        "404 Not Found\r\nContent-Type: text/html",
        "203 Other\r\nContent-Type: text/html",
        "206 Partial Content\r\nContent-Type: text/html\r\nContent-Range: bytes 0-10/20",
        "200 OK\r\nContent-Type: text/html\r\nContent-Range: bytes 0-10/20",
        "200 OK",
        "200 OK\r\nContent-Type: text/plain",
        "200 OK\r\nContent-Type: application/xhtml+xml",
        "200 OK\r\nContent-Type: text/html; charset=utf-16",
        "200 OK\r\nContent-Type: text/html\r\nContent-Type: text/html",
        "200 OK\r\nContent-Type: text/html\r\nContent-Disposition: attachment; filename=x.html",
        "200 OK\r\nContent-Type: text/html\r\nCache-Control: max-age=1, No-Transform",
        "200 OK\r\nContent-Type: text/html\r\nIntegrity-Policy: blocked-destinations=(script)",
        "200 OK\r\nContent-Type: text/html\r\nContent-Security-Policy: script-src 'none'",
        "200 OK\r\nContent-Type: text/html\r\nContent-Security-Policy: script-src 'self'\r\nContent-Security-Policy: connect-src https://x.example",
        "200 OK\r\nContent-Type: text/html\r\nContent-Security-Policy: sandbox allow-scripts",
    ] {
        parrot.says_whole(&format!("{head}\r\nETag: \"x\""), PAGE.as_bytes());
        let answer = opened(&mut olga).await;
        assert_eq!(split(&answer.body), (PAGE.as_bytes().to_vec(), false), "{head}");
        assert_eq!(
            (answer.header("etag"), answer.header("content-length")),
            (Some("\"x\""), Some(PAGE.len().to_string().as_str())),
            "{head}"
        );
    }
    *parrot.pieces.lock().unwrap() = vec![b"HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\nConnection: close\r\n\r\n".to_vec()];
    let answer = opened(&mut olga).await;
    assert_eq!((answer.status, answer.header("etag"), answer.body.len()), (304, Some("\"x\""), 0));

    for policy in [
        "script-src 'self'; report-uri /x",
        "default-src 'self'",
        "script-src 'nonce-abc' 'strict-dynamic'; connect-src 'self'",
        "default-src *",
    ] {
        parrot.says_whole(&format!("200 OK\r\nContent-Type: text/html\r\nContent-Security-Policy: {policy}"), PAGE.as_bytes());
        let answer = opened(&mut olga).await;
        assert_eq!(answer.header("content-security-policy"), Some(policy), "it stays as it was");
        assert_eq!(split(&answer.body), (PAGE.as_bytes().to_vec(), true), "{policy}");
        assert_eq!(answer.text().contains(" nonce=\"abc\""), policy.contains("nonce"), "{policy}");
    }
    parrot.says_whole("200 OK\r\nContent-Type: text/html\r\nContent-Security-Policy-Report-Only: default-src 'none'", PAGE.as_bytes());
    assert!(split(&opened(&mut olga).await.body).1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_not_understood_is_not_touched() {
    let (gateway, parrot) = house("").await;
    let mut olga = comes(&gateway, "standup", &gateway.owner_token("standup")).await;
    let far = format!("<!--{}--><head></head>", "x".repeat(70_000));
    for page in [
        "",
        "x",
        "<",
        "<p>no head</p>",
        "<!-- <head> ",
        "<html><body><head></head>",
        "<frameset>",
        "\u{0}<head></head>",
        "<header><head>",
        "<head><meta http-equiv=content-security-policy content=\"script-src 'none'\"></head>",
        far.as_str(),
    ] {
        for size in [1_000, 3] {
            if size == 3 && page.len() > 1_000 {
                continue;
            }
            parrot.says("200 OK\r\nContent-Type: text/html", page.as_bytes(), size);
            let answer = opened(&mut olga).await;
            assert_eq!((answer.status, split(&answer.body)), (200, (page.as_bytes().to_vec(), false)), "{page:.40}");
        }
        parrot.says_whole("200 OK\r\nContent-Type: text/html", page.as_bytes());
        assert_eq!(split(&opened(&mut olga).await.body), (page.as_bytes().to_vec(), false), "{page:.40}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_sent_early_arrives_early() {
    let (gateway, parrot) = house("").await;
    let olga = comes(&gateway, "standup", &gateway.owner_token("standup")).await;
    let early = "<!doctype html><head><link rel=stylesheet href=/x.css>";
    // The rest never comes.
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 1000\r\n\r\n";
    *parrot.pieces.lock().unwrap() = vec![format!("{head}{early}").into_bytes()];
    let (gate, keep) = (gateway.address, parrot.pieces.clone());
    keep.lock().unwrap().extend(std::iter::repeat_n(Vec::new(), 2_000));
    let mut stream = tokio::net::TcpStream::connect(gate).await.unwrap();
    let request = format!(
        "GET /standup HTTP/1.1\r\nHost: {gate}\r\nAccept: text/html\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Site: none\r\nCookie: {}\r\n\r\n",
        olga.cookie_line()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let (mut seen, mut piece) = (Vec::new(), [0; 4096]);
    while !String::from_utf8_lossy(&seen).contains("<link rel=stylesheet href=/x.css>") {
        let n = tokio::time::timeout(Duration::from_secs(3), stream.read(&mut piece)).await.expect("it is not held back").unwrap();
        assert!(n > 0, "{}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&piece[..n]);
    }
    assert!(String::from_utf8_lossy(&seen).contains("<script async"));
}
