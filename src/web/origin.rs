//! Which requests of a browser are its user's own doing, and which another site's?
//!
//! A present `Origin` must be ours or a listed one, whatever the method. What changes something and carries none is believed only as far
//! as the token in it: neither a cookie nor an address speaks for it. Listed origins may read the answers (CORS); no others.

use std::sync::Arc;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use super::refusal::No;
use super::{Here, Shape, sent};
use crate::gate::{Caller, Speaks};

/// Stands before every handler that judges somebody.
pub(super) async fn check(Here(web): Here, mut request: Request, next: Next) -> Response {
    let shape = if sent::wants_json(request.headers()) { Shape::Json } else { Shape::Page };
    let Some(caller) = request.extensions().get::<Arc<Caller>>().cloned() else {
        // Whoever serves us must say who calls: without that nobody is.
        tracing::error!("a request came without its caller");
        return web.halt(shape, &No::Unavailable, None, None, false).into_response();
    };
    let (own, says) = {
        let config = web.gate.config();
        (config.server.public_url.origin(), says(request.headers(), &config.server.origins))
    };
    let listed = match says {
        Says::Foreign => return web.halt(shape, &No::ForeignOrigin, None, None, false).into_response(),
        Says::Listed(origin) => Some(origin),
        Says::Same => None,
        Says::Nothing => {
            if !request.method().is_safe() && caller.speaks == Speaks::All {
                let caller = Caller { speaks: Speaks::TokenOnly, ..Caller::clone(&caller) };
                request.extensions_mut().insert(Arc::new(caller));
            }
            None
        }
    };
    let other = listed.filter(|origin| *origin != own.as_str());
    let mut response = match (&other, request.method()) {
        (Some(_), &Method::OPTIONS) => preflight(),
        (Some(_) | None, _) => next.run(request).await,
    };
    if let Some(origin) = other {
        readable(origin, response.headers_mut());
    }
    response
}

/// Lets a listed site read what is everybody's. Whatever else holds of the request: it is not asked who sends it.
pub(super) fn open(asked: &HeaderMap, listed: &[String], answered: &mut HeaderMap) {
    match says(asked, listed) {
        Says::Listed(origin) => readable(origin, answered),
        // Kept by a browser, it must not be taken for the answer to a listed one.
        Says::Foreign | Says::Same | Says::Nothing => drop(answered.append(VARY, HeaderValue::from_static("Origin"))),
    }
}

fn readable(origin: HeaderValue, headers: &mut HeaderMap) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    headers.append(VARY, HeaderValue::from_static("Origin"));
}

enum Says {
    /// Ours or another one that the operator lists.
    Listed(HeaderValue),
    /// Another one, or several.
    Foreign,
    /// None, but the browser says that a page of ours sent it.
    Same,
    /// None.
    Nothing,
}

fn says(headers: &HeaderMap, listed: &[String]) -> Says {
    let mut lines = headers.get_all(ORIGIN).iter();
    match (lines.next(), lines.next()) {
        (Some(origin), None) if listed.iter().any(|l| l.as_bytes() == origin.as_bytes()) => Says::Listed(origin.clone()),
        (Some(_), _) => Says::Foreign,
        (None, _) => match headers.get("sec-fetch-site").map(HeaderValue::as_bytes) {
            Some(b"same-origin") => Says::Same,
            Some(_) | None => Says::Nothing,
        },
    }
}

fn preflight() -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, PATCH, PUT, DELETE"));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("content-type, authorization, roomgate-through"));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    response
}
