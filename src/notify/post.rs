//! How does one message get to where its hook is, and nowhere else?
//!
//! A name is resolved here, once for each connection, and the connection goes to what was found: unless the operator meant private
//! addresses, the others are left out, so that no name and no later answer of a name server leads into our own network. Redirects
//! are not followed, no proxy of the environment is asked, and of an answer nothing but its status counts.

use std::error::Error as _;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, Url, redirect};

use super::patience;
use super::sign::{SIGNATURE, TIMESTAMP};
use crate::access::Timestamp;
use crate::config::is_public;

/// From connecting to the answer's head.
const TIMEOUT: Duration = Duration::from_secs(10);

/// So much of an answer is read, so that its connection can be used again.
const ANSWER: usize = 4 * 1024;

/// How long that may take.
const REST: Duration = Duration::from_secs(1);

/// Clients that go where they are sent: one only to public addresses, one anywhere.
pub(super) struct Clients {
    public: Client,
    anywhere: Client,
}

impl Clients {
    /// # Errors
    /// Where TLS cannot be had.
    pub(super) fn new() -> Result<Self, NoClient> {
        // Whoever is first decides for the process; any provider will do here.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = |private| {
            Client::builder()
                .dns_resolver(Arc::new(Found { private }))
                .redirect(redirect::Policy::none())
                .no_proxy()
                .timeout(TIMEOUT)
                .pool_max_idle_per_host(1)
                .pool_idle_timeout(Duration::from_secs(30))
                .user_agent(concat!("roomgate/", env!("CARGO_PKG_VERSION")))
                .build()
                .map_err(|e| NoClient(e.to_string()))
        };
        Ok(Self { public: client(false)?, anywhere: client(true)? })
    }

    /// Sends it and waits for an answer: 2xx is well.
    pub(super) async fn send(&self, letter: &Letter, now: Timestamp) -> Result<(), Failure> {
        // The resolver is not asked about what needs no resolving.
        let address = letter.url.host_str().and_then(|host| host.trim_matches(['[', ']']).parse::<IpAddr>().ok());
        if !letter.private && address.is_some_and(|a| !is_public(a)) {
            return Err(Failure::Target);
        }
        let client = if letter.private { &self.anywhere } else { &self.public };
        let mut request = client.post(letter.url.clone()).header(CONTENT_TYPE, "application/json").body(letter.body.clone());
        if let Some(signature) = &letter.signature {
            request = request.header(TIMESTAMP, &letter.timestamp).header(SIGNATURE, signature);
        }
        let answer = request.send().await.map_err(|error| why(&error))?;
        let status = answer.status();
        let asked = answer.headers().get(RETRY_AFTER).and_then(|v| v.to_str().ok()).and_then(|v| patience::asked_for(v, now));
        let _ = tokio::time::timeout(REST, pass_over(answer)).await;
        match status {
            status if status.is_success() => Ok(()),
            StatusCode::GONE => Err(Failure::Gone),
            StatusCode::BAD_REQUEST
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::UNSUPPORTED_MEDIA_TYPE
            | StatusCode::UNPROCESSABLE_ENTITY => Err(Failure::Refused(status.as_u16())),
            status => Err(Failure::Status(status.as_u16(), asked)),
        }
    }
}

/// What is sent, and where to.
pub(super) struct Letter {
    pub(super) url: Url,
    pub(super) private: bool,
    pub(super) body: Vec<u8>,
    /// Unix seconds.
    pub(super) timestamp: String,
    pub(super) signature: Option<String>,
}

/// There is no client to send with.
#[derive(Clone, Debug, thiserror::Error)]
#[error("no client for webhooks: {0}")]
pub struct NoClient(String);

/// Why a message was not taken. Says nothing of where it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// Only addresses that nobody meant.
    Target,
    /// No connection, or it broke.
    Unreachable,
    /// No answer in time.
    TimedOut,
    /// Its receiver finds the message itself wrong.
    Refused(u16),
    /// Its receiver wants no more, ever.
    Gone,
    /// Any other answer; perhaps with a time to wait.
    Status(u16, Option<Duration>),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Target => f.write_str("its address is not a public one, and `private` is not stated"),
            Self::Unreachable => f.write_str("it could not be reached"),
            Self::TimedOut => f.write_str("it did not answer in time"),
            Self::Gone => f.write_str("it answered with status 410"),
            Self::Refused(status) | Self::Status(status, _) => write!(f, "it answered with status {status}"),
        }
    }
}

fn why(error: &reqwest::Error) -> Failure {
    if error.is_timeout() {
        return Failure::TimedOut;
    }
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.is::<NotPublic>() {
            return Failure::Target;
        }
        cause = error.source();
    }
    Failure::Unreachable
}

/// A connection whose answer was not read to its end is closed; that is all that a longer one brings about.
async fn pass_over(mut answer: Response) {
    let mut left = ANSWER;
    while let Ok(Some(chunk)) = answer.chunk().await {
        match left.checked_sub(chunk.len()) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}

/// Finds the addresses of a name, and leaves out those that were not meant.
struct Found {
    private: bool,
}

/// A name has addresses, and none that may be meant.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("no public address")]
struct NotPublic;

impl Resolve for Found {
    fn resolve(&self, name: Name) -> Resolving {
        let private = self.private;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(meant(found, private)?)
        })
    }
}

/// Those that may be meant.
fn meant(found: impl Iterator<Item = SocketAddr>, private: bool) -> Result<Addrs, NotPublic> {
    let left: Vec<SocketAddr> = found.filter(|a| private || is_public(a.ip())).collect();
    if left.is_empty() { Err(NotPublic) } else { Ok(Box::new(left.into_iter())) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

    use super::*;

    #[test]
    fn a_name_leads_only_where_it_may() {
        let all: Vec<SocketAddr> =
            ["127.0.0.1:0", "1.1.1.1:0", "[::1]:0", "[::ffff:10.0.0.1]:0", "[2606:4700::1111]:0"].map(|a| a.parse().unwrap()).into();
        let left = |private| meant(all.iter().copied(), private).map(|a| a.map(|a| a.ip().to_string()).collect::<Vec<_>>());
        assert_eq!(left(false).unwrap(), ["1.1.1.1", "2606:4700::1111"]);
        assert_eq!(left(true).unwrap().len(), 5);
        let inside = all[..1].iter().copied();
        assert!(meant(inside, false).is_err());
    }

    #[tokio::test]
    async fn what_is_not_public_is_not_even_dialled() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let clients = Clients::new().unwrap();
        for host in ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433", "0x7f.1", "127.1"] {
            let letter = Letter {
                url: Url::parse(&format!("http://{host}:{port}/")).unwrap(),
                private: false,
                body: b"{}".to_vec(),
                timestamp: String::new(),
                signature: None,
            };
            assert_eq!(clients.send(&letter, Timestamp::from_secs(0)).await, Err(Failure::Target), "{host}");
        }
        assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    }
}
