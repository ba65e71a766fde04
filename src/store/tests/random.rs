//! Do the stores agree, whatever happens in whatever order?

use proptest::prelude::*;

use crate::access::{Answer, Bar, Id, Revocation, RoomName, Timestamp, TokenId};
use crate::store::picture::Picture;
use crate::store::{Barred, MemoryStore, Store};

use super::*;

/// Small numbers, so that orders meet.
#[derive(Clone, Debug)]
enum Act {
    Knock { room: u8, visitor: u8, name: u8 },
    Leave { room: u8, visitor: u8 },
    Answer { room: u8, of: u8, allow: bool, seen: u32 },
    MoveBack { room: u8, visitor: u8 },
    Bar { room: u8, visitor: Option<u8>, user: Option<u8>, token: Option<u8>, session: Option<u8>, banned: bool, lasting: bool },
    Unbar { room: u8, nth: u8 },
    Revoke { kind: u8, what: u8 },
    Alive { room: u8 },
    End { room: u8 },
    EndQuiet { room: u8, minutes: u8 },
    Everyone { room: u8, allow: bool, seen: bool },
    Remember { room: u8, what: u8 },
    Sweep { days: u8 },
    Restart,
}

fn act() -> impl Strategy<Value = Act> {
    let (room, few) = (0_u8..2, 0_u8..3);
    let perhaps = || proptest::option::of(0_u8..3);
    prop_oneof![
        5 => (room.clone(), few.clone(), 0_u8..2).prop_map(|(room, visitor, name)| Act::Knock { room, visitor, name }),
        1 => (room.clone(), few.clone()).prop_map(|(room, visitor)| Act::Leave { room, visitor }),
        4 => (room.clone(), few.clone(), any::<bool>(), 1_u32..4).prop_map(|(room, of, allow, seen)| Act::Answer { room, of, allow, seen }),
        1 => (room.clone(), few.clone()).prop_map(|(room, visitor)| Act::MoveBack { room, visitor }),
        3 => (room.clone(), perhaps(), perhaps(), perhaps(), perhaps(), any::<bool>(), any::<bool>())
            .prop_map(|(room, visitor, user, token, session, banned, lasting)| Act::Bar { room, visitor, user, token, session, banned, lasting }),
        2 => (room.clone(), few.clone()).prop_map(|(room, nth)| Act::Unbar { room, nth }),
        1 => (0_u8..4, few).prop_map(|(kind, what)| Act::Revoke { kind, what }),
        2 => room.clone().prop_map(|room| Act::Alive { room }),
        1 => room.clone().prop_map(|room| Act::End { room }),
        2 => (room.clone(), any::<bool>(), any::<bool>()).prop_map(|(room, allow, seen)| Act::Everyone { room, allow, seen }),
        2 => (room.clone(), 0_u8..3).prop_map(|(room, what)| Act::Remember { room, what }),
        1 => (room, 0_u8..40).prop_map(|(room, minutes)| Act::EndQuiet { room, minutes }),
        1 => (0_u8..3).prop_map(|days| Act::Sweep { days }),
        1 => Just(Act::Restart),
    ]
}

fn room_of(n: u8) -> RoomName {
    room(&format!("room-{n}"))
}

fn person(n: u8) -> Id {
    numbered(u64::from(n))
}

/// Carries it out; what the store said, as text. `turn` makes ids that are the same for every store.
async fn carry_out(store: &dyn Store, act: &Act, turn: u64) -> String {
    let (id, at) = (numbered(1_000_000 + turn), after(turn));
    match act.clone() {
        Act::Knock { room, visitor, name } => {
            let asking = Asking::new(id, &room_of(room), person(visitor), &format!("name {name}"), at);
            let message = turn.is_multiple_of(3).then(|| "please".into());
            let asking = Asking { message, sent_back: turn.is_multiple_of(7).then_some(asking.at), ..asking };
            format!("{:?}", store.knock(asking).await)
        }
        Act::Everyone { room, allow, seen } => {
            let answer = if allow { Answer::Allow } else { Answer::Deny };
            let seen = seen.then(|| store.facts().knocks(&room_of(room)).iter().take(2).map(|k| (k.id, k.version)).collect::<Vec<_>>());
            format!("{:?}", store.answer_everyone(&room_of(room), seen.as_deref(), answer, &by("Grace"), at).await)
        }
        Act::Remember { room, what } => {
            let answer = [None, Some(Answer::Allow), Some(Answer::Deny)][usize::from(what)];
            format!("{:?}", store.remember(id, &room_of(room), answer, &by("Grace"), at).await)
        }
        Act::Leave { room, visitor } => format!("{:?}", store.leave(&room_of(room), person(visitor), NOON).await),
        Act::Answer { room, of, allow, seen } => {
            let of = store.facts().knock(&room_of(room), person(of)).map_or(id, |knock| knock.id);
            let answer = if allow { Answer::Allow } else { Answer::Deny };
            format!("{:?}", store.answer(&room_of(room), of, answer, seen, &by("Grace"), at).await)
        }
        Act::MoveBack { room, visitor } => format!("{:?}", store.move_back(back(id, &room_of(room), person(visitor), "moved", at)).await),
        Act::Bar { room, visitor, user, token, session, banned, lasting } => {
            let barred = Barred {
                id,
                room: room_of(room),
                kind: if banned { Bar::Banned } else { Bar::Ejected },
                visitor: visitor.map(person),
                user: user.map(|n| n.to_string()),
                token: token.map(|n| TokenId::jti(&n.to_string())),
                session: session.map(person),
                network: turn.is_multiple_of(2).then(|| format!("192.0.2.{}", turn % 5).parse().unwrap()),
                name: "somebody".into(),
                by: by("Grace"),
                at,
                lasting,
            };
            format!("{:?}", store.bar(barred).await)
        }
        Act::Unbar { room, nth } => {
            let id = store.facts().bars(&room_of(room)).get(usize::from(nth)).map_or(id, |barred| barred.id);
            format!("{:?}", store.unbar(&room_of(room), id, &by("Grace"), NOON).await)
        }
        Act::Revoke { kind, what } => {
            let order = match kind {
                0 => Revocation::Token(TokenId::jti(&what.to_string())),
                1 => Revocation::User(what.to_string()),
                2 => Revocation::Room(room_of(what).to_string()),
                _ => Revocation::Before(Timestamp::from_millis(i64::from(what))),
            };
            format!("{:?}", store.revoke(order).await)
        }
        Act::Alive { room } => format!("{:?}", store.alive(id, &room_of(room), at).await),
        Act::End { room } => format!("{:?}", store.end_meeting(&room_of(room), NOON).await),
        Act::EndQuiet { room, minutes } => format!("{:?}", store.end_quiet_meeting(&room_of(room), after(u64::from(minutes)), NOON).await),
        Act::Sweep { days } => format!("{:?}", store.sweep(at.plus(minutes(u64::from(days) * 24 * 60))).await),
        Act::Restart => String::new(),
    }
}

/// What every picture must be, whatever happened.
fn sound(facts: &crate::store::Facts) {
    let picture = facts.snapshot();
    let (mut waiting, mut bars, mut knocks) = (0, 0, 0);
    for (name, room) in picture.rooms() {
        let here = facts.knocks(name);
        waiting += here.iter().filter(|k| k.state == crate::access::KnockState::Waiting).count();
        knocks += here.len();
        bars += facts.bars(name).len();
        let remembered = facts.remembered(name);
        assert!(remembered.is_none() || room.meeting().is_some(), "what is remembered ends with the meeting");
        assert_eq!(remembered.as_ref(), room.remembered());
        assert!(!here.is_empty() || !facts.bars(name).is_empty() || room.meeting().is_some(), "nothing is kept of a room without facts");
        for knock in here {
            assert_eq!(facts.knock_of(name, knock.id), Some(knock.clone()));
            assert_eq!(facts.knock(name, knock.visitor), Some(knock));
        }
        for b in facts.bars(name) {
            for found in [
                b.visitor.map(|v| facts.bar(name, &Known { visitor: Some(v), ..Known::default() })),
                b.user.as_deref().map(|u| facts.bar(name, &Known { user: Some(u), ..Known::default() })),
                b.token.as_ref().map(|t| facts.bar(name, &Known { token: Some(t), ..Known::default() })),
                b.session.map(|s| facts.bar(name, &Known { session: Some(s), ..Known::default() })),
            ]
            .into_iter()
            .flatten()
            {
                assert_eq!(found.map(|found| found.graver(b.kind)), found, "{b:?} does not hold");
            }
        }
    }
    assert_eq!((picture.waiting(), picture.bars(), picture.knocks()), (waiting, bars, knocks));
    assert_eq!(facts.waiting(), waiting);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_all_stores_and_all_listeners_agree_and_a_restart_changes_nothing(acts in proptest::collection::vec(act(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (_home, path) = home();
        let memory = MemoryStore::new();
        let mut sqlite = open(&path);
        let mut listeners = [(memory.changes(), Picture::default()), (sqlite.changes(), Picture::default())];
        for (turn, act) in acts.iter().enumerate() {
            if matches!(act, Act::Restart) {
                sqlite.close();
                sqlite = open(&path);
                listeners[1].0 = sqlite.changes();
            }
            let turn = turn as u64;
            let answers = runtime.block_on(async { [carry_out(&memory, act, turn).await, carry_out(&sqlite, act, turn).await] });
            prop_assert_eq!(&answers[0], &answers[1], "turn {}: {:?}", turn, act);
            let facts = memory.facts().snapshot();
            prop_assert_eq!(&facts, &sqlite.facts().snapshot(), "turn {}: {:?}", turn, act);
            let trails = runtime.block_on(async { [memory.trail(0, 1000).await, sqlite.trail(0, 1000).await] });
            prop_assert_eq!(&trails[0], &trails[1], "what is told, turn {}: {:?}", turn, act);
            let last = trails[0].as_ref().unwrap().last().map_or(0, |event| event.number);
            prop_assert_eq!((*memory.facts().trail().borrow(), *sqlite.facts().trail().borrow()), (last, last));
            for (news, picture) in &mut listeners {
                while let Ok(change) = news.try_recv() {
                    picture.apply(&change);
                }
                prop_assert_eq!(&facts, &*picture, "who only listens, turn {}: {:?}", turn, act);
            }
            sound(memory.facts());
        }
        sqlite.close();
        prop_assert_eq!(memory.facts().snapshot(), open(&path).facts().snapshot());
    }

    #[test]
    fn news_between_any_two_pictures_lead_from_one_to_the_other(
        acts in proptest::collection::vec(act(), 1..80),
        at in 0_usize..80,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let store = MemoryStore::new();
        let mut then = Picture::default();
        for (turn, act) in acts.iter().enumerate() {
            if turn == at {
                then = store.facts().snapshot();
            }
            runtime.block_on(carry_out(&store, act, turn as u64));
        }
        let now = store.facts().snapshot();
        for (from, to) in [(&then, &now), (&now, &then)] {
            let mut picture = from.clone();
            from.news(to).iter().for_each(|change| picture.apply(change));
            prop_assert!(picture.rooms().collect::<std::collections::HashMap<_, _>>() == to.rooms().collect());
            prop_assert!(picture.news(to).is_empty());
        }
    }
}
