//! How does a page look and speak to the one who asks for it?
//!
//! What the operator said of `[pages]`, and the language of this request. Made where a page is made, never on the way of a meeting's
//! own requests.

use std::sync::Arc;

use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use http::{Response, StatusCode};

use super::assets::UNDER;
use crate::config::Pages;
use crate::words::Words;

/// The language of a page, and whose place it is.
#[derive(Clone, Debug)]
pub struct Look {
    pub(super) words: Arc<Words>,
    pub(super) brand: Arc<Brand>,
}

/// Whose place it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Brand {
    /// `name`.
    pub name: Option<String>,
    /// Where the logo is.
    pub logo: Option<String>,
    /// Where the stylesheet of the operator's colours is.
    pub style: Option<String>,
}

impl Look {
    /// For a request that asks for this (`Accept-Language`).
    pub fn of(pages: &Pages, asked: Option<&HeaderValue>) -> Self {
        let brand = Brand { name: pages.name.clone(), logo: logo(pages), style: style(pages) };
        Self { words: pages.languages.choose(asked.map(HeaderValue::as_bytes)), brand: Arc::new(brand) }
    }

    /// `Content-Language`.
    pub(super) fn language(&self) -> HeaderValue {
        HeaderValue::from_str(&self.words.lang).unwrap_or(HeaderValue::from_static("en"))
    }
}

fn logo(pages: &Pages) -> Option<String> {
    pages.logo.as_ref().map(|logo| format!("{UNDER}logo.{:016x}.{}", logo.digest, logo.kind.ending()))
}

fn style(pages: &Pages) -> Option<String> {
    pages.colours.as_ref().map(|colours| format!("{UNDER}colours.{:016x}.css", colours.digest))
}

/// The operator's file of this name, as it is now; `None` where there is none. `known` is what the browser has (`If-None-Match`).
pub(super) fn serve(pages: &Pages, name: &str, known: Option<&str>) -> Option<Response<Vec<u8>>> {
    let is = |path: Option<String>| path.is_some_and(|path| path.strip_prefix(UNDER) == Some(name));
    let (kind, bytes, digest) = match (&pages.logo, &pages.colours) {
        (Some(file), _) if is(logo(pages)) => (file.kind.media_type(), file.bytes.to_vec(), file.digest),
        (_, Some(colours)) if is(style(pages)) => ("text/css; charset=utf-8", colours.sheet.as_bytes().to_vec(), colours.digest),
        _ => return None,
    };
    let tag = format!("\"{digest:016x}\"");
    let fresh = known.is_some_and(|k| k.split(',').any(|t| t.trim().trim_start_matches("W/") == tag));
    let mut response = Response::new(if fresh { Vec::new() } else { bytes });
    if fresh {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    // A picture is not ours: opened on its own, it runs nothing and asks for nothing.
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; sandbox"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(ETAG, tag);
    }
    Some(response)
}

#[cfg(test)]
impl Look {
    /// English, of nobody in particular.
    pub(super) fn test() -> &'static Self {
        static LOOK: std::sync::LazyLock<Look> = std::sync::LazyLock::new(|| Look::of(&Pages::default(), None));
        &LOOK
    }
}
