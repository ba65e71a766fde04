//! The guard of one Peer Calls WebSocket.

use std::sync::Arc;

use parking_lot::Mutex;

use super::roster::{LinkId, Roster};
use super::{Judged, Ready, decide, judge};
use crate::access::RoomName;
use crate::signalling::engineio::{self, Packet};
use crate::signalling::websocket::MESSAGE_MAX;
use crate::signalling::{Guard, GuardRefusal, Onward, Verdict};

/// Judges what one Peer Calls client says over its WebSocket. Made by [`PeerCallsSignalling::websocket`](super::PeerCallsSignalling::websocket).
#[derive(Debug)]
pub struct PeerCallsGuard {
    roster: Arc<Mutex<Roster>>,
    link: LinkId,
    stage: Stage,
    asked: Option<Ready>,
}

/// How far the transport has come (engine.io 3.6.2, `socket.js`, `maybeUpgrade`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// A new session, whose id the server has not told yet.
    Opening,
    /// An upgrade: `2probe` is to come.
    Trying,
    /// An upgrade: `5` is to come.
    Tried,
    /// An upgrade of a session that has joined a room by polling: whether this connection may be there is asked.
    Moving,
    /// This WebSocket carries the session.
    Speaking,
}

impl PeerCallsGuard {
    pub(super) fn new(roster: Arc<Mutex<Roster>>, link: LinkId, upgrade: bool) -> Self {
        let stage = if upgrade { Stage::Trying } else { Stage::Opening };
        Self { roster, link, stage, asked: None }
    }

    fn verdict(&mut self, judged: Judged) -> Verdict {
        match judged {
            Judged::Pass(packet) => Verdict::Pass(packet),
            Judged::Drop(refusal) => Verdict::Drop(refusal),
            Judged::End(refusal) => Verdict::End(refusal),
            Judged::Ask(ready) => {
                let room = ready.room.clone();
                self.asked = Some(ready);
                Verdict::Join(room)
            }
        }
    }
}

impl PeerCallsGuard {
    /// From here on nothing is said by polling. What was joined that way is joined by this connection now, so it needs the right to
    /// that room itself: it was opened by the right to any.
    fn take_over(&mut self) -> Verdict {
        let mut roster = self.roster.lock();
        if !roster.upgraded(self.link, true) {
            return Verdict::End(GuardRefusal::UnknownSession);
        }
        match roster.room(self.link) {
            None => {
                self.stage = Stage::Speaking;
                Verdict::Pass(UPGRADE.to_owned())
            }
            Some(room) => {
                self.stage = Stage::Moving;
                Verdict::Join(room)
            }
        }
    }
}

/// The packet that moves a session to this WebSocket.
const UPGRADE: &str = "5";

impl Guard for PeerCallsGuard {
    fn protocol(&self) -> &'static str {
        "peercalls"
    }

    fn client(&mut self, text: &str) -> Verdict {
        // A question that was never answered is answered with no.
        self.asked = None;
        if text.len() > MESSAGE_MAX {
            return Verdict::End(GuardRefusal::TooLarge);
        }
        let packet = match Packet::parse(text) {
            Ok(packet) => packet,
            Err(engineio::Fault::Malformed) => return Verdict::End(GuardRefusal::Malformed),
            Err(engineio::Fault::TooLarge) => return Verdict::End(GuardRefusal::TooLarge),
            Err(engineio::Fault::NotAllowed) => return Verdict::Drop(GuardRefusal::NotAllowed),
        };
        match (self.stage, packet) {
            (Stage::Trying, Packet::Probe) => {
                self.stage = Stage::Tried;
                Verdict::Pass("2probe".to_owned())
            }
            (Stage::Tried, Packet::Upgrade) => self.take_over(),
            (Stage::Moving, _) => Verdict::End(GuardRefusal::NoPermit),
            (Stage::Speaking, Packet::Ping) => Verdict::Pass("2".to_owned()),
            (Stage::Speaking, Packet::Message(message)) => {
                let judged = judge(&self.roster, self.link, message);
                self.verdict(judged)
            }
            (Stage::Opening, Packet::Message(_)) => Verdict::Drop(GuardRefusal::NotJoined),
            (Stage::Opening | Stage::Trying | Stage::Tried | Stage::Speaking, _) => Verdict::Drop(GuardRefusal::NotAllowed),
        }
    }

    fn server(&mut self, text: &str) -> Onward {
        if self.stage == Stage::Opening
            && let Some(sid) = engineio::opened(text)
            && self.roster.lock().name(self.link, sid).is_ok()
        {
            self.stage = Stage::Speaking;
        }
        Onward::AsItCame
    }

    fn decided(&mut self, room: &RoomName, answer: Result<(), &str>) -> Verdict {
        let admitted = answer.is_ok();
        if self.stage == Stage::Moving {
            if !admitted || self.room().as_ref() != Some(room) {
                return Verdict::End(GuardRefusal::NoPermit);
            }
            self.stage = Stage::Speaking;
            return Verdict::Pass(UPGRADE.to_owned());
        }
        let judged = decide(&mut self.roster.lock(), self.link, self.asked.take(), room, admitted);
        self.verdict(judged)
    }

    fn room(&self) -> Option<RoomName> {
        self.roster.lock().room(self.link)
    }
}

impl Drop for PeerCallsGuard {
    fn drop(&mut self) {
        let mut roster = self.roster.lock();
        match self.stage {
            Stage::Opening | Stage::Moving | Stage::Speaking => roster.close(self.link),
            // The session goes on by polling.
            Stage::Trying | Stage::Tried => drop(roster.upgraded(self.link, false)),
        }
    }
}
