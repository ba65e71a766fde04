//! Which cookies are ours, and which go on to the upstream?
//!
//! Ours never reach the upstream. All others do, byte for byte, in one header: HTTP/2 may send a cookie header in crumbs, which must be
//! joined for an HTTP/1.1 upstream (RFC 9113 section 8.2.3), and pingora does not do that.

use std::fmt;

/// The cookies of one request.
#[derive(Clone, PartialEq, Eq)]
pub struct Cookies<'a> {
    ours: Vec<(&'a str, Option<&'a str>)>,
    /// The cookies that go upstream.
    pub forward: Forward,
}

/// What becomes of the `Cookie` headers.
#[derive(Clone, PartialEq, Eq)]
pub enum Forward {
    /// They go on as they came.
    Unchanged,
    /// One header with this value takes their place.
    Replaced(Vec<u8>),
    /// None goes on.
    Gone,
}

impl<'a> Cookies<'a> {
    /// Reads the `Cookie` headers of a request, in order. Ours are those whose names begin with `prefix` (`__Host-roomgate-`).
    ///
    /// Strict where it counts: a name exactly, `=`, and a value of base64url characters. Two cookies of one name are worth nothing,
    /// for one of them was tossed in by somebody else.
    pub fn read(headers: impl Iterator<Item = &'a [u8]>, prefix: &str) -> Self {
        let mut ours: Vec<(&'a str, Option<&'a str>)> = Vec::new();
        let mut several = false;
        let mut removed = false;
        let mut kept = Vec::new();
        for (index, header) in headers.enumerate() {
            several |= index > 0;
            let mut begun = false;
            for piece in header.split(|b| *b == b';') {
                if !is_ours(piece, prefix) {
                    begun |= keep(&mut kept, piece, begun);
                    continue;
                }
                removed = true;
                let Some((name, value)) = strictly(piece, prefix) else { continue };
                match ours.iter_mut().find(|(known, _)| *known == name) {
                    Some((_, known)) => *known = None,
                    None => ours.push((name, Some(value))),
                }
            }
        }
        let forward = match (several || removed, kept.is_empty()) {
            (false, _) => Forward::Unchanged,
            (true, false) => Forward::Replaced(kept),
            (true, true) => Forward::Gone,
        };
        Self { ours, forward }
    }

    /// The value of one of our cookies, by its whole name.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.ours.iter().find(|(known, _)| *known == name).and_then(|(_, value)| *value)
    }

    /// The names of ours, to be counted or cleared.
    pub fn names(&self) -> impl Iterator<Item = &'a str> + '_ {
        self.ours.iter().map(|(name, _)| *name)
    }
}

/// Adds a cookie to those that go on; `begun`: whether one of the same header did. Returns whether it was one.
fn keep(kept: &mut Vec<u8>, piece: &[u8], begun: bool) -> bool {
    if begun {
        kept.push(b';');
        kept.extend_from_slice(piece);
        return true;
    }
    let piece = piece.trim_ascii_start();
    if piece.is_empty() {
        return false;
    }
    if !kept.is_empty() {
        kept.extend_from_slice(b"; ");
    }
    kept.extend_from_slice(piece);
    true
}

/// Whether the upstream must not see this: its name begins like ours in any letter case, or it hides one of ours behind a comma or a quote.
fn is_ours(piece: &[u8], prefix: &str) -> bool {
    let prefix = prefix.as_bytes();
    let ends_a_word = |b: &u8| !(b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'%'));
    // Only the beginnings of words are compared: a sealed value is one long word.
    let mut rest = piece;
    while !prefix.is_empty() && rest.len() >= prefix.len() {
        if rest.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix)) {
            return true;
        }
        let Some(end) = rest.iter().position(ends_a_word) else { return false };
        rest = rest.get(end.saturating_add(1)..).unwrap_or_default();
    }
    false
}

fn strictly<'a>(piece: &'a [u8], prefix: &str) -> Option<(&'a str, &'a str)> {
    let text = std::str::from_utf8(piece).ok()?;
    let (name, value) = text.trim_matches([' ', '\t']).split_once('=')?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    let good = name.starts_with(prefix) && name.bytes().all(plain);
    (good && !value.is_empty() && value.bytes().all(|b| plain(b) || matches!(b, b'.' | b'~'))).then_some((name, value))
}

/// Sessions are secrets: only names are told.
impl fmt::Debug for Cookies<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

/// Other people's cookies are secrets, too.
impl fmt::Debug for Forward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unchanged => "Unchanged",
            Self::Replaced(_) => "Replaced(..)",
            Self::Gone => "Gone",
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

    use super::*;

    const PREFIX: &str = "__Host-roomgate-";

    fn read<'a>(headers: &'a [&'a [u8]]) -> Cookies<'a> {
        Cookies::read(headers.iter().copied(), PREFIX)
    }

    fn forwarded(headers: &[&[u8]]) -> Option<String> {
        match read(headers).forward {
            Forward::Unchanged => Some(headers.iter().map(|h| String::from_utf8_lossy(h)).collect::<Vec<_>>().join("|")),
            Forward::Replaced(value) => Some(String::from_utf8_lossy(&value).into_owned()),
            Forward::Gone => None,
        }
    }

    #[test]
    fn ours_are_taken_out_and_the_others_stay_as_they_were() {
        for (headers, expected) in [
            (&["a=1; b=2"][..], Some("a=1; b=2")),
            (&["a=1;b=2;  c=\"x y\";=;;d"], Some("a=1;b=2;  c=\"x y\";=;;d")),
            (&["__Host-roomgate-x=v"], None),
            (&["__Host-roomgate-x=v; a=1"], Some("a=1")),
            (&["a=1; __Host-roomgate-x=v"], Some("a=1")),
            (&["a=1; __Host-roomgate-x=v;b=2"], Some("a=1;b=2")),
            (&["a=1;b=2;__Host-roomgate-x=v; __Host-roomgate-y=w;  c"], Some("a=1;b=2;  c")),
            (&["a=1", "b=2"], Some("a=1; b=2")),
            (&["a=1", "__Host-roomgate-x=v", "b=2; c=3"], Some("a=1; b=2; c=3")),
            (&["", ""], None),
            (&["__Host-roomgate-x=v", "__Host-roomgate-x=w"], None),
            (&["__host-ROOMGATE-x=v; a=1"], Some("a=1")),
            (&[" \t__Host-roomgate-x = v; a=1"], Some("a=1")),
            (&["a=1, __Host-roomgate-x=v; b=2"], Some("b=2")),
            (&["a=\"__Host-roomgate-x=v; b=2"], Some("b=2")),
            (&["my__Host-roomgate-x=v; roomgate-theme=dark"], Some("my__Host-roomgate-x=v; roomgate-theme=dark")),
        ] {
            let bytes: Vec<&[u8]> = headers.iter().map(|h| h.as_bytes()).collect();
            assert_eq!(forwarded(&bytes).as_deref(), expected, "{headers:?}");
        }
        assert_eq!(read(&[b"a=\xff\x80; __Host-roomgate-x=v; b=\xfe"]).forward, Forward::Replaced(b"a=\xff\x80; b=\xfe".to_vec()));
        assert_eq!(read(&[]).forward, Forward::Unchanged);
    }

    #[test]
    fn only_a_cookie_that_is_written_exactly_and_once_counts() {
        let name = "__Host-roomgate-x";
        for (headers, expected) in [
            (&["__Host-roomgate-x=v-_.~1"][..], Some("v-_.~1")),
            (&["a=1;  __Host-roomgate-x=v ;b=2"], Some("v")),
            (&["a=1", "__Host-roomgate-x=v"], Some("v")),
            (&["__Host-roomgate-x=v; __Host-roomgate-x=w"], None),
            (&["__Host-roomgate-x=v; __Host-roomgate-x=v"], None),
            (&["__Host-roomgate-x=v", "__Host-roomgate-x=w"], None),
            (&["__Host-roomgate-x=v; __Host-roomgate-x=w; __Host-roomgate-x=u"], None),
            (&["__Host-roomgate-x="], None),
            (&["__Host-roomgate-x"], None),
            (&["__Host-roomgate-x =v"], None),
            (&["__Host-roomgate-x= v"], None),
            (&["__Host-roomgate-x=\"v\""], None),
            (&["__Host-roomgate-x=v,w"], None),
            (&["__host-roomgate-x=v"], None),
            (&["__Host-roomgate-x\u{a0}=v"], None),
            (&["a=1, __Host-roomgate-x=v"], None),
            (&["__Host-roomgate-y=v"], None),
        ] {
            let bytes: Vec<&[u8]> = headers.iter().map(|h| h.as_bytes()).collect();
            assert_eq!(read(&bytes).get(name), expected, "{headers:?}");
        }
    }

    #[test]
    fn a_name_that_we_never_set_is_none_of_ours() {
        let header = &b"__Host-roomgate-x=v; __Host-roomgate-\"y=v; __Host-roomgate-z%3D=v; __Host-roomgate-x=w"[..];
        assert_eq!(read(&[header]).names().collect::<Vec<_>>(), ["__Host-roomgate-x"]);
        assert_eq!(forwarded(&[header]), None);
    }

    #[test]
    fn values_are_not_printed() {
        let shown = format!("{:?} {:?}", read(&[b"__Host-roomgate-x=secret; a=private"]), Forward::Replaced(b"private".to_vec()));
        assert!(!shown.contains("secret") && !shown.contains("private"), "{shown}");
    }
}
