//! What becomes of a request to be let in.

use std::fmt;
use std::sync::Arc;

use super::room::RoomName;
use super::time::Timestamp;

/// A 128-bit random identifier, written as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(u128);

impl Id {
    /// From 16 random bytes.
    pub const fn new(random: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(random))
    }

    /// The 16 bytes.
    pub const fn bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// Reads what `Display` wrote, and nothing else.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if plain { u128::from_str_radix(text, 16).ok().map(Self) } else { None }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// Where a visitor's knock at this room stands, in this meeting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum KnockState {
    /// Has not knocked, or left.
    #[default]
    None,
    /// Waits for an answer.
    Waiting,
    /// Was let in.
    Granted,
    /// Was told no.
    Denied,
}

impl KnockState {
    /// The same once an owner has said what holds for whoever knocks from now on: whoever has a knock of their own is judged by
    /// that.
    #[must_use]
    pub const fn or(self, remembered: Option<Answer>) -> Self {
        match (self, remembered) {
            (Self::None, Some(Answer::Allow)) => Self::Granted,
            (Self::None, Some(Answer::Deny)) => Self::Denied,
            (Self::None, None) => Self::None,
            (Self::Waiting | Self::Granted | Self::Denied, _) => self,
        }
    }
}

/// What an owner says to a knock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// Come in.
    Allow,
    /// No.
    Deny,
}

/// One visitor's request to be let into one room. One per visitor and room: a second knock renews the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Knock {
    /// Random; owners name the knock by it.
    pub id: Id,
    /// Which room.
    pub room: RoomName,
    /// Which browser (the visitor cookie); never shown to anyone.
    pub visitor: Id,
    /// What the visitor calls themself: text that nobody vouches for. Already cleaned by [`display_name`].
    pub name: Arc<str>,
    /// What they say with it, if anything: cleaned by [`message`].
    pub message: Option<Arc<str>>,
    /// Grows whenever the visitor changes what an owner sees; an answer names the version that was seen.
    pub version: u32,
    /// Where it stands.
    pub state: KnockState,
    /// They were inside, and an owner sent them back to wait.
    pub moved_back: bool,
    /// When it was first made.
    pub at: Timestamp,
    /// When it was answered, and by whom (how the owner is called).
    pub answered: Option<(Timestamp, Arc<str>)>,
}

/// Why an answer does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// The visitor has left, or never knocked.
    Gone,
    /// Somebody else answered first: this is how.
    Answered(Answer),
    /// The visitor has changed their name since; this is the version now.
    Changed(u32),
}

impl Knock {
    /// The knock once an owner has answered the version they saw.
    ///
    /// The same answer twice is no conflict: the first one stands.
    pub fn answer(&self, answer: Answer, seen: u32, by: &str, at: Timestamp) -> Result<Self, Conflict> {
        match self.state {
            KnockState::None => Err(Conflict::Gone),
            KnockState::Granted if answer == Answer::Allow => Ok(self.clone()),
            KnockState::Denied if answer == Answer::Deny => Ok(self.clone()),
            KnockState::Granted => Err(Conflict::Answered(Answer::Allow)),
            KnockState::Denied => Err(Conflict::Answered(Answer::Deny)),
            KnockState::Waiting if seen != self.version => Err(Conflict::Changed(self.version)),
            KnockState::Waiting => Ok(Self {
                state: match answer {
                    Answer::Allow => KnockState::Granted,
                    Answer::Deny => KnockState::Denied,
                },
                moved_back: false,
                answered: Some((at, by.into())),
                ..self.clone()
            }),
        }
    }

    /// The knock after the visitor knocks again: a new name or message is a new version, a denied or withdrawn one waits anew.
    pub fn again(&self, name: &str, message: Option<&str>, at: Timestamp) -> Self {
        let changed = *self.name != *name || self.message.as_deref() != message;
        let version = if changed { self.version.saturating_add(1) } else { self.version };
        let (name, message) = (name.into(), message.map(Arc::from));
        match self.state {
            KnockState::Granted => self.clone(),
            KnockState::Waiting => Self { name, message, version, ..self.clone() },
            KnockState::None | KnockState::Denied => Self {
                name,
                message,
                version: self.version.saturating_add(1),
                state: KnockState::Waiting,
                at,
                answered: None,
                ..self.clone()
            },
        }
    }

    /// The knock once the visitor has given up. An answered one stays answered.
    pub fn leave(&self) -> Self {
        match self.state {
            KnockState::Waiting => Self { state: KnockState::None, ..self.clone() },
            KnockState::None | KnockState::Granted | KnockState::Denied => self.clone(),
        }
    }

    /// Whether it was granted before this moment.
    pub fn is_granted_before(&self, moment: Timestamp) -> bool {
        self.state == KnockState::Granted && self.answered.as_ref().is_some_and(|(at, _)| *at < moment)
    }

    /// The knock of someone who was inside and is asked to wait again.
    pub fn back(&self, at: Timestamp) -> Self {
        let version = self.version.saturating_add(1);
        Self { state: KnockState::Waiting, moved_back: true, version, at, answered: None, ..self.clone() }
    }
}

/// The longest name a visitor may give, in characters.
pub const NAME_MAX: usize = 64;

/// A visitor's name as everybody will see it, or `None` where nothing is left of it.
///
/// Control and invisible characters go, and so do those that turn the direction of text: a name must not be able to
/// repaint the line it stands in. Blanks become single spaces.
pub fn display_name(given: &str) -> Option<String> {
    clean(given, NAME_MAX)
}

/// The longest message that goes with a knock, in characters.
pub const MESSAGE_MAX: usize = 280;

/// What a visitor says with a knock, cleaned like a name; `None` where nothing is left of it.
pub fn message(given: &str) -> Option<String> {
    clean(given, MESSAGE_MAX)
}

fn clean(given: &str, max: usize) -> Option<String> {
    let invisible = |c: char| {
        matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{ffff}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
            | '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}')
    };
    let kept: String = given.chars().filter(|c| c.is_whitespace() || !(c.is_control() || invisible(*c))).collect();
    let words = kept.split_whitespace().collect::<Vec<_>>().join(" ");
    let text: String = words.chars().take(max).collect();
    let text = text.trim_end();
    if text.is_empty() { None } else { Some(text.to_owned()) }
}
