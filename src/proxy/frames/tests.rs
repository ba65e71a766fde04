#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::sync::Arc;

use parking_lot::Mutex;

use super::*;
use crate::chance::SeededChance;

/// What a client's text makes this guard say is written in it: `pass x`, `join x`, `drop`, `end`, `both`.
struct Told;

impl Guard for Told {
    fn protocol(&self) -> &'static str {
        "told"
    }

    fn client(&mut self, text: &str) -> Verdict {
        match text.split_once(' ').unwrap_or((text, "")) {
            ("pass", rest) => Verdict::Pass(format!("ours: {rest}")),
            ("join", room) => Verdict::Join(RoomName::canonical(room).unwrap()),
            ("both", _) => {
                Verdict::Say(vec![Said::ToServer("s".to_owned()), Said::ToClient("c".to_owned())], Some(GuardRefusal::OtherPeer))
            }
            ("drop", _) => Verdict::Drop(GuardRefusal::NotAllowed),
            _ => Verdict::End(GuardRefusal::Malformed),
        }
    }

    fn server(&mut self, text: &str) -> Onward {
        match text {
            "secret" => Onward::Instead(vec![Said::ToServer("who asked".to_owned()), Said::ToClient("nothing".to_owned())]),
            _ => Onward::AsItCame,
        }
    }

    fn decided(&mut self, room: &RoomName, answer: Result<(), &str>) -> Verdict {
        match (room.as_str(), answer.is_ok()) {
            ("again", _) => Verdict::Join(room.clone()),
            (_, true) => Verdict::Pass(format!("joined {}", room.as_str())),
            (_, false) => Verdict::Drop(GuardRefusal::NoPermit),
        }
    }

    fn room(&self) -> Option<RoomName> {
        None
    }
}

#[derive(Clone, Default)]
struct OpenTo(Arc<Mutex<Vec<(GuardRefusal, bool)>>>);

#[async_trait]
impl Door for OpenTo {
    async fn admits(&mut self, room: &RoomName, _: bool) -> Result<(), String> {
        if room.as_str() == "standup" { Ok(()) } else { Err("no".to_owned()) }
    }

    fn refused(&mut self, protocol: &'static str, refusal: GuardRefusal, ends: bool) {
        assert_eq!(protocol, "told");
        self.0.lock().push((refusal, ends));
    }
}

fn judged() -> (Judged, OpenTo) {
    let door = OpenTo::default();
    (Judged::new(Box::new(Told), Box::new(door.clone()), &SeededChance::new(1)).unwrap(), door)
}

const MASK: Option<[u8; 4]> = Some([5, 6, 7, 8]);

/// What these bytes say.
fn read(sender: Sender, bytes: &[u8]) -> Vec<Event> {
    let mut reader = Reader::new(sender, 1 << 20);
    let mut input = bytes;
    let mut all = Vec::new();
    while let Some(event) = reader.next(&mut input).unwrap() {
        all.push(event);
    }
    all
}

fn text(t: &str) -> Event {
    Event::Text(t.to_owned())
}

#[tokio::test]
async fn what_a_client_says_goes_where_the_guard_says() {
    use GuardRefusal::{Malformed, NoPermit, NotAllowed, OtherPeer};
    let ended = |close, reason| Some(Ending { close, reason });
    for (said, server, client, refused, end) in [
        ("pass x", vec![text("ours: x")], vec![], vec![], None),
        ("join standup", vec![text("joined standup")], vec![], vec![], None),
        ("join secret", vec![], vec![], vec![(NoPermit, false)], None),
        ("join again", vec![], vec![], vec![(NoPermit, true)], ended(1008, "no-permit")),
        ("both", vec![text("s")], vec![text("c")], vec![(OtherPeer, false)], None),
        ("drop", vec![], vec![], vec![(NotAllowed, false)], None),
        ("nonsense", vec![], vec![], vec![(Malformed, true)], ended(1008, "malformed")),
    ] {
        let (mut judged, door) = judged();
        let flow = judged.client(websocket::frame(Opcode::Text, said.as_bytes(), MASK).into()).await;
        assert_eq!(read(Sender::Client, &flow.on), server, "{said}");
        assert_eq!(read(Sender::Server, &flow.back), client, "{said}");
        assert_eq!(*door.0.lock(), refused, "{said}");
        assert_eq!(flow.end, end, "{said}");
    }
}

#[tokio::test]
async fn however_it_is_cut_the_same_goes_on_and_never_the_clients_own_bytes() {
    let mut stream = Vec::new();
    for (opcode, payload) in
        [(Opcode::Text, "pass a"), (Opcode::Ping, "p"), (Opcode::Text, "drop"), (Opcode::Pong, ""), (Opcode::Text, "pass b")]
    {
        stream.extend(websocket::frame(opcode, payload.as_bytes(), MASK));
    }
    stream.extend(websocket::close(1000, "bye", MASK));
    stream.extend(b"whatever follows is nobody's");
    let expected =
        [text("ours: a"), Event::Ping("p".into()), Event::Pong("".into()), text("ours: b"), Event::Close(Some(1000), "bye".to_owned())];
    for size in [1, 2, 3, 7, stream.len()] {
        let (mut judged, _) = judged();
        let mut on = Vec::new();
        for piece in stream.chunks(size) {
            let flow = judged.client(Bytes::copy_from_slice(piece)).await;
            assert_eq!((flow.end, flow.back), (None, Bytes::new()));
            on.extend(flow.on);
        }
        assert_eq!(read(Sender::Client, &on), expected);
        assert!(!on.windows(4).any(|w| w == [5, 6, 7, 8]), "the client's mask went on");
    }
}

#[tokio::test]
async fn what_is_no_frame_ends_with_the_code_of_the_standard() {
    let big = websocket::frame(Opcode::Text, &vec![b'x'; MESSAGE_MAX + 1], MASK);
    for (bytes, close, reason) in [
        (websocket::frame(Opcode::Text, b"pass x", None), 1002, "malformed"),
        (vec![0xc1, 0x80, 0, 0, 0, 0], 1002, "malformed"),
        (websocket::frame(Opcode::Text, b"\xff", MASK), 1007, "malformed"),
        (big, 1009, "too-large"),
        (websocket::frame(Opcode::Binary, b"x", MASK), 1008, "not-allowed"),
    ] {
        let (mut judged, door) = judged();
        let flow = judged.client(bytes.into()).await;
        assert_eq!(flow.end, Some(Ending { close, reason }));
        assert_eq!(door.0.lock().len(), 1);
    }
}

#[test]
fn what_the_server_says_goes_on_or_what_the_guard_puts_in_its_place() {
    let (mut judged, _) = judged();
    let mut stream = Vec::new();
    for (opcode, payload) in [(Opcode::Text, "hello"), (Opcode::Text, "secret"), (Opcode::Binary, "b"), (Opcode::Ping, "")] {
        stream.extend(websocket::frame(opcode, payload.as_bytes(), None));
    }
    let (mut on, mut back) = (Vec::new(), Vec::new());
    for piece in stream.chunks(3) {
        let flow = judged.server(Bytes::copy_from_slice(piece));
        assert_eq!(flow.end, None);
        on.extend(flow.on);
        back.extend(flow.back);
    }
    assert_eq!(read(Sender::Server, &on), [text("hello"), text("nothing"), Event::Binary("b".into()), Event::Ping("".into())]);
    assert_eq!(read(Sender::Client, &back), [text("who asked")]);

    let broken = judged.server(websocket::frame(Opcode::Text, b"masked", MASK).into());
    assert_eq!(broken.end, Some(UPSTREAM_BROKEN));
}

#[test]
fn the_goodbye_is_masked_for_the_server_alone_and_no_mask_comes_twice() {
    let ending = Ending { close: 4403, reason: "ejected" };
    let mut unjudged = Unjudged::new(&SeededChance::new(1)).unwrap();
    let said = [Event::Close(Some(4403), "ejected".to_owned())];
    let first = unjudged.goodbye(Side::Server, ending, true);
    assert_eq!(read(Sender::Client, &first), said);
    assert_ne!(unjudged.goodbye(Side::Server, ending, true), first);
    assert_eq!(read(Sender::Server, &unjudged.goodbye(Side::Client, ending, true)), said);
}
