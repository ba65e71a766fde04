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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

    use super::*;
    use crate::access::{Refusal, RoomName, Timestamp};
    use crate::chance::SeededChance;
    use crate::config::Config;
    use crate::web::refusal::{No, Scene, api_error, refusal_json, refusal_page, tests_all};
    use crate::words::english;

    fn pages() -> Pages {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("logo.svg", "<svg xmlns=\"http://www.w3.org/2000/svg\"/>");
        write("he.toml", &include_str!("../words/en.toml").replacen("[page]", "dir = \"rtl\"\n[page]", 1));
        write(
            "roomgate.toml",
            "[upstream]\nurl = \"http://127.0.0.1:3000\"\n[pages]\nname = \"<b>Ann's</b>\"\nlogo = \"logo.svg\"\n\
             colours = { accent = \"#123456\" }\nlanguages = [\"de\", \"en\", \"he\"]\ntexts = \"he.toml\"\n",
        );
        Config::load(&folder.path().join("roomgate.toml"), &SeededChance::new(1)).unwrap().0.pages
    }

    #[test]
    fn every_refusal_is_told_in_the_language_that_was_asked_for() {
        let room = RoomName::canonical("standup").unwrap();
        for lang in ["en", "de", "fr", "es", "pt"] {
            let look = Look::of(&Pages::default(), Some(&HeaderValue::from_str(&format!("{lang}-XX, en;q=0.1")).unwrap()));
            let scene = Scene {
                room: Some(&room),
                token: None,
                came: false,
                hide: false,
                frames: &[],
                now: Timestamp::from_secs(1),
                door: Some("/x"),
                look: &look,
            };
            for no in tests_all() {
                let (page, json) = (refusal_page(&no, &scene), refusal_json(&no, &scene));
                for headers in [page.headers(), json.headers()] {
                    assert_eq!(headers["content-language"], lang);
                    assert_eq!(headers["vary"], "Cookie, Accept-Language");
                }
                assert!(page.body().contains(&format!("<html lang=\"{lang}\" dir=\"ltr\">")));
                assert!(page.body().contains(look.words.no(&no).next), "{lang}: {no:?}");
                let told: serde_json::Value = serde_json::from_str(json.body()).unwrap();
                assert!(told["message"].as_str().unwrap().ends_with(look.words.no(&no).next), "{lang}: {no:?}");
                // A program is spoken to in English.
                let told: serde_json::Value = serde_json::from_str(api_error(&no, &scene).body()).unwrap();
                assert!(told["info"].as_str().unwrap().ends_with(english().no(&no).next), "{lang}: {no:?}");
            }
        }
    }

    #[test]
    fn the_operators_name_logo_and_colours_are_on_a_page_as_text_and_as_files() {
        let pages = pages();
        let look = Look::of(&pages, Some(&HeaderValue::from_static("he")));
        let scene =
            Scene { room: None, token: None, came: false, hide: false, frames: &[], now: Timestamp::from_secs(1), door: None, look: &look };
        let page = refusal_page(&No::Refused(Refusal::Private), &scene);
        let body = page.body();
        assert!(body.contains("<html lang=\"he\" dir=\"rtl\""), "{body}");
        assert!(body.contains("<span>&#60;b&#62;Ann&#39;s&#60;/b&#62;</span>"), "{body}");
        assert!(!body.contains("<b>") && !body.contains("style="), "{body}");
        for path in [look.brand.logo.as_ref().unwrap(), look.brand.style.as_ref().unwrap()] {
            assert!(body.contains(&format!("\"{path}\"")), "{path}");
            let name = path.strip_prefix(UNDER).unwrap();
            let whole = serve(&pages, name, None).unwrap();
            assert_eq!(whole.status(), StatusCode::OK);
            assert_eq!(whole.headers()[CONTENT_SECURITY_POLICY], "default-src 'none'; style-src 'unsafe-inline'; sandbox");
            let tag = whole.headers()[ETAG].to_str().unwrap();
            assert_eq!(serve(&pages, name, Some(tag)).unwrap().status(), StatusCode::NOT_MODIFIED);
            assert!(serve(&Pages::default(), name, None).is_none());
        }
        assert!(serve(&pages, "logo.svg", None).is_none());
    }
}
