//! What do our pages need besides themselves? Scripts, a style and an icon, each under a name that changes with it; and what pages of
//! others need: `client.js` and its types, under names that stay.

use std::sync::LazyLock;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, Response, StatusCode};

/// Where they are.
pub(super) const UNDER: &str = "/_roomgate/assets/";
/// Where pages of others find the client; our own scripts name it so too, and get it by the name that changes.
const CLIENT: &str = "/_roomgate/client.js";

const SCRIPT: &str = "text/javascript; charset=utf-8";

/// One file that is part of the program.
pub(super) struct Asset {
    /// Its path, with a digest of its content in it: it can be kept for ever.
    pub path: String,
    tag: String,
    kind: &'static str,
    body: String,
}

impl std::fmt::Display for Asset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.path)
    }
}

/// All of them.
pub(super) struct Assets {
    pub style: Asset,
    pub icon: Asset,
    pub wait: Asset,
    pub client: Asset,
    pub knock: Asset,
    pub door: Asset,
    /// For the meeting's own page.
    pub overlay: Asset,
    /// For pages of others.
    types: Asset,
}

/// All of them, ready.
pub(super) static ASSETS: LazyLock<Assets> = LazyLock::new(|| {
    let client = asset("client", "js", SCRIPT, lean(include_str!("assets/client.js")));
    let with_client = |script: &str| lean(script).replace(CLIENT, &client.path);
    Assets {
        style: asset("style", "css", "text/css; charset=utf-8", include_str!("assets/style.css").to_owned()),
        icon: asset("icon", "svg", "image/svg+xml", include_str!("assets/icon.svg").to_owned()),
        wait: asset("wait", "js", SCRIPT, lean(include_str!("assets/wait.js"))),
        knock: asset("knock", "js", SCRIPT, with_client(include_str!("assets/knock.js"))),
        door: asset("door", "js", SCRIPT, with_client(include_str!("assets/door.js"))),
        overlay: asset("overlay", "js", SCRIPT, lean(include_str!("assets/overlay.js"))),
        types: asset("client", "d.ts", "text/plain; charset=utf-8", include_str!("assets/client.d.ts").to_owned()),
        client,
    }
});

/// A script without what only its readers here need: indentation, empty lines, and lines that are a comment. (No text of ours in a script
/// goes over several lines.)
fn lean(script: &str) -> String {
    let kept = script.lines().map(str::trim_start).filter(|line| !line.is_empty() && !line.starts_with("//"));
    kept.flat_map(|line| [line, "\n"]).collect()
}

impl Assets {
    fn all(&self) -> [&Asset; 7] {
        [&self.style, &self.icon, &self.wait, &self.client, &self.knock, &self.door, &self.overlay]
    }

    /// The file of this name, `known` being what the browser says it has (`If-None-Match`); 404 where there is none.
    pub(super) fn serve(&'static self, name: &str, known: Option<&str>) -> Response<&'static str> {
        match self.all().into_iter().find(|a| a.path.strip_prefix(UNDER) == Some(name)) {
            Some(asset) => asset.served("public, max-age=31536000, immutable", known),
            None => {
                let mut missing = Response::new("");
                *missing.status_mut() = StatusCode::NOT_FOUND;
                missing
            }
        }
    }

    /// `client.js`, under the name that stays: asked about each time.
    pub(super) fn client(&'static self, known: Option<&str>) -> Response<&'static str> {
        self.client.served("no-cache", known)
    }

    /// What TypeScript wants to know of it.
    pub(super) fn types(&'static self, known: Option<&str>) -> Response<&'static str> {
        self.types.served("no-cache", known)
    }
}

impl Asset {
    fn served(&'static self, kept: &'static str, known: Option<&str>) -> Response<&'static str> {
        let fresh = known.is_some_and(|k| k.split(',').any(|t| t.trim().trim_start_matches("W/") == self.tag));
        let mut response = Response::new(if fresh { "" } else { self.body.as_str() });
        if fresh {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        }
        self.describe(kept, response.headers_mut());
        response
    }

    fn describe(&self, kept: &'static str, headers: &mut HeaderMap) {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.kind));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(kept));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        // A page may be embedded by a listed site, but what it consists of is for ourselves.
        headers.insert(HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin"));
        if let Ok(tag) = HeaderValue::from_str(&self.tag) {
            headers.insert(ETAG, tag);
        }
    }
}

fn asset(name: &str, ending: &str, kind: &'static str, body: String) -> Asset {
    // FNV-1a: tells versions of our own files apart, and guards nothing.
    let digest = body.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
    Asset { path: format!("{UNDER}{name}.{digest:016x}.{ending}"), tag: format!("\"{digest:016x}\""), kind, body }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

    use super::*;

    #[test]
    fn every_asset_is_served_under_its_own_name_and_nothing_else_is() {
        for asset in ASSETS.all() {
            let name = asset.path.strip_prefix(UNDER).unwrap();
            let whole = ASSETS.serve(name, None);
            assert_eq!((whole.status(), *whole.body()), (StatusCode::OK, asset.body.as_str()));
            let again = ASSETS.serve(name, Some(&asset.tag));
            assert_eq!((again.status(), *again.body()), (StatusCode::NOT_MODIFIED, ""));
            assert_eq!(ASSETS.serve(name, Some("\"other\"")).status(), StatusCode::OK);
        }
        for name in ["", "style.css", "../style.css", "knock.js", "client.js", "style.0000000000000000.css"] {
            assert_eq!(ASSETS.serve(name, None).status(), StatusCode::NOT_FOUND, "{name}");
        }
    }

    #[test]
    fn the_client_under_the_name_that_stays_is_asked_about_each_time() {
        for answer in [ASSETS.client(None), ASSETS.types(None)] {
            assert_eq!((answer.status(), &answer.headers()[CACHE_CONTROL]), (StatusCode::OK, &HeaderValue::from_static("no-cache")));
        }
        assert_eq!(ASSETS.client(Some(&ASSETS.client.tag)).status(), StatusCode::NOT_MODIFIED);
        assert_eq!(*ASSETS.client(None).body(), ASSETS.client.body);
    }

    #[test]
    fn our_own_scripts_get_the_client_by_the_name_that_changes_with_it() {
        for script in [&ASSETS.knock, &ASSETS.door] {
            assert!(script.body.contains(&ASSETS.client.path) && !script.body.contains(CLIENT), "{}", script.path);
        }
    }

    #[test]
    fn a_script_goes_out_without_its_comments_and_with_all_of_its_code() {
        assert_eq!(lean("// Why?\nif (a) {\n  b(\"//\"); // kept\n\n}\n"), "if (a) {\nb(\"//\"); // kept\n}\n");
        for script in [include_str!("assets/client.js"), include_str!("assets/knock.js"), include_str!("assets/door.js")] {
            assert_eq!(script.matches('`').count() % 2, 0);
            assert!(script.lines().all(|line| line.matches('`').count() % 2 == 0), "a text goes over several lines");
        }
    }

    #[test]
    fn what_a_page_needs_is_small() {
        let size = |assets: &[&Asset]| assets.iter().map(|a| a.body.len()).sum::<usize>();
        assert!(ASSETS.client.body.len() < 14 * 1024, "{}", ASSETS.client.body.len());
        let knock = size(&[&ASSETS.style, &ASSETS.icon, &ASSETS.client, &ASSETS.knock]);
        assert!(knock < 24 * 1024, "{knock}");
    }

    #[test]
    fn no_script_makes_markup_of_text() {
        for asset in ASSETS.all() {
            for risky in
                ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "setTimeout(\"", "srcdoc"]
            {
                assert!(!asset.body.contains(risky), "{}: {risky}", asset.path);
            }
        }
    }
}
