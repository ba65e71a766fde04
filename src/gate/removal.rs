//! How is somebody who is inside kept out from now on?
//!
//! By one write to the store: the reviewer hears of it, and ends what they have open. The order may be an owner's at our door, or a
//! moderator's inside the meeting itself, where the server's guard has seen it carried out.

use super::Gate;
use crate::access::Bar;
use crate::live::Participant;
use crate::store::{Barred, StoreError};

/// An order to keep somebody out.
#[derive(Clone, Copy, Debug)]
pub struct KeepOut<'a> {
    /// Removed, or banned.
    pub kind: Bar,
    /// Whether it outlasts the meeting.
    pub lasting: bool,
    /// How they are called, for the owners' list.
    pub name: &'a str,
    /// Who decided.
    pub by: &'a str,
}

impl Gate {
    /// Keeps them out of the room that they are in.
    ///
    /// They are known again by their browser, by their user id, and by their token, unless somebody else inside came with the same one: a
    /// link that was given to a whole class is nobody's in particular.
    ///
    /// # Errors
    /// Where it cannot be written down.
    pub async fn keep_out(&self, participant: &Participant, order: &KeepOut<'_>) -> Result<(), StoreError> {
        let permit = participant.permit();
        let room = permit.room();
        let token = permit.token().filter(|token| {
            let others = self.live.participants(Some(room));
            !others.iter().any(|o| o.visitor() != participant.visitor() && o.permit().token() == Some(*token))
        });
        let barred = Barred {
            id: self.chance.id().map_err(|no| StoreError::Failed(no.to_string()))?,
            room: room.clone(),
            kind: order.kind,
            visitor: Some(participant.visitor()),
            user: permit.users().next().map(str::to_owned),
            token: token.cloned(),
            session: Some(participant.session()),
            name: order.name.into(),
            by: order.by.into(),
            at: self.clock.now(),
            lasting: order.lasting,
        };
        self.store.bar(barred).await?;
        tracing::info!(%room, session = %participant.session(), kind = ?order.kind, lasting = order.lasting, "kept somebody out");
        Ok(())
    }
}
