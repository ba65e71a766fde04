//! How our own pages look and speak, as an operator says it.

use super::*;
use crate::config::LogoKind;

/// Sentences with mistakes, for `problems.md`.
pub(super) fn write(folder: &Folder) {
    folder.write("texts/fr.toml", "dir = \"up\"\n[knock]\ntitle = \" \"\nbutto = \"Toc\"\nname = \"Nom {name}\"\n[doors]\n");
    folder.write("texts/oc.toml", "[page]\nagain = \"Tornar ensajar\"\n");
}

/// What `config/pages.toml` names.
pub(super) fn write_example(folder: &Folder, examples: &Path) {
    for name in ["logo.svg", "texts/en.toml", "texts/de-AT.toml"] {
        folder.write(name, &fs::read_to_string(examples.join(name)).unwrap());
    }
}

#[test]
fn the_example_says_what_its_comments_say() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let folder = Folder::new();
    write_example(&folder, &examples);
    let (config, _) = folder.load(&fs::read_to_string(examples.join("pages.toml")).unwrap()).unwrap();
    let pages = &config.pages;
    let title = |asked: &str| pages.languages.choose(Some(asked.as_bytes())).get("knock", "title").unwrap().to_owned();
    assert_eq!([title("ja"), title("de-DE"), title("de-AT")], ["Welcome to our waiting room", "Bitte anklopfen", "Grüß Gott!"]);
    assert_eq!(pages.languages.choose(Some(b"de-AT")).get("knock", "button"), Some("Anklopfen"), "as in German");
    assert_eq!((pages.name.as_deref(), pages.logo.as_ref().unwrap().kind, pages.overlay), (Some("Example Clinic"), LogoKind::Svg, true));
    let sheet = &pages.colours.as_ref().unwrap().sheet;
    assert!(sheet.contains("--accent:#1f5f99;") && sheet.contains("--accent:#8cc1f0;") && sheet.contains("--card:#fffefb;"), "{sheet}");
}

#[test]
fn a_logo_is_what_it_is_and_not_what_it_is_called() {
    let folder = Folder::new();
    let load = |bytes: &[u8]| {
        fs::write(folder.path("logo"), bytes).unwrap();
        folder.load(&format!("{LEAST}[pages]\nlogo = \"logo\"\n")).map(|(config, _)| config.pages.logo.unwrap().kind)
    };
    assert_eq!(load(b"\x89PNG\r\n\x1a\n..."), Ok(LogoKind::Png));
    for svg in ["<svg/>", "\u{feff}<?xml version=\"1.0\"?>\n<!-- a -->\n<svg xmlns=\"http://www.w3.org/2000/svg\"/>", " \n<svg></svg>"] {
        assert_eq!(load(svg.as_bytes()), Ok(LogoKind::Svg), "{svg}");
    }
    for other in [&b"GIF89a"[..], b"", b"<html><svg/></html>", b"svg", b"<svg \xff/>", b"\xff\xd8\xff"] {
        assert!(load(other).unwrap_err()[0].ends_with("is neither an SVG nor a PNG"));
    }
    let large = [&b"<svg>"[..], &vec![b' '; 64 * 1024]].concat();
    assert!(load(&large).unwrap_err()[0].ends_with("has 65541 bytes: 65536 are allowed"));
}
