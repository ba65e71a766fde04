//! How does a WebSocket travel through us, and how does it end?
//!
//! [`run`] takes an upgrade over in `ProxyHttp::proxy_upstream_filter`: it connects, sends the handshake, checks the answer, and
//! carries bytes both ways until one side leaves, the [inspector](Inspect) has had enough, or the exchange is ended from elsewhere. Both
//! directions move independently, each with at most one piece of [`PIECE`] bytes in hand: who does not read stops its sender, and
//! nobody else.
//!
//! pingora's own tunnel is not used: in 0.9.1 it now and then dies right after the 101 (issue 946), and an idle one cannot be ended.
//!
//! An ending takes [`FAREWELL`] at most. Within it the client gets the rest of the frame it is in the middle of and a close frame,
//! the server a close frame where it is not in the middle of one, then both are closed. A client that does not read gets none.
//!
//! What a WebSocket frame says is not known here, only where it ends (`outline.rs`). No extension passes, in
//! either direction: compressed frames could not be judged.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use http::{StatusCode, header};
use pingora::connectors::TransportConnector;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::proxy::Session;
use pingora::upstreams::peer::HttpPeer;

use crate::proxy::killable::{Ending, Exchange};

mod carry;
mod ghost;
mod handshake;
mod outline;

/// The most that is read ahead in one direction, in bytes. Where little comes it is 2 KiB.
pub const PIECE: usize = 64 * 1024;

/// How long the goodbye may take.
pub const FAREWELL: Duration = Duration::from_millis(80);

/// Looks at what passes, and speaks the close frames. One for each tunnel.
#[async_trait]
pub trait Inspect: Send {
    /// Bytes from the client, as they came, cut anywhere. What becomes of them? While this is being decided, nothing moves.
    async fn client(&mut self, bytes: Bytes) -> Flow;

    /// Bytes from the server, as they came, cut anywhere. What becomes of them?
    fn server(&mut self, bytes: Bytes) -> Flow;

    /// The frames that say goodbye to this side: for the server masked, for the client not. In the middle of a fragmented message
    /// (`amid_message`) only control frames are legal (RFC 6455 section 5.4).
    fn goodbye(&mut self, to: Side, ending: Ending, amid_message: bool) -> Bytes;
}

/// Who is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The browser.
    Client,
    /// The conferencing server.
    Server,
}

/// What becomes of bytes from one side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// These go on to the other side.
    pub on: Bytes,
    /// These whole messages go back to the side that spoke, as soon as what it is told stands between two messages.
    pub back: Bytes,
    /// And then the tunnel ends, for this reason; `on` does not go on.
    pub end: Option<Ending>,
}

impl Flow {
    /// All of it goes on.
    pub fn on(bytes: Bytes) -> Self {
        Self { on: bytes, ..Self::default() }
    }
}

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Until the server is connected, TLS included.
    pub connect: Duration,
    /// Until it has answered the handshake.
    pub answer: Duration,
    /// Without a byte in either direction, pings included. `None`: for ever.
    pub idle: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), answer: Duration::from_secs(10), idle: None }
    }
}

/// What came of it, where the client has been answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The server did not want to: the client has been told its status.
    Declined(StatusCode),
    /// There was a tunnel.
    Carried(End),
}

/// How a tunnel ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// Why.
    pub reason: Reason,
    /// Bytes from the client that went on to the server.
    pub to_server: u64,
    /// Bytes from the server that went on to the client.
    pub to_client: u64,
}

/// Why a tunnel ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It was ended from elsewhere.
    Killed(Ending),
    /// The [inspector](Inspect) ended it.
    Inspected(Ending),
    /// The client left.
    Client,
    /// The server left.
    Server,
    /// Nobody said anything for [`Limits::idle`].
    Idle,
}

impl Reason {
    /// The stable label.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Killed(ending) | Self::Inspected(ending) => ending.reason,
            Self::Client => "client",
            Self::Server => "upstream",
            Self::Idle => "idle",
        }
    }
}

/// Why there was no tunnel, and no answer to the client yet: the caller writes one.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The client's handshake is none (RFC 6455 section 4.2.1): 400.
    #[error("not a websocket handshake: {0}")]
    Request(&'static str),
    /// The server cannot be reached: 502.
    #[error("cannot connect to the upstream: {0}")]
    Unreachable(Box<pingora::Error>),
    /// The server took too long: 504.
    #[error("the upstream took too long to {0}")]
    Late(&'static str),
    /// The server's answer is none that may be passed on: 502.
    #[error("the upstream's answer to the handshake is wrong: {0}")]
    Answer(&'static str),
    /// The client left, or could not be written to.
    #[error("the client left during the handshake")]
    Gone,
}

impl Failure {
    /// What the client should be told; for [`Failure::Gone`] nobody will hear it.
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Request(_) => StatusCode::BAD_REQUEST,
            Self::Unreachable(_) | Self::Answer(_) | Self::Gone => StatusCode::BAD_GATEWAY,
            Self::Late(_) => StatusCode::GATEWAY_TIMEOUT,
        }
    }
}

/// What `run` needs besides the session.
pub struct Passage<'a> {
    /// Connects; its pool is not used.
    pub connector: &'a TransportConnector,
    /// Where to: an address, for TLS with a server name (without one pingora checks no certificate). Its ALPN must be HTTP/1.1.
    pub peer: &'a HttpPeer,
    /// The request as it shall go out: judged target, Host, identity headers. `Connection`, `Upgrade` and what else concerns one
    /// connection only is replaced here, extensions are taken out.
    pub request: &'a RequestHeader,
    /// Added to the server's answer, 101 or not: `Set-Cookie`.
    pub answer_headers: &'a [(HeaderName, HeaderValue)],
    /// The exchange, to be heard when it is ended.
    pub exchange: &'a Exchange,
    /// How long things may take.
    pub limits: Limits,
}

/// Takes the exchange over, from the handshake to the end of the tunnel.
///
/// Afterwards `session` answers as ever to what an access log asks, but its connection is gone: return `Ok(false)` from
/// `proxy_upstream_filter` where the client was answered. Until the 101 is written an ending drops the exchange like any other.
///
/// # Errors
/// Where there was neither a tunnel nor an answer.
pub async fn run(session: &mut Session, passage: Passage<'_>, inspect: &mut dyn Inspect) -> Result<Outcome, Failure> {
    // pingora asks for an `Upgrade` and HTTP/1.1 alone.
    if !session.is_upgrade_req() {
        return Err(Failure::Request("it is not an HTTP/1.1 upgrade"));
    }
    handshake::check_client(&session.req_header().headers)?;
    if !session.as_downstream_mut().is_body_empty() {
        return Err(Failure::Request("it has a body"));
    }
    let handshake = handshake::Handshake::new(passage.request)?;
    let connecting = passage.connector.new_stream(passage.peer);
    let mut upstream = match tokio::time::timeout(passage.limits.connect, connecting).await {
        Ok(connected) => connected.map_err(Failure::Unreachable)?,
        Err(_) => return Err(Failure::Late("connect")),
    };
    let answer = match tokio::time::timeout(passage.limits.answer, handshake.exchange(&mut upstream)).await {
        Ok(answered) => answered?,
        Err(_) => return Err(Failure::Late("answer")),
    };
    match answer {
        handshake::Answer::Switched { head, early } => {
            let head = with_headers(head, passage.answer_headers)?;
            passage.exchange.leaves_itself();
            let client = ghost::take_over(session, head).await.ok_or(Failure::Gone)?;
            let carried = carry::Carry::new(client, upstream, early, inspect, passage.limits.idle);
            Ok(Outcome::Carried(carried.run(passage.exchange).await))
        }
        handshake::Answer::Declined { head, body } => {
            let mut head = with_headers(head, passage.answer_headers)?;
            let status = head.status;
            // Whatever follows such a request on its connection was meant for a tunnel.
            session.set_keepalive(None);
            head.insert_header(header::CONTENT_LENGTH, body.len()).map_err(|_| Failure::Answer("a header"))?;
            session.write_response_header(Box::new(head), body.is_empty()).await.map_err(|_| Failure::Gone)?;
            let _ = session.write_response_body(Some(body), true).await;
            Ok(Outcome::Declined(status))
        }
    }
}

fn with_headers(mut head: ResponseHeader, headers: &[(HeaderName, HeaderValue)]) -> Result<ResponseHeader, Failure> {
    for (name, value) in headers {
        head.append_header(name.clone(), value.clone()).map_err(|_| Failure::Answer("too many headers"))?;
    }
    Ok(head)
}

#[cfg(test)]
mod tests;
