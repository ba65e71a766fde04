//! **Which stanza goes on?** One pure question, asked about everything that a client addresses to anybody.
//!
//! The door of a Jitsi meeting is a stanza's `to`, not the page and not the address of the socket: one presence puts any open stream into
//! any room. So each stanza is judged by whom it is addressed to. What no row of the table lets through is refused.
#![doc = include_str!("rules.md")]

use std::collections::HashSet;

use super::hosts::Hosts;
use super::jid::{self, Jid};
use super::place::Place;
use super::{BIND, CLIENT, DISCO_INFO, DISCO_ITEMS, FOCUS, MUC, MUC_USER, PING, SESSION};
use crate::signalling::GuardRefusal;
use crate::signalling::xml::{Element, Node};

use Ruling::{Ask, End, Pass, Refuse};

/// What the answer depends on, besides the stanza.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing<'a> {
    /// The server's parts.
    pub hosts: &'a Hosts,
    /// The virtual host that the stream opened.
    pub vhost: &'a str,
    /// The one room that this stream may be about; `None` where its address named none.
    pub place: Option<&'a Place>,
    /// Whether `access` has admitted its visitor to that room, and has not taken it back.
    pub admitted: bool,
    /// Under which nick it is inside now.
    pub nick: Option<&'a str>,
    /// Whether it has been inside at all.
    pub joined: bool,
    /// The addresses of those whom the room's lobby has shown to this stream: they may be invited in.
    pub waiting: &'a HashSet<String>,
    /// The server's own token for this visitor, in place of whatever the client sends for one.
    pub token: Option<&'a str>,
}

/// What becomes of a stanza.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ruling {
    /// It goes on, as it has been rewritten.
    Pass,
    /// It goes on where `access` says so, now.
    Ask {
        /// It enters the room.
        enters: bool,
    },
    /// It does not, and is answered with an error.
    Refuse(GuardRefusal),
    /// The connection ends.
    End(GuardRefusal),
}

/// The longest id of a stanza, in bytes. Clients count or draw a UUID.
const ID_MAX: usize = 512;

/// Judges one stanza, and leaves of it what may go on: its known attributes, addresses in small letters.
pub(super) fn judge(standing: &Standing<'_>, stanza: &mut Element<'_>) -> Ruling {
    // `from` is the server's to write (Prosody overwrites it); nobody needs the others.
    stanza.attrs.retain(|a| !a.ns.is_empty() || matches!(&*a.name, "to" | "id" | "type"));
    if stanza.attr("id").is_some_and(|id| id.len() > ID_MAX || id.starts_with(super::swap::MARK) || id.contains('\n')) {
        return End(GuardRefusal::NotAllowed);
    }
    if stanza.elements().any(|child| &*child.ns == "http://jabber.org/protocol/address") {
        return Refuse(GuardRefusal::NotAllowed);
    }
    let form = match Form::read(stanza) {
        Ok(form) => form,
        Err(refusal) => return Refuse(refusal),
    };
    let asks_for_conference = match form.is_question().then(|| conference(standing, stanza)) {
        Some(Err(refusal)) => return Refuse(refusal),
        Some(Ok(asks)) => asks,
        None => false,
    };
    let to = match stanza.attr("to").map(Jid::parse) {
        None => return to_nobody(form, stanza),
        Some(None) => return Refuse(GuardRefusal::OtherPeer),
        Some(Some(to)) => to,
    };
    let ruling = addressed(standing, form, &to, stanza);
    let written = to.written();
    stanza.set_attr("to", written);
    match ruling {
        // The right to the room is asked for last: whoever has it may still not say everything.
        Pass if asks_for_conference && !standing.admitted => Ask { enters: false },
        Ask { enters: false } if standing.admitted => Pass,
        ruling @ (Pass | Ask { .. } | Refuse(_) | End(_)) => ruling,
    }
}

/// What kind of stanza it is, by its name and type. Other types are none that clients send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Here I am.
    Here,
    /// I am gone; or what you sent could not be delivered.
    Gone,
    Message,
    /// An iq that wants an answer: get or set.
    Question,
    /// An iq that is one.
    Answer,
}

impl Form {
    fn read(stanza: &Element<'_>) -> Result<Self, GuardRefusal> {
        match (&*stanza.name, stanza.attr("type")) {
            ("presence", None) => Ok(Self::Here),
            ("presence", Some("unavailable" | "error")) => Ok(Self::Gone),
            ("message", None | Some("normal" | "chat" | "groupchat" | "headline" | "error")) => Ok(Self::Message),
            // RFC 6120 section 8.2.3: one child, and an id.
            ("iq", Some("get" | "set")) if stanza.elements().count() == 1 && stanza.attr("id").is_some() => Ok(Self::Question),
            ("iq", Some("result" | "error")) => Ok(Self::Answer),
            _ => Err(GuardRefusal::NotAllowed),
        }
    }

    const fn is_question(self) -> bool {
        matches!(self, Self::Question)
    }

    const fn is_iq(self) -> bool {
        matches!(self, Self::Question | Self::Answer)
    }
}

/// Whoever asks the focus for a conference makes its room (jicofo), wherever the question is sent to. Whether this one does; refused where it is not
/// about the stream's own.
fn conference(standing: &Standing<'_>, stanza: &mut Element<'_>) -> Result<bool, GuardRefusal> {
    let child = stanza.children.iter_mut().find_map(|node| match node {
        Node::Element(element) if element.is(FOCUS, "conference") => Some(element),
        Node::Element(_) | Node::Text(_) => None,
    });
    let Some(child) = child else { return Ok(false) };
    // Its `token` is read without being checked.
    child.attrs.retain(|a| a.ns.is_empty() && matches!(&*a.name, "room" | "machine-uid" | "session-id" | "version"));
    let named = child.attr("room").and_then(Jid::parse).filter(|room| {
        let main = standing.place.is_some_and(|place| place.is_room(room));
        room.resource.is_none() && (main || may_break_out(standing, room))
    });
    let written = named.map(|room| room.written()).ok_or(GuardRefusal::OtherRoom)?;
    child.set_attr("room", written);
    if let Some(token) = standing.token {
        child.set_attr("token", token.to_owned());
    }
    Ok(true)
}

/// To the server itself, on the visitor's own account.
fn to_nobody(form: Form, stanza: &Element<'_>) -> Ruling {
    match form {
        Form::Here | Form::Gone | Form::Answer => Pass,
        Form::Message => Refuse(GuardRefusal::OtherPeer),
        Form::Question => {
            let reads = stanza.attr("type") == Some("get");
            let known = stanza.elements().all(|child| match &*child.ns {
                BIND | SESSION | PING | DISCO_INFO | DISCO_ITEMS | "urn:xmpp:extdisco:1" | "urn:xmpp:extdisco:2" => true,
                "jabber:iq:roster" | "vcard-temp" | "urn:xmpp:blocking" | "jabber:iq:private" => reads,
                _ => false,
            });
            if known { Pass } else { Refuse(GuardRefusal::NotAllowed) }
        }
    }
}

fn addressed(standing: &Standing<'_>, form: Form, to: &Jid<'_>, stanza: &Element<'_>) -> Ruling {
    let hosts = standing.hosts;
    if let Some(place) = standing.place {
        if place.is_room(to) {
            return to_room(standing, form, to, stanza);
        }
        if place.is_lobby(to) {
            return invites(standing, stanza);
        }
        if may_break_out(standing, to) {
            return invites(standing, stanza);
        }
    }
    match (to.node.is_some(), to.resource.is_some()) {
        (true, _)
            if hosts.is_muc(&to.host) || hosts.lobby.as_deref() == Some(&*to.host) || hosts.breakout.as_deref() == Some(&*to.host) =>
        {
            Refuse(GuardRefusal::OtherRoom)
        }
        (true, _) => Refuse(GuardRefusal::OtherPeer),
        (false, true) => Refuse(GuardRefusal::OtherPeer),
        (false, false) => to_server(standing, form, &to.host, stanza),
    }
}

/// The stream's own room, or somebody in it.
fn to_room(standing: &Standing<'_>, form: Form, to: &Jid<'_>, stanza: &Element<'_>) -> Ruling {
    match form {
        // To be somewhere one has to have a name there (XEP-0045 section 7.2.1).
        Form::Here if to.resource.is_none() => Refuse(GuardRefusal::NotAllowed),
        // Only with this child is it a join (Prosody 0.12, `muc.lib.lua`), and every join is asked about: whoever has left may be under way back.
        Form::Here if stanza.child(MUC, "x").is_some() => Ask { enters: true },
        Form::Here if standing.admitted && standing.nick.is_some() && standing.nick == to.resource => Pass,
        Form::Here => Ask { enters: true },
        // Prosody answers it only where there is no such room: it would tell strangers whether a meeting goes on.
        Form::Gone if standing.joined || standing.nick.is_some() => Pass,
        Form::Gone => Ask { enters: false },
        Form::Message => invites(standing, stanza),
        Form::Question | Form::Answer => Ask { enters: false },
    }
}

/// A room passes invitations on, and answers to them, to whatever address stands in them (Prosody 0.12, `muc.lib.lua`): to
/// people in other rooms too. Jitsi invites those who wait in the room's lobby.
fn invites(standing: &Standing<'_>, stanza: &Element<'_>) -> Ruling {
    let named = stanza.elements().filter(|child| child.is(MUC_USER, "x")).flat_map(Element::elements);
    for child in named {
        let known = child.attr("to").is_some_and(|to| standing.waiting.contains(jid::bare(to)));
        match &*child.name {
            "invite" if known => {}
            "invite" | "decline" => return Refuse(GuardRefusal::OtherPeer),
            _ => {}
        }
    }
    Ask { enters: false }
}

/// A part of the server, none of its rooms and people.
fn to_server(standing: &Standing<'_>, form: Form, host: &str, stanza: &Element<'_>) -> Ruling {
    let hosts = standing.hosts;
    let asks = |ns: &str| stanza.elements().any(|child| &*child.ns == ns);
    if host == standing.vhost {
        let hidden = ["jabber:iq:register", "http://jabber.org/protocol/commands", "jabber:iq:search"];
        return if form.is_iq() && !hidden.into_iter().any(asks) { Pass } else { Refuse(GuardRefusal::NotAllowed) };
    }
    // Breakout rooms are managed by messages to where they are; a question there would list them.
    let rooms = hosts.is_muc(host) || (hosts.breakout.as_deref() == Some(host) && form.is_iq());
    if rooms {
        // What it can do; never its list of rooms, nor one room's entry in it.
        let reads = form.is_question() && stanza.attr("type") == Some("get");
        let plain = stanza.elements().all(|child| child.is(DISCO_INFO, "query") && child.attr("node").is_none());
        return if reads && plain { Pass } else { Refuse(GuardRefusal::NotAllowed) };
    }
    if form.is_question() && asks(DISCO_ITEMS) {
        return Refuse(GuardRefusal::NotAllowed);
    }
    if host == hosts.focus {
        return if form.is_iq() { Pass } else { Refuse(GuardRefusal::NotAllowed) };
    }
    if hosts.is_component(host) {
        // They take the room from the address of the socket, which is this one.
        return match form {
            Form::Here | Form::Gone => Refuse(GuardRefusal::NotAllowed),
            Form::Message | Form::Question | Form::Answer if standing.place.is_none() => Refuse(GuardRefusal::OtherRoom),
            Form::Message | Form::Question | Form::Answer => Ask { enters: false },
        };
    }
    Refuse(GuardRefusal::NotAllowed)
}

/// A breakout room has no guard but its random name (jitsi-meet, `mod_muc_breakout_rooms.lua`): it is for those who have been in the main room.
fn may_break_out(standing: &Standing<'_>, to: &Jid<'_>) -> bool {
    standing.joined && is_breakout(standing.hosts, to)
}

/// Whether this is a breakout room, or somebody in it.
pub(super) fn is_breakout(hosts: &Hosts, to: &Jid<'_>) -> bool {
    hosts.breakout.as_deref() == Some(&*to.host) && to.node.as_deref().is_some_and(is_uuid)
}

/// RFC 9562 section 4, in small letters.
fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    groups.iter().map(|g| g.len()).eq([8, 4, 4, 4, 12]) && groups.iter().all(|g| g.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
}

/// Whether this is a stanza at all.
pub(super) fn is_stanza(element: &Element<'_>) -> bool {
    &*element.ns == CLIENT && matches!(&*element.name, "presence" | "message" | "iq")
}
