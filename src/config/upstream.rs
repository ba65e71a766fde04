//! `[upstream]`: which conferencing server do we stand before, and what do we know of its kind?

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::profile::{Generic, GenericRules, PeerCalls, Profile};

use super::Upstream;
use super::document::{Said, Section, one_of};
use super::file::Desk;
use super::origin::{Host, Origin};

#[derive(Clone, Copy)]
enum Kind {
    Generic,
    PeerCalls,
    Jitsi,
}

impl Kind {
    const WORDS: [(&'static str, Self); 3] = [("generic", Self::Generic), ("jitsi", Self::Jitsi), ("peercalls", Self::PeerCalls)];
}

impl Desk<'_> {
    pub(super) fn upstream(&self, section: &Section<'_>, listen: &[SocketAddr]) -> Option<Upstream> {
        let url = section.read("url", Origin::parse);
        if url.is_none() && section.key_at("url").is_none() {
            section.missing("url", "url = \"http://127.0.0.1:3000\", where the conferencing server listens");
        }
        let url = url.filter(|url| not_ourselves(section, "url", url, listen));
        let kind = section.read("profile", |text| {
            let known = Kind::WORDS.map(|(word, _)| word);
            let found = Kind::WORDS.into_iter().find(|(word, _)| *word == text).map(|(_, kind)| kind);
            found.ok_or_else(|| format!("unknown profile `{text}`: use {}", one_of(&known)))
        });
        let stated = section.key_at("profile").is_some();
        let generic = section.section("generic", "[upstream.generic]");
        let peercalls = section.section("peercalls", "[upstream.peercalls]");
        let jitsi = section.section("jitsi", "[upstream.jitsi]");
        let kind = if stated { kind.map(|k| k.value) } else { Some(Kind::Generic) };
        let (mut profile, mut beside) = (None, None);
        match kind {
            // With a wrong profile, nobody knows which sections have a use.
            None => {}
            Some(Kind::Generic) => {
                no_use(&[&peercalls, &jitsi], "generic");
                profile = generic_profile(&generic).map(Profile::Generic);
                // What is wrong in it is told already.
                if profile.is_some() || !stated {
                    generic.close();
                }
            }
            Some(Kind::PeerCalls) => {
                no_use(&[&generic, &jitsi], "peercalls");
                peercalls.close();
                profile = Some(Profile::PeerCalls(PeerCalls::default()));
            }
            Some(Kind::Jitsi) => {
                no_use(&[&generic, &peercalls], "jitsi");
                if let Some((jitsi, more)) = self.jitsi(&jitsi, listen) {
                    (profile, beside) = (Some(Profile::Jitsi(jitsi)), Some(Arc::new(more)));
                }
            }
        }
        section.close();
        let url = url?.value;
        Some(Upstream { tls: url.secure, host: url.host.bare(), port: url.port(), profile: Arc::new(profile?), jitsi: beside })
    }
}

/// A gateway that forwards to itself would do so until it has no sockets left.
pub(super) fn not_ourselves(section: &Section<'_>, key: &str, url: &Said<Origin>, listen: &[SocketAddr]) -> bool {
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
            format!("`{key}`: {} is where roomgate itself listens ({ours}): write where the conferencing server does", url.value.text()),
        );
    }
    if let Host::Address(IpAddr::V4(a)) = url.value.host
        && a.is_unspecified()
    {
        section.problem(url.at, format!("`{key}`: 0.0.0.0 is nobody's address: write 127.0.0.1 for this machine"));
    }
    ours.is_none()
}

fn no_use(sections: &[&Section<'_>], profile: &str) {
    for section in sections.iter().filter(|section| section.is_stated()) {
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
