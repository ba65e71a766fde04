//! Whom a room's lists name: people, domains, groups, networks.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

use super::visitor::Person;

/// An allowlist or an owners' list. Cheap to clone: one pattern may stand for thousands of rooms, each with the same list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct List(Option<Arc<Lines>>);

#[derive(Clone, Debug, Default, PartialEq)]
struct Lines {
    emails: HashSet<String>,
    domains: HashSet<String>,
    users: HashSet<String>,
    groups: HashSet<String>,
    networks: Vec<Network>,
}

/// One line of a list, as written: `ann@example.org`, `@example.org`, `user:42`, `group:staff`, `10.0.0.0/8`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listed {
    /// One address, compared without letter case.
    Email(String),
    /// All addresses of exactly this domain (not of those below it).
    Domain(String),
    /// One `user_id`, compared byte for byte.
    User(String),
    /// All members of a group, compared byte for byte.
    Group(String),
    /// All who come from a network.
    Network(Network),
}

impl List {
    /// Adds a line.
    pub fn add(&mut self, listed: Listed) {
        let lines = Arc::make_mut(self.0.get_or_insert_default());
        match listed {
            Listed::Email(e) => drop(lines.emails.insert(e)),
            Listed::Domain(d) => drop(lines.domains.insert(d)),
            Listed::User(u) => drop(lines.users.insert(u)),
            Listed::Group(g) => drop(lines.groups.insert(g)),
            Listed::Network(n) => lines.networks.push(n),
        }
    }

    /// Whether this verified person is on it.
    pub fn names(&self, person: &Person) -> bool {
        self.0.as_ref().is_some_and(|lines| lines.names(person))
    }

    /// Whether this address is on it.
    pub fn covers(&self, address: IpAddr) -> bool {
        self.0.as_ref().is_some_and(|lines| lines.networks.iter().any(|n| n.contains(address)))
    }

    /// Whether a network is on it (an owners' list may not name one).
    pub fn has_networks(&self) -> bool {
        self.0.as_ref().is_some_and(|lines| !lines.networks.is_empty())
    }

    /// Whether nobody is on it.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

impl Lines {
    fn names(&self, person: &Person) -> bool {
        let by_email = || {
            person.email.as_deref().is_some_and(|email| {
                let email = email.to_lowercase();
                let domain = email.rsplit_once('@').map(|(_, d)| d);
                self.emails.contains(&email) || domain.is_some_and(|d| self.domains.contains(d))
            })
        };
        person.user.as_deref().is_some_and(|u| self.users.contains(u))
            || (!self.groups.is_empty() && person.groups.iter().any(|g| self.groups.contains(g)))
            || ((!self.emails.is_empty() || !self.domains.is_empty()) && by_email())
    }
}

impl<T: IntoIterator<Item = Listed>> From<T> for List {
    fn from(lines: T) -> Self {
        let mut list = Self::default();
        lines.into_iter().for_each(|l| list.add(l));
        list
    }
}

impl FromStr for Listed {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let filled = |s: &str, what: &str| {
            if s.is_empty() || s.chars().any(|c| c.is_control() || c.is_whitespace()) {
                Err(format!("`{line}`: {what} may not be empty or contain blanks"))
            } else {
                Ok(s.to_owned())
            }
        };
        if let Some(user) = line.strip_prefix("user:") {
            return filled(user, "a user id").map(Self::User);
        }
        if let Some(group) = line.strip_prefix("group:") {
            return filled(group, "a group").map(Self::Group);
        }
        if let Some(domain) = line.strip_prefix('@') {
            return match filled(domain, "a domain")? {
                d if d.contains('@') => Err(format!("`{line}`: one `@` only")),
                d => Ok(Self::Domain(d.to_lowercase())),
            };
        }
        if let Some((local, domain)) = line.split_once('@') {
            filled(local, "the name before `@`")?;
            return match filled(domain, "a domain")? {
                d if d.contains('@') => Err(format!("`{line}`: one `@` only")),
                _ => Ok(Self::Email(line.to_lowercase())),
            };
        }
        line.parse().map(Self::Network).map_err(|_| {
            format!("`{line}` is not a person or a network: write ann@example.org, @example.org, user:42, group:staff or 10.0.0.0/8")
        })
    }
}

/// An IPv4 or IPv6 network in CIDR notation; a bare address is a network of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    base: IpAddr,
    prefix: u32,
}

impl Network {
    /// Whom an address stands for: an IPv4 address is itself, an IPv6 site has a /64 (RFC 6177 section 2), and whoever has one has all
    /// of it.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self { base: IpAddr::V4(v4), prefix: 32 },
            IpAddr::V6(v6) => Self { base: IpAddr::V6(mask6(v6, 64)), prefix: 64 },
        }
    }

    /// Whether the address lies in it; an IPv4 address in IPv6 clothes (`::ffff:10.0.0.1`) is the IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.base, address.to_canonical()) {
            (IpAddr::V4(base), IpAddr::V4(a)) => mask4(a, self.prefix) == base,
            (IpAddr::V6(base), IpAddr::V6(a)) => mask6(a, self.prefix) == base,
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

fn mask4(a: Ipv4Addr, prefix: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(a.to_bits() & u32::MAX.checked_shl(32_u32.saturating_sub(prefix)).unwrap_or(0))
}

fn mask6(a: Ipv6Addr, prefix: u32) -> Ipv6Addr {
    Ipv6Addr::from_bits(a.to_bits() & u128::MAX.checked_shl(128_u32.saturating_sub(prefix)).unwrap_or(0))
}

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.base, self.prefix)
    }
}

/// The text is no network, or has bits set below its prefix (`10.0.0.1/8`): said rather than guessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotANetwork;

impl std::fmt::Display for NotANetwork {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("not a network: write 10.0.0.0/8, 2001:db8::/32 or a single address")
    }
}

impl std::error::Error for NotANetwork {}

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let (address, prefix) = match text.split_once('/') {
            Some((a, p)) if !p.starts_with('+') => (a, Some(p.parse::<u32>().map_err(|_| NotANetwork)?)),
            Some(_) => return Err(NotANetwork),
            None => (text, None),
        };
        let base: IpAddr = address.parse().map_err(|_| NotANetwork)?;
        let widest = if base.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.unwrap_or(widest);
        let masked = match base {
            IpAddr::V4(a) => IpAddr::V4(mask4(a, prefix)),
            IpAddr::V6(a) => IpAddr::V6(mask6(a, prefix)),
        };
        if prefix > widest || masked != base {
            return Err(NotANetwork);
        }
        Ok(Self { base, prefix })
    }
}
