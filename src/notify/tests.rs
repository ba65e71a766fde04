//! Events to speak of, and couriers before receivers that do what real ones do.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::access::{By, Id, RoomName, Through, Timestamp};
use crate::store::{Event, What, Who};

fn id(last: u8) -> Id {
    let mut bytes = [0; 16];
    bytes[15] = last;
    Id::new(bytes)
}

/// Something that happened at the standup, to nobody.
pub(crate) fn event(what: What) -> Event {
    Event {
        number: 1,
        id: id(7),
        at: Timestamp::from_millis(1_796_115_605_250),
        room: RoomName::canonical("standup").unwrap(),
        meeting: Some(id(9)),
        what,
        who: None,
        by: None,
    }
}

/// The same to somebody of this name, who has been there for five seconds.
pub(crate) fn about(event: Event, name: &str, by: Option<(&str, Through)>) -> Event {
    let knocked = event.what == What::Knocked;
    let who = Who {
        id: id(8),
        name: name.into(),
        user: None,
        owner: false,
        since: Timestamp::from_secs(1_796_115_600),
        message: knocked.then(|| "It is me".into()),
        waited: knocked,
    };
    Event { who: Some(who), by: by.map(|(name, through)| By::new(name, through)), ..event }
}
