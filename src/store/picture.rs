//! What is known of every room, as plain data, and what a [`Change`] does to it.

use std::borrow::Borrow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;

use crate::access::{Bar, Id, Knock, KnockState, Network, Remembered, Revocation, RoomName, Timestamp, TokenId};

use super::{Barred, Change, Meeting};

/// All rooms of which something is known, and the orders to take tokens back.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Picture {
    rooms: HashMap<RoomName, RoomPicture>,
    revoked: HashSet<Revocation>,
    waiting: usize,
    bars: usize,
    knocks: usize,
    choices: usize,
}

/// What is known of one room.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct RoomPicture {
    /// By visitor: one knock each.
    knocks: HashMap<Id, Arc<Knock>>,
    /// Whose knock has this id.
    knockers: HashMap<Id, Id>,
    bars: Bars,
    meeting: Option<Meeting>,
    remembered: Option<Arc<Remembered>>,
    waiting: usize,
}

impl Picture {
    /// What is known of this room, if anything.
    pub(super) fn room(&self, room: &RoomName) -> Option<&RoomPicture> {
        self.rooms.get(room)
    }

    /// All rooms of which something is known.
    pub(super) fn rooms(&self) -> impl Iterator<Item = (&RoomName, &RoomPicture)> {
        self.rooms.iter()
    }

    /// The orders to take tokens back.
    pub(super) fn revoked(&self) -> &HashSet<Revocation> {
        &self.revoked
    }

    /// How many wait, at all rooms.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// How many are kept out, at all rooms.
    pub(super) fn bars(&self) -> usize {
        self.bars
    }

    /// How many knocks there are, at all rooms.
    pub(super) fn knocks(&self) -> usize {
        self.knocks
    }

    /// In how many rooms something is remembered.
    pub(super) fn choices(&self) -> usize {
        self.choices
    }

    /// The picture after this change. The only way to alter one.
    pub(super) fn apply(&mut self, change: &Change) {
        match change {
            Change::Knock(knock) => self.alter(&knock.room, |room| room.put_knock(knock)),
            Change::Barred(barred) => self.alter(&barred.room, |room| room.bars.add(barred)),
            Change::Unbarred(room, id) => self.alter(room, |room| room.bars.remove(*id)),
            Change::Revoked(order) => drop(self.revoked.insert(order.clone())),
            Change::Meeting(meeting) => self.alter(&meeting.room, |room| room.meeting = Some(meeting.clone())),
            Change::Remembered(room, choice) => self.alter(room, |room| room.remembered.clone_from(choice)),
            Change::MeetingEnded(room) => self.alter(room, RoomPicture::end_meeting),
        }
    }

    /// Takes over all of another picture, which is about other rooms.
    pub(super) fn absorb(&mut self, other: Self) {
        self.waiting = self.waiting.saturating_add(other.waiting);
        self.bars = self.bars.saturating_add(other.bars);
        self.knocks = self.knocks.saturating_add(other.knocks);
        self.choices = self.choices.saturating_add(other.choices);
        self.rooms.extend(other.rooms);
        self.revoked.extend(other.revoked);
    }

    /// The changes that turn this picture's rooms into those of `then`.
    pub(super) fn news(&self, then: &Self) -> Vec<Change> {
        let nothing = RoomPicture::default();
        let gone = self.rooms.keys().filter(|name| !then.rooms.contains_key(*name)).map(|name| (name, &nothing));
        then.rooms.iter().chain(gone).flat_map(|(name, room)| self.room(name).unwrap_or(&nothing).news(name, room)).collect()
    }

    fn alter(&mut self, name: &RoomName, change: impl FnOnce(&mut RoomPicture)) {
        let room = self.rooms.entry(name.clone()).or_default();
        let before = room.counts();
        change(room);
        let after = room.counts();
        if room.is_empty() {
            self.rooms.remove(name);
        }
        for (total, before, after) in [
            (&mut self.waiting, before.waiting, after.waiting),
            (&mut self.bars, before.bars, after.bars),
            (&mut self.knocks, before.knocks, after.knocks),
            (&mut self.choices, before.choices, after.choices),
        ] {
            *total = total.saturating_sub(before).saturating_add(after);
        }
    }
}

struct Counts {
    waiting: usize,
    bars: usize,
    knocks: usize,
    choices: usize,
}

impl RoomPicture {
    /// This visitor's knock.
    pub(super) fn knock(&self, visitor: Id) -> Option<&Arc<Knock>> {
        self.knocks.get(&visitor)
    }

    /// The knock of this id.
    pub(super) fn knock_of(&self, id: Id) -> Option<&Arc<Knock>> {
        self.knocks.get(self.knockers.get(&id)?)
    }

    /// All knocks, in no order.
    pub(super) fn knocks(&self) -> impl ExactSizeIterator<Item = &Arc<Knock>> {
        self.knocks.values()
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Who is kept out.
    pub(super) fn bars(&self) -> &Bars {
        &self.bars
    }

    /// The meeting that is open.
    pub(super) fn meeting(&self) -> Option<&Meeting> {
        self.meeting.as_ref()
    }

    /// What an owner said of whoever knocks from now on.
    pub(super) fn remembered(&self) -> Option<&Arc<Remembered>> {
        self.remembered.as_ref()
    }

    fn put_knock(&mut self, knock: &Arc<Knock>) {
        if let Some(old) = self.knocks.remove(&knock.visitor) {
            self.knockers.remove(&old.id);
            self.waiting = self.waiting.saturating_sub(usize::from(old.state == KnockState::Waiting));
        }
        if knock.state != KnockState::None {
            self.knockers.insert(knock.id, knock.visitor);
            self.waiting = self.waiting.saturating_add(usize::from(knock.state == KnockState::Waiting));
            self.knocks.insert(knock.visitor, knock.clone());
        }
    }

    fn end_meeting(&mut self) {
        self.meeting = None;
        self.remembered = None;
        self.knocks.retain(|_, knock| knock.state == KnockState::Waiting);
        self.knockers.retain(|_, visitor| self.knocks.contains_key(visitor));
        let session_bars: Vec<Id> = self.bars.all().filter(|b| !b.lasting).map(|b| b.id).collect();
        session_bars.into_iter().for_each(|id| self.bars.remove(id));
    }

    fn is_empty(&self) -> bool {
        self.knocks.is_empty() && self.bars.by_id.is_empty() && self.meeting.is_none() && self.remembered.is_none()
    }

    fn counts(&self) -> Counts {
        let choices = usize::from(self.remembered.is_some());
        Counts { waiting: self.waiting, bars: self.bars.by_id.len(), knocks: self.knocks.len(), choices }
    }

    /// The changes that turn this room into `then`.
    fn news(&self, name: &RoomName, then: &Self) -> Vec<Change> {
        let mut changes = Vec::new();
        let ended = self.meeting.as_ref().is_some_and(|m| then.meeting.as_ref().is_none_or(|t| t.id != m.id));
        let mut now = std::borrow::Cow::Borrowed(self);
        if ended {
            now.to_mut().end_meeting();
            changes.push(Change::MeetingEnded(name.clone()));
        }
        if let Some(meeting) = &then.meeting
            && now.meeting.as_ref() != Some(meeting)
        {
            changes.push(Change::Meeting(meeting.clone()));
        }
        if now.remembered != then.remembered {
            changes.push(Change::Remembered(name.clone(), then.remembered.clone()));
        }
        let lifted = now.bars.by_id.keys().filter(|id| !then.bars.by_id.contains_key(*id));
        changes.extend(lifted.map(|id| Change::Unbarred(name.clone(), *id)));
        let barred = then.bars.by_id.iter().filter(|(id, barred)| now.bars.by_id.get(*id) != Some(*barred));
        changes.extend(barred.map(|(_, barred)| Change::Barred(barred.clone())));
        let gone = now.knocks.values().filter(|knock| !then.knocks.contains_key(&knock.visitor));
        changes.extend(gone.map(|knock| Change::Knock(Arc::new(Knock { state: KnockState::None, ..Knock::clone(knock) }))));
        let new = then.knocks.iter().filter(|(visitor, knock)| now.knocks.get(*visitor) != Some(*knock));
        changes.extend(new.map(|(_, knock)| Change::Knock(knock.clone())));
        changes
    }
}

/// Who is kept out of one room: found by any of their marks in constant time.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Bars {
    by_id: BTreeMap<Id, Arc<Barred>>,
    visitors: Marks<Id>,
    users: Marks<String>,
    tokens: Marks<TokenId>,
    sessions: Marks<Id>,
    networks: BTreeMap<Id, (Network, Bar)>,
}

/// Who somebody at the door is, as far as it is known.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known<'a> {
    /// The browser (visitor cookie).
    pub visitor: Option<Id>,
    /// The verified `user_id`.
    pub user: Option<&'a str>,
    /// The token they come with.
    pub token: Option<&'a TokenId>,
    /// The session they have here.
    pub session: Option<Id>,
    /// Where they come from, if that is certain.
    pub address: Option<IpAddr>,
}

impl Bars {
    /// Whether somebody is kept out. A ban goes before a removal.
    pub(super) fn find(&self, who: &Known<'_>) -> Option<Bar> {
        let found = [
            who.visitor.and_then(|v| self.visitors.find(&v)),
            who.user.and_then(|u| self.users.find(u)),
            who.token.and_then(|t| self.tokens.find(t)),
            who.session.and_then(|s| self.sessions.find(&s)),
        ];
        let networks =
            who.address.into_iter().flat_map(|a| self.networks.values().filter(move |(n, _)| n.contains(a)).map(|(_, bar)| *bar));
        graver(found.into_iter().flatten().chain(networks))
    }

    /// When somebody was last sent back to wait.
    pub(super) fn sent_back(&self, who: &Known<'_>) -> Option<Timestamp> {
        let found = [
            who.visitor.and_then(|v| self.visitors.ids(&v)),
            who.user.and_then(|u| self.users.ids(u)),
            who.token.and_then(|t| self.tokens.ids(t)),
            who.session.and_then(|s| self.sessions.ids(&s)),
        ];
        let bars = found.into_iter().flatten().flat_map(BTreeMap::keys).filter_map(|id| self.by_id.get(id));
        bars.filter(|barred| barred.kind == Bar::Back).map(|barred| barred.at).max()
    }

    /// The one of this id.
    pub(super) fn get(&self, id: Id) -> Option<&Arc<Barred>> {
        self.by_id.get(&id)
    }

    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Barred>> {
        self.by_id.values()
    }

    fn add(&mut self, barred: &Arc<Barred>) {
        self.remove(barred.id);
        let (id, kind) = (barred.id, barred.kind);
        self.visitors.add(barred.visitor, id, kind);
        self.users.add(barred.user.clone(), id, kind);
        self.tokens.add(barred.token.clone(), id, kind);
        self.sessions.add(barred.session, id, kind);
        self.networks.extend(barred.network.map(|network| (id, (network, kind))));
        self.by_id.insert(id, barred.clone());
    }

    fn remove(&mut self, id: Id) {
        if let Some(barred) = self.by_id.remove(&id) {
            self.visitors.remove(barred.visitor.as_ref(), id);
            self.users.remove(barred.user.as_deref(), id);
            self.tokens.remove(barred.token.as_ref(), id);
            self.sessions.remove(barred.session.as_ref(), id);
            self.networks.remove(&id);
        }
    }
}

fn graver(bars: impl Iterator<Item = Bar>) -> Option<Bar> {
    bars.reduce(Bar::graver)
}

/// Which bars a mark carries. One person may have been removed several times.
#[derive(Clone, Debug, PartialEq)]
struct Marks<K: Eq + Hash>(HashMap<K, BTreeMap<Id, Bar>>);

impl<K: Eq + Hash> Marks<K> {
    fn find<Q: Eq + Hash + ?Sized>(&self, mark: &Q) -> Option<Bar>
    where
        K: Borrow<Q>,
    {
        graver(self.ids(mark)?.values().copied())
    }

    fn ids<Q: Eq + Hash + ?Sized>(&self, mark: &Q) -> Option<&BTreeMap<Id, Bar>>
    where
        K: Borrow<Q>,
    {
        self.0.get(mark)
    }

    fn add(&mut self, mark: Option<K>, id: Id, kind: Bar) {
        if let Some(mark) = mark {
            self.0.entry(mark).or_default().insert(id, kind);
        }
    }

    fn remove<Q: Eq + Hash + ?Sized>(&mut self, mark: Option<&Q>, id: Id)
    where
        K: Borrow<Q>,
    {
        if let Some(mark) = mark
            && let Some(bars) = self.0.get_mut(mark)
        {
            bars.remove(&id);
            if bars.is_empty() {
                self.0.remove(mark);
            }
        }
    }
}

impl<K: Eq + Hash> Default for Marks<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}
