//! How do bytes get from each side to the other, and how is that stopped at any moment?
//!
//! One task, two [`Lane`]s. All that a lane knows is in it, never in a future: a future may be dropped at any point, and the
//! goodbye takes the lane up where it stands.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use pingora::protocols::Stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::time::{Instant, timeout};

use super::ghost::Client;
use super::outline::{Gap, Outline};
use super::{End, FAREWELL, Flow, Inspect, PIECE, Reason, Side};
use crate::proxy::killable::{Ending, Exchange};

/// What is read at once where little comes. Grows with what comes.
const NIBBLE: usize = PIECE / 32;

/// How long one side may go on talking after the other has left.
const MONOLOGUE: Duration = Duration::from_secs(5);

/// How long we listen to a side that was told goodbye: closing at once with something unread would reset the connection, and
/// the goodbye might be lost on the way.
const LINGER: Duration = Duration::from_millis(500);

/// What a client is told whose server has left.
const SERVER_GONE: Ending = Ending { close: 1001, reason: "upstream-gone" };
const IDLE: Ending = Ending { close: 1001, reason: "idle" };

pub(super) struct Carry<'a> {
    /// From the client to the server.
    up: Lane,
    /// From the server to the client.
    down: Lane,
    inspect: &'a mut dyn Inspect,
    idle: Option<Duration>,
}

/// One direction.
struct Lane {
    from: ReadHalf<Stream>,
    to: WriteHalf<Stream>,
    buffer: BytesMut,
    appetite: usize,
    /// Read, judged, and not written yet.
    waiting: Bytes,
    /// Whole messages of ours, for the next gap.
    ours: VecDeque<Bytes>,
    /// What is left of the one of ours that is being written.
    ours_begun: Bytes,
    unflushed: bool,
    /// Of what has been written.
    outline: Outline,
    /// Nothing comes any more.
    ended: bool,
    /// Nothing can or shall be written any more.
    shut: bool,
    passed: u64,
}

enum Step {
    /// Something was written; there may be more.
    Wrote,
    /// Something came.
    Came(Bytes),
    /// Nothing more will come.
    Ended,
    /// All is written, nothing will come, and the other side has been told.
    Done,
    /// Reading failed.
    FromFailed,
    /// Writing failed.
    ToFailed,
}

impl Lane {
    fn new(from: ReadHalf<Stream>, to: WriteHalf<Stream>) -> Self {
        Self {
            from,
            to,
            buffer: BytesMut::new(),
            appetite: NIBBLE,
            waiting: Bytes::new(),
            ours: VecDeque::new(),
            ours_begun: Bytes::new(),
            unflushed: false,
            outline: Outline::default(),
            ended: false,
            shut: false,
            passed: 0,
        }
    }

    /// Whether messages of ours are on their way.
    fn has_ours(&self) -> bool {
        !self.ours.is_empty() || !self.ours_begun.is_empty()
    }

    /// Whether there is something that can be written now.
    fn is_laden(&self) -> bool {
        let ours = !self.ours_begun.is_empty() || (!self.ours.is_empty() && self.outline.is_in(Gap::Messages));
        ours || !self.waiting.is_empty() || self.unflushed
    }

    /// One step on: writes what there is to write, and else waits for something to come. Cancel safe.
    async fn step(&mut self) -> Step {
        if self.shut {
            return std::future::pending().await;
        }
        if self.is_laden() {
            return if self.write().await.is_ok() { Step::Wrote } else { Step::ToFailed };
        }
        if self.ended {
            self.ours.clear(); // there will be no gap for them
            let _ = self.to.shutdown().await;
            self.shut = true;
            return Step::Done;
        }
        match self.read().await {
            Ok(Some(bytes)) => Step::Came(bytes),
            Ok(None) => {
                self.ended = true;
                Step::Ended
            }
            Err(_) => {
                self.ended = true;
                Step::FromFailed
            }
        }
    }

    /// Cancel safe.
    async fn read(&mut self) -> io::Result<Option<Bytes>> {
        if self.buffer.capacity() > self.appetite {
            self.buffer = BytesMut::new();
        }
        self.buffer.reserve(self.appetite);
        let n = self.from.read_buf(&mut self.buffer).await?;
        self.appetite = if n >= self.appetite { self.appetite.saturating_mul(4).min(PIECE) } else { NIBBLE };
        Ok((n > 0).then(|| self.buffer.split().freeze()))
    }

    /// Writes once, or flushes. Cancel safe.
    async fn write(&mut self) -> io::Result<()> {
        if self.ours_begun.is_empty() && self.outline.is_in(Gap::Messages) {
            self.ours_begun = self.ours.pop_front().unwrap_or_default();
        }
        if !self.ours_begun.is_empty() {
            return self.write_ours().await;
        }
        // Where something of ours waits, no further than to the gap for it.
        let n = if self.ours.is_empty() { None } else { self.outline.until(Gap::Messages, &self.waiting) };
        if !self.waiting.is_empty() {
            return self.write_waiting(n.unwrap_or(self.waiting.len())).await;
        }
        self.to.flush().await?;
        self.unflushed = false;
        Ok(())
    }

    async fn write_ours(&mut self) -> io::Result<()> {
        let n = self.to.write(&self.ours_begun).await?;
        self.ours_begun.advance(n);
        self.unflushed = true;
        wrote_something(n)
    }

    async fn write_waiting(&mut self, most: usize) -> io::Result<()> {
        let n = self.to.write(self.waiting.get(..most).unwrap_or(&self.waiting)).await?;
        self.outline.walk(self.waiting.get(..n).unwrap_or_default());
        self.waiting.advance(n);
        self.passed = self.passed.saturating_add(u64::try_from(n).unwrap_or(0));
        self.unflushed = true;
        wrote_something(n)
    }

    /// Goes on exactly to the next gap between frames, reading on where need be; whether there is one. What of ours waits comes
    /// first where it fits.
    async fn reach_gap(&mut self) -> io::Result<bool> {
        loop {
            if self.ours_begun.is_empty() && self.outline.is_in(Gap::Messages) {
                self.ours_begun = self.ours.pop_front().unwrap_or_default();
            }
            if !self.ours_begun.is_empty() {
                self.write_ours().await?;
            } else if self.outline.is_in(Gap::Frames) {
                return Ok(true);
            } else if self.outline.is_over() {
                return Ok(false);
            } else if !self.waiting.is_empty() {
                let n = self.outline.until(Gap::Frames, &self.waiting).unwrap_or(self.waiting.len());
                self.write_waiting(n).await?;
            } else if self.ended {
                return Ok(false);
            } else if let Some(bytes) = self.read().await? {
                self.waiting = bytes;
            } else {
                self.ended = true;
            }
        }
    }
}

fn wrote_something(n: usize) -> io::Result<()> {
    if n == 0 { Err(io::ErrorKind::WriteZero.into()) } else { Ok(()) }
}

impl<'a> Carry<'a> {
    /// `early` is what the server sent together with its 101.
    pub(super) fn new(client: Client, server: Stream, early: Bytes, inspect: &'a mut dyn Inspect, idle: Option<Duration>) -> Self {
        let (from_client, to_client) = tokio::io::split(client.stream);
        let (from_server, to_server) = tokio::io::split(server);
        let mut carry = Self { up: Lane::new(from_client, to_server), down: Lane::new(from_server, to_client), inspect, idle };
        carry.up.buffer.extend_from_slice(&client.early);
        carry.up.ended = client.left;
        carry.down.unflushed = true; // the 101
        carry.down.buffer.extend_from_slice(&early);
        carry
    }

    /// Carries until it ends.
    pub(super) async fn run(mut self, exchange: &Exchange) -> End {
        let reason = self.carry(exchange).await;
        let said = timeout(FAREWELL, self.say_goodbye(reason)).await.is_ok();
        let end = End { reason, to_server: self.up.passed, to_client: self.down.passed };
        if said {
            tokio::spawn(timeout(LINGER, self.listen()));
        }
        end
    }

    async fn carry(&mut self, exchange: &Exchange) -> Reason {
        let mut killed = std::pin::pin!(exchange.ended());
        let mut last = Instant::now();
        // Who has left, and when we stop waiting for the other.
        let mut monologue: Option<(Instant, Reason)> = None;
        // Who was the first to say goodbye; then its closing of the connection is no news.
        let mut goodbye: Option<Reason> = None;

        let early = self.down.buffer.split().freeze();
        if let Some(reason) = self.judge_server(early) {
            return reason;
        }
        let early = self.up.buffer.split().freeze();
        if !early.is_empty()
            && let Some(reason) = self.judge_client(early, exchange).await
        {
            return reason;
        }
        loop {
            let over_at = match (monologue, self.idle) {
                (Some((at, reason)), _) => Some((at, reason)),
                (None, Some(idle)) => last.checked_add(idle).map(|at| (at, Reason::Idle)),
                (None, None) => None,
            };
            // Nobody is asked for more while answers of ours to what it said are on their way.
            let hears_client = !self.down.has_ours() || self.up.is_laden();
            let hears_server = !self.up.has_ours() || self.down.is_laden();
            tokio::select! {
                ending = &mut killed => return Reason::Killed(ending),
                step = self.up.step(), if hears_client => match step {
                    Step::Wrote => goodbye = goodbye.or(self.up.outline.said_goodbye().then_some(Reason::Client)),
                    Step::Came(bytes) => {
                        last = Instant::now();
                        if let Some(reason) = self.judge_client(bytes, exchange).await {
                            return reason;
                        }
                    }
                    Step::FromFailed => return Reason::Client,
                    Step::Ended => monologue = monologue.or_else(|| after_monologue(Reason::Client)),
                    Step::Done => {}
                    // It may still have something to say.
                    Step::ToFailed => {
                        self.up.shut = true;
                        monologue = monologue.or_else(|| after_monologue(Reason::Server));
                    }
                },
                step = self.down.step(), if hears_server => match step {
                    Step::Wrote => goodbye = goodbye.or(self.down.outline.said_goodbye().then_some(Reason::Server)),
                    Step::Came(bytes) => {
                        last = Instant::now();
                        if let Some(reason) = self.judge_server(bytes) {
                            return reason;
                        }
                    }
                    // Nothing was waiting when this came: all that the server said has been delivered.
                    Step::Ended | Step::FromFailed | Step::Done => {
                        return goodbye.or(monologue.map(|(_, reason)| reason)).unwrap_or(Reason::Server);
                    }
                    Step::ToFailed => return Reason::Client,
                },
                () = tokio::time::sleep_until(over_at.map_or_else(Instant::now, |(at, _)| at)), if over_at.is_some() => {
                    return over_at.map_or(Reason::Idle, |(_, reason)| reason);
                }
            }
        }
    }

    async fn judge_client(&mut self, bytes: Bytes, exchange: &Exchange) -> Option<Reason> {
        let flow = tokio::select! {
            biased;
            ending = exchange.ended() => return Some(Reason::Killed(ending)),
            flow = self.inspect.client(bytes) => flow,
        };
        apply(flow, &mut self.up, &mut self.down)
    }

    fn judge_server(&mut self, bytes: Bytes) -> Option<Reason> {
        if bytes.is_empty() {
            return None;
        }
        apply(self.inspect.server(bytes), &mut self.down, &mut self.up)
    }

    /// Tells both sides, unless the client left of its own accord, and closes our side of both connections.
    async fn say_goodbye(&mut self, reason: Reason) {
        let ending = match reason {
            Reason::Killed(ending) | Reason::Inspected(ending) => Some(ending),
            Reason::Idle => Some(IDLE),
            Reason::Server => Some(SERVER_GONE),
            Reason::Client => None,
        };
        let Self { up, down, inspect, .. } = self;

        // A client's frame that has begun is not completed: that would take the client's help.
        let to_tell = ending.filter(|_| !up.shut && reason != Reason::Server && up.ours_begun.is_empty() && up.outline.is_in(Gap::Frames));
        let last_word = to_tell.map(|ending| inspect.goodbye(Side::Server, ending, !up.outline.is_in(Gap::Messages)));
        let to_server = async {
            if let Some(last_word) = last_word {
                let _ = up.to.write_all(&last_word).await;
                let _ = up.to.flush().await;
            }
            let _ = up.to.shutdown().await;
        };
        let to_client = async {
            if let Some(ending) = ending
                && let Ok(true) = down.reach_gap().await
            {
                let last_word = inspect.goodbye(Side::Client, ending, !down.outline.is_in(Gap::Messages));
                let _ = down.to.write_all(&last_word).await;
            }
            let _ = down.to.flush().await;
            let _ = down.to.shutdown().await;
        };
        // A server that does not read must not cost the client its goodbye.
        let _ = tokio::join!(timeout(FAREWELL.div_f32(2.0), to_server), to_client);
    }

    /// Reads what still comes, for nobody.
    fn listen(self) -> impl Future<Output = ()> + Send + 'static {
        let (mut client, mut server) = (self.up.from, self.down.from);
        // Kept until then: a connection is closed when both of its halves are gone.
        let ours = (self.up.to, self.down.to);
        async move {
            let mut nowhere = (tokio::io::sink(), tokio::io::sink());
            let _ = tokio::join!(tokio::io::copy(&mut client, &mut nowhere.0), tokio::io::copy(&mut server, &mut nowhere.1));
            drop(ours);
        }
    }
}

/// Puts what becomes of bytes into the lane that they came on, and into the other one.
fn apply(flow: Flow, onward: &mut Lane, backward: &mut Lane) -> Option<Reason> {
    if !flow.back.is_empty() {
        backward.ours.push_back(flow.back);
    }
    if flow.end.is_none() {
        onward.waiting = flow.on;
    }
    flow.end.map(Reason::Inspected)
}

fn after_monologue(reason: Reason) -> Option<(Instant, Reason)> {
    Instant::now().checked_add(MONOLOGUE).map(|at| (at, reason))
}
