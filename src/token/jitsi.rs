//! How is a token made that Jitsi believes?
//!
//! HS256, in the claims that `mod_auth_token` and `mod_token_affiliation` read (jitsi-meet, `token/util.lib.lua` e103757f): `iss`, `aud`, `sub`, `room`,
//! `context.user`. It is needed for the moment of connecting; a later resumption gets another.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::EncodingKey;
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
use serde::Serialize;

use super::algorithm::Algorithm;
use super::mint::MintError;
use super::secret::Secret;
use crate::access::Timestamp;

/// How long it is good for, in seconds.
const GOOD_FOR: i64 = 120;
/// By how much the server's clock may be behind ours, in seconds.
const SKEW: i64 = 30;

/// What a token shall say.
#[derive(Clone, Copy, Debug)]
pub struct JitsiMinting<'a> {
    /// `iss`.
    pub app_id: &'a str,
    /// `aud`.
    pub audience: &'a str,
    /// `sub`: the tenant, or the domain.
    pub subject: &'a str,
    /// `room`: the node of its address.
    pub room: &'a str,
    /// `context.user.id`.
    pub user: Option<&'a str>,
    /// `context.user.name`.
    pub name: Option<&'a str>,
    /// `context.user.email`.
    pub email: Option<&'a str>,
    /// A moderator there.
    pub owner: bool,
    /// Now.
    pub now: Timestamp,
}

/// Makes it.
///
/// # Errors
/// Where the cryptographic library gives no signature.
pub fn mint_jitsi(minting: &JitsiMinting<'_>, secret: &Secret) -> Result<String, MintError> {
    let now = minting.now.as_secs();
    let user = User {
        id: minting.user,
        name: minting.name,
        email: minting.email,
        moderator: minting.owner,
        affiliation: if minting.owner { "owner" } else { "member" },
    };
    let said = Said {
        iss: minting.app_id,
        aud: minting.audience,
        sub: minting.subject,
        room: minting.room,
        iat: now,
        nbf: now.saturating_sub(SKEW),
        exp: now.saturating_add(GOOD_FOR),
        context: Context { user },
    };
    let written = |error: serde_json::Error| MintError::Refused(error.to_string());
    let claims = serde_json::to_vec(&said).map_err(written)?;
    let mut token = format!("{}.{}", URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#), URL_SAFE_NO_PAD.encode(claims));
    let signing = EncodingKey::from_secret(secret.expose());
    let signature = (DEFAULT_PROVIDER.signer_factory)(&Algorithm::HS256.jwa(), &signing)
        .ok()
        .and_then(|signer| signer.try_sign(token.as_bytes()).ok())
        .ok_or(MintError::Signature)?;
    token.push('.');
    token.push_str(&URL_SAFE_NO_PAD.encode(signature));
    Ok(token)
}

#[derive(Serialize)]
struct Said<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    room: &'a str,
    iat: i64,
    nbf: i64,
    exp: i64,
    context: Context<'a>,
}

#[derive(Serialize)]
struct Context<'a> {
    user: User<'a>,
}

#[derive(Serialize)]
struct User<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    moderator: bool,
    affiliation: &'static str,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn it_says_what_jitsi_reads_and_is_signed() {
        let minting = JitsiMinting {
            app_id: "roomgate",
            audience: "jitsi",
            subject: "meet.jitsi",
            room: "standup",
            user: Some("42"),
            name: Some("Ann"),
            email: None,
            owner: true,
            now: Timestamp::from_secs(1_800_000_000),
        };
        let token = mint_jitsi(&minting, &Secret::new(b"short".to_vec())).unwrap();
        let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::HS256);
        validation.set_audience(&["jitsi"]);
        validation.validate_exp = false;
        let key = jsonwebtoken::DecodingKey::from_secret(b"short");
        let read = jsonwebtoken::decode::<serde_json::Value>(&token, &key, &validation).unwrap().claims;
        assert_eq!(read["iss"], "roomgate");
        assert_eq!((read["sub"].as_str(), read["room"].as_str()), (Some("meet.jitsi"), Some("standup")));
        assert_eq!(read["exp"], 1_800_000_120);
        let user = serde_json::json!({"id": "42", "name": "Ann", "moderator": true, "affiliation": "owner"});
        assert_eq!(read["context"]["user"], user);
    }
}
