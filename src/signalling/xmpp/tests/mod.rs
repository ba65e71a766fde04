//! What the guard of an XMPP stream lets through, over both of its carriers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod bodies;
mod requests;
mod sockets;
mod table;

use std::sync::Arc;

use super::hosts::Hosts;
use super::{Keys, Opening, Ticket};
use crate::access::RoomName;

fn hosts() -> Hosts {
    Hosts { guest: Some("guest.meet.jitsi".to_owned()), tenants: true, ..Hosts::of("meet.jitsi") }
}

fn room(name: &str) -> RoomName {
    RoomName::canonical(name).unwrap()
}

/// With the other quotes: which ones our writer takes is its own affair.
fn quoted(text: &str) -> String {
    text.replace('\'', "\"")
}

fn ticket(who: &str) -> Ticket {
    Ticket(vec![format!("visitor:{who}")])
}

fn opening(name: &str, who: &str, admitted: bool) -> Opening {
    Opening {
        hosts: Arc::new(hosts()),
        keys: Keys::new([&b"a secret of the tests"[..]]),
        room: Some(room(name)),
        ticket: ticket(who),
        admitted,
        token: None,
    }
}
