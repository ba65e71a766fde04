#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use proptest::prelude::*;

use super::*;
use crate::signalling::engineio::write_payload;
use crate::signalling::{Guard, Onward, Verdict};
use GuardRefusal::{Malformed, NoPermit, NotAllowed, NotJoined, OtherPeer, OtherRoom, TakenName, TooLarge, TooMany, UnknownSession};

const TEXT: &str = "text/plain;charset=UTF-8";

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

fn visitor(n: u8) -> Id {
    Id::new([n; 16])
}

fn sid(n: u32) -> Sid {
    Sid::parse(&format!("sid-{n:016}")).unwrap()
}

fn room(name: &str) -> RoomName {
    room_name(name).unwrap()
}

fn open_packet(n: u32) -> String {
    format!(r#"0{{"sid":"{}","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000}}"#, sid(n).as_str())
}

fn ready(room: &str, user: &str) -> String {
    format!(r#"42["ready",{{"room":"{room}","userId":"{user}"}}]"#)
}

fn signal(user: &str) -> String {
    format!(r#"42["signal",{{"signal":{{"renegotiate":true}},"userId":"{user}"}}]"#)
}

/// One server's worth of people.
struct Stage(PeerCallsSignalling);

impl Stage {
    fn new() -> Self {
        Self(PeerCallsSignalling::new(Limits::default()))
    }

    /// A WebSocket of its own, opened by the server.
    fn socket(&self, who: u8, n: u32) -> PeerCallsGuard {
        let mut guard = self.0.websocket(None, visitor(who), at(0)).unwrap();
        assert_eq!(guard.server(&open_packet(n)), Onward::AsItCame);
        guard.server("40");
        guard
    }

    /// A WebSocket that is in a room.
    fn inside(&self, who: u8, n: u32, place: &str, user: &str) -> PeerCallsGuard {
        let mut guard = self.socket(who, n);
        assert_eq!(join(&mut guard, place, user), Verdict::Pass(ready(place, user)));
        guard
    }

    /// A polled session.
    fn polled(&self, who: u8, n: u32) -> Polling {
        self.0.opened(write_payload([open_packet(n).as_str(), "40"]).as_bytes(), visitor(who), at(0)).unwrap();
        self.poll(who, n)
    }

    fn poll(&self, who: u8, n: u32) -> Polling {
        self.0.polling(&sid(n), visitor(who), at(0)).unwrap()
    }

    fn is_sound(&self) -> bool {
        self.0.roster.lock().is_sound()
    }
}

/// Says `ready`, and where `access` is asked, it admits.
fn join(guard: &mut PeerCallsGuard, place: &str, user: &str) -> Verdict {
    match guard.client(&ready(place, user)) {
        Verdict::Join(room) => guard.decided(&room, Ok(())),
        other => other,
    }
}

fn forwarded(packets: &[&str]) -> PostVerdict {
    PostVerdict::Forward(write_payload(packets).into_bytes())
}

#[test]
fn a_call_of_two_goes_through_in_our_own_words() {
    let stage = Stage::new();
    let mut ann = stage.inside(1, 1, "standup", "b098-ann");
    let mut bob = stage.inside(2, 2, "standup", "b098-bob");
    let offer = r#"42["signal",{"userId":"b098-bob", "signal":{"type":"offer","sdp":"v=0\r\n"}}]"#;
    let sent = r#"42["signal",{"signal":{"sdp":"v=0\r\n","type":"offer"},"userId":"b098-bob"}]"#;
    assert_eq!(ann.client(offer), Verdict::Pass(sent.into()));
    let candidate = r#"42["signal",{"userId":"b098-ann","signal":{"candidate":{"candidate":"candidate:1 1 udp 2113937151 10.0.0.1 5 typ host","sdpMLineIndex":0,"sdpMid":"0"}}}]"#;
    assert!(matches!(bob.client(candidate), Verdict::Pass(text) if text.contains("sdpMLineIndex")));
    assert_eq!(bob.client("2"), Verdict::Pass("2".into()));
    assert_eq!((bob.protocol(), bob.room()), ("peercalls", Some(room("standup"))));
    assert_eq!(bob.client("41"), Verdict::Pass("41".into()));
    assert_eq!(bob.room(), None);
    assert_eq!(ann.client(&signal("b098-bob")), Verdict::Drop(OtherPeer));
    assert!(stage.is_sound());
}

#[test]
fn nothing_but_ready_and_signal_in_their_own_form_passes() {
    let stage = Stage::new();
    let _bob = stage.inside(2, 2, "standup", "bob");
    let _eve = stage.inside(3, 3, "lab", "eve");
    let mut ann = stage.inside(1, 1, "standup", "ann");
    let big = format!(r#"42["signal",{{"userId":"bob","signal":{{"sdp":"{}"}}}}]"#, "x".repeat(300_000));
    let deep = format!(r#"42["signal",{{"userId":"bob","signal":{}{}}}]"#, "{\"a\":".repeat(50), "}".repeat(50));
    let socket_room = ready(sid(2).as_str(), "ann");
    let drop = Verdict::Drop;
    let end = Verdict::End;
    let cases: Vec<(&str, Verdict)> = vec![
        // The transport's own packets.
        ("", end(Malformed)),
        ("x", end(Malformed)),
        ("7", end(Malformed)),
        ("\u{0}", end(Malformed)),
        ("0", drop(NotAllowed)),
        (r#"0{"sid":"O5-ltjBITuLMABPnAAAA"}"#, drop(NotAllowed)),
        ("1", drop(NotAllowed)),
        ("2x", drop(NotAllowed)),
        ("2probe", drop(NotAllowed)),
        ("3", drop(NotAllowed)),
        ("3probe", drop(NotAllowed)),
        ("5", drop(NotAllowed)),
        ("6", drop(NotAllowed)),
        ("b4AAAA", drop(NotAllowed)),
        ("1:2", drop(NotAllowed)),
        // Socket.IO's.
        ("4", end(Malformed)),
        ("40", drop(NotAllowed)),
        ("40/", drop(NotAllowed)),
        ("40/admin", drop(NotAllowed)),
        ("40/admin?token=x", drop(NotAllowed)),
        ("41/admin", drop(NotAllowed)),
        ("43[]", drop(NotAllowed)),
        ("430[]", drop(NotAllowed)),
        (r#"44"x""#, drop(NotAllowed)),
        ("45", drop(NotAllowed)),
        (r#"451-["ready",{"_placeholder":true,"num":0}]"#, drop(NotAllowed)),
        (r#"461-0[]"#, drop(NotAllowed)),
        ("47", end(Malformed)),
        (r#"420["ready",{"room":"standup","userId":"ann"}]"#, drop(NotAllowed)),
        (r#"42/,["ready",{"room":"standup","userId":"ann"}]"#, drop(NotAllowed)),
        (r#"42/admin,["ready",{"room":"standup","userId":"ann"}]"#, drop(NotAllowed)),
        (r#"42 ["ready",{"room":"standup","userId":"ann"}]"#, drop(NotAllowed)),
        (r#"42["ready",{"room":"standup","userId":"ann"}"#, end(Malformed)),
        (r#"42["ready",{"room":"standup","userId":"ann"}]]"#, end(Malformed)),
        (r#"42["ready",{"room":"standup","userId":"ann"}]42["ready",{"room":"lab","userId":"ann"}]"#, end(Malformed)),
        // Events that nobody sends, among them those of Node's own emitters.
        (r#"42["disconnect"]"#, drop(NotAllowed)),
        (r#"42["disconnect",{}]"#, drop(NotAllowed)),
        (r#"42["disconnecting",{"userId":"ann"}]"#, drop(NotAllowed)),
        (r#"42["error",{"userId":"ann"}]"#, drop(NotAllowed)),
        (r#"42["newListener",{"userId":"ann"}]"#, drop(NotAllowed)),
        (r#"42["removeListener",{"userId":"ann"}]"#, drop(NotAllowed)),
        (r#"42["connect",{"userId":"ann","room":"lab"}]"#, drop(NotAllowed)),
        (r#"42["connection",{"userId":"ann","room":"lab"}]"#, drop(NotAllowed)),
        (r#"42["join",{"userId":"ann","room":"lab"}]"#, drop(NotAllowed)),
        (r#"42["users",{"userId":"ann","room":"standup"}]"#, drop(NotAllowed)),
        (r#"42["Ready",{"room":"standup","userId":"ann"}]"#, drop(NotAllowed)),
        (r#"42["ready ",{"room":"standup","userId":"ann"}]"#, drop(NotAllowed)),
        (r#"42["ready\u0000",{"room":"standup","userId":"ann"}]"#, drop(NotAllowed)),
        (r#"42["",{"room":"standup","userId":"ann"}]"#, drop(NotAllowed)),
        (r#"42[["ready"],{"room":"standup","userId":"ann"}]"#, drop(NotAllowed)),
        (r#"42[0,{"room":"standup","userId":"ann"}]"#, drop(NotAllowed)),
        // Payloads that end the server's process, or that it would read in its own way.
        (r#"42["ready"]"#, drop(NotAllowed)),
        (r#"42["signal"]"#, drop(NotAllowed)),
        (r#"42["ready",null]"#, drop(NotAllowed)),
        (r#"42["signal",null]"#, drop(NotAllowed)),
        (r#"42["ready",[]]"#, drop(NotAllowed)),
        (r#"42["ready","standup"]"#, drop(NotAllowed)),
        (r#"42["ready",0]"#, drop(NotAllowed)),
        (r#"42["ready",{}]"#, drop(NotAllowed)),
        (r#"42["ready",{"room":"standup"}]"#, drop(NotAllowed)),
        (r#"42["ready",{"userId":"ann"}]"#, drop(NotAllowed)),
        (r#"42["ready",{"room":"standup","userId":"ann"},{"room":"lab"}]"#, drop(NotAllowed)),
        (r#"42["ready",{"room":"standup","userId":"ann","nickname":"x"}]"#, drop(NotAllowed)),
        (r#"42["ready",{"room":"lab","room":"standup","userId":"ann"}]"#, end(Malformed)),
        (r#"42["ready",{"room":"standup","room":"lab","userId":"ann"}]"#, end(Malformed)),
        (r#"42["ready",{"room":"standup","r\u006fom":"lab","userId":"ann"}]"#, end(Malformed)),
        (r#"42["ready",{"room":"standup","userId":"ann","userId":"bob"}]"#, end(Malformed)),
        (r#"42["ready",{"room":"standup","userId":"ann","__proto__":{"room":"lab"}}]"#, end(Malformed)),
        (r#"42["ready",{"Room":"lab","room":"standup","userId":"ann"}]"#, drop(NotAllowed)),
        // Rooms.
        (r#"42["ready",{"room":["standup","lab"],"userId":"ann"}]"#, drop(NotAllowed)),
        (r#"42["ready",{"room":{"0":"lab"},"userId":"ann"}]"#, drop(NotAllowed)),
        (r#"42["ready",{"room":null,"userId":"ann"}]"#, drop(NotAllowed)),
        (r#"42["ready",{"room":true,"userId":"ann"}]"#, drop(NotAllowed)),
        (r#"42["ready",{"room":1,"userId":"ann"}]"#, drop(NotAllowed)),
        (r#"42["ready",{"room":"","userId":"ann"}]"#, drop(NotAllowed)),
        (r#"42["ready",{"room":".","userId":"ann"}]"#, drop(NotAllowed)),
        (r#"42["ready",{"room":"..","userId":"ann"}]"#, drop(NotAllowed)),
        (r#"42["ready",{"room":"a/b","userId":"ann"}]"#, drop(NotAllowed)),
        (r#"42["ready",{"room":"a%2Fb","userId":"ann"}]"#, drop(NotAllowed)),
        (r#"42["ready",{"room":"%73tandup","userId":"ann"}]"#, drop(NotAllowed)),
        (r#"42["ready",{"room":"%2573tandup","userId":"ann"}]"#, drop(NotAllowed)),
        (r#"42["ready",{"room":"standup%00","userId":"ann"}]"#, drop(NotAllowed)),
        (r#"42["ready",{"room":"standup\u0000","userId":"ann"}]"#, drop(NotAllowed)),
        (r#"42["ready",{"room":" standup","userId":"ann"}]"#, drop(NotAllowed)),
        (r#"42["ready",{"room":"standup ","userId":"ann"}]"#, drop(NotAllowed)),
        (r#"42["ready",{"room":"standup\n","userId":"ann"}]"#, drop(NotAllowed)),
        (r#"42["ready",{"room":"stand\u200bup","userId":"ann"}]"#, drop(NotAllowed)),
        (r#"42["ready",{"room":"ｓtandup","userId":"ann"}]"#, drop(NotAllowed)),
        (r#"42["ready",{"room":"café","userId":"ann"}]"#, drop(NotAllowed)),
        (r#"42["ready",{"room":"\ud800","userId":"ann"}]"#, end(Malformed)),
        (r#"42["ready",{"room":"__proto__","userId":"ann"}]"#, drop(NotAllowed)),
        (r#"42["ready",{"room":"constructor","userId":"ann"}]"#, drop(NotAllowed)),
        (r#"42["ready",{"room":"hasOwnProperty","userId":"ann"}]"#, drop(NotAllowed)),
        (r#"42["ready",{"room":"toString","userId":"ann"}]"#, drop(NotAllowed)),
        (r#"42["ready",{"room":"lab","userId":"ann"}]"#, drop(OtherRoom)),
        (r#"42["ready",{"room":"Standup","userId":"ann"}]"#, drop(OtherRoom)),
        (&socket_room, drop(OtherRoom)),
        // Names.
        (r#"42["ready",{"room":"standup","userId":"bob"}]"#, drop(NotAllowed)),
        (r#"42["ready",{"room":"standup","userId":"new"}]"#, drop(NotAllowed)),
        (r#"42["ready",{"room":"standup","userId":""}]"#, drop(NotAllowed)),
        (r#"42["ready",{"room":"standup","userId":null}]"#, drop(NotAllowed)),
        (r#"42["ready",{"room":"standup","userId":["ann"]}]"#, drop(NotAllowed)),
        (r#"42["ready",{"room":"standup","userId":1}]"#, drop(NotAllowed)),
        (r#"42["ready",{"room":"standup","userId":"an n"}]"#, drop(NotAllowed)),
        (r#"42["ready",{"room":"standup","userId":"a_b"}]"#, drop(NotAllowed)),
        (r#"42["ready",{"room":"standup","userId":"ánn"}]"#, drop(NotAllowed)),
        (r#"42["ready",{"room":"standup","userId":"constructor"}]"#, drop(NotAllowed)),
        (r#"42["ready",{"room":"standup","userId":"<script>"}]"#, drop(NotAllowed)),
        // Signals.
        (r#"42["signal",{"userId":"eve","signal":{}}]"#, drop(OtherPeer)),
        (r#"42["signal",{"userId":"nobody","signal":{}}]"#, drop(OtherPeer)),
        (r#"42["signal",{"userId":"Bob","signal":{}}]"#, drop(OtherPeer)),
        (r#"42["signal",{"userId":"constructor","signal":{}}]"#, drop(NotAllowed)),
        (r#"42["signal",{"userId":"__proto__","signal":{}}]"#, drop(NotAllowed)),
        (r#"42["signal",{"userId":["bob"],"signal":{}}]"#, drop(NotAllowed)),
        (r#"42["signal",{"userId":{"toString":"eve"},"signal":{}}]"#, drop(NotAllowed)),
        (r#"42["signal",{"userId":"bob"}]"#, drop(NotAllowed)),
        (r#"42["signal",{"userId":"bob","signal":null}]"#, drop(NotAllowed)),
        (r#"42["signal",{"userId":"bob","signal":"x"}]"#, drop(NotAllowed)),
        (r#"42["signal",{"userId":"bob","signal":[]}]"#, drop(NotAllowed)),
        (r#"42["signal",{"userId":"bob","signal":{},"room":"lab"}]"#, drop(NotAllowed)),
        (r#"42["signal",{"userId":"bob","userId":"eve","signal":{}}]"#, end(Malformed)),
        (r#"42["signal",{"userId":"bob","signal":{"a":{"_placeholder":true,"num":0}}}]"#, end(Malformed)),
        (r#"42["signal",{"userId":"bob","signal":{"__proto__":{}}}]"#, end(Malformed)),
        (r#"42["signal",{"userId":"bob","signal":{"a":1.5}}]"#, end(Malformed)),
        (&deep, end(Malformed)),
        (&big, end(TooLarge)),
    ];
    assert!(cases.len() > 110);
    for (said, verdict) in cases {
        assert_eq!(ann.client(said), verdict, "{said:.120}");
        assert_eq!(ann.room(), Some(room("standup")), "{said:.120}");
    }
    assert_eq!(ann.client_binary(&[4, 2]), Verdict::End(NotAllowed));
    // After all of that she is still where she was, and may still speak to whom she may.
    assert_eq!(ann.client(&signal("bob")), Verdict::Pass(signal("bob")));
    assert!(stage.is_sound());
}

#[test]
fn a_join_waits_for_the_answer_to_the_question_that_was_asked() {
    let stage = Stage::new();
    let mut ann = stage.socket(1, 1);
    let asks = |ann: &mut PeerCallsGuard| assert_eq!(ann.client(&ready("lab", "ann")), Verdict::Join(room("lab")));

    assert_eq!(ann.decided(&room("lab"), Ok(())), Verdict::Drop(NoPermit), "nothing was asked");
    asks(&mut ann);
    assert_eq!(ann.decided(&room("lab"), Err("no")), Verdict::Drop(NoPermit));
    assert_eq!(ann.decided(&room("lab"), Ok(())), Verdict::Drop(NoPermit), "the question was answered already");
    asks(&mut ann);
    assert_eq!(ann.decided(&room("attic"), Ok(())), Verdict::Drop(NoPermit), "another room was asked for");
    asks(&mut ann);
    assert_eq!(ann.client("2"), Verdict::Pass("2".into()));
    assert_eq!(ann.decided(&room("lab"), Ok(())), Verdict::Drop(NoPermit), "the answer came too late");
    asks(&mut ann);
    assert_eq!(ann.client(&signal("ann")), Verdict::Drop(NotJoined));
    assert_eq!(ann.room(), None);

    asks(&mut ann);
    assert_eq!(ann.decided(&room("lab"), Ok(())), Verdict::Pass(ready("lab", "ann")));
    // The same page says it again: asked again, since the answer may be another by now.
    asks(&mut ann);
    assert_eq!(ann.decided(&room("lab"), Err("no")), Verdict::Drop(NoPermit));
    assert_eq!(ann.room(), Some(room("lab")));
    asks(&mut ann);
    assert_eq!(ann.decided(&room("lab"), Ok(())), Verdict::Pass(ready("lab", "ann")));
    assert!(stage.is_sound());
}

#[test]
fn who_has_left_stays_out() {
    let stage = Stage::new();
    let mut ann = stage.inside(1, 1, "lab", "ann");
    assert_eq!(ann.client("41"), Verdict::Pass("41".into()));
    assert_eq!(ann.client(&ready("lab", "ann")), Verdict::Drop(NotJoined));
    assert_eq!(ann.client(&ready("attic", "ann")), Verdict::Drop(NotJoined));
    assert_eq!(ann.client(&signal("ann")), Verdict::Drop(NotJoined));
    assert_eq!(ann.client("40"), Verdict::Drop(NotAllowed));
    assert_eq!(ann.client("2"), Verdict::Pass("2".into()));
}

#[test]
fn a_name_belongs_to_one_visitor_in_one_room_while_any_of_its_connections_lives() {
    let stage = Stage::new();
    let old = stage.inside(1, 1, "private", "ann");
    let mut thief = stage.socket(2, 2);
    assert_eq!(join(&mut thief, "public", "ann"), Verdict::Drop(TakenName));
    assert_eq!(join(&mut thief, "private", "ann"), Verdict::Drop(TakenName));

    let new = stage.inside(1, 3, "private", "ann");
    let mut elsewhere = stage.socket(1, 4);
    assert_eq!(join(&mut elsewhere, "public", "ann"), Verdict::Drop(OtherRoom), "the server would send the private room's signals there");
    drop(old);
    assert_eq!(join(&mut thief, "public", "ann"), Verdict::Drop(TakenName), "the page has only reconnected");
    drop(new);
    assert_eq!(join(&mut thief, "public", "ann"), Verdict::Pass(ready("public", "ann")));
    assert!(stage.is_sound());
}

#[test]
fn of_two_who_ask_for_one_name_at_once_only_one_gets_it() {
    let stage = Stage::new();
    let (mut ann, mut eve) = (stage.socket(1, 1), stage.socket(2, 2));
    assert_eq!(ann.client(&ready("lab", "x")), Verdict::Join(room("lab")));
    assert_eq!(eve.client(&ready("lab", "x")), Verdict::Join(room("lab")));
    assert_eq!(eve.decided(&room("lab"), Ok(())), Verdict::Pass(ready("lab", "x")));
    assert_eq!(ann.decided(&room("lab"), Ok(())), Verdict::Drop(TakenName));
}

#[test]
fn signals_stay_in_their_room_however_names_move() {
    let stage = Stage::new();
    let mut ann = stage.inside(1, 1, "private", "ann");
    let bob = stage.inside(2, 2, "private", "bob");
    assert_eq!(ann.client(&signal("bob")), Verdict::Pass(signal("bob")));
    drop(bob);
    assert_eq!(ann.client(&signal("bob")), Verdict::Drop(OtherPeer));
    let mut eve = stage.inside(3, 3, "public", "bob");
    assert_eq!(ann.client(&signal("bob")), Verdict::Drop(OtherPeer), "another bob, in another room");
    assert_eq!(eve.client(&signal("ann")), Verdict::Drop(OtherPeer));
}

#[test]
fn no_room_and_no_user_is_called_like_somebodys_socket() {
    let stage = Stage::new();
    let _ann = stage.inside(1, 1, "private", "ann");
    let _bob = stage.polled(2, 2);
    let plain = Sid::parse("0123456789abcdefABCD").unwrap();
    stage.0.opened(write_payload([format!(r#"0{{"sid":"{}"}}"#, plain.as_str())]).as_bytes(), visitor(4), at(0)).unwrap();
    let mut eve = stage.socket(3, 3);
    for n in [1, 2, 3] {
        assert_eq!(eve.client(&ready(sid(n).as_str(), "eve")), Verdict::Drop(NotAllowed), "socket {n}");
    }
    assert_eq!(eve.client(&ready("lab", plain.as_str())), Verdict::Drop(NotAllowed));
    assert_eq!(eve.client(&ready(sid(9).as_str(), "eve")), Verdict::Join(room(sid(9).as_str())), "nobody's");
    // Somebody may have come by that name while access was asked.
    let _late = stage.socket(5, 9);
    assert_eq!(eve.decided(&room(sid(9).as_str()), Ok(())), Verdict::Drop(NotAllowed));
}

#[test]
fn nothing_is_said_before_the_server_has_opened_the_session() {
    let stage = Stage::new();
    let mut ann = stage.0.websocket(None, visitor(1), at(0)).unwrap();
    assert_eq!(ann.client(&ready("lab", "ann")), Verdict::Drop(NotJoined));
    for text in ["40", "0", "0{}", r#"42["users",{}]"#, r#"40{"sid":"O5-ltjBITuLMABPnAAAA"}"#] {
        ann.server(text);
        assert_eq!(ann.client("2"), Verdict::Drop(NotAllowed), "{text}");
    }
    ann.server(&open_packet(1));
    assert_eq!(ann.client("2"), Verdict::Pass("2".into()));
    // What a peer makes the server say later opens nothing.
    ann.server(&open_packet(2));
    assert_eq!(stage.0.polling(&sid(2), visitor(1), at(0)).err(), Some(UnknownSession));
}

#[test]
fn an_upgrade_goes_its_one_way() {
    let stage = Stage::new();
    drop(stage.polled(1, 1));
    for (steps, carries) in [
        (vec![("5", Verdict::Drop(NotAllowed))], false),
        (vec![("2", Verdict::Drop(NotAllowed)), ("2probe", Verdict::Pass("2probe".into())), ("2probe", Verdict::Drop(NotAllowed))], false),
        (vec![(r#"42["ready",{"room":"lab","userId":"ann"}]"#, Verdict::Drop(NotAllowed))], false),
        (
            vec![("2probe", Verdict::Pass("2probe".into())), (r#"42["ready",{"room":"lab","userId":"ann"}]"#, Verdict::Drop(NotAllowed))],
            false,
        ),
        (
            vec![
                ("2probe", Verdict::Pass("2probe".into())),
                ("5", Verdict::Pass("5".into())),
                ("5", Verdict::Drop(NotAllowed)),
                ("2probe", Verdict::Drop(NotAllowed)),
                ("2", Verdict::Pass("2".into())),
            ],
            true,
        ),
    ] {
        let mut guard = stage.0.websocket(Some(&sid(1)), visitor(1), at(0)).unwrap();
        assert_eq!(stage.0.websocket(Some(&sid(1)), visitor(1), at(0)).err(), Some(UnknownSession), "one try at a time");
        for (said, verdict) in steps {
            assert_eq!(guard.client(said), verdict, "{said}");
        }
        assert_eq!(stage.0.polling(&sid(1), visitor(1), at(0)).is_err(), carries);
        drop(guard);
        // A try that came to nothing leaves the session as it was; a WebSocket that carried it takes it along.
        assert_eq!(stage.0.polling(&sid(1), visitor(1), at(0)).is_err(), carries);
    }
    assert_eq!(stage.0.sessions(), 0);
}

#[test]
fn a_join_by_polling_holds_after_the_upgrade() {
    let stage = Stage::new();
    let mut post = stage.polled(1, 1);
    let body = write_payload([ready("lab", "ann")]);
    assert_eq!(post.post(TEXT, body.as_bytes()), PostVerdict::Join(room("lab")));
    assert_eq!(post.decided(&room("lab"), true), forwarded(&[&ready("lab", "ann")]));
    let mut guard = stage.0.websocket(Some(&sid(1)), visitor(1), at(0)).unwrap();
    guard.client("2probe");
    assert_eq!(guard.client("5"), Verdict::Join(room("lab")), "it was let in by the right to any room: here it needs this one");
    assert_eq!(guard.decided(&room("lab"), Ok(())), Verdict::Pass("5".into()));
    assert_eq!(guard.room(), Some(room("lab")));
    assert_eq!(guard.client(&ready("attic", "ann")), Verdict::Drop(OtherRoom));
    assert_eq!(guard.client(&signal("ann")), Verdict::Pass(signal("ann")));
    // What is still on its way by polling comes to nothing.
    assert_eq!(stage.0.polling(&sid(1), visitor(1), at(0)).err(), Some(UnknownSession));
    assert_eq!(post.post(TEXT, b"1:2"), PostVerdict::Refuse(UnknownSession));
    assert_eq!(guard.room(), Some(room("lab")), "the refused request ends nothing but itself");
}

#[test]
fn an_upgrade_into_a_room_without_the_right_to_it_ends() {
    let stage = Stage::new();
    for (asks, verdict) in [(Some((room("lab"), false)), NoPermit), (Some((room("attic"), true)), NoPermit), (None, NoPermit)] {
        let mut post = stage.polled(1, 1);
        assert_eq!(post.post(TEXT, write_payload([ready("lab", "ann")]).as_bytes()), PostVerdict::Join(room("lab")));
        post.decided(&room("lab"), true);
        let mut guard = stage.0.websocket(Some(&sid(1)), visitor(1), at(0)).unwrap();
        guard.client("2probe");
        assert_eq!(guard.client("5"), Verdict::Join(room("lab")));
        let answer = match asks {
            Some((room, admitted)) => guard.decided(&room, if admitted { Ok(()) } else { Err("no") }),
            None => guard.client("2"),
        };
        assert_eq!(answer, Verdict::End(verdict));
        drop(guard);
        assert_eq!(stage.0.sessions(), 0);
    }
}

#[test]
fn a_join_by_polling_that_an_upgrade_overtakes_comes_to_nothing() {
    let stage = Stage::new();
    let mut post = stage.polled(1, 1);
    assert_eq!(post.post(TEXT, write_payload([ready("lab", "ann")]).as_bytes()), PostVerdict::Join(room("lab")));
    let mut guard = stage.0.websocket(Some(&sid(1)), visitor(1), at(0)).unwrap();
    guard.client("2probe");
    assert_eq!(guard.client("5"), Verdict::Pass("5".into()));
    assert_eq!(post.decided(&room("lab"), true), PostVerdict::Refuse(UnknownSession));
    assert_eq!(guard.room(), None, "nobody asked whether this connection may be there");
    assert_eq!(guard.client(&signal("ann")), Verdict::Drop(NotJoined));
}

#[test]
fn an_upgrade_of_a_session_that_was_forgotten_ends() {
    let stage = Stage::new();
    drop(stage.polled(1, 1));
    let mut guard = stage.0.websocket(Some(&sid(1)), visitor(1), at(0)).unwrap();
    guard.client("2probe");
    stage.0.forget_silent(at(1000));
    assert_eq!(guard.client("5"), Verdict::End(UnknownSession));
}

#[test]
fn a_session_is_its_visitors_alone() {
    let stage = Stage::new();
    drop(stage.polled(1, 1));
    let _socket = stage.socket(1, 2);
    for n in [1, 2, 3] {
        assert_eq!(stage.0.polling(&sid(n), visitor(2), at(0)).err(), Some(UnknownSession), "{n}");
        assert_eq!(stage.0.websocket(Some(&sid(n)), visitor(2), at(0)).err(), Some(UnknownSession), "{n}");
    }
    // A session on a WebSocket has no polls and no second socket, its owner's neither.
    assert_eq!(stage.0.polling(&sid(2), visitor(1), at(0)).err(), Some(UnknownSession));
    assert_eq!(stage.0.websocket(Some(&sid(2)), visitor(1), at(0)).err(), Some(UnknownSession));
    // An answer that names a live session makes it nobody else's.
    assert_eq!(stage.0.opened(write_payload([open_packet(1)]).as_bytes(), visitor(2), at(0)), Err(Malformed));
    assert!(stage.0.polling(&sid(1), visitor(1), at(0)).is_ok());
    assert!(stage.is_sound());
}

#[test]
fn an_answer_that_opens_nothing_is_not_given_to_the_visitor() {
    let stage = Stage::new();
    for body in [&b""[..], b"ok", b"2:40", b"\xff\xfe", b"{\"code\":0}", b"96:0{\"sid\"", b"24:0{\"sid\":\"__proto__\"}x"] {
        assert_eq!(stage.0.opened(body, visitor(1), at(0)), Err(Malformed), "{body:?}");
    }
    assert_eq!(stage.0.sessions(), 0);
}

#[test]
fn a_batch_passes_in_order_without_what_is_kept_back() {
    let stage = Stage::new();
    let _bob = stage.inside(2, 2, "lab", "bob");
    let mut post = stage.polled(1, 1);
    let batch = [
        "2",
        "40",
        &signal("bob"),
        &ready("lab", "ann"),
        &signal("bob"),
        &signal("eve"),
        &ready("attic", "ann"),
        &ready("lab", "ann"),
        "2",
    ];
    assert_eq!(post.post(TEXT, write_payload(batch).as_bytes()), PostVerdict::Join(room("lab")));
    assert_eq!(post.decided(&room("lab"), true), PostVerdict::Join(room("lab")), "the second one is asked about too");
    assert_eq!(post.decided(&room("lab"), true), forwarded(&["2", &ready("lab", "ann"), &signal("bob"), &ready("lab", "ann"), "2"]));
    assert_eq!(post.kept_back(), [NotAllowed, NotJoined, OtherPeer, OtherRoom]);
    assert_eq!(post.room(), Some(room("lab")));
    assert!(stage.is_sound());
}

#[test]
fn a_batch_of_which_nothing_is_left_is_not_forwarded() {
    let stage = Stage::new();
    let mut post = stage.polled(1, 1);
    assert_eq!(post.post(TEXT, write_payload(["40", "5", "2probe", "3"]).as_bytes()), PostVerdict::Nothing);
    assert_eq!(post.post(TEXT, write_payload([ready("lab", "ann")]).as_bytes()), PostVerdict::Join(room("lab")));
    assert_eq!(post.decided(&room("lab"), false), PostVerdict::Nothing);
    assert_eq!((post.kept_back().last(), post.room()), (Some(&NoPermit), None));
    // A join that was refused does not open the rest of its batch.
    let mut post = stage.poll(1, 1);
    assert_eq!(post.post(TEXT, write_payload([ready("lab", "ann"), signal("ann")]).as_bytes()), PostVerdict::Join(room("lab")));
    assert_eq!(post.decided(&room("lab"), false), PostVerdict::Nothing);
    assert_eq!(post.kept_back(), [NoPermit, NotJoined]);
}

#[test]
fn a_post_that_no_client_sends_ends_its_session() {
    let stage = Stage::new();
    let long = write_payload(vec!["2"; engineio::PACKETS_MAX + 1]);
    let large = write_payload([format!("42[\"signal\",{{\"userId\":\"ann\",\"signal\":{{\"sdp\":\"{}\"}}}}]", "x".repeat(300_000))]);
    let huge = vec![b'x'; engineio::PAYLOAD_MAX + 1];
    let cases: Vec<(&str, &[u8], GuardRefusal)> = vec![
        (TEXT, b"", Malformed),
        (TEXT, b"\xff", Malformed),
        (TEXT, b"1:2\xff", Malformed),
        (TEXT, b"\xef\xbb\xbf1:2", Malformed),
        (TEXT, b"3:42", Malformed),
        (TEXT, b"1:x", Malformed),
        (TEXT, b"1:21:9", Malformed),
        (TEXT, b"4:42[]2:40x", Malformed),
        (TEXT, b"\0\x01\xff2", Malformed),
        (TEXT, b"d=1%3A2", Malformed),
        (TEXT, br#"53:42["ready",{"room":"lab","room":"x","userId":"ann"}]]"#, Malformed),
        (TEXT, long.as_bytes(), TooLarge),
        (TEXT, large.as_bytes(), TooLarge),
        (TEXT, &huge, TooLarge),
        ("application/octet-stream", b"1:2", NotAllowed),
        ("application/x-www-form-urlencoded", b"d=1%3A2", NotAllowed),
        ("text/plain; charset=utf-16", b"1:2", NotAllowed),
        ("text/plain; charset=utf-8; boundary=x", b"1:2", NotAllowed),
        ("text/plain, application/octet-stream", b"1:2", NotAllowed),
        ("text/html", b"1:2", NotAllowed),
        ("", b"1:2", NotAllowed),
    ];
    for (n, (kind, body, refusal)) in cases.into_iter().enumerate() {
        let n = u32::try_from(n).unwrap();
        let mut post = stage.polled(1, n);
        assert_eq!(post.post(kind, body), PostVerdict::Refuse(refusal), "case {n}: {kind}");
        assert_eq!(stage.0.polling(&sid(n), visitor(1), at(0)).err(), Some(UnknownSession), "case {n}");
    }
    for kind in ["text/plain", "Text/Plain; Charset=UTF-8", "text/plain ;charset=utf-8"] {
        assert_eq!(stage.polled(2, 99).post(kind, b"1:2"), forwarded(&["2"]), "{kind}");
        stage.0.close(&sid(99));
    }
    assert!(stage.is_sound());
}

#[test]
fn a_close_by_polling_is_the_last_word() {
    let stage = Stage::new();
    let mut post = stage.polled(1, 1);
    assert_eq!(post.post(TEXT, write_payload(["2", "1", &ready("lab", "ann")]).as_bytes()), forwarded(&["2", "1"]));
    assert_eq!(stage.0.polling(&sid(1), visitor(1), at(0)).err(), Some(UnknownSession));
    assert_eq!(post.post(TEXT, b"1:2"), PostVerdict::Refuse(UnknownSession));
}

#[test]
fn a_silent_polled_session_is_forgotten_and_its_name_free() {
    let stage = Stage::new();
    let mut post = stage.polled(1, 1);
    assert_eq!(post.post(TEXT, write_payload([ready("lab", "ann")]).as_bytes()), PostVerdict::Join(room("lab")));
    post.decided(&room("lab"), true);
    let mut bob = stage.inside(2, 2, "lab", "bob");
    stage.0.polling(&sid(1), visitor(1), at(30)).unwrap();
    stage.0.forget_silent(at(90));
    assert_eq!(bob.client(&signal("ann")), Verdict::Pass(signal("ann")), "60 s are not too long");
    stage.0.forget_silent(at(91));
    assert_eq!(bob.client(&signal("ann")), Verdict::Drop(OtherPeer));
    assert_eq!(stage.0.polling(&sid(1), visitor(1), at(91)).err(), Some(UnknownSession));
    assert_eq!(stage.0.sessions(), 1, "a WebSocket may be silent");
    assert!(stage.is_sound());
}

#[test]
fn a_session_whose_right_has_ended_says_nothing_more() {
    let stage = Stage::new();
    let mut post = stage.polled(1, 1);
    assert_eq!(post.post(TEXT, write_payload([ready("lab", "ann")]).as_bytes()), PostVerdict::Join(room("lab")));
    stage.0.close(&sid(1));
    assert_eq!(post.decided(&room("lab"), true), PostVerdict::Refuse(UnknownSession));
    let mut socket = stage.inside(1, 2, "lab", "ann");
    stage.0.close(&sid(2));
    assert_eq!(socket.client(&signal("ann")), Verdict::End(UnknownSession));
    assert_eq!(socket.client(&ready("lab", "ann")), Verdict::End(UnknownSession));
}

#[test]
fn memory_is_bounded_for_each_visitor_and_for_all() {
    let stage = Stage(PeerCallsSignalling::new(Limits { sessions: 5, per_visitor: 2, ..Limits::default() }));
    let open = |who, n, secs| stage.0.opened(write_payload([open_packet(n)]).as_bytes(), visitor(who), at(secs));
    assert_eq!(open(1, 1, 0), Ok(()));
    let socket = stage.0.websocket(None, visitor(1), at(0)).unwrap();
    assert_eq!(open(1, 2, 0), Err(TooMany));
    assert_eq!(stage.0.websocket(None, visitor(1), at(0)).err(), Some(TooMany));
    drop(socket);
    assert_eq!(open(1, 2, 0), Ok(()));
    assert_eq!((open(2, 3, 50), open(2, 4, 50), open(3, 5, 50)), (Ok(()), Ok(()), Ok(())));
    assert_eq!(open(4, 6, 50), Err(TooMany));
    assert_eq!(open(4, 6, 61), Ok(()), "the silent ones make room");
    assert_eq!(stage.0.sessions(), 4);
    assert!(stage.is_sound());
}

#[test]
fn a_name_has_one_spelling() {
    for name in ["standup", "Standup", "a", "Team-7_x", "-", "_", "9f8e7d6c-1234-4abc-8def-001122334455", &"x".repeat(128)] {
        assert_eq!(room_name(name).unwrap().as_str(), name);
    }
    for name in [
        "",
        ".",
        "..",
        "a.b",
        "a~b",
        "a b",
        "a/b",
        "a%20b",
        "%61",
        "a+b",
        "é",
        "ａ",
        "a\u{301}",
        "a\0",
        "__proto__",
        "constructor",
        "valueOf",
        &"x".repeat(129),
    ] {
        assert!(room_name(name).is_err(), "{name:?}");
    }
}

/// Things that people on one stage do, honest and otherwise.
#[derive(Clone, Debug)]
enum Move {
    Open(u8),
    Ready(usize, usize, usize, bool),
    Signal(usize, usize),
    Say(usize, String),
    Leave(usize),
    Gone(usize),
}

fn a_move() -> impl Strategy<Value = Move> {
    prop_oneof![
        2 => (0u8..3).prop_map(Move::Open),
        6 => (0usize..8, 0usize..3, 0usize..4, any::<bool>()).prop_map(|(g, r, u, yes)| Move::Ready(g, r, u, yes)),
        4 => (0usize..8, 0usize..4).prop_map(|(g, u)| Move::Signal(g, u)),
        1 => (0usize..8, "4?2?\\[?[a-z0-9\\[\\]\"{}:,]{0,20}").prop_map(|(g, t)| Move::Say(g, t)),
        1 => (0usize..8).prop_map(Move::Leave),
        1 => (0usize..8).prop_map(Move::Gone),
    ]
}

proptest! {
    #[test]
    fn whoever_does_what_a_signal_reaches_only_its_own_room(moves in prop::collection::vec(a_move(), 0..60)) {
        const ROOMS: [&str; 3] = ["lab", "attic", "constructor"];
        const USERS: [&str; 4] = ["ann", "bob", "eve", "toString"];
        let stage = Stage::new();
        let mut guards: Vec<(u8, PeerCallsGuard)> = Vec::new();
        // What the server believes, told by nothing but what passed: the last `ready` of a name decides whose it is.
        let mut server: std::collections::HashMap<String, (u8, String)> = std::collections::HashMap::new();
        for (n, m) in moves.into_iter().enumerate() {
            match m {
                Move::Open(who) => guards.push((who, stage.socket(who, u32::try_from(n).unwrap()))),
                Move::Ready(g, r, u, yes) => if let Some((who, guard)) = guards.get_mut(g) {
                    let mut verdict = guard.client(&ready(ROOMS[r], USERS[u]));
                    if let Verdict::Join(asked) = &verdict {
                        let asked = asked.clone();
                        prop_assert_eq!(asked.as_str(), ROOMS[r]);
                        verdict = guard.decided(&asked, if yes { Ok(()) } else { Err("no") });
                        prop_assert!(yes || verdict == Verdict::Drop(NoPermit));
                    }
                    if let Verdict::Pass(text) = verdict {
                        prop_assert_eq!(text, ready(ROOMS[r], USERS[u]));
                        prop_assert_eq!(guard.room(), Some(room(ROOMS[r])));
                        server.insert(USERS[u].into(), (*who, ROOMS[r].into()));
                    }
                },
                Move::Signal(g, u) => if let Some((_, guard)) = guards.get_mut(g)
                    && let Verdict::Pass(text) = guard.client(&signal(USERS[u])) {
                    prop_assert_eq!(text, signal(USERS[u]));
                    prop_assert_eq!(guard.room(), Some(room(&server[USERS[u]].1)));
                },
                Move::Say(g, text) => if let Some((_, guard)) = guards.get_mut(g)
                    && let Verdict::Pass(passed) = guard.client(&text) {
                    prop_assert!(passed == "2" || passed == "41", "{} of {}", passed, text);
                },
                Move::Leave(g) => if let Some((_, guard)) = guards.get_mut(g) { guard.client("41"); },
                Move::Gone(g) => if g < guards.len() { guards.swap_remove(g); },
            }
            prop_assert!(stage.is_sound());
            // No name is anybody's in two rooms.
            let names: Vec<_> = guards.iter().filter_map(|(_, g)| g.room()).collect();
            prop_assert!(names.iter().all(|r| r.as_str() != "constructor"));
        }
        drop(guards);
        prop_assert_eq!(stage.0.sessions(), 0);
    }

    #[test]
    fn what_passes_passes_again_as_the_same(text in "42\\[\"(ready|signal)\",\\{(\"room\":\"(lab|attic)\"|\"userId\":\"(ann|bob)\"|\"signal\":\\{(\"a\":(1|\\[\\]))?\\}|,| ){0,6}\\}\\]") {
        let stage = Stage::new();
        let _bob = stage.inside(2, 2, "lab", "bob");
        let mut ann = stage.inside(1, 1, "lab", "ann");
        let verdict = |ann: &mut PeerCallsGuard, text: &str| match ann.client(text) {
            Verdict::Join(room) => ann.decided(&room, Ok(())),
            other => other,
        };
        if let Verdict::Pass(passed) = verdict(&mut ann, &text) {
            prop_assert_eq!(verdict(&mut ann, &passed), Verdict::Pass(passed.clone()));
        }
    }

    #[test]
    fn a_forwarded_body_is_forwarded_again_as_the_same(packets in prop::collection::vec(prop::sample::select(vec![
        "2".to_owned(), "40".into(), "41".into(), "5".into(), ready("lab", "ann"), ready("attic", "ann"), ready("lab", "bob"), signal("bob"), signal("ann"), signal("eve"),
    ]), 1..12)) {
        let stage = Stage::new();
        let _bob = stage.inside(2, 2, "lab", "bob");
        let run = |n: u32, body: &[u8]| {
            let mut post = stage.polled(1, n);
            let mut verdict = post.post(TEXT, body);
            while let PostVerdict::Join(room) = verdict {
                verdict = post.decided(&room, true);
            }
            stage.0.close(&sid(n));
            verdict
        };
        if let PostVerdict::Forward(body) = run(10, write_payload(&packets).as_bytes()) {
            prop_assert_eq!(run(11, &body), PostVerdict::Forward(body.clone()));
        }
        prop_assert!(stage.is_sound());
    }

    #[test]
    fn nothing_panics(text in any::<String>(), bytes: Vec<u8>) {
        let stage = Stage::new();
        let mut ann = stage.inside(1, 1, "lab", "ann");
        prop_assert!(!matches!(ann.client(&text), Verdict::Join(_)));
        ann.server(&text);
        let mut post = stage.polled(2, 2);
        prop_assert!(!matches!(post.post(TEXT, &bytes), PostVerdict::Join(_)));
    }
}
