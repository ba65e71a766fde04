//! What does the hot path know about rooms, people and tokens? A picture in memory that is cheap to ask.
//!
//! Sharded by room: a question takes a read lock on one of the shards for the time of one look-up, and none at all where
//! nothing of the kind is known there. Only a store alters it, and only by [`Change`]s that are already safe.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use parking_lot::{Mutex, RwLock};
use tokio::sync::{broadcast, watch};

use crate::access::{Bar, Id, Knock, KnockState, Remembered, Revocation, Revocations, RoomName, Timestamp};

use super::picture::{Known, Picture, RoomPicture};
use super::{Barred, Change, Meeting};

/// A power of two (a mask picks one), well above the number of cores: two who ask at once rarely meet.
const SHARDS: usize = 64;

/// So many changes may go by before a receiver that sleeps has to read everything anew.
const NEWS: usize = 4096;

/// The facts, as this process knows them. Clones show the same picture.
#[derive(Clone)]
pub struct Facts(Arc<Inner>);

struct Inner {
    hasher: RandomState,
    shards: Vec<Shard>,
    orders: Mutex<Orders>,
    revocations: ArcSwap<Revocations>,
    changes: broadcast::Sender<Change>,
    trail: watch::Sender<u64>,
}

/// The counts are copies of the picture's, to be read without its lock.
#[derive(Default)]
struct Shard {
    picture: RwLock<Picture>,
    bars: AtomicUsize,
    knocks: AtomicUsize,
    waiting: AtomicUsize,
    choices: AtomicUsize,
}

/// Where each order to take tokens back comes from: one that leaves the file is lifted, unless the store has it too.
#[derive(Default)]
struct Orders {
    stored: HashSet<Revocation>,
    file: HashSet<Revocation>,
}

impl Facts {
    pub(super) fn new() -> Self {
        Self(Arc::new(Inner {
            hasher: RandomState::new(),
            shards: std::iter::repeat_with(Shard::default).take(SHARDS).collect(),
            orders: Mutex::default(),
            revocations: ArcSwap::default(),
            changes: broadcast::Sender::new(NEWS),
            trail: watch::Sender::new(0),
        }))
    }

    /// Whether an owner's word keeps somebody out of this room, by anything that is known of them. A ban goes before a
    /// removal.
    pub fn bar(&self, room: &RoomName, who: &Known<'_>) -> Option<Bar> {
        let shard = self.shard(room)?;
        if shard.bars.load(Ordering::Acquire) == 0 {
            return None;
        }
        shard.picture.read().room(room)?.bars().find(who)
    }

    /// When somebody was last sent back to wait here, by anything that is known of them.
    pub fn sent_back(&self, room: &RoomName, who: &Known<'_>) -> Option<Timestamp> {
        self.shard(room)?.picture.read().room(room)?.bars().sent_back(who)
    }

    /// Where this visitor's own knock stands, in this meeting.
    pub fn knock_state(&self, room: &RoomName, visitor: Id) -> KnockState {
        self.knock_in(room, |r| r.knock(visitor).map(|k| k.state)).unwrap_or_default()
    }

    /// This visitor's knock.
    pub fn knock(&self, room: &RoomName, visitor: Id) -> Option<Arc<Knock>> {
        self.knock_in(room, |r| r.knock(visitor).cloned())
    }

    /// What an owner said of whoever knocks from now on, in this meeting.
    pub fn remembered(&self, room: &RoomName) -> Option<Arc<Remembered>> {
        let shard = self.shard(room)?;
        if shard.choices.load(Ordering::Acquire) == 0 {
            return None;
        }
        shard.picture.read().room(room)?.remembered().cloned()
    }

    /// The number of the latest event of the trail; changes with each.
    pub fn trail(&self) -> watch::Receiver<u64> {
        self.0.trail.subscribe()
    }

    /// The knock of this id: after a conflict, who was first.
    pub fn knock_of(&self, room: &RoomName, id: Id) -> Option<Arc<Knock>> {
        self.knock_in(room, |r| r.knock_of(id).cloned())
    }

    /// All knocks of this room: those who wait first, the earliest of them first.
    pub fn knocks(&self, room: &RoomName) -> Vec<Arc<Knock>> {
        let mut knocks = self.knock_in(room, |r| Some(r.knocks().cloned().collect::<Vec<_>>())).unwrap_or_default();
        knocks.sort_unstable_by_key(|k| (k.state != KnockState::Waiting, k.at, k.id));
        knocks
    }

    /// How many wait, at all rooms.
    pub fn waiting(&self) -> usize {
        self.0.shards.iter().map(|shard| shard.waiting.load(Ordering::Relaxed)).sum()
    }

    /// Who is kept out of this room, the latest first.
    pub fn bars(&self, room: &RoomName) -> Vec<Arc<Barred>> {
        let mut bars: Vec<_> = match self.shard(room) {
            Some(shard) => shard.picture.read().room(room).map_or_else(Vec::new, |r| r.bars().all().cloned().collect()),
            None => Vec::new(),
        };
        bars.sort_unstable_by_key(|b| (std::cmp::Reverse(b.at), b.id));
        bars
    }

    /// The meeting that is open in this room.
    pub fn meeting(&self, room: &RoomName) -> Option<Meeting> {
        self.shard(room)?.picture.read().room(room)?.meeting().cloned()
    }

    /// All meetings that are open, in no order. Reads everything: for those who watch the grace, not for a request.
    pub fn meetings(&self) -> Vec<Meeting> {
        let mut all = Vec::new();
        for shard in &self.0.shards {
            all.extend(shard.picture.read().rooms().filter_map(|(_, r)| r.meeting().cloned()));
        }
        all
    }

    /// Which tokens were taken back, by the store and by the watched file. Never blocks.
    pub fn revocations(&self) -> Arc<Revocations> {
        self.0.revocations.load_full()
    }

    /// Takes over what the watched file says now: all of it, every time. What it says no more is lifted. News of what is new
    /// goes out as [`Change::Revoked`]. Whether anything changed.
    pub fn set_file_revocations(&self, orders: Vec<Revocation>) -> bool {
        let file: HashSet<Revocation> = orders.into_iter().collect();
        let mut known = self.0.orders.lock();
        if known.file == file {
            return false;
        }
        let new: Vec<Revocation> = file.difference(&known.file).filter(|order| !known.stored.contains(*order)).cloned().collect();
        known.file = file;
        self.0.revocations.store(Arc::new(known.stored.union(&known.file).cloned().collect()));
        drop(known);
        new.into_iter().for_each(|order| self.publish(Change::Revoked(order)));
        true
    }

    /// News from now on. See [`super::Store::changes`].
    pub fn changes(&self) -> broadcast::Receiver<Change> {
        self.0.changes.subscribe()
    }

    /// Takes over what a store has made safe, then tells everybody. Whoever hears of a change finds it here.
    pub(super) fn apply(&self, changes: Vec<Change>) {
        let mut revoked = Vec::new();
        for change in &changes {
            match change {
                Change::Knock(knock) => self.alter(&knock.room, change),
                Change::Barred(barred) => self.alter(&barred.room, change),
                Change::Meeting(meeting) => self.alter(&meeting.room, change),
                Change::Unbarred(room, _) | Change::Remembered(room, _) | Change::MeetingEnded(room) => self.alter(room, change),
                Change::Revoked(order) => revoked.push(order.clone()),
            }
        }
        if !revoked.is_empty() {
            let mut known = self.0.orders.lock();
            let mut all = Revocations::clone(&self.0.revocations.load());
            revoked.iter().cloned().for_each(|order| all.add(order));
            known.stored.extend(revoked);
            self.0.revocations.store(Arc::new(all));
        }
        changes.into_iter().for_each(|change| self.publish(change));
    }

    /// There are events up to this number.
    pub(super) fn told(&self, number: u64) {
        self.0.trail.send_if_modified(|latest| {
            let more = number > *latest;
            *latest = number.max(*latest);
            more
        });
    }

    /// All that a store knows (not the watched file's orders), as data of one's own.
    pub(super) fn snapshot(&self) -> Picture {
        let mut all = Picture::default();
        self.0.shards.iter().for_each(|shard| all.absorb(shard.picture.read().clone()));
        let stored = self.0.orders.lock().stored.clone();
        stored.into_iter().for_each(|order| all.apply(&Change::Revoked(order)));
        all
    }

    fn alter(&self, room: &RoomName, change: &Change) {
        if let Some(shard) = self.shard(room) {
            let mut picture = shard.picture.write();
            picture.apply(change);
            shard.bars.store(picture.bars(), Ordering::Release);
            shard.knocks.store(picture.knocks(), Ordering::Release);
            shard.waiting.store(picture.waiting(), Ordering::Release);
            shard.choices.store(picture.choices(), Ordering::Release);
        }
    }

    fn publish(&self, change: Change) {
        // That nobody listens is no failure.
        let _ = self.0.changes.send(change);
    }

    fn knock_in<T>(&self, room: &RoomName, look: impl FnOnce(&RoomPicture) -> Option<T>) -> Option<T> {
        let shard = self.shard(room)?;
        if shard.knocks.load(Ordering::Acquire) == 0 {
            return None;
        }
        look(shard.picture.read().room(room)?)
    }

    fn shard(&self, room: &RoomName) -> Option<&Shard> {
        let hash = self.0.hasher.hash_one(room.as_str());
        self.0.shards.get(hash as usize & (SHARDS - 1))
    }
}

impl std::fmt::Debug for Facts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Facts").field("waiting", &self.waiting()).finish_non_exhaustive()
    }
}
