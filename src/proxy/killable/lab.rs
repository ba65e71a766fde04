//! A real pingora on a free port, for the tests of this folder. What it does with a request, each test says.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use pingora::proxy::{ProxyHttp, Session, http_proxy};
use pingora::server::configuration::ServerConf;
use pingora::upstreams::peer::HttpPeer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::proxy::guarded::{self, Connections, Guarded, Limits};
use crate::proxy::killable::{self, Ending, Exchange, Kill, Killable};
use crate::proxy::listen::{Listening, Running, bind};
use crate::proxy::tls::Certificates;

pub(in crate::proxy) const REMOVED: Ending = Ending { close: 4403, reason: "ejected" };

/// What the gateway under test does.
#[async_trait]
pub(in crate::proxy) trait Act: Send + Sync + 'static {
    /// `Ok(true)`: answered.
    async fn request(&self, _: &mut Session, _: &Exchange) -> pingora::Result<bool> {
        Ok(false)
    }

    /// `Ok(false)`: taken over.
    async fn upgrade(&self, _: &mut Session, _: &Exchange) -> pingora::Result<bool> {
        Ok(true)
    }

    fn upstream(&self) -> SocketAddr {
        unreachable!("no upstream in this test")
    }
}

struct Lab<A> {
    act: A,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    kills: Mutex<Vec<Kill>>,
    ended: AtomicUsize,
    logged: AtomicUsize,
}

pub(in crate::proxy) struct Ctx {
    exchange: Exchange,
    seen: Arc<Seen>,
}

impl Drop for Ctx {
    fn drop(&mut self) {
        self.seen.ended.fetch_add(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl<A: Act> ProxyHttp for Lab<A> {
    type CTX = Ctx;

    fn new_ctx(&self) -> Ctx {
        let exchange = killable::current();
        self.seen.kills.lock().push(exchange.kill_handle());
        Ctx { exchange, seen: self.seen.clone() }
    }

    async fn request_filter(&self, session: &mut Session, ctx: &mut Ctx) -> pingora::Result<bool> {
        self.act.request(session, &ctx.exchange).await
    }

    async fn proxy_upstream_filter(&self, session: &mut Session, ctx: &mut Ctx) -> pingora::Result<bool> {
        self.act.upgrade(session, &ctx.exchange).await
    }

    async fn upstream_peer(&self, _: &mut Session, _: &mut Ctx) -> pingora::Result<Box<HttpPeer>> {
        Ok(Box::new(HttpPeer::new(self.act.upstream(), false, String::new())))
    }

    async fn logging(&self, session: &mut Session, _: Option<&pingora::Error>, _: &mut Ctx) {
        // What an access log asks for must be there, whatever became of the session.
        let _ = (session.req_header().raw_path().len(), session.client_addr().unwrap(), session.response_written().map(|r| r.status));
        self.seen.logged.fetch_add(1, Ordering::SeqCst);
    }
}

pub(in crate::proxy) struct Gateway {
    pub address: SocketAddr,
    pub connections: Connections,
    seen: Arc<Seen>,
    _running: Running,
}

impl Gateway {
    pub fn start(act: impl Act) -> Self {
        Self::with(act, Limits::default(), None)
    }

    pub fn with(act: impl Act, limits: Limits, certificates: Option<&Arc<Certificates>>) -> Self {
        let seen = Arc::new(Seen::default());
        let mut proxy = http_proxy(&Arc::new(ServerConf::default()), Lab { act, seen: seen.clone() });
        proxy.server_options = Some(guarded::server_options(&limits));
        let guarded = Guarded::new(Killable::new(proxy), limits);
        let connections = guarded.connections();
        let listening = Listening::guarded("lab", guarded, bind(&["127.0.0.1:0".parse().unwrap()]).unwrap(), certificates).unwrap();
        let running = listening.start();
        Self { address: running.addresses()[0], connections, seen, _running: running }
    }

    /// The exchange that began as the nth, from 0, once it has.
    pub async fn exchange(&self, nth: usize) -> Kill {
        eventually("the exchange begins", || self.seen.kills.lock().get(nth).cloned()).await
    }

    pub fn ended(&self) -> usize {
        self.seen.ended.load(Ordering::SeqCst)
    }

    pub fn logged(&self) -> usize {
        self.seen.logged.load(Ordering::SeqCst)
    }

    pub async fn connect(&self) -> TcpStream {
        let socket = TcpStream::connect(self.address).await.unwrap();
        socket.set_nodelay(true).unwrap();
        socket
    }

    /// Sends these bytes on a new connection and returns all that comes until the end.
    pub async fn says(&self, request: &str) -> String {
        let mut socket = self.connect().await;
        socket.write_all(request.as_bytes()).await.unwrap();
        read_to_end(&mut socket).await
    }
}

pub(in crate::proxy) async fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..1000 {
        if let Some(found) = look() {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("waited in vain until {what}");
}

/// Everything until the connection is closed, which must not take for ever. A reset is an end, too.
pub(in crate::proxy) async fn read_to_end(socket: &mut (impl AsyncReadExt + Unpin)) -> String {
    let mut all = Vec::new();
    let reading = async {
        let mut piece = [0; 4096];
        while let Ok(n) = socket.read(&mut piece).await {
            if n == 0 {
                break;
            }
            all.extend_from_slice(&piece[..n]);
        }
    };
    tokio::time::timeout(Duration::from_secs(20), reading).await.expect("the connection ends");
    String::from_utf8_lossy(&all).into_owned()
}

/// Reads until `what` was there.
pub(in crate::proxy) async fn read_until(socket: &mut (impl AsyncReadExt + Unpin), what: &str) -> String {
    let mut all = String::new();
    let reading = async {
        while !all.contains(what) {
            let mut piece = [0; 4096];
            let n = socket.read(&mut piece).await.unwrap();
            assert!(n > 0, "the connection ended after {all:?}");
            all.push_str(&String::from_utf8_lossy(&piece[..n]));
        }
    };
    tokio::time::timeout(Duration::from_secs(10), reading).await.unwrap_or_else(|_| panic!("`{what}` comes"));
    all
}

/// A certificate of our own for this name, as two files in a new folder.
pub(in crate::proxy) fn certificate(name: &str) -> (tempfile::TempDir, rcgen::CertifiedKey<rcgen::KeyPair>) {
    let issued = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("cert.pem"), issued.cert.pem()).unwrap();
    std::fs::write(folder.path().join("key.pem"), issued.signing_key.serialize_pem()).unwrap();
    (folder, issued)
}

/// A TLS client that trusts this certificate alone.
pub(in crate::proxy) fn tls_client(trusted: &rcgen::Certificate, alpn: &[&[u8]]) -> tokio_rustls::TlsConnector {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(trusted.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|p| p.to_vec()).collect();
    Arc::new(config).into()
}

pub(in crate::proxy) async fn tls_connect(
    gateway: &Gateway,
    trusted: &rcgen::Certificate,
    alpn: &[&[u8]],
) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let name = rustls::pki_types::ServerName::try_from("meet.example.org").unwrap();
    tls_client(trusted, alpn).connect(name, gateway.connect().await).await
}
