//! Conference requests over HTTP.

use super::{hosts, room};
use crate::signalling::GuardRefusal;
use crate::signalling::xmpp::conference::{Request, ready};

fn read(text: &str) -> Result<String, GuardRefusal> {
    Request::read(text.as_bytes(), &hosts(), &room("standup")).map(|request| request.written())
}

#[test]
fn a_request_names_its_own_room_once_and_is_written_anew() {
    let text = r#"{"properties":{"rtcstatsEnabled":false},"machineUid":"m","room":"Standup@conference.meet.jitsi","unknown":{"room":"private@conference.meet.jitsi"}}"#;
    assert_eq!(read(text).unwrap(), r#"{"room":"standup@conference.meet.jitsi","machineUid":"m","properties":{"rtcstatsEnabled":false}}"#);
    for (bad, expected) in [
        (r#"{"room":"private@conference.meet.jitsi"}"#, GuardRefusal::OtherRoom),
        (r#"{"room":"standup@conference.acme.meet.jitsi"}"#, GuardRefusal::OtherRoom),
        (r#"{"room":"standup@conference.meet.jitsi/x"}"#, GuardRefusal::OtherRoom),
        (r#"{"room":"standup"}"#, GuardRefusal::OtherRoom),
        (r#"{"room":"standup@conference.meet.jitsi","room":"private@conference.meet.jitsi"}"#, GuardRefusal::Malformed),
        (r#"{"room":"standup@conference.meet.jitsi","Room":"private@conference.meet.jitsi"}"#, GuardRefusal::Malformed),
        (r#"{"room":"standup@conference.meet.jitsi","\u0072oom":"private@conference.meet.jitsi"}"#, GuardRefusal::Malformed),
        (r#"{"room":["standup@conference.meet.jitsi"]}"#, GuardRefusal::Malformed),
        (r#"{"room":null}"#, GuardRefusal::Malformed),
        (r#"{"room":5}"#, GuardRefusal::Malformed),
        (r#"{}"#, GuardRefusal::Malformed),
        (r#"[]"#, GuardRefusal::Malformed),
        (r#""standup@conference.meet.jitsi""#, GuardRefusal::Malformed),
        (r#"{"room":"standup@conference.meet.jitsi"} {}"#, GuardRefusal::Malformed),
        (r#"{"room":"standup@conference.meet.jitsi","properties":{"a":{"room":"x"}}}"#, GuardRefusal::Malformed),
        (r#"{"room":"standup@conference.meet.jitsi","machineUid":7}"#, GuardRefusal::Malformed),
        ("room=standup@conference.meet.jitsi", GuardRefusal::Malformed),
        ("", GuardRefusal::Malformed),
    ] {
        assert_eq!(read(bad), Err(expected), "{bad}");
    }
    assert_eq!(
        read(&format!(r#"{{"room":"standup@conference.meet.jitsi","machineUid":"{}"}}"#, "x".repeat(20_000))),
        Err(GuardRefusal::TooLarge)
    );
}

#[test]
fn a_breakout_room_is_told_from_the_main_one() {
    let read = |room_named: &str| Request::read(format!(r#"{{"room":"{room_named}"}}"#).as_bytes(), &hosts(), &room("standup"));
    assert!(read("0a1b2c3d-0000-4000-8000-00000000000a@breakout.meet.jitsi").unwrap().is_breakout());
    assert!(!read("standup@conference.meet.jitsi").unwrap().is_breakout());
    assert!(read("standup@breakout.meet.jitsi").is_err());
}

#[test]
fn who_may_not_be_in_the_room_is_told_that_there_is_a_conference() {
    let text = ready(&hosts(), &room("standup"));
    let read: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((read["ready"].as_bool(), read["room"].as_str()), (Some(true), Some("standup@conference.meet.jitsi")));
    assert_eq!(read["focusJid"], "focus@auth.meet.jitsi");
}
