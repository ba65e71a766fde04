//! What is new for somebody at a door, or for the owner behind it, as it happens?
//!
//! A stream remembers what it last told and, when woken, tells the difference to what is so now: nothing is lost by being late.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use http::HeaderValue;
use http::header::CACHE_CONTROL;
use serde::Serialize;

use super::access::{AccessState, OfRoom};
use super::limits::Slot;
use super::news::Ear;
use super::people::{self, Choice, Inside, KeptOut, Waiting};
use super::refusal::No;
use super::sent::Asked;
use super::{Halt, Here, Owner, Shape, Web, visitor};
use crate::access::{AccessLevel, Decision, Id, Knock, KnockState, Role, RoomName};
use crate::gate::{Caller, Judged, Moment};

/// A comment goes out so often, so that nothing between us takes the stream for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// A visitor's standing is looked at so often even when nothing is heard: time passes too.
const VISITOR_TICK: Duration = Duration::from_secs(10);
/// An owner's view likewise; who is inside is not news of the store.
const OWNER_TICK: Duration = Duration::from_secs(2);
/// An owner's view is renewed at most so often, however many knock.
const OWNER_REST: Duration = Duration::from_millis(100);
/// In place of a browser that is not known: no knock is ever its.
const NOBODY: Id = Id::new([0; 16]);
/// How long a browser waits before it comes back.
const RETRY: Duration = Duration::from_secs(3);

/// `GET /_roomgate/events?room=NAME`.
pub(super) async fn stream(
    Here(web): Here,
    Extension(caller): Extension<Arc<Caller>>,
    Asked(asked): Asked<OfRoom>,
) -> Result<Response, Halt> {
    let room = web.room(Shape::Json, &asked.room)?;
    let judged = web.judge(Shape::Json, &caller, &room).await?;
    let owner = match &judged.outcome.decision {
        Decision::Admit(permit) => match permit.role() {
            Role::Owner => true,
            Role::Participant => false,
        },
        Decision::Hold(_) => false,
        Decision::Refuse(refusal) => match judged.outcome.decision.level() {
            AccessLevel::Lobby | AccessLevel::Full => false,
            AccessLevel::None => return Err(web.stop(Shape::Json, &No::Refused(refusal.clone()), &caller, &judged)),
        },
    };
    let browser = visitor(&caller, &judged);
    let Some(slot) = web.limits.stream(browser, caller.whence.address) else {
        return Err(web.stop(Shape::Json, &No::TooMany(RETRY), &caller, &judged));
    };
    let told = if owner { Told::Owner(Told::NOTHING) } else { Told::Visitor(None) };
    // Listening begins before anything is read: what happens in between rings.
    let ear = web.news.listen(&room, if owner { None } else { Some(browser.unwrap_or(NOBODY)) });
    let watch = Watch {
        web,
        caller,
        room,
        ear,
        _slot: slot,
        told,
        queue: VecDeque::from([Event::default().retry(RETRY)]),
        over: false,
        asked: false,
    };
    let events = unfold(watch, |mut watch| async move { watch.next().await.map(|event| (Ok::<_, Infallible>(event), watch)) });
    let mut response = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // The word that nginx understands: pass every event on at once.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

struct Watch {
    web: Web,
    caller: Arc<Caller>,
    room: RoomName,
    ear: Ear,
    _slot: Slot,
    told: Told,
    queue: VecDeque<Event>,
    over: bool,
    asked: bool,
}

/// What was told last.
enum Told {
    Visitor(Option<AccessState>),
    Owner(OwnersView),
}

struct OwnersView {
    waiting: BTreeMap<Id, Waiting>,
    presence: Option<Presence>,
    remembered: Option<Choice>,
}

impl Told {
    const NOTHING: OwnersView = OwnersView { waiting: BTreeMap::new(), presence: None, remembered: None };
}

#[derive(PartialEq, Serialize)]
struct Presence {
    inside: Vec<Inside>,
    bans: Vec<KeptOut>,
}

#[derive(Serialize)]
struct About<'a> {
    participant: &'a Waiting,
    /// Of somebody who waits no more: `allowed`, `denied` or `left`.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'static str>,
    /// Who decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
}

impl<'a> About<'a> {
    const fn waiting(participant: &'a Waiting) -> Self {
        Self { participant, outcome: None, by: None }
    }

    fn gone(participant: &'a Waiting, knock: Option<&Knock>) -> Self {
        let outcome = match knock.map(|k| k.state) {
            Some(KnockState::Granted) => "allowed",
            Some(KnockState::Denied) => "denied",
            Some(KnockState::Waiting | KnockState::None) | None => "left",
        };
        let by = knock.and_then(|k| k.answered.as_ref()).map(|(_, by)| by.to_string());
        Self { participant, outcome: Some(outcome), by }
    }
}

impl Watch {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.queue.pop_front() {
                return Some(event);
            }
            if self.over {
                return None;
            }
            if self.asked {
                self.wait().await;
            }
            self.asked = true;
            if self.web.gate.closing().is_cancelled() {
                // The browser comes back by itself, to whoever serves then.
                return None;
            }
            let Ok(judged) = self.web.gate.judge(&self.caller, &self.room, Moment::Arriving).await else {
                // A visitor's place in line is kept while a fact is missing; an owner's powers are not.
                match self.told {
                    Told::Visitor(_) => continue,
                    Told::Owner(_) => return None,
                }
            };
            self.look(judged);
        }
    }

    async fn wait(&self) {
        let tick = match self.told {
            Told::Visitor(_) => VISITOR_TICK,
            Told::Owner(_) => {
                tokio::time::sleep(OWNER_REST).await;
                OWNER_TICK
            }
        };
        tokio::select! {
            () = self.web.gate.closing().cancelled() => {}
            () = self.ear.rings() => {}
            () = tokio::time::sleep(tick) => {}
        }
    }

    fn look(&mut self, judged: Judged) {
        let (web, queue) = (&self.web, &mut self.queue);
        match &mut self.told {
            Told::Visitor(told) => {
                let state = AccessState::of(web, &self.caller, &judged);
                // What only counts down is no news.
                let same =
                    |t: &AccessState| AccessState { retry_after: None, ..t.clone() } == AccessState { retry_after: None, ..state.clone() };
                if !told.as_ref().is_some_and(same) {
                    queue.extend(event("access-state-updated", &state));
                    self.over = state.access.level == AccessLevel::None.as_str();
                    *told = Some(state);
                }
            }
            Told::Owner(view) => {
                let permit = match &judged.outcome.decision {
                    Decision::Admit(permit) if permit.role() == Role::Owner => permit.clone(),
                    Decision::Admit(_) | Decision::Hold(_) | Decision::Refuse(_) => {
                        queue.extend(event("access-state-updated", &AccessState::of(web, &self.caller, &judged)));
                        self.over = true;
                        return;
                    }
                };
                view.renew(web, &Owner { judged, permit, address: self.caller.whence.address }, queue);
            }
        }
    }
}

impl OwnersView {
    fn renew(&mut self, web: &Web, owner: &Owner, queue: &mut VecDeque<Event>) {
        let (facts, room) = (web.gate.store().facts(), &owner.judged.entry.name);
        let choice = Choice::of(facts.remembered(room).as_deref());
        if self.remembered.as_ref() != Some(&choice) {
            queue.extend(event("remembered", &choice));
            self.remembered = Some(choice);
        }
        let knocks = people::waiting(web, owner);
        let mut before = std::mem::take(&mut self.waiting);
        for knock in &knocks {
            let now = Waiting::from(&**knock);
            let name = match before.remove(&knock.id) {
                None => Some("waiting-participant-added"),
                Some(was) if was != now => Some("waiting-participant-updated"),
                Some(_) => None,
            };
            queue.extend(name.and_then(|name| event(name, &About::waiting(&now))));
            self.waiting.insert(knock.id, now);
        }
        for (id, gone) in &before {
            let knock = facts.knock_of(room, *id);
            queue.extend(event("waiting-participant-removed", &About::gone(gone, knock.as_deref())));
        }
        let presence = Presence { inside: people::inside(web, owner), bans: people::kept_out(web, owner) };
        if self.presence.as_ref() != Some(&presence) {
            queue.extend(event("presence", &presence));
            self.presence = Some(presence);
        }
    }
}

fn event(name: &str, data: &impl Serialize) -> Option<Event> {
    Event::default().event(name).json_data(data).ok()
}
