//! `[pages] languages` and `texts`: what do our pages say in the operator's own words?

use std::path::Path;
use std::sync::Arc;

use crate::words::{Direction, GROUPS, Languages, Words, built_in_languages, english, is_tag};

use super::document::{Page, Said, Section};
use super::file::Desk;

/// The longest sentence, in characters.
const SENTENCE_MAX: usize = 600;
/// So many missing keys are named; of the others it is said how many they are.
const NAMED: usize = 3;

impl Desk<'_> {
    /// What is offered: the languages that come with the program with the operator's sentences over them, and the operator's own.
    pub(super) fn languages(&self, section: &Section<'_>) -> Languages {
        let mut known: Vec<Arc<Words>> = built_in_languages().to_vec();
        for file in section.texts("texts").unwrap_or_default() {
            let Some(words) = self.own_words(section, &file) else { continue };
            match known.iter_mut().find(|w| w.lang.eq_ignore_ascii_case(&words.lang)) {
                Some(before) if built_in_languages().contains(before) => *before = Arc::new(words),
                Some(_) => section.problem(file.at, format!("`texts`: there are two files for `{}`", words.lang)),
                None => known.push(Arc::new(words)),
            }
        }
        let Some(stated) = section.texts("languages") else { return Languages::new(known) };
        if stated.is_empty() {
            section.problem(
                section.key_at("languages").unwrap_or(section.at()),
                "`languages`: an empty list: leave it out to offer all there are",
            );
        }
        let mut offered: Vec<Arc<Words>> = Vec::new();
        for tag in stated {
            match known.iter().find(|w| w.lang.eq_ignore_ascii_case(tag.value)) {
                Some(words) if offered.contains(words) => section.problem(tag.at, format!("`languages`: `{}` is there twice", tag.value)),
                Some(words) => offered.push(words.clone()),
                None => {
                    let all: Vec<&str> = known.iter().map(|w| &*w.lang).collect();
                    let message = format!(
                        "`languages`: there are no sentences in `{}`: write {}, or state a file of your own in `texts`",
                        tag.value.escape_debug(),
                        super::document::one_of(&all)
                    );
                    section.problem(tag.at, message);
                }
            }
        }
        Languages::new(offered)
    }

    /// One file of own sentences. Its name is its language's tag.
    fn own_words(&self, section: &Section<'_>, file: &Said<&str>) -> Option<Words> {
        let path = self.folder.join(file.value);
        let lang = Path::new(file.value).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        if !is_tag(lang) || path.extension().is_none_or(|e| e != "toml") {
            section
                .problem(file.at, format!("`texts`: `{}` is named after no language: call it de.toml, pt-BR.toml or the like", file.value));
            return None;
        }
        let (bytes, _) = self.read(section, "texts", &Said { value: path.clone(), at: file.at }, "")?;
        let text = self.text(&path, &bytes)?;
        let page = Page::new(&path, text, self.notes);
        let table = page.parse(text)?;
        let whole = Section::whole(&page, "", table.get_ref());
        Some(read(&whole, lang))
    }
}

fn read(whole: &Section<'_>, lang: &str) -> Words {
    // A language that comes with the program, or a kind of it, needs only what is said differently.
    let main = lang.split('-').next().unwrap_or(lang);
    let base = built_in_languages().iter().find(|w| w.lang.eq_ignore_ascii_case(main));
    let model = english();
    let direction = whole.word("dir", &[("ltr", Direction::Ltr), ("rtl", Direction::Rtl)]);
    let sections: Vec<(&str, Section<'_>)> = GROUPS.iter().map(|(group, title, _)| (*group, whole.section(group, title))).collect();
    let mut missing: Vec<String> = Vec::new();
    let words = Words::new(lang, direction.map_or(Direction::Ltr, |d| d.value), |group, key| {
        let usual = model.get(group, key).unwrap_or_default();
        let own = sections.iter().find(|(name, _)| *name == group).and_then(|(_, section)| {
            if base.is_none() && section.key_at(key).is_none() {
                missing.push(format!("{group}.{key}"));
            }
            section.read(key, |text| sentence(text, usual))
        });
        match (own, base) {
            (Some(own), _) => own.value.into(),
            (None, Some(base)) => base.get(group, key).unwrap_or(usual).into(),
            (None, None) => usual.into(),
        }
    });
    sections.iter().for_each(|(_, section)| section.close());
    whole.close();
    if !missing.is_empty() {
        let named: Vec<String> = missing.iter().take(NAMED).map(|key| format!("`{key}`")).collect();
        let more = missing.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        whole.problem(0, format!("a new language needs every sentence: {}{more} are missing", named.join(", ")));
    }
    words
}

/// One line of text, with the places for names that the English one has, and no others.
fn sentence(text: &str, model: &str) -> Result<String, String> {
    let places = |text: &str| -> Vec<String> {
        text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name.to_owned()).collect()
    };
    if text.trim().is_empty() {
        return Err("may not be empty".to_owned());
    }
    if text.chars().any(char::is_control) {
        return Err("is one line of text".to_owned());
    }
    if text.chars().count() > SENTENCE_MAX {
        return Err(format!("{SENTENCE_MAX} characters at most"));
    }
    let (mut own, mut wanted) = (places(text), places(model));
    own.sort();
    wanted.sort();
    match (own == wanted, wanted.is_empty()) {
        (true, _) => Ok(text.to_owned()),
        (false, true) => Err(format!("has a place for a name where the English sentence has none: `{model}`")),
        (false, false) => Err(format!("has to have the places for names that the English sentence has: `{model}`")),
    }
}
