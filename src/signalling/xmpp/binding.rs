//! How is something known again that a client brings back: a refusal under way, a session to resume?
//!
//! By a MAC. Nothing is kept here, so it holds across restarts and on every replica that has the same session secrets.
//!
//! - **Swap**: a refused stanza travels to the server as a ping whose id carries the refusal (`swap`).
//! - **Bound ids**: the server's own id for a session (stream management's `id`, BOSH's `sid`) reaches the client as `ID_M`, M over the
//!   id, the room and the [ticket](Ticket). Who brings it back without the same ticket for the same room brings nothing. Whoever resumes
//!   is inside again without another word (Prosody 0.12, `mod_smacks`), so this is a door like any other.

use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::access::RoomName;

/// How many bytes of the MAC are kept: 128 bits.
const KEPT: usize = 16;
/// What those look like in base64url.
const WRITTEN: usize = 22;

/// The keys; of several the first makes, all of them check (rotation).
#[derive(Clone)]
pub struct Keys(Vec<hmac::Key>);

/// A key shows nothing of itself.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({})", self.0.len())
    }
}

/// What a MAC is made for: one for the one is none for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The id of a ping that stands for a refused stanza.
    Swap,
    /// Stream management (XEP-0198): the `id` of `<enabled/>`, the `previd` of `<resume/>`.
    Resume,
    /// BOSH (XEP-0124): the `sid`.
    Bosh,
}

impl Purpose {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Swap => b"swap",
            Self::Resume => b"resume",
            Self::Bosh => b"bosh",
        }
    }
}

/// Who somebody is for the length of a session: all that is known of them, the surest first.
///
/// A bound id is made for the first, and good for whoever has it among theirs: a browser (its visitor cookie), or where there are no cookies
/// the token they brought. In a public room somebody may have neither; then the room alone binds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ticket(pub Vec<String>);

impl Ticket {
    fn first(&self) -> &str {
        self.0.first().map_or("", String::as_str)
    }

    fn all(&self) -> impl Iterator<Item = &str> {
        let nobody = self.0.is_empty().then_some("");
        self.0.iter().map(String::as_str).chain(nobody)
    }
}

impl Keys {
    /// From secrets, the first of which makes. With none, nothing is ever good.
    pub fn new<'s>(secrets: impl IntoIterator<Item = &'s [u8]>) -> Self {
        let derived = secrets.into_iter().map(|secret| {
            let secret = hmac::Key::new(hmac::HMAC_SHA256, secret);
            hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&secret, b"roomgate xmpp 1").as_ref())
        });
        Self(derived.collect())
    }

    /// The MAC over these parts, in base64url.
    pub(super) fn mac(&self, purpose: Purpose, parts: &[&[u8]]) -> Option<String> {
        self.0.first().map(|key| URL_SAFE_NO_PAD.encode(kept(&hmac::sign(key, &message(purpose, parts)))))
    }

    /// Whether this is the MAC over these parts, by any key.
    pub(super) fn is_mac(&self, purpose: Purpose, parts: &[&[u8]], mac: &str) -> bool {
        let Ok(mac) = URL_SAFE_NO_PAD.decode(mac) else { return false };
        let message = message(purpose, parts);
        self.0.iter().any(|key| {
            let whole = hmac::sign(key, &message);
            aws_lc_rs::constant_time::verify_slices_are_equal(kept(&whole), &mac).is_ok()
        })
    }

    /// The server's `id` as the client gets it; `note` is a letter of the caller's that comes back. `None` where the id has characters that a
    /// client could not bring back (lib-jitsi-meet edits its address with `[\w-]+`).
    pub fn bind(&self, purpose: Purpose, id: &str, note: char, room: &RoomName, ticket: &Ticket) -> Option<String> {
        if !is_plain(id) || !note.is_ascii_alphanumeric() {
            return None;
        }
        let mac = self.mac(
            purpose,
            &[id.as_bytes(), note.encode_utf8(&mut [0; 4]).as_bytes(), room.as_str().as_bytes(), ticket.first().as_bytes()],
        )?;
        Some(format!("{id}_{note}{mac}"))
    }

    /// The server's own id and the note, of one that was bound for this room and this ticket; `None` for anything else.
    pub fn unbind<'t>(&self, purpose: Purpose, text: &'t str, room: &RoomName, ticket: &Ticket) -> Option<(&'t str, char)> {
        if !is_plain(text) {
            return None;
        }
        let (id, tail) = text.split_at_checked(text.len().checked_sub(WRITTEN.saturating_add(2))?)?;
        let (note, mac) = tail.strip_prefix('_')?.split_at_checked(1)?;
        let good =
            ticket.all().any(|who| self.is_mac(purpose, &[id.as_bytes(), note.as_bytes(), room.as_str().as_bytes(), who.as_bytes()], mac));
        good.then(|| (id, note.chars().next().unwrap_or_default()))
    }
}

/// Each part with its length before it: no two lists of parts are one message.
fn message(purpose: Purpose, parts: &[&[u8]]) -> Vec<u8> {
    let mut message = Vec::new();
    for part in std::iter::once(&purpose.label()).chain(parts) {
        message.extend(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        message.extend_from_slice(part);
    }
    message
}

fn kept(tag: &hmac::Tag) -> &[u8] {
    tag.as_ref().get(..KEPT).unwrap_or_default()
}

fn is_plain(text: &str) -> bool {
    (1..=256).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn room(name: &str) -> RoomName {
        RoomName::canonical(name).unwrap()
    }

    fn ticket(who: &[&str]) -> Ticket {
        Ticket(who.iter().map(|w| (*w).to_owned()).collect())
    }

    #[test]
    fn an_id_comes_back_to_its_own_room_and_ticket_only() {
        let keys = Keys::new([&b"one"[..]]);
        let (ann, red) = (ticket(&["visitor:ann", "token:1"]), room("red"));
        let bound = keys.bind(Purpose::Resume, "GQjgVBIWsPS3", '0', &red, &ann).unwrap();
        assert!(bound.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')), "{bound}");
        assert_eq!(keys.unbind(Purpose::Resume, &bound, &red, &ann), Some(("GQjgVBIWsPS3", '0')));
        // The same browser with another token, or none.
        assert!(keys.unbind(Purpose::Resume, &bound, &red, &ticket(&["visitor:ann"])).is_some());
        for (purpose, room, ticket) in [
            (Purpose::Resume, room("blue"), ann.clone()),
            (Purpose::Resume, red.clone(), ticket(&["visitor:bob"])),
            (Purpose::Resume, red.clone(), ticket(&["token:1"])),
            (Purpose::Resume, red.clone(), ticket(&[])),
            (Purpose::Bosh, red.clone(), ann.clone()),
        ] {
            assert_eq!(keys.unbind(purpose, &bound, &room, &ticket), None, "{purpose:?} {room} {ticket:?}");
        }
        for text in [
            "",
            "_",
            "GQjgVBIWsPS3",
            "x_0AAAAAAAAAAAAAAAAAAAAAA",
            &bound[1..],
            &bound[..bound.len() - 1],
            &format!("{bound}A"),
            &bound.replace("_0", "_1"),
        ] {
            assert_eq!(keys.unbind(Purpose::Resume, text, &red, &ann), None, "{text}");
        }
        assert_eq!(keys.bind(Purpose::Resume, "with blank", '0', &red, &ann), None);
    }

    #[test]
    fn rotation_keeps_what_is_under_way() {
        let old = Keys::new([&b"old"[..]]);
        let both = Keys::new([&b"new"[..], b"old"]);
        let (ann, red) = (ticket(&["visitor:ann"]), room("red"));
        let bound = old.bind(Purpose::Bosh, "a-b", '0', &red, &ann).unwrap();
        assert!(both.unbind(Purpose::Bosh, &bound, &red, &ann).is_some());
        let new = both.bind(Purpose::Bosh, "a-b", '0', &red, &ann).unwrap();
        assert_ne!(new, bound);
        assert!(old.unbind(Purpose::Bosh, &new, &red, &ann).is_none());
        let none = Keys::new([]);
        assert!(none.bind(Purpose::Bosh, "a-b", '0', &red, &ann).is_none());
        assert!(none.unbind(Purpose::Bosh, &bound, &red, &ann).is_none());
    }
}
