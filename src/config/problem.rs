//! What is wrong, and where?

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use crate::directory::Place;

/// Something that keeps a config from being used. Shown as `roomgate.toml:12:5: what is wrong: what would be right`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where.
    pub at: Place,
    /// What, and what would be right.
    pub message: String,
}

/// Something that works and may not be meant. Shown like a [`Problem`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Warning {
    /// Where.
    pub at: Place,
    /// What, and what follows from it.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.message)
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.message)
    }
}

/// Gathers all of them, so that nobody has to mend one to hear of the next.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<Warning>,
}

impl Notes {
    pub(super) fn problem(&mut self, at: Place, message: impl Into<String>) {
        self.problems.push(Problem { at, message: message.into() });
    }

    pub(super) fn warn(&mut self, at: Place, message: impl Into<String>) {
        self.warnings.push(Warning { at, message: message.into() });
    }
}

/// Finds line and column of a place in a text.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    file: Arc<Path>,
    text: &'a str,
    /// Where each line begins.
    begins: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(super) fn of(file: &Path, text: &'a str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, b)| *b == b'\n');
        let begins = std::iter::once(0).chain(ends.map(|(i, _)| i.saturating_add(1))).collect();
        Self { file: file.into(), text, begins }
    }

    /// The place of this byte. Columns count characters.
    pub(super) fn place(&self, byte: usize) -> Place {
        let line = self.begins.partition_point(|b| *b <= byte);
        let begin = self.begins.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let before = self.text.get(begin..byte).map_or(0, |s| s.chars().count());
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Place { file: self.file.clone(), line: number(line), column: number(before.saturating_add(1)) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

    use super::*;

    #[test]
    fn a_place_counts_lines_and_characters_from_one() {
        let text = "a = 1\r\nß = ä\n\nend";
        let lines = Lines::of(Path::new("x.toml"), text);
        let at = |needle: &str| lines.place(text.find(needle).unwrap()).to_string();
        assert_eq!(at("a"), "x.toml:1:1");
        assert_eq!(at("1"), "x.toml:1:5");
        assert_eq!(at("ä"), "x.toml:2:5");
        assert_eq!(at("end"), "x.toml:4:1");
        assert_eq!(lines.place(text.len()).to_string(), "x.toml:4:4");
        assert_eq!(Place::whole(Path::new("x.toml")).to_string(), "x.toml");
    }
}
