//! Who is in which room, and who may hear whom?

use std::collections::{BTreeMap, HashMap};

use parking_lot::Mutex;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::mpsc;

const ROOMS: usize = 100;
const PEOPLE: usize = 16;
/// How many messages may wait for somebody before they count as gone.
const BACKLOG: usize = 256;

/// A person as the others see them.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Person {
    pub(super) name: String,
    pub(super) owner: bool,
}

/// What the server says.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(super) enum News {
    /// To the newcomer: your number, and who is here already.
    Welcome {
        you: u64,
        people: BTreeMap<u64, Person>,
    },
    /// To the others.
    Joined {
        id: u64,
        person: Person,
    },
    Left {
        id: u64,
    },
    /// Something that `from` said to you alone.
    Signal {
        from: u64,
        data: Value,
    },
}

#[derive(Debug, Default)]
pub(super) struct Rooms(Mutex<House>);

#[derive(Debug, Default)]
struct House {
    last: u64,
    rooms: HashMap<String, BTreeMap<u64, Seat>>,
}

#[derive(Debug)]
struct Seat {
    person: Person,
    ear: mpsc::Sender<News>,
}

impl Rooms {
    /// Seats a person and tells the others; `None` where the house or the room is full. What the receiver yields is for
    /// the newcomer; when it ends, so does their stay.
    pub(super) fn join(&self, room: &str, person: Person) -> Option<(u64, mpsc::Receiver<News>)> {
        let house = &mut *self.0.lock();
        let full = match house.rooms.get(room) {
            Some(seats) => seats.len() >= PEOPLE,
            None => house.rooms.len() >= ROOMS,
        };
        if full {
            return None;
        }
        house.last = house.last.wrapping_add(1);
        let id = house.last;
        let (ear, news) = mpsc::channel(BACKLOG);
        let seats = house.rooms.entry(room.to_owned()).or_default();
        let people = seats.iter().map(|(id, seat)| (*id, seat.person.clone())).collect();
        // An empty channel has room for the first message.
        let _ = ear.try_send(News::Welcome { you: id, people });
        tell(seats, &News::Joined { id, person: person.clone() });
        seats.insert(id, Seat { person, ear });
        Some((id, news))
    }

    /// Passes something on to one person of the same room; whoever is not in it hears nothing.
    pub(super) fn signal(&self, room: &str, from: u64, to: u64, data: Value) {
        let house = self.0.lock();
        let Some(seats) = house.rooms.get(room).filter(|seats| seats.contains_key(&from)) else { return };
        if let Some(seat) = seats.get(&to) {
            // A full ear belongs to somebody who stopped listening; their own socket notices.
            let _ = seat.ear.try_send(News::Signal { from, data });
        }
    }

    /// Takes a person out and tells the others; an empty room is forgotten.
    pub(super) fn leave(&self, room: &str, id: u64) {
        let house = &mut *self.0.lock();
        let Some(seats) = house.rooms.get_mut(room) else { return };
        if seats.remove(&id).is_some() {
            tell(seats, &News::Left { id });
        }
        if seats.is_empty() {
            house.rooms.remove(room);
        }
    }

    /// Ends everybody's stay.
    pub(super) fn close(&self) {
        self.0.lock().rooms.clear();
    }
}

/// Whoever does not listen any more loses their seat.
fn tell(seats: &mut BTreeMap<u64, Seat>, news: &News) {
    seats.retain(|_, seat| seat.ear.try_send(news.clone()).is_ok());
}
