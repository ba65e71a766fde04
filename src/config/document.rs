//! How is one TOML file read so that every mistake in it is found at once, each with its place?
//!
//! A section is asked for the keys it may have; what nobody asked for is unknown. So the keys that are read and the keys that
//! are accepted cannot differ, and no value is read without its place being known.

use std::cell::RefCell;
use std::ops::Range;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::access::Timestamp;
use crate::directory::Place;

use super::nearest::nearest;
use super::problem::{Lines, Notes};
use super::values::{self, what};

/// Sections and keys that other versions know.
const LATER: [&str; 8] = ["[[rooms.source]]", "[limits]", "[api]", "[[api.key]]", "[oidc]", "[dashboard]", "[dry_run]", "[dry-run]"];

/// One file: where things stand in it, and what is wrong with it.
pub(super) struct Page<'a> {
    lines: Lines<'a>,
    notes: &'a RefCell<Notes>,
}

impl<'a> Page<'a> {
    pub(super) fn new(file: &Path, text: &'a str, notes: &'a RefCell<Notes>) -> Self {
        Self { lines: Lines::of(file, text), notes }
    }

    /// The tables of the file; `None` where it is no TOML.
    pub(super) fn parse(&self, text: &'a str) -> Option<Spanned<DeTable<'a>>> {
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            self.problem(error.span().map_or(0, |s| s.start), error.message());
        }
        errors.is_empty().then_some(table)
    }

    pub(super) fn place(&self, byte: usize) -> Place {
        self.lines.place(byte)
    }

    pub(super) fn problem(&self, byte: usize, message: impl Into<String>) {
        self.notes.borrow_mut().problem(self.place(byte), message);
    }

    pub(super) fn warn(&self, byte: usize, message: impl Into<String>) {
        self.notes.borrow_mut().warn(self.place(byte), message);
    }
}

/// A value and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said<T> {
    pub(super) value: T,
    /// Its first byte in the file.
    pub(super) at: usize,
}

impl<T> Said<T> {
    fn new(value: T, span: Range<usize>) -> Self {
        Self { value, at: span.start }
    }
}

/// One table of a file. Read what it may have, then [`Section::close`] it: else unknown keys pass.
pub(super) struct Section<'a> {
    page: &'a Page<'a>,
    /// As in the file: `[server.tls]`; empty for the config itself.
    title: &'static str,
    /// Where its header stands.
    at: usize,
    table: Option<&'a DeTable<'a>>,
    asked: RefCell<Vec<&'static str>>,
}

impl<'a> Section<'a> {
    /// The file itself.
    pub(super) fn whole(page: &'a Page<'a>, title: &'static str, table: &'a DeTable<'a>) -> Self {
        Self { page, title, at: 0, table: Some(table), asked: RefCell::default() }
    }

    /// Where its header stands; where it is left out, the file's beginning.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Whether it stands in the file.
    pub(super) fn is_stated(&self) -> bool {
        self.table.is_some()
    }

    pub(super) fn problem(&self, at: usize, message: impl Into<String>) {
        self.page.problem(at, message);
    }

    pub(super) fn warn(&self, at: usize, message: impl Into<String>) {
        self.page.warn(at, message);
    }

    pub(super) fn place(&self, at: usize) -> Place {
        self.page.place(at)
    }

    fn value(&self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.asked.borrow_mut().push(key);
        self.table?.get(key)
    }

    /// Where the word of a key stands, for keys that have no business here.
    pub(super) fn key_at(&self, key: &'static str) -> Option<usize> {
        self.asked.borrow_mut().push(key);
        self.table?.get_key_value(key).map(|(k, _)| k.span().start)
    }

    /// A table below this one. Left out, it is empty.
    pub(super) fn section(&self, key: &'static str, title: &'static str) -> Section<'a> {
        let mut section = Section { page: self.page, title, at: 0, table: None, asked: RefCell::default() };
        if let Some(value) = self.value(key) {
            section.at = value.span().start;
            match value.get_ref() {
                DeValue::Table(table) => section.table = Some(table),
                other => self.problem(section.at, format!("`{key}` is a table: write it as {title} ({})", what(other))),
            }
        }
        section
    }

    /// A list of tables below this one.
    pub(super) fn sections(&self, key: &'static str, title: &'static str) -> Vec<Section<'a>> {
        let Some(value) = self.value(key) else {
            return Vec::new();
        };
        let wrong = |at: usize, found: &DeValue<'_>| {
            self.problem(at, format!("`{key}` is a list of tables: write each as {title} ({})", what(found)))
        };
        let DeValue::Array(list) = value.get_ref() else {
            wrong(value.span().start, value.get_ref());
            return Vec::new();
        };
        let mut sections = Vec::with_capacity(list.len());
        for value in list.iter() {
            match value.get_ref() {
                DeValue::Table(table) => {
                    let at = value.span().start;
                    // As many as a room may have: there may be a hundred thousand.
                    let asked = RefCell::new(Vec::with_capacity(20));
                    sections.push(Section { page: self.page, title, at, table: Some(table), asked });
                }
                other => wrong(value.span().start, other),
            }
        }
        sections
    }

    /// A text.
    pub(super) fn text(&self, key: &'static str) -> Option<Said<&'a str>> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::String(text) => Some(Said::new(text.as_ref(), value.span())),
            other => {
                self.problem(value.span().start, format!("`{key}` is a text in quotes: {}", what(other)));
                None
            }
        }
    }

    /// A text that this reads; what it says of a wrong one is the problem.
    pub(super) fn read<T, E: ToString>(&self, key: &'static str, read: impl FnOnce(&'a str) -> Result<T, E>) -> Option<Said<T>> {
        let text = self.text(key)?;
        match read(text.value) {
            Ok(value) => Some(Said { value, at: text.at }),
            Err(e) => {
                self.problem(text.at, format!("`{key}`: {}", e.to_string()));
                None
            }
        }
    }

    /// A text that may not be empty.
    pub(super) fn filled(&self, key: &'static str) -> Option<Said<&'a str>> {
        self.read(key, |text| if text.is_empty() { Err("may not be empty") } else { Ok(text) })
    }

    /// One of these words.
    pub(super) fn word<T: Copy>(&self, key: &'static str, words: &[(&'static str, T)]) -> Option<Said<T>> {
        self.read(key, |text| {
            words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value).ok_or_else(|| {
                let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
                format!("unknown word `{text}`: write {}", one_of(&all))
            })
        })
    }

    /// `true` or `false`.
    pub(super) fn flag(&self, key: &'static str) -> Option<Said<bool>> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::Boolean(flag) => Some(Said::new(*flag, value.span())),
            other => {
                self.problem(value.span().start, format!("`{key}` is true or false, without quotes: {}", what(other)));
                None
            }
        }
    }

    /// A whole number from 1.
    pub(super) fn count(&self, key: &'static str) -> Option<Said<u32>> {
        let value = self.value(key)?;
        match values::integer(value.get_ref()).and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0) {
            Some(n) => Some(Said::new(n, value.span())),
            None => {
                self.problem(value.span().start, format!("`{key}` is a whole number from 1 to {}", u32::MAX));
                None
            }
        }
    }

    /// Numbers of ports, 1 to 65535. `None` where the key is not there.
    pub(super) fn ports(&self, key: &'static str) -> Option<Vec<u16>> {
        let value = self.value(key)?;
        let wrong = |at: usize| self.problem(at, format!("`{key}` is a list of ports, each a whole number from 1 to 65535: [5222, 5280]"));
        let DeValue::Array(list) = value.get_ref() else {
            wrong(value.span().start);
            return None;
        };
        let mut ports = Vec::with_capacity(list.len());
        for item in list.iter() {
            match values::integer(item.get_ref()).and_then(|n| u16::try_from(n).ok()).filter(|n| *n > 0) {
                Some(port) if ports.contains(&port) => self.problem(item.span().start, format!("`{key}`: {port} is there twice")),
                Some(port) => ports.push(port),
                None => wrong(item.span().start),
            }
        }
        Some(ports)
    }

    /// A span of time within these limits.
    pub(super) fn duration(&self, key: &'static str, limits: std::ops::RangeInclusive<Duration>) -> Option<Said<Duration>> {
        let value = self.value(key)?;
        let at = value.span().start;
        let read = match value.get_ref() {
            DeValue::String(text) => values::duration(text),
            other => Err(format!("a span of time is written 30s, 5m, 12h or 1d, in quotes: {}", what(other))),
        };
        let read = read.and_then(|d| {
            if limits.contains(&d) {
                Ok(d)
            } else {
                Err(format!("write something from {} to {}", in_words(*limits.start()), in_words(*limits.end())))
            }
        });
        match read {
            Ok(value) => Some(Said { value, at }),
            Err(message) => {
                self.problem(at, format!("`{key}`: {message}"));
                None
            }
        }
    }

    /// A TOML time with its zone, or Unix seconds.
    pub(super) fn moment(&self, key: &'static str) -> Option<Said<Timestamp>> {
        let value = self.value(key)?;
        match values::moment(value.get_ref()) {
            Ok(moment) => Some(Said::new(moment, value.span())),
            Err(message) => {
                self.problem(value.span().start, format!("`{key}`: {message}"));
                None
            }
        }
    }

    /// One text, or a list of them. `None` where the key is not there.
    pub(super) fn texts(&self, key: &'static str) -> Option<Vec<Said<&'a str>>> {
        let value = self.value(key)?;
        let wrong =
            |at: usize, found: &DeValue<'_>| self.problem(at, format!("`{key}` is a text in quotes, or a list of them: {}", what(found)));
        match value.get_ref() {
            DeValue::String(text) => Some(vec![Said::new(text.as_ref(), value.span())]),
            DeValue::Array(list) => {
                let mut texts = Vec::with_capacity(list.len());
                for item in list.iter() {
                    match item.get_ref() {
                        DeValue::String(text) => texts.push(Said::new(text.as_ref(), item.span())),
                        other => wrong(item.span().start, other),
                    }
                }
                Some(texts)
            }
            other => {
                wrong(value.span().start, other);
                None
            }
        }
    }

    /// The same, each read; wrong ones are problems and left out.
    pub(super) fn list<T, E: ToString>(&self, key: &'static str, read: impl Fn(&'a str) -> Result<T, E>) -> Vec<Said<T>> {
        let mut list = Vec::new();
        for text in self.texts(key).unwrap_or_default() {
            match read(text.value) {
                Ok(value) => list.push(Said { value, at: text.at }),
                Err(e) => self.problem(text.at, format!("`{key}`: {}", e.to_string())),
            }
        }
        list
    }

    /// The same by [`FromStr`].
    pub(super) fn parsed<T: FromStr<Err: ToString>>(&self, key: &'static str) -> Vec<Said<T>> {
        self.list(key, str::parse)
    }

    /// Says that a key is missing.
    pub(super) fn missing(&self, key: &'static str, example: &str) {
        let stated = if self.is_stated() { "" } else { ", and so is the section" };
        self.problem(self.at, format!("`{key}` is missing in {}{stated}: write {example}", self.title));
    }

    /// Whatever nobody asked for is unknown.
    pub(super) fn close(&self) {
        let asked = self.asked.borrow();
        for (key, value) in self.table.into_iter().flatten() {
            let key_text = key.get_ref().as_ref();
            if asked.contains(&key_text) {
                continue;
            }
            let title = self.title.trim_matches(['[', ']']);
            let dotted = if title.is_empty() { key_text.to_owned() } else { format!("{title}.{key_text}") };
            if let Some(later) = LATER.iter().find(|l| l.trim_matches(['[', ']']) == dotted) {
                self.problem(key.span().start, format!("{later} is not supported by this version"));
                continue;
            }
            let section = matches!(value.get_ref(), DeValue::Table(_))
                || matches!(value.get_ref(), DeValue::Array(a) if a.iter().any(|v| matches!(v.get_ref(), DeValue::Table(_))));
            let what = if section { "section" } else { "key" };
            let place = if title.is_empty() { String::new() } else { format!(" in {}", self.title) };
            let instead = match nearest(key_text, asked.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None if asked.is_empty() => "nothing can be stated here".to_owned(),
                None => {
                    let mut known = asked.clone();
                    known.sort_unstable();
                    known.dedup();
                    format!("write {}", one_of(&known))
                }
            };
            self.problem(key.span().start, format!("unknown {what} `{key_text}`{place}: {instead}"));
        }
    }
}

/// `a`, `a or b`, `a, b or c`.
pub(super) fn one_of(words: &[&str]) -> String {
    match words.split_last() {
        None => String::new(),
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
    }
}

fn in_words(d: Duration) -> String {
    let seconds = d.as_secs();
    let unit = [(86_400, 'd'), (3_600, 'h'), (60, 'm')].into_iter().find(|(unit, _)| seconds > 0 && seconds.checked_rem(*unit) == Some(0));
    unit.map_or_else(|| format!("{seconds}s"), |(unit, letter)| format!("{}{letter}", seconds.checked_div(unit).unwrap_or(0)))
}
