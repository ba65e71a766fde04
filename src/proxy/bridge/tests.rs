#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use axum::Extension;
use axum::response::sse::{Event, Sse};
use axum::routing::{get, post};
use futures_util::{Stream, StreamExt, stream};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::proxy::guarded::Limits;
use crate::proxy::killable::Exchange;
use crate::proxy::killable::lab::{Act, Gateway, certificate, eventually, read_until, tls_connect};
use crate::proxy::tls::Certificates;

#[derive(Clone)]
struct Visitor(&'static str);

struct Own {
    router: Router,
    target: Option<&'static str>,
    served: Arc<Mutex<Vec<Served>>>,
}

#[async_trait]
impl Act for Own {
    async fn request(&self, session: &mut Session, _: &Exchange) -> pingora::Result<bool> {
        let mut extensions = Extensions::new();
        extensions.insert(Visitor("ada"));
        let target = self.target.map(PathAndQuery::from_static);
        let served = answer(session, &self.router, extensions, target, 1000).await?;
        self.served.lock().push(served);
        Ok(true)
    }
}

struct CountDown(Arc<AtomicUsize>);

impl Drop for CountDown {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// An event now, and never another one.
fn events(open: Arc<AtomicUsize>) -> impl Stream<Item = Result<Event, std::convert::Infallible>> {
    open.fetch_add(1, Ordering::SeqCst);
    let guard = CountDown(open);
    stream::iter([Ok(Event::default().data("knock"))]).chain(stream::pending()).inspect(move |_| {
        let _ = &guard;
    })
}

struct Bridged {
    gateway: Gateway,
    served: Arc<Mutex<Vec<Served>>>,
    streams: Arc<AtomicUsize>,
    pieces: Arc<AtomicUsize>,
}

const PIECES: usize = 1024;

/// 64 MiB, made as it is asked for.
fn large(made: Arc<AtomicUsize>) -> impl Stream<Item = Result<Bytes, std::convert::Infallible>> {
    stream::iter(0..PIECES).map(move |n| {
        made.fetch_add(1, Ordering::SeqCst);
        Ok(Bytes::from(vec![n as u8; 65536]))
    })
}

fn bridged(target: Option<&'static str>, certificates: Option<&Arc<Certificates>>) -> Bridged {
    let streams = Arc::new(AtomicUsize::new(0));
    let open = streams.clone();
    let made = Arc::new(AtomicUsize::new(0));
    let pieces = made.clone();
    let router = Router::new()
        .route("/hello", get(|Extension(v): Extension<Visitor>| async move { format!("hello {}", v.0) }))
        .route("/echo", post(|uri: Uri, body: Bytes| async move { format!("{uri} {}", body.len()) }))
        .route("/empty", get(|| async { StatusCode::NO_CONTENT }))
        .route("/events", get(move || async move { Sse::new(events(open)) }))
        .route("/drip", get(|| async { Body::from_stream(stream::iter(["one ", "two ", "three"].map(Ok::<_, std::io::Error>))) }))
        .route("/broken", get(|| async { Body::from_stream(stream::iter([Ok("half"), Err(std::io::Error::other("oops"))])) }))
        .route("/large", get(move || async move { Body::from_stream(large(pieces)) }))
        .route("/slow", get(std::future::pending::<()>));
    let served = Arc::new(Mutex::new(Vec::new()));
    let gateway = Gateway::with(Own { router, target, served: served.clone() }, Limits::default(), certificates);
    Bridged { gateway, served, streams, pieces: made }
}

fn one(status: u16, bytes: u64, complete: bool) -> Vec<Served> {
    vec![Served { status: StatusCode::from_u16(status).ok(), bytes, complete }]
}

#[tokio::test]
async fn requests_are_answered_one_after_the_other_on_one_connection() {
    let b = bridged(None, None);
    let mut client = b.gateway.connect().await;
    for (request, answer) in [
        ("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n", "hello ada"),
        ("POST /echo?x=%2F HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", "/echo?x=%2F 3"),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n", "/echo 4"),
        ("GET /drip HTTP/1.1\r\nHost: a\r\n\r\n", "0\r\n\r\n"),
        ("GET /empty HTTP/1.1\r\nHost: a\r\n\r\n", "204 No Content"),
        ("GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n", "404 Not Found"),
        ("HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n", "200 OK"),
        ("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n", "hello ada"),
    ] {
        client.write_all(request.as_bytes()).await.unwrap();
        let got = read_until(&mut client, answer).await;
        assert!(got.to_lowercase().contains("connection: keep-alive"), "{request:?} gave {got:?}");
        assert!(!(request.starts_with("HEAD") && got.contains("hello ada")), "HEAD has no body: {got:?}");
        // Whatever of the head came after what we looked for must not spoil the next answer.
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        let _ = client.try_read(&mut [0; 4096]);
    }
    eventually("all are logged", || (b.gateway.logged() == 8).then_some(())).await;
    assert!(b.served.lock().iter().all(|s| s.complete));
    assert_eq!(b.gateway.connections.open(), 1);
}

#[tokio::test]
async fn bodies_of_unknown_length_are_chunked_and_those_of_known_length_say_it() {
    let b = bridged(None, None);
    let drip = b.gateway.says("GET /drip HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert!(drip.to_lowercase().contains("transfer-encoding: chunked"), "{drip}");
    assert!(drip.contains("4\r\none \r\n4\r\ntwo \r\n5\r\nthree\r\n0\r\n\r\n"), "{drip}");
    let old = b.gateway.says("GET /drip HTTP/1.0\r\nHost: a\r\n\r\n").await;
    assert!(old.ends_with("\r\n\r\none two three"), "HTTP/1.0 knows no chunks: {old}");
    let hello = b.gateway.says("GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert!(hello.to_lowercase().contains("content-length: 9") && hello.ends_with("\r\n\r\nhello ada"), "{hello}");
    let head = b.gateway.says("HEAD /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert!(head.to_lowercase().contains("content-length: 9") && head.ends_with("\r\n\r\n"), "{head}");
}

#[tokio::test]
async fn too_large_a_body_gets_413_announced_or_not() {
    for request in [
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n".to_owned(),
        format!("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n{}\r\n", "x".repeat(1001)),
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n".to_owned(),
    ] {
        let b = bridged(None, None);
        let got = b.gateway.says(&request).await;
        assert!(got.starts_with("HTTP/1.1 413 "), "{got}");
        assert_eq!(*b.served.lock(), one(413, 0, true));
    }
    let b = bridged(None, None);
    let mut client = b.gateway.connect().await;
    client.write_all(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\n").await.unwrap();
    read_until(&mut client, "100 Continue\r\n\r\n").await;
    client.write_all(&[b'x'; 1000]).await.unwrap();
    read_until(&mut client, "/echo 1000").await;
}

#[tokio::test]
async fn the_router_sees_the_target_that_was_judged() {
    let b = bridged(Some("/echo?y=1"), None);
    let got = b.gateway.says("POST //elsewhere/../x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
    assert!(got.ends_with("/echo?y=1 0"), "{got}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_answer_is_made_as_it_is_read() {
    let b = bridged(None, None);
    let mut client = b.gateway.connect().await;
    client.write_all(b"GET /large HTTP/1.0\r\nHost: a\r\n\r\n").await.unwrap();
    let mut before = 0;
    eventually("the answer waits for its reader", || {
        let now = b.pieces.load(Ordering::SeqCst);
        let still = now > 0 && now == before;
        before = now;
        still.then_some(())
    })
    .await;
    assert!(b.pieces.load(Ordering::SeqCst) < PIECES / 4);

    let mut all = Vec::new();
    client.read_to_end(&mut all).await.unwrap();
    let body = all.len() - PIECES * 65536;
    assert!(all[body..].chunks(65536).enumerate().all(|(n, piece)| piece.iter().all(|b| *b == n as u8)));
    eventually("it is served", || (!b.served.lock().is_empty()).then_some(())).await;
    assert_eq!(*b.served.lock(), one(200, 64 << 20, true));
}

#[tokio::test]
async fn an_event_stream_learns_that_its_client_left() {
    let b = bridged(None, None);
    let mut client = b.gateway.connect().await;
    client.write_all(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    read_until(&mut client, "data: knock").await;
    assert_eq!(b.streams.load(Ordering::SeqCst), 1);

    drop(client);

    eventually("the stream is dropped", || (b.streams.load(Ordering::SeqCst) == 0).then_some(())).await;
    eventually("it is logged", || (b.gateway.logged() == 1).then_some(())).await;
    assert_eq!(*b.served.lock(), one(200, 13, false));
}

#[tokio::test]
async fn a_client_that_does_not_wait_for_the_answer_frees_its_handler() {
    let b = bridged(None, None);
    let mut client = b.gateway.connect().await;
    client.write_all(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    b.gateway.exchange(0).await;
    drop(client);
    eventually("it is served", || (!b.served.lock().is_empty()).then_some(())).await;
    assert_eq!(*b.served.lock(), vec![Served { status: None, bytes: 0, complete: false }]);
}

#[tokio::test]
async fn an_answer_that_breaks_off_does_not_look_complete() {
    let b = bridged(None, None);
    let got = b.gateway.says("GET /broken HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(got.contains("half") && !got.contains("0\r\n\r\n"), "{got}");
    assert_eq!(*b.served.lock(), one(200, 4, false));
}

#[tokio::test]
async fn http2_is_answered_alike() {
    let (folder, issued) = certificate("meet.example.org");
    let certificates = Certificates::load(&folder.path().join("cert.pem"), &folder.path().join("key.pem")).unwrap();
    let b = bridged(None, Some(&certificates));
    let socket = tls_connect(&b.gateway, &issued.cert, &[b"h2"]).await.unwrap();
    let (mut client, connection) = h2::client::handshake(socket).await.unwrap();
    tokio::spawn(connection);

    let mut ask = async |method: &str, path: &str, body: Option<&'static [u8]>| {
        let request = Request::builder().method(method).uri(format!("https://meet.example.org{path}")).body(()).unwrap();
        let (response, mut sender) = client.send_request(request, body.is_none()).unwrap();
        if let Some(body) = body {
            sender.send_data(Bytes::from_static(body), true).unwrap();
        }
        response.await.unwrap()
    };
    for (method, path, body, status, answer) in [
        ("GET", "/hello", None, 200, "hello ada"),
        ("POST", "/echo?a=b", Some(b"1234567".as_slice()), 200, "7"),
        ("POST", "/echo", Some([b'x'; 1001].as_slice()), 413, ""),
        ("HEAD", "/hello", None, 200, ""),
        ("GET", "/drip", None, 200, "one two three"),
        ("GET", "/empty", None, 204, ""),
    ] {
        let response = ask(method, path, body).await;
        assert_eq!(response.status().as_u16(), status, "{path}");
        let mut body = response.into_body();
        let mut got = String::new();
        while let Some(piece) = body.data().await {
            got.push_str(std::str::from_utf8(&piece.unwrap()).unwrap());
        }
        assert!(got.ends_with(answer) && (!answer.is_empty() || got.is_empty()), "{method} {path} gave {got:?}");
    }

    let mut stream = ask("GET", "/events", None).await.into_body();
    stream.data().await.unwrap().unwrap();
    drop(stream);
    eventually("the stream is dropped", || (b.streams.load(Ordering::SeqCst) == 0).then_some(())).await;
}
