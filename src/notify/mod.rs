//! **News to the outside**: who is told what happened, and how is it made sure that they hear of it?
//!
//! The store's trail is the queue: an order writes its event in the same step, and each hook has its own place in the trail, kept in
//! the store as well. So nothing has to be handed over in time, nothing is lost with the process, and no visitor waits for a
//! receiver: delivery reads what is there already. One task a hook; they know nothing of each other.

mod chat;
mod courier;
mod message;
mod patience;
mod post;
mod sign;
#[cfg(test)]
pub(crate) mod tests;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::chance::Chance;
use crate::clock::Clock;
use crate::config::Webhook;
use crate::metrics::Metrics;
use crate::store::Store;

use courier::Courier;
use post::Clients;
pub use post::NoClient;

/// What couriers take from the house.
struct Edges {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Chance>,
    metrics: Arc<Metrics>,
    /// How browsers reach us, for links to the door.
    origin: String,
    clients: Clients,
}

/// All hooks. They run until [`Notifier::stop`], or until it is dropped.
pub struct Notifier {
    edges: Arc<Edges>,
    running: Mutex<Vec<Running>>,
    stop: CancellationToken,
}

struct Running {
    hook: Arc<Webhook>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Notifier {
    /// With no hooks yet. `origin` is how browsers reach us (`https://meet.example.org`).
    ///
    /// # Errors
    /// Where TLS cannot be had.
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        chance: Arc<dyn Chance>,
        metrics: Arc<Metrics>,
        origin: String,
    ) -> Result<Self, NoClient> {
        let edges = Edges { store, clock, chance, metrics, origin, clients: Clients::new()? };
        Ok(Self { edges: Arc::new(edges), running: Mutex::default(), stop: CancellationToken::new() })
    }

    /// These hooks from now on: one that is the same goes on, one that was changed goes on from where it was, one that is new begins
    /// with what happens after this returned.
    pub async fn set(&self, hooks: &[Webhook]) {
        let mut running = self.running.lock().await;
        if self.stop.is_cancelled() {
            return;
        }
        // Whoever was told that no more is wanted has finished, and is asked again.
        let same = |r: &Running| hooks.contains(&r.hook) && !r.task.is_finished();
        let (mut all, mut gone): (Vec<Running>, Vec<Running>) = std::mem::take(&mut *running).into_iter().partition(same);
        gone.iter().for_each(|gone| gone.stop.cancel());
        let from = *self.edges.store.facts().trail().borrow();
        for hook in hooks {
            if all.iter().any(|r| *r.hook == *hook) {
                continue;
            }
            let before = gone.iter().position(|r| r.hook.name == hook.name).map(|at| gone.swap_remove(at));
            let (hook, stop) = (Arc::new(hook.clone()), self.stop.child_token());
            let courier = Courier::new(hook.clone(), self.edges.clone(), stop.clone(), from);
            let task = match before {
                // Two of one name must not run at once.
                Some(before) => tokio::spawn(async move {
                    let _ = before.task.await;
                    if let Some(courier) = courier.await {
                        courier.run().await;
                    }
                }),
                None => match courier.await {
                    Some(courier) => tokio::spawn(courier.run()),
                    None => continue,
                },
            };
            all.push(Running { hook, stop, task });
        }
        *running = all;
    }

    /// Begins nothing more, and waits so long for what is under way.
    pub async fn stop(&self, patience: Duration) {
        self.stop.cancel();
        let running = std::mem::take(&mut *self.running.lock().await);
        let ends = async {
            for running in running {
                // One that failed is over as well.
                let _ = running.task.await;
            }
        };
        let _ = tokio::time::timeout(patience, ends).await;
    }
}

impl Drop for Notifier {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
