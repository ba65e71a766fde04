//! What does an owner order, and what becomes of it?
//!
//! Each order is one write to the store. That a door opens or a connection ends follows from the news of it.

use super::words::{ENGLISH, Note};
use super::{Owner, Web};
use crate::access::{Answer, Bar, Id};
use crate::gate::KeepOut;
use crate::store::AnswerError;

/// Why an order came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// Somebody or something was faster: this is what, and by whom where that is known.
    Conflict(Note, Option<String>),
    /// It could not be written down.
    Store,
}

impl Failure {
    pub(super) const fn note(&self) -> Note {
        match self {
            Self::Conflict(note, _) => *note,
            Self::Store => Note::Failed,
        }
    }

    /// The sentence, with who was first.
    pub(super) fn told(&self) -> String {
        let sentence = ENGLISH.note(self.note());
        match self {
            Self::Conflict(_, Some(by)) => format!("{sentence} ({by})"),
            Self::Conflict(_, None) | Self::Store => sentence.to_owned(),
        }
    }
}

/// Answers one knock by the version that was seen.
pub(super) async fn answer(web: &Web, owner: &Owner, id: Id, answer: Answer, seen: u32) -> Result<(), Failure> {
    let (room, store) = (&owner.judged.entry.name, web.gate.store());
    match store.answer(room, id, answer, seen, owner.called(), web.gate.clock().now()).await {
        Ok(knock) => {
            web.gate.metrics().knocked(match answer {
                Answer::Allow => "allowed",
                Answer::Deny => "denied",
            });
            tracing::info!(%room, knock = %knock.id, ?answer, "answered a knock");
            Ok(())
        }
        Err(AnswerError::Conflict(conflict)) => {
            let by = store.facts().knock_of(room, id).and_then(|k| k.answered.as_ref().map(|(_, by)| by.to_string()));
            Err(Failure::Conflict(conflict.into(), by))
        }
        Err(AnswerError::Store(error)) => Err(failed(&error)),
    }
}

/// Keeps out somebody who is inside. `false` where nobody of that session is.
pub(super) async fn keep_out(web: &Web, owner: &Owner, session: Id, kind: Bar, lasting: bool) -> Result<bool, Failure> {
    let room = &owner.judged.entry.name;
    let Some(participant) = web.gate.live().participant(session).filter(|p| p.permit().room() == room) else {
        return Ok(false);
    };
    let name = super::people::inside(web, owner).into_iter().find(|i| i.id == session.to_string()).map(|i| i.name);
    let name = name.unwrap_or_else(|| ENGLISH.door.nameless.to_owned());
    let order = KeepOut { kind, lasting, name: &name, by: owner.called() };
    web.gate.keep_out(&participant, &order).await.map_err(|error| failed(&error))?;
    Ok(true)
}

/// Lets somebody come back. `false` where nobody of that id is kept out.
pub(super) async fn lift(web: &Web, owner: &Owner, id: Id) -> Result<bool, Failure> {
    web.gate.store().unbar(&owner.judged.entry.name, id).await.map_err(|error| failed(&error))
}

fn failed(error: &crate::store::StoreError) -> Failure {
    tracing::error!(%error, "an owner's order could not be written down");
    Failure::Store
}
