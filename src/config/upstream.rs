//! `[upstream]`: which conferencing server do we stand before, and what do we know of its kind?

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::profile::{Generic, GenericRules, PeerCalls, Profile};

use super::Upstream;
use super::document::{Said, Section};
use super::file::Desk;
use super::origin::{Host, Origin};

#[derive(Clone, Copy)]
enum Kind {
    Generic,
    PeerCalls,
}

impl Desk<'_> {
    pub(super) fn upstream(&self, section: &Section<'_>, listen: &[SocketAddr]) -> Option<Upstream> {
        let url = section.read("url", Origin::parse);
        if url.is_none() && section.key_at("url").is_none() {
            section.missing("url", "url = \"http://127.0.0.1:3000\", where the conferencing server listens");
        }
        let url = url.filter(|url| not_ourselves(section, url, listen));
        let kind = section.read("profile", |text| match text {
            "generic" => Ok(Kind::Generic),
            "peercalls" => Ok(Kind::PeerCalls),
            "jitsi" => Err("the profile `jitsi` is not supported by this version: use generic or peercalls".to_owned()),
            other => Err(format!("unknown profile `{other}`: use generic or peercalls")),
        });
        let stated = section.key_at("profile").is_some();
        let generic = section.section("generic", "[upstream.generic]");
        let peercalls = section.section("peercalls", "[upstream.peercalls]");
        let profile = match kind.map(|k| k.value) {
            None if stated => None,
            None | Some(Kind::Generic) => {
                no_use(&peercalls, "generic");
                generic_profile(&generic).map(Profile::Generic)
            }
            Some(Kind::PeerCalls) => {
                no_use(&generic, "peercalls");
                Some(Profile::PeerCalls(PeerCalls::default()))
            }
        };
        // With a wrong or another profile, what stands in its section is not judged twice.
        if matches!(profile, Some(Profile::Generic(_))) || (!stated && generic.is_stated()) {
            generic.close();
        }
        peercalls.close();
        section.close();
        let url = url?.value;
        Some(Upstream { tls: url.secure, host: url.host.bare(), port: url.port(), profile: Arc::new(profile?) })
    }
}

/// A gateway that forwards to itself would do so until it has no sockets left.
fn not_ourselves(section: &Section<'_>, url: &Said<Origin>, listen: &[SocketAddr]) -> bool {
    let ours = listen.iter().find(|ours| {
        let same_host = match &url.value.host {
            Host::Address(a) => *a == ours.ip() || (ours.ip().is_unspecified() && a.is_loopback()),
            Host::Name(name) => name == "localhost" && (ours.ip().is_loopback() || ours.ip().is_unspecified()),
        };
        same_host && url.value.port() == ours.port()
    });
    if let Some(ours) = ours {
        section.problem(
            url.at,
            format!("`url`: {} is where roomgate itself listens ({ours}): write where the conferencing server does", url.value.text()),
        );
    }
    if let Host::Address(IpAddr::V4(a)) = url.value.host
        && a.is_unspecified()
    {
        section.problem(url.at, "`url`: 0.0.0.0 is nobody's address: write 127.0.0.1 for this machine");
    }
    ours.is_none()
}

fn no_use(section: &Section<'_>, profile: &str) {
    if section.is_stated() {
        section.problem(section.at(), format!("this section has no use with profile = \"{profile}\""));
    }
}

fn generic_profile(section: &Section<'_>) -> Option<Generic> {
    let stated = |key| section.texts(key);
    let (room, open) = (stated("room"), stated("open").unwrap_or_default());
    let (sockets, shared) = (stated("sockets").unwrap_or_default(), stated("shared").unwrap_or_default());
    let subtree = section.flag("subtree").is_none_or(|f| f.value);
    if let Some(first) = shared.first() {
        section.warn(first.at, "`shared`: whoever is in any room may ask for these paths: there is no isolation between rooms");
    }
    let mut templates = [
        ("room", room.unwrap_or_else(|| vec![Said { value: "/{room}", at: section.at() }])),
        ("open", open),
        ("sockets", sockets),
        ("shared", shared),
    ];
    // The rules are taken as a whole or not at all; so each that is found wrong is told, and the others are asked again.
    let mut whole = true;
    loop {
        let texts = |key| -> Vec<String> {
            templates.iter().filter(|(k, _)| *k == key).flat_map(|(_, all)| all.iter().map(|t| t.value.to_owned())).collect()
        };
        let rules = GenericRules { room: texts("room"), subtree, open: texts("open"), sockets: texts("sockets"), shared: texts("shared") };
        let error = match Generic::new(rules) {
            Ok(generic) => return whole.then_some(generic),
            Err(error) => error,
        };
        let list = templates.iter_mut().find(|(key, _)| *key == error.key);
        let wrong = list.and_then(|(_, all)| all.iter().position(|t| t.value == error.template).map(|i| all.remove(i)));
        match wrong {
            Some(wrong) => section.problem(wrong.at, format!("`{}`: `{}`: {}", error.key, error.template, error.problem)),
            // An empty list, or one of which nothing is left.
            None => {
                if whole {
                    section.problem(section.key_at(error.key).unwrap_or(section.at()), format!("`{}`: {}", error.key, error.problem));
                }
                return None;
            }
        }
        whole = false;
    }
}
