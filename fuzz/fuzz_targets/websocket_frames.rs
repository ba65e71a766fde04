//! Whatever bytes come, however they are cut: the reader says the same, and what it says can be written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use roomgate::signalling::websocket::{Boundary, Event, Fault, Opcode, Reader, Sender, frame};

const LIMIT: usize = 4096;

fn read(sender: Sender, bytes: &[u8], piece: usize) -> (Vec<Event>, Option<Fault>) {
    let mut reader = Reader::new(sender, LIMIT);
    let mut events = Vec::new();
    for mut chunk in bytes.chunks(piece.max(1)) {
        loop {
            match reader.next(&mut chunk) {
                Ok(Some(event)) => events.push(event),
                Ok(None) => break,
                Err(fault) => return (events, Some(fault)),
            }
        }
    }
    (events, None)
}

// The first byte says who speaks and how the rest is cut.
fuzz_target!(|data: &[u8]| {
    let Some((how, bytes)) = data.split_first() else { return };
    let sender = if how & 1 == 0 { Sender::Client } else { Sender::Server };
    let piece = usize::from(how >> 1) + 1;

    let (events, fault) = read(sender, bytes, bytes.len());
    assert_eq!(read(sender, bytes, piece), (events.clone(), fault));

    for event in events {
        let (opcode, payload) = match &event {
            Event::Text(text) => (Opcode::Text, text.as_bytes()),
            Event::Binary(bytes) => (Opcode::Binary, &bytes[..]),
            Event::Ping(bytes) => (Opcode::Ping, &bytes[..]),
            Event::Pong(bytes) => (Opcode::Pong, &bytes[..]),
            Event::Close(..) => continue,
        };
        assert!(payload.len() <= LIMIT);
        let mask = (sender == Sender::Client).then_some([how ^ 0x55, 1, 2, 3]);
        assert_eq!(read(sender, &frame(opcode, payload, mask), piece), (vec![event], None));
    }

    let (mut whole, mut cut) = (Boundary::new(), Boundary::new());
    whole.walk(bytes);
    bytes.chunks(piece).for_each(|chunk| cut.walk(chunk));
    assert_eq!(whole.at_boundary(), cut.at_boundary());
});
