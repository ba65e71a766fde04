//! What does an owner order, and what becomes of it?
//!
//! Each order is one write to the store. That a door opens or a connection ends follows from the news of it.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue};

use super::words::Note;
use super::{Owner, Web};
use crate::access::{Answer, Bar, By, Id, Network, RoomName, Through, Timestamp};
use crate::gate::{KeepOut, Participant};
use crate::store::AnswerError;
use crate::words::{Words, english};

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
    pub(super) fn told(&self, words: &Words) -> String {
        let sentence = words.told(self.note());
        match self {
            Self::Conflict(_, Some(by)) => format!("{sentence} ({by})"),
            Self::Conflict(_, None) | Self::Store => sentence.to_owned(),
        }
    }
}

/// Through what a script of ours says that it acts; all others are the API's.
pub(super) fn through(headers: &HeaderMap) -> Through {
    match headers.get("roomgate-through").map(HeaderValue::as_bytes) {
        Some(b"door") => Through::Door,
        Some(b"overlay") => Through::Overlay,
        Some(_) | None => Through::Api,
    }
}

/// An owner at work: who they are, and through what they give their orders.
pub(super) struct Orders<'a> {
    pub web: &'a Web,
    pub owner: &'a Owner,
    pub through: Through,
}

impl Orders<'_> {
    /// In which words its outcome is told: to a person at a page of ours in theirs, to a program in English.
    pub(super) fn words(&self) -> Arc<Words> {
        match self.through {
            Through::Door | Through::Overlay => self.web.look.words.clone(),
            Through::Api | Through::Meeting | Through::Choice | Through::Command | Through::Time => english(),
        }
    }

    fn room(&self) -> &RoomName {
        &self.owner.judged.entry.name
    }

    fn by(&self) -> By {
        self.owner.by(self.through)
    }

    fn now(&self) -> Timestamp {
        self.web.gate.clock().now()
    }

    /// Answers one knock by the version that was seen.
    pub(super) async fn answer(&self, id: Id, answer: Answer, seen: u32) -> Result<(), Failure> {
        let (room, store) = (self.room(), self.web.gate.store());
        match store.answer(room, id, answer, seen, &self.by(), self.now()).await {
            Ok(knock) => {
                self.web.gate.metrics().knocked(counted(answer));
                tracing::info!(%room, knock = %knock.id, ?answer, through = self.through.code(), "answered a knock");
                Ok(())
            }
            Err(AnswerError::Conflict(conflict)) => {
                let by = store.facts().knock_of(room, id).and_then(|k| k.answered.as_ref().map(|(_, by)| by.to_string()));
                Err(Failure::Conflict(conflict.into(), by))
            }
            Err(AnswerError::Store(error)) => Err(failed(&error)),
        }
    }

    /// Answers all who wait: those who were seen, in the version that was seen, or (`None`) everybody. Whom it reached.
    pub(super) async fn answer_everyone(&self, answer: Answer, seen: Option<&[(Id, u32)]>) -> Result<Vec<Id>, Failure> {
        let (room, store) = (self.room(), self.web.gate.store());
        let reached = store.answer_everyone(room, seen, answer, &self.by(), self.now()).await.map_err(|error| failed(&error))?;
        reached.iter().for_each(|_| self.web.gate.metrics().knocked(counted(answer)));
        tracing::info!(%room, ?answer, people = reached.len(), through = self.through.code(), "answered everybody who waits");
        Ok(reached.into_iter().map(|knock| knock.id).collect())
    }

    /// From now on whoever knocks is told this; `None`: owners want to be asked again.
    pub(super) async fn remember(&self, answer: Option<Answer>) -> Result<(), Failure> {
        let (room, gate) = (self.room(), &self.web.gate);
        let id = gate.chance().id().map_err(|_| Failure::Store)?;
        gate.store().remember(id, room, answer, &self.by(), self.now()).await.map_err(|error| failed(&error))?;
        tracing::info!(%room, ?answer, through = self.through.code(), "said what whoever knocks from now on is told");
        Ok(())
    }

    /// Keeps out somebody who is inside. `false` where nobody of that session is.
    pub(super) async fn keep_out(&self, session: Id, kind: Bar, lasting: bool, network: bool) -> Result<bool, Failure> {
        let Some(participant) = self.inside(session) else { return Ok(false) };
        let inside = self.owner.judged.session.as_ref().and_then(|s| self.inside(s.id)).and_then(|p| p.last_address());
        let own = |theirs| [Some(self.owner.address), inside].into_iter().flatten().any(|own| Network::of(own) == Network::of(theirs));
        if network && participant.address().is_none_or(own) {
            // Whoever shuts out the whole house shuts out herself; and a network that is not certain is nobody's.
            return Err(Failure::Conflict(Note::OwnNetwork, None));
        }
        let name = self.name_of(session);
        let order = KeepOut { kind, lasting, network, name: &name, by: self.by() };
        self.web.gate.keep_out(&participant, &order).await.map_err(|error| failed(&error))?;
        Ok(true)
    }

    /// Sends somebody who is inside back to wait. `false` where nobody of that session is.
    pub(super) async fn move_back(&self, session: Id) -> Result<bool, Failure> {
        let Some(participant) = self.inside(session) else { return Ok(false) };
        self.web.gate.move_back(&participant, &self.name_of(session), self.by()).await.map_err(|error| failed(&error))?;
        Ok(true)
    }

    /// Lets somebody come back. `false` where nobody of that id is kept out.
    pub(super) async fn lift(&self, id: Id) -> Result<bool, Failure> {
        self.web.gate.store().unbar(self.room(), id, &self.by(), self.now()).await.map_err(|error| failed(&error))
    }

    fn inside(&self, session: Id) -> Option<Arc<Participant>> {
        self.web.gate.live().participant(session).filter(|p| p.permit().room() == self.room())
    }

    fn name_of(&self, session: Id) -> String {
        let people = super::people::inside(self.web, self.owner);
        let known = people.into_iter().find(|i| i.id == session.to_string()).map(|i| i.name);
        known.unwrap_or_else(|| self.web.look.words.door.nameless.to_string())
    }
}

const fn counted(answer: Answer) -> &'static str {
    match answer {
        Answer::Allow => "allowed",
        Answer::Deny => "denied",
    }
}

fn failed(error: &crate::store::StoreError) -> Failure {
    tracing::error!(%error, "an owner's order could not be written down");
    Failure::Store
}
