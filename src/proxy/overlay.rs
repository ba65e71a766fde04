//! How does a meeting's page get the one script element of ours, and when does it not?
//!
//! The script shows an owner who knocks, and takes a participant to the door once they may not stay. Only what a person opens as a room's page,
//! and was admitted to, is looked at; only complete HTML answers are changed, and only in the one place that [`scan`] finds. Everything else goes on
//! byte for byte. A page's policy is never touched: where it does not let our script run, there is none.

pub mod policy;
pub mod scan;
pub mod unpack;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::{Error, ErrorType, Result};

use self::policy::{Policies, Site, Terms};
use self::scan::{Scanner, Verdict};
use self::unpack::{Coding, Unpack};
use super::exchange::{Exchange, Way};
use crate::access::RoomName;
use crate::config::Config;
use crate::profile::Kind;
use crate::target;
use crate::web::overlay::script;

/// Encodings in which ASCII is ASCII, as they are called in `Content-Type`.
const READABLE: [&str; 6] = ["utf-8", "utf8", "us-ascii", "iso-8859-1", "iso-8859-15", "latin1"];

/// What is said of bytes that will be other bytes. Conditional requests are for naught: a room's page is kept by no cache.
const OF_THE_BYTES: [HeaderName; 9] = [
    header::CONTENT_LENGTH,
    header::CONTENT_ENCODING,
    header::ETAG,
    header::LAST_MODIFIED,
    header::ACCEPT_RANGES,
    HeaderName::from_static("content-md5"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
];

/// What a request asks for that a page which may change cannot give.
const OF_ANOTHER_TIME: [HeaderName; 6] =
    [header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE, header::IF_MATCH, header::IF_UNMODIFIED_SINCE, header::IF_RANGE, header::RANGE];

/// How far one exchange is with it.
pub enum Overlay {
    /// The upstream is asked for a page as it is.
    Asked(Asked),
    /// The page goes through here.
    Page(Box<Page>),
}

/// Whose page it is, and where.
pub struct Asked {
    room: RoomName,
    site: Site,
}

/// A page on its way.
pub struct Page {
    asked: Asked,
    unpack: Option<Unpack>,
    /// Until the place is found, or is known not to be.
    scanner: Option<Scanner>,
    held: Vec<u8>,
}

/// Asks the upstream for the page as it is, where it may be one that gets the script.
///
/// # Errors
/// Where a header of ours is none (a mistake of ours).
pub fn request(head: &mut RequestHeader, client: &RequestHeader, exchange: &mut Exchange, config: &Config) -> Result<()> {
    exchange.overlay = None;
    let Some(Way::Permitted(permit, Kind::Page)) = &exchange.way else { return Ok(()) };
    if exchange.upgrade || client.version < Version::HTTP_11 || !opens(client) || !config.pages.overlay {
        return Ok(());
    }
    let host = client.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.or_else(|| client.uri.authority().map(|a| a.as_str()));
    let Some(site) = host.and_then(|host| Site::new(config.server.public_url.secure, host)) else { return Ok(()) };
    exchange.overlay = Some(Overlay::Asked(Asked { room: permit.room().clone(), site }));
    for name in &OF_ANOTHER_TIME {
        head.remove_header(name);
    }
    head.insert_header(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"))
}

/// A person opens it, as a page or in a frame, and nobody asks that it stay as it is.
fn opens(head: &RequestHeader) -> bool {
    let mut into = head.headers.get_all("sec-fetch-dest").iter();
    let shown = match (into.next(), into.next()) {
        (None, _) => true,
        (Some(dest), None) => matches!(dest.as_bytes(), b"document" | b"iframe" | b"frame"),
        (Some(_), Some(_)) => false,
    };
    shown && target::navigation(&head.method, &head.headers) && !says(&head.headers, &header::CACHE_CONTROL, "no-transform")
}

/// Looks at the answer's head, before ours is made of it; corrects what is said of its bytes where they may change.
///
/// # Errors
/// Where a header of ours is none (a mistake of ours).
pub fn response(head: &mut ResponseHeader, exchange: &mut Exchange) -> Result<()> {
    if head.status.is_informational() {
        return Ok(());
    }
    let Some(Overlay::Asked(asked)) = exchange.overlay.take() else { return Ok(()) };
    let coding = match legible(head) {
        Ok(coding) => coding,
        Err(why) => {
            tracing::debug!(request = %exchange.id, why, "the page gets no overlay");
            return Ok(());
        }
    };
    let mut policies = Policies::default();
    for value in head.headers.get_all(header::CONTENT_SECURITY_POLICY) {
        policies.header(value.as_bytes());
    }
    if policies.terms(&asked.site, script()).is_none() {
        tracing::debug!(request = %exchange.id, why = "its policy", "the page gets no overlay");
        return Ok(());
    }
    for name in &OF_THE_BYTES {
        head.remove_header(name);
    }
    head.insert_header(header::TRANSFER_ENCODING, "chunked")?;
    let page = Page { asked, unpack: coding.map(Unpack::new), scanner: Some(Scanner::new(policies)), held: Vec::new() };
    exchange.overlay = Some(Overlay::Page(Box::new(page)));
    Ok(())
}

/// Whether an answer is a whole page that we can read, and how it is compressed; or why it is none.
fn legible(head: &ResponseHeader) -> std::result::Result<Option<Coding>, &'static str> {
    let headers = &head.headers;
    if head.status != StatusCode::OK || headers.contains_key(header::CONTENT_RANGE) {
        return Err("no whole page");
    }
    if !one(headers, &header::CONTENT_TYPE).is_some_and(is_html) {
        return Err("no HTML in a known encoding");
    }
    let inline = |value: &str| value.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("inline");
    if headers.contains_key(header::CONTENT_DISPOSITION) && !one(headers, &header::CONTENT_DISPOSITION).is_some_and(inline) {
        return Err("a download");
    }
    if says(headers, &header::CACHE_CONTROL, "no-transform") {
        return Err("its server does not want it changed");
    }
    if headers.contains_key("integrity-policy") || headers.get(header::CONTENT_LENGTH).is_some_and(|length| length == "0") {
        return Err("scripts without a digest are not allowed, or the page is empty");
    }
    if !headers.contains_key(header::CONTENT_ENCODING) {
        return Ok(None);
    }
    match one(headers, &header::CONTENT_ENCODING).map(|coding| coding.trim().to_ascii_lowercase()).as_deref() {
        Some("identity" | "") => Ok(None),
        Some("gzip" | "x-gzip") => Ok(Some(Coding::Gzip)),
        Some("deflate") => Ok(Some(Coding::Deflate)),
        Some(_) | None => Err("compressed in another way"),
    }
}

/// A header's only value.
fn one<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        (None, _) | (Some(_), Some(_)) => None,
    }
}

/// Whether a list header has this word. One that is no text may have it.
fn says(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    let has = |text: &str| text.split(',').any(|one| one.split('=').next().unwrap_or_default().trim().eq_ignore_ascii_case(word));
    headers.get_all(name).iter().any(|value| value.to_str().is_ok_and(has) || value.to_str().is_err())
}

/// `text/html`, and if an encoding is named, one whose bytes below 128 are ASCII.
fn is_html(value: &str) -> bool {
    let mut parts = value.split(';').map(str::trim);
    if !parts.next().unwrap_or_default().eq_ignore_ascii_case("text/html") {
        return false;
    }
    parts.filter(|part| !part.is_empty()).all(|part| match part.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            let value = value.trim().trim_matches('"').to_ascii_lowercase();
            let windows = value.strip_prefix("windows-125").is_some_and(|n| n.len() == 1 && n.bytes().all(|b| b.is_ascii_digit()));
            windows || READABLE.contains(&value.as_str())
        }
        Some(_) => true,
        None => false,
    })
}

/// Lets the page through, with the script element where its place is.
///
/// # Errors
/// Where a compressed page cannot be decompressed: a browser could not have shown it either.
pub fn body(body: &mut Option<Bytes>, end: bool, exchange: &mut Exchange) -> Result<()> {
    let Some(Overlay::Page(page)) = &mut exchange.overlay else { return Ok(()) };
    let done = page.through(body.take(), end).map_err(|_| Error::explain(ErrorType::InternalError, "a page cannot be decompressed"))?;
    if let Some(found) = done.found {
        match found {
            Found::Place => tracing::trace!(request = %exchange.id, "the page gets the overlay"),
            Found::None(why) => tracing::debug!(request = %exchange.id, why, "the page gets no overlay"),
        }
    }
    // Not `None`: that would be the end of the body.
    *body = (!done.bytes.is_empty() || !end).then_some(done.bytes);
    Ok(())
}

struct Done {
    bytes: Bytes,
    found: Option<Found>,
}

enum Found {
    Place,
    None(&'static str),
}

impl Page {
    fn through(&mut self, piece: Option<Bytes>, end: bool) -> std::result::Result<Done, unpack::Broken> {
        let mut piece = piece.unwrap_or_default();
        if let Some(unpack) = &mut self.unpack {
            let mut said = unpack.piece(&piece)?;
            if end {
                said.extend(unpack.end());
            }
            piece = said.into();
        }
        let Some(scanner) = &mut self.scanner else { return Ok(Done { bytes: piece, found: None }) };
        let mut verdict = scanner.read(&piece);
        if verdict == Verdict::More && end {
            verdict = scanner.end();
        }
        self.held.extend_from_slice(&piece);
        let found = match verdict {
            Verdict::More => return Ok(Done { bytes: Bytes::new(), found: None }),
            Verdict::Nowhere(why) => Found::None(why),
            Verdict::Here(at) => match scanner.policies.terms(&self.asked.site, script()) {
                None => Found::None("its own policy"),
                Some(terms) => {
                    let element = element(&self.asked.room, &terms);
                    self.held.splice(at..at, element.into_bytes());
                    Found::Place
                }
            },
        };
        self.scanner = None;
        Ok(Done { bytes: std::mem::take(&mut self.held).into(), found: Some(found) })
    }
}

/// `async`: it delays nothing. No module: before a page's own import map none may be loaded (HTML, "register an import map").
fn element(room: &RoomName, terms: &Terms) -> String {
    let room = utf8_percent_encode(room.as_str(), NON_ALPHANUMERIC);
    let nonce = match terms {
        Terms::Plain => String::new(),
        Terms::Nonce(nonce) => format!(" nonce=\"{nonce}\""),
    };
    format!("<script async src=\"{}\" data-room=\"{room}\"{nonce}></script>", script())
}

#[cfg(test)]
mod tests;
