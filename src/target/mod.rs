//! **What is a request about, in its own words?** Pure rules on raw bytes; no profile, no room, no policy.
//!
//! One story: what could be read in two ways is refused, nothing is repaired, and what was judged is what is sent.
//!
//! 1. [`check`] the head: one host and ours, one framing, a known method, nothing that a client may not say.
//! 2. [`CanonicalPath::parse`] the target: a path that every server reads alike, and a query.
//! 3. [`strip`] the token out of the query, in every spelling; [`strip_referer`] likewise.
//! 4. [`Cookies::read`] takes ours out of the cookies; [`KeptBack`] names the headers that only a proxy may send.
//! 5. [`sender`] tells whether cookies and addresses count for this request, [`navigation`] whether a person is looking.

mod cookies;
mod head;
mod headers;
mod path;
mod query;
mod readings;
mod sender;
mod strip;
#[cfg(test)]
mod tests;
mod wire;

pub use cookies::{Cookies, Forward};
pub use head::{BadHead, Hosts, MAX_HEAD, MAX_HEADERS, Wish, check};
pub use headers::{Fate, KeptBack};
pub use path::{BadTarget, CanonicalPath};
pub use query::{Pair, Query};
pub use sender::{Sender, navigation, sender};
pub use strip::{Brought, Stripped, hands_over_token, strip, strip_referer};
pub use wire::check_wire;

/// Whether somebody could take `text` for `word`, whatever they think of letter case, width, parameters and invisible characters.
pub(crate) fn alike(text: &str, word: &str) -> bool {
    let name = text.split(';').next().unwrap_or_default();
    readings::alike(name.as_bytes(), word)
}
