//! What can a script of an owner do at the door? The console's orders, in the reference API's shapes.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::{Extension, Json};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::orders::{self, Failure};
use super::people::{self, KeptOut, Waiting};
use super::refusal::No;
use super::sent::json;
use super::words::Note;
use super::{Halt, Owner, Shape, Web};
use crate::access::{Answer, Bar, Id};
use crate::gate::Caller;

/// As many people one request may name.
const MANY: usize = 100;

#[derive(Serialize)]
struct Listed<T> {
    total_count: usize,
    data: Vec<T>,
}

impl<T: Serialize> Listed<T> {
    fn answer(data: Vec<T>) -> Response {
        json(StatusCode::OK, &Self { total_count: data.len(), data })
    }
}

impl Web {
    async fn owner_of(&self, caller: &Caller, room: &str) -> Result<Owner, Halt> {
        let room = self.room(Shape::Api, room)?;
        self.owner(Shape::Api, caller, &room).await
    }

    fn bad(&self) -> Halt {
        self.halt(Shape::Api, &No::BadRequest, None, None, true)
    }

    fn absent(&self) -> Halt {
        self.halt(Shape::Api, &No::UnknownPath, None, None, true)
    }
}

/// `GET …/waiting-participants`.
pub(super) async fn waiting(
    State(web): State<Web>,
    Extension(caller): Extension<Arc<Caller>>,
    Path(room): Path<String>,
) -> Result<Response, Halt> {
    let owner = web.owner_of(&caller, &room).await?;
    Ok(Listed::answer(people::waiting(&web, &owner).iter().map(|k| Waiting::from(&**k)).collect()))
}

/// The answer to one knock.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Update {
    grant_requested_access: bool,
    /// Which version was seen. A grant needs it, so that nobody is let in under a name that no owner saw.
    version: Option<u32>,
}

impl Update {
    const fn answer(self) -> Answer {
        if self.grant_requested_access { Answer::Allow } else { Answer::Deny }
    }
}

#[derive(Serialize)]
struct One<'a> {
    id: &'a str,
}

#[derive(Serialize)]
struct Conflicting {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    error: &'static str,
    /// What happened instead: `gone`, `first-allowed`, `first-denied`, `renamed`.
    code: &'static str,
    info: String,
    /// Who was first.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
}

impl Conflicting {
    fn new(id: Option<String>, failure: &Failure) -> Self {
        let (error, by) = match failure {
            Failure::Conflict(_, by) => ("conflict", by.clone()),
            Failure::Store => ("server-error", None),
        };
        Self { id, error, code: failure.note().code(), info: failure.told(), by }
    }
}

fn conflict(failure: &Failure) -> Response {
    let status = match failure {
        Failure::Conflict(Note::Gone, _) => StatusCode::NOT_FOUND,
        Failure::Conflict(..) => StatusCode::CONFLICT,
        Failure::Store => StatusCode::SERVICE_UNAVAILABLE,
    };
    json(status, &Conflicting::new(None, failure))
}

/// `PATCH …/waiting-participants/:id`.
pub(super) async fn answer(
    State(web): State<Web>,
    Extension(caller): Extension<Arc<Caller>>,
    Path((room, id)): Path<(String, String)>,
    update: Result<Json<Update>, JsonRejection>,
) -> Result<Response, Halt> {
    let owner = web.owner_of(&caller, &room).await?;
    let Json(update) = update.map_err(|_| web.bad())?;
    let knock = Id::parse(&id).ok_or_else(|| web.absent())?;
    let seen = version(&web, &owner, knock, update).ok_or_else(|| web.bad())?;
    Ok(match orders::answer(&web, &owner, knock, update.answer(), seen).await {
        Ok(()) => json(StatusCode::OK, &One { id: &id }),
        Err(failure) => conflict(&failure),
    })
}

/// The version that an update is about. A denial may leave it out: it is meant for whoever that is by now.
fn version(web: &Web, owner: &Owner, knock: Id, update: Update) -> Option<u32> {
    match (update.version, update.answer()) {
        (Some(version), _) => Some(version),
        (None, Answer::Allow) => None,
        (None, Answer::Deny) => Some(web.gate.store().facts().knock_of(&owner.judged.entry.name, knock).map_or(0, |k| k.version)),
    }
}

#[derive(Serialize)]
struct Many {
    ids: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    conflicts: Vec<Conflicting>,
}

/// `PATCH …/waiting-participants`: several at once, by id, or all who wait at this moment (`*`).
pub(super) async fn answer_many(
    State(web): State<Web>,
    Extension(caller): Extension<Arc<Caller>>,
    Path(room): Path<String>,
    updates: Result<Json<BTreeMap<String, Update>>, JsonRejection>,
) -> Result<Response, Halt> {
    let owner = web.owner_of(&caller, &room).await?;
    let Json(mut updates) = updates.map_err(|_| web.bad())?;
    if updates.is_empty() || updates.len() > MANY {
        return Err(web.bad());
    }
    let everybody = updates.remove("*");
    let mut orders = Vec::new();
    for (id, update) in &updates {
        let knock = Id::parse(id).ok_or_else(|| web.bad())?;
        orders.push((knock, update.answer(), version(&web, &owner, knock, *update).ok_or_else(|| web.bad())?));
    }
    if let Some(update) = everybody {
        let others = people::waiting(&web, &owner).into_iter().filter(|k| !updates.contains_key(&k.id.to_string()));
        orders.extend(others.map(|k| (k.id, update.answer(), k.version)));
    }
    let mut done = Many { ids: Vec::new(), conflicts: Vec::new() };
    for (id, answer, seen) in orders {
        match orders::answer(&web, &owner, id, answer, seen).await {
            Ok(()) => done.ids.push(id.to_string()),
            Err(failure) => done.conflicts.push(Conflicting::new(Some(id.to_string()), &failure)),
        }
    }
    let status = if done.ids.is_empty() && !done.conflicts.is_empty() { StatusCode::CONFLICT } else { StatusCode::OK };
    Ok(json(status, &done))
}

/// Somebody inside, as the reference API shows them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Participant {
    id: String,
    room: String,
    user_id: Option<String>,
    user_name: String,
    owner: bool,
    join_time: String,
    /// Seconds.
    duration: u64,
}

/// `GET …/presence`.
pub(super) async fn presence(
    State(web): State<Web>,
    Extension(caller): Extension<Arc<Caller>>,
    Path(room): Path<String>,
) -> Result<Response, Halt> {
    let owner = web.owner_of(&caller, &room).await?;
    let (now, room) = (web.gate.clock().now(), owner.judged.entry.name.to_string());
    let shown = people::inside(&web, &owner).into_iter().map(|inside| Participant {
        id: inside.id,
        room: room.clone(),
        user_id: inside.user,
        user_name: inside.name,
        owner: inside.owner,
        join_time: inside.since,
        duration: now.since(inside.entered).as_secs(),
    });
    Ok(Listed::answer(shown.collect()))
}

/// Whom to send out.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Eject {
    ids: Vec<String>,
    /// Banned rather than removed.
    #[serde(default)]
    ban: bool,
    /// Whether a ban outlasts the meeting.
    #[serde(default)]
    lasting: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Ejected {
    ejected_ids: Vec<String>,
}

/// `POST …/eject`. Ids of nobody are no error.
pub(super) async fn eject(
    State(web): State<Web>,
    Extension(caller): Extension<Arc<Caller>>,
    Path(room): Path<String>,
    eject: Result<Json<Eject>, JsonRejection>,
) -> Result<Response, Halt> {
    let owner = web.owner_of(&caller, &room).await?;
    let Json(eject) = eject.map_err(|_| web.bad())?;
    if eject.ids.len() > MANY {
        return Err(web.bad());
    }
    let kind = if eject.ban { Bar::Banned } else { Bar::Ejected };
    let mut ejected_ids = Vec::new();
    for id in eject.ids {
        let Some(session) = Id::parse(&id) else { continue };
        match orders::keep_out(&web, &owner, session, kind, eject.ban && eject.lasting).await {
            Ok(true) => ejected_ids.push(id),
            Ok(false) => {}
            Err(failure) => return Ok(conflict(&failure)),
        }
    }
    Ok(json(StatusCode::OK, &Ejected { ejected_ids }))
}

/// `GET …/bans`.
pub(super) async fn bans(
    State(web): State<Web>,
    Extension(caller): Extension<Arc<Caller>>,
    Path(room): Path<String>,
) -> Result<Response, Halt> {
    let owner = web.owner_of(&caller, &room).await?;
    Ok(Listed::<KeptOut>::answer(people::kept_out(&web, &owner)))
}

#[derive(Serialize)]
struct Deleted<'a> {
    deleted: bool,
    id: &'a str,
}

/// `DELETE …/bans/:id`.
pub(super) async fn lift(
    State(web): State<Web>,
    Extension(caller): Extension<Arc<Caller>>,
    Path((room, id)): Path<(String, String)>,
) -> Result<Response, Halt> {
    let owner = web.owner_of(&caller, &room).await?;
    let ban = Id::parse(&id).ok_or_else(|| web.absent())?;
    match orders::lift(&web, &owner, ban).await {
        Ok(true) => Ok(json(StatusCode::OK, &Deleted { deleted: true, id: &id })),
        Ok(false) => Err(web.absent()),
        Err(failure) => Ok(conflict(&failure)),
    }
}
