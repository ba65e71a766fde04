//! `[server]`: where do we listen, and how do browsers see us?

use std::net::SocketAddr;

use crate::access::Network;

use super::document::{Said, Section};
use super::file::Desk;
use super::origin::{Host, Origin, host_and_port, with_port};
use super::secrets::warn_of_readers;
use super::{PublicUrl, Server, Tls};

/// Where we listen unless told otherwise: nobody else can reach that.
const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);

impl Desk<'_> {
    pub(super) fn server(&self, section: &Section<'_>) -> Option<Server> {
        let listen = listen(section);
        let admin_listen = section.read("admin_listen", address);
        if let Some(admin) = &admin_listen {
            if listen.contains(&admin.value) && admin.value.port() != 0 {
                section.problem(
                    admin.at,
                    format!("`admin_listen`: `{}` is in `listen` too: metrics have an address of their own", admin.value),
                );
            }
            if !admin.value.ip().is_loopback() {
                section.warn(
                    admin.at,
                    format!("`admin_listen`: whoever can reach {} reads the metrics: 127.0.0.1 keeps it on this machine", admin.value),
                );
            }
        }
        let tls = self.tls(&section.section("tls", "[server.tls]"));
        let public = public_url(section, &listen, tls.is_some());
        let secure = public.as_ref().is_some_and(|p| p.secure);
        let further = section.list("hosts", |text| {
            let own = if secure { 443 } else { 80 };
            let wrong = || format!("`{text}` is no host: write a name or an address, with its port where browsers show one");
            host_and_port(text).map(|(host, port)| with_port(&host, port.filter(|p| *p != own))).ok_or_else(wrong)
        });
        let origins = section.list("allowed_origins", |text| Origin::parse(text).map(|o| o.text()));
        let frames = section.list("allowed_frames", frame);
        let trusted_proxies = networks(section, "trusted_proxies");
        warn_of_wide(section, "trusted_proxies", "whoever comes from there can claim any address");
        section.close();

        let public_url = PublicUrl { secure, authority: public?.authority_text() };
        let mut hosts = vec![public_url.authority.clone()];
        hosts.extend(values(further));
        let scheme = if secure { "https" } else { "http" };
        let mut all_origins: Vec<String> = hosts.iter().map(|h| format!("{scheme}://{h}")).collect();
        all_origins.extend(values(origins));
        Some(Server {
            listen,
            public_url,
            admin_listen: admin_listen.map(|a| a.value),
            hosts: once_each(hosts),
            trusted_proxies: values(trusted_proxies),
            origins: once_each(all_origins),
            frames: once_each(values(frames)),
            tls,
        })
    }

    fn tls(&self, section: &Section<'_>) -> Option<Tls> {
        if !section.is_stated() {
            section.close();
            return None;
        }
        let pem = |key: &'static str, begins: &[&str], what: &str| {
            let Some(path) = self.path(section, key) else {
                if section.key_at(key).is_none() {
                    section.missing(key, &format!("{key} = \"{key}.pem\""));
                }
                return None;
            };
            let (bytes, meta) = self.read(section, key, &path, "")?;
            let text = String::from_utf8_lossy(&bytes);
            if !begins.iter().any(|b| text.contains(b)) {
                section.problem(path.at, format!("`{key}`: {} holds no {what} in PEM", path.value.display()));
            }
            if key == "key" {
                warn_of_readers(section, key, &path, &meta);
            }
            Some(path.value)
        };
        let certificate = pem("certificate", &["-----BEGIN CERTIFICATE-----"], "certificate");
        let key = pem(
            "key",
            &["-----BEGIN PRIVATE KEY-----", "-----BEGIN RSA PRIVATE KEY-----", "-----BEGIN EC PRIVATE KEY-----"],
            "private key",
        );
        section.close();
        Some(Tls { certificate: certificate?, key: key? })
    }
}

fn listen(section: &Section<'_>) -> Vec<SocketAddr> {
    let Some(texts) = section.texts("listen") else {
        return vec![LISTEN];
    };
    if texts.is_empty() {
        section.problem(section.key_at("listen").unwrap_or(section.at()), "`listen`: one address at least");
    }
    let mut all: Vec<SocketAddr> = Vec::new();
    for text in texts {
        match address(text.value) {
            Ok(a) if all.contains(&a) && a.port() != 0 => section.problem(text.at, format!("`listen`: `{a}` is there twice")),
            Ok(a) => all.push(a),
            Err(e) => section.problem(text.at, format!("`listen`: {e}")),
        }
    }
    all
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| match text.rsplit_once(':') {
        Some(("", port)) if port.parse::<u16>().is_ok() => {
            format!("`{text}` has no address: write 0.0.0.0{text} for all networks, or 127.0.0.1{text} for this machine")
        }
        Some(("localhost", port)) => format!("`{text}`: write the address itself, 127.0.0.1:{port}"),
        Some(_) | None => format!("`{text}` is no address with a port: write 127.0.0.1:8080 or [::1]:8080"),
    })
}

fn public_url(section: &Section<'_>, listen: &[SocketAddr], tls: bool) -> Option<Origin> {
    let Some(said) = section.read("public_url", Origin::parse) else {
        return match listen.first() {
            _ if section.key_at("public_url").is_some() => None,
            // Nobody but this machine can reach it, so there is only one way to.
            Some(first) if listen.iter().all(|a| a.ip().is_loopback()) => {
                let origin = Origin { secure: tls, host: Host::Address(first.ip()), port: Some(first.port()) };
                Origin::parse(&origin.text()).ok().or(Some(origin))
            }
            // Wrong addresses are told already.
            None => None,
            Some(_) => {
                section.missing("public_url", "public_url = \"https://meet.example.org\", as people see it in their browsers");
                None
            }
        };
    };
    let origin = said.value;
    if !origin.secure && !origin.host.is_loopback() {
        section.warn(
            said.at,
            format!(
                "`public_url`: browsers send tokens and cookies to {} unencrypted, and allow no camera there: use https://",
                origin.text()
            ),
        );
    }
    if tls && !origin.secure {
        section.warn(said.at, "`public_url` is http:// while [server.tls] is stated: cookies are not marked Secure");
    }
    Some(origin)
}

/// A site that may embed us: an origin, whose host may begin with `*.` (CSP Level 3, section 2.3.1, host-source).
fn frame(text: &str) -> Result<String, String> {
    match text.split_once("://*.") {
        None => Origin::parse(text).map(|o| o.text()),
        Some((scheme, rest)) => match Origin::parse(&format!("{scheme}://{rest}"))? {
            Origin { host: Host::Name(name), secure, port } if name.contains('.') => {
                Ok(Origin { secure, host: Host::Name(format!("*.{name}")), port }.text())
            }
            _ => Err(format!("`{text}`: behind `*.` stands a domain, such as https://*.example.org")),
        },
    }
}

/// A list of networks.
pub(super) fn networks(section: &Section<'_>, key: &'static str) -> Vec<Said<Network>> {
    section.list(key, |text| text.parse().map_err(|e| format!("`{text}`: {e}")))
}

/// Networks in which strangers live.
pub(super) fn warn_of_wide(section: &Section<'_>, key: &'static str, consequence: &str) {
    for text in section.texts(key).unwrap_or_default() {
        if text.value.parse::<Network>().is_ok() && is_wide(text.value) {
            section.warn(text.at, format!("`{key}`: `{}` is very wide: {consequence}", text.value));
        }
    }
}

pub(super) fn is_wide(network: &str) -> bool {
    let narrowest = if network.contains(':') { 16 } else { 8 };
    network.split_once('/').and_then(|(_, p)| p.parse::<u32>().ok()).is_some_and(|prefix| prefix < narrowest)
}

pub(super) fn values<T>(said: Vec<Said<T>>) -> Vec<T> {
    said.into_iter().map(|s| s.value).collect()
}

fn once_each(mut all: Vec<String>) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    all.retain(|one| seen.insert(one.clone()));
    all
}
