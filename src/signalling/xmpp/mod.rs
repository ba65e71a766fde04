//! What may a client say to a Jitsi server over XMPP?

pub mod hosts;
pub mod name;
