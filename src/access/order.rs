//! Who decides about others, and through what?

use std::sync::Arc;

use super::knock::Answer;
use super::time::Timestamp;

/// Through what an order came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Through {
    /// The console at the door.
    Door,
    /// The small window in the meeting page.
    Overlay,
    /// The API.
    Api,
    /// The meeting itself: a moderator's kick or ban there.
    Meeting,
    /// What an owner said before of whoever knocks.
    Choice,
    /// The command line.
    Command,
    /// Nobody: its time was over.
    Time,
}

impl Through {
    /// All of them.
    pub const ALL: [Self; 7] = [Self::Door, Self::Overlay, Self::Api, Self::Meeting, Self::Choice, Self::Command, Self::Time];

    /// The stable word.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Door => "door",
            Self::Overlay => "overlay",
            Self::Api => "api",
            Self::Meeting => "meeting",
            Self::Choice => "choice",
            Self::Command => "command",
            Self::Time => "time",
        }
    }

    /// What [`Through::code`] wrote.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.code() == code)
    }
}

/// Whose order it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct By {
    /// How they are called.
    pub name: Arc<str>,
    /// Through what they gave it.
    pub through: Through,
}

impl By {
    /// By somebody who is called so, through this.
    pub fn new(name: &str, through: Through) -> Self {
        Self { name: name.into(), through }
    }
}

/// An owner's answer to everybody who knocks from now on, until the meeting ends or an owner changes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// What everybody is told.
    pub answer: Answer,
    /// Whose word it is.
    pub by: By,
    /// Since when.
    pub at: Timestamp,
}
