//! **What our pages say**, in every language: each sentence once, in one file a language, beside this one.
//!
//! `en.toml` is the measure: every language has its keys, and no other. An operator's own sentences come over these or beside them
//! (`[pages] texts`); which of all that is spoken to somebody is decided by [`Languages::choose`].

mod choice;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use serde::Serialize;

pub use choice::is_tag;

/// Makes the groups of sentences, and the list of what they are called.
macro_rules! words {
    ($($(#[$about:meta])* $group:ident: $Group:ident { $($key:ident)* })*) => {
        $(
            $(#[$about])*
            #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
            pub(crate) struct $Group {
                $(pub $key: Box<str>,)*
            }
        )*

        /// All that is said in one language.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
        pub struct Words {
            /// BCP 47 (`<html lang>`).
            pub lang: Box<str>,
            /// Which way it is written (`<html dir>`).
            pub dir: Direction,
            $(pub(crate) $group: $Group,)*
        }

        /// Every group: its name, its name as a TOML section, its keys.
        pub const GROUPS: &[(&str, &str, &[&str])] = &[
            $((stringify!($group), concat!("[", stringify!($group), "]"), &[$(stringify!($key)),*]),)*
        ];

        impl Words {
            /// A language whose sentences are these, by group and key.
            pub fn new(lang: &str, dir: Direction, mut say: impl FnMut(&'static str, &'static str) -> Box<str>) -> Self {
                Self {
                    lang: lang.into(),
                    dir,
                    $($group: $Group { $($key: say(stringify!($group), stringify!($key)),)* },)*
                }
            }

            /// The sentence of this name.
            pub fn get(&self, group: &str, key: &str) -> Option<&str> {
                match (group, key) {
                    $($((stringify!($group), stringify!($key)) => Some(&self.$group.$key),)*)*
                    _ => None,
                }
            }
        }
    };
}

words! {
    /// On several pages.
    page: Everywhere { again back_to_door looks_again }

    /// The knocking page.
    knock: Knocking {
        title intro name name_hint button message waiting_title waiting_as waiting_stay nobody asked moved_title moved no_place_title
        no_place rename rename_button leave denied_title denied denied_again denied_soon denied_button open_title open enter no_script
        offline no_name too_many crowded
    }

    /// The owners’ console.
    door: Console {
        title to_room waiting nobody_waits more allow deny allow_all deny_all inside nobody_inside nameless owner you remove ban remove_hint
        bans banned removed lift no_script lost remember allowing denying decided_by forget recent allowed denied left moved move_back
        ban_more lasting network ban_hint until_end for_good with_network sound
    }

    /// A page that waits for a time to come.
    wait: Countdown { opens left days }

    /// The small window in an owner’s meeting page; sent to its script as JSON.
    overlay: Overlay {
        label waiting nobody allow deny allow_all deny_all remember letting_in turning_away ask_again moved_back more sound open close
        console lost
    }

    /// Why somebody does not get in.
    refusal: Refusals {
        reserved_title reserved reserved_next no_room_title no_room no_room_next banned_title banned banned_next
        ejected_title ejected ejected_next not_open_title not_open not_open_next closed_title closed closed_next
        denied_title denied denied_next private_title private private_next full_title full full_next held_title held held_next
        owners_only_title owners_only owners_only_next unknown_path_title unknown_path unknown_path_next
        unavailable_title unavailable unavailable_next bad_request_title bad_request bad_request_next
        foreign_origin_title foreign_origin foreign_origin_next no_cookies_title no_cookies no_cookies_next
        too_many_title too_many too_many_next
    }

    /// What is wrong with the link that somebody came with.
    token: Links {
        malformed bad_signature unknown_key wrong_algorithm wrong_room wrong_domain expired not_yet_valid revoked ambiguous
    }

    /// What an owner is told after an order.
    note: Notes {
        allowed denied removed banned lifted gone first_allowed first_denied renamed moved_back allow_all deny_all ask_again own_network
        stale failed
    }
}

/// Which way a language is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From left to right.
    Ltr,
    /// From right to left.
    Rtl,
}

impl Direction {
    /// As HTML writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ltr => "ltr",
            Self::Rtl => "rtl",
        }
    }
}

/// The languages that come with the program. English is the first.
static BUILT_IN: LazyLock<Vec<Arc<Words>>> = LazyLock::new(|| {
    let files = [
        ("en", include_str!("en.toml")),
        ("de", include_str!("de.toml")),
        ("fr", include_str!("fr.toml")),
        ("es", include_str!("es.toml")),
        ("pt", include_str!("pt.toml")),
    ];
    files.into_iter().map(|(lang, text)| Arc::new(built_in(lang, text))).collect()
});

/// A file of ours. A test knows that each is complete; if one were not, its key would stand in the sentence's place.
fn built_in(lang: &str, text: &str) -> Words {
    let read: BTreeMap<String, BTreeMap<String, String>> = toml::from_str(text).unwrap_or_default();
    let say = |group: &str, key: &str| read.get(group).and_then(|g| g.get(key)).map_or(key, String::as_str).into();
    Words::new(lang, Direction::Ltr, say)
}

/// English: for whatever is no page, and for whoever is asked by a program.
pub fn english() -> Arc<Words> {
    built_in_languages().first().cloned().unwrap_or_else(|| Arc::new(built_in("en", "")))
}

/// All that come with the program, English first.
pub fn built_in_languages() -> &'static [Arc<Words>] {
    &BUILT_IN
}

/// What is offered here, the default first. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Languages(Vec<Arc<Words>>);

impl Default for Languages {
    fn default() -> Self {
        Self(built_in_languages().to_vec())
    }
}

impl Languages {
    /// These, the first to whoever wants none of them; English where there are none.
    pub fn new(offered: Vec<Arc<Words>>) -> Self {
        if offered.is_empty() { Self(vec![english()]) } else { Self(offered) }
    }

    /// Their tags, the default first.
    pub fn tags(&self) -> Vec<&str> {
        self.0.iter().map(|words| &*words.lang).collect()
    }

    /// What is spoken to somebody who asks like this (`Accept-Language`); the default where nothing fits or nothing was asked.
    pub fn choose(&self, asked: Option<&[u8]>) -> Arc<Words> {
        let wanted = asked.and_then(|asked| choice::choose(asked, &self.tags()));
        wanted.and_then(|at| self.0.get(at)).or(self.0.first()).cloned().unwrap_or_else(english)
    }

    /// The one of this tag, whatever the case of its letters.
    pub fn words_for(&self, lang: &str) -> Option<&Arc<Words>> {
        self.0.iter().find(|words| words.lang.eq_ignore_ascii_case(lang))
    }
}
