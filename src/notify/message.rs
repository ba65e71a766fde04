//! What does an event of the trail say to the world: which types, with which fields?
//!
//! Envelope and fields are the reference's; what it has no word for is named in its manner. One event may be two messages: whoever
//! was let in was `admitted`, and waits no longer.

use serde_json::{Map, Number, Value, json};

use crate::access::{Through, Timestamp};
use crate::config::HookEvent;
use crate::store::{Event, What};

/// The envelope's version.
const VERSION: &str = "1.0.0";

/// One message about an event.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    /// What happened.
    pub(super) event: &'a Event,
    /// What is said of it.
    pub(super) kind: HookEvent,
    /// Which of the event's messages it is, from 1.
    nth: usize,
}

/// All messages about an event, in their order.
pub(super) fn messages(event: &Event) -> impl Iterator<Item = Message<'_>> {
    kinds(event.what).iter().zip(1..).map(move |(kind, nth)| Message { event, kind: *kind, nth })
}

const fn kinds(what: What) -> &'static [HookEvent] {
    match what {
        What::Knocked => &[HookEvent::Waiting],
        What::Renamed => &[HookEvent::WaitingUpdated],
        What::Left => &[HookEvent::WaitingLeft],
        What::Allowed => &[HookEvent::Admitted, HookEvent::WaitingLeft],
        What::Denied => &[HookEvent::Denied, HookEvent::WaitingLeft],
        What::MovedBack => &[HookEvent::MovedBack, HookEvent::Waiting],
        What::Removed => &[HookEvent::Removed],
        What::Banned => &[HookEvent::Banned],
        What::Lifted => &[HookEvent::Unbanned],
        What::AllowAll | What::DenyAll => &[HookEvent::ChoiceRemembered],
        What::AskAgain => &[HookEvent::ChoiceForgotten],
        What::MeetingStarted => &[HookEvent::MeetingStarted],
        What::MeetingEnded => &[HookEvent::MeetingEnded],
        What::Joined => &[HookEvent::Joined],
        What::Parted => &[HookEvent::Left],
    }
}

impl Message<'_> {
    /// The same at every attempt and for every hook. An event's second message has an id of its own, made of the first's.
    pub(super) fn id(&self) -> String {
        if self.nth == 1 { self.event.id.to_string() } else { format!("{}-{}", self.event.id, self.nth) }
    }

    /// How the waiting ended, where that is what is told.
    pub(super) fn outcome(&self) -> Option<&'static str> {
        if self.kind != HookEvent::WaitingLeft {
            return None;
        }
        let (what, by) = (self.event.what, self.event.by.as_ref());
        let through = by.map(|by| by.through);
        Some(if what == What::Allowed {
            "allowed"
        } else if what == What::Denied {
            "denied"
        } else if through == Some(Through::Time) {
            "expired"
        } else if through.is_some() {
            "removed"
        } else {
            "left"
        })
    }

    /// The whole message. `began` is when the meeting did, where that is known.
    pub(super) fn envelope(&self, began: Option<Timestamp>) -> Value {
        json!({
            "version": VERSION,
            "type": self.kind.code(),
            "id": self.id(),
            "payload": self.payload(began),
            "event_ts": seconds(self.event.at),
        })
    }

    fn payload(&self, began: Option<Timestamp>) -> Map<String, Value> {
        let Event { at, room, meeting, who, by, .. } = self.event;
        let mut payload = Map::new();
        let mut say = |name: &str, value: Value| payload.insert(name.to_owned(), value);
        say("room", room.as_str().into());
        say("meeting_id", meeting.map(|id| id.to_string()).into());
        if let HookEvent::MeetingStarted = self.kind {
            say("start_ts", seconds(*at));
        }
        if let HookEvent::MeetingEnded = self.kind {
            say("start_ts", began.map_or(Value::Null, seconds));
            say("end_ts", seconds(*at));
        }
        if let Some(who) = who {
            say("session_id", who.id.to_string().into());
            say("user_id", who.user.clone().into());
            say("user_name", (*who.name).into());
            say("owner", who.owner.into());
            say("joined_at", seconds(who.since));
            say("will_eject_at", Value::Null);
            // What else somebody may do is the conferencing server's business.
            say("permissions", json!({"hasPresence": true, "canSend": true, "canAdmin": who.owner}));
            if matches!(self.kind, HookEvent::Left | HookEvent::WaitingLeft) {
                say("duration", number(at.as_millis().saturating_sub(who.since.as_millis()).max(0)));
            }
            if let Some(message) = &who.message {
                say("message", (**message).into());
            }
        }
        if let Some(outcome) = self.outcome() {
            say("outcome", outcome.into());
        }
        if self.kind == HookEvent::ChoiceRemembered {
            say("answer", if self.event.what == What::AllowAll { "allow" } else { "deny" }.into());
        }
        if let Some(by) = by {
            say("decided_by", (*by.name).into());
            say("through", by.through.code().into());
        }
        payload
    }
}

/// Unix seconds, with a fraction where there is one.
fn seconds(at: Timestamp) -> Value {
    number(at.as_millis())
}

#[expect(clippy::cast_precision_loss, reason = "JSON numbers are doubles to most who read them")]
fn number(millis: i64) -> Value {
    Number::from_f64(millis as f64 / 1000.0).map_or(Value::Null, Value::Number)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

    use super::*;
    use crate::notify::tests::{about, event};

    #[test]
    fn a_knock_looks_as_the_reference_has_it() {
        let knocked = about(event(What::Knocked), "Bo", None);
        let all: Vec<Value> = messages(&knocked).map(|m| m.envelope(None)).collect();
        assert_eq!(
            all,
            [json!({
                "version": "1.0.0",
                "type": "waiting-participant.joined",
                "id": "00000000000000000000000000000007",
                "event_ts": 1_796_115_605.25,
                "payload": {
                    "room": "standup",
                    "meeting_id": "00000000000000000000000000000009",
                    "session_id": "00000000000000000000000000000008",
                    "user_id": null,
                    "user_name": "Bo",
                    "owner": false,
                    "joined_at": 1_796_115_600.0,
                    "will_eject_at": null,
                    "permissions": {"hasPresence": true, "canSend": true, "canAdmin": false},
                    "message": "It is me",
                },
            })]
        );
    }

    #[test]
    fn each_event_has_its_types_and_says_who_decided() {
        let told = |what, by| {
            let event = about(event(what), "Bo", by);
            messages(&event)
                .map(|m| {
                    let all = m.envelope(Some(Timestamp::from_secs(1_796_115_000)));
                    let payload = all["payload"].as_object().unwrap();
                    let text = |name: &str| payload.get(name).and_then(Value::as_str).unwrap_or("-").to_owned();
                    let id = all["id"].as_str().unwrap();
                    let of = &id[31..];
                    format!("{} {of} {} {} {}", all["type"].as_str().unwrap(), text("outcome"), text("decided_by"), text("through"))
                })
                .collect::<Vec<_>>()
        };
        let ann = Some(("Ann", Through::Door));
        assert_eq!(
            told(What::Allowed, ann),
            ["waiting-participant.admitted 7 - Ann door", "waiting-participant.left 7-2 allowed Ann door"]
        );
        assert_eq!(told(What::Denied, ann), ["waiting-participant.denied 7 - Ann door", "waiting-participant.left 7-2 denied Ann door"]);
        assert_eq!(
            told(What::MovedBack, ann),
            ["waiting-participant.moved-back 7 - Ann door", "waiting-participant.joined 7-2 - Ann door"]
        );
        assert_eq!(told(What::Left, None), ["waiting-participant.left 7 left - -"]);
        assert_eq!(told(What::Left, Some(("", Through::Time))), ["waiting-participant.left 7 expired  time"]);
        assert_eq!(told(What::Left, ann), ["waiting-participant.left 7 removed Ann door"]);
        assert_eq!(told(What::Removed, ann), ["participant.removed 7 - Ann door"]);
        assert_eq!(told(What::AllowAll, ann), ["room.choice-remembered 7 - Ann door"]);
        for what in What::ALL {
            assert!(!told(what, ann).is_empty());
        }
    }

    #[test]
    fn who_left_says_for_how_long_and_a_meeting_when_it_began() {
        let parted = about(event(What::Parted), "Bo", None);
        let left = messages(&parted).next().unwrap().envelope(None);
        assert_eq!((left["type"].as_str(), left["payload"]["duration"].as_f64()), (Some("participant.left"), Some(5.25)));
        let ended = event(What::MeetingEnded);
        let ended = messages(&ended).next().unwrap();
        let began = ended.envelope(Some(Timestamp::from_secs(1_796_115_000)));
        assert_eq!(
            (began["payload"]["start_ts"].as_f64(), began["payload"]["end_ts"].as_f64()),
            (Some(1_796_115_000.0), Some(1_796_115_605.25))
        );
        assert_eq!(ended.envelope(None)["payload"]["start_ts"], Value::Null);
    }
}
