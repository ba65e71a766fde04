//! One WebSocket, message by message.

use super::{opening, quoted, room};
use crate::signalling::xmpp::XmppGuard;
use crate::signalling::{Cause, Guard, GuardRefusal, News, Onward, Parting, Said, Verdict};

const OPEN: &str = r#"<open xmlns="urn:ietf:params:xml:ns:xmpp-framing" to="meet.jitsi" version="1.0"/>"#;
const AUTH: &str = r#"<auth xmlns="urn:ietf:params:xml:ns:xmpp-sasl" mechanism="ANONYMOUS"/>"#;
const BIND: &str = r#"<iq id="b" type="set" xmlns="jabber:client"><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"/></iq>"#;
const BOUND: &str = "<iq id='b' type='result' xmlns='jabber:client'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>3f1c@meet.jitsi/x</jid></bind></iq>";
const JOIN: &str = r#"<presence to="standup@conference.meet.jitsi/ann" xmlns="jabber:client"><x xmlns="http://jabber.org/protocol/muc"/><nick xmlns="http://jabber.org/protocol/nick">Ann</nick></presence>"#;

fn own(attributes: &str, status: &[&str]) -> String {
    let status: String = status.iter().map(|code| format!("<status code='{code}'/>")).collect();
    format!(
        "<presence from='standup@conference.meet.jitsi/ann' to='3f1c@meet.jitsi/x'{attributes} xmlns='jabber:client'><x \
         xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='participant'/>{status}</x></presence>"
    )
}

/// A guard whose client has bound a resource.
fn bound(admitted: bool) -> XmppGuard {
    let mut guard = XmppGuard::new(opening("standup", "ann", admitted));
    for text in [OPEN, AUTH, OPEN, BIND] {
        assert!(matches!(guard.client(text), Verdict::Pass(_)), "{text}");
    }
    assert_eq!(guard.server(BOUND), Onward::AsItCame);
    guard
}

/// One whose client is inside.
fn inside() -> XmppGuard {
    let mut guard = bound(true);
    assert_eq!(guard.client(JOIN), Verdict::Join(room("standup")));
    assert!(matches!(guard.decided(&room("standup"), Ok(())), Verdict::Pass(_)));
    assert_eq!(guard.server(&own("", &["110"])), Onward::AsItCame);
    assert_eq!(guard.news(), [News::Called("Ann".into()), News::Nick("ann".into()), News::Inside]);
    guard
}

/// What the client gets for a stanza that was refused: the ping goes up, its pong comes back.
fn refusal(guard: &mut XmppGuard, verdict: Verdict) -> (GuardRefusal, String) {
    let Verdict::Say(said, Some(refusal)) = verdict else { panic!("{verdict:?}") };
    let [Said::ToServer(ping)] = &said[..] else { panic!("{said:?}") };
    let id = ping.split("id=").nth(1).unwrap().split(['"', '\'']).nth(1).unwrap();
    assert!(ping.contains("urn:xmpp:ping") && id.starts_with("gk1."), "{ping}");
    let pong = format!("<iq from='meet.jitsi' to='3f1c@meet.jitsi/x' type='result' id='{id}' xmlns='jabber:client'/>");
    let Onward::Instead(said) = guard.server(&pong) else { panic!("the pong came as it was") };
    let [Said::ToClient(error)] = &said[..] else { panic!("{said:?}") };
    (refusal, quoted(error))
}

#[test]
fn a_stream_opens_at_a_host_that_people_have_and_stays_there() {
    for to in
        ["auth.meet.jitsi", "conference.meet.jitsi", "focus.meet.jitsi", "example.org", "", "meet.jitsi.", "a@meet.jitsi", "meet.jitsi/x"]
    {
        let mut guard = XmppGuard::new(opening("standup", "ann", true));
        let open = OPEN.replace("meet.jitsi", to);
        assert_eq!(guard.client(&open), Verdict::End(GuardRefusal::NotAllowed), "{to}");
    }
    let mut guard = XmppGuard::new(opening("standup", "ann", true));
    assert!(
        matches!(guard.client(&OPEN.replace("meet.jitsi", "Guest.MEET.jitsi")), Verdict::Pass(text) if text.contains("guest.meet.jitsi"))
    );
    assert_eq!(guard.client(OPEN), Verdict::End(GuardRefusal::NotAllowed), "another host than the first");
    let mut guard = XmppGuard::new(opening("standup", "ann", true));
    assert_eq!(guard.client(AUTH), Verdict::End(GuardRefusal::NotAllowed), "before it is open");
}

#[test]
fn before_somebody_is_bound_there_is_nobody_to_refuse() {
    let mut guard = XmppGuard::new(opening("standup", "ann", true));
    for text in [OPEN, AUTH, OPEN] {
        guard.client(text);
    }
    assert_eq!(guard.client(JOIN), Verdict::End(GuardRefusal::NotAllowed));
}

#[test]
fn what_goes_on_is_our_own_word() {
    let mut guard = bound(true);
    guard.client(JOIN);
    let Verdict::Pass(text) = guard.decided(&room("standup"), Ok(())) else { panic!() };
    assert!(quoted(&text).starts_with("<presence xmlns=\"jabber:client\"") && text != JOIN, "{text}");
    for broken in [
        "<presence",
        "<presence/><presence/>",
        " <presence/>",
        "<!--x--><presence/>",
        "<?xml version='1.0'?><presence/>",
        "<a:presence/>",
        "<stream:stream xmlns:stream='http://etherx.jabber.org/streams' to='meet.jitsi'>",
        "x",
        "",
    ] {
        assert_eq!(bound(true).client(broken), Verdict::End(GuardRefusal::Malformed), "{broken}");
    }
    for other in [
        "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
        "<handshake xmlns='jabber:component:accept'/>",
        "<presence xmlns='jabber:server' to='standup@conference.meet.jitsi/ann'/>",
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>",
        "<query xmlns='jabber:client'/>",
        "<enable xmlns='urn:xmpp:sm:1'/>",
    ] {
        assert_eq!(bound(true).client(other), Verdict::End(GuardRefusal::NotAllowed), "{other}");
    }
    assert!(
        matches!(bound(true).client("<p:presence xmlns:p='jabber:client' type='unavailable'/>"), Verdict::Pass(t) if !t.contains("p:"))
    );
}

#[test]
fn a_refusal_reaches_the_person_in_the_form_that_their_page_understands() {
    let mut guard = bound(false);
    assert_eq!(guard.client(JOIN), Verdict::Join(room("standup")));
    let verdict = guard.decided(&room("standup"), Err("This room is <private>."));
    let (code, error) = refusal(&mut guard, verdict);
    assert_eq!(code, GuardRefusal::NoPermit);
    for part in [
        r#"from="standup@conference.meet.jitsi/ann""#,
        r#"to="3f1c@meet.jitsi/x""#,
        r#"type="error""#,
        r#"<error type="cancel"><not-allowed xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/>"#,
        "This room is &lt;private&gt;.",
    ] {
        assert!(error.contains(part), "{part} in {error}");
    }
    let verdict = guard.client(r#"<iq id="7" type="get" to="private@conference.meet.jitsi" xmlns="jabber:client"><q xmlns="x"/></iq>"#);
    let (code, error) = refusal(&mut guard, verdict);
    assert_eq!(code, GuardRefusal::OtherRoom);
    assert!(error.starts_with("<iq ") && error.contains(r#"id="7""#), "{error}");
}

#[test]
fn a_conference_request_that_is_refused_is_answered_ready() {
    let asks = r#"<iq id="c1" type="set" to="focus.meet.jitsi" xmlns="jabber:client"><conference xmlns="http://jitsi.org/protocol/focus" room="standup@conference.meet.jitsi"/></iq>"#;
    let mut guard = bound(false);
    assert_eq!(guard.client(asks), Verdict::May(room("standup")));
    let verdict = guard.decided(&room("standup"), Err("no"));
    let (_, answer) = refusal(&mut guard, verdict);
    assert!(
        answer.contains(r#"type="result""#) && answer.contains(r#"ready="true""#) && answer.contains("focus@auth.meet.jitsi"),
        "{answer}"
    );
}

#[test]
fn an_answer_that_is_refused_falls_silent_and_is_counted_all_the_same() {
    let Verdict::Say(said, Some(GuardRefusal::OtherPeer)) =
        bound(true).client(r#"<iq id="1" type="result" to="9a@meet.jitsi/y" xmlns="jabber:client"/>"#)
    else {
        panic!()
    };
    let [Said::ToServer(text)] = &said[..] else { panic!("{said:?}") };
    let text = quoted(text);
    assert!(text.contains(r#"type="result""#) && text.contains(r#"to="meet.jitsi""#) && text.contains(r#"id="gk0""#), "{text}");
}

#[test]
fn nobody_can_make_up_a_refusal() {
    let mut guard = bound(false);
    guard.client(JOIN);
    let Verdict::Say(said, _) = guard.decided(&room("standup"), Err("no")) else { panic!() };
    let [Said::ToServer(ping)] = &said[..] else { panic!() };
    let id = ping.split("id=").nth(1).unwrap().split(['"', '\'']).nth(1).unwrap();
    let (head, payload) = id.rsplit_once('.').unwrap();
    for (from, id) in [
        ("9a@meet.jitsi/y", id.to_owned()),
        ("standup@conference.meet.jitsi/eve", id.to_owned()),
        ("meet.jitsi", format!("{head}.{}A", payload)),
        ("meet.jitsi", format!("gk1..{payload}")),
        ("meet.jitsi", "gk1.AAAAAAAAAAAAAAAAAAAAAA.cAoKCg".to_owned()),
    ] {
        let pong = format!("<iq from='{from}' to='3f1c@meet.jitsi/x' type='result' id='{id}' xmlns='jabber:client'/>");
        assert_eq!(guard.server(&pong), Onward::AsItCame, "{pong}");
    }
    // And nobody can ask for one: such an id from a client ends the connection.
    let own = format!(r#"<iq id="{id}" type="get" to="meet.jitsi" xmlns="jabber:client"><ping xmlns="urn:xmpp:ping"/></iq>"#);
    assert_eq!(guard.client(&own), Verdict::End(GuardRefusal::NotAllowed));
}

#[test]
fn a_stream_is_resumed_by_its_own_visitor_for_its_own_room_alone() {
    let mut guard = inside();
    let Onward::Instead(said) =
        guard.server("<enabled xmlns='urn:xmpp:sm:3' id='GQjgVBIWsPS3' resume='true' max='60' location='10.0.0.1'/>")
    else {
        panic!()
    };
    let [Said::ToClient(enabled)] = &said[..] else { panic!() };
    let enabled = quoted(enabled);
    assert!(!enabled.contains("location"), "{enabled}");
    let id = enabled.split("id=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    assert!(id.starts_with("GQjgVBIWsPS3_"));

    let resume = |id: &str| format!(r#"<resume xmlns="urn:xmpp:sm:3" h="5" previd="{id}"/>"#);
    for (name, who, id, good) in [
        ("standup", "ann", id.as_str(), true),
        ("standup", "bob", &id, false),
        ("public", "ann", &id, false),
        ("standup", "ann", "GQjgVBIWsPS3", false),
        ("standup", "ann", "", false),
    ] {
        let mut guard = XmppGuard::new(opening(name, who, true));
        for text in [OPEN, AUTH, OPEN] {
            guard.client(text);
        }
        let verdict = guard.client(&resume(id));
        if !good {
            let Verdict::Say(said, Some(GuardRefusal::UnknownSession)) = verdict else { panic!("{verdict:?}") };
            assert!(matches!(&said[..], [Said::ToClient(failed)] if failed.contains("item-not-found")), "{said:?}");
            continue;
        }
        assert_eq!(verdict, Verdict::Join(room("standup")), "to resume is to enter");
        let Verdict::Pass(text) = guard.decided(&room("standup"), Ok(())) else { panic!() };
        let text = quoted(&text);
        assert!(text.contains(r#"previd="GQjgVBIWsPS3""#) && text.contains(r#"h="5""#), "{text}");
        let Onward::Instead(said) = guard.server("<resumed xmlns='urn:xmpp:sm:3' previd='GQjgVBIWsPS3' h='3'/>") else { panic!() };
        let [Said::ToClient(resumed)] = &said[..] else { panic!() };
        assert!(quoted(resumed).contains(&format!(r#"previd="{id}""#)), "the client knows it by its own id: {resumed}");
        assert_eq!(guard.news(), [News::Inside]);
        let message = r#"<message to="standup@conference.meet.jitsi" type="groupchat" xmlns="jabber:client"><body>x</body></message>"#;
        assert!(matches!(guard.client(message), Verdict::Pass(_)));
    }
    // Refused by `access`, it is no resumption either.
    let mut guard = XmppGuard::new(opening("standup", "ann", false));
    for text in [OPEN, AUTH, OPEN] {
        guard.client(text);
    }
    guard.client(&resume(&id));
    assert!(
        matches!(guard.decided(&room("standup"), Err("no")), Verdict::Say(said, _) if matches!(&said[..], [Said::ToClient(t)] if t.contains("failed")))
    );
}

#[test]
fn a_kick_inside_is_news_and_a_technical_one_is_not() {
    for (status, expected) in [
        (&["110", "307"][..], vec![News::Removed { banned: false }, News::Outside]),
        (&["301", "110"], vec![News::Removed { banned: true }, News::Outside]),
        (&["110", "307", "333"], vec![News::Outside]),
        (&["110"], vec![News::Outside]),
        (&["110", "303"], vec![]),
    ] {
        let mut guard = inside();
        assert_eq!(guard.server(&own(" type='unavailable'", status)), Onward::AsItCame);
        assert_eq!(guard.news(), expected, "{status:?}");
    }
    // Somebody else's, and one from another room, are not this person's.
    let mut guard = inside();
    let other = own(" type='unavailable'", &["110", "307"]).replace("standup@", "other@");
    guard.server(&other);
    assert_eq!(guard.news(), []);
}

#[test]
fn who_could_not_get_in_is_outside() {
    let mut guard = bound(true);
    guard.client(JOIN);
    guard.decided(&room("standup"), Ok(()));
    guard.news();
    guard.server("<presence from='standup@conference.meet.jitsi/ann' type='error' xmlns='jabber:client'><error type='cancel'><conflict/></error></presence>");
    assert_eq!(guard.news(), [News::Outside]);
}

#[test]
fn people_in_the_lobby_may_be_invited_in_and_nobody_else() {
    let invite = |who: &str| {
        format!(
            r#"<message to="standup@conference.meet.jitsi" xmlns="jabber:client"><x xmlns="http://jabber.org/protocol/muc#user"><invite to="{who}"/></x></message>"#
        )
    };
    let mut guard = inside();
    assert!(matches!(guard.client(&invite("w@meet.jitsi/1")), Verdict::Say(_, Some(GuardRefusal::OtherPeer))));
    let lobby = |room: &str| {
        format!(
            "<presence from='{room}@lobby.meet.jitsi/w' xmlns='jabber:client'><x xmlns='http://jabber.org/protocol/muc#user'><item jid='w@meet.jitsi/1'/></x></presence>"
        )
    };
    guard.server(&lobby("other"));
    assert!(matches!(guard.client(&invite("w@meet.jitsi/1")), Verdict::Say(_, Some(GuardRefusal::OtherPeer))));
    guard.server(&lobby("standup"));
    assert!(matches!(guard.client(&invite("w@meet.jitsi/1")), Verdict::Pass(_)));
}

#[test]
fn whoever_has_to_leave_leaves_by_the_rooms_own_word() {
    let Parting { to_server, to_client, close } = inside().parting(Cause::Right, "ejected");
    assert_eq!(close, Some(1000));
    let (to_server, to_client): (Vec<_>, Vec<_>) =
        (to_server.iter().map(|t| quoted(t)).collect(), to_client.iter().map(|t| quoted(t)).collect());
    assert!(matches!(&to_server[..], [leave, end]
        if leave.contains(r#"type="unavailable""#) && leave.contains(r#"to="standup@conference.meet.jitsi/ann""#) && end.contains("<close")));
    assert!(matches!(&to_client[..], [kick, end]
        if kick.contains(r#"from="standup@conference.meet.jitsi/ann""#) && kick.contains("307") && kick.contains("removed") && end.contains("<close")));
    // At fault, the room loses them as well; of their own kind of ending they are told nothing.
    let Parting { to_server, to_client, close } = inside().parting(Cause::Fault, "malformed");
    assert_eq!((to_server.len(), to_client.len(), close), (2, 0, None));
    // A gateway that stops leaves the stream to be resumed.
    assert_eq!(inside().parting(Cause::Elsewhere, "drain"), Parting::default());
    assert_eq!(bound(true).parting(Cause::Right, "ejected").to_server.len(), 1);
}

#[test]
fn an_answer_comes_once_and_to_its_own_question() {
    let mut guard = bound(true);
    assert_eq!(guard.decided(&room("standup"), Ok(())), Verdict::End(GuardRefusal::NoPermit), "nothing was asked");
    guard.client(JOIN);
    guard.client(r#"<presence xmlns="jabber:client"/>"#);
    assert_eq!(guard.decided(&room("standup"), Ok(())), Verdict::End(GuardRefusal::NoPermit), "the question has gone by");
}

#[test]
fn what_would_grow_too_long_without_its_prefixes_goes_nowhere() {
    let ns = "x".repeat(200);
    let children: String = "<a:b/>".repeat(3_000);
    let text = format!(
        r#"<message to="standup@conference.meet.jitsi" type="groupchat" xmlns="jabber:client" xmlns:a="urn:{ns}">{children}</message>"#
    );
    assert!(text.len() < 30_000);
    assert_eq!(inside().client(&text), Verdict::End(GuardRefusal::TooLarge));
}

#[test]
fn to_enable_twice_says_nothing_about_being_inside() {
    let mut guard = bound(true);
    assert_eq!(guard.client(JOIN), Verdict::Join(room("standup")));
    guard.decided(&room("standup"), Ok(()));
    guard.news();
    guard.server("<failed xmlns='urn:xmpp:sm:3'><unexpected-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>");
    assert_eq!(guard.news(), [], "it would give the place up that the join has taken");
}

#[test]
fn whoever_has_left_is_asked_again_by_whatever_name_and_door() {
    let join = |nick: &str| JOIN.replace("/ann", &format!("/{nick}"));
    let leave = |nick: &str| format!(r#"<presence to="standup@conference.meet.jitsi/{nick}" type="unavailable" xmlns="jabber:client"/>"#);
    let mut guard = inside();
    assert!(matches!(guard.client(&leave("ann")), Verdict::Pass(_)));
    // In one go: the server's word of the leave is not there yet, and they are outside all the same.
    assert_eq!(guard.news(), [News::Outside]);
    assert_eq!(guard.client(JOIN), Verdict::Join(room("standup")));
    guard.server(&own(" type='unavailable'", &["110"]));
    assert!(matches!(guard.client(&leave("evil")), Verdict::Pass(_)));
    assert_eq!(guard.client(&join("evil")), Verdict::Join(room("standup")));
    assert!(matches!(guard.decided(&room("standup"), Err("full")), Verdict::Say(_, Some(GuardRefusal::NoPermit))));
    let breakout = r#"<presence to="0a1b2c3d-0000-4000-8000-00000000000a@breakout.meet.jitsi/ann" xmlns="jabber:client"/>"#;
    assert_eq!(guard.client(breakout), Verdict::May(room("standup")));
    let message = r#"<message to="standup@conference.meet.jitsi" type="groupchat" xmlns="jabber:client"><body>x</body></message>"#;
    assert_eq!(guard.client(message), Verdict::May(room("standup")));
}

#[test]
fn everybody_sees_who_was_thrown_out() {
    let mut guard = inside();
    let bob = |status: &[&str]| own(" type='unavailable'", status).replace("/ann'", "/bob'");
    guard.server(&bob(&["307"]));
    assert_eq!(guard.news(), [News::SawRemoved { nick: "bob".into(), banned: false }]);
    guard.server(&bob(&["301"]));
    assert_eq!(guard.news(), [News::SawRemoved { nick: "bob".into(), banned: true }]);
    guard.server(&bob(&["307", "333"]));
    guard.server(&bob(&[]));
    guard.server(&bob(&["307"]).replace("standup@", "other@"));
    assert_eq!(guard.news(), []);
}
