//! Which names does a pattern mean?

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use unicode_normalization::UnicodeNormalization;

/// `team-*`: `*` stands for any run of characters (also for none), `?` for exactly one. Holds for the whole name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: Arc<str>,
    parts: Vec<Part>,
    folded: Vec<Part>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Char(char),
    One,
    Run,
}

/// A name, laid out once for many patterns.
#[derive(Clone, Debug)]
pub struct Letters {
    exact: Vec<Part>,
    folded: Vec<Part>,
}

impl Letters {
    /// The letters of this name.
    pub fn of(name: &str) -> Self {
        let letters = |text: &str| text.chars().map(Part::Char).collect();
        Self { exact: letters(name), folded: letters(&fold(name)) }
    }
}

/// The text is no pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Nothing was there.
    #[error("a pattern may not be empty")]
    Empty,
    /// More than [`Pattern::MAX`] bytes.
    #[error("a pattern has at most {} bytes", Pattern::MAX)]
    TooLong,
}

impl Pattern {
    /// The longest pattern, in bytes of UTF-8.
    pub const MAX: usize = 256;

    /// Reads a pattern. Whether its letters may stand in a name is for the profile to say: see [`Pattern::sample`].
    ///
    /// # Errors
    /// An empty text, or one of more than [`Pattern::MAX`] bytes.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        if text.is_empty() {
            return Err(PatternError::Empty);
        }
        if text.len() > Self::MAX {
            return Err(PatternError::TooLong);
        }
        Ok(Self { text: text.into(), parts: parts(text), folded: parts(&fold(text)) })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it means this name, letter for letter.
    pub fn matches(&self, name: &Letters) -> bool {
        run(&self.parts, &name.exact)
    }

    /// Whether it means this name, or one that differs only in letter case (or in another way to write the same letters).
    pub fn matches_loosely(&self, name: &Letters) -> bool {
        self.matches(name) || run(&self.folded, &name.folded)
    }

    /// Whether every name that `later` means is one that this means. A `false` may be wrong, a `true` never is.
    pub fn covers(&self, later: &Self) -> bool {
        run(&self.parts, &later.parts)
    }

    /// Whether it stands for a single name.
    pub fn is_plain(&self) -> bool {
        self.parts.iter().all(|p| matches!(p, Part::Char(_)))
    }

    /// A short text with all its letters and none of its wildcards: where that cannot be a name, nothing it means can.
    pub fn sample(&self) -> String {
        let letters: String = self.text.chars().filter(|c| *c != '*').map(|c| if c == '?' { 'x' } else { c }).collect();
        if letters.is_empty() || self.text.starts_with('*') || self.text.ends_with('*') { format!("x{letters}x") } else { letters }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn parts(text: &str) -> Vec<Part> {
    let part = |c| match c {
        '*' => Part::Run,
        '?' => Part::One,
        c => Part::Char(c),
    };
    let mut parts: Vec<Part> = text.chars().map(part).collect();
    parts.dedup_by(|a, b| *a == Part::Run && *b == Part::Run);
    parts
}

/// Wildcards against a text, which may itself be a pattern. One place to come back to is enough: where a later `*` has been
/// reached, no other choice for an earlier one could do better. At most pattern times text steps.
fn run(pattern: &[Part], text: &[Part]) -> bool {
    let (mut p, mut t) = (0_usize, 0_usize);
    let mut back: Option<(usize, usize)> = None;
    while let Some(here) = text.get(t) {
        let fits = match (pattern.get(p), here) {
            (Some(Part::Char(a)), Part::Char(b)) => a == b,
            (Some(Part::One), Part::Char(_) | Part::One) => true,
            (Some(Part::Run), _) => {
                p = p.saturating_add(1);
                back = Some((p, t));
                continue;
            }
            (Some(Part::Char(_)), Part::One | Part::Run) | (Some(Part::One), Part::Run) | (None, _) => false,
        };
        if fits {
            p = p.saturating_add(1);
            t = t.saturating_add(1);
        } else if let Some((after, from)) = back {
            p = after;
            t = from.saturating_add(1);
            back = Some((after, t));
        } else {
            return false;
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|rest| *rest == Part::Run)
}

/// One spelling for all names that a server might take for the same: without letter case, composed the same way.
///
/// Wider than any one server: it only ever refuses. Upper case first, since some letters meet only there (`ſ` and `s`).
pub(super) fn fold(name: &str) -> Cow<'_, str> {
    if name.is_ascii() {
        if name.bytes().any(|b| b.is_ascii_uppercase()) {
            return Cow::Owned(name.to_ascii_lowercase());
        }
        return Cow::Borrowed(name);
    }
    let flat = name.nfkc().flat_map(char::to_uppercase).flat_map(char::to_lowercase);
    Cow::Owned(flat.nfkc().collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

    use proptest::prelude::*;

    use super::*;

    fn p(text: &str) -> Pattern {
        Pattern::new(text).unwrap()
    }

    #[test]
    fn a_pattern_means_the_whole_name_letter_for_letter() {
        let cases = [
            ("team-*", "team-a", true),
            ("team-*", "team-", true),
            ("team-*", "team", false),
            ("team-*", "Team-a", false),
            ("team-*", "xteam-a", false),
            ("*-team", "a-team-b", false),
            ("*", "anything", true),
            ("**", "anything", true),
            ("a*b*c", "aXbXbc", true),
            ("a*b*c", "aXbXb", false),
            ("admin?", "admin1", true),
            ("admin?", "admin", false),
            ("admin?", "admin12", false),
            ("admin?", "adminä", true),
            ("raum-*", "raum-ä", true),
            ("standup", "standup", true),
            ("standup", "standup2", false),
            ("[ab]", "a", false),
            ("{a,b}", "a", false),
        ];
        for (pattern, name, means) in cases {
            assert_eq!(p(pattern).matches(&Letters::of(name)), means, "{pattern} on {name}");
        }
    }

    #[test]
    fn what_only_looks_different_matches_loosely() {
        let cases = [
            ("admin*", "ADMIN-1", true),
            ("Admin*", "admin-1", true),
            ("straße*", "STRASSE-1", true),
            ("kelvin", "\u{212a}elvin", true),
            ("rats", "rat\u{17f}", true),
            ("café", "cafe\u{301}", true),
            ("ＡＢ", "ab", true),
            ("a?b", "aßb", true),
            ("ΣΑΣ*", "σας-x", true),
            ("admin*", "adm1n", false),
        ];
        for (pattern, name, means) in cases {
            assert_eq!(p(pattern).matches_loosely(&Letters::of(name)), means, "{pattern} on {name}");
        }
    }

    #[test]
    fn a_broader_pattern_covers_a_narrower_one() {
        let cases = [
            ("*", "team-*", true),
            ("team-*", "team-a-*", true),
            ("team-*", "team-a", true),
            ("team-?", "team-a", true),
            ("team-?", "team-*", false),
            ("team-*", "*", false),
            ("a*", "*a", false),
            ("*a*", "b*a?", true),
            ("x*", "y*", false),
            ("a?*", "a*", false),
        ];
        for (broad, narrow, covers) in cases {
            assert_eq!(p(broad).covers(&p(narrow)), covers, "{broad} over {narrow}");
        }
    }

    #[test]
    fn nothing_and_too_much_are_no_patterns() {
        assert_eq!(Pattern::new(""), Err(PatternError::Empty));
        assert_eq!(Pattern::new(&"a".repeat(257)), Err(PatternError::TooLong));
    }

    #[test]
    fn a_pattern_made_to_be_slow_is_not() {
        let slow = p(&"*a".repeat(128));
        let name = "a".repeat(127) + "b";
        let begun = std::time::Instant::now();
        for _ in 0..1000 {
            assert!(!slow.matches(&Letters::of(&name)));
        }
        assert!(begun.elapsed() < std::time::Duration::from_secs(5));
    }

    /// The obvious way, which takes forever on hostile input.
    fn naive(pattern: &[char], name: &[char]) -> bool {
        match (pattern.split_first(), name.split_first()) {
            (None, None) => true,
            (Some(('*', rest)), _) => naive(rest, name) || name.split_first().is_some_and(|(_, n)| naive(pattern, n)),
            (Some(('?', rest)), Some((_, n))) => naive(rest, n),
            (Some((a, rest)), Some((b, n))) => a == b && naive(rest, n),
            (Some(_), None) | (None, Some(_)) => false,
        }
    }

    proptest! {
        #[test]
        fn the_quick_way_and_the_obvious_way_agree(pattern in "[abA*?]{1,8}", name in "[abA]{0,8}") {
            let chars = |s: &str| s.chars().collect::<Vec<_>>();
            prop_assert_eq!(p(&pattern).matches(&Letters::of(&name)), naive(&chars(&pattern), &chars(&name)));
        }

        #[test]
        fn a_covered_pattern_means_nothing_new(broad in "[ab*?]{1,6}", narrow in "[ab*?]{1,6}", name in "[ab]{0,7}") {
            if p(&broad).covers(&p(&narrow)) && p(&narrow).matches(&Letters::of(&name)) {
                prop_assert!(p(&broad).matches(&Letters::of(&name)));
            }
        }

        #[test]
        fn letter_case_never_saves_a_name_from_a_loose_match(pattern in "[a-cäß*?]{1,6}", name in "[a-cäß]{0,7}") {
            if p(&pattern).matches(&Letters::of(&name)) {
                prop_assert!(p(&pattern).matches_loosely(&Letters::of(&name)));
                // `?` is one letter: where upper case makes two of it, there is nothing to compare.
                if !name.contains('ß') {
                    prop_assert!(p(&pattern).matches_loosely(&Letters::of(&name.to_uppercase())));
                }
            }
        }

        #[test]
        fn folding_twice_changes_nothing(name in "\\PC{0,12}") {
            let once = fold(&name).into_owned();
            prop_assert_eq!(fold(&once).into_owned(), once);
        }
    }
}
