//! What is said over BOSH (XEP-0124, XEP-0206): the same stream, in the bodies of HTTP requests.
//!
//! A body is judged whole before a byte of it goes on: Prosody carries out a body's stanzas before it finds that the body is broken or cut off
//! (0.12, `mod_bosh`). Its session is found by `sid` alone, whatever address the request goes to: so the `sid` that a client holds is bound to room and
//! ticket ([`super::binding`]), and one that is not this visitor's for this room is answered as unknown.

use std::collections::VecDeque;

use aws_lc_rs::digest::{Digest, SHA256, digest};

use super::binding::Purpose;
use super::hosts::Hosts;
use super::stream::{Opening, Outcome, Stream};
use super::{BOSH, CLIENT, SASL, XBOSH, sentence};
use crate::access::RoomName;
use crate::signalling::xml::{self, Element, Foreign, Node, Rules};
use crate::signalling::{GuardRefusal, News};

/// The largest body that a client may send, in bytes; as for a WebSocket's message.
pub const BODY_MAX: usize = crate::signalling::websocket::MESSAGE_MAX;
/// The longest that the server may keep a request, in seconds (`wait`): the client is told to come again after that.
pub const WAIT_MAX: u32 = 60;
/// The most stanzas in one body.
const STANZAS_MAX: usize = 256;
/// So many answers are remembered. Prosody repeats its last two (0.12, `mod_bosh`, `BOSH_HOLD`).
const HEARD_MAX: usize = 8;
/// The largest request id (XEP-0124 section 14.1): every number that JavaScript counts exactly.
const RID_MAX: u64 = (1 << 53) - 1;

/// A client's body is no stream's element: nothing in it inherits `jabber:client`.
const CLIENT_BODY: Rules = Rules {
    default_ns: "",
    declaration: true,
    foreign: Foreign::Listed(&[(XBOSH, "version"), (XBOSH, "restart")]),
    depth: xml::CLIENT.depth,
    nodes: xml::CLIENT.nodes,
};
/// The envelope is one level more than a client may say over a WebSocket, and the server may put something around that.
const SERVER_BODY: Rules = Rules { default_ns: "", depth: xml::SERVER.depth.saturating_add(16), nodes: 400_000, ..xml::SERVER };

/// One request's body, read strictly.
#[derive(Clone, Debug)]
pub struct Body {
    rid: u64,
    sid: Option<String>,
    to: Option<String>,
    restart: bool,
    terminate: bool,
    wait: u32,
    pause: Option<u32>,
    ack: Option<u64>,
    said: Vec<Element<'static>>,
}

impl Body {
    /// Reads one.
    ///
    /// # Errors
    /// What no honest client sends: `TooLarge`, `Malformed`, `NotAllowed`.
    pub fn read(bytes: &[u8]) -> Result<Self, GuardRefusal> {
        if bytes.len() > BODY_MAX {
            return Err(GuardRefusal::TooLarge);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| GuardRefusal::Malformed)?;
        let body = xml::read(text, &CLIENT_BODY).map_err(|_| GuardRefusal::Malformed)?;
        if !body.is(BOSH, "body") {
            return Err(GuardRefusal::Malformed);
        }
        let rid = body.attr("rid").and_then(|n| number(n, RID_MAX)).ok_or(GuardRefusal::Malformed)?;
        let (ack, pause) = (optional(&body, "ack", RID_MAX)?, optional(&body, "pause", 600)?.map(small));
        let wait = optional(&body, "wait", u64::from(u32::MAX))?.map_or(WAIT_MAX, small).min(WAIT_MAX);
        let terminate = match body.attr("type") {
            None => false,
            Some("terminate") => true,
            Some(_) => return Err(GuardRefusal::NotAllowed),
        };
        let foreign = |name: &str| body.attrs.iter().find(|a| &*a.ns == XBOSH && &*a.name == name).map(|a| &*a.value);
        let restart = matches!(foreign("restart"), Some("true" | "1"));
        let (sid, to) = (body.attr("sid").map(str::to_owned), body.attr("to").map(str::to_owned));
        let mut said = Vec::new();
        for node in body.children {
            match node {
                Node::Element(element) if said.len() < STANZAS_MAX => said.push(element.into_owned()),
                Node::Element(_) => return Err(GuardRefusal::TooLarge),
                Node::Text(text) if text.trim_matches([' ', '\t', '\r', '\n']).is_empty() => {}
                Node::Text(_) => return Err(GuardRefusal::Malformed),
            }
        }
        // Stanzas in the envelope's own namespace are stanzas to Prosody, which takes that namespace off; to nobody else.
        if said.iter().any(|element| !matches!(&*element.ns, CLIENT | SASL)) {
            return Err(GuardRefusal::NotAllowed);
        }
        Ok(Self { rid, sid, to, restart, terminate, wait, pause, ack, said })
    }

    /// The session that it belongs to, as the client knows it; `None` where it opens one.
    pub fn sid(&self) -> Option<&str> {
        self.sid.as_deref()
    }

    /// Its number in its session.
    pub fn rid(&self) -> u64 {
        self.rid
    }

    /// Whether it ends its session.
    pub fn terminates(&self) -> bool {
        self.terminate
    }

    /// It as it goes on, around these.
    fn written(&self, sid: Option<&str>, said: &[String]) -> String {
        let mut head = Element::new(BOSH, "body").with_attr("rid", self.rid.to_string());
        match sid {
            Some(sid) => head = head.with_attr("sid", sid.to_owned()),
            None => {
                head = head.with_attr("hold", "1").with_attr("wait", self.wait.to_string()).with_attr("ver", "1.6");
                head = head.with_attr("content", "text/xml; charset=utf-8");
            }
        }
        for (name, number) in [("ack", self.ack), ("pause", self.pause.map(u64::from))] {
            if let Some(number) = number {
                head = head.with_attr(name, number.to_string());
            }
        }
        if let Some(to) = self.to.as_ref().filter(|_| sid.is_none() || self.restart) {
            head = head.with_attr("to", to.to_ascii_lowercase());
        }
        if self.terminate {
            head = head.with_attr("type", "terminate");
        }
        if sid.is_none() {
            head = head.with_foreign_attr(XBOSH, "version", "1.0");
        } else if self.restart {
            head = head.with_foreign_attr(XBOSH, "restart", "true");
        }
        // Around what is written already: the envelope is written empty, and opened.
        let mut text = head.to_xml("");
        if text.ends_with("/>") {
            text.truncate(text.len().saturating_sub(2));
            text.push('>');
        }
        said.iter().for_each(|stanza| text.push_str(stanza));
        text.push_str("</body>");
        text
    }
}

/// One BOSH session, judged.
#[derive(Debug)]
pub struct Bosh {
    stream: Stream,
    /// The server's id for it, once there is one.
    sid: Option<String>,
    /// The highest request id up to which all have come; zero where none is known.
    rid: u64,
    /// The one after the next has come before the next: two connections may overtake each other.
    ahead: bool,
    /// Which answers have been heard, the latest last: the server sends an old one again, letter for letter, to who asks again.
    heard: VecDeque<(u64, Digest)>,
    /// The request at hand.
    body: Option<Body>,
    queue: VecDeque<Element<'static>>,
    said: Vec<String>,
    refusals: Vec<GuardRefusal>,
    /// Whether the client has been told that it was removed.
    told: bool,
}

/// What comes next of the request at hand.
#[derive(Debug, PartialEq)]
pub enum Next {
    /// `access` is to be asked, then [`Bosh::decided`].
    Ask {
        /// About this room.
        room: RoomName,
        /// Whether its visitor enters now.
        enters: bool,
    },
    /// This body goes on.
    On(String),
    /// Nothing goes on now; the client asks again.
    NotNow,
    /// The session ends: no honest client says so.
    End(GuardRefusal),
}

impl Bosh {
    /// A session that is about to be opened.
    pub fn new(opening: Opening) -> Self {
        Self {
            stream: Stream::new(opening),
            sid: None,
            rid: 0,
            ahead: false,
            heard: VecDeque::new(),
            body: None,
            queue: VecDeque::new(),
            said: Vec::new(),
            refusals: Vec::new(),
            told: false,
        }
    }

    /// A session of which only its bound `sid` is left: it was opened before this process began, or on another replica. `None` where it is not
    /// this visitor's for this room.
    pub fn again(opening: Opening, sid: &str) -> Option<Self> {
        let room = opening.room.clone()?;
        let (id, note) = opening.keys.unbind(Purpose::Bosh, sid, &room, &opening.ticket)?;
        let vhost = vhost_of(&opening.hosts, note)?;
        let (id, stream) = (id.to_owned(), Stream::known(opening, &vhost)?);
        Some(Self {
            stream,
            sid: Some(id),
            rid: 0,
            ahead: false,
            heard: VecDeque::new(),
            body: None,
            queue: VecDeque::new(),
            said: Vec::new(),
            refusals: Vec::new(),
            told: false,
        })
    }

    /// The server's own id, where this bound one was made for this room and this ticket.
    pub fn unbound<'s>(opening: &Opening, sid: &'s str) -> Option<&'s str> {
        let room = opening.room.as_ref()?;
        opening.keys.unbind(Purpose::Bosh, sid, room, &opening.ticket).map(|(id, _)| id)
    }

    /// Takes one request in; [`Bosh::step`] tells what becomes of it.
    pub fn take(&mut self, mut body: Body) {
        self.queue = std::mem::take(&mut body.said).into();
        self.said.clear();
        self.body = Some(body);
    }

    /// What comes next of it.
    pub fn step(&mut self) -> Next {
        let Some(body) = &self.body else { return Next::End(GuardRefusal::Malformed) };
        let opens = self.sid.is_none();
        // Prosody obeys the next one, keeps the one after it, repeats its answer to an old one, and takes any other for the end of a session that it goes on
        // with (0.12, `mod_bosh`). Our own last word has to be the next one.
        // An old one is judged like any other: the server may never have got it.
        if self.rid > 0 && body.rid > self.rid.saturating_add(2) {
            return Next::End(GuardRefusal::NotAllowed);
        }
        // While one that is ahead waits for the one before it, a repeated one would set it free (`streamclosed`), and the count would be lost.
        if self.ahead && body.rid <= self.rid {
            return Next::NotNow;
        }
        if opens && (!self.queue.is_empty() || body.restart || body.terminate) {
            return Next::End(GuardRefusal::NotAllowed);
        }
        if opens || body.restart {
            let Some(to) = body.to.clone() else { return Next::End(GuardRefusal::Malformed) };
            if !self.stream.open_at(&to) {
                return Next::End(GuardRefusal::NotAllowed);
            }
        }
        while let Some(element) = self.queue.pop_front() {
            let outcome = self.stream.client(element);
            if let Some(next) = self.carry_out(outcome) {
                return next;
            }
        }
        let Some(body) = self.body.take() else { return Next::End(GuardRefusal::Malformed) };
        match body.rid {
            rid if self.rid == 0 => self.rid = rid,
            rid if rid == self.rid.saturating_add(1) => {
                self.rid = rid.saturating_add(u64::from(self.ahead));
                self.ahead = false;
            }
            rid if rid > self.rid => self.ahead = true,
            _ => {}
        }
        Next::On(body.written(self.sid.as_deref(), &self.said))
    }

    fn carry_out(&mut self, outcome: Outcome) -> Option<Next> {
        match outcome {
            Outcome::On(text) => self.said.push(text),
            Outcome::Swapped(text, refusal) => {
                self.said.push(text);
                self.refusals.push(refusal);
            }
            // Stream management has no place in BOSH, which keeps its own count.
            Outcome::Answered(_, refusal) | Outcome::End(refusal) => return Some(Next::End(refusal)),
            Outcome::Ask { room, enters } => return Some(Next::Ask { room, enters }),
        }
        None
    }

    /// `access` has answered; where it said no, with the sentence for the person.
    ///
    /// # Errors
    /// Where the session ends for it.
    pub fn decided(&mut self, no: Option<&str>) -> Result<(), GuardRefusal> {
        let outcome = self.stream.decided(no);
        match self.carry_out(outcome) {
            Some(Next::End(refusal)) => Err(refusal),
            Some(Next::Ask { .. } | Next::On(_) | Next::NotNow) => Err(GuardRefusal::NoPermit),
            None => Ok(()),
        }
    }

    /// The request that was last let on has not reached the server: it is not counted.
    pub fn not_sent(&mut self, rid: u64) {
        if self.rid == rid {
            self.rid = rid.saturating_sub(1);
        }
    }

    /// What was refused since this was last asked.
    pub fn refusals(&mut self) -> Vec<GuardRefusal> {
        std::mem::take(&mut self.refusals)
    }

    /// What there is to tell since this was last asked.
    pub fn news(&mut self) -> Vec<News> {
        self.stream.news()
    }

    /// The server's id of this session.
    pub fn sid(&self) -> Option<&str> {
        self.sid.as_deref()
    }

    /// The server's answer to this request, as the client gets it. `ended` tells whether the session is over with it.
    ///
    /// # Errors
    /// Where it opens a session that cannot be bound, or cannot be read: the client must not get it then.
    pub fn answer(&mut self, rid: u64, text: String) -> Result<Answered, GuardRefusal> {
        let read = xml::read(&text, &SERVER_BODY).ok().filter(|body| body.is(BOSH, "body"));
        let body = read.ok_or(GuardRefusal::Malformed)?;
        let mark = (rid, digest(&SHA256, text.as_bytes()));
        let again = self.heard.iter().any(|(known, text)| *known == rid && text.as_ref() == mark.1.as_ref());
        if !again {
            self.heard.push_back(mark);
            if self.heard.len() > HEARD_MAX {
                self.heard.pop_front();
            }
        }
        let ended = body.attr("type") == Some("terminate");
        if self.sid.is_none() && !ended {
            let id = body.attr("sid").ok_or(GuardRefusal::Malformed)?;
            let bound = self.bind(id).ok_or(GuardRefusal::Malformed)?;
            let written = [format!(" sid='{id}'"), format!(" sid=\"{id}\"")].into_iter().find(|w| text.contains(w.as_str()));
            let replaced = text.replacen(&written.ok_or(GuardRefusal::Malformed)?, &format!(" sid='{bound}'"), 1);
            self.sid = Some(id.to_owned());
            return Ok(Answered { text: replaced, ended });
        }
        let mut changed = false;
        let mut ours = body.clone();
        for node in &mut ours.children {
            if let Node::Element(element) = node
                && let Some(instead) = if again { self.stream.server_again(element) } else { self.stream.server(element) }
            {
                *node = Node::Element(instead);
                changed = true;
            }
        }
        // It names itself by its own id, which is none that its client has.
        if ours.attr("sid").is_some() {
            ours.remove_attr("sid");
            changed = true;
        }
        let text = if changed { ours.to_xml("") } else { text };
        Ok(Answered { text, ended })
    }

    fn bind(&self, id: &str) -> Option<String> {
        let note = note_of(self.stream.hosts(), self.stream.vhost()?)?;
        self.stream.keys().bind(Purpose::Bosh, id, note, self.stream.room()?, self.stream.ticket())
    }

    /// What the server is told when its visitor has to leave, and by which request: the room sees them go at once.
    pub fn leaving(&mut self) -> Option<(u64, String)> {
        let sid = self.sid.clone()?;
        self.rid = self.rid.saturating_add(1);
        let said: Vec<String> = self.stream.leaving().map(|p| p.to_xml("")).into_iter().collect();
        let body =
            Body { rid: self.rid, sid: None, to: None, restart: false, terminate: true, wait: 0, pause: None, ack: None, said: Vec::new() };
        Some((self.rid, body.written(Some(&sid), &said)))
    }

    /// What a client is told that had to leave: first by the room's own word, then by the end of the session. (Strophe does not look at what
    /// stands in a body that ends.)
    pub fn removed(&mut self, reason: &str) -> String {
        let word = self.stream.removed(sentence(reason)).filter(|_| !self.told);
        self.told = true;
        match word {
            Some(presence) => Element::new(BOSH, "body").with_child(presence).to_xml(""),
            None => end_of_session(None),
        }
    }
}

/// What a client gets.
#[derive(Debug, PartialEq, Eq)]
pub struct Answered {
    /// The body.
    pub text: String,
    /// Whether the server ended the session with it.
    pub ended: bool,
}

/// The body that ends a session (XEP-0124 section 17.2).
pub fn end_of_session(condition: Option<&str>) -> String {
    let mut body = Element::new(BOSH, "body").with_attr("type", "terminate");
    if let Some(condition) = condition {
        body = body.with_attr("condition", condition.to_owned());
    }
    body.to_xml("")
}

/// Which virtual host a session was opened at, as one letter in its bound id.
fn note_of(hosts: &Hosts, vhost: &str) -> Option<char> {
    notes(hosts).find(|(_, host)| host == vhost).map(|(note, _)| note)
}

fn vhost_of(hosts: &Hosts, note: char) -> Option<String> {
    notes(hosts).find(|(n, _)| *n == note).map(|(_, host)| host)
}

fn notes(hosts: &Hosts) -> impl Iterator<Item = (char, String)> {
    let visitors = hosts.visitors.iter().map(|vnode| Hosts::visitor_host(vnode));
    let own = std::iter::once(Some(hosts.domain.clone())).chain([hosts.guest.clone()]).zip(['0', '1']);
    own.filter_map(|(host, note)| Some((note, host?))).chain(('a'..='z').zip(visitors))
}

fn number(text: &str, most: u64) -> Option<u64> {
    let plain = !text.is_empty() && text.len() <= 16 && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten().filter(|n| *n <= most)
}

fn optional(body: &Element<'_>, name: &str, most: u64) -> Result<Option<u64>, GuardRefusal> {
    body.attr(name).map(|text| number(text, most).ok_or(GuardRefusal::Malformed)).transpose()
}

fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
