//! What one polling request of a Peer Calls client needs: the right to its session, and judgement on what it posts.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;

use super::roster::{LinkId, Roster};
use super::{Judged, Ready, decide, judge};
use crate::access::RoomName;
use crate::signalling::GuardRefusal;
use crate::signalling::engineio::{self, Packet};
use crate::signalling::websocket::MESSAGE_MAX;

/// One polling request. Made by [`PeerCallsSignalling::polling`](super::PeerCallsSignalling::polling).
///
/// A GET needs nothing more. A POST is judged by [`Polling::post`], and by [`Polling::decided`] as often as that asks.
#[derive(Debug)]
pub struct Polling {
    roster: Arc<Mutex<Roster>>,
    link: LinkId,
    /// What was posted and is not judged yet.
    rest: VecDeque<String>,
    /// What goes on.
    out: Vec<String>,
    kept_back: Vec<GuardRefusal>,
    asked: Option<Ready>,
    closing: bool,
}

/// What becomes of a POST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PostVerdict {
    /// This body goes on in its place, with [`engineio::CONTENT_TYPE`] and no content coding.
    Forward(Vec<u8>),
    /// Nothing of it goes on; the client is answered as the server would: 200, `text/html`, `ok`.
    Nothing,
    /// It joins this room: the caller asks `access`, then tells [`Polling::decided`].
    Join(RoomName),
    /// The request is refused with 400, and the session is over.
    Refuse(GuardRefusal),
}

impl Polling {
    pub(super) fn new(roster: Arc<Mutex<Roster>>, link: LinkId) -> Self {
        Self { roster, link, rest: VecDeque::new(), out: Vec::new(), kept_back: Vec::new(), asked: None, closing: false }
    }

    /// Judges the whole body of a POST, at most [`engineio::PAYLOAD_MAX`] bytes of it.
    ///
    /// The request must carry one `Content-Type` and no `Content-Encoding`.
    pub fn post(&mut self, content_type: &str, body: &[u8]) -> PostVerdict {
        if body.len() > engineio::PAYLOAD_MAX {
            return self.refuse(GuardRefusal::TooLarge);
        }
        if !is_text(content_type) {
            return self.refuse(GuardRefusal::NotAllowed);
        }
        let Ok(text) = std::str::from_utf8(body) else { return self.refuse(GuardRefusal::Malformed) };
        match engineio::read_payload(text) {
            Ok(packets) => self.rest = packets.into_iter().map(str::to_owned).collect(),
            Err(engineio::Fault::TooLarge) => return self.refuse(GuardRefusal::TooLarge),
            Err(engineio::Fault::Malformed | engineio::Fault::NotAllowed) => return self.refuse(GuardRefusal::Malformed),
        }
        self.go_on()
    }

    /// The answer to [`PostVerdict::Join`]: whether `access` admits to that room.
    pub fn decided(&mut self, room: &RoomName, admitted: bool) -> PostVerdict {
        let judged = {
            // While `access` was asked it may have gone over to a WebSocket, which must not be in a room that it never asked for.
            let mut roster = self.roster.lock();
            match roster.is_polled(self.link) {
                true => decide(&mut roster, self.link, self.asked.take(), room, admitted),
                false => Judged::End(GuardRefusal::UnknownSession),
            }
        };
        match self.take(judged) {
            Some(verdict) => verdict,
            None => self.go_on(),
        }
    }

    /// Why packets of this POST were kept back, so far: one reason for each.
    pub fn kept_back(&self) -> &[GuardRefusal] {
        &self.kept_back
    }

    /// The room that this session is in, once it is.
    pub fn room(&self) -> Option<RoomName> {
        self.roster.lock().room(self.link)
    }

    fn go_on(&mut self) -> PostVerdict {
        // It may have gone over to a WebSocket while `access` was asked.
        if !self.roster.lock().is_polled(self.link) {
            return self.refuse(GuardRefusal::UnknownSession);
        }
        while let Some(packet) = self.rest.pop_front() {
            if packet.len() > MESSAGE_MAX {
                return self.refuse(GuardRefusal::TooLarge);
            }
            let judged = match Packet::parse(&packet) {
                Ok(Packet::Message(message)) => judge(&self.roster, self.link, message),
                Ok(Packet::Ping) => Judged::Pass("2".to_owned()),
                Ok(Packet::Close) => {
                    // The server reads no further (engine.io 3.6.2, `polling.js`, `onData`).
                    self.rest.clear();
                    self.closing = true;
                    Judged::Pass("1".to_owned())
                }
                Ok(Packet::Probe | Packet::Upgrade) | Err(engineio::Fault::NotAllowed) => Judged::Drop(GuardRefusal::NotAllowed),
                Err(engineio::Fault::Malformed) => Judged::End(GuardRefusal::Malformed),
                Err(engineio::Fault::TooLarge) => Judged::End(GuardRefusal::TooLarge),
            };
            if let Some(verdict) = self.take(judged) {
                return verdict;
            }
        }
        if self.closing {
            self.roster.lock().close(self.link);
        }
        let out = std::mem::take(&mut self.out);
        if out.is_empty() { PostVerdict::Nothing } else { PostVerdict::Forward(engineio::write_payload(out).into_bytes()) }
    }

    /// Notes what was judged; a verdict where that is the last word for now.
    fn take(&mut self, judged: Judged) -> Option<PostVerdict> {
        match judged {
            Judged::Pass(packet) => self.out.push(packet),
            Judged::Drop(refusal) => self.kept_back.push(refusal),
            Judged::End(refusal) => return Some(self.refuse(refusal)),
            Judged::Ask(ready) => {
                let room = ready.room.clone();
                self.asked = Some(ready);
                return Some(PostVerdict::Join(room));
            }
        }
        None
    }

    fn refuse(&mut self, refusal: GuardRefusal) -> PostVerdict {
        self.rest.clear();
        self.out.clear();
        let mut roster = self.roster.lock();
        if roster.is_polled(self.link) {
            roster.close(self.link);
        }
        PostVerdict::Refuse(refusal)
    }
}

/// Whether the server takes a body of this type for text, and in UTF-8.
fn is_text(content_type: &str) -> bool {
    let mut parts = content_type.split(';').map(str::trim);
    parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("text/plain"))
        && parts.next().is_none_or(|charset| charset.eq_ignore_ascii_case("charset=utf-8"))
        && parts.next().is_none()
}
