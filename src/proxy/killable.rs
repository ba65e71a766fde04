//! How is one running exchange ended from elsewhere?
//!
//! An *exchange* is one request and everything that follows from it: a long poll, an event stream, an upload, an HTTP/2 stream,
//! a tunnel. [`Killable`] wraps the proxy, gives each exchange an [`Exchange`] that the code inside finds with [`current`], and
//! drops the exchange's future when its [`Kill`] says so. Dropping closes an HTTP/1 connection and resets an HTTP/2 stream
//! (`CANCEL`); sibling streams live on. It does not run `ProxyHttp::logging`: what must be counted belongs in the context's `Drop`.
//!
//! A tunnel wants to leave with a close frame instead. It says so with [`Exchange::leaves_itself`], waits for [`Exchange::ended`],
//! and has [`GRACE`] to be gone before it is dropped like all others.

use std::fmt;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use pingora::apps::{HttpServerApp, HttpServerOptions, ReusedHttpStream};
use pingora::protocols::http::ServerSession;
use pingora::protocols::http::v2::server::H2Options;
use pingora::server::ShutdownWatch;
use tokio::sync::Notify;

use crate::proxy::guarded;

/// How long an exchange that [leaves by itself](Exchange::leaves_itself) may take over it.
pub const GRACE: Duration = Duration::from_millis(800);

/// Why an exchange ends before its time, in the words that its client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    /// The WebSocket close code (RFC 6455 section 7.4), for exchanges that have become a WebSocket.
    pub close: u16,
    /// The stable code: close reason, log field and metric label.
    pub reason: &'static str,
}

tokio::task_local! {
    static LIVE: Exchange;
}

/// The exchange that runs in this task. To be called where the request begins (`ProxyHttp::new_ctx`): it also tells the
/// [guard](crate::proxy::guarded) of the connection that the request's head is complete.
///
/// Outside of [`Killable`] this is an exchange that nobody ends.
pub fn current() -> Exchange {
    guarded::request_begun();
    LIVE.try_with(Clone::clone).unwrap_or_default()
}

/// One running exchange, as it sees itself. Clones are the same exchange.
#[derive(Clone, Default)]
pub struct Exchange(Arc<State>);

#[derive(Default)]
struct State {
    ending: OnceLock<Ending>,
    told: Notify,
    leaves_itself: AtomicBool,
}

impl Exchange {
    /// The handle for those who may end it: keep it as long as the exchange lives.
    pub fn kill_handle(&self) -> Kill {
        Kill(self.0.clone())
    }

    /// From now on the exchange sees to its own ending, within [`GRACE`] (a tunnel says goodbye first).
    pub fn leaves_itself(&self) {
        self.0.leaves_itself.store(true, Ordering::Release);
    }

    /// Returns once somebody ended it; never, where nobody does. Cancel safe, and may be asked again.
    pub async fn ended(&self) -> Ending {
        loop {
            let mut told = std::pin::pin!(self.0.told.notified());
            // Registered before the look: an ending between the two is not missed.
            told.as_mut().enable();
            if let Some(ending) = self.0.ending.get() {
                return *ending;
            }
            told.await;
        }
    }

    /// Whether, and why, somebody ended it.
    pub fn ending(&self) -> Option<Ending> {
        self.0.ending.get().copied()
    }

    /// Returns when the exchange has to be dropped.
    async fn overdue(&self) {
        self.ended().await;
        if self.0.leaves_itself.load(Ordering::Acquire) {
            tokio::time::sleep(GRACE).await;
        }
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").field("ending", &self.ending()).finish_non_exhaustive()
    }
}

/// Ends one exchange, from any thread. Clones end the same one.
#[derive(Clone)]
pub struct Kill(Arc<State>);

impl Kill {
    /// Ends it; the first word counts. Returns whether this was the first.
    pub fn end(&self, ending: Ending) -> bool {
        let first = self.0.ending.set(ending).is_ok();
        if first {
            self.0.told.notify_waiters();
        }
        first
    }

    /// The same, but only for what [leaves by itself](Exchange::leaves_itself): what ends anyway is left to end.
    pub fn end_tunnel(&self, ending: Ending) -> bool {
        self.0.leaves_itself.load(Ordering::Acquire) && self.end(ending)
    }
}

impl fmt::Debug for Kill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kill").field("ending", &self.0.ending.get()).finish_non_exhaustive()
    }
}

/// An HTTP application whose exchanges can be ended one by one. Wrap `pingora::proxy::http_proxy(..)` in it.
pub struct Killable<A>(Arc<A>);

impl<A> Killable<A> {
    /// Wraps it.
    pub fn new(app: A) -> Self {
        Self(Arc::new(app))
    }
}

#[async_trait]
impl<A: HttpServerApp + Send + Sync + 'static> HttpServerApp for Killable<A> {
    async fn process_new_http(self: &Arc<Self>, session: ServerSession, shutdown: &ShutdownWatch) -> Option<ReusedHttpStream> {
        guarded::request_awaited();
        let exchange = Exchange::default();
        let work = LIVE.scope(exchange.clone(), self.0.process_new_http(session, shutdown));
        tokio::select! {
            biased;
            again = work => again,
            () = exchange.overdue() => None,
        }
    }

    fn h2_options(&self) -> Option<H2Options> {
        self.0.h2_options().or_else(|| Some(guarded::h2_options()))
    }

    fn server_options(&self) -> Option<&HttpServerOptions> {
        self.0.server_options()
    }

    async fn http_cleanup(&self) {
        self.0.http_cleanup().await;
    }
}

#[cfg(test)]
pub(in crate::proxy) mod lab;
#[cfg(test)]
mod tests;
