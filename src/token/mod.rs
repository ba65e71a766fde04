//! **Meeting tokens.** Is this text a token that one of our keys signed, and what does it say?
//!
//! A token (JWT, RFC 7519, in the compact form of RFC 7515) is read strictly and in this order: size and shape (`compact`), header, key
//! (`keyring`, `jwks`), signature, claims ([`claims`]). What comes out is a [`crate::access::Grant`]; its time, its room and its
//! revocation are judged by [`crate::access::decide`], never here.
//!
//! *Invariant:* what a token says is looked at only after its signature was found good, and no text of a token is in any [`Fault`].

mod algorithm;
pub mod claims;
mod compact;
mod fault;
mod jitsi;
mod json;
mod jwks;
mod keyring;
mod mint;
mod observer;
mod secret;
mod verifier;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use crate::access::{NameError, RoomName};

pub use algorithm::{Algorithm, Kind};
pub use claims::Claims;
pub use compact::MAX_TOKEN;
pub use fault::Fault;
pub use jitsi::{JitsiMinting, mint_jitsi};
pub use jwks::{FetchError, Fetched, Jwks};
pub use keyring::{KeyError, KeyFlaw, KeySpec, Material, is_pattern};
pub use mint::{MintError, Minting, mint};
pub use observer::{Observer, Silent};
pub use secret::Secret;
pub use verifier::{Options, Verifier};

/// How a profile brings the name in a room claim into its canonical form.
pub type RoomNames = Arc<dyn Fn(&str) -> Result<RoomName, NameError> + Send + Sync>;

/// A token as somebody brought it: not judged, and never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct MeetingToken(Box<str>);

impl MeetingToken {
    /// Takes it in.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// For the one who verifies it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for MeetingToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MeetingToken(..)")
    }
}
