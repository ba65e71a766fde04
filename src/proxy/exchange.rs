//! What travels with one request through the phases: who sets it, who reads it.

use std::sync::Arc;
use std::time::Instant;

use crate::access::Permit;
use crate::gate::Whence;
use crate::live::Seat;
use crate::metrics::Metrics;
use crate::profile::Kind;
use crate::target::Forward;

use parking_lot::Mutex;

use super::inside::Inside;
use super::killable;
use super::overlay::Overlay;
use super::tunnel::Inspect;

/// The one argument that forwarding takes. What was not admitted cannot be forwarded: there is no way to hold this.
#[derive(Debug)]
pub enum Way {
    /// To a guarded place.
    Permitted(Permit, Kind),
    /// To a place that the profile knows to guard nothing.
    Open(OpenPlace),
    /// To a place where a guard judges every word, and asks `access` when a room is to be entered. With the permit, where there is one already.
    Judged(JudgedPlace, Option<Permit>),
}

/// That a guard stands between. Only Jitsi's two carriers, `xmpp` and `bosh`, make one.
#[derive(Debug)]
pub struct JudgedPlace(pub(super) ());

/// The profile's word that a path guards nothing. Only [`super::entry`] makes one, from [`crate::profile::Target::Open`].
#[derive(Debug)]
pub struct OpenPlace(pub(super) ());

/// The state of one exchange: one HTTP request and its answer, or one tunnel.
pub struct Exchange {
    /// When its head was complete.
    pub started: Instant,
    /// Names it in logs and on refusal pages.
    pub id: String,
    /// The address bar's path as it goes on, without any token. Empty until the target was found canonical.
    pub target: String,
    /// Whether `target` differs from what the client sent.
    pub retargeted: bool,
    /// Where it may go: set by entry, read by forward.
    pub way: Option<Way>,
    /// What somebody called themself when they knocked, where nobody vouches for another name.
    pub name: Option<Arc<str>>,
    /// By which code it was decided; for the log.
    pub code: &'static str,
    /// Its address names no room: it goes on by the right to one of them.
    pub names_no_room: bool,
    /// Where it comes from.
    pub whence: Option<Whence>,
    /// Lines to set on the way back: by entry.
    pub set_cookies: Vec<String>,
    /// Which cookies go on, where entry has read them.
    pub cookies: Option<Forward>,
    /// Whether the bearer token in `Authorization` was ours to take.
    pub took_authorization: bool,
    /// Its place among those who are inside.
    pub seat: Option<Seat>,
    /// Ends it from elsewhere.
    pub kill: killable::Exchange,
    /// It asks to become a WebSocket, rightly.
    pub upgrade: bool,
    /// It became a tunnel: not to be counted as a slow request.
    pub tunnel: bool,
    /// Signalling whose room is named in its messages.
    pub inside: Option<Inside>,
    /// A room's page that may get the script of our overlay.
    pub overlay: Option<Overlay>,
    /// What judges the socket that this becomes. (Behind a lock only because pingora shares what travels; nobody waits for it.)
    pub judged: Mutex<Option<Box<dyn Inspect>>>,
    /// Where it goes on, where that is another target than its own. May hold a token that the client never sees: not for logs.
    pub onward: Option<String>,
    /// Counted in the access log: dropped without that, it was ended from elsewhere.
    pub counted: bool,
    /// Where it is counted.
    pub metrics: Arc<Metrics>,
}

impl Exchange {
    /// At the moment when a request's head is complete.
    pub fn new(id: String, kill: killable::Exchange, metrics: Arc<Metrics>) -> Self {
        metrics.began();
        Self {
            started: Instant::now(),
            id,
            target: String::new(),
            retargeted: false,
            way: None,
            name: None,
            code: "-",
            names_no_room: false,
            whence: None,
            set_cookies: Vec::new(),
            cookies: None,
            took_authorization: false,
            seat: None,
            kill,
            upgrade: false,
            tunnel: false,
            inside: None,
            overlay: None,
            judged: Mutex::default(),
            onward: None,
            counted: false,
            metrics,
        }
    }
}
