//! What does the script in a meeting's page need to know? Whether its reader is an owner, may stay at all, and what to say to them.

use std::sync::Arc;

use axum::Extension;
use axum::response::Response;
use http::StatusCode;
use serde::Serialize;

use super::access::OfRoom;
use super::assets::ASSETS;
use super::sent::{Asked, json};
use super::{Halt, Here, Shape, address};
use crate::access::{Decision, Role};
use crate::gate::{Caller, Moment};
use crate::words::{self, Direction};

/// Where the script is; what the proxy puts into a page.
pub fn script() -> &'static str {
    &ASSETS.overlay.path
}

#[derive(Serialize)]
struct Overlay<'w> {
    /// Whether the page's reader may still be inside; where not, opening it again says why.
    stay: bool,
    #[serde(flatten)]
    owner: Option<ForOwners<'w>>,
}

/// What owners get besides.
#[derive(Serialize)]
struct ForOwners<'w> {
    owner: bool,
    lang: &'w str,
    dir: Direction,
    words: &'w words::Overlay,
    /// The console.
    door: String,
}

/// `GET /_roomgate/overlay?room=NAME`.
pub(super) async fn standing(
    Here(web): Here,
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
            let words = &web.look.words;
            let door = address("door", &judged.entry.name, &[]);
            Some(ForOwners { owner: true, lang: &words.lang, dir: words.dir, words: &words.overlay, door })
        }
        Some(Role::Participant) | None => None,
    };
    Ok(json(StatusCode::OK, &Overlay { stay: role.is_some(), owner }))
}
