//! Puts everything together: the only file that knows all the others.
//!
//! [`Gateway::start`] is what `roomgate serve`, `roomgate demo` and the tests call: there is one gateway, not a tested one and a
//! real one.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pingora::proxy::http_proxy;
use pingora::server::configuration::ServerConf;
use tokio_util::sync::CancellationToken;

use crate::access::TokenFault;
use crate::admin;
use crate::chance::{Chance, SystemChance};
use crate::clock::{Clock, SystemClock};
use crate::config::{self, Config};
use crate::directory::Directory;
use crate::gate::seal::Sealer;
use crate::gate::{CookieStyle, Cookies, Gate, Parts};
use crate::handover::Sockets;
use crate::live::reviewer;
use crate::metrics::Metrics;
use crate::notify::{NoClient, Notifier};
use crate::proxy::Proxy;
use crate::proxy::guarded::{Guarded, Limits, server_options};
use crate::proxy::inside::Signalling;
use crate::proxy::killable::Killable;
use crate::proxy::listen::{self, Listening, Running};
use crate::proxy::tls::{Certificates, TlsError};
use crate::reload;
use crate::store::{MemoryStore, SqliteStore, Store, StoreError};
use crate::token::{self, Algorithm, KeyError, Verifier};
use crate::upstream::Upstream;
use crate::web;

/// What a gateway takes from the world, and a test hands to it instead.
pub struct Edges {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Random bytes.
    pub chance: Arc<dyn Chance>,
    /// Sockets that listen already, in place of `server.listen`.
    pub sockets: Option<Vec<TcpListener>>,
    /// The same for `server.admin_listen`.
    pub admin: Option<TcpListener>,
    /// How much one client may ask for.
    pub limits: Limits,
}

impl Default for Edges {
    fn default() -> Self {
        Self { clock: Arc::new(SystemClock), chance: Arc::new(SystemChance), sockets: None, admin: None, limits: Limits::default() }
    }
}

/// Why a gateway does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A socket could not be had.
    #[error("{0}")]
    Listen(#[from] std::io::Error),
    /// The store could not be opened.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// A token key is none.
    #[error("{0}")]
    Key(#[from] KeyError),
    /// The certificate is none.
    #[error("{0}")]
    Tls(#[from] TlsError),
    /// There is nothing to send webhooks with.
    #[error("{0}")]
    Webhooks(#[from] NoClient),
    /// There is nothing to seal sessions with.
    #[error("no session secret: state `session.secret_file`")]
    Secret,
    /// Two series of metrics have one name.
    #[error("{0}")]
    Metrics(#[from] prometheus::Error),
}

/// How often a gateway that stops looks whether it is done.
const LOOK: Duration = Duration::from_millis(20);

/// So long a gateway that stops waits for a webhook that is under way: cut off, it would be told once more.
const LAST_WORD: Duration = Duration::from_secs(2);

/// A running gateway.
pub struct Gateway {
    gate: Arc<Gate>,
    notifier: Arc<Notifier>,
    listeners: Vec<Running>,
    admin: Option<SocketAddr>,
    /// To be handed over. While they are open the system queues connections, so they go first when this gateway stops.
    sockets: Option<Arc<Sockets>>,
    stop: CancellationToken,
    stop_admin: CancellationToken,
    reload: Arc<tokio::sync::Notify>,
    ready: Arc<AtomicBool>,
}

impl Gateway {
    /// Starts it on the current tokio runtime. `live` follows the files that the configuration was read from.
    ///
    /// # Errors
    /// Where something it needs cannot be had: then nothing is left running.
    pub async fn start(config: Arc<Config>, live: Option<config::Live>, edges: Edges) -> Result<Self, StartError> {
        install_crypto();
        let metrics = Arc::new(Metrics::new()?);
        let gate = Arc::new(gate(config, metrics, edges.clock.clone(), edges.chance)?);
        let config = gate.config().clone();
        let certificates = match &config.server.tls {
            None => None,
            Some(tls) => Some(Certificates::load(&tls.certificate, &tls.key)?),
        };
        let upstream = Upstream::new(&config.upstream.host, config.upstream.port, config.upstream.tls);
        let sockets = match edges.sockets {
            Some(sockets) => sockets,
            None => listen::bind(&config.server.listen)?,
        };
        let admin = match (edges.admin, config.server.admin_listen) {
            (Some(socket), _) => Some(socket),
            (None, Some(address)) => listen::bind(&[address])?.pop(),
            (None, None) => None,
        };

        let copies = Arc::new(Sockets::copy_of(&sockets, admin.as_ref())?);

        // Before the first visitor comes: a new webhook hears of everything from here on.
        let (store, origin) = (gate.store_shared(), config.server.public_url.origin());
        let notifier = Arc::new(Notifier::new(store, edges.clock, gate.chance_shared(), gate.metrics_shared(), origin)?);
        notifier.set(&config.webhooks).await;

        let signalling = Signalling::of(gate.profile());
        let proxy = Proxy::new(gate.clone(), web::router(gate.clone()), upstream, signalling.clone());
        let mut http = http_proxy(&Arc::new(ServerConf::default()), proxy);
        // Behind a terminator all clients come from its address: they do not share one client's cap.
        let mut limits = edges.limits;
        limits.exempt.extend(config.server.trusted_proxies.iter().copied());
        http.server_options = Some(server_options(&limits));
        let app = Guarded::new(Killable::new(http), limits);
        let running = Listening::guarded("roomgate", app, sockets, certificates.as_ref())?.start();

        let stop = CancellationToken::new();
        let stop_admin = stop.child_token();
        let ready = Arc::new(AtomicBool::new(true));
        let reload = Arc::new(tokio::sync::Notify::new());
        tokio::spawn(reviewer::run(gate.clone(), stop.clone()));
        tokio::spawn(keys_forever(gate.clone(), stop.clone()));
        tokio::spawn(forget_silent(gate.clone(), signalling, stop.clone()));
        if let Some(live) = live {
            tokio::spawn(reload::run(gate.clone(), notifier.clone(), live, certificates, reload.clone(), stop.clone()));
        }
        let admin = match admin {
            None => None,
            Some(socket) => Some(admin::serve(socket, gate.clone(), ready.clone(), stop_admin.clone())?),
        };
        gate.metrics().reloaded(true, gate.clock().now());
        Ok(Self { gate, notifier, listeners: vec![running], admin, sockets: Some(copies), stop, stop_admin, reload, ready })
    }

    /// Where it listens.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().flat_map(Running::addresses).copied().collect()
    }

    /// Where metrics and health are.
    pub fn admin(&self) -> Option<SocketAddr> {
        self.admin
    }

    /// What it judges with.
    pub fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// Reads the configuration again, now.
    pub fn reload(&self) {
        self.reload.notify_one();
    }

    /// The listening sockets, to be handed over; `None` once this gateway stops.
    pub fn sockets(&self) -> Option<Arc<Sockets>> {
        self.sockets.clone()
    }

    /// Somebody else serves at these sockets now: takes no more connections, lets requests end, and returns when nothing is left,
    /// or after `patience`. Tunnels live on meanwhile, and end when their right to be there does.
    pub async fn fade(&mut self, patience: Duration) {
        self.sockets = None;
        self.stop_admin.cancel();
        self.gate.closing().cancel();
        // The new process goes on from where they are.
        self.notifier.stop(LAST_WORD).await;
        let listeners = std::mem::take(&mut self.listeners);
        let _ = tokio::time::timeout(patience, async {
            for listener in listeners {
                listener.stop().await;
            }
            while !self.is_idle() {
                tokio::time::sleep(LOOK).await;
            }
        })
        .await;
    }

    /// Takes no more connections, says goodbye to tunnels (1001) and to those who wait at the door, lets requests end, and returns
    /// when nothing is left or `patience` is over.
    pub async fn drain(mut self, patience: Duration) {
        self.sockets = None;
        self.ready.store(false, Ordering::Release);
        self.gate.closing().cancel();
        self.gate.draining().cancel();
        let listeners = std::mem::take(&mut self.listeners);
        let stopping = async {
            for listener in listeners {
                listener.stop().await;
            }
        };
        let goodbye = async {
            while !self.is_idle() {
                // Again and again: a handshake that was under way becomes a tunnel.
                for participant in self.gate.live().participants(None) {
                    participant.drain();
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        let both = async { tokio::join!(stopping, goodbye) };
        if tokio::time::timeout(patience, both).await.is_err() {
            let metrics = self.gate.metrics();
            tracing::warn!(tunnels = metrics.tunnels_open(), requests = metrics.in_flight(), "stopped with connections still open");
        }
        // Last, so that they hear who left.
        self.notifier.stop(LAST_WORD).await;
        self.stop.cancel();
    }

    fn is_idle(&self) -> bool {
        let metrics = self.gate.metrics();
        metrics.tunnels_open() <= 0 && metrics.in_flight() <= 0
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// What judges, without any listener: also for `roomgate explain`.
///
/// # Errors
/// Where a key, a secret or the store cannot be had.
pub fn gate(config: Arc<Config>, metrics: Arc<Metrics>, clock: Arc<dyn Clock>, chance: Arc<dyn Chance>) -> Result<Gate, StartError> {
    let store: Arc<dyn Store> = match &config.store {
        config::Store::Memory => Arc::new(MemoryStore::new()),
        config::Store::Sqlite(path) => Arc::new(SqliteStore::open(path)?),
    };
    let verifier = verifier(&config, &metrics, &clock)?;
    let directory = Arc::new(Directory::new(config.rooms.table.clone(), config.rooms.unknown));
    metrics.rooms(directory.len());
    let revoked = config.tokens.revocations.clone();
    store.facts().set_file_revocations(revoked);
    let cookies = cookies(&config).ok_or(StartError::Secret)?;
    Ok(Gate::new(Parts { config, cookies, verifier, directory, store, clock, chance, metrics }))
}

/// The cookies of this configuration; `None` where there is no secret to seal them with.
pub fn cookies(config: &Config) -> Option<Cookies> {
    let style = CookieStyle { secure: config.server.public_url.secure, embedded: !config.server.frames.is_empty() };
    Some(Cookies::new(style, config.session.lifetime, Sealer::new(&config.session.secrets)?))
}

fn verifier(config: &Config, metrics: &Arc<Metrics>, clock: &Arc<dyn Clock>) -> Result<Verifier, KeyError> {
    let profile = config.upstream.profile.clone();
    let observer = Arc::new(Counted { metrics: metrics.clone(), clock: clock.clone() });
    let options = token::Options { domain_id: config.tokens.domain_id.clone(), observer, ..token::Options::default() };
    Verifier::new(&config.tokens.keys, &config.tokens.jwks, options, Arc::new(move |name: &str| profile.room_name(name)))
}

/// Counts what happens to tokens.
struct Counted {
    metrics: Arc<Metrics>,
    clock: Arc<dyn Clock>,
}

impl token::Observer for Counted {
    fn verified(&self, algorithm: Option<Algorithm>, result: Result<(), TokenFault>) {
        self.metrics.verified(algorithm.map_or("none", Algorithm::name), result);
    }

    fn looked_up(&self, hit: bool) {
        self.metrics.token_cache(hit);
    }

    fn fetched(&self, url: &str, result: Result<&token::Fetched, &token::FetchError>, _: Duration) {
        if let Err(error) = result {
            tracing::warn!(url, %error, "could not fetch the keys: those fetched before stay in force");
        }
        self.metrics.refreshed("jwks", result.is_ok(), self.clock.now());
    }
}

async fn keys_forever(gate: Arc<Gate>, stop: CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = gate.verifier().refresh_forever() => {}
    }
}

async fn forget_silent(gate: Arc<Gate>, signalling: Signalling, stop: CancellationToken) {
    let mut tick = tokio::time::interval(Duration::from_secs(5));
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = tick.tick() => signalling.forget_silent(gate.clock().now()),
        }
    }
}

/// pingora brings ring, jsonwebtoken brings aws-lc: rustls must be told which to take.
pub fn install_crypto() {
    // Somebody else in this process may have chosen already; theirs is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
