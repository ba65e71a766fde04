//! Who is inside now, and by which connections?
//!
//! A [`Participant`] is one session, with all its exchanges: tunnels, long polls, event streams, downloads. What ends the session
//! ends them all. In memory only: the connections die with the process too.

pub mod reviewer;
mod roll;

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};

use crate::access::{Ending, Id, Permit, Role, RoomName, Timestamp};

/// Ends one exchange, from elsewhere and without waiting.
pub type Eject = Box<dyn Fn(Goodbye) + Send + Sync>;

/// Why an exchange is ended from elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goodbye {
    /// The session has to leave.
    Ended(Ending),
    /// The gateway stops; whoever comes back finds another.
    Drain,
}

impl Goodbye {
    /// The stable code: the reason in a close frame, the label in metrics.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Ended(ending) => ending.code(),
            Self::Drain => "drain",
        }
    }

    /// The WebSocket close code (RFC 6455 section 7.4).
    pub const fn close_code(self) -> u16 {
        match self {
            Self::Ended(ending) => ending.close_code(),
            Self::Drain => 1001,
        }
    }
}

/// All who are inside.
pub struct Live {
    people: RwLock<People>,
    presence: Duration,
    next: AtomicU64,
    /// Who came in since the reviewer last asked.
    arrivals: Mutex<Vec<Id>>,
    ended: Box<dyn Fn(Duration) + Send + Sync>,
}

#[derive(Default)]
struct People {
    sessions: HashMap<Id, Arc<Participant>>,
    rooms: HashMap<RoomName, HashSet<Id>>,
}

/// One session inside one room.
pub struct Participant {
    session: Id,
    visitor: Id,
    permit: Mutex<Arc<Permit>>,
    /// How they call themselves inside, where a guard has heard it.
    called: Mutex<Option<Arc<str>>>,
    /// By which name the meeting's own server knows them in the room.
    nick: Mutex<Option<Arc<str>>>,
    /// Where they come from, and whether that is certain.
    address: Mutex<Option<(IpAddr, bool)>>,
    /// Somebody has seen to their being kept out.
    thrown: AtomicBool,
    exchanges: Mutex<HashMap<u64, Eject>>,
    /// Open exchanges that are signalling.
    signalling: AtomicUsize,
    /// When signalling was last heard of, in milliseconds; zero for never.
    heard: AtomicI64,
    leaving: AtomicBool,
    /// Whether the reviewer was told of it.
    asked: AtomicBool,
    left: Mutex<Option<(Instant, Ending)>>,
}

/// Why somebody with a permit cannot come in at this very moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Late {
    /// The session was ended since.
    Ended(Ending),
    /// The last place went to somebody else.
    Full,
}

/// Keeps one exchange on the list; off it when dropped.
pub struct Seat {
    live: Arc<Live>,
    participant: Arc<Participant>,
    number: u64,
    signalling: bool,
}

/// What an exchange is to presence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// It takes part: its session is present while it lasts, and for a while after a poll.
    Signalling,
    /// It only fetches something.
    Fetching,
}

impl Live {
    /// Nobody yet. A polling participant counts for `presence` after its last request; `ended` hears how long after its end each
    /// session's last exchange was gone.
    pub fn new(presence: Duration, ended: Box<dyn Fn(Duration) + Send + Sync>) -> Self {
        Self { people: RwLock::default(), presence, next: AtomicU64::new(0), arrivals: Mutex::default(), ended }
    }

    /// Takes in one exchange of a session.
    ///
    /// The caller reviews the permit once more afterwards: what was decided before may have changed before it was on the list.
    ///
    /// # Errors
    /// Where the session has just been ended, or `max` are inside without it.
    pub fn enter(
        self: &Arc<Self>,
        session: Id,
        visitor: Id,
        permit: &Arc<Permit>,
        (part, max): (Part, Option<u32>),
        now: Timestamp,
        eject: Eject,
    ) -> Result<Seat, Late> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let participant = self.take_in(session, visitor, permit, (part, max), now, (number, eject))?;
        let seat = Seat { live: self.clone(), participant, number, signalling: part == Part::Signalling };
        let same = {
            let mut current = seat.participant.permit.lock();
            std::mem::replace(&mut *current, permit.clone())
        };
        // A participant that has just been made holds this very permit, and has not been asked about yet.
        if !seat.participant.asked.swap(true, Ordering::AcqRel) || !Arc::ptr_eq(&same, permit) {
            self.arrivals.lock().push(session);
        }
        Ok(seat)
    }

    /// Puts the exchange on the list while the list is locked: nobody is forgotten, and nobody takes the same place, in between.
    fn take_in(
        &self,
        session: Id,
        visitor: Id,
        permit: &Arc<Permit>,
        (part, max): (Part, Option<u32>),
        now: Timestamp,
        exchange: (u64, Eject),
    ) -> Result<Arc<Participant>, Late> {
        {
            let people = self.people.read();
            let known = people.sessions.get(&session).filter(|p| p.room() == *permit.room());
            if let Some(participant) = known.filter(|p| part == Part::Fetching || max.is_none() || p.present(now, self.presence)) {
                participant.take_in(part, now, exchange)?;
                return Ok(participant.clone());
            }
        }
        let mut people = self.people.write();
        if part == Part::Signalling
            && let Some(max) = max
        {
            let others = people.present(permit.room(), now, self.presence).filter(|p| p.session != session).count();
            if others >= usize::try_from(max).unwrap_or(usize::MAX) {
                return Err(Late::Full);
            }
        }
        let participant = people.sessions.entry(session).or_insert_with(|| {
            Arc::new(Participant {
                session,
                visitor,
                permit: Mutex::new(permit.clone()),
                called: Mutex::default(),
                nick: Mutex::default(),
                address: Mutex::default(),
                thrown: AtomicBool::new(false),
                exchanges: Mutex::default(),
                signalling: AtomicUsize::new(0),
                heard: AtomicI64::new(0),
                leaving: AtomicBool::new(false),
                asked: AtomicBool::new(false),
                left: Mutex::default(),
            })
        });
        let participant = participant.clone();
        participant.take_in(part, now, exchange)?;
        people.rooms.entry(permit.room().clone()).or_default().insert(session);
        Ok(participant)
    }

    /// The permit of a session that is present now.
    pub fn permit(&self, session: Id, now: Timestamp) -> Option<Arc<Permit>> {
        let people = self.people.read();
        let participant = people.sessions.get(&session)?;
        participant.present(now, self.presence).then(|| participant.permit())
    }

    /// Those who came in since this was last asked, and may have to leave when a time comes.
    pub fn arrivals(&self) -> Vec<Arc<Participant>> {
        let arrived = std::mem::take(&mut *self.arrivals.lock());
        // Who is gone again is nobody's business any more.
        arrived.into_iter().filter_map(|session| self.participant(session)).collect()
    }

    /// The participant of this session.
    pub fn participant(&self, session: Id) -> Option<Arc<Participant>> {
        self.people.read().sessions.get(&session).cloned()
    }

    /// How many are present in a room.
    pub fn count(&self, room: &RoomName, now: Timestamp) -> u32 {
        u32::try_from(self.people.read().present(room, now, self.presence).count()).unwrap_or(u32::MAX)
    }

    /// Whether an owner is present in a room.
    pub fn has_owner(&self, room: &RoomName, now: Timestamp) -> bool {
        self.people.read().present(room, now, self.presence).any(|p| p.permit.lock().role() == Role::Owner)
    }

    /// Who is present in a room.
    pub fn present(&self, room: &RoomName, now: Timestamp) -> Vec<Arc<Participant>> {
        let mut present: Vec<_> = self.people.read().present(room, now, self.presence).cloned().collect();
        present.sort_by_key(|p| (p.permit().entered(), p.session));
        present
    }

    /// The rooms in which somebody is present.
    pub fn rooms(&self, now: Timestamp) -> Vec<RoomName> {
        let people = self.people.read();
        people.rooms.keys().filter(|room| people.present(room, now, self.presence).next().is_some()).cloned().collect()
    }

    /// All sessions with an exchange or presence; of one room, or of all.
    pub fn participants(&self, room: Option<&RoomName>) -> Vec<Arc<Participant>> {
        let people = self.people.read();
        match room {
            None => people.sessions.values().cloned().collect(),
            Some(room) => people.in_room(room).cloned().collect(),
        }
    }

    /// Forgets those who have neither an exchange nor presence any more.
    pub fn sweep(&self, now: Timestamp) {
        let gone: Vec<_> = {
            let people = self.people.read();
            people.sessions.values().filter(|p| p.idle(now, self.presence)).map(|p| p.session).collect()
        };
        if gone.is_empty() {
            return;
        }
        let mut people = self.people.write();
        for session in gone {
            if people.sessions.get(&session).is_some_and(|p| p.idle(now, self.presence)) {
                people.remove(session);
            }
        }
    }
}

impl People {
    fn in_room(&self, room: &RoomName) -> impl Iterator<Item = &Arc<Participant>> {
        self.rooms.get(room).into_iter().flatten().filter_map(|session| self.sessions.get(session))
    }

    fn present(&self, room: &RoomName, now: Timestamp, presence: Duration) -> impl Iterator<Item = &Arc<Participant>> {
        self.in_room(room).filter(move |p| p.present(now, presence))
    }

    fn remove(&mut self, session: Id) {
        if let Some(participant) = self.sessions.remove(&session) {
            let room = participant.room();
            if let Some(sessions) = self.rooms.get_mut(&room) {
                sessions.remove(&session);
                if sessions.is_empty() {
                    self.rooms.remove(&room);
                }
            }
        }
    }
}

impl Participant {
    /// Its session.
    pub fn session(&self) -> Id {
        self.session
    }

    /// Its browser.
    pub fn visitor(&self) -> Id {
        self.visitor
    }

    /// By what right it is inside.
    pub fn permit(&self) -> Arc<Permit> {
        self.permit.lock().clone()
    }

    /// How they call themselves in the meeting, where that is known: their own word, vouched for by nobody.
    pub fn called(&self) -> Option<Arc<str>> {
        self.called.lock().clone()
    }

    /// By which name the meeting's own server knows them.
    pub fn nick(&self) -> Option<Arc<str>> {
        self.nick.lock().clone()
    }

    /// Where they come from, where that is certain.
    pub fn address(&self) -> Option<IpAddr> {
        self.address.lock().filter(|(_, certain)| *certain).map(|(address, _)| address)
    }

    /// The same, certain or not: what shuts an address out holds for whoever hides it behind a header.
    pub fn last_address(&self) -> Option<IpAddr> {
        self.address.lock().map(|(address, _)| address)
    }

    /// A moderator has thrown them out inside the meeting; whether this is the first to say so. Everybody in the room sees it.
    pub fn throw(&self) -> bool {
        !self.thrown.swap(true, Ordering::AcqRel)
    }

    /// Ends all its exchanges, now and for good. The first reason counts; whether this was it.
    pub fn end(&self, ending: Ending) -> bool {
        let exchanges = self.exchanges.lock();
        let mut left = self.left.lock();
        if left.is_some() {
            return false;
        }
        *left = Some((Instant::now(), ending));
        self.leaving.store(true, Ordering::Release);
        exchanges.values().for_each(|eject| eject(Goodbye::Ended(ending)));
        true
    }

    /// Says goodbye to what would never end by itself (tunnels); its session lives on: the gateway stops.
    pub fn drain(&self) {
        self.exchanges.lock().values().for_each(|eject| eject(Goodbye::Drain));
    }

    fn take_in(&self, part: Part, now: Timestamp, (number, eject): (u64, Eject)) -> Result<(), Late> {
        let mut exchanges = self.exchanges.lock();
        if let Some((_, ending)) = *self.left.lock() {
            return Err(Late::Ended(ending));
        }
        exchanges.insert(number, eject);
        if part == Part::Signalling {
            self.signalling.fetch_add(1, Ordering::AcqRel);
            self.heard.store(now.as_millis(), Ordering::Release);
        }
        Ok(())
    }

    fn room(&self) -> RoomName {
        self.permit.lock().room().clone()
    }

    fn present(&self, now: Timestamp, presence: Duration) -> bool {
        let heard = self.heard.load(Ordering::Acquire);
        !self.leaving.load(Ordering::Acquire)
            && (self.signalling.load(Ordering::Acquire) > 0 || (heard != 0 && now.since(Timestamp::from_millis(heard)) < presence))
    }

    fn idle(&self, now: Timestamp, presence: Duration) -> bool {
        !self.present(now, presence) && self.exchanges.lock().is_empty() && self.signalling.load(Ordering::Acquire) == 0
    }
}

impl Seat {
    /// Whose it is.
    pub fn participant(&self) -> &Arc<Participant> {
        &self.participant
    }

    /// They call themselves so inside.
    pub fn called(&self, name: &str) {
        *self.participant.called.lock() = Some(name.into());
    }

    /// The meeting's own server knows them by this name.
    pub fn known_as(&self, nick: &str) {
        *self.participant.nick.lock() = Some(nick.into());
    }

    /// They come from there. What is certain is not forgotten over what is not.
    pub fn came_from(&self, address: IpAddr, certain: bool) {
        let mut known = self.participant.address.lock();
        if certain || known.is_none_or(|(_, certain)| !certain) {
            *known = Some((address, certain));
        }
    }

    /// The exchange was heard of again (a message on a socket, a poll).
    pub fn heard(&self, now: Timestamp) {
        self.participant.heard.store(now.as_millis(), Ordering::Release);
    }

    /// The session is over for its own reasons: it does not stay present for a while, as it does after a poll.
    pub fn gone(&self) {
        self.participant.heard.store(0, Ordering::Release);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if self.signalling {
            self.participant.signalling.fetch_sub(1, Ordering::AcqRel);
        }
        let last = {
            let mut exchanges = self.participant.exchanges.lock();
            exchanges.remove(&self.number);
            exchanges.is_empty()
        };
        if !last {
            return;
        }
        let never_heard = self.participant.heard.load(Ordering::Acquire) == 0;
        let left = self.participant.left.lock().map(|(at, _)| at);
        if let Some(at) = left {
            (self.live.ended)(at.elapsed());
        }
        if left.is_some() || never_heard {
            let mut people = self.live.people.write();
            let same = people.sessions.get(&self.participant.session).is_some_and(|p| Arc::ptr_eq(p, &self.participant));
            if same && self.participant.exchanges.lock().is_empty() && self.participant.signalling.load(Ordering::Acquire) == 0 {
                people.remove(self.participant.session);
            }
        }
    }
}
