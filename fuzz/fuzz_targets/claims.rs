//! Whatever a signed token says: claims of their types within their bounds, or a fault that repeats nothing of it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use roomgate::access::{RoomName, TokenId};
use roomgate::token::Claims;

const YEAR_10000: i64 = 253_402_300_800;

fuzz_target!(|payload: &[u8]| {
    let claims = match Claims::parse(payload) {
        Ok(claims) => claims,
        Err(fault) => {
            // A secret in a claim must not get into a log by way of a complaint about it.
            let said = format!("{fault:?}");
            if let Some(secret) = text_after(payload, b"\"secret-") {
                assert!(!said.contains(secret), "{said}");
            }
            return;
        }
    };
    for at in [claims.expires, claims.not_before, claims.issued].into_iter().flatten() {
        assert!(at.as_secs() < YEAR_10000, "{at}");
    }
    for text in [&claims.person.user, &claims.person.name, &claims.person.email].into_iter().flatten() {
        assert!(!text.is_empty() && text.len() <= 320, "{text}");
    }
    assert!(claims.person.groups.len() <= 64);
    let stated = claims.room.is_some();
    if let Ok(grant) = claims.grant(|| TokenId::digest("00"), None, &RoomName::canonical) {
        // A token that names a room never becomes one for all rooms.
        assert_eq!(grant.room.is_some(), stated);
    }
});

/// The rest of a word that begins so, where it is long enough not to be in a message by chance.
fn text_after<'a>(payload: &'a [u8], start: &[u8]) -> Option<&'a str> {
    let at = payload.windows(start.len()).position(|window| window == start)?;
    let rest = payload.get(at + start.len()..)?;
    let end = rest.iter().position(|b| !b.is_ascii_alphanumeric()).unwrap_or(rest.len());
    std::str::from_utf8(rest.get(..end)?).ok().filter(|word| word.len() >= 8)
}
