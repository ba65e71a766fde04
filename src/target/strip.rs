//! Where is the meeting token, and what is left of the address without it?
//!
//! The upstream must never see a token of ours, whatever it takes for our parameter; and must see everything else byte for byte.

use std::borrow::Cow;
use std::fmt;

use super::path::{BadTarget, CanonicalPath};
use super::query::Pair;
use super::readings;

/// A query without its tokens.
#[derive(Clone, PartialEq, Eq)]
pub struct Stripped<'a> {
    kept: Option<Cow<'a, str>>,
    tokens: Vec<Cow<'a, str>>,
    found: bool,
}

/// What a request brought in its token parameter.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Brought<'a> {
    /// No token, or only empty ones.
    Nothing,
    /// One token, however often it was repeated.
    One(&'a str),
    /// Different ones: `ambiguous-token`.
    Several,
}

impl Stripped<'_> {
    /// The query that goes upstream, without its `?`; `None` where no `?` goes upstream.
    pub fn kept(&self) -> Option<&str> {
        self.kept.as_deref()
    }

    /// The token.
    pub fn token(&self) -> Brought<'_> {
        match self.tokens.as_slice() {
            [] => Brought::Nothing,
            [one] => Brought::One(one),
            [_, _, ..] => Brought::Several,
        }
    }

    /// Whether the parameter was there at all, even without a value: a page is then shown at its clean address.
    pub fn was_there(&self) -> bool {
        self.found
    }
}

/// Takes every `parameter` out of a query, under every spelling that means this name after one decoding (`t`, `%74`).
///
/// All other parameters stay byte for byte and in order. `parameter` is what `tokens.parameter` says.
///
/// # Errors
/// Where a token would reach the upstream all the same: behind a spelling that only some servers take for the parameter
/// (`;t=`, `T=`, `t[]=`, `%2574=`, a nested `%3Ft%3D`, a path's `;t=`), or as a second copy of the token found.
pub fn strip<'a>(path: &CanonicalPath<'_>, query: Option<&'a str>, parameter: &str) -> Result<Stripped<'a>, BadTarget> {
    let stripped = match query {
        Some(query) => take_out(query, parameter),
        None => Stripped { kept: None, tokens: Vec::new(), found: false },
    };
    for rest in [Some(path.as_str()), stripped.kept()].into_iter().flatten() {
        if readings::hands_over(rest, parameter) {
            return Err(BadTarget("the address holds a token in an unusual spelling"));
        }
        if stripped.tokens.iter().flat_map(|value| readings::tokens_in(value)).any(|token| readings::holds(rest, token)) {
            return Err(BadTarget("the address holds its token a second time"));
        }
    }
    Ok(stripped)
}

fn take_out<'a>(query: &'a str, parameter: &str) -> Stripped<'a> {
    let ours = |piece: &&str| !piece.is_empty() && Pair::read(piece).name == parameter;
    let mut tokens: Vec<Cow<'a, str>> = Vec::new();
    let mut found = false;
    for piece in query.split('&').filter(ours) {
        found = true;
        let Pair { value, .. } = Pair::read(piece);
        if !value.is_empty() && !tokens.contains(&value) {
            tokens.push(value);
        }
    }
    if !found {
        return Stripped { kept: Some(Cow::Borrowed(query)), tokens, found };
    }
    let rest = query.split('&').filter(|piece| !ours(piece)).collect::<Vec<_>>().join("&");
    Stripped { kept: (!rest.is_empty()).then_some(Cow::Owned(rest)), tokens, found }
}

/// A `Referer` without tokens; `None` where it must be dropped.
///
/// Dropped is what is no plain URL and what still holds something like a token anywhere: nobody's page depends on it.
pub fn strip_referer<'a>(value: &'a [u8], parameter: &str) -> Option<Cow<'a, str>> {
    let text =
        std::str::from_utf8(value).ok().filter(|text| text.len() <= CanonicalPath::MAX && text.bytes().all(|b| b.is_ascii_graphic()))?;
    if text == "about:blank" {
        return Some(Cow::Borrowed(text));
    }
    let (scheme, rest) = text.split_once("://")?;
    if scheme.is_empty() || !scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.')) {
        return None;
    }
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    // No browser sends user info or a fragment (RFC 9110 section 10.1.3).
    if authority.is_empty() || text.contains(['\\', '#']) || authority.contains(['@', '%', '=']) {
        return None;
    }
    let clean = match text.split_once('?') {
        None => Cow::Borrowed(text),
        Some((before, query)) => {
            let stripped = take_out(query, parameter);
            match (stripped.found, stripped.kept()) {
                (false, _) => Cow::Borrowed(text),
                (true, Some(kept)) => Cow::Owned(format!("{before}?{kept}")),
                (true, None) => Cow::Borrowed(before),
            }
        }
    };
    (!readings::holds_token(&clean)).then_some(clean)
}

/// Whether the value of some other header hands a token over: `t=…` as in an address, in any spelling.
pub fn hands_over_token(value: &[u8], parameter: &str) -> bool {
    readings::hands_over(&String::from_utf8_lossy(value), parameter)
}

/// Tokens are secrets: only their number is told.
impl fmt::Debug for Stripped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stripped({} tokens)", self.tokens.len())
    }
}

impl fmt::Debug for Brought<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "Nothing",
            Self::One(_) => "One(..)",
            Self::Several => "Several",
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

    use super::*;

    const A: &str = "eyJhbGciOiJIUzI1NiJ9.eyJyIjoiYSJ9.c2lnbmF0dXJl";

    fn stripped(target: &str) -> Result<(Option<String>, Vec<String>, bool), &'static str> {
        let (path, query) = CanonicalPath::parse(target.as_bytes()).unwrap();
        let found = strip(&path, query, "t").map_err(BadTarget::reason)?;
        Ok((found.kept().map(str::to_owned), found.tokens.iter().map(|t| t.to_string()).collect(), found.was_there()))
    }

    #[test]
    fn the_token_leaves_and_everything_else_stays_in_its_place() {
        for (query, kept, tokens) in [
            ("t=x", None, &["x"][..]),
            ("%74=x", None, &["x"]),
            ("t=x&t=x", None, &["x"]),
            ("t=x&%74=x&a=1", Some("a=1"), &["x"]),
            ("t=x&t=y", None, &["x", "y"]),
            ("a=1&t=x&b=2", Some("a=1&b=2"), &["x"]),
            ("t=x&a=1", Some("a=1"), &["x"]),
            ("a=1&t=x", Some("a=1"), &["x"]),
            ("t=&a=1", Some("a=1"), &[]),
            ("t&a=1", Some("a=1"), &[]),
            ("t=", None, &[]),
            ("t=x&", None, &["x"]),
            ("&t=x", None, &["x"]),
            ("&t=x&&", Some("&&"), &["x"]),
            ("a=%zz+%20&t=x&b=%2525&c=%C3%BC", Some("a=%zz+%20&b=%2525&c=%C3%BC"), &["x"]),
            ("t=a%2Eb%20c", None, &["a.b c"]),
            ("t=a=b", None, &["a=b"]),
            ("t==", None, &["="]),
        ] {
            let expected = (kept.map(str::to_owned), tokens.iter().map(|t| (*t).to_owned()).collect(), true);
            assert_eq!(stripped(&format!("/a?{query}")), Ok(expected), "{query}");
        }
    }

    #[test]
    fn a_query_without_our_token_is_left_alone() {
        let others =
            ["", "&", "&&", "a", "T=1", "t1=x", "at=x", "tt=x", "x=t", "x=t=1", "a;t=1", "t[]=1", "%2574=x", "a=b?t=1", "ts=2024.01.02"];
        let jwt = ["jwt=", "token=", "access_token=", "at=", "xt=", "a=1&id_token="].map(|name| format!("{name}{A}"));
        for query in others.into_iter().map(str::to_owned).chain(jwt) {
            assert_eq!(stripped(&format!("/a?{query}")), Ok((Some(query.clone()), vec![], false)), "{query}");
        }
        assert_eq!(stripped("/a"), Ok((None, vec![], false)));
    }

    #[test]
    fn a_token_in_an_unusual_spelling_is_refused_and_not_passed_on() {
        let spellings = [
            "T=",
            ";t=",
            "a;t=",
            "a=1;t=",
            "t[]=",
            "t[0]=",
            "t%5B%5D=",
            "%2574=",
            "%252574=",
            "amp;t=",
            "?t=",
            "a=?t=",
            "a?t=",
            "+t=",
            "%20t=",
            "t%20=",
            "t%00=",
            "t%3D",
            "a=1%26t=",
            "a=1%26t%3D",
            "a=1%2526t%253D",
            "next=%2Fr%3Ft%3D",
            "next=/r?t=",
            "x=t=",
            "x[t]=",
            ".t=",
            "t.=",
            "%EF%BD%94=",
            "%c1%b4=",
            "%u0074=",
            "%C2%ADt=",
            "'t'=",
            "%22t%22:",
            "q={%22t%22:%22",
            "$t=",
            "T%20=",
            "&amp;T=",
            "a%0at=",
            "x=1%3Bt%3D",
            "a,t=",
            "t[];x=",
            "t[]/x=",
            "t[]?x=",
            "a;t?=",
            "%ef%bd%94[]%26=",
            "a=1%3F%2574%253F=",
            "a=1%3Ft%23x=",
            "t%E2%80%A5x=",
            "a|t=",
        ];
        for spelling in spellings {
            for query in [format!("{spelling}{A}"), format!("b=2&{spelling}{A}&c=3"), format!("{spelling}%65{}", &A[1..])] {
                assert_eq!(stripped(&format!("/a?{query}")), Err("the address holds a token in an unusual spelling"), "{query}");
            }
        }
        for path in ["/a;t=", "/a/b;x=1;t=", "/a/t=", "/a/b;T=", "/a/x&t="] {
            assert_eq!(stripped(&format!("{path}{A}")), Err("the address holds a token in an unusual spelling"), "{path}");
        }
    }

    #[test]
    fn a_second_copy_of_the_token_is_refused() {
        let encoded = A.replace('.', "%2E");
        let twice = A.replace('.', "%252e");
        for target in [
            format!("/a?t={A}&x={A}"),
            format!("/a?x={A}&%74={A}"),
            format!("/a/{A}?t={A}"),
            format!("/a?t={A}&x=({encoded})"),
            format!("/a?t={A}&y={twice}"),
            format!("/a?t={A};b=1&x={A}"),
            format!("/a?x={A}&t=%20{A}%20"),
        ] {
            assert_eq!(stripped(&target), Err("the address holds its token a second time"), "{target}");
        }
        // What is no token may stand wherever it likes.
        assert_eq!(stripped("/a?t=1&x=1"), Ok((Some("x=1".to_owned()), vec!["1".to_owned()], true)));
    }

    #[test]
    fn a_referer_loses_its_tokens_or_goes() {
        let kept = |value: &str| strip_referer(value.as_bytes(), "t").map(Cow::into_owned);
        for (value, expected) in [
            (format!("https://h/standup?t={A}"), Some("https://h/standup")),
            (format!("https://h/standup?a=1&%74={A}&b=%zz"), Some("https://h/standup?a=1&b=%zz")),
            (format!("https://h?t={A}"), Some("https://h")),
            ("https://h/standup?t=".to_owned(), Some("https://h/standup")),
            ("https://h:8443/a%20b/?x=1&y".to_owned(), Some("https://h:8443/a%20b/?x=1&y")),
            ("https://h/?".to_owned(), Some("https://h/?")),
            ("http://[::1]:8080/".to_owned(), Some("http://[::1]:8080/")),
            ("android-app://org.example.meet".to_owned(), Some("android-app://org.example.meet")),
            ("about:blank".to_owned(), Some("about:blank")),
            (format!("https://h/{A}"), None),
            (format!("https://h/?T={A}"), None),
            (format!("https://h/?a=1;t={A}"), None),
            (format!("https://h/?x={A}"), None),
            (format!("https://h/#t={A}"), None),
            (format!("https://h/?next=%2F%3Ft%3D{A}"), None),
            (format!("https://h/?t={A}#x"), None),
            (format!("https://t={A}/"), None),
            (format!("https://user:{A}@h/"), None),
            (format!("/standup?t={A}"), None),
            (format!("//h/standup?t={A}"), None),
            ("https://h/a b".to_owned(), None),
            ("https://h\\a".to_owned(), None),
            ("https:///a".to_owned(), None),
            ("javascript:alert(1)".to_owned(), None),
            (String::new(), None),
        ] {
            assert_eq!(kept(&value).as_deref(), expected, "{value}");
        }
        assert_eq!(strip_referer(b"https://h/\xff", "t"), None);
    }

    #[test]
    fn nothing_that_holds_tokens_prints_them() {
        let stripped = take_out("t=secret&t=other", "t");
        let shown = format!("{stripped:?} {:?} {:?}", stripped.token(), Brought::One("secret"));
        assert!(!shown.contains("secret") && !shown.contains("other"), "{shown}");
    }
}
