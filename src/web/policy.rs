//! What may a page of ours do in a browser, and who may show it? One set of headers for all of them.

use http::header::{CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderValue, REFERRER_POLICY, VARY};

use super::look::Look;

/// How much of a page's address goes along when a form is sent or a link is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Referrer {
    /// Nothing, to nobody: where the address may be a room's.
    Nobody,
    /// To ourselves only. Pages with forms need this: under `no-referrer` browsers send `Origin: null` with a form (Fetch standard,
    /// "append a request `Origin` header"), and then a form of ours cannot be told from a foreign one.
    Ourselves,
}

/// The headers of every page of ours, in the language of its look. `frames` are the sites that may embed it (`server.allowed_frames`).
pub fn page(frames: &[String], referrer: Referrer, look: &Look) -> HeaderMap {
    let mut headers = plain();
    headers.insert(CONTENT_LANGUAGE, look.language());
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    let ancestors = if frames.is_empty() { "'none'".to_owned() } else { frames.join(" ") };
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors {ancestors}"
    );
    // A site that cannot be written into a header embeds nothing.
    let policy = HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    headers.insert(
        REFERRER_POLICY,
        HeaderValue::from_static(match referrer {
            Referrer::Nobody => "no-referrer",
            Referrer::Ourselves => "same-origin",
        }),
    );
    headers
}

/// The headers of every other answer of ours: of the moment, and for whoever asked.
pub fn plain() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(http::header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(VARY, HeaderValue::from_static("Cookie, Accept-Language"));
    headers
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

    use super::*;

    #[test]
    fn nobody_embeds_a_page_unless_the_operator_says_so() {
        let shown = |frames: &[&str]| {
            let frames: Vec<String> = frames.iter().map(|f| (*f).to_owned()).collect();
            page(&frames, Referrer::Nobody, Look::test())[CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned()
        };
        assert!(shown(&[]).ends_with("frame-ancestors 'none'"));
        assert!(shown(&["https://a.example", "https://b.example"]).ends_with("frame-ancestors https://a.example https://b.example"));
        assert_eq!(shown(&["https://a.example\r\nx: y"]), "default-src 'none'; frame-ancestors 'none'");
    }

    #[test]
    fn no_script_style_or_form_of_another_site_works_on_a_page() {
        let policy = page(&[], Referrer::Nobody, Look::test())[CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
        assert!(policy.starts_with("default-src 'none'"));
        assert!(!policy.contains("unsafe") && !policy.contains('*') && !policy.contains("data:"), "{policy}");
    }
}
