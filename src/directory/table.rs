//! What did the operator state about rooms?

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use crate::access::{Reserved, Room, RoomName};
use crate::profile::LetterCase;

use super::pattern::{Letters, Pattern, fold};
use super::{Entry, SaidBy};

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Which file, as the operator would name it.
    pub file: Arc<Path>,
    /// Its line, from 1; 0 where the file as a whole is meant.
    pub line: u32,
    /// The character in that line, from 1.
    pub column: u32,
}

impl Place {
    /// A file as a whole.
    pub fn whole(file: &Path) -> Self {
        Self { file: file.into(), line: 0, column: 0 }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        Ok(())
    }
}

/// All `[[room]]` tables, as they are asked: by name at the cost of one look, by pattern in the order of the files.
#[derive(Clone, Debug)]
pub struct Table {
    letter_case: LetterCase,
    /// By name; where letter case is unsure, by folded name.
    rooms: HashMap<Box<str>, Arc<Entry>>,
    reserved: Vec<ReservedNames>,
    patterns: Vec<RoomPattern>,
}

#[derive(Clone, Debug)]
struct ReservedNames {
    pattern: Pattern,
    except: Vec<Pattern>,
    reserved: Reserved,
    at: Place,
}

#[derive(Clone, Debug)]
struct RoomPattern {
    pattern: Pattern,
    rules: Room,
    at: Place,
}

/// The name is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The name as stated first.
    pub name: RoomName,
    /// Where.
    pub at: Place,
}

/// What the patterns say of a name.
pub(super) enum ByPattern {
    /// The first that means it.
    Room(Room, SaidBy),
    /// The first that would, if it were not for letter case.
    LetterCase(SaidBy),
    /// Nothing.
    Silent,
}

/// A name that is kept back.
pub(super) struct KeptBack<'a> {
    pub(super) reserved: &'a Reserved,
    pub(super) said_by: SaidBy,
    /// Whether the pattern means it letter for letter.
    pub(super) exactly: bool,
}

impl Table {
    /// A table that says nothing.
    pub fn new(letter_case: LetterCase) -> Self {
        Self { letter_case, rooms: HashMap::new(), reserved: Vec::new(), patterns: Vec::new() }
    }

    /// States a room by its name.
    ///
    /// # Errors
    /// Where that name is stated already, or, on a server of which the letter case is not known, one like it.
    pub fn state(&mut self, room: Room, at: Place) -> Result<(), Taken> {
        let name = room.name.clone();
        match self.rooms.entry(key(self.letter_case, name.as_str()).into()) {
            Slot::Vacant(slot) => {
                slot.insert(Arc::new(Entry { name, room: Some(room), reserved: None, said_by: SaidBy::Name { at } }));
                Ok(())
            }
            Slot::Occupied(slot) => {
                let first = slot.get();
                let at = first.said_by.place().cloned().unwrap_or(at);
                Err(Taken { name: first.name.clone(), at })
            }
        }
    }

    /// Keeps back all names of a pattern but those of `except`.
    ///
    /// # Errors
    /// Where an earlier pattern without exceptions keeps all of them back: this is never asked. It is added all the same.
    pub fn reserve(&mut self, pattern: Pattern, except: Vec<Pattern>, reserved: Reserved, at: Place) -> Result<(), Unheard> {
        let unheard = self.kept_back_before(&pattern, |_| true);
        self.reserved.push(ReservedNames { pattern, except, reserved, at });
        unheard.map_or(Ok(()), Err)
    }

    /// States rooms by a pattern. The name in `rules` is replaced by the one that was asked for.
    ///
    /// # Errors
    /// Where earlier patterns leave nothing for this one. It is added all the same.
    pub fn pattern(&mut self, pattern: Pattern, rules: Room, at: Place) -> Result<(), Unheard> {
        let earlier = self.patterns.iter().find(|p| p.pattern.covers(&pattern));
        let unheard = earlier.map(|p| Unheard { by: p.pattern.as_str().into(), at: p.at.clone() });
        let unheard = unheard.or_else(|| self.kept_back_before(&pattern, |r| !r.allow_owners));
        self.patterns.push(RoomPattern { pattern, rules, at });
        unheard.map_or(Ok(()), Err)
    }

    fn kept_back_before(&self, pattern: &Pattern, which: impl Fn(&Reserved) -> bool) -> Option<Unheard> {
        let all = |r: &&ReservedNames| r.except.is_empty() && which(&r.reserved) && r.pattern.covers(pattern);
        self.reserved.iter().find(all).map(|r| Unheard { by: r.pattern.as_str().into(), at: r.at.clone() })
    }

    /// How many rooms are stated by name.
    pub fn len(&self) -> usize {
        self.rooms.len()
    }

    /// Whether nothing at all is stated.
    pub fn is_empty(&self) -> bool {
        self.rooms.is_empty() && self.reserved.is_empty() && self.patterns.is_empty()
    }

    /// What a `[[room]]` of that name says: the room, or that the name equals another but for letter case.
    pub(super) fn stated(&self, name: &RoomName) -> Option<Arc<Entry>> {
        let entry = self.rooms.get(key(self.letter_case, name.as_str()).as_ref())?;
        if entry.name == *name {
            return Some(entry.clone());
        }
        let at = entry.said_by.place().cloned();
        let said_by = SaidBy::LetterCase { like: entry.name.as_str().into(), at };
        Some(Arc::new(Entry { name: name.clone(), room: None, reserved: None, said_by }))
    }

    /// Whether the name is kept back. A stranger must not get round it by writing `ADMIN`.
    pub(super) fn kept_back(&self, name: &RoomName) -> Option<KeptBack<'_>> {
        if self.reserved.is_empty() {
            return None;
        }
        let name = Letters::of(name.as_str());
        let meant = |r: &&ReservedNames| match self.letter_case {
            LetterCase::Distinct => r.pattern.matches(&name),
            LetterCase::Unsure => r.pattern.matches_loosely(&name),
        };
        let said = self.reserved.iter().filter(meant).find(|r| !r.except.iter().any(|e| e.matches(&name)))?;
        let said_by = SaidBy::Reserved { pattern: said.pattern.as_str().into(), at: said.at.clone() };
        Some(KeptBack { reserved: &said.reserved, said_by, exactly: said.pattern.matches(&name) })
    }

    /// What the first pattern says that means this name.
    pub(super) fn by_pattern(&self, name: &RoomName) -> ByPattern {
        let letters = Letters::of(name.as_str());
        for said in &self.patterns {
            if said.pattern.matches(&letters) {
                let said_by = SaidBy::Pattern { pattern: said.pattern.as_str().into(), at: said.at.clone() };
                return ByPattern::Room(Room { name: name.clone(), ..said.rules.clone() }, said_by);
            }
            if self.letter_case == LetterCase::Unsure && said.pattern.matches_loosely(&letters) {
                return ByPattern::LetterCase(SaidBy::LetterCase { like: said.pattern.as_str().into(), at: Some(said.at.clone()) });
            }
        }
        ByPattern::Silent
    }
}

/// An earlier pattern is broader: this one never gets a word in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unheard {
    /// The broader pattern.
    pub by: Arc<str>,
    /// Where it stands.
    pub at: Place,
}

fn key(letter_case: LetterCase, name: &str) -> Cow<'_, str> {
    match letter_case {
        LetterCase::Distinct => Cow::Borrowed(name),
        LetterCase::Unsure => fold(name),
    }
}
