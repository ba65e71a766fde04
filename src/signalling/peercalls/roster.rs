//! Who is live: which Engine.IO sessions there are, whose they are, and under which name each is in which room.

use std::collections::HashMap;

use super::{Limits, Ready, UserId};
use crate::access::{Id, RoomName, Timestamp};
use crate::signalling::GuardRefusal;
use crate::signalling::engineio::Sid;

/// Names one Engine.IO session to us. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct LinkId(u64);

/// By what a session's packets come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carrier {
    /// GET and POST.
    Polling,
    /// Still by those, while a WebSocket is tried.
    Upgrading,
    /// A WebSocket, for the rest of its life.
    WebSocket,
}

#[derive(Debug)]
struct Link {
    visitor: Id,
    /// Not known before the server's open packet.
    sid: Option<Sid>,
    carrier: Carrier,
    place: Place,
    /// When it was last heard of by polling.
    seen: Timestamp,
}

#[derive(Debug)]
enum Place {
    Outside,
    Inside(RoomName, UserId),
    /// It said that it leaves; the server hears nothing from it any more.
    Left,
}

#[derive(Debug)]
struct User {
    visitor: Id,
    room: RoomName,
    /// How many sessions go by this name: a page that reconnects has two for a while.
    links: usize,
}

/// All of it. Each method is one step that nothing comes between.
#[derive(Debug)]
pub(super) struct Roster {
    limits: Limits,
    next: u64,
    links: HashMap<LinkId, Link>,
    sids: HashMap<Sid, LinkId>,
    users: HashMap<UserId, User>,
    visitors: HashMap<Id, usize>,
}

impl Roster {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, next: 0, links: HashMap::new(), sids: HashMap::new(), users: HashMap::new(), visitors: HashMap::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.links.len()
    }

    /// A new session.
    pub(super) fn open(&mut self, visitor: Id, sid: Option<Sid>, carrier: Carrier, now: Timestamp) -> Result<LinkId, GuardRefusal> {
        if self.is_crowded(visitor) {
            self.forget_silent(now);
            if self.is_crowded(visitor) {
                return Err(GuardRefusal::TooMany);
            }
        }
        let link = LinkId(self.next);
        self.next = self.next.saturating_add(1);
        self.links.insert(link, Link { visitor, sid: None, carrier, place: Place::Outside, seen: now });
        let count = self.visitors.entry(visitor).or_default();
        *count = count.saturating_add(1);
        if let Some(sid) = sid
            && let Err(refusal) = self.name(link, sid)
        {
            self.close(link);
            return Err(refusal);
        }
        Ok(link)
    }

    fn is_crowded(&self, visitor: Id) -> bool {
        self.links.len() >= self.limits.sessions || self.visitors.get(&visitor).is_some_and(|n| *n >= self.limits.per_visitor)
    }

    /// The server has told the session's id.
    pub(super) fn name(&mut self, link: LinkId, sid: Sid) -> Result<(), GuardRefusal> {
        let known = self.links.get_mut(&link).ok_or(GuardRefusal::UnknownSession)?;
        if known.sid.is_some() || self.sids.contains_key(&sid) {
            return Err(GuardRefusal::Malformed);
        }
        known.sid = Some(sid.clone());
        self.sids.insert(sid, link);
        Ok(())
    }

    /// A polling request for this session.
    pub(super) fn polled(&mut self, sid: &Sid, visitor: Id, now: Timestamp) -> Result<LinkId, GuardRefusal> {
        let (id, link) = self.owned(sid, visitor)?;
        if link.carrier == Carrier::WebSocket {
            return Err(GuardRefusal::UnknownSession);
        }
        link.seen = now;
        Ok(id)
    }

    /// A WebSocket is tried for this session. The server takes one at a time, and only one in a session's life.
    pub(super) fn upgrade(&mut self, sid: &Sid, visitor: Id, now: Timestamp) -> Result<LinkId, GuardRefusal> {
        let (id, link) = self.owned(sid, visitor)?;
        if link.carrier != Carrier::Polling {
            return Err(GuardRefusal::UnknownSession);
        }
        link.carrier = Carrier::Upgrading;
        link.seen = now;
        Ok(id)
    }

    fn owned(&mut self, sid: &Sid, visitor: Id) -> Result<(LinkId, &mut Link), GuardRefusal> {
        let id = *self.sids.get(sid).ok_or(GuardRefusal::UnknownSession)?;
        match self.links.get_mut(&id) {
            Some(link) if link.visitor == visitor => Ok((id, link)),
            _ => Err(GuardRefusal::UnknownSession),
        }
    }

    /// The WebSocket that was tried carries the session from now on (`true`), or does not. Whether there still is one.
    pub(super) fn upgraded(&mut self, link: LinkId, done: bool) -> bool {
        let link = self.links.get_mut(&link);
        link.map(|link| link.carrier = if done { Carrier::WebSocket } else { Carrier::Polling }).is_some()
    }

    /// Whether packets of this session still come by polling.
    pub(super) fn is_polled(&self, link: LinkId) -> bool {
        self.links.get(&link).is_some_and(|link| link.carrier != Carrier::WebSocket)
    }

    /// Which room it is in.
    pub(super) fn room(&self, link: LinkId) -> Option<RoomName> {
        match &self.links.get(&link)?.place {
            Place::Inside(room, _) => Some(room.clone()),
            Place::Outside | Place::Left => None,
        }
    }

    /// Whether this session could enter this room by this name, if it has the right to.
    pub(super) fn may_join(&self, link: LinkId, ready: &Ready) -> Result<(), GuardRefusal> {
        let link = self.links.get(&link).ok_or(GuardRefusal::UnknownSession)?;
        match &link.place {
            Place::Outside => {}
            Place::Inside(room, _) if *room != ready.room => return Err(GuardRefusal::OtherRoom),
            Place::Inside(_, user) if *user != ready.user => return Err(GuardRefusal::NotAllowed),
            Place::Inside(..) => {}
            Place::Left => return Err(GuardRefusal::NotJoined),
        }
        // Socket.IO keeps sockets and rooms in one set of names, and Peer Calls on Redis keeps users and sockets in one
        // (`lib/server/configureStores.js` gives both stores one prefix).
        let is_socket = |name: &str| Sid::parse(name).is_some_and(|sid| self.sids.contains_key(&sid));
        if is_socket(ready.room.as_str()) || is_socket(&ready.user.0) {
            return Err(GuardRefusal::NotAllowed);
        }
        match self.users.get(&ready.user) {
            Some(user) if user.visitor != link.visitor => Err(GuardRefusal::TakenName),
            Some(user) if user.room != ready.room => Err(GuardRefusal::OtherRoom),
            Some(_) | None => Ok(()),
        }
    }

    /// It enters.
    pub(super) fn join(&mut self, link: LinkId, ready: &Ready) -> Result<(), GuardRefusal> {
        self.may_join(link, ready)?;
        let link = self.links.get_mut(&link).ok_or(GuardRefusal::UnknownSession)?;
        if matches!(link.place, Place::Inside(..)) {
            return Ok(());
        }
        link.place = Place::Inside(ready.room.clone(), ready.user.clone());
        let new = || User { visitor: link.visitor, room: ready.room.clone(), links: 0 };
        let user = self.users.entry(ready.user.clone()).or_insert_with(new);
        user.links = user.links.saturating_add(1);
        Ok(())
    }

    /// Whether this session may signal to this user: both live in one room.
    pub(super) fn may_signal(&self, link: LinkId, to: &UserId) -> Result<(), GuardRefusal> {
        match &self.links.get(&link).ok_or(GuardRefusal::UnknownSession)?.place {
            Place::Outside | Place::Left => Err(GuardRefusal::NotJoined),
            Place::Inside(room, _) if self.users.get(to).is_some_and(|user| user.room == *room) => Ok(()),
            Place::Inside(..) => Err(GuardRefusal::OtherPeer),
        }
    }

    /// It leaves its room for good, and stays connected.
    pub(super) fn leave(&mut self, link: LinkId) -> Result<(), GuardRefusal> {
        let link = self.links.get_mut(&link).ok_or(GuardRefusal::UnknownSession)?;
        if let Place::Inside(_, user) = std::mem::replace(&mut link.place, Place::Left) {
            self.gone(&user);
        }
        Ok(())
    }

    fn gone(&mut self, user: &UserId) {
        let left = self.users.get_mut(user).map(|user| {
            user.links = user.links.saturating_sub(1);
            user.links
        });
        if left == Some(0) {
            self.users.remove(user);
        }
    }

    /// It is no more.
    pub(super) fn close(&mut self, link: LinkId) {
        let Some(link) = self.links.remove(&link) else { return };
        if let Some(sid) = link.sid {
            self.sids.remove(&sid);
        }
        if let Place::Inside(_, user) = link.place {
            self.gone(&user);
        }
        let left = self.visitors.get(&link.visitor).map_or(0, |n| n.saturating_sub(1));
        if left == 0 {
            self.visitors.remove(&link.visitor);
        } else {
            self.visitors.insert(link.visitor, left);
        }
    }

    /// The session of this id is no more.
    pub(super) fn close_sid(&mut self, sid: &Sid) {
        if let Some(link) = self.sids.get(sid) {
            self.close(*link);
        }
    }

    /// Sessions without a WebSocket end when nothing was heard of them for too long.
    pub(super) fn forget_silent(&mut self, now: Timestamp) {
        let silence = self.limits.silence;
        let silent = |link: &Link| link.carrier != Carrier::WebSocket && now.since(link.seen) > silence;
        let silent: Vec<LinkId> = self.links.iter().filter(|(_, link)| silent(link)).map(|(id, _)| *id).collect();
        silent.into_iter().for_each(|link| self.close(link));
    }

    /// Whether all that is known hangs together.
    #[cfg(test)]
    pub(super) fn is_sound(&self) -> bool {
        let inside = |user: &UserId, of: &User| {
            let named = |l: &&Link| matches!(&l.place, Place::Inside(room, u) if u == user && *room == of.room && l.visitor == of.visitor);
            self.links.values().filter(named).count()
        };
        self.users.iter().all(|(name, user)| user.links > 0 && inside(name, user) == user.links)
            && self.sids.iter().all(|(sid, id)| self.links.get(id).is_some_and(|l| l.sid.as_ref() == Some(sid)))
            && self.visitors.iter().all(|(visitor, n)| *n > 0 && self.links.values().filter(|l| l.visitor == *visitor).count() == *n)
            && self.visitors.values().sum::<usize>() == self.links.len()
            && self.links.values().all(|l| match &l.place {
                Place::Inside(_, user) => self.users.contains_key(user),
                Place::Outside | Place::Left => true,
            })
    }
}
