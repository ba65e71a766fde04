//! Whom does a change concern? One task hears all of them and wakes only those streams.
//!
//! Without it every waiting visitor would be woken by every other's knock.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::sync::broadcast::error::RecvError;

use crate::access::{Id, RoomName};
use crate::gate::Gate;
use crate::store::Change;

/// All who listen.
pub(super) struct News {
    gate: Weak<Gate>,
    listening: AtomicBool,
    next: AtomicU64,
    rooms: Mutex<HashMap<RoomName, Room>>,
}

#[derive(Default)]
struct Room {
    /// Owners: they hear all of their room.
    owners: HashMap<u64, Arc<Notify>>,
    /// Visitors: each hears of itself.
    visitors: HashMap<Id, HashMap<u64, Arc<Notify>>>,
}

/// One that listens; no longer when dropped.
pub(super) struct Ear {
    news: Arc<News>,
    room: RoomName,
    visitor: Option<Id>,
    number: u64,
    bell: Arc<Notify>,
}

impl Ear {
    /// Something may be new since this was last asked. What, is for the listener to find out.
    pub(super) async fn rings(&self) {
        self.bell.notified().await;
    }
}

impl News {
    pub(super) fn new(gate: &Arc<Gate>) -> Self {
        Self { gate: Arc::downgrade(gate), listening: AtomicBool::new(false), next: AtomicU64::new(0), rooms: Mutex::default() }
    }

    /// Listens for a room's owner, or for one visitor of it.
    pub(super) fn listen(self: &Arc<Self>, room: &RoomName, visitor: Option<Id>) -> Ear {
        self.start();
        let (number, bell) = (self.next.fetch_add(1, Ordering::Relaxed), Arc::new(Notify::new()));
        let mut rooms = self.rooms.lock();
        let of_room = rooms.entry(room.clone()).or_default();
        if visitor.is_none() && of_room.owners.is_empty() {
            // Those who wait are told that somebody who can open has come.
            of_room.wake();
        }
        let listeners = match visitor {
            None => &mut of_room.owners,
            Some(id) => of_room.visitors.entry(id).or_default(),
        };
        listeners.insert(number, bell.clone());
        drop(rooms);
        Ear { news: self.clone(), room: room.clone(), visitor, number, bell }
    }

    /// Whether an owner of this room listens.
    pub(super) fn has_owner(&self, room: &RoomName) -> bool {
        self.rooms.lock().get(room).is_some_and(|room| !room.owners.is_empty())
    }

    /// The task begins with the first listener: only then is it certain that there is somebody to run it.
    fn start(self: &Arc<Self>) {
        if self.listening.swap(true, Ordering::AcqRel) {
            return;
        }
        let Some(gate) = self.gate.upgrade() else { return };
        let mut changes = gate.store().changes();
        let mut rooms = gate.directory().changes();
        drop(gate);
        let news = Arc::downgrade(self);
        tokio::spawn(async move {
            loop {
                let change = tokio::select! {
                    change = changes.recv() => match change {
                        Ok(change) => Some(change),
                        Err(RecvError::Lagged(_)) => None,
                        Err(RecvError::Closed) => return,
                    },
                    changed = rooms.changed() => match changed {
                        Ok(()) => None,
                        Err(_) => return,
                    },
                };
                let Some(news) = news.upgrade() else { return };
                news.spread(change.as_ref());
            }
        });
    }

    /// Wakes those whom it concerns; everybody, where it is not known what changed.
    fn spread(&self, change: Option<&Change>) {
        let rooms = self.rooms.lock();
        match change {
            Some(Change::Knock(knock)) => {
                if let Some(room) = rooms.get(&knock.room) {
                    room.owners.values().for_each(|bell| bell.notify_one());
                    room.visitors.get(&knock.visitor).into_iter().flat_map(HashMap::values).for_each(|bell| bell.notify_one());
                }
            }
            Some(Change::Barred(barred)) => rooms.get(&barred.room).into_iter().for_each(Room::wake),
            Some(Change::Unbarred(room, _) | Change::Remembered(room, _) | Change::MeetingEnded(room)) => {
                rooms.get(room).into_iter().for_each(Room::wake)
            }
            Some(Change::Meeting(_)) => {}
            Some(Change::Revoked(_)) | None => rooms.values().for_each(Room::wake),
        }
    }
}

impl Room {
    fn wake(&self) {
        self.owners.values().chain(self.visitors.values().flat_map(HashMap::values)).for_each(|bell| bell.notify_one());
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        let mut rooms = self.news.rooms.lock();
        let Some(room) = rooms.get_mut(&self.room) else { return };
        match self.visitor {
            None => drop(room.owners.remove(&self.number)),
            Some(id) => {
                if let Some(listeners) = room.visitors.get_mut(&id) {
                    listeners.remove(&self.number);
                    if listeners.is_empty() {
                        room.visitors.remove(&id);
                    }
                }
            }
        }
        if room.owners.is_empty() && room.visitors.is_empty() {
            rooms.remove(&self.room);
        }
    }
}
