//! One BOSH session, body by body.

use super::{opening, quoted, room};
use crate::signalling::GuardRefusal;
use crate::signalling::xmpp::bosh::{Body, Bosh, Next};

const NS: &str = "xmlns='http://jabber.org/protocol/httpbind'";
const CREATED: &str = "<body xmlns='http://jabber.org/protocol/httpbind' sid='5c3b-77' wait='60' xmlns:stream='http://etherx.jabber.org/streams'><stream:features/></body>";

fn read(text: &str) -> Result<Body, GuardRefusal> {
    Body::read(text.as_bytes())
}

fn create() -> Body {
    read(&format!("<body rid='10' hold='1' wait='300' to='meet.jitsi' ver='1.6' xml:lang='en' route='xmpp:evil:5222' xmpp:version='1.0' xmlns:xmpp='urn:xmpp:xbosh' {NS}/>")).unwrap()
}

/// A session, and the id for it that its client holds.
fn opened(name: &str, who: &str) -> (Bosh, String) {
    let mut bosh = Bosh::new(opening(name, who, true));
    bosh.take(create());
    let Next::On(text) = bosh.step() else { panic!() };
    let text = quoted(&text);
    assert!(
        text.contains("to=\"meet.jitsi\"") && text.contains("wait=\"60\"") && !text.contains("evil") && text.contains(":version=\"1.0\""),
        "{text}"
    );
    let answer = bosh.answer(101, CREATED.to_owned()).unwrap().text;
    let sid = answer.split("sid='").nth(1).unwrap().split('\'').next().unwrap().to_owned();
    assert!(sid.starts_with("5c3b-77_0") && answer.contains("stream:features"), "{answer}");
    (bosh, sid)
}

fn say(bosh: &mut Bosh, rid: u64, sid: &str, stanzas: &str) -> Next {
    bosh.take(read(&format!("<body rid='{rid}' sid='{sid}' {NS}>{stanzas}</body>")).unwrap());
    bosh.step()
}

fn bound(bosh: &mut Bosh, sid: &str) {
    let bind = "<iq id='b' type='set' xmlns='jabber:client'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";
    assert!(matches!(say(bosh, 11, sid, bind), Next::On(_)));
    let answer = format!(
        "<body {NS}><iq id='b' type='result' xmlns='jabber:client'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>a@meet.jitsi/x</jid></bind></iq></body>"
    );
    assert_eq!(bosh.answer(102, answer.clone()).unwrap().text, answer, "what needs no change comes as it was");
}

#[test]
fn a_body_is_read_in_one_way_or_not_at_all() {
    let say = |inside: &str| format!("<body rid='1' sid='x' {NS}>{inside}</body>");
    for good in [say(""), say("\n <presence xmlns='jabber:client'/>"), format!("<?xml version='1.0' encoding='utf-8'?>{}", say(""))] {
        assert!(read(&good).is_ok(), "{good}");
    }
    for (bad, expected) in [
        ("<body/>".to_owned(), GuardRefusal::Malformed),
        (say("").replace("httpbind", "httpbond"), GuardRefusal::Malformed),
        (say("").replace("rid='1'", ""), GuardRefusal::Malformed),
        (say("").replace("rid='1'", "rid='-1'"), GuardRefusal::Malformed),
        (say("").replace("rid='1'", "rid='1e3'"), GuardRefusal::Malformed),
        (say("").replace("rid='1'", "rid='9007199254740993'"), GuardRefusal::Malformed),
        (say("").replace("rid='1'", "rid='1' type='error'"), GuardRefusal::NotAllowed),
        (say("x"), GuardRefusal::Malformed),
        (say("<presence/>"), GuardRefusal::NotAllowed),
        (say("<presence xmlns='jabber:server'/>"), GuardRefusal::NotAllowed),
        (say("<open xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>"), GuardRefusal::NotAllowed),
        (say("<enable xmlns='urn:xmpp:sm:3'/>"), GuardRefusal::NotAllowed),
        (say("<presence xmlns='jabber:client'>"), GuardRefusal::Malformed),
        (format!("{0}{0}", say("")), GuardRefusal::Malformed),
        (say("<!-- x -->"), GuardRefusal::Malformed),
        (say(&"<presence xmlns='jabber:client'/>".repeat(300)), GuardRefusal::TooLarge),
        ("x".repeat(300_000), GuardRefusal::TooLarge),
    ] {
        assert_eq!(read(&bad).err(), Some(expected), "{}", bad.chars().take(200).collect::<String>());
    }
    assert_eq!(Body::read(b"\xff\xfe<\0b\0").err(), Some(GuardRefusal::Malformed));
}

#[test]
fn a_session_opens_at_a_host_that_people_have_and_says_nothing_yet() {
    for (from, to) in [("to='meet.jitsi'", "to='auth.meet.jitsi'"), ("to='meet.jitsi'", "to='example.org'"), ("to='meet.jitsi'", "")] {
        let mut bosh = Bosh::new(opening("standup", "ann", true));
        let text = format!("<body rid='10' to='meet.jitsi' {NS}/>").replace(from, to);
        bosh.take(read(&text).unwrap());
        assert!(matches!(bosh.step(), Next::End(_)), "{text}");
    }
    let mut bosh = Bosh::new(opening("standup", "ann", true));
    bosh.take(
        read(&format!("<body rid='10' to='meet.jitsi' {NS}><presence xmlns='jabber:client' to='private@conference.meet.jitsi/x'/></body>"))
            .unwrap(),
    );
    assert_eq!(bosh.step(), Next::End(GuardRefusal::NotAllowed));
}

#[test]
fn each_stanza_of_a_body_is_judged() {
    let (mut bosh, sid) = opened("standup", "ann");
    bound(&mut bosh, &sid);
    let two = "<presence xmlns='jabber:client' to='standup@conference.meet.jitsi/ann'/><presence xmlns='jabber:client' to='private@conference.meet.jitsi/ann'/>";
    assert_eq!(say(&mut bosh, 12, &sid, two), Next::Ask { room: room("standup"), enters: true });
    bosh.decided(None).unwrap();
    let Next::On(text) = bosh.step() else { panic!() };
    let text = quoted(&text);
    assert!(text.contains("sid=\"5c3b-77\"") && text.contains("standup@conference.meet.jitsi/ann") && !text.contains("private"), "{text}");
    assert_eq!(bosh.refusals(), [GuardRefusal::OtherRoom]);

    let id = text.split("id=\"gk1").nth(1).unwrap().split('"').next().unwrap();
    let pong = format!("<body {NS}><iq from='meet.jitsi' to='a@meet.jitsi/x' type='result' id='gk1{id}' xmlns='jabber:client'/></body>");
    let answer = bosh.answer(103, pong).unwrap().text;
    assert!(answer.contains("not-allowed") && answer.contains("private@conference.meet.jitsi/ann") && !answer.contains("gk1"), "{answer}");
}

#[test]
fn a_session_is_its_own_visitors_for_its_own_room() {
    let (_, sid) = opened("standup", "ann");
    assert_eq!(Bosh::unbound(&opening("standup", "ann", true), &sid), Some("5c3b-77"));
    for (name, who, sid) in
        [("public", "ann", sid.as_str()), ("standup", "bob", &sid), ("standup", "ann", "5c3b-77"), ("standup", "ann", "")]
    {
        assert_eq!(Bosh::unbound(&opening(name, who, true), sid), None, "{name} {who} {sid}");
        assert!(Bosh::again(opening(name, who, true), sid).is_none());
    }
    // After a restart the bound id is all that is left, and enough.
    let mut again = Bosh::again(opening("standup", "ann", true), &sid).unwrap();
    let message = "<message xmlns='jabber:client' to='standup@conference.meet.jitsi' type='groupchat'><body>x</body></message>";
    assert!(matches!(say(&mut again, 30, &sid, message), Next::On(text) if quoted(&text).contains("sid=\"5c3b-77\"")));
}

#[test]
fn whoever_has_to_leave_leaves_and_is_told_in_two_steps() {
    let (mut bosh, sid) = opened("standup", "ann");
    bound(&mut bosh, &sid);
    say(&mut bosh, 12, &sid, "<presence xmlns='jabber:client' to='standup@conference.meet.jitsi/ann'/>");
    bosh.decided(None).unwrap();
    bosh.step();
    bosh.answer(104, format!("<body {NS}><presence xmlns='jabber:client' from='standup@conference.meet.jitsi/ann'><x xmlns='http://jabber.org/protocol/muc#user'><status code='110'/></x></presence></body>")).unwrap();
    let last = quoted(&bosh.leaving().unwrap().1);
    assert!(
        last.contains("rid=\"13\"") && last.contains("type=\"terminate\"") && last.contains("standup@conference.meet.jitsi/ann"),
        "{last}"
    );
    let (first, second) = (bosh.removed("banned"), bosh.removed("banned"));
    assert!(first.contains("307") && !first.contains("terminate"), "{first}");
    assert!(quoted(&second).contains("type=\"terminate\""), "{second}");
}

#[test]
fn a_session_that_cannot_be_bound_is_not_handed_out() {
    for answer in [CREATED.replace("sid='5c3b-77'", ""), CREATED.replace("5c3b-77", "a b"), "<html/>".to_owned(), String::new()] {
        let mut bosh = Bosh::new(opening("standup", "ann", true));
        bosh.take(create());
        bosh.step();
        assert!(bosh.answer(105, answer.clone()).is_err(), "{answer}");
    }
}

#[test]
fn what_is_as_deep_as_a_client_may_say_hides_nothing_beside_it() {
    let (mut bosh, sid) = opened("standup", "ann");
    bound(&mut bosh, &sid);
    let deep = format!("<message xmlns='jabber:client'>{}{}</message>", "<a xmlns='x:y'>".repeat(63), "</a>".repeat(63));
    let own = |kind: &str, code: &str| {
        format!(
            "<presence from='standup@conference.meet.jitsi/ann'{kind} xmlns='jabber:client'><x xmlns='http://jabber.org/protocol/muc#user'><status code='{code}'/><status code='110'/></x></presence>"
        )
    };
    bosh.answer(106, format!("<body {NS}>{}</body>", own("", "100"))).unwrap();
    bosh.answer(107, format!("<body {NS}>{deep}{}</body>", own(" type='unavailable'", "307"))).unwrap();
    assert!(bosh.news().contains(&crate::signalling::News::Removed { banned: false }));
}

#[test]
fn requests_come_in_their_order_and_an_answer_is_believed_once() {
    let own = |kind: &str| {
        format!(
            "<body {NS}><presence from='standup@conference.meet.jitsi/ann'{kind} xmlns='jabber:client'><x xmlns='http://jabber.org/protocol/muc#user'><status code='110'/></x></presence></body>"
        )
    };
    let (mut bosh, sid) = opened("standup", "ann");
    bound(&mut bosh, &sid);
    let idle = |bosh: &mut Bosh, rid| say(bosh, rid, &sid, "");
    // The next, the one after it before it, an old one again; never one from nowhere.
    assert!(matches!(idle(&mut bosh, 13), Next::On(_)));
    assert_eq!(idle(&mut bosh, 14), Next::End(GuardRefusal::NotAllowed));
    // An old one now would set free what waits.
    assert_eq!(idle(&mut bosh, 11), Next::NotNow);
    assert!(matches!(idle(&mut bosh, 12), Next::On(_)));
    assert!(matches!(idle(&mut bosh, 11), Next::On(_)));
    assert_eq!(idle(&mut bosh, 1_000), Next::End(GuardRefusal::NotAllowed));
    assert!(quoted(&bosh.leaving().unwrap().1).contains("rid=\"14\""), "our last word is the next one");

    use crate::signalling::News::{Inside, Nick, Outside};
    bosh.news();
    let nick = || Nick("ann".to_owned());
    bosh.answer(20, own("")).unwrap();
    bosh.answer(21, own(" type='unavailable'")).unwrap();
    bosh.answer(22, own("")).unwrap();
    assert_eq!(bosh.news(), [nick(), Inside, Outside, nick(), Inside]);
    bosh.answer(21, own(" type='unavailable'")).unwrap();
    assert_eq!(bosh.news(), [], "repeated, it says nothing new");
    // The same request twice at once: the second answer is another one.
    bosh.answer(22, own(" type='unavailable'")).unwrap();
    assert_eq!(bosh.news(), [Outside]);
}
