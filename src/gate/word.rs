//! What does an owner's word say of this caller: are they kept out, or sent back, or let in?

use std::sync::Arc;

use super::{Brought, Caller, Gate, Judged, Session, Speaks};
use crate::access::{Bar, Grant, Ground, Id, KnockState, Permit, RoomName};
use crate::store::{Facts, Known};

impl Gate {
    /// By an owner's word this caller waits, whatever else would let them in.
    pub fn is_sent_back(&self, caller: &Caller, judged: &Judged) -> bool {
        self.bar(caller, &judged.entry.name, judged.session.as_deref()) == Some(Bar::Back)
    }

    /// Whether an owner's word keeps this caller out, or makes them wait. Somebody may be known by two names at once, and by two tokens:
    /// each of them counts.
    pub(super) fn bar(&self, caller: &Caller, room: &RoomName, session: Option<&Session>) -> Option<Bar> {
        let facts = self.store.facts();
        let believed = caller.speaks == Speaks::All;
        let visitor = session.map(|s| s.visitor).or(caller.visitor).filter(|_| believed).or(caller.browser());
        let address = caller.certain_address();
        let bar = |grant: Option<&Arc<Grant>>| {
            let users = grant.map(|g| &g.person).into_iter().chain(caller.person.as_deref()).filter_map(|p| p.user.as_deref());
            let (token, session) = (grant.map(|g| &g.token), session.map(|s| s.id));
            barred(users, |user| facts.bar(room, &Known { visitor, user, token, session, address }))
        };
        let brought = match &caller.token {
            Brought::Grant(grant) => Some(grant),
            Brought::Nothing | Brought::Bad(_) => None,
        };
        let held = session.and_then(|s| s.grant.as_ref());
        bar(brought).into_iter().chain(held.and_then(|g| bar(Some(g)))).reduce(Bar::graver)
    }
}

/// By any of these names, or by none.
pub(crate) fn barred<'u>(users: impl Iterator<Item = &'u str>, bar: impl Fn(Option<&str>) -> Option<Bar>) -> Option<Bar> {
    let mut users = users.peekable();
    match users.peek() {
        None => bar(None),
        Some(_) => users.filter_map(|user| bar(Some(user))).reduce(Bar::graver),
    }
}

/// Where somebody's asking stands: by their own knock or, where they have none, by what an owner said of whoever knocks. That does
/// not hold for somebody who was sent back, and when it is dropped it sends nobody out who came in by it.
pub(super) fn knock(facts: &Facts, room: &RoomName, visitor: Option<Id>, bar: Option<Bar>, inside: Option<&Permit>) -> KnockState {
    let own = visitor.map_or(KnockState::None, |id| facts.knock_state(room, id));
    if bar == Some(Bar::Back) {
        return own;
    }
    if own == KnockState::None && inside.is_some_and(|permit| permit.ground() == Ground::Knock) {
        return KnockState::Granted;
    }
    own.or(facts.remembered(room).map(|choice| choice.answer))
}
