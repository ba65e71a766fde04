//! What is a Jitsi room called, and how is it written in an address?
//!
//! Jitsi Meet makes a room's address out of what stands in the page's path (jitsi-meet 0cafcc94, `base/util/uri.ts`:
//! `_ROOM_EXCLUDE_PATTERN`, `getBackendSafeRoomName`): it deletes some characters, decodes once, folds (NFKC, lower case), and encodes
//! again, so that `/B%C3%BCro` is `b%c3%bcro@conference.…`. Our name of that room is the same in plain letters: `büro`; of a tenant,
//! `acme/büro`. Each name has exactly one node, and each node one name.
//!
//! Stricter than Jitsi: what a second pass would change (`a%21b` is `a!b`, and then `ab`), and what holds a separator, is nobody's name.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use unicode_normalization::UnicodeNormalization;

use crate::access::{NameError, RoomName};

/// The longest text that is looked at, in bytes: a name of [`RoomName::MAX`] bytes has at most three for each when encoded.
const LONGEST: usize = 1024;
/// The longest tenant, in bytes: it is a label of a host name (RFC 1035 section 2.3.4).
const TENANT: usize = 63;

/// What `encodeURIComponent` leaves as it is, beside letters and digits (ECMA-262 section 19.2.6.4).
const PLAIN: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'!').remove(b'~').remove(b'*').remove(b'\'').remove(b'(').remove(b')');

/// The name of one room without a tenant, from a path segment, a query's `room`, a claim or the configuration, encoded or not.
///
/// # Errors
/// Where no page of Jitsi Meet could be in a room of that name, or not under that name alone.
pub fn room_name(text: &str) -> Result<RoomName, NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    if text.len() > LONGEST {
        return Err(NameError::TooLong);
    }
    // Jitsi deletes it; but no page sends one, and in the configuration it means a tenant.
    if text.contains('/') {
        return Err(NameError::Character('/'));
    }
    // No encoding, or one that a deleted character makes: `%+6a`.
    if !is_encoded(text) {
        return Err(NameError::Character('%'));
    }
    let name = folded(text);
    // An encoded slash.
    if name.contains('/') {
        return Err(NameError::Character('/'));
    }
    let room = RoomName::canonical(&name)?;
    if folded(&name) == name { Ok(room) } else { Err(NameError::NotCanonical) }
}

/// A tenant: `Acme.Corp` is `acme_corp`, as the page's configuration writes it into the MUC host
/// (docker-jitsi-meet 084b8f1e, `system-config.js`).
///
/// # Errors
/// Where it has other characters than ASCII letters, digits, `-`, `_` and `.`, or more than 63.
pub fn tenant(text: &str) -> Result<String, NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    if text.len() > TENANT {
        return Err(NameError::TooLong);
    }
    match text.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))) {
        Some(c) => Err(NameError::Character(c)),
        None => Ok(text.to_ascii_lowercase().replace('.', "_")),
    }
}

/// The name of this room of this tenant; both may be in any spelling.
///
/// # Errors
/// Where one of them is none, or both together are too long.
pub fn with_tenant(tenant: Option<&str>, room: &str) -> Result<RoomName, NameError> {
    let name = room_name(room)?;
    match tenant {
        None => Ok(name),
        Some(text) => RoomName::canonical(&format!("{}/{name}", self::tenant(text)?)),
    }
}

/// A name as the configuration and claims write it: `room`, or, where there are `tenants`, also `tenant/room`.
///
/// # Errors
/// As [`with_tenant`].
pub fn named(text: &str, tenants: bool) -> Result<RoomName, NameError> {
    match text.split_once('/') {
        Some((tenant, room)) if tenants => with_tenant(Some(tenant), room),
        Some(_) => Err(NameError::Character('/')),
        None => room_name(text),
    }
}

/// The tenant, and the name without it.
pub fn parts(room: &RoomName) -> (Option<&str>, &str) {
    match room.as_str().split_once('/') {
        Some((tenant, name)) => (Some(tenant), name),
        None => (None, room.as_str()),
    }
}

/// What stands before the `@` of the room's address, in a page's path and in `?room=`: lower-case ASCII, without the tenant.
pub fn node(room: &RoomName) -> String {
    let (_, name) = parts(room);
    utf8_percent_encode(name, PLAIN).to_string().to_ascii_lowercase()
}

/// Jitsi's first four steps. The other two encode, and change nothing that matters here.
fn folded(text: &str) -> String {
    let kept: String = text.chars().filter(|c| !is_deleted(*c)).collect();
    let plain = decoded(&kept).unwrap_or(kept);
    plain.nfkc().collect::<String>().to_lowercase()
}

/// `_ROOM_EXCLUDE_PATTERN`.
fn is_deleted(c: char) -> bool {
    matches!(
        c,
        ':' | '?' | '#' | '[' | ']' | '@' | '!' | '$' | '&' | '\'' | '(' | ')' | '*' | '+' | ',' | ';' | '=' | '>' | '<' | '/' | '"'
    )
}

/// Decoded once, as a whole or not at all (`decodeURIComponent`).
fn decoded(text: &str) -> Option<String> {
    is_encoded(text).then(|| percent_encoding::percent_decode_str(text).decode_utf8().ok())?.map(std::borrow::Cow::into_owned)
}

/// Whether two hexadecimal digits stand behind each `%`.
fn is_encoded(text: &str) -> bool {
    let digits = |code: &str| code.as_bytes().get(..2).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit));
    text.split('%').skip(1).all(digits)
}

#[cfg(test)]
mod tests;
