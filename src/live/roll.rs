//! Who came in, and who has gone? For the trail, and for those who are told of it.

use std::collections::HashMap;

use futures_util::future::join_all;

use super::Participant;
use crate::access::{Id, Network, Role, RoomName, display_name};
use crate::gate::Gate;
use crate::store::{What, Who};

/// So many who came, and so many who have gone, are told of in one look (there is one a second); the others' turn comes with the next.
/// Whoever has no cookies is somebody new with each request: such a flood must not drive out what else there is to tell.
const AT_ONCE: usize = 200;

/// And so many who came from one network.
const OF_ONE_NETWORK: usize = 10;

/// Those of whom it was told that they came in. A gateway that starts knows nobody: whoever comes back to it comes in.
#[derive(Default)]
pub(super) struct Roll(HashMap<Id, (RoomName, Who)>);

impl Roll {
    /// Looks who is present now, and tells what is different.
    pub(super) async fn call(&mut self, gate: &Gate) {
        let now = gate.clock().now();
        let mut before = std::mem::take(&mut self.0);
        let (mut news, mut networks) = (Vec::new(), HashMap::<Option<Network>, usize>::new());
        for room in gate.live().rooms(now) {
            for participant in gate.live().present(&room, now) {
                if let Some(known) = before.remove(&participant.session()) {
                    self.0.insert(participant.session(), known);
                    continue;
                }
                let of_network = networks.entry(participant.last_address().map(Network::of)).or_default();
                if news.len() >= AT_ONCE || *of_network >= OF_ONE_NETWORK {
                    continue;
                }
                *of_network = of_network.saturating_add(1);
                let who = who(gate, &room, &participant);
                news.push((What::Joined, room.clone(), who.clone()));
                self.0.insert(participant.session(), (room.clone(), who));
            }
        }
        let mut gone = before.into_iter();
        news.extend(gone.by_ref().take(AT_ONCE).map(|(_, (room, who))| (What::Parted, room, who)));
        self.0.extend(gone);
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
