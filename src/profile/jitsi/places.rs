//! Which addresses does a Jitsi server keep for itself?
//!
//! Each in its one spelling; and what somebody could take for one of them.

use unicode_normalization::UnicodeNormalization;

use crate::target::alike;

/// XMPP over WebSocket.
pub(super) const SOCKET: &str = "/xmpp-websocket";
/// XMPP over HTTP.
pub(super) const BOSH: &str = "/http-bind";
/// Jicofo's door.
pub(super) const CONFERENCE: &str = "/conference-request/v1";
const ROOM_INFO: &str = "/_api/room-info";

/// Files that are no room's.
const FILES: [&str; 9] = [
    "/",
    "/config.js",
    "/interface_config.js",
    "/external_api.js",
    "/manifest.json",
    "/pwa-worker.js",
    "/favicon.ico",
    "/robots.txt",
    // Keeps an idle connection of the native apps alive.
    "/_unlock",
];

/// Those that a tenant's pages ask for below the tenant.
const TENANTS_FILES: [&str; 6] = ["/config.js", "/interface_config.js", "/external_api.js", "/manifest.json", "/pwa-worker.js", "/_unlock"];

/// Everything below is files, or public.
const FOLDERS: [&str; 11] = [
    "/libs/",
    "/css/",
    "/static/",
    "/images/",
    "/fonts/",
    "/lang/",
    "/sounds/",
    "/connection_optimization/",
    "/.well-known/",
    "/transcripts/",
    "/_api/public/",
];

/// Name no room, and need the admission to one: the shared notes, the whiteboard, statistics.
const SHARED: [&str; 3] = ["/etherpad/", "/socket.io/", "/rtcstats-ws/"];

/// Whatever begins so leads to signalling somewhere: nginx's rules for tenants have no end.
const SIGNALLING: [&str; 5] = ["xmpp-websocket", "http-bind", "http-pre-bind", "conference-request", "colibri"];

/// Names that no room and no tenant has: the parts of all of the above, our own, and what Prosody tells everybody who asks
/// (mod_muc_census 10f7c81e, mod_muc_size, mod_muc_password_check: they rely on not being forwarded).
const NAMES: [&str; 30] = [
    "_roomgate",
    "_api",
    "_unlock",
    "config.js",
    "interface_config.js",
    "external_api.js",
    "manifest.json",
    "pwa-worker.js",
    "favicon.ico",
    "robots.txt",
    "libs",
    "css",
    "static",
    "images",
    "fonts",
    "lang",
    "sounds",
    "connection_optimization",
    ".well-known",
    "transcripts",
    "etherpad",
    "socket.io",
    "rtcstats-ws",
    "_load-test",
    "room",
    "rooms",
    "room-size",
    "room-census",
    "room-info",
    "sessions",
];

/// Signalling that names a room in its query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    Socket,
    Bosh,
    Conference,
    RoomInfo,
}

impl Signal {
    /// What is at exactly this path.
    pub(super) fn at(path: &str) -> Option<Self> {
        match path {
            SOCKET => Some(Self::Socket),
            BOSH => Some(Self::Bosh),
            CONFERENCE => Some(Self::Conference),
            ROOM_INFO => Some(Self::RoomInfo),
            _ => None,
        }
    }
}

/// Whether it is a file, in its own spelling.
pub(super) fn is_file(path: &str) -> bool {
    FILES.contains(&path) || FOLDERS.iter().any(|folder| path.starts_with(folder))
}

/// Whether the path below a tenant is a file.
pub(super) fn is_tenants_file(path: &str) -> bool {
    TENANTS_FILES.contains(&path)
}

/// Whether it is shared by all rooms.
pub(super) fn is_shared(path: &str) -> bool {
    SHARED.iter().any(|folder| path.starts_with(folder))
}

/// `/colibri-ws/{bridge}/{conference}/{endpoint}` and nothing else: nginx makes a host name out of the bridge.
pub(super) fn is_colibri(path: &str) -> bool {
    let plain = |id: &str| {
        !id.is_empty() && id.len() <= 128 && !id.starts_with('.') && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    path.strip_prefix("/colibri-ws/").is_some_and(|ids| ids.split('/').count() == 3 && ids.split('/').all(plain))
}

/// Whether somebody could take a decoded segment for the way to signalling: as a whole, or what stands behind a sign in it
/// (some code pages write a division slash as `/`).
pub(super) fn is_signalling(segment: &str) -> bool {
    let folded: String = segment.nfkc().flat_map(char::to_lowercase).nfkc().collect();
    let letter = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
    let begins = |text: &str| SIGNALLING.iter().any(|word| text.starts_with(word));
    begins(&folded.chars().filter(|c| letter(*c)).collect::<String>()) || folded.split(|c| !letter(c)).any(begins)
}

/// Whether a decoded segment, in whatever letters, is a name that no room and no tenant has.
pub(super) fn reserved(segment: &str) -> bool {
    // Some cut parameters off, others delete the semicolon.
    let is_name = |text: &str| NAMES.iter().any(|name| alike(text, name));
    is_signalling(segment) || is_name(segment) || (segment.contains(';') && is_name(&segment.replace(';', "")))
}
