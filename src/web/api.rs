//! What can a script of an owner do at the door? The console's orders, in the reference API's shapes.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::Path;
use axum::extract::rejection::JsonRejection;
use axum::response::Response;
use axum::{Extension, Json};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};

use super::orders::{Failure, Orders, through};
use super::people::{self, Choice, KeptOut, Waiting};
use super::refusal::No;
use super::sent::json;
use super::words::Note;
use super::{Halt, Here, Owner, Shape, Web};
use crate::access::{Answer, Bar, Id};
use crate::gate::Caller;
use crate::words::Words;

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
    Here(web): Here,
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
    /// Whoever knocks from now on is told the same, until the meeting ends.
    #[serde(default)]
    remember: bool,
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
    fn new(id: Option<String>, failure: &Failure, words: &Words) -> Self {
        let (error, by) = match failure {
            Failure::Conflict(_, by) => ("conflict", by.clone()),
            Failure::Store => ("server-error", None),
        };
        Self { id, error, code: failure.note().code(), info: failure.told(words), by }
    }
}

fn conflict(failure: &Failure, words: &Words) -> Response {
    let status = match failure {
        Failure::Conflict(Note::Gone, _) => StatusCode::NOT_FOUND,
        Failure::Conflict(..) => StatusCode::CONFLICT,
        Failure::Store => StatusCode::SERVICE_UNAVAILABLE,
    };
    json(status, &Conflicting::new(None, failure, words))
}

/// `PATCH …/waiting-participants/:id`.
pub(super) async fn answer(
    Here(web): Here,
    Extension(caller): Extension<Arc<Caller>>,
    Path((room, id)): Path<(String, String)>,
    headers: HeaderMap,
    update: Result<Json<Update>, JsonRejection>,
) -> Result<Response, Halt> {
    let owner = web.owner_of(&caller, &room).await?;
    let Json(update) = update.map_err(|_| web.bad())?;
    let knock = Id::parse(&id).ok_or_else(|| web.absent())?;
    let seen = version(&web, &owner, knock, update).ok_or_else(|| web.bad())?;
    let orders = Orders { web: &web, owner: &owner, through: through(&headers) };
    let mut done = orders.answer(knock, update.answer(), seen).await;
    if update.remember && done.is_ok() {
        done = orders.remember(Some(update.answer())).await;
    }
    Ok(match done {
        Ok(()) => json(StatusCode::OK, &One { id: &id }),
        Err(failure) => conflict(&failure, &orders.words()),
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
    Here(web): Here,
    Extension(caller): Extension<Arc<Caller>>,
    Path(room): Path<String>,
    headers: HeaderMap,
    updates: Result<Json<BTreeMap<String, Update>>, JsonRejection>,
) -> Result<Response, Halt> {
    let owner = web.owner_of(&caller, &room).await?;
    let Json(mut updates) = updates.map_err(|_| web.bad())?;
    if updates.is_empty() || updates.len() > MANY {
        return Err(web.bad());
    }
    let everybody = updates.remove("*");
    let orders = Orders { web: &web, owner: &owner, through: through(&headers) };
    let mut answers = Vec::new();
    for (id, update) in &updates {
        let knock = Id::parse(id).ok_or_else(|| web.bad())?;
        answers.push((knock, update.answer(), version(&web, &owner, knock, *update).ok_or_else(|| web.bad())?));
    }
    // What is said of everybody to come holds before anybody who waits is answered: nobody slips in between.
    let mut said = updates.values().chain(&everybody).filter(|update| update.remember).map(|update| update.answer());
    let remember = said.next();
    if said.any(|other| Some(other) != remember) {
        return Err(web.bad());
    }
    if remember.is_some()
        && let Err(failure) = orders.remember(remember).await
    {
        return Ok(conflict(&failure, &orders.words()));
    }
    let mut done = Many { ids: Vec::new(), conflicts: Vec::new() };
    for (id, answer, seen) in answers {
        match orders.answer(id, answer, seen).await {
            Ok(()) => done.ids.push(id.to_string()),
            Err(failure) => done.conflicts.push(Conflicting::new(Some(id.to_string()), &failure, &orders.words())),
        }
    }
    if let Some(update) = everybody {
        // Those who were named have their own answer, or a conflict that is told.
        let named = |id: &Id| updates.contains_key(&id.to_string());
        let others: Option<Vec<_>> = (!updates.is_empty())
            .then(|| people::waiting(&web, &owner).iter().map(|k| (k.id, k.version)).filter(|(id, _)| !named(id)).collect());
        match orders.answer_everyone(update.answer(), others.as_deref()).await {
            Ok(reached) => done.ids.extend(reached.iter().map(Id::to_string)),
            Err(failure) => return Ok(conflict(&failure, &orders.words())),
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
    Here(web): Here,
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
    /// Whether it holds for everybody from their network.
    #[serde(default)]
    network: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Ejected {
    ejected_ids: Vec<String>,
}

/// `POST …/eject`. Ids of nobody are no error.
pub(super) async fn eject(
    Here(web): Here,
    Extension(caller): Extension<Arc<Caller>>,
    Path(room): Path<String>,
    headers: HeaderMap,
    eject: Result<Json<Eject>, JsonRejection>,
) -> Result<Response, Halt> {
    let owner = web.owner_of(&caller, &room).await?;
    let Json(eject) = eject.map_err(|_| web.bad())?;
    if eject.ids.len() > MANY {
        return Err(web.bad());
    }
    let kind = if eject.ban { Bar::Banned } else { Bar::Ejected };
    let orders = Orders { web: &web, owner: &owner, through: through(&headers) };
    let mut ejected_ids = Vec::new();
    for id in eject.ids {
        let Some(session) = Id::parse(&id) else { continue };
        match orders.keep_out(session, kind, eject.ban && eject.lasting, eject.network).await {
            Ok(true) => ejected_ids.push(id),
            Ok(false) => {}
            Err(failure) => return Ok(conflict(&failure, &orders.words())),
        }
    }
    Ok(json(StatusCode::OK, &Ejected { ejected_ids }))
}

/// `GET …/bans`.
pub(super) async fn bans(Here(web): Here, Extension(caller): Extension<Arc<Caller>>, Path(room): Path<String>) -> Result<Response, Halt> {
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
    Here(web): Here,
    Extension(caller): Extension<Arc<Caller>>,
    Path((room, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Halt> {
    let owner = web.owner_of(&caller, &room).await?;
    let ban = Id::parse(&id).ok_or_else(|| web.absent())?;
    let orders = Orders { web: &web, owner: &owner, through: through(&headers) };
    match orders.lift(ban).await {
        Ok(true) => Ok(json(StatusCode::OK, &Deleted { deleted: true, id: &id })),
        Ok(false) => Err(web.absent()),
        Err(failure) => Ok(conflict(&failure, &orders.words())),
    }
}

/// Whom to send back to wait.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MoveBack {
    ids: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Moved {
    moved_ids: Vec<String>,
}

/// `POST …/move-back`. Ids of nobody are no error.
pub(super) async fn move_back(
    Here(web): Here,
    Extension(caller): Extension<Arc<Caller>>,
    Path(room): Path<String>,
    headers: HeaderMap,
    moved: Result<Json<MoveBack>, JsonRejection>,
) -> Result<Response, Halt> {
    let owner = web.owner_of(&caller, &room).await?;
    let Json(MoveBack { ids }) = moved.map_err(|_| web.bad())?;
    if ids.len() > MANY {
        return Err(web.bad());
    }
    let orders = Orders { web: &web, owner: &owner, through: through(&headers) };
    let mut moved_ids = Vec::new();
    for id in ids {
        let Some(session) = Id::parse(&id) else { continue };
        match orders.move_back(session).await {
            Ok(true) => moved_ids.push(id),
            Ok(false) => {}
            Err(failure) => return Ok(conflict(&failure, &orders.words())),
        }
    }
    Ok(json(StatusCode::OK, &Moved { moved_ids }))
}

/// `GET …/remembered`: what an owner said of whoever knocks from now on.
pub(super) async fn remembered(
    Here(web): Here,
    Extension(caller): Extension<Arc<Caller>>,
    Path(room): Path<String>,
) -> Result<Response, Halt> {
    let owner = web.owner_of(&caller, &room).await?;
    Ok(choice(&web, &owner))
}

/// What whoever knocks is told.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Remember {
    answer: Option<Told>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Told {
    Allow,
    Deny,
}

/// `PUT …/remembered`.
pub(super) async fn remember(
    Here(web): Here,
    Extension(caller): Extension<Arc<Caller>>,
    Path(room): Path<String>,
    headers: HeaderMap,
    remember: Result<Json<Remember>, JsonRejection>,
) -> Result<Response, Halt> {
    let owner = web.owner_of(&caller, &room).await?;
    let Json(Remember { answer }) = remember.map_err(|_| web.bad())?;
    let answer = answer.map(|told| match told {
        Told::Allow => Answer::Allow,
        Told::Deny => Answer::Deny,
    });
    put_choice(&web, &owner, &headers, answer).await
}

/// `DELETE …/remembered`: owners want to be asked each time again.
pub(super) async fn ask_again(
    Here(web): Here,
    Extension(caller): Extension<Arc<Caller>>,
    Path(room): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Halt> {
    let owner = web.owner_of(&caller, &room).await?;
    put_choice(&web, &owner, &headers, None).await
}

async fn put_choice(web: &Web, owner: &Owner, headers: &HeaderMap, answer: Option<Answer>) -> Result<Response, Halt> {
    let orders = Orders { web, owner, through: through(headers) };
    match orders.remember(answer).await {
        Ok(()) => Ok(choice(web, owner)),
        Err(failure) => Ok(conflict(&failure, &orders.words())),
    }
}

fn choice(web: &Web, owner: &Owner) -> Response {
    json(StatusCode::OK, &Choice::of(web.gate.store().facts().remembered(&owner.judged.entry.name).as_deref()))
}
