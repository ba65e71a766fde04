//! `[pages]`: how do our own pages look, and which languages do they speak?

use std::fmt;
use std::sync::Arc;

use crate::words::Languages;

use super::colours::{Colour, Colours, Palette};
use super::document::Section;
use super::file::Desk;

/// The largest logo, in bytes.
const LOGO_MAX: usize = 64 * 1024;
/// The longest name, in characters.
const NAME_MAX: usize = 60;

/// `[pages]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pages {
    /// `name`: whose place this is.
    pub name: Option<String>,
    /// `logo`.
    pub logo: Option<Logo>,
    /// `colours` and `dark`; `None` where neither says anything.
    pub colours: Option<Colours>,
    /// `languages`, with the sentences of `texts`.
    pub languages: Languages,
    /// `overlay`: whether an owner's meeting page gets the small window.
    pub overlay: bool,
}

/// A picture above each page.
#[derive(Clone, PartialEq, Eq)]
pub struct Logo {
    /// What kind of picture it is.
    pub kind: LogoKind,
    /// The file.
    pub bytes: Arc<[u8]>,
    /// Tells it from others: part of its address.
    pub digest: u64,
}

/// What may be a logo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogoKind {
    /// `image/svg+xml`.
    Svg,
    /// `image/png`.
    Png,
}

impl LogoKind {
    /// As `Content-Type` says it.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Svg => "image/svg+xml",
            Self::Png => "image/png",
        }
    }

    /// How such a file's name ends.
    pub const fn ending(self) -> &'static str {
        match self {
            Self::Svg => "svg",
            Self::Png => "png",
        }
    }
}

impl Default for Pages {
    /// As if nothing were stated.
    fn default() -> Self {
        Self { name: None, logo: None, colours: None, languages: Languages::default(), overlay: true }
    }
}

impl fmt::Debug for Logo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Logo({:?}, {} bytes)", self.kind, self.bytes.len())
    }
}

impl Desk<'_> {
    pub(super) fn pages(&self, section: &Section<'_>) -> Pages {
        let name = section.read("name", name).map(|said| said.value);
        let logo = self.logo(section);
        let colours = colours(section);
        let languages = self.languages(section);
        let overlay = section.flag("overlay").is_none_or(|said| said.value);
        section.close();
        Pages { name, logo, colours, languages, overlay }
    }

    fn logo(&self, section: &Section<'_>) -> Option<Logo> {
        let path = self.path(section, "logo")?;
        let (bytes, _) = self.read(section, "logo", &path, "")?;
        let file = path.value.display();
        if bytes.len() > LOGO_MAX {
            section.problem(path.at, format!("`logo`: {file} has {} bytes: {LOGO_MAX} are allowed", bytes.len()));
            return None;
        }
        let Some(kind) = LogoKind::of(&bytes) else {
            section.problem(path.at, format!("`logo`: {file} is neither an SVG nor a PNG"));
            return None;
        };
        let digest = super::colours::digest(&bytes);
        Some(Logo { kind, bytes: bytes.into(), digest })
    }
}

impl LogoKind {
    /// By content: a file's name says nothing.
    fn of(bytes: &[u8]) -> Option<Self> {
        if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
            return Some(Self::Png);
        }
        let text = std::str::from_utf8(bytes).ok()?.trim_start_matches('\u{feff}').trim_start();
        let root = text
            .match_indices('<')
            .map(|(at, _)| text.get(at..).unwrap_or_default())
            .find(|t| !t.starts_with("<?") && !t.starts_with("<!"));
        (text.starts_with('<') && root.is_some_and(|root| root.starts_with("<svg"))).then_some(Self::Svg)
    }
}

fn name(text: &str) -> Result<String, String> {
    let wrong = if text.trim().is_empty() {
        "may not be empty".to_owned()
    } else if text.chars().any(char::is_control) {
        "is one line of text".to_owned()
    } else if text.chars().count() > NAME_MAX {
        format!("{NAME_MAX} characters at most")
    } else {
        return Ok(text.trim().to_owned());
    };
    Err(wrong)
}

fn colours(section: &Section<'_>) -> Option<Colours> {
    let (light, dark) = (section.section("colours", "[pages.colours]"), section.section("dark", "[pages.dark]"));
    let by_day = palette(&light, Palette::LIGHT);
    let accent = light.key_at("accent").map(|_| Palette::accent_in_the_dark(by_day.accent, Palette::DARK.card));
    let by_night = palette(&dark, Palette { accent: accent.unwrap_or(Palette::DARK.accent), ..Palette::DARK });
    for (section, palette) in [(&light, by_day), (&dark, by_night)] {
        if !section.is_stated() {
            continue;
        }
        for (text, ground, a, b) in palette.hard_to_read() {
            let title = if palette == by_day { "colours" } else { "dark" };
            let contrast = (a.contrast(b) * 10.0).floor() / 10.0;
            section.warn(
                section.at(),
                format!("`{title}`: {text} {a} on {ground} {b} is hard to read: a contrast of {contrast:.1} where 4.5 is the least"),
            );
        }
    }
    (light.is_stated() || dark.is_stated()).then(|| Colours::new(by_day, by_night))
}

fn palette(section: &Section<'_>, usual: Palette) -> Palette {
    let colour = |key, usual: Colour| section.read(key, str::parse::<Colour>).map_or(usual, |said| said.value);
    let palette = Palette {
        accent: colour("accent", usual.accent),
        ground: colour("ground", usual.ground),
        card: colour("card", usual.card),
        ink: colour("ink", usual.ink),
    };
    section.close();
    palette
}
