//! `[rooms]` and `[[room]]`: which rooms are there, and what are their rules?

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::access::{Listed, Privacy, Reserved, Room, RoomName, WaitingRoom};
use crate::directory::{Letters, Pattern, Place, Table, Unknown};
use crate::profile::Profile;

use super::Rooms;
use super::document::{Page, Said, Section};
use super::file::Desk;
use super::secrets::shown;

/// What a room may say of itself; of no use beside `refuse`.
const RULES: [&str; 10] = [
    "privacy",
    "enable_knocking",
    "waiting_room",
    "nbf",
    "exp",
    "eject_at_room_exp",
    "eject_after_elapsed",
    "max_participants",
    "allow",
    "owners",
];

/// The longest reason that a refused person is shown, in characters.
const REASON: usize = 500;

/// Reads `[[room]]` tables, file after file.
pub(super) struct RoomReader<'p> {
    profile: &'p Profile,
    table: Table,
    /// Where the first network stands in an `allow`.
    network: Cell<Option<Place>>,
}

impl<'p> RoomReader<'p> {
    pub(super) fn new(profile: &'p Profile) -> Self {
        Self { profile, table: Table::new(profile.letter_case()), network: Cell::new(None) }
    }

    pub(super) fn add_all(&mut self, file: &Section<'_>) {
        for section in file.sections("room", "[[room]]") {
            self.add(&section);
            section.close();
        }
    }

    fn add(&mut self, section: &Section<'_>) {
        let at = section.place(section.at());
        match (section.key_at("name"), section.key_at("match")) {
            (Some(_), None) => self.add_named(section, at),
            (None, Some(_)) => self.add_pattern(section, at),
            (Some(_), Some(both)) => section.problem(both, "`match` beside `name`: a room has one of them"),
            (None, None) => {
                section.problem(section.at(), "a room has `name = \"standup\"`, or `match = \"team-*\"` for all names like that")
            }
        }
    }

    fn add_named(&mut self, section: &Section<'_>, at: Place) {
        let name = section.read("name", |text| {
            let hint = if text.contains('*') { ": a pattern is written with `match` instead" } else { "" };
            self.profile.room_name(text).map_err(|e| format!("{e}{hint}"))
        });
        if let Some(refuse) = section.key_at("refuse") {
            section.problem(refuse, "`refuse` goes with `match`: a pattern without `*` means one name");
        }
        self.without_refuse(section);
        // The rules are read in any case: what is wrong with them is told now.
        let placeholder = name.as_ref().map(|n| n.value.clone()).or_else(|| RoomName::canonical("x").ok());
        let Some(room) = placeholder.map(|name| self.rules(section, name)) else {
            return;
        };
        let Some(name) = name else {
            return;
        };
        if let Err(taken) = self.table.state(room, at) {
            let message = if taken.name == name.value {
                format!("room `{}` is stated already, at {}", name.value, taken.at)
            } else {
                format!(
                    "room `{}` differs only in letter case from `{}` at {}: the server may take them for one",
                    name.value, taken.name, taken.at
                )
            };
            section.problem(name.at, message);
        }
    }

    fn add_pattern(&mut self, section: &Section<'_>, at: Place) {
        let pattern = section.read("match", |text| self.pattern(text));
        let (Some(placeholder), Some(refused)) = (RoomName::canonical("x").ok(), Some(section.key_at("refuse").is_some())) else {
            return;
        };
        let added = if refused {
            let reserved = self.reserved(section);
            match (&pattern, reserved) {
                (Some(pattern), Some((except, reserved))) => {
                    for except in &except {
                        if !pattern.value.matches(&Letters::of(&except.value.sample())) {
                            section.warn(except.at, format!("`except`: `{}` is nothing that `{}` means", except.value, pattern.value));
                        }
                    }
                    self.table.reserve(pattern.value.clone(), except.into_iter().map(|e| e.value).collect(), reserved, at)
                }
                _ => return,
            }
        } else {
            self.without_refuse(section);
            let rules = self.rules(section, placeholder);
            match &pattern {
                Some(pattern) => self.table.pattern(pattern.value.clone(), rules, at),
                None => return,
            }
        };
        if let (Err(unheard), Some(pattern)) = (added, pattern) {
            section.warn(
                pattern.at,
                format!("`match`: `{}` is never asked: `{}` at {} comes first and means all of it", pattern.value, unheard.by, unheard.at),
            );
        }
    }

    fn pattern(&self, text: &str) -> Result<Pattern, String> {
        room_pattern(self.profile, text)
    }

    fn reserved(&self, section: &Section<'_>) -> Option<(Vec<Said<Pattern>>, Reserved)> {
        let except = section.list("except", |text| self.pattern(text));
        let allow_owners = section.flag("allow_owners").is_some_and(|f| f.value);
        for rule in RULES {
            if let Some(at) = section.key_at(rule) {
                section.problem(at, format!("`{rule}` has no use beside `refuse`: whoever asks for such a name is refused"));
            }
        }
        let reason = section.read("refuse", |text| {
            if text.trim().is_empty() || text.chars().any(char::is_control) {
                Err("write a sentence for the person who is refused".to_owned())
            } else if text.chars().count() > REASON {
                Err(format!("at most {REASON} characters"))
            } else {
                Ok(text.to_owned())
            }
        })?;
        Some((except, Reserved { reason: reason.value.into(), allow_owners }))
    }

    fn without_refuse(&self, section: &Section<'_>) {
        for key in ["except", "allow_owners"] {
            if let Some(at) = section.key_at(key) {
                section.problem(at, format!("`{key}` goes with `refuse`, and there is none here"));
            }
        }
        section.key_at("refuse");
    }

    fn rules(&self, section: &Section<'_>, name: RoomName) -> Room {
        let private = section.word("privacy", &[("public", false), ("private", true)]).is_some_and(|p| p.value);
        let knocking = section.flag("enable_knocking");
        let privacy = if private { Privacy::Private { knocking: knocking.is_some_and(|k| k.value) } } else { Privacy::Public };
        let words = [("off", WaitingRoom::Off), ("guests", WaitingRoom::Guests), ("everyone", WaitingRoom::Everyone)];
        let waiting_room = section.word("waiting_room", &words).map(|w| w.value).unwrap_or_default();
        let (opens, closes) = (section.moment("nbf"), section.moment("exp"));
        let eject_at_close = section.flag("eject_at_room_exp");
        let allow = section.parsed::<Listed>("allow");
        let owners = section.parsed::<Listed>("owners");

        if let Some(knocking) = knocking.filter(|k| k.value && !private && waiting_room == WaitingRoom::Off) {
            section.warn(knocking.at, "`enable_knocking` on a public room: nobody needs to knock there: add privacy = \"private\"");
        }
        if let (Some(opens), Some(closes)) = (&opens, &closes)
            && opens.value >= closes.value
        {
            section.problem(closes.at, "`exp` is not after `nbf`: the room would never be open");
        }
        if let Some(eject) = eject_at_close.filter(|e| e.value && section.key_at("exp").is_none()) {
            section.warn(eject.at, "`eject_at_room_exp` without `exp`: nobody is ever sent out by it");
        }
        if let Some(first) = allow.first()
            && !private
            && waiting_room == WaitingRoom::Off
        {
            section.warn(first.at, "`allow` on a public room: everybody is let in anyway: add privacy = \"private\"");
        }
        for owner in &owners {
            if matches!(owner.value, Listed::Network(_)) {
                section.problem(owner.at, "`owners`: a network is nobody: name people, or put it into `allow`");
            }
        }
        if let Some(network) = allow.iter().find(|l| matches!(l.value, Listed::Network(_))) {
            let first = self.network.take().unwrap_or_else(|| section.place(network.at));
            self.network.set(Some(first));
        }
        Room {
            waiting_room,
            opens: opens.map(|o| o.value),
            closes: closes.map(|c| c.value),
            eject_at_close: eject_at_close.is_some_and(|e| e.value),
            eject_after: section
                .duration("eject_after_elapsed", Duration::from_secs(1)..=Duration::from_secs(365 * 86_400))
                .map(|d| d.value),
            max_participants: section.count("max_participants").map(|m| m.value),
            allow: allow.into_iter().map(|l| l.value).collect::<Vec<_>>().into(),
            owners: owners.into_iter().map(|l| l.value).collect::<Vec<_>>().into(),
            ..Room::new(name, privacy)
        }
    }
}

/// A pattern that means names which are possible with this kind of server.
pub(super) fn room_pattern(profile: &Profile, text: &str) -> Result<Pattern, String> {
    let pattern = Pattern::new(text).map_err(|e| e.to_string())?;
    match profile.room_name(&pattern.sample()) {
        // A pattern is held against names as they are kept: in other letters it would mean none, and reserve none.
        Ok(name) if name.as_str() != pattern.sample() => {
            Err(format!("`{text}` means no possible name: one like `{}` is kept as `{name}` here", pattern.sample()))
        }
        Ok(_) => Ok(pattern),
        Err(e) => Err(format!("`{text}` means no possible name: {e}")),
    }
}

impl Desk<'_> {
    /// `[rooms]`, all `[[room]]` tables of the config itself, and those of the files it names. Also tells where the first
    /// network stands in an `allow`.
    pub(super) fn rooms(&self, whole: &Section<'_>, section: &Section<'_>, profile: &Profile) -> (Rooms, Option<Place>) {
        let unknown = [Unknown::Refuse, Unknown::Public, Unknown::Private, Unknown::Knock].map(|u| (u.as_str(), u));
        let unknown = section.word("unknown", &unknown).map(|u| u.value).unwrap_or_default();
        let hide = section.flag("hide").is_some_and(|h| h.value);
        let mut reader = RoomReader::new(profile);
        reader.add_all(whole);
        for (path, at) in self.included(section) {
            self.include(&mut reader, section, &path, at);
        }
        section.close();
        (Rooms { table: reader.table, unknown, hide }, reader.network.take())
    }

    /// The files that `files` names, in its order, each once, and where it does so.
    fn included(&self, section: &Section<'_>) -> Vec<(PathBuf, usize)> {
        let mut all: Vec<(PathBuf, usize)> = Vec::new();
        let folder = glob::Pattern::escape(&self.folder.to_string_lossy());
        for pattern in section.texts("files").unwrap_or_default() {
            let full = Path::new(&folder).join(pattern.value).to_string_lossy().into_owned();
            let found =
                if pattern.value.is_empty() { Err("a file name is missing".to_owned()) } else { self.watched.borrow_mut().glob(&full) };
            match found {
                Err(e) => section.problem(pattern.at, format!("`files`: `{}`: {e}", pattern.value)),
                // What is stated there keeps strangers out: a folder that is not mounted must not open it all.
                Ok(found) if found.is_empty() && self.before.is_some_and(|before| before.watched.matched(&full) > 0) => {
                    section.problem(
                        pattern.at,
                        format!("`files`: `{}` matches nothing any more: if so meant, take it out here", pattern.value),
                    );
                }
                Ok(found) if found.is_empty() && !pattern.value.contains(['*', '?', '[']) => {
                    section.problem(pattern.at, format!("`files`: there is no file {}", shown(&self.folder.join(pattern.value))));
                }
                Ok(found) => {
                    if found.is_empty() {
                        section.warn(pattern.at, format!("`files`: `{}` matches no file yet", pattern.value));
                    }
                    for path in found {
                        if !all.iter().any(|(p, _)| *p == path) {
                            all.push((path, pattern.at));
                        }
                    }
                }
            }
        }
        all
    }

    fn include(&self, reader: &mut RoomReader<'_>, section: &Section<'_>, path: &Path, at: usize) {
        let read = self.watched.borrow_mut().read(path);
        let bytes = match read {
            Ok((bytes, _)) => bytes,
            Err(e) => return section.problem(at, format!("`files`: cannot read {}: {e}", path.display())),
        };
        let Some(text) = self.text(path, &bytes) else {
            return;
        };
        let page = Page::new(path, text, self.notes);
        if let Some(table) = page.parse(text) {
            let file = Section::whole(&page, "a file of rooms", table.get_ref());
            reader.add_all(&file);
            file.close();
        }
    }
}
