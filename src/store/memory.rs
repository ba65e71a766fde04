//! A store that forgets everything when it goes: for tests, and for `kind = "memory"`.

use async_trait::async_trait;
use parking_lot::Mutex;

use crate::access::{Answer, Id, Knock, Revocation, RoomName, Timestamp};

use super::orders::Stage;
use super::picture::Picture;
use super::{AnswerError, Barred, Facts, KnockError, Meeting, Store, StoreError};

/// Facts in memory, and nowhere else.
pub struct MemoryStore {
    facts: Facts,
    picture: Mutex<Picture>,
}

impl MemoryStore {
    /// An empty one.
    pub fn new() -> Self {
        Self { facts: Facts::new(), picture: Mutex::default() }
    }

    /// One order at a time: the lock is held until everybody can read what it changed.
    fn carry_out<T>(&self, order: impl FnOnce(&mut Stage<'_>) -> T) -> T {
        let mut picture = self.picture.lock();
        let mut stage = Stage::on(&mut picture);
        let outcome = order(&mut stage);
        self.facts.apply(stage.into_changes());
        outcome
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

    async fn knock(&self, id: Id, room: &RoomName, visitor: Id, name: &str, at: Timestamp) -> Result<Knock, KnockError> {
        self.carry_out(|stage| stage.knock(id, room, visitor, name, at))
    }

    async fn leave(&self, room: &RoomName, visitor: Id) -> Result<(), StoreError> {
        self.carry_out(|stage| stage.leave(room, visitor));
        Ok(())
    }

    async fn answer(&self, room: &RoomName, id: Id, answer: Answer, seen: u32, by: &str, at: Timestamp) -> Result<Knock, AnswerError> {
        self.carry_out(|stage| stage.answer(room, id, answer, seen, by, at)).map_err(AnswerError::Conflict)
    }

    async fn move_back(&self, id: Id, room: &RoomName, visitor: Id, name: &str, at: Timestamp) -> Result<Knock, StoreError> {
        self.carry_out(|stage| stage.move_back(id, room, visitor, name, at))
    }

    async fn bar(&self, barred: Barred) -> Result<(), StoreError> {
        self.carry_out(|stage| stage.bar(barred));
        Ok(())
    }

    async fn unbar(&self, room: &RoomName, id: Id) -> Result<bool, StoreError> {
        Ok(self.carry_out(|stage| stage.unbar(room, id)))
    }

    async fn revoke(&self, order: Revocation) -> Result<(), StoreError> {
        self.carry_out(|stage| stage.revoke(&order));
        Ok(())
    }

    async fn alive(&self, id: Id, room: &RoomName, at: Timestamp) -> Result<Meeting, StoreError> {
        Ok(self.carry_out(|stage| stage.alive(id, room, at)))
    }

    async fn end_meeting(&self, room: &RoomName) -> Result<(), StoreError> {
        self.carry_out(|stage| stage.end_meeting(room));
        Ok(())
    }

    async fn end_quiet_meeting(&self, room: &RoomName, since: Timestamp) -> Result<bool, StoreError> {
        Ok(self.carry_out(|stage| stage.end_quiet_meeting(room, since)))
    }

    async fn sweep(&self, now: Timestamp) -> Result<usize, StoreError> {
        Ok(self.carry_out(|stage| stage.sweep(now)))
    }
}
