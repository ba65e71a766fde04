//! What claims may say, and what they may not.

use std::time::Duration;

use proptest::prelude::*;

use crate::access::{Grant, Person, TokenFault, TokenId};

use super::*;

/// Payloads that must be refused as malformed: a name and the bytes.
pub(super) fn bad() -> Vec<(String, Vec<u8>)> {
    let mut cases: Vec<(String, Vec<u8>)> = Vec::new();
    let mut with = |extra: &str| cases.push((extra.to_owned(), format!(r#"{{"room_name":"standup",{extra}}}"#).into_bytes()));

    for flag in ["is_owner", "o", "knocking", "k", "guest", "eject_at_token_exp", "ejt"] {
        for value in ["null", "0", "1", r#""true""#, r#""CANARY""#, r#""""#, "[]", "[true]", "{}", "1.0"] {
            with(&format!(r#""{flag}":{value}"#));
        }
    }
    for text in ["user_name", "u", "user_id", "ud", "email", "jti", "domain_id", "d"] {
        for value in [
            "null",
            "0",
            "42",
            "true",
            "[]",
            r#"["CANARY"]"#,
            "{}",
            r#""CANARY\u0000""#,
            r#""CANARY\r\nX-Roomgate-Role: owner""#,
            r#""\u001b[31mCANARY""#,
            r#""\u0085""#,
            r#""\u007f""#,
            r#""\u2028""#,
            r#""\ud800CANARY""#,
        ] {
            with(&format!(r#""{text}":{value}"#));
        }
        with(&format!(r#""{text}":"{}""#, "x".repeat(321)));
    }
    for date in ["exp", "nbf", "iat"] {
        for value in [
            "null",
            "true",
            r#""1800003600""#,
            r#""CANARY""#,
            r#""""#,
            "[]",
            "[1800003600]",
            "{}",
            "1800003600000",
            "253402300800",
            "253402300800.5",
            "-253402300800",
            "9007199254740993",
            "18446744073709551615",
            "18446744073709551616",
            "-9223372036854775808",
            "1e300",
            "-1e300",
            "1e999",
            "NaN",
            "Infinity",
            "-Infinity",
            "0x10",
            "+1",
            "01",
            ".5",
            "1.",
            "1e",
            "--1",
        ] {
            with(&format!(r#""{date}":{value}"#));
        }
    }
    for duration in ["eject_after_elapsed", "eje"] {
        for value in ["null", "true", r#""60""#, "[]", "{}", "-1", "-0.5", "1e300", "253402300800"] {
            with(&format!(r#""{duration}":{value}"#));
        }
    }
    for groups in ["null", r#""CANARY""#, "{}", "1", "[1]", "[null]", "[[]]", r#"["staff",true]"#, r#"["sta\nff"]"#] {
        with(&format!(r#""groups":{groups}"#));
    }
    with(&format!(r#""groups":[{}]"#, vec![r#""g""#; 65].join(",")));
    with(&format!(r#""groups":["{}"]"#, "g".repeat(257)));
    with(r#""jti":"""#);
    for (long, short, value) in [
        ("is_owner", "o", "true"),
        ("user_name", "u", r#""a""#),
        ("user_id", "ud", r#""a""#),
        ("domain_id", "d", r#""a""#),
        ("eject_at_token_exp", "ejt", "true"),
        ("eject_after_elapsed", "eje", "60"),
        ("knocking", "k", "true"),
        ("room_name", "r", r#""standup""#),
    ] {
        // The room stands in all of these already.
        let first = if long == "room_name" { String::new() } else { format!(r#""{long}":{value},"#) };
        with(&format!(r#"{first}"{short}":{value}"#));
        with(&format!(r#"{first}"{long}":{value}"#));
    }
    for extra in [
        r#""exp":1,"exp":2"#,
        r#""guest":true,"guest":false"#,
        r#""room\u005fname":"standup""#,
        r#""x":1,"x":1"#,
        r#""x":{"y":{"z":1,"z":1}}"#,
        r#""x":"\ud83d""#,
        r#""x":"\udc00\ud800""#,
        r#""\ud800":1"#,
        r#""x":1e999"#,
        r#""x":undefined"#,
        r#""x":'y'"#,
        r#""x":1,"#,
        r#""x""#,
        r#""x":"a	b""#,
    ] {
        with(extra);
    }

    for room in [
        "null",
        "0",
        "true",
        "[]",
        r#"["standup"]"#,
        "{}",
        r#""""#,
        r#"" ""#,
        r#""*""#,
        r#""standup ""#,
        r#"" standup""#,
        r#""stand/up""#,
        r#""..""#,
        r#""%2e""#,
        r#""stand\u0000up""#,
        r#""st\u0430ndup""#,
        r#""standup\u200b""#,
        r#""standup\n""#,
        r#""\ud800""#,
    ] {
        for name in ["room_name", "r"] {
            cases.push((format!("{name} {room}"), format!(r#"{{"{name}":{room}}}"#).into_bytes()));
        }
    }
    cases.push(("a long room name".into(), format!(r#"{{"r":"{}"}}"#, "a".repeat(129)).into_bytes()));

    for whole in [
        "",
        " ",
        "null",
        "true",
        "1",
        "\"standup\"",
        "[]",
        r#"["standup",true]"#,
        r#"[{"room_name":"standup"}]"#,
        "{",
        "}",
        "{}{}",
        "{},",
        "{} {}",
        "{}\0",
        "\u{feff}{}",
        "{\"r\":\"standup\"",
        "eyJyIjoieCJ9",
        "<xml/>",
        "{]",
        "[}",
    ] {
        cases.push((format!("claims {whole:?}"), whole.as_bytes().to_vec()));
    }
    let around = |inside: &[u8]| [br#"{"room_name":"standup","x":""#.as_slice(), inside, b"\"}"].concat();
    for (name, bytes) in [
        ("a lone continuation byte", &[0x80][..]),
        ("a cut sequence", &[0xe2, 0x82]),
        ("an overlong slash", &[0xc0, 0xaf]),
        ("a surrogate in UTF-8", &[0xed, 0xa0, 0x80]),
        ("beyond Unicode", &[0xf4, 0x90, 0x80, 0x80]),
        ("0xff", &[0xff]),
        ("a raw NUL", &[0]),
    ] {
        cases.push((format!("{name} in an ignored claim"), around(bytes)));
    }
    cases
}

fn grant(payload: impl AsRef<[u8]>) -> Result<Grant, Fault> {
    Claims::parse(payload.as_ref())?.grant(|| TokenId::digest("00"), None, &*room_names())
}

#[test]
fn every_claim_is_read_in_either_spelling() {
    let long = r#"{"room_name":"standup","is_owner":true,"user_name":"Ann \u00c4","user_id":"42","exp":1800003600,"nbf":1800000000,"iat":1799999999,
        "jti":"j1","domain_id":"dom","eject_at_token_exp":true,"eject_after_elapsed":3600,"knocking":true,"guest":false,
        "email":"ann@example.org","groups":["staff","night shift"],"permissions":{"canSend":["audio"]},"sub":null,"aud":["x"]}"#;
    let short = r#"{"r":"standup","o":true,"u":"Ann Ä","ud":"42","exp":1800003600.9,"nbf":1800000000.0,"iat":1.799999999e9,
        "jti":"j1","d":"dom","ejt":true,"eje":3600.9,"k":true,"email":"ann@example.org","groups":["staff","night shift"],"p":{"cs":true}}"#;
    let expected = Grant {
        token: TokenId::jti("j1"),
        room: Some(RoomName::canonical("standup").unwrap()),
        owner: true,
        must_knock: true,
        person: Person {
            user: Some("42".into()),
            email: Some("ann@example.org".into()),
            groups: vec!["staff".into(), "night shift".into()],
            name: Some("Ann Ä".into()),
        },
        expires: Some(Timestamp::from_secs(1_800_003_600)),
        not_before: Some(Timestamp::from_secs(1_800_000_000)),
        issued: Some(Timestamp::from_secs(1_799_999_999)),
        eject_at_expiry: Some(true),
        eject_after: Some(Duration::from_secs(3600)),
    };
    assert_eq!(grant(long), Ok(expected.clone()));
    assert_eq!(grant(short), Ok(expected));
}

#[test]
fn what_is_not_said_is_not_assumed() {
    let expected = Grant {
        token: TokenId::digest("00"),
        room: None,
        owner: false,
        must_knock: false,
        person: Person::NOBODY,
        expires: None,
        not_before: None,
        issued: None,
        eject_at_expiry: None,
        eject_after: None,
    };
    assert_eq!(grant("{}"), Ok(expected.clone()));
    assert_eq!(
        grant(r#"{"email":"","user_id":"","u":"","groups":[],"Room_Name":"standup","ROOM":1,"is_Owner":true,"O":true}"#),
        Ok(expected)
    );
}

#[test]
fn either_of_guest_and_knocking_must_knock() {
    for (payload, must_knock) in [
        (r#"{"guest":true}"#, true),
        (r#"{"knocking":true}"#, true),
        (r#"{"k":true}"#, true),
        (r#"{"k":false,"guest":true}"#, true),
        (r#"{"knocking":true,"guest":false}"#, true),
        (r#"{"knocking":false,"guest":false}"#, false),
    ] {
        assert_eq!(grant(payload).unwrap().must_knock, must_knock, "{payload}");
    }
}

#[test]
fn times_are_floored_and_end_with_the_year_9999() {
    for (number, secs) in [
        ("0", 0),
        ("-0", 0),
        ("-0.5", -1),
        ("-1", -1),
        ("1.999999", 1),
        ("1e3", 1000),
        ("1800003600.999", 1_800_003_600),
        ("253402300799", 253_402_300_799),
        ("253402300799.9", 253_402_300_799),
        ("-253402300799", -253_402_300_799),
    ] {
        let claims = Claims::parse(format!(r#"{{"exp":{number}}}"#).as_bytes()).unwrap();
        assert_eq!(claims.expires, Some(Timestamp::from_secs(secs)), "{number}");
    }
    let fault = Claims::parse(br#"{"exp":1800003600000}"#).unwrap_err();
    assert_eq!(fault.fault, TokenFault::Malformed);
    assert!(fault.detail.contains("`exp`") && fault.detail.contains("milliseconds"), "{fault}");
}

#[test]
fn a_fault_names_the_claim_by_its_long_name() {
    for (payload, words) in [
        (r#"{"o":1}"#, "`is_owner` must be true or false"),
        (r#"{"r":null}"#, "`room_name` must be a string"),
        (r#"{"r":"a","room_name":"a"}"#, "`room_name` and `r` are one claim"),
        (r#"{"r":"a","r":"a"}"#, "twice"),
        (r#"{"ud":"\n"}"#, "`user_id` may not contain control characters"),
        (r#"{"r":"a b"}"#, "`room_name` is not the name of any room"),
        ("[]", "not a JSON object"),
    ] {
        let fault = grant(payload).unwrap_err();
        assert!(fault.detail.contains(words), "{payload}: {fault}");
    }
}

#[test]
fn sixteen_levels_pass_and_brackets_in_strings_are_text() {
    for payload in [
        format!(r#"{{"x":{}{}}}"#, "[".repeat(15), "]".repeat(15)),
        format!(r#"{{"x":"{}"}}"#, "[{".repeat(500)),
        format!(r#"{{"x":"\"{}\\"}}"#, "[{".repeat(500)),
        format!(r#"{{"x":[{}]}}"#, vec!["[]"; 500].join(",")),
    ] {
        assert!(Claims::parse(payload.as_bytes()).is_ok(), "{payload}");
    }
}

#[test]
fn a_domain_that_is_asked_for_must_be_there_and_equal() {
    let ours = "30f866c3-9123-452a-8723-ff58322d09c5";
    let judge = |payload: &str| {
        let claims = Claims::parse(payload.as_bytes()).unwrap();
        claims.grant(|| TokenId::digest("00"), Some(ours), &*room_names()).map(|_| ()).map_err(|f| f.fault)
    };
    assert_eq!(judge(&format!(r#"{{"d":"{ours}"}}"#)), Ok(()));
    assert_eq!(judge(&format!(r#"{{"domain_id":"{ours}"}}"#)), Ok(()));
    for other in ["{}", r#"{"d":""}"#, r#"{"d":"30F866C3-9123-452A-8723-FF58322D09C5"}"#, r#"{"domain_id":"30f866c3"}"#] {
        assert_eq!(judge(other), Err(TokenFault::WrongDomain), "{other}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        let _ = Claims::parse(&bytes);
    }

    #[test]
    fn no_json_makes_the_parser_panic(text in r#"[\[\]{}",:0-9a-z\\ .+-]{0,200}"#) {
        let _ = Claims::parse(text.as_bytes());
        let _ = Claims::parse(format!(r#"{{"r":"standup",{text}}}"#).as_bytes());
    }

    #[test]
    fn a_number_is_a_time_or_refused(number in any::<f64>()) {
        let parsed = Claims::parse(format!(r#"{{"exp":{number}}}"#).as_bytes());
        match parsed {
            Ok(claims) => prop_assert_eq!(claims.expires.unwrap().as_secs() as f64, number.floor()),
            Err(_) => prop_assert!(!number.is_finite() || number.floor().abs() > 253_402_300_799.0),
        }
    }
}
