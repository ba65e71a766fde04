//! What must never open a door: tokens in groups, each with the code it must give.

use std::collections::HashSet;

use aws_lc_rs::hmac::{HMAC_SHA256, HMAC_SHA384, HMAC_SHA512};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PSS_SHA256};
use proptest::prelude::*;

use crate::access::TokenFault;

use super::*;

use TokenFault::{BadSignature, Malformed, UnknownKey, WrongAlgorithm};

type Case = (String, String, TokenFault);

fn case(name: impl Into<String>, token: impl Into<String>, fault: TokenFault) -> Case {
    (name.into(), token.into(), fault)
}

/// `alg: none`, in all spellings, with and without a signature.
fn no_algorithm() -> Vec<Case> {
    let mut cases = Vec::new();
    for spelling in [
        "none",
        "None",
        "NONE",
        "nOnE",
        "NonE",
        "none ",
        " none",
        "",
        "null",
        "HS256 ",
        "hs256",
        "Hs256",
        "HS-256",
        "HS1",
        "ES512",
        "ES256K",
        "RSA1_5",
        "A128KW",
        "dir",
        "Ed25519",
        "HS256\\u0000",
        "true",
    ] {
        for kid in ["", r#","kid":"main""#, r#","kid":"other""#] {
            let header = format!(r#"{{"alg":"{spelling}"{kid}}}"#);
            cases.push(case(format!("{spelling:?}{kid} unsigned"), format!("{}.{}.", b64(&header), b64(CLAIMS)), WrongAlgorithm));
            cases.push(case(format!("{spelling:?}{kid} signed"), headed(&header), WrongAlgorithm));
        }
    }
    for value in ["null", "0", "true", "[]", r#"["HS256"]"#, r#"{"a":"HS256"}"#, "256"] {
        cases.push(case(format!("alg {value}"), headed(&format!(r#"{{"alg":{value},"kid":"main"}}"#)), Malformed));
    }
    cases.push(case("no alg", headed(r#"{"typ":"JWT","kid":"main"}"#), Malformed));
    cases.push(case("alg in upper case", headed(r#"{"ALG":"HS256","kid":"main"}"#), Malformed));
    cases
}

/// A key used for what it is not.
fn confusion() -> Vec<Case> {
    let forged = |header: &str, signature: &dyn Fn(&str) -> Vec<u8>| {
        let signed = format!("{}.{}", b64(header), b64(CLAIMS));
        format!("{signed}.{}", b64(signature(&signed)))
    };
    let pem = rsa_pem(&RSA);
    let mut cases = Vec::new();
    for kid in ["rs256", "ps256"] {
        let header = format!(r#"{{"alg":"HS256","kid":"{kid}"}}"#);
        for (form, key) in [("PEM", pem.clone()), ("PEM without its last line break", pem.trim_end().to_owned())] {
            cases.push(case(
                format!("{form} of {kid} as secret"),
                forged(&header, &|s| hmac_with(HMAC_SHA256, key.as_bytes(), s)),
                WrongAlgorithm,
            ));
        }
    }
    let nameless = r#"{"alg":"HS256"}"#;
    let point = P256.public_key().as_ref().to_vec();
    for (form, key) in [
        ("PEM", pem.as_bytes().to_vec()),
        ("EC PEM", ec_pem(&P256).into_bytes()),
        ("EC point", point),
        ("Ed key", ED.public_key().as_ref().to_vec()),
        ("empty", Vec::new()),
        ("zeros", vec![0; 32]),
        ("the secret's id", b"main".to_vec()),
        ("the secret and a line break", [SECRET, b"\n"].concat()),
        ("half the secret", SECRET[..16].to_vec()),
    ] {
        cases.push(case(format!("{form} as secret, no kid"), forged(nameless, &|s| hmac_with(HMAC_SHA256, &key, s)), BadSignature));
    }
    // The right key, and a name or algorithm of another.
    for algorithm in Algorithm::ALL {
        for named in Algorithm::ALL {
            if algorithm != named {
                let header = format!(r#"{{"alg":"{algorithm}","kid":"{}"}}"#, kid_of(named));
                cases.push(case(format!("{algorithm} for the key of {named}"), signed_with(algorithm, &header, CLAIMS), WrongAlgorithm));
            }
        }
    }
    let rs = r#"{"alg":"RS256","kid":"rs256"}"#;
    cases.push(case("PSS signature as PKCS #1", forged(rs, &|s| rsa_with(&RSA, &RSA_PSS_SHA256, s)), BadSignature));
    cases.push(case("SHA-384 signature as SHA-256", forged(rs, &|s| rsa_with(&RSA, &RSA_PKCS1_SHA384, s)), BadSignature));
    cases.push(case(
        "PKCS #1 signature as PSS",
        forged(r#"{"alg":"PS256","kid":"ps256"}"#, &|s| rsa_with(&RSA, &RSA_PKCS1_SHA256, s)),
        BadSignature,
    ));
    cases.push(case("another RSA key", forged(rs, &|s| rsa_with(&OTHER_RSA, &RSA_PKCS1_SHA256, s)), BadSignature));
    cases.push(case(
        "another RSA key, no kid",
        forged(r#"{"alg":"RS256"}"#, &|s| rsa_with(&OTHER_RSA, &RSA_PKCS1_SHA256, s)),
        BadSignature,
    ));
    let other = generated(&ECDSA_P256_SHA256_FIXED_SIGNING);
    let es = r#"{"alg":"ES256","kid":"es256"}"#;
    cases.push(case(
        "another EC key",
        forged(es, &|s| other.sign(&SystemRandom::new(), s.as_bytes()).unwrap().as_ref().to_vec()),
        BadSignature,
    ));
    cases.push(case("HS384 tag for HS256", forged(HEADER, &|s| hmac_with(HMAC_SHA384, SECRET, s)), BadSignature));
    cases.push(case("HS512 tag for HS256", forged(HEADER, &|s| hmac_with(HMAC_SHA512, SECRET, s)), BadSignature));
    cases.push(case("HS512 tag cut to HS256", forged(HEADER, &|s| hmac_with(HMAC_SHA512, SECRET, s)[..32].to_vec()), BadSignature));
    cases
}

/// Signatures that are nearly right.
fn signatures() -> Vec<Case> {
    let mut cases = Vec::new();
    for algorithm in Algorithm::ALL {
        let signed = format!("{}.{}", b64(format!(r#"{{"alg":"{algorithm}","kid":"{}"}}"#, kid_of(algorithm))), b64(CLAIMS));
        let right = signature(algorithm, &signed);
        let len = right.len();
        let mut variants: Vec<(&str, Vec<u8>)> = vec![
            ("empty", Vec::new()),
            ("one byte", vec![right[0]]),
            ("cut", right[..len - 1].to_vec()),
            ("half", right[..len / 2].to_vec()),
            ("longer", [right.as_slice(), &[0]].concat()),
            ("zero before", [&[0], right.as_slice()].concat()),
            ("doubled", [right.as_slice(), right.as_slice()].concat()),
            ("zeros", vec![0; len]),
            ("ones", vec![0xff; len]),
            ("reversed", right.iter().rev().copied().collect()),
        ];
        for bit in [0, len * 4, len * 8 - 1] {
            let mut flipped = right.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            variants.push(("bit flipped", flipped));
        }
        if let Kind::Ec(size) = algorithm.kind() {
            // CVE-2022-21449, and the same in ASN.1.
            variants.push(("r = 0", [&vec![0; size], &right[size..]].concat()));
            variants.push(("s = 0", [&right[..size], &vec![0; size]].concat()));
            variants.push(("swapped", [&right[size..], &right[..size]].concat()));
            variants.push(("DER of zeros", vec![0x30, 6, 2, 1, 0, 2, 1, 0]));
            let integer = |half: &[u8]| [&[2, u8::try_from(size + 1).unwrap(), 0], half].concat();
            let both = [integer(&right[..size]), integer(&right[size..])].concat();
            variants.push(("DER", [&[0x30, u8::try_from(both.len()).unwrap()], both.as_slice()].concat()));
        }
        if algorithm == Algorithm::EdDSA {
            // S + L: RFC 8032 section 8.4 asks for S below the group's order.
            const L: [u8; 32] = [
                0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                0, 0, 0, 0, 0, 0, 0x10,
            ];
            let mut malleable = right.clone();
            let mut carry = 0_u16;
            for (byte, l) in malleable[32..].iter_mut().zip(L) {
                carry += u16::from(*byte) + u16::from(l);
                *byte = u8::try_from(carry & 0xff).unwrap();
                carry >>= 8;
            }
            variants.push(("S + L", malleable));
        }
        for (name, signature) in variants {
            cases.push(case(format!("{algorithm} {name}"), format!("{signed}.{}", b64(signature)), BadSignature));
        }
        // Signed something else.
        let other = format!("{}.{}", signed.split_once('.').unwrap().0, b64(r#"{"room_name":"standup","is_owner":true}"#));
        cases.push(case(format!("{algorithm} claims exchanged"), format!("{other}.{}", b64(&right)), BadSignature));
    }
    cases
}

/// Not three parts of strict base64url.
fn shapes() -> Vec<Case> {
    let good = claiming(CLAIMS);
    let [header, payload, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!("not a token") };
    let mut cases: Vec<Case> = [
        ("nothing", String::new()),
        ("a dot", ".".into()),
        ("two dots", "..".into()),
        ("three dots", "...".into()),
        ("header alone", header.into()),
        ("two parts", format!("{header}.{payload}")),
        ("four parts", format!("{good}.{signature}")),
        ("a dot behind", format!("{good}.")),
        ("a dot before", format!(".{good}")),
        ("five parts (JWE)", format!("{good}.AA.AA")),
        ("no header", format!(".{payload}.{signature}")),
        ("no payload", format!("{header}..{signature}")),
        ("two tokens", format!("{good}{good}")),
        ("a comma", format!("{good},{good}")),
        ("Bearer before", format!("Bearer {good}")),
        ("a blank before", format!(" {good}")),
        ("a blank behind", format!("{good} ")),
        ("a line break behind", format!("{good}\n")),
        ("NUL behind", format!("{good}\0")),
        ("NUL inside", format!("{header}\0.{payload}.{signature}")),
        ("a tab inside", format!("{header}.\t{payload}.{signature}")),
        ("a line break inside", format!("{header}.{payload}.{}\n{}", &signature[..8], &signature[8..])),
        ("padding", format!("{header}.{payload}.{signature}=")),
        ("two paddings", format!("{header}=.{payload}=.{signature}==")),
        ("a percent sign", format!("{header}%2E{payload}.{signature}")),
        ("other dots", good.replace('.', "\u{ff0e}")),
        ("full-width", format!("{}\u{ff21}", good)),
        ("a zero-width space", format!("{header}\u{200b}.{payload}.{signature}")),
        ("a BOM", format!("\u{feff}{good}")),
        ("quoted", format!("\"{good}\"")),
        ("JSON serialization", format!(r#"{{"protected":"{header}","payload":"{payload}","signature":"{signature}"}}"#)),
        ("a slash", format!("{header}.{payload}.{}/", &signature[..signature.len() - 1])),
        ("a plus", format!("{header}.{payload}.+{}", &signature[1..])),
        ("an exclamation mark", format!("{header}!.{payload}.{signature}")),
        ("one character too few", format!("{header}.{payload}.{}", &signature[..signature.len() - 2])),
    ]
    .into_iter()
    .map(|(name, token)| case(name, token, Malformed))
    .collect();
    // Sixty-four spellings of one signature, were the last character's spare bits not looked at.
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = alphabet.find(signature.chars().last().unwrap()).unwrap();
    for spare in 1..4 {
        let other = alphabet.as_bytes()[last + spare] as char;
        let respelled = format!("{}{other}", &signature[..signature.len() - 1]);
        cases.push(case(format!("stray bits {spare}"), format!("{header}.{payload}.{respelled}"), Malformed));
    }
    cases
}

/// Headers that mean something else to somebody else.
fn headers() -> Vec<Case> {
    let mut cases = Vec::new();
    for extra in [
        r#""crit":["exp"]"#,
        r#""crit":[]"#,
        r#""crit":null"#,
        r#""crit":["b64"],"b64":true"#,
        r#""b64":false"#,
        r#""b64":true"#,
        r#""b64":null"#,
        r#""zip":"DEF""#,
        r#""zip":null"#,
        r#""typ":null"#,
        r#""typ":1"#,
        r#""typ":["JWT"]"#,
        r#""kid":"main","kid":"main""#,
        r#""alg":"none""#,
        r#""alg":"HS256""#,
        r#""\u0061lg":"HS256""#,
        r#""x":1,"x":1"#,
        r#""x":{"y":1,"y":2}"#,
        r#""x":"\ud800""#,
        r#""x":1e999"#,
        r#""x":01"#,
        r#""x":NaN"#,
    ] {
        cases.push(case(extra, headed(&format!(r#"{{"alg":"HS256",{extra}}}"#)), Malformed));
    }
    let too_long = format!("\"{}\"", "k".repeat(65));
    for kid in [
        "null",
        "1",
        "true",
        "[]",
        "{}",
        r#"["main"]"#,
        r#""""#,
        r#""ma\u0000in""#,
        r#""main\n""#,
        r#""m\u00e4in""#,
        r#""\u202emain""#,
        &too_long,
    ] {
        cases.push(case(format!("kid {kid}"), headed(&format!(r#"{{"alg":"HS256","kid":{kid}}}"#)), Malformed));
    }
    for kid in [
        "other",
        "Main",
        "MAIN",
        "main ",
        " main",
        "../../../../dev/null",
        "/etc/passwd",
        "' OR 1=1 --",
        "main'; DROP TABLE keys",
        "|id",
        "$(id)",
        "http://127.0.0.1:1/key",
        "*",
        "%",
        "0",
        "ma%69n",
    ] {
        cases.push(case(format!("kid {kid}"), headed(&format!(r#"{{"alg":"HS256","kid":"{kid}"}}"#)), UnknownKey));
    }
    for header in [
        "",
        "null",
        "[]",
        "\"HS256\"",
        "1",
        "{",
        "}",
        "{}",
        "{}{}",
        r#"{"alg":"HS256"} x"#,
        r#"{"alg":"HS256",}"#,
        r#"{'alg':'HS256'}"#,
        r#"{alg:"HS256"}"#,
        r#"["HS256","main"]"#,
        "\u{feff}{\"alg\":\"HS256\"}",
        "// \n{\"alg\":\"HS256\"}",
    ] {
        cases.push(case(format!("header {header}"), headed(header), Malformed));
    }
    let not_utf8 = [b"{\"alg\":\"HS256\",\"x\":\"".as_slice(), &[0xff], b"\"}"].concat();
    let signed = format!("{}.{}", b64(not_utf8), b64(CLAIMS));
    cases.push(case("header not UTF-8", format!("{signed}.{}", b64(signature(Algorithm::HS256, &signed))), Malformed));
    cases.push(case("deep header", headed(&format!(r#"{{"alg":"HS256","x":{}{}}}"#, "[".repeat(16), "]".repeat(16))), Malformed));
    // A key that comes with the token is nobody's.
    let jwk = format!(r#"{{"kty":"oct","k":"{}"}}"#, b64([7; 32]));
    for wish in [
        format!(r#""jwk":{jwk}"#),
        r#""jku":"http://127.0.0.1:1/jwks""#.into(),
        r#""x5u":"http://127.0.0.1:1/x5u""#.into(),
        r#""x5c":["AA=="]"#.into(),
    ] {
        let signed = format!("{}.{}", b64(format!(r#"{{"alg":"HS256",{wish}}}"#)), b64(CLAIMS));
        let forged = format!("{signed}.{}", b64(hmac_with(HMAC_SHA256, &[7; 32], &signed)));
        cases.push(case(wish, forged, BadSignature));
    }
    cases
}

/// Too much of anything.
fn sizes() -> Vec<Case> {
    let nested =
        |open: &str, close: &str, n: usize| claiming(format!(r#"{{"room_name":"standup","x":{}1{}}}"#, open.repeat(n), close.repeat(n)));
    vec![
        case("a megabyte of A", "A".repeat(1 << 20), Malformed),
        case("a megabyte of dots", ".".repeat(1 << 20), Malformed),
        case("8 KiB and one", format!("{}A", "A".repeat(MAX_TOKEN)), Malformed),
        case("a long header", headed(&format!(r#"{{"alg":"HS256","x":"{}"}}"#, "x".repeat(8192))), Malformed),
        case("a long claim", claiming(format!(r#"{{"room_name":"standup","x":"{}"}}"#, "x".repeat(8192))), Malformed),
        case("17 lists", nested("[", "]", 16), Malformed),
        case("17 objects", nested("{\"a\":", "}", 16), Malformed),
        case("2000 lists", nested("[", "]", 2000), Malformed),
        case("2000 open lists", claiming("[".repeat(2000)), Malformed),
        case("long digits", claiming(format!(r#"{{"room_name":"standup","exp":{}}}"#, "9".repeat(3000))), Malformed),
        case("long exponent", claiming(r#"{"room_name":"standup","exp":1e999999999}"#), Malformed),
    ]
}

fn all() -> Vec<(&'static str, Vec<Case>)> {
    vec![
        ("no algorithm", no_algorithm()),
        ("confusion", confusion()),
        ("signatures", signatures()),
        ("shapes", shapes()),
        ("headers", headers()),
        ("sizes", sizes()),
        ("claims", super::claims::bad().into_iter().map(|(name, payload)| case(name, claiming(payload), Malformed)).collect()),
    ]
}

#[test]
fn every_bad_token_is_refused_with_its_code_and_without_its_text() {
    let verifier = verifier();
    let mut wrong = Vec::new();
    let mut count = 0;
    for (group, cases) in all() {
        let mut names = HashSet::new();
        for (name, token, fault) in cases {
            assert!(names.insert((name.clone(), token.clone())), "{group}: {name} twice");
            count += 1;
            for look in ["first", "second"] {
                let result = verifier.explain_now(&token, NOW).expect("no set to ask").map_err(|f| (f.fault, f.detail));
                match result {
                    Err((got, detail)) if got == fault => {
                        let parts = token.split('.').filter(|p| p.len() > 8);
                        assert!(!parts.clone().any(|p| detail.contains(p)), "{group}: {name}: the token is in {detail:?}");
                        assert!(!detail.contains("CANARY"), "{group}: {name}: a claim is in {detail:?}");
                        assert!(detail.len() < 200, "{group}: {name}: {detail:?}");
                    }
                    got => wrong.push(format!("{group}: {name} ({look} look): {got:?} instead of {fault}")),
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 400, "only {count} cases");
}

#[test]
fn every_good_token_passes() {
    let verifier = verifier();
    let mut tokens: Vec<(String, String)> = Vec::new();
    for algorithm in Algorithm::ALL {
        let kid = kid_of(algorithm);
        tokens.push((format!("{algorithm}"), signed_with(algorithm, &format!(r#"{{"alg":"{algorithm}","kid":"{kid}"}}"#), CLAIMS)));
        tokens.push((format!("{algorithm} without kid"), signed_with(algorithm, &format!(r#"{{"alg":"{algorithm}"}}"#), CLAIMS)));
    }
    for extra in [
        r#""typ":"JWT""#,
        r#""typ":"at+jwt""#,
        r#""typ":"""#,
        r#""cty":"x""#,
        r#""jku":"http://127.0.0.1:1/""#,
        r#""x5u":"http://127.0.0.1:1/""#,
        r#""x5c":["AA=="]"#,
        r#""jwk":{"kty":"oct","k":"AA"}"#,
        r#""jwk":null"#,
        r#""x":[[[[[[[[[[[[[[1]]]]]]]]]]]]]]"#,
    ] {
        tokens.push((format!("header {extra}"), headed(&format!(r#"{{"alg":"HS256","kid":"main",{extra}}}"#))));
    }
    tokens.push(("blanks in the header".into(), headed("{ \"alg\" :\r\n\t\"HS256\" }")));
    tokens.push(("escapes in the header".into(), headed(r#"{"\u0061lg":"HS\u003256","k\u0069d":"m\u0061in"}"#)));
    tokens.push(("as long as may be".into(), {
        let filled = |n: usize| claiming(format!(r#"{{"room_name":"standup","x":"{}"}}"#, "x".repeat(n)));
        let n = (0..8192).rev().find(|n| filled(*n).len() <= MAX_TOKEN).unwrap();
        filled(n)
    }));
    for (name, token) in tokens {
        let grant = verifier.explain_now(&token, NOW).unwrap().unwrap_or_else(|f| panic!("{name}: {f}"));
        assert_eq!(grant.room.as_ref().map(RoomName::as_str), Some("standup"), "{name}");
    }
}

#[test]
fn a_fault_of_the_signature_comes_before_one_of_the_claims() {
    let signed = format!("{}.{}", b64(HEADER), b64("not JSON at all"));
    let forged = format!("{signed}.{}", b64([0; 32]));
    assert_eq!(verifier().verify_now(&forged, NOW), Some(Err(BadSignature)));
}

#[test]
fn a_token_shows_nothing_of_itself() {
    let token = MeetingToken::new(claiming(CLAIMS));
    assert_eq!(format!("{token:?}"), "MeetingToken(..)");
    assert_eq!(format!("{:?}", Secret::new(SECRET.to_vec())), "Secret(..)");
}

proptest! {
    #[test]
    fn no_text_makes_the_verifier_panic_or_say_yes(text in "\\PC{0,200}") {
        prop_assert!(verifier_of_hmac().verify_now(&text, NOW).unwrap().is_err());
    }

    #[test]
    fn no_header_makes_the_verifier_panic(header in prop::collection::vec(any::<u8>(), 0..200), payload in prop::collection::vec(any::<u8>(), 0..200)) {
        let signed = format!("{}.{}", b64(&header), b64(&payload));
        let token = format!("{signed}.{}", b64(signature(Algorithm::HS256, &signed)));
        prop_assert!(verifier_of_hmac().verify_now(&token, NOW).unwrap().is_err());
    }

    #[test]
    fn no_change_of_a_character_leaves_a_token_good(at in 0_usize..200, to in "[ -~]") {
        let token = claiming(CLAIMS);
        let at = at % token.len();
        prop_assume!(token[at..=at] != to);
        let changed = format!("{}{to}{}", &token[..at], &token[at + 1..]);
        prop_assert!(verifier_of_hmac().verify_now(&changed, NOW).unwrap().is_err());
    }
}

fn verifier_of_hmac() -> &'static Verifier {
    static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| Verifier::new(&specs()[..3], &[], Options::default(), room_names()).unwrap());
    &VERIFIER
}
