//! How does a page that was handed a token, rather than a link, get its session?
//!
//! For embedding and custom pages: the cookie is set in the caller's own partition.

use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::response::Response;
use axum::{Extension, Json};
use http::StatusCode;
use serde::Deserialize;

use super::access::AccessState;
use super::refusal::No;
use super::sent::{json, with_cookies};
use super::{Halt, Here, Shape};
use crate::access::Decision;
use crate::gate::Caller;

/// What is brought. No `Debug`: a token is never printed.
#[derive(Deserialize)]
pub(super) struct Bring {
    room: String,
    token: String,
}

/// `POST /_roomgate/session`: the session that a token earns, and how far it gets. JSON only: no form of another site can send that.
pub(super) async fn open(
    Here(web): Here,
    Extension(caller): Extension<Arc<Caller>>,
    brought: Result<Json<Bring>, JsonRejection>,
) -> Result<Response, Halt> {
    let Ok(Json(Bring { room, token })) = brought else {
        return Err(web.halt(Shape::Json, &No::BadRequest, None, None, false));
    };
    let room = web.room(Shape::Json, &room)?;
    let token = web.gate.read_tokens(std::iter::once(token.as_str())).await;
    let caller = Caller { token, ..Caller::clone(&caller) };
    let judged = web.judge(Shape::Json, &caller, &room).await?;
    let now = web.gate.clock().now();
    let unavailable = |_| web.halt(Shape::Json, &No::Unavailable, Some(&room), None, true);
    let session = web.gate.session_for(&caller, &judged, now).map_err(unavailable)?;
    let cookies = match session {
        Some(session) => web.gate.set_cookies(&caller, &session, now).map_err(unavailable)?,
        None => Vec::new(),
    };
    let turned_away = match &judged.outcome.decision {
        Decision::Admit(_) => None,
        // A good token that has to wait has done what it can.
        Decision::Hold(hold) => judged.outcome.token.map(|_| No::Held(*hold)),
        Decision::Refuse(refusal) => Some(No::Refused(refusal.clone())),
    };
    match turned_away {
        Some(no) => Err(web.stop(Shape::Json, &no, &caller, &judged)),
        None => Ok(with_cookies(json(StatusCode::OK, &AccessState::of(&web, &caller, &judged)), cookies)),
    }
}
