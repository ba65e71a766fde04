//! Whatever a client says, over its WebSocket or by polling: what passes is one of four forms, names only the room and the
//! people it may, and passes again as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use roomgate::access::{Id, Timestamp};
use roomgate::signalling::engineio::{self, Sid};
use roomgate::signalling::peercalls::{Limits, PeerCallsGuard, PeerCallsSignalling, PostVerdict};
use roomgate::signalling::socketio::{Json, Message};
use roomgate::signalling::{Guard, Verdict};

const NOW: Timestamp = Timestamp::from_secs(0);

fn open(n: u32) -> String {
    format!(r#"0{{"sid":"sid-{n:016}"}}"#)
}

fn socket(server: &PeerCallsSignalling, who: u8, n: u32) -> PeerCallsGuard {
    let mut guard = server.websocket(None, Id::new([who; 16]), NOW).expect("there is room");
    guard.server(&open(n));
    guard
}

/// Only `lab` is permitted.
fn say(guard: &mut PeerCallsGuard, text: &str) -> Verdict {
    match guard.client(text) {
        Verdict::Join(room) => {
            let admitted = room.as_str() == "lab";
            guard.decided(&room, if admitted { Ok(()) } else { Err("no") })
        }
        other => other,
    }
}

fn check(packet: &str) {
    if matches!(packet, "1" | "2" | "41") {
        return;
    }
    let Ok(Message::Event(event)) = Message::parse(packet.strip_prefix('4').expect("a message")) else { panic!("{packet}") };
    assert_eq!(event.packet(), packet);
    let Json::Object(members) = &event.payload else { panic!("{packet}") };
    let text = |name: &str| match members.get(name) {
        Some(Json::Text(text)) => text.as_str(),
        _ => panic!("{packet}"),
    };
    assert_eq!(members.len(), 2);
    match event.name.as_str() {
        "ready" => assert!(text("room") == "lab" && !matches!(text("userId"), "bob" | "eve")),
        "signal" => assert!(text("userId") != "eve" && members.contains_key("signal")),
        _ => panic!("{packet}"),
    }
}

// Each line is a message; all of it is a polling payload too.
fuzz_target!(|data: &[u8]| {
    let server = PeerCallsSignalling::new(Limits::default());
    let mut bob = socket(&server, 2, 2);
    assert!(matches!(say(&mut bob, r#"42["ready",{"room":"lab","userId":"bob"}]"#), Verdict::Pass(_)));
    let mut eve = socket(&server, 3, 3);
    let Verdict::Join(attic) = eve.client(r#"42["ready",{"room":"attic","userId":"eve"}]"#) else { panic!("it asks") };
    assert!(matches!(eve.decided(&attic, Ok(())), Verdict::Pass(_)));

    if let Ok(text) = std::str::from_utf8(data) {
        let mut ann = socket(&server, 1, 1);
        for line in text.split('\n') {
            if let Verdict::Pass(packet) = say(&mut ann, line) {
                check(&packet);
                if packet != "41" {
                    assert_eq!(say(&mut ann, &packet), Verdict::Pass(packet));
                }
            }
            assert!(ann.room().is_none_or(|room| room.as_str() == "lab"));
        }
    }

    let visitor = Id::new([4; 16]);
    server.opened(engineio::write_payload([open(4)]).as_bytes(), visitor, NOW).expect("it opens");
    let sid = Sid::parse(&format!("sid-{:016}", 4)).expect("a session id");
    let mut post = server.polling(&sid, visitor, NOW).expect("its own session");
    let mut verdict = post.post(engineio::CONTENT_TYPE, data);
    while let PostVerdict::Join(room) = verdict {
        verdict = post.decided(&room, room.as_str() == "lab");
    }
    if let PostVerdict::Forward(body) = verdict {
        let text = std::str::from_utf8(&body).expect("text");
        engineio::read_payload(text).expect("a payload").into_iter().for_each(check);
    }
});
