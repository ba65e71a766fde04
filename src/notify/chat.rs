//! What do people read, in a chat room or on a telephone?
//!
//! Names and messages are strangers' words among ours: they must not call anybody (`<!channel>`, `@here`), link anywhere, or look
//! like something that we said. There is no way to escape them that Slack, Mattermost and ntfy share, so the characters that mean
//! something there are replaced by others that look the same and mean nothing.

use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::message::Message;
use crate::access::Timestamp;
use crate::config::HookEvent;
use crate::store::What;

/// What stays as it is in a query.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// What comes later than this says when it happened: somebody may be gone again who knocked.
const LATE: Duration = Duration::from_secs(300);

/// Where owners decide about this room.
pub(super) fn door(origin: &str, room: &str) -> String {
    format!("{origin}/_roomgate/door?room={}", utf8_percent_encode(room, QUERY))
}

/// `{"text": …}`, with a link to the door where somebody waits there.
pub(super) fn slack(message: &Message<'_>, origin: &str, now: Timestamp) -> Value {
    let text = sentence(message).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let link = if message.kind == HookEvent::Waiting {
        format!(" <{}|Open the door>", door(origin, message.event.room.as_str()))
    } else {
        String::new()
    };
    json!({ "text": format!("{text}{link}{}", late(message, now)) })
}

/// A notification as ntfy takes it in JSON: <https://docs.ntfy.sh/publish/#publish-as-json>.
pub(super) fn ntfy(message: &Message<'_>, origin: &str, topic: &str, now: Timestamp) -> Value {
    let room = message.event.room.as_str();
    let (title, tag) = match message.kind {
        HookEvent::Waiting => ("Somebody waits", "door"),
        HookEvent::Admitted | HookEvent::Unbanned => ("Let in", "white_check_mark"),
        HookEvent::Denied | HookEvent::Removed | HookEvent::Banned => ("Kept out", "no_entry"),
        HookEvent::MovedBack => ("Sent back to wait", "hourglass"),
        HookEvent::ChoiceRemembered | HookEvent::ChoiceForgotten => ("The waiting room", "busts_in_silhouette"),
        HookEvent::WaitingUpdated | HookEvent::WaitingLeft => ("The waiting room", "hourglass"),
        HookEvent::MeetingStarted | HookEvent::MeetingEnded | HookEvent::Joined | HookEvent::Left => ("The meeting", "busts_in_silhouette"),
    };
    json!({
        "topic": topic,
        "title": format!("{title}: {}", harmless(room)),
        "message": format!("{}{}", sentence(message), late(message, now)),
        // Somebody stands before a closed door: 4 makes a telephone ring.
        "priority": if message.kind == HookEvent::Waiting { 4 } else { 3 },
        "tags": [tag],
        "click": door(origin, room),
    })
}

/// When it happened, where that was a while ago.
fn late(message: &Message<'_>, now: Timestamp) -> String {
    let at = message.event.at;
    match OffsetDateTime::from_unix_timestamp(at.as_secs()) {
        Ok(m) if now.since(at) > LATE => {
            let (year, month, day) = (m.year(), u8::from(m.month()), m.day());
            format!(" ({year:04}-{month:02}-{day:02} {:02}:{:02} UTC)", m.hour(), m.minute())
        }
        Ok(_) | Err(_) => String::new(),
    }
}

/// One English sentence about it.
pub(super) fn sentence(message: &Message<'_>) -> String {
    let event = message.event;
    let room = harmless(event.room.as_str());
    let who = event.who.as_ref().map_or_else(|| "Somebody".to_owned(), |w| harmless(&w.name));
    // What happens by itself, or by what was said before, has nobody's name or an owner's of earlier.
    let by = event.by.as_ref().map(|by| harmless(&by.name)).filter(|name| !name.is_empty());
    let decided = |active: &str, passive: &str| match &by {
        Some(by) => format!("{by} {active}"),
        None => passive.to_owned(),
    };
    match message.kind {
        HookEvent::Waiting if event.what == What::MovedBack => format!("{who} waits at {room} again."),
        HookEvent::Waiting | HookEvent::WaitingUpdated => {
            let again = if message.kind == HookEvent::Waiting { "asks" } else { "is how somebody is called now who asks" };
            match event.who.as_ref().and_then(|w| w.message.as_deref()) {
                Some(said) => format!("{who} {again} to be let into {room}: “{}”", harmless(said)),
                None => format!("{who} {again} to be let into {room}."),
            }
        }
        HookEvent::WaitingLeft => format!("{who} waits at {room} no longer."),
        HookEvent::Admitted => decided(&format!("let {who} into {room}."), &format!("{who} was let into {room}.")),
        HookEvent::Denied => decided(&format!("did not let {who} into {room}."), &format!("{who} was not let into {room}.")),
        HookEvent::MovedBack => decided(&format!("sent {who} in {room} back to wait."), &format!("{who} in {room} has to wait again.")),
        HookEvent::Removed => decided(&format!("removed {who} from {room}."), &format!("{who} was removed from {room}.")),
        HookEvent::Banned => decided(&format!("banned {who} from {room}."), &format!("{who} was banned from {room}.")),
        HookEvent::Unbanned => decided(&format!("lets {who} come back to {room}."), &format!("{who} may come back to {room}.")),
        HookEvent::ChoiceRemembered if event.what == What::AllowAll => {
            decided(&format!("lets everybody into {room} from now on."), &format!("Everybody is let into {room} from now on."))
        }
        HookEvent::ChoiceRemembered => {
            decided(&format!("lets nobody into {room} from now on."), &format!("Nobody is let into {room} from now on."))
        }
        HookEvent::ChoiceForgotten => {
            decided(&format!("wants to be asked again about {room}."), &format!("Owners of {room} are asked again."))
        }
        HookEvent::MeetingStarted => format!("The meeting in {room} has begun."),
        HookEvent::MeetingEnded => format!("The meeting in {room} is over."),
        HookEvent::Joined => format!("{who} came into {room}."),
        HookEvent::Left => format!("{who} left {room}."),
    }
}

/// The same to the eye, and nothing to a program: no mention, no link, no markup, no line of its own.
fn harmless(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(c) = letters.next() {
        let in_a_word = letters.peek().is_some_and(|next| !next.is_whitespace());
        safe.push(match c {
            '@' => '＠',
            '#' => '＃',
            '*' => '∗',
            '_' => '＿',
            '~' => '～',
            '`' => '‘',
            '[' => '［',
            ']' => '］',
            '|' => '｜',
            '\\' => '＼',
            '$' => '＄',
            '!' if letters.peek() == Some(&'[') => '！',
            // In the midst of a word they make an address of it, or a picture.
            ':' if in_a_word => '：',
            '.' if in_a_word => '․',
            c if c.is_control() || turns(c) => ' ',
            c => c,
        });
    }
    safe
}

/// Invisible, or turns the line around: a room's name may have such, where any name is a room's.
const fn turns(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

    use super::*;
    use crate::access::Through;
    use crate::notify::message::messages;
    use crate::notify::tests::{about, event};
    use crate::store::Event;

    const ORIGIN: &str = "https://meet.example.org";
    const NOW: Timestamp = Timestamp::from_secs(1_796_115_606);

    fn first(event: &Event) -> Message<'_> {
        messages(event).next().unwrap()
    }

    #[test]
    fn a_knock_is_a_sentence_with_a_link_to_the_door() {
        let knocked = about(event(What::Knocked), "Bo", None);
        assert_eq!(
            slack(&first(&knocked), ORIGIN, NOW),
            json!({"text": "Bo asks to be let into standup: “It is me” <https://meet.example.org/_roomgate/door?room=standup|Open the door>"})
        );
        assert_eq!(
            ntfy(&first(&knocked), ORIGIN, "meetings", NOW),
            json!({
                "topic": "meetings",
                "title": "Somebody waits: standup",
                "message": "Bo asks to be let into standup: “It is me”",
                "priority": 4,
                "tags": ["door"],
                "click": "https://meet.example.org/_roomgate/door?room=standup",
            })
        );
        let later = ntfy(&first(&knocked), ORIGIN, "meetings", NOW.plus(LATE));
        assert_eq!(later["message"], "Bo asks to be let into standup: “It is me” (2026-12-01 09:00 UTC)");
        assert_eq!(
            door(ORIGIN, "team meeting/büro|>&"),
            "https://meet.example.org/_roomgate/door?room=team%20meeting%2Fb%C3%BCro%7C%3E%26"
        );
    }

    #[test]
    fn each_event_is_a_sentence_with_and_without_a_name() {
        let told = |what, by: Option<(&str, Through)>| {
            let event = about(event(what), "Bo", by);
            messages(&event).map(|m| sentence(&m)).collect::<Vec<_>>().join(" ")
        };
        let ann = Some(("Ann", Through::Door));
        assert_eq!(told(What::Allowed, ann), "Ann let Bo into standup. Bo waits at standup no longer.");
        assert_eq!(told(What::Denied, ann), "Ann did not let Bo into standup. Bo waits at standup no longer.");
        assert_eq!(told(What::Denied, None), "Bo was not let into standup. Bo waits at standup no longer.");
        assert_eq!(told(What::Removed, Some(("", Through::Time))), "Bo was removed from standup.");
        assert_eq!(told(What::DenyAll, ann), "Ann lets nobody into standup from now on.");
        for what in What::ALL {
            for by in [ann, None] {
                assert!(told(what, by).contains("standup"), "{what:?}");
            }
        }
    }

    #[test]
    fn a_name_calls_nobody_links_nowhere_and_marks_nothing() {
        let names = [
            ("<!channel>", "&lt;!channel&gt;"),
            ("<@U024BE7LH>", "&lt;＠U024BE7LH&gt;"),
            ("<https://evil.example|Ann>", "&lt;https：//evil․example｜Ann&gt;"),
            ("@here @all", "＠here ＠all"),
            ("[Ann](https://evil.example)", "［Ann］(https：//evil․example)"),
            ("![x](a)", "！［x］(a)"),
            ("www.evil.example", "www․evil․example"),
            ("*Roomgate* _says_ ~no~ `x`", "∗Roomgate∗ ＿says＿ ～no～ ‘x‘"),
            ("#town-square ~town", "＃town-square ～town"),
            ("a\nb\u{2028}c\u{1b}[31m", "a b c ［31m"),
            ("\u{202e}gnp.x\u{200b}\u{2066}", " gnp․x  "),
            ("&lt;b&gt;", "&amp;lt;b&amp;gt;"),
            ("Dr. Bo: hello.", "Dr. Bo: hello."),
            ("$x$ \\@here", "＄x＄ ＼＠here"),
            ("mailto:a@b.c", "mailto：a＠b․c"),
        ];
        for (name, told) in names {
            let left = about(event(What::Parted), name, None);
            assert_eq!(slack(&first(&left), ORIGIN, NOW)["text"], format!("{told} left standup."), "{name:?}");
        }
    }
}
