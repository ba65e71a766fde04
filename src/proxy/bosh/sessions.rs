//! Which BOSH sessions does this process know?
//!
//! By the server's own ids for them, all in memory; what a client holds of one that is not here opens it again.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use parking_lot::Mutex;
use pingora::http::RequestHeader;
use tokio_util::sync::CancellationToken;

use super::State;
use crate::access::Timestamp;
use crate::gate::Gate;
use crate::proxy::killable;
use crate::signalling::GuardRefusal;

/// So many at once, in all.
const SESSIONS_MAX: usize = 65_536;
/// And so many from one address: a whole school behind one, but nobody takes all of the others' places.
const OF_ONE_MAX: usize = 2_048;

/// The BOSH sessions of this process. Clones are the same.
#[derive(Clone, Default)]
pub(in crate::proxy) struct Sessions(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    all: HashMap<Box<str>, Arc<Session>>,
    of_one: HashMap<IpAddr, usize>,
}

/// One of them.
pub(super) struct Session {
    /// Where it was opened from.
    address: IpAddr,
    pub(super) state: tokio::sync::Mutex<State>,
    /// Ends it, from elsewhere.
    pub(super) exchange: killable::Exchange,
    /// Requests that wait for the server.
    pub(super) flying: AtomicUsize,
    /// When the last one was answered, in milliseconds.
    pub(super) heard: AtomicI64,
    /// It is over.
    pub(super) over: CancellationToken,
    /// What a last word of ours to the server looks like.
    pub(super) head: RequestHeader,
}

impl Session {
    /// One that has just been opened, or known again.
    pub(super) fn new(state: State, exchange: killable::Exchange, head: RequestHeader, now: Timestamp) -> Self {
        Self {
            address: network(state.attendance.caller().whence.address),
            state: tokio::sync::Mutex::new(state),
            exchange,
            flying: AtomicUsize::new(0),
            heard: AtomicI64::new(now.as_millis()),
            over: CancellationToken::new(),
            head,
        }
    }
}

/// By what they are counted: who has one address of IPv6 has a whole network of them.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
    }
}

/// Counts a request for as long as it waits, however it ends.
pub(super) struct Flying<'s>(&'s Session, Arc<Gate>);

impl<'s> Flying<'s> {
    pub(super) fn new(session: &'s Session, gate: Arc<Gate>) -> Self {
        session.flying.fetch_add(1, Ordering::AcqRel);
        Self(session, gate)
    }
}

impl Drop for Flying<'_> {
    fn drop(&mut self) {
        self.0.heard.store(self.1.clock().now().as_millis(), Ordering::Release);
        self.0.flying.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Sessions {
    pub(super) fn find(&self, sid: &str) -> Option<Arc<Session>> {
        self.0.lock().all.get(sid).cloned()
    }

    /// Takes a session in; another request may have been faster.
    pub(super) fn keep(&self, sid: &str, session: Arc<Session>) -> Result<Arc<Session>, GuardRefusal> {
        let mut kept = self.0.lock();
        if let Some(known) = kept.all.get(sid) {
            return Ok(known.clone());
        }
        let of_one = kept.of_one.get(&session.address).copied().unwrap_or(0);
        if kept.all.len() >= SESSIONS_MAX || of_one >= OF_ONE_MAX {
            return Err(GuardRefusal::TooMany);
        }
        kept.of_one.insert(session.address, of_one.saturating_add(1));
        kept.all.insert(sid.into(), session.clone());
        Ok(session)
    }

    /// It is over. One that has begun since under the same id is none of its business.
    pub(super) fn forget(&self, sid: &str, session: &Arc<Session>) {
        session.over.cancel();
        let mut kept = self.0.lock();
        if !kept.all.get(sid).is_some_and(|known| Arc::ptr_eq(known, session)) {
            return;
        }
        kept.all.remove(sid);
        let left = kept.of_one.get(&session.address).map_or(0, |n| n.saturating_sub(1));
        if left == 0 {
            kept.of_one.remove(&session.address);
        } else {
            kept.of_one.insert(session.address, left);
        }
    }
}
