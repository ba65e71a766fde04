//! What do our pages say? Every sentence of every page, in one place, so that other languages can stand beside this one.
//!
//! Plain words, to the person who reads them: what happened, and what to do next.

use crate::access::{Conflict, Refusal, TokenFault};

use super::refusal::No;

/// One language.
pub(super) struct Words {
    /// BCP 47 (`<html lang>`).
    pub lang: &'static str,
    pub again: &'static str,
    pub back_to_door: &'static str,
    pub knock: Knocking,
    pub door: Console,
    pub wait: Countdown,
}

/// The knocking page.
pub(super) struct Knocking {
    pub title: &'static str,
    pub intro: &'static str,
    pub name: &'static str,
    pub name_hint: &'static str,
    pub button: &'static str,
    pub message: &'static str,
    pub waiting_title: &'static str,
    pub waiting_as: &'static str,
    pub waiting_stay: &'static str,
    pub nobody: &'static str,
    pub asked: &'static str,
    pub moved_title: &'static str,
    pub moved: &'static str,
    pub no_place_title: &'static str,
    pub no_place: &'static str,
    pub rename: &'static str,
    pub rename_button: &'static str,
    pub leave: &'static str,
    pub denied_title: &'static str,
    pub denied: &'static str,
    pub denied_again: &'static str,
    pub denied_soon: &'static str,
    pub denied_button: &'static str,
    pub open_title: &'static str,
    pub open: &'static str,
    pub enter: &'static str,
    pub no_script: &'static str,
    pub offline: &'static str,
    pub no_name: &'static str,
    pub too_many: &'static str,
    pub crowded: &'static str,
}

/// The owners’ console.
pub(super) struct Console {
    pub title: &'static str,
    pub to_room: &'static str,
    pub waiting: &'static str,
    pub nobody_waits: &'static str,
    pub more: &'static str,
    pub allow: &'static str,
    pub deny: &'static str,
    pub allow_all: &'static str,
    pub deny_all: &'static str,
    pub inside: &'static str,
    pub nobody_inside: &'static str,
    pub nameless: &'static str,
    pub owner: &'static str,
    pub you: &'static str,
    pub remove: &'static str,
    pub ban: &'static str,
    pub remove_hint: &'static str,
    pub bans: &'static str,
    pub banned: &'static str,
    pub removed: &'static str,
    pub lift: &'static str,
    pub no_script: &'static str,
    pub lost: &'static str,
    pub remember: &'static str,
    pub allowing: &'static str,
    pub denying: &'static str,
    pub decided_by: &'static str,
    pub forget: &'static str,
    pub recent: &'static str,
    pub allowed: &'static str,
    pub denied: &'static str,
    pub left: &'static str,
    pub moved: &'static str,
    pub move_back: &'static str,
    pub ban_more: &'static str,
    pub lasting: &'static str,
    pub network: &'static str,
    pub ban_hint: &'static str,
    pub until_end: &'static str,
    pub for_good: &'static str,
    pub with_network: &'static str,
    pub sound: &'static str,
}

/// A page that waits for a time to come.
pub(super) struct Countdown {
    pub opens: &'static str,
    pub left: &'static str,
}

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
pub(super) struct Said {
    pub title: &'static str,
    pub what: &'static str,
    pub next: &'static str,
}

const fn said(title: &'static str, what: &'static str, next: &'static str) -> Said {
    Said { title, what, next }
}

/// English.
pub(super) const ENGLISH: Words = Words {
    lang: "en",
    again: "Try again",
    back_to_door: "Go to the door",
    knock: Knocking {
        title: "Knock to come in",
        intro: "Somebody has to let you in here. Say who you are, and the people who run this room will decide.",
        name: "Your name",
        name_hint: "The people who run this room will see it.",
        button: "Knock",
        message: "Message (optional)",
        waiting_title: "You have knocked",
        waiting_as: "You are waiting as",
        waiting_stay: "Keep this page open: you go in by yourself as soon as somebody lets you in.",
        nobody: "Nobody who can open is here yet. They will see you when they come.",
        asked: "The people inside have been asked: they can see you.",
        moved_title: "Back in the waiting room",
        moved: "Somebody who runs this room has asked you to wait outside for a while.",
        no_place_title: "The room is full",
        no_place: "You may come in, but every place is taken right now. Keep this page open: you go in by yourself as soon as somebody leaves.",
        rename: "Change my name or message",
        rename_button: "Change",
        leave: "Stop waiting",
        denied_title: "Not this time",
        denied: "The people who run this room did not let you in. Nothing is broken: it was their choice.",
        denied_again: "If you think it was a mistake, you may knock once more.",
        denied_soon: "You may knock again in a moment.",
        denied_button: "Knock again",
        open_title: "The door is open",
        open: "You are on your way in.",
        enter: "Go in",
        no_script: "This page looks by itself every few seconds whether somebody has opened.",
        offline: "The connection is interrupted. We keep trying; you stay in line.",
        no_name: "Please give a name that can be read, so that people know who is knocking.",
        too_many: "That was a lot of knocking in a short time. Please wait a moment and try again.",
        crowded: "Very many people are waiting here right now. Please try again in a few minutes.",
    },
    door: Console {
        title: "At the door",
        to_room: "Go to the room",
        waiting: "Waiting to come in",
        nobody_waits: "Nobody is waiting. Whoever knocks appears here at once.",
        more: "more are waiting; you see those who came first",
        allow: "Allow",
        deny: "Deny",
        allow_all: "Allow everyone",
        deny_all: "Deny everyone",
        inside: "Inside",
        nobody_inside: "Nobody is inside.",
        nameless: "Somebody without a name",
        owner: "owner",
        you: "you",
        remove: "Remove",
        ban: "Ban",
        remove_hint: "Remove ends somebody's visit until this meeting is over.",
        bans: "Kept out",
        banned: "banned",
        removed: "removed",
        lift: "Let back in",
        no_script: "This page refreshes itself every few seconds.",
        lost: "The connection is interrupted; this list may be out of date. We keep trying.",
        remember: "The same for whoever knocks from now on, until the meeting ends",
        allowing: "From now on, whoever knocks is let in.",
        denying: "From now on, whoever knocks is turned away.",
        decided_by: "Decided by",
        forget: "Ask me each time again",
        recent: "Answered lately",
        allowed: "let in by",
        denied: "turned away by",
        left: "stopped waiting",
        moved: "sent back to wait",
        move_back: "Move to waiting room",
        ban_more: "Ban…",
        lasting: "For good, not only until the meeting ends",
        network: "Everybody from their network as well",
        ban_hint: "A ban knows a person by their browser, and by their account where they are signed in. Whoever came by a link that many people have can come back with another browser. Banning their network stops that too, but shuts out everybody who shares it.",
        until_end: "until the meeting ends",
        for_good: "for good",
        with_network: "with their network",
        sound: "Sound",
    },
    wait: Countdown { opens: "It opens on", left: "Still to go:" },
};

impl Words {
    /// Why a request does not go on.
    ///
    /// The reason of a reserved name is the operator's and stands in [`Refusal::Reserved`].
    pub(super) fn no(&self, no: &No) -> Said {
        match no {
            No::Refused(refusal) => match refusal {
                Refusal::Reserved(_) => said(
                    "This name is not available",
                    "A room with this name cannot be opened.",
                    "Choose another name, or ask whoever invited you.",
                ),
                Refusal::NoRoom => said(
                    "There is no such room",
                    "No room with this name exists.",
                    "Check the spelling of the address, or ask whoever invited you for the right link.",
                ),
                Refusal::Banned => said(
                    "You cannot come in here",
                    "The people who run this room have banned you from it.",
                    "If you think it was a mistake, please speak with them.",
                ),
                Refusal::Ejected => said(
                    "Your visit has ended",
                    "Your time in this room is over, or somebody who runs it has asked you to leave.",
                    "You are welcome at the next meeting. Questions? Ask whoever invited you.",
                ),
                Refusal::NotOpen(_) => {
                    said("You are early", "This room is not open yet.", "Keep this page open: you go in by yourself when it is time.")
                }
                Refusal::Closed(_) => said(
                    "This room is closed",
                    "The time of this room is over.",
                    "If you expected a meeting, ask whoever invited you for a new link.",
                ),
                Refusal::Denied => said(
                    "Not this time",
                    "The people who run this room did not let you in. Nothing is broken: it was their choice.",
                    "If you think it was a mistake, you may knock once more.",
                ),
                Refusal::Private => said(
                    "This room is private",
                    "Only people with an invitation can come in.",
                    "Open the link from your invitation, or ask whoever invited you for one.",
                ),
                Refusal::Full => said(
                    "This room is full",
                    "As many people are inside as the room may hold.",
                    "Somebody may leave soon: try again in a few minutes.",
                ),
            },
            No::Held(_) => said("Please knock first", "Somebody has to let you in here.", "Go to the door and knock."),
            No::OwnersOnly => said(
                "For the people who run this room",
                "Only an owner of this room can watch its door.",
                "If that is you, open your own owner’s link once more and then come back.",
            ),
            No::UnknownPath => {
                said("There is nothing here", "This address leads nowhere.", "Check its spelling, or ask whoever sent it to you.")
            }
            No::Unavailable => said(
                "One moment, please",
                "We cannot find out right now whether you may come in, so the door stays shut.",
                "It is not your fault. Try again in a minute.",
            ),
            No::BadRequest => said(
                "We did not understand that",
                "The address or the request is not written the way it should be.",
                "Open the link from your invitation once more, or ask for a new one.",
            ),
            No::ForeignOrigin => said(
                "This came from another site",
                "Another page asked for this in your name, so we did not do it.",
                "Open the room here, and do it from our own page.",
            ),
            No::NoCookies => said(
                "We cannot remember you",
                "Your browser keeps no cookies for this site.",
                "Please allow cookies here, or open the page in a window of its own, and try again.",
            ),
            No::TooMany(_) => said("A little slower, please", "That was a lot in a short time.", "Please wait a moment and try again."),
        }
    }

    /// What was wrong with the link somebody came with.
    pub(super) fn token(&self, fault: TokenFault) -> &'static str {
        match fault {
            TokenFault::Malformed => {
                "This link is damaged or incomplete. Copy all of it from your invitation, or ask whoever invited you for a new one."
            }
            TokenFault::BadSignature => {
                "This link was not issued for this place, or it was changed on the way. Ask whoever invited you for a new one."
            }
            TokenFault::UnknownKey => "We do not know the issuer of this link. Ask whoever invited you for a new one.",
            TokenFault::WrongAlgorithm => "This link is sealed in a way that we do not accept. Ask whoever invited you for a new one.",
            TokenFault::WrongRoom => "This link is for another room. Open the one that came with this invitation.",
            TokenFault::WrongDomain => "This link is for another site. Ask whoever invited you for one that belongs here.",
            TokenFault::Expired => "This link has expired. Ask whoever invited you for a new one.",
            TokenFault::NotYetValid => "This link is not valid yet. Open it again when it is time.",
            TokenFault::Revoked => "This link was taken back. Ask whoever invited you for a new one.",
            TokenFault::Ambiguous => {
                "Two different links came at once, and we cannot tell which one counts. Open the link from your invitation once more."
            }
        }
    }

    /// What an owner is told after an order.
    pub(super) const fn note(&self, note: Note) -> &'static str {
        match note {
            Note::Allowed => "Let in.",
            Note::Denied => "Turned away, and told so.",
            Note::Removed => "Removed from the room.",
            Note::Banned => "Banned from the room.",
            Note::Lifted => "They may come back.",
            Note::Gone => "They have stopped waiting in the meantime.",
            Note::FirstAllowed => "Somebody else was first, and has let them in.",
            Note::FirstDenied => "Somebody else was first, and has turned them away.",
            Note::Renamed => "They have changed their name since you looked. Please look again before you answer.",
            Note::MovedBack => "They are back in the waiting room.",
            Note::AllowAll => "From now on, everybody who knocks is let in.",
            Note::DenyAll => "From now on, everybody who knocks is turned away.",
            Note::AskAgain => "You will be asked again each time.",
            Note::OwnNetwork => "Their network is your own, or not known for certain: nobody was banned.",
            Note::Stale => "This page had become too old. Nothing was done: please try once more.",
            Note::Failed => "That could not be saved. Nothing was done: please try once more.",
        }
    }
}
