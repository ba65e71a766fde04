//! Tokens that we make ourselves.

use std::time::Duration;

use crate::access::{Person, TokenId};

use super::*;

#[test]
fn what_is_minted_is_what_is_granted() {
    let minting = Minting {
        owner: true,
        name: Some("Ann \"Ä\" <b>".into()),
        user: Some("42".into()),
        email: Some("ann@example.org".into()),
        groups: vec!["staff".into()],
        guest: true,
        domain: Some("dom".into()),
        not_before: Some(Timestamp::from_millis(1_800_000_000_999)),
        expires: Some(NOW.plus(Duration::from_secs(7200))),
        id: Some("j1".into()),
        eject_at_expiry: Some(false),
        eject_after: Some(Duration::from_secs(60)),
        ..Minting::new(Some(RoomName::canonical("standup").unwrap()), NOW)
    };
    for spec in specs().iter().filter(|s| s.algorithm.kind() == Kind::Secret) {
        let token = mint(&minting, spec).unwrap();
        let grant = verifier().verify_now(&token, NOW).unwrap().unwrap();
        assert_eq!(grant.room.as_ref().map(RoomName::as_str), Some("standup"));
        assert!(grant.owner && grant.must_knock);
        assert_eq!(grant.token, TokenId::jti("j1"));
        assert_eq!((grant.issued, grant.not_before), (Some(NOW), Some(NOW)));
        assert_eq!(grant.expires, minting.expires);
        assert_eq!((grant.eject_at_expiry, grant.eject_after), (minting.eject_at_expiry, minting.eject_after));
        let person =
            Person { user: minting.user.clone(), email: minting.email.clone(), groups: minting.groups.clone(), name: minting.name.clone() };
        assert_eq!(grant.person, person);
    }
}

#[test]
fn a_bare_token_says_only_its_room_and_when_it_was_made() {
    let token = mint(&Minting::new(Some(RoomName::canonical("standup").unwrap()), NOW), &specs()[0]).unwrap();
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    assert_eq!(String::from_utf8(payload).unwrap(), r#"{"room_name":"standup","iat":1800000000}"#);
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    assert_eq!(String::from_utf8(header).unwrap(), HEADER);
}

#[test]
fn what_would_be_refused_is_not_minted() {
    let good = Minting::new(None, NOW);
    let hs = &specs()[0];
    for (bad, words) in [
        (Minting { name: Some("a\nb".into()), ..good.clone() }, "`user_name`"),
        (Minting { user: Some("x".repeat(257)), ..good.clone() }, "`user_id`"),
        (Minting { id: Some(String::new()), ..good.clone() }, "`jti`"),
        (Minting { expires: Some(Timestamp::from_secs(1_800_000_000_000)), ..good.clone() }, "milliseconds"),
        (Minting { groups: vec!["g".repeat(250); 40], ..good.clone() }, "8192 bytes"),
    ] {
        let error = mint(&bad, hs).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    for spec in specs().iter().filter(|s| s.algorithm.kind() != Kind::Secret) {
        let error = mint(&good, spec).unwrap_err();
        assert_eq!(error, MintError::PublicKey(spec.algorithm));
    }
    let weak = KeySpec { material: Material::Secret(Secret::new(b"short".to_vec())), ..hs.clone() };
    assert!(matches!(mint(&good, &weak), Err(MintError::Key(_))));
}
