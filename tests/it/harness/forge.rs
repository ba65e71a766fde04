//! Tokens that no honest issuer makes.

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Signed with HMAC-SHA256 under this secret, whatever header and claims say.
pub fn forge(header: &str, claims: &str, secret: &str) -> String {
    let said = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = sign(&Key::new(HMAC_SHA256, secret.as_bytes()), said.as_bytes());
    format!("{said}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
}
