//! What is remembered, for how long, and what makes it be forgotten.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::access::TokenFault;

use super::*;

#[derive(Default)]
struct Counts {
    verified: AtomicUsize,
    hits: AtomicUsize,
    misses: AtomicUsize,
}

impl Observer for Counts {
    fn verified(&self, algorithm: Option<Algorithm>, _: Result<(), TokenFault>) {
        if algorithm.is_some() {
            self.verified.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn looked_up(&self, hit: bool) {
        if hit { &self.hits } else { &self.misses }.fetch_add(1, Ordering::SeqCst);
    }
}

fn counted() -> (Verifier, Arc<Counts>) {
    let counts = Arc::new(Counts::default());
    let options = Options { observer: counts.clone(), ..Options::default() };
    (Verifier::new(&specs(), &[], options, room_names()).unwrap(), counts)
}

#[test]
fn a_token_is_verified_once_and_then_known() {
    let (verifier, counts) = counted();
    let good = signed_with(Algorithm::RS256, r#"{"alg":"RS256","kid":"rs256"}"#, CLAIMS);
    let forged = format!("{}.{}", good.rsplit_once('.').unwrap().0, b64([0; 256]));
    assert_eq!(verifier.cached(&good), None);
    let first = verifier.verify_now(&good, NOW).unwrap().unwrap();
    let again = verifier.cached(&good).unwrap().unwrap();
    assert!(Arc::ptr_eq(&first, &again));
    assert_eq!(verifier.cached(&forged), None, "a forgery of a known token is another token");
    for _ in 0..3 {
        assert_eq!(verifier.verify_now(&forged, NOW), Some(Err(TokenFault::BadSignature)));
    }
    assert_eq!(verifier.cached(&forged), Some(Err(TokenFault::BadSignature)));
    assert_eq!(counts.verified.load(Ordering::SeqCst), 2);
    assert_eq!((counts.hits.load(Ordering::SeqCst), counts.misses.load(Ordering::SeqCst)), (2, 2));
}

#[test]
fn what_was_found_with_other_keys_counts_no_more() {
    let (verifier, _) = counted();
    let token = claiming(CLAIMS);
    assert!(verifier.verify_now(&token, NOW).unwrap().is_ok());
    assert!(verifier.cached(&token).is_some());

    // The key is taken away.
    verifier.replace_keys(&specs()[1..], &[], None).unwrap();
    assert_eq!(verifier.cached(&token), None);
    assert_eq!(verifier.verify_now(&token, NOW), Some(Err(TokenFault::UnknownKey)));

    // Its name goes to another secret.
    let other = KeySpec { material: Material::Secret(Secret::new(SECRET_384.to_vec())), ..specs()[0].clone() };
    verifier.replace_keys(&[other], &[], None).unwrap();
    assert_eq!(verifier.verify_now(&token, NOW), Some(Err(TokenFault::BadSignature)));
    assert_eq!(verifier.cached(&token), Some(Err(TokenFault::BadSignature)));

    // A forgery is not remembered against the key that comes later.
    verifier.replace_keys(&specs(), &[], None).unwrap();
    assert_eq!(verifier.cached(&token), None);
    assert!(verifier.verify_now(&token, NOW).unwrap().is_ok());

    // Another domain.
    verifier.replace_keys(&specs(), &[], Some("dom".into())).unwrap();
    assert_eq!(verifier.cached(&token), None);
    assert_eq!(verifier.verify_now(&token, NOW), Some(Err(TokenFault::WrongDomain)));
}

#[test]
fn a_bad_new_key_changes_nothing() {
    let (verifier, _) = counted();
    let token = claiming(CLAIMS);
    assert!(verifier.verify_now(&token, NOW).unwrap().is_ok());
    let weak = KeySpec { material: Material::Secret(Secret::new(b"short".to_vec())), ..specs()[0].clone() };
    assert!(verifier.replace_keys(&[weak], &[], None).is_err());
    assert!(verifier.cached(&token).unwrap().is_ok());
}

#[test]
fn time_is_not_judged_here() {
    let (verifier, _) = counted();
    for payload in [r#"{"exp":1}"#, r#"{"nbf":253402300799}"#, r#"{"iat":253402300799}"#, r#"{"exp":-5}"#] {
        assert!(verifier.verify_now(&claiming(payload), NOW).unwrap().is_ok(), "{payload}");
    }
}

#[test]
fn a_grant_is_remembered_until_it_expires_but_neither_for_ever_nor_not_at_all() {
    let at = |secs: i64| Some(Timestamp::from_secs(1_800_000_000 + secs));
    for (expires, secs) in [(at(600), 600), (at(5), 10), (at(0), 10), (at(-600), 10), (at(86_400), 3600), (None, 3600)] {
        assert_eq!(verifier::keep(expires, NOW).as_secs(), secs, "{expires:?}");
    }
}

#[test]
fn an_id_does_not_depend_on_what_anybody_can_change() {
    let (verifier, _) = counted();
    let signed = format!("{}.{}", b64(r#"{"alg":"ES256","kid":"es256"}"#), b64(CLAIMS));
    let ids = [signature(Algorithm::ES256, &signed), signature(Algorithm::ES256, &signed)].map(|signature| {
        let token = format!("{signed}.{}", b64(signature));
        verifier.verify_now(&token, NOW).unwrap().unwrap().token.clone()
    });
    assert_eq!(ids[0], ids[1], "two signatures of one token by the same key");
    assert!(ids[0].as_str().starts_with("sha256:") && ids[0].as_str().len() == 71);
    let other = verifier.verify_now(&claiming(CLAIMS), NOW).unwrap().unwrap();
    assert_ne!(other.token, ids[0]);
    let named = verifier.verify_now(&claiming(r#"{"jti":"j1"}"#), NOW).unwrap().unwrap();
    assert_eq!(named.token.as_str(), "jti:j1");
}

#[test]
fn a_flood_of_forgeries_pushes_no_grant_out() {
    let options = Options { remember: 64 * 1024, ..Options::default() };
    let verifier = Verifier::new(&specs(), &[], options, room_names()).unwrap();
    let tokens: Vec<_> = (0..50).map(|n| claiming(format!(r#"{{"jti":"{n}"}}"#))).collect();
    for token in &tokens {
        assert!(verifier.verify_now(token, NOW).unwrap().is_ok());
    }
    let signed = claiming(CLAIMS).rsplit_once('.').unwrap().0.to_owned();
    for n in 0_u64..20_000 {
        let forged = format!("{signed}.{}", b64([[0; 24].as_slice(), &n.to_be_bytes()].concat()));
        // Twice, so that it looks like one worth keeping.
        for _ in 0..2 {
            assert_eq!(verifier.verify_now(&forged, NOW), Some(Err(TokenFault::BadSignature)));
        }
    }
    assert_eq!(tokens.iter().filter(|t| verifier.cached(t).is_none()).count(), 0);
}
