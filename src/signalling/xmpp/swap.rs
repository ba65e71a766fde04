//! How is a person told no without anybody losing count?
//!
//! A refused stanza is not dropped, and no answer is slipped in: stream management (XEP-0198) counts stanzas in both directions, and a client
//! that finds one too many or too few closes the stream (lib-jitsi-meet: page reload; converse.js: `undefined-condition`). Instead the stanza is *swapped* for a ping to
//! the server (XEP-0199) whose id carries the refusal; when the pong comes back, it is swapped for the error. One up, one down, both counted by
//! both ends; BOSH's request ids stay exact as well, and nothing is kept here: the id has all of it, under a MAC.
//!
//! The error is `cancel` + `not-allowed` and has a `to`: the only form after which lib-jitsi-meet of 2021 and of 2026 say "you are not
//! allowed to join" instead of reconnecting for ever. Conference requests are answered `ready`, and the join that follows is refused.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::binding::{Keys, Purpose};
use super::{CLIENT, FOCUS, STANZAS};
use crate::signalling::xml::Element;

/// How ids of ours begin. A client that uses one is none of ours.
pub(super) const MARK: &str = "gk";
/// The id of what replaces a refused answer (`result`, `error`): the server has nothing to say to it.
const SILENT: &str = "gk0";
/// The longest sentence that a refusal carries, in bytes.
const SENTENCE: usize = 240;

/// What was refused, as far as its error needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Presence,
    Message,
    Iq,
    /// An iq that asks the focus for a conference.
    Conference,
}

impl Kind {
    const fn letter(self) -> char {
        match self {
            Self::Presence => 'p',
            Self::Message => 'm',
            Self::Iq => 'i',
            Self::Conference => 'c',
        }
    }

    fn of(letter: &str) -> Option<Self> {
        [Self::Presence, Self::Message, Self::Iq, Self::Conference].into_iter().find(|kind| letter.chars().eq([kind.letter()]))
    }

    const fn element(self) -> &'static str {
        match self {
            Self::Presence => "presence",
            Self::Message => "message",
            Self::Iq | Self::Conference => "iq",
        }
    }
}

/// A refusal on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub kind: Kind,
    pub id: String,
    pub to: String,
    pub sentence: String,
}

impl Refused {
    /// The ping that stands in for it. `None` without keys.
    pub(super) fn ping(&self, keys: &Keys, vhost: &str) -> Option<String> {
        let kind = self.kind.letter();
        let sentence: String = cut(&self.sentence);
        // A line break ends a part: none of them has one.
        let plain = format!("{kind}\n{}\n{}\n{}", self.id.replace('\n', " "), self.to.replace('\n', " "), sentence.replace('\n', " "));
        let payload = URL_SAFE_NO_PAD.encode(plain);
        let mac = keys.mac(Purpose::Swap, &[payload.as_bytes()])?;
        let ping = Element::new("urn:xmpp:ping", "ping");
        let id = format!("{MARK}1.{mac}.{payload}");
        let iq = Element::new(CLIENT, "iq").with_attr("type", "get").with_attr("id", id).with_attr("to", vhost).with_child(ping);
        Some(iq.to_xml(""))
    }

    /// What a pong with this id carries, if it is one of ours.
    pub(super) fn of_pong(keys: &Keys, id: &str) -> Option<Self> {
        let (mac, payload) = id.strip_prefix(MARK)?.strip_prefix("1.")?.split_once('.')?;
        if !keys.is_mac(Purpose::Swap, &[payload.as_bytes()], mac) {
            return None;
        }
        let plain = String::from_utf8(URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
        let mut parts = plain.splitn(4, '\n');
        let (kind, id, to, sentence) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        Some(Self { kind: Kind::of(kind)?, id: id.to_owned(), to: to.to_owned(), sentence: sentence.to_owned() })
    }

    /// The answer, to the client's own address (`client`). `domain` is where the focus has its account.
    pub(super) fn answer(&self, client: Option<&str>, domain: &str) -> Element<'static> {
        let mut stanza = Element::new(CLIENT, self.kind.element());
        if !self.to.is_empty() {
            stanza = stanza.with_attr("from", self.to.clone());
        }
        if let Some(client) = client {
            stanza = stanza.with_attr("to", client.to_owned());
        }
        if !self.id.is_empty() {
            stanza = stanza.with_attr("id", self.id.clone());
        }
        match self.kind {
            Kind::Conference => {
                let ready =
                    Element::new(FOCUS, "conference").with_attr("ready", "true").with_attr("focusjid", format!("focus@auth.{domain}"));
                stanza.with_attr("type", "result").with_child(ready)
            }
            Kind::Presence | Kind::Message | Kind::Iq => stanza.with_attr("type", "error").with_child(error(&self.sentence)),
        }
    }
}

/// `cancel` + `not-allowed`, with a sentence for the person.
fn error(sentence: &str) -> Element<'static> {
    let error = Element::new(CLIENT, "error").with_attr("type", "cancel").with_child(Element::new(STANZAS, "not-allowed"));
    if sentence.is_empty() {
        return error;
    }
    error.with_child(Element::new(STANZAS, "text").with_text(sentence.to_owned()))
}

/// What replaces a refused answer.
pub(super) fn silence(vhost: &str) -> String {
    Element::new(CLIENT, "iq").with_attr("type", "result").with_attr("id", SILENT).with_attr("to", vhost).to_xml("")
}

fn cut(sentence: &str) -> String {
    let mut kept = String::new();
    for c in sentence.chars() {
        if kept.len().saturating_add(c.len_utf8()) > SENTENCE {
            break;
        }
        kept.push(c);
    }
    kept
}
