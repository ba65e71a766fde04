#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::*;

const FILES: [(&str, &str); 5] = [
    ("en", include_str!("en.toml")),
    ("de", include_str!("de.toml")),
    ("fr", include_str!("fr.toml")),
    ("es", include_str!("es.toml")),
    ("pt", include_str!("pt.toml")),
];

/// What is the same word in two languages.
const SAME: [&str; 6] = ["Message (optional)", "Message (facultatif)", "d", "", "Ban…", "Sound"];

fn keys() -> impl Iterator<Item = (&'static str, &'static str)> {
    GROUPS.iter().flat_map(|(group, _, keys)| keys.iter().map(|key| (*group, *key)))
}

#[test]
fn every_language_has_every_sentence_and_no_other() {
    for (lang, text) in FILES {
        let read: BTreeMap<String, BTreeMap<String, String>> = toml::from_str(text).unwrap_or_else(|e| panic!("{lang}.toml: {e}"));
        let theirs: Vec<(&str, &str)> = read.iter().flat_map(|(g, keys)| keys.keys().map(|k| (g.as_str(), k.as_str()))).collect();
        for key in keys() {
            assert!(theirs.contains(&key), "{lang}.toml lacks {key:?}");
        }
        for key in &theirs {
            assert!(keys().any(|k| k == *key), "{lang}.toml has {key:?}, which nobody says");
        }
    }
    assert_eq!(Languages::default().tags(), FILES.map(|(lang, _)| lang));
}

#[test]
fn no_sentence_is_left_in_english_and_none_is_sloppy() {
    let english = english();
    for words in built_in_languages() {
        for (group, key) in keys() {
            let (text, model) = (words.get(group, key).unwrap(), english.get(group, key).unwrap());
            let at = format!("{}.toml: [{group}] {key} = {text:?}", words.lang);
            assert_eq!(text.trim(), text, "{at}");
            assert!(!text.is_empty() && !text.contains("  ") && !text.contains(['\n', '\'', '"', '<', '&']), "{at}");
            if words.lang != english.lang && !SAME.contains(&text) {
                assert_ne!(text, model, "{at}");
            }
            let ends = |t: &str| t.ends_with(['.', '?', '!']);
            assert_eq!(ends(text), ends(model), "{at}: a sentence is a sentence in every language");
            assert_eq!(placeholders(text), placeholders(model), "{at}");
            // Twice as long as the English one does not fit where that one does.
            assert!(text.chars().count() <= model.chars().count() * 2 + 16, "{at}");
        }
    }
}

#[test]
fn french_and_spanish_signs_stand_as_they_should() {
    for words in built_in_languages() {
        for (group, key) in keys() {
            let text = words.get(group, key).unwrap();
            let at = format!("{}.toml: [{group}] {key} = {text:?}", words.lang);
            match &*words.lang {
                "fr" => {
                    for (n, _) in text.match_indices([':', ';', '?', '!']) {
                        assert!(text[..n].ends_with(['\u{a0}', '\u{202f}']), "{at}");
                    }
                }
                "es" => assert_eq!(text.matches('?').count(), text.matches('¿').count(), "{at}"),
                _ => {}
            }
        }
    }
}

fn placeholders(text: &str) -> Vec<&str> {
    text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect()
}

#[test]
fn scripts_get_a_group_as_json() {
    let german = Languages::default().words_for("DE").unwrap().clone();
    let json = serde_json::to_value(&german.overlay).unwrap();
    assert_eq!(json["allow_all"], "Alle hereinlassen");
    assert_eq!(serde_json::to_value(&*german).unwrap()["dir"], "ltr");
}

#[test]
fn whoever_asks_is_spoken_to_in_their_language_and_all_others_in_the_first() {
    let all = Languages::default();
    assert_eq!(&*all.choose(Some(b"fr-CH, en;q=0.5")).lang, "fr");
    assert_eq!(&*all.choose(Some(b"ja")).lang, "en");
    assert_eq!(&*all.choose(None).lang, "en");
    let german = Languages::new(vec![all.words_for("de").unwrap().clone()]);
    assert_eq!(&*german.choose(Some(b"fr")).lang, "de");
    assert_eq!(&*Languages::new(vec![]).choose(None).lang, "en");
}
