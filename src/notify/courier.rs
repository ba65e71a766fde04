//! How does one hook hear of everything, in order, and of nothing twice that it has taken?
//!
//! A courier goes along the trail from where it was. What it has told, it notes in the store, and only then; so whatever ends it
//! between the two, the same message with the same id comes once more. It waits for nobody but its receiver, and nobody waits for it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::message::{Message, messages};
use super::patience;
use super::post::{Failure, Letter};
use super::sign::signature;
use super::{Edges, chat};
use crate::access::{Id, Timestamp};
use crate::config::{HookShape, Webhook};
use crate::store::{Event, Position, StoreError, What};

/// So many events are read at once.
const PAGE: usize = 64;

/// What follows within this time is read in one go: a crowd at the doors does not keep the store busy with as many questions.
const GATHER: Duration = Duration::from_millis(20);

/// The store is told of progress at most so often while there is more to do, so that a hook in haste does not keep it busy.
const NOTE_EVERY: Duration = Duration::from_millis(200);

/// How often the clock is looked at while waiting for a time to come.
const LOOK: Duration = Duration::from_millis(250);

/// A store that fails is asked again after this.
const STORE_AGAIN: Duration = Duration::from_secs(2);

/// Of so many meetings it is remembered when they began.
const MEETINGS: usize = 10_000;

/// One hook's way along the trail.
pub(super) struct Courier {
    hook: Arc<Webhook>,
    url: Url,
    /// The topic, with `ntfy`.
    topic: String,
    edges: Arc<Edges>,
    stop: CancellationToken,
    position: Position,
    /// When the store was last told, and of what number.
    noted: (tokio::time::Instant, u64),
    /// So many messages of the next event are told already.
    told: usize,
    /// Whether the store failed, or an event was given up, and that was said.
    store_failed: bool,
    giving_up: bool,
    began: HashMap<Id, Timestamp>,
}

/// There is nothing more to do for this courier.
struct Over;

impl Courier {
    /// Starts where the store knows that the hook was, or, where it is new, at this number: the store hears of that at once.
    pub(super) async fn new(hook: Arc<Webhook>, edges: Arc<Edges>, stop: CancellationToken, from: u64) -> Option<Self> {
        let (url, topic) = address(&hook)?;
        let known = edges.store.position(&hook.name).await;
        let new = Position { number: from, attempts: 0, next: edges.clock.now() };
        let position = match known {
            // A trail that is shorter than that is another one.
            Ok(Some(known)) if known.number <= from => Position { next: edges.clock.now(), ..known },
            Ok(_) => {
                if let Err(error) = edges.store.set_position(&hook.name, new).await {
                    tracing::error!(hook = hook.name, %error, "where a new webhook begins could not be written down");
                }
                new
            }
            Err(error) => {
                tracing::error!(hook = hook.name, %error, "how far a webhook was could not be read: it goes on with what happens now");
                new
            }
        };
        let noted = (tokio::time::Instant::now(), position.number);
        Some(Self { hook, url, topic, edges, stop, position, noted, told: 0, store_failed: false, giving_up: false, began: HashMap::new() })
    }

    /// Goes on until stopped, or until its receiver wants no more.
    pub(super) async fn run(mut self) {
        let mut latest = self.edges.store.facts().trail();
        while self.go_on(&mut latest).await.is_ok() {}
        self.note().await;
    }

    /// Tells what there is, or waits until there is more.
    async fn go_on(&mut self, latest: &mut watch::Receiver<u64>) -> Result<(), Over> {
        if *latest.borrow_and_update() <= self.position.number {
            self.note().await;
            tokio::select! {
                () = self.stop.cancelled() => return Err(Over),
                // Whoever tells of them is gone with the store.
                changed = latest.changed() => changed.map_err(|_| Over)?,
            }
            return self.rest(GATHER).await;
        }
        match self.edges.store.trail(self.position.number, PAGE).await {
            Ok(events) if !events.is_empty() => {
                self.store_failed = false;
                for event in &events {
                    self.carry(event).await?;
                }
                Ok(())
            }
            // It will show in a moment what it has told of.
            Ok(_) => self.rest(STORE_AGAIN).await,
            Err(error) => {
                self.store_fails(&error);
                self.rest(STORE_AGAIN).await
            }
        }
    }

    /// Tells of one event until it is taken or given up.
    async fn carry(&mut self, event: &Event) -> Result<(), Over> {
        if event.what == What::MeetingStarted
            && let Some(id) = event.meeting.filter(|_| self.began.len() < MEETINGS)
        {
            self.began.insert(id, event.at);
        }
        let wanted: Vec<Message<'_>> = if self.hook.means(event.room.as_str()) {
            messages(event).filter(|m| self.hook.events.contains(&m.kind)).collect()
        } else {
            Vec::new()
        };
        let began = event.meeting.and_then(|id| self.began.get(&id).copied());
        self.told = 0;
        while let Some(message) = wanted.get(self.told) {
            if self.stop.is_cancelled() {
                return Err(Over);
            }
            self.until(self.position.next).await?;
            let now = self.edges.clock.now();
            if now.since(event.at) > patience::FOR {
                wanted.iter().skip(self.told).for_each(|message| self.give_up(message, "it is a day old"));
                break;
            }
            let letter = self.letter(message, began, now);
            match self.edges.clients.send(&letter, now).await {
                Ok(()) => {
                    self.took(message);
                    self.told = self.told.saturating_add(1);
                }
                Err(failure) => self.failed(message, failure).await?,
            }
        }
        if event.what == What::MeetingEnded
            && let Some(id) = event.meeting
        {
            self.began.remove(&id);
        }
        self.position = Position { number: event.number, attempts: 0, next: self.edges.clock.now() };
        // What was not for this hook is not worth writing down: it is passed over again in no time.
        if !wanted.is_empty() && self.noted.0.elapsed() >= NOTE_EVERY {
            self.note().await;
        }
        Ok(())
    }

    fn took(&mut self, message: &Message<'_>) {
        if self.position.attempts > 0 || self.giving_up {
            tracing::info!(hook = self.hook.name, url = %self.hook.url, id = message.id(), "a webhook is taken again");
        }
        self.giving_up = false;
        self.position.attempts = 0;
        self.position.next = self.edges.clock.now();
        self.edges.metrics.webhook("delivered");
    }

    async fn failed(&mut self, message: &Message<'_>, failure: Failure) -> Result<(), Over> {
        let now = self.edges.clock.now();
        self.position.attempts = self.position.attempts.saturating_add(1);
        let attempts = self.position.attempts;
        let (hook, url, id, kind) = (&self.hook.name, &self.hook.url, message.id(), message.kind.code());
        match failure {
            Failure::Gone => {
                tracing::error!(hook, %url, id, "a webhook answered 410: it wants no more, and gets nothing until the configuration is read anew");
                return Err(Over);
            }
            Failure::Refused(_) if attempts >= patience::REFUSED => {
                self.give_up(message, &failure.to_string());
                self.told = self.told.saturating_add(1);
                self.position.attempts = 0;
                self.position.next = now;
                return Ok(());
            }
            Failure::Target => self.edges.metrics.webhook("refused-target"),
            Failure::Unreachable | Failure::TimedOut | Failure::Refused(_) | Failure::Status(..) => self.edges.metrics.webhook("retried"),
        }
        let mut bytes = [0; 2];
        // Without chance the waits are longer, and that is all.
        let _ = self.edges.chance.fill(&mut bytes);
        let asked = if let Failure::Status(_, asked) = failure { asked.unwrap_or_default() } else { Duration::ZERO };
        let wait = patience::wait(attempts, u16::from_be_bytes(bytes)).max(asked);
        self.position.next = now.plus(wait);
        // Loud once, then quiet.
        if attempts == 1 {
            tracing::warn!(hook, %url, id, kind, %failure, "a webhook was not taken: it is tried again");
        } else {
            tracing::debug!(hook, %url, id, kind, %failure, attempts, seconds = wait.as_secs(), "a webhook was not taken again");
        }
        self.write(self.position).await;
        Ok(())
    }

    fn give_up(&mut self, message: &Message<'_>, why: &str) {
        self.edges.metrics.webhook("given-up");
        let (hook, url, id, kind) = (&self.hook.name, &self.hook.url, message.id(), message.kind.code());
        if self.giving_up {
            tracing::debug!(hook, %url, id, kind, why, "a webhook is given up");
        } else {
            tracing::error!(hook, %url, id, kind, why, "a webhook is given up, and the next event's turn has come; more of the kind is told at level debug");
        }
        self.giving_up = true;
    }

    fn letter(&self, message: &Message<'_>, began: Option<Timestamp>, now: Timestamp) -> Letter {
        let body = match self.hook.shape {
            HookShape::Events => message.envelope(began),
            HookShape::Slack => chat::slack(message, &self.edges.origin, now),
            HookShape::Ntfy => chat::ntfy(message, &self.edges.origin, &self.topic, now),
        };
        let body = body.to_string().into_bytes();
        let timestamp = now.as_secs().to_string();
        let signature = signature(&self.hook.secrets, &timestamp, &body);
        Letter { url: self.url.clone(), private: self.hook.private, body, timestamp, signature }
    }

    /// Writes down how far it is.
    async fn note(&mut self) {
        if self.noted.1 != self.position.number {
            self.write(self.position).await;
        }
    }

    async fn write(&mut self, position: Position) {
        match self.edges.store.set_position(&self.hook.name, position).await {
            Ok(()) => self.noted = (tokio::time::Instant::now(), position.number),
            Err(error) => self.store_fails(&error),
        }
    }

    fn store_fails(&mut self, error: &StoreError) {
        if !self.store_failed {
            tracing::error!(hook = self.hook.name, %error, "the store fails a webhook: it is asked again");
        }
        self.store_failed = true;
    }

    /// Waits until a moment has come.
    async fn until(&self, moment: Timestamp) -> Result<(), Over> {
        loop {
            let left = moment.since(self.edges.clock.now());
            if left.is_zero() {
                return Ok(());
            }
            self.rest(left.min(LOOK)).await?;
        }
    }

    async fn rest(&self, long: Duration) -> Result<(), Over> {
        tokio::select! {
            () = self.stop.cancelled() => Err(Over),
            () = tokio::time::sleep(long) => Ok(()),
        }
    }
}

/// Where messages go, and, with `ntfy`, about which topic: JSON is published to the server itself.
fn address(hook: &Webhook) -> Option<(Url, String)> {
    let mut url = match Url::parse(hook.url.expose()) {
        Ok(url) => url,
        Err(_) => {
            tracing::error!(hook = hook.name, url = %hook.url, "a webhook's address is none: it gets nothing");
            return None;
        }
    };
    if hook.shape != HookShape::Ntfy {
        return Some((url, String::new()));
    }
    let topic = url.path().trim_start_matches('/').to_owned();
    url.set_path("/");
    Some((url, topic))
}
