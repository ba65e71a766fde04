//! `[identity]`: which proxy before us do we believe who somebody is?

use crate::access::Network;

use super::Identity;
use super::document::Section;
use super::file::Desk;
use super::server::{is_wide, networks, values};

/// Headers that mean something else, or that anybody may send.
const TAKEN: [&str; 14] = [
    "host",
    "cookie",
    "authorization",
    "connection",
    "upgrade",
    "origin",
    "referer",
    "content-length",
    "transfer-encoding",
    "te",
    "trailer",
    "forwarded",
    "x-forwarded-for",
    "x-real-ip",
];

impl Desk<'_> {
    pub(super) fn identity(&self, section: &Section<'_>) -> Option<Identity> {
        if !section.is_stated() {
            return None;
        }
        for text in section.texts("from").unwrap_or_default() {
            if text.value.parse::<Network>().is_ok() && is_wide(text.value) {
                section.problem(
                    text.at,
                    format!("`from`: `{}` is so wide that strangers could say who they are: name the proxy's own address", text.value),
                );
            }
        }
        let from = values(networks(section, "from"));
        if from.is_empty() && section.texts("from").is_none_or(|f| f.is_empty()) {
            section.missing("from", "from = [\"127.0.0.1/32\"], the address of the proxy that vouches for people");
        }
        let headers = section.section("headers", "[identity.headers]");
        let header = |key| headers.read(key, header_name).map(|h| h.value);
        let (user, email, groups) = (header("user"), header("email"), header("groups"));
        if !headers.is_stated() {
            section.missing("headers", "headers = { user = \"Remote-User\", email = \"Remote-Email\" }");
        } else if ["user", "email", "groups"].iter().all(|k| headers.key_at(k).is_none()) {
            headers.problem(headers.at(), "`headers` names none: state user, email or groups");
        }
        headers.close();
        section.close();
        Some(Identity { from, user, email, groups })
    }
}

/// A header name (RFC 9110 section 5.1), in lower case.
fn header_name(text: &str) -> Result<String, String> {
    let token = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let name = text.to_ascii_lowercase();
    if name.is_empty() || !name.bytes().all(token) {
        return Err(format!("`{text}` is no header name"));
    }
    if TAKEN.contains(&name.as_str())
        || name.starts_with("x-roomgate-")
        || name.starts_with("sec-")
        || name.starts_with("x-forwarded-proto")
    {
        return Err(format!("`{text}` has another meaning: name a header that only your proxy sets, such as Remote-User"));
    }
    Ok(name)
}
