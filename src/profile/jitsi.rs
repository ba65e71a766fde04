//! What is a request to Jitsi Meet about?
//!
//! Read off the nginx configurations that Jitsi ships (jitsi-meet 06635518, `jitsi-meet.example`; docker-jitsi-meet 086d047f,
//! `meet.conf`): `/{room}` and `/{tenant}/{room}` are pages, three addresses lead to the XMPP server and jicofo, and the rest is files.
//! Those rules are wide: `/x/xmpp-websocketANYTHING` and `/a/b/http-bind` reach Prosody too. Here every address has one spelling,
//! and what only resembles one of the server's own is unknown: no page, and never an upgrade.
//!
//! The page is not the door. What comes to the XMPP addresses names its rooms inside ([`Target::Xmpp`]).

mod places;
#[cfg(test)]
mod tests;

use std::fmt::Write;
use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::generic::{Template, TemplateError};
use super::{Asked, Kind, Target, Unclear};
use crate::access::{NameError, RoomName};
use crate::signalling::xmpp::hosts::Hosts;
use crate::signalling::xmpp::name;
use crate::target::CanonicalPath;

use places::{Signal, reserved};

/// `[upstream.jitsi]`, as far as it says what a request is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JitsiRules {
    /// Where the parts of the server are.
    pub hosts: Hosts,
    /// `open`: further addresses that guard nothing: exact, or everything below where one ends in `/` and is more than `/`.
    pub open: Vec<String>,
}

/// Jitsi Meet.
#[derive(Clone, Debug)]
pub struct Jitsi {
    hosts: Arc<Hosts>,
    open: Vec<Template>,
}

/// XMPP signalling. The address only hints at the room: every stanza names it again, and is judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XmppAsked {
    /// Which address, and how.
    pub door: XmppDoor,
    /// From `?room=` and the tenant in the path; `None` where none is named.
    pub room: Option<RoomName>,
    /// The tenant in the path, in its canonical form.
    pub tenant: Option<String>,
}

/// How somebody comes to the XMPP server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum XmppDoor {
    /// An upgrade at `/xmpp-websocket` (RFC 7395).
    WebSocket,
    /// A plain GET of the same address: lib-jitsi-meet asks for its `x-jitsi-shard` header every minute or two.
    KeepAlive,
    /// `POST /http-bind` (XEP-0124, XEP-0206).
    Bosh,
    /// `POST /conference-request/v1`, to jicofo.
    Conference,
    /// `OPTIONS` of one of these (CORS). It never goes on.
    Preflight,
}

/// What goes upstream beside the room. Values are plain; they are encoded here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Onward<'a> {
    /// `token=`: the server's own, made by us.
    pub token: Option<&'a str>,
    /// `previd=`: which stream is to be resumed, unwrapped.
    pub previd: Option<&'a str>,
    /// `vnode=`: goes on only where that visitor node is configured.
    pub vnode: Option<&'a str>,
    /// `customusername=`: goes on only where there are visitor nodes.
    pub customusername: Option<&'a str>,
}

/// The parameters of the XMPP addresses that somebody reads, beside `room`.
const READ: [&str; 4] = ["previd", "token", "vnode", "customusername"];

/// RFC 3986 section 2.3, unreserved characters.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

impl Jitsi {
    /// Takes the rules in.
    ///
    /// # Errors
    /// Where an address of `open` is none, or lies where it would never be asked.
    pub fn new(rules: JitsiRules) -> Result<Self, TemplateError> {
        let mut open = Vec::with_capacity(rules.open.len());
        for text in &rules.open {
            let template = Template::parse("open", text)?;
            let own = CanonicalPath::parse(text.as_bytes()).is_ok_and(|(path, _)| path.segments().any(|s| reserved(&s)));
            if own {
                let problem = "a part of it is a name that has its own rules here, so that it would never be asked".to_owned();
                return Err(TemplateError { key: "open", template: text.clone(), problem });
            }
            open.push(template);
        }
        Ok(Self { hosts: Arc::new(rules.hosts), open })
    }

    /// Where the parts of the server are.
    pub fn hosts(&self) -> &Arc<Hosts> {
        &self.hosts
    }

    /// The one address under which the server is asked: a fixed path, and a query that is built anew out of what is known.
    ///
    /// `direct`: straight to Prosody or jicofo, where a tenant is told by `prefix=`; else through Jitsi's nginx, which takes it from
    /// the path and adds that itself. To jicofo goes only the room, which spreads conferences over shards.
    pub fn onward(&self, asked: &XmppAsked, query: &Onward<'_>, direct: bool) -> String {
        let path = match asked.door {
            XmppDoor::WebSocket | XmppDoor::KeepAlive | XmppDoor::Preflight => places::SOCKET,
            XmppDoor::Bosh => places::BOSH,
            XmppDoor::Conference => places::CONFERENCE,
        };
        let tenant = asked.tenant.as_deref();
        let mut address = match tenant.filter(|_| !direct) {
            Some(tenant) => format!("/{tenant}{path}"),
            None => path.to_owned(),
        };
        let mut pairs = Vec::new();
        let told = tenant.filter(|_| direct && asked.door != XmppDoor::Conference);
        pairs.extend(told.map(|tenant| ("prefix", tenant.to_owned())));
        // A node needs no more encoding: the server is to see what a page would have sent.
        pairs.extend(asked.room.as_ref().map(|room| ("room", name::node(room))));
        if asked.door != XmppDoor::Conference {
            let vnode = query.vnode.filter(|vnode| self.hosts.visitors.iter().any(|known| known == vnode));
            let username = query.customusername.filter(|_| !self.hosts.visitors.is_empty());
            for (name, value) in [("previd", query.previd), ("token", query.token), ("vnode", vnode), ("customusername", username)] {
                pairs.extend(value.map(|value| (name, utf8_percent_encode(value, VALUE).to_string())));
            }
        }
        for (number, (name, value)) in pairs.iter().enumerate() {
            // Writing to a String cannot fail.
            let _ = write!(address, "{}{name}={value}", if number == 0 { '?' } else { '&' });
        }
        address
    }

    pub(super) fn locate(&self, asked: &Asked<'_>) -> Result<Target, Unclear> {
        let path = asked.path.as_str();
        let reads = matches!(asked.method, "GET" | "HEAD") && !asked.upgrade;
        let if_read = |target| Ok(if reads { target } else { Target::Unknown });
        let of_tenant = self.of_tenant(path);
        if let Some(signal) = Signal::at(path) {
            return self.signal(asked, None, signal);
        }
        if let Some((tenant, rest)) = &of_tenant {
            if let Some(signal) = Signal::at(rest) {
                return self.signal(asked, Some(tenant), signal);
            }
            if places::is_tenants_file(rest) {
                return if_read(Target::Open);
            }
        }
        // By their ids and password, which come after the join: the address itself is the right to it.
        if places::is_colibri(path) {
            return Ok(if asked.method == "GET" { Target::Open } else { Target::Unknown });
        }
        if asked.path.segments().any(|segment| places::is_signalling(&segment)) {
            return Ok(Target::Unknown);
        }
        if places::is_file(path) {
            return if_read(Target::Open);
        }
        if places::is_shared(path) {
            return Ok(if !asked.upgrade || asked.method == "GET" { Target::Shared } else { Target::Unknown });
        }
        if asked.path.segments().any(|segment| reserved(&segment)) {
            return Ok(Target::Unknown);
        }
        if self.open.iter().any(|template| template.guards(asked.path)) {
            return if_read(Target::Open);
        }
        if !reads {
            return Ok(Target::Unknown);
        }
        let room = match (of_tenant, path.strip_prefix('/')) {
            (Some((tenant, rest)), _) => rest.strip_prefix('/').map(|segment| (Some(tenant), segment)),
            (None, segment) => segment.map(|segment| (None, segment)),
        };
        match room {
            Some((tenant, segment)) if !segment.is_empty() && !segment.contains('/') => {
                Ok(Target::Room { room: name(tenant.as_deref(), segment)?, kind: Kind::Page })
            }
            Some(_) | None => Ok(Target::Unknown),
        }
    }

    /// An address of the XMPP server, of jicofo, or the one that tells whether a room has a password.
    fn signal(&self, asked: &Asked<'_>, tenant: Option<&str>, signal: Signal) -> Result<Target, Unclear> {
        let door = match (signal, asked.method, asked.upgrade) {
            (Signal::RoomInfo, "GET" | "HEAD", false) => return room_info(asked, tenant),
            (Signal::RoomInfo, _, _) => return Ok(Target::Unknown),
            (Signal::Socket, "GET", true) => XmppDoor::WebSocket,
            (Signal::Socket, "GET", false) => XmppDoor::KeepAlive,
            (Signal::Bosh, "POST", false) => XmppDoor::Bosh,
            (Signal::Conference, "POST", false) => XmppDoor::Conference,
            (Signal::Socket | Signal::Bosh | Signal::Conference, "OPTIONS", false) => XmppDoor::Preflight,
            (Signal::Socket | Signal::Bosh | Signal::Conference, _, _) => return Ok(Target::Unknown),
        };
        if READ.iter().any(|read| asked.query.only(read).is_err()) {
            return Err(Unclear("a parameter of the signalling's address is there twice, or in an unusual spelling"));
        }
        let stated = asked.query.only("room").map_err(|bad| Unclear(bad.reason()))?;
        let room = stated.map(|text| name(tenant, text)).transpose()?;
        Ok(Target::Xmpp(XmppAsked { door, room, tenant: tenant.map(str::to_owned) }))
    }

    /// The tenant in a path, and the path below it.
    fn of_tenant<'a>(&self, path: &'a str) -> Option<(String, &'a str)> {
        let (first, _) = path.strip_prefix('/').filter(|_| self.hosts.tenants)?.split_once('/')?;
        let tenant = name::tenant(first).ok().filter(|tenant| self.is_tenant(tenant) && !reserved(first))?;
        // With its slash.
        Some((tenant, path.strip_prefix('/')?.strip_prefix(first)?))
    }

    /// A tenant called like a visitor node would share its MUC host.
    fn is_tenant(&self, tenant: &str) -> bool {
        self.hosts.visitors.iter().all(|vnode| vnode != tenant)
    }

    /// `room`, or `tenant/room` where there are tenants.
    pub(super) fn room_name(&self, text: &str) -> Result<RoomName, NameError> {
        let room = name::named(text, self.hosts.tenants)?;
        match name::parts(&room) {
            (Some(tenant), _) if !self.is_tenant(tenant) => Err(NameError::NotCanonical),
            (Some(_) | None, _) => Ok(room),
        }
    }

    pub(super) fn page(&self, room: &RoomName) -> String {
        let node = name::node(room);
        match name::parts(room) {
            (Some(tenant), _) => format!("/{tenant}/{node}"),
            (None, _) => format!("/{node}"),
        }
    }
}

/// Prosody takes what it is told there as it is, and the last one of two (mod_muc_password_check 10f7c81e); nginx adds the tenant.
fn room_info(asked: &Asked<'_>, tenant: Option<&str>) -> Result<Target, Unclear> {
    let stated = asked.query.only("room").map_err(|bad| Unclear(bad.reason()))?.ok_or(Unclear("the query names no room"))?;
    let room = name(tenant, stated)?;
    if asked.query.pairs().count() != 1 || !name::node(&room).eq_ignore_ascii_case(stated) {
        return Err(Unclear("the query says more than the room, or names it in an unusual spelling"));
    }
    Ok(Target::Room { room, kind: Kind::Asset })
}

fn name(tenant: Option<&str>, segment: &str) -> Result<RoomName, Unclear> {
    name::with_tenant(tenant, segment).map_err(|error| match error {
        NameError::Empty => Unclear("the room has no name"),
        NameError::TooLong => Unclear("the room's name is longer than 128 bytes"),
        NameError::Character(_) => Unclear("the room's name holds a character that no name has"),
        NameError::NotCanonical => Unclear("the room's name can be read in two ways"),
    })
}
