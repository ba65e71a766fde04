//! **What may a connected client say?** Sans-IO: bytes in, bytes and verdicts out. No socket, no clock, no task.
//!
//! Only what we serialise ourselves goes upstream where a guard judges: never the client's bytes.
//!
//! ```text
//!  client ─▶ websocket::Reader ─▶ Guard::client ─▶ Verdict ─▶ websocket::frame ─▶ server
//!                                     │ Join(room): the caller asks `access`, then Guard::decided
//!  client ◀─────────── as it came ◀── Guard::server ◀── websocket::Reader ◀────── server
//! ```
//!
//! A guard sees whole text messages and knows nothing of frames; [`websocket`] does the opposite. What a protocol says over
//! plain HTTP (the POST bodies of a polling transport) is judged by the same rules, through a type of its own beside the
//! guard ([`peercalls::Polling`]).
//!
//! [`xmpp`] judges Jitsi's stanzas, over WebSocket (RFC 7395: one stanza, one text message) and over BOSH, a second door to the same state;
//! [`xml`] reads them to one reading each and writes them anew, as [`socketio`] does with JSON.

pub mod engineio;
pub mod peercalls;
pub mod socketio;
pub mod websocket;
pub mod xml;
pub mod xmpp;

use std::fmt;

use crate::access::RoomName;

/// What becomes of one message.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It goes on, in our own words.
    Pass(String),
    /// In its place these are said, in this order; and where it was kept back, why.
    Say(Vec<Said>, Option<GuardRefusal>),
    /// It goes nowhere, and the connection lives on.
    Drop(GuardRefusal),
    /// It joins this room: the caller asks `access`, then tells the guard ([`Guard::decided`]), and gives it nothing else meanwhile.
    Join(RoomName),
    /// It concerns this room and does not join it: the caller asks `access` likewise.
    May(RoomName),
    /// The connection ends: what came can be no honest client's.
    End(GuardRefusal),
}

/// A whole text message of our own making.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// To the conferencing server.
    ToServer(String),
    /// To the client.
    ToClient(String),
}

/// What becomes of a message from the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Onward {
    /// The client gets it as it came.
    AsItCame,
    /// These are said in its place, in this order; nothing, where there are none.
    Instead(Vec<Said>),
}

/// Why a guard kept a message back. A closed set: it is a metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GuardRefusal {
    /// Not the protocol's form.
    Malformed,
    /// Larger than any honest message.
    TooLarge,
    /// The protocol knows it, this server's clients do not send it.
    NotAllowed,
    /// No permit for that room.
    NoPermit,
    /// Another room than the one this connection joined.
    OtherRoom,
    /// Addressed to somebody outside the room.
    OtherPeer,
    /// Somebody else has this name.
    TakenName,
    /// Before joining.
    NotJoined,
    /// The transport session is not known, or is somebody else's: the client is to begin anew.
    UnknownSession,
    /// More connections than one visitor, or all together, may have.
    TooMany,
}

impl GuardRefusal {
    /// The stable label.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::TooLarge => "too-large",
            Self::NotAllowed => "not-allowed",
            Self::NoPermit => "no-permit",
            Self::OtherRoom => "other-room",
            Self::OtherPeer => "other-peer",
            Self::TakenName => "taken-name",
            Self::NotJoined => "not-joined",
            Self::UnknownSession => "unknown-session",
            Self::TooMany => "too-many",
        }
    }
}

impl fmt::Display for GuardRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// Judges what one client says, for the whole life of its connection. One connection, one room.
///
/// Dropping it tells that the connection is gone.
pub trait Guard: Send {
    /// The name of the protocol, for logs and metrics: `peercalls`.
    fn protocol(&self) -> &'static str;

    /// A whole text message from the client.
    fn client(&mut self, text: &str) -> Verdict;

    /// A whole binary message from the client. Protocols of text have none.
    fn client_binary(&mut self, _bytes: &[u8]) -> Verdict {
        Verdict::End(GuardRefusal::NotAllowed)
    }

    /// A whole text message from the server, before the client gets it.
    fn server(&mut self, text: &str) -> Onward;

    /// The answer to [`Verdict::Join`] or [`Verdict::May`]: whether `access` admits to that room, and where not, the sentence that a
    /// person is told. Gives the verdict on the message itself.
    fn decided(&mut self, room: &RoomName, answer: Result<(), &str>) -> Verdict;

    /// The room that this connection is in, once it is.
    fn room(&self) -> Option<RoomName>;

    /// What the messages since this was last asked tell of its person.
    fn news(&mut self) -> Vec<News> {
        Vec::new()
    }

    /// What is said to both sides before the connection is closed, whole messages each, in the protocol's own way of leaving. `reason` is the
    /// ending's stable code.
    fn parting(&mut self, _cause: Cause, _reason: &'static str) -> Parting {
        Parting::default()
    }
}

/// What a guard learns about the person behind a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// How they call themselves; clean for display.
    Called(String),
    /// They are in the room: the server says so.
    Inside,
    /// They are no longer, or did not get in.
    Outside,
    /// The room knows them by this name.
    Nick(String),
    /// Somebody inside who may do so removed whom the room knows by this name.
    SawRemoved {
        /// The name.
        nick: String,
        /// And banned them.
        banned: bool,
    },
    /// Somebody inside who may do so removed them.
    Removed {
        /// And banned them.
        banned: bool,
    },
}

/// Why a connection ends from our side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Its person's right to be there has ended.
    Right,
    /// Its client said what no honest client says.
    Fault,
    /// For a reason that has nothing to do with it: it may be taken up again elsewhere.
    Elsewhere,
}

/// The last words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parting {
    /// To the conferencing server.
    pub to_server: Vec<String>,
    /// To the client.
    pub to_client: Vec<String>,
    /// The close code of this protocol (RFC 6455 section 7.4); `None`: ours.
    pub close: Option<u16>,
}
