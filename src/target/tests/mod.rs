#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

//! Properties: whatever is sent, what goes on is what was judged, and nothing of ours is in it.

mod heads;

use proptest::prelude::*;

use super::*;

const TOKEN: &str = "eyJhbGciOiJIUzI1NiJ9.eyJyIjoiYSJ9.c2lnbmF0dXJl";
const PREFIX: &str = "__Host-roomgate-";

const QUERY_PIECES: &[&str] = &[
    "&",
    "&",
    "&",
    "t",
    "t=",
    "t=",
    "%74=",
    "T=",
    "=",
    ";",
    ";",
    "?",
    "a",
    "a=1",
    "b=%zz",
    "%26",
    "%3D",
    "%3d",
    "%25",
    "%2574",
    "[]",
    "[0]",
    "%5B%5D",
    "+",
    "%20",
    "%00",
    "amp;",
    "x=",
    "jwt=",
    "next=",
    "/",
    "%2F",
    "%3F",
    "%3Ft%3D",
    "%253F",
    "%ef%bd%94",
    "%c2%ad",
    "%u0074",
    "%c1%b4",
    "\"",
    "'",
    ":",
    ",",
    "{",
    "}",
    ".",
    "-",
    "_",
    TOKEN,
    TOKEN,
    TOKEN,
    "%65yJhbGciOiJIUzI1NiJ9.e.c",
];

fn query() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(QUERY_PIECES), 0..12).prop_map(|pieces| pieces.concat())
}

fn decoded(text: &str, times: usize) -> String {
    (0..times).fold(text.to_owned(), |text, _| percent_encoding::percent_decode_str(&text).decode_utf8_lossy().into_owned())
}

/// Whether some server finds a token in the parameter `t`: however it decodes, splits, folds and cuts.
fn somebody_finds_a_token(query: &str) -> bool {
    let walls: [&[char]; 4] = [&['&'], &['&', ';'], &['&', ';', '?'], &['&', ';', '?', '#']];
    (0..4).any(|before| {
        let query = decoded(query, before);
        walls.iter().any(|walls| {
            query.split(*walls).filter_map(|pair| pair.split_once('=')).any(|(key, value)| {
                (0..3).any(|after| {
                    let key = decoded(&key.replace('+', " "), after).to_lowercase();
                    let key = key
                        .trim_matches(|c: char| c.is_whitespace() || matches!(c, '\0' | '?' | '\u{ad}'))
                        .split(['[', '\0', '.'])
                        .next()
                        .unwrap()
                        .to_owned();
                    let value = decoded(value, after);
                    matches!(key.as_str(), "t" | "\u{ff54}") && value.starts_with("eyJhbGciOiJIUzI1NiJ9.")
                })
            })
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_path_that_passed_passes_again_and_is_what_was_sent(raw in prop::collection::vec(any::<u8>(), 0..40)) {
        for raw in [raw.clone(), [b"/", raw.as_slice()].concat()] {
            if let Ok((path, query)) = CanonicalPath::parse(&raw) {
                let again = path.with_query(query);
                prop_assert_eq!(again.as_bytes(), raw.as_slice());
                prop_assert_eq!(CanonicalPath::parse(again.as_bytes()), Ok((path, query)));
                for segment in path.segments() {
                    prop_assert!(!segment.is_empty() && segment != "." && segment != "..", "{segment}");
                    prop_assert!(!segment.contains(['/', '\\', '%', '?', '#']) && !segment.chars().any(char::is_control), "{segment}");
                }
            }
        }
    }

    #[test]
    fn the_token_goes_and_nothing_else_does(query in query()) {
        let (path, _) = CanonicalPath::parse(b"/standup").unwrap();
        if let Ok(stripped) = strip(&path, Some(&query), "t") {
            let kept = stripped.kept().unwrap_or_default();
            prop_assert!(!somebody_finds_a_token(kept), "{query} became {kept}");
            // Idempotent.
            let again = strip(&path, stripped.kept(), "t").unwrap();
            prop_assert_eq!(again.kept(), stripped.kept());
            prop_assert!(!again.was_there());
            // Byte for byte and in order: what was removed is exactly what is named `t`.
            let others: Vec<_> = query.split('&').filter(|piece| !matches!(piece.split('=').next(), Some("t" | "%74"))).collect();
            prop_assert_eq!(kept, others.join("&"));
            prop_assert_eq!(stripped.was_there(), others.len() != query.split('&').count());
        }
    }

    #[test]
    fn a_referer_that_goes_on_holds_no_token(query in query(), tail in query()) {
        let value = format!("https://meet.example.org/{tail}?{query}");
        if let Some(kept) = strip_referer(value.as_bytes(), "t") {
            prop_assert!(!decoded(&kept, 3).contains("eyJhbGci"), "{kept}");
            let again = strip_referer(kept.as_bytes(), "t");
            prop_assert_eq!(again.as_deref(), Some(&*kept));
        }
    }

    #[test]
    fn no_bytes_make_anything_panic(raw in prop::collection::vec(any::<u8>(), 0..200), text in ".{0,80}") {
        let _ = strip_referer(&raw, "t");
        let _ = hands_over_token(&raw, "t");
        let _ = Query::new(Some(&text)).only("room");
        let _ = KeptBack::default().fate(&raw);
        let _ = Cookies::read([raw.as_slice(), text.as_bytes()].into_iter(), PREFIX);
        let (path, _) = CanonicalPath::parse(b"/standup").unwrap();
        let _ = strip(&path, Some(&text), "t");
        let _ = alike(&text, "room");
    }

    #[test]
    fn cookies_of_ours_stay_here_and_others_go_on_as_they_are(
        pieces in prop::collection::vec(prop::sample::select(&["a=1", "b=\"x y\"", "c", "=", "", "__Host-roomgate-x=v", "__Host-roomgate-y=w", "__host-Roomgate-x=v", "d=1, __Host-roomgate-x=v", "roomgate-x=v"][..]), 0..8),
        blanks in prop::sample::select(&[";", "; ", ";  ", ";\t"][..]),
        cut in 0_usize..8,
    ) {
        let cut = cut.min(pieces.len());
        let headers = [pieces[..cut].join(blanks), pieces[cut..].join(blanks)];
        let cookies = Cookies::read(headers.iter().map(|h| h.as_bytes()), PREFIX);
        let Forward::Replaced(sent) = &cookies.forward else {
            prop_assert_eq!(&cookies.forward, &Forward::Gone);
            return Ok(());
        };
        let sent = std::str::from_utf8(sent).unwrap();
        prop_assert!(!sent.to_ascii_lowercase().contains("__host-roomgate-"), "{sent}");
        let names = |text: &str| text.split(';').map(|p| p.trim_matches([' ', '\t']).to_owned()).filter(|p| !p.is_empty()).collect::<Vec<_>>();
        let honest: Vec<_> = pieces.iter().filter(|p| !p.to_ascii_lowercase().contains("__host-roomgate-")).flat_map(|p| names(p)).collect();
        prop_assert_eq!(names(sent), honest);
        prop_assert_eq!(Cookies::read([sent.as_bytes()].into_iter(), PREFIX).forward, Forward::Unchanged);
    }

    #[test]
    fn no_spelling_of_a_name_of_ours_gets_through(
        name in prop::sample::select(&["x-roomgate-role", "x-forwarded-for", "x-original-url", "remote-user", "x-real-ip", "proxy", "x-http-method-override", "transfer-encoding", "content-length"][..]),
        spelling in prop::collection::vec((any::<bool>(), prop::sample::select(&["-", "_", ".", "~", "--", "_-", "+", "'"][..])), 32),
    ) {
        let spelled: String = name.chars().zip(&spelling).map(|(c, (upper, dash))| match c {
            '-' => (*dash).to_owned(),
            c if *upper => c.to_ascii_uppercase().to_string(),
            c => c.to_string(),
        }).collect();
        let plain = spelled.eq_ignore_ascii_case(name);
        let framing = matches!(name, "transfer-encoding" | "content-length");
        match KeptBack::default().fate(spelled.as_bytes()) {
            Fate::Keep => prop_assert!(framing && plain, "{spelled}"),
            Fate::Drop => prop_assert!(!framing, "{spelled}"),
            Fate::Refuse(_) => prop_assert!(framing && !plain, "{spelled}"),
        }
    }
}
