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
//! A protocol like XMPP over WebSocket (RFC 7395: one stanza, one text message) fits in thus: it answers a refused stanza with an
//! error to the client and says several things at once by [`Verdict::Say`], and changes or holds back what the server says by
//! [`Onward::Instead`]. Its HTTP form (BOSH) is a second door to the same state, like polling here.
//! [`xml`] reads its stanzas to one reading each and writes them anew, as [`socketio`] does with JSON.

pub mod engineio;
pub mod peercalls;
pub mod socketio;
pub mod websocket;
pub mod xml;

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

    /// The answer to [`Verdict::Join`]: whether `access` admits to that room. Gives the verdict on the message itself.
    fn decided(&mut self, room: &RoomName, admitted: bool) -> Verdict;

    /// The room that this connection is in, once it is.
    fn room(&self) -> Option<RoomName>;
}
