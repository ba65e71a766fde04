//! Which of the languages that are offered does somebody want?
//!
//! `Accept-Language` (RFC 9110, section 12.5.4) by lookup (RFC 4647, section 3.4), and then a little more kindly: who asks for `de` is
//! happy with `de-AT` too. A header that is longer than any browser's, or no list of languages, asks for nothing.

/// Longer than what any browser sends, in bytes.
const HEADER_MAX: usize = 512;
/// So many languages are looked at.
const RANGES_MAX: usize = 20;
/// The longest tag, in bytes (RFC 5646, section 4.4.1, says that 35 are enough).
const TAG_MAX: usize = 35;

/// A wish: a language, and how much it is wanted, in thousandths.
struct Wish<'a> {
    range: &'a str,
    weight: u16,
}

/// The place of the offered language that is wanted most; `None` where none is.
pub(super) fn choose(asked: &[u8], offered: &[&str]) -> Option<usize> {
    let asked = std::str::from_utf8(asked).ok().filter(|asked| asked.len() <= HEADER_MAX)?;
    let mut wishes: Vec<Wish<'_>> = asked.split(',').take(RANGES_MAX).filter_map(wish).collect();
    // The first of those that are wanted alike: sorting keeps their order.
    wishes.sort_by_key(|wish| std::cmp::Reverse(wish.weight));
    let (wanted, unwanted): (Vec<_>, Vec<_>) = wishes.into_iter().partition(|wish| wish.weight > 0);
    let refused = |tag: &str| unwanted.iter().any(|wish| covers(wish.range, tag));
    let named = |tag: &str| wanted.iter().any(|wish| wish.range != "*" && covers(wish.range, tag));
    let find = |is: &dyn Fn(&str) -> bool| offered.iter().position(|tag| is(tag) && !refused(tag));
    wanted.iter().find_map(|wish| {
        if wish.range == "*" {
            return find(&|tag| !named(tag)).or_else(|| find(&|_| true));
        }
        let shorter = std::iter::successors(Some(wish.range), |range| range.rsplit_once('-').map(|(shorter, _)| shorter));
        shorter.into_iter().find_map(|range| find(&|tag| tag.eq_ignore_ascii_case(range))).or_else(|| find(&|tag| covers(wish.range, tag)))
    })
}

/// Whether a tag is this language or a kind of it.
fn covers(range: &str, tag: &str) -> bool {
    match tag.get(..range.len()) {
        Some(begin) => begin.eq_ignore_ascii_case(range) && matches!(tag.as_bytes().get(range.len()), None | Some(b'-')),
        None => false,
    }
}

/// `de`, `de-AT;q=0.8`, `*;q=0`.
fn wish(text: &str) -> Option<Wish<'_>> {
    let (range, weight) = match text.split_once(';') {
        None => (text, Some(1000)),
        Some((range, parameter)) => {
            let (name, value) = parameter.split_once('=')?;
            (range, name.trim().eq_ignore_ascii_case("q").then(|| weight(value.trim())).flatten())
        }
    };
    let range = range.trim();
    Some(Wish { range, weight: weight? }).filter(|_| range == "*" || is_tag(range))
}

/// `0`, `1`, `0.5`, `0.123`, `1.000` (RFC 9110, section 12.4.2), in thousandths.
fn weight(text: &str) -> Option<u16> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    if part.len() > 3 || !part.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let thousandths: u16 = format!("{part:0<3}").parse().ok()?;
    match whole {
        "0" => Some(thousandths),
        "1" if thousandths == 0 => Some(1000),
        _ => None,
    }
}

/// Whether this is a language tag by its looks (RFC 5646): letters, then parts of letters and digits between hyphens, 8 characters each.
pub fn is_tag(text: &str) -> bool {
    let mut parts = text.split('-');
    let first = parts.next().is_some_and(|p| (2..=8).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphabetic()));
    first && text.len() <= TAG_MAX && parts.all(|p| (1..=8).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

    use super::*;

    const OFFERED: [&str; 6] = ["en", "de", "fr", "es", "pt", "zh-Hant-TW"];

    fn chosen(asked: &str) -> Option<&'static str> {
        choose(asked.as_bytes(), &OFFERED).map(|at| OFFERED[at])
    }

    #[test]
    fn whoever_asks_for_a_language_gets_it_or_its_nearest() {
        for (asked, gets) in [
            ("de", "de"),
            ("de-AT", "de"),
            ("DE-at", "de"),
            ("pt-BR,pt;q=0.9,en;q=0.8", "pt"),
            ("it, fr;q=0.2, de;q=0.3", "de"),
            ("fr;q=0.5,es;q=0.5", "fr"),
            ("fr;q=0.5 , es ; q=0.501", "es"),
            ("zh", "zh-Hant-TW"),
            ("zh-Hant", "zh-Hant-TW"),
            ("zh-Hant-TW-x-a", "zh-Hant-TW"),
            ("it,*;q=0.1", "en"),
            ("en;q=0,*", "de"),
            ("*", "en"),
            ("de;q=0.4,*;q=0.8", "en"),
            ("en;q=0.2,*;q=0.8", "de"),
            ("x,,;q=1,es", "es"),
        ] {
            assert_eq!(chosen(asked), Some(gets), "{asked}");
        }
    }

    #[test]
    fn whoever_asks_for_nothing_that_can_be_had_is_not_guessed_at() {
        let long = format!("{}de", "aa,".repeat(400));
        for asked in
            ["", "it", "zz-Latn", "en;q=0", "de;q=0,*;q=0", "de;q=2", "de;q=-1", "de;q=0.1234", "de;q", "de_DE", "de;level=1", &long]
        {
            assert_eq!(chosen(asked), None, "{asked}");
        }
        assert_eq!(choose(b"\xff\xfe,de", &OFFERED), None);
        assert_eq!(choose(b"de", &[]), None);
        // No more is read than a person has languages.
        assert_eq!(chosen(&format!("{}de", "it,".repeat(RANGES_MAX))), None);
    }

    #[test]
    fn a_part_of_a_word_is_no_language() {
        assert_eq!(choose(b"e", &OFFERED), None);
        assert_eq!(choose(b"den", &OFFERED), None);
        assert_eq!(choose(b"d", &["de"]), None);
        for tag in ["de", "de-AT", "zh-Hant-TW", "sr-Latn-RS", "es-419", "gsw"] {
            assert!(is_tag(tag), "{tag}");
        }
        for no in ["", "d", "-", "de-", "-de", "de--AT", "de_AT", "../de", "de-abcdefghi", "dé", "1e", "de AT", "de\n"] {
            assert!(!is_tag(no), "{no}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_header_whatever_it_says_brings_this_down(asked in proptest::collection::vec(proptest::num::u8::ANY, 0..600)) {
            if let Some(at) = choose(&asked, &OFFERED) {
                proptest::prop_assert!(at < OFFERED.len());
            }
        }

        #[test]
        fn nor_one_that_looks_like_one(asked in "([a-z]{0,3}(-[A-Z0-9]{0,3})?(;q=[01]?[.]?[0-9]{0,4})?[, *]?){0,8}") {
            if let Some(at) = choose(asked.as_bytes(), &OFFERED) {
                proptest::prop_assert!(at < OFFERED.len());
            }
        }
    }
}
