//! Which keys does an issuer publish now?
//!
//! A key set (RFC 7517 section 5) is data from outside: limited in size and time, followed nowhere else, and a key in it counts only
//! for the one algorithm it names, or else the usual one of its kind.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::Mutex;
use reqwest::{Client, Url, redirect};
use serde_json::{Map, Value};

use super::algorithm::{Algorithm, Kind};
use super::compact::is_kid;
use super::json;
use super::keyring::{Key, KeyError, KeyFlaw};

/// The largest key set, in bytes.
const MAX_BODY: usize = 256 * 1024;

/// The most keys in a set.
const MAX_KEYS: usize = 64;

/// The most sets in a configuration.
const MAX_SETS: usize = 8;

/// `[[tokens.jwks]]`: where a key set is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jwks {
    /// `url`: `https://` (or `http://`, where the way there is trusted).
    pub url: String,
}

/// What came of asking for a key set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// How many of its keys are in use.
    pub keys: usize,
    /// How many were passed over: for encryption, shared secrets, of a kind that we do not know, or broken.
    pub passed_over: usize,
    /// Whether it differs from the last good one.
    pub changed: bool,
}

/// A key set could not be had; the last good one stays in use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// No connection, or it broke.
    #[error("it could not be reached")]
    Unreachable,
    /// Longer than the timeout, all in all.
    #[error("it did not answer in time")]
    TimedOut,
    /// Not 200; redirects are not followed.
    #[error("it answered with status {0}, and should with 200")]
    Status(u16),
    /// Too much.
    #[error("its answer is larger than {MAX_BODY} bytes")]
    TooLarge,
    /// Not what RFC 7517 section 5 says.
    #[error("its answer is not a key set: {0}")]
    NotAKeySet(String),
    /// Too many keys.
    #[error("it has more than {MAX_KEYS} keys")]
    TooManyKeys,
    /// Keys, but none for us.
    #[error("none of its {0} keys can be used to verify signatures")]
    NoneUsable(usize),
}

impl FetchError {
    /// A word for metrics.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed-out",
            Self::Status(_) => "status",
            Self::TooLarge => "too-large",
            Self::NotAKeySet(_) => "not-a-key-set",
            Self::TooManyKeys => "too-many-keys",
            Self::NoneUsable(_) => "none-usable",
        }
    }
}

/// One key set and what it last held.
pub(super) struct Source {
    url: Url,
    last: Mutex<Option<Last>>,
}

struct Last {
    digest: Vec<u8>,
    keys: Vec<Arc<Key>>,
    passed_over: usize,
}

impl Source {
    /// Sources for these addresses; those that were known keep what they hold.
    pub(super) fn all(sets: &[Jwks], known: &[Arc<Self>]) -> Result<Vec<Arc<Self>>, KeyError> {
        let mut sources: Vec<Arc<Self>> = Vec::new();
        for (set, number) in sets.iter().zip(1_usize..) {
            let error = |flaw| KeyError { key: format!("set number {number}"), flaw };
            if number > MAX_SETS {
                return Err(error(KeyFlaw::TooManySets(MAX_SETS)));
            }
            let url = Url::parse(&set.url).map_err(|_| error(KeyFlaw::Url))?;
            let plain = matches!(url.scheme(), "https" | "http") && url.has_host() && url.username().is_empty() && url.password().is_none();
            if !plain {
                return Err(error(KeyFlaw::Url));
            }
            if sources.iter().any(|s| s.url == url) {
                return Err(error(KeyFlaw::SameUrl));
            }
            let known = known.iter().find(|s| s.url == url).cloned();
            sources.push(known.unwrap_or_else(|| Arc::new(Self { url, last: Mutex::new(None) })));
        }
        Ok(sources)
    }

    /// Its address.
    pub(super) fn url(&self) -> &str {
        self.url.as_str()
    }

    /// The keys of the last good answer.
    pub(super) fn keys(&self) -> Vec<Arc<Key>> {
        self.last.lock().as_ref().map(|l| l.keys.clone()).unwrap_or_default()
    }

    /// Asks, and keeps the answer where it is good.
    pub(super) async fn fetch(&self, client: &Client) -> Result<Fetched, FetchError> {
        let body = download(client, self.url.clone()).await?;
        let digest = digest(&SHA256, &body).as_ref().to_vec();
        if let Some(last) = self.last.lock().as_ref().filter(|l| l.digest == digest) {
            return Ok(Fetched { keys: last.keys.len(), passed_over: last.passed_over, changed: false });
        }
        let (keys, passed_over) = read(&body)?;
        let fetched = Fetched { keys: keys.len(), passed_over, changed: true };
        *self.last.lock() = Some(Last { digest, keys, passed_over });
        Ok(fetched)
    }
}

/// A client that goes to the address it is given, and nowhere else.
pub(super) fn client(timeout: Duration) -> Result<Client, KeyError> {
    // Whoever is first decides for the process; any provider will do here.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .redirect(redirect::Policy::none())
        .no_proxy()
        .timeout(timeout)
        .user_agent(concat!("roomgate/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|_| KeyError { key: "sets".to_owned(), flaw: KeyFlaw::NoTls })
}

async fn download(client: &Client, url: Url) -> Result<Vec<u8>, FetchError> {
    let failed = |e: reqwest::Error| if e.is_timeout() { FetchError::TimedOut } else { FetchError::Unreachable };
    let mut answer = client.get(url).header("accept", "application/jwk-set+json, application/json").send().await.map_err(failed)?;
    if answer.status() != 200 {
        return Err(FetchError::Status(answer.status().as_u16()));
    }
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(failed)? {
        if body.len().saturating_add(chunk.len()) > MAX_BODY {
            return Err(FetchError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The usable keys of a set, and how many others there were.
pub(super) fn read(body: &[u8]) -> Result<(Vec<Arc<Key>>, usize), FetchError> {
    let mut set = json::object(body).map_err(FetchError::NotAKeySet)?;
    let Some(Value::Array(entries)) = set.remove("keys") else {
        return Err(FetchError::NotAKeySet("it has no list `keys`".to_owned()));
    };
    let all = entries.len();
    if all > MAX_KEYS {
        return Err(FetchError::TooManyKeys);
    }
    let keys: Vec<_> = entries.iter().filter_map(|e| e.as_object().and_then(key)).map(Arc::new).collect();
    // An issuer may take all its keys back, and says so with an empty list; a list of nothing we can use is a mistake somewhere.
    if keys.is_empty() && all > 0 {
        return Err(FetchError::NoneUsable(all));
    }
    let passed_over = all.saturating_sub(keys.len());
    Ok((keys, passed_over))
}

/// One key of a set (RFC 7517 section 4, RFC 7518 section 6, RFC 8037 section 2), if it verifies signatures of ours.
fn key(jwk: &Map<String, Value>) -> Option<Key> {
    if !matches!(text(jwk, "use"), Said::Nothing | Said::Text("sig")) {
        return None;
    }
    match jwk.get("key_ops") {
        None => {}
        Some(Value::Array(ops)) if ops.iter().any(|op| op == "verify") => {}
        Some(_) => return None,
    }
    let id = match text(jwk, "kid") {
        Said::Nothing => None,
        Said::Text(id) if is_kid(id) => Some(id),
        Said::Text(_) | Said::Other => return None,
    };
    // A private key in public has been lost already.
    if jwk.contains_key("d") {
        return None;
    }
    // A shared secret (`oct`) that stands in a published list is none.
    let usual = match (text(jwk, "kty"), text(jwk, "crv")) {
        (Said::Text("RSA"), Said::Nothing) => Algorithm::RS256,
        (Said::Text("EC"), Said::Text("P-256")) => Algorithm::ES256,
        (Said::Text("EC"), Said::Text("P-384")) => Algorithm::ES384,
        (Said::Text("OKP"), Said::Text("Ed25519")) => Algorithm::EdDSA,
        _ => return None,
    };
    let algorithm = match text(jwk, "alg") {
        Said::Nothing => usual,
        Said::Text(name) => Algorithm::named(name).filter(|a| a.kind() == usual.kind())?,
        Said::Other => return None,
    };
    let bytes = |name| match text(jwk, name) {
        Said::Text(text) => URL_SAFE_NO_PAD.decode(text).ok(),
        Said::Nothing | Said::Other => None,
    };
    match algorithm.kind() {
        Kind::Secret => None,
        Kind::Rsa => Key::rsa(id, algorithm, &bytes("n")?, &bytes("e")?).ok(),
        Kind::Ec(size) => {
            let (x, y) = (bytes("x")?, bytes("y")?);
            let whole = x.len() == size && y.len() == size;
            let point = [&[4], x.as_slice(), y.as_slice()].concat();
            whole.then(|| Key::ec(id, algorithm, &point).ok()).flatten()
        }
        Kind::Ed => Key::ed(id, &bytes("x")?).ok(),
    }
}

/// What a member says, if it is there and a string.
enum Said<'a> {
    Nothing,
    Text(&'a str),
    Other,
}

fn text<'a>(jwk: &'a Map<String, Value>, name: &str) -> Said<'a> {
    match jwk.get(name) {
        None => Said::Nothing,
        Some(Value::String(text)) => Said::Text(text),
        Some(_) => Said::Other,
    }
}
