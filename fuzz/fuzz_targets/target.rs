//! Whatever is asked for: what is let through is what was judged, is judged alike again, and no segment leads elsewhere.
#![no_main]

use libfuzzer_sys::fuzz_target;
use roomgate::profile::{Asked, Generic, GenericRules, Profile, Target, Unclear};
use roomgate::target::{CanonicalPath, Query, strip};

fn profile() -> Profile {
    let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let rules = GenericRules {
        room: list(&["/{room}"]),
        subtree: true,
        open: list(&["/", "/static/", "/favicon.ico"]),
        sockets: list(&["/ws?room={room}"]),
        shared: list(&["/api/"]),
    };
    Profile::Generic(Generic::new(rules).expect("the documentation's example"))
}

fn judge(profile: &Profile, target: &[u8], upgrade: bool) -> Option<(Result<Target, Unclear>, String)> {
    let (path, query) = CanonicalPath::parse(target).ok()?;
    assert_eq!(path.with_query(query).as_bytes(), target, "nothing is repaired");
    for segment in path.segments() {
        assert!(!segment.is_empty() && segment != "." && segment != "..");
        assert!(!segment.contains(['/', '\\', '%', '?', '#']) && !segment.chars().any(char::is_control));
    }
    let stripped = strip(&path, query, "t").ok()?;
    let asked = Asked { method: "GET", path: &path, query: Query::new(stripped.kept()), upgrade };
    Some((profile.locate(&asked), path.with_query(stripped.kept()).into_owned()))
}

// The first byte says whether it asks for a socket.
fuzz_target!(|data: &[u8]| {
    let Some((how, target)) = data.split_first() else { return };
    let (profile, upgrade) = (profile(), how & 1 == 1);
    let Some((found, sent)) = judge(&profile, target, upgrade) else { return };
    let again = judge(&profile, sent.as_bytes(), upgrade).expect("what was let through passes");
    assert_eq!((&found, &sent), (&again.0, &again.1));
    if let Ok(Target::Room { room, .. }) = found {
        assert!(room.as_str().bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')));
    }
});
