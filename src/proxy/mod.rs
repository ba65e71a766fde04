//! **Pingora.** One file per phase of a request; here is their order, each hook a line or two.
//!
//! | file | answers |
//! | --- | --- |
//! | [`entry`] | what becomes of a request: forward, a page of ours, or no further |
//! | [`visit`] | who calls, what `access` says to them, and how that is carried out |
//! | [`exchange`] | what travels with it through the phases |
//! | [`respond`] | how an answer of our own goes out |
//! | [`forward`] | what goes to the conferencing server, and comes back |
//! | [`overlay`] | which pages get the script that shows an owner who knocks |
//! | [`socket`] | what becomes of an upgrade: tunnel, guard, end |
//! | [`frames`] | how bytes become messages for a guard, and bytes again |
//! | `xmpp`, `bosh`, `attendance` | how Jitsi's signalling comes in, over WebSocket and over HTTP, and what its visitor may |
//! | [`asking`] | how the server is asked by ourselves, not by passing a request on |
//! | [`inside`] | how signalling is judged whose room is named in its messages |
//! | [`bridge`], [`killable`], [`guarded`], [`tunnel`], [`tls`], [`listen`] | pingora's edges; they know no room and no token |

pub mod asking;
mod attendance;
mod bosh;
pub mod bridge;
pub mod entry;
pub mod exchange;
pub mod forward;
pub mod frames;
pub mod guarded;
pub mod inside;
pub mod killable;
pub mod listen;
pub mod overlay;
pub mod respond;
pub mod socket;
pub mod tls;
pub mod tunnel;
pub mod visit;
mod xmpp;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use bytes::Bytes;
use pingora::connectors::TransportConnector;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::proxy::{FailToProxy, ProxyHttp, Session};
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorSource, ErrorType, Result};

use self::entry::Next;
use self::exchange::{Exchange, Way};
use self::forward::Hop;
use crate::chance::Chance;
use crate::gate::Gate;
use crate::target::{Hosts, KeptBack};
use crate::upstream::Upstream;
use crate::web::refusal::{Look, No, Scene, refusal_json, refusal_page};

/// So many bytes may a request to our own pages have.
const OWN_BODY: usize = 64 * 1024;
/// A kept-alive connection may be idle for so long, in seconds.
const KEEPALIVE: u64 = 75;

/// The gateway, as pingora sees it.
pub struct Proxy {
    gate: Arc<Gate>,
    pages: Router,
    upstream: Upstream,
    connector: TransportConnector,
    inside: inside::Signalling,
    /// Jitsi's XMPP server, where that is the server.
    xmpp: Option<Arc<xmpp::Xmpp>>,
    hosts: Hosts,
    kept_back: KeptBack,
    chance: Arc<dyn Chance>,
    /// Tells this process's requests from another's in the logs.
    prefix: String,
    count: AtomicU64,
}

impl Proxy {
    /// The gateway in front of `upstream`, with our own `pages`.
    pub fn new(gate: Arc<Gate>, pages: Router, upstream: Upstream, inside: inside::Signalling) -> Self {
        let prefix = gate.chance().id().map(|id| id.to_string()).unwrap_or_default().chars().take(8).collect();
        let config = gate.config();
        let hosts = Hosts::new(&config.server.hosts, config.server.public_url.secure);
        let identity = config.identity.iter().flat_map(|i| [&i.user, &i.email, &i.groups]).flatten().map(String::as_str);
        let kept_back = KeptBack::new(identity);
        let chance = gate.chance_shared();
        let xmpp = xmpp::Xmpp::of(&gate, &upstream).map(Arc::new);
        drop(config);
        let connector = TransportConnector::new(None);
        Self { gate, pages, upstream, connector, inside, xmpp, hosts, kept_back, chance, prefix, count: AtomicU64::new(0) }
    }

    fn next_id(&self) -> String {
        format!("{}-{:x}", self.prefix, self.count.fetch_add(1, Ordering::Relaxed))
    }

    async fn upstream_peer_of(&self, exchange: &Exchange) -> Result<Box<HttpPeer>> {
        let way = exchange.way.as_ref().ok_or_else(|| Error::explain(ErrorType::InternalError, "no way to forward"))?;
        match (way, &self.xmpp) {
            (Way::Judged(..), Some(xmpp)) => xmpp.signalling().peer(way).await,
            (Way::Judged(..) | Way::Permitted(..) | Way::Open(_), _) => self.upstream.peer(way).await,
        }
    }

    fn hop(&self, session: &Session, exchange: &Exchange) -> Hop {
        let peer = session.client_addr().and_then(|a| a.as_inet()).map(|a| a.ip().to_canonical());
        let headers = &session.req_header().headers;
        let config = self.gate.config();
        let trusted = peer.is_some_and(|p| config.server.trusted_proxies.iter().any(|n| n.contains(p)));
        let peer = peer.map(|p| p.to_string()).unwrap_or_default();
        let before = headers.get_all("x-forwarded-for").iter().filter_map(|v| v.to_str().ok());
        let certain = exchange.whence.is_some_and(|w| w.certain);
        let chain = if trusted && certain { before.chain([peer.as_str()]).collect::<Vec<_>>().join(", ") } else { peer };
        let said = headers.get("x-forwarded-proto").filter(|_| trusted).and_then(|v| v.to_str().ok());
        let own = session.digest().is_some_and(|d| d.ssl_digest.is_some());
        let proto = match said {
            Some("https") => "https",
            Some("http") => "http",
            Some(_) | None if own => "https",
            Some(_) | None => "http",
        };
        Hop { chain, proto }
    }

    /// A failure to forward, told to the one who waits.
    async fn sorry(&self, session: &mut Session, exchange: &mut Exchange, status: u16) {
        let config = self.gate.config();
        let look = Look::of(&config.pages, session.req_header().headers.get(http::header::ACCEPT_LANGUAGE));
        let scene = Scene {
            room: None,
            token: None,
            came: true,
            hide: false,
            frames: &config.server.frames,
            now: self.gate.clock().now(),
            door: None,
            look: &look,
        };
        let head = session.req_header();
        let no = if status < 500 { No::BadRequest } else { No::Unavailable };
        exchange.code = no.code();
        let response =
            if crate::target::navigation(&head.method, &head.headers) { refusal_page(&no, &scene) } else { refusal_json(&no, &scene) };
        let status = http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::BAD_GATEWAY);
        let answer = respond::Answer::from(response).with_status(status);
        session.set_keepalive(None);
        if let Err(error) = respond::send(session, answer, &exchange.id).await {
            tracing::debug!(%error, "the client did not wait for the answer");
        }
    }
}

#[async_trait]
impl ProxyHttp for Proxy {
    type CTX = Exchange;

    fn new_ctx(&self) -> Exchange {
        Exchange::new(self.next_id(), killable::current(), self.gate.metrics_shared())
    }

    async fn early_request_filter(&self, session: &mut Session, _: &mut Exchange) -> Result<()> {
        session.set_keepalive(Some(KEEPALIVE));
        Ok(())
    }

    async fn request_filter(&self, session: &mut Session, exchange: &mut Exchange) -> Result<bool> {
        match self.enter(session, exchange).await {
            Next::Forward => Ok(false),
            Next::Answer(answer) => {
                respond::send(session, answer, &exchange.id).await?;
                Ok(true)
            }
            Next::Own(caller) => {
                let mut extensions = http::Extensions::new();
                extensions.insert(caller);
                let target = exchange.target.parse().map_err(|_| Error::explain(ErrorType::InvalidHTTPHeader, "target"))?;
                bridge::answer(session, &self.pages, extensions, Some(target), OWN_BODY).await?;
                Ok(true)
            }
        }
    }

    async fn proxy_upstream_filter(&self, session: &mut Session, exchange: &mut Exchange) -> Result<bool> {
        if exchange.upgrade && exchange.way.is_some() {
            self.socket(session, exchange).await?;
            return Ok(false);
        }
        Ok(exchange.way.is_some())
    }

    async fn upstream_peer(&self, _: &mut Session, exchange: &mut Exchange) -> Result<Box<HttpPeer>> {
        self.upstream_peer_of(exchange).await
    }

    async fn upstream_request_filter(&self, session: &mut Session, head: &mut RequestHeader, exchange: &mut Exchange) -> Result<()> {
        let hop = self.hop(session, exchange);
        let config = self.gate.config();
        forward::request(head, exchange, &hop, &self.kept_back, &config, self.gate.cookies().style())?;
        overlay::request(head, session.req_header(), exchange, &config)?;
        inside::upstream_head(head, exchange)
    }

    async fn request_body_filter(&self, _: &mut Session, body: &mut Option<Bytes>, end: bool, exchange: &mut Exchange) -> Result<()> {
        inside::upstream_body(&self.gate, body, end, exchange).await
    }

    async fn response_filter(&self, _: &mut Session, head: &mut ResponseHeader, exchange: &mut Exchange) -> Result<()> {
        inside::downstream_head(head, exchange)?;
        overlay::response(head, exchange)?;
        forward::response(head, exchange)
    }

    fn response_body_filter(
        &self,
        _: &mut Session,
        body: &mut Option<Bytes>,
        end: bool,
        exchange: &mut Exchange,
    ) -> Result<Option<Duration>> {
        inside::downstream_body(&self.inside, body, end, exchange, self.gate.clock().now())?;
        overlay::body(body, end, exchange)?;
        Ok(None)
    }

    async fn fail_to_proxy(&self, session: &mut Session, error: &Error, exchange: &mut Exchange) -> FailToProxy {
        let code = match (error.etype(), error.esource()) {
            (ErrorType::HTTPStatus(code), _) => *code,
            (ErrorType::WriteError | ErrorType::ReadError | ErrorType::ConnectionClosed, ErrorSource::Downstream) => 0,
            (_, ErrorSource::Downstream) => 400,
            (ErrorType::InvalidHTTPHeader, ErrorSource::Internal | ErrorSource::Unset) => 400,
            (ErrorType::ConnectTimedout | ErrorType::ReadTimedout | ErrorType::WriteTimedout, ErrorSource::Upstream) => 504,
            (_, ErrorSource::Upstream) => 502,
            (_, ErrorSource::Internal | ErrorSource::Unset) => 500,
        };
        if *error.esource() == ErrorSource::Upstream {
            self.gate.metrics().upstream_error(upstream_kind(error));
        }
        if code > 0 && session.response_written().is_none() {
            self.sorry(session, exchange, code).await;
        }
        FailToProxy { error_code: code, can_reuse_downstream: false }
    }

    async fn logging(&self, session: &mut Session, error: Option<&Error>, exchange: &mut Exchange) {
        let status = session.response_written().map_or(0, |r| r.status.as_u16());
        let took = exchange.started.elapsed();
        let method = session.req_header().method.as_str();
        self.gate.metrics().finished(method, status, (!exchange.tunnel).then_some(took));
        exchange.counted = true;
        let failed = error.map(|e| e.etype().as_str());
        tracing::info!(
            target: "roomgate::access",
            request = %exchange.id,
            method,
            path = path_only(&exchange.target),
            status,
            code = exchange.code,
            micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            sent = session.body_bytes_sent(),
            failed,
        );
    }

    fn suppress_error_log(&self, _: &Session, _: &Exchange, error: &Error) -> bool {
        // What a client does wrong is told in the access log, not as an error of ours.
        *error.esource() == ErrorSource::Downstream
    }

    /// pingora's own summary shows the whole target: a token, for a request that was refused before it was stripped.
    fn request_summary(&self, session: &Session, exchange: &Exchange) -> String {
        let method = &session.req_header().method;
        format!("{method} {}, request {}", path_only(&exchange.target), exchange.id)
    }
}

/// Paths are logged, queries are not: they are the upstream's, and may hold secrets of its own.
fn path_only(target: &str) -> &str {
    target.split_once('?').map_or(target, |(path, _)| path)
}

fn upstream_kind(error: &Error) -> &'static str {
    match error.etype() {
        ErrorType::ConnectTimedout | ErrorType::ConnectRefused | ErrorType::ConnectNoRoute | ErrorType::ConnectError => "connect",
        ErrorType::TLSHandshakeFailure | ErrorType::TLSHandshakeTimedout | ErrorType::InvalidCert => "tls",
        ErrorType::ReadTimedout | ErrorType::WriteTimedout => "timeout",
        ErrorType::ConnectionClosed | ErrorType::ReadError | ErrorType::WriteError => "closed",
        _ => "protocol",
    }
}

/// An exchange that was ended from elsewhere is dropped, and never gets to `logging`.
impl Drop for Exchange {
    fn drop(&mut self) {
        if self.counted {
            return;
        }
        let took = self.started.elapsed();
        self.metrics.finished("", 0, (!self.tunnel).then_some(took));
        let ended = self.kill.ending().map(|e| e.reason);
        tracing::info!(target: "roomgate::access", request = %self.id, path = path_only(&self.target), status = 0, code = self.code, ended, "cut off");
    }
}
