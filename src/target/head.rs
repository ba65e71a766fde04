//! Can this head be read in one way only, and is it for us?
//!
//! Stricter than pingora 0.9.1, which passes on a GET with a body, a lower-case method, HTTP/1.1 without `Host`, any single `Host`, and up to
//! 1 MiB of headers.

use std::fmt;

use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, HOST, TRANSFER_ENCODING, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, Version};

use super::headers::{Fate, KeptBack, is_token_byte};

/// Why a head is refused, and with which status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadHead {
    /// 400, 405, 417, 421, 431 or 501.
    pub status: u16,
    /// For the person and for the log. Stable, and free of anything the client sent.
    pub reason: &'static str,
}

impl fmt::Display for BadHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason)
    }
}

impl std::error::Error for BadHead {}

/// What a head that passed asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// An answer.
    Answer,
    /// To become a WebSocket.
    WebSocket,
}

/// The names that we answer to.
#[derive(Clone, Debug)]
pub struct Hosts {
    names: Vec<String>,
    own_port: &'static str,
}

/// The longest head, in bytes.
pub const MAX_HEAD: usize = 32 * 1024;

/// The most headers.
pub const MAX_HEADERS: usize = 100;

const fn bad(reason: &'static str) -> BadHead {
    BadHead { status: 400, reason }
}

/// Looks at everything of a head but its target. `length` is that of the whole head in bytes.
///
/// # Errors
/// Where it is refused.
pub fn check(head: &Parts, length: usize, hosts: &Hosts, kept_back: &KeptBack) -> Result<Wish, BadHead> {
    if length > MAX_HEAD {
        return Err(BadHead { status: 431, reason: "the head is longer than 32 KiB" });
    }
    if head.headers.len() > MAX_HEADERS {
        return Err(BadHead { status: 431, reason: "the head holds more than 100 headers" });
    }
    method(head.method.as_str())?;
    if !matches!(head.version, Version::HTTP_10 | Version::HTTP_11 | Version::HTTP_2) {
        return Err(bad("the version of HTTP is not spoken here"));
    }
    for name in head.headers.keys() {
        match kept_back.fate(name.as_str().as_bytes()) {
            Fate::Keep | Fate::Drop => {}
            Fate::Refuse(reason) => return Err(bad(reason)),
        }
    }
    let body = framing(head)?;
    if body && matches!(head.method.as_str(), "GET" | "HEAD") {
        return Err(bad("a request that only reads has a body"));
    }
    nominations(&head.headers)?;
    if head.headers.get_all(EXPECT).iter().any(|value| !value.as_bytes().eq_ignore_ascii_case(b"100-continue")) {
        return Err(BadHead { status: 417, reason: "only `100-continue` can be expected" });
    }
    hosts.check(host(head)?)?;
    wish(head)
}

/// Methods are case-sensitive (RFC 9110 section 9.1), and some servers do not know that.
fn method(method: &str) -> Result<(), BadHead> {
    match method {
        "GET" | "HEAD" | "POST" | "PUT" | "DELETE" | "OPTIONS" | "PATCH" => Ok(()),
        "CONNECT" | "TRACE" => Err(BadHead { status: 405, reason: "the method is not allowed" }),
        other if other.bytes().all(|b| b.is_ascii_uppercase()) => Err(BadHead { status: 501, reason: "the method is not known" }),
        _ => Err(bad("the method is not written in capital letters")),
    }
}

/// Whether there is a body (RFC 9112 section 6). Both framings, several lengths or other codings are requests within requests.
fn framing(head: &Parts) -> Result<bool, BadHead> {
    let mut lengths = head.headers.get_all(CONTENT_LENGTH).iter();
    let mut codings = head.headers.get_all(TRANSFER_ENCODING).iter();
    let (length, coding) = (lengths.next(), codings.next());
    if lengths.next().is_some() || codings.next().is_some() || (length.is_some() && coding.is_some()) {
        return Err(bad("the length of the body is stated more than once"));
    }
    if let Some(coding) = coding {
        if head.version != Version::HTTP_11 || !coding.as_bytes().eq_ignore_ascii_case(b"chunked") {
            return Err(bad("the only transfer coding is `chunked`"));
        }
        return Ok(true);
    }
    let Some(length) = length.map(|value| value.as_bytes()) else { return Ok(false) };
    // 18 digits fit into 64 bits, signed or not.
    if length.is_empty() || length.len() > 18 || !length.iter().all(u8::is_ascii_digit) {
        return Err(bad("the length of the body is not a number"));
    }
    Ok(length.iter().any(|b| *b != b'0'))
}

/// What `Connection` names is removed on the way: nothing that frames or routes a request may be.
fn nominations(headers: &HeaderMap) -> Result<(), BadHead> {
    let names = headers
        .get_all(CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|b| *b == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|name| !name.is_empty());
    let mut count = 0_usize;
    for name in names {
        count = count.saturating_add(1);
        // pingora 0.9.1 fails on the tenth, and on these names, with a proxy error instead of a 400.
        if count > 8 || !name.iter().all(|b| is_token_byte(*b)) {
            return Err(bad("the `Connection` header is no list of names"));
        }
        let fixed = [
            "host",
            "content-length",
            "transfer-encoding",
            "cookie",
            "authorization",
            "origin",
            "x-forwarded-for",
            "x-forwarded-host",
            "x-forwarded-proto",
        ];
        if fixed.iter().any(|fixed| name.eq_ignore_ascii_case(fixed.as_bytes())) {
            return Err(bad("the `Connection` header names one that may not be removed"));
        }
    }
    Ok(())
}

/// The one host that the client wants.
fn host(head: &Parts) -> Result<&[u8], BadHead> {
    let mut stated = head.headers.get_all(HOST).iter().map(|value| value.as_bytes());
    let (first, second) = (stated.next(), stated.next());
    if second.is_some() {
        return Err(bad("there is more than one `Host`"));
    }
    let authority = if head.version == Version::HTTP_2 { head.uri.authority().map(|a| a.as_str().as_bytes()) } else { None };
    match (authority, first) {
        (Some(authority), Some(host)) if !authority.eq_ignore_ascii_case(host) => Err(bad("`Host` and `:authority` differ")),
        (Some(host), _) | (None, Some(host)) => Ok(host),
        (None, None) => Err(bad("there is no `Host`")),
    }
}

impl Hosts {
    /// `hosts`: in lower case, with port where it is not the scheme's own; `secure` for `https://`.
    pub fn new(hosts: &[String], secure: bool) -> Self {
        Self { names: hosts.to_vec(), own_port: if secure { ":443" } else { ":80" } }
    }

    fn check(&self, host: &[u8]) -> Result<(), BadHead> {
        if host.is_empty() || !host.iter().all(|b| b.is_ascii_alphanumeric() || b".-_:[]".contains(b)) {
            return Err(bad("the `Host` is no host"));
        }
        let plain = host.strip_suffix(self.own_port.as_bytes()).unwrap_or(host);
        if self.names.iter().any(|name| plain.eq_ignore_ascii_case(name.as_bytes())) {
            return Ok(());
        }
        Err(BadHead { status: 421, reason: "this server does not answer for that host" })
    }
}

/// Whether it asks for a WebSocket (RFC 6455 section 4.1). `Upgrade` for other protocols is ignored, as RFC 9110 section 7.8 allows.
fn wish(head: &Parts) -> Result<Wish, BadHead> {
    let mut upgrades = head.headers.get_all(UPGRADE).iter().map(|value| value.as_bytes());
    let (first, second) = (upgrades.next(), upgrades.next());
    let mentions = |value: &[u8]| value.windows(9).any(|word| word.eq_ignore_ascii_case(b"websocket"));
    let Some(first) = first.filter(|first| mentions(first) || second.is_some()) else { return Ok(Wish::Answer) };
    if second.is_some() || !first.eq_ignore_ascii_case(b"websocket") {
        return Err(bad("the `Upgrade` header asks for several things"));
    }
    let connection = head.headers.get_all(CONNECTION).iter().flat_map(|value| value.as_bytes().split(|b| *b == b','));
    if !connection.map(<[u8]>::trim_ascii).any(|name| name.eq_ignore_ascii_case(b"upgrade")) {
        return Err(bad("a WebSocket is asked for without `Connection: upgrade`"));
    }
    if head.method != http::Method::GET || head.version != Version::HTTP_11 {
        return Err(bad("a WebSocket is asked for with a GET of HTTP/1.1"));
    }
    Ok(Wish::WebSocket)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

    use http::Request;

    use super::*;

    fn hosts() -> Hosts {
        Hosts::new(&["meet.example.org".to_owned(), "localhost:8080".to_owned(), "[::1]:8080".to_owned()], true)
    }

    fn asked(method: &str, version: Version, headers: &[(&str, &str)]) -> Result<Wish, u16> {
        let mut request = Request::builder().method(method).version(version).uri("/a");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        check(&request.body(()).unwrap().into_parts().0, 100, &hosts(), &KeptBack::default()).map_err(|bad| bad.status)
    }

    const H: (&str, &str) = ("host", "meet.example.org");

    #[test]
    fn a_method_is_one_of_seven_in_capital_letters() {
        for (method, expected) in [
            ("GET", Ok(())),
            ("HEAD", Ok(())),
            ("POST", Ok(())),
            ("PUT", Ok(())),
            ("DELETE", Ok(())),
            ("OPTIONS", Ok(())),
            ("PATCH", Ok(())),
            ("get", Err(400)),
            ("Get", Err(400)),
            ("GET_", Err(400)),
            ("G3T", Err(400)),
            ("PROPFIND", Err(501)),
            ("GETS", Err(501)),
            ("TRACE", Err(405)),
            ("CONNECT", Err(405)),
        ] {
            assert_eq!(asked(method, Version::HTTP_11, &[H]).map(drop), expected, "{method}");
        }
    }

    #[test]
    fn there_is_one_host_and_it_is_ours() {
        for (values, expected) in [
            (&["meet.example.org"][..], Ok(())),
            (&["MEET.Example.org"], Ok(())),
            (&["meet.example.org:443"], Ok(())),
            (&["localhost:8080"], Ok(())),
            (&["[::1]:8080"], Ok(())),
            (&[], Err(400)),
            (&[""], Err(400)),
            (&["meet.example.org", "meet.example.org"], Err(400)),
            (&["meet.example.org", "evil.example"], Err(400)),
            (&["meet.example.org,evil.example"], Err(400)),
            (&["meet.example.org evil.example"], Err(400)),
            (&["user@meet.example.org"], Err(400)),
            (&["meet.example.org/x"], Err(400)),
            (&["meet.example.org#"], Err(400)),
            (&["meet.example.org?"], Err(400)),
            (&["meet%2eexample.org"], Err(400)),
            (&["meet.example.org\\"], Err(400)),
            (&["meet.example.org."], Err(421)),
            (&["meet.example.org:80"], Err(421)),
            (&["meet.example.org:8080"], Err(421)),
            (&["meet.example.org:"], Err(421)),
            (&["meet.example.org:0443"], Err(421)),
            (&["meet.example.org:443:443"], Err(421)),
            (&["localhost"], Err(421)),
            (&["evil.example"], Err(421)),
            (&["xmeet.example.org"], Err(421)),
            (&["meet.example.org.evil.example"], Err(421)),
            (&["127.0.0.1"], Err(421)),
        ] {
            let headers: Vec<_> = values.iter().map(|value| ("host", *value)).collect();
            for version in [Version::HTTP_11, Version::HTTP_10] {
                assert_eq!(asked("GET", version, &headers).map(drop), expected, "{values:?}");
            }
        }
    }

    #[test]
    fn http_2_names_its_host_in_the_authority() {
        let asked = |uri: &str, host: Option<&str>| {
            let mut request = Request::builder().version(Version::HTTP_2).uri(uri);
            if let Some(host) = host {
                request = request.header("host", host);
            }
            check(&request.body(()).unwrap().into_parts().0, 100, &hosts(), &KeptBack::default()).map(drop).map_err(|bad| bad.status)
        };
        for (uri, host, expected) in [
            ("https://meet.example.org/a", None, Ok(())),
            ("https://meet.example.org/a", Some("meet.example.org"), Ok(())),
            ("https://meet.example.org/a", Some("evil.example"), Err(400)),
            ("https://evil.example/a", Some("meet.example.org"), Err(400)),
            ("https://evil.example/a", None, Err(421)),
            ("https://u@meet.example.org/a", None, Err(400)),
            ("/a", None, Err(400)),
        ] {
            assert_eq!(asked(uri, host), expected, "{uri} {host:?}");
        }
    }

    #[test]
    fn a_body_is_framed_once_and_plainly() {
        for (method, headers, expected) in [
            ("POST", &[("content-length", "5")][..], Ok(())),
            ("POST", &[("transfer-encoding", "chunked")], Ok(())),
            ("POST", &[("transfer-encoding", "Chunked")], Ok(())),
            ("POST", &[], Ok(())),
            ("GET", &[("content-length", "0")], Ok(())),
            ("GET", &[("content-length", "5")], Err(400)),
            ("HEAD", &[("content-length", "5")], Err(400)),
            ("GET", &[("transfer-encoding", "chunked")], Err(400)),
            ("POST", &[("content-length", "5"), ("content-length", "5")], Err(400)),
            ("POST", &[("content-length", "5"), ("content-length", "6")], Err(400)),
            ("POST", &[("content-length", "5, 5")], Err(400)),
            ("POST", &[("content-length", "+5")], Err(400)),
            ("POST", &[("content-length", "-0")], Err(400)),
            ("POST", &[("content-length", "0x5")], Err(400)),
            ("POST", &[("content-length", "5 ")], Err(400)),
            ("POST", &[("content-length", "")], Err(400)),
            ("POST", &[("content-length", "9999999999999999999")], Err(400)),
            ("POST", &[("content-length", "5"), ("transfer-encoding", "chunked")], Err(400)),
            ("POST", &[("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")], Err(400)),
            ("POST", &[("transfer-encoding", "gzip, chunked")], Err(400)),
            ("POST", &[("transfer-encoding", "chunked, identity")], Err(400)),
            ("POST", &[("transfer-encoding", "identity")], Err(400)),
            ("POST", &[("transfer-encoding", "xchunked")], Err(400)),
            ("POST", &[("transfer-encoding", "\"chunked\"")], Err(400)),
            ("POST", &[("transfer_encoding", "chunked")], Err(400)),
            ("POST", &[("content.length", "5")], Err(400)),
            ("POST", &[("expect", "100-continue")], Ok(())),
            ("POST", &[("expect", "200-ok")], Err(417)),
        ] {
            let headers: Vec<_> = [H].iter().chain(headers).copied().collect();
            assert_eq!(asked(method, Version::HTTP_11, &headers).map(drop), expected, "{method} {headers:?}");
        }
        assert_eq!(asked("POST", Version::HTTP_10, &[H, ("transfer-encoding", "chunked")]), Err(400));
        assert_eq!(asked("GET", Version::HTTP_09, &[H]), Err(400));
    }

    #[test]
    fn connection_removes_nothing_that_matters() {
        for (value, expected) in [
            ("close", Ok(())),
            ("keep-alive, Upgrade", Ok(())),
            ("close, x-roomgate-role", Ok(())),
            ("close,,te", Ok(())),
            ("close, Host", Err(400)),
            ("X-Forwarded-For", Err(400)),
            ("cookie", Err(400)),
            ("Origin", Err(400)),
            ("Transfer-Encoding", Err(400)),
            (":authority", Err(400)),
            ("\"host\"", Err(400)),
            ("a b", Err(400)),
            ("a,b,c,d,e,f,g,h,i", Err(400)),
        ] {
            assert_eq!(asked("GET", Version::HTTP_11, &[H, ("connection", value)]).map(drop), expected, "{value}");
        }
    }

    #[test]
    fn a_websocket_is_asked_for_in_one_way() {
        let wants = |headers: &[(&str, &str)]| asked("GET", Version::HTTP_11, &[&[H], headers].concat());
        for (headers, expected) in [
            (&[("upgrade", "websocket"), ("connection", "Upgrade")][..], Ok(Wish::WebSocket)),
            (&[("upgrade", "WebSocket"), ("connection", "keep-alive, upgrade")], Ok(Wish::WebSocket)),
            (&[("upgrade", "websocket"), ("connection", "keep-alive"), ("connection", "upgrade")], Ok(Wish::WebSocket)),
            (&[], Ok(Wish::Answer)),
            (&[("connection", "upgrade")], Ok(Wish::Answer)),
            (&[("upgrade", "h2c"), ("connection", "upgrade, http2-settings")], Ok(Wish::Answer)),
            (&[("upgrade", "websocket")], Err(400)),
            (&[("upgrade", "websocket"), ("connection", "close")], Err(400)),
            (&[("upgrade", "websocket, h2c"), ("connection", "upgrade")], Err(400)),
            (&[("upgrade", "h2c"), ("upgrade", "websocket"), ("connection", "upgrade")], Err(400)),
            (&[("upgrade", "websocket"), ("upgrade", "websocket"), ("connection", "upgrade")], Err(400)),
            (&[("upgrade", "websocket/13"), ("connection", "upgrade")], Err(400)),
        ] {
            assert_eq!(wants(headers), expected, "{headers:?}");
        }
        let upgrade = [H, ("upgrade", "websocket"), ("connection", "upgrade")];
        assert_eq!(asked("POST", Version::HTTP_11, &upgrade), Err(400));
        assert_eq!(asked("GET", Version::HTTP_10, &upgrade), Err(400));
    }

    #[test]
    fn a_head_that_is_too_long_is_refused() {
        let many: Vec<_> = (0..MAX_HEADERS).map(|n| (format!("x-{n}"), "1")).collect();
        let borrowed: Vec<_> = many.iter().map(|(n, v)| (n.as_str(), *v)).chain([H]).collect();
        assert_eq!(asked("GET", Version::HTTP_11, &borrowed), Err(431));
        assert_eq!(asked("GET", Version::HTTP_11, &borrowed[1..]), Ok(Wish::Answer));
        let head = Request::builder().header("host", "meet.example.org").body(()).unwrap().into_parts().0;
        assert_eq!(check(&head, MAX_HEAD, &hosts(), &KeptBack::default()), Ok(Wish::Answer));
        assert_eq!(check(&head, MAX_HEAD + 1, &hosts(), &KeptBack::default()).map_err(|bad| bad.status), Err(431));
    }
}
