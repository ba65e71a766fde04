//! What does the server's word change: for its client, and in what is known of the person?

use super::{Opening, REMEMBERED, Stream};
use crate::signalling::News;
use crate::signalling::xml::Element;
use crate::signalling::xmpp::binding::Purpose;
use crate::signalling::xmpp::jid::{self, Jid};
use crate::signalling::xmpp::place::Place;
use crate::signalling::xmpp::swap::Refused;
use crate::signalling::xmpp::{BIND, CLIENT, MUC_USER, SM};

impl Stream {
    /// One element from the server: what the client gets in its place, where it gets another.
    pub(in crate::signalling::xmpp) fn server(&mut self, element: &Element<'_>) -> Option<Element<'static>> {
        match (&*element.ns, &*element.name) {
            (CLIENT, "iq") => self.server_iq(element),
            (CLIENT, "presence") => {
                self.server_presence(element);
                None
            }
            (ns, "enabled") if SM.contains(&ns) => Some(self.enabled(element)),
            (ns, "resumed") if SM.contains(&ns) => {
                self.resumed();
                self.as_it_knows_it(element)
            }
            (ns, "failed") if SM.contains(&ns) => {
                // To enable it a second time fails too, and says nothing about being inside.
                if std::mem::take(&mut self.resuming) {
                    self.did_not_enter();
                }
                self.as_it_knows_it(element)
            }
            _ => None,
        }
    }

    /// The same of what the server has said before, and repeats: nothing is learnt from it twice.
    pub(in crate::signalling::xmpp) fn server_again(&mut self, element: &Element<'_>) -> Option<Element<'static>> {
        if element.is(CLIENT, "iq") { self.server_iq(element) } else { None }
    }

    fn server_iq(&mut self, iq: &Element<'_>) -> Option<Element<'static>> {
        if !matches!(iq.attr("type"), Some("result" | "error")) {
            return None;
        }
        // Later it can only be somebody else's word, through the room.
        if !self.bound
            && let Some(jid) = iq.child(BIND, "bind").and_then(|bind| bind.child(BIND, "jid"))
        {
            self.bound = true;
            self.address = Some(jid.text().into_owned());
            return None;
        }
        let (vhost, id) = (self.vhost()?, iq.attr("id")?);
        if iq.attr("from").is_some_and(|from| from != vhost) {
            return None;
        }
        let refused = Refused::of_pong(&self.opening.keys, id)?;
        if self.address.is_none() {
            self.address = iq.attr("to").map(str::to_owned);
        }
        Some(refused.answer(iq.attr("to").or(self.address.as_deref()), &self.hosts().domain))
    }

    /// XEP-0045 section 7.2.2: status 110 marks the presence that is one's own.
    fn server_presence(&mut self, presence: &Element<'_>) {
        let Some(from) = presence.attr("from").and_then(Jid::parse) else { return };
        let nothing = Element::new(MUC_USER, "x");
        let x = presence.child(MUC_USER, "x").unwrap_or(&nothing);
        if self.place().is_some_and(|place| place.is_lobby(&from)) && self.waiting.len() < REMEMBERED {
            let people = x.elements().filter(|item| &*item.name == "item").filter_map(|item| item.attr("jid"));
            self.waiting.extend(people.map(|jid| jid::bare(jid).to_owned()));
        }
        let status = |code: &str| x.elements().any(|s| &*s.name == "status" && s.attr("code") == Some(code));
        let main = self.place().is_some_and(|place| place.is_room(&from));
        let breakout = self.hosts().breakout.as_deref() == Some(&*from.host);
        if main && presence.attr("type") == Some("error") {
            return self.did_not_enter();
        }
        // 333: thrown out for a technical reason, which is no moderator's word (XEP-0045 section 17.5).
        let thrown = status("301") || (status("307") && !status("333"));
        if main && thrown && !status("110") && presence.attr("type") == Some("unavailable") {
            // Whoever it is may not have fetched their own word of it yet.
            self.news.extend(from.resource.map(|nick| News::SawRemoved { nick: nick.to_owned(), banned: status("301") }));
        }
        if !status("110") || !(main || breakout) {
            return;
        }
        let room = jid::bare(&from.written()).to_owned();
        match presence.attr("type") {
            None => {
                if main {
                    self.joined = true;
                    self.nick = from.resource.map(str::to_owned);
                    self.news.extend(self.nick.clone().map(News::Nick));
                }
                let first = self.inside.is_empty();
                if self.inside.len() < REMEMBERED && self.inside.insert(room) && first {
                    self.news.push(News::Inside);
                }
            }
            // A new nick: the presence under it follows.
            Some("unavailable") if status("303") => {}
            Some("unavailable") => {
                if main {
                    self.nick = None;
                    if thrown {
                        self.news.push(News::Removed { banned: status("301") });
                    }
                }
                self.is_out_of(&room);
            }
            Some(_) => {}
        }
    }

    /// The id for resuming, bound; without one to bind there is no resumption.
    fn enabled(&self, element: &Element<'_>) -> Element<'static> {
        let Opening { keys, room, ticket, .. } = &self.opening;
        let bound = element.attr("id").zip(room.as_ref()).and_then(|(id, room)| keys.bind(Purpose::Resume, id, '0', room, ticket));
        let mut ours = Element::new(element.ns.clone().into_owned(), "enabled");
        if let Some(bound) = bound {
            ours = ours.with_attr("id", bound);
            for name in ["resume", "max"] {
                if let Some(value) = element.attr(name) {
                    ours = ours.with_attr(name, value.to_owned());
                }
            }
        }
        ours
    }

    /// A word about an earlier session, by the id that the client has for it.
    fn as_it_knows_it(&self, element: &Element<'_>) -> Option<Element<'static>> {
        let previd = element.attr("previd")?;
        let Opening { keys, room, ticket, .. } = &self.opening;
        let bound = room.as_ref().and_then(|room| keys.bind(Purpose::Resume, previd, '0', room, ticket));
        let mut ours = element.clone().into_owned();
        match bound {
            Some(bound) => ours.set_attr("previd", bound),
            None => ours.remove_attr("previd"),
        }
        Some(ours)
    }

    fn resumed(&mut self) {
        self.bound = true;
        self.joined = true;
        self.resuming = false;
        let address = self.place().map(Place::address);
        self.inside.extend(address);
        self.news.push(News::Inside);
    }

    /// The server did not let them in, for a reason of its own (a password, a name that is taken).
    fn did_not_enter(&mut self) {
        if self.inside.is_empty() {
            self.opening.admitted = false;
            self.news.push(News::Outside);
        }
    }

    /// Whether a text of the server's needs to be read at all: most are other people's presence and messages.
    pub(in crate::signalling::xmpp) fn concerns(&self, text: &str) -> bool {
        let has = |what: &str| memchr::memmem::find(text.as_bytes(), what.as_bytes()).is_some();
        if !self.bound || ["<enabled", "<resumed", "<failed"].iter().any(|name| text.starts_with(name)) {
            return true;
        }
        if text.starts_with("<presence") {
            return ["110", "301", "307"].into_iter().any(has)
                || has("error")
                || self.hosts().lobby.as_ref().is_some_and(|lobby| has(lobby));
        }
        text.starts_with("<iq") && has("gk1.")
    }
}
