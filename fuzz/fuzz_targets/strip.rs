//! Whatever a query or a referer looks like: our token leaves, every other byte stays in its place, and a second look changes nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use roomgate::target::{CanonicalPath, hands_over_token, strip, strip_referer};

fuzz_target!(|data: &[u8]| {
    if let Some(kept) = strip_referer(data, "t") {
        assert!(!hands_over_token(kept.as_bytes(), "t"));
        assert_eq!(strip_referer(kept.as_bytes(), "t").as_deref(), Some(&*kept));
    }
    let Ok(query) = std::str::from_utf8(data) else { return };
    let (path, _) = CanonicalPath::parse(b"/standup").expect("a plain path");
    let Ok(stripped) = strip(&path, Some(query), "t") else { return };
    let kept = stripped.kept().unwrap_or_default();
    assert!(!hands_over_token(kept.as_bytes(), "t"));

    let again = strip(&path, stripped.kept(), "t").expect("what was let through passes");
    assert_eq!((again.kept(), again.was_there()), (stripped.kept(), false));
    // What is kept is what was there, in order, without whole parameters.
    let mut rest = query.split('&');
    if stripped.kept().is_some() {
        for piece in kept.split('&') {
            assert!(rest.by_ref().any(|other| other == piece), "{piece} was not there");
        }
    }
    if !stripped.was_there() {
        assert_eq!(stripped.kept(), Some(query));
    }
});
