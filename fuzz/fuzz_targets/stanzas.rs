//! Whatever a client says on an XMPP stream: what the guard lets through names only addresses of the stream's own room and of the server,
//! as another reader (quick-xml) sees it; and what the guard wrote once it writes again, letter for letter.
//!
//! The input is a script: one message a line; a line that begins with `<` and `!` is the server's.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use quick_xml::NsReader;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;
use roomgate::access::RoomName;
use roomgate::signalling::xmpp::bosh::{Body, Bosh, Next};
use roomgate::signalling::xmpp::hosts::Hosts;
use roomgate::signalling::xmpp::{Keys, Opening, Ticket, XmppGuard};
use roomgate::signalling::{Guard, Said, Verdict};

const OPEN: &str = r#"<open xmlns="urn:ietf:params:xml:ns:xmpp-framing" to="meet.jitsi" version="1.0"/>"#;
const BIND: &str = r#"<iq id="b" type="set" xmlns="jabber:client"><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"/></iq>"#;
const BOUND: &str = "<iq id='b' type='result' xmlns='jabber:client'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>3f1c@meet.jitsi/x</jid></bind></iq>";

/// The addresses that a client of the room `public` may speak to; breakout rooms by the form of their names.
const ALLOWED: [&str; 15] = [
    "",
    "meet.jitsi",
    "public@conference.meet.jitsi",
    "conference.meet.jitsi",
    "public@lobby.meet.jitsi",
    "focus.meet.jitsi",
    "avmoderation.meet.jitsi",
    "speakerstats.meet.jitsi",
    "metadata.meet.jitsi",
    "polls.meet.jitsi",
    "endconference.meet.jitsi",
    "filesharing.meet.jitsi",
    "breakout.meet.jitsi",
    "visitors.meet.jitsi",
    "conferenceduration.meet.jitsi",
];

fn opening() -> Opening {
    Opening {
        hosts: Arc::new(Hosts { tenants: true, ..Hosts::of("meet.jitsi") }),
        keys: Keys::new([&b"fuzz"[..]]),
        room: Some(RoomName::canonical("public").expect("a name")),
        ticket: Ticket(vec!["visitor:eve".to_owned()]),
        admitted: true,
        token: None,
    }
}

fuzz_target!(|data: &[u8]| {
    let Ok(script) = std::str::from_utf8(data) else { return };
    socket(script);
    body(script);
});

fn socket(script: &str) {
    let mut guard = XmppGuard::new(opening());
    for text in [OPEN, BIND] {
        guard.client(text);
    }
    guard.server(BOUND);
    for line in script.lines() {
        if let Some(line) = line.strip_prefix('!') {
            guard.server(line);
            continue;
        }
        let mut verdict = guard.client(line);
        if let Verdict::Join(room) | Verdict::May(room) = verdict {
            verdict = guard.decided(&room, if line.len() % 2 == 0 { Ok(()) } else { Err("no") });
        }
        match verdict {
            Verdict::Pass(text) => {
                judged(&text, "jabber:client");
                again(&text);
            }
            Verdict::Say(said, _) => said.iter().for_each(|said| match said {
                Said::ToServer(text) | Said::ToClient(text) => drop(root(text)),
            }),
            Verdict::Drop(_) | Verdict::End(_) => return,
            Verdict::Join(_) | Verdict::May(_) => panic!("asked twice"),
        }
    }
}

/// What went on once goes on again as it is.
fn again(text: &str) {
    let mut guard = XmppGuard::new(opening());
    guard.client(OPEN);
    if !text.contains("urn:ietf:params:xml:ns:xmpp-sasl") {
        guard.client(BIND);
        guard.server(BOUND);
        guard.server(
            "<presence xmlns='jabber:client' from='public@conference.meet.jitsi/eve'><x xmlns='http://jabber.org/protocol/muc#user'><status code='110'/></x></presence>",
        );
    }
    let mut verdict = guard.client(text);
    if let Verdict::Join(room) | Verdict::May(room) = verdict {
        verdict = guard.decided(&room, Ok(()));
    }
    match verdict {
        Verdict::Pass(twice) => assert_eq!(twice, text),
        // A resumption's id has been unwrapped: it is no client's any more.
        Verdict::Say(..) if text.contains("previd") => {}
        // An invitation of somebody whom this stream's lobby has shown.
        Verdict::Say(..) if text.contains("invite") => {}
        other => panic!("{text} went on, and then {other:?}"),
    }
}

fn body(script: &str) {
    let Ok(body) = Body::read(script.as_bytes()) else { return };
    let mut bosh = Bosh::new(opening());
    bosh.take(Body::read(b"<body xmlns='http://jabber.org/protocol/httpbind' rid='1' to='meet.jitsi'/>").expect("a body"));
    let _ = bosh.step();
    let _ = bosh.answer(1, "<body xmlns='http://jabber.org/protocol/httpbind' sid='s1'/>".to_owned());
    let _ = bosh.answer(2, format!("<body xmlns='http://jabber.org/protocol/httpbind'>{BOUND}</body>"));
    bosh.take(body);
    loop {
        match bosh.step() {
            Next::Ask { .. } => {
                if bosh.decided(None).is_err() {
                    return;
                }
            }
            Next::On(text) => return judged(&text, ""),
            Next::NotNow | Next::End(_) => return,
        }
    }
}

/// Another reader looks at every stanza in it.
fn judged(text: &str, default_ns: &str) {
    let mut reader = NsReader::from_str(text);
    let mut depth = 0_usize;
    let stanzas_at = usize::from(default_ns.is_empty());
    let mut roots = 0;
    loop {
        let (start, opens) = match reader.read_event().expect("well-formed") {
            Event::Start(start) => (start, true),
            Event::Empty(start) => (start, false),
            Event::End(_) => {
                depth -= 1;
                continue;
            }
            Event::Text(_) | Event::GeneralRef(_) => continue,
            Event::Eof => break,
            other => panic!("{other:?} in {text}"),
        };
        roots += usize::from(depth == 0);
        let (ns, name) = reader.resolver().resolve_element(start.name());
        let ns = match ns {
            ResolveResult::Bound(ns) => AsRef::<str>::as_ref(&ns).to_owned(),
            ResolveResult::Unbound => String::new(),
            ResolveResult::Unknown(prefix) => panic!("{prefix:?} is not declared in {text}"),
        };
        let name = AsRef::<str>::as_ref(&name).to_owned();
        if depth == stanzas_at {
            let to = attribute(&start, "to");
            assert!(attribute(&start, "from").is_empty(), "{text}");
            if ns == "jabber:client" {
                assert!(["presence", "message", "iq"].contains(&name.as_str()), "{text}");
                allowed(&to, text);
            }
        }
        if name == "conference" && ns == "http://jitsi.org/protocol/focus" && depth == stanzas_at + 1 {
            let room = attribute(&start, "room");
            assert!(room == "public@conference.meet.jitsi" || room.ends_with("@breakout.meet.jitsi"), "{text}");
        }
        depth += usize::from(opens);
    }
    assert_eq!(roots, 1, "{text}");
}

fn allowed(to: &str, text: &str) {
    let bare = to.split_once('/').map_or(to, |(bare, _)| bare);
    let breakout = bare.strip_suffix("@breakout.meet.jitsi").is_some_and(|node| {
        node.len() == 36 && node.bytes().all(|b| b == b'-' || b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    });
    assert!(breakout || ALLOWED.contains(&bare), "{to} in {text}");
}

fn attribute(start: &BytesStart<'_>, name: &str) -> String {
    let found = start.attributes().map(|a| a.expect("well-formed")).find(|a| AsRef::<str>::as_ref(&a.key) == name);
    found.map_or_else(String::new, |a| {
        quick_xml::escape::unescape(AsRef::<str>::as_ref(&*a.value)).expect("well-formed").into_owned()
    })
}

fn root(text: &str) -> usize {
    let mut reader = NsReader::from_str(text);
    let mut events = 0;
    while !matches!(reader.read_event().expect("well-formed"), Event::Eof) {
        events += 1;
    }
    events
}
