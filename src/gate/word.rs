//! What does an owner's word say of this caller: are they kept out, or sent back, or let in?

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use super::{Brought, Caller, Gate, Judged, Session, Speaks};
use crate::access::{Answer, Bar, Grant, Ground, Id, KnockState, Permit, Person, RoomName, Timestamp};
use crate::store::{Facts, Known};

/// What keeps somebody out, or makes them wait.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Word {
    /// The gravest.
    pub(crate) bar: Option<Bar>,
    /// When they were last sent back to wait, where that is it: whoever let them in before does not count.
    pub(crate) back: Option<Timestamp>,
}

impl Word {
    /// Of somebody inside, by what they came in with. A ban of a network holds for an address however uncertain it is: a header that
    /// anybody may send must not lift it.
    pub(crate) fn of_permit(facts: &Facts, permit: &Permit, visitor: Id, session: Id, address: Option<IpAddr>) -> Self {
        let known = Known { visitor: Some(visitor), user: None, token: permit.token(), session: Some(session), address };
        let bar = by_each(permit.users(), |user| facts.bar(permit.room(), &Known { user, ..known }), Bar::graver);
        let back = || by_each(permit.users(), |user| facts.sent_back(permit.room(), &Known { user, ..known }), Ord::max);
        Self { bar, back: bar.filter(|bar| *bar == Bar::Back).and_then(|_| back()) }
    }

    /// Where their own asking stands.
    pub(crate) fn own(self, facts: &Facts, room: &RoomName, visitor: Id) -> KnockState {
        let Some(back) = self.back else { return facts.knock_state(room, visitor) };
        match facts.knock(room, visitor) {
            // In another browser of theirs, before they were sent back.
            Some(knock) if knock.is_granted_before(back) => KnockState::None,
            Some(knock) => knock.state,
            None => KnockState::None,
        }
    }

    /// The same for whoever asks or is inside by having asked: when what was said of everybody is dropped, it sends nobody out who
    /// came in by it.
    pub(super) fn knock(self, facts: &Facts, room: &RoomName, visitor: Option<Id>, inside: Option<&Permit>) -> KnockState {
        let own = visitor.map_or(KnockState::None, |id| self.own(facts, room, id));
        let by_knock = own == KnockState::None && inside.is_some_and(|permit| permit.ground() == Ground::Knock);
        if by_knock && self.bar != Some(Bar::Back) { KnockState::Granted } else { own }
    }

    /// What was said of whoever knocks: not to somebody who was sent back.
    pub(super) fn remembered(self, facts: &Facts, room: &RoomName) -> Option<Answer> {
        if self.bar == Some(Bar::Back) { None } else { facts.remembered(room).map(|choice| choice.answer) }
    }
}

impl Gate {
    /// When this caller was sent back to wait, if by an owner's word they wait, whatever else would let them in.
    pub fn sent_back(&self, caller: &Caller, judged: &Judged) -> Option<Timestamp> {
        self.word(caller, &judged.entry.name, judged.session.as_deref()).back
    }

    /// Whether an owner's word keeps this caller out, or makes them wait. Somebody may be known by two names at once, and by two tokens:
    /// each of them counts.
    pub(super) fn word(&self, caller: &Caller, room: &RoomName, session: Option<&Session>) -> Word {
        let facts = self.store.facts();
        let bar = known(caller, session, |known| facts.bar(room, known), Bar::graver);
        let back = || known(caller, session, |known| facts.sent_back(room, known), Ord::max);
        Word { bar, back: bar.filter(|bar| *bar == Bar::Back).and_then(|_| back()) }
    }
}

/// What is said of a caller by anything that is known of them; of several such words the one that `weighs` more.
fn known<T>(caller: &Caller, session: Option<&Session>, say: impl Fn(&Known<'_>) -> Option<T>, weighs: fn(T, T) -> T) -> Option<T> {
    let believed = caller.speaks == Speaks::All;
    let visitor = session.map(|s| s.visitor).or(caller.visitor).filter(|_| believed).or(caller.browser());
    // However uncertain: see `of_permit`.
    let address = Some(caller.whence.address);
    let of = |grant: Option<&Arc<Grant>>| {
        let people = grant.map(|g| &g.person).into_iter().chain(caller.person.as_deref());
        let (token, session) = (grant.map(|g| &g.token), session.map(|s| s.id));
        by_each(people.filter_map(Person::known_as), |user| say(&Known { visitor, user, token, session, address }), weighs)
    };
    let brought = match &caller.token {
        Brought::Grant(grant) => Some(grant),
        Brought::Nothing | Brought::Bad(_) => None,
    };
    let held = session.and_then(|s| s.grant.as_ref());
    of(brought).into_iter().chain(held.and_then(|g| of(Some(g)))).reduce(weighs)
}

/// By any of these names, or by none.
fn by_each<'u, T>(users: impl Iterator<Item = Cow<'u, str>>, say: impl Fn(Option<&str>) -> Option<T>, weighs: fn(T, T) -> T) -> Option<T> {
    let mut users = users.peekable();
    match users.peek() {
        None => say(None),
        Some(_) => users.filter_map(|user| say(Some(&*user))).reduce(weighs),
    }
}
