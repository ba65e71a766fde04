//! **What the operator said**, as the program needs it: parsed, resolved, ready.
//!
//! [`Config::load`] reads the file and all that it names, and tells everything that is wrong at once, each with its place.
//! [`Live`] does so again whenever one of those files changes. A config that is wrong in any way is no config: whoever has one
//! keeps it.

mod colours;
mod document;
mod file;
mod identity;
mod jitsi;
mod nearest;
mod origin;
mod pages;
mod problem;
mod reach;
mod reload;
pub mod revocations;
mod rooms;
mod secrets;
mod server;
mod session;
mod store;
#[cfg(test)]
mod tests;
mod texts;
mod tokens;
mod upstream;
mod values;
pub mod watch;
mod webhook;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::access::{Network, Revocation};
use crate::chance::Chance;
use crate::profile::Profile;
use crate::token::{Jwks, KeySpec};

pub use crate::directory::{Place, Unknown};
pub use crate::token::Secret;
pub use colours::{Colour, Colours, Palette, READABLE};
pub use pages::{Logo, LogoKind, Pages};
pub use problem::{Problem, Warning};
pub use reach::is_public;
pub use reload::{Live, News, Reloaded};
pub use values::{duration, moment_in_text};
pub use webhook::{HookEvent, HookShape, HookUrl, Webhook};

/// Everything an operator said.
#[derive(Clone, Debug)]
pub struct Config {
    /// `[server]`.
    pub server: Server,
    /// `[upstream]`.
    pub upstream: Upstream,
    /// `[tokens]`.
    pub tokens: Tokens,
    /// `[session]`.
    pub session: Session,
    /// `[meeting]`.
    pub meeting: Meeting,
    /// `[identity]`, off unless stated.
    pub identity: Option<Identity>,
    /// `[store]`.
    pub store: Store,
    /// `[pages]`.
    pub pages: Pages,
    /// `[rooms]` and `[[room]]`.
    pub rooms: Rooms,
    /// `[[webhook]]`, each with a name of its own.
    pub webhooks: Vec<Webhook>,
    /// All files that this was read from.
    pub watched: watch::Watched,
}

impl Config {
    /// Reads the file and all that it names. `chance` makes the session secret where none is stated.
    ///
    /// # Errors
    /// All that is wrong, in the order of files and lines.
    pub fn load(path: &Path, chance: &dyn Chance) -> Result<(Self, Vec<Warning>), Vec<Problem>> {
        let reading = file::read(path, chance, None);
        reading.config.map(|config| (*config, reading.warnings))
    }

    /// Which keys differ from those of `running` and count only after a restart.
    pub fn needs_restart(&self, running: &Self) -> Vec<&'static str> {
        let profile = |c: &Self| format!("{:?}", c.upstream.profile);
        let upstream = |c: &Self| (c.upstream.tls, c.upstream.host.clone(), c.upstream.port);
        let differences = [
            (self.server.listen != running.server.listen, "server.listen"),
            (self.server.public_url != running.server.public_url, "server.public_url"),
            (self.server.admin_listen != running.server.admin_listen, "server.admin_listen"),
            (self.server.hosts != running.server.hosts, "server.hosts"),
            (self.server.trusted_proxies != running.server.trusted_proxies, "server.trusted_proxies"),
            (self.server.origins != running.server.origins, "server.allowed_origins"),
            (self.server.frames != running.server.frames, "server.allowed_frames"),
            (self.server.tls != running.server.tls, "server.tls"),
            (upstream(self) != upstream(running), "upstream.url"),
            (profile(self) != profile(running), "upstream.profile"),
            (self.upstream.jitsi != running.upstream.jitsi, "upstream.jitsi"),
            (self.tokens.parameter != running.tokens.parameter, "tokens.parameter"),
            (self.tokens.header != running.tokens.header, "tokens.header"),
            (self.meeting.presence != running.meeting.presence, "meeting.presence"),
            (self.identity != running.identity, "identity"),
            (self.store != running.store, "store"),
        ];
        differences.into_iter().filter_map(|(differs, key)| differs.then_some(key)).collect()
    }

    /// The same with what counts only after a restart as it is in `running`: half of the house would believe the one and half the other.
    fn until_a_restart(self, running: &Self) -> Self {
        let same_kind = !self.needs_restart(running).contains(&"upstream.profile");
        let Self { server, upstream, identity, store, rooms, .. } = running.clone();
        // Names were read by the rules of another kind of server.
        let rooms = if same_kind { self.rooms } else { rooms };
        let tokens = Tokens { parameter: running.tokens.parameter.clone(), header: running.tokens.header, ..self.tokens };
        let meeting = Meeting { presence: running.meeting.presence, ..self.meeting };
        let Self { session, pages, webhooks, watched, .. } = self;
        Self { server, upstream, tokens, meeting, identity, store, session, pages, rooms, webhooks, watched }
    }
}

/// `[server]`: where we listen, and how browsers see us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// `listen`: one or several addresses.
    pub listen: Vec<SocketAddr>,
    /// `public_url`.
    pub public_url: PublicUrl,
    /// `admin_listen`; `None` where nobody wants metrics.
    pub admin_listen: Option<SocketAddr>,
    /// The one of `public_url`, and `hosts`: lower case, with port where not the scheme's own.
    pub hosts: Vec<String>,
    /// `trusted_proxies`.
    pub trusted_proxies: Vec<Network>,
    /// Our own, those of `hosts`, and `allowed_origins`, serialised as browsers do (`https://meet.example.org`).
    pub origins: Vec<String>,
    /// `allowed_frames`: sites that may embed us, each fit for `frame-ancestors` (`https://*.example.org`).
    pub frames: Vec<String>,
    /// `[server.tls]`.
    pub tls: Option<Tls>,
}

/// How browsers reach us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    /// Whether it is `https://`.
    pub secure: bool,
    /// Host, lower case, with port where it is not the scheme's own.
    pub authority: String,
}

impl PublicUrl {
    /// As browsers serialise it (`Origin`, RFC 6454 section 6.2).
    pub fn origin(&self) -> String {
        format!("{}://{}", if self.secure { "https" } else { "http" }, self.authority)
    }
}

/// `[server.tls]`: files, read again when they change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// PEM chain.
    pub certificate: PathBuf,
    /// PEM private key.
    pub key: PathBuf,
}

/// `[upstream]`: the conferencing server.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// `https://`?
    pub tls: bool,
    /// Host name or address, without port and brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// `profile`, with its own section.
    pub profile: Arc<Profile>,
    /// What else `[upstream.jitsi]` says; `None` with another profile.
    pub jitsi: Option<Arc<JitsiUpstream>>,
}

/// `[upstream.jitsi]`, as far as it says where things are and what they are told; the rest is in the profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JitsiUpstream {
    /// `xmpp_url`: Prosody's own HTTP port; `None` where its addresses are asked for at `upstream.url`.
    pub xmpp: Option<Address>,
    /// `conference_request_url`: jicofo's; `None` likewise.
    pub conference: Option<Address>,
    /// `token`: how Jitsi's own tokens are made; `None` where it gets none.
    pub token: Option<JitsiToken>,
    /// `private_ports`: what browsers must not reach on the machine of `public_url`.
    pub private_ports: Vec<u16>,
}

/// Where a part of the conferencing server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// `https://`?
    pub tls: bool,
    /// Host name or address, without port and brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// How a token that Prosody believes is made (`mod_auth_token`, HS256).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JitsiToken {
    /// `app_id`: its `iss`.
    pub app_id: String,
    /// What signs it: one byte at least.
    pub secret: Secret,
    /// `audience`: its `aud`.
    pub audience: String,
}

/// `[tokens]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Tokens {
    /// `parameter`: `t`.
    pub parameter: String,
    /// `header`: whether `Authorization: Bearer` is read (and removed).
    pub header: bool,
    /// `leeway`.
    pub leeway: Duration,
    /// `revocations_file`.
    pub revocations_file: Option<PathBuf>,
    /// What that file takes back.
    pub revocations: Vec<Revocation>,
    /// `require_room`.
    pub require_room: bool,
    /// `domain_id`.
    pub domain_id: Option<String>,
    /// `[[tokens.key]]`.
    pub keys: Vec<KeySpec>,
    /// `[[tokens.jwks]]`.
    pub jwks: Vec<Jwks>,
}

/// `[session]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    /// The first seals, all open. There is one at least, and each has 32 bytes at least.
    pub secrets: Vec<Secret>,
    /// `lifetime`.
    pub lifetime: Duration,
    /// Whether nobody stated a secret, and one was made for this process.
    pub of_this_process: bool,
}

/// `[meeting]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meeting {
    /// A meeting ends when nobody has been connected for so long.
    pub grace: Duration,
    /// A polling participant counts as inside for so long after its last request.
    pub presence: Duration,
}

/// `[identity]`: verified people from a proxy before us. Header names are in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Which peers are believed.
    pub from: Vec<Network>,
    /// Header with the user id.
    pub user: Option<String>,
    /// Header with the e-mail address.
    pub email: Option<String>,
    /// Header with the groups, comma-separated.
    pub groups: Option<String>,
}

/// `[store]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Store {
    /// Nothing outlives the process.
    Memory,
    /// One file.
    Sqlite(PathBuf),
}

/// `[rooms]` and `[[room]]`: everything said about rooms.
#[derive(Clone, Debug)]
pub struct Rooms {
    /// What the files say now.
    pub table: crate::directory::Table,
    /// `unknown`.
    pub unknown: Unknown,
    /// `hide`.
    pub hide: bool,
}
