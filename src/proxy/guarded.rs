//! How many connections may one client hold, and how long may they be silent?
//!
//! pingora bounds neither, in four places: a kept-alive HTTP/1 connection, a head that drips in byte by byte, a TLS client that
//! negotiates HTTP/2 and never speaks it, and a reader that does not read. [`Guarded`] stands around the whole application, counts
//! connections per address, and puts each connection's stream into a watched one that fails when its time is over:
//!
//! | the connection | may take |
//! | --- | --- |
//! | has not begun its first request | [`Limits::first_request`] |
//! | has begun a request's head and not ended it | [`Limits::head`], from the head's first byte |
//! | waits between two requests | [`Limits::between_requests`] |
//! | is in an exchange, and no byte moves either way | [`Limits::silence`] |
//!
//! HTTP/2 multiplexes: there the first row ends with the client's preface, the last one takes over, and idleness between requests
//! is for `HttpServerOptions::h2_idle_timeout` ([`server_options`]).
//!
//! The handshake of TLS comes before all that, and has pingora's 60 s. [`Guarded::porter`] counts connections from before it.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use pingora::apps::{HttpServerApp, HttpServerOptions, ServerApp};
use pingora::http::ResponseHeader;
use pingora::listeners::{PreTlsCallback, PreTlsProcess};
use pingora::protocols::http::v2::server::{H2Options, default_h2_options};
use pingora::protocols::l4::stream::Stream as L4Stream;
use pingora::protocols::raw_connect::ProxyDigest;
use pingora::protocols::{ALPN, GetProxyDigest as _, GetSocketDigest, Stream};
use pingora::server::ShutdownWatch;

use crate::access::Network;
use crate::proxy::killable::Killable;

mod watched;

use watched::Watched;

/// What one client may cost us in connections and in waiting.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections at once from one IPv4 address, or from one IPv6 network of 64 bits (what one household or one host gets).
    /// A whole school may stand behind one address.
    pub per_address: usize,
    /// Connections at once from all together.
    pub total: usize,
    /// Whose connections [`Limits::per_address`] does not count: the proxies before us, which bring everybody.
    pub exempt: Vec<Network>,
    /// From the connection's start until the head of its first request is complete.
    pub first_request: Duration,
    /// From the first byte of a request's head until it is complete.
    pub head: Duration,
    /// From the end of an exchange until the next one begins, HTTP/1 and HTTP/2.
    pub between_requests: Duration,
    /// In an exchange, without a byte in either direction. Tunnels whose pings are rare must survive it.
    pub silence: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            per_address: 1024,
            total: 50_000,
            exempt: Vec::new(),
            first_request: Duration::from_secs(15),
            head: Duration::from_secs(10),
            between_requests: Duration::from_secs(75),
            silence: Duration::from_secs(600),
        }
    }
}

/// The options for `HttpProxy::server_options` that go with these limits: no HTTP/2 without TLS (its detection has no timeout), and
/// idle HTTP/2 connections close.
pub fn server_options(limits: &Limits) -> HttpServerOptions {
    let mut options = HttpServerOptions::default();
    options.h2_idle_timeout = Some(limits.between_requests);
    options
}

/// The options for `HttpProxy::h2_options`: 100 streams at once, 64 KiB of decoded headers, and little patience with streams that
/// are opened only to be reset (CVE-2023-44487).
pub fn h2_options() -> H2Options {
    let mut options = default_h2_options();
    options.max_pending_accept_reset_streams(20);
    options.max_local_error_reset_streams(Some(100));
    options
}

/// The connections that are open, and what went over them. Clones show the same.
#[derive(Clone, Debug, Default)]
pub struct Connections(Arc<Book>);

#[derive(Debug, Default)]
struct Book {
    by_client: Mutex<HashMap<IpAddr, usize>>,
    open: AtomicUsize,
    refused: AtomicU64,
    silenced: AtomicU64,
    read: AtomicU64,
    written: AtomicU64,
}

impl Connections {
    /// Open now.
    pub fn open(&self) -> usize {
        self.0.open.load(Ordering::Relaxed)
    }

    /// Closed at once because there were too many, so far.
    pub fn refused(&self) -> u64 {
        self.0.refused.load(Ordering::Relaxed)
    }

    /// Cut because their time was over, so far.
    pub fn silenced(&self) -> u64 {
        self.0.silenced.load(Ordering::Relaxed)
    }

    /// Bytes read from clients so far, without TLS. May lag by 64 KiB per connection.
    pub fn bytes_read(&self) -> u64 {
        self.0.read.load(Ordering::Relaxed)
    }

    /// Bytes written to clients so far, without TLS. May lag by 64 KiB per connection.
    pub fn bytes_written(&self) -> u64 {
        self.0.written.load(Ordering::Relaxed)
    }

    /// A place for one more connection; it is given back on drop.
    fn take_slot(&self, address: Option<IpAddr>, limits: &Limits) -> Option<Slot> {
        let slot = self.find_slot(address, limits);
        if slot.is_none() {
            self.0.refused.fetch_add(1, Ordering::Relaxed);
            tracing::debug!(?address, "connection refused: too many");
        }
        slot
    }

    fn find_slot(&self, address: Option<IpAddr>, limits: &Limits) -> Option<Slot> {
        if self.0.open.fetch_add(1, Ordering::Relaxed) >= limits.total {
            self.0.open.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        // From here on the drop of the slot gives back what was taken.
        let mut slot = Slot { book: self.0.clone(), client: None };
        let counted = address.filter(|a| !limits.exempt.iter().any(|n| n.contains(*a)));
        if let Some(client) = counted.map(client) {
            let mut by_client = self.0.by_client.lock();
            let held = by_client.entry(client).or_insert(0);
            if *held >= limits.per_address {
                return None;
            }
            *held = held.saturating_add(1);
            slot.client = Some(client);
        }
        Some(slot)
    }
}

/// Who counts as one client: an IPv4 address, in whatever clothes, or the network that an IPv6 host can move about in.
fn client(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(a) => IpAddr::V4(a),
        IpAddr::V6(a) => IpAddr::V6(Ipv6Addr::from_bits(a.to_bits() & (u128::MAX << 64))),
    }
}

struct Slot {
    book: Arc<Book>,
    client: Option<IpAddr>,
}

/// Takes places for connections that have not shaken hands yet. pingora asks it where there is TLS, and only there.
struct Porter {
    connections: Connections,
    limits: Limits,
}

#[async_trait]
impl PreTlsProcess for Porter {
    async fn process(&self, stream: &mut L4Stream) -> pingora::Result<()> {
        let slot = self.connections.take_slot(address_of(stream), &self.limits);
        let slot = slot.ok_or_else(|| pingora::Error::explain(pingora::ErrorType::AcceptError, "too many connections"))?;
        // The one thing of ours that travels with a connection from here to its end: what is known of a proxy before us.
        let head = ResponseHeader::build(200, Some(0))?;
        stream.set_proxy_digest(ProxyDigest::new(Box::new(head), Some(Box::new(slot))));
        Ok(())
    }
}

fn address_of(stream: &(impl GetSocketDigest + ?Sized)) -> Option<IpAddr> {
    stream.get_socket_digest()?.peer_addr()?.as_inet().map(std::net::SocketAddr::ip)
}

/// Whether the [`Porter`] has taken a place for this connection.
fn has_slot(stream: &Stream) -> bool {
    stream.get_proxy_digest().is_some_and(|digest| digest.user_data.as_ref().is_some_and(|data| data.is::<Slot>()))
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.book.open.fetch_sub(1, Ordering::Relaxed);
        let Some(client) = self.client else { return };
        let mut by_client = self.book.by_client.lock();
        if let Some(held) = by_client.get_mut(&client) {
            *held = held.saturating_sub(1);
            if *held == 0 {
                by_client.remove(&client);
            }
        }
    }
}

/// Where an HTTP/1 connection stands. Even: a request is awaited. Odd: an exchange runs. Told by [`Killable`], read by [`Watched`].
#[derive(Debug, Default)]
struct Turn(AtomicU32);

impl Turn {
    fn now(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    fn exchange_runs(turn: u32) -> bool {
        turn & 1 == 1
    }
}

tokio::task_local! {
    static TURN: Arc<Turn>;
}

/// The head of the request is complete. HTTP/2 streams run in tasks of their own, where this says nothing.
pub(super) fn request_begun() {
    let _ = TURN.try_with(|turn| turn.0.fetch_or(1, Ordering::Relaxed));
}

/// The connection is ready for a request, its first or its next.
pub(super) fn request_awaited() {
    let _ = TURN.try_with(|turn| {
        if Turn::exchange_runs(turn.now()) {
            turn.0.fetch_add(1, Ordering::Relaxed);
        }
    });
}

/// An application with bounded connections. It takes a [`Killable`] one because only that knows where a request begins.
pub struct Guarded<A> {
    app: Arc<Killable<A>>,
    limits: Limits,
    connections: Connections,
}

impl<A> Guarded<A> {
    /// Bounds its connections.
    pub fn new(app: Killable<A>, limits: Limits) -> Self {
        Self { app: Arc::new(app), limits, connections: Connections::default() }
    }

    /// Shares the count with other listeners: an address has one limit however many doors it uses.
    #[must_use]
    pub fn counting_in(mut self, connections: Connections) -> Self {
        self.connections = connections;
        self
    }

    /// Counts connections with TLS from before their handshake: for `Listeners::set_pre_tls_callback`.
    pub fn porter(&self) -> PreTlsCallback {
        Arc::new(Porter { connections: self.connections.clone(), limits: self.limits.clone() })
    }

    /// The count.
    pub fn connections(&self) -> Connections {
        self.connections.clone()
    }
}

#[async_trait]
impl<A: HttpServerApp + Send + Sync + 'static> ServerApp for Guarded<A> {
    async fn process_new(self: &Arc<Self>, stream: Stream, shutdown: &ShutdownWatch) -> Option<Stream> {
        let _slot = if has_slot(&stream) { None } else { Some(self.connections.take_slot(address_of(&*stream), &self.limits)?) };
        let multiplexed = matches!(stream.selected_alpn_proto(), Some(ALPN::H2));
        let turn = Arc::new(Turn::default());
        let watched = Watched::new(stream, &self.limits, turn.clone(), self.connections.0.clone(), multiplexed);
        TURN.scope(turn, ServerApp::process_new(&self.app, Box::new(watched), shutdown)).await
    }

    async fn cleanup(&self) {
        ServerApp::cleanup(&*self.app).await;
    }
}

#[cfg(test)]
mod tests;
