#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use proptest::prelude::*;

use super::*;

const SID: &str = "O5-ltjBITuLMABPnAAAA";

#[test]
fn a_query_is_read_as_the_client_writes_it_and_in_no_other_way() {
    let sid = Sid::parse(SID);
    let polling = |sid| Ok(Handshake { transport: Transport::Polling, sid });
    let websocket = |sid| Ok(Handshake { transport: Transport::WebSocket, sid });
    let good = [
        ("EIO=3&transport=polling".to_owned(), polling(None)),
        ("EIO=3&transport=polling&t=NjK2bQ_".to_owned(), polling(None)),
        ("EIO=3&transport=polling&t=NjK2bQ_.0&b64=1".to_owned(), polling(None)),
        (format!("EIO=3&transport=polling&t=NjK2bQ_&sid={SID}"), polling(sid.clone())),
        (format!("EIO=3&transport=websocket&sid={SID}"), websocket(sid.clone())),
        (format!("sid={SID}&transport=websocket&EIO=3"), websocket(sid)),
        ("EIO=3&transport=websocket".to_owned(), websocket(None)),
    ];
    for (query, read) in good {
        assert_eq!(Handshake::read(&query), read, "{query}");
    }
    for query in [
        "",
        "&",
        "EIO=3",
        "transport=polling",
        "EIO=4&transport=polling",
        "EIO=3.0&transport=polling",
        "EIO=03&transport=polling",
        "EIO=3&EIO=3&transport=polling",
        "EIO=3&EIO=4&transport=polling",
        "EIO=3&transport=polling&",
        "&EIO=3&transport=polling",
        "EIO=3&&transport=polling",
        "EIO=3&transport",
        "EIO=3&transport=",
        "EIO=3&transport=Polling",
        "EIO=3&transport=flashsocket",
        "EIO=3&transport=constructor",
        "EIO=3&transport=polling&transport=websocket",
        "EIO=3&transport=polling&transport=polling",
        "EIO=3&transport[]=polling",
        "EIO=3&transport=poll%69ng",
        "EIO=3&transport=polling&sid=",
        "EIO=3&transport=polling&sid",
        "EIO=3&transport=polling&sid=__proto__",
        "EIO=3&transport=polling&sid=O5-ltjBITuLMABPnAAA",
        "EIO=3&transport=polling&sid=O5-ltjBITuLMABPnAAAAA",
        "EIO=3&transport=polling&sid=O5+ltjBITuLMABPnAAAA",
        "EIO=3&transport=polling&sid=O5-ltjBITuLMABPnAAA%41",
        "EIO=3&transport=polling&s%69d=O5-ltjBITuLMABPnAAAA",
        "EIO=3&transport=polling&sid=O5-ltjBITuLMABPnAAAA&sid=O5-ltjBITuLMABPnAAAA",
        "EIO=3&transport=polling&sid=O5-ltjBITuLMABPnAAAA&sid=P5-ltjBITuLMABPnAAAA",
        "EIO=3&transport=polling&sid[]=O5-ltjBITuLMABPnAAAA",
        "EIO=3&transport=polling&sid=O5-ltjBITuLMABPnAAAA;x=1",
        "EIO=3&transport=polling;sid=O5-ltjBITuLMABPnAAAA",
        "EIO=3&transport=polling&j=0",
        "EIO=3&transport=polling&d=1:2",
        "EIO=3&transport=polling&b64=0",
        "EIO=3&transport=polling&b64=1&b64=1",
        "EIO=3&transport=polling&b64",
        "EIO=3&transport=polling&t=a&t=b",
        "EIO=3&transport=polling&t=eyJhbGciOiJIUzI1NiJ9.eyJyIjoiYSJ9.c2ln",
        "EIO=3&transport=polling&room=standup",
        "eio=3&transport=polling",
        "EIO=3&TRANSPORT=polling",
        "EIO=3&transport=polling#",
        "EIO=3&transport=polling&x=y",
    ] {
        assert!(Handshake::read(query).is_err(), "{query}");
    }
}

#[test]
fn a_cache_buster_is_not_a_token() {
    for text in ["N", "NjK2bQ_", "NjK2bQ_.0", "PZ-aQ3k.1-"] {
        assert!(is_cache_buster(text), "{text}");
    }
    for text in ["", ".", "a.", ".a", "a.b.c", "eyJhbGciOiJIUzI1NiJ9.e30.c2ln", "NjK2bQ_NjK2bQ_", "a b", "a%2e", "é"] {
        assert!(!is_cache_buster(text), "{text}");
    }
}

#[test]
fn only_what_a_client_sends_is_a_packet() {
    let good = [
        ("1", Packet::Close),
        ("2", Packet::Ping),
        ("2probe", Packet::Probe),
        ("5", Packet::Upgrade),
        ("4", Packet::Message("")),
        ("42[\"a\"]", Packet::Message("2[\"a\"]")),
        ("4é", Packet::Message("é")),
    ];
    for (text, packet) in good {
        assert_eq!(Packet::parse(text), Ok(packet), "{text}");
    }
    let bad = [
        ("", Fault::Malformed),
        ("0", Fault::NotAllowed),
        ("0{\"sid\":\"O5-ltjBITuLMABPnAAAA\"}", Fault::NotAllowed),
        ("1x", Fault::NotAllowed),
        ("2x", Fault::NotAllowed),
        ("2probex", Fault::NotAllowed),
        ("2Probe", Fault::NotAllowed),
        ("3", Fault::NotAllowed),
        ("3probe", Fault::NotAllowed),
        ("5x", Fault::NotAllowed),
        ("6", Fault::NotAllowed),
        ("b4AAAA", Fault::NotAllowed),
        ("7", Fault::Malformed),
        ("9", Fault::Malformed),
        (" 4", Fault::Malformed),
        ("\u{feff}4", Fault::Malformed),
        ("٤2[\"a\"]", Fault::Malformed),
        ("é", Fault::Malformed),
        ("\0", Fault::Malformed),
        ("[\"ready\"]", Fault::Malformed),
    ];
    for (text, fault) in bad {
        assert_eq!(Packet::parse(text), Err(fault), "{text:?}");
    }
}

#[test]
fn a_payload_is_counted_in_utf_16_code_units_as_the_server_counts() {
    let good: [(&str, &[&str]); 7] = [
        ("1:2", &["2"]),
        ("1:22:40", &["2", "40"]),
        ("3:4:4", &["4:4"]),
        ("3:4é!", &["4é!"]),
        ("3:4🦀", &["4🦀"]),
        ("5:4🦀🦀1:2", &["4🦀🦀", "2"]),
        ("10:4123456789", &["4123456789"]),
    ];
    for (payload, packets) in good {
        assert_eq!(read_payload(payload).as_deref(), Ok(packets), "{payload}");
        assert_eq!(write_payload(packets), payload);
    }
    for payload in [
        "",
        ":",
        "1",
        "1:",
        "2:2",
        "0:",
        "0:1:2",
        "1:20:",
        "01:2",
        "+1:2",
        "-1:2",
        " 1:2",
        "1 :2",
        "1:2 ",
        "1:2\n",
        "1.0:2",
        "1e0:2",
        "0x1:2",
        "1:2:",
        "1:21",
        "1:2x",
        "2:4🦀",
        "6:4🦀",
        "5:4é🦀",
        "b1:2",
        "1:2b",
        "99999999:2",
        "18446744073709551617:2",
        "٣:4ab",
        "\u{feff}1:2",
        "d=1%3A2",
        "\0\u{1}\u{ff}2",
        "NaN:2",
        "Infinity:2",
        "١:2",
        "1,1:2",
    ] {
        assert_eq!(read_payload(payload), Err(Fault::Malformed), "{payload:?}");
    }
}

#[test]
fn a_payload_has_its_limits() {
    assert_eq!(read_payload(&"1:2".repeat(PACKETS_MAX)).unwrap().len(), PACKETS_MAX);
    assert_eq!(read_payload(&"1:2".repeat(PACKETS_MAX + 1)), Err(Fault::TooLarge));
    let big = "4".repeat(PAYLOAD_MAX);
    assert_eq!(read_payload(&write_payload([&big])), Err(Fault::TooLarge));
}

#[test]
fn a_session_is_learnt_from_the_servers_open_packet_alone() {
    let open = format!(r#"0{{"sid":"{SID}","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000}}"#);
    assert_eq!(opened(&open), Sid::parse(SID));
    assert_eq!(opened_by(write_payload([open.as_str(), "40"]).as_bytes()), Sid::parse(SID));
    for packet in [
        "",
        "0",
        "0{}",
        "0null",
        "40",
        r#"0{"sid":1}"#,
        r#"0{"sid":"short"}"#,
        &open[1..],
        &format!("4{open}"),
        &format!(r#"0{{"sid":"{SID}","sid":"{SID}"}}"#),
    ] {
        assert_eq!(opened(packet), None, "{packet}");
    }
    for body in [&b""[..], b"2:40", b"\xff", b"ok", open.as_bytes(), write_payload(["40", open.as_str()]).as_bytes()] {
        assert_eq!(opened_by(body), None, "{body:?}");
    }
}

#[test]
fn a_session_id_does_not_show_in_debug_output() {
    assert_eq!(format!("{:?}", Sid::parse(SID).unwrap()), "Sid(..)");
}

proptest! {
    #[test]
    fn a_written_payload_is_read_back(packets in prop::collection::vec("[0-9:a-zé🦀\\[\\]{}\"]{1,20}", 1..20)) {
        let payload = write_payload(&packets);
        prop_assert_eq!(read_payload(&payload).unwrap(), packets);
    }

    #[test]
    fn what_is_read_is_written_the_same(payload in "([0-9]{0,2}:?[0-9:a-é🦀]{0,4}){0,6}") {
        if let Ok(packets) = read_payload(&payload) {
            prop_assert_eq!(write_payload(packets), payload);
        }
    }

    #[test]
    fn nothing_panics(text in any::<String>()) {
        let _ = (read_payload(&text), Packet::parse(&text), Handshake::read(&text), opened(&text), opened_by(text.as_bytes()));
    }
}
