//! **Our own pages and API**, under `/_roomgate/`: what a visitor at the door and an owner behind it see and do.
//!
//! An axum router over [`Gate`]. It knows no proxy: whoever serves it says who calls, as an `Arc<Caller>` among the request's
//! extensions. A click here is a write to the store; that a connection ends is somebody else's work.
//!
//! | | |
//! | --- | --- |
//! | [`refusal`] | who does not get in, in HTTP's words; used in front of this router too |
//! | `words` | which sentence is said of what |
//! | `look` | the language of a page, and whose place it is |
//! | `policy` | the headers of a page |
//! | `origin` | which requests of a browser are its user's own |
//! | `knock` | the knocking page |
//! | `door`, `orders`, `people` | the owners' console |
//! | `api` | the same for scripts |
//! | [`overlay`] | what the script in a meeting's page asks for |
//! | `events`, `news` | what is new, as it happens |

mod access;
mod api;
mod assets;
mod door;
mod events;
#[cfg(test)]
mod gallery;
mod knock;
mod limits;
mod look;
mod news;
mod orders;
mod origin;
pub mod overlay;
mod people;
pub mod policy;
pub mod refusal;
mod sent;
mod session;
#[cfg(test)]
mod tests;
mod when;
mod words;

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequestParts, Path, State};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, patch, post};
use http::header::{ACCEPT_LANGUAGE, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::access::{By, Decision, Id, Permit, Role, RoomName, Through, TokenFault, display_name};
use crate::gate::{Brought, Caller, Gate, Judged, Moment, Speaks};

use look::Look;
use refusal::{No, Scene, api_error, refusal_json, refusal_page};

/// The largest request body, in bytes: a token has 8 KiB, a list of a hundred people less than that.
const BODY_MAX: usize = 64 * 1024;

/// The pages and the API. Each request needs an `Arc<Caller>` in its extensions; one without is refused with 503.
pub fn router(gate: Arc<Gate>) -> Router {
    let look = Look::of(&gate.config().pages, None);
    let web = Web { limits: Arc::new(limits::Limits::new(&gate)), news: Arc::new(news::News::new(&gate)), gate, look };
    Router::new()
        .route("/_roomgate/knock", get(knock::page).post(knock::ask).delete(knock::leave))
        .route("/_roomgate/door", get(door::page).post(door::order))
        .route("/_roomgate/access", get(access::level))
        .route("/_roomgate/events", get(events::stream))
        .route("/_roomgate/overlay", get(overlay::standing))
        .route("/_roomgate/session", post(session::open))
        .route("/_roomgate/v1/rooms/{room}/waiting-participants", get(api::waiting).patch(api::answer_many))
        .route("/_roomgate/v1/rooms/{room}/waiting-participants/{id}", patch(api::answer))
        .route("/_roomgate/v1/rooms/{room}/presence", get(api::presence))
        .route("/_roomgate/v1/rooms/{room}/eject", post(api::eject))
        .route("/_roomgate/v1/rooms/{room}/bans", get(api::bans))
        .route("/_roomgate/v1/rooms/{room}/move-back", post(api::move_back))
        .route("/_roomgate/v1/rooms/{room}/remembered", get(api::remembered).put(api::remember).delete(api::ask_again))
        .route("/_roomgate/v1/rooms/{room}/bans/{id}", delete(api::lift))
        .fallback(nowhere)
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(from_fn_with_state(web.clone(), origin::check))
        // Assets are everybody's: no caller, no origin.
        .route("/_roomgate/assets/{name}", get(asset))
        .route("/_roomgate/client.js", get(client))
        .route("/_roomgate/client.d.ts", get(types))
        .with_state(web)
}

async fn asset(State(web): State<Web>, Path(name): Path<String>, headers: HeaderMap) -> Response {
    if let Some(own) = look::serve(&web.gate.config().pages, &name, known(&headers)) {
        return own.map(axum::body::Body::from);
    }
    assets::ASSETS.serve(&name, known(&headers)).map(axum::body::Body::from)
}

/// `GET /_roomgate/client.js`: for our own pages, and for those of listed sites.
async fn client(State(web): State<Web>, headers: HeaderMap) -> Response {
    let mut response = assets::ASSETS.client(known(&headers)).map(axum::body::Body::from);
    origin::open(&headers, &web.gate.config().server.origins, response.headers_mut());
    response
}

/// `GET /_roomgate/client.d.ts`.
async fn types(headers: HeaderMap) -> Response {
    assets::ASSETS.types(known(&headers)).map(axum::body::Body::from)
}

fn known(headers: &HeaderMap) -> Option<&str> {
    headers.get(IF_NONE_MATCH).and_then(|v| v.to_str().ok())
}

async fn nowhere(Here(web): Here, headers: HeaderMap) -> Response {
    let shape = if sent::wants_json(&headers) { Shape::Json } else { Shape::Page };
    web.halt(shape, &No::UnknownPath, None, None, false).into_response()
}

/// All that the pages share.
#[derive(Clone)]
struct Web {
    gate: Arc<Gate>,
    limits: Arc<limits::Limits>,
    news: Arc<news::News>,
    /// How the pages look and speak to this request.
    look: Look,
}

/// The same, as this request wants to be spoken to.
struct Here(Web);

impl FromRequestParts<Web> for Here {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut http::request::Parts, web: &Web) -> Result<Self, Self::Rejection> {
        Ok(Self(web.looking(parts.headers.get(ACCEPT_LANGUAGE))))
    }
}

/// How somebody wants to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// A page.
    Page,
    /// `{"code", …}`.
    Json,
    /// `{"error", "info"}`.
    Api,
}

/// An answer that ends the matter early.
#[derive(Debug)]
struct Halt(Box<http::Response<String>>);

impl IntoResponse for Halt {
    fn into_response(self) -> Response {
        self.0.map(axum::body::Body::from)
    }
}

/// Somebody who may decide about others in a room, now.
struct Owner {
    judged: Judged,
    permit: Permit,
    /// Where this request of theirs comes from.
    address: IpAddr,
}

impl Owner {
    /// How others are told who decided.
    fn called(&self) -> &str {
        let person = self.permit.person();
        person.name.as_deref().or(person.email.as_deref()).or(person.user.as_deref()).unwrap_or("an owner")
    }

    /// Whose order it is, for the trail: cleaned, because others read it.
    fn by(&self, through: Through) -> By {
        By::new(&display_name(self.called()).unwrap_or_else(|| "an owner".to_owned()), through)
    }
}

impl Web {
    fn looking(&self, asked: Option<&HeaderValue>) -> Self {
        Self { look: Look::of(&self.gate.config().pages, asked), ..self.clone() }
    }

    fn halt(&self, shape: Shape, no: &No, room: Option<&RoomName>, token: Option<TokenFault>, came: bool) -> Halt {
        let config = self.gate.config();
        let (hide, frames, now) = (config.rooms.hide, &config.server.frames, self.gate.clock().now());
        let scene = Scene { room, token, came, hide, frames, now, door: None, look: &self.look };
        Halt(Box::new(match shape {
            Shape::Page => refusal_page(no, &scene),
            Shape::Json => refusal_json(no, &scene),
            Shape::Api => api_error(no, &scene),
        }))
    }

    /// The same with what is known of the caller.
    fn stop(&self, shape: Shape, no: &No, caller: &Caller, judged: &Judged) -> Halt {
        let token = judged.outcome.token.or(caller.notice.filter(|_| shape == Shape::Page));
        self.halt(shape, no, Some(&judged.entry.name), token, came(caller, judged))
    }

    fn room(&self, shape: Shape, name: &str) -> Result<RoomName, Halt> {
        self.gate.profile().room_name(name).map_err(|_| self.halt(shape, &No::BadRequest, None, None, false))
    }

    async fn judge(&self, shape: Shape, caller: &Caller, room: &RoomName) -> Result<Judged, Halt> {
        let judged = self.gate.judge(caller, room, Moment::Arriving).await;
        judged.map_err(|_| self.halt(shape, &No::Unavailable, Some(room), None, false))
    }

    /// The caller, if they are an owner: asked as at the door, so that one who is held, banned or whose token is over has no powers,
    /// even while still inside.
    async fn owner(&self, shape: Shape, caller: &Caller, room: &RoomName) -> Result<Owner, Halt> {
        let judged = self.judge(shape, caller, room).await?;
        match &judged.outcome.decision {
            Decision::Admit(permit) => match permit.role() {
                Role::Owner => Ok(Owner { permit: permit.clone(), judged, address: caller.whence.address }),
                Role::Participant => Err(self.stop(shape, &No::OwnersOnly, caller, &judged)),
            },
            Decision::Hold(_) => Err(self.stop(shape, &No::OwnersOnly, caller, &judged)),
            Decision::Refuse(refusal) => Err(self.stop(shape, &No::Refused(refusal.clone()), caller, &judged)),
        }
    }

    /// Whose browser sent this, for certain.
    fn visitor(&self, shape: Shape, caller: &Caller, judged: &Judged) -> Result<Id, Halt> {
        match (caller.speaks, visitor(caller, judged)) {
            (Speaks::All, Some(visitor)) => Ok(visitor),
            (Speaks::All, None) => Err(self.stop(shape, &No::NoCookies, caller, judged)),
            (Speaks::TokenOnly, _) => Err(self.stop(shape, &No::ForeignOrigin, caller, judged)),
        }
    }

    /// Where the room's own page is, or the place in it that somebody came from.
    fn destination(&self, room: &RoomName, to: Option<&str>) -> String {
        to.and_then(|to| self.gate.open_return(room, to)).unwrap_or_else(|| self.gate.profile().page(room))
    }
}

/// The browser by which the gate knows a knock of this caller.
fn visitor(caller: &Caller, judged: &Judged) -> Option<Id> {
    judged.session.as_ref().map(|s| s.visitor).or(caller.visitor)
}

fn came(caller: &Caller, judged: &Judged) -> bool {
    caller.token != Brought::Nothing || judged.session.is_some()
}

/// One of our own addresses about a room.
fn address(page: &str, room: &RoomName, more: &[(&str, &str)]) -> String {
    let mut address = format!("/_roomgate/{page}?room={}", utf8_percent_encode(room.as_str(), NON_ALPHANUMERIC));
    for (name, value) in more {
        address.extend(["&", name, "="]);
        address.extend(utf8_percent_encode(value, NON_ALPHANUMERIC));
    }
    address
}
