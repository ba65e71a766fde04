//! `[[webhook]]`: who outside is told what happens, and how?

use std::fmt;

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

use crate::directory::{Letters, Pattern};
use crate::profile::Profile;
use crate::token::Secret;

use super::document::{Said, Section, one_of};
use super::file::Desk;
use super::nearest::nearest;
use super::origin::{Host, Origin};
use super::reach::is_public;
use super::rooms::room_pattern;

/// Each has a task and a connection of its own.
const MAX_HOOKS: usize = 32;

/// The shortest key that signs, in bytes.
const MIN_SECRET: usize = 16;

/// One hook: all of it, ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// `name`: in logs, and how the store remembers how far it got.
    pub name: String,
    /// `url`.
    pub url: HookUrl,
    /// `secret_file`, decoded: none, one, or two while they are rotated. Each signs.
    pub secrets: Vec<Secret>,
    /// `events`, or those that are usual for the shape.
    pub events: Vec<HookEvent>,
    /// `rooms`; empty means all.
    pub rooms: Vec<Pattern>,
    /// `shape`.
    pub shape: HookShape,
    /// `private`: addresses that are not public may be meant.
    pub private: bool,
}

impl Webhook {
    /// Whether this room's events are meant.
    pub fn means(&self, room: &str) -> bool {
        let letters = Letters::of(room);
        self.rooms.is_empty() || self.rooms.iter().any(|pattern| pattern.matches(&letters))
    }
}

/// Where a hook is. What stands before and behind the host may be a secret: it is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct HookUrl {
    whole: String,
    shown: String,
}

impl HookUrl {
    /// All of it, for the one who goes there.
    pub fn expose(&self) -> &str {
        &self.whole
    }
}

impl fmt::Display for HookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for HookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HookUrl({}/..)", self.shown)
    }
}

/// What a hook is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HookShape {
    /// The reference's envelope.
    #[default]
    Events,
    /// `{"text": …}`: Slack, Mattermost, and what follows them.
    Slack,
    /// A notification published to an ntfy topic.
    Ntfy,
}

impl HookShape {
    /// All, with their words.
    pub const WORDS: [(&'static str, Self); 3] = [("events", Self::Events), ("slack", Self::Slack), ("ntfy", Self::Ntfy)];

    /// What people want to read who did not say.
    fn usual(self) -> Vec<HookEvent> {
        match self {
            Self::Events => HookEvent::ALL.to_vec(),
            Self::Slack | Self::Ntfy => HookEvent::ALL.into_iter().filter(|e| e.is_for_people()).collect(),
        }
    }
}

/// What a hook may be told of. The codes are promises: the reference's where it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookEvent {
    /// Somebody is in a room that was empty.
    MeetingStarted,
    /// All have been gone for the grace period.
    MeetingEnded,
    /// Somebody came in.
    Joined,
    /// Somebody is out.
    Left,
    /// Somebody knocked, or was sent back to wait.
    Waiting,
    /// Somebody who waits calls themself otherwise, or says something else.
    WaitingUpdated,
    /// Somebody waits no longer.
    WaitingLeft,
    /// Was let in.
    Admitted,
    /// Was told no.
    Denied,
    /// Was inside, and must wait again.
    MovedBack,
    /// Was sent out until the meeting ends.
    Removed,
    /// Was banned.
    Banned,
    /// A ban was lifted.
    Unbanned,
    /// Whoever knocks from now on gets the same answer.
    ChoiceRemembered,
    /// Owners are asked again.
    ChoiceForgotten,
}

impl HookEvent {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::MeetingStarted,
        Self::MeetingEnded,
        Self::Joined,
        Self::Left,
        Self::Waiting,
        Self::WaitingUpdated,
        Self::WaitingLeft,
        Self::Admitted,
        Self::Denied,
        Self::MovedBack,
        Self::Removed,
        Self::Banned,
        Self::Unbanned,
        Self::ChoiceRemembered,
        Self::ChoiceForgotten,
    ];

    /// `type` in the envelope.
    pub const fn code(self) -> &'static str {
        match self {
            Self::MeetingStarted => "meeting.started",
            Self::MeetingEnded => "meeting.ended",
            Self::Joined => "participant.joined",
            Self::Left => "participant.left",
            Self::Waiting => "waiting-participant.joined",
            Self::WaitingUpdated => "waiting-participant.updated",
            Self::WaitingLeft => "waiting-participant.left",
            Self::Admitted => "waiting-participant.admitted",
            Self::Denied => "waiting-participant.denied",
            Self::MovedBack => "waiting-participant.moved-back",
            Self::Removed => "participant.removed",
            Self::Banned => "participant.banned",
            Self::Unbanned => "participant.unbanned",
            Self::ChoiceRemembered => "room.choice-remembered",
            Self::ChoiceForgotten => "room.choice-forgotten",
        }
    }

    /// Knocks, and what was decided: what somebody wants on their telephone.
    const fn is_for_people(self) -> bool {
        match self {
            Self::Waiting | Self::Admitted | Self::Denied | Self::MovedBack | Self::Removed | Self::Banned | Self::Unbanned => true,
            Self::ChoiceRemembered | Self::ChoiceForgotten => true,
            Self::MeetingStarted | Self::MeetingEnded | Self::Joined | Self::Left | Self::WaitingUpdated | Self::WaitingLeft => false,
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|event| event.code() == text).ok_or_else(|| {
            let codes = Self::ALL.map(Self::code);
            let instead = nearest(text, codes).map_or_else(|| format!("write {}", one_of(&codes)), |c| format!("did you mean `{c}`?"));
            format!("unknown event `{text}`: {instead}")
        })
    }
}

impl Desk<'_> {
    pub(super) fn webhooks(&self, whole: &Section<'_>, profile: &Profile) -> Vec<Webhook> {
        let mut hooks: Vec<Webhook> = Vec::new();
        for (section, number) in whole.sections("webhook", "[[webhook]]").iter().zip(1_usize..) {
            if number > MAX_HOOKS {
                section.problem(section.at(), format!("at most {MAX_HOOKS} webhooks"));
            }
            if let Some((hook, name_at)) = self.webhook(section, profile) {
                if hooks.iter().any(|h| h.name == hook.name) {
                    section.problem(name_at, format!("two webhooks are called `{}`: state another `name`", hook.name));
                }
                hooks.push(hook);
            }
            section.close();
        }
        hooks
    }

    /// With the place where its name stands, or what it follows from.
    fn webhook(&self, section: &Section<'_>, profile: &Profile) -> Option<(Webhook, usize)> {
        let shape = section.word("shape", &HookShape::WORDS).map(|s| s.value).unwrap_or_default();
        let private = section.flag("private").is_some_and(|p| p.value);
        let url = section.read("url", |text| read_url(text, shape));
        if url.is_none() && section.key_at("url").is_none() {
            section.missing("url", "url = \"https://example.org/hooks/roomgate\"");
        }
        let stated = section.read("name", |text| {
            let plain = !text.is_empty() && text.len() <= 64 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
            if plain { Ok(text) } else { Err(format!("`{text}`: a webhook's name has 1 to 64 letters, digits, `-`, `_` and `.`")) }
        });
        let wrong_name = stated.is_none() && section.key_at("name").is_some();
        let events = section.list("events", HookEvent::parse);
        if section.texts("events").is_some_and(|list| list.is_empty()) {
            section.problem(section.key_at("events").unwrap_or(section.at()), "`events`: an empty list: leave it out to hear of all");
        }
        let rooms = section.list("rooms", |text| room_pattern(profile, text));
        if section.texts("rooms").is_some_and(|list| list.is_empty()) {
            section.problem(section.key_at("rooms").unwrap_or(section.at()), "`rooms`: an empty list: leave it out to hear of all");
        }
        let secrets = self.secrets(section, "secret_file").map(|lines| keys(section, lines)).unwrap_or_default();
        let Said { value: (origin, url), at } = url?;
        self.warn_of(section, (&origin, at), shape, private);
        if wrong_name {
            return None;
        }
        let events = if section.key_at("events").is_some() { events.into_iter().map(|e| e.value).collect() } else { shape.usual() };
        let (name, name_at) = stated.map_or_else(|| (origin.host.bare(), at), |s| (s.value.to_owned(), s.at));
        let rooms = rooms.into_iter().map(|r| r.value).collect();
        Some((Webhook { name, url, secrets, events, rooms, shape, private }, name_at))
    }

    /// What may not be meant, or must not be so unless it is.
    fn warn_of(&self, section: &Section<'_>, (origin, at): (&Origin, usize), shape: HookShape, private: bool) {
        let near = match &origin.host {
            Host::Address(a) => !is_public(*a),
            Host::Name(_) => origin.host.is_loopback(),
        };
        if near && !private {
            section.problem(
                at,
                format!("`url`: {} is this machine, a private network, or nobody's: if so meant, add private = true", origin.host.in_url()),
            );
        } else if !origin.secure && !private {
            section.warn(at, "`url`: over http:// anybody on the way reads who comes and goes: use https://");
        }
        if section.key_at("secret_file").is_none() && shape == HookShape::Events {
            section.warn(section.at(), "no `secret_file` in [[webhook]]: nothing is signed, so its receiver cannot know who it was");
        }
        if self.everybody_reads_config && shape != HookShape::Events {
            section.warn(at, "`url`: whoever knows it can write there, and everybody on this machine can read this file: `chmod o=` it");
        }
    }
}

/// Base64 as it is written anywhere: with or without `=`.
const BASE64: GeneralPurpose =
    GeneralPurpose::new(&base64::alphabet::STANDARD, GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent));

/// The keys that sign. Two while the receiver changes from one to the other.
fn keys(section: &Section<'_>, lines: Said<Vec<Secret>>) -> Vec<Secret> {
    if lines.value.len() > 2 {
        section.problem(lines.at, "`secret_file`: at most two secrets, each on its line: a new one and the one before");
    }
    let decode = |(line, number): (&Secret, u32)| match BASE64.decode(line.expose()) {
        Ok(key) if key.len() < MIN_SECRET => {
            section.problem(lines.at, format!("`secret_file`: line {number} is too short: {MIN_SECRET} bytes at least, in base64"));
            None
        }
        Ok(key) => Some(Secret::new(key)),
        Err(_) => {
            section.problem(lines.at, format!("`secret_file`: line {number} is not base64: `openssl rand -base64 48` makes one"));
            None
        }
    };
    lines.value.iter().zip(1_u32..).filter_map(decode).collect()
}

/// Takes the address apart. Nothing that a person could keep secret in it stands in what is said of a wrong one.
fn read_url(text: &str, shape: HookShape) -> Result<(Origin, HookUrl), String> {
    let (scheme, rest) = text.split_once("://").map_or(("", text), |(scheme, rest)| (scheme, rest));
    if !matches!(scheme, "https" | "http") {
        return Err("an address that begins with https:// or http://".to_owned());
    }
    if !text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'\\' | b'"' | b'<' | b'>' | b'`' | b'{' | b'}' | b'|' | b'^' | b'#')) {
        return Err("blanks, `#`, `\\`, quotes and letters outside ASCII have no place in an address".to_owned());
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let (user, host) = authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
    if user.is_some_and(|user| user.contains('@') || user.is_empty()) {
        return Err("what stands before `@` is a user and a password: write `:` and `@` in them as %3A and %40".to_owned());
    }
    let origin = Origin::of_url(&format!("{scheme}://{host}"))?;
    if let (HookShape::Ntfy, topic) = (shape, path.split('?').next().unwrap_or_default().trim_start_matches('/')) {
        // The rule of ntfy itself (`topicRegex` in its server).
        if topic.is_empty() || topic.len() > 64 || !topic.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)) {
            return Err("with shape = \"ntfy\", write the topic behind the host: https://ntfy.example.org/meetings".to_owned());
        }
    }
    let shown = origin.text();
    Ok((origin, HookUrl { whole: text.to_owned(), shown }))
}
