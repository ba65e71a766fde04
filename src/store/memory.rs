//! A store that forgets everything when it goes: for tests, and for `kind = "memory"`.

use std::collections::{HashMap, VecDeque};

use async_trait::async_trait;
use parking_lot::Mutex;

use crate::access::{Answer, By, Id, Knock, Revocation, RoomName, Timestamp};

use super::orders::Stage;
use super::picture::Picture;
use super::trail::{TRAIL_MAX, TRIM_EVERY};
use super::{AnswerError, Asking, Barred, Event, Facts, KnockError, Meeting, Position, Store, StoreError, What, Who};

/// Facts in memory, and nowhere else.
pub struct MemoryStore {
    facts: Facts,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    picture: Picture,
    trail: VecDeque<Event>,
    last: u64,
    positions: HashMap<String, Position>,
}

impl MemoryStore {
    /// An empty one.
    pub fn new() -> Self {
        Self { facts: Facts::new(), held: Mutex::default() }
    }

    /// One order at a time: the lock is held until everybody can read what it changed.
    fn carry_out<T>(&self, order: impl FnOnce(&mut Stage<'_>) -> T) -> T {
        let mut held = self.held.lock();
        let mut stage = Stage::on(&mut held.picture);
        let outcome = order(&mut stage);
        let took = stage.into_outcome();
        took.events.into_iter().for_each(|event| held.tell(event));
        self.facts.told(held.last);
        self.facts.apply(took.changes);
        outcome
    }
}

impl Held {
    fn tell(&mut self, event: Event) {
        self.last = self.last.saturating_add(1);
        self.trail.push_back(Event { number: self.last, ..event });
        if self.last.is_multiple_of(TRIM_EVERY) {
            for cheap in [true, false] {
                let of_this_kind = |e: &&Event| e.is_cheap() == cheap;
                let all = self.trail.iter().filter(of_this_kind).count();
                let mut too_many = all.saturating_sub(usize::try_from(TRAIL_MAX).unwrap_or(usize::MAX));
                self.trail.retain(|e| {
                    let goes = e.is_cheap() == cheap && too_many > 0;
                    too_many = too_many.saturating_sub(usize::from(goes));
                    !goes
                });
            }
        }
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    async fn knock(&self, asking: Asking) -> Result<Knock, KnockError> {
        self.carry_out(|stage| stage.knock(&asking))
    }

    async fn leave(&self, room: &RoomName, visitor: Id, at: Timestamp) -> Result<(), StoreError> {
        self.carry_out(|stage| stage.leave(room, visitor, at));
        Ok(())
    }

    async fn answer(&self, room: &RoomName, id: Id, answer: Answer, seen: u32, by: &By, at: Timestamp) -> Result<Knock, AnswerError> {
        self.carry_out(|stage| stage.answer(room, id, answer, seen, by, at)).map_err(AnswerError::Conflict)
    }

    async fn answer_everyone(
        &self,
        room: &RoomName,
        seen: Option<&[(Id, u32)]>,
        answer: Answer,
        by: &By,
        at: Timestamp,
    ) -> Result<Vec<Knock>, StoreError> {
        Ok(self.carry_out(|stage| stage.answer_everyone(room, seen, answer, by, at)))
    }

    async fn remember(&self, id: Id, room: &RoomName, answer: Option<Answer>, by: &By, at: Timestamp) -> Result<(), StoreError> {
        self.carry_out(|stage| stage.remember(id, room, answer, by, at));
        Ok(())
    }

    async fn move_back(&self, barred: Barred) -> Result<Knock, StoreError> {
        self.carry_out(|stage| stage.move_back(barred))
    }

    async fn bar(&self, barred: Barred) -> Result<(), StoreError> {
        self.carry_out(|stage| stage.bar(barred));
        Ok(())
    }

    async fn unbar(&self, room: &RoomName, id: Id, by: &By, at: Timestamp) -> Result<bool, StoreError> {
        Ok(self.carry_out(|stage| stage.unbar(room, id, by, at)))
    }

    async fn revoke(&self, order: Revocation) -> Result<(), StoreError> {
        self.carry_out(|stage| stage.revoke(&order));
        Ok(())
    }

    async fn alive(&self, id: Id, room: &RoomName, at: Timestamp) -> Result<Meeting, StoreError> {
        Ok(self.carry_out(|stage| stage.alive(id, room, at)))
    }

    async fn end_meeting(&self, room: &RoomName, at: Timestamp) -> Result<(), StoreError> {
        self.carry_out(|stage| stage.end_meeting(room, at));
        Ok(())
    }

    async fn end_quiet_meeting(&self, room: &RoomName, since: Timestamp, at: Timestamp) -> Result<bool, StoreError> {
        Ok(self.carry_out(|stage| stage.end_quiet_meeting(room, since, at)))
    }

    async fn seen(&self, room: &RoomName, what: What, who: Who, at: Timestamp) -> Result<(), StoreError> {
        self.carry_out(|stage| stage.seen(room, what, who, at));
        Ok(())
    }

    async fn sweep(&self, now: Timestamp) -> Result<usize, StoreError> {
        Ok(self.carry_out(|stage| stage.sweep(now)))
    }

    async fn trail(&self, after: u64, limit: usize) -> Result<Vec<Event>, StoreError> {
        let held = self.held.lock();
        let first = held.trail.partition_point(|event| event.number <= after);
        Ok(held.trail.range(first..).take(limit).cloned().collect())
    }

    async fn position(&self, name: &str) -> Result<Option<Position>, StoreError> {
        Ok(self.held.lock().positions.get(name).copied())
    }

    async fn set_position(&self, name: &str, position: Position) -> Result<(), StoreError> {
        self.held.lock().positions.insert(name.to_owned(), position);
        Ok(())
    }
}
