//! Is this path one that every server reads alike?
//!
//! Whatever two parsers could read differently is refused, never repaired: what was judged is what is sent.

use std::borrow::Cow;
use std::fmt;

use unicode_normalization::UnicodeNormalization;

use super::readings;

/// Why a request target is refused: with 400, before anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadTarget(pub(super) &'static str);

impl BadTarget {
    /// The status of the answer.
    pub const STATUS: u16 = 400;

    /// The reason, for the person and for the log. Stable, and free of anything the client sent.
    pub const fn reason(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for BadTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for BadTarget {}

/// A path that can be read in one way only: `/call/standup`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CanonicalPath<'a> {
    raw: &'a str,
}

impl<'a> CanonicalPath<'a> {
    /// The longest request target, in bytes.
    pub const MAX: usize = 8 * 1024;

    /// Takes a request target apart: the path, and the query without its `?` (`Some("")` for a lone `?`).
    ///
    /// `raw` is what will be forwarded (pingora: `raw_path()`, never `uri.path()`, which shows `/` for `GET private`).
    ///
    /// # Errors
    /// Where it is not in origin-form (RFC 9112 section 3.2.1), or where two servers could read its path differently.
    pub fn parse(raw: &'a [u8]) -> Result<(Self, Option<&'a str>), BadTarget> {
        if raw.len() > Self::MAX {
            return Err(BadTarget("the address is longer than 8 KiB"));
        }
        if raw.first() != Some(&b'/') {
            return Err(BadTarget("the request target is not a path"));
        }
        let text = std::str::from_utf8(raw).ok().filter(|_| raw.iter().all(u8::is_ascii_graphic));
        let text = text.ok_or(BadTarget("the address holds bytes that must be percent-encoded"))?;
        if text.contains('#') {
            return Err(BadTarget("the address holds a fragment"));
        }
        let (path, query) = match text.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (text, None),
        };
        let path = Self { raw: path };
        let mut segments = path.raw_segments().peekable();
        while let Some(segment) = segments.next() {
            if segment.is_empty() && segments.peek().is_some() {
                return Err(BadTarget("the path holds an empty segment"));
            }
            inspect(segment)?;
        }
        Ok((path, query))
    }

    /// The path as it was sent and will be sent on.
    pub fn as_str(&self) -> &'a str {
        self.raw
    }

    /// The segments between the slashes, decoded; a trailing slash adds none, and `/` has none.
    pub fn segments(&self) -> impl Iterator<Item = Cow<'a, str>> + Clone + use<'a> {
        self.raw_segments().filter(|segment| !segment.is_empty()).map(decoded)
    }

    /// How many segments there are.
    pub fn depth(&self) -> usize {
        self.raw_segments().filter(|segment| !segment.is_empty()).count()
    }

    /// Whether it ends in `/`. `/` itself does.
    pub fn ends_in_slash(&self) -> bool {
        self.raw.ends_with('/')
    }

    /// The request target that goes upstream: this path with that query.
    pub fn with_query(&self, query: Option<&str>) -> Cow<'a, str> {
        match query {
            Some(query) => Cow::Owned([self.raw, "?", query].concat()),
            None => Cow::Borrowed(self.raw),
        }
    }

    fn raw_segments(&self) -> impl Iterator<Item = &'a str> + Clone + use<'a> {
        self.raw.strip_prefix('/').unwrap_or_default().split('/')
    }
}

/// A segment that `inspect` has passed, decoded.
fn decoded(segment: &str) -> Cow<'_, str> {
    if !segment.contains('%') {
        return Cow::Borrowed(segment);
    }
    let bytes = percent_encoding::percent_decode_str(segment);
    Cow::Owned(bytes.decode_utf8_lossy().into_owned())
}

fn inspect(segment: &str) -> Result<(), BadTarget> {
    if segment.contains('\\') {
        return Err(BadTarget("the path holds a backslash"));
    }
    if !segment.contains('%') {
        return leads_nowhere_else(segment);
    }
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let [high, low, tail @ ..] = tail else { return Err(BadTarget("the path holds a broken percent-encoding")) };
        rest = tail;
        match readings::byte(*high, *low) {
            None => return Err(BadTarget("the path holds a broken percent-encoding")),
            Some(b'/' | b'\\') => return Err(BadTarget("the path holds an encoded slash or backslash")),
            // Decoded twice, it could become anything.
            Some(b'%') => return Err(BadTarget("the path holds an encoded percent sign")),
            Some(b'?' | b'#') => return Err(BadTarget("the path holds an encoded `?` or `#`")),
            Some(byte) => bytes.push(byte),
        }
    }
    // Overlong forms and surrogates are no UTF-8 (RFC 3629 section 3).
    let text = std::str::from_utf8(&bytes).map_err(|_| BadTarget("the path is not UTF-8"))?;
    if text.chars().any(char::is_control) {
        return Err(BadTarget("the path holds a control character"));
    }
    leads_nowhere_else(text)
}

/// A decoded segment is a step down for every reader: not up, not to the same place, not two steps.
fn leads_nowhere_else(text: &str) -> Result<(), BadTarget> {
    step_down(text)?;
    if text.is_ascii() {
        return Ok(());
    }
    // `‥` is `..` after compatibility folding, and `％2e` an encoding to come.
    let folded: String = text.nfkc().collect();
    if folded.contains(['/', '\\', '%', '?', '#']) {
        return Err(BadTarget("the path holds a character that some servers read as a separator"));
    }
    step_down(&folded)
}

fn step_down(text: &str) -> Result<(), BadTarget> {
    for piece in text.split(looks_like_slash) {
        // Java containers cut parameters off before they look at dots; NTFS cuts streams off.
        let name = piece.split([';', ':']).next().unwrap_or_default();
        if name.is_empty() && piece.starts_with(';') {
            return Err(BadTarget("the path holds a segment that is only parameters"));
        }
        let only_dots = |text: &str, gone: fn(char) -> bool| text.contains('.') && text.chars().all(|c| c == '.' || gone(c));
        if only_dots(name, vanishes) || only_dots(piece, |c| vanishes(c) || matches!(c, ';' | ':')) {
            return Err(BadTarget("the path holds a dot segment"));
        }
    }
    Ok(())
}

/// What is deleted or trimmed by somebody: by Windows (blanks), stringprep (invisible characters), Jitsi Meet (`_ROOM_EXCLUDE_PATTERN`).
fn vanishes(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}')
        || matches!(c, '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffd}' | '\u{1bca0}'..='\u{1bca3}' | '\u{e0000}'..='\u{e0fff}')
        || matches!(c, '[' | ']' | '@' | '!' | '$' | '&' | '\'' | '(' | ')' | '*' | '+' | ',' | '=' | '>' | '<' | '"')
}

/// What code pages without the character write as `/` or `\`: best-fit mappings of Windows-1252, 932 and 949.
fn looks_like_slash(c: char) -> bool {
    matches!(c, '\u{2044}' | '\u{2215}' | '\u{2216}' | '\u{29f5}' | '\u{29f8}' | '\u{29f9}' | '\u{a5}' | '\u{20a9}')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

    use super::*;

    fn reason(raw: &str) -> &'static str {
        CanonicalPath::parse(raw.as_bytes()).map_or_else(BadTarget::reason, |_| "passes")
    }

    #[test]
    fn a_path_is_taken_apart_and_kept_as_it_was() {
        for (raw, segments, query, slash) in [
            ("/", &[][..], None, true),
            ("/standup", &["standup"], None, false),
            ("/standup/", &["standup"], None, true),
            ("/st%61ndup/%C3%BC?a=1?b", &["standup", "ü"], Some("a=1?b"), false),
            ("/a/b/c?", &["a", "b", "c"], Some(""), false),
            ("/?", &[], Some(""), true),
        ] {
            let (path, found) = CanonicalPath::parse(raw.as_bytes()).unwrap();
            assert_eq!(path.segments().collect::<Vec<_>>(), segments, "{raw}");
            assert_eq!((found, path.ends_in_slash()), (query, slash), "{raw}");
            assert_eq!(path.with_query(found), raw);
        }
    }

    #[test]
    fn each_kind_of_doubt_has_its_own_reason() {
        for (raw, expected) in [
            ("private", "the request target is not a path"),
            ("", "the request target is not a path"),
            ("*", "the request target is not a path"),
            ("http://h/private", "the request target is not a path"),
            ("//private", "the path holds an empty segment"),
            ("//", "the path holds an empty segment"),
            ("/a//b", "the path holds an empty segment"),
            ("/a//", "the path holds an empty segment"),
            ("/a b", "the address holds bytes that must be percent-encoded"),
            ("/ü", "the address holds bytes that must be percent-encoded"),
            ("/a?ü", "the address holds bytes that must be percent-encoded"),
            ("/a#b", "the address holds a fragment"),
            ("/a?b#c", "the address holds a fragment"),
            ("/a\\b", "the path holds a backslash"),
            ("/a%5cb", "the path holds an encoded slash or backslash"),
            ("/a%2Fb", "the path holds an encoded slash or backslash"),
            ("/a%252fb", "the path holds an encoded percent sign"),
            ("/a%3fb", "the path holds an encoded `?` or `#`"),
            ("/a%23b", "the path holds an encoded `?` or `#`"),
            ("/a%", "the path holds a broken percent-encoding"),
            ("/a%4", "the path holds a broken percent-encoding"),
            ("/a%zz", "the path holds a broken percent-encoding"),
            ("/a%u0062", "the path holds a broken percent-encoding"),
            ("/a%ff", "the path is not UTF-8"),
            ("/a%c0%ae", "the path is not UTF-8"),
            ("/a%ed%a0%80", "the path is not UTF-8"),
            ("/a%00", "the path holds a control character"),
            ("/a%7f", "the path holds a control character"),
            ("/a%c2%85", "the path holds a control character"),
            ("/a/..", "the path holds a dot segment"),
            ("/a/%2e", "the path holds a dot segment"),
            ("/a/..;x/b", "the path holds a dot segment"),
            ("/a/..%20/b", "the path holds a dot segment"),
            ("/a/:../b", "the path holds a dot segment"),
            ("/a/.../b", "the path holds a dot segment"),
            ("/a/%E2%80%A5/b", "the path holds a dot segment"),
            ("/a/..%E2%88%95b", "the path holds a dot segment"),
            ("/a/;x/b", "the path holds a segment that is only parameters"),
            ("/a/%EF%BC%8Fb", "the path holds a character that some servers read as a separator"),
            ("/a/%EF%BC%852e/b", "the path holds a character that some servers read as a separator"),
        ] {
            assert_eq!(reason(raw), expected, "{raw}");
        }
        assert_eq!(CanonicalPath::parse(b"/a\xff").unwrap_err().reason(), "the address holds bytes that must be percent-encoded");
        let long = |n: usize| "/".to_owned() + &"a".repeat(n - 1);
        assert_eq!(reason(&long(CanonicalPath::MAX)), "passes");
        assert_eq!(reason(&long(CanonicalPath::MAX + 1)), "the address is longer than 8 KiB");
    }
}
