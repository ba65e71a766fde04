//! Who writes to the file? One thread, one transaction for all orders that came meanwhile.
//!
//! Invariant: for every order, write → commit → [`Facts`] → news → outcome, in this sequence. What an order sees is what was
//! committed before it, by this process or another, and what the orders before it in the same transaction did.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::oneshot;

use crate::store::Change;
use crate::store::orders::{Stage, Took};
use crate::store::picture::Picture;
use crate::store::{Facts, StoreError};

use super::schema::failed;
use super::{rows, story};

/// How often an idle writer asks whether another process has written: well within the second in which a revocation counts.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// So many orders share a transaction at most: the first of them does not wait for ever.
const BATCH: usize = 256;

/// What the writer is asked to do.
pub(super) enum Job {
    /// To carry out an order, with others that came meanwhile.
    Order(Box<dyn Orders>),
    /// To look something up, or note something that is no fact.
    Look(Box<dyn FnOnce(&Connection) + Send>),
}

/// An order on its way to the writer.
pub(super) trait Orders: Send {
    /// Works out what follows. May be asked again where a transaction failed.
    fn carry_out(&mut self, stage: &mut Stage<'_>);

    /// Tells whoever waits, once it is safe or has failed.
    fn done(self: Box<Self>, outcome: Result<(), StoreError>);
}

/// An order and whoever waits for its outcome.
pub(super) struct Order<F, T> {
    order: F,
    outcome: Option<T>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<F, T> Order<F, T> {
    pub(super) fn new(order: F, reply: oneshot::Sender<Result<T, StoreError>>) -> Self {
        Self { order, outcome: None, reply }
    }
}

impl<F: Fn(&mut Stage<'_>) -> T + Send, T: Send> Orders for Order<F, T> {
    fn carry_out(&mut self, stage: &mut Stage<'_>) {
        self.outcome = Some((self.order)(stage));
    }

    fn done(self: Box<Self>, outcome: Result<(), StoreError>) {
        let Self { outcome: found, reply, .. } = *self;
        let outcome = outcome.and_then(|()| found.ok_or_else(|| StoreError::Failed("the order was not carried out".to_owned())));
        // Whoever asked may have gone; it is done all the same.
        let _ = reply.send(outcome);
    }
}

/// Where a transaction failed.
enum Failure {
    /// In the database: no order could have done better.
    Database(StoreError),
    /// In one order's rows: the others must not suffer for it.
    Order(StoreError),
}

/// The thread's own things.
pub(super) struct Writer {
    connection: Connection,
    facts: Facts,
    /// What the file holds, transaction in hand included. Private to this thread: [`Facts`] follow at the commit.
    picture: Picture,
    /// Up to where the file was read; `None` where all of it must be read again.
    seen: Option<Seen>,
    /// Whether the last look at the file failed, so that the log is not flooded.
    blind: bool,
}

#[derive(Clone, Copy)]
struct Seen {
    /// `PRAGMA data_version`: changes when another connection commits.
    version: i64,
    /// The latest order to take tokens back that was read.
    revocation: i64,
}

impl Writer {
    /// A writer that has read nothing yet.
    pub(super) fn new(connection: Connection, facts: Facts) -> Self {
        Self { connection, facts, picture: Picture::default(), seen: None, blind: false }
    }

    /// Works until nobody can send orders any more.
    pub(super) fn run(mut self, jobs: &Receiver<Job>) {
        loop {
            match jobs.recv_timeout(LOOK_EVERY) {
                Ok(first) => {
                    let (mut orders, mut looks) = (Vec::new(), Vec::new());
                    for job in std::iter::once(first).chain(jobs.try_iter().take(BATCH)) {
                        match job {
                            Job::Order(order) => orders.push(order),
                            Job::Look(look) => looks.push(look),
                        }
                    }
                    if !orders.is_empty() {
                        self.work(orders);
                    }
                    looks.into_iter().for_each(|look| look(&self.connection));
                }
                Err(RecvTimeoutError::Timeout) => self.look(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Reads what others have committed, if anything.
    pub(super) fn catch_up(&mut self) -> Result<(), StoreError> {
        let version = data_version(&self.connection)?;
        if self.seen.is_some_and(|seen| seen.version == version) {
            return Ok(());
        }
        let read = self.connection.transaction().map_err(failed)?;
        self.seen = Some(read_news(&read, self.seen, &mut self.picture, &self.facts)?);
        read.finish().map_err(failed)
    }

    fn look(&mut self) {
        match self.catch_up() {
            Ok(()) => self.blind = false,
            Err(error) => {
                self.seen = None;
                if !self.blind {
                    tracing::error!(%error, "the store cannot be read: what other processes write there is not seen");
                }
                self.blind = true;
            }
        }
    }

    fn work(&mut self, mut batch: Vec<Box<dyn Orders>>) {
        match self.transact(&mut batch) {
            Ok((changes, last)) => {
                self.facts.apply(changes);
                self.facts.told(last);
                batch.into_iter().for_each(|job| job.done(Ok(())));
            }
            Err(failure) => {
                // The picture is ahead of the file now. And where the commit itself failed nobody can say what was written.
                self.picture = self.facts.snapshot();
                self.seen = None;
                match failure {
                    Failure::Order(_) if batch.len() > 1 => batch.into_iter().for_each(|job| self.work(vec![job])),
                    Failure::Order(error) | Failure::Database(error) => batch.into_iter().for_each(|job| job.done(Err(error.clone()))),
                }
            }
        }
    }

    fn transact(&mut self, batch: &mut [Box<dyn Orders>]) -> Result<(Vec<Change>, u64), Failure> {
        let database = |error| Failure::Database(failed(error));
        // Immediate: from here on nobody else writes, so what is read next is what will be written upon.
        let write = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(database)?;
        let version = data_version(&write).map_err(Failure::Database)?;
        if self.seen.is_none_or(|seen| seen.version != version) {
            self.seen = Some(read_news(&write, self.seen, &mut self.picture, &self.facts).map_err(Failure::Database)?);
        }
        let (mut all, mut last) = (Vec::new(), 0);
        for job in batch {
            let mut stage = Stage::on(&mut self.picture);
            job.carry_out(&mut stage);
            let Took { changes, events } = stage.into_outcome();
            for event in events {
                last = story::write(&write, &event).map_err(|error| Failure::Order(failed(error)))?;
            }
            for change in changes {
                rows::write(&write, &change).map_err(|error| Failure::Order(failed(error)))?;
                all.push(change);
            }
        }
        write.commit().map_err(database)?;
        Ok((all, last))
    }
}

/// Brings picture and facts up to what the transaction sees, which others have committed: it is safe already.
fn read_news(read: &Transaction<'_>, seen: Option<Seen>, picture: &mut Picture, facts: &Facts) -> Result<Seen, StoreError> {
    let version = data_version(read)?;
    let (orders, last) = rows::revocations_after(read, seen.map_or(0, |s| s.revocation))?;
    let mut changes = picture.news(&rows::rooms(read)?);
    changes.extend(orders.into_iter().filter(|order| !picture.revoked().contains(order)).map(Change::Revoked));
    changes.iter().for_each(|change| picture.apply(change));
    facts.apply(changes);
    facts.told(story::last(read)?);
    Ok(Seen { version, revocation: last })
}

fn data_version(connection: &Connection) -> Result<i64, StoreError> {
    connection.pragma_query_value(None, "data_version", |row| row.get(0)).map_err(failed)
}
