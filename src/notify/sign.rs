//! How does a receiver know that it was us?
//!
//! As with the reference: HMAC-SHA256 under the base64-decoded secret over `timestamp.body`, in base64.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::config::Secret;

/// When it was signed, in Unix seconds. A receiver refuses what is old.
pub(super) const TIMESTAMP: &str = "x-webhook-timestamp";

/// The signature; while secrets are rotated two, with a blank in between: one of them has to be right.
pub(super) const SIGNATURE: &str = "x-webhook-signature";

/// What stands in [`SIGNATURE`]; `None` where there is nothing to sign with.
pub(super) fn signature(secrets: &[Secret], timestamp: &str, body: &[u8]) -> Option<String> {
    let sign = |secret: &Secret| {
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret.expose()));
        context.update(timestamp.as_bytes());
        context.update(b".");
        context.update(body);
        STANDARD.encode(context.sign())
    };
    let all: Vec<String> = secrets.iter().map(sign).collect();
    (!all.is_empty()).then(|| all.join(" "))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

    use super::*;

    #[test]
    fn a_signature_is_what_others_work_out() {
        // printf '%s' '1796115605.{"test":"test"}' | openssl dgst -sha256 -mac HMAC -macopt hexkey:… -binary | base64
        let secret = |text: &str| Secret::new(STANDARD.decode(text).unwrap());
        let (one, two) = (secret("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), secret("c2Vjb25kIHNlY3JldCBvZiAyNCBieXRl"));
        let body = br#"{"test":"test"}"#;
        let (first, second) = ("YT949CRhkqS05pSXVfglZO3K9w5cV82jGalIgB18nkY=", "QYhfMzaRCAc+DsyDjUWowAAre09beIIUZUYaWFYfJIk=");
        assert_eq!(signature(std::slice::from_ref(&one), "1796115605", body).unwrap(), first);
        assert_eq!(signature(&[two.clone(), one.clone()], "1796115605", body).unwrap(), format!("{second} {first}"));
        assert_ne!(signature(std::slice::from_ref(&one), "1796115606", body).unwrap(), first);
        assert_eq!(signature(&[], "1796115605", body), None);
    }
}
