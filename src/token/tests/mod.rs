//! Tokens of every sort, made by hand: a library that makes tokens refuses to make bad ones.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod claims;
mod hostile;
mod keys;
mod minting;
mod remembering;
mod sets;
mod standards;

use std::sync::{Arc, LazyLock};

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use crate::access::{NameError, RoomName, Timestamp};

use super::*;

/// The moment at which all of this happens.
const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

const SECRET: &[u8] = b"Vq3mZ7-eX0_wTn5Lk8RbJ2yHcU6sGdP1";
const SECRET_384: &[u8] = b"q9Xw2Er7Ty4Ui1Op6As3Df8Gh5Jk0LzXcVbNm_1-2Qa7Ws4E";
const SECRET_512: &[u8] = b"Zp0-oI9uY8tR7eW6qA5sD4fG3hJ2kL1_mN0bV9cX8zQ7wE6rT5yU4iO3pLkJhGf2";

static RSA: LazyLock<RsaKeyPair> = LazyLock::new(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap());
static OTHER_RSA: LazyLock<RsaKeyPair> = LazyLock::new(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap());
static P256: LazyLock<EcdsaKeyPair> = LazyLock::new(|| EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap());
static P384: LazyLock<EcdsaKeyPair> = LazyLock::new(|| EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap());
static ED: LazyLock<Ed25519KeyPair> = LazyLock::new(|| Ed25519KeyPair::generate().unwrap());

/// What Roomgate's generic profile says of names, near enough.
fn room_names() -> RoomNames {
    Arc::new(|text| match text.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))) {
        Some(c) => Err(NameError::Character(c)),
        None => RoomName::canonical(text),
    })
}

/// One key for each algorithm, called like it in lower case; `main` is HS256.
fn specs() -> Vec<KeySpec> {
    let secret = |id: &str, algorithm, secret: &[u8]| KeySpec {
        id: Some(id.to_owned()),
        algorithm,
        material: Material::Secret(Secret::new(secret.to_vec())),
    };
    let public = |algorithm: Algorithm, pem: &str| KeySpec {
        id: Some(algorithm.name().to_lowercase()),
        algorithm,
        material: Material::PublicPem(pem.as_bytes().to_vec()),
    };
    let mut specs = vec![
        secret("main", Algorithm::HS256, SECRET),
        secret("hs384", Algorithm::HS384, SECRET_384),
        secret("hs512", Algorithm::HS512, SECRET_512),
    ];
    for algorithm in Algorithm::ALL {
        match algorithm.kind() {
            Kind::Secret => {}
            Kind::Rsa => specs.push(public(algorithm, &rsa_pem(&RSA))),
            Kind::Ec(32) => specs.push(public(algorithm, &ec_pem(&P256))),
            Kind::Ec(_) => specs.push(public(algorithm, &ec_pem(&P384))),
            Kind::Ed => {
                specs.push(public(algorithm, &pem("PUBLIC KEY", AsDer::<PublicKeyX509Der>::as_der(ED.public_key()).unwrap().as_ref())))
            }
        }
    }
    specs
}

fn kid_of(algorithm: Algorithm) -> String {
    if algorithm == Algorithm::HS256 { "main".to_owned() } else { algorithm.name().to_lowercase() }
}

fn verifier() -> Verifier {
    Verifier::new(&specs(), &[], Options::default(), room_names()).unwrap()
}

fn rsa_pem(pair: &RsaKeyPair) -> String {
    pem("PUBLIC KEY", AsDer::<PublicKeyX509Der>::as_der(pair.public_key()).unwrap().as_ref())
}

fn ec_pem(pair: &EcdsaKeyPair) -> String {
    pem("PUBLIC KEY", AsDer::<PublicKeyX509Der>::as_der(pair.public_key()).unwrap().as_ref())
}

fn pem(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der).as_bytes().chunks(64).map(|c| std::str::from_utf8(c).unwrap().to_owned()).collect::<Vec<_>>();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", body.join("\n"))
}

fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn hmac_with(algorithm: hmac::Algorithm, secret: &[u8], signed: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(algorithm, secret), signed.as_bytes()).as_ref().to_vec()
}

fn rsa_with(pair: &RsaKeyPair, encoding: &'static dyn RsaEncoding, signed: &str) -> Vec<u8> {
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(encoding, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
    signature
}

/// What the right key of this algorithm signs.
fn signature(algorithm: Algorithm, signed: &str) -> Vec<u8> {
    match algorithm {
        Algorithm::HS256 => hmac_with(hmac::HMAC_SHA256, SECRET, signed),
        Algorithm::HS384 => hmac_with(hmac::HMAC_SHA384, SECRET_384, signed),
        Algorithm::HS512 => hmac_with(hmac::HMAC_SHA512, SECRET_512, signed),
        Algorithm::RS256 => rsa_with(&RSA, &RSA_PKCS1_SHA256, signed),
        Algorithm::RS384 => rsa_with(&RSA, &RSA_PKCS1_SHA384, signed),
        Algorithm::RS512 => rsa_with(&RSA, &RSA_PKCS1_SHA512, signed),
        Algorithm::PS256 => rsa_with(&RSA, &RSA_PSS_SHA256, signed),
        Algorithm::PS384 => rsa_with(&RSA, &RSA_PSS_SHA384, signed),
        Algorithm::PS512 => rsa_with(&RSA, &RSA_PSS_SHA512, signed),
        Algorithm::ES256 => P256.sign(&SystemRandom::new(), signed.as_bytes()).unwrap().as_ref().to_vec(),
        Algorithm::ES384 => P384.sign(&SystemRandom::new(), signed.as_bytes()).unwrap().as_ref().to_vec(),
        Algorithm::EdDSA => ED.sign(signed.as_bytes()).as_ref().to_vec(),
    }
}

/// A token of these very bytes, rightly signed.
fn signed_with(algorithm: Algorithm, header: &str, payload: impl AsRef<[u8]>) -> String {
    let signed = format!("{}.{}", b64(header), b64(payload));
    let signature = signature(algorithm, &signed);
    format!("{signed}.{}", b64(signature))
}

/// A token by `main` with this header.
fn headed(header: &str) -> String {
    signed_with(Algorithm::HS256, header, CLAIMS)
}

/// A token by `main` with these claims.
fn claiming(payload: impl AsRef<[u8]>) -> String {
    signed_with(Algorithm::HS256, HEADER, payload)
}

const HEADER: &str = r#"{"alg":"HS256","typ":"JWT","kid":"main"}"#;
const CLAIMS: &str = r#"{"room_name":"standup","exp":1800003600}"#;

fn generated(algorithm: &'static EcdsaSigningAlgorithm) -> EcdsaKeyPair {
    EcdsaKeyPair::generate(algorithm).unwrap()
}
