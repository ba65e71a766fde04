//! What is a request to Peer Calls 3 about?
//!
//! Read off 3.0.21 (`lib/server/app.js`): `/call/{room}` is a room's page, `POST /call` redirects to one (a random one, or the
//! one that the form asks for), `/ws/` is Engine.IO, where rooms are named inside the messages, and the rest is static.
//!
//! Its router (Express 4) also takes `/CALL/x`, `//call/x`, `/call/x/` and `/call/%78` for a room's page. Here every address has
//! exactly one spelling; others are unknown, or refused.

use crate::access::{NameError, RoomName};
use crate::signalling::engineio::{Handshake, Transport};
use crate::signalling::peercalls;

use super::{Asked, Kind, Target, Unclear};

/// Peer Calls 3.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerCalls {
    /// What stands before all its paths (`baseUrl` in its config): empty, or `/meet`.
    base: String,
}

/// A base path that Peer Calls cannot have, or that has two spellings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a base path begins with `/`, does not end with one, and has only letters, digits, `-` and `_` between slashes: `/meet`")]
pub struct BadBasePath;

impl PeerCalls {
    /// Peer Calls at this base path (its `baseUrl`): `/meet`, or nothing where it has the origin for itself.
    ///
    /// # Errors
    /// Where the path has another spelling too.
    pub fn new(base_path: Option<&str>) -> Result<Self, BadBasePath> {
        let base = base_path.unwrap_or_default();
        let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        match base.strip_prefix('/') {
            None if base.is_empty() => {}
            Some(parts) if parts.split('/').all(plain) => {}
            Some(_) | None => return Err(BadBasePath),
        }
        Ok(Self { base: base.to_owned() })
    }

    pub(super) fn locate(&self, asked: &Asked<'_>) -> Result<Target, Unclear> {
        let reads = matches!(asked.method, "GET" | "HEAD") && !asked.upgrade;
        let open = |yes| Ok(if yes { Target::Open } else { Target::Unknown });
        if asked.path.as_str() == "/favicon.ico" {
            return open(reads);
        }
        let Some(path) = asked.path.as_str().strip_prefix(self.base.as_str()) else { return Ok(Target::Unknown) };
        match path {
            "" | "/" => open(reads),
            "/call" => open(asked.method == "POST" && !asked.upgrade),
            "/ws/" => socket(asked),
            _ => match path.strip_prefix("/call/") {
                Some(name) if reads => page(name),
                _ => open(reads && (path.starts_with("/res/") || path.starts_with("/static/"))),
            },
        }
    }

    pub(super) fn room_name(&self, text: &str) -> Result<RoomName, NameError> {
        peercalls::room_name(text)
    }

    pub(super) fn page(&self, room: &RoomName) -> String {
        format!("{}/call/{room}", self.base)
    }
}

/// A room's page, by what stands behind `/call/`.
fn page(name: &str) -> Result<Target, Unclear> {
    if name.contains('%') {
        return Err(Unclear("a room's name is percent-encoded, and on this kind of server none needs to be"));
    }
    Ok(match peercalls::room_name(name) {
        Ok(room) => Target::Room { room, kind: Kind::Page },
        Err(_) => Target::Unknown,
    })
}

/// An Engine.IO request. `transport` must say what the request is: engine.io 3.6.2 goes by the one here and by the other there.
fn socket(asked: &Asked<'_>) -> Result<Target, Unclear> {
    let handshake = Handshake::read(asked.query.raw().unwrap_or_default()).map_err(Unclear)?;
    match (asked.method, handshake.transport, asked.upgrade) {
        ("GET", Transport::WebSocket, true) | ("GET", Transport::Polling, false) => Ok(Target::Inside),
        ("POST", Transport::Polling, false) if handshake.sid.is_some() => Ok(Target::Inside),
        ("POST", Transport::Polling, false) => Err(Unclear("an Engine.IO message without a session")),
        ("GET" | "POST", _, _) => Err(Unclear("an Engine.IO transport that is not the request's")),
        _ => Ok(Target::Unknown),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

    use super::*;
    use crate::target::{CanonicalPath, Query};

    const SID: &str = "O5-ltjBITuLMABPnAAAA";

    /// What it is about: a room's name, `open`, `inside`, `unknown`, or `400` (for whichever of the two reasons).
    fn about(server: &PeerCalls, method: &str, target: &str, upgrade: bool) -> String {
        let Ok((path, query)) = CanonicalPath::parse(target.as_bytes()) else { return "400".into() };
        match server.locate(&Asked { method, path: &path, query: Query::new(query), upgrade }) {
            Err(Unclear(_)) => "400".into(),
            Ok(Target::Room { room, kind: Kind::Page }) => format!("page of {room}"),
            Ok(Target::Open) => "open".into(),
            Ok(Target::Inside) => "inside".into(),
            Ok(Target::Unknown) => "unknown".into(),
            Ok(other @ (Target::Room { .. } | Target::Shared | Target::Xmpp(_))) => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_address_has_one_spelling() {
        let server = PeerCalls::default();
        let cases = [
            ("GET", "/call/standup", "page of standup"),
            ("HEAD", "/call/standup", "page of standup"),
            ("GET", "/call/standup?x=y", "page of standup"),
            ("GET", "/call/Standup", "page of Standup"),
            ("GET", "/call/team-7_x", "page of team-7_x"),
            ("GET", "/", "open"),
            ("HEAD", "/", "open"),
            ("GET", "/?x", "open"),
            ("GET", "/favicon.ico", "open"),
            ("GET", "/res/peer-calls.svg", "open"),
            ("GET", "/res/fonts/x.woff", "open"),
            ("GET", "/static/index.js", "open"),
            ("GET", "/static/", "open"),
            ("POST", "/call", "open"),
            ("POST", "/call?x", "open"),
            // What Express takes for a room's page as well.
            ("GET", "/CALL/standup", "unknown"),
            ("GET", "/Call/standup", "unknown"),
            ("GET", "/call/standup/", "unknown"),
            ("GET", "//call/standup", "400"),
            ("GET", "/call//standup", "400"),
            ("GET", "/call/%73tandup", "400"),
            ("GET", "/%63all/standup", "unknown"),
            ("GET", "/call/./standup", "400"),
            ("GET", "/call/x/../standup", "400"),
            ("GET", "/call/a%2Fb", "400"),
            ("GET", "/call/a%20b", "400"),
            ("GET", "/call/caf%C3%A9", "400"),
            ("GET", "/call/a.b", "unknown"),
            ("GET", "/call/a+b", "unknown"),
            ("GET", "/call/standup;x", "unknown"),
            ("GET", "/call/standup,lab", "unknown"),
            ("GET", "/call/a/b", "unknown"),
            ("GET", "/call/", "unknown"),
            ("GET", "/call", "unknown"),
            ("GET", "/call?call=standup", "unknown"),
            ("GET", "/call/constructor", "unknown"),
            ("GET", "/call/__proto__", "unknown"),
            ("POST", "/call/", "unknown"),
            ("POST", "/call/standup", "unknown"),
            ("PUT", "/call", "unknown"),
            ("get", "/call/standup", "unknown"),
            ("OPTIONS", "/call/standup", "unknown"),
            ("TRACE", "/", "unknown"),
            ("POST", "/", "unknown"),
            ("POST", "/static/index.js", "unknown"),
            ("GET", "/res", "unknown"),
            ("GET", "/static", "unknown"),
            ("GET", "/STATIC/index.js", "unknown"),
            ("GET", "/favicon.ico/", "unknown"),
            ("GET", "/metrics", "unknown"),
            ("GET", "/wsx", "unknown"),
        ];
        for (method, target, expected) in cases {
            assert_eq!(about(&server, method, target, false), expected, "{method} {target}");
            assert!(matches!(about(&server, method, target, true).as_str(), "unknown" | "400"), "{method} {target} as a WebSocket");
        }
    }

    #[test]
    fn a_socket_says_what_it_is() {
        let server = PeerCalls::default();
        let sid = format!("&sid={SID}");
        let cases = [
            ("GET", false, "/ws/?EIO=3&transport=polling".to_owned(), "inside"),
            ("GET", false, "/ws/?EIO=3&transport=polling&t=NjK2bQ_".to_owned(), "inside"),
            ("GET", false, format!("/ws/?EIO=3&transport=polling{sid}"), "inside"),
            ("POST", false, format!("/ws/?EIO=3&transport=polling{sid}"), "inside"),
            ("GET", true, "/ws/?EIO=3&transport=websocket".to_owned(), "inside"),
            ("GET", true, format!("/ws/?EIO=3&transport=websocket{sid}"), "inside"),
            ("POST", false, "/ws/?EIO=3&transport=polling".to_owned(), "400"),
            ("GET", false, "/ws/?EIO=3&transport=websocket".to_owned(), "400"),
            ("GET", true, "/ws/?EIO=3&transport=polling".to_owned(), "400"),
            ("POST", true, format!("/ws/?EIO=3&transport=websocket{sid}"), "400"),
            ("POST", false, format!("/ws/?EIO=3&transport=websocket{sid}"), "400"),
            ("HEAD", false, "/ws/?EIO=3&transport=polling".to_owned(), "unknown"),
            ("OPTIONS", false, "/ws/?EIO=3&transport=polling".to_owned(), "unknown"),
            ("PUT", false, format!("/ws/?EIO=3&transport=polling{sid}"), "unknown"),
            ("GET", false, "/ws/".to_owned(), "400"),
            ("GET", false, "/ws/?".to_owned(), "400"),
            ("GET", true, "/ws/?room=standup".to_owned(), "400"),
            ("GET", false, "/ws/?EIO=4&transport=polling".to_owned(), "400"),
            ("GET", false, "/ws/?EIO=3&transport=polling&j=0".to_owned(), "400"),
            ("GET", false, "/ws/?EIO=3&transport=polling&transport=websocket".to_owned(), "400"),
            ("GET", false, format!("/ws/?EIO=3&transport=polling{sid}{sid}"), "400"),
            ("GET", false, format!("/ws/?EIO=3&transport=polling{sid}&s%69d=x"), "400"),
            ("GET", false, "/ws?EIO=3&transport=polling".to_owned(), "unknown"),
            ("GET", false, "/WS/?EIO=3&transport=polling".to_owned(), "unknown"),
            // The server takes whatever begins with `/ws/` for Engine.IO, or hands out its client there.
            ("GET", false, "/ws/x?EIO=3&transport=polling".to_owned(), "unknown"),
            ("GET", true, "/ws/x/?EIO=3&transport=websocket".to_owned(), "unknown"),
            ("GET", false, "/ws/socket.io.js".to_owned(), "unknown"),
            ("GET", false, "/w%73/?EIO=3&transport=polling".to_owned(), "unknown"),
        ];
        for (method, upgrade, target, expected) in cases {
            assert_eq!(about(&server, method, &target, upgrade), expected, "{method} {target} upgrade: {upgrade}");
        }
    }

    #[test]
    fn a_base_path_stands_before_everything() {
        let server = PeerCalls::new(Some("/meet/calls")).unwrap();
        let room = server.room_name("standup").unwrap();
        assert_eq!(server.page(&room), "/meet/calls/call/standup");
        assert_eq!(PeerCalls::default().page(&room), "/call/standup");
        for (target, expected) in [
            ("/meet/calls/call/standup", "page of standup"),
            ("/meet/calls", "open"),
            ("/meet/calls/", "open"),
            ("/meet/calls/res/x.png", "open"),
            ("/favicon.ico", "open"),
            ("/meet/calls/ws/?EIO=3&transport=polling", "inside"),
            ("/call/standup", "unknown"),
            ("/", "unknown"),
            ("/meet", "unknown"),
            ("/meet/callsx", "unknown"),
            ("/Meet/calls/call/standup", "unknown"),
            ("/meet/calls/meet/calls/call/standup", "unknown"),
        ] {
            assert_eq!(about(&server, "GET", target, false), expected, "{target}");
        }
        assert_eq!(PeerCalls::new(None), PeerCalls::new(Some("")));
        for base in ["/", "meet", "/meet/", "//meet", "/a//b", "/.", "/..", "/a b", "/a%62", "/é", "/a?b"] {
            assert_eq!(PeerCalls::new(Some(base)), Err(BadBasePath), "{base}");
        }
    }
}
