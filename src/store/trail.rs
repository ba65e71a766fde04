//! What happened, for whoever asks later: who knocked, who let in, denied or removed whom, when, through what.
//!
//! An order writes its events in the same step as its changes: there is no decision without its event, and no event of a decision
//! that was not made. The same rows are what webhooks are fed from, each hook at its own [`Position`]. Bounded: what visitors do and
//! what owners decide are kept apart, so that a flood of knocks pushes out no decision.

use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};

use crate::access::{By, Id, Knock, RoomName, Through, Timestamp};

/// So many events that visitors caused are kept, and as many that owners did.
pub const TRAIL_MAX: u64 = 100_000;

/// How often old events are looked for, in events.
pub(super) const TRIM_EVERY: u64 = 1024;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Grows; the first is 1. Two processes on one file share the count.
    pub number: u64,
    /// What tells it from all others, wherever it is told: the same each time it is told.
    pub id: Id,
    /// When.
    pub at: Timestamp,
    /// Where.
    pub room: RoomName,
    /// In which meeting, if one was open.
    pub meeting: Option<Id>,
    /// What.
    pub what: What,
    /// To whom, or by which visitor.
    pub who: Option<Who>,
    /// Who decided it, and through what.
    pub by: Option<By>,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum What {
    /// Somebody asked to be let in.
    Knocked,
    /// Somebody who waits changed their name or message.
    Renamed,
    /// Somebody gave up waiting, or was forgotten.
    Left,
    /// Somebody was let in.
    Allowed,
    /// Somebody was told no.
    Denied,
    /// Somebody inside was sent back to wait.
    MovedBack,
    /// Somebody was removed until the meeting ends.
    Removed,
    /// Somebody was banned.
    Banned,
    /// A ban or a removal was lifted.
    Lifted,
    /// Whoever knocks from now on is let in.
    AllowAll,
    /// Whoever knocks from now on is told no.
    DenyAll,
    /// Whoever knocks from now on is asked about again.
    AskAgain,
    /// A meeting began.
    MeetingStarted,
    /// A meeting was over.
    MeetingEnded,
    /// Somebody came in.
    Joined,
    /// Somebody inside has gone.
    Parted,
}

impl What {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::Knocked,
        Self::Renamed,
        Self::Left,
        Self::Allowed,
        Self::Denied,
        Self::MovedBack,
        Self::Removed,
        Self::Banned,
        Self::Lifted,
        Self::AllowAll,
        Self::DenyAll,
        Self::AskAgain,
        Self::MeetingStarted,
        Self::MeetingEnded,
        Self::Joined,
        Self::Parted,
    ];

    /// The stable word.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Knocked => "knocked",
            Self::Renamed => "renamed",
            Self::Left => "left",
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::MovedBack => "moved-back",
            Self::Removed => "removed",
            Self::Banned => "banned",
            Self::Lifted => "lifted",
            Self::AllowAll => "allow-all",
            Self::DenyAll => "deny-all",
            Self::AskAgain => "ask-again",
            Self::MeetingStarted => "meeting-started",
            Self::MeetingEnded => "meeting-ended",
            Self::Joined => "joined",
            Self::Parted => "parted",
        }
    }

    /// What [`What::code`] wrote.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|what| what.code() == code)
    }

    /// Whether a visitor may cause as many of these as they like: nobody's decision. Any name may be a room's, and whoever comes into
    /// an empty one begins a meeting.
    const fn is_cheap(self) -> bool {
        match self {
            Self::Knocked | Self::Renamed | Self::Left | Self::Joined | Self::Parted | Self::MeetingStarted | Self::MeetingEnded => true,
            Self::Allowed
            | Self::Denied
            | Self::MovedBack
            | Self::Removed
            | Self::Banned
            | Self::Lifted
            | Self::AllowAll
            | Self::DenyAll
            | Self::AskAgain => false,
        }
    }
}

/// The person an event is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// Of the knock, the session or the ban.
    pub id: Id,
    /// How they are called.
    pub name: Arc<str>,
    /// The verified `user_id`, where somebody vouches for one.
    pub user: Option<String>,
    /// Whether they are an owner.
    pub owner: bool,
    /// When they knocked, or came in.
    pub since: Timestamp,
    /// What they said with a knock.
    pub message: Option<Arc<str>>,
    /// Whether they were waiting when it happened.
    pub waited: bool,
}

impl Who {
    /// Whoever made this knock.
    pub(super) fn knocked(knock: &Knock) -> Self {
        Self {
            id: knock.id,
            name: knock.name.clone(),
            user: None,
            owner: false,
            since: knock.at,
            message: knock.message.clone(),
            waited: true,
        }
    }
}

/// How far somebody who retells events has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// All events up to this number are told, or given up.
    pub number: u64,
    /// How often the next one was tried in vain.
    pub attempts: u32,
    /// Not before this moment again.
    pub next: Timestamp,
}

impl Event {
    /// Whether visitors may cause as many of these as they like. An answer that follows from what an owner said before of whoever
    /// knocks is one of these: what they said is not.
    pub(super) fn is_cheap(&self) -> bool {
        self.what.is_cheap() || self.by.as_ref().is_some_and(|by| by.through == Through::Choice)
    }

    /// An event that has no number yet. Its id follows from what it says, so that it can be worked out without chance: knocks,
    /// sessions and bans have random ids, and `nth` tells those of one moment apart.
    pub(super) fn new(
        (room, meeting): (&RoomName, Option<Id>),
        what: What,
        (who, version): (Option<Who>, u32),
        by: Option<By>,
        at: Timestamp,
        nth: usize,
    ) -> Self {
        let mut digest = Context::new(&SHA256);
        digest.update(room.as_str().as_bytes());
        digest.update(&[0]);
        digest.update(what.code().as_bytes());
        digest.update(&[0]);
        digest.update(&at.as_millis().to_be_bytes());
        digest.update(&version.to_be_bytes());
        digest.update(&u64::try_from(nth).unwrap_or(u64::MAX).to_be_bytes());
        for id in [meeting, who.as_ref().map(|w| w.id)].into_iter().flatten() {
            digest.update(&id.bytes());
        }
        let mut bytes = [0; 16];
        bytes.iter_mut().zip(digest.finish().as_ref()).for_each(|(to, from)| *to = *from);
        Self { number: 0, id: Id::new(bytes), at, room: room.clone(), meeting, what, who, by }
    }
}
