//! May this stream's visitor be in the room, and are they?
//!
//! One for each XMPP session, over WebSocket or BOSH. It asks `access` when the guard wants to know, and keeps the visitor's seat on the list of
//! those inside: as one who only has a connection while they have not entered, as one who takes part once they have.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::frames::Door;
use super::killable::Kill;
use super::visit::seat;
use crate::access::{Bar, By, Decision, Permit, RoomName, Through, display_name};
use crate::config::Config;
use crate::gate::{Brought, Caller, Gate, Judged, KeepOut, Moment, Session, Speaks};
use crate::live::{Part, Participant, Seat};
use crate::signalling::xmpp::Ticket;
use crate::signalling::{GuardRefusal, News};
use crate::web::refusal::{self, No};

/// Who decided, where a moderator did so inside the meeting.
const INSIDE: &str = "a moderator in the meeting";

/// One stream's visitor, before `access`.
pub(super) struct Attendance {
    gate: Arc<Gate>,
    caller: Caller,
    /// By what they are known again: only what they brought themselves. What we made for them they may not keep.
    ticket: Ticket,
    session: Option<Arc<Session>>,
    /// Ends the stream.
    kill: Kill,
    seat: Option<Seat>,
    /// Whether that seat is of one who takes part.
    takes_part: bool,
    called: Option<String>,
}

impl Attendance {
    pub(super) fn new(gate: Arc<Gate>, caller: Caller, kill: Kill) -> Self {
        let ticket = ticket(&caller);
        Self { gate, caller, ticket, session: None, kill, seat: None, takes_part: false, called: None }
    }

    pub(super) fn caller(&self) -> &Caller {
        &self.caller
    }

    /// By what they are known again who bring an id of ours back.
    pub(super) fn ticket(&self) -> &Ticket {
        &self.ticket
    }

    /// The session that was made for this visitor, where they came without one for this room.
    pub(super) fn session(&self) -> Option<&Session> {
        self.session.as_deref()
    }

    /// The right by which the visitor has their seat.
    pub(super) fn permit(&self) -> Option<Arc<Permit>> {
        self.seat.as_ref().map(|seat| seat.participant().permit())
    }

    /// Whether they are in the room at this moment, by whatever stream.
    pub(super) fn is_inside(&self) -> bool {
        let now = self.gate.clock().now();
        self.seat.as_ref().is_some_and(|seat| self.gate.live().permit(seat.participant().session(), now).is_some())
    }

    /// Asks `access` now, and takes the seat that follows.
    ///
    /// # Errors
    /// Where it says no: why. A seat from before stays: only whoever is on the list can be ended, and this stream may be in the room
    /// already (a new nick is another join).
    pub(super) async fn ask(&mut self, room: &RoomName, enters: bool) -> Result<(), No> {
        let Ok(judged) = self.gate.judge(&self.caller, room, Moment::Staying).await else {
            return Err(No::Unavailable);
        };
        self.gate.metrics().decided(&judged.outcome.decision, Duration::ZERO);
        let Decision::Admit(permit) = &judged.outcome.decision else {
            return Err(No::of(&judged.outcome.decision).unwrap_or(No::Unavailable));
        };
        let now = self.gate.clock().now();
        let session = self.session_of(&judged).ok_or(No::Unavailable)?;
        if !enters && self.seat.is_some() {
            return Ok(());
        }
        let (part, max) =
            (if enters { Part::Signalling } else { Part::Fetching }, judged.entry.room.as_ref().and_then(|r| r.max_participants));
        let seat = seat(&self.gate, &self.kill, &session, permit, (part, max), now)?;
        seat.came_from(self.caller.whence.address, self.caller.whence.certain);
        if let Some(name) = &self.called {
            seat.called(name);
        }
        self.session = Some(session);
        self.seat = Some(seat);
        self.takes_part = enters;
        Ok(())
    }

    /// The visitor's session for this room. Somebody who came without one has it for this stream: their next question is asked as the same person.
    fn session_of(&mut self, judged: &Judged) -> Option<Arc<Session>> {
        let now = self.gate.clock().now();
        let session = match self.gate.session_for(&self.caller, judged, now).ok()? {
            Some(new) => Arc::new(new),
            None => judged.session.clone()?,
        };
        if self.caller.speaks == Speaks::TokenOnly {
            // Nothing else that came along is believed, now or later.
            self.caller.sessions.clear();
            self.caller.person = None;
            self.caller.whence.certain = false;
            self.caller.visitor = Some(session.visitor);
            self.caller.speaks = Speaks::All;
        }
        self.caller.sessions.retain(|s| s.room != session.room);
        self.caller.sessions.push(session.clone());
        Some(session)
    }

    /// What to say to somebody who is told no.
    pub(super) fn sentence(&self, no: &No, config: &Config) -> String {
        let fault = match &self.caller.token {
            Brought::Bad(fault) => Some(*fault),
            Brought::Grant(_) | Brought::Nothing => None,
        };
        refusal::sentence(no, config.rooms.hide, fault)
    }

    /// They only have a connection now.
    fn step_out(&mut self) {
        let (Some(old), Some(session)) = (self.seat.take(), self.session.clone()) else { return };
        let permit = old.participant().permit();
        match seat(&self.gate, &self.kill, &session, &permit, (Part::Fetching, None), self.gate.clock().now()) {
            Ok(new) => {
                self.seat = Some(new);
                self.takes_part = false;
                old.gone();
            }
            // Their time is over: whoever ends them finds them where they were.
            Err(_) => self.seat = Some(old),
        }
    }

    /// The server has let them in, whatever was thought of it before: they take part.
    fn step_in(&mut self) {
        if self.takes_part {
            return;
        }
        let (Some(old), Some(session)) = (self.seat.take(), self.session.clone()) else { return };
        let permit = old.participant().permit();
        // However many are inside: they are one of them already.
        match seat(&self.gate, &self.kill, &session, &permit, (Part::Signalling, None), self.gate.clock().now()) {
            Ok(new) => {
                self.seat = Some(new);
                self.takes_part = true;
            }
            // It ends, or has ended: the old seat is how it hears of that.
            Err(_) => self.seat = Some(old),
        }
    }

    /// They have neither seat nor presence.
    pub(super) fn leave(&mut self) {
        if let Some(seat) = self.seat.take() {
            seat.gone();
        }
    }

    /// A moderator inside has thrown them out: what the link would open again at once is shut until the meeting ends.
    fn removed(&self, participant: &Arc<Participant>, banned: bool) {
        if !participant.throw() {
            return;
        }
        let (gate, participant) = (self.gate.clone(), participant.clone());
        let person = participant.permit().person().name.as_deref().and_then(display_name);
        let called = || participant.called().as_deref().and_then(display_name);
        let name = person.or_else(called).unwrap_or_else(|| "Somebody".to_owned());
        tokio::spawn(async move {
            let kind = if banned { Bar::Banned } else { Bar::Ejected };
            let by = By::new(INSIDE, Through::Meeting);
            let order = KeepOut { kind, lasting: false, network: false, name: &name, by };
            if let Err(error) = gate.keep_out(&participant, &order).await {
                tracing::error!(%error, "somebody was thrown out inside the meeting, and it could not be written down");
            }
        });
    }

    pub(super) fn hear(&mut self, news: News) {
        match news {
            News::Called(name) => {
                if let Some(seat) = &self.seat {
                    seat.called(&name);
                }
                self.called = Some(name);
            }
            News::Inside => self.step_in(),
            News::Outside => self.step_out(),
            News::Nick(nick) => {
                if let Some(seat) = &self.seat {
                    seat.known_as(&nick);
                }
            }
            News::Removed { banned } => {
                if let Some(seat) = &self.seat {
                    self.removed(seat.participant(), banned);
                }
            }
            News::SawRemoved { nick, banned } => {
                let Some(permit) = self.permit() else { return };
                let people = self.gate.live().participants(Some(permit.room()));
                for participant in people.iter().filter(|p| p.nick().as_deref() == Some(nick.as_str())) {
                    self.removed(participant, banned);
                }
            }
        }
    }
}

/// A stream that is closed is no poll: its session is not inside for a while longer.
impl Drop for Attendance {
    fn drop(&mut self) {
        self.leave();
    }
}

#[async_trait]
impl Door for Attendance {
    async fn admits(&mut self, room: &RoomName, enters: bool) -> Result<(), String> {
        let answer = self.ask(room, enters).await;
        answer.map_err(|no| self.sentence(&no, &self.gate.config()))
    }

    fn refused(&mut self, protocol: &'static str, refusal: GuardRefusal, ends: bool) {
        tracing::debug!(protocol, %refusal, ends, "a guard kept a message back");
        self.gate.metrics().guard_refused(protocol, refusal.code());
    }

    fn hears(&mut self, news: News) {
        self.hear(news);
    }
}

/// By what a visitor is known again. Who brings nothing (a public room, no cookies) is bound to the room alone, and stays known when a
/// cookie of ours has reached them since.
fn ticket(caller: &Caller) -> Ticket {
    let browser = caller.browser().filter(|_| caller.speaks == Speaks::All).map(|id| format!("visitor:{id}"));
    let token = match &caller.token {
        Brought::Grant(grant) => Some(format!("token:{}", grant.token.as_str())),
        Brought::Nothing | Brought::Bad(_) => None,
    };
    Ticket(browser.into_iter().chain(token).chain([String::new()]).collect())
}
