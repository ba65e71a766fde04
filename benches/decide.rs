//! What does one decision cost?
//!
//! `cargo bench --bench decide`, or `cargo bench --bench decide -- --quick`.
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use roomgate::access::{
    Decision, Door, Grant, List, Listed, Person, Presented, Privacy, Review, Revocation, Revocations, Room, RoomName, Standing, Timestamp,
    TokenId, Visitor, decide, review,
};

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const HOUR: Duration = Duration::from_secs(3600);

fn door<'a>(room: &'a Room, revocations: &'a Revocations) -> Door<'a> {
    Door { name: &room.name, room: Some(room), reserved: None, revocations, inside: 3, leeway: Duration::from_secs(5), require_room: false }
}

fn grant(room: &Room) -> Arc<Grant> {
    Arc::new(Grant {
        token: TokenId::jti("4f9d1c"),
        room: Some(room.name.clone()),
        owner: false,
        must_knock: false,
        person: Person { user: Some("42".into()), email: Some("ann@example.org".into()), groups: Vec::new(), name: Some("Ann".into()) },
        expires: Some(NOW.plus(HOUR)),
        not_before: Some(NOW.minus(HOUR)),
        issued: Some(NOW.minus(HOUR)),
        eject_at_expiry: Some(true),
        eject_after: None,
    })
}

/// A thousand lines of each kind; networks, which are looked through, a hundred.
fn long_list() -> List {
    let lines = (0..1000).flat_map(|n| [format!("guest{n}@example.com"), format!("@club{n}.example"), format!("user:{n}")]);
    let networks = (0..100).map(|n| format!("192.0.{n}.0/24"));
    List::from(lines.chain(networks).map(|line| line.parse::<Listed>().unwrap()))
}

fn decisions(c: &mut Criterion) {
    let name = RoomName::canonical("board").unwrap();
    let public = Room::new(name.clone(), Privacy::Public);
    let private = Room::new(name.clone(), Privacy::Private { knocking: true });
    let guarded = Room { max_participants: Some(200), closes: Some(NOW.plus(HOUR)), ..private.clone() };
    let listing = Room { allow: long_list(), owners: long_list(), ..Room::new(name, Privacy::Private { knocking: false }) };
    let (none, many) = (Revocations::default(), (0..1000).map(|n| Revocation::Token(TokenId::jti(&n.to_string()))).collect());
    let grant = grant(&private);
    let person = Arc::new(Person { user: Some("ann".into()), email: Some("guest999@example.com".into()), ..Person::NOBODY });
    let unlisted = Arc::new(Person { user: Some("bob".into()), email: Some("bob@elsewhere.example".into()), ..Person::NOBODY });
    let address: IpAddr = "203.0.113.9".parse().unwrap();

    let stranger = Visitor { address: Some(address), ..Visitor::STRANGER };
    let bearer = Visitor { token: Presented::Grant(&grant), ..stranger };
    let session = Visitor { session: Some(&grant), entered: Some(NOW), inside: true, ..stranger };
    for (what, room, revocations, visitor, code) in [
        ("public", &public, &none, stranger, "public"),
        ("knock", &private, &none, stranger, "may-knock"),
        ("token", &private, &none, bearer, "token"),
        ("session of a token, limits, 1000 revoked", &guarded, &many, session, "token"),
        ("listed, 1000-line lists", &listing, &none, Visitor { person: Some(&person), ..stranger }, "listed"),
        ("not listed, 1000-line lists", &listing, &none, Visitor { person: Some(&unlisted), ..stranger }, "private"),
    ] {
        let door = door(room, revocations);
        assert_eq!(decide(&door, &visitor, NOW).decision.code(), code, "{what}");
        c.bench_function(&format!("decide: {what}"), |b| b.iter(|| decide(black_box(&door), black_box(&visitor), black_box(NOW))));
    }

    let Decision::Admit(permit) = decide(&door(&guarded, &many), &bearer, NOW).decision else { panic!("admitted above") };
    let standing = Standing { room: Some(&guarded), revocations: &many, bar: None, knock: roomgate::access::KnockState::None };
    assert!(matches!(review(&permit, &standing, NOW), Review::Stay { until: Some(_) }));
    c.bench_function("review: token, limits, 1000 revoked", |b| {
        b.iter(|| review(black_box(&permit), black_box(&standing), black_box(NOW)))
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2)).without_plots();
    targets = decisions
}
criterion_main!(benches);
