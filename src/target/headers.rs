//! Which of a client's headers never reach the upstream?
//!
//! Names are folded before they are judged: CGI, WSGI and many proxies read `X_Roomgate_Role` and `X.Roomgate.Role` as `X-Roomgate-Role`
//! (oauth2-proxy CVE-2025-64484, Traefik CVE-2026-39858).

use http::HeaderMap;
use http::header::HeaderName;

/// What becomes of a client's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It goes on.
    Keep,
    /// It is removed: only a proxy may say this, and to the upstream that is us.
    Drop,
    /// The request is refused: somebody would read another request.
    Refuse(&'static str),
}

/// The headers that are kept back, with those that the operator's own proxies use.
#[derive(Clone, Debug, Default)]
pub struct KeptBack {
    more: Vec<String>,
}

/// Every name that begins so: what proxies say about people, addresses and paths.
const PREFIXES: &[&str] = &[
    "x-roomgate-",
    "x-forwarded-",
    "x-original-",
    "x-rewrite-",
    "x-accel-",
    "x-sendfile-",
    "x-envoy-",
    "x-middleware-",
    "x-auth-request-",
    "x-authentik-",
    "x-authenticated-",
    "x-webauth-",
    "x-remote-",
    "x-pomerium-",
    "x-vouch-",
    "x-ssl-",
    "x-client-cert-",
    "x-amzn-oidc-",
    "x-goog-authenticated-",
    "x-goog-iap-",
    "x-ms-client-principal-",
    "remote-",
    "ssl-client-",
    "cf-access-",
    "tailscale-",
];

/// What browsers say with every request. None of it is kept back, as a test proves: known without a closer look.
const COMMON: &[&[u8]] = &[
    b"host",
    b"accept",
    b"cookie",
    b"referer",
    b"user-agent",
    b"connection",
    b"sec-fetch-dest",
    b"sec-fetch-mode",
    b"sec-fetch-site",
    b"accept-encoding",
    b"accept-language",
];

/// These names. Sorted.
const NAMES: &[&str] = &[
    "base-url",
    "cf-connecting-ip",
    "client-cert",
    "client-cert-chain",
    "client-ip",
    "cluster-client-ip",
    "fastly-client-ip",
    "forwarded",
    "front-end-https",
    "http-method-override",
    "http-url",
    "http2-settings",
    "path-info",
    "proxy",
    "proxy-authorization",
    "proxy-connection",
    "proxy-host",
    "proxy-url",
    "real-ip",
    "request-uri",
    "script-name",
    "true-client-ip",
    "uri",
    "url",
    "x-accel",
    "x-base-url",
    "x-client-cert",
    "x-client-dn",
    "x-client-ip",
    "x-client-verify",
    "x-cluster-client-ip",
    "x-custom-ip-authorization",
    "x-forward-for",
    "x-forwarded",
    "x-forwarder-for",
    "x-host",
    "x-http-destinationurl",
    "x-http-host-override",
    "x-http-method",
    "x-http-method-override",
    "x-http-path-override",
    "x-https",
    "x-method",
    "x-method-override",
    "x-ms-client-principal",
    "x-originating-ip",
    "x-originating-url",
    "x-override-url",
    "x-path-info",
    "x-proxy-url",
    "x-proxyuser-ip",
    "x-real-ip",
    "x-remote",
    "x-replaced-path",
    "x-request-uri",
    "x-roomgate",
    "x-scheme",
    "x-script-name",
    "x-sendfile",
    "x-true-client-ip",
    "x-true-ip",
    "x-uri",
    "x-url",
    "x-url-scheme",
];

impl KeptBack {
    /// The names of ours, and the operator's (`[identity] headers`).
    pub fn new<'a>(more: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            more: more.into_iter().map(|name| Folded::new(name.as_bytes()).as_str().to_owned()).filter(|name| !name.is_empty()).collect(),
        }
    }

    /// What becomes of a header with this name, in any letter case or spelling.
    pub fn fate(&self, name: &[u8]) -> Fate {
        if COMMON.contains(&name) && !self.more.iter().any(|more| more.as_bytes() == name) {
            return Fate::Keep;
        }
        if name.is_empty() || !name.iter().all(|b| is_token_byte(*b)) {
            return Fate::Refuse("a header name holds a character that none may hold");
        }
        let folded = Folded::new(name);
        let folded = folded.as_str();
        let alias = !name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-') || folded.len() != name.len().min(Folded::MAX);
        if alias && is_framing(folded) {
            return Fate::Refuse("a header that frames the request is misspelled");
        }
        let ours = NAMES.binary_search(&folded).is_ok()
            || PREFIXES.iter().any(|prefix| folded.starts_with(prefix))
            || self.more.iter().any(|name| name == folded);
        let misread = alias && ["sec-", "content-", "proxy-", "if-"].iter().any(|prefix| folded.starts_with(prefix));
        if ours || misread { Fate::Drop } else { Fate::Keep }
    }

    /// The names among these headers that are removed before a request goes on; each once.
    pub fn among<'a>(&self, headers: &'a HeaderMap) -> impl Iterator<Item = &'a HeaderName> + use<'a, '_> {
        headers.keys().filter(|name| self.fate(name.as_str().as_bytes()) == Fate::Drop)
    }
}

/// RFC 9110 section 5.6.2.
pub(super) fn is_token_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b)
}

fn is_framing(folded: &str) -> bool {
    matches!(
        folded,
        "content-length" | "transfer-encoding" | "host" | "connection" | "upgrade" | "te" | "trailer" | "expect" | "keep-alive"
    )
}

/// A name in lower case, every run of other characters one `-`; cut where no name of ours is so long.
struct Folded {
    bytes: [u8; Self::MAX],
    length: usize,
}

impl Folded {
    const MAX: usize = 64;

    fn new(name: &[u8]) -> Self {
        let mut folded = Self { bytes: [0; Self::MAX], length: 0 };
        for b in name {
            let b = if b.is_ascii_alphanumeric() { b.to_ascii_lowercase() } else { b'-' };
            let last = folded.length.checked_sub(1).and_then(|last| folded.bytes.get(last));
            if b == b'-' && last.is_none_or(|last| *last == b'-') {
                continue;
            }
            let Some(place) = folded.bytes.get_mut(folded.length) else { break };
            *place = b;
            folded.length = folded.length.saturating_add(1);
        }
        while folded.length > 0 && folded.as_str().ends_with('-') {
            folded.length = folded.length.saturating_sub(1);
        }
        folded
    }

    fn as_str(&self) -> &str {
        self.bytes.get(..self.length).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

    use super::*;

    #[test]
    fn the_names_are_sorted_and_folded() {
        assert!(NAMES.is_sorted());
        for name in NAMES {
            assert_eq!(Folded::new(name.as_bytes()).as_str(), *name);
        }
    }

    #[test]
    fn what_only_a_proxy_may_say_is_dropped_in_every_spelling() {
        let kept_back = KeptBack::new(["Remote-User", "X-My-Person"]);
        for name in [
            "x-roomgate-room",
            "X-ROOMGATE-ROLE",
            "X_Roomgate_Role",
            "x.roomgate.user",
            "X-Roomgate_Name",
            "X~Roomgate~Role",
            "X--Roomgate--Role",
            "_X-Roomgate-Role",
            "x-roomgate-role.",
            "X-Roomgate",
            "X-Roomgate-Anything-New",
            "X-Original-URL",
            "X_Original_URL",
            "X-Rewrite-URL",
            "X-Forwarded-For",
            "X-Forwarded-Host",
            "X-Forwarded-Proto",
            "X-Forwarded-Prefix",
            "X-Forwarded-Uri",
            "X-Forwarded-User",
            "x_forwarded_for",
            "Forwarded",
            "X-Real-IP",
            "X.Real.IP",
            "X-HTTP-Method-Override",
            "X-HTTP-Method",
            "X-Method-Override",
            "X-Accel-Redirect",
            "X-Sendfile",
            "X-Sendfile-Type",
            "Remote-User",
            "Remote_User",
            "X-Remote-User",
            "X-Auth-Request-Email",
            "Proxy",
            "PROXY",
            "Proxy-Connection",
            "X-Middleware-Subrequest",
            "CF-Connecting-IP",
            "True-Client-IP",
            "HTTP2-Settings",
            "X-Script-Name",
            "x-my-person",
            "X_My.Person",
            "Sec_WebSocket_Key",
            "Sec.Fetch.Site",
            "Content_Type",
            "If_None_Match",
        ] {
            assert_eq!(kept_back.fate(name.as_bytes()), Fate::Drop, "{name}");
        }
        let long = format!("x-roomgate-{}", "a".repeat(300));
        assert_eq!(kept_back.fate(long.as_bytes()), Fate::Drop);
    }

    #[test]
    fn what_is_known_without_a_closer_look_is_what_a_closer_look_keeps() {
        for name in COMMON {
            let other_letters = name.to_ascii_uppercase();
            assert_eq!(KeptBack::default().fate(&other_letters), Fate::Keep, "{}", name.escape_ascii());
            assert_eq!(KeptBack::default().fate(name), Fate::Keep, "{}", name.escape_ascii());
        }
        assert_eq!(KeptBack::new(["User-Agent"]).fate(b"user-agent"), Fate::Drop, "the operator's word goes before ours");
    }

    #[test]
    fn what_would_frame_another_request_is_refused() {
        for name in [
            "Transfer_Encoding",
            "transfer.encoding",
            "Content_Length",
            "content~length",
            "Content-Length_",
            "-Host",
            "_connection",
            "te.",
            "Transfer--Encoding",
        ] {
            assert_eq!(KeptBack::default().fate(name.as_bytes()), Fate::Refuse("a header that frames the request is misspelled"), "{name}");
        }
        for name in [&b""[..], b"a b", b"a:", b"a\"", b"a\0", b"a\xff", b"a(", b"a/b", b"a,b", b"a\t"] {
            assert_eq!(KeptBack::default().fate(name), Fate::Refuse("a header name holds a character that none may hold"), "{name:?}");
        }
    }

    #[test]
    fn everything_else_goes_on() {
        for name in [
            "Host",
            "Accept",
            "Accept-Language",
            "User-Agent",
            "Cookie",
            "Authorization",
            "Content-Length",
            "Transfer-Encoding",
            "Content-Type",
            "Connection",
            "Upgrade",
            "Sec-WebSocket-Key",
            "Sec-Fetch-Site",
            "Origin",
            "Referer",
            "If-None-Match",
            "Range",
            "TE",
            "Expect",
            "X-Requested-With",
            "X-CSRF-Token",
            "X-User-Id",
            "X_Custom",
            "my.header",
            "DNT",
            "Priority",
            "X-Request-ID",
            "Traceparent",
            "X-Room",
            "X-Forward",
            "Via",
            "Last-Event-ID",
            "Proxyish",
            "X-Roomgateway",
            "ETag",
            "Keep-Alive",
        ] {
            assert_eq!(KeptBack::default().fate(name.as_bytes()), Fate::Keep, "{name}");
        }
    }
}
