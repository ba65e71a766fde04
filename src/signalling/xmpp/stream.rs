//! What is said on one XMPP stream, and what does it come to?
//!
//! The state of one session, whichever way it is carried: over a WebSocket ([`super::guard`]) or BOSH ([`super::bosh`]). It is given
//! elements that were read strictly, and gives back what goes on, written anew. What the server says back is in `stream/heard.rs`.

mod heard;

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::binding::{Keys, Purpose, Ticket};
use super::hosts::Hosts;
use super::jid::Jid;
use super::place::Place;
use super::rules::{self, Ruling, Standing};
use super::swap::{self, Kind, Refused};
use super::{BIND, CLIENT, CSI, MUC_USER, NICK, SASL, SM};
use crate::access::{NAME_MAX, RoomName};
use crate::signalling::websocket::MESSAGE_MAX;
use crate::signalling::xml::Element;
use crate::signalling::{GuardRefusal, News};

/// So many people in a lobby are remembered, and so many breakout rooms: more are none that a person could have seen.
const REMEMBERED: usize = 1000;
/// The sentence for what is refused by its form, whoever says it.
const ELSEWHERE: &str = "This connection is for one room only, and this is about something else.";

/// What a stream is opened for.
#[derive(Clone, Debug)]
pub struct Opening {
    /// The server's parts.
    pub hosts: Arc<Hosts>,
    /// For what the client brings back.
    pub keys: Keys,
    /// The room that its address names.
    pub room: Option<RoomName>,
    /// Who its visitor is.
    pub ticket: Ticket,
    /// Whether `access` admits them to that room at this moment.
    pub admitted: bool,
    /// The server's own token for them, for conference requests.
    pub token: Option<String>,
}

/// One XMPP session, as its guard knows it.
#[derive(Debug)]
pub(super) struct Stream {
    opening: Opening,
    /// The virtual host that it opened, and its room there.
    open: Option<(String, Option<Place>)>,
    /// Stanzas may be said: a resource is bound, or an earlier session resumed.
    bound: bool,
    /// The client's own full address, once the server has told.
    address: Option<String>,
    /// Its nick in the room, since the server confirmed it.
    nick: Option<String>,
    /// The rooms it is in, by their addresses: the room, breakout rooms.
    inside: BTreeSet<String>,
    joined: bool,
    /// The server has been asked to resume, and has not answered yet.
    resuming: bool,
    waiting: HashSet<String>,
    news: Vec<News>,
    /// What waits for the answer of `access`.
    asked: Option<Asked>,
}

#[derive(Debug)]
enum Asked {
    Stanza { written: String, refused: Refused, answer: bool },
    Resume { written: String },
}

/// What becomes of an element from the client.
#[derive(Debug, PartialEq)]
pub(super) enum Outcome {
    /// This goes on.
    On(String),
    /// This goes on in its place: it was refused.
    Swapped(String, GuardRefusal),
    /// The client is answered by us.
    Answered(String, GuardRefusal),
    /// `access` is to be asked: is its visitor admitted to this room; does it enter now?
    Ask { room: RoomName, enters: bool },
    /// No honest client says so.
    End(GuardRefusal),
}

impl Stream {
    pub(super) fn new(opening: Opening) -> Self {
        Self {
            opening,
            open: None,
            bound: false,
            address: None,
            nick: None,
            inside: BTreeSet::new(),
            joined: false,
            resuming: false,
            waiting: HashSet::new(),
            news: Vec::new(),
            asked: None,
        }
    }

    /// A session of which only its virtual host is still known: it was opened before this process began.
    pub(super) fn known(opening: Opening, vhost: &str) -> Option<Self> {
        let mut stream = Self::new(opening);
        stream.bound = true;
        stream.open_at(vhost).then_some(stream)
    }

    pub(super) fn hosts(&self) -> &Hosts {
        &self.opening.hosts
    }

    pub(super) fn keys(&self) -> &Keys {
        &self.opening.keys
    }

    pub(super) fn room(&self) -> Option<&RoomName> {
        self.opening.room.as_ref()
    }

    pub(super) fn ticket(&self) -> &Ticket {
        &self.opening.ticket
    }

    pub(super) fn vhost(&self) -> Option<&str> {
        self.open.as_ref().map(|(vhost, _)| vhost.as_str())
    }

    /// What there is to tell since this was last asked.
    pub(super) fn news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }

    /// The stream opens at this virtual host, the first time or again; whether it may.
    pub(super) fn open_at(&mut self, to: &str) -> bool {
        let Some(host) = Jid::parse(to).filter(|j| j.node.is_none() && j.resource.is_none()).map(|j| j.host.into_owned()) else {
            return false;
        };
        match &self.open {
            Some((vhost, _)) => *vhost == host,
            None if self.hosts().is_virtual_host(&host) => {
                let place = self.opening.room.as_ref().map(|room| Place::of(&self.opening.hosts, room, &host));
                self.open = Some((host, place));
                true
            }
            None => false,
        }
    }

    /// One element from the client, whole.
    pub(super) fn client(&mut self, element: Element<'_>) -> Outcome {
        self.asked = None;
        if self.open.is_none() {
            return Outcome::End(GuardRefusal::NotAllowed);
        }
        match &*element.ns {
            CLIENT if rules::is_stanza(&element) => self.stanza(element),
            SASL => self.sasl(&element),
            _ if SM.contains(&&*element.ns) => self.management(&element),
            // What a client does not look at (XEP-0352).
            CSI if matches!(&*element.name, "active" | "inactive") => Outcome::On(Element::new(CSI, element.name.clone()).to_xml("")),
            _ => Outcome::End(GuardRefusal::NotAllowed),
        }
    }

    /// RFC 6120 section 6.4, before anybody is bound.
    fn sasl(&self, element: &Element<'_>) -> Outcome {
        if self.bound || !matches!(&*element.name, "auth" | "response" | "abort") || element.elements().next().is_some() {
            return Outcome::End(GuardRefusal::NotAllowed);
        }
        let mut ours = Element::new(SASL, element.name.clone());
        if let Some(mechanism) = element.attr("mechanism") {
            ours = ours.with_attr("mechanism", mechanism.to_owned());
        }
        let text = element.text();
        if !text.is_empty() {
            ours = ours.with_text(text);
        }
        Outcome::On(ours.to_xml(""))
    }

    /// XEP-0198. To resume is to be inside again without another word.
    fn management(&mut self, element: &Element<'_>) -> Outcome {
        let kept: &[&str] = match &*element.name {
            "enable" => &["resume", "max"],
            "r" => &[],
            "a" => &["h"],
            "resume" => &["h"],
            _ => return Outcome::End(GuardRefusal::NotAllowed),
        };
        let mut ours = Element::new(element.ns.clone(), element.name.clone());
        for name in kept {
            if let Some(value) = element.attr(name) {
                ours = ours.with_attr(*name, value.to_owned());
            }
        }
        if &*element.name != "resume" {
            return Outcome::On(ours.to_xml(""));
        }
        let Opening { keys, room, ticket, .. } = &self.opening;
        let own = room
            .as_ref()
            .zip(element.attr("previd"))
            .and_then(|(room, id)| Some((room.clone(), keys.unbind(Purpose::Resume, id, room, ticket)?.0)));
        let Some((room, previd)) = own else {
            return Outcome::Answered(failed(&element.ns), GuardRefusal::UnknownSession);
        };
        self.asked = Some(Asked::Resume { written: ours.with_attr("previd", previd.to_owned()).to_xml("") });
        Outcome::Ask { room, enters: true }
    }

    fn stanza(&mut self, mut stanza: Element<'_>) -> Outcome {
        let binds = &*stanza.name == "iq" && stanza.attr("to").is_none() && stanza.elements().all(|child| &*child.ns == BIND);
        if !self.bound && !binds {
            // There is nobody yet whom a refusal could be swapped for.
            return Outcome::End(GuardRefusal::NotAllowed);
        }
        let refused = refusal_of(&stanza);
        let answer = matches!((&*stanza.name, stanza.attr("type")), ("iq", Some("result")) | (_, Some("error")));
        let ruling = match self.standing() {
            None => return Outcome::End(GuardRefusal::NotAllowed),
            Some(standing) => rules::judge(&standing, &mut stanza),
        };
        match ruling {
            Ruling::Pass => {
                self.leaves(&stanza);
                written(&stanza).map_or_else(Outcome::End, Outcome::On)
            }
            Ruling::Ask { enters } => {
                let Some(room) = self.opening.room.clone() else { return self.swap(refused, answer, ELSEWHERE, GuardRefusal::OtherRoom) };
                if enters {
                    self.called(&stanza);
                }
                let written = match written(&stanza) {
                    Ok(written) => written,
                    Err(refusal) => return Outcome::End(refusal),
                };
                self.asked = Some(Asked::Stanza { written, refused, answer });
                Outcome::Ask { room, enters }
            }
            Ruling::Refuse(refusal) => self.swap(refused, answer, ELSEWHERE, refusal),
            Ruling::End(refusal) => Outcome::End(refusal),
        }
    }

    /// `access` has answered; where it said no, with the sentence for the person.
    pub(super) fn decided(&mut self, no: Option<&str>) -> Outcome {
        let asked = self.asked.take();
        // Who is inside stays until `access` ends them by the list: a word that is refused there takes nothing away.
        self.opening.admitted = no.is_none() || (self.opening.admitted && !self.inside.is_empty());
        self.resuming |= no.is_none() && matches!(asked, Some(Asked::Resume { .. }));
        match (asked, no) {
            (None, _) => Outcome::End(GuardRefusal::NoPermit),
            (Some(Asked::Stanza { written, .. } | Asked::Resume { written }), None) => Outcome::On(written),
            (Some(Asked::Resume { .. }), Some(_)) => {
                Outcome::Answered(failed(SM.first().copied().unwrap_or_default()), GuardRefusal::NoPermit)
            }
            (Some(Asked::Stanza { refused, answer, .. }), Some(sentence)) => self.swap(refused, answer, sentence, GuardRefusal::NoPermit),
        }
    }

    fn swap(&self, refused: Refused, answer: bool, sentence: &str, refusal: GuardRefusal) -> Outcome {
        let Some(vhost) = self.vhost() else { return Outcome::End(refusal) };
        if answer {
            return Outcome::Swapped(swap::silence(vhost), refusal);
        }
        let refused = Refused { sentence: sentence.to_owned(), ..refused };
        match refused.ping(&self.opening.keys, vhost) {
            Some(ping) => Outcome::Swapped(ping, refusal),
            None => Outcome::End(refusal),
        }
    }

    fn standing(&self) -> Option<Standing<'_>> {
        let (vhost, place) = self.open.as_ref()?;
        Some(Standing {
            hosts: &self.opening.hosts,
            vhost,
            place: place.as_ref(),
            admitted: self.opening.admitted,
            nick: self.nick.as_deref(),
            joined: self.joined,
            waiting: &self.waiting,
            token: self.opening.token.as_deref(),
        })
    }

    fn place(&self) -> Option<&Place> {
        self.open.as_ref().and_then(|(_, place)| place.as_ref())
    }

    /// Whoever says that they go is outside from now on: what they say behind it, in one go, is asked about as anybody's. By whatever name; the
    /// server goes by the address (Prosody 0.12, `muc.lib.lua`).
    fn leaves(&mut self, stanza: &Element<'_>) {
        let goes = &*stanza.name == "presence" && stanza.attr("type").is_some();
        let Some(place) = self.place().filter(|_| goes) else { return };
        if stanza.attr("to").and_then(Jid::parse).is_none_or(|to| !place.is_room(&to)) {
            return;
        }
        let address = place.address();
        self.nick = None;
        self.is_out_of(&address);
    }

    /// They are no longer in this room; where it was the last, whoever comes again is asked again, also to a breakout room.
    fn is_out_of(&mut self, room: &str) {
        if self.inside.remove(room) && self.inside.is_empty() {
            self.opening.admitted = false;
            self.news.push(News::Outside);
        }
    }

    /// How somebody calls themself when they join (XEP-0172).
    fn called(&mut self, presence: &Element<'_>) {
        if let Some(nick) = presence.child(NICK, "nick") {
            let name = crate::access::display_name(&nick.text().chars().take(NAME_MAX).collect::<String>());
            self.news.extend(name.map(News::Called));
        }
    }

    /// What the server is told of somebody who leaves: nobody in the room has to wait for it to notice.
    pub(super) fn leaving(&self) -> Option<Element<'static>> {
        let address = self.place()?.address();
        let nick = self.nick.as_ref()?;
        Some(Element::new(CLIENT, "presence").with_attr("type", "unavailable").with_attr("to", format!("{address}/{nick}")))
    }

    /// What the client is told of it, as the room would (XEP-0045 section 8.2): its page then says so, and does not reconnect.
    pub(super) fn removed(&self, reason: &str) -> Option<Element<'static>> {
        let (address, nick) = (self.place()?.address(), self.nick.as_ref()?);
        let status = |code: &'static str| Element::new(MUC_USER, "status").with_attr("code", code);
        let item = Element::new(MUC_USER, "item").with_attr("affiliation", "none").with_attr("role", "none");
        let item = item.with_child(Element::new(MUC_USER, "reason").with_text(reason.to_owned()));
        let x = Element::new(MUC_USER, "x").with_child(item).with_child(status("307")).with_child(status("110"));
        let mut presence = Element::new(CLIENT, "presence").with_attr("type", "unavailable").with_attr("from", format!("{address}/{nick}"));
        if let Some(own) = &self.address {
            presence = presence.with_attr("to", own.clone());
        }
        Some(presence.with_child(x))
    }
}

/// A stanza as it goes on. Without prefixes it may be longer than it came, and then it is too long for the server.
fn written(stanza: &Element<'_>) -> Result<String, GuardRefusal> {
    let text = stanza.to_xml("");
    if text.len() > MESSAGE_MAX { Err(GuardRefusal::TooLarge) } else { Ok(text) }
}

fn refusal_of(stanza: &Element<'_>) -> Refused {
    let asks = stanza.child(super::FOCUS, "conference").is_some();
    let kind = match &*stanza.name {
        "presence" => Kind::Presence,
        "message" => Kind::Message,
        _ if asks => Kind::Conference,
        _ => Kind::Iq,
    };
    let kept = |name| stanza.attr(name).unwrap_or_default().chars().take(1024).collect();
    Refused { kind, id: kept("id"), to: kept("to"), sentence: String::new() }
}

/// XEP-0198 section 5: there is nothing to resume; the client begins anew.
fn failed(ns: &str) -> String {
    Element::new(ns.to_owned(), "failed").with_child(Element::new(super::STANZAS, "item-not-found")).to_xml("")
}
