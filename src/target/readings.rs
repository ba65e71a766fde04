//! How else might a server read this text?
//!
//! We decode once and take names as they are written. Others decode twice (Symfony CVE-2012-6431), split queries at `;`
//! (Python before 3.9.2, CVE-2021-23336), ignore letter case (ASP.NET), cut names at brackets (PHP, Rails, `qs`), fold
//! full-width letters (Jitsi's NFKC), or read `%u0074` (classic ASP). Nothing here is ever forwarded: it finds what must be refused.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;

/// How often a text is decoded in search of another meaning. Nobody was found to decode more than twice.
const LEVELS: usize = 4;

/// Whether `says` holds for the text as it stands, or decoded once, twice, …
pub(super) fn any(text: &[u8], mut says: impl FnMut(&[u8]) -> bool) -> bool {
    if says(text) {
        return true;
    }
    let mut now = Cow::Borrowed(text);
    for _ in 0..LEVELS {
        let Some(next) = decoded(&now) else { return false };
        if says(&next) {
            return true;
        }
        now = Cow::Owned(next);
    }
    false
}

/// Percent-decoded once, leaving what is no escape; `None` where there is no escape.
fn decoded(text: &[u8]) -> Option<Vec<u8>> {
    if !text.contains(&b'%') {
        return None;
    }
    let mut out = Vec::with_capacity(text.len());
    let mut found = false;
    let mut rest = text;
    loop {
        rest = match rest {
            [] => break,
            [b'%', b'u' | b'U', a, b, c, d, tail @ ..] if [a, b, c, d].iter().all(|b| b.is_ascii_hexdigit()) => {
                let code = [a, b, c, d].iter().filter_map(|b| char::from(**b).to_digit(16)).fold(0, |n, digit| (n << 4) | digit);
                let c = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                found = true;
                tail
            }
            [b'%', high, low, tail @ ..] => match byte(*high, *low) {
                Some(byte) => {
                    out.push(byte);
                    found = true;
                    tail
                }
                None => {
                    out.push(b'%');
                    rest.get(1..).unwrap_or_default()
                }
            },
            [other, tail @ ..] => {
                out.push(*other);
                tail
            }
        };
    }
    found.then_some(out)
}

/// The byte that two hexadecimal digits stand for.
pub(super) fn byte(high: u8, low: u8) -> Option<u8> {
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    Some((digit(high)? << 4) | digit(low)?)
}

/// Whether somebody could take `bytes` for `word`: whatever the letter case and width, with characters that some delete.
///
/// Both sides are folded, so that `a.b` may be the word as well as the text.
pub(super) fn alike(bytes: &[u8], word: &str) -> bool {
    if bytes.is_ascii() && word.is_ascii() {
        let kept = |text: &[u8]| {
            text.iter()
                .copied()
                .filter(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
                .map(|b| b.to_ascii_lowercase())
                .collect::<Vec<_>>()
        };
        // Most names differ in their first letter already.
        let first = |text: &[u8]| text.iter().find(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')).map(u8::to_ascii_lowercase);
        return first(bytes) == first(word.as_bytes()) && kept(bytes) == kept(word.as_bytes());
    }
    let kept = |text: &[u8]| {
        lenient(text)
            .nfkc()
            .flat_map(char::to_lowercase)
            .nfkc()
            .filter(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))
            .collect::<String>()
    };
    kept(bytes) == kept(word.as_bytes())
}

/// The text of bytes, as the most generous decoder reads it: overlong forms are taken for what they encode, other bad bytes as Latin-1.
fn lenient(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    let mut rest = bytes;
    loop {
        let (good, bad) = match std::str::from_utf8(rest) {
            Ok(good) => {
                out.push_str(good);
                return out;
            }
            Err(error) => rest.split_at(error.valid_up_to()),
        };
        out.push_str(&String::from_utf8_lossy(good));
        rest = match bad {
            [first @ 0xc0..=0xc1, second @ 0x80..=0xbf, tail @ ..] => {
                out.push(char::from(((first & 1) << 6) | (second & 0x3f)));
                tail
            }
            [0xe0, second @ 0x80..=0x81, third @ 0x80..=0xbf, tail @ ..] => {
                out.push(char::from(((second & 1) << 6) | (third & 0x3f)));
                tail
            }
            [other, tail @ ..] => {
                out.push(char::from(*other));
                tail
            }
            [] => return out,
        };
    }
}

/// How often some server may find a parameter called `name` in a raw query: the most that any reading gives.
pub(super) fn mentions(query: &str, name: &str) -> usize {
    let mut most = 0;
    any(query.as_bytes(), |text| {
        let names = text.split(|b| is_wall(*b)).filter(|piece| named(key(piece), name));
        most = most.max(names.count());
        false
    });
    most
}

/// What stands before the first `=` that has a letter before it: some delete the rest.
fn key(piece: &[u8]) -> &[u8] {
    let begin = piece.iter().position(|b| !is_junk(*b) || *b == b'%').unwrap_or(piece.len());
    let piece = piece.get(begin..).unwrap_or_default();
    piece.split(|b| *b == b'=').next().unwrap_or_default()
}

/// Whether something that looks like a token stands behind `name=` in any reading of the text.
pub(super) fn hands_over(text: &str, name: &str) -> bool {
    holds_token(text)
        && any(text.as_bytes(), |text| tokens(text).any(|(start, _)| stands_behind(text, start, name)) || is_assigned(text, name))
}

/// Whether something that looks like a token stands anywhere in any reading of the text.
pub(super) fn holds_token(text: &str) -> bool {
    // Most texts have neither an escape nor how a token begins, and need no second look.
    let begins = |pair: &[u8]| matches!(pair, b"ey" | b"ew");
    if !text.contains('%') && !text.as_bytes().windows(2).any(begins) {
        return false;
    }
    any(text.as_bytes(), |text| tokens(text).next().is_some())
}

/// Whether `needle` stands anywhere in any reading of the text.
pub(super) fn holds(text: &str, needle: &str) -> bool {
    !needle.is_empty() && any(text.as_bytes(), |text| text.windows(needle.len()).any(|w| w == needle.as_bytes()))
}

/// What looks like a token in this text as it stands.
pub(super) fn tokens_in(text: &str) -> impl Iterator<Item = &str> {
    tokens(text.as_bytes()).filter_map(|(start, end)| text.get(start..end))
}

/// Whether this value looks like a token, as a whole.
#[cfg(test)]
fn is_token(value: &str) -> bool {
    tokens(value.as_bytes()).next() == Some((0, value.len()))
}

fn stands_behind(text: &[u8], start: usize, name: &str) -> bool {
    let before = text.get(..start).unwrap_or_default();
    let piece = before.rsplit(|b| is_wall(*b) || *b == b'/').next().unwrap_or_default();
    piece.iter().any(|b| matches!(b, b'=' | b':')) && named(piece, name)
}

/// The same for those who split first and decode then, and who take what follows a bracket for nothing: PHP reads `t[];x=` as `t[]=`.
fn is_assigned(text: &[u8], name: &str) -> bool {
    [&b"&"[..], b"&;", b"&;?", b"&;?#"].iter().any(|walls| {
        text.split(|b| walls.contains(b)).any(|piece| {
            let key = key(piece);
            any(key, |key| named(key, name)) && any(piece, |piece| tokens(piece).next().is_some())
        })
    })
}

/// Ends a parameter for somebody.
fn is_wall(b: u8) -> bool {
    matches!(b, b'&' | b';' | b'?' | b'#' | b'\\' | b'\r' | b'\n')
}

/// The words of a key: `a[t].b` has `a`, `t` and `b`.
fn words(key: &[u8]) -> impl Iterator<Item = &[u8]> {
    key.split(|b| is_junk(*b)).filter(|word| !word.is_empty())
}

/// Whether a key has this word, as it stands or after compatibility folding, which makes two dots of `‥`.
fn named(key: &[u8], name: &str) -> bool {
    let folded = |word: &[u8]| lenient(word).nfkc().collect::<String>();
    words(key).any(|word| alike(word, name) || (!word.is_ascii() && words(folded(word).as_bytes()).any(|word| alike(word, name))))
}

fn is_junk(b: u8) -> bool {
    b.is_ascii() && !b.is_ascii_alphanumeric() && !matches!(b, b'_' | b'-')
}

/// Where something that looks like a token begins and ends: a JSON object in base64url, and two more parts (RFC 7515 section 3.1).
///
/// At most one for each run of its characters, so that long texts take no longer than their length.
fn tokens(text: &[u8]) -> impl Iterator<Item = (usize, usize)> {
    let mut at = 0_usize;
    text.split(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))).filter_map(move |run| {
        let begin = at;
        at = at.saturating_add(run.len()).saturating_add(1);
        let start = begin.checked_add(token_start(run)?)?;
        Some((start, begin.checked_add(run.len())?))
    })
}

fn token_start(run: &[u8]) -> Option<usize> {
    let mut parts = run.split(|b| *b == b'.').peekable();
    let mut at = 0_usize;
    while let Some(header) = parts.next() {
        let payload = parts.peek()?;
        let found = header.windows(SHORTEST_HEADER).position(begins_object).filter(|_| !payload.is_empty());
        let next = at.saturating_add(header.len()).saturating_add(1);
        // An unsigned token has an empty third part, but it has its dot.
        let dots = next.saturating_add(payload.len());
        if let (Some(found), Some(b'.')) = (found, run.get(dots)) {
            return at.checked_add(found);
        }
        at = next;
    }
    None
}

/// `{"alg":"x"}` has 11 bytes, and 15 characters.
const SHORTEST_HEADER: usize = 12;

/// `{`, and then what can follow it in a header: a quotation mark or a blank.
fn begins_object(text: &[u8]) -> bool {
    match text {
        [b'e', b'y', third, ..] => matches!(third, b'A'..=b'D' | b'I'..=b'L'),
        [b'e', b'w', third, ..] => matches!(third, b'k'..=b'r' | b'0'..=b'3'),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

    use super::*;

    const TOKEN: &str = "eyJhbGciOiJIUzI1NiJ9.eyJyIjoiYSJ9.c2lnbmF0dXJl";

    #[test]
    fn a_text_is_decoded_as_the_most_generous_would() {
        for (text, once) in
            [("%74", Some("t")), ("a", None), ("100%", None), ("%u0074", Some("t")), ("%2574", Some("%74")), ("%zz%41", Some("%zzA"))]
        {
            assert_eq!(decoded(text.as_bytes()).map(|b| String::from_utf8(b).unwrap()), once.map(str::to_owned), "{text}");
        }
    }

    #[test]
    fn a_long_hostile_text_is_read_in_no_time() {
        for piece in
            ["eyJ", "eyJhbGciOiJIUzI1NiJ9.", "t=eyJhbGciOiJIUzI1NiJ9.e.", "%2574", "t[", "%ef%bd%94", "t;", "eyJhbGciOiJIUzI1NiJ9.e.c,"]
        {
            let text = piece.repeat(8192 / piece.len());
            let begun = std::time::Instant::now();
            let _ = (hands_over(&text, "t"), mentions(&text, "t"), holds_token(&text), holds(&text, TOKEN));
            assert!(begun.elapsed() < std::time::Duration::from_millis(500), "{piece}: {:?}", begun.elapsed());
        }
    }

    #[test]
    fn look_alikes_are_seen_and_others_are_not() {
        for (text, word, alike_) in [
            ("T", "t", true),
            (" t\0", "t", true),
            ("\u{ff54}", "t", true),
            ("t\u{ad}", "t", true),
            ("t1", "t", false),
            ("at", "t", false),
            ("", "t", false),
            ("_t", "t", false),
            ("Static", "static", true),
            ("static.", "static", true),
            ("favicon.ico", "favicon.ico", true),
            ("favicon-ico", "favicon.ico", false),
            ("r\u{43e}om", "room", false),
            ("\u{212a}", "k", true),
        ] {
            assert_eq!(alike(text.as_bytes(), word), alike_, "{text:?} for {word}");
        }
        assert!(alike(b"\xc1\xb4", "t"), "overlong");
        assert!(alike(b"\xe0\x81\xb4", "t"), "overlong in three bytes");
    }

    #[test]
    fn only_three_parts_that_begin_like_a_json_object_look_like_a_token() {
        assert!(is_token(TOKEN));
        assert!(is_token("eyJhbGciOiJub25lIn0.e30."));
        assert!(is_token("ewogICJhbGciOiAiSFMyNTYiCn0.e30.c2ln"), "pretty-printed header");
        for other in ["eyJhbGciOiJIUzI1NiJ9", "eyebrow.photo.jpg", "eyelash-extensions.photo.jpg", "a.b.c", "", "v1.2.3", "eyJ.e.e"] {
            assert!(!is_token(other), "{other}");
        }
        assert!(!is_token(&format!("{TOKEN} ")));
        assert!(holds_token(&format!("x{TOKEN}")));
        assert!(holds_token(&format!("/%65{}", &TOKEN[1..])), "one encoded letter");
    }
}
