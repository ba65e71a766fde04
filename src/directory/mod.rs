//! **Where rooms come from.** What is behind a name, and who says so?
//!
//! The order: an exact `[[room]]`, then `refuse` patterns, then sources in their order, then the first matching `[[room]]`
//! pattern, then `rooms.unknown`. Whatever took work to find out is kept in a bounded cache; that cache belongs to one table,
//! so that no answer from before a reload is given after it.
//!
//! [`Directory::known`] is the hot path: no I/O, no waiting. [`Directory::look_up`] finds out, once for all who wait.

mod pattern;
mod table;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use futures_util::FutureExt;
use tokio::sync::watch;

use crate::access::{Privacy, Reserved, Room, RoomName};

pub use pattern::{Letters, Pattern, PatternError};
pub use table::{Place, Table, Taken, Unheard};

use table::ByPattern;

/// `rooms.unknown`: what a name is that nobody stated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Unknown {
    /// No room.
    #[default]
    Refuse,
    /// A public room.
    Public,
    /// A private room.
    Private,
    /// A private room where one may knock.
    Knock,
}

impl Unknown {
    /// The word in the config.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Public => "public",
            Self::Private => "private",
            Self::Knock => "knock",
        }
    }

    const fn privacy(self) -> Option<Privacy> {
        match self {
            Self::Refuse => None,
            Self::Public => Some(Privacy::Public),
            Self::Private => Some(Privacy::Private { knocking: false }),
            Self::Knock => Some(Privacy::Private { knocking: true }),
        }
    }
}

/// What is known of a name.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The name that was asked for.
    pub name: RoomName,
    /// The room's rules; `None` where there is no such room.
    pub room: Option<Room>,
    /// Whether the operator keeps the name back.
    pub reserved: Option<Reserved>,
    /// Who says so.
    pub said_by: SaidBy,
}

/// Who had the last word about a name, for `explain`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SaidBy {
    /// A `[[room]]` of that name.
    Name {
        /// Where it stands.
        at: Place,
    },
    /// A `refuse` pattern.
    Reserved {
        /// As written.
        pattern: Arc<str>,
        /// Where it stands.
        at: Place,
    },
    /// A source.
    Source {
        /// Its name in the config.
        name: Arc<str>,
    },
    /// A `[[room]]` with `match`.
    Pattern {
        /// As written.
        pattern: Arc<str>,
        /// Where it stands.
        at: Place,
    },
    /// Something stated means it, but for letter case, on a server of which nobody knows whether it tells the two apart:
    /// nobody's, and refused.
    LetterCase {
        /// The stated name or pattern.
        like: Arc<str>,
        /// Where it stands.
        at: Option<Place>,
    },
    /// `rooms.unknown`.
    Unknown(Unknown),
}

impl SaidBy {
    /// Where it stands, if it stands in a file.
    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::Name { at } | Self::Reserved { at, .. } | Self::Pattern { at, .. } => Some(at),
            Self::LetterCase { at, .. } => at.as_ref(),
            Self::Source { .. } | Self::Unknown(_) => None,
        }
    }
}

impl fmt::Display for SaidBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name { at } => write!(f, "[[room]] at {at}"),
            Self::Reserved { pattern, at } => write!(f, "the refuse pattern `{pattern}` at {at}"),
            Self::Source { name } => write!(f, "the source `{name}`"),
            Self::Pattern { pattern, at } => write!(f, "the pattern `{pattern}` at {at}"),
            Self::LetterCase { like, at: Some(at) } => write!(f, "differs only in letter case from `{like}` at {at}"),
            Self::LetterCase { like, at: None } => write!(f, "differs only in letter case from `{like}`"),
            Self::Unknown(unknown) => write!(f, "rooms.unknown = \"{}\"", unknown.as_str()),
        }
    }
}

/// Somebody who knows rooms: an HTTP service, a script, what was made through the API.
#[async_trait]
pub trait Source: Send + Sync {
    /// Its name, for logs, metrics and `explain`.
    fn name(&self) -> &str;

    /// The room of that name, or that this source knows none.
    ///
    /// # Errors
    /// Where it cannot be known now. That is never an answer.
    async fn room(&self, name: &RoomName) -> Result<Option<Room>, SourceError>;
}

/// A source gave no answer.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct SourceError(pub String);

/// What is behind a name cannot be known now: 503, never "public".
#[derive(Clone, Debug, thiserror::Error)]
#[error("the source `{source_name}` gave no answer: {reason}")]
pub struct Unavailable {
    /// Which source failed.
    pub source_name: Arc<str>,
    /// How.
    pub reason: String,
}

/// Answers what is behind a name.
pub struct Directory {
    state: ArcSwap<State>,
    sources: Vec<Arc<dyn Source>>,
    news: watch::Sender<u64>,
}

/// What holds between two reloads.
struct State {
    table: Table,
    unknown: Unknown,
    found: moka::future::Cache<RoomName, Arc<Entry>>,
}

impl State {
    /// As many names are kept that took work to find. A visitor can make names up; each costs about a kilobyte here.
    const KEPT: u64 = 20_000;

    fn new(table: Table, unknown: Unknown) -> Arc<Self> {
        Arc::new(Self { table, unknown, found: moka::future::Cache::new(Self::KEPT) })
    }
}

impl Directory {
    /// A directory of what the files say.
    pub fn new(table: Table, unknown: Unknown) -> Self {
        Self { state: ArcSwap::new(State::new(table, unknown)), sources: Vec::new(), news: watch::Sender::new(0) }
    }

    /// The same with sources, asked in this order.
    pub fn with_sources(mut self, sources: Vec<Arc<dyn Source>>) -> Self {
        self.sources = sources;
        self
    }

    /// What is known without asking anybody. `None`: [`Directory::look_up`] must be asked.
    pub fn known(&self, name: &RoomName) -> Option<Arc<Entry>> {
        let state = self.state.load();
        state.table.stated(name).or_else(|| state.found.get(name).now_or_never().flatten())
    }

    /// What is behind a name. Whoever asks for the same name at the same time waits for the same answer.
    ///
    /// # Errors
    /// Where a source that has to be asked gives no answer. Nothing is kept then: the next one asks again.
    pub async fn look_up(&self, name: &RoomName) -> Result<Arc<Entry>, Unavailable> {
        loop {
            let state = self.state.load_full();
            let answer = match state.table.stated(name) {
                Some(entry) => Ok(entry),
                None => state.found.try_get_with_by_ref(name, self.find(&state, name)).await.map_err(|e| Unavailable::clone(&e)),
            };
            // An answer that belongs to a table which was replaced meanwhile is no answer any more.
            if Arc::ptr_eq(&state, &self.state.load()) {
                return answer;
            }
        }
    }

    async fn find(&self, state: &State, name: &RoomName) -> Result<Arc<Entry>, Unavailable> {
        let Some(kept) = state.table.kept_back(name) else {
            let (room, said_by) = self.open(state, name).await?;
            return Ok(Arc::new(Entry { name: name.clone(), room, reserved: None, said_by }));
        };
        // Owners who may pass need a room to enter; a name that only looks like a reserved one is nobody's.
        let room = if kept.reserved.allow_owners && kept.exactly {
            match self.open(state, name).await? {
                (None, SaidBy::LetterCase { .. }) => None,
                (room, _) => Some(room.unwrap_or_else(|| Room::new(name.clone(), Privacy::Private { knocking: false }))),
            }
        } else {
            None
        };
        Ok(Arc::new(Entry { name: name.clone(), room, reserved: Some(kept.reserved.clone()), said_by: kept.said_by }))
    }

    /// What is said of a name that is neither stated nor kept back.
    async fn open(&self, state: &State, name: &RoomName) -> Result<(Option<Room>, SaidBy), Unavailable> {
        for source in &self.sources {
            let unavailable = |e: SourceError| Unavailable { source_name: source.name().into(), reason: e.0 };
            if let Some(room) = source.room(name).await.map_err(unavailable)? {
                return Ok((Some(Room { name: name.clone(), ..room }), SaidBy::Source { name: source.name().into() }));
            }
        }
        Ok(match state.table.by_pattern(name) {
            ByPattern::Room(room, said_by) => (Some(room), said_by),
            ByPattern::LetterCase(said_by) => (None, said_by),
            ByPattern::Silent => (state.unknown.privacy().map(|p| Room::new(name.clone(), p)), SaidBy::Unknown(state.unknown)),
        })
    }

    /// From now on this holds, all at once. Who listens to [`Directory::changes`] hears of it.
    pub fn replace(&self, table: Table, unknown: Unknown) {
        self.state.store(State::new(table, unknown));
        self.news.send_modify(|n| *n = n.wrapping_add(1));
    }

    /// Tells of every [`Directory::replace`]: those inside are to be reviewed.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    /// How many rooms are stated by name.
    pub fn len(&self) -> usize {
        self.state.load().table.len()
    }

    /// Whether no room is stated by name.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Directory").field("rooms", &self.len()).field("sources", &self.sources.len()).finish_non_exhaustive()
    }
}
