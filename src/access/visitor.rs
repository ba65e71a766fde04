//! Who stands at the door, and what they brought.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::knock::{Answer, KnockState};
use super::room::RoomName;
use super::time::Timestamp;

/// What a person may do inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Takes part.
    Participant,
    /// Takes part and decides about others (the field also says moderator or host).
    Owner,
}

impl Role {
    /// The word in `X-Roomgate-Role`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Participant => "participant",
            Self::Owner => "owner",
        }
    }
}

/// What is known for sure of a person: from a verified token, or from an identity-aware proxy before us.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Person {
    /// `user_id`.
    pub user: Option<String>,
    /// `email`, as it came.
    pub email: Option<String>,
    /// `groups`.
    pub groups: Vec<String>,
    /// `user_name`: how the issuer calls them. Data, never markup.
    pub name: Option<String>,
}

impl Person {
    /// Somebody for whom nobody vouches.
    pub const NOBODY: Self = Self { user: None, email: None, groups: Vec::new(), name: None };

    /// By what an owner's word knows them again, whatever browser or token they come with: their `user_id`, or, where nobody vouches for
    /// one, their e-mail address without letter case.
    pub fn known_as(&self) -> Option<Cow<'_, str>> {
        let email = || self.email.as_deref().map(|email| Cow::Owned(email.to_lowercase()));
        self.user.as_deref().map(Cow::Borrowed).or_else(email)
    }
}

/// Names one token without being it: its `jti`, or a hash of the token where it has none.
///
/// Safe to keep, to log and to compare with revocations.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TokenId(Arc<str>);

impl TokenId {
    /// The id of a token with this `jti`.
    pub fn jti(jti: &str) -> Self {
        Self(format!("jti:{jti}").into())
    }

    /// The id of a token without `jti`: a digest of all of it.
    pub fn digest(hex: &str) -> Self {
        Self(format!("sha256:{hex}").into())
    }

    /// Takes back what [`TokenId::as_str`] gave, for ids that were kept.
    pub fn kept(text: &str) -> Self {
        Self(text.into())
    }

    /// `jti:…` or `sha256:…`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a verified token says, in our words. Its time, its room and its revocation are judged by [`super::decide`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Which token it was.
    pub token: TokenId,
    /// The room it opens; `None` opens any room (where the operator allows that).
    pub room: Option<RoomName>,
    /// `is_owner`.
    pub owner: bool,
    /// `knocking` or `guest`: must ask to be let in, owner or not.
    pub must_knock: bool,
    /// Who the issuer says it is.
    pub person: Person,
    /// `exp`.
    pub expires: Option<Timestamp>,
    /// `nbf`.
    pub not_before: Option<Timestamp>,
    /// `iat`.
    pub issued: Option<Timestamp>,
    /// `eject_at_token_exp`, where stated.
    pub eject_at_expiry: Option<bool>,
    /// `eject_after_elapsed`, where stated.
    pub eject_after: Option<Duration>,
}

/// Why a token gives nothing. The codes are promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenFault {
    /// Not a token, or its claims are not what they must be.
    Malformed,
    /// The signature is not by the key it names.
    BadSignature,
    /// No key of that name.
    UnknownKey,
    /// The key is for another algorithm.
    WrongAlgorithm,
    /// It opens another room.
    WrongRoom,
    /// It is of another domain.
    WrongDomain,
    /// Its time is over.
    Expired,
    /// Its time has not come.
    NotYetValid,
    /// It was taken back.
    Revoked,
    /// Two different tokens came at once.
    Ambiguous,
}

impl TokenFault {
    /// All of them, for tables and metrics.
    pub const ALL: [Self; 10] = [
        Self::Malformed,
        Self::BadSignature,
        Self::UnknownKey,
        Self::WrongAlgorithm,
        Self::WrongRoom,
        Self::WrongDomain,
        Self::Expired,
        Self::NotYetValid,
        Self::Revoked,
        Self::Ambiguous,
    ];

    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "malformed-token",
            Self::BadSignature => "bad-signature",
            Self::UnknownKey => "unknown-key",
            Self::WrongAlgorithm => "wrong-algorithm",
            Self::WrongRoom => "wrong-room",
            Self::WrongDomain => "wrong-domain",
            Self::Expired => "token-expired",
            Self::NotYetValid => "token-not-yet-valid",
            Self::Revoked => "token-revoked",
            Self::Ambiguous => "ambiguous-token",
        }
    }
}

impl fmt::Display for TokenFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// What came in `t=`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Presented<'a> {
    /// Nothing.
    Nothing,
    /// A token whose signature and form are right.
    Grant(&'a Arc<Grant>),
    /// Something that is none.
    Bad(TokenFault),
}

/// Why somebody is kept out, or has to ask, whatever they bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bar {
    /// Banned by an owner.
    Banned,
    /// Removed by an owner; may come back to the next meeting.
    Ejected,
    /// Sent back to wait: has to be let in again, whatever else would let them in.
    Back,
}

impl Bar {
    /// All of them, the gravest first.
    pub const ALL: [Self; 3] = [Self::Banned, Self::Ejected, Self::Back];

    /// The graver of two.
    #[must_use]
    pub const fn graver(self, other: Self) -> Self {
        match (self, other) {
            (Self::Banned, _) | (_, Self::Banned) => Self::Banned,
            (Self::Ejected, _) | (_, Self::Ejected) => Self::Ejected,
            (Self::Back, Self::Back) => Self::Back,
        }
    }
}

/// Someone at the door of a room.
#[derive(Clone, Copy, Debug)]
pub struct Visitor<'a> {
    /// What they brought just now.
    pub token: Presented<'a>,
    /// The token that their session was made from, if it was made from one.
    pub session: Option<&'a Arc<Grant>>,
    /// When their session entered, if they have one for this room.
    pub entered: Option<Timestamp>,
    /// Who they are, told by a proxy before us that the operator trusts for that.
    pub person: Option<&'a Arc<Person>>,
    /// Where they come from; `None` where that cannot be known for sure, and then no network rule holds.
    pub address: Option<IpAddr>,
    /// Whether an owner's word keeps them out.
    pub bar: Option<Bar>,
    /// Where their knock stands.
    pub knock: KnockState,
    /// What an owner said of whoever knocks from now on: for those who may ask, and have no knock of their own.
    pub remembered: Option<Answer>,
    /// Whether they count among those inside now.
    pub inside: bool,
}

impl Visitor<'_> {
    /// Somebody of whom nothing is known.
    pub const STRANGER: Visitor<'static> = Visitor {
        token: Presented::Nothing,
        session: None,
        entered: None,
        person: None,
        address: None,
        bar: None,
        knock: KnockState::None,
        remembered: None,
        inside: false,
    };
}
