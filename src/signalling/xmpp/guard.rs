//! The guard of one XMPP WebSocket (RFC 7395): one element, one text message.

use super::FRAMING;
use super::stream::{Opening, Outcome, Stream};
use crate::access::RoomName;
use crate::signalling::xml::{self, Element};
use crate::signalling::{Cause, Guard, GuardRefusal, News, Onward, Parting, Said, Verdict};

/// Judges what one XMPP client says over its WebSocket, for one room.
#[derive(Debug)]
pub struct XmppGuard {
    stream: Stream,
}

impl XmppGuard {
    /// For a socket that was opened so.
    pub fn new(opening: Opening) -> Self {
        Self { stream: Stream::new(opening) }
    }

    /// The stream's own elements (RFC 7395 section 3.3).
    fn framing(&mut self, element: &Element<'_>) -> Verdict {
        match &*element.name {
            "open" => {
                let Some(to) = element.attr("to").filter(|to| self.stream.open_at(to)) else {
                    return Verdict::End(GuardRefusal::NotAllowed);
                };
                let open = Element::new(FRAMING, "open").with_attr("to", to.to_ascii_lowercase()).with_attr("version", "1.0");
                Verdict::Pass(open.to_xml(""))
            }
            "close" => Verdict::Pass(closing()),
            _ => Verdict::End(GuardRefusal::NotAllowed),
        }
    }
}

/// The end of a stream.
fn closing() -> String {
    Element::new(FRAMING, "close").to_xml("")
}

fn verdict(outcome: Outcome) -> Verdict {
    match outcome {
        Outcome::On(text) => Verdict::Pass(text),
        Outcome::Swapped(ping, refusal) => Verdict::Say(vec![Said::ToServer(ping)], Some(refusal)),
        Outcome::Answered(text, refusal) => Verdict::Say(vec![Said::ToClient(text)], Some(refusal)),
        Outcome::Ask { room, enters: true } => Verdict::Join(room),
        Outcome::Ask { room, enters: false } => Verdict::May(room),
        Outcome::End(refusal) => Verdict::End(refusal),
    }
}

impl Guard for XmppGuard {
    fn protocol(&self) -> &'static str {
        "xmpp"
    }

    fn client(&mut self, text: &str) -> Verdict {
        let Ok(element) = xml::read(text, &xml::CLIENT) else { return Verdict::End(GuardRefusal::Malformed) };
        if &*element.ns == FRAMING {
            return self.framing(&element);
        }
        verdict(self.stream.client(element))
    }

    fn server(&mut self, text: &str) -> Onward {
        if !self.stream.concerns(text) {
            return Onward::AsItCame;
        }
        // Our own server's word: what is not understood of it is none of the few things that are waited for.
        let Ok(element) = xml::read(text, &xml::SERVER) else { return Onward::AsItCame };
        match self.stream.server(&element) {
            None => Onward::AsItCame,
            Some(instead) => Onward::Instead(vec![Said::ToClient(instead.to_xml(""))]),
        }
    }

    fn decided(&mut self, _: &RoomName, answer: Result<(), &str>) -> Verdict {
        verdict(self.stream.decided(answer.err()))
    }

    fn room(&self) -> Option<RoomName> {
        self.stream.room().cloned()
    }

    fn news(&mut self) -> Vec<News> {
        self.stream.news()
    }

    /// A stream that is closed is not resumed: whoever has to leave leaves the room at once. One that ends for reasons of ours is cut, so that
    /// its client resumes it elsewhere.
    fn parting(&mut self, cause: Cause, reason: &'static str) -> Parting {
        match cause {
            Cause::Elsewhere => Parting::default(),
            Cause::Right | Cause::Fault => {
                let leaving = self.stream.leaving().map(|presence| presence.to_xml(""));
                let to_server = leaving.into_iter().chain([closing()]).collect();
                if cause == Cause::Fault {
                    return Parting { to_server, ..Parting::default() };
                }
                let removed = self.stream.removed(super::sentence(reason)).map(|presence| presence.to_xml(""));
                let to_client = removed.into_iter().chain([closing()]).collect();
                Parting { to_server, to_client, close: Some(1000) }
            }
        }
    }
}
