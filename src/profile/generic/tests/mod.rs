#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod controls;
mod hostile;
mod readers;
mod rules;

use super::{Generic, GenericRules};
use crate::profile::{Asked, Kind, Target};
use crate::target::{BadTarget, CanonicalPath, Query, strip};

/// A token of the right form; nothing here looks inside.
pub(super) const TOKEN: &str = "eyJhbGciOiJIUzI1NiJ9.eyJyIjoiYSJ9.c2lnbmF0dXJl";

pub(super) fn list(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// The rules of the documentation's example.
pub(super) fn example() -> Generic {
    Generic::new(GenericRules {
        room: list(&["/{room}"]),
        subtree: true,
        open: list(&["/", "/static/", "/favicon.ico"]),
        sockets: list(&["/ws?room={room}"]),
        shared: list(&["/api/"]),
    })
    .unwrap()
}

/// The whole way in: what the target is about, and what would go upstream.
pub(super) fn judge(generic: &Generic, target: &[u8], upgrade: bool) -> Result<(Target, String), &'static str> {
    let (path, query) = CanonicalPath::parse(target).map_err(BadTarget::reason)?;
    let stripped = strip(&path, query, "t").map_err(BadTarget::reason)?;
    let asked = Asked { method: "GET", path: &path, query: Query::new(stripped.kept()), upgrade };
    let found = generic.locate(&asked).map_err(|unclear| unclear.0)?;
    Ok((found, path.with_query(stripped.kept()).into_owned()))
}

/// In one word: `400`, `404`, `open`, `shared`, `page:NAME`, `asset:NAME`, `signalling:NAME`.
pub(super) fn told(outcome: &Result<(Target, String), &'static str>) -> String {
    match outcome {
        Err(_) => "400".to_owned(),
        Ok((Target::Unknown, _)) => "404".to_owned(),
        Ok((Target::Open, _)) => "open".to_owned(),
        Ok((Target::Shared, _)) => "shared".to_owned(),
        Ok((Target::Inside, _)) => "inside".to_owned(),
        Ok((Target::Xmpp(_), _)) => "xmpp".to_owned(),
        Ok((Target::Room { room, kind }, _)) => {
            let kind = match kind {
                Kind::Page => "page",
                Kind::Asset => "asset",
                Kind::Signalling => "signalling",
            };
            format!("{kind}:{room}")
        }
    }
}
