//! Which tokens were taken back.

use std::collections::HashSet;
use std::str::FromStr;

use super::room::RoomName;
use super::time::Timestamp;
use super::visitor::{Grant, TokenId};

/// One order to take tokens back: `jti:…`, `user:…`, `room:…` or `before:TIME`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Revocation {
    /// The token of this `jti` (or digest: `sha256:…`).
    Token(TokenId),
    /// All tokens of this `user_id`.
    User(String),
    /// All tokens that name this room, written in its canonical form.
    Room(String),
    /// All tokens issued before this moment, and those that do not say when they were.
    Before(Timestamp),
}

/// All orders in force.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Revocations {
    tokens: HashSet<TokenId>,
    users: HashSet<String>,
    rooms: HashSet<String>,
    before: Option<Timestamp>,
}

impl Revocations {
    /// Adds an order. The latest `before` counts.
    pub fn add(&mut self, order: Revocation) {
        match order {
            Revocation::Token(id) => drop(self.tokens.insert(id)),
            Revocation::User(user) => drop(self.users.insert(user)),
            Revocation::Room(room) => drop(self.rooms.insert(room)),
            Revocation::Before(at) => self.before = self.before.max(Some(at)),
        }
    }

    /// Whether this token was taken back.
    pub fn revoke(&self, grant: &Grant) -> bool {
        self.names(&grant.token, grant.person.user.as_deref(), grant.room.as_ref(), grant.issued)
    }

    /// The same for a token of which only this is known any more.
    pub fn names(&self, token: &TokenId, user: Option<&str>, room: Option<&RoomName>, issued: Option<Timestamp>) -> bool {
        self.tokens.contains(token)
            || user.is_some_and(|u| self.users.contains(u))
            || room.is_some_and(|r| self.rooms.contains(r.as_str()))
            || self.before.is_some_and(|before| issued.is_none_or(|at| at < before))
    }
}

impl FromIterator<Revocation> for Revocations {
    fn from_iter<I: IntoIterator<Item = Revocation>>(orders: I) -> Self {
        let mut all = Self::default();
        orders.into_iter().for_each(|o| all.add(o));
        all
    }
}

impl FromStr for Revocation {
    type Err = String;

    /// TIME is Unix seconds here; callers turn other spellings into that first.
    fn from_str(line: &str) -> Result<Self, String> {
        let (kind, value) = line.split_once(':').unwrap_or((line, ""));
        if value.is_empty() || value.chars().any(char::is_control) {
            return Err(format!("`{line}` is not a revocation: write jti:…, user:…, room:… or before:TIME"));
        }
        match kind {
            "jti" => Ok(Self::Token(TokenId::jti(value))),
            "sha256" => Ok(Self::Token(TokenId::digest(value))),
            "user" => Ok(Self::User(value.to_owned())),
            "room" => Ok(Self::Room(value.to_owned())),
            "before" => match value.parse() {
                Ok(secs) => Ok(Self::Before(Timestamp::from_secs(secs))),
                Err(_) => Err(format!("`{line}`: TIME is Unix seconds or 2026-12-01T09:00:00Z")),
            },
            _ => Err(format!("`{line}` is not a revocation: write jti:…, user:…, room:… or before:TIME")),
        }
    }
}

impl std::fmt::Display for Revocation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Token(id) => f.write_str(id.as_str()),
            Self::User(user) => write!(f, "user:{user}"),
            Self::Room(room) => write!(f, "room:{room}"),
            Self::Before(at) => write!(f, "before:{}", at.as_secs()),
        }
    }
}
