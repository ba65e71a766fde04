//! Names as pages, queries, claims and the configuration write them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use proptest::prelude::*;

use super::*;

/// What Jitsi's six steps give, as they stand in `uri.ts`.
fn six_steps(segment: &str) -> String {
    let kept: String = segment.chars().filter(|c| !":?#[]@!$&'()*+,;=></\"".contains(*c)).collect();
    let decoded = decoded(&kept).unwrap_or(kept);
    let lower = decoded.nfkc().collect::<String>().to_lowercase();
    utf8_percent_encode(&lower, PLAIN).to_string().to_lowercase()
}

#[test]
fn a_room_has_one_name_in_whatever_spelling() {
    for (text, name, node_) in [
        ("standup", "standup", "standup"),
        ("Standup", "standup", "standup"),
        ("STANDUP", "standup", "standup"),
        ("%53tandup", "standup", "standup"),
        ("%73%74andup", "standup", "standup"),
        ("s!t'a(n)d*u+p", "standup", "standup"),
        ("stand;up", "standup", "standup"),
        ("st@ndup", "stndup", "stndup"),
        ("R&D", "rd", "rd"),
        ("a:b", "ab", "ab"),
        ("[standup]", "standup", "standup"),
        ("team%20meeting", "team meeting", "team%20meeting"),
        ("team meeting", "team meeting", "team%20meeting"),
        ("Team%C2%A0Meeting", "team meeting", "team%20meeting"),
        ("b%C3%BCro", "b\u{fc}ro", "b%c3%bcro"),
        ("b%c3%bcro", "b\u{fc}ro", "b%c3%bcro"),
        ("B\u{dc}RO", "b\u{fc}ro", "b%c3%bcro"),
        ("bu\u{308}ro", "b\u{fc}ro", "b%c3%bcro"),
        ("\u{ff53}tandup", "standup", "standup"),
        ("%EF%BD%93tandup", "standup", "standup"),
        ("\u{212a}ino", "kino", "kino"),
        ("\u{130}zmir", "i\u{307}zmir", "i%cc%87zmir"),
        ("\u{39f}\u{394}\u{39f}\u{3a3}", "\u{3bf}\u{3b4}\u{3bf}\u{3c2}", "%ce%bf%ce%b4%ce%bf%cf%82"),
        ("stra\u{df}e", "stra\u{df}e", "stra%c3%9fe"),
        ("\u{4f1a}\u{8b70}", "\u{4f1a}\u{8b70}", "%e4%bc%9a%e8%ad%b0"),
        ("\u{1f984}", "\u{1f984}", "%f0%9f%a6%84"),
        ("a-b_c.d~e", "a-b_c.d~e", "a-b_c.d~e"),
        ("priv\u{ad}ate", "priv\u{ad}ate", "priv%c2%adate"),
    ] {
        let room = room_name(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!((room.as_str(), node(&room).as_str()), (name, node_), "{text}");
        assert_eq!(six_steps(text), node_, "{text}: what the page would join");
        assert_eq!(room_name(&node(&room)), Ok(room.clone()), "{text}: its node is its name");
        assert_eq!(room_name(room.as_str()), Ok(room), "{text}: and so is its name");
    }
}

#[test]
fn what_has_two_readings_or_holds_a_separator_is_nobodys_name() {
    for (text, expected) in [
        ("", NameError::Empty),
        ("!", NameError::Empty),
        ("?#[]@!$&'()*+,;=><\"", NameError::Empty),
        ("a/b", NameError::Character('/')),
        ("/", NameError::Character('/')),
        ("a%2fb", NameError::Character('/')),
        ("a%2F", NameError::Character('/')),
        ("\u{ff0f}a", NameError::Character('/')),
        ("a%EF%BC%8Fb", NameError::Character('/')),
        ("a%5cb", NameError::Character('\\')),
        ("a\u{ff3c}b", NameError::Character('\\')),
        // Still encoded after one step: another page's six steps, and another room.
        ("a%2562", NameError::Character('%')),
        ("a%25", NameError::Character('%')),
        ("\u{ff05}61", NameError::Character('%')),
        // No encoding at all.
        ("a%", NameError::Character('%')),
        ("a%zz", NameError::Character('%')),
        ("%ff", NameError::Character('%')),
        ("%c0%ae", NameError::Character('%')),
        ("%ed%a0%80", NameError::Character('%')),
        ("%6", NameError::Character('%')),
        ("%+6a", NameError::Character('%')),
        ("b%c3%+bcro", NameError::Character('%')),
        ("a%3fb", NameError::Character('?')),
        ("a%23b", NameError::Character('#')),
        // Decoded, they are characters that a second pass deletes.
        ("a%21b", NameError::NotCanonical),
        ("a%40b", NameError::NotCanonical),
        ("a%3ab", NameError::NotCanonical),
        ("a%26b", NameError::NotCanonical),
        ("[t]%5Bx", NameError::NotCanonical),
        ("\u{ff01}a", NameError::NotCanonical),
        ("a\u{ff20}b", NameError::NotCanonical),
        ("%27", NameError::NotCanonical),
        ("a%00b", NameError::Character('\0')),
        ("a%0ab", NameError::Character('\n')),
        ("a%C2%85b", NameError::Character('\u{85}')),
        ("a%E2%80%A8b", NameError::Character('\u{2028}')),
        ("%20a", NameError::Character(' ')),
        ("a%20", NameError::Character(' ')),
        ("a%C2%A0", NameError::Character(' ')),
        ("\u{feff}a", NameError::Character('\u{feff}')),
        ("a\u{fffd}", NameError::Character('\u{fffd}')),
        (".", NameError::NotCanonical),
        ("..", NameError::NotCanonical),
        ("%2e%2e", NameError::NotCanonical),
        ("\u{2025}", NameError::NotCanonical),
    ] {
        assert_eq!(room_name(text), Err(expected), "{text:?}");
    }
    assert!(room_name(&"a".repeat(RoomName::MAX)).is_ok());
    assert_eq!(room_name(&"a".repeat(RoomName::MAX + 1)), Err(NameError::TooLong));
    assert!(room_name(&"%C3%BC".repeat(RoomName::MAX / 2)).is_ok());
    assert_eq!(room_name(&"!".repeat(LONGEST + 1)), Err(NameError::TooLong));
}

#[test]
fn a_tenant_is_a_label_of_the_muc_host() {
    for (text, expected) in [
        ("acme", Ok("acme")),
        ("Acme", Ok("acme")),
        ("acme.corp", Ok("acme_corp")),
        ("ACME_Corp-7", Ok("acme_corp-7")),
        ("", Err(NameError::Empty)),
        ("a b", Err(NameError::Character(' '))),
        ("a%41", Err(NameError::Character('%'))),
        ("a/b", Err(NameError::Character('/'))),
        ("[a]", Err(NameError::Character('['))),
        ("\u{fc}", Err(NameError::Character('\u{fc}'))),
        ("\u{212a}", Err(NameError::Character('\u{212a}'))),
    ] {
        assert_eq!(tenant(text), expected.map(str::to_owned), "{text}");
    }
    assert_eq!(tenant(&"a".repeat(TENANT)).map(|t| t.len()), Ok(TENANT));
    assert_eq!(tenant(&"a".repeat(TENANT + 1)), Err(NameError::TooLong));
}

#[test]
fn a_name_may_have_a_tenant_where_there_are_any() {
    let room = named("Acme.Corp/B%C3%BCro", true).unwrap();
    assert_eq!(room.as_str(), "acme_corp/b\u{fc}ro");
    assert_eq!((parts(&room), node(&room).as_str()), ((Some("acme_corp"), "b\u{fc}ro"), "b%c3%bcro"));
    assert_eq!(named(room.as_str(), true), Ok(room.clone()));
    assert_eq!(with_tenant(Some("ACME.corp"), "b\u{dc}ro"), Ok(room));
    let plain = named("Standup", true).unwrap();
    assert_eq!((parts(&plain), node(&plain).as_str()), ((None, "standup"), "standup"));
    assert_eq!(named("Standup", false), Ok(plain.clone()));
    assert_eq!(with_tenant(None, "standup"), Ok(plain));
    for (text, expected) in [
        ("a/b/c", NameError::Character('/')),
        ("/b", NameError::Empty),
        ("a/", NameError::Empty),
        ("a/!", NameError::Empty),
        ("\u{fc}/b", NameError::Character('\u{fc}')),
        ("a b/c", NameError::Character(' ')),
        ("a/..", NameError::NotCanonical),
    ] {
        assert_eq!(named(text, true), Err(expected), "{text}");
        assert!(named(text, false).is_err(), "{text}");
    }
    assert_eq!(named("acme/standup", false), Err(NameError::Character('/')));
    assert_eq!(with_tenant(Some("acme"), &"a".repeat(RoomName::MAX)), Err(NameError::TooLong));
}

proptest! {
    #[test]
    fn a_node_is_a_fixed_point(text in "\\PC{1,24}|[a-zA-Z0-9%!._~ -]{1,24}|(%[0-9a-fA-F]{2}|[a-zK\u{130}\u{3a3}\u{1e9e}\u{308}]){1,12}") {
        if let Ok(room) = room_name(&text) {
            let node = node(&room);
            prop_assert!(node.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.!~*'()%".contains(&b)), "{}", node);
            prop_assert_eq!(room_name(&node), Ok(room.clone()));
            prop_assert_eq!(room_name(room.as_str()), Ok(room));
            prop_assert_eq!(six_steps(&text), node);
        }
    }

    #[test]
    fn two_names_never_share_a_node(a in "[a-c\u{fc}U\u{308} %]{1,6}", b in "[a-c\u{fc}U\u{308} %]{1,6}") {
        if let (Ok(a), Ok(b)) = (room_name(&a), room_name(&b)) {
            prop_assert_eq!(a == b, node(&a) == node(&b));
        }
    }
}
