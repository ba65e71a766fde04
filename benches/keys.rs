//! Issuers for the benches: key pairs made on the spot, and tokens signed with them.

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256};
use aws_lc_rs::{hmac, signature};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// Somebody who issues tokens.
pub enum Issuer {
    HS256(String),
    RS256(RsaKeyPair),
    ES256(EcdsaKeyPair),
    EdDSA(Ed25519KeyPair),
}

impl Issuer {
    /// One for each kind of signature.
    pub fn all() -> [Self; 4] {
        [
            Self::HS256("Qm4tZw8xRp2kVn6cJy9bHs3dLf7gTa5e-bench".into()),
            Self::RS256(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()),
            Self::ES256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()),
            Self::EdDSA(Ed25519KeyPair::generate().unwrap()),
        ]
    }

    /// As `alg` and `kid` say it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::HS256(_) => "HS256",
            Self::RS256(_) => "RS256",
            Self::ES256(_) => "ES256",
            Self::EdDSA(_) => "EdDSA",
        }
    }

    /// What the gateway is given: the secret, or the public key in PEM.
    pub fn material(&self) -> String {
        let der: PublicKeyX509Der<'_> = match self {
            Self::HS256(secret) => return secret.clone(),
            Self::RS256(pair) => pair.public_key().as_der().unwrap(),
            Self::ES256(pair) => pair.public_key().as_der().unwrap(),
            Self::EdDSA(pair) => pair.public_key().as_der().unwrap(),
        };
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der.as_ref()))
    }

    /// A token with these claims, in JSON.
    pub fn token(&self, claims: &str) -> String {
        let header = format!(r#"{{"alg":"{0}","typ":"JWT","kid":"{0}"}}"#, self.name());
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let bytes = signed.as_bytes();
        let random = SystemRandom::new();
        let signature = match self {
            Self::HS256(secret) => hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), bytes).as_ref().to_vec(),
            Self::RS256(pair) => {
                let mut made = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256 as &dyn signature::RsaEncoding, &random, bytes, &mut made).unwrap();
                made
            }
            Self::ES256(pair) => pair.sign(&random, bytes).unwrap().as_ref().to_vec(),
            Self::EdDSA(pair) => pair.sign(bytes).as_ref().to_vec(),
        };
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}
