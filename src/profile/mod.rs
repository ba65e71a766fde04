//! **Server kinds.** Which room, and which kind of resource, is a request about?
//!
//! One file per kind of conferencing server. A profile is given a path that [`crate::target`] has already found canonical;
//! what it answers decides what must be judged before the request goes on. It may claim no more than it checks.

mod generic;
mod jitsi;
mod peercalls;

use crate::access::{NameError, RoomName};
use crate::target::{CanonicalPath, Query};

pub use crate::signalling::xmpp::hosts::{Hosts, is_host};
pub use generic::{Generic, GenericRules, Template, TemplateError};
pub use jitsi::{Jitsi, JitsiRules, Onward, XmppAsked, XmppDoor};
pub use peercalls::{BadBasePath, PeerCalls};

/// What kind of resource of a room is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// What a person opens.
    Page,
    /// What joins or speaks in the room.
    Signalling,
    /// What belongs to the page.
    Asset,
}

/// What a request is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// One room.
    Room {
        /// Which.
        room: RoomName,
        /// What of it.
        kind: Kind,
    },
    /// No room is named: whoever is in some room may have it.
    Shared,
    /// The room is named later, in the messages: the profile's guard judges each of them.
    Inside,
    /// XMPP signalling: the address only hints at the room; every stanza names it again, and is judged.
    Xmpp(XmppAsked),
    /// Guards nothing.
    Open,
    /// Not known: refused with 404 `unknown-path`.
    Unknown,
}

/// What a profile may look at.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The method as sent (`GET`).
    pub method: &'a str,
    /// The path, found canonical.
    pub path: &'a CanonicalPath<'a>,
    /// The query as it will be forwarded: the token is already gone.
    pub query: Query<'a>,
    /// Whether it asks to become a WebSocket.
    pub upgrade: bool,
}

/// The request could be read in two ways, and is refused with 400: this is why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unclear(pub &'static str);

/// What is known of the letter case of room names on this kind of server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LetterCase {
    /// `Standup` and `standup` are two rooms: the server is known to tell them apart.
    Distinct,
    /// Not known. A name that equals a stated one only without letter case is nobody's, and refused.
    Unsure,
}

/// One kind of conferencing server.
#[derive(Debug)]
pub enum Profile {
    /// The room stands in the path, and nothing else is known.
    Generic(Generic),
    /// Peer Calls 3.
    PeerCalls(PeerCalls),
    /// Jitsi Meet.
    Jitsi(Jitsi),
}

impl Profile {
    /// What is this request about?
    ///
    /// # Errors
    /// Where two parsers could differ about it.
    pub fn locate(&self, asked: &Asked<'_>) -> Result<Target, Unclear> {
        match self {
            Self::Generic(p) => p.locate(asked),
            Self::PeerCalls(p) => p.locate(asked),
            Self::Jitsi(p) => p.locate(asked),
        }
    }

    /// The canonical form of a room's name from a config file, a claim or a query.
    ///
    /// # Errors
    /// Where no room of this kind of server can have that name.
    pub fn room_name(&self, text: &str) -> Result<RoomName, NameError> {
        match self {
            Self::Generic(p) => p.room_name(text),
            Self::PeerCalls(p) => p.room_name(text),
            Self::Jitsi(p) => p.room_name(text),
        }
    }

    /// The path of a room's page, for links: `/call/standup`.
    pub fn page(&self, room: &RoomName) -> String {
        match self {
            Self::Generic(p) => p.page(room),
            Self::PeerCalls(p) => p.page(room),
            Self::Jitsi(p) => p.page(room),
        }
    }

    /// The parameter in which this server's own pages take a token, besides ours: whoever embeds them knows no other.
    pub fn page_token(&self) -> Option<&'static str> {
        match self {
            Self::Generic(_) | Self::PeerCalls(_) => None,
            // jitsi-meet, `base/jwt/functions.ts`; `external_api.js` puts it into the query.
            Self::Jitsi(_) => Some("jwt"),
        }
    }

    /// Whether it is known how this server's clients join and speak. Where it is not, whoever is active in a room's pages takes part.
    pub fn knows_signalling(&self) -> bool {
        match self {
            Self::Generic(p) => p.has_sockets(),
            Self::PeerCalls(_) | Self::Jitsi(_) => true,
        }
    }

    /// What is known of letter case.
    pub fn letter_case(&self) -> LetterCase {
        match self {
            Self::Generic(_) => LetterCase::Unsure,
            // Jitsi's are folded already.
            Self::PeerCalls(_) | Self::Jitsi(_) => LetterCase::Distinct,
        }
    }
}
