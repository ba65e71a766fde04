//! Which sentence of [`Words`] is said of what?

use crate::access::{Conflict, Refusal, TokenFault};
use crate::words::Words;

use super::refusal::No;

/// What an owner is told after an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Note {
    Allowed,
    Denied,
    Removed,
    Banned,
    Lifted,
    Gone,
    FirstAllowed,
    FirstDenied,
    Renamed,
    MovedBack,
    AllowAll,
    DenyAll,
    AskAgain,
    OwnNetwork,
    Stale,
    Failed,
}

impl Note {
    pub(super) const ALL: [Self; 16] = [
        Self::Allowed,
        Self::Denied,
        Self::Removed,
        Self::Banned,
        Self::Lifted,
        Self::Gone,
        Self::FirstAllowed,
        Self::FirstDenied,
        Self::Renamed,
        Self::MovedBack,
        Self::AllowAll,
        Self::DenyAll,
        Self::AskAgain,
        Self::OwnNetwork,
        Self::Stale,
        Self::Failed,
    ];

    /// The word in our own address (`&note=`): a closed set, so that nobody can make the page say what they like.
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::Removed => "removed",
            Self::Banned => "banned",
            Self::Lifted => "lifted",
            Self::Gone => "gone",
            Self::FirstAllowed => "first-allowed",
            Self::FirstDenied => "first-denied",
            Self::Renamed => "renamed",
            Self::MovedBack => "moved-back",
            Self::AllowAll => "allow-all",
            Self::DenyAll => "deny-all",
            Self::AskAgain => "ask-again",
            Self::OwnNetwork => "own-network",
            Self::Stale => "stale",
            Self::Failed => "failed",
        }
    }

    pub(super) fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|n| n.code() == code)
    }
}

impl From<Conflict> for Note {
    fn from(conflict: Conflict) -> Self {
        match conflict {
            Conflict::Gone => Self::Gone,
            Conflict::Answered(crate::access::Answer::Allow) => Self::FirstAllowed,
            Conflict::Answered(crate::access::Answer::Deny) => Self::FirstDenied,
            Conflict::Changed(_) => Self::Renamed,
        }
    }
}

/// What happened, and what to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Said<'a> {
    pub title: &'a str,
    pub what: &'a str,
    pub next: &'a str,
}

impl Words {
    /// Why a request does not go on.
    ///
    /// The reason of a reserved name is the operator's and stands in [`Refusal::Reserved`].
    pub(super) fn no(&self, no: &No) -> Said<'_> {
        let r = &self.refusal;
        let (title, what, next) = match no {
            No::Refused(refusal) => match refusal {
                Refusal::Reserved(_) => (&r.reserved_title, &r.reserved, &r.reserved_next),
                Refusal::NoRoom => (&r.no_room_title, &r.no_room, &r.no_room_next),
                Refusal::Banned => (&r.banned_title, &r.banned, &r.banned_next),
                Refusal::Ejected => (&r.ejected_title, &r.ejected, &r.ejected_next),
                Refusal::NotOpen(_) => (&r.not_open_title, &r.not_open, &r.not_open_next),
                Refusal::Closed(_) => (&r.closed_title, &r.closed, &r.closed_next),
                Refusal::Denied => (&r.denied_title, &r.denied, &r.denied_next),
                Refusal::Private => (&r.private_title, &r.private, &r.private_next),
                Refusal::Full => (&r.full_title, &r.full, &r.full_next),
            },
            No::Held(_) => (&r.held_title, &r.held, &r.held_next),
            No::OwnersOnly => (&r.owners_only_title, &r.owners_only, &r.owners_only_next),
            No::UnknownPath => (&r.unknown_path_title, &r.unknown_path, &r.unknown_path_next),
            No::Unavailable => (&r.unavailable_title, &r.unavailable, &r.unavailable_next),
            No::BadRequest => (&r.bad_request_title, &r.bad_request, &r.bad_request_next),
            No::ForeignOrigin => (&r.foreign_origin_title, &r.foreign_origin, &r.foreign_origin_next),
            No::NoCookies => (&r.no_cookies_title, &r.no_cookies, &r.no_cookies_next),
            No::TooMany(_) => (&r.too_many_title, &r.too_many, &r.too_many_next),
        };
        Said { title, what, next }
    }

    /// What was wrong with the link somebody came with.
    pub(super) fn link(&self, fault: TokenFault) -> &str {
        let t = &self.token;
        match fault {
            TokenFault::Malformed => &t.malformed,
            TokenFault::BadSignature => &t.bad_signature,
            TokenFault::UnknownKey => &t.unknown_key,
            TokenFault::WrongAlgorithm => &t.wrong_algorithm,
            TokenFault::WrongRoom => &t.wrong_room,
            TokenFault::WrongDomain => &t.wrong_domain,
            TokenFault::Expired => &t.expired,
            TokenFault::NotYetValid => &t.not_yet_valid,
            TokenFault::Revoked => &t.revoked,
            TokenFault::Ambiguous => &t.ambiguous,
        }
    }

    /// What an owner is told after an order.
    pub(super) fn told(&self, note: Note) -> &str {
        let n = &self.note;
        match note {
            Note::Allowed => &n.allowed,
            Note::Denied => &n.denied,
            Note::Removed => &n.removed,
            Note::Banned => &n.banned,
            Note::Lifted => &n.lifted,
            Note::Gone => &n.gone,
            Note::FirstAllowed => &n.first_allowed,
            Note::FirstDenied => &n.first_denied,
            Note::Renamed => &n.renamed,
            Note::MovedBack => &n.moved_back,
            Note::AllowAll => &n.allow_all,
            Note::DenyAll => &n.deny_all,
            Note::AskAgain => &n.ask_again,
            Note::OwnNetwork => &n.own_network,
            Note::Stale => &n.stale,
            Note::Failed => &n.failed,
        }
    }
}
