//! Who waits, who is inside and who is kept out, as an owner sees them?
//!
//! By session and knock, never by browser: what tells a browser from others is shown to nobody.

use std::sync::Arc;

use serde::Serialize;

use super::{Owner, Web, when};
use crate::access::{Answer, Bar, Knock, KnockState, Remembered, Role, Timestamp};

/// Somebody who waits, in the reference API's shape and ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Waiting {
    pub id: String,
    pub name: String,
    /// What they say with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    pub version: u32,
    /// RFC 3339.
    pub since: String,
    #[serde(skip)]
    pub time: String,
    /// An owner sent them back to wait.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub moved_back: bool,
    awaiting_access: super::access::Level,
}

impl From<&Knock> for Waiting {
    fn from(knock: &Knock) -> Self {
        Self {
            id: knock.id.to_string(),
            name: knock.name.to_string(),
            message: knock.message.as_deref().map(str::to_owned),
            version: knock.version,
            since: when::iso(knock.at),
            time: when::time(knock.at),
            moved_back: knock.moved_back,
            awaiting_access: super::access::Level { level: "full" },
        }
    }
}

/// Somebody inside: one session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Inside {
    pub id: String,
    pub name: String,
    pub owner: bool,
    /// The one who looks.
    pub you: bool,
    /// RFC 3339.
    pub since: String,
    #[serde(skip)]
    pub time: String,
    #[serde(skip)]
    pub user: Option<String>,
    #[serde(skip)]
    pub entered: Timestamp,
}

/// Somebody kept out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct KeptOut {
    pub id: String,
    pub name: String,
    pub banned: bool,
    pub lasting: bool,
    /// Everybody from their network.
    pub network: bool,
    pub by: String,
    pub since: String,
}

/// What an owner said of whoever knocks from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Choice {
    /// `allow`, `deny`, or nothing where owners are asked each time.
    pub answer: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
}

impl Choice {
    pub(super) fn of(remembered: Option<&Remembered>) -> Self {
        Self {
            answer: remembered.map(|choice| match choice.answer {
                Answer::Allow => "allow",
                Answer::Deny => "deny",
            }),
            by: remembered.map(|choice| choice.by.name.to_string()),
            since: remembered.map(|choice| when::iso(choice.at)),
        }
    }
}

/// Somebody whose knock was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Decided {
    pub name: String,
    pub allowed: bool,
    pub by: String,
}

/// How many of those are shown.
const DECIDED: usize = 5;

/// Those whose knock was answered last, the last first.
pub(super) fn decided(web: &Web, owner: &Owner) -> Vec<Decided> {
    let knocks = web.gate.store().facts().knocks(&owner.judged.entry.name);
    let mut answered: Vec<_> = knocks.iter().filter_map(|k| Some((k, k.answered.as_ref()?))).collect();
    answered.sort_by_key(|(_, (at, _))| std::cmp::Reverse(*at));
    let shown = answered.into_iter().take(DECIDED).map(|(knock, (_, by))| Decided {
        name: knock.name.to_string(),
        allowed: knock.state == KnockState::Granted,
        by: by.to_string(),
    });
    shown.collect()
}

/// Those who wait, the first first.
pub(super) fn waiting(web: &Web, owner: &Owner) -> Vec<Arc<Knock>> {
    let knocks = web.gate.store().facts().knocks(&owner.judged.entry.name);
    knocks.into_iter().take_while(|k| k.state == KnockState::Waiting).collect()
}

/// Those inside, the first first.
pub(super) fn inside(web: &Web, owner: &Owner) -> Vec<Inside> {
    let room = &owner.judged.entry.name;
    let facts = web.gate.store().facts();
    let you = owner.judged.session.as_ref().map(|s| s.id);
    let present = web.gate.live().present(room, web.gate.clock().now());
    let seen = present.iter().map(|participant| {
        let permit = participant.permit();
        let person = permit.person();
        let knocked = facts.knock(room, participant.visitor());
        let called = participant.called();
        let name = person.name.as_deref().or(knocked.as_ref().map(|k| &*k.name)).or(called.as_deref()).or(person.email.as_deref());
        Inside {
            id: participant.session().to_string(),
            name: name.and_then(crate::access::display_name).unwrap_or_else(|| web.look.words.door.nameless.to_string()),
            owner: permit.role() == Role::Owner,
            you: you == Some(participant.session()),
            since: when::iso(permit.entered()),
            time: when::time(permit.entered()),
            user: person.user.clone(),
            entered: permit.entered(),
        }
    });
    seen.collect()
}

/// Those kept out, the latest first.
pub(super) fn kept_out(web: &Web, owner: &Owner) -> Vec<KeptOut> {
    let bars = web.gate.store().facts().bars(&owner.judged.entry.name);
    // Whoever was sent back is among those who wait.
    let shown = bars.iter().filter(|barred| barred.kind != Bar::Back).map(|barred| KeptOut {
        id: barred.id.to_string(),
        name: barred.name.to_string(),
        banned: match barred.kind {
            Bar::Banned => true,
            Bar::Ejected | Bar::Back => false,
        },
        lasting: barred.lasting,
        network: barred.network.is_some(),
        by: barred.by.name.to_string(),
        since: when::iso(barred.at),
    });
    shown.collect()
}
