//! TLS on both sides of us, and HTTP/2.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::harness::Gateway;
use crate::harness::busy::{Busy, section};
use crate::harness::process::House;
use crate::harness::socket::{SOON, eventually, series};
use crate::harness::tls::{Authority, server};

const ROOMS: &str = "[[room]]\nname = \"standup\"\nprivacy = \"private\"\n[[room]]\nname = \"board\"\nprivacy = \"private\"\n";

/// A gateway that speaks TLS, and whom to trust.
async fn secure() -> (Gateway, Busy, Authority, TempDir) {
    let (busy, authority, folder) = (Busy::start().await, Authority::new(), tempfile::tempdir().unwrap());
    authority.certify("127.0.0.1", folder.path());
    let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    let tls = format!("[server.tls]\ncertificate = \"{}\"\nkey = \"{}\"\n", cert.display(), key.display());
    let gateway = Gateway::configured(&format!("{tls}{}", busy.section()), ROOMS).await;
    (gateway, busy, authority, folder)
}

/// A browser's one connection.
struct Http2(h2::client::SendRequest<Bytes>, SocketAddr);

impl Http2 {
    async fn connect(authority: &Authority, address: SocketAddr) -> Self {
        let stream = authority.connect(address, &["h2", "http/1.1"]).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let (send, connection) = h2::client::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        Self(send, address)
    }

    async fn asks(&mut self, method: &str, path: &str, cookie: &str, body: Option<&str>) -> http::Response<h2::RecvStream> {
        self.0 = self.0.clone().ready().await.unwrap();
        let mut request = http::Request::builder().method(method).uri(format!("https://{}{path}", self.1));
        request = request.header("origin", format!("http://{}", self.1)).header("sec-fetch-site", "same-origin");
        if !cookie.is_empty() {
            request = request.header("cookie", cookie);
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let (response, mut send) = self.0.send_request(request.body(()).unwrap(), body.is_none()).unwrap();
        if let Some(body) = body {
            send.send_data(Bytes::copy_from_slice(body.as_bytes()), true).unwrap();
        }
        response.await.unwrap()
    }

    /// The cookies that a token earns.
    async fn comes(&mut self, room: &str, token: &str) -> String {
        let answer = self.asks("GET", &format!("/{room}?t={token}"), "", None).await;
        assert_eq!(answer.status(), 200);
        let lines = answer.headers().get_all("set-cookie").iter();
        lines.map(|line| line.to_str().unwrap().split(';').next().unwrap().to_owned()).collect::<Vec<_>>().join("; ")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_streams_on_one_connection_those_end_whose_right_ends() {
    let (gateway, busy, authority, _folder) = secure().await;
    let mut connection = Http2::connect(&authority, gateway.address).await;
    let ann = connection.comes("standup", &gateway.mint("standup", |m| m.name = Some("Ann".into()))).await;
    let bob = connection.comes("board", &gateway.token("board")).await;
    let olga = connection.comes("standup", &gateway.owner_token("standup")).await;
    let mut anns = connection.asks("GET", "/standup/steps", &ann, None).await.into_body();
    let mut bobs = connection.asks("GET", "/board/steps", &bob, None).await.into_body();
    busy.step.add_permits(2);
    for body in [&mut anns, &mut bobs] {
        let first = tokio::time::timeout(SOON, body.data()).await.expect("unbuffered").unwrap().unwrap();
        assert_eq!(&first[..], b"data: step 0.\n\n");
    }
    // A fetch is no presence: Ann is removed by her token.
    let revoked = roomgate::access::Revocation::Room("standup".to_owned());
    gateway.gate().store().revoke(revoked).await.unwrap();
    let ended = tokio::time::timeout(SOON, anns.data()).await.expect("a second");
    assert!(ended.is_none_or(|data| data.is_err_and(|e| e.is_reset())), "the stream was reset");
    busy.step.add_permits(2);
    let next = tokio::time::timeout(SOON, bobs.data()).await.expect("its sibling lives").unwrap().unwrap();
    assert_eq!(&next[..], b"data: step 1.\n\n");
    let refused = connection.asks("POST", "/_roomgate/v1/rooms/standup/eject", &olga, Some(&json!({"ids": []}).to_string())).await;
    assert!([401, 403].contains(&refused.status().as_u16()), "{}", refused.status());
    assert_eq!(series(&gateway.metrics().await, "roomgate_http_requests_in_flight"), 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_renewed_while_a_tunnel_lives() {
    let (gateway, _busy, authority, folder) = secure().await;
    let token = gateway.token("standup");
    let stream = authority.connect(gateway.address, &["http/1.1"]).await.unwrap();
    let mut request = format!("wss://{}/ws?room=standup&t={token}", gateway.address).into_client_request().unwrap();
    request.headers_mut().insert("Origin", format!("http://{}", gateway.address).parse().unwrap());
    let (mut socket, _) = tokio_tungstenite::client_async(request, stream).await.unwrap();

    let new = Authority::new();
    new.certify("127.0.0.1", folder.path());
    eventually("the new certificate is shown", Duration::from_secs(5), async || new.connect(gateway.address, &["h2"]).await.ok()).await;
    assert!(authority.connect(gateway.address, &["h2"]).await.is_err(), "and the old one is not");
    socket.send(Message::text("still here")).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("still here"));
    // One that does not fit its key changes nothing.
    std::fs::write(folder.path().join("cert.pem"), "no certificate").unwrap();
    tokio::time::sleep(Duration::from_millis(700)).await;
    new.connect(gateway.address, &["h2"]).await.unwrap();
}

/// A meeting server that speaks TLS, and counts the bytes that it was trusted with.
async fn secret_server(folder: &std::path::Path) -> (SocketAddr, Arc<AtomicUsize>) {
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(server(folder)));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, told) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    tokio::spawn({
        let told = told.clone();
        async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, told) = (acceptor.clone(), told.clone());
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    let mut head = vec![0; 8192];
                    while let Ok(n @ 1..) = stream.read(&mut head).await {
                        told.fetch_add(n, Ordering::SeqCst);
                        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret").await;
                    }
                });
            }
        }
    });
    (address, told)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_cannot_prove_who_it_is_gets_nothing() {
    let folder = tempfile::tempdir().unwrap();
    Authority::new().certify("127.0.0.1", folder.path());
    let (address, told) = secret_server(folder.path()).await;
    let gateway = Gateway::configured(&section(&format!("https://{address}")), ROOMS).await;
    let mut ann = gateway.stranger();
    let answer = ann.visits(&format!("/standup?t={}", gateway.token("standup"))).await;
    assert_eq!(answer.status, 502);
    assert!(!answer.text().contains("secret"));
    assert_eq!(ann.socket("/ws?room=standup").await.err().map(|(status, _)| status), Some(502));
    assert_eq!(told.load(Ordering::SeqCst), 0);
    assert!(series(&gateway.metrics().await, "roomgate_upstream_errors_total{kind=\"tls\"}") >= 1.0, "{}", gateway.metrics().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_is_believed_that_the_system_trusts_for_its_name_and_no_other() {
    let authority = Authority::new();
    for (name, status) in [("127.0.0.1", 200), ("127.0.0.2", 502), ("meet.example.org", 502)] {
        let folder = tempfile::tempdir().unwrap();
        authority.certify(name, folder.path());
        std::fs::write(folder.path().join("roots.pem"), authority.pem()).unwrap();
        let (address, told) = secret_server(folder.path()).await;
        let mut house = House::new(&section(&format!("https://{address}")), "[[room]]\nname = \"lounge\"\n");
        house.environment.push(("SSL_CERT_FILE".to_owned(), folder.path().join("roots.pem").display().to_string()));
        let _process = house.serve(&[]).await;
        assert_eq!(house.stranger().opens("/lounge").await.status, status, "{name}");
        assert_eq!(told.load(Ordering::SeqCst) > 0, status == 200, "{name}");
    }
}
