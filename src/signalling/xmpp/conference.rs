//! What may be asked of jicofo over HTTP (`POST /conference-request/v1`)?
//!
//! The same question as the iq that a stream carries, as JSON, before there is a stream: it makes the room that it names. So the body is read
//! strictly (one `room`, text, one of the visitor's own addresses) and written anew; jicofo 7ebb13dc, `ConferenceRequest`.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

use super::hosts::Hosts;
use super::jid::Jid;
use super::place::Place;
use crate::access::RoomName;
use crate::signalling::GuardRefusal;

/// The largest request, in bytes. lib-jitsi-meet's has some hundreds.
pub const REQUEST_MAX: usize = 16 * 1024;

/// A request, read strictly.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    room: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    machine_uid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vnode: Option<String>,
    properties: BTreeMap<String, serde_json::Value>,
    #[serde(skip)]
    breakout: bool,
}

impl Request {
    /// Reads one about this room, or about a breakout room, whose main room nobody can tell from its name.
    ///
    /// # Errors
    /// `Malformed` where it is none, or says something twice or in another type; `OtherRoom` where it is about another.
    pub fn read(bytes: &[u8], hosts: &Hosts, room: &RoomName) -> Result<Self, GuardRefusal> {
        if bytes.len() > REQUEST_MAX {
            return Err(GuardRefusal::TooLarge);
        }
        let mut request: Self = serde_json::from_slice(bytes).map_err(|_| GuardRefusal::Malformed)?;
        let named = Jid::parse(&request.room).filter(|jid| jid.resource.is_none()).ok_or(GuardRefusal::OtherRoom)?;
        let vhosts = std::iter::once(hosts.domain.clone()).chain(hosts.visitors.iter().map(|vnode| Hosts::visitor_host(vnode)));
        let main = vhosts.into_iter().any(|vhost| Place::of(hosts, room, &vhost).is_room(&named));
        request.breakout = super::rules::is_breakout(hosts, &named);
        if !main && !request.breakout {
            return Err(GuardRefusal::OtherRoom);
        }
        request.room = named.written();
        request.vnode = request.vnode.filter(|vnode| hosts.visitors.contains(vnode));
        Ok(request)
    }

    /// Whether it is about a breakout room: that is for those who are in the main room at this moment.
    pub fn is_breakout(&self) -> bool {
        self.breakout
    }

    /// It as it goes on.
    pub fn written(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// What somebody is told who may not be in the room: that there is a conference. The join is refused, at a place where their page knows what to say.
pub fn ready(hosts: &Hosts, room: &RoomName) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Ready {
        room: String,
        ready: bool,
        focus_jid: String,
        properties: BTreeMap<String, String>,
    }
    let room = Place::of(hosts, room, &hosts.domain).address();
    let ready = Ready { room, ready: true, focus_jid: format!("focus@auth.{}", hosts.domain), properties: BTreeMap::new() };
    serde_json::to_string(&ready).unwrap_or_default()
}

impl<'de> Deserialize<'de> for Request {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

/// Each known member once, in its own type; others, once or often, go nowhere.
struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Request;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a conference request")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Request, M::Error> {
        let (mut room, mut machine, mut session, mut vnode, mut properties) = (None, None, None, None, None);
        while let Some(key) = map.next_key::<String>()? {
            let seen = match key.as_str() {
                "room" => room.replace(map.next_value::<String>()?).is_some(),
                "machineUid" => machine.replace(map.next_value::<String>()?).is_some(),
                "sessionId" => session.replace(map.next_value::<String>()?).is_some(),
                "vnode" => vnode.replace(map.next_value::<String>()?).is_some(),
                "properties" => properties.replace(map.next_value::<BTreeMap<String, serde_json::Value>>()?).is_some(),
                // A name that some reader takes for the room's.
                other if other.eq_ignore_ascii_case("room") => true,
                _ => {
                    map.next_value::<serde::de::IgnoredAny>()?;
                    false
                }
            };
            if seen {
                return Err(M::Error::custom("a member that is there twice"));
            }
        }
        let properties = properties.unwrap_or_default();
        if properties.values().any(|value| value.is_object() || value.is_array()) {
            return Err(M::Error::custom("a property that is no plain value"));
        }
        let room = room.ok_or_else(|| M::Error::custom("no room"))?;
        Ok(Request { room, machine_uid: machine, session_id: session, vnode, properties, breakout: false })
    }
}
