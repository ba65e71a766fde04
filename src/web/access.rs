//! How far does the caller get in this room, for a script that wants to know?

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::response::Response;
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::people::{self, Choice, Inside, KeptOut, Waiting};
use super::refusal::No;
use super::sent::{Asked, json, with_cookies};
use super::{Halt, Here, Owner, Shape, Web, visitor, when};
use crate::access::{AccessLevel, Decision, Hold, Refusal, Role, RoomName, TokenFault};
use crate::chance::NoChance;
use crate::gate::{Caller, Judged, Speaks};

/// After a denial one may knock again when this has passed.
pub(super) const COOLDOWN: Duration = Duration::from_secs(30);

/// Which room.
#[derive(Deserialize)]
pub(super) struct OfRoom {
    pub room: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Level {
    pub level: &'static str,
}

/// Where somebody stands, in the reference API's words and ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AccessState {
    pub access: Level,
    /// What was asked for and is not answered yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub awaiting_access: Option<Level>,
    pub code: &'static str,
    #[serde(rename = "token_code", skip_serializing_if = "Option::is_none")]
    pub token_code: Option<&'static str>,
    /// Seconds until one may knock again.
    #[serde(rename = "retry_after", skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// What the visitor calls themself at this door.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What they say with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// While somebody waits: whether anybody who can open is here at this moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opener: Option<bool>,
    /// They were inside, and an owner sent them back to wait.
    #[serde(rename = "moved_back", skip_serializing_if = "std::ops::Not::not")]
    pub moved_back: bool,
    /// When the room opens (RFC 3339), where it has not yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opens: Option<String>,
    /// Where to go: the path of the room's page, for those who may enter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
}

impl AccessState {
    pub(super) fn of(web: &Web, caller: &Caller, judged: &Judged) -> Self {
        let decision = &judged.outcome.decision;
        let no = No::of(decision).map(|no| no.shown(web.gate.config().rooms.hide));
        let waiting = matches!(decision, Decision::Hold(Hold::Waiting));
        let denied = matches!(decision, Decision::Refuse(Refusal::Denied));
        let knock = visitor(caller, judged).and_then(|id| web.gate.store().facts().knock(&judged.entry.name, id));
        Self {
            access: Level { level: no.as_ref().map_or(decision.level(), No::level).as_str() },
            awaiting_access: waiting.then_some(Level { level: "full" }),
            code: no.as_ref().map_or(decision.code(), No::code),
            token_code: judged.outcome.token.map(TokenFault::code),
            retry_after: denied.then(|| seconds(cooldown(web, caller, judged))),
            opener: waiting.then(|| web.somebody_can_open(&judged.entry.name)),
            moved_back: waiting && knock.as_ref().is_some_and(|k| k.moved_back),
            opens: match &no {
                Some(No::Refused(Refusal::NotOpen(at))) => Some(when::iso(*at)),
                Some(_) | None => None,
            },
            page: match decision {
                Decision::Admit(_) => Some(web.gate.profile().page(&judged.entry.name)),
                Decision::Hold(_) | Decision::Refuse(_) => None,
            },
            message: knock.as_ref().filter(|_| waiting).and_then(|k| k.message.as_deref().map(str::to_owned)),
            name: knock.filter(|_| waiting).map(|k| k.name.to_string()),
        }
    }
}

impl Web {
    /// Whether an owner is inside, at the console, or has the meeting page open.
    pub(super) fn somebody_can_open(&self, room: &RoomName) -> bool {
        self.news.has_owner(room) || self.gate.live().has_owner(room, self.gate.clock().now())
    }
}

/// How long somebody who was denied has to wait before they may knock again.
pub(super) fn cooldown(web: &Web, caller: &Caller, judged: &Judged) -> Duration {
    let answered = visitor(caller, judged)
        .and_then(|id| web.gate.store().facts().knock(&judged.entry.name, id))
        .and_then(|knock| knock.answered.as_ref().map(|(at, _)| *at));
    answered.map_or(Duration::ZERO, |at| at.plus(COOLDOWN).since(web.gate.clock().now()))
}

/// Whole seconds, rounded up.
pub(super) fn seconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis().div_ceil(1000)).unwrap_or(u64::MAX)
}

/// The same, and for an owner what the stream tells them.
#[derive(Serialize)]
struct Told {
    #[serde(flatten)]
    state: AccessState,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<Door>,
}

/// The door as its owners see it.
#[derive(Serialize)]
struct Door {
    waiting: Vec<Waiting>,
    inside: Vec<Inside>,
    bans: Vec<KeptOut>,
    remembered: Choice,
}

impl Door {
    fn of(web: &Web, owner: &Owner) -> Self {
        Self {
            waiting: people::waiting(web, owner).iter().map(|k| Waiting::from(&**k)).collect(),
            inside: people::inside(web, owner),
            bans: people::kept_out(web, owner),
            remembered: Choice::of(web.gate.store().facts().remembered(&owner.judged.entry.name).as_deref()),
        }
    }
}

/// `GET /_roomgate/access?room=NAME`. A browser that is not known yet is from now on: a page that is not ours begins here.
pub(super) async fn level(
    Here(web): Here,
    Extension(caller): Extension<Arc<Caller>>,
    Asked(asked): Asked<OfRoom>,
) -> Result<Response, Halt> {
    let room = web.room(Shape::Json, &asked.room)?;
    let judged = web.judge(Shape::Json, &caller, &room).await?;
    // Whoever may neither enter nor ask is not to be known again.
    let lines = match judged.outcome.decision.level() {
        AccessLevel::Full | AccessLevel::Lobby => introduction(&web, &caller, &judged),
        AccessLevel::None => Ok(None),
    };
    let lines = lines.map_err(|_| web.stop(Shape::Json, &No::Unavailable, &caller, &judged))?;
    let state = AccessState::of(&web, &caller, &judged);
    let owner = match &judged.outcome.decision {
        Decision::Admit(permit) if permit.role() == Role::Owner => {
            let permit = permit.clone();
            Some(Door::of(&web, &Owner { judged, permit, address: caller.whence.address }))
        }
        Decision::Admit(_) | Decision::Hold(_) | Decision::Refuse(_) => None,
    };
    Ok(with_cookies(json(StatusCode::OK, &Told { state, owner }), lines))
}

/// The cookie by which a browser that has none will be known: this is how an answer finds it. None for another site's request.
pub(super) fn introduction(web: &Web, caller: &Caller, judged: &Judged) -> Result<Option<String>, NoChance> {
    match (visitor(caller, judged), caller.speaks) {
        (None, Speaks::All) => {
            let id = web.gate.chance().id()?;
            web.gate.cookies().set_visitor(id, web.gate.chance()).map(Some)
        }
        (Some(_), _) | (None, Speaks::TokenOnly) => Ok(None),
    }
}
