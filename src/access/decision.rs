//! What the answer can be.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use super::room::{Room, RoomName};
use super::time::Timestamp;
use super::visitor::{Grant, Person, Role, TokenFault, TokenId};

/// What now, for this visitor at this room.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// Come in.
    Admit(Permit),
    /// Wait outside.
    Hold(Hold),
    /// No, and this is why.
    Refuse(Refusal),
}

/// The answer, and what was wrong with a token that came along (which is told even to those who are let in without it).
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The answer.
    pub decision: Decision,
    /// Why the token that was brought gave nothing.
    pub token: Option<TokenFault>,
}

/// Why somebody may enter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ground {
    /// By a valid token.
    Token,
    /// By being listed, or coming from a listed network.
    Listed,
    /// Because the room is public.
    Public,
    /// Because an owner let them in.
    Knock,
}

impl Ground {
    /// The stable code, as logs and metrics show it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Listed => "listed",
            Self::Public => "public",
            Self::Knock => "knock",
        }
    }
}

/// Why somebody waits outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hold {
    /// Has not knocked yet.
    MayKnock,
    /// Has knocked.
    Waiting,
}

impl Hold {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::MayKnock => "may-knock",
            Self::Waiting => "waiting",
        }
    }
}

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The operator keeps the name back; this is the reason they give.
    Reserved(Arc<str>),
    /// There is no such room.
    NoRoom,
    /// Banned by an owner.
    Banned,
    /// Removed by an owner, or their time inside is used up.
    Ejected,
    /// It opens then.
    NotOpen(Timestamp),
    /// It closed then.
    Closed(Timestamp),
    /// An owner said no.
    Denied,
    /// Only by invitation.
    Private,
    /// As many are inside as may be.
    Full,
}

impl Refusal {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Reserved(_) => "reserved",
            Self::NoRoom => "no-room",
            Self::Banned => "banned",
            Self::Ejected => "ejected",
            Self::NotOpen(_) => "room-not-open",
            Self::Closed(_) => "room-expired",
            Self::Denied => "denied",
            Self::Private => "private",
            Self::Full => "full",
        }
    }
}

impl Decision {
    /// The stable code of the answer's reason.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Admit(permit) => permit.ground.code(),
            Self::Hold(hold) => hold.code(),
            Self::Refuse(refusal) => refusal.code(),
        }
    }

    /// `admit`, `hold` or `refuse`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Admit(_) => "admit",
            Self::Hold(_) => "hold",
            Self::Refuse(_) => "refuse",
        }
    }

    /// The decision as clients see it.
    pub const fn level(&self) -> AccessLevel {
        match self {
            Self::Admit(_) => AccessLevel::Full,
            Self::Hold(_) | Self::Refuse(Refusal::Denied) => AccessLevel::Lobby,
            Self::Refuse(_) => AccessLevel::None,
        }
    }
}

/// How far somebody gets: the field's word for a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessLevel {
    /// Inside.
    Full,
    /// May ask, or waits, or was told no and may ask again.
    Lobby,
    /// Neither.
    None,
}

impl AccessLevel {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Lobby => "lobby",
            Self::None => "none",
        }
    }
}

/// Proof that [`super::decide`] said yes: the only key to what is guarded.
///
/// It cannot be made anywhere else: its fields are private to `access`.
///
/// ```compile_fail
/// let forged = roomgate::access::Permit { role: roomgate::access::Role::Owner };
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Permit {
    pub(super) room: RoomName,
    pub(super) role: Role,
    pub(super) ground: Ground,
    pub(super) entered: Timestamp,
    pub(super) person: Option<Arc<Person>>,
    pub(super) grant: Option<Arc<Grant>>,
}

impl Permit {
    pub(super) fn new(
        room: &Room,
        role: Role,
        ground: Ground,
        entered: Timestamp,
        person: Option<&Arc<Person>>,
        grant: Option<&Arc<Grant>>,
    ) -> Self {
        Self { room: room.name.clone(), role, ground, entered, person: person.cloned(), grant: grant.cloned() }
    }

    /// The one room it opens.
    pub fn room(&self) -> &RoomName {
        &self.room
    }

    /// As what.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Why.
    pub fn ground(&self) -> Ground {
        self.ground
    }

    /// Since when its bearer is inside.
    pub fn entered(&self) -> Timestamp {
        self.entered
    }

    /// Who its bearer is, as far as somebody vouches for it.
    pub fn person(&self) -> &Person {
        const NOBODY: &Person = &Person::NOBODY;
        match (&self.grant, &self.person) {
            (Some(grant), _) => &grant.person,
            (None, Some(person)) => person,
            (None, None) => NOBODY,
        }
    }

    /// By what its bearer is known again ([`Person::known_as`]): by the token's word first, then by that of a proxy before us.
    pub fn users(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let people = self.grant.iter().map(|g| &g.person).chain(self.person.as_deref());
        people.filter_map(Person::known_as)
    }

    /// The token behind it, where there is one.
    pub fn grant(&self) -> Option<&Arc<Grant>> {
        self.grant.as_ref()
    }

    /// Which token is behind it.
    pub fn token(&self) -> Option<&TokenId> {
        self.grant.as_ref().map(|g| &g.token)
    }
}

/// Why somebody inside has to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ending {
    /// Banned by an owner.
    Banned,
    /// Removed by an owner.
    Ejected,
    /// Has been inside for as long as allowed (`eject_after_elapsed`).
    Elapsed,
    /// The token was taken back.
    Revoked,
    /// The token's `exp` has come, and it says that this ends it.
    TokenExpired,
    /// The room's `exp` has come, and it says that this ends it.
    RoomClosed,
    /// The room was deleted.
    RoomGone,
    /// An owner sent them back to wait.
    MovedBack,
}

impl Ending {
    /// All of them, for tables and metrics.
    pub const ALL: [Self; 8] =
        [Self::Banned, Self::Ejected, Self::Elapsed, Self::Revoked, Self::TokenExpired, Self::RoomClosed, Self::RoomGone, Self::MovedBack];

    /// The stable code: the reason in a close frame, the label in metrics.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Banned => "banned",
            Self::Ejected | Self::Elapsed => "ejected",
            Self::Revoked => "token-revoked",
            Self::TokenExpired => "token-expired",
            Self::RoomClosed => "room-expired",
            Self::RoomGone => "no-room",
            Self::MovedBack => "waiting",
        }
    }

    /// The WebSocket close code (RFC 6455 section 7.4.2, private use).
    pub const fn close_code(self) -> u16 {
        match self {
            Self::Elapsed | Self::Revoked | Self::TokenExpired | Self::RoomClosed => 4401,
            Self::Banned | Self::Ejected => 4403,
            Self::RoomGone => 4404,
            Self::MovedBack => 4408,
        }
    }
}

/// Whether somebody inside may stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Review {
    /// Yes; ask again then, if not before.
    Stay {
        /// The next moment at which time alone may change the answer.
        until: Option<Timestamp>,
    },
    /// No.
    Leave(Ending),
}

/// How long a room or a token lets its bearer stay once inside. A token that states either rule overrules both of the room's.
pub(super) struct Stay {
    pub(super) at_token_expiry: Option<Timestamp>,
    pub(super) at_room_close: Option<Timestamp>,
    pub(super) after: Option<Duration>,
}

impl Stay {
    pub(super) fn of(room: &Room, grant: Option<&Grant>) -> Self {
        match grant {
            Some(g) if g.eject_at_expiry.is_some() || g.eject_after.is_some() => {
                Self { at_token_expiry: g.expires.filter(|_| g.eject_at_expiry == Some(true)), at_room_close: None, after: g.eject_after }
            }
            Some(_) | None => {
                Self { at_token_expiry: None, at_room_close: room.closes.filter(|_| room.eject_at_close), after: room.eject_after }
            }
        }
    }
}
