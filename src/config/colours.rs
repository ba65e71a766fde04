//! Which colours does an operator want, and can people read them?

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// A colour of a stylesheet: red, green, blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour(pub [u8; 3]);

/// The least contrast of text that everybody can read (WCAG 2.2, success criterion 1.4.3).
pub const READABLE: f64 = 4.5;

impl Colour {
    const WHITE: Self = Self([255; 3]);
    const BLACK: Self = Self([0; 3]);

    /// How much light it gives, from 0 to 1 (WCAG 2.2, "relative luminance").
    fn luminance(self) -> f64 {
        let linear = |value: u8| {
            let value = f64::from(value) / 255.0;
            if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        let [red, green, blue] = self.0.map(linear);
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    /// How well two can be told apart, from 1 to 21 (WCAG 2.2, "contrast ratio").
    pub fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance(), other.luminance());
        (one.max(two) + 0.05) / (one.min(two) + 0.05)
    }

    /// A mixture: so many hundredths of this one, the rest of the other.
    pub fn mixed(self, hundredths: u8, other: Self) -> Self {
        let part = u32::from(hundredths.min(100));
        let mix = |a: u8, b: u8| {
            let sum = u32::from(a).saturating_mul(part).saturating_add(u32::from(b).saturating_mul(100_u32.saturating_sub(part)));
            u8::try_from(sum.saturating_add(50).checked_div(100).unwrap_or(0)).unwrap_or(u8::MAX)
        };
        let ([a, b, c], [x, y, z]) = (self.0, other.0);
        Self([mix(a, x), mix(b, y), mix(c, z)])
    }

    /// Black or white, whatever can be read on it: one of them always can.
    pub fn text_on_it(self) -> Self {
        if self.contrast(Self::WHITE) >= READABLE { Self::WHITE } else { Self::BLACK }
    }

    /// The nearest to this one on the way to `end` that can be read on all of `grounds`.
    pub fn readable_on(self, grounds: &[Self], end: Self) -> Self {
        let steps = (0..=20_u8).map(|step| end.mixed(step.saturating_mul(5), self));
        steps.into_iter().find(|c| grounds.iter().all(|g| c.contrast(*g) >= READABLE)).unwrap_or(end)
    }
}

impl FromStr for Colour {
    type Err = String;

    /// `#rgb` or `#rrggbb` and nothing else: it goes into a stylesheet.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{}` is no colour: write #rrggbb, such as #2f6f5e", text.escape_debug());
        let digits: Option<Vec<u8>> = text
            .strip_prefix('#')
            .filter(|d| d.len() == 3 || d.len() == 6)
            .and_then(|d| d.chars().map(|c| c.to_digit(16).and_then(|v| u8::try_from(v).ok())).collect());
        let byte = |high: u8, low: u8| (high << 4) | low;
        match digits.as_deref() {
            Some([r, g, b]) => Ok(Self([byte(*r, *r), byte(*g, *g), byte(*b, *b)])),
            Some([r, s, g, h, b, c]) => Ok(Self([byte(*r, *s), byte(*g, *h), byte(*b, *c)])),
            Some(_) | None => Err(wrong()),
        }
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

/// What all other colours of a page are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Palette {
    /// Buttons, links, the mark of what has the focus.
    pub accent: Colour,
    /// Behind the card.
    pub ground: Colour,
    /// The card.
    pub card: Colour,
    /// Text.
    pub ink: Colour,
}

impl Palette {
    /// As in `style.css`.
    pub const LIGHT: Self = Self {
        accent: Colour([0x2f, 0x6f, 0x5e]),
        ground: Colour([0xf3, 0xf1, 0xec]),
        card: Colour([0xff, 0xfe, 0xfb]),
        ink: Colour([0x23, 0x30, 0x2c]),
    };
    /// As in `style.css`, where somebody prefers it dark.
    pub const DARK: Self = Self {
        accent: Colour([0x7c, 0xc5, 0xb0]),
        ground: Colour([0x16, 0x1b, 0x1a]),
        card: Colour([0x1f, 0x26, 0x25]),
        ink: Colour([0xe8, 0xec, 0xe9]),
    };

    /// The dark one that goes with a light accent: as light as it has to be.
    pub fn accent_in_the_dark(accent: Colour, card: Colour) -> Colour {
        accent.readable_on(&[card], Colour::WHITE)
    }

    /// Which texts few people could read: what, on what, their colours.
    pub fn hard_to_read(&self) -> Vec<(&'static str, &'static str, Colour, Colour)> {
        let pairs =
            [("ink", "card", self.ink, self.card), ("ink", "ground", self.ink, self.ground), ("accent", "card", self.accent, self.card)];
        pairs.into_iter().filter(|(_, _, text, ground)| text.contrast(*ground) < READABLE).collect()
    }
}

/// By day and by night, and the stylesheet that comes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Colours {
    /// `colours`.
    pub light: Palette,
    /// `dark`.
    pub dark: Palette,
    /// Goes over `style.css`.
    pub sheet: Arc<str>,
    /// Tells it from others: part of its address.
    pub digest: u64,
}

impl Colours {
    /// Both, with all that is made of them.
    pub fn new(light: Palette, dark: Palette) -> Self {
        let sheet = format!(":root{{{}}}\n@media (prefers-color-scheme:dark){{:root{{{}}}}}\n", light.properties(), dark.properties());
        Self { light, dark, digest: digest(sheet.as_bytes()), sheet: sheet.into() }
    }
}

impl Palette {
    /// The colours of `style.css` that these four are, or that are made of them.
    fn properties(&self) -> String {
        let Self { accent, ground, card, ink } = *self;
        let note = accent.mixed(10, card);
        let colours = [
            ("ground", ground),
            ("card", card),
            ("ink", ink),
            ("soft", ink.mixed(72, card).readable_on(&[card, ground], ink)),
            ("line", ink.mixed(16, card)),
            ("accent", accent),
            ("accent-deep", accent.mixed(85, ink)),
            ("on-accent", accent.text_on_it()),
            ("note", note),
            ("note-ink", ink.readable_on(&[note], note.text_on_it())),
            ("grave", Colour([0x9c, 0x33, 0x28]).readable_on(&[card], card.text_on_it())),
        ];
        colours.iter().map(|(name, colour)| format!("--{name}:{colour};")).collect()
    }
}

/// FNV-1a: tells versions of a file apart, and guards nothing.
pub(super) fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

    use super::*;

    fn colour(text: &str) -> Colour {
        text.parse().unwrap()
    }

    #[test]
    fn nothing_but_a_colour_gets_into_a_stylesheet() {
        for (text, shown) in [("#fff", "#ffffff"), ("#2F6f5e", "#2f6f5e"), ("#000000", "#000000"), ("#a1b", "#aa11bb")] {
            assert_eq!(colour(text).to_string(), shown);
        }
        for text in ["", "#", "red", "#ff", "#ffff", "#fffffff", "#ggg", "fff", "#fff;", "# fff", "#+12", "#ffé", "rgb(0,0,0)", "#ff\n"] {
            Colour::from_str(text).unwrap_err();
        }
    }

    #[test]
    fn contrast_is_what_wcag_says() {
        assert!((Colour::WHITE.contrast(Colour::BLACK) - 21.0).abs() < 0.001);
        assert!((colour("#777").contrast(Colour::WHITE) - 4.478).abs() < 0.001);
        assert!((colour("#767676").contrast(Colour::WHITE) - 4.542).abs() < 0.001);
        for grey in 0..=255 {
            let grey = Colour([grey; 3]);
            assert!(grey.contrast(grey.text_on_it()) >= READABLE, "{grey}");
        }
    }

    #[test]
    fn our_own_palettes_can_be_read_and_an_accent_is_light_enough_in_the_dark() {
        assert_eq!((Palette::LIGHT.hard_to_read(), Palette::DARK.hard_to_read()), (vec![], vec![]));
        for accent in ["#000", "#00f", "#7a0019", "#2f6f5e", "#fff"] {
            let dark = Palette::accent_in_the_dark(colour(accent), Palette::DARK.card);
            assert!(dark.contrast(Palette::DARK.card) >= READABLE, "{accent}");
        }
        let style = include_str!("../web/assets/style.css");
        for (palette, at) in [(Palette::LIGHT, 0), (Palette::DARK, style.find("prefers-color-scheme: dark").unwrap())] {
            let Palette { accent, ground, card, ink } = palette;
            for (name, colour) in [("accent", accent), ("ground", ground), ("card", card), ("ink", ink)] {
                let stated = style[at..].split_once(&format!("--{name}: ")).unwrap().1.split(';').next().unwrap();
                assert_eq!(Colour::from_str(stated), Ok(colour), "{name}");
            }
        }
    }

    #[test]
    fn whatever_the_four_are_what_is_made_of_them_can_be_read() {
        let palettes = [
            Palette::LIGHT,
            Palette::DARK,
            Palette { accent: colour("#ffd400"), ..Palette::LIGHT },
            Palette { card: colour("#102030"), ground: colour("#000"), ink: colour("#fff"), accent: colour("#fa0") },
            Palette { card: colour("#888"), ground: colour("#999"), ink: colour("#000"), accent: colour("#111") },
        ];
        for palette in palettes {
            let sheet = Colours::new(palette, Palette::DARK).sheet;
            let of = |name: &str| colour(sheet.split_once(&format!("--{name}:")).unwrap().1.split(';').next().unwrap());
            for (text, ground) in [("soft", "card"), ("soft", "ground"), ("on-accent", "accent"), ("note-ink", "note"), ("grave", "card")] {
                assert!(of(text).contrast(of(ground)) >= READABLE, "{text} on {ground}: {sheet}");
            }
        }
    }
}
