//! The table in `rules.md`, row by row.

use std::collections::HashSet;

use super::{hosts, room};
use crate::signalling::xml;
use crate::signalling::xmpp::place::Place;
use crate::signalling::xmpp::rules::{Ruling, Standing, judge};

#[derive(Clone, Copy, Debug)]
enum As {
    Stranger,
    Admitted,
    Joined,
}

fn ruled(stanza: &str, who: As) -> String {
    let hosts = hosts();
    let place = Place::of(&hosts, &room("standup"), "meet.jitsi");
    let waiting = HashSet::from(["waiting@meet.jitsi".to_owned()]);
    let standing = Standing {
        hosts: &hosts,
        vhost: "meet.jitsi",
        place: Some(&place),
        admitted: !matches!(who, As::Stranger),
        nick: matches!(who, As::Joined).then_some("ann"),
        joined: matches!(who, As::Joined),
        waiting: &waiting,
        token: None,
    };
    let mut element = xml::read(stanza, &xml::CLIENT).unwrap_or_else(|fault| panic!("{stanza}: {fault}"));
    match judge(&standing, &mut element) {
        Ruling::Pass => {
            // What goes on is judged the same, and says the same: nothing is left to be read differently.
            let written = element.to_xml("");
            let mut again = xml::read(&written, &xml::CLIENT).unwrap();
            assert_eq!(judge(&standing, &mut again), Ruling::Pass, "{written}");
            assert_eq!(again.to_xml(""), written);
            "pass".to_owned()
        }
        Ruling::Ask { enters: false } => "ask".to_owned(),
        Ruling::Ask { enters: true } => "enter".to_owned(),
        Ruling::Refuse(refusal) => refusal.code().to_owned(),
        Ruling::End(_) => "end".to_owned(),
    }
}

#[test]
fn the_table_says_what_happens() {
    let table = include_str!("../rules.md");
    let mut rows = 0;
    for line in table.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(|cell| cell.trim().trim_matches('`')).collect();
        let [stanza, stranger, admitted, joined] = cells[..] else { panic!("{line}") };
        for (who, expected) in [(As::Stranger, stranger), (As::Admitted, admitted), (As::Joined, joined)] {
            assert_eq!(ruled(stanza, who), expected.trim_end_matches(" |"), "{stanza} as {who:?}");
        }
        rows += 1;
    }
    assert!(rows >= 75, "{rows} rows");
}

#[test]
fn without_a_room_nothing_that_has_one_goes_on() {
    let hosts = hosts();
    let nobody = HashSet::new();
    let standing = Standing {
        hosts: &hosts,
        vhost: "meet.jitsi",
        place: None,
        admitted: false,
        nick: None,
        joined: false,
        waiting: &nobody,
        token: None,
    };
    for stanza in [
        r#"<presence to="standup@conference.meet.jitsi/ann"/>"#,
        r#"<message to="standup@conference.meet.jitsi" type="groupchat"/>"#,
        r#"<message to="speakerstats.meet.jitsi"/>"#,
        r#"<presence to="standup@lobby.meet.jitsi/ann"/>"#,
        r#"<iq id="1" type="set" to="focus.meet.jitsi"><conference xmlns="http://jitsi.org/protocol/focus" room="standup@conference.meet.jitsi"/></iq>"#,
    ] {
        let mut element = xml::read(stanza, &xml::CLIENT).unwrap();
        assert!(matches!(judge(&standing, &mut element), Ruling::Refuse(_)), "{stanza}");
    }
}

#[test]
fn a_tenants_room_is_at_the_tenants_address_alone() {
    let hosts = hosts();
    let place = Place::of(&hosts, &room("acme/standup"), "meet.jitsi");
    let nobody = HashSet::new();
    let standing = Standing {
        hosts: &hosts,
        vhost: "meet.jitsi",
        place: Some(&place),
        admitted: true,
        nick: None,
        joined: false,
        waiting: &nobody,
        token: None,
    };
    for (to, expected) in [
        ("standup@conference.acme.meet.jitsi/a", true),
        ("standup@conference.meet.jitsi/a", false),
        ("[acme]standup@conference.meet.jitsi/a", false),
        ("standup@conference.other.meet.jitsi/a", false),
        ("standup@conferenceXacme.meet.jitsi/a", false),
    ] {
        let text = format!("<presence to='{to}'/>");
        let mut element = xml::read(&text, &xml::CLIENT).unwrap();
        assert_eq!(judge(&standing, &mut element) == Ruling::Ask { enters: true }, expected, "{to}");
    }
}

#[test]
fn only_known_attributes_go_on_and_the_servers_token_replaces_the_clients() {
    let hosts = hosts();
    let place = Place::of(&hosts, &room("standup"), "meet.jitsi");
    let nobody = HashSet::new();
    let standing = Standing {
        hosts: &hosts,
        vhost: "meet.jitsi",
        place: Some(&place),
        admitted: true,
        nick: None,
        joined: false,
        waiting: &nobody,
        token: Some("ours"),
    };
    let text = "<iq from='eve@meet.jitsi/x' to='focus.meet.jitsi' type='set' id='1' other='y' xml:lang='en'><conference \
                xmlns='http://jitsi.org/protocol/focus' room='Standup@conference.meet.jitsi' token='theirs' machine-uid='m' z='z'/></iq>";
    let mut element = xml::read(text, &xml::CLIENT).unwrap();
    assert_eq!(judge(&standing, &mut element), Ruling::Pass);
    let written = element.to_xml("");
    for gone in ["eve", "other", "theirs", "z="] {
        assert!(!written.contains(gone), "{gone} in {written}");
    }
    for kept in ["ours", "standup@conference.meet.jitsi", "machine-uid", "lang"] {
        assert!(written.contains(kept), "{kept} in {written}");
    }
}
