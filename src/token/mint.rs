//! How is a token made?

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::EncodingKey;
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
use serde::Serialize;

use crate::access::{RoomName, Timestamp};

use super::algorithm::Algorithm;
use super::claims::Claims;
use super::compact::MAX_TOKEN;
use super::keyring::{KeyError, KeySpec, Keyring, Material};

/// What a token shall say.
#[derive(Clone, Debug)]
pub struct Minting {
    /// The room it opens; `None` opens any.
    pub room: Option<RoomName>,
    /// `is_owner`.
    pub owner: bool,
    /// `user_name`.
    pub name: Option<String>,
    /// `user_id`.
    pub user: Option<String>,
    /// `email`.
    pub email: Option<String>,
    /// `groups`.
    pub groups: Vec<String>,
    /// `guest`: must ask to be let in.
    pub guest: bool,
    /// `domain_id`.
    pub domain: Option<String>,
    /// `iat`; fractions of a second are cut off, here and in the other times.
    pub issued: Timestamp,
    /// `nbf`.
    pub not_before: Option<Timestamp>,
    /// `exp`; `None` is valid for ever.
    pub expires: Option<Timestamp>,
    /// `jti`: with it, this one token can be taken back by name.
    pub id: Option<String>,
    /// `eject_at_token_exp`.
    pub eject_at_expiry: Option<bool>,
    /// `eject_after_elapsed`.
    pub eject_after: Option<Duration>,
}

impl Minting {
    /// A participant's token for this room (or any), valid for ever, with nothing else in it.
    pub fn new(room: Option<RoomName>, issued: Timestamp) -> Self {
        Self {
            room,
            owner: false,
            name: None,
            user: None,
            email: None,
            groups: Vec::new(),
            guest: false,
            domain: None,
            issued,
            not_before: None,
            expires: None,
            id: None,
            eject_at_expiry: None,
            eject_after: None,
        }
    }
}

/// A token cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MintError {
    /// Only the issuer has what it takes.
    #[error("a {0} token is signed with the issuer's private key, which the gateway does not have; mint with an HS256, HS384 or HS512 key")]
    PublicKey(Algorithm),
    /// The key itself is wrong.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// We would refuse it ourselves.
    #[error("such a token would be refused: {0}")]
    Refused(String),
    /// The cryptographic library gave no signature.
    #[error("the signature could not be computed")]
    Signature,
}

/// Makes a token.
///
/// # Errors
/// Where the key cannot sign, or the verifier would not take the token for good.
pub fn mint(minting: &Minting, key: &KeySpec) -> Result<String, MintError> {
    let Material::Secret(secret) = &key.material else {
        return Err(MintError::PublicKey(key.algorithm));
    };
    Keyring::local(std::slice::from_ref(key))?;
    let header = Header { alg: key.algorithm.name(), typ: "JWT", kid: key.id.as_deref() };
    let claims = Said {
        room_name: minting.room.as_ref().map(RoomName::as_str),
        is_owner: minting.owner.then_some(true),
        user_name: minting.name.as_deref(),
        user_id: minting.user.as_deref(),
        email: minting.email.as_deref(),
        groups: &minting.groups,
        guest: minting.guest.then_some(true),
        domain_id: minting.domain.as_deref(),
        iat: minting.issued.as_secs(),
        nbf: minting.not_before.map(Timestamp::as_secs),
        exp: minting.expires.map(Timestamp::as_secs),
        jti: minting.id.as_deref(),
        eject_at_token_exp: minting.eject_at_expiry,
        eject_after_elapsed: minting.eject_after.map(|d| d.as_secs()),
    };
    let refused = |why: &dyn std::fmt::Display| MintError::Refused(why.to_string());
    let header = serde_json::to_vec(&header).map_err(|e| refused(&e))?;
    let claims = serde_json::to_vec(&claims).map_err(|e| refused(&e))?;
    Claims::parse(&claims).map_err(|f| refused(&f.detail))?;

    let mut token = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signing = EncodingKey::from_secret(secret.expose());
    let signature = (DEFAULT_PROVIDER.signer_factory)(&key.algorithm.jwa(), &signing)
        .ok()
        .and_then(|signer| signer.try_sign(token.as_bytes()).ok())
        .ok_or(MintError::Signature)?;
    token.push('.');
    token.push_str(&URL_SAFE_NO_PAD.encode(signature));
    if token.len() > MAX_TOKEN {
        return Err(MintError::Refused(format!("longer than {MAX_TOKEN} bytes")));
    }
    Ok(token)
}

#[derive(Serialize)]
struct Header<'a> {
    alg: &'static str,
    typ: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
}

/// The claims by their long names.
#[derive(Serialize)]
struct Said<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    room_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_owner: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    groups: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    guest: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain_id: Option<&'a str>,
    iat: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    eject_at_token_exp: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    eject_after_elapsed: Option<u64>,
}
