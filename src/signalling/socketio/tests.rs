#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use proptest::prelude::*;

use super::*;

fn nested(depth: usize) -> String {
    // The event's own array is the first level.
    format!("2[\"e\",{}{}]", "[".repeat(depth - 1), "]".repeat(depth - 1))
}

fn many(members: usize) -> String {
    let members: Vec<String> = (0..members).map(|i| format!("\"k{i}\":0")).collect();
    format!("2[\"e\",{{{}}}]", members.join(","))
}

#[test]
fn an_event_is_written_anew_in_one_form() {
    for (said, written) in [
        (r#"2["e",null]"#, r#"42["e",null]"#),
        (r#"2["e",{}]"#, r#"42["e",{}]"#),
        (r#"2[ "e" , { "b" : 1 , "a" : [ true , false ] } ] "#, r#"42["e",{"a":[true,false],"b":1}]"#),
        (r#"2["\u0065","\u00e9\/\ud83e\udd80"]"#, r#"42["e","é/🦀"]"#),
        (r#"2["e","a\r\nb\u0000"]"#, r#"42["e","a\r\nb\u0000"]"#),
        (r#"2["e",-9007199254740991]"#, r#"42["e",-9007199254740991]"#),
        (&nested(DEPTH_MAX), &format!("4{}", nested(DEPTH_MAX))),
    ] {
        let Ok(Message::Event(event)) = Message::parse(said) else { panic!("{said}") };
        assert_eq!(event.packet(), written);
    }
    assert_eq!(Message::parse("1"), Ok(Message::Disconnect));
    assert!(Message::parse(&many(MEMBERS_MAX)).is_ok());
}

#[test]
fn what_plain_clients_do_not_send_is_refused() {
    use Fault::{Malformed, NotAllowed};
    let cases = [
        ("", Malformed),
        ("0", NotAllowed),
        ("0/", NotAllowed),
        ("0/admin", NotAllowed),
        ("0/admin?x=y", NotAllowed),
        ("0{}", NotAllowed),
        ("1/admin", NotAllowed),
        ("1[]", NotAllowed),
        ("11", NotAllowed),
        ("2", NotAllowed),
        ("2/,[\"e\",1]", NotAllowed),
        ("2/admin,[\"e\",1]", NotAllowed),
        ("2/admin,0[\"e\",1]", NotAllowed),
        ("20[\"e\",1]", NotAllowed),
        ("212[\"e\",1]", NotAllowed),
        ("2 [\"e\",1]", NotAllowed),
        ("2{\"0\":\"e\",\"1\":1}", NotAllowed),
        ("2null", NotAllowed),
        ("30[]", NotAllowed),
        ("3[]", NotAllowed),
        ("4\"x\"", NotAllowed),
        ("51-[\"e\",{\"_placeholder\":true,\"num\":0}]", NotAllowed),
        ("50-[\"e\"]", NotAllowed),
        ("60-[]", NotAllowed),
        ("7[\"e\",1]", Malformed),
        ("9", Malformed),
        ("x", Malformed),
        (" 2[\"e\",1]", Malformed),
        ("٢[\"e\",1]", Malformed),
        ("\u{feff}2[\"e\",1]", Malformed),
        ("2[]", NotAllowed),
        ("2[\"e\"]", NotAllowed),
        ("2[\"e\",1,2]", NotAllowed),
        ("2[\"e\",1,null]", NotAllowed),
        ("2[0,1]", NotAllowed),
        ("2[null,1]", NotAllowed),
        ("2[[\"e\"],1]", NotAllowed),
        ("2[{\"e\":1},1]", NotAllowed),
        ("2[\"e\",1", Malformed),
        ("2[\"e\",1]]", Malformed),
        ("2[\"e\",1]x", Malformed),
        ("2[\"e\",1][\"f\",2]", Malformed),
        ("2[\"e\",1]\0", Malformed),
        ("2[\"e\",1]\u{a0}", Malformed),
        ("2[\"e\",1,]", Malformed),
        ("2[,\"e\",1]", Malformed),
        ("2['e',1]", Malformed),
        ("2[\"e\",undefined]", Malformed),
        ("2[\"e\",NaN]", Malformed),
        ("2[\"e\",Infinity]", Malformed),
        ("2[\"e\",01]", Malformed),
        ("2[\"e\",+1]", Malformed),
        ("2[\"e\",1.5]", Malformed),
        ("2[\"e\",1e3]", Malformed),
        ("2[\"e\",1e999]", Malformed),
        ("2[\"e\",-0]", Malformed),
        ("2[\"e\",9007199254740992]", Malformed),
        ("2[\"e\",-9007199254740992]", Malformed),
        ("2[\"e\",99999999999999999999]", Malformed),
        ("2[\"e\",\"\\ud800\"]", Malformed),
        ("2[\"e\",\"\\udc00\\ud800\"]", Malformed),
        ("2[\"e\",\"\n\"]", Malformed),
        ("2[\"e\",\"\\x41\"]", Malformed),
        ("2[\"e\",{\"a\":1,\"a\":2}]", Malformed),
        ("2[\"e\",{\"a\":1,\"\\u0061\":2}]", Malformed),
        ("2[\"e\",{\"a\":{\"b\":1,\"b\":1}}]", Malformed),
        ("2[\"e\",{\"__proto__\":{}}]", Malformed),
        ("2[\"e\",{\"\\u005f_proto__\":{}}]", Malformed),
        ("2[\"e\",{\"constructor\":{}}]", Malformed),
        ("2[\"e\",{\"prototype\":{}}]", Malformed),
        ("2[\"e\",{\"toJSON\":1}]", Malformed),
        ("2[\"e\",{\"a\":{\"_placeholder\":true,\"num\":0}}]", Malformed),
        ("2[\"e\",{a:1}]", Malformed),
        ("2[\"e\",{1:1}]", Malformed),
        ("2[\"e\",{\"a\"}]", Malformed),
        ("2[\"e\",/**/1]", Malformed),
    ];
    for (said, fault) in cases {
        assert_eq!(Message::parse(said), Err(fault), "{said:?}");
    }
    let long = "n".repeat(NAME_MAX + 1);
    for (said, fault) in [
        (nested(DEPTH_MAX + 1), Malformed),
        (nested(100_000), Malformed),
        (format!("2[\"e\",{}", "{\"a\":".repeat(100_000)), Malformed),
        (many(MEMBERS_MAX + 1), Malformed),
        (format!("2[\"e\",[{}0]]", "0,".repeat(MEMBERS_MAX)), Malformed),
        (format!("2[\"{long}\",1]"), NotAllowed),
        (format!("2[\"e\",{{\"{long}\":1}}]"), Malformed),
    ] {
        assert_eq!(Message::parse(&said), Err(fault), "{:.40}", said);
    }
}

fn json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        (-(1i64 << 53) + 1..1 << 53).prop_map(Json::Integer),
        any::<String>().prop_map(Json::Text),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Json::Array),
            prop::collection::btree_map("[a-zA-Z0-9 \"é]{0,9}", inner, 0..6).prop_map(Json::Object),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_reads_as_the_same(name in ".{0,12}", payload in json()) {
        let event = Event { name, payload };
        let text = event.packet();
        prop_assert_eq!(Message::parse(&text[1..]), Ok(Message::Event(event)));
    }

    #[test]
    fn what_passes_is_what_javascript_reads_too(text in "2\\[\"[a-z]\",[\\[\\]{}:,\"a-c0-9\\\\u. -]{0,24}\\]") {
        // A second parser of the same text finds the same value.
        if let Ok(Message::Event(event)) = Message::parse(&text) {
            let other: serde_json::Value = serde_json::from_str(&text[1..]).unwrap();
            let ours: serde_json::Value = serde_json::from_str(&event.packet()[2..]).unwrap();
            prop_assert_eq!(other, ours);
        }
    }

    #[test]
    fn nothing_panics(text in any::<String>()) {
        let _ = Message::parse(&text);
    }
}
