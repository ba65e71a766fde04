//! `[upstream.jitsi]`: where are the parts of a Jitsi server, and what are they told?

use std::net::SocketAddr;

use crate::profile::{Hosts, Jitsi, JitsiRules, is_host};
use crate::token::{Secret, is_pattern};

use super::document::{Said, Section};
use super::file::Desk;
use super::origin::Origin;
use super::secrets::secret_flaw;
use super::upstream::not_ourselves;
use super::{Address, JitsiToken, JitsiUpstream};

/// What a Jitsi installation listens on and browsers have no business with: XMPP for clients and servers, Prosody's HTTP and HTTPS,
/// XMPP components, jicofo, the bridge's colibri port.
const PRIVATE_PORTS: [u16; 7] = [5222, 5269, 5280, 5281, 5347, 8888, 9090];

/// HS256 with less is weaker than its hash (RFC 7518 section 3.2).
const SHORT: usize = 32;

impl Desk<'_> {
    pub(super) fn jitsi(&self, section: &Section<'_>, listen: &[SocketAddr]) -> Option<(Jitsi, JitsiUpstream)> {
        let hosts = hosts(section);
        let open = section.texts("open").unwrap_or_default();
        let profile = hosts.and_then(|hosts| profile(section, hosts, open));
        let xmpp = address(section, "xmpp_url", listen);
        let conference = address(section, "conference_request_url", listen);
        let token = self.jitsi_token(&section.section("token", "[upstream.jitsi.token]"));
        let private_ports = section.ports("private_ports").unwrap_or_else(|| PRIVATE_PORTS.to_vec());
        section.close();
        Some((profile?, JitsiUpstream { xmpp, conference, token, private_ports }))
    }

    fn jitsi_token(&self, section: &Section<'_>) -> Option<JitsiToken> {
        if !section.is_stated() {
            return None;
        }
        let app_id = section.filled("app_id").map(|said| said.value.to_owned());
        if app_id.is_none() && section.key_at("app_id").is_none() {
            section.missing("app_id", "app_id = \"roomgate\", as `app_id` in Prosody's configuration");
        }
        let audience = section.filled("audience").map_or_else(|| "jitsi".to_owned(), |said| said.value.to_owned());
        let secret = match (section.key_at("secret"), section.key_at("secret_file")) {
            (Some(_), Some(second)) => {
                section.problem(second, "`secret_file`: state one of secret or secret_file, not both");
                None
            }
            (Some(_), None) => {
                let said = section.filled("secret");
                if let Some(said) = said.as_ref().filter(|_| self.everybody_reads_config) {
                    section
                        .warn(said.at, "`secret`: everybody on this machine can read this file: use `secret_file`, or `chmod o=` this one");
                }
                said.map(|said| Said { value: Secret::new(said.value.as_bytes().to_vec()), at: said.at })
            }
            (None, Some(_)) => self.secrets(section, "secret_file").and_then(|said| {
                let mut secrets = said.value.into_iter();
                let secret = secrets.next().filter(|_| secrets.next().is_none());
                if secret.is_none() {
                    section.problem(said.at, "`secret_file`: one secret on one line, as `app_secret` in Prosody's configuration");
                }
                secret.map(|value| Said { value, at: said.at })
            }),
            (None, None) => {
                section.problem(
                    section.at(),
                    "the secret is missing: state `secret_file` or `secret`, as `app_secret` in Prosody's configuration",
                );
                None
            }
        };
        if let Some(secret) = &secret {
            let length = secret.value.expose().len();
            if length < SHORT {
                let longer = "`openssl rand -hex 32` makes a better one, here and as Prosody's `app_secret`";
                section.warn(
                    secret.at,
                    format!("this secret has {length} bytes, and less than {SHORT} can be guessed from any token: {longer}"),
                );
            } else if let Some(flaw) = secret_flaw(&secret.value) {
                section.problem(secret.at, flaw.to_string());
            } else if is_pattern(secret.value.expose()) {
                section.warn(secret.at, "this secret looks like a pattern that somebody typed; `openssl rand -hex 32` makes a better one");
            }
        }
        section.close();
        Some(JitsiToken { app_id: app_id?, secret: secret?.value, audience })
    }
}

/// Where the parts are: what is stated, and what follows from the domain.
fn hosts(section: &Section<'_>) -> Option<Hosts> {
    let domain = section.read("domain", host);
    if domain.is_none() && section.key_at("domain").is_none() {
        section.missing("domain", "domain = \"meet.jitsi\", the XMPP domain (`config.hosts.domain` in Jitsi's config.js)");
    }
    // Where it is wrong, the others are read all the same, and what is wrong with them is told.
    let mut hosts = Hosts::of(domain.as_ref().map_or("meet.jitsi", |d| &d.value));
    let stated = |key| section.read(key, host).map(|said| said.value);
    if let Some(muc) = stated("muc") {
        hosts.muc = muc;
    }
    if let Some(focus) = stated("focus") {
        hosts.focus = focus;
    }
    hosts.guest = stated("guest");
    hosts.breakout = stated("breakout").or(hosts.breakout);
    hosts.lobby = stated("lobby").or(hosts.lobby);
    if let Some(said) = section.flag("jitsi_lobby").filter(|said| !said.value) {
        if section.key_at("lobby").is_some() {
            section.problem(said.at, "`jitsi_lobby` is false, so that `lobby` has no use: leave one of them out");
        }
        hosts.lobby = None;
    }
    hosts.visitors = section.list("visitors", vnode).into_iter().map(|said| said.value).collect();
    let components = section.list("components", host);
    if section.key_at("components").is_some() {
        hosts.components = components.into_iter().map(|said| said.value).collect();
    }
    hosts.tenants = section.flag("tenants").is_some_and(|said| said.value);
    domain?;
    each_has_its_own(section, &hosts).then_some(hosts)
}

/// Two parts at one address would be judged by the rules of either.
fn each_has_its_own(section: &Section<'_>, hosts: &Hosts) -> bool {
    let all = hosts.all();
    for (number, (word, host)) in all.iter().enumerate() {
        let Some((first, _)) = all.iter().take(number).find(|(_, other)| other == host) else { continue };
        let at = section.key_at(word).or_else(|| section.key_at(first)).unwrap_or(section.at());
        // `breakout.` takes messages besides being a place for rooms.
        if *word == "components" && *first == "breakout" {
            continue;
        }
        section.problem(at, format!("`{word}`: `{host}` is `{first}` already: each part has an address of its own"));
        return false;
    }
    true
}

fn profile(section: &Section<'_>, hosts: Hosts, mut open: Vec<Said<&str>>) -> Option<Jitsi> {
    // As with the generic profile: each that is wrong is told.
    let mut whole = true;
    loop {
        let rules = JitsiRules { hosts: hosts.clone(), open: open.iter().map(|said| said.value.to_owned()).collect() };
        let error = match Jitsi::new(rules) {
            Ok(jitsi) => return whole.then_some(jitsi),
            Err(error) => error,
        };
        let wrong = open.iter().position(|said| said.value == error.template).map(|place| open.remove(place))?;
        section.problem(wrong.at, format!("`{}`: `{}`: {}", error.key, error.template, error.problem));
        whole = false;
    }
}

/// A part of the server that is asked directly.
fn address(section: &Section<'_>, key: &'static str, listen: &[SocketAddr]) -> Option<Address> {
    let url = section.read(key, Origin::parse)?;
    not_ourselves(section, key, &url, listen).then(|| Address {
        tls: url.value.secure,
        host: url.value.host.bare(),
        port: url.value.port(),
    })
}

/// An XMPP address of a part, exactly as it stands in stanzas.
fn host(text: &str) -> Result<String, String> {
    if is_host(text) {
        return Ok(text.to_owned());
    }
    let plain = text.trim_end_matches('.').to_ascii_lowercase();
    let hint = if plain != text && is_host(&plain) {
        format!("write `{plain}`")
    } else if !text.is_ascii() {
        "write it in its ASCII form (xn--…)".to_owned()
    } else {
        "write a name such as conference.meet.jitsi: no scheme, no port, no `*`".to_owned()
    };
    Err(format!("`{text}` is no XMPP host name: {hint}"))
}

/// A visitor node's name: one label.
fn vnode(text: &str) -> Result<String, String> {
    if is_host(text) && !text.contains('.') {
        Ok(text.to_owned())
    } else {
        Err(format!("`{text}` is no visitor node: write the first label of its host, `v1` for v1.meet.jitsi"))
    }
}
