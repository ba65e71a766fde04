//! What do the parameters of a query say?

use std::borrow::Cow;
use std::fmt;

use super::path::BadTarget;
use super::readings;

/// A query as it was sent, without its `?`.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Query<'a> {
    raw: Option<&'a str>,
}

/// One `name=value`.
#[derive(Clone, PartialEq, Eq)]
pub struct Pair<'a> {
    /// The bytes between two `&`.
    pub raw: &'a str,
    /// What stands before the first `=`, decoded once as forms are (`+` is a blank).
    pub name: Cow<'a, str>,
    /// What stands behind it, decoded likewise; empty without a `=`.
    pub value: Cow<'a, str>,
}

impl<'a> Query<'a> {
    /// The most parameters that [`Query::only`] looks through. Servers stop reading somewhere (Node's `qs` after 1000).
    pub const MAX_PAIRS: usize = 100;

    /// The query of a request; `None` where there is no `?`.
    pub fn new(raw: Option<&'a str>) -> Self {
        Self { raw }
    }

    /// As it was sent.
    pub fn raw(&self) -> Option<&'a str> {
        self.raw
    }

    /// Its parameters, in order. Only `&` separates (WHATWG URL, section 5.1).
    pub fn pairs(&self) -> impl Iterator<Item = Pair<'a>> + use<'a> {
        self.raw.into_iter().flat_map(|raw| raw.split('&')).filter(|piece| !piece.is_empty()).map(Pair::read)
    }

    /// The value of the one parameter with this name, as it was sent and not decoded; `None` where nobody could find one.
    ///
    /// # Errors
    /// Where some server could find it twice, or only under another spelling: `%72oom`, `Room`, `room[]`, `x;room`.
    pub fn only(&self, name: &str) -> Result<Option<&'a str>, BadTarget> {
        let Some(raw) = self.raw else { return Ok(None) };
        if raw.split('&').count() > Self::MAX_PAIRS {
            return Err(BadTarget("the query holds too many parameters"));
        }
        let mut found = raw.split('&').filter_map(|piece| match piece.split_once('=') {
            Some((key, value)) => (key == name).then_some(value),
            None => (piece == name).then_some(""),
        });
        match (found.next(), readings::mentions(raw, name)) {
            (value, 0 | 1) if value.is_some() => Ok(value),
            (_, 0) => Ok(None),
            (None, 1) => Err(BadTarget("the query names the room in an unusual spelling")),
            (_, _) => Err(BadTarget("the query names the room more than once")),
        }
    }

    /// Whether some server could find a parameter with this name.
    pub fn mentions(&self, name: &str) -> bool {
        self.raw.is_some_and(|raw| readings::mentions(raw, name) > 0)
    }
}

/// The values may be secrets: only their number is told.
impl fmt::Debug for Query<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Query({} parameters)", self.pairs().count())
    }
}

impl<'a> Pair<'a> {
    pub(super) fn read(raw: &'a str) -> Self {
        let (name, value) = raw.split_once('=').unwrap_or((raw, ""));
        Self { raw, name: form_decoded(name), value: form_decoded(value) }
    }
}

/// Decoded once as forms are; bad bytes become U+FFFD, and bad escapes stay (WHATWG URL, section 5.1).
fn form_decoded(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(|b| matches!(b, b'%' | b'+')) {
        return Cow::Borrowed(text);
    }
    let blanks = text.replace('+', " ");
    Cow::Owned(percent_encoding::percent_decode_str(&blanks).decode_utf8_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

    use super::*;

    #[test]
    fn pairs_are_split_at_ampersands_and_decoded_once() {
        let pairs: Vec<_> =
            Query::new(Some("a=1&&b&%63=%2525+x&d=1;e=2&=z")).pairs().map(|p| (p.name.into_owned(), p.value.into_owned())).collect();
        let expected = [("a", "1"), ("b", ""), ("c", "%25 x"), ("d", "1;e=2"), ("", "z")].map(|(n, v)| (n.to_owned(), v.to_owned()));
        assert_eq!(pairs, expected);
        assert_eq!(Query::new(None).pairs().count(), 0);
    }

    #[test]
    fn a_parameter_is_believed_only_when_nobody_could_find_another() {
        for (query, expected) in [
            ("room=standup", Ok(Some("standup"))),
            ("EIO=4&room=standup&transport=polling", Ok(Some("standup"))),
            ("room=", Ok(Some(""))),
            ("room", Ok(Some(""))),
            ("", Ok(None)),
            ("x=room", Ok(None)),
            ("rooms=1&bedroom=2&room1=x", Ok(None)),
            ("room=a&room=b", Err("the query names the room more than once")),
            ("room=a&room=a", Err("the query names the room more than once")),
            ("room=a&room", Err("the query names the room more than once")),
            ("room=a&%72oom=b", Err("the query names the room more than once")),
            ("room=a&ROOM=b", Err("the query names the room more than once")),
            ("room=a&room[]=b", Err("the query names the room more than once")),
            ("room=a&room%5B0%5D=b", Err("the query names the room more than once")),
            ("room=a&x=1;room=b", Err("the query names the room more than once")),
            ("room=a&x=1%26room=b", Err("the query names the room more than once")),
            ("room=a&x=1%2526room=b", Err("the query names the room more than once")),
            ("room=a&%2572oom=b", Err("the query names the room more than once")),
            ("room=a&+room=b", Err("the query names the room more than once")),
            ("room=a&room%00=b", Err("the query names the room more than once")),
            ("room=a&?room=b", Err("the query names the room more than once")),
            ("room=a&x=?room=b", Err("the query names the room more than once")),
            ("room=a&%EF%BD%92oom=b", Err("the query names the room more than once")),
            ("room=a&%3Dx=1&!%3Droom=b", Err("the query names the room more than once")),
            ("room=a&room%E2%80%A5x=b", Err("the query names the room more than once")),
            ("room=a&%u0072oom=b", Err("the query names the room more than once")),
            ("%72oom=a", Err("the query names the room in an unusual spelling")),
            ("Room=a", Err("the query names the room in an unusual spelling")),
            ("room[]=a", Err("the query names the room in an unusual spelling")),
            ("x=1;room=a", Err("the query names the room in an unusual spelling")),
        ] {
            assert_eq!(Query::new(Some(query)).only("room").map_err(BadTarget::reason), expected, "{query}");
        }
        assert_eq!(Query::new(None).only("room"), Ok(None));
        let many = "a=1&".repeat(Query::MAX_PAIRS) + "room=a";
        assert!(Query::new(Some(&many)).only("room").is_err());
    }
}
