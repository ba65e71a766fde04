//! Who came in, and who has gone? For the trail, and for those who are told of it.

use std::collections::HashMap;

use futures_util::future::join_all;

use super::Participant;
use crate::access::{Id, Role, RoomName, display_name};
use crate::gate::Gate;
use crate::store::{What, Who};

/// Those of whom it was told that they came in. A gateway that starts knows nobody: whoever comes back to it comes in.
#[derive(Default)]
pub(super) struct Roll(HashMap<Id, (RoomName, Who)>);

impl Roll {
    /// Looks who is present now, and tells what is different.
    pub(super) async fn call(&mut self, gate: &Gate) {
        let now = gate.clock().now();
        let mut before = std::mem::take(&mut self.0);
        let mut news = Vec::new();
        for room in gate.live().rooms(now) {
            for participant in gate.live().present(&room, now) {
                let known = before.remove(&participant.session());
                let is_new = known.is_none();
                let (_, who) = known.unwrap_or_else(|| (room.clone(), who(gate, &room, &participant)));
                if is_new {
                    news.push((What::Joined, room.clone(), who.clone()));
                }
                self.0.insert(participant.session(), (room.clone(), who));
            }
        }
        news.extend(before.into_values().map(|(room, who)| (What::Parted, room, who)));
        let told = news.into_iter().map(|(what, room, who)| async move {
            if let Err(error) = gate.store().seen(&room, what, who, now).await {
                tracing::error!(%room, %error, what = what.code(), "could not note who came or went");
            }
        });
        // All at once: the store writes them together.
        join_all(told).await;
    }
}

fn who(gate: &Gate, room: &RoomName, participant: &Participant) -> Who {
    let permit = participant.permit();
    let person = permit.person();
    let knock = gate.store().facts().knock(room, participant.visitor());
    let called = participant.called();
    let name = person.name.as_deref().or(knock.as_ref().map(|k| &*k.name)).or(called.as_deref()).or(person.email.as_deref());
    Who {
        id: participant.session(),
        name: name.and_then(display_name).unwrap_or_default().into(),
        user: person.user.clone(),
        owner: permit.role() == Role::Owner,
        since: permit.entered(),
        message: None,
        waited: false,
    }
}
