//! What does reading a token cost, the first time and after that?
//!
//! `cargo bench --bench token`, or `cargo bench --bench token -- --quick`.
#![allow(missing_docs, clippy::unwrap_used)]

mod keys;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use keys::Issuer;
use roomgate::access::{RoomName, Timestamp};
use roomgate::token::{Algorithm, KeySpec, Material, Options, Secret, Verifier};

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

/// The gateway's side of an issuer's key.
fn spec(issuer: &Issuer) -> KeySpec {
    let bytes = issuer.material().into_bytes();
    let (algorithm, material) = match issuer {
        Issuer::HS256(_) => (Algorithm::HS256, Material::Secret(Secret::new(bytes))),
        Issuer::RS256(_) => (Algorithm::RS256, Material::PublicPem(bytes)),
        Issuer::ES256(_) => (Algorithm::ES256, Material::PublicPem(bytes)),
        Issuer::EdDSA(_) => (Algorithm::EdDSA, Material::PublicPem(bytes)),
    };
    KeySpec { id: Some(issuer.name().into()), algorithm, material }
}

fn claims(id: usize) -> String {
    format!(r#"{{"r":"board","u":"Ann","ud":"42","email":"ann@example.org","exp":1800003600,"iat":1799999000,"jti":"{id}"}}"#)
}

/// Tokens that none of the verifier's caches has seen: as many as fit into one measurement, one after the other.
const FRESH: usize = 512;

fn tokens(c: &mut Criterion) {
    let issuers = Issuer::all();
    let specs: Vec<_> = issuers.iter().map(spec).collect();
    let verifier = || Verifier::new(&specs, &[], Options::default(), Arc::new(RoomName::canonical)).unwrap();
    for issuer in &issuers {
        let name = issuer.name();
        let seen = verifier();
        let token = issuer.token(&claims(0));
        assert!(matches!(seen.verify_now(&token, NOW), Some(Ok(_))), "{name}");
        c.bench_function(&format!("{name}, seen before"), |b| b.iter(|| seen.cached(black_box(&token))));

        let fresh: Vec<_> = (0..FRESH).map(|id| issuer.token(&claims(id))).collect();
        c.bench_function(&format!("{name}, new"), |b| {
            let mut turn = fresh.iter().cycle();
            let mut left = 0_usize;
            let mut new = verifier();
            b.iter_batched(
                || {
                    if left == 0 {
                        (new, left) = (verifier(), FRESH);
                    }
                    left = left.saturating_sub(1);
                    (new.clone(), turn.next().unwrap())
                },
                |(verifier, token)| verifier.verify_now(black_box(token), NOW),
                BatchSize::PerIteration,
            );
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2)).without_plots();
    targets = tokens
}
criterion_main!(benches);
