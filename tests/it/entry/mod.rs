//! From a link to a room, or not.

mod identity;
mod jitsi;
mod link;
mod origins;
mod rooms;
mod sessions;
mod stripping;
mod tokens;
