//! What did a form or a script send, and how does it want to be answered?

use axum::Json;
use axum::extract::{Form, FromRequest, Query, Request};
use axum::response::{IntoResponse, Response};
use http::header::{ACCEPT, ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_TYPE, LOCATION, SET_COOKIE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::policy;
use super::refusal::No;
use super::{Halt, Shape, Web};

/// What was sent, from a form or as JSON, and the shape that suits the sender. Nothing else is read: a body of another type can be sent
/// by any page without asking.
pub(super) struct Sent<T> {
    pub value: T,
    pub shape: Shape,
}

impl<T: DeserializeOwned> FromRequest<Web> for Sent<T> {
    type Rejection = Halt;

    async fn from_request(request: Request, web: &Web) -> Result<Self, Halt> {
        let asked = request.headers().get(ACCEPT_LANGUAGE).cloned();
        let kind = request.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("");
        let kind = kind.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
        let shape = if kind == "application/json" || wants_json(request.headers()) { Shape::Json } else { Shape::Page };
        let value = match kind.as_str() {
            "application/json" => Json::<T>::from_request(request, web).await.ok().map(|Json(value)| value),
            "application/x-www-form-urlencoded" => Form::<T>::from_request(request, web).await.ok().map(|Form(value)| value),
            _ => None,
        };
        match value {
            Some(value) => Ok(Self { value, shape }),
            None => Err(web.looking(asked.as_ref()).halt(shape, &No::BadRequest, None, None, false)),
        }
    }
}

/// What stands in an address: parameters that come twice are a bad request.
pub(super) struct Asked<T>(pub T);

impl<T: DeserializeOwned + Send> axum::extract::FromRequestParts<Web> for Asked<T> {
    type Rejection = Halt;

    async fn from_request_parts(parts: &mut http::request::Parts, web: &Web) -> Result<Self, Halt> {
        let shape = if wants_json(&parts.headers) { Shape::Json } else { Shape::Page };
        match Query::<T>::try_from_uri(&parts.uri) {
            Ok(Query(value)) => Ok(Self(value)),
            Err(_) => Err(web.looking(parts.headers.get(ACCEPT_LANGUAGE)).halt(shape, &No::BadRequest, None, None, false)),
        }
    }
}

/// Whether the sender asked for JSON, or for an event stream, rather than a page.
pub(super) fn wants_json(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or("");
    !accept.contains("text/html") && (accept.contains("application/json") || accept.contains("text/event-stream"))
}

/// JSON of the moment.
pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    let mut response = (status, Json(value)).into_response();
    for (name, value) in &policy::plain() {
        response.headers_mut().insert(name, value.clone());
    }
    response
}

/// To one of our own addresses, or one that the gate has sealed.
pub(super) fn see_other(path: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let headers = response.headers_mut();
    headers.insert(LOCATION, HeaderValue::from_str(path).unwrap_or(HeaderValue::from_static("/")));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A page of ours with a form on it.
pub(super) fn page(web: &Web, status: StatusCode, page: &impl askama::Template) -> Response {
    match page.render() {
        Ok(body) => {
            let headers = policy::page(&web.gate.config().server.frames, policy::Referrer::Ourselves, &web.look);
            (status, headers, body).into_response()
        }
        // Ours to mend; whoever asked is told that it is not their fault.
        Err(error) => {
            tracing::error!(%error, "a page could not be written");
            web.halt(Shape::Page, &No::Unavailable, None, None, false).into_response()
        }
    }
}

/// Adds cookies to an answer.
pub(super) fn with_cookies(mut response: Response, lines: impl IntoIterator<Item = String>) -> Response {
    for line in lines.into_iter().filter_map(|line| HeaderValue::from_str(&line).ok()) {
        response.headers_mut().append(SET_COOKIE, line);
    }
    response
}
