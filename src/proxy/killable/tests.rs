#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;
use http::Request;
use pingora::http::ResponseHeader;
use pingora::proxy::Session;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::lab::{Act, Gateway, REMOVED, certificate, eventually, read_until, tls_connect};
use super::*;
use crate::proxy::guarded::Limits;
use crate::proxy::tls::Certificates;

/// Answers `/events` with an endless stream, `/polite` with one that takes its leave by itself (too slowly), `/hello` with hello.
struct Own;

#[async_trait]
impl Act for Own {
    async fn request(&self, session: &mut Session, exchange: &Exchange) -> pingora::Result<bool> {
        if session.req_header().uri.path() == "/hello" {
            let mut head = ResponseHeader::build(200, None)?;
            head.insert_header("content-length", 5)?;
            session.write_response_header(Box::new(head), false).await?;
            session.write_response_body(Some(Bytes::from_static(b"hello")), true).await?;
            return Ok(true);
        }
        if session.req_header().uri.path() == "/polite" {
            exchange.leaves_itself();
        }
        let mut head = ResponseHeader::build(200, None)?;
        if !session.is_http2() {
            head.insert_header("transfer-encoding", "chunked")?;
        }
        session.write_response_header(Box::new(head), false).await?;
        session.write_response_body(Some(Bytes::from_static(b"event")), false).await?;
        std::future::pending().await
    }
}

/// Forwards to an upstream that takes the request and never answers: a long poll.
struct Forward(SocketAddr);

#[async_trait]
impl Act for Forward {
    fn upstream(&self) -> SocketAddr {
        self.0
    }
}

async fn silent_upstream() -> (SocketAddr, tokio::sync::mpsc::UnboundedReceiver<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, told) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let _ = tell.send(socket);
        }
    });
    (address, told)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_poll_ends_at_once_and_so_does_its_upstream_connection() {
    let (upstream, mut arrived) = silent_upstream().await;
    let gateway = Gateway::start(Forward(upstream));
    let mut client = gateway.connect().await;
    client.write_all(b"POST /http-bind HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody").await.unwrap();
    let mut behind = arrived.recv().await.unwrap();
    read_until(&mut behind, "body").await;

    let before = Instant::now();
    assert!(gateway.exchange(0).await.end(REMOVED));

    assert!(matches!(client.read(&mut [0; 16]).await, Ok(0) | Err(_)), "no byte comes any more");
    assert!(before.elapsed() < Duration::from_millis(100), "it took {:?}", before.elapsed());
    assert!(matches!(behind.read(&mut [0; 16]).await, Ok(0) | Err(_)));
    eventually("the context is dropped", || (gateway.ended() == 1).then_some(())).await;
    assert!(!gateway.exchange(0).await.end(REMOVED), "the first word counts");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_stream_ends_at_once_and_does_not_look_complete() {
    let gateway = Gateway::start(Own);
    let mut client = gateway.connect().await;
    client.write_all(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    read_until(&mut client, "event").await;

    let before = Instant::now();
    gateway.exchange(0).await.end(REMOVED);
    let rest = super::lab::read_to_end(&mut client).await;

    assert!(before.elapsed() < Duration::from_millis(100), "it took {:?}", before.elapsed());
    assert!(!rest.contains("0\r\n"), "the last chunk would say that all is well: {rest:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_leaves_by_itself_is_given_time_but_not_for_ever() {
    let gateway = Gateway::start(Own);
    let mut client = gateway.connect().await;
    client.write_all(b"GET /polite HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    read_until(&mut client, "event").await;

    let before = Instant::now();
    gateway.exchange(0).await.end(REMOVED);
    super::lab::read_to_end(&mut client).await;

    let took = before.elapsed();
    assert!((GRACE..Duration::from_secs(1)).contains(&took), "it took {took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_http2_stream_is_reset_and_its_sibling_lives() {
    let (folder, issued) = certificate("meet.example.org");
    let certificates = Certificates::load(&folder.path().join("cert.pem"), &folder.path().join("key.pem")).unwrap();
    let gateway = Gateway::with(Own, Limits::default(), Some(&certificates));
    let socket = tls_connect(&gateway, &issued.cert, &[b"h2"]).await.unwrap();
    let (mut client, connection) = h2::client::handshake(socket).await.unwrap();
    tokio::spawn(connection);

    let mut open = async |path: &str| {
        let request = Request::get(format!("https://meet.example.org{path}")).body(()).unwrap();
        let (response, _) = client.send_request(request, true).unwrap();
        let mut body = response.await.unwrap().into_body();
        let first = body.data().await.unwrap().unwrap();
        (body, first)
    };
    let (mut killed, _) = open("/events").await;
    let (mut sibling, _) = open("/events").await;

    let before = Instant::now();
    gateway.exchange(0).await.end(REMOVED);
    let error = killed.data().await.unwrap().unwrap_err();

    assert_eq!(error.reason(), Some(h2::Reason::CANCEL));
    assert!(before.elapsed() < Duration::from_millis(100), "it took {:?}", before.elapsed());
    assert_eq!(open("/hello").await.1, "hello", "the connection takes new streams");
    let more = tokio::time::timeout(Duration::from_millis(50), sibling.data()).await;
    assert!(more.is_err(), "the sibling neither ended nor broke: {more:?}");
}

#[tokio::test]
async fn ended_is_heard_by_all_who_listen_before_and_after() {
    let exchange = Exchange::default();
    let early = tokio::spawn({
        let exchange = exchange.clone();
        async move { exchange.ended().await }
    });
    tokio::task::yield_now().await;

    assert_eq!(exchange.ending(), None);
    exchange.kill_handle().end(REMOVED);
    exchange.kill_handle().end(Ending { close: 1001, reason: "drain" });

    assert_eq!(early.await.unwrap(), REMOVED);
    assert_eq!(exchange.ended().await, REMOVED);
}

#[tokio::test]
async fn outside_of_killable_nobody_ends_an_exchange() {
    let ended = tokio::time::timeout(Duration::from_millis(20), current().ended()).await;
    assert!(ended.is_err());
}
