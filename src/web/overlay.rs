//! What does the script in a meeting's page need to know? Whether its reader is an owner, may stay at all, and what to say to them.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde::Serialize;

use super::access::OfRoom;
use super::assets::ASSETS;
use super::sent::{Asked, json};
use super::words::ENGLISH;
use super::{Halt, Shape, Web, address};
use crate::access::{Decision, Role};
use crate::gate::{Caller, Moment};

/// Where the script is; what the proxy puts into a page.
pub fn script() -> &'static str {
    &ASSETS.overlay.path
}

#[derive(Serialize)]
struct Overlay {
    /// Whether the page's reader may still be inside; where not, opening it again says why.
    stay: bool,
    #[serde(flatten)]
    owner: Option<ForOwners>,
}

/// What owners get besides.
#[derive(Serialize)]
struct ForOwners {
    owner: bool,
    lang: &'static str,
    words: &'static Sentences,
    /// The console.
    door: String,
}

/// The small window in an owner’s meeting page; sent to its script as JSON.
#[derive(Serialize)]
struct Sentences {
    label: &'static str,
    waiting: &'static str,
    nobody: &'static str,
    allow: &'static str,
    deny: &'static str,
    allow_all: &'static str,
    deny_all: &'static str,
    remember: &'static str,
    letting_in: &'static str,
    turning_away: &'static str,
    ask_again: &'static str,
    moved_back: &'static str,
    more: &'static str,
    sound: &'static str,
    open: &'static str,
    close: &'static str,
    console: &'static str,
    lost: &'static str,
}

/// English, like all our pages until there are others.
const SENTENCES: Sentences = Sentences {
    label: "At the door",
    waiting: "Waiting to come in:",
    nobody: "Nobody is waiting.",
    allow: "Allow",
    deny: "Deny",
    allow_all: "Allow everyone",
    deny_all: "Deny everyone",
    remember: "Do the same with whoever knocks from now on",
    letting_in: "Whoever knocks is let in.",
    turning_away: "Whoever knocks is turned away.",
    ask_again: "Ask me again",
    moved_back: "was sent back to wait",
    more: "more",
    sound: "Sound",
    open: "Show who is at the door",
    close: "Make small",
    console: "Open the console",
    lost: "The connection is interrupted. We keep trying.",
};

/// `GET /_roomgate/overlay?room=NAME`.
pub(super) async fn standing(
    State(web): State<Web>,
    Extension(caller): Extension<Arc<Caller>>,
    Asked(asked): Asked<OfRoom>,
) -> Result<Response, Halt> {
    let room = web.room(Shape::Json, &asked.room)?;
    // Not as at the door: whoever is inside may stay for longer than they could come in.
    let judged = web.gate.judge(&caller, &room, Moment::Staying).await;
    let judged = judged.map_err(|_| web.halt(Shape::Json, &super::refusal::No::Unavailable, Some(&room), None, false))?;
    let role = match &judged.outcome.decision {
        Decision::Admit(permit) => Some(permit.role()),
        Decision::Hold(_) | Decision::Refuse(_) => None,
    };
    let owner = match role {
        Some(Role::Owner) => {
            Some(ForOwners { owner: true, lang: ENGLISH.lang, words: &SENTENCES, door: address("door", &judged.entry.name, &[]) })
        }
        Some(Role::Participant) | None => None,
    };
    Ok(json(StatusCode::OK, &Overlay { stay: role.is_some(), owner }))
}
