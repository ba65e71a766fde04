//! How often may somebody knock, and how many event streams may they keep open?
//!
//! By browser, by address (an IPv6 site is its /64: whoever has one has all of it) and over all. How many may wait is the store's rule.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::ops::Add;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use governor::clock::{Clock as GovernorClock, Reference};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::DashMapStateStore;
use governor::state::{InMemoryState, NotKeyed};
use governor::{NotUntil, Quota, RateLimiter};
use parking_lot::Mutex;

use crate::access::{Id, RoomName};
use crate::gate::Gate;

/// Knocks of one browser: so many at once, then one each few seconds.
const BY_BROWSER: (u32, Duration) = (5, Duration::from_secs(5));
/// Knocks from one address: a school class behind one router may all come at once.
const BY_ADDRESS: (u32, Duration) = (40, Duration::from_secs(1));
/// Knocks at one room from one address: at a steady pace nobody fills a room's waiting list (`store::WAITING_MAX`) before its owner
/// has looked at it.
const BY_ROOM_AND_ADDRESS: (u32, Duration) = (120, Duration::from_secs(30));
/// Knocks over all.
const OVER_ALL: (u32, Duration) = (2_000, Duration::from_millis(2));
/// Streams of one browser.
const STREAMS_BY_BROWSER: u32 = 8;
/// Streams of one address.
const STREAMS_BY_ADDRESS: u32 = 64;
/// After so many knocks, those who have not knocked for long are forgotten.
const FORGET_EVERY: u32 = 1_000;

type Keyed<K> = RateLimiter<K, DashMapStateStore<K>, GateClock, NoOpMiddleware<Moment>>;

/// What everybody together, and each alone, may do.
pub(super) struct Limits {
    by_browser: Keyed<Id>,
    by_address: Keyed<IpAddr>,
    by_room_and_address: Keyed<(RoomName, IpAddr)>,
    over_all: RateLimiter<NotKeyed, InMemoryState, GateClock, NoOpMiddleware<Moment>>,
    clock: GateClock,
    knocks: AtomicU32,
    streams: Arc<Mutex<Streams>>,
}

#[derive(Default)]
struct Streams {
    browsers: HashMap<Id, u32>,
    addresses: HashMap<IpAddr, u32>,
}

/// One open stream; no longer counted when dropped.
pub(super) struct Slot {
    streams: Arc<Mutex<Streams>>,
    browser: Option<Id>,
    address: IpAddr,
}

impl Limits {
    pub(super) fn new(gate: &Arc<Gate>) -> Self {
        let clock = GateClock(gate.clone());
        Self {
            by_browser: RateLimiter::new(quota(BY_BROWSER), DashMapStateStore::default(), clock.clone()),
            by_address: RateLimiter::new(quota(BY_ADDRESS), DashMapStateStore::default(), clock.clone()),
            by_room_and_address: RateLimiter::new(quota(BY_ROOM_AND_ADDRESS), DashMapStateStore::default(), clock.clone()),
            over_all: RateLimiter::new(quota(OVER_ALL), InMemoryState::default(), clock.clone()),
            clock,
            knocks: AtomicU32::new(0),
            streams: Arc::default(),
        }
    }

    /// One more knock.
    ///
    /// # Errors
    /// How long until the next one is due.
    pub(super) fn knock(&self, browser: Id, room: &RoomName, address: IpAddr) -> Result<(), Duration> {
        if self.knocks.fetch_add(1, Ordering::Relaxed).is_multiple_of(FORGET_EVERY) {
            self.by_browser.retain_recent();
            self.by_address.retain_recent();
            self.by_room_and_address.retain_recent();
        }
        let wait = |until: NotUntil<Moment>| until.wait_time_from(self.clock.now());
        self.by_browser.check_key(&browser).map_err(wait)?;
        self.by_address.check_key(&site(address)).map_err(wait)?;
        self.by_room_and_address.check_key(&(room.clone(), site(address))).map_err(wait)?;
        self.over_all.check().map_err(wait)
    }

    /// One more stream; `None` where there are too many already.
    pub(super) fn stream(&self, browser: Option<Id>, address: IpAddr) -> Option<Slot> {
        let address = site(address);
        let mut streams = self.streams.lock();
        let of_browser = browser.map_or(0, |id| streams.browsers.get(&id).copied().unwrap_or(0));
        let of_address = streams.addresses.get(&address).copied().unwrap_or(0);
        if of_browser >= STREAMS_BY_BROWSER || of_address >= STREAMS_BY_ADDRESS {
            return None;
        }
        if let Some(id) = browser {
            streams.browsers.insert(id, of_browser.saturating_add(1));
        }
        streams.addresses.insert(address, of_address.saturating_add(1));
        Some(Slot { streams: self.streams.clone(), browser, address })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut streams = self.streams.lock();
        if let Some(id) = self.browser {
            less(&mut streams.browsers, &id);
        }
        less(&mut streams.addresses, &self.address);
    }
}

fn less<K: std::hash::Hash + Eq>(counts: &mut HashMap<K, u32>, key: &K) {
    match counts.get_mut(key) {
        Some(count) if *count > 1 => *count = count.saturating_sub(1),
        Some(_) => drop(counts.remove(key)),
        None => {}
    }
}

/// Whom an address stands for.
fn site(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64))),
    }
}

fn quota((burst, each): (u32, Duration)) -> Quota {
    let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
    Quota::with_period(each).unwrap_or(Quota::per_second(burst)).allow_burst(burst)
}

/// The gate's clock, as `governor` reads one.
#[derive(Clone)]
struct GateClock(Arc<Gate>);

/// Nanoseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Moment(u64);

impl GovernorClock for GateClock {
    type Instant = Moment;

    fn now(&self) -> Moment {
        let millis = u64::try_from(self.0.clock().now().as_millis()).unwrap_or(0);
        Moment(millis.saturating_mul(1_000_000))
    }
}

impl Add<Nanos> for Moment {
    type Output = Self;

    fn add(self, other: Nanos) -> Self {
        Self(self.0.saturating_add(other.as_u64()))
    }
}

impl Reference for Moment {
    fn duration_since(&self, earlier: Self) -> Nanos {
        self.0.saturating_sub(earlier.0).into()
    }

    fn saturating_sub(&self, duration: Nanos) -> Self {
        Self(self.0.saturating_sub(duration.as_u64()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_ipv6_site_is_one_and_an_ipv4_address_in_its_clothes_is_itself() {
        let site = |a: &str| site(a.parse().unwrap()).to_string();
        assert_eq!(site("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(site("2001:db8:1:2::1"), "2001:db8:1:2::");
        assert_eq!(site("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(site("192.0.2.7"), "192.0.2.7");
    }
}
