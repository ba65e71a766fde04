//! Many kinds of server read what we let through: none of them may land in the private room when we judged something else.
//!
//! A reader is a choice of habits: how often it decodes, whether it cuts parameters off, merges slashes, folds letters, deletes characters,
//! trims names, in which order it does so, and how it reads a query. All choices together stand for nginx, Node, Python, Java containers, Windows
//! and IIS, PHP, frameworks that decode twice, Jitsi Meet's six steps, stringprep, and some that nobody has written yet.

use proptest::prelude::*;
use unicode_normalization::UnicodeNormalization;

use super::*;

#[derive(Clone, Copy, Debug)]
pub(super) struct Reader {
    /// How often the path is decoded before it is split, and how often after.
    before: usize,
    after: usize,
    fold: Fold,
    /// Java: what follows `;` in a segment is a parameter.
    parameters: bool,
    /// Windows: backslashes are slashes, trailing dots and blanks are nothing, `PRIVAT~1` is `private`.
    windows: bool,
    /// What separates parameters of a query.
    walls: &'static [char],
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fold {
    Nothing,
    Case,
    /// Jitsi Meet: characters are deleted, then NFKC, then lower case.
    Jitsi,
    /// stringprep: NFKC, case folding, invisible characters deleted.
    Prep,
    /// Best-fit to a code page.
    BestFit,
}

const SECRET: &str = "private";

impl Reader {
    pub(super) fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for (before, after) in [(0, 0), (1, 0), (0, 1), (1, 1), (2, 0), (0, 2), (2, 1)] {
            for fold in [Fold::Nothing, Fold::Case, Fold::Jitsi, Fold::Prep, Fold::BestFit] {
                for parameters in [false, true] {
                    for windows in [false, true] {
                        for walls in [&['&'][..], &['&', ';'], &['&', ';', '?']] {
                            all.push(Self { before, after, fold, parameters, windows, walls });
                        }
                    }
                }
            }
        }
        all
    }

    /// What is wrong, when this reader finds the secret in what was let through as something else.
    pub(super) fn disagrees(&self, outcome: &Result<(Target, String), &'static str>, upgrade: bool) -> Option<String> {
        let (target, sent) = outcome.as_ref().ok()?;
        // A name in other letters than a stated one is refused by the directory.
        let private = matches!(target, Target::Room { room, .. } if room.as_str().eq_ignore_ascii_case(SECRET));
        if private || matches!(target, Target::Unknown) {
            return None;
        }
        self.lands(sent, upgrade).then(|| format!("{sent} was judged {}, and is the private room for {self:?}", told(outcome)))
    }

    fn lands(&self, sent: &str, upgrade: bool) -> bool {
        let (path, query) = sent.split_once('?').unwrap_or((sent, ""));
        let segments = self.segments(path);
        let named = |segment: &str| segment == SECRET || (self.windows && segment.starts_with("privat~"));
        let socket = |segment: Option<&String>| segment.is_some_and(|segment| segment == "ws");
        match segments.first() {
            None => false,
            Some(first) if ["static", "api", "favicon.ico"].contains(&first.as_str()) => false,
            _ if socket(segments.first()) || (upgrade && socket(segments.last())) => self.rooms(query).iter().any(|room| named(room)),
            Some(first) => named(first),
        }
    }

    fn segments(&self, path: &str) -> Vec<String> {
        let whole = self.folded(&decode(path, self.before));
        let mut segments: Vec<String> = Vec::new();
        for segment in whole.split(|c| c == '/' || (self.windows && c == '\\')) {
            let segment = self.segment(&decode(segment, self.after));
            // What decoding after the split brings forth is split by the file system behind.
            for piece in segment.split(['/', '\\']) {
                match piece {
                    "" | "." => {}
                    ".." => drop(segments.pop()),
                    piece => segments.push(piece.to_owned()),
                }
            }
        }
        segments
    }

    fn segment(&self, segment: &str) -> String {
        let segment = if self.parameters { segment.split(';').next().unwrap() } else { segment };
        let segment = self.folded(segment);
        let trimmed = if self.windows { segment.split(':').next().unwrap().trim_matches(' ') } else { &segment };
        match trimmed {
            "." | ".." => trimmed.to_owned(),
            other if self.windows => other.trim_end_matches(['.', ' ']).to_lowercase(),
            other => other.to_owned(),
        }
    }

    fn folded(&self, text: &str) -> String {
        match self.fold {
            Fold::Nothing => text.to_owned(),
            Fold::Case => text.to_lowercase(),
            Fold::Jitsi => {
                text.chars().filter(|c| !":?#[]@!$&'()*+,;=><\"".contains(*c)).collect::<String>().nfkc().collect::<String>().to_lowercase()
            }
            Fold::Prep => {
                let invisible = |c: &char| matches!(*c, '\u{ad}' | '\u{34f}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0020}');
                text.nfkc().filter(|c| !invisible(c)).collect::<String>().to_lowercase()
            }
            Fold::BestFit => text
                .chars()
                .map(|c| match c {
                    '\u{2215}' | '\u{2044}' | '\u{ff0f}' => '/',
                    '\u{2216}' | '\u{a5}' | '\u{20a9}' | '\u{ff3c}' => '\\',
                    '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap(),
                    '\u{2024}' => '.',
                    other => other,
                })
                .collect(),
        }
    }

    /// Every room that some way of picking a parameter may find.
    fn rooms(&self, query: &str) -> Vec<String> {
        let mut rooms = Vec::new();
        for query in [query.to_owned(), decode(query, 1)] {
            for pair in query.split(self.walls) {
                let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                let times = self.before + self.after;
                let key = self.folded(&decode(&key.replace('+', " "), times));
                let key = key.trim().trim_start_matches('?').split(['[', '\0', '.']).next().unwrap();
                let value = self.segment(&decode(&value.replace('+', " "), times));
                if key == "room" {
                    rooms.extend(value.split([',', '/', '\\', '#', '&', ';', '\0', '\r']).map(|v| v.trim().to_owned()));
                }
            }
        }
        rooms
    }
}

/// Leniently, as often as asked; bad bytes as Latin-1.
fn decode(text: &str, times: usize) -> String {
    let mut now = text.to_owned();
    for _ in 0..times {
        let bytes: Vec<u8> = percent_encoding::percent_decode_str(&now).collect();
        now = String::from_utf8(bytes).unwrap_or_else(|error| error.into_bytes().iter().map(|b| char::from(*b)).collect());
    }
    now
}

#[test]
fn the_readers_are_as_different_as_real_servers() {
    let readers = Reader::all();
    for raw in [
        "/private",
        "/static/../private",
        "/static/%2e%2e/private",
        "/static/%252e%252e/private",
        "/static/..;x/private",
        "/static/..%5cprivate",
        "/static/..%20/private",
        "/static/%ef%bc%8e%ef%bc%8e/private",
        "/static/..%e2%88%95private",
        "/PRIVATE",
        "/private.",
        "/privat~1",
        "/pri!vate",
        "/priv%c2%adate",
        "/pr%e2%85%b3ate",
        "/%2570rivate",
        "/ws?room=public&room=private",
        "/ws?room=public&ROOM=private",
        "/ws?room=public&room[]=private",
        "/ws?x=1;room=private",
        "/ws?room=public%26room=private",
        "/ws?room=public&r%256fom=private",
        "/WS/?room=private",
    ] {
        assert!(readers.iter().any(|reader| reader.lands(raw, false)), "{raw} lands nowhere");
    }
    assert!(readers.iter().all(|reader| !reader.lands("/public", false)));
}

const PIECES: &[&str] = &[
    "/",
    "/",
    "/",
    "public",
    "private",
    "static",
    "ws",
    "api",
    "..",
    ".",
    "%2e",
    "%2E",
    "%2f",
    "%5c",
    "\\",
    ";",
    ";x=1",
    "%3b",
    "%20",
    "+",
    "%00",
    "%25",
    "%252e",
    "%252f",
    "%c0%ae",
    "%e2%80%a5",
    "%e2%80%a4",
    "%ef%bc%8e",
    "%ef%bc%8f",
    "%ef%bd%90",
    "%ef%bc%85",
    "%c2%ad",
    "%e2%80%8b",
    "%e2%88%95",
    "%c2%a5",
    "?",
    "?",
    "&",
    "room=",
    "room",
    "ROOM",
    "r%6fom=",
    "=",
    "t=",
    "t",
    "%74=",
    "PRIVATE",
    "priv",
    "ate",
    "privat~1",
    "!",
    "'",
    "\"",
    "#",
    "%23",
    "%3f",
    "%26",
    "%3d",
    ":",
    "[]",
    "a",
    "x=1",
    "%70",
    "%2570",
    "favicon.ico",
    ".ico",
    "_",
];

fn target() -> impl Strategy<Value = String> {
    let start = prop::sample::select(
        &["/", "/public/", "/static/", "/ws?room=public", "/ws?room=public&", "/ws?", "/api/", "/public", "/pri", ""][..],
    );
    let end = prop::sample::select(&["", "", "/private", "room=private", "=private", "private", "/ws?room=private"][..]);
    (start, prop::collection::vec(prop::sample::select(PIECES), 0..6), end)
        .prop_map(|(start, pieces, end)| start.to_owned() + &pieces.concat() + end)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_let_through_is_read_alike_by_everybody(target in target(), upgrade: bool) {
        let outcome = judge(&example(), target.as_bytes(), upgrade);
        for reader in Reader::all() {
            prop_assert_eq!(reader.disagrees(&outcome, upgrade), None);
        }
    }

    #[test]
    fn what_is_let_through_is_the_same_when_it_is_judged_again(target in target(), upgrade: bool) {
        if let Ok((found, sent)) = judge(&example(), target.as_bytes(), upgrade) {
            prop_assert_eq!(judge(&example(), sent.as_bytes(), upgrade), Ok((found, sent)));
        }
    }
}
