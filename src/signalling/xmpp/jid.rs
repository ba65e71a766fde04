//! Whom does an address name, in one reading only?
//!
//! Prosody prepares addresses before it compares them (0.12, `util/jid.lua`: nameprep, nodeprep, one trailing dot of the host):
//! `PRIVATE@conference…`, full-width letters and soft hyphens all reach the room `private`. An honest page writes ASCII and lower case, so here
//! nothing is prepared and no table can differ: what is not ASCII is no address, and capitals are written small before anybody compares.

use std::borrow::Cow;

/// The longest address, in bytes: three parts of 1023 and two separators (RFC 7622 section 3.1).
const LONGEST: usize = 3071;
/// The longest of its parts, in bytes.
const PART: usize = 1023;

/// An address in the only form that is let through: `node@host/resource`, node and host ASCII in small letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jid<'a> {
    /// What stands before the `@`.
    pub node: Option<Cow<'a, str>>,
    /// The domain part. Whether it is one of ours is not known here.
    pub host: Cow<'a, str>,
    /// What stands behind the first `/`: a nick. Any text without control characters.
    pub resource: Option<&'a str>,
}

impl<'a> Jid<'a> {
    /// Reads one; `None` where two servers could read it differently, or it is none.
    pub fn parse(text: &'a str) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        // RFC 7622 section 3.1: the resource begins at the first slash, whatever stands behind it.
        let (bare, resource) = match text.split_once('/') {
            Some((bare, resource)) => (bare, Some(resource)),
            None => (text, None),
        };
        let (node, host) = match bare.split_once('@') {
            Some((node, host)) => (Some(node), host),
            None => (None, bare),
        };
        let good = node.is_none_or(is_node) && is_host(host) && resource.is_none_or(is_resource);
        good.then(|| Self { node: node.map(small), host: small(host), resource })
    }

    /// The address as it is written: node and host small.
    pub fn written(&self) -> String {
        let mut text = String::new();
        if let Some(node) = &self.node {
            text.push_str(node);
            text.push('@');
        }
        text.push_str(&self.host);
        if let Some(resource) = self.resource {
            text.push('/');
            text.push_str(resource);
        }
        text
    }
}

/// The same without its resource.
pub fn bare(jid: &str) -> &str {
    jid.split_once('/').map_or(jid, |(bare, _)| bare)
}

fn small(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|b| b.is_ascii_uppercase()) { Cow::Owned(text.to_ascii_lowercase()) } else { Cow::Borrowed(text) }
}

/// Without nodeprep's forbidden characters (RFC 3920 appendix A.5) and the backslash of XEP-0106.
fn is_node(node: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_graphic() && !matches!(b, b'"' | b'&' | b'\'' | b'/' | b':' | b'<' | b'>' | b'@' | b'\\');
    !node.is_empty() && node.len() <= PART && node.bytes().all(allowed)
}

fn is_host(host: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    !host.is_empty() && host.len() <= PART && host.bytes().all(allowed)
}

fn is_resource(resource: &str) -> bool {
    !resource.is_empty() && resource.len() <= PART && !resource.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_address_is_read_in_one_way_or_not_at_all() {
        let read = |text| Jid::parse(text).map(|j| j.written());
        let same = [
            "room@conference.meet.jitsi/nick",
            "focus.meet.jitsi",
            "a@b",
            "b/c@d/e",
            "r%c3%bcm!~*()@conference.meet.jitsi/Ünïcode nick",
            "a@b./c",
        ];
        for text in same {
            assert_eq!(read(text).as_deref(), Some(text));
        }
        assert_eq!(read("RooM@Conference.MEET.jitsi/Nick").as_deref(), Some("room@conference.meet.jitsi/Nick"));
        let long = format!("{}@host", "a".repeat(1024));
        for text in [
            "",
            "@host",
            "node@",
            "node@host/",
            "a@b@c",
            " a@b",
            "a @b",
            "a@b ",
            "a@b/c\u{7}",
            "ｐrivate@host",
            "pri\u{ad}vate@host",
            "a@hoſt",
            "a@höst",
            "a@host:5222",
            "a\\61b@host",
            "a'b@host",
            "a&b@host",
            "a:b@host",
            "a@[::1]",
            "a@*",
            &long,
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }
}
