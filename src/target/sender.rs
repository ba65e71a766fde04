//! Does this request come from a page of ours?
//!
//! A cookie or an address says who the browser is, not who made it ask. Cross-site WebSockets are opened with the victim's cookies
//! (Komari GHSA-q355, Teleport #67616), so who asks must be known before these count.

use http::header::{ACCEPT, ORIGIN};
use http::{HeaderMap, Method};

/// Who made the browser ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// A page of ours, a listed one, or the person: cookies and addresses count.
    Known,
    /// Nobody can tell. Cookies and addresses do not count; a token in this very request does, and so does a public room's admission.
    Unproven,
    /// A page of somebody else's: refused.
    Foreign,
}

/// Judges by `Origin`, and for safe methods without one by `Sec-Fetch-Site`.
///
/// `origins` are ours and the listed ones, serialised as browsers do (RFC 6454 section 6.2); `null` is never one of them.
pub fn sender(method: &Method, upgrade: bool, headers: &HeaderMap, origins: &[String]) -> Sender {
    let mut stated = headers.get_all(ORIGIN).iter().map(|value| value.as_bytes());
    match (stated.next(), stated.next()) {
        (Some(origin), None) if origin != b"null" && origins.iter().any(|ours| ours.as_bytes() == origin) => Sender::Known,
        (Some(_), _) => Sender::Foreign,
        (None, _) if upgrade || !method.is_safe() => Sender::Unproven,
        (None, _) => match one(headers, "sec-fetch-site") {
            // An old browser, or no browser.
            Ok(None) => Sender::Known,
            Ok(Some(b"same-origin" | b"none")) => Sender::Known,
            // A link that a person followed may stand anywhere. What a page loads by itself may not.
            Ok(Some(b"same-site" | b"cross-site")) if navigation(method, headers) => Sender::Known,
            Ok(Some(_)) | Err(Repeated) => Sender::Unproven,
        },
    }
}

/// Whether a person opens a page: a GET with `Sec-Fetch-Mode: navigate`, or, where that header is absent, one that accepts `text/html`.
pub fn navigation(method: &Method, headers: &HeaderMap) -> bool {
    if method != Method::GET {
        return false;
    }
    match one(headers, "sec-fetch-mode") {
        Ok(Some(mode)) => mode == b"navigate",
        Ok(None) => headers.get_all(ACCEPT).iter().any(|value| accepts_html(value.as_bytes())),
        Err(Repeated) => false,
    }
}

fn accepts_html(accept: &[u8]) -> bool {
    let types = accept.split(|b| *b == b',').map(|range| range.split(|b| *b == b';').next().unwrap_or_default().trim_ascii());
    types.into_iter().any(|media| media.eq_ignore_ascii_case(b"text/html"))
}

struct Repeated;

fn one<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a [u8]>, Repeated> {
    let mut values = headers.get_all(name).iter().map(|value| value.as_bytes());
    match (values.next(), values.next()) {
        (first, None) => Ok(first),
        (_, Some(_)) => Err(Repeated),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

    use http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(list: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in list {
            map.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap());
        }
        map
    }

    #[test]
    fn only_an_exact_origin_of_ours_makes_a_sender_known() {
        let ours = ["https://meet.example.org".to_owned(), "https://portal.example.org:8443".to_owned(), "null".to_owned()];
        for (origins, expected) in [
            (&["https://meet.example.org"][..], Sender::Known),
            (&["https://portal.example.org:8443"], Sender::Known),
            (&["http://meet.example.org"], Sender::Foreign),
            (&["https://meet.example.org:443"], Sender::Foreign),
            (&["https://meet.example.org/"], Sender::Foreign),
            (&["https://MEET.example.org"], Sender::Foreign),
            (&["https://meet.example.org."], Sender::Foreign),
            (&["https://evil.meet.example.org"], Sender::Foreign),
            (&["https://meet.example.org.evil.example"], Sender::Foreign),
            (&["https://evilmeet.example.org"], Sender::Foreign),
            (&["https://portal.example.org"], Sender::Foreign),
            (&["null"], Sender::Foreign),
            (&[""], Sender::Foreign),
            (&["https://meet.example.org", "https://meet.example.org"], Sender::Foreign),
            (&["https://meet.example.org", "https://evil.example"], Sender::Foreign),
            (&["https://meet.example.org https://evil.example"], Sender::Foreign),
        ] {
            let list: Vec<_> = origins.iter().map(|origin| ("origin", *origin)).collect();
            for (method, upgrade) in [(Method::GET, true), (Method::GET, false), (Method::POST, false)] {
                assert_eq!(sender(&method, upgrade, &headers(&list), &ours), expected, "{method} {origins:?}");
            }
        }
    }

    #[test]
    fn without_an_origin_only_safe_requests_of_our_own_pages_and_of_persons_are_known() {
        let (nav, cors) = (("sec-fetch-mode", "navigate"), ("sec-fetch-mode", "cors"));
        for (method, upgrade, list, expected) in [
            (Method::GET, true, &[][..], Sender::Unproven),
            (Method::GET, true, &[("sec-fetch-site", "same-origin")], Sender::Unproven),
            (Method::POST, false, &[], Sender::Unproven),
            (Method::DELETE, false, &[("sec-fetch-site", "same-origin")], Sender::Unproven),
            (Method::GET, false, &[], Sender::Known),
            (Method::HEAD, false, &[], Sender::Known),
            (Method::GET, false, &[("sec-fetch-site", "same-origin"), cors], Sender::Known),
            (Method::GET, false, &[("sec-fetch-site", "none"), nav], Sender::Known),
            (Method::GET, false, &[("sec-fetch-site", "cross-site"), nav], Sender::Known),
            (Method::GET, false, &[("sec-fetch-site", "same-site"), nav], Sender::Known),
            (Method::GET, false, &[("sec-fetch-site", "cross-site"), cors], Sender::Unproven),
            (Method::GET, false, &[("sec-fetch-site", "same-site"), cors], Sender::Unproven),
            (Method::HEAD, false, &[("sec-fetch-site", "cross-site"), nav], Sender::Unproven),
            (Method::GET, false, &[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site"), nav], Sender::Unproven),
            (Method::GET, false, &[("sec-fetch-site", "whatever"), nav], Sender::Unproven),
        ] {
            assert_eq!(sender(&method, upgrade, &headers(list), &[]), expected, "{method} {upgrade} {list:?}");
        }
    }

    #[test]
    fn a_navigation_is_a_person_opening_a_page() {
        for (method, list, expected) in [
            (Method::GET, &[("sec-fetch-mode", "navigate")][..], true),
            (Method::GET, &[("accept", "text/html,application/xhtml+xml,*/*;q=0.8")], true),
            (Method::GET, &[("accept", "*/*, Text/HTML;q=0.9")], true),
            (Method::GET, &[("accept", "*/*")], false),
            (Method::GET, &[("accept", "application/json")], false),
            (Method::GET, &[("accept", "x-text/html")], false),
            (Method::GET, &[], false),
            (Method::GET, &[("sec-fetch-mode", "cors"), ("accept", "text/html")], false),
            (Method::GET, &[("sec-fetch-mode", "websocket"), ("accept", "text/html")], false),
            (Method::GET, &[("sec-fetch-mode", "navigate"), ("sec-fetch-mode", "navigate")], false),
            (Method::POST, &[("sec-fetch-mode", "navigate")], false),
            (Method::HEAD, &[("accept", "text/html")], false),
        ] {
            assert_eq!(navigation(&method, &headers(list)), expected, "{method} {list:?}");
        }
    }
}
