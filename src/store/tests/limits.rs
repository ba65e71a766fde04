//! How much may pile up, and what is forgotten?

use crate::access::{Answer, Bar, KnockState};
use crate::store::{Barred, Change, KnockError, WAITING_FOR, WAITING_MAX};

use super::*;

#[tokio::test]
async fn a_crowded_room_turns_new_knocks_away_and_keeps_those_who_wait() {
    on_every_store(async |store| {
        let knock = async |n: u64, name: &str| store.knock(Asking::new(new_id(), &standup(), numbered(n), name, NOON)).await;
        let most = WAITING_MAX as u64;
        for n in 0..most {
            knock(n, "guest").await.unwrap();
        }
        assert_eq!(knock(most, "late").await, Err(KnockError::Crowded));
        assert_eq!(store.facts().knock_state(&standup(), numbered(most)), KnockState::None);
        assert_eq!(store.facts().knocks(&standup()).len(), WAITING_MAX, "the owner sees all who came in time");
        assert_eq!(knock(7, "renamed").await.unwrap().version, 2, "who waits may rename themself");
        store.knock(Asking::new(new_id(), &room("other"), numbered(most), "guest", NOON)).await.expect("another room is not crowded");
        store.move_back(back(new_id(), &standup(), BEN, "Ben", NOON)).await.expect("an owner's order is not refused");

        let first = store.facts().knock(&standup(), numbered(0)).unwrap();
        store.answer(&standup(), first.id, Answer::Deny, 1, &by("Grace"), NOON).await.unwrap();
        assert_eq!(knock(0, "guest").await, Err(KnockError::Crowded), "who was denied does not jump the queue");
        for n in [1, 2] {
            store.leave(&standup(), numbered(n), NOON).await.unwrap();
        }
        knock(most, "late").await.expect("there is room again");
    })
    .await;
}

#[tokio::test]
async fn what_nobody_will_ask_for_again_is_forgotten_and_nothing_else() {
    on_every_store(async |store| {
        let old = NOON.minus(WAITING_FOR);
        let recent = old.plus(minutes(1));
        // Waiting knocks, in a room without a meeting and in one with.
        store.alive(new_id(), &room("live"), old).await.unwrap();
        for r in [standup(), room("live")] {
            store.knock(Asking::new(new_id(), &r, numbered(1), "old", old)).await.unwrap();
            store.knock(Asking::new(new_id(), &r, numbered(2), "recent", recent)).await.unwrap();
        }
        // Denials.
        for (n, r) in [(3, standup()), (4, room("live"))] {
            let knock = store.knock(Asking::new(new_id(), &r, numbered(n), "denied", old)).await.unwrap();
            store.answer(&r, knock.id, Answer::Deny, 1, &by("Grace"), old).await.unwrap();
        }
        let recently = store.knock(Asking::new(new_id(), &standup(), numbered(5), "denied", old)).await.unwrap();
        store.answer(&standup(), recently.id, Answer::Deny, 1, &by("Grace"), recent).await.unwrap();
        // What an open meeting holds, and what lasts.
        store.bar(Barred { visitor: Some(numbered(6)), room: room("live"), at: old, ..barred(Bar::Ejected) }).await.unwrap();
        store
            .bar(Barred { visitor: Some(numbered(7)), room: room("lasting"), at: old, lasting: true, ..barred(Bar::Banned) })
            .await
            .unwrap();
        store.end_meeting(&room("lasting"), NOON).await.unwrap();

        let mut news = store.changes();
        assert_eq!(store.sweep(NOON).await.unwrap(), 3);
        let mut gone = Vec::new();
        while let Ok(change) = news.try_recv() {
            let Change::Knock(knock) = change else { panic!("{change:?}") };
            assert_eq!(knock.state, KnockState::None);
            gone.push((knock.room.to_string(), knock.visitor));
        }
        gone.sort();
        let expected = [("live", 1), ("standup", 1), ("standup", 3)].map(|(r, n)| (r.to_owned(), numbered(n)));
        assert_eq!(gone, expected, "and those who wait are told");
        assert_eq!(store.facts().waiting(), 2);
        assert_eq!(store.facts().knock_state(&room("live"), numbered(4)), KnockState::Denied, "its meeting is open");
        assert_eq!(store.facts().bar(&room("live"), &Known { visitor: Some(numbered(6)), ..Known::default() }), Some(Bar::Ejected));
        assert_eq!(store.facts().bar(&room("lasting"), &Known { visitor: Some(numbered(7)), ..Known::default() }), Some(Bar::Banned));
        assert_eq!(store.sweep(NOON).await.unwrap(), 0);
        assert_eq!(store.sweep(NOON.minus(FOR_EVER)).await.unwrap(), 0, "a clock that goes back forgets nothing");
    })
    .await;
}
