//! Who inside must leave, now that something changed or a time has come?
//!
//! One task. It hears every [`Change`] and every new set of rooms, and asks [`review`] again about those it concerns; and it looks
//! at the clock a few times a second for those whose time comes. It also keeps meetings alive and ends them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::Participant;
use super::roll::Roll;
use crate::access::{Ending, Id, Privacy, Review, Room, RoomName, Standing, Timestamp, review};
use crate::gate::{Gate, Word};
use crate::store::Change;

/// How often the clock is looked at. An ending is at most this late.
const TICK: Duration = Duration::from_millis(100);
/// How often the slow work is done: forgetting, meetings.
const SLOW: Duration = Duration::from_secs(1);

/// How often old knocks are forgotten.
const RARE: Duration = Duration::from_secs(300);

/// Runs until stopped.
pub async fn run(gate: Arc<Gate>, stop: CancellationToken) {
    let mut changes = gate.store().changes();
    let mut rooms = gate.directory().changes();
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut due = Due::default();
    let mut slow = tokio::time::Instant::now();
    let mut asking: Option<JoinHandle<()>> = None;
    let (tell, mut looked_up) = mpsc::unbounded_channel();
    tokio::spawn(keep_meetings(gate.clone(), stop.clone()));
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            change = changes.recv() => match change {
                Ok(change) => on_change(&gate, &change, &mut due),
                // Too many at once to hear them one by one: everybody is asked about.
                Err(RecvError::Lagged(_)) => all(&gate, None, &mut due),
                Err(RecvError::Closed) => return,
            },
            changed = rooms.changed() => match changed {
                Ok(()) => all(&gate, None, &mut due),
                Err(_) => return,
            },
            Some(room) = looked_up.recv() => all(&gate, Some(&room), &mut due),
            _ = tick.tick() => {
                gather(&gate, &mut due);
                on_time(&gate, &mut due);
                if !due.forgotten.is_empty() && asking.as_ref().is_none_or(JoinHandle::is_finished) {
                    asking = Some(tokio::spawn(look_up(gate.clone(), std::mem::take(&mut due.forgotten), tell.clone())));
                }
                if slow.elapsed() >= SLOW {
                    slow = tokio::time::Instant::now();
                    gate.live().sweep(gate.clock().now());
                    due.forget(|session| gate.live().participant(session).is_some());
                }
            }
        }
    }
}

/// Where no source answers, those inside are asked about again, and so is it, with a later look at the clock. Nobody else waits for it.
async fn look_up(gate: Arc<Gate>, rooms: BTreeSet<RoomName>, tell: mpsc::UnboundedSender<RoomName>) {
    for room in rooms {
        let _ = gate.entry(&room).await;
        // Nobody listens any more where the gateway stops.
        let _ = tell.send(room);
    }
}

/// What is written down, by a task of its own: a store that is slow, or busy with many rooms, must not keep anybody inside.
async fn keep_meetings(gate: Arc<Gate>, stop: CancellationToken) {
    let mut tick = tokio::time::interval(SLOW);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut forgot = tokio::time::Instant::now();
    let mut roll = Roll::default();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = tick.tick() => {
                meetings(&gate).await;
                roll.call(&gate).await;
                if forgot.elapsed() >= RARE {
                    forgot = tokio::time::Instant::now();
                    forget(&gate).await;
                }
            }
        }
    }
}

/// Whose time comes when. A session may stand here several times; it is asked about each time.
#[derive(Default)]
struct Due {
    queue: BTreeSet<(Timestamp, Id)>,
    /// From this length on it is worth looking for those who are gone.
    crowded: usize,
    /// Rooms with people inside that the directory does not remember at this moment: to be looked up.
    forgotten: BTreeSet<RoomName>,
}

/// A queue shorter than this is never looked through.
const CROWD: usize = 1024;

impl Due {
    /// Takes those out who are gone: their times may lie days ahead, and each request of somebody without cookies is somebody new.
    /// Looks only when the queue has doubled since it last did.
    fn forget(&mut self, lives: impl Fn(Id) -> bool) {
        if self.queue.len() > self.crowded.max(CROWD) {
            self.queue.retain(|(_, session)| lives(*session));
            self.crowded = self.queue.len().saturating_mul(2);
        }
    }
}

fn on_change(gate: &Gate, change: &Change, due: &mut Due) {
    match change {
        Change::Barred(barred) => all(gate, Some(&barred.room), due),
        // Nobody else's: a crowd that knocks must not have all those inside asked about each time.
        Change::Knock(knock) => {
            let whose = gate.live().participants(Some(&knock.room)).into_iter().filter(|p| p.visitor() == knock.visitor);
            whose.for_each(|participant| one(gate, &participant, due));
        }
        Change::Revoked(_) => all(gate, None, due),
        Change::Unbarred(..) | Change::Remembered(..) | Change::Meeting(_) | Change::MeetingEnded(_) => {}
    }
}

fn all(gate: &Gate, room: Option<&RoomName>, due: &mut Due) {
    for participant in gate.live().participants(room) {
        one(gate, &participant, due);
    }
}

fn one(gate: &Gate, participant: &Participant, due: &mut Due) {
    let room = participant.permit().room().clone();
    if gate.directory().known(&room).is_none() {
        due.forgotten.insert(room);
    }
    match ask(gate, participant) {
        Review::Stay { until: Some(at) } => drop(due.queue.insert((at, participant.session()))),
        Review::Stay { until: None } => {}
        Review::Leave(ending) => end(gate, participant, ending),
    }
}

/// Asks [`review`] about one participant, with the facts of this moment.
pub fn ask(gate: &Gate, participant: &Participant) -> Review {
    let permit = participant.permit();
    let facts = gate.store().facts();
    let entry = gate.directory().known(permit.room());
    let revocations = facts.revocations();
    let word = Word::of_permit(facts, &permit, participant.visitor(), participant.session(), participant.last_address());
    // What the directory does not remember at this moment is not gone: only its word that there is no such room counts. Until it has
    // been asked again the room has no rules of its own; bans, revocations and the token's own time hold all the same.
    let forgotten = entry.is_none().then(|| Room::new(permit.room().clone(), Privacy::Private { knocking: false }));
    let standing = Standing {
        room: forgotten.as_ref().or(entry.as_ref().and_then(|e| e.room.as_ref())),
        revocations: &revocations,
        bar: word.bar,
        knock: word.own(facts, permit.room(), participant.visitor()),
    };
    let now = gate.clock().now();
    match review(&permit, &standing, now) {
        Review::Stay { until } if forgotten.is_some() => Review::Stay { until: until.into_iter().chain([now.plus(TICK)]).min() },
        answer @ (Review::Stay { .. } | Review::Leave(_)) => answer,
    }
}

fn end(gate: &Gate, participant: &Participant, ending: Ending) {
    // Asked about again while it is leaving, it leaves once.
    if participant.end(ending) {
        tracing::info!(room = %participant.permit().room(), session = %participant.session(), reason = ending.code(), "ended a live session");
        gate.metrics().ended(ending);
    }
}

/// Those who came in since: their times go into the queue.
fn gather(gate: &Gate, due: &mut Due) {
    for participant in gate.live().arrivals() {
        one(gate, &participant, due);
    }
}

fn on_time(gate: &Gate, due: &mut Due) {
    let now = gate.clock().now();
    while let Some((at, session)) = due.queue.first().copied() {
        if at > now {
            return;
        }
        due.queue.pop_first();
        if let Some(participant) = gate.live().participant(session) {
            one(gate, &participant, due);
        }
    }
}

async fn meetings(gate: &Gate) {
    let now = gate.clock().now();
    let grace = gate.config().meeting.grace;
    // Often enough that a crash loses little of the grace, seldom enough that it costs nothing.
    let fresh = grace.min(Duration::from_secs(60)).div_f32(4.0);
    for room in gate.live().rooms(now) {
        let known = gate.store().facts().meeting(&room);
        if known.is_some_and(|m| now.since(m.alive) < fresh) {
            continue;
        }
        let Ok(id) = gate.chance().id() else { continue };
        if let Err(error) = gate.store().alive(id, &room, now).await {
            tracing::error!(%room, %error, "could not note that a meeting goes on");
        }
    }
    for meeting in gate.store().facts().meetings() {
        if now.since(meeting.alive) < grace || gate.live().count(&meeting.room, now) > 0 {
            continue;
        }
        if let Err(error) = gate.store().end_quiet_meeting(&meeting.room, now.minus(grace), now).await {
            tracing::error!(room = %meeting.room, %error, "could not end a meeting");
        }
    }
}

/// Forgets what nobody waits for any more.
async fn forget(gate: &Gate) {
    if let Err(error) = gate.store().sweep(gate.clock().now()).await {
        tracing::error!(%error, "could not forget old knocks");
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects)]
    use super::*;

    #[test]
    fn who_is_gone_is_not_waited_for_however_far_ahead_their_time_lies() {
        let mut due = Due::default();
        let id = |n: u32| Id::new(u128::from(n).to_be_bytes());
        let far = Timestamp::from_secs(4_000_000_000);
        for n in 0..100_000 {
            due.queue.insert((far, id(n)));
            due.forget(|session| session < id(10));
            assert!(due.queue.len() <= CROWD + 11, "{n}: {}", due.queue.len());
        }
        assert!((0..10).all(|n| due.queue.contains(&(far, id(n)))), "those who are here stay in it");
    }
}
