//! Who is calling, as far as one request shows?

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::HeaderMap;
use parking_lot::Mutex;

use super::Gate;
use super::session::{SESSIONS_MAX, Session};
use crate::access::{Grant, RoomName};
use crate::access::{Id, Network, Person, Presented, TokenFault};
use crate::config::Identity;

/// What came in place of a token.
#[derive(Clone, Debug, PartialEq)]
pub enum Brought {
    /// Nothing.
    Nothing,
    /// One with the right signature and form.
    Grant(Arc<Grant>),
    /// One that is none.
    Bad(TokenFault),
}

impl Brought {
    /// For `access`.
    pub fn presented(&self) -> Presented<'_> {
        match self {
            Self::Nothing => Presented::Nothing,
            Self::Grant(grant) => Presented::Grant(grant),
            Self::Bad(fault) => Presented::Bad(*fault),
        }
    }
}

/// What of a request may speak for its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    /// All of it.
    All,
    /// Only the token in it: another site's page could have sent the rest.
    TokenOnly,
}

/// Where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whence {
    /// The best known address, for limits and logs.
    pub address: IpAddr,
    /// Whether network rules may believe it: not when an unlisted peer sent a forwarding header.
    pub certain: bool,
}

/// Everything one request shows of its sender.
#[derive(Clone, Debug)]
pub struct Caller {
    /// What came in place of a token.
    pub token: Brought,
    /// All sessions of ours that came along, one a room.
    pub sessions: Vec<Arc<Session>>,
    /// Whose browser it is.
    pub visitor: Option<Id>,
    /// Who they are, by the word of a proxy before us.
    pub person: Option<Arc<Person>>,
    /// Where they are.
    pub whence: Whence,
    /// What of this may be believed.
    pub speaks: Speaks,
    /// What was wrong with a link a moment ago.
    pub notice: Option<TokenFault>,
}

impl Caller {
    /// A caller of whom only the address is known.
    pub fn nobody(whence: Whence) -> Self {
        Self { token: Brought::Nothing, sessions: Vec::new(), visitor: None, person: None, whence, speaks: Speaks::All, notice: None }
    }

    /// Reads our cookies (name and value) into it. Of two sessions for one room neither counts: one of them was planted.
    pub fn with_cookies<'c>(mut self, gate: &Gate, cookies: impl Iterator<Item = (&'c str, &'c str)>) -> Self {
        let jar = gate.cookies();
        let now = gate.clock().now();
        for (name, value) in cookies.take(SESSIONS_MAX.saturating_mul(2)) {
            if let Some(code) = jar.notice(name, value) {
                self.notice = TokenFault::ALL.into_iter().find(|fault| fault.code() == code);
            } else if let Some(visitor) = jar.visitor(name, value) {
                self.visitor = Some(visitor);
            } else if let Some(session) = jar.session(name, value, now) {
                self.sessions.push(session);
            }
        }
        self
    }

    /// Its session for a room, if it may be believed.
    pub fn session(&self, room: &RoomName) -> Option<&Arc<Session>> {
        match self.speaks {
            Speaks::TokenOnly => None,
            Speaks::All => self.sessions.iter().find(|s| s.room == *room),
        }
    }

    /// Whose browser it is: by its cookie, or by a session made for it.
    pub fn browser(&self) -> Option<Id> {
        self.visitor.or_else(|| self.sessions.first().map(|s| s.visitor))
    }
}

/// What proxies say in other words than `X-Forwarded-For`. None of it is read: it only shows that the peer speaks for somebody else.
const FORWARDING: [&str; 10] = [
    "forwarded",
    "x-real-ip",
    "x-forwarded",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-client-ip",
    "x-cluster-client-ip",
    "cf-connecting-ip",
    "true-client-ip",
    "fastly-client-ip",
];

/// Where a request comes from: the peer, or what proxies that we trust say of it (`X-Forwarded-For`, read from its right end).
pub fn whence(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> Whence {
    let peer = peer.to_canonical();
    let listed = |a: IpAddr| trusted.iter().any(|n| n.contains(a));
    let forwarded = headers.get_all("x-forwarded-for");
    let odd = FORWARDING.iter().any(|h| headers.contains_key(*h));
    if !listed(peer) {
        let claimed = odd || forwarded.iter().next().is_some();
        if claimed {
            warn_of(peer);
        }
        return Whence { address: peer, certain: !claimed };
    }
    if odd && forwarded.iter().next().is_none() {
        // It speaks for somebody, in words that are not read here.
        return Whence { address: peer, certain: false };
    }
    let mut address = peer;
    for line in forwarded.iter().collect::<Vec<_>>().into_iter().rev() {
        for hop in line.to_str().unwrap_or("?").rsplit(',') {
            let Ok(hop) = hop.trim().parse::<IpAddr>() else {
                return Whence { address, certain: false };
            };
            address = hop.to_canonical();
            if !listed(address) {
                return Whence { address, certain: true };
            }
        }
    }
    Whence { address, certain: true }
}

/// Once a minute at most: whoever sends such headers could fill the log with them.
fn warn_of(peer: IpAddr) {
    static LAST: Mutex<Option<Instant>> = Mutex::new(None);
    let mut last = LAST.lock();
    if last.is_none_or(|at| at.elapsed() >= Duration::from_secs(60)) {
        *last = Some(Instant::now());
        tracing::warn!(%peer, "a forwarding header came from a peer that is not in `trusted_proxies`: network rules are off for such requests");
    }
}

/// Who the caller is, by the word of a proxy that the operator names for that. Nobody where a header came twice.
pub fn person(peer: IpAddr, headers: &HeaderMap, identity: Option<&Identity>) -> Option<Arc<Person>> {
    let identity = identity.filter(|i| i.from.iter().any(|n| n.contains(peer)))?;
    let one = |name: &Option<String>| -> Result<Option<String>, ()> {
        let Some(name) = name else { return Ok(None) };
        let mut values = headers.get_all(name.as_str()).iter();
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => match value.to_str() {
                Ok("") => Ok(None),
                Ok(text) => Ok(Some(text.trim().to_owned())),
                Err(_) => Err(()),
            },
            (Some(_), Some(_)) => Err(()),
        }
    };
    let (user, email, groups) = (one(&identity.user).ok()?, one(&identity.email).ok()?, one(&identity.groups).ok()?);
    if user.is_none() && email.is_none() && groups.is_none() {
        return None;
    }
    let groups = groups.iter().flat_map(|g| g.split(',')).map(|g| g.trim().to_owned()).filter(|g| !g.is_empty()).collect();
    let name = user.clone();
    Some(Arc::new(Person { user, email, groups, name }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn from(peer: &str, lines: &[(&'static str, &str)], trusted: &[&str]) -> Whence {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        let trusted: Vec<Network> = trusted.iter().map(|t| t.parse().unwrap()).collect();
        whence(peer.parse().unwrap(), &headers, &trusted)
    }

    #[test]
    fn only_listed_proxies_are_believed() {
        let at = |a: &str, certain| Whence { address: a.parse().unwrap(), certain };
        let xff = "x-forwarded-for";
        assert_eq!(from("203.0.113.9", &[], &[]), at("203.0.113.9", true));
        assert_eq!(from("203.0.113.9", &[(xff, "10.0.0.1")], &[]), at("203.0.113.9", false));
        assert_eq!(from("203.0.113.9", &[("forwarded", "for=10.0.0.1")], &[]), at("203.0.113.9", false));
        assert_eq!(from("127.0.0.1", &[(xff, "198.51.100.7")], &["127.0.0.0/8"]), at("198.51.100.7", true));
        assert_eq!(from("::ffff:127.0.0.1", &[(xff, "198.51.100.7")], &["127.0.0.0/8"]), at("198.51.100.7", true));
        // The client wrote 10.0.0.1 itself; our proxy added what it saw.
        assert_eq!(from("127.0.0.1", &[(xff, "10.0.0.1, 198.51.100.7")], &["127.0.0.0/8"]), at("198.51.100.7", true));
        assert_eq!(from("127.0.0.1", &[(xff, "10.0.0.1"), (xff, "198.51.100.7")], &["127.0.0.0/8"]), at("198.51.100.7", true));
        assert_eq!(from("127.0.0.1", &[(xff, "198.51.100.7, 127.0.0.2")], &["127.0.0.0/8"]), at("198.51.100.7", true));
        assert_eq!(from("127.0.0.1", &[(xff, "unknown")], &["127.0.0.0/8"]), at("127.0.0.1", false));
        assert_eq!(from("127.0.0.1", &[(xff, "")], &["127.0.0.0/8"]), at("127.0.0.1", false));
    }
}
