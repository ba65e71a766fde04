//! How does an answer of our own go out?

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use pingora::Result;
use pingora::http::ResponseHeader;
use pingora::proxy::Session;

/// An answer of our own: small, whole, never cached.
#[derive(Debug)]
pub struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl From<Response<String>> for Answer {
    fn from(response: Response<String>) -> Self {
        let (head, body) = response.into_parts();
        Self { status: head.status, headers: head.headers, body: body.into() }
    }
}

impl Answer {
    /// A redirect to a path of this site, made by us: never to what a client wrote unjudged.
    pub fn see_other(path: &str) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(header::LOCATION, HeaderValue::from_str(path).unwrap_or(HeaderValue::from_static("/")));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        Self { status: StatusCode::SEE_OTHER, headers, body: Bytes::new() }
    }

    /// A small JSON answer.
    pub fn json(status: StatusCode, body: &'static str) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Self { status, headers, body: Bytes::from_static(body.as_bytes()) }
    }

    /// Nothing but a status.
    pub fn empty(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// A text of this type.
    pub fn text(status: StatusCode, content_type: &'static str, text: String) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        Self { status, headers, body: text.into() }
    }

    /// Changes its status: for the few that no refusal has (405, 421, 431).
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Adds cookies.
    pub fn with_cookies(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        for line in lines.into_iter().filter_map(|line| HeaderValue::from_str(&line).ok()) {
            self.headers.append(header::SET_COOKIE, line);
        }
        self
    }

    /// Adds or replaces a header.
    pub fn with_header(mut self, name: header::HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }
}

/// Sends it. The connection lives on where the request's body was read, or there was none.
///
/// # Errors
/// Where the client is gone.
pub async fn send(session: &mut Session, answer: Answer, id: &str) -> Result<()> {
    let mut head = ResponseHeader::build(answer.status, Some(answer.headers.len().saturating_add(3)))?;
    for (name, value) in &answer.headers {
        head.append_header(name.clone(), value.clone())?;
    }
    head.insert_header(header::CACHE_CONTROL, "no-store")?;
    head.insert_header("x-request-id", id)?;
    head.insert_header(header::CONTENT_LENGTH, answer.body.len())?;
    // What was not read of a body would be taken for the next request.
    if !session.is_body_done() {
        session.set_keepalive(None);
    }
    let empty = answer.body.is_empty() || session.req_header().method == http::Method::HEAD;
    session.write_response_header(Box::new(head), empty).await?;
    if !empty {
        session.write_response_body(Some(answer.body), true).await?;
    }
    Ok(())
}
