//! How is signalling judged whose room is named in its messages (Peer Calls: Socket.IO at one fixed path)?
//!
//! Whoever opens it must be admitted to some room. What is said is judged message by message: on a WebSocket in
//! [`super::socket`], in plain requests (long polling) here. An Engine.IO session belongs to the browser that opened it, and once
//! it has joined a room, each of its requests needs the right to that room.

use bytes::Bytes;
use http::{StatusCode, header};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::{Error, ErrorType, Result};

use super::entry::Next;
use super::exchange::Exchange;
use super::respond::Answer;
use super::visit::Visit;
use crate::access::{Decision, Id, RoomName, Timestamp};
use crate::gate::{Caller, Gate, Moment};
use crate::profile::{Kind, Profile};
use crate::signalling::GuardRefusal;
use crate::signalling::engineio::{self, Handshake, Sid};
use crate::signalling::peercalls::{Limits, PeerCallsSignalling, Polling, PostVerdict};
use crate::web::refusal::No;

/// A packet that the server ignores (engine.io 3.6.2, `socket.js`, `onPacket`): sent where nothing of a POST may go on, so that
/// the session lives.
const NOOP: &[u8] = b"1:6";
/// The longest answer to a handshake, in bytes.
const OPENING_MAX: usize = 16 * 1024;

/// The signalling of one server, whatever its kind. Clones are the same one.
#[derive(Clone)]
pub struct Signalling(Option<PeerCallsSignalling>);

impl Signalling {
    /// For this kind of server.
    pub fn of(profile: &Profile) -> Self {
        match profile {
            Profile::Generic(_) | Profile::Jitsi(_) => Self(None),
            Profile::PeerCalls(_) => Self(Some(PeerCallsSignalling::new(Limits::default()))),
        }
    }

    /// Forgets who has been silent for too long. To be called every few seconds.
    pub fn forget_silent(&self, now: Timestamp) {
        if let Some(guards) = &self.0 {
            guards.forget_silent(now);
        }
    }

    /// The guards of Peer Calls, where that is the server.
    pub fn peer_calls(&self) -> Option<&PeerCallsSignalling> {
        self.0.as_ref()
    }
}

/// One request of such signalling.
pub struct Inside {
    /// Who speaks.
    pub caller: Caller,
    /// Whose browser it is: the owner of the Engine.IO session.
    pub browser: Id,
    /// What it does.
    pub step: Step,
}

/// What one request does.
pub enum Step {
    /// It becomes a WebSocket: new, or in place of this polled session.
    Socket(Option<Sid>),
    /// It opens a polled session; the answer is gathered here.
    Opening(Vec<u8>),
    /// It waits for messages.
    Polling,
    /// It says something; gathered here.
    Posting {
        /// Judges it.
        polling: Box<Polling>,
        /// Its `Content-Type`.
        content_type: String,
        /// Its body, so far.
        body: Vec<u8>,
    },
}

impl Visit<'_> {
    /// A request for signalling whose room is named inside.
    pub(super) async fn inside(&self, signalling: &Signalling, head: &RequestHeader, caller: Caller, exchange: &mut Exchange) -> Next {
        let Some(guards) = signalling.peer_calls() else {
            return self.asker.turn_away(exchange, &No::UnknownPath);
        };
        let Ok(handshake) = Handshake::read(self.stripped.kept().unwrap_or_default()) else {
            return self.asker.turn_away(exchange, &No::BadRequest);
        };
        if self.upgrade {
            return self.admit(caller, exchange, None, Kind::Asset, |_| Ok(Step::Socket(handshake.sid))).await;
        }
        let posting = head.method == http::Method::POST;
        let Some(sid) = handshake.sid else {
            if posting {
                return self.asker.turn_away(exchange, &No::BadRequest);
            }
            return self.admit(caller, exchange, None, Kind::Asset, |_| Ok(Step::Opening(Vec::new()))).await;
        };
        let Some(polling) = caller.browser().and_then(|browser| guards.polling(&sid, browser, self.asker.now).ok()) else {
            exchange.code = GuardRefusal::UnknownSession.code();
            self.gate.metrics().guard_refused("peercalls", exchange.code);
            return Next::Answer(Answer::json(StatusCode::BAD_REQUEST, engineio::UNKNOWN_SID));
        };
        let room = polling.room();
        let kind = if room.is_some() { Kind::Signalling } else { Kind::Asset };
        let content_type = one(head, header::CONTENT_TYPE);
        let coded = head.headers.contains_key(header::CONTENT_ENCODING);
        let next = self
            .admit(caller, exchange, room.as_ref(), kind, |_| match (posting, content_type, coded) {
                (false, _, _) => Ok(Step::Polling),
                (true, Some(content_type), false) => Ok(Step::Posting { polling: Box::new(polling), content_type, body: Vec::new() }),
                (true, None, _) | (true, Some(_), true) => Err(()),
            })
            .await;
        if !matches!(next, Next::Forward) {
            // The right to the room has ended: so has the session.
            guards.close(&sid);
        }
        next
    }

    async fn admit(
        &self,
        caller: Caller,
        exchange: &mut Exchange,
        room: Option<&RoomName>,
        kind: Kind,
        step: impl FnOnce(Id) -> Result<Step, ()>,
    ) -> Next {
        let next = match room {
            None => self.any_room(&caller, exchange, kind).await,
            Some(room) => match self.gate.judge(&caller, room, Moment::Staying).await {
                Ok(judged) => self.one_room(&caller, exchange, judged, kind),
                Err(_) => self.asker.turn_away(exchange, &No::Unavailable),
            },
        };
        let Next::Forward = next else {
            return next;
        };
        let Some(browser) = exchange.seat.as_ref().map(|seat| seat.participant().visitor()) else {
            return self.asker.turn_away(exchange, &No::Unavailable);
        };
        match step(browser) {
            Ok(step) => {
                exchange.inside = Some(Inside { caller, browser, step });
                Next::Forward
            }
            Err(()) => self.asker.turn_away(exchange, &No::BadRequest),
        }
    }
}

fn one(head: &RequestHeader, name: header::HeaderName) -> Option<String> {
    let mut lines = head.headers.get_all(name).iter();
    match (lines.next(), lines.next()) {
        (Some(line), None) => line.to_str().ok().map(str::to_owned),
        (None, _) | (Some(_), Some(_)) => None,
    }
}

/// What is judged must be read: bodies come as they are, not compressed; a judged one has a length of its own.
///
/// # Errors
/// Where a header of ours is none (a mistake of ours).
pub fn upstream_head(head: &mut RequestHeader, exchange: &Exchange) -> Result<()> {
    let Some(inside) = &exchange.inside else {
        return Ok(());
    };
    head.remove_header(&header::ACCEPT_ENCODING);
    if let Step::Posting { .. } = inside.step {
        head.remove_header(&header::CONTENT_LENGTH);
        head.remove_header(&header::EXPECT);
        head.insert_header(header::TRANSFER_ENCODING, "chunked")?;
        head.insert_header(header::CONTENT_TYPE, engineio::CONTENT_TYPE)?;
    }
    Ok(())
}

/// Gathers what is posted; once it is whole, judges it and puts our own words in its place.
///
/// # Errors
/// Where it is refused: 400, and nothing of it has gone on.
pub async fn upstream_body(gate: &Gate, body: &mut Option<Bytes>, end: bool, exchange: &mut Exchange) -> Result<()> {
    let Some(Inside { caller, step: Step::Posting { polling, content_type, body: whole }, .. }) = &mut exchange.inside else {
        return Ok(());
    };
    if let Some(chunk) = body.take() {
        if whole.len().saturating_add(chunk.len()) > engineio::PAYLOAD_MAX {
            return refused(gate, GuardRefusal::TooLarge);
        }
        whole.extend_from_slice(&chunk);
    }
    if !end {
        // Not `None`: that would be the end of the body.
        *body = Some(Bytes::new());
        return Ok(());
    }
    let mut verdict = polling.post(content_type, whole);
    while let PostVerdict::Join(room) = verdict {
        let judged = gate.judge(caller, &room, Moment::Staying).await;
        let admitted = judged.is_ok_and(|j| matches!(j.outcome.decision, Decision::Admit(_)));
        verdict = polling.decided(&room, admitted);
    }
    for refusal in polling.kept_back() {
        gate.metrics().guard_refused("peercalls", refusal.code());
    }
    match verdict {
        PostVerdict::Forward(ours) => *body = Some(ours.into()),
        PostVerdict::Nothing => *body = Some(Bytes::from_static(NOOP)),
        PostVerdict::Refuse(refusal) => return refused(gate, refusal),
        PostVerdict::Join(_) => return refused(gate, GuardRefusal::NoPermit),
    }
    Ok(())
}

fn refused(gate: &Gate, refusal: GuardRefusal) -> Result<()> {
    gate.metrics().guard_refused("peercalls", refusal.code());
    let mut error = Error::explain(ErrorType::HTTPStatus(400), "a guard refused the body");
    error.as_down();
    Err(error)
}

/// The answer to a handshake is gathered too: it is given on once the session in it is known to us.
///
/// # Errors
/// Never, at present.
pub fn downstream_head(head: &mut ResponseHeader, exchange: &mut Exchange) -> Result<()> {
    let Some(Inside { step, .. }) = &mut exchange.inside else {
        return Ok(());
    };
    if let Step::Opening(_) = step {
        if head.status == StatusCode::OK {
            head.remove_header(&header::CONTENT_LENGTH);
            head.insert_header(header::TRANSFER_ENCODING, "chunked")?;
        } else {
            *step = Step::Polling;
        }
    }
    Ok(())
}

/// See [`downstream_head`].
///
/// # Errors
/// Where the answer opens no session that can be guarded: the browser must not have it.
pub fn downstream_body(
    signalling: &Signalling,
    body: &mut Option<Bytes>,
    end: bool,
    exchange: &mut Exchange,
    now: Timestamp,
) -> Result<()> {
    let Some(Inside { browser, step: Step::Opening(whole), .. }) = &mut exchange.inside else {
        return Ok(());
    };
    let unusable = || Err(Error::explain(ErrorType::InternalError, "the answer to a handshake opens no session"));
    if let Some(chunk) = body.take() {
        if whole.len().saturating_add(chunk.len()) > OPENING_MAX {
            return unusable();
        }
        whole.extend_from_slice(&chunk);
    }
    if !end {
        *body = Some(Bytes::new());
        return Ok(());
    }
    let Some(guards) = signalling.peer_calls() else {
        return unusable();
    };
    if guards.opened(whole, *browser, now).is_err() {
        return unusable();
    }
    *body = Some(std::mem::take(whole).into());
    Ok(())
}
