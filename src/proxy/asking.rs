//! How do we ask the conferencing server something ourselves?
//!
//! What is judged whole before a byte of it goes on (BOSH, conference requests) is not passed on but asked anew: a head of our own, a body that
//! we have written, and an answer that is read whole before the client gets any of it. Connections are kept and used again.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{StatusCode, header};
use pingora::connectors::http::Connector;
use pingora::http::RequestHeader;
use pingora::protocols::http::client::HttpSession;
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorType, Result};

/// How long a connection that nobody uses is kept.
const KEPT: Duration = Duration::from_secs(30);
/// How often a question is asked again whose kept connection turns out to be closed.
const TRIES: usize = 3;

/// Asks. Clones share their connections.
#[derive(Clone)]
pub struct Asking(Arc<Connector>);

/// A question that is on its way.
pub struct Flight {
    asking: Asking,
    session: HttpSession,
    reused: bool,
    peer: Box<HttpPeer>,
    head: RequestHeader,
    body: Bytes,
}

/// What the server said.
#[derive(Debug)]
pub struct Answered {
    /// Its status.
    pub status: StatusCode,
    /// Its body, whole.
    pub body: Bytes,
}

impl Default for Asking {
    fn default() -> Self {
        Self(Arc::new(Connector::new(None)))
    }
}

impl Asking {
    /// Sends a question. When this returns the server has been told all of it.
    ///
    /// The head needs neither length nor connection headers. It may be sent twice: only questions that may be, are asked so.
    ///
    /// # Errors
    /// Where the server cannot be reached.
    pub async fn send(&self, peer: Box<HttpPeer>, mut head: RequestHeader, body: Bytes) -> Result<Flight> {
        head.insert_header(header::CONTENT_LENGTH, body.len())?;
        let mut tries = 0_usize;
        loop {
            tries = tries.saturating_add(1);
            let (mut session, reused) = self.0.get_http_session(&*peer).await?;
            match write(&mut session, &head, &body).await {
                Ok(()) => return Ok(Flight { asking: self.clone(), session, reused, peer, head, body }),
                Err(error) if !reused || tries >= TRIES => return Err(error),
                Err(_) => {}
            }
        }
    }
}

async fn write(session: &mut HttpSession, head: &RequestHeader, body: &Bytes) -> Result<()> {
    session.write_request_header(Box::new(head.clone())).await?;
    session.write_request_body(body.clone(), true).await?;
    session.finish_request_body().await
}

impl Flight {
    /// Reads on to the head of the answer itself: before it may come interim ones (RFC 9110 section 15.2), which are for nobody here.
    async fn head(&mut self) -> Result<()> {
        loop {
            self.session.read_response_header().await?;
            match self.session.response_header().map(|head| head.status) {
                Some(StatusCode::SWITCHING_PROTOCOLS) => {
                    return Err(Error::explain(ErrorType::InvalidHTTPHeader, "an upgrade that nobody asked for").into_up());
                }
                Some(status) if status.is_informational() => {}
                Some(_) | None => return Ok(()),
            }
        }
    }

    /// The answer, of at most `most` bytes, where it begins within this time.
    ///
    /// # Errors
    /// Where none comes, or a longer one.
    pub async fn answer(mut self, most: usize, within: Duration) -> Result<Answered> {
        self.session.set_read_timeout(Some(within));
        if let Err(error) = self.head().await {
            // Who only takes their time has been asked already.
            if !self.reused || *error.etype() == ErrorType::ReadTimedout {
                return Err(error);
            }
            // A kept connection may have been closed while the question was on its way.
            let Self { asking, peer, head, body, .. } = self;
            self = asking.send(peer, head, body).await?;
            self.session.set_read_timeout(Some(within));
            self.head().await?;
        }
        let status = self.session.response_header().map(|head| head.status);
        let status = status.ok_or_else(|| Error::explain(ErrorType::InvalidHTTPHeader, "no head").into_up())?;
        let mut body = BytesMut::new();
        while let Some(piece) = self.session.read_response_body().await? {
            if body.len().saturating_add(piece.len()) > most {
                return Err(Error::explain(ErrorType::InternalError, "the answer is too long").into_up());
            }
            body.extend_from_slice(&piece);
        }
        self.asking.0.release_http_session(self.session, &*self.peer, Some(KEPT)).await;
        Ok(Answered { status, body: body.freeze() })
    }
}
