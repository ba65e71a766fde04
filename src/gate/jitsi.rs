//! Which of Jitsi's own tokens does a visitor get, without ever seeing it?
//!
//! Where the operator has stated its key, Prosody wants a JWT on each connection (`authentication = "token"`), and takes from it who is a
//! moderator. It is made here for one connection, and added on the way to the server. Whoever is not admitted gets one that opens
//! no room: their stream can be opened, so that its refusal reaches them in a form that their page understands.

use super::Gate;
use crate::access::{Permit, Role};
use crate::token::{JitsiMinting, mint_jitsi};

/// What no room of Jitsi's can be called: a node has no blank.
const NO_ROOM: &str = "no room";

impl Gate {
    /// The token for one connection; `None` where the server wants none, or it cannot be made. `name` is how they call themselves, where
    /// nobody vouches for another name.
    pub fn jitsi_token(&self, permit: Option<&Permit>, node: &str, tenant: Option<&str>, name: Option<&str>) -> Option<String> {
        let config = self.config.load();
        let jitsi = config.upstream.jitsi.as_ref()?;
        let stated = jitsi.token.as_ref()?;
        let crate::profile::Profile::Jitsi(profile) = &*config.upstream.profile else { return None };
        let person = permit.map(Permit::person);
        let minting = JitsiMinting {
            app_id: &stated.app_id,
            audience: &stated.audience,
            subject: tenant.unwrap_or(&profile.hosts().domain),
            room: permit.map_or(NO_ROOM, |_| node),
            user: person.and_then(|p| p.user.as_deref()),
            name: person.and_then(|p| p.name.as_deref()).or(name),
            email: person.and_then(|p| p.email.as_deref()),
            owner: permit.is_some_and(|p| p.role() == Role::Owner),
            now: self.clock.now(),
        };
        match mint_jitsi(&minting, &stated.secret) {
            Ok(token) => Some(token),
            Err(error) => {
                tracing::error!(%error, "could not make a token for the conferencing server");
                None
            }
        }
    }
}
