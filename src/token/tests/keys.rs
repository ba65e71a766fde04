//! Which keys are refused at the start, and which key a token asks for.

use aws_lc_rs::encoding::{Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED_SIGNING;

use crate::access::TokenFault;

use super::*;

fn secret(algorithm: Algorithm, bytes: &[u8]) -> KeySpec {
    KeySpec { id: Some("main".into()), algorithm, material: Material::Secret(Secret::new(bytes.to_vec())) }
}

fn public(algorithm: Algorithm, pem: &str) -> KeySpec {
    KeySpec { id: Some("main".into()), algorithm, material: Material::PublicPem(pem.as_bytes().to_vec()) }
}

fn flaw(spec: KeySpec) -> Option<KeyFlaw> {
    Verifier::new(&[spec], &[], Options::default(), room_names()).err().map(|e| {
        assert!(e.to_string().starts_with("key `main`: "), "{e}");
        e.flaw
    })
}

/// An RSA key as wide as asked, not good for anything but its size.
fn rsa_of(bits: usize, exponent: &[u8]) -> Vec<u8> {
    let sign = |bytes: &[u8]| if bytes[0] & 0x80 == 0 { Vec::new() } else { vec![0] };
    let integer = |bytes: &[u8]| der(2, &[sign(bytes).as_slice(), bytes].concat());
    let mut modulus = vec![0x5a; bits / 8];
    modulus[0] = 0x80;
    *modulus.last_mut().unwrap() = 1;
    der(0x30, &[integer(&modulus), integer(exponent)].concat())
}

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let len = u16::try_from(content.len()).unwrap().to_be_bytes();
    let head = match len {
        [0, short @ 0..0x80] => vec![tag, short],
        [0, long] => vec![tag, 0x81, long],
        [high, low] => vec![tag, 0x82, high, low],
    };
    [head.as_slice(), content].concat()
}

#[test]
fn a_secret_that_could_be_guessed_is_refused() {
    for (bytes, expected) in [
        (&b""[..], KeyFlaw::ShortSecret(0)),
        (b"secret", KeyFlaw::ShortSecret(6)),
        (&SECRET[..31], KeyFlaw::ShortSecret(31)),
        (b"a-string-secret-at-least-256-bits-long", KeyFlaw::SampleSecret),
        (b"A-String-Secret-At-Least-256-Bits-Long\n", KeyFlaw::SampleSecret),
        (b"changeme-changeme-changeme-changeme", KeyFlaw::SampleSecret),
        (b"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow", KeyFlaw::SampleSecret),
    ] {
        assert_eq!(flaw(secret(Algorithm::HS256, bytes)), Some(expected), "{}", String::from_utf8_lossy(bytes));
    }
    assert_eq!(flaw(secret(Algorithm::HS256, SECRET)), None);
    assert_eq!(flaw(secret(Algorithm::HS512, SECRET)), None);
    assert_eq!(flaw(secret(Algorithm::HS256, &(0..32).collect::<Vec<u8>>())), None);
}

#[test]
fn a_pattern_is_worth_a_warning() {
    let typed = [&[0; 64][..], &[b'x'; 32], b"secretsecretsecretsecretsecretsecret", b"0123456789abcdef0123456789abcdef"];
    for secret in typed {
        assert!(crate::token::is_pattern(secret), "{}", String::from_utf8_lossy(secret));
    }
    assert!(!crate::token::is_pattern(SECRET));
}

#[test]
fn a_key_file_is_no_secret() {
    let pem = rsa_pem(&RSA);
    for bytes in [
        pem.clone(),
        format!("\n  {pem}"),
        format!("a comment before it\n{pem}"),
        STANDARD.encode(&pem),
        format!("ssh-rsa {}", STANDARD.encode([1; 300])),
        format!("ssh-ed25519 {}", STANDARD.encode([1; 51])),
        r#"{"kty":"RSA","n":"AQAB","e":"AQAB","alg":"RS256"}"#.to_owned(),
        "-----BEGIN".to_owned(),
    ] {
        for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            assert_eq!(flaw(secret(algorithm, bytes.as_bytes())), Some(KeyFlaw::KeyAsSecret), "{bytes}");
        }
    }
}

#[test]
fn material_and_algorithm_must_fit() {
    for algorithm in Algorithm::ALL {
        if algorithm.kind() == Kind::Secret {
            assert_eq!(flaw(public(algorithm, &rsa_pem(&RSA))), Some(KeyFlaw::NeedsSecret(algorithm)));
            continue;
        }
        assert_eq!(flaw(secret(algorithm, SECRET)), Some(KeyFlaw::NeedsPublicKey(algorithm)));
        let ed = pem("PUBLIC KEY", AsDer::<PublicKeyX509Der>::as_der(ED.public_key()).unwrap().as_ref());
        let pems = [(Kind::Rsa, rsa_pem(&RSA)), (Kind::Ec(32), ec_pem(&P256)), (Kind::Ec(48), ec_pem(&P384)), (Kind::Ed, ed)];
        for (kind, pem) in pems {
            let expected = (kind != algorithm.kind()).then_some(KeyFlaw::NotSuch { algorithm });
            assert_eq!(flaw(public(algorithm, &pem)), expected, "{algorithm} with {kind:?}");
        }
    }
}

#[test]
fn only_one_public_key_is_a_public_key_file() {
    let good = rsa_pem(&RSA);
    let pkcs8 = AsDer::<Pkcs8V1Der>::as_der(&*RSA).unwrap();
    let ec = generated(&ECDSA_P256_SHA256_FIXED_SIGNING).to_pkcs8v1().unwrap().as_ref().to_vec();
    for (text, expected) in [
        (pem("PRIVATE KEY", pkcs8.as_ref()), KeyFlaw::PrivateKey),
        (pem("RSA PRIVATE KEY", pkcs8.as_ref()), KeyFlaw::PrivateKey),
        (pem("ENCRYPTED PRIVATE KEY", pkcs8.as_ref()), KeyFlaw::PrivateKey),
        (pem("EC PRIVATE KEY", &ec), KeyFlaw::PrivateKey),
        (pem("OPENSSH PRIVATE KEY", &ec), KeyFlaw::PrivateKey),
        (format!("{good}{}", pem("PRIVATE KEY", pkcs8.as_ref())), KeyFlaw::PrivateKey),
        (pem("CERTIFICATE", pkcs8.as_ref()), KeyFlaw::Certificate),
        (format!("{good}{good}"), KeyFlaw::NotPem),
        (String::new(), KeyFlaw::NotPem),
        ("ssh-rsa AAAA".into(), KeyFlaw::NotPem),
        (STANDARD.encode(pkcs8.as_ref()), KeyFlaw::NotPem),
        (pem("PUBLIC KEY", b"nonsense"), KeyFlaw::NotSuch { algorithm: Algorithm::RS256 }),
        (good.replace("END PUBLIC", "END OTHER"), KeyFlaw::NotSuch { algorithm: Algorithm::RS256 }),
        (pem("PUBLIC KEY", pkcs8.as_ref()), KeyFlaw::NotSuch { algorithm: Algorithm::RS256 }),
    ] {
        assert_eq!(flaw(public(Algorithm::RS256, &text)), Some(expected), "{text}");
    }
}

#[test]
fn a_weak_rsa_key_is_refused() {
    for (der, expected) in [
        (rsa_of(1024, &[1, 0, 1]), Some(KeyFlaw::RsaBits(1024))),
        (rsa_of(2040, &[1, 0, 1]), Some(KeyFlaw::RsaBits(2040))),
        (rsa_of(8200, &[1, 0, 1]), Some(KeyFlaw::RsaBits(8200))),
        (rsa_of(2048, &[1]), Some(KeyFlaw::NotSuch { algorithm: Algorithm::RS256 })),
        (rsa_of(2048, &[4]), Some(KeyFlaw::NotSuch { algorithm: Algorithm::RS256 })),
        (rsa_of(2048, &[1, 0, 0, 0, 0, 0, 0, 1]), Some(KeyFlaw::NotSuch { algorithm: Algorithm::RS256 })),
        (rsa_of(2048, &[1, 0, 1]), None),
        (rsa_of(2048, &[3]), None),
    ] {
        let got = flaw(public(Algorithm::RS256, &pem("RSA PUBLIC KEY", &der)));
        assert_eq!(got, expected);
    }
    let modulus = [&[0x80][..], &[0x5a; 126], &[1]].concat();
    let short = keyring::Key::rsa(None, Algorithm::RS256, &modulus, &[1, 0, 1]).err();
    assert_eq!(short, Some(KeyFlaw::RsaBits(1024)));
    let zeros = [&[0; 200][..], &modulus].concat();
    assert_eq!(keyring::Key::rsa(None, Algorithm::RS256, &zeros, &[1, 0, 1]).err(), Some(KeyFlaw::RsaBits(1024)));
}

#[test]
fn a_point_beside_the_curve_is_refused() {
    let mut point = P256.public_key().as_ref().to_vec();
    assert!(keyring::Key::ec(None, Algorithm::ES256, &point).is_ok());
    assert!(keyring::Key::ec(None, Algorithm::ES384, &point).is_err());
    point[64] ^= 1;
    assert!(keyring::Key::ec(None, Algorithm::ES256, &point).is_err());
    assert!(keyring::Key::ec(None, Algorithm::ES256, &[vec![4], vec![0; 64]].concat()).is_err());
    let compressed = [&[2], &P256.public_key().as_ref()[1..33]].concat();
    assert!(keyring::Key::ec(None, Algorithm::ES256, &compressed).is_err());
    assert!(keyring::Key::ed(None, &[0; 31]).is_err());
}

#[test]
fn ids_are_printable_and_each_is_one_keys() {
    for id in ["", "a\nb", "\u{e4}", &"k".repeat(65)] {
        let spec = KeySpec { id: Some(id.into()), ..secret(Algorithm::HS256, SECRET) };
        let error = Verifier::new(&[spec], &[], Options::default(), room_names()).err().unwrap();
        assert_eq!((error.key.as_str(), error.flaw), ("number 1", KeyFlaw::Id));
    }
    let twice = [secret(Algorithm::HS256, SECRET), secret(Algorithm::HS384, SECRET_384)];
    assert_eq!(Verifier::new(&twice, &[], Options::default(), room_names()).err().unwrap().flaw, KeyFlaw::Duplicate);
    let nameless: Vec<_> = twice.iter().map(|k| KeySpec { id: None, ..k.clone() }).collect();
    assert!(Verifier::new(&nameless, &[], Options::default(), room_names()).is_ok());
    let many: Vec<_> = (0..65).map(|_| KeySpec { id: None, ..secret(Algorithm::HS256, SECRET) }).collect();
    assert_eq!(Verifier::new(&many, &[], Options::default(), room_names()).err().unwrap().flaw, KeyFlaw::TooMany);
}

#[test]
fn no_error_shows_a_secret() {
    let short = "hunter2-CANARY";
    for bytes in [short.to_owned(), format!("-----BEGIN {short}")] {
        let error = Verifier::new(&[secret(Algorithm::HS256, bytes.as_bytes())], &[], Options::default(), room_names()).err().unwrap();
        assert!(!error.to_string().contains("CANARY") && !format!("{error:?}").contains("CANARY"), "{error:?}");
    }
    assert!(!format!("{:?}", secret(Algorithm::HS256, short.as_bytes())).contains("CANARY"));
}

#[test]
fn a_key_without_a_name_answers_to_any_and_a_named_one_only_to_its_own() {
    let named = |id: &str, bytes: &[u8]| KeySpec { id: Some(id.into()), ..secret(Algorithm::HS256, bytes) };
    let nameless = |bytes: &[u8]| KeySpec { id: None, ..secret(Algorithm::HS256, bytes) };
    let other: &[u8] = &SECRET_384[..40];
    let verdict = |keys: &[KeySpec], header: &str| {
        let verifier = Verifier::new(keys, &[], Options::default(), room_names()).unwrap();
        verifier.verify_now(&headed(header), NOW).unwrap().map(|_| ())
    };
    let (with_kid, without) = (r#"{"alg":"HS256","kid":"main"}"#, r#"{"alg":"HS256"}"#);
    for (keys, header, expected) in [
        (vec![named("main", SECRET)], with_kid, Ok(())),
        (vec![named("main", SECRET)], without, Ok(())),
        (vec![nameless(SECRET)], with_kid, Ok(())),
        (vec![nameless(SECRET)], without, Ok(())),
        (vec![named("a", other), named("b", SECRET)], without, Ok(())),
        (vec![named("other", SECRET)], with_kid, Err(TokenFault::UnknownKey)),
        (vec![named("other", other), nameless(SECRET)], with_kid, Ok(())),
        // The name is a promise: no other key is tried behind it.
        (vec![named("main", other), nameless(SECRET)], with_kid, Err(TokenFault::BadSignature)),
        (vec![nameless(other)], with_kid, Err(TokenFault::BadSignature)),
        (vec![], with_kid, Err(TokenFault::UnknownKey)),
        (vec![], without, Err(TokenFault::UnknownKey)),
        (vec![KeySpec { algorithm: Algorithm::HS384, ..nameless(SECRET_384) }], with_kid, Err(TokenFault::WrongAlgorithm)),
        (vec![KeySpec { algorithm: Algorithm::HS384, ..named("x", SECRET_384) }], without, Err(TokenFault::WrongAlgorithm)),
    ] {
        assert_eq!(verdict(&keys, header), expected, "{header} with {:?}", keys.iter().map(|k| &k.id).collect::<Vec<_>>());
    }
}
