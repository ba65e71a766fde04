//! The contract once more: what is remembered, everybody at once, networks, and the trail.

use crate::access::{Answer, Bar, KnockState, Network};
use crate::store::{Barred, Position, What};

use super::*;

#[tokio::test]
async fn what_is_remembered_answers_whoever_knocks_and_ends_with_the_meeting() {
    on_every_store(async |store| {
        let knock = async |n: u64, at| store.knock(Asking::new(new_id(), &standup(), numbered(n), "guest", at)).await.unwrap();
        assert_eq!(knock(1, NOON).await.state, KnockState::Waiting);
        store.remember(new_id(), &standup(), Some(Answer::Allow), &by("Grace"), after(1)).await.unwrap();
        let kept = store.facts().remembered(&standup()).unwrap();
        assert_eq!((kept.answer, &*kept.by.name, kept.at), (Answer::Allow, "Grace", after(1)));
        assert_eq!(store.facts().remembered(&room("other")), None);
        assert_eq!(store.facts().knock_state(&standup(), numbered(1)), KnockState::Waiting, "who waits already is not meant");
        let let_in = knock(2, after(2)).await;
        assert_eq!((let_in.state, let_in.answered), (KnockState::Granted, Some((after(2), "Grace".into()))));
        let asked = Asking { sent_back: Some(NOON), ..Asking::new(new_id(), &standup(), numbered(3), "guest", after(2)) };
        assert_eq!(store.knock(asked).await.unwrap().state, KnockState::Waiting, "nor is who was sent back");

        store.remember(new_id(), &standup(), Some(Answer::Deny), &by("Alan"), after(3)).await.unwrap();
        assert_eq!(knock(4, after(3)).await.state, KnockState::Denied);
        assert_eq!(store.facts().knock(&standup(), numbered(4)), None, "which fills nothing");
        assert_eq!(store.facts().knock_state(&standup(), numbered(2)), KnockState::Granted, "who was let in stays so");
        store.remember(new_id(), &standup(), None, &by("Alan"), after(4)).await.unwrap();
        assert_eq!((store.facts().remembered(&standup()), knock(5, after(4)).await.state), (None, KnockState::Waiting));

        store.remember(new_id(), &standup(), Some(Answer::Allow), &by("Grace"), after(5)).await.unwrap();
        store.end_meeting(&standup(), after(6)).await.unwrap();
        assert_eq!(store.facts().remembered(&standup()), None);
    })
    .await;
}

#[tokio::test]
async fn everybody_is_answered_in_one_step_or_those_who_were_seen() {
    on_every_store(async |store| {
        let mut seen = Vec::new();
        for n in 0..5 {
            let knock = store.knock(Asking::new(new_id(), &standup(), numbered(n), "guest", after(n))).await.unwrap();
            seen.push((knock.id, knock.version));
        }
        store.knock(Asking::new(new_id(), &standup(), numbered(1), "renamed", after(6))).await.unwrap();
        let reached = store.answer_everyone(&standup(), Some(&seen[..3]), Answer::Allow, &by("Grace"), after(7)).await.unwrap();
        assert_eq!(reached.iter().map(|k| k.visitor).collect::<Vec<_>>(), [numbered(0), numbered(2)], "not the one who has changed since");
        let reached = store.answer_everyone(&standup(), None, Answer::Deny, &by("Alan"), after(8)).await.unwrap();
        assert_eq!(reached.iter().map(|k| k.visitor).collect::<Vec<_>>(), [numbered(1), numbered(3), numbered(4)]);
        assert_eq!(store.facts().knock_state(&standup(), numbered(0)), KnockState::Granted);
        assert_eq!(store.answer_everyone(&room("other"), None, Answer::Allow, &by("Grace"), NOON).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn a_network_is_shut_out_where_an_owner_says_so_and_no_other() {
    on_every_store(async |store| {
        let ban = Barred { network: Some(Network::of("192.0.2.7".parse().unwrap())), ..barred(Bar::Banned) };
        store.bar(ban.clone()).await.unwrap();
        let from = |address: &str| store.facts().bar(&standup(), &Known { address: Some(address.parse().unwrap()), ..Known::default() });
        assert_eq!((from("192.0.2.7"), from("::ffff:192.0.2.7")), (Some(Bar::Banned), Some(Bar::Banned)));
        assert_eq!((from("192.0.2.8"), from("2001:db8::1")), (None, None));
        assert_eq!(store.facts().bar(&standup(), &Known::default()), None, "an address that is not certain is nobody's");
        store.unbar(&standup(), ban.id, &by("Grace"), NOON).await.unwrap();
        assert_eq!(from("192.0.2.7"), None);
    })
    .await;
}

#[tokio::test]
async fn only_what_an_owner_decided_counts_as_that_in_the_trail() {
    on_every_store(async |store| {
        store.remember(new_id(), &standup(), Some(Answer::Deny), &by("Grace"), NOON).await.unwrap();
        store.knock(Asking::new(new_id(), &standup(), ANN, "Ann", after(1))).await.unwrap();
        store.remember(new_id(), &standup(), None, &by("Grace"), after(2)).await.unwrap();
        let knock = store.knock(Asking::new(new_id(), &standup(), ANN, "Ann", after(3))).await.unwrap();
        store.answer(&standup(), knock.id, Answer::Deny, knock.version, &by("Grace"), after(4)).await.unwrap();
        store.end_meeting(&standup(), after(5)).await.unwrap();
        let trail = store.trail(0, 100).await.unwrap();
        let decided: Vec<_> = trail.iter().filter(|event| !event.is_cheap()).map(|event| (event.number, event.what)).collect();
        // Whoever was turned away by what was said before may come as often as they like, and any name may be a room's.
        assert_eq!(decided, [(2, What::DenyAll), (5, What::AskAgain), (7, What::Denied)]);
        assert_eq!(trail.len(), 8);
    })
    .await;
}

#[tokio::test]
async fn each_order_tells_its_story_once_and_one_that_was_refused_tells_none() {
    on_every_store(async |store| {
        let mut latest = store.facts().trail();
        let asking = Asking { message: Some("Hello".into()), ..Asking::new(new_id(), &standup(), ANN, "Ann", NOON) };
        let knock = store.knock(asking.clone()).await.unwrap();
        store.knock(asking).await.unwrap();
        assert!(store.answer(&standup(), knock.id, Answer::Allow, 7, &by("Grace"), NOON).await.is_err());
        store.answer(&standup(), knock.id, Answer::Allow, 1, &by("Grace"), after(1)).await.unwrap();
        assert!(store.answer(&standup(), knock.id, Answer::Deny, 1, &by("Alan"), after(1)).await.is_err());
        store.move_back(back(new_id(), &standup(), ANN, "Ann", after(2))).await.unwrap();
        let trail = store.trail(0, 100).await.unwrap();
        let told: Vec<_> = trail.iter().map(|event| (event.number, event.what)).collect();
        assert_eq!(told, [(1, What::Knocked), (2, What::MeetingStarted), (3, What::Allowed), (4, What::MovedBack)]);
        assert_eq!(trail[0].who.as_ref().unwrap().message.as_deref(), Some("Hello"));
        assert_eq!((trail[2].by.clone(), trail[2].at), (Some(by("Grace")), after(1)));
        assert_eq!(trail[2].meeting, store.facts().meeting(&standup()).map(|m| m.id));
        assert_eq!(store.trail(2, 1).await.unwrap(), trail[2..3]);
        assert!(latest.has_changed().unwrap());
        assert_eq!(*latest.borrow_and_update(), 4);
        assert_eq!(store.position("hook").await.unwrap(), None);
        let position = Position { number: 3, attempts: 2, next: after(9) };
        store.set_position("hook", position).await.unwrap();
        assert_eq!(store.position("hook").await.unwrap(), Some(position));
    })
    .await;
}
