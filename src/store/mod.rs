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
mod trail;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::access::{Answer, Bar, By, Conflict, Id, Knock, Network, Remembered, Revocation, RoomName, Timestamp, TokenId};

pub use facts::Facts;
pub use memory::MemoryStore;
pub use picture::Known;
pub use sqlite::{SqliteStore, read_trail};
pub use trail::{Event, Position, TRAIL_MAX, What, Who};

/// An owner's word that keeps somebody out of one room: by what is known of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Barred {
    /// Random; owners name it by this.
    pub id: Id,
    /// Which room.
    pub room: RoomName,
    /// Banned, removed, or sent back to wait.
    pub kind: Bar,
    /// The browser (visitor cookie).
    pub visitor: Option<Id>,
    /// The verified `user_id`, or the e-mail address of somebody who has none.
    pub user: Option<String>,
    /// The token they came with.
    pub token: Option<TokenId>,
    /// The session that was ended.
    pub session: Option<Id>,
    /// Everybody from this network, where an owner said so.
    pub network: Option<Network>,
    /// How they were called, for the owners' list.
    pub name: Arc<str>,
    /// Who decided, and through what.
    pub by: By,
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
    /// An owner said what whoever knocks from now on is told, or (`None`) that they want to be asked again.
    Remembered(RoomName, Option<Arc<Remembered>>),
    /// A meeting ended, and with it its grants, denials, session bans and what was remembered.
    MeetingEnded(RoomName),
}

/// So many may wait at one room; whoever knocks then is told that it is [`KnockError::Crowded`].
pub const WAITING_MAX: usize = 10_000;

/// So many may wait at all rooms together.
pub const WAITING_MAX_ALL: usize = 50_000;

/// So many knocks of a room are remembered in whatever state.
pub const KNOCKS_MAX: usize = 20_000;

/// The same for all rooms together.
pub const KNOCKS_MAX_ALL: usize = 200_000;

/// A knock that nobody answered is forgotten after this long.
pub const WAITING_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// A request to be let in. `name` and `message` are already clean.
#[derive(Clone, Debug)]
pub struct Asking {
    /// Used where the visitor has no knock in this room yet.
    pub id: Id,
    /// Where.
    pub room: RoomName,
    /// Which browser.
    pub visitor: Id,
    /// How they call themselves.
    pub name: Arc<str>,
    /// What they say with it.
    pub message: Option<Arc<str>>,
    /// When.
    pub at: Timestamp,
    /// When an owner sent this person back, if they did: then one has to look at it again, whatever they said of whoever knocks, or of
    /// this person before.
    pub sent_back: Option<Timestamp>,
}

impl Asking {
    /// With a name and nothing else.
    pub fn new(id: Id, room: &RoomName, visitor: Id, name: &str, at: Timestamp) -> Self {
        Self { id, room: room.clone(), visitor, name: name.into(), message: None, at, sent_back: None }
    }
}

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

    /// Records a knock: a new one, or the visitor's earlier one in this room renewed with [`Knock::again`]. It is answered at once
    /// where an owner has said what whoever knocks is told.
    ///
    /// # Errors
    /// [`KnockError::Crowded`] where too many wait already; those who wait stay, and may rename themselves.
    async fn knock(&self, asking: Asking) -> Result<Knock, KnockError>;

    /// Records that a visitor gave up waiting ([`Knock::leave`]); nothing where there is no knock.
    async fn leave(&self, room: &RoomName, visitor: Id, at: Timestamp) -> Result<(), StoreError>;

    /// Answers a knock of this room by the version that the owner saw ([`Knock::answer`]). A grant opens a meeting, or keeps
    /// it alive.
    ///
    /// # Errors
    /// [`AnswerError::Conflict`] where another owner was first, or the visitor has changed or left. Who was first stands in
    /// [`Facts::knock_of`].
    async fn answer(&self, room: &RoomName, id: Id, answer: Answer, seen: u32, by: &By, at: Timestamp) -> Result<Knock, AnswerError>;

    /// Answers all who wait, in one step: those of `seen` in the version that was seen, or (`None`) everybody. Whom it reached.
    async fn answer_everyone(
        &self,
        room: &RoomName,
        seen: Option<&[(Id, u32)]>,
        answer: Answer,
        by: &By,
        at: Timestamp,
    ) -> Result<Vec<Knock>, StoreError>;

    /// From now on whoever knocks is told this, until the meeting ends; `None`: owners want to be asked again. Opens a meeting
    /// (with `id`), or keeps it alive. Those who wait already are not answered.
    async fn remember(&self, id: Id, room: &RoomName, answer: Option<Answer>, by: &By, at: Timestamp) -> Result<(), StoreError>;

    /// Sends somebody who is inside back to wait: `barred`, of kind [`Bar::Back`], says by what they are known again until the
    /// meeting ends; the knock of its visitor is [`Knock::back`], or a new one with the order's id and name where they never
    /// knocked. Never [`KnockError::Crowded`]: it is the owner's order.
    async fn move_back(&self, barred: Barred) -> Result<Knock, StoreError>;

    /// Keeps somebody out. Opens a meeting, or keeps it alive; also takes back their grant by knocking, and ends their waiting.
    async fn bar(&self, barred: Barred) -> Result<(), StoreError>;

    /// Lifts a ban of this room; `false` where there is none of that id.
    async fn unbar(&self, room: &RoomName, id: Id, by: &By, at: Timestamp) -> Result<bool, StoreError>;

    /// Takes tokens back.
    async fn revoke(&self, order: Revocation) -> Result<(), StoreError>;

    /// Somebody is connected in this room at this moment: opens its meeting (with `id`) or keeps it alive.
    async fn alive(&self, id: Id, room: &RoomName, at: Timestamp) -> Result<Meeting, StoreError>;

    /// Ends the meeting: its grants, denials, what was remembered and bans that are not lasting go. Waiting knocks stay.
    async fn end_meeting(&self, room: &RoomName, at: Timestamp) -> Result<(), StoreError>;

    /// The same, unless the meeting was [alive](Meeting::alive) after `since`: for whoever watches the grace, so that a grant
    /// or a connection in the last moment is not lost. Whether it ended.
    async fn end_quiet_meeting(&self, room: &RoomName, since: Timestamp, at: Timestamp) -> Result<bool, StoreError>;

    /// Somebody came in or has gone ([`What::Joined`], [`What::Parted`]): for the trail alone.
    async fn seen(&self, room: &RoomName, what: What, who: Who, at: Timestamp) -> Result<(), StoreError>;

    /// Forgets what nobody will ask for again: knocks unanswered for [`WAITING_FOR`], denials of that age where no meeting
    /// is open, and what a meeting left behind. How many facts went. To be called every few minutes.
    async fn sweep(&self, now: Timestamp) -> Result<usize, StoreError>;

    /// The events after this number, at most so many, the earliest first. [`Facts::trail`] tells when there are more.
    async fn trail(&self, after: u64, limit: usize) -> Result<Vec<Event>, StoreError>;

    /// How far the one of this name has come in the trail; `None` where it never was there.
    async fn position(&self, name: &str) -> Result<Option<Position>, StoreError>;

    /// It has come so far now.
    async fn set_position(&self, name: &str, position: Position) -> Result<(), StoreError>;
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
