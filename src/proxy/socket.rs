//! What becomes of an upgrade that was admitted?
//!
//! It is taken over from pingora into a [`tunnel`], which is on the list of live exchanges and ends when the list says so. Where
//! rooms are named inside the messages, the profile's guard judges each of them.

use std::sync::Arc;

use async_trait::async_trait;
use http::{HeaderName, HeaderValue, header};
use pingora::Result;
use pingora::proxy::Session;

use super::exchange::Exchange;
use super::frames::{Door, Judged, Unjudged};
use super::inside::{Inside, Step};
use super::killable::{self, Kill};
use super::tunnel::{self, Inspect, Limits, Outcome, Passage};
use super::visit::seat;
use super::{Proxy, forward};
use crate::access::{Decision, RoomName};
use crate::gate::{Caller, Gate, Moment};
use crate::live::{Part, Seat};
use crate::metrics::Metrics;
use crate::profile::{Kind, Profile};
use crate::signalling::GuardRefusal;

/// As for those on the list ([`crate::live::Goodbye::Drain`]).
const DRAIN: killable::Ending = killable::Ending { close: 1001, reason: "drain" };

impl Proxy {
    /// From the handshake to the end of the tunnel.
    pub(super) async fn socket(&self, session: &mut Session, exchange: &mut Exchange) -> Result<()> {
        let peer = self.upstream_peer_of(exchange).await?;
        let mut request = session.req_header().clone();
        let hop = self.hop(session, exchange);
        forward::request(&mut request, exchange, &hop, &self.kept_back, &self.gate.config(), self.gate.cookies().style())?;
        let set: Vec<(HeaderName, HeaderValue)> =
            exchange.set_cookies.iter().filter_map(|line| Some((header::SET_COOKIE, HeaderValue::from_str(line).ok()?))).collect();
        let inspect = match (exchange.judged.get_mut().take(), exchange.inside.take()) {
            (Some(judged), _) => Some(judged),
            (None, None) => Unjudged::new(&*self.chance).ok().map(|raw| Box::new(raw) as Box<dyn Inspect>),
            (None, Some(inside)) => self.guard(inside, exchange),
        };
        let Some(mut inspect) = inspect else {
            self.sorry(session, exchange, 400).await;
            return Ok(());
        };
        exchange.tunnel = true;
        let mut open = Open::new(self.gate.metrics_shared(), exchange.kill.clone());
        let passage = Passage {
            connector: &self.connector,
            peer: &peer,
            request: &request,
            answer_headers: &set,
            exchange: &exchange.kill,
            limits: Limits::default(),
        };
        // A tunnel of somebody who has no seat is on no list: it hears of a stop itself.
        let (drained, kill) = (self.gate.draining().clone(), exchange.kill.kill_handle());
        let outcome = {
            let mut running = std::pin::pin!(tunnel::run(session, passage, &mut *inspect));
            tokio::select! {
                biased;
                outcome = &mut running => outcome,
                () = drained.cancelled() => {
                    kill.end_tunnel(DRAIN);
                    running.await
                }
            }
        };
        drop(inspect);
        let reason = match &outcome {
            Ok(Outcome::Carried(end)) => end.reason.code(),
            Ok(Outcome::Declined(_)) => "declined",
            Err(_) => "failed",
        };
        open.reason = Some(reason);
        drop(open);
        if let Some(seat) = exchange.seat.take() {
            seat.gone();
        }
        match outcome {
            Ok(outcome) => {
                tracing::debug!(request = %exchange.id, reason, ?outcome, "a tunnel ended");
                Ok(())
            }
            Err(failure) => {
                tracing::debug!(request = %exchange.id, %failure, "there was no tunnel");
                self.gate.metrics().upstream_error("handshake");
                exchange.tunnel = false;
                self.sorry(session, exchange, failure.status().as_u16()).await;
                Ok(())
            }
        }
    }

    fn guard(&self, inside: Inside, exchange: &mut Exchange) -> Option<Box<dyn Inspect>> {
        let Inside { caller, browser, step } = inside;
        let Step::Socket(sid) = step else { return None };
        let guard = match self.inside.peer_calls()?.websocket(sid.as_ref(), browser, self.gate.clock().now()) {
            Ok(guard) => guard,
            Err(refusal) => {
                self.gate.metrics().guard_refused("peercalls", refusal.code());
                return None;
            }
        };
        let joining = Joining { gate: self.gate.clone(), caller, kill: exchange.kill.kill_handle(), seat: exchange.seat.take() };
        let judged = Judged::new(Box::new(guard), Box::new(joining), &*self.chance).ok()?;
        Some(Box::new(judged))
    }
}

/// Counts a tunnel for as long as it lives, however it ends: one that is cut off is dropped with all that it holds.
struct Open {
    metrics: Arc<Metrics>,
    exchange: killable::Exchange,
    reason: Option<&'static str>,
}

impl Open {
    fn new(metrics: Arc<Metrics>, exchange: killable::Exchange) -> Self {
        metrics.tunnel_opened();
        Self { metrics, exchange, reason: None }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let cut = || self.exchange.ending().map_or("failed", |ending| ending.reason);
        self.metrics.tunnel_closed(self.reason.unwrap_or_else(cut));
    }
}

/// One connection that has not joined a room, or has: then it sits there.
struct Joining {
    gate: Arc<Gate>,
    caller: Caller,
    kill: Kill,
    /// First among those of the room that let it connect, then among those of the room it joined.
    seat: Option<Seat>,
}

/// A socket that is closed is no poll: its session is not inside for a while longer.
impl Drop for Joining {
    fn drop(&mut self) {
        if let Some(seat) = self.seat.take() {
            seat.gone();
        }
    }
}

#[async_trait]
impl Door for Joining {
    async fn admits(&mut self, room: &RoomName, _: bool) -> Result<(), String> {
        // Peer Calls tells nobody why.
        let no = || Err(String::new());
        let Ok(judged) = self.gate.judge(&self.caller, room, Moment::Staying).await else {
            return no();
        };
        let now = self.gate.clock().now();
        self.gate.metrics().decided(&judged.outcome.decision, std::time::Duration::ZERO);
        let (Decision::Admit(permit), Some(session)) = (&judged.outcome.decision, judged.session.as_deref()) else {
            return no();
        };
        let max = judged.entry.room.as_ref().and_then(|r| r.max_participants);
        match seat(&self.gate, &self.kill, session, permit, (Part::Signalling, max), now) {
            Ok(seat) => {
                seat.came_from(self.caller.whence.address, self.caller.whence.certain);
                self.seat = Some(seat);
                Ok(())
            }
            Err(_) => no(),
        }
    }

    fn refused(&mut self, protocol: &'static str, refusal: GuardRefusal, ends: bool) {
        tracing::debug!(protocol, %refusal, ends, "a guard kept a message back");
        self.gate.metrics().guard_refused(protocol, refusal.code());
    }
}

/// What kind of part an exchange of this kind takes.
pub(super) fn part(profile: &Profile, kind: Kind) -> Part {
    match kind {
        Kind::Signalling => Part::Signalling,
        // A server of which no signalling is known: whoever is active in its pages takes part.
        Kind::Page | Kind::Asset if !profile.knows_signalling() => Part::Signalling,
        Kind::Page | Kind::Asset => Part::Fetching,
    }
}
