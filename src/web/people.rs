//! Who waits, who is inside and who is kept out, as an owner sees them?
//!
//! By session and knock, never by browser: what tells a browser from others is shown to nobody.

use std::sync::Arc;

use serde::Serialize;

use super::words::ENGLISH;
use super::{Owner, Web, when};
use crate::access::{Bar, Knock, KnockState, Role, Timestamp};

/// Somebody who waits, in the reference API's shape and ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Waiting {
    pub id: String,
    pub name: String,
    pub version: u32,
    /// RFC 3339.
    pub since: String,
    #[serde(skip)]
    pub time: String,
    awaiting_access: super::access::Level,
}

impl From<&Knock> for Waiting {
    fn from(knock: &Knock) -> Self {
        Self {
            id: knock.id.to_string(),
            name: knock.name.to_string(),
            version: knock.version,
            since: when::iso(knock.at),
            time: when::time(knock.at),
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
    pub by: String,
    pub since: String,
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
            name: name.and_then(crate::access::display_name).unwrap_or_else(|| ENGLISH.door.nameless.to_owned()),
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
    let shown = bars.iter().map(|barred| KeptOut {
        id: barred.id.to_string(),
        name: barred.name.to_string(),
        banned: match barred.kind {
            Bar::Banned => true,
            Bar::Ejected => false,
        },
        lasting: barred.lasting,
        by: barred.by.to_string(),
        since: when::iso(barred.at),
    });
    shown.collect()
}
