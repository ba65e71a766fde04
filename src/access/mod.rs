//! **The decision.** Given this room, this visitor and this moment: what now?
//!
//! Pure: no clock, no socket, no store, no HTTP, nothing but `std`. Everything else in the house brings facts here or
//! carries out the answer.
//!
//! - [`decide`] is asked at the door, at every page load and every join.
//! - [`review`] is asked about those inside, when something changed or a time came.
#![doc = include_str!("decisions.md")]
#![doc = include_str!("reviews.md")]

mod decision;
mod knock;
mod lists;
mod order;
mod revocations;
mod room;
#[cfg(test)]
mod tests;
mod time;
mod visitor;

pub use decision::{AccessLevel, Decision, Ending, Ground, Hold, Outcome, Permit, Refusal, Review};
pub use knock::{Answer, Conflict, Id, Knock, KnockState, MESSAGE_MAX, NAME_MAX, display_name, message};
pub use lists::{List, Listed, Network, NotANetwork};
pub use order::{By, Remembered, Through};
pub use revocations::{Revocation, Revocations};
pub use room::{NameError, Privacy, Reserved, Room, RoomName, WaitingRoom};
pub use time::Timestamp;
pub use visitor::{Bar, Grant, Person, Presented, Role, TokenFault, TokenId, Visitor};

use std::sync::Arc;
use std::time::Duration;

use decision::Stay;

/// What is known of the place somebody wants to enter.
#[derive(Clone, Copy, Debug)]
pub struct Door<'a> {
    /// The name that was asked for.
    pub name: &'a RoomName,
    /// The room's rules; `None` where no such room is known and unknown ones are refused.
    pub room: Option<&'a Room>,
    /// Whether the operator keeps the name back.
    pub reserved: Option<&'a Reserved>,
    /// Which tokens were taken back.
    pub revocations: &'a Revocations,
    /// How many are inside.
    pub inside: u32,
    /// How far the issuer's clock may differ from ours.
    pub leeway: Duration,
    /// `tokens.require_room`: a token that names no room opens none.
    pub require_room: bool,
}

/// Who gets in. One row of the table above holds for every combination of facts.
pub fn decide(door: &Door<'_>, visitor: &Visitor<'_>, now: Timestamp) -> Outcome {
    let (grant, token) = credential(door, visitor, now);
    Outcome { decision: answer(door, visitor, grant, now), token }
}

fn answer(door: &Door<'_>, visitor: &Visitor<'_>, grant: Option<&Arc<Grant>>, now: Timestamp) -> Decision {
    let listed = |list: fn(&Room) -> &List| {
        let mut people = grant.map(|g| &g.person).into_iter().chain(visitor.person.map(|p| &**p));
        door.room.is_some_and(|room| people.any(|p| list(room).names(p)))
    };
    let owner = grant.is_some_and(|g| g.owner) || listed(|r| &r.owners);

    if let Some(reserved) = door.reserved
        && !(reserved.allow_owners && owner)
    {
        return Decision::Refuse(Refusal::Reserved(reserved.reason.clone()));
    }
    let Some(room) = door.room else {
        return Decision::Refuse(Refusal::NoRoom);
    };
    match visitor.bar {
        Some(Bar::Banned) => return Decision::Refuse(Refusal::Banned),
        Some(Bar::Ejected) => return Decision::Refuse(Refusal::Ejected),
        Some(Bar::Back) | None => {}
    }
    if let Some(opens) = room.opens.filter(|opens| now < *opens) {
        return Decision::Refuse(Refusal::NotOpen(opens));
    }
    if let Some(closes) = room.closes.filter(|closes| now >= *closes) {
        return Decision::Refuse(Refusal::Closed(closes));
    }
    let entered = visitor.entered.unwrap_or(now);
    if Stay::of(room, grant.map(|g| &**g)).after.is_some_and(|after| now >= entered.plus(after)) {
        return Decision::Refuse(Refusal::Ejected);
    }

    let listed = owner || listed(|r| &r.allow) || visitor.address.is_some_and(|a| room.allow.covers(a));
    let must_wait = visitor.bar == Some(Bar::Back)
        || grant.is_some_and(|g| g.must_knock)
        || match room.waiting_room {
            WaitingRoom::Off => false,
            WaitingRoom::Guests => grant.is_none() && !listed,
            WaitingRoom::Everyone => !owner,
        };
    let role = if owner { Role::Owner } else { Role::Participant };
    let admit = |ground| {
        if !visitor.inside && room.max_participants.is_some_and(|max| door.inside >= max) {
            return Decision::Refuse(Refusal::Full);
        }
        Decision::Admit(Permit::new(room, role, ground, entered, visitor.person, grant))
    };
    let ask = || match visitor.knock.or(visitor.remembered) {
        KnockState::Granted => admit(Ground::Knock),
        KnockState::Denied => Decision::Refuse(Refusal::Denied),
        KnockState::Waiting => Decision::Hold(Hold::Waiting),
        KnockState::None => Decision::Hold(Hold::MayKnock),
    };

    if must_wait {
        return ask();
    }
    match (grant, listed, room.privacy, visitor.knock) {
        // Whoever brings a token for this room enters, as what it says they are.
        (Some(_), _, _, _) => admit(Ground::Token),
        // Whom the room knows enters.
        (None, true, _, _) => admit(Ground::Listed),
        // A public room is open to all.
        (None, false, Privacy::Public, _) => admit(Ground::Public),
        // An owner's word counts even where nobody may knock any more; what was said of whoever knocks does not.
        (None, false, Privacy::Private { .. }, KnockState::Granted) => admit(Ground::Knock),
        // The others may ask.
        (None, false, Privacy::Private { knocking: true }, _) => ask(),
        // Or not.
        (None, false, Privacy::Private { knocking: false }, _) => Decision::Refuse(Refusal::Private),
    }
}

/// The token that counts, and what was wrong with one that does not.
///
/// What was just brought goes before the session's; a bad one takes nothing away from the session.
fn credential<'a>(door: &Door<'_>, visitor: &Visitor<'a>, now: Timestamp) -> (Option<&'a Arc<Grant>>, Option<TokenFault>) {
    let brought = match visitor.token {
        Presented::Nothing => None,
        Presented::Grant(grant) => Some(fault(door, grant, now).map_or(Ok(grant), Err)),
        Presented::Bad(fault) => Some(Err(fault)),
    };
    let session = visitor.session.map(|grant| fault(door, grant, now).map_or(Ok(grant), Err));
    match (brought, session) {
        (Some(Ok(grant)), _) => (Some(grant), None),
        (Some(Err(fault)), Some(Ok(grant))) => (Some(grant), Some(fault)),
        (Some(Err(fault)), Some(Err(_)) | None) => (None, Some(fault)),
        (None, Some(Ok(grant))) => (Some(grant), None),
        (None, Some(Err(fault))) => (None, Some(fault)),
        (None, None) => (None, None),
    }
}

/// What keeps a well-signed token from opening this door now.
fn fault(door: &Door<'_>, grant: &Grant, now: Timestamp) -> Option<TokenFault> {
    // Whoever is sent out at `exp` must not come back by the leeway.
    let leeway = if grant.eject_at_expiry == Some(true) { Duration::ZERO } else { door.leeway };
    let other_room = match &grant.room {
        Some(room) => room != door.name,
        None => door.require_room,
    };
    if other_room {
        Some(TokenFault::WrongRoom)
    } else if door.revocations.revoke(grant) {
        Some(TokenFault::Revoked)
    } else if grant.expires.is_some_and(|exp| now >= exp.plus(leeway)) {
        Some(TokenFault::Expired)
    } else if grant.not_before.is_some_and(|nbf| now.plus(door.leeway) < nbf) {
        Some(TokenFault::NotYetValid)
    } else {
        None
    }
}

/// What has become of the place and the person since they entered.
#[derive(Clone, Copy, Debug)]
pub struct Standing<'a> {
    /// The room's rules now; `None` where it was deleted.
    pub room: Option<&'a Room>,
    /// Which tokens were taken back.
    pub revocations: &'a Revocations,
    /// Whether an owner's word keeps them out.
    pub bar: Option<Bar>,
    /// Where their own knock stands: whoever was sent back stays inside once they were let in again.
    pub knock: KnockState,
}

/// Who stays. One row of the second table holds for every combination of facts.
///
/// Making a room private, changing its lists, `nbf`, a lower `max_participants` and a plain `exp` send nobody out.
pub fn review(permit: &Permit, standing: &Standing<'_>, now: Timestamp) -> Review {
    let grant = permit.grant.as_deref();
    let Some(room) = standing.room else {
        return Review::Leave(Ending::RoomGone);
    };
    match standing.bar {
        Some(Bar::Banned) => return Review::Leave(Ending::Banned),
        Some(Bar::Ejected) => return Review::Leave(Ending::Ejected),
        Some(Bar::Back) if standing.knock != KnockState::Granted => return Review::Leave(Ending::MovedBack),
        Some(Bar::Back) | None => {}
    }
    if grant.is_some_and(|g| standing.revocations.revoke(g)) {
        return Review::Leave(Ending::Revoked);
    }
    let stay = Stay::of(room, grant);
    let times = [
        (stay.at_token_expiry, Ending::TokenExpired),
        (stay.at_room_close, Ending::RoomClosed),
        (stay.after.map(|after| permit.entered.plus(after)), Ending::Elapsed),
    ];
    for (at, ending) in times {
        if at.is_some_and(|at| now >= at) {
            return Review::Leave(ending);
        }
    }
    Review::Stay { until: times.into_iter().filter_map(|(at, _)| at).min() }
}
