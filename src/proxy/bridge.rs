//! How does an axum router answer a request that pingora received?
//!
//! From `ProxyHttp::request_filter`: the request's body is read up to a limit, the router is called in this very task, and its
//! answer is streamed back, HTTP/1 or HTTP/2, keep-alive preserved. When the client leaves, the router's future or body is dropped:
//! an event stream learns of it that way. Routes that upgrade (axum's WebSocket extractor) do not work through here.

use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody};
use bytes::{Bytes, BytesMut};
use http::uri::PathAndQuery;
use http::{Extensions, HeaderName, Method, Request, Response, StatusCode, Uri, Version, header};
use http_body_util::BodyExt;
use pingora::http::ResponseHeader;
use pingora::proxy::Session;
use tower::ServiceExt;

/// How long a client may take over its whole body. Ours are small; without it a byte a minute would hold a task for days.
const BODY_DEADLINE: Duration = Duration::from_secs(30);

/// How long one piece of an answer may wait for a client that does not read.
const WRITE_DEADLINE: Duration = Duration::from_secs(60);

/// How a request of ours was served: for the access log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Served {
    /// What was answered; `None` where the client left before there was an answer.
    pub status: Option<StatusCode>,
    /// Bytes of body written.
    pub bytes: u64,
    /// Whether the whole answer was written. Otherwise the client left, or the answer's body broke off.
    pub complete: bool,
}

/// Lets `router` answer the request in `session`, whatever it is.
///
/// `extensions` are what handlers extract (`Extension<T>`); nothing else of ours is in the request. `target` replaces the path and
/// query that the client sent, where those that were judged differ from them. `limit` is the largest body in bytes; a larger one
/// gets 413, a slow one 408.
///
/// A client that leaves is no error: the caller returns `Ok(true)` from `request_filter` in every case.
///
/// # Errors
/// Where the answer cannot be written because it is no valid one.
pub async fn answer(
    session: &mut Session,
    router: &Router,
    extensions: Extensions,
    target: Option<PathAndQuery>,
    limit: usize,
) -> pingora::Result<Served> {
    let body = match tokio::time::timeout(BODY_DEADLINE, read_body(session, limit)).await {
        Ok(Incoming::Whole(body)) => body,
        Ok(Incoming::TooLarge) => return refuse(session, StatusCode::PAYLOAD_TOO_LARGE).await,
        Ok(Incoming::Gone) => return Ok(gone(session, None, 0).await),
        Err(_) => return refuse(session, StatusCode::REQUEST_TIMEOUT).await,
    };

    let mut parts = session.req_header().as_owned_parts();
    if let Some(target) = target {
        parts.uri = Uri::from(target);
    }
    parts.extensions = extensions;
    let head_only = parts.method == Method::HEAD;

    let mut answering = pin!(router.clone().oneshot(Request::from_parts(parts, Body::from(body))));
    let response = tokio::select! {
        biased;
        Ok(response) = &mut answering => response,
        _ = session.read_body_or_idle(true) => return Ok(gone(session, None, 0).await),
    };
    send(session, response, head_only).await
}

/// What came of reading a request's body.
pub enum Incoming {
    /// All of it.
    Whole(Bytes),
    /// It is larger than allowed.
    TooLarge,
    /// The client left, or took too long.
    Gone,
}

/// The whole body of a request, of at most `limit` bytes.
pub async fn body(session: &mut Session, limit: usize) -> Incoming {
    tokio::time::timeout(BODY_DEADLINE, read_body(session, limit)).await.unwrap_or(Incoming::Gone)
}

async fn read_body(session: &mut Session, limit: usize) -> Incoming {
    let headers = &session.req_header().headers;
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse::<u64>().ok());
    if announced.is_some_and(|n| n > u64::try_from(limit).unwrap_or(u64::MAX)) {
        return Incoming::TooLarge;
    }
    let waits = headers.get(header::EXPECT).is_some_and(|v| v.as_bytes().eq_ignore_ascii_case(b"100-continue"));
    if waits && session.as_downstream_mut().write_continue_response().await.is_err() {
        return Incoming::Gone;
    }

    let mut body = BytesMut::new();
    loop {
        match session.read_request_body().await {
            Ok(Some(piece)) if body.len().saturating_add(piece.len()) > limit => return Incoming::TooLarge,
            Ok(Some(piece)) => body.extend_from_slice(&piece),
            Ok(None) => return Incoming::Whole(body.freeze()),
            Err(_) => return Incoming::Gone,
        }
    }
}

/// For a body that we do not read to its end: the connection cannot be used again.
async fn refuse(session: &mut Session, status: StatusCode) -> pingora::Result<Served> {
    session.set_keepalive(None);
    let mut head = ResponseHeader::build(status, Some(2))?;
    head.insert_header(header::CONTENT_LENGTH, 0)?;
    head.insert_header(header::CACHE_CONTROL, "no-store")?;
    let written =
        session.write_response_header(Box::new(head), true).await.is_ok() && session.write_response_body(None, true).await.is_ok();
    Ok(Served { status: Some(status), bytes: 0, complete: written })
}

/// Nobody is there any more, or nobody who could be told: the stream breaks off rather than seem complete.
async fn gone(session: &mut Session, status: Option<StatusCode>, bytes: u64) -> Served {
    session.set_keepalive(None);
    session.as_downstream_mut().shutdown().await;
    Served { status, bytes, complete: false }
}

async fn send(session: &mut Session, response: Response<Body>, head_only: bool) -> pingora::Result<Served> {
    let (parts, body) = response.into_parts();
    let status = parts.status;
    let bodiless = head_only || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);

    let mut head = ResponseHeader::build(status, Some(parts.headers.len()))?;
    for (name, value) in &parts.headers {
        if !is_hop_by_hop(name) {
            head.append_header(name.clone(), value.clone())?;
        }
    }
    if !bodiless && !parts.headers.contains_key(header::CONTENT_LENGTH) {
        match HttpBody::size_hint(&body).exact() {
            Some(length) => head.insert_header(header::CONTENT_LENGTH, length)?,
            // Without it the end of the connection would be the end of the body, and the connection could not be used again.
            None if session.req_header().version == Version::HTTP_11 => head.insert_header(header::TRANSFER_ENCODING, "chunked")?,
            None => {}
        }
    }

    session.set_write_timeout(Some(WRITE_DEADLINE));
    if session.write_response_header(Box::new(head), bodiless).await.is_err() {
        return Ok(gone(session, Some(status), 0).await);
    }
    if bodiless {
        let complete = session.write_response_body(None, true).await.is_ok();
        return Ok(Served { status: Some(status), bytes: 0, complete });
    }

    let mut body = pin!(body);
    let mut bytes = 0_u64;
    loop {
        let frame = tokio::select! {
            biased;
            frame = body.frame() => frame,
            _ = session.read_body_or_idle(true) => return Ok(gone(session, Some(status), bytes).await),
        };
        let piece = match frame {
            Some(Ok(frame)) => match frame.into_data() {
                Ok(piece) => piece,
                Err(_) => continue, // trailers: HTTP/1 clients would not see them
            },
            Some(Err(error)) => {
                tracing::warn!(%error, "the body of an answer of ours broke off");
                return Ok(gone(session, Some(status), bytes).await);
            }
            None => break,
        };
        bytes = bytes.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        if session.write_response_body(Some(piece), false).await.is_err() {
            return Ok(gone(session, Some(status), bytes).await);
        }
    }
    let complete = session.write_response_body(None, true).await.is_ok();
    Ok(Served { status: Some(status), bytes, complete })
}

/// RFC 9110 section 7.6.1: what concerns one connection only, and is ours to say.
fn is_hop_by_hop(name: &HeaderName) -> bool {
    matches!(*name, header::CONNECTION | header::TE | header::TRAILER | header::TRANSFER_ENCODING | header::UPGRADE)
        || matches!(name.as_str(), "keep-alive" | "proxy-connection")
}

#[cfg(test)]
mod tests;
