//! How does an operator write an address on the web?

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Scheme, host and port of an `http` or `https` address (RFC 6454).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) secure: bool,
    pub(super) host: Host,
    /// Where it is not the scheme's own.
    pub(super) port: Option<u16>,
}

/// The host in an address on the web.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Host {
    /// Lower case.
    Name(String),
    Address(IpAddr),
}

impl Host {
    /// As it stands in a URL.
    pub(super) fn in_url(&self) -> String {
        match self {
            Self::Name(name) => name.clone(),
            Self::Address(IpAddr::V4(a)) => a.to_string(),
            Self::Address(IpAddr::V6(a)) => format!("[{a}]"),
        }
    }

    /// As one looks it up: an IPv6 address without brackets.
    pub(super) fn bare(&self) -> String {
        match self {
            Self::Name(name) => name.clone(),
            Self::Address(a) => a.to_string(),
        }
    }

    pub(super) fn is_loopback(&self) -> bool {
        match self {
            Self::Name(name) => name == "localhost" || name.ends_with(".localhost"),
            Self::Address(a) => a.is_loopback(),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        if let Some(inner) = text.strip_prefix('[') {
            return inner.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(|a| Self::Address(a.into()));
        }
        if let Ok(address) = text.parse::<Ipv4Addr>() {
            return Some(Self::Address(address.into()));
        }
        let label = |l: &str| {
            !l.is_empty() && l.len() <= 63 && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') && !l.starts_with('-')
        };
        let name = text.to_ascii_lowercase();
        let last = name.rsplit('.').next().unwrap_or_default();
        // What ends in a number is an address to a browser, whatever we think (URL Standard, "ends in a number").
        let number = last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x");
        (name.len() <= 253 && name.split('.').all(label) && !number).then_some(Self::Name(name))
    }
}

impl Origin {
    /// Reads `https://meet.example.org` or `http://127.0.0.1:3000`: nothing behind the port but perhaps one `/`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (secure, rest) = Self::scheme(text)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if let Some((authority, _)) = rest.split_once(['/', '?', '#']) {
            let alone = Self::authority(text, secure, authority)?.text();
            return Err(format!("`{text}` goes on behind the host: write {alone} alone"));
        }
        Self::authority(text, secure, rest)
    }

    /// Reads the origin of any `http` or `https` URL.
    pub(super) fn of_url(text: &str) -> Result<Self, String> {
        let (secure, rest) = Self::scheme(text)?;
        if text.contains('#') || text.chars().any(|c| c.is_whitespace() || c.is_control() || c == '\\' || !c.is_ascii()) {
            return Err(format!("`{text}` is no URL: blanks, `#`, `\\` and letters outside ASCII have no place in it"));
        }
        Self::authority(text, secure, rest.split(['/', '?']).next().unwrap_or_default())
    }

    fn scheme(text: &str) -> Result<(bool, &str), String> {
        if let Some(rest) = text.strip_prefix("https://") {
            Ok((true, rest))
        } else if let Some(rest) = text.strip_prefix("http://") {
            Ok((false, rest))
        } else {
            // What stands before `@` may be a password.
            let shown = text.rsplit_once('@').map_or(text.to_owned(), |(_, host)| format!("…@{host}"));
            Err(format!("`{shown}` does not begin with https:// or http://"))
        }
    }

    fn authority(text: &str, secure: bool, authority: &str) -> Result<Self, String> {
        if authority.contains('@') {
            return Err(format!("`{}` names a user: leave out what stands before `@`", if secure { "https://…@…" } else { "http://…@…" }));
        }
        let (host, port) = host_and_port(authority).ok_or_else(|| {
            if authority.is_ascii() {
                format!("`{text}` has no valid host: write a name or an address, such as https://meet.example.org:8443")
            } else {
                format!("`{text}`: write the host in its ASCII form (xn--…)")
            }
        })?;
        let own = if secure { 443 } else { 80 };
        Ok(Self { secure, host, port: port.filter(|p| *p != own) })
    }

    /// Host, with port where it is not the scheme's own.
    pub(super) fn authority_text(&self) -> String {
        with_port(&self.host, self.port)
    }

    /// As browsers serialise it.
    pub(super) fn text(&self) -> String {
        format!("{}://{}", if self.secure { "https" } else { "http" }, self.authority_text())
    }

    /// The port, stated or not.
    pub(super) fn port(&self) -> u16 {
        self.port.unwrap_or(if self.secure { 443 } else { 80 })
    }
}

/// `meet.example.org`, `meet.example.org:8443`, `[::1]:8080`.
pub(super) fn host_and_port(text: &str) -> Option<(Host, Option<u16>)> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        Some(_) | None => (text, None),
    };
    let digits = |p: &str| p.bytes().all(|b| b.is_ascii_digit()).then(|| p.parse::<u16>().ok()).flatten().filter(|p| *p > 0);
    let port = match port {
        Some(port) => Some(digits(port)?),
        None => None,
    };
    Some((Host::parse(host)?, port))
}

/// Host and port as they stand in a `Host` header.
pub(super) fn with_port(host: &Host, port: Option<u16>) -> String {
    let host = host.in_url();
    port.map_or(host.clone(), |p| format!("{host}:{p}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

    use super::*;

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        let good = [
            ("https://meet.example.org", "https://meet.example.org"),
            ("https://Meet.Example.org:443/", "https://meet.example.org"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://[::1]:80", "http://[::1]"),
            ("https://[2001:DB8::1]:8443", "https://[2001:db8::1]:8443"),
            ("http://localhost", "http://localhost"),
            ("http://my_service:3000", "http://my_service:3000"),
            ("http://3com.example", "http://3com.example"),
        ];
        for (text, origin) in good {
            assert_eq!(Origin::parse(text).map(|o| o.text()), Ok(origin.to_owned()), "{text}");
        }
        let bad = [
            "",
            "meet.example.org",
            "ftp://x",
            "HTTPS//x",
            "https://",
            "https:///",
            "https://a/b",
            "https://a?b",
            "https://a#b",
            "https://u@a",
            "https://u:p@a",
            "https://a:",
            "https://a:0",
            "https://a:65536",
            "https://a:+80",
            "https://a:80:80",
            "https://a b",
            "https://a..b",
            "https://-a",
            "https://ä.example",
            "https://1.2.3",
            "https://1.2.3.4.5",
            "https://0x7f.1",
            "https://a.0x1",
            "https://[::1",
            "https://::1",
            "https://a\\b",
            "https://a%41",
            "https://a//",
        ];
        for text in bad {
            assert!(Origin::parse(text).is_err(), "{text} was taken as {:?}", Origin::parse(text));
        }
    }

    #[test]
    fn a_password_in_an_address_is_not_repeated() {
        for text in ["https://ann:hunter2@a.example", "https://ann:hunter2@a.example/x", "ftp://ann:hunter2@a.example"] {
            for refused in [Origin::parse(text), Origin::of_url(text)] {
                assert!(!refused.unwrap_err().contains("hunter2"), "{text}");
            }
        }
    }
}
