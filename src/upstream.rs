//! Where is the conferencing server, and how is it reached?

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorType, Result};

use crate::proxy::exchange::Way;

/// A name is asked again after so long.
const RESOLVED_FOR: Duration = Duration::from_secs(30);
const CONNECT: Duration = Duration::from_secs(5);

/// The conferencing server.
#[derive(Clone)]
pub struct Upstream {
    host: Arc<str>,
    port: u16,
    tls: bool,
    resolved: Arc<Mutex<Option<(Instant, SocketAddr)>>>,
}

impl Upstream {
    /// The server of this name or address.
    pub fn new(host: &str, port: u16, tls: bool) -> Self {
        Self { host: host.into(), port, tls, resolved: Arc::default() }
    }

    /// The peer to forward to. Takes a [`Way`]: nobody else has one to give.
    ///
    /// # Errors
    /// Where its name cannot be resolved.
    pub async fn peer(&self, _: &Way) -> Result<Box<HttpPeer>> {
        let address = self.address().await?;
        // An empty name would switch off all certificate checks (pingora 0.9.1, connectors/tls/rustls).
        let mut peer = HttpPeer::new(address, self.tls, self.host.to_string());
        peer.options.connection_timeout = Some(CONNECT);
        peer.options.total_connection_timeout = Some(CONNECT.saturating_mul(2));
        peer.options.idle_timeout = Some(Duration::from_secs(60));
        peer.options.verify_cert = true;
        peer.options.verify_hostname = true;
        peer.options.http_upstream_request_policy = pingora::upstreams::peer::HttpUpstreamRequestPolicy::deny_upgrades();
        Ok(Box::new(peer))
    }

    async fn address(&self) -> Result<SocketAddr> {
        if let Ok(ip) = self.host.trim_matches(['[', ']']).parse() {
            return Ok(SocketAddr::new(ip, self.port));
        }
        let known = *self.resolved.lock();
        if let Some((at, address)) = known
            && at.elapsed() < RESOLVED_FOR
        {
            return Ok(address);
        }
        let fresh = tokio::net::lookup_host((&*self.host, self.port)).await.ok().and_then(|mut found| found.next());
        match (fresh, known) {
            (Some(address), _) => {
                *self.resolved.lock() = Some((Instant::now(), address));
                Ok(address)
            }
            // Better an address that worked a moment ago than none.
            (None, Some((_, address))) => Ok(address),
            (None, None) => Err(Error::explain(ErrorType::ConnectError, "the upstream's name has no address").into_up()),
        }
    }
}
