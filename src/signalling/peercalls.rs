//! **What may a Peer Calls client say, and to whom?** The rules of Peer Calls 3.0.21, whose server has none of its own.
//!
//! There are two things to say: `ready {room, userId}` (join) and `signal {userId, signal}` (to one peer). What the server
//! (`lib/server/socket.js`) makes of anything else is why nothing else passes:
//!
//! | said to it | what it does | here |
//! | --- | --- | --- |
//! | a second `ready` with another room | the socket is in both rooms | other-room |
//! | `ready` with somebody's `userId` | their signals come to this socket from then on | taken-name |
//! | `ready` with a room named like somebody's socket id | rooms and sockets share their names in Socket.IO: their signals are heard | not-allowed |
//! | `ready` with a list of rooms | joins all of them | not-allowed |
//! | `ready` with the room `constructor` (or any name that every JavaScript object has) | the process ends | not-allowed |
//! | `ready` or `signal` with no payload, or `null` | the process ends | not-allowed |
//! | `signal` to a user of another room | delivers it | other-peer |
//! | `42["disconnect"]` | runs its own handler for lost connections | not-allowed |
//! | `40` | makes a second socket of the same name | not-allowed |
//!
//! [`PeerCallsSignalling`] is shared by all connections to one server: it knows who is live under which name and in which room.
//! An Engine.IO session may begin by polling and go on by a WebSocket: both speak for one entry there.
//! It knows what passes through this process: a Peer Calls server belongs behind one gateway process.

mod guard;
mod polling;
mod roster;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

pub use guard::PeerCallsGuard;
pub use polling::{Polling, PostVerdict};

use super::GuardRefusal;
use super::engineio::{self, Sid};
use super::socketio::{self, Event, Json, Message};
use crate::access::{Id, NameError, RoomName, Timestamp};
use roster::{Carrier, LinkId, Roster};

/// How much may be live at once, and how long a polled session stays known without a request.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Engine.IO sessions in all.
    pub sessions: usize,
    /// Engine.IO sessions of one visitor.
    pub per_visitor: usize,
    /// How long a polled session may be silent. The server gives up after 45 s (`pingInterval + pingTimeout`); a shorter time here
    /// would free a name while the server still holds it.
    pub silence: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { sessions: 65_536, per_visitor: 32, silence: Duration::from_secs(60) }
    }
}

/// Who is live on one Peer Calls server. Clones are the same one.
#[derive(Clone, Debug)]
pub struct PeerCallsSignalling {
    roster: Arc<Mutex<Roster>>,
}

impl PeerCallsSignalling {
    /// Nobody is, yet.
    pub fn new(limits: Limits) -> Self {
        Self { roster: Arc::new(Mutex::new(Roster::new(limits))) }
    }

    /// The guard of a WebSocket that this visitor opens: a new session, or (with a `sid`) an upgrade of one that began by polling.
    ///
    /// `visitor` tells people apart: whoever has the same one may take over each other's names.
    ///
    /// # Errors
    /// `UnknownSession` where no such session is known, it is another visitor's, or it has a WebSocket already; `TooMany`.
    pub fn websocket(&self, sid: Option<&Sid>, visitor: Id, now: Timestamp) -> Result<PeerCallsGuard, GuardRefusal> {
        let mut roster = self.roster.lock();
        let link = match sid {
            None => roster.open(visitor, None, Carrier::WebSocket, now)?,
            Some(sid) => roster.upgrade(sid, visitor, now)?,
        };
        Ok(PeerCallsGuard::new(Arc::clone(&self.roster), link, sid.is_some()))
    }

    /// Learns a session from the server's answer (status 200, this body) to a polling handshake of this visitor.
    ///
    /// # Errors
    /// Where the answer opens none (`Malformed`), or there are too many: the visitor must not get the answer then.
    pub fn opened(&self, answer: &[u8], visitor: Id, now: Timestamp) -> Result<(), GuardRefusal> {
        let sid = engineio::opened_by(answer).ok_or(GuardRefusal::Malformed)?;
        self.roster.lock().open(visitor, Some(sid), Carrier::Polling, now).map(drop)
    }

    /// What one polling request (GET or POST) of this visitor needs to go on.
    ///
    /// # Errors
    /// `UnknownSession` where no such session is known, it is another visitor's, or it goes on by a WebSocket:
    /// answered with 400 and [`engineio::UNKNOWN_SID`], the client begins anew.
    pub fn polling(&self, sid: &Sid, visitor: Id, now: Timestamp) -> Result<Polling, GuardRefusal> {
        let link = self.roster.lock().polled(sid, visitor, now)?;
        Ok(Polling::new(Arc::clone(&self.roster), link))
    }

    /// Forgets a polled session: the visitor's right to it has ended.
    pub fn close(&self, sid: &Sid) {
        self.roster.lock().close_sid(sid);
    }

    /// Forgets the polled sessions that have been silent for too long. To be called every few seconds.
    pub fn forget_silent(&self, now: Timestamp) {
        self.roster.lock().forget_silent(now);
    }

    /// How many Engine.IO sessions are known.
    pub fn sessions(&self) -> usize {
        self.roster.lock().len()
    }
}

/// The canonical form of a room's name: letters, digits, `-` and `_`, as they stand.
///
/// Peer Calls writes a name with `encodeURIComponent` into the page, and the page sends it in that form: these characters are
/// the ones that every layer leaves alone. Letter case counts. Names that every JavaScript object has end its process.
///
/// # Errors
/// Where the text is no such name.
pub fn room_name(text: &str) -> Result<RoomName, NameError> {
    if text.len() > RoomName::MAX {
        return Err(NameError::TooLong);
    }
    if let Some(c) = text.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))) {
        return Err(NameError::Character(c));
    }
    if is_inherited(text) {
        return Err(NameError::NotCanonical);
    }
    RoomName::canonical(text)
}

/// Whether every JavaScript object has a property of this name (ECMA-262, properties of `Object.prototype`).
///
/// The server keeps rooms and names in plain objects.
fn is_inherited(name: &str) -> bool {
    matches!(
        name,
        "__defineGetter__"
            | "__defineSetter__"
            | "__lookupGetter__"
            | "__lookupSetter__"
            | "__proto__"
            | "constructor"
            | "hasOwnProperty"
            | "isPrototypeOf"
            | "propertyIsEnumerable"
            | "toLocaleString"
            | "toString"
            | "valueOf"
    )
}

/// The name of one page in a room. The server draws a random UUID for each (`lib/server/routes/call.js`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct UserId(String);

impl UserId {
    fn parse(text: &str) -> Option<Self> {
        let plain = !text.is_empty() && text.len() <= 64 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        (plain && !is_inherited(text)).then(|| Self(text.to_owned()))
    }
}

/// What a client wants to say, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Wish {
    Ready(Ready),
    Signal { to: UserId, signal: Json },
    Leave,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Ready {
    room: RoomName,
    user: UserId,
}

impl Wish {
    /// Reads a Socket.IO message.
    fn parse(message: &str) -> Result<Self, GuardRefusal> {
        let Event { name, payload } = match Message::parse(message) {
            Ok(Message::Disconnect) => return Ok(Self::Leave),
            Ok(Message::Event(event)) => event,
            Err(socketio::Fault::Malformed) => return Err(GuardRefusal::Malformed),
            Err(socketio::Fault::NotAllowed) => return Err(GuardRefusal::NotAllowed),
        };
        let Json::Object(mut members) = payload else { return Err(GuardRefusal::NotAllowed) };
        let user = match members.remove("userId") {
            Some(Json::Text(text)) => UserId::parse(&text),
            _ => None,
        };
        let user = user.ok_or(GuardRefusal::NotAllowed)?;
        let wish = match name.as_str() {
            "ready" => match members.remove("room") {
                Some(Json::Text(room)) => room_name(&room).ok().map(|room| Self::Ready(Ready { room, user })),
                _ => None,
            },
            "signal" => match members.remove("signal") {
                Some(signal @ Json::Object(_)) => Some(Self::Signal { to: user, signal }),
                _ => None,
            },
            _ => None,
        };
        wish.filter(|_| members.is_empty()).ok_or(GuardRefusal::NotAllowed)
    }
}

impl Ready {
    fn packet(&self) -> String {
        #[derive(serde::Serialize)]
        struct Payload<'a> {
            room: &'a str,
            #[serde(rename = "userId")]
            user_id: &'a str,
        }
        socketio::packet("ready", &Payload { room: self.room.as_str(), user_id: &self.user.0 })
    }
}

fn signal_packet(to: &UserId, signal: &Json) -> String {
    #[derive(serde::Serialize)]
    struct Payload<'a> {
        signal: &'a Json,
        #[serde(rename = "userId")]
        user_id: &'a str,
    }
    socketio::packet("signal", &Payload { signal, user_id: &to.0 })
}

/// The packet that leaves the default namespace.
const LEAVE: &str = "41";

/// What is to be done about a Socket.IO message.
enum Judged {
    /// This packet goes on.
    Pass(String),
    /// `access` is to be asked.
    Ask(Ready),
    /// It goes nowhere.
    Drop(GuardRefusal),
    /// Nor does anything else of this session.
    End(GuardRefusal),
}

/// Judges a Socket.IO message of this session.
fn judge(roster: &Mutex<Roster>, link: LinkId, message: &str) -> Judged {
    let wish = match Wish::parse(message) {
        Ok(wish) => wish,
        Err(GuardRefusal::Malformed) => return Judged::End(GuardRefusal::Malformed),
        Err(refusal) => return Judged::Drop(refusal),
    };
    let allowed = match &wish {
        Wish::Ready(ready) => roster.lock().may_join(link, ready),
        Wish::Signal { to, .. } => roster.lock().may_signal(link, to),
        Wish::Leave => roster.lock().leave(link),
    };
    match (allowed, wish) {
        (Ok(()), Wish::Ready(ready)) => Judged::Ask(ready),
        (Ok(()), Wish::Signal { to, signal }) => Judged::Pass(signal_packet(&to, &signal)),
        (Ok(()), Wish::Leave) => Judged::Pass(LEAVE.to_owned()),
        (Err(GuardRefusal::UnknownSession), _) => Judged::End(GuardRefusal::UnknownSession),
        (Err(refusal), _) => Judged::Drop(refusal),
    }
}

/// Carries out the answer to a question that [`judge`] raised. What was free when it was asked may be taken by now.
fn decide(roster: &mut Roster, link: LinkId, asked: Option<Ready>, room: &RoomName, admitted: bool) -> Judged {
    let Some(ready) = asked.filter(|ready| admitted && ready.room == *room) else { return Judged::Drop(GuardRefusal::NoPermit) };
    match roster.join(link, &ready) {
        Ok(()) => Judged::Pass(ready.packet()),
        Err(GuardRefusal::UnknownSession) => Judged::End(GuardRefusal::UnknownSession),
        Err(refusal) => Judged::Drop(refusal),
    }
}
