//! Which keys are ours, and which of them could have signed this?
//!
//! A key is bound to one algorithm when it is made (RFC 8725 section 3.1); `alg` of a token chooses among keys, never how a key is used.

use std::sync::Arc;

use aws_lc_rs::rsa::PublicKey;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    VerificationAlgorithm,
};
use jsonwebtoken::DecodingKey;
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;

use super::algorithm::{Algorithm, Kind};
use super::compact::{MAX_KID, is_kid};
use super::secret::Secret;

/// The shortest secret, in bytes (RFC 7518 section 3.2 for HS256).
pub(super) const MIN_SECRET: usize = 32;

/// RSA keys in bits: what is safe (RFC 7518 section 3.3), and what does not cost too much.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// The most keys in a configuration.
const MAX_KEYS: usize = 64;

/// The most signatures that are computed for one token.
const MAX_TRIES: usize = 16;

/// `[[tokens.key]]`: one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySpec {
    /// `id`, matched with the header's `kid` where both are there.
    pub id: Option<String>,
    /// `algorithm`: the only one it serves.
    pub algorithm: Algorithm,
    /// The key itself.
    pub material: Material,
}

/// What a key is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Material {
    /// For HS256, HS384 and HS512: all bytes of it, just as they are.
    Secret(Secret),
    /// For all others: one public key in PEM, `PUBLIC KEY` (or `RSA PUBLIC KEY`).
    PublicPem(Vec<u8>),
}

/// A key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("key {key}: {flaw}")]
pub struct KeyError {
    /// Its id in backticks, or `number 2` where it has none.
    pub key: String,
    /// What is wrong with it.
    pub flaw: KeyFlaw,
}

/// What is wrong with a key, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFlaw {
    /// Its id could stand in no header that we accept.
    #[error("an id has 1 to {MAX_KID} printable ASCII characters")]
    Id,
    /// Two keys of one name.
    #[error("another key has the same id; each has its own")]
    Duplicate,
    /// More than can be meant.
    #[error("there can be {MAX_KEYS} keys at most")]
    TooMany,
    /// An asymmetric key for an HMAC.
    #[error("{0} needs a secret (`secret_file`), not a public key")]
    NeedsSecret(Algorithm),
    /// A secret for a signature.
    #[error("{0} needs a public key (`public_key_file`), not a secret")]
    NeedsPublicKey(Algorithm),
    /// Could be guessed.
    #[error("a secret has at least {MIN_SECRET} bytes, and this one has {0}; `openssl rand -hex 32` makes a good one")]
    ShortSecret(usize),
    /// A key of another sort, perhaps a public one.
    #[error("this secret is a key file (PEM, SSH or JWK): such a key goes into `public_key_file`, with an algorithm like RS256 or ES256")]
    KeyAsSecret,
    /// In every wordlist.
    #[error("this secret is a sample or a pattern that anybody would try first; `openssl rand -hex 32` makes a good one")]
    SampleSecret,
    /// What the issuer should have kept.
    #[error("this is a private key, which the issuer keeps; `openssl pkey -in FILE -pubout` writes the public one that belongs here")]
    PrivateKey,
    /// A certificate.
    #[error("this is a certificate; `openssl x509 -in FILE -pubkey -noout` writes the public key that belongs here")]
    Certificate,
    /// Not one public key.
    #[error("a public key file holds one PEM block that begins with `-----BEGIN PUBLIC KEY-----`")]
    NotPem,
    /// Of another family or curve, or broken.
    #[error("{algorithm} needs {}", needs(*.algorithm))]
    NotSuch {
        /// What it was to serve.
        algorithm: Algorithm,
    },
    /// Too weak, or too costly.
    #[error("an RSA key has 2048 to 8192 bits, and this one has {0}")]
    RsaBits(usize),
    /// Too many key sets.
    #[error("there can be {0} key sets at most")]
    TooManySets(usize),
    /// No address of a key set.
    #[error("a key set has an address that begins with `https://` or `http://` and holds no password")]
    Url,
    /// Stated twice.
    #[error("another key set has the same address")]
    SameUrl,
    /// The system has no certificates to trust.
    #[error("no HTTPS client can be made on this system; are its CA certificates installed?")]
    NoTls,
}

fn needs(algorithm: Algorithm) -> &'static str {
    match algorithm.kind() {
        Kind::Secret => "a secret",
        Kind::Rsa => "a public RSA key, with an odd exponent above 1",
        Kind::Ec(32) => "a public key on the curve P-256",
        Kind::Ec(_) => "a public key on the curve P-384",
        Kind::Ed => "a public Ed25519 key",
    }
}

/// A key ready for use.
pub(super) struct Key {
    pub(super) id: Option<Box<str>>,
    pub(super) algorithm: Algorithm,
    decoding: DecodingKey,
}

impl Key {
    fn from_spec(spec: &KeySpec) -> Result<Self, KeyFlaw> {
        if spec.id.as_deref().is_some_and(|id| !is_kid(id)) {
            return Err(KeyFlaw::Id);
        }
        let (id, algorithm) = (spec.id.as_deref(), spec.algorithm);
        match (&spec.material, algorithm.kind()) {
            (Material::Secret(secret), Kind::Secret) => {
                judge_secret(secret.expose())?;
                Ok(Self::hmac(id, algorithm, secret.expose()))
            }
            (Material::Secret(_), Kind::Rsa | Kind::Ec(_) | Kind::Ed) => Err(KeyFlaw::NeedsPublicKey(algorithm)),
            (Material::PublicPem(_), Kind::Secret) => Err(KeyFlaw::NeedsSecret(algorithm)),
            (Material::PublicPem(pem), Kind::Rsa | Kind::Ec(_) | Kind::Ed) => Self::from_pem(id, algorithm, pem),
        }
    }

    fn from_pem(id: Option<&str>, algorithm: Algorithm, pem: &[u8]) -> Result<Self, KeyFlaw> {
        let text = std::str::from_utf8(pem).map_err(|_| KeyFlaw::NotPem)?;
        if text.contains("PRIVATE KEY-----") {
            return Err(KeyFlaw::PrivateKey);
        }
        if text.contains("-----BEGIN CERTIFICATE") {
            return Err(KeyFlaw::Certificate);
        }
        let public = ["-----BEGIN PUBLIC KEY-----", "-----BEGIN RSA PUBLIC KEY-----"].iter().any(|begin| text.contains(begin));
        if !public || text.matches("-----BEGIN").count() != 1 {
            return Err(KeyFlaw::NotPem);
        }
        let not_such = KeyFlaw::NotSuch { algorithm };
        let inner = match algorithm.kind() {
            Kind::Secret => return Err(KeyFlaw::NeedsSecret(algorithm)),
            Kind::Rsa => DecodingKey::from_rsa_pem(pem),
            Kind::Ec(_) => DecodingKey::from_ec_pem(pem),
            Kind::Ed => DecodingKey::from_ed_pem(pem),
        };
        let inner = inner.map_err(|_| not_such.clone())?;
        let bytes = inner.try_get_as_bytes().map_err(|_| not_such.clone())?;
        match algorithm.kind() {
            Kind::Secret => Err(KeyFlaw::NeedsSecret(algorithm)),
            Kind::Rsa => {
                let key = PublicKey::from_der(bytes).map_err(|_| not_such)?;
                let RsaPublicKeyComponents::<Vec<u8>> { n, e } = (&key).into();
                Self::rsa(id, algorithm, &n, &e)
            }
            Kind::Ec(_) => Self::ec(id, algorithm, bytes),
            Kind::Ed => Self::ed(id, bytes),
        }
    }

    /// A key from a secret that has been judged.
    pub(super) fn hmac(id: Option<&str>, algorithm: Algorithm, secret: &[u8]) -> Self {
        Self { id: id.map(Into::into), algorithm, decoding: DecodingKey::from_secret(secret) }
    }

    /// A key from modulus and exponent, both big-endian.
    pub(super) fn rsa(id: Option<&str>, algorithm: Algorithm, n: &[u8], e: &[u8]) -> Result<Self, KeyFlaw> {
        let not_such = || KeyFlaw::NotSuch { algorithm };
        if algorithm.kind() != Kind::Rsa {
            return Err(not_such());
        }
        let trim = |bytes: &[u8]| bytes.iter().copied().skip_while(|b| *b == 0).collect::<Vec<u8>>();
        let (n, e) = (trim(n), trim(e));
        let bits = n.first().map_or(0, |top| n.len().saturating_mul(8).saturating_sub(top.leading_zeros() as usize));
        if !RSA_BITS.contains(&bits) {
            return Err(KeyFlaw::RsaBits(bits));
        }
        // An exponent of 1 makes every message its own signature; a long one makes verifying slow.
        let exponent = e.len() <= 4 && e.last().is_some_and(|last| last % 2 == 1) && e != [1];
        let components = RsaPublicKeyComponents { n: &n, e: &e };
        if !exponent || components.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).is_err() {
            return Err(not_such());
        }
        Ok(Self { id: id.map(Into::into), algorithm, decoding: DecodingKey::from_rsa_raw_components(&n, &e) })
    }

    /// A key from an uncompressed point (SEC 1 section 2.3.3).
    pub(super) fn ec(id: Option<&str>, algorithm: Algorithm, point: &[u8]) -> Result<Self, KeyFlaw> {
        let curve: &'static dyn VerificationAlgorithm = match algorithm.kind() {
            Kind::Ec(32) if point.len() == 65 => &ECDSA_P256_SHA256_FIXED,
            Kind::Ec(48) if point.len() == 97 => &ECDSA_P384_SHA384_FIXED,
            Kind::Ec(_) | Kind::Secret | Kind::Rsa | Kind::Ed => return Err(KeyFlaw::NotSuch { algorithm }),
        };
        if point.first() != Some(&4) || ParsedPublicKey::new(curve, point).is_err() {
            return Err(KeyFlaw::NotSuch { algorithm });
        }
        Ok(Self { id: id.map(Into::into), algorithm, decoding: DecodingKey::from_ec_der(point) })
    }

    /// An Ed25519 key.
    pub(super) fn ed(id: Option<&str>, bytes: &[u8]) -> Result<Self, KeyFlaw> {
        let algorithm = Algorithm::EdDSA;
        if bytes.len() != 32 || ParsedPublicKey::new(&ED25519, bytes).is_err() {
            return Err(KeyFlaw::NotSuch { algorithm });
        }
        Ok(Self { id: id.map(Into::into), algorithm, decoding: DecodingKey::from_ed_der(bytes) })
    }

    /// Whether this key made this signature over `signed`.
    pub(super) fn made(&self, signature: &Vec<u8>, signed: &[u8]) -> bool {
        if self.algorithm.signature_len().is_some_and(|len| len != signature.len()) {
            return false;
        }
        (DEFAULT_PROVIDER.verifier_factory)(&self.algorithm.jwa(), &self.decoding)
            .is_ok_and(|verifier| verifier.verify(signed, signature).is_ok())
    }
}

/// All keys at one moment.
#[derive(Default)]
pub(super) struct Keyring {
    /// From the configuration.
    pub(super) local: Vec<Arc<Key>>,
    /// From key sets.
    pub(super) remote: Vec<Arc<Key>>,
}

/// Why no key can be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoKey {
    /// No key of that name: a key set may have a newer one.
    Unknown,
    /// There is a key, but it serves another algorithm.
    OtherAlgorithm,
}

/// Keys that could have made a signature.
pub(super) struct Candidates<'a> {
    pub(super) keys: Vec<&'a Key>,
    /// Whether they bear the name that was asked for. If not, a key set may have one that does.
    pub(super) named: bool,
}

impl Keyring {
    /// The keys of the configuration.
    pub(super) fn local(specs: &[KeySpec]) -> Result<Vec<Arc<Key>>, KeyError> {
        let mut keys: Vec<Arc<Key>> = Vec::new();
        for (spec, number) in specs.iter().zip(1_usize..) {
            let error = |flaw| KeyError { key: label(spec, number), flaw };
            if number > MAX_KEYS {
                return Err(error(KeyFlaw::TooMany));
            }
            if spec.id.is_some() && keys.iter().any(|k| k.id.as_deref() == spec.id.as_deref()) {
                return Err(error(KeyFlaw::Duplicate));
            }
            keys.push(Arc::new(Key::from_spec(spec).map_err(error)?));
        }
        Ok(keys)
    }

    /// Which keys to try for this `kid` and `alg`.
    ///
    /// A name of ours is ours: a key set cannot put a second key behind it. Keys without a name may answer to any.
    pub(super) fn candidates(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<Candidates<'_>, NoKey> {
        fn of(keys: &[Arc<Key>]) -> impl Iterator<Item = &Key> {
            keys.iter().map(|k| &**k)
        }
        fn fitting<'k>(keys: impl Iterator<Item = &'k Key>, algorithm: Algorithm) -> Vec<&'k Key> {
            keys.filter(|k| k.algorithm == algorithm).take(MAX_TRIES).collect()
        }
        let all = || of(&self.local).chain(of(&self.remote));

        if let Some(kid) = kid {
            let called = |k: &&Key| k.id.as_deref() == Some(kid);
            let mut named: Vec<&Key> = of(&self.local).filter(called).collect();
            if named.is_empty() {
                named = of(&self.remote).filter(called).collect();
            }
            if !named.is_empty() {
                let keys = fitting(named.into_iter(), algorithm);
                return if keys.is_empty() { Err(NoKey::OtherAlgorithm) } else { Ok(Candidates { keys, named: true }) };
            }
        }
        let keys = fitting(all().filter(|k| kid.is_none() || k.id.is_none()), algorithm);
        if !keys.is_empty() {
            return Ok(Candidates { keys, named: kid.is_none() });
        }
        // Where no key has a name, the token's `kid` says nothing, and its `alg` is what does not fit.
        let nameless = all().next().is_some() && all().all(|k| kid.is_none() || k.id.is_none());
        Err(if nameless { NoKey::OtherAlgorithm } else { NoKey::Unknown })
    }
}

fn label(spec: &KeySpec, number: usize) -> String {
    match &spec.id {
        Some(id) if is_kid(id) => format!("`{id}`"),
        Some(_) | None => format!("number {number}"),
    }
}

/// Whether a secret is one.
pub(super) fn judge_secret(secret: &[u8]) -> Result<(), KeyFlaw> {
    let contains = |what: &[u8]| secret.windows(what.len()).any(|w| w == what);
    if KEY_FORMS.iter().any(|form| contains(form.as_bytes())) {
        return Err(KeyFlaw::KeyAsSecret);
    }
    if secret.len() < MIN_SECRET {
        return Err(KeyFlaw::ShortSecret(secret.len()));
    }
    let folded = secret.trim_ascii().to_ascii_lowercase();
    let sample = SAMPLES.iter().any(|s| s.as_bytes() == folded) || BEGINNINGS.iter().any(|b| folded.starts_with(b.as_bytes()));
    if sample {
        return Err(KeyFlaw::SampleSecret);
    }
    Ok(())
}

/// Whether a secret is long enough and yet looks like a pattern that somebody typed: worth a warning.
///
/// Even thirty-two random hex digits show fewer than eight different ones less than once in ten million times.
pub fn is_pattern(secret: &[u8]) -> bool {
    let mut seen = [false; 256];
    for byte in secret {
        if let Some(seen) = seen.get_mut(usize::from(*byte)) {
            *seen = true;
        }
    }
    let rising = secret.windows(2).filter(|w| matches!(w, [a, b] if a.wrapping_add(1) == *b)).count();
    seen.into_iter().filter(|s| *s).count() < 8 || rising.saturating_mul(4) >= secret.len().saturating_mul(3)
}

/// What only a key file has in it: PEM, PEM in base64, OpenSSH, JWK.
const KEY_FORMS: [&str; 6] = ["-----BEGIN", "LS0tLS1CRUdJTi", "ssh-rsa ", "ssh-ed25519 ", "ecdsa-sha2-", "\"kty\""];

/// Secrets of 32 bytes and more that stand in documentation, in lower case.
const SAMPLES: [&str; 6] = [
    // The debugger at jwt.io.
    "a-string-secret-at-least-256-bits-long",
    "a-valid-string-secret-that-is-at-least-384-bits-long",
    "a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long",
    "your-256-bit-secret-your-256-bit-secret",
    // RFC 7515 appendix A.1 and RFC 7520 section 3.5, as they are printed.
    "aym1sysppbydfgzld3umj1qzkobwvmkoqq-estjqlr_t-1qs0gzh75aktmn3yj0ips4hcguutwjazzr1z9caow",
    "hjtxiz2usn5kbqfbttnwbpdmhkv8fjg-onbc6mxccyg",
];

/// How secrets begin that somebody meant to replace, in lower case.
const BEGINNINGS: [&str; 7] = ["changeme", "change-me", "change_me", "your-256-bit", "your-384-bit", "your-512-bit", "your-secret"];
