//! Has this text the shape of a token, and which key does it ask for?
//!
//! RFC 7515 section 7.1: three parts in unpadded base64url. Everything here is looked at before any signature is computed, and is
//! the sender's word only.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::access::TokenFault;

use super::algorithm::Algorithm;
use super::fault::Fault;
use super::json;

/// The longest token, in bytes.
pub const MAX_TOKEN: usize = 8 * 1024;

/// The longest `kid`, in characters.
pub(super) const MAX_KID: usize = 64;

/// A token taken apart, with nothing of it believed.
pub(super) struct Compact<'a> {
    /// What was signed: header and payload as they came.
    pub(super) signed: &'a str,
    /// `alg`.
    pub(super) algorithm: Algorithm,
    /// `kid`.
    pub(super) kid: Option<String>,
    /// The claims' bytes.
    pub(super) payload: Vec<u8>,
    /// The signature's bytes.
    pub(super) signature: Vec<u8>,
}

impl<'a> Compact<'a> {
    /// Takes a token apart.
    ///
    /// # Errors
    /// `malformed-token` where it is none; `wrong-algorithm` where its algorithm is none of ours.
    pub(super) fn read(token: &'a str) -> Result<Self, Fault> {
        if token.len() > MAX_TOKEN {
            return Err(Fault::malformed(format!("longer than {MAX_TOKEN} bytes")));
        }
        if !token.is_ascii() {
            return Err(Fault::malformed("not ASCII"));
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(NOT_THREE)?;
        let (header, payload) = signed.split_once('.').ok_or(NOT_THREE)?;
        if payload.contains('.') || header.is_empty() || payload.is_empty() {
            return Err(NOT_THREE);
        }
        // The engine refuses padding, other alphabets, blanks and stray bits in the last character: each token has one spelling.
        let decode = |part: &str, detail| URL_SAFE_NO_PAD.decode(part).map_err(|_| Fault::malformed(detail));
        let header = decode(header, "the header is not unpadded base64url")?;
        let payload = decode(payload, "the payload is not unpadded base64url")?;
        let signature = decode(signature, "the signature is not unpadded base64url")?;
        let Header { algorithm, kid } = Header::read(&header)?;
        Ok(Self { signed, algorithm, kid, payload, signature })
    }
}

const NOT_THREE: Fault =
    Fault { fault: TokenFault::Malformed, detail: std::borrow::Cow::Borrowed("not three parts with a dot between each two") };

struct Header {
    algorithm: Algorithm,
    kid: Option<String>,
}

impl Header {
    /// `jwk`, `jku`, `x5u`, `x5c` and whatever else is in a header are the sender's wishes, and nobody looks at them.
    fn read(bytes: &[u8]) -> Result<Self, Fault> {
        let members = json::object(bytes).map_err(|e| Fault::malformed(format!("the header: {e}")))?;
        // Each of them changes how the rest is to be read, and whoever does not know how must refuse (RFC 7515 section 4.1.11).
        for name in ["crit", "b64", "zip"] {
            if members.contains_key(name) {
                return Err(Fault::malformed(format!("the header has `{name}`, which is not supported")));
            }
        }
        if !matches!(members.get("typ"), None | Some(Value::String(_))) {
            return Err(Fault::malformed("`typ` must be a string"));
        }
        let kid = kid(&members)?;
        let algorithm = match members.get("alg") {
            Some(Value::String(name)) => Algorithm::named(name),
            Some(_) => return Err(Fault::malformed("`alg` must be a string")),
            None => return Err(Fault::malformed("the header has no `alg`")),
        };
        let algorithm = algorithm.ok_or_else(|| Fault::new(TokenFault::WrongAlgorithm, "`alg` is none that a key of ours could have"))?;
        Ok(Self { algorithm, kid })
    }
}

fn kid(members: &Map<String, Value>) -> Result<Option<String>, Fault> {
    match members.get("kid") {
        None => Ok(None),
        Some(Value::String(kid)) if is_kid(kid) => Ok(Some(kid.clone())),
        Some(_) => Err(Fault::malformed(format!("`kid` must be a string of 1 to {MAX_KID} printable ASCII characters"))),
    }
}

/// Whether a key may be called so.
pub(super) fn is_kid(kid: &str) -> bool {
    (1..=MAX_KID).contains(&kid.len()) && kid.bytes().all(|b| matches!(b, b' '..=b'~'))
}
