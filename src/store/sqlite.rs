//! A store in one file: SQLite, the default.
//!
//! One thread writes (`writer`), so the async runtime never waits for a disk: a method sends an order to it and awaits the
//! outcome. Whoever stops awaiting does not undo the order. `schema` says how the file is opened, `rows` how a fact is
//! written there and read back.

mod rows;
mod schema;
mod writer;

use std::path::Path;
use std::sync::mpsc;
use std::thread::JoinHandle;

use async_trait::async_trait;
use tokio::sync::oneshot;

use crate::access::{Answer, Id, Knock, Revocation, RoomName, Timestamp};

use super::orders::Stage;
use super::{AnswerError, Barred, Facts, KnockError, Meeting, Store, StoreError};

use writer::{Job, Order, Writer};

/// Facts in an SQLite file.
///
/// Several processes may have the same file open (`roomgate revoke` beside a serving gateway; the old and the new process of a
/// graceful upgrade): each sees what the other committed before it carries out an order of its own, and within a quarter of a
/// second when it has none.
pub struct SqliteStore {
    facts: Facts,
    jobs: Option<mpsc::Sender<Box<dyn Job>>>,
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
        jobs.send(Box::new(Order::new(order, reply))).map_err(|_| stopped())?;
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

    async fn knock(&self, id: Id, room: &RoomName, visitor: Id, name: &str, at: Timestamp) -> Result<Knock, KnockError> {
        let (room, name) = (room.clone(), name.to_owned());
        self.carry_out(move |stage| stage.knock(id, &room, visitor, &name, at)).await?
    }

    async fn leave(&self, room: &RoomName, visitor: Id) -> Result<(), StoreError> {
        let room = room.clone();
        self.carry_out(move |stage| stage.leave(&room, visitor)).await
    }

    async fn answer(&self, room: &RoomName, id: Id, answer: Answer, seen: u32, by: &str, at: Timestamp) -> Result<Knock, AnswerError> {
        let (room, by) = (room.clone(), by.to_owned());
        self.carry_out(move |stage| stage.answer(&room, id, answer, seen, &by, at)).await?.map_err(AnswerError::Conflict)
    }

    async fn move_back(&self, id: Id, room: &RoomName, visitor: Id, name: &str, at: Timestamp) -> Result<Knock, StoreError> {
        let (room, name) = (room.clone(), name.to_owned());
        self.carry_out(move |stage| stage.move_back(id, &room, visitor, &name, at)).await?
    }

    async fn bar(&self, barred: Barred) -> Result<(), StoreError> {
        self.carry_out(move |stage| stage.bar(barred.clone())).await
    }

    async fn unbar(&self, room: &RoomName, id: Id) -> Result<bool, StoreError> {
        let room = room.clone();
        self.carry_out(move |stage| stage.unbar(&room, id)).await
    }

    async fn revoke(&self, order: Revocation) -> Result<(), StoreError> {
        self.carry_out(move |stage| stage.revoke(&order)).await
    }

    async fn alive(&self, id: Id, room: &RoomName, at: Timestamp) -> Result<Meeting, StoreError> {
        let room = room.clone();
        self.carry_out(move |stage| stage.alive(id, &room, at)).await
    }

    async fn end_meeting(&self, room: &RoomName) -> Result<(), StoreError> {
        let room = room.clone();
        self.carry_out(move |stage| stage.end_meeting(&room)).await
    }

    async fn end_quiet_meeting(&self, room: &RoomName, since: Timestamp) -> Result<bool, StoreError> {
        let room = room.clone();
        self.carry_out(move |stage| stage.end_quiet_meeting(&room, since)).await
    }

    async fn sweep(&self, now: Timestamp) -> Result<usize, StoreError> {
        self.carry_out(move |stage| stage.sweep(now)).await
    }
}
