//! What must browsers not reach before a Jitsi server, and what is each port asked?

use std::net::{IpAddr, SocketAddr};

use super::ask::Question;
use crate::config::{JitsiUpstream, Server, Upstream};

/// What a port is for, as far as one knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// XMPP for clients.
    Clients,
    /// XMPP for other servers.
    Servers,
    /// XMPP for components (XEP-0114).
    Components,
    /// Prosody's HTTP: WebSocket and BOSH.
    Http,
    /// The same inside TLS.
    Https,
    /// Jicofo's HTTP.
    Jicofo,
    /// The bridge's HTTP.
    Bridge,
    /// Jitsi's page server.
    Pages,
    /// The operator named it.
    Other,
}

impl Role {
    /// By the port that the parts of a Jitsi server have unless told otherwise.
    fn of(port: u16) -> Self {
        match port {
            5222 | 5223 => Self::Clients,
            5269 => Self::Servers,
            5347 => Self::Components,
            5280 => Self::Http,
            5281 => Self::Https,
            8888 => Self::Jicofo,
            9090 => Self::Bridge,
            _ => Self::Other,
        }
    }

    /// Two at most: each may take two seconds. `domain` is the XMPP domain, `authority` the public host with its port.
    pub(super) fn questions(self, domain: &str, authority: &str) -> Vec<Question> {
        let stream = |namespace| Question::Stream { namespace, domain: domain.to_owned() };
        // Prosody goes by the host in the request, and anybody may write any.
        let get = |path, host: &str| Question::Get { path, host: host.to_owned() };
        match self {
            Self::Clients => vec![stream("jabber:client"), Question::Hello],
            Self::Servers => vec![stream("jabber:server"), Question::Hello],
            Self::Components => vec![stream("jabber:component:accept")],
            Self::Http => vec![get("/xmpp-websocket", domain), get("/http-bind", domain)],
            Self::Https => vec![Question::Hello, get("/xmpp-websocket", domain)],
            Self::Jicofo | Self::Bridge => vec![get("/about/health", authority)],
            Self::Pages => vec![get("/xmpp-websocket", authority), get("/http-bind", authority)],
            Self::Other => vec![stream("jabber:client"), get("/xmpp-websocket", domain)],
        }
    }
}

/// Where a part of the server is, and which key says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) key: &'static str,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) role: Role,
}

/// The parts that are named in the configuration.
pub(super) fn parts(upstream: &Upstream, beside: &JitsiUpstream) -> Vec<Part> {
    // Inside TLS only TLS itself is recognised.
    let role = |tls: bool, plain: Role| if tls { Role::Https } else { plain };
    let mut parts =
        vec![Part { key: "upstream.url", host: upstream.host.clone(), port: upstream.port, role: role(upstream.tls, Role::Pages) }];
    let further = [("xmpp_url", &beside.xmpp, Role::Http), ("conference_request_url", &beside.conference, Role::Jicofo)];
    for (key, address, plain) in further {
        if let Some(address) = address {
            parts.push(Part { key, host: address.host.clone(), port: address.port, role: role(address.tls, plain) });
        }
    }
    parts
}

/// All ports that are tried, each once: those of the parts, then the operator's list.
pub(super) fn ports(parts: &[Part], private: &[u16]) -> Vec<(u16, Role)> {
    let mut all: Vec<(u16, Role)> = Vec::new();
    for (port, role) in parts.iter().map(|p| (p.port, p.role)).chain(private.iter().map(|p| (*p, Role::of(*p)))) {
        if all.iter().all(|(known, _)| *known != port) {
            all.push((port, role));
        }
    }
    all.sort_by_key(|(port, _)| *port);
    all
}

/// Whether browsers are meant to find something there: Roomgate itself, or what ends TLS before it.
pub(super) fn is_the_front_door(server: &Server, at: SocketAddr) -> bool {
    let ours = |listen: &SocketAddr| listen.port() == at.port() && (listen.ip().is_unspecified() || listen.ip() == at.ip());
    public_port(server) == at.port() || server.listen.iter().any(ours)
}

/// The host in `public_url`, without port and brackets.
pub(super) fn public_host(authority: &str) -> &str {
    match authority.strip_prefix('[') {
        Some(inner) => inner.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    }
}

/// The port in `public_url`, or its scheme's.
pub(super) fn public_port(server: &Server) -> u16 {
    let public = &server.public_url;
    let after = public.authority.rsplit(']').next().unwrap_or_default();
    let stated = after.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
    stated.unwrap_or(if public.secure { 443 } else { 80 })
}

/// Whether strangers on the internet cannot send there: loopback, private, link-local (RFC 1918, 3927, 4193, 4291, 6598).
pub(super) fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(a) => {
            let carrier = matches!(a.octets(), [100, 64..=127, ..]);
            a.is_loopback() || a.is_private() || a.is_link_local() || carrier
        }
        IpAddr::V6(a) => a.is_loopback() || a.is_unique_local() || a.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::PublicUrl;

    fn server(authority: &str, secure: bool, listen: &[&str]) -> Server {
        Server {
            listen: listen.iter().map(|l| l.parse().unwrap()).collect(),
            public_url: PublicUrl { secure, authority: authority.into() },
            admin_listen: None,
            hosts: Vec::new(),
            trusted_proxies: Vec::new(),
            origins: Vec::new(),
            frames: Vec::new(),
            tls: None,
        }
    }

    #[test]
    fn each_port_is_tried_once_by_what_is_said_of_it() {
        let part = |port, role| Part { key: "xmpp_url", host: "10.0.0.5".into(), port, role };
        let parts = [part(8000, Role::Pages), part(5290, Role::Http), part(8888, Role::Jicofo)];
        assert_eq!(
            ports(&parts, &[5222, 8888, 7000]),
            [(5222, Role::Clients), (5290, Role::Http), (7000, Role::Other), (8000, Role::Pages), (8888, Role::Jicofo)]
        );
        assert_eq!(ports(&[], &[]), []);
        for role in (1..=u16::MAX).map(Role::of).chain([Role::Pages]) {
            assert!((1..=2).contains(&role.questions("meet.jitsi", "meet.example.org").len()), "{role:?}");
        }
    }

    #[test]
    fn the_front_door_is_no_back_door() {
        let at = |text: &str| -> SocketAddr { text.parse().unwrap() };
        let behind = server("meet.example.org", true, &["127.0.0.1:8080"]);
        assert!(is_the_front_door(&behind, at("203.0.113.7:443")));
        assert!(!is_the_front_door(&behind, at("203.0.113.7:8080")), "somebody else listens there");
        assert!(is_the_front_door(&behind, at("127.0.0.1:8080")));
        let wide = server("meet.example.org:8443", true, &["0.0.0.0:8000", "[::]:8000"]);
        assert!(is_the_front_door(&wide, at("203.0.113.7:8000")) && is_the_front_door(&wide, at("[2001:db8::7]:8443")));
        assert!(!is_the_front_door(&wide, at("203.0.113.7:443")));
    }

    #[test]
    fn a_public_url_has_a_host_and_a_port() {
        for (authority, secure, host, port) in [
            ("meet.example.org", true, "meet.example.org", 443),
            ("meet.example.org", false, "meet.example.org", 80),
            ("meet.example.org:8443", true, "meet.example.org", 8443),
            ("[2001:db8::7]", true, "2001:db8::7", 443),
            ("[2001:db8::7]:81", false, "2001:db8::7", 81),
        ] {
            assert_eq!((public_host(authority), public_port(&server(authority, secure, &[]))), (host, port), "{authority}");
        }
    }

    #[test]
    fn private_is_what_strangers_cannot_send_to() {
        for text in [
            "127.0.0.1",
            "10.0.0.5",
            "172.20.0.3",
            "192.168.1.1",
            "169.254.1.1",
            "100.64.0.1",
            "::1",
            "fd00::1",
            "fe80::1",
            "::ffff:10.0.0.5",
        ] {
            assert!(is_private(text.parse().unwrap()), "{text}");
        }
        for text in ["203.0.113.7", "172.32.0.1", "100.128.0.1", "2001:db8::7", "::ffff:203.0.113.7", "0.0.0.0"] {
            assert!(!is_private(text.parse().unwrap()), "{text}");
        }
    }
}
