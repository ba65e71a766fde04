#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use proptest::prelude::*;

use super::*;

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Everything that is said by these bytes, fed in pieces of this size, and the fault that ended it.
fn read(sender: Sender, limit: usize, bytes: &[u8], piece: usize) -> (Vec<Event>, Option<Fault>) {
    let mut reader = Reader::new(sender, limit);
    let mut events = Vec::new();
    for mut chunk in bytes.chunks(piece.max(1)) {
        loop {
            match reader.next(&mut chunk) {
                Ok(Some(event)) => events.push(event),
                Ok(None) => {
                    assert!(chunk.is_empty(), "`None` means that all was taken");
                    break;
                }
                Err(fault) => return (events, Some(fault)),
            }
        }
    }
    (events, None)
}

/// A client's frame with any first byte and any way of writing its length.
fn raw(first: u8, length: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    out.extend(length);
    out[1] |= 0x80;
    out.extend(KEY);
    out.extend(payload.iter().zip(KEY.iter().cycle()).map(|(b, k)| b ^ k));
    out
}

fn short(first: u8, payload: &[u8]) -> Vec<u8> {
    raw(first, &[u8::try_from(payload.len()).unwrap()], payload)
}

#[test]
fn what_a_strict_reader_refuses_is_refused_with_the_rfcs_code() {
    let text = |s: &str| Event::Text(s.to_owned());
    let no = |code| Some(code);
    type Case = (&'static str, Vec<u8>, Vec<Event>, Option<u16>);
    let cases: Vec<Case> = vec![
        ("a text", short(0x81, b"hi"), vec![text("hi")], None),
        ("an empty text", short(0x81, b""), vec![text("")], None),
        ("bytes", short(0x82, &[0, 255]), vec![Event::Binary(vec![0, 255].into())], None),
        ("two fragments", [short(0x01, b"h"), short(0x80, b"i")].concat(), vec![text("hi")], None),
        ("a character cut by fragments", [short(0x01, b"\xc3"), short(0x80, b"\xa9")].concat(), vec![text("é")], None),
        (
            "a ping between fragments",
            [short(0x01, b"h"), short(0x89, b"?"), short(0x80, b"i")].concat(),
            vec![Event::Ping(b"?".to_vec().into()), text("hi")],
            None,
        ),
        ("a pong nobody asked for", short(0x8a, b""), vec![Event::Pong(Bytes::new())], None),
        ("a close without code", short(0x88, b""), vec![Event::Close(None, String::new())], None),
        ("a close", short(0x88, b"\x03\xe8bye"), vec![Event::Close(Some(1000), "bye".into())], None),
        ("our own close", short(0x88, b"\x11\x33"), vec![Event::Close(Some(4403), String::new())], None),
        ("a message after the close", [short(0x88, b""), short(0x81, b"x")].concat(), vec![Event::Close(None, String::new())], None),
        ("a fault after the close", [short(0x88, b""), vec![0xff; 9]].concat(), vec![Event::Close(None, String::new())], None),
        ("a close inside a message", [short(0x01, b"h"), short(0x88, b"")].concat(), vec![Event::Close(None, String::new())], None),
        ("unmasked", vec![0x81, 2, b'h', b'i'], vec![], no(1002)),
        ("unmasked and empty", vec![0x81, 0], vec![], no(1002)),
        ("an unmasked second fragment", [short(0x01, b"h"), vec![0x80, 1, b'i']].concat(), vec![], no(1002)),
        ("reserved bit 1 (deflate)", short(0xc1, b"hi"), vec![], no(1002)),
        ("reserved bit 2", short(0xa1, b"hi"), vec![], no(1002)),
        ("reserved bit 3", short(0x91, b"hi"), vec![], no(1002)),
        ("reserved bit on a ping", short(0xc9, b""), vec![], no(1002)),
        ("opcode 3", short(0x83, b"hi"), vec![], no(1002)),
        ("opcode 7", short(0x87, b"hi"), vec![], no(1002)),
        ("opcode 11", short(0x8b, b"hi"), vec![], no(1002)),
        ("opcode 15", short(0x8f, b"hi"), vec![], no(1002)),
        ("a continuation of nothing", short(0x80, b"hi"), vec![], no(1002)),
        ("an unfinished continuation of nothing", short(0x00, b"hi"), vec![], no(1002)),
        ("a continuation after the end", [short(0x81, b"a"), short(0x80, b"b")].concat(), vec![text("a")], no(1002)),
        ("a text inside a text", [short(0x01, b"a"), short(0x81, b"b")].concat(), vec![], no(1002)),
        ("bytes inside a text", [short(0x01, b"a"), short(0x82, b"b")].concat(), vec![], no(1002)),
        ("a ping in fragments", short(0x09, b""), vec![], no(1002)),
        ("a close in fragments", short(0x08, b""), vec![], no(1002)),
        ("a ping of 126 bytes", raw(0x89, &[126, 0, 126], &[0; 126]), vec![], no(1002)),
        ("a ping with a long length", raw(0x89, &[127, 0, 0, 0, 0, 0, 0, 0, 1], &[0]), vec![], no(1002)),
        ("126 for 125 bytes", raw(0x81, &[126, 0, 125], &[b'a'; 125]), vec![], no(1002)),
        ("126 for nothing", raw(0x81, &[126, 0, 0], b""), vec![], no(1002)),
        ("127 for 65535 bytes", raw(0x81, &[127, 0, 0, 0, 0, 0, 0, 255, 255], &[b'a'; 65535]), vec![], no(1002)),
        ("127 for 5 bytes", raw(0x81, &[127, 0, 0, 0, 0, 0, 0, 0, 5], b"hello"), vec![], no(1002)),
        ("a negative length", raw(0x81, &[127, 128, 0, 0, 0, 0, 0, 0, 0], b""), vec![], no(1002)),
        ("all the memory of the world", raw(0x82, &[127, 127, 255, 255, 255, 255, 255, 255, 255], b""), vec![], no(1009)),
        ("one byte more than allowed", raw(0x81, &[126, 3, 233], b""), vec![], no(1009)),
        ("too much by fragments", [raw(0x01, &[126, 3, 232], &[b'a'; 1000]), short(0x80, b"b")].concat(), vec![], no(1009)),
        ("a close code of one byte", short(0x88, b"\x03"), vec![], no(1002)),
        ("close code 0", short(0x88, b"\0\0"), vec![], no(1002)),
        ("close code 999", short(0x88, &999u16.to_be_bytes()), vec![], no(1002)),
        ("close code 1004", short(0x88, &1004u16.to_be_bytes()), vec![], no(1002)),
        ("close code 1005", short(0x88, &1005u16.to_be_bytes()), vec![], no(1002)),
        ("close code 1006", short(0x88, &1006u16.to_be_bytes()), vec![], no(1002)),
        ("close code 1015", short(0x88, &1015u16.to_be_bytes()), vec![], no(1002)),
        ("close code 1016", short(0x88, &1016u16.to_be_bytes()), vec![], no(1002)),
        ("close code 2999", short(0x88, &2999u16.to_be_bytes()), vec![], no(1002)),
        ("close code 5000", short(0x88, &5000u16.to_be_bytes()), vec![], no(1002)),
        ("close code 65535", short(0x88, &65535u16.to_be_bytes()), vec![], no(1002)),
        ("a close reason that is not UTF-8", short(0x88, b"\x03\xe8\xff"), vec![], no(1007)),
        ("a text that is not UTF-8", short(0x81, b"\xff"), vec![], no(1007)),
        ("an overlong text", short(0x81, b"\xc0\xaf"), vec![], no(1007)),
        ("a surrogate in a text", short(0x81, b"\xed\xa0\x80"), vec![], no(1007)),
        ("a character cut off", short(0x81, b"\xc3"), vec![], no(1007)),
        ("a fragmented text that is not UTF-8", [short(0x01, b"a"), short(0x80, b"\xfe")].concat(), vec![], no(1007)),
    ];
    for (name, bytes, says, fault) in cases {
        for piece in [usize::MAX, 1, 2, 3, 5, 7] {
            let (events, got) = read(Sender::Client, 1000, &bytes, piece.min(bytes.len()));
            assert_eq!(got.map(|f| f.code), fault, "{name} in pieces of {piece}");
            assert_eq!(events, says, "{name} in pieces of {piece}");
        }
    }
}

#[test]
fn a_server_does_not_mask() {
    assert_eq!(read(Sender::Server, 9, &frame(Opcode::Text, b"hi", None), 1).0, [Event::Text("hi".into())]);
    let (said, fault) = read(Sender::Server, 9, &frame(Opcode::Text, b"hi", Some([0; 4])), 1);
    assert_eq!((said, fault.map(|f| f.code)), (vec![], Some(1002)));
}

#[test]
fn a_message_of_exactly_the_limit_passes() {
    for cut in [0, 1, 999, 1000] {
        let first = frame(Opcode::Text, &vec![b'a'; cut], Some(KEY));
        let mut first = first;
        first[0] &= 0x7f;
        let bytes = [first, frame(Opcode::Continuation, &vec![b'b'; 1000 - cut], Some(KEY))].concat();
        let (said, fault) = read(Sender::Client, 1000, &bytes, 100);
        assert_eq!((said.len(), fault), (1, None), "{cut}");
    }
}

#[test]
fn a_fault_stays() {
    let mut reader = Reader::new(Sender::Client, 9);
    let fault = reader.next(&mut &[0xff_u8][..]).unwrap_err();
    assert_eq!(reader.next(&mut &short(0x81, b"hi")[..]), Err(fault));
}

#[test]
fn a_length_reserves_no_memory() {
    let mut reader = Reader::new(Sender::Client, usize::MAX);
    let head = raw(0x82, &[127, 0, 0, 0x7f, 0, 0, 0, 0, 0], b"some");
    assert_eq!(reader.next(&mut &head[..]), Ok(None));
    assert!(reader.message.as_ref().unwrap().bytes.capacity() < 4096);
}

#[test]
fn a_close_is_written_as_the_rfc_wants_it_however_long_its_reason() {
    assert_eq!(close(4403, "banned", None), [&[0x88, 8, 0x11, 0x33], &b"banned"[..]].concat());
    for reason in ["", "é", &"é".repeat(61), &"é".repeat(62), &"x".repeat(500), &"🦀".repeat(40)] {
        let (said, fault) = read(Sender::Server, 0, &close(1001, reason, None), 1);
        assert_eq!(fault, None);
        let [Event::Close(Some(1001), kept)] = &said[..] else { panic!("{said:?}") };
        assert!(reason.starts_with(kept.as_str()) && kept.len() <= 123 && kept.len() + 4 > reason.len().min(123));
    }
}

#[test]
fn a_boundary_is_known_at_every_byte() {
    let frames = [
        frame(Opcode::Text, b"hi", None),
        frame(Opcode::Binary, &[7; 126], None),
        frame(Opcode::Ping, b"", None),
        frame(Opcode::Text, &[b'a'; 70_000], None),
        frame(Opcode::Text, b"masked", Some(KEY)),
        vec![0xf3, 1, 0],         // a reserved opcode and extension bits
        vec![0x81, 126, 0, 1, 0], // not the shortest form
    ];
    let mut ends = vec![0];
    for f in &frames {
        ends.push(ends[ends.len() - 1] + f.len());
    }
    let bytes = frames.concat();
    let mut boundary = Boundary::new();
    for (i, byte) in bytes.iter().enumerate() {
        assert_eq!(boundary.at_boundary(), ends.contains(&i), "before byte {i}");
        boundary.walk(&[*byte]);
    }
    assert!(boundary.at_boundary());
    let mut whole = Boundary::default();
    whole.walk(&bytes);
    assert!(whole.at_boundary());
}

#[test]
fn nothing_is_put_behind_a_close_or_into_a_stream_that_cannot_be_followed() {
    for end in [close(1000, "", None), close(1000, "bye", None), vec![0x82, 127, 128, 0, 0, 0, 0, 0, 0, 0]] {
        let mut boundary = Boundary::new();
        boundary.walk(&end);
        assert!(!boundary.at_boundary());
        boundary.walk(&frame(Opcode::Text, b"hi", None));
        assert!(!boundary.at_boundary());
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(texts in prop::collection::vec(".{0,300}", 0..5), key: [u8; 4], piece in 1usize..700, masked: bool) {
        let mask = masked.then_some(key);
        let sender = if masked { Sender::Client } else { Sender::Server };
        let bytes: Vec<u8> = texts.iter().flat_map(|t| frame(Opcode::Text, t.as_bytes(), mask)).collect();
        let (said, fault) = read(sender, 2000, &bytes, piece);
        prop_assert_eq!(fault, None);
        prop_assert_eq!(said, texts.into_iter().map(Event::Text).collect::<Vec<_>>());
    }

    #[test]
    fn cutting_never_changes_what_is_said(bytes in prop::collection::vec(hostile_byte(), 0..200), piece in 1usize..20, client: bool) {
        let sender = if client { Sender::Client } else { Sender::Server };
        prop_assert_eq!(read(sender, 64, &bytes, piece), read(sender, 64, &bytes, bytes.len()));
    }

    #[test]
    fn cutting_never_moves_a_boundary(bytes in prop::collection::vec(hostile_byte(), 0..200), piece in 1usize..20) {
        let (mut whole, mut cut) = (Boundary::new(), Boundary::new());
        whole.walk(&bytes);
        bytes.chunks(piece).for_each(|c| cut.walk(c));
        prop_assert_eq!(whole.at_boundary(), cut.at_boundary());
    }

    #[test]
    fn a_boundary_agrees_with_the_reader(bytes in prop::collection::vec(hostile_byte(), 0..60)) {
        // Wherever a strict reader has just finished a message outside of any other, the walker stands at a boundary.
        let mut reader = Reader::new(Sender::Server, 64);
        let mut boundary = Boundary::new();
        for byte in &bytes {
            boundary.walk(&[*byte]);
            match reader.next(&mut &[*byte][..]) {
                Ok(Some(Event::Close(..))) | Err(_) => break,
                Ok(Some(_)) => prop_assert!(boundary.at_boundary()),
                Ok(None) => {}
            }
        }
    }
}

/// Mostly the bytes that heads are made of.
fn hostile_byte() -> impl Strategy<Value = u8> {
    prop_oneof![
        4 => prop::sample::select(vec![0x00, 0x01, 0x02, 0x03, 0x80, 0x81, 0x82, 0x84, 0x88, 0x89, 0x8a, 0x08, 0xc1, 0x7e, 0x7f, 0xfe, 0xff]),
        1 => any::<u8>(),
    ]
}
