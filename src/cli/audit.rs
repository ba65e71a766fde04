//! `roomgate audit`: who knocked, who let in, denied or removed whom, when, and through what?
//!
//! Reads the store's trail beside a running gateway, and changes nothing.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use time::OffsetDateTime;

use super::{ConfigFile, complain, say};
use crate::access::{RoomName, Through, Timestamp};
use crate::clock::{Clock as _, SystemClock};
use crate::config::{self, Store as Kind};
use crate::profile::Profile;
use crate::store::{Event, What, read_trail};

/// Who knocked, who let in, denied or removed whom, when, and through what.
#[derive(Args)]
pub struct Audit {
    #[command(flatten)]
    config: ConfigFile,
    /// Of this room alone.
    #[arg(long, value_name = "NAME")]
    room: Option<String>,
    /// From then on: 2026-12-01T09:00:00Z, Unix seconds, or 2h, 7d for so long ago.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Until then: the same.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Of this kind alone: knocked, allowed, denied, moved-back, removed, banned, lifted, … Several times for several.
    #[arg(long, value_name = "WORD")]
    what: Vec<String>,
    /// Where this stands in the name of whom it happened to or who decided, or in their user id.
    #[arg(long, value_name = "TEXT")]
    who: Option<String>,
    /// The latest of them, so many.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
    /// Go on, and tell what happens.
    #[arg(long)]
    follow: bool,
}

/// So many events are read at once.
const PAGE: usize = 1000;

/// How often what is new is looked for.
const LOOK: Duration = Duration::from_millis(500);

impl Audit {
    pub(super) fn run(self) -> ExitCode {
        let config = match self.config.load() {
            Ok(config) => config,
            Err(code) => return code,
        };
        let wanted = match self.wanted(&config.upstream.profile, SystemClock.now()) {
            Ok(wanted) => wanted,
            Err(message) => {
                complain(&message);
                return ExitCode::from(2);
            }
        };
        let path = match &config.store {
            Kind::Memory => {
                complain("there is nothing to read: with [store] kind = \"memory\" nobody but the gateway itself knows what happened");
                return ExitCode::FAILURE;
            }
            Kind::Sqlite(path) if !path.exists() => {
                complain(&format!("there is nothing to read yet: the gateway has not made {}", path.display()));
                return ExitCode::FAILURE;
            }
            Kind::Sqlite(path) => path.clone(),
        };
        match self.tell(&path, &wanted) {
            Ok(()) => ExitCode::SUCCESS,
            Err(message) => {
                complain(&message);
                ExitCode::FAILURE
            }
        }
    }

    fn tell(&self, path: &Path, wanted: &Wanted) -> Result<(), String> {
        let mut trail = Trail { path: path.to_owned(), seen: 0 };
        let mut latest = VecDeque::new();
        let line = |event: &Event| say(&if self.json { in_json(event) } else { in_words(event) });
        while let Some(page) = trail.page()? {
            for event in page.into_iter().filter(|e| wanted.means(e)) {
                match self.limit {
                    None => line(&event),
                    Some(limit) => {
                        latest.push_back(event);
                        if latest.len() > limit {
                            latest.pop_front();
                        }
                    }
                }
            }
        }
        latest.iter().for_each(line);
        if !self.follow {
            return Ok(());
        }
        loop {
            std::thread::sleep(LOOK);
            while let Some(page) = trail.page()? {
                page.iter().filter(|e| wanted.means(e)).for_each(line);
            }
        }
    }

    fn wanted(&self, profile: &Profile, now: Timestamp) -> Result<Wanted, String> {
        let moment = |option: &str, text: &Option<String>| {
            text.as_ref().map(|text| read_moment(text, now).map_err(|e| format!("--{option}: {e}"))).transpose()
        };
        let what = |word: &String| {
            What::parse(word).ok_or_else(|| {
                let all = What::ALL.map(What::code).join(", ");
                format!("--what: there is no `{}`: one of {all}", harmless(word))
            })
        };
        Ok(Wanted {
            room: self.room.as_ref().map(|room| profile.room_name(room).map_err(|e| format!("--room: {e}"))).transpose()?,
            since: moment("since", &self.since)?,
            until: moment("until", &self.until)?,
            what: self.what.iter().map(what).collect::<Result<_, _>>()?,
            who: self.who.as_ref().map(|who| who.to_lowercase()),
        })
    }
}

/// A moment, or how long ago it was.
fn read_moment(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    match config::duration(text) {
        Ok(ago) => Ok(now.minus(ago)),
        Err(_) => config::moment_in_text(text).map_err(|e| format!("{e}, or how long ago it was, such as 2h")),
    }
}

/// A way along the trail.
struct Trail {
    path: PathBuf,
    seen: u64,
}

impl Trail {
    /// What comes next; `None` where that is nothing yet.
    fn page(&mut self) -> Result<Option<Vec<Event>>, String> {
        let page = read_trail(&self.path, self.seen, PAGE).map_err(|e| e.to_string())?;
        let Some(last) = page.last() else {
            return Ok(None);
        };
        self.seen = last.number;
        Ok(Some(page))
    }
}

/// Which events are meant.
#[derive(Default)]
struct Wanted {
    room: Option<RoomName>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    what: Vec<What>,
    who: Option<String>,
}

impl Wanted {
    fn means(&self, event: &Event) -> bool {
        let who = event.who.as_ref();
        let names = [who.map(|w| &*w.name), who.and_then(|w| w.user.as_deref()), event.by.as_ref().map(|by| &*by.name)];
        self.room.as_ref().is_none_or(|room| *room == event.room)
            && self.since.is_none_or(|since| event.at >= since)
            && self.until.is_none_or(|until| event.at <= until)
            && (self.what.is_empty() || self.what.contains(&event.what))
            && self.who.as_ref().is_none_or(|who| names.into_iter().flatten().any(|name| name.to_lowercase().contains(who)))
    }
}

/// `2026-12-01 09:00:05Z  standup  Ann let Bo in (door)`.
fn in_words(event: &Event) -> String {
    let who = event.who.as_ref().map_or_else(|| "somebody".to_owned(), |w| harmless(&w.name));
    let by = event.by.as_ref().map(|by| harmless(&by.name)).filter(|name| !name.is_empty());
    let decided = |active: &str, passive: &str| match &by {
        Some(by) => format!("{by} {active}"),
        None => passive.to_owned(),
    };
    let timed_out = event.by.as_ref().is_some_and(|by| by.through == Through::Time);
    let said = event.who.as_ref().and_then(|w| w.message.as_deref()).map_or_else(String::new, |m| format!(": “{}”", harmless(m)));
    let what = match event.what {
        What::Knocked => format!("{who} knocked{said}"),
        What::Renamed => format!("somebody who waits is {who} now{said}"),
        What::Left if timed_out => format!("{who} was forgotten: nobody answered"),
        What::Left => decided(&format!("ended the waiting of {who}"), &format!("{who} gave up waiting")),
        What::Allowed => decided(&format!("let {who} in"), &format!("{who} was let in")),
        What::Denied => decided(&format!("told {who} no"), &format!("{who} was told no")),
        What::MovedBack => decided(&format!("sent {who} back to wait"), &format!("{who} was sent back to wait")),
        What::Removed => decided(&format!("removed {who}"), &format!("{who} was removed")),
        What::Banned => decided(&format!("banned {who}"), &format!("{who} was banned")),
        What::Lifted => decided(&format!("lets {who} come back"), &format!("{who} may come back")),
        What::AllowAll => decided("lets everybody in from now on", "everybody is let in from now on"),
        What::DenyAll => decided("lets nobody in from now on", "nobody is let in from now on"),
        What::AskAgain => decided("wants to be asked again", "owners are asked again"),
        What::MeetingStarted => "the meeting began".to_owned(),
        What::MeetingEnded => "the meeting was over".to_owned(),
        What::Joined => format!("{who} came in"),
        What::Parted => format!("{who} left"),
    };
    let through = event.by.as_ref().map_or_else(String::new, |by| format!(" ({})", by.through.code()));
    format!("{}  {}  {what}{through}", moment(event.at, ' ', false), harmless(event.room.as_str()))
}

/// The same for a program. The names are promises.
fn in_json(event: &Event) -> String {
    let who = event.who.as_ref().map(|who| {
        json!({
            "id": who.id.to_string(),
            "name": &*who.name,
            "user": who.user,
            "owner": who.owner,
            "since": moment(who.since, 'T', true),
            "message": who.message.as_deref(),
            "waited": who.waited,
        })
    });
    let all = json!({
        "number": event.number,
        "id": event.id.to_string(),
        "at": moment(event.at, 'T', true),
        "room": event.room.as_str(),
        "meeting": event.meeting.map(|id| id.to_string()),
        "what": event.what.code(),
        "who": who,
        "by": event.by.as_ref().map(|by| json!({"name": &*by.name, "through": by.through.code()})),
    });
    // What JSON lets stand in a text may move a cursor all the same; it stands nowhere else.
    let mut line = String::new();
    for c in all.to_string().chars() {
        if moves(c) { line.push_str(&format!("\\u{:04x}", u32::from(c))) } else { line.push(c) }
    }
    line
}

/// In UTC, to the second or the millisecond.
fn moment(at: Timestamp, between: char, fraction: bool) -> String {
    let Ok(m) = OffsetDateTime::from_unix_timestamp(at.as_secs()) else {
        return at.to_string();
    };
    let rest = if fraction { format!(".{:03}", at.as_millis().rem_euclid(1000)) } else { String::new() };
    let (month, day) = (u8::from(m.month()), m.day());
    format!("{:04}-{month:02}-{day:02}{between}{:02}:{:02}:{:02}{rest}Z", m.year(), m.hour(), m.minute(), m.second())
}

/// Nothing that would move a cursor, colour a terminal or turn a line around.
fn harmless(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if moves(c) { safe.extend(c.escape_unicode()) } else { safe.push(c) }
    }
    safe
}

fn moves(c: char) -> bool {
    let invisible = matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    c.is_control() || invisible
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

    use serde_json::Value;

    use super::*;
    use crate::notify::tests::{about, event};

    #[test]
    fn each_event_is_a_line_and_no_name_gets_out_of_it() {
        let told = |what, by| in_words(&about(event(what), "Bo", by));
        let ann = Some(("Ann", Through::Door));
        assert_eq!(told(What::Knocked, None), "2026-12-01 09:00:05Z  standup  Bo knocked: “It is me”");
        assert_eq!(told(What::Allowed, ann), "2026-12-01 09:00:05Z  standup  Ann let Bo in (door)");
        assert_eq!(told(What::Left, None), "2026-12-01 09:00:05Z  standup  Bo gave up waiting");
        assert_eq!(told(What::Left, Some(("", Through::Time))), "2026-12-01 09:00:05Z  standup  Bo was forgotten: nobody answered (time)");
        assert_eq!(told(What::DenyAll, ann), "2026-12-01 09:00:05Z  standup  Ann lets nobody in from now on (door)");
        for what in What::ALL {
            let line = in_words(&about(event(what), "\u{1b}[31mB\no\u{202e}\u{200b}", Some(("A\u{7}\r\u{9b}", Through::Api))));
            assert!(!line.contains(|c: char| c.is_control() || matches!(c, '\u{202e}' | '\u{200b}')), "{line:?}");
            let json = in_json(&about(event(what), "\u{1b}[31mB\no\u{9b}\u{202e}", ann));
            assert!(!json.contains(moves), "{json:?}");
            let read: Value = serde_json::from_str(&json).unwrap();
            assert_eq!((read["what"].as_str(), read["who"]["name"].as_str()), (Some(what.code()), Some("\u{1b}[31mB\no\u{9b}\u{202e}")));
        }
    }

    #[test]
    fn what_is_wanted_is_found_by_room_time_kind_and_person() {
        let knocked = about(event(What::Knocked), "Bo Berg", None);
        let denied = about(event(What::Denied), "Eve", Some(("Ann Arbor", Through::Door)));
        let (before, after) = (Timestamp::from_secs(1_796_115_605), Timestamp::from_secs(1_796_115_606));
        let all = Wanted::default();
        assert!(all.means(&knocked) && all.means(&event(What::MeetingEnded)));
        let room = |name| Wanted { room: RoomName::canonical(name).ok(), ..Wanted::default() };
        assert!(room("standup").means(&knocked) && !room("board").means(&knocked));
        let time = |since, until| Wanted { since, until, ..Wanted::default() };
        assert!(time(Some(before), Some(after)).means(&knocked));
        assert!(!time(Some(after), None).means(&knocked) && !time(None, Some(before)).means(&knocked));
        let kind = Wanted { what: vec![What::Denied, What::Allowed], ..Wanted::default() };
        assert!(kind.means(&denied) && !kind.means(&knocked));
        let who = |text: &str| Wanted { who: Some(text.to_owned()), ..Wanted::default() };
        assert!(who("berg").means(&knocked) && who("arbor").means(&denied) && who("eve").means(&denied) && !who("ann").means(&knocked));
        let now = Timestamp::from_secs(10_000);
        assert_eq!(read_moment("2h", now), Ok(Timestamp::from_secs(2_800)));
        assert_eq!(read_moment("1970-01-01T00:00:05Z", now), Ok(Timestamp::from_secs(5)));
        assert!(read_moment("yesterday", now).unwrap_err().contains("such as 2h"));
    }
}
