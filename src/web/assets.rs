//! What do our pages need besides themselves? Four scripts, a style and an icon, each under a name that changes with it.

use std::sync::LazyLock;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, Response, StatusCode};

/// Where they are.
pub(super) const UNDER: &str = "/_roomgate/assets/";

/// One file that is part of the program.
pub(super) struct Asset {
    /// Its path, with a digest of its content in it: it can be kept for ever.
    pub path: String,
    tag: String,
    kind: &'static str,
    body: &'static str,
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
    pub knock: Asset,
    pub door: Asset,
    /// For the meeting's own page.
    pub overlay: Asset,
}

/// All of them, ready.
pub(super) static ASSETS: LazyLock<Assets> = LazyLock::new(|| Assets {
    style: asset("style", "css", "text/css; charset=utf-8", include_str!("assets/style.css")),
    icon: asset("icon", "svg", "image/svg+xml", include_str!("assets/icon.svg")),
    wait: asset("wait", "js", "text/javascript; charset=utf-8", include_str!("assets/wait.js")),
    knock: asset("knock", "js", "text/javascript; charset=utf-8", include_str!("assets/knock.js")),
    door: asset("door", "js", "text/javascript; charset=utf-8", include_str!("assets/door.js")),
    overlay: asset("overlay", "js", "text/javascript; charset=utf-8", include_str!("assets/overlay.js")),
});

impl Assets {
    fn all(&self) -> [&Asset; 6] {
        [&self.style, &self.icon, &self.wait, &self.knock, &self.door, &self.overlay]
    }

    /// The file of this name, `known` being what the browser says it has (`If-None-Match`); 404 where there is none.
    pub(super) fn serve(&self, name: &str, known: Option<&str>) -> Response<&'static str> {
        let Some(asset) = self.all().into_iter().find(|a| a.path.strip_prefix(UNDER) == Some(name)) else {
            let mut missing = Response::new("");
            *missing.status_mut() = StatusCode::NOT_FOUND;
            return missing;
        };
        let fresh = known.is_some_and(|k| k.split(',').any(|t| t.trim().trim_start_matches("W/") == asset.tag));
        let mut response = Response::new(if fresh { "" } else { asset.body });
        if fresh {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        }
        asset.describe(response.headers_mut());
        response
    }
}

impl Asset {
    fn describe(&self, headers: &mut HeaderMap) {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.kind));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        // A page may be embedded by a listed site, but what it consists of is for ourselves.
        headers.insert(HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin"));
        if let Ok(tag) = HeaderValue::from_str(&self.tag) {
            headers.insert(ETAG, tag);
        }
    }
}

fn asset(name: &str, ending: &str, kind: &'static str, body: &'static str) -> Asset {
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
            assert_eq!((whole.status(), *whole.body()), (StatusCode::OK, asset.body));
            let again = ASSETS.serve(name, Some(&asset.tag));
            assert_eq!((again.status(), *again.body()), (StatusCode::NOT_MODIFIED, ""));
            assert_eq!(ASSETS.serve(name, Some("\"other\"")).status(), StatusCode::OK);
        }
        for name in ["", "style.css", "../style.css", "knock.js", "style.0000000000000000.css"] {
            assert_eq!(ASSETS.serve(name, None).status(), StatusCode::NOT_FOUND, "{name}");
        }
    }

    #[test]
    fn a_page_with_all_it_needs_stays_under_30_kib() {
        // The overlay is on no page of ours.
        let all: usize = ASSETS.all().iter().filter(|a| a.path != ASSETS.overlay.path).map(|a| a.body.len()).sum();
        assert!(all < 24 * 1024, "{all}");
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
