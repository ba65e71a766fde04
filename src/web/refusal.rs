//! What does somebody get to see who does not get in: which status, which code, which words?
//!
//! Used by our own pages and by whatever stands in front of them: this file knows HTTP's words and no server.

use std::time::Duration;

use askama::Template;
use http::header::{CONTENT_LANGUAGE, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Response, StatusCode};
use serde::Serialize;

use crate::access::{AccessLevel, Decision, Hold, Refusal, RoomName, Timestamp, TokenFault};

use super::assets::{ASSETS, Assets};
use super::look::Brand;
pub use super::look::Look;
use super::policy::{self, Referrer};
use super::when;
use super::words::Said;
use crate::words::{Words, english};

/// Why a request does not go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum No {
    /// The decision was to refuse.
    Refused(Refusal),
    /// The decision was to hold, and what was asked for is not a page.
    Held(Hold),
    /// Only an owner of the room may do this.
    OwnersOnly,
    /// The address is of nothing that is known.
    UnknownPath,
    /// The facts could not be learnt.
    Unavailable,
    /// The request can be read in more than one way, or in none.
    BadRequest,
    /// Another site's page sent it.
    ForeignOrigin,
    /// The browser keeps no cookies, and without one nobody can be recognised.
    NoCookies,
    /// Too often; may try again after this time.
    TooMany(Duration),
}

impl No {
    /// Why this decision keeps somebody from a socket or a script's request; `None` where it admits.
    pub fn of(decision: &Decision) -> Option<Self> {
        match decision {
            Decision::Admit(_) => None,
            Decision::Hold(hold) => Some(Self::Held(*hold)),
            Decision::Refuse(refusal) => Some(Self::Refused(refusal.clone())),
        }
    }

    /// What is told instead, where the operator hides which rooms exist (`rooms.hide`).
    pub fn shown(self, hide: bool) -> Self {
        match self {
            Self::Refused(Refusal::NoRoom) if hide => Self::Refused(Refusal::Private),
            other => other,
        }
    }

    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.code(),
            Self::Held(hold) => hold.code(),
            Self::OwnersOnly => "owners-only",
            Self::UnknownPath => "unknown-path",
            Self::Unavailable => "unavailable",
            Self::BadRequest => "bad-request",
            Self::ForeignOrigin => "foreign-origin",
            Self::NoCookies => "no-cookies",
            Self::TooMany(_) => "too-many",
        }
    }

    /// The status. 401 where a valid credential would help and none `came` (neither in this request nor by a session).
    pub const fn status(&self, came: bool) -> StatusCode {
        match self {
            Self::Refused(Refusal::Private | Refusal::Denied) | Self::Held(Hold::MayKnock | Hold::Waiting) | Self::OwnersOnly => {
                if came {
                    StatusCode::FORBIDDEN
                } else {
                    StatusCode::UNAUTHORIZED
                }
            }
            Self::Refused(
                Refusal::Reserved(_) | Refusal::Banned | Refusal::Ejected | Refusal::NotOpen(_) | Refusal::Closed(_) | Refusal::Full,
            )
            | Self::ForeignOrigin
            | Self::NoCookies => StatusCode::FORBIDDEN,
            Self::Refused(Refusal::NoRoom) | Self::UnknownPath => StatusCode::NOT_FOUND,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    /// How far the person gets all the same.
    pub const fn level(&self) -> AccessLevel {
        match self {
            Self::Held(Hold::MayKnock | Hold::Waiting) | Self::Refused(Refusal::Denied) => AccessLevel::Lobby,
            Self::Refused(
                Refusal::Reserved(_)
                | Refusal::NoRoom
                | Refusal::Banned
                | Refusal::Ejected
                | Refusal::NotOpen(_)
                | Refusal::Closed(_)
                | Refusal::Private
                | Refusal::Full,
            )
            | Self::OwnersOnly
            | Self::UnknownPath
            | Self::Unavailable
            | Self::BadRequest
            | Self::ForeignOrigin
            | Self::NoCookies
            | Self::TooMany(_) => AccessLevel::None,
        }
    }

    /// The slug of the REST API's errors (`{"error", "info"}`).
    pub const fn slug(&self, came: bool) -> &'static str {
        match self {
            Self::Refused(Refusal::NoRoom) | Self::UnknownPath => "not-found",
            Self::Refused(
                Refusal::Reserved(_)
                | Refusal::Banned
                | Refusal::Ejected
                | Refusal::NotOpen(_)
                | Refusal::Closed(_)
                | Refusal::Denied
                | Refusal::Private
                | Refusal::Full,
            )
            | Self::Held(_)
            | Self::OwnersOnly
            | Self::ForeignOrigin
            | Self::NoCookies => {
                if matches!(self.status(came), StatusCode::UNAUTHORIZED) {
                    "authentication-error"
                } else {
                    "forbidden-error"
                }
            }
            Self::BadRequest => "invalid-request-error",
            Self::TooMany(_) => "rate-limit-error",
            Self::Unavailable => "server-error",
        }
    }
}

/// What is known of the person and the place, as far as the answer shows it.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// The room, where one was named and its name is one.
    pub room: Option<&'a RoomName>,
    /// What was wrong with the token that was brought (now, or within the last minute).
    pub token: Option<TokenFault>,
    /// Whether any credential came, good or bad: a token or a session.
    pub came: bool,
    /// `rooms.hide`: an unknown room looks like a private one.
    pub hide: bool,
    /// `server.allowed_frames`.
    pub frames: &'a [String],
    /// This moment.
    pub now: Timestamp,
    /// Where the knocking page is (path and query), for those who may knock.
    pub door: Option<&'a str>,
    /// How the page looks, and in which language it speaks.
    pub look: &'a Look,
}

impl Scene<'_> {
    fn shown(&self, no: &No) -> No {
        no.clone().shown(self.hide)
    }

    fn came(&self) -> bool {
        self.came || self.token.is_some()
    }
}

#[derive(Template)]
#[template(path = "refusal.html")]
struct RefusalPage<'a> {
    words: &'a Words,
    brand: &'a Brand,
    assets: &'a Assets,
    room: Option<&'a str>,
    code: &'a str,
    said: Said<'a>,
    /// The operator's own words, where there are some.
    reason: Option<&'a str>,
    token: Option<&'a str>,
    opens: Option<Opening>,
    door: Option<&'a str>,
    retry: bool,
    /// Whether the page waits for a place to be free: lets in by itself.
    waits: bool,
}

/// A moment that a page waits for.
pub(super) struct Opening {
    /// Milliseconds from now.
    pub millis: u64,
    /// When a page without scripts looks again, in seconds.
    pub refresh: u64,
    /// For machines (RFC 3339); empty where it lies beyond the calendar.
    pub iso: String,
    /// For people, in UTC; scripts put it into their own time.
    pub text: String,
}

impl Opening {
    pub(super) fn new(at: Timestamp, now: Timestamp) -> Self {
        let left = at.since(now);
        let millis = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
        Self { millis, refresh: left.as_secs().saturating_add(1).clamp(1, 60), iso: when::iso(at), text: when::day(at) }
    }
}

/// The page that tells a person.
pub fn refusal_page(no: &No, scene: &Scene<'_>) -> Response<String> {
    let no = scene.shown(no);
    let words = &*scene.look.words;
    let page = RefusalPage {
        words,
        brand: &scene.look.brand,
        assets: &ASSETS,
        room: scene.room.map(RoomName::as_str),
        code: no.code(),
        said: words.no(&no),
        reason: reason(&no),
        token: scene.token.map(|fault| words.link(fault)),
        opens: match &no {
            No::Refused(Refusal::NotOpen(at)) => Some(Opening::new(*at, scene.now)),
            No::Refused(_)
            | No::Held(_)
            | No::OwnersOnly
            | No::UnknownPath
            | No::Unavailable
            | No::BadRequest
            | No::ForeignOrigin
            | No::NoCookies
            | No::TooMany(_) => None,
        },
        door: scene.door.filter(|_| no.level() == AccessLevel::Lobby),
        retry: matches!(no, No::Unavailable | No::Refused(Refusal::Full)),
        waits: scene.room.is_some() && matches!(no, No::Refused(Refusal::Full)),
    };
    // A template of ours that cannot be filled in is a fault of ours: the status and the code still go out.
    let body = page.render().unwrap_or_else(|_| no.code().to_owned());
    let mut response = Response::new(body);
    *response.headers_mut() = policy::page(scene.frames, Referrer::Nobody, scene.look);
    finish(&mut response, &no, scene.came());
    response
}

#[derive(Serialize)]
struct Level {
    level: &'static str,
}

#[derive(Serialize)]
struct RefusalJson<'a> {
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_code: Option<&'a str>,
    message: String,
    access: Level,
}

/// The same for a socket or a script: `{"code", "token_code", "message", "access": {"level"}}`.
pub fn refusal_json(no: &No, scene: &Scene<'_>) -> Response<String> {
    let no = scene.shown(no);
    let body = RefusalJson {
        code: no.code(),
        token_code: scene.token.map(TokenFault::code),
        message: message(&no, scene.token, &scene.look.words),
        access: Level { level: no.level().as_str() },
    };
    let mut response = json(&no, scene, &body);
    response.headers_mut().insert(CONTENT_LANGUAGE, scene.look.language());
    response
}

#[derive(Serialize)]
struct ApiError<'a> {
    error: &'a str,
    info: String,
}

/// The same for the REST API: `{"error": slug, "info": sentence}`.
pub fn api_error(no: &No, scene: &Scene<'_>) -> Response<String> {
    let no = scene.shown(no);
    json(&no, scene, &ApiError { error: no.slug(scene.came()), info: message(&no, scene.token, &english()) })
}

fn json(no: &No, scene: &Scene<'_>, body: &impl Serialize) -> Response<String> {
    let body = serde_json::to_string(body).unwrap_or_else(|_| "{}".to_owned());
    let mut response = Response::new(body);
    *response.headers_mut() = policy::plain();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    finish(&mut response, no, scene.came());
    response
}

fn finish(response: &mut Response<String>, no: &No, came: bool) {
    let status = no.status(came);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    let wait = match no {
        No::TooMany(wait) => Some(wait.as_secs().saturating_add(1)),
        No::Unavailable => Some(10),
        No::Refused(_) | No::Held(_) | No::OwnersOnly | No::UnknownPath | No::BadRequest | No::ForeignOrigin | No::NoCookies => None,
    };
    if let Some(wait) = wait {
        headers.insert(RETRY_AFTER, HeaderValue::from(wait));
    }
}

/// The operator's own words.
fn reason(no: &No) -> Option<&str> {
    match no {
        No::Refused(Refusal::Reserved(reason)) => Some(reason),
        No::Refused(_)
        | No::Held(_)
        | No::OwnersOnly
        | No::UnknownPath
        | No::Unavailable
        | No::BadRequest
        | No::ForeignOrigin
        | No::NoCookies
        | No::TooMany(_) => None,
    }
}

/// The same as one sentence or two, in English, for protocols that have a place for a text.
pub fn sentence(no: &No, hide: bool, token: Option<TokenFault>) -> String {
    message(&no.clone().shown(hide), token, &english())
}

/// The same in one line: what happened, and what to do next.
fn message(no: &No, token: Option<TokenFault>, words: &Words) -> String {
    let said = words.no(no);
    let next = token.map_or(said.next, |fault| words.link(fault));
    format!("{} {next}", reason(no).unwrap_or(said.what))
}

#[cfg(test)]
#[path = "refusal_tests.rs"]
mod tests;

/// One of each, for tests.
#[cfg(test)]
pub(super) fn tests_all() -> Vec<No> {
    let refusals = [
        Refusal::Reserved("These names are for the <i>office</i>.".into()),
        Refusal::NoRoom,
        Refusal::Banned,
        Refusal::Ejected,
        Refusal::NotOpen(Timestamp::from_secs(1_796_115_600)),
        Refusal::Closed(Timestamp::from_secs(1_796_000_000)),
        Refusal::Denied,
        Refusal::Private,
        Refusal::Full,
    ];
    let others = [
        No::Held(Hold::MayKnock),
        No::Held(Hold::Waiting),
        No::OwnersOnly,
        No::UnknownPath,
        No::Unavailable,
        No::BadRequest,
        No::ForeignOrigin,
        No::NoCookies,
        No::TooMany(Duration::from_secs(7)),
    ];
    refusals.into_iter().map(No::Refused).chain(others).collect()
}

/// Names and reasons that are no markup, for tests.
#[cfg(test)]
pub(super) fn tests_hostile() -> &'static [&'static str] {
    tests::HOSTILE
}
