//! A store in one file: SQLite, the default.
//!
//! One thread writes (`writer`), so the async runtime never waits for a disk: a method sends an order to it and awaits the
//! outcome. Whoever stops awaiting does not undo the order. `schema` says how the file is opened, `rows` how a fact is
//! written there and read back, `story` the same of what happened.

mod rows;
mod schema;
mod story;
mod writer;

use std::path::Path;
use std::sync::mpsc;
use std::thread::JoinHandle;

use async_trait::async_trait;
use tokio::sync::oneshot;

use crate::access::{Answer, By, Id, Knock, Revocation, RoomName, Timestamp};

use super::orders::Stage;
use super::{AnswerError, Asking, Barred, Event, Facts, KnockError, Meeting, Position, Store, StoreError, What, Who};

pub use story::read_trail;
use writer::{Job, Order, Writer};

/// Facts in an SQLite file.
///
/// Several processes may have the same file open (`roomgate revoke` beside a serving gateway; the old and the new process of a
/// graceful upgrade): each sees what the other committed before it carries out an order of its own, and within a quarter of a
/// second when it has none.
pub struct SqliteStore {
    facts: Facts,
    jobs: Option<mpsc::Sender<Job>>,
    writer: Option<JoinHandle<()>>,
}

impl SqliteStore {
    /// Opens the file, or makes it, for this user alone (mode 0600), and reads everything into [`Facts`]. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Failed`] where the file cannot be opened, is not ours, or was written by a newer version;
    /// [`StoreError::Corrupt`] where it holds what we did not write: which table, which row, what.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let connection = schema::open(path.as_ref())?;
        let facts = Facts::new();
        let mut writer = Writer::new(connection, facts.clone());
        writer.catch_up()?;
        let (jobs, orders) = mpsc::channel();
        let thread = std::thread::Builder::new().name("store".to_owned()).spawn(move || writer.run(&orders));
        let writer = thread.map_err(|error| StoreError::Failed(format!("no thread for it: {error}")))?;
        Ok(Self { facts, jobs: Some(jobs), writer: Some(writer) })
    }

    /// Carries out what was asked so far, then closes the file. Dropping does the same. Blocks.
    pub fn close(self) {
        drop(self);
    }

    async fn carry_out<T: Send + 'static>(&self, order: impl Fn(&mut Stage<'_>) -> T + Send + 'static) -> Result<T, StoreError> {
        let stopped = || StoreError::Failed("its writer has stopped".to_owned());
        let (reply, outcome) = oneshot::channel();
        let jobs = self.jobs.as_ref().ok_or_else(stopped)?;
        jobs.send(Job::Order(Box::new(Order::new(order, reply)))).map_err(|_| stopped())?;
        outcome.await.map_err(|_| stopped())?
    }

    /// The same for what is no order: it changes no fact.
    async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&rusqlite::Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let stopped = || StoreError::Failed("its writer has stopped".to_owned());
        let (reply, outcome) = oneshot::channel();
        let jobs = self.jobs.as_ref().ok_or_else(stopped)?;
        let job = move |file: &rusqlite::Connection| {
            // Whoever asked may have gone.
            let _ = reply.send(look(file));
        };
        jobs.send(Job::Look(Box::new(job))).map_err(|_| stopped())?;
        outcome.await.map_err(|_| stopped())?
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        // Without a sender the writer ends when it has done what it was sent.
        self.jobs = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

#[async_trait]
impl Store for SqliteStore {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    async fn knock(&self, asking: Asking) -> Result<Knock, KnockError> {
        self.carry_out(move |stage| stage.knock(&asking)).await?
    }

    async fn leave(&self, room: &RoomName, visitor: Id, at: Timestamp) -> Result<(), StoreError> {
        let room = room.clone();
        self.carry_out(move |stage| stage.leave(&room, visitor, at)).await
    }

    async fn answer(&self, room: &RoomName, id: Id, answer: Answer, seen: u32, by: &By, at: Timestamp) -> Result<Knock, AnswerError> {
        let (room, by) = (room.clone(), by.clone());
        self.carry_out(move |stage| stage.answer(&room, id, answer, seen, &by, at)).await?.map_err(AnswerError::Conflict)
    }

    async fn answer_everyone(
        &self,
        room: &RoomName,
        seen: Option<&[(Id, u32)]>,
        answer: Answer,
        by: &By,
        at: Timestamp,
    ) -> Result<Vec<Knock>, StoreError> {
        let (room, by, seen) = (room.clone(), by.clone(), seen.map(<[_]>::to_vec));
        self.carry_out(move |stage| stage.answer_everyone(&room, seen.as_deref(), answer, &by, at)).await
    }

    async fn remember(&self, id: Id, room: &RoomName, answer: Option<Answer>, by: &By, at: Timestamp) -> Result<(), StoreError> {
        let (room, by) = (room.clone(), by.clone());
        self.carry_out(move |stage| stage.remember(id, &room, answer, &by, at)).await
    }

    async fn move_back(&self, barred: Barred) -> Result<Knock, StoreError> {
        self.carry_out(move |stage| stage.move_back(barred.clone())).await?
    }

    async fn bar(&self, barred: Barred) -> Result<(), StoreError> {
        self.carry_out(move |stage| stage.bar(barred.clone())).await
    }

    async fn unbar(&self, room: &RoomName, id: Id, by: &By, at: Timestamp) -> Result<bool, StoreError> {
        let (room, by) = (room.clone(), by.clone());
        self.carry_out(move |stage| stage.unbar(&room, id, &by, at)).await
    }

    async fn revoke(&self, order: Revocation) -> Result<(), StoreError> {
        self.carry_out(move |stage| stage.revoke(&order)).await
    }

    async fn alive(&self, id: Id, room: &RoomName, at: Timestamp) -> Result<Meeting, StoreError> {
        let room = room.clone();
        self.carry_out(move |stage| stage.alive(id, &room, at)).await
    }

    async fn end_meeting(&self, room: &RoomName, at: Timestamp) -> Result<(), StoreError> {
        let room = room.clone();
        self.carry_out(move |stage| stage.end_meeting(&room, at)).await
    }

    async fn end_quiet_meeting(&self, room: &RoomName, since: Timestamp, at: Timestamp) -> Result<bool, StoreError> {
        let room = room.clone();
        self.carry_out(move |stage| stage.end_quiet_meeting(&room, since, at)).await
    }

    async fn seen(&self, room: &RoomName, what: What, who: Who, at: Timestamp) -> Result<(), StoreError> {
        let room = room.clone();
        self.carry_out(move |stage| stage.seen(&room, what, who.clone(), at)).await
    }

    async fn sweep(&self, now: Timestamp) -> Result<usize, StoreError> {
        self.carry_out(move |stage| stage.sweep(now)).await
    }

    async fn trail(&self, after: u64, limit: usize) -> Result<Vec<Event>, StoreError> {
        self.look(move |file| story::read(file, after, limit)).await
    }

    async fn position(&self, name: &str) -> Result<Option<Position>, StoreError> {
        let name = name.to_owned();
        self.look(move |file| story::position(file, &name)).await
    }

    async fn set_position(&self, name: &str, position: Position) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.look(move |file| story::set_position(file, &name, position)).await
    }
}
