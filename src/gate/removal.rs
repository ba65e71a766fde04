//! How is somebody who is inside kept out from now on, or sent back to wait?
//!
//! By one write to the store: the reviewer hears of it, and ends what they have open. The order may be an owner's at our door, or a
//! moderator's inside the meeting itself, where the server's guard has seen it carried out.

use std::borrow::Cow;

use super::Gate;
use crate::access::{Bar, By, Network};
use crate::live::Participant;
use crate::store::{Barred, StoreError};

/// An order to keep somebody out.
#[derive(Clone, Debug)]
pub struct KeepOut<'a> {
    /// Removed, or banned.
    pub kind: Bar,
    /// Whether it outlasts the meeting.
    pub lasting: bool,
    /// Whether it holds for everybody from their network.
    pub network: bool,
    /// How they are called, for the owners' list.
    pub name: &'a str,
    /// Who decided, and through what.
    pub by: By,
}

impl Gate {
    /// Keeps them out of the room that they are in.
    ///
    /// They are known again by their browser, by their user id or e-mail address, and by their token, unless somebody else inside came with the same one: a
    /// link that was given to a whole class is nobody's in particular.
    ///
    /// # Errors
    /// Where it cannot be written down.
    pub async fn keep_out(&self, participant: &Participant, order: &KeepOut<'_>) -> Result<(), StoreError> {
        let barred = self.known_again(participant, order)?;
        self.store.bar(barred).await?;
        let (permit, kind, through) = (participant.permit(), order.kind, order.by.through.code());
        tracing::info!(room = %permit.room(), session = %participant.session(), ?kind, lasting = order.lasting, through, "kept somebody out");
        Ok(())
    }

    /// Sends them back to wait until somebody lets them in again. They are known again as by [`Gate::keep_out`].
    ///
    /// # Errors
    /// Where it cannot be written down.
    pub async fn move_back(&self, participant: &Participant, name: &str, by: By) -> Result<(), StoreError> {
        let through = by.through.code();
        let barred = self.known_again(participant, &KeepOut { kind: Bar::Back, lasting: false, network: false, name, by })?;
        self.store.move_back(barred).await?;
        tracing::info!(room = %participant.permit().room(), session = %participant.session(), through, "sent somebody back to wait");
        Ok(())
    }

    fn known_again(&self, participant: &Participant, order: &KeepOut<'_>) -> Result<Barred, StoreError> {
        let permit = participant.permit();
        let room = permit.room();
        let token = permit.token().filter(|token| {
            let others = self.live.participants(Some(room));
            !others.iter().any(|o| o.visitor() != participant.visitor() && o.permit().token() == Some(*token))
        });
        Ok(Barred {
            id: self.chance.id().map_err(|no| StoreError::Failed(no.to_string()))?,
            room: room.clone(),
            kind: order.kind,
            visitor: Some(participant.visitor()),
            user: permit.users().next().map(Cow::into_owned),
            token: token.cloned(),
            session: Some(participant.session()),
            network: participant.address().filter(|_| order.network).map(Network::of),
            name: order.name.into(),
            by: order.by.clone(),
            at: self.clock.now(),
            lasting: order.lasting,
        })
    }
}
