//! What does an owner order, and what becomes of it?
//!
//! Each order is one write to the store. That a door opens or a connection ends follows from the news of it.

use super::words::{ENGLISH, Note};
use super::{Owner, Web};
use crate::access::{Answer, Bar, Id};
use crate::store::{AnswerError, Barred};

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
///
/// They are known again by their browser, by their user id, and by their token, unless somebody else inside came with the same one: a
/// link that was given to a whole class is nobody's in particular.
pub(super) async fn keep_out(web: &Web, owner: &Owner, session: Id, kind: Bar, lasting: bool) -> Result<bool, Failure> {
    let (room, now) = (&owner.judged.entry.name, web.gate.clock().now());
    let Some(participant) = web.gate.live().participant(session).filter(|p| p.permit().room() == room) else {
        return Ok(false);
    };
    let permit = participant.permit();
    let token = permit.token().filter(|token| {
        let others = web.gate.live().participants(Some(room));
        !others.iter().any(|o| o.visitor() != participant.visitor() && o.permit().token() == Some(*token))
    });
    let name = super::people::inside(web, owner).into_iter().find(|i| i.id == session.to_string()).map(|i| i.name);
    let barred = Barred {
        id: web.gate.chance().id().map_err(|_| Failure::Store)?,
        room: room.clone(),
        kind,
        visitor: Some(participant.visitor()),
        user: permit.users().next().map(str::to_owned),
        token: token.cloned(),
        session: Some(session),
        name: name.unwrap_or_else(|| ENGLISH.door.nameless.to_owned()).into(),
        by: owner.called().into(),
        at: now,
        lasting,
    };
    web.gate.store().bar(barred).await.map_err(|error| failed(&error))?;
    tracing::info!(%room, %session, ?kind, lasting, "kept somebody out");
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
