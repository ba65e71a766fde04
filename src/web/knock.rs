//! How does somebody ask to be let in? The knocking page, and what its forms do.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::Extension;
use axum::response::{IntoResponse, Response};
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};

use super::access::{AccessState, OfRoom, cooldown, introduction, seconds};
use super::assets::{ASSETS, Assets};
use super::look::{Brand, Look};
use super::refusal::No;
use super::sent::{Asked, Sent, json, page as html, see_other, with_cookies};
use super::{Halt, Here, Shape, Web, address, visitor};
use crate::access::{Decision, Hold, Refusal, RoomName, display_name};
use crate::gate::{Brought, Caller, Judged};
use crate::store::{Asking, KnockError};
use crate::words::Words;

/// How far somebody at the door has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Has not knocked.
    MayKnock,
    /// Waits for an answer.
    Waiting,
    /// Was told no; may knock again after `cooldown`.
    Denied {
        /// How long not yet.
        cooldown: Duration,
    },
    /// May come in, but everybody's place is taken.
    NoPlace,
    /// May enter.
    Full,
}

impl State {
    /// The word in the page and on the wire.
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::MayKnock => "may-knock",
            Self::Waiting => "waiting",
            Self::Denied { .. } => "denied",
            Self::NoPlace => "no-place",
            Self::Full => "full",
        }
    }
}

#[derive(Template)]
#[template(path = "knock.html")]
pub(super) struct KnockPage<'a> {
    words: &'a Words,
    brand: &'a Brand,
    assets: &'static Assets,
    title: &'a str,
    room: &'a str,
    state: State,
    /// Whole seconds.
    cooldown: u64,
    name: &'a str,
    pub(super) message: &'a str,
    /// While waiting: whether anybody who can open is here.
    pub(super) opener: bool,
    /// While waiting: whether an owner sent them back.
    pub(super) moved: bool,
    /// Where to go once let in: a path of ours.
    destination: &'a str,
    /// The same, sealed, to survive a form.
    to: Option<&'a str>,
    pub(super) token: Option<&'a str>,
    pub(super) problem: Option<&'a str>,
    /// When a page without scripts looks again, in seconds.
    refresh: Option<u64>,
}

impl<'a> KnockPage<'a> {
    pub(super) fn new(look: &'a Look, room: &'a RoomName, state: State, name: &'a str, destination: &'a str, to: Option<&'a str>) -> Self {
        let cooldown = match state {
            State::Denied { cooldown } if !cooldown.is_zero() => cooldown.as_secs().saturating_add(1),
            State::Denied { .. } | State::MayKnock | State::Waiting | State::NoPlace | State::Full => 0,
        };
        let refresh = match state {
            State::Waiting | State::NoPlace => Some(6),
            State::Denied { .. } if cooldown > 0 => Some(cooldown),
            State::Full => Some(0),
            State::MayKnock | State::Denied { .. } => None,
        };
        let words = &*look.words;
        let title: &str = match state {
            State::MayKnock => &words.knock.title,
            State::Waiting => &words.knock.waiting_title,
            State::Denied { .. } => &words.knock.denied_title,
            State::NoPlace => &words.knock.no_place_title,
            State::Full => &words.knock.open_title,
        };
        Self {
            words,
            brand: &look.brand,
            assets: &ASSETS,
            title,
            room: room.as_str(),
            state,
            cooldown,
            name,
            message: "",
            opener: false,
            moved: false,
            destination,
            to,
            token: None,
            problem: None,
            refresh,
        }
    }
}

/// Where the page is asked for: `room`, and where to go afterwards.
#[derive(Deserialize)]
pub(super) struct AtDoor {
    room: String,
    to: Option<String>,
}

/// `GET /_roomgate/knock?room=NAME[&to=SEALED]`.
pub(super) async fn page(
    Here(web): Here,
    Extension(caller): Extension<Arc<Caller>>,
    Asked(asked): Asked<AtDoor>,
) -> Result<Response, Halt> {
    let room = web.room(Shape::Page, &asked.room)?;
    let visit = Visit::new(&web, &caller, &room, asked.to, Shape::Page).await?;
    let state = visit.state()?;
    if state == State::Full {
        return Ok(see_other(&visit.destination));
    }
    let response = visit.page(StatusCode::OK, state, None);
    // A browser that is not known yet is from now on: this is how the answer will find it.
    let lines =
        introduction(&web, &caller, &visit.judged).map_err(|_| web.halt(Shape::Page, &No::Unavailable, Some(&room), None, false))?;
    Ok(with_cookies(response, lines))
}

/// What the forms of the page send.
#[derive(Deserialize)]
pub(super) struct Knocks {
    room: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    message: String,
    to: Option<String>,
    #[serde(rename = "do")]
    order: Option<Order>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Order {
    Leave,
}

/// `POST /_roomgate/knock`: knocks, renames a knock, or (`do=leave`) takes it back.
pub(super) async fn ask(Here(web): Here, Extension(caller): Extension<Arc<Caller>>, sent: Sent<Knocks>) -> Result<Response, Halt> {
    let (shape, Knocks { room, name, message, to, order }) = (sent.shape, sent.value);
    let room = web.room(shape, &room)?;
    let visit = Visit::new(&web, &caller, &room, to, shape).await?;
    let browser = web.visitor(shape, &caller, &visit.judged)?;
    if order == Some(Order::Leave) {
        visit.leave().await?;
        return visit.answer().await;
    }
    match visit.state()? {
        State::Full | State::NoPlace => return visit.answer().await,
        State::Denied { cooldown } if !cooldown.is_zero() => return Ok(visit.too_soon(cooldown)),
        State::Denied { .. } | State::MayKnock | State::Waiting => {}
    }
    let Some(name) = display_name(&name) else {
        return Ok(visit.problem(StatusCode::BAD_REQUEST, "bad-request", &web.look.words.knock.no_name, None));
    };
    let limited = |text, wait| {
        web.gate.metrics().knocked("limited");
        visit.problem(StatusCode::TOO_MANY_REQUESTS, "too-many", text, Some(wait))
    };
    if let Err(wait) = web.limits.knock(browser, &room, caller.whence.address) {
        return Ok(limited(&web.look.words.knock.too_many, wait));
    }
    let unavailable = || web.stop(shape, &No::Unavailable, &caller, &visit.judged);
    let id = web.gate.chance().id().map_err(|_| unavailable())?;
    let message = crate::access::message(&message).map(Into::into);
    let sent_back = web.gate.sent_back(&caller, &visit.judged);
    let asking = Asking { message, sent_back, ..Asking::new(id, &room, browser, &name, web.gate.clock().now()) };
    match web.gate.store().knock(asking).await {
        Ok(_) => {
            web.gate.metrics().knocked("asked");
            visit.answer().await
        }
        Err(KnockError::Crowded) => Ok(limited(&web.look.words.knock.crowded, Duration::from_secs(60))),
        Err(KnockError::Store(error)) => {
            tracing::error!(%error, "a knock could not be written down");
            Err(unavailable())
        }
    }
}

/// `DELETE /_roomgate/knock?room=NAME`: takes a knock back.
pub(super) async fn leave(
    Here(web): Here,
    Extension(caller): Extension<Arc<Caller>>,
    Asked(asked): Asked<OfRoom>,
) -> Result<Response, Halt> {
    let room = web.room(Shape::Json, &asked.room)?;
    let visit = Visit::new(&web, &caller, &room, None, Shape::Json).await?;
    web.visitor(Shape::Json, &caller, &visit.judged)?;
    visit.leave().await?;
    visit.answer().await
}

/// One request of somebody at the door.
struct Visit<'a> {
    web: &'a Web,
    caller: &'a Caller,
    room: &'a RoomName,
    judged: Judged,
    destination: String,
    /// Sealed by us: only what opens is kept.
    to: Option<String>,
    shape: Shape,
}

impl<'a> Visit<'a> {
    async fn new(web: &'a Web, caller: &'a Caller, room: &'a RoomName, to: Option<String>, shape: Shape) -> Result<Self, Halt> {
        let judged = web.judge(shape, caller, room).await?;
        let to = to.filter(|to| web.gate.open_return(room, to).is_some());
        Ok(Self { destination: web.destination(room, to.as_deref()), web, caller, room, judged, to, shape })
    }

    /// How far they have come.
    fn state(&self) -> Result<State, Halt> {
        match &self.judged.outcome.decision {
            Decision::Admit(_) => Ok(State::Full),
            Decision::Hold(Hold::MayKnock) => Ok(State::MayKnock),
            Decision::Hold(Hold::Waiting) => Ok(State::Waiting),
            Decision::Refuse(Refusal::Denied) => Ok(State::Denied { cooldown: cooldown(self.web, self.caller, &self.judged) }),
            Decision::Refuse(Refusal::Full) => Ok(State::NoPlace),
            Decision::Refuse(refusal) => Err(self.web.stop(self.shape, &No::Refused(refusal.clone()), self.caller, &self.judged)),
        }
    }

    async fn leave(&self) -> Result<(), Halt> {
        let Some(browser) = visitor(self.caller, &self.judged) else { return Ok(()) };
        match self.web.gate.store().leave(self.room, browser, self.web.gate.clock().now()).await {
            Ok(()) => {
                self.web.gate.metrics().knocked("left");
                Ok(())
            }
            Err(error) => {
                tracing::error!(%error, "a knock could not be taken back");
                Err(self.web.stop(self.shape, &No::Unavailable, self.caller, &self.judged))
            }
        }
    }

    /// What is so now, after a change: to a script as JSON, to a form by showing the page anew.
    async fn answer(&self) -> Result<Response, Halt> {
        match self.shape {
            Shape::Page => Ok(see_other(&self.here())),
            Shape::Json | Shape::Api => {
                let judged = self.web.judge(self.shape, self.caller, self.room).await?;
                Ok(json(StatusCode::OK, &AccessState::of(self.web, self.caller, &judged)))
            }
        }
    }

    fn here(&self) -> String {
        let more: Vec<_> = self.to.as_deref().map(|to| ("to", to)).into_iter().collect();
        address("knock", self.room, &more)
    }

    fn too_soon(&self, cooldown: Duration) -> Response {
        match self.shape {
            Shape::Page => see_other(&self.here()),
            Shape::Json | Shape::Api => {
                self.problem(StatusCode::TOO_MANY_REQUESTS, "denied", &self.web.look.words.knock.denied_soon, Some(cooldown))
            }
        }
    }

    /// The page, or a line of JSON, with what is in the way.
    fn problem(&self, status: StatusCode, code: &'static str, message: &str, wait: Option<Duration>) -> Response {
        let retry_after = wait.map(seconds);
        let mut response = match self.shape {
            Shape::Page => match self.state() {
                Ok(state) => self.page(status, state, Some(message)),
                Err(halt) => halt.into_response(),
            },
            Shape::Json | Shape::Api => {
                let level = self.judged.outcome.decision.level().as_str();
                json(status, &Problem { code, message, access: super::access::Level { level }, retry_after })
            }
        };
        if let Some(wait) = retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait));
        }
        response
    }

    fn page(&self, status: StatusCode, state: State, problem: Option<&str>) -> Response {
        let knock = visitor(self.caller, &self.judged).and_then(|id| self.web.gate.store().facts().knock(self.room, id));
        let vouched = match &self.caller.token {
            Brought::Grant(grant) => Some(grant),
            Brought::Nothing | Brought::Bad(_) => self.judged.session.as_ref().and_then(|s| s.grant.as_ref()),
        };
        let vouched = vouched.and_then(|grant| grant.person.name.as_deref());
        let name = knock.as_ref().map(|k| &*k.name).or(vouched).and_then(display_name).unwrap_or_default();
        let mut page = KnockPage::new(&self.web.look, self.room, state, &name, &self.destination, self.to.as_deref());
        page.token = self.judged.outcome.token.or(self.caller.notice).map(|fault| self.web.look.words.link(fault));
        page.problem = problem;
        page.message = knock.as_ref().and_then(|k| k.message.as_deref()).unwrap_or_default();
        page.opener = state == State::Waiting && self.web.somebody_can_open(self.room);
        page.moved = knock.as_ref().is_some_and(|k| k.moved_back);
        html(self.web, status, &page)
    }
}

#[derive(Serialize)]
struct Problem<'a> {
    code: &'static str,
    message: &'a str,
    access: super::access::Level,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}
