#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod element;
mod limits;
mod properties;
mod read;
mod refused;
mod written;

use super::{Element, Fault, Foreign, Rules, SERVER, read};

/// What a BOSH body may have.
const BODY: Rules = Rules {
    default_ns: "",
    declaration: true,
    foreign: Foreign::Listed(&[("urn:xmpp:xbosh", "version"), ("urn:xmpp:xbosh", "restart")]),
    depth: 64,
    nodes: 4_000,
};

const JOIN: &str = concat!(
    r#"<presence to="lab@muc.meet.example/abcd1234" xmlns="jabber:client"><x xmlns="http://jabber.org/protocol/muc"/>"#,
    r#"<stats-id>Ann-x1</stats-id><c hash="sha-1" node="https://jitsi.org/jitsi-meet" ver="cvjWXufsg5xwYlPkrPcYV0FOkT0=" "#,
    r#"xmlns="http://jabber.org/protocol/caps"/><nick xmlns="http://jabber.org/protocol/nick">Ann &amp; Bob</nick></presence>"#
);

const CONFERENCE: &str = concat!(
    r#"<iq to="focus.meet.example" type="set" id="c1:sendIQ" xmlns="jabber:client"><conference machine-uid="u1" "#,
    r#"room="lab@muc.meet.example" xmlns="http://jitsi.org/protocol/focus"><property name="rtcstatsEnabled" value="false"/>"#,
    r#"</conference></iq>"#
);

fn what(text: &str, rules: &Rules) -> &'static str {
    match read(text, rules) {
        Ok(element) => panic!("{text} is read: {element:?}"),
        Err(Fault { what }) => what,
    }
}

fn said<'a>(text: &'a str, rules: &Rules) -> Element<'a> {
    read(text, rules).unwrap_or_else(|fault| panic!("{text}: {fault}"))
}

/// As it is written where a client's stanza stands.
fn again(text: &str) -> String {
    said(text, &SERVER).to_xml("jabber:client")
}
