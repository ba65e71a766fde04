//! Facts that outlive a request: knocks and their answers, bans, revocations, meetings.
//!
//! A [`Store`] keeps them; [`Facts`] is the picture of them in memory that the hot path reads. Every write goes to the
//! store first, then into the picture, then out as a [`Change`]: whoever reads after a write returned reads it.
//!
//! What follows from an order (a knock, an answer, a ban…) is worked out in one place, `orders`, as a list of Changes;
//! `picture` says what a Change does. A store only decides where the Changes are kept: they agree because they have no
//! opinion.

mod facts;
mod memory;
mod orders;
mod picture;
mod sqlite;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::access::{Answer, Bar, Conflict, Id, Knock, Revocation, RoomName, Timestamp, TokenId};

pub use facts::Facts;
pub use memory::MemoryStore;
pub use sqlite::SqliteStore;

/// An owner's word that keeps somebody out of one room: by what is known of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Barred {
    /// Random; owners name it by this.
    pub id: Id,
    /// Which room.
    pub room: RoomName,
    /// Banned or removed.
    pub kind: Bar,
    /// The browser (visitor cookie).
    pub visitor: Option<Id>,
    /// The verified `user_id`.
    pub user: Option<String>,
    /// The token they came with.
    pub token: Option<TokenId>,
    /// The session that was ended.
    pub session: Option<Id>,
    /// How they were called, for the owners' list.
    pub name: Arc<str>,
    /// Who decided (how the owner is called).
    pub by: Arc<str>,
    /// When.
    pub at: Timestamp,
    /// Whether it outlasts the meeting.
    pub lasting: bool,
}

/// One meeting: the live occupancy of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meeting {
    /// Which room.
    pub room: RoomName,
    /// Random; a new one each time.
    pub id: Id,
    /// When it opened: with the first live connection, grant or ban.
    pub opened: Timestamp,
    /// When somebody was last seen connected, let in or kept out: from here the grace counts.
    pub alive: Timestamp,
}

/// News about facts. Carries the whole new value: whoever hears it needs to ask nobody.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A knock is new, renamed, answered or moved back; or it is no more: withdrawn, expired or overruled by a ban
    /// ([`KnockState::None`](crate::access::KnockState::None)).
    Knock(Arc<Knock>),
    /// Somebody was banned or removed.
    Barred(Arc<Barred>),
    /// A ban was lifted.
    Unbarred(RoomName, Id),
    /// A token was taken back.
    Revoked(Revocation),
    /// A meeting opened or is still alive.
    Meeting(Meeting),
    /// A meeting ended, and with it its grants, denials and session bans.
    MeetingEnded(RoomName),
}

/// So many may wait at one room; whoever knocks then is told that it is [`KnockError::Crowded`].
pub const WAITING_MAX: usize = 500;

/// So many may wait at all rooms together.
pub const WAITING_MAX_ALL: usize = 50_000;

/// A knock that nobody answered is forgotten after this long.
pub const WAITING_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// Keeps facts. All methods are atomic; absence is no failure; the time comes with the values.
///
/// Reads are not here: every store feeds a [`Facts`], and that is what is read.
#[async_trait]
pub trait Store: Send + Sync {
    /// The picture in memory, complete and current for this process.
    fn facts(&self) -> &Facts;

    /// News from now on, this process's own writes included. A receiver that lags must read [`Facts`] anew.
    fn changes(&self) -> tokio::sync::broadcast::Receiver<Change> {
        self.facts().changes()
    }

    /// Records a knock: a new one, or the visitor's earlier one in this room renewed with [`Knock::again`]. `id` is used for a
    /// new one only. `name` is already clean.
    ///
    /// # Errors
    /// [`KnockError::Crowded`] where too many wait already; those who wait stay, and may rename themselves.
    async fn knock(&self, id: Id, room: &RoomName, visitor: Id, name: &str, at: Timestamp) -> Result<Knock, KnockError>;

    /// Records that a visitor gave up waiting ([`Knock::leave`]); nothing where there is no knock.
    async fn leave(&self, room: &RoomName, visitor: Id) -> Result<(), StoreError>;

    /// Answers a knock of this room by the version that the owner saw ([`Knock::answer`]). A grant opens a meeting, or keeps
    /// it alive.
    ///
    /// # Errors
    /// [`AnswerError::Conflict`] where another owner was first, or the visitor has changed or left. Who was first stands in
    /// [`Facts::knock_of`].
    async fn answer(&self, room: &RoomName, id: Id, answer: Answer, seen: u32, by: &str, at: Timestamp) -> Result<Knock, AnswerError>;

    /// Sends somebody who is inside back to wait: their knock is [`Knock::back`], or a new one with `id` and `name` where they
    /// never knocked. Never [`KnockError::Crowded`]: it is the owner's order.
    async fn move_back(&self, id: Id, room: &RoomName, visitor: Id, name: &str, at: Timestamp) -> Result<Knock, StoreError>;

    /// Keeps somebody out. Opens a meeting, or keeps it alive; also takes back their grant by knocking, and ends their waiting.
    async fn bar(&self, barred: Barred) -> Result<(), StoreError>;

    /// Lifts a ban of this room; `false` where there is none of that id.
    async fn unbar(&self, room: &RoomName, id: Id) -> Result<bool, StoreError>;

    /// Takes tokens back.
    async fn revoke(&self, order: Revocation) -> Result<(), StoreError>;

    /// Somebody is connected in this room at this moment: opens its meeting (with `id`) or keeps it alive.
    async fn alive(&self, id: Id, room: &RoomName, at: Timestamp) -> Result<Meeting, StoreError>;

    /// Ends the meeting: its grants, denials and bans that are not lasting go. Waiting knocks stay.
    async fn end_meeting(&self, room: &RoomName) -> Result<(), StoreError>;

    /// The same, unless the meeting was [alive](Meeting::alive) after `since`: for whoever watches the grace, so that a grant
    /// or a connection in the last moment is not lost. Whether it ended.
    async fn end_quiet_meeting(&self, room: &RoomName, since: Timestamp) -> Result<bool, StoreError>;

    /// Forgets what nobody will ask for again: knocks unanswered for [`WAITING_FOR`], denials of that age where no meeting
    /// is open, and what a meeting left behind. How many facts went. To be called every few minutes.
    async fn sweep(&self, now: Timestamp) -> Result<usize, StoreError>;
}

/// The store could not do it. Never an answer about somebody: callers say 503.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The database said no.
    #[error("the store failed: {0}")]
    Failed(String),
    /// What was stored is not what we write.
    #[error("the store holds what roomgate did not write: {0}")]
    Corrupt(String),
}

/// A knock was not recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KnockError {
    /// Too many wait already ([`WAITING_MAX`], [`WAITING_MAX_ALL`]): not a failure, and worth telling the visitor.
    #[error("too many wait here already")]
    Crowded,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An answer was not recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// It came too late, or the visitor changed: not a failure, and worth telling the owner.
    #[error("the knock has changed")]
    Conflict(Conflict),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
