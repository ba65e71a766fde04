//! What a room is, and the facts that guard it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::lists::List;
use super::time::Timestamp;

/// A room's name in the canonical form of the profile that made it.
///
/// Two requests are about the same room exactly when their `RoomName`s are equal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomName(Arc<str>);

/// Why a text is not a room's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameError {
    /// Nothing was there.
    Empty,
    /// More than [`RoomName::MAX`] bytes.
    TooLong,
    /// A character that no name may contain (for this profile).
    Character(char),
    /// The text is not UTF-8, or not what the profile would write itself.
    NotCanonical,
}

impl RoomName {
    /// The longest name, in bytes of UTF-8.
    pub const MAX: usize = 128;

    /// Takes a name that a profile has already brought into its canonical form: `standup`, `team meeting`, or, of a tenant,
    /// `acme/standup`.
    ///
    /// What no profile may let through is refused here once more: control characters, separators, blanks at an end or other than
    /// U+0020, more than one `/`. A profile whose names have no blank or no tenant refuses those itself.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn canonical(name: &str) -> Result<Self, NameError> {
        if name.is_empty() {
            return Err(NameError::Empty);
        }
        if name.len() > Self::MAX {
            return Err(NameError::TooLong);
        }
        let blank = |c: char| c.is_whitespace() && c != ' ';
        let bad = |c: char| c.is_control() || blank(c) || matches!(c, '\\' | '?' | '#' | '%' | '\u{feff}' | '\u{fffd}');
        if let Some(c) = name.chars().find(|c| bad(*c)) {
            return Err(NameError::Character(c));
        }
        for part in name.splitn(2, '/') {
            if part.is_empty() || part.contains('/') {
                return Err(NameError::Character('/'));
            }
            if part.starts_with(' ') || part.ends_with(' ') {
                return Err(NameError::Character(' '));
            }
            if matches!(part, "." | "..") {
                return Err(NameError::NotCanonical);
            }
        }
        Ok(Self(name.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a room name may not be empty"),
            Self::TooLong => write!(f, "a room name has at most {} bytes", RoomName::MAX),
            Self::Character(c) => write!(f, "a room name may not contain {c:?}"),
            Self::NotCanonical => f.write_str("a room name is written in one way only, and this is another"),
        }
    }
}

impl std::error::Error for NameError {}

/// Whether knowing the address is enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privacy {
    /// Whoever knows the address may enter.
    Public,
    /// Only with a token, a listing, or (with `knocking`) an owner's word.
    Private {
        /// `enable_knocking`: strangers may ask to be let in.
        knocking: bool,
    },
}

/// Who waits although they might enter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WaitingRoom {
    /// Nobody.
    #[default]
    Off,
    /// All without a valid token or a listing.
    Guests,
    /// All but owners.
    Everyone,
}

/// A room that exists, and its rules.
#[derive(Clone, Debug, PartialEq)]
pub struct Room {
    /// Its canonical name.
    pub name: RoomName,
    /// Who may come without being asked for.
    pub privacy: Privacy,
    /// Who waits all the same.
    pub waiting_room: WaitingRoom,
    /// `nbf`: nobody enters before.
    pub opens: Option<Timestamp>,
    /// `exp`: nobody enters from then on.
    pub closes: Option<Timestamp>,
    /// `eject_at_room_exp`: at `closes` those inside leave too.
    pub eject_at_close: bool,
    /// `eject_after_elapsed`: so long after entering, a participant leaves.
    pub eject_after: Option<Duration>,
    /// `max_participants`: so many may be inside at once.
    pub max_participants: Option<u32>,
    /// Whom the room lets in by who or where they are.
    pub allow: List,
    /// Who is an owner by who they are.
    pub owners: List,
}

impl Room {
    /// A room with these rules and no others.
    pub fn new(name: RoomName, privacy: Privacy) -> Self {
        Self {
            name,
            privacy,
            waiting_room: WaitingRoom::Off,
            opens: None,
            closes: None,
            eject_at_close: false,
            eject_after: None,
            max_participants: None,
            allow: List::default(),
            owners: List::default(),
        }
    }
}

/// A name that an operator keeps back by a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reserved {
    /// What the operator tells the person who asked for it.
    pub reason: Arc<str>,
    /// `allow_owners`: an owner's token opens the room all the same.
    pub allow_owners: bool,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

    use super::*;

    #[test]
    fn a_name_has_one_blank_at_a_time_and_one_tenant_at_most() {
        for name in ["standup", "Standup", "team meeting", "a  b", "b\u{fc}ro", "acme/standup", "acme/team meeting", "a.b", "...", "a/..b"]
        {
            assert_eq!(RoomName::canonical(name).unwrap().as_str(), name);
        }
        for (name, expected) in [
            ("", NameError::Empty),
            (" ", NameError::Character(' ')),
            (" a", NameError::Character(' ')),
            ("a ", NameError::Character(' ')),
            ("a/ b", NameError::Character(' ')),
            ("a /b", NameError::Character(' ')),
            ("a\tb", NameError::Character('\t')),
            ("a\u{a0}b", NameError::Character('\u{a0}')),
            ("a\u{2003}b", NameError::Character('\u{2003}')),
            ("a\u{3000}b", NameError::Character('\u{3000}')),
            ("/", NameError::Character('/')),
            ("/a", NameError::Character('/')),
            ("a/", NameError::Character('/')),
            ("a//b", NameError::Character('/')),
            ("a/b/c", NameError::Character('/')),
            ("a/b/", NameError::Character('/')),
            ("a\\b", NameError::Character('\\')),
            ("a%2fb", NameError::Character('%')),
            ("a?b", NameError::Character('?')),
            ("a#b", NameError::Character('#')),
            ("a\0b", NameError::Character('\0')),
            ("a\u{feff}", NameError::Character('\u{feff}')),
            ("a\u{fffd}", NameError::Character('\u{fffd}')),
            (".", NameError::NotCanonical),
            ("..", NameError::NotCanonical),
            ("../a", NameError::NotCanonical),
            ("a/.", NameError::NotCanonical),
        ] {
            assert_eq!(RoomName::canonical(name), Err(expected), "{name:?}");
        }
        assert!(RoomName::canonical(&"a".repeat(RoomName::MAX)).is_ok());
        assert_eq!(RoomName::canonical(&"a".repeat(RoomName::MAX + 1)), Err(NameError::TooLong));
    }
}
