//! What goes to the conferencing server, and what comes back.
//!
//! Runs in `upstream_request_filter`, after pingora has removed the hop-by-hop headers: a client that nominates ours in
//! `Connection` has done so before they were set.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue, Version, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::{Error, Result};

use super::exchange::{Exchange, Way};
use crate::access::Permit;
use crate::config::Config;
use crate::gate::CookieStyle;
use crate::profile::Kind;
use crate::target::{Cookies, Forward, KeptBack, hands_over_token, strip_referer};

// Text, not `HeaderName`: of these pingora makes no copy.
const ROOM: &str = "X-Roomgate-Room";
const ROLE: &str = "X-Roomgate-Role";
const USER: &str = "X-Roomgate-User";
const NAME: &str = "X-Roomgate-Name";
const FOR: &str = "X-Forwarded-For";
const PROTO: &str = "X-Forwarded-Proto";
const HOST: &str = "X-Forwarded-Host";
const COOKIE: HeaderValue = HeaderValue::from_static("Cookie");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");

/// What stays readable in a percent-encoded header: the unreserved characters of RFC 3986 section 2.3.
const READABLE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Facts of the connection that the request came by.
pub struct Hop {
    /// The whole chain for `X-Forwarded-For`.
    pub chain: String,
    /// `http` or `https`.
    pub proto: &'static str,
}

/// Makes the upstream's head out of the client's.
///
/// # Errors
/// Where entry gave no way (a mistake of ours): nothing is forwarded then.
pub fn request(
    head: &mut RequestHeader,
    exchange: &Exchange,
    hop: &Hop,
    kept_back: &KeptBack,
    config: &Config,
    style: CookieStyle,
) -> Result<()> {
    let way = exchange.way.as_ref().ok_or_else(|| Error::explain(pingora::ErrorType::InternalError, "no way to forward"))?;
    match &exchange.onward {
        Some(onward) => head.set_raw_path(onward.as_bytes())?,
        None if exchange.retargeted => head.set_raw_path(exchange.target.as_bytes())?,
        None => {}
    }
    let dropped: Vec<HeaderName> = kept_back.among(&head.headers).cloned().collect();
    for name in dropped {
        head.remove_header(&name);
    }
    let parameters = [Some(config.tokens.parameter.as_str()), config.upstream.profile.page_token()];
    for parameter in parameters.into_iter().flatten() {
        addresses(head, parameter);
    }
    if exchange.took_authorization {
        head.remove_header(&header::AUTHORIZATION);
    }
    cookies(head, exchange.cookies.as_ref(), style)?;
    for parameter in parameters.into_iter().flatten() {
        referer(head, parameter)?;
    }
    match way {
        Way::Permitted(permit, _) | Way::Judged(_, Some(permit)) => identity(head, permit, exchange.name.as_deref())?,
        Way::Open(_) | Way::Judged(_, None) => {}
    }
    connection(head, hop)
}

/// Where the request comes from. What the client says of that is overwritten.
pub(super) fn connection(head: &mut RequestHeader, hop: &Hop) -> Result<()> {
    head.insert_header(FOR, hop.chain.as_str())?;
    head.insert_header(PROTO, HeaderValue::from_static(hop.proto))?;
    let host = head.headers.get(header::HOST).cloned();
    let host = host.or_else(|| head.uri.authority().and_then(|a| HeaderValue::from_str(a.as_str()).ok()));
    if let Some(host) = host {
        head.insert_header(HOST, host)?;
    }
    Ok(())
}

/// `asked_as` is what somebody called themself when they knocked: an owner saw it and let them in under that name.
pub(super) fn identity(head: &mut RequestHeader, permit: &Permit, asked_as: Option<&str>) -> Result<()> {
    let person = permit.person();
    let encoded = |text: &str| HeaderValue::from_str(&Cow::from(utf8_percent_encode(text, READABLE))).map_err(|_| bad("identity"));
    head.insert_header(ROOM, encoded(permit.room().as_str())?)?;
    head.insert_header(ROLE, HeaderValue::from_static(permit.role().as_str()))?;
    if let Some(user) = &person.user {
        head.insert_header(USER, encoded(user)?)?;
    }
    if let Some(name) = person.name.as_deref().or(asked_as) {
        head.insert_header(NAME, encoded(name)?)?;
    }
    Ok(())
}

/// Our cookies are ours: the upstream gets the others, byte for byte.
fn cookies(head: &mut RequestHeader, read: Option<&Forward>, style: CookieStyle) -> Result<()> {
    let lines = || head.headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes);
    let forward = match read {
        Some(forward) => forward.clone(),
        None => Cookies::read(lines(), style.prefix()).forward,
    };
    // Also those from before `public_url` got, or lost, its `https`.
    let other = CookieStyle { secure: !style.secure, ..style };
    let forward = match forward {
        Forward::Replaced(kept) => match Cookies::read([kept.as_slice()].into_iter(), other.prefix()).forward {
            Forward::Unchanged => Forward::Replaced(kept),
            replaced @ (Forward::Replaced(_) | Forward::Gone) => replaced,
        },
        Forward::Unchanged => Cookies::read(lines(), other.prefix()).forward,
        Forward::Gone => Forward::Gone,
    };
    match forward {
        Forward::Unchanged => {}
        Forward::Replaced(kept) => {
            let kept = HeaderValue::from_bytes(&kept).map_err(|_| bad("cookie"))?;
            head.remove_header(&header::COOKIE);
            head.insert_header("Cookie", kept)?;
        }
        Forward::Gone => drop(head.remove_header(&header::COOKIE)),
    }
    Ok(())
}

/// Scripts tell servers where they are in headers of their own (`HX-Current-URL`): one with a token in it stays here.
fn addresses(head: &mut RequestHeader, parameter: &str) {
    // Cookies are told apart below, a `Referer` keeps its address.
    let others = head.headers.iter().filter(|(name, _)| **name != header::COOKIE && **name != header::REFERER);
    let handing: Vec<HeaderName> =
        others.filter(|(_, value)| hands_over_token(value.as_bytes(), parameter)).map(|(name, _)| name.clone()).collect();
    for name in handing {
        head.remove_header(&name);
    }
}

/// A referring address keeps everything but the token. There is one, or none (RFC 9110 section 5.3).
fn referer(head: &mut RequestHeader, parameter: &str) -> Result<()> {
    let mut lines = head.headers.get_all(header::REFERER).iter();
    let value = match (lines.next(), lines.next()) {
        (None, _) => return Ok(()),
        (Some(value), None) => value,
        (Some(_), Some(_)) => {
            head.remove_header(&header::REFERER);
            return Ok(());
        }
    };
    let kept = strip_referer(value.as_bytes(), parameter).map(Cow::into_owned);
    match kept {
        Some(kept) if kept.as_bytes() == value.as_bytes() => {}
        Some(kept) => {
            let kept = HeaderValue::from_str(&kept).map_err(|_| bad("referer"))?;
            head.insert_header(header::REFERER, kept)?;
        }
        None => drop(head.remove_header(&header::REFERER)),
    }
    Ok(())
}

/// What speaks to shared caches alone (RFC 9213).
const SHARED_CACHES: &[&str] = &["cdn-cache-control", "surrogate-control", "cloudflare-cdn-cache-control"];

/// The upstream's word on caching, for the browser that was admitted: a shared cache would hand it to others.
fn for_one_browser(headers: &HeaderMap) -> String {
    let said = headers.get_all(header::CACHE_CONTROL).iter().filter_map(|line| line.to_str().ok());
    let kept = said.flat_map(|line| line.split(',')).map(str::trim).filter(|directive| {
        let name = directive.split('=').next().unwrap_or_default().trim();
        !["", "public", "private", "s-maxage", "proxy-revalidate"].iter().any(|dropped| name.eq_ignore_ascii_case(dropped))
    });
    std::iter::once("private").chain(kept).collect::<Vec<_>>().join(", ")
}

fn bad(what: &'static str) -> Box<Error> {
    Error::explain(pingora::ErrorType::InvalidHTTPHeader, what)
}

/// Adds to the upstream's answer what the browser is to keep, and keeps guarded pages out of caches.
///
/// # Errors
/// Where a line of ours is no header value (a mistake of ours).
pub fn response(head: &mut ResponseHeader, exchange: &Exchange) -> Result<()> {
    for line in &exchange.set_cookies {
        head.append_header(header::SET_COOKIE, line.as_str())?;
    }
    match &exchange.way {
        Some(Way::Permitted(_, Kind::Page)) => {
            head.insert_header(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"))?;
            head.append_header("Vary", COOKIE)?;
        }
        Some(Way::Permitted(_, Kind::Asset | Kind::Signalling)) => {
            let value = for_one_browser(&head.headers);
            head.insert_header(header::CACHE_CONTROL, value)?;
            for name in SHARED_CACHES {
                head.remove_header(*name);
            }
            head.append_header("Vary", COOKIE)?;
        }
        Some(Way::Open(_) | Way::Judged(..)) | None => {}
    }
    head.remove_header(&KEEP_ALIVE);
    // What is said of the connection to the upstream is not said of this one; HTTP/2 has no such thing.
    if head.version == Version::HTTP_2 {
        head.remove_header(&header::CONNECTION);
    }
    Ok(())
}
