//! Where is the one room of a stream?

use super::hosts::Hosts;
use super::jid::Jid;
use super::name;
use crate::access::RoomName;

/// A room's addresses on this server, from a stream that opened this virtual host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    node: String,
    muc: String,
    /// Its lobby (`mod_muc_lobby_rooms.lua`: the room's own node, with the tenant as the domain mapper writes it inside).
    lobby: Option<(String, String)>,
}

impl Place {
    pub(super) fn of(hosts: &Hosts, room: &RoomName, vhost: &str) -> Self {
        let (tenant, _) = name::parts(room);
        let node = name::node(room);
        let inside = tenant.map_or_else(|| node.clone(), |tenant| format!("[{tenant}]{node}"));
        let lobby = hosts.lobby.as_ref().map(|host| (inside, host.clone()));
        Self { muc: hosts.muc_of(tenant, vhost), node, lobby }
    }

    /// `room@conference.meet.jitsi`.
    pub(super) fn address(&self) -> String {
        format!("{}@{}", self.node, self.muc)
    }

    pub(super) fn is_room(&self, to: &Jid<'_>) -> bool {
        to.host == self.muc && to.node.as_deref() == Some(&*self.node)
    }

    pub(super) fn is_lobby(&self, to: &Jid<'_>) -> bool {
        self.lobby.as_ref().is_some_and(|(node, host)| to.host == *host && to.node.as_deref() == Some(&**node))
    }
}
