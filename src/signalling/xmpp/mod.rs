//! **What may a Jitsi client say, and about which room?** XMPP, judged stanza by stanza.
//!
//! Jitsi's rooms are rooms of an XMPP server (Prosody), and any stream that has been opened reaches all of them: gating the page, or the address
//! of the socket, keeps nobody out. So one stream is about one room, the one that its visitor was admitted to; each stanza is read
//! strictly, judged by whom it is addressed to, and written anew.
//!
//! | file | answers |
//! | --- | --- |
//! | [`guard`] | what a WebSocket's messages come to (RFC 7395) |
//! | [`bosh`] | what a request's body comes to (XEP-0124, XEP-0206) |
//! | [`conference`] | what a conference request over HTTP comes to |
//! | `stream` | the state of one session, for both |
//! | `rules` | the decision table |
//! | `place`, [`hosts`], [`name`], [`jid`] | which addresses are the room's, and which are the server's |
//! | `swap` | how a refusal reaches the person without anybody losing count |
//! | [`binding`] | how what a client brings back is known again |

pub mod binding;
pub mod bosh;
pub mod conference;
pub mod guard;
pub mod hosts;
pub mod jid;
pub mod name;
mod place;
mod rules;
mod stream;
mod swap;
#[cfg(test)]
mod tests;

pub use binding::{Keys, Purpose, Ticket};
pub use guard::XmppGuard;
pub use stream::Opening;

const CLIENT: &str = "jabber:client";
const FRAMING: &str = "urn:ietf:params:xml:ns:xmpp-framing";
const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";
const STANZAS: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";
const BIND: &str = "urn:ietf:params:xml:ns:xmpp-bind";
const SESSION: &str = "urn:ietf:params:xml:ns:xmpp-session";
/// Stream management, in the versions that are spoken.
const SM: [&str; 2] = ["urn:xmpp:sm:3", "urn:xmpp:sm:2"];
const CSI: &str = "urn:xmpp:csi:0";
const PING: &str = "urn:xmpp:ping";
const DISCO_INFO: &str = "http://jabber.org/protocol/disco#info";
const DISCO_ITEMS: &str = "http://jabber.org/protocol/disco#items";
const MUC: &str = "http://jabber.org/protocol/muc";
const MUC_USER: &str = "http://jabber.org/protocol/muc#user";
const NICK: &str = "http://jabber.org/protocol/nick";
/// Jicofo's own.
const FOCUS: &str = "http://jitsi.org/protocol/focus";
const BOSH: &str = "http://jabber.org/protocol/httpbind";
const XBOSH: &str = "urn:xmpp:xbosh";

/// What somebody is told who is taken out of a room, by the ending's stable code.
fn sentence(reason: &str) -> &'static str {
    match reason {
        "banned" => "You were removed from this room, and may not come back for now.",
        "ejected" => "You were removed from this room.",
        "moved-back" => "You were asked to wait outside this room.",
        "token-expired" | "token-revoked" => "Your link to this room is no longer valid.",
        "room-expired" | "room-closed" => "This room has closed.",
        "no-room" | "room-gone" => "This room is no longer there.",
        _ => "Your time in this room is over.",
    }
}
