//! What if everybody speaks at once?

use std::sync::Arc;

use crate::access::{Answer, Conflict, KnockState};
use crate::store::{AnswerError, Change, MemoryStore, Store, What};

use super::*;

async fn on_every_shared_store<F: Future<Output = ()>>(story: impl Fn(Arc<dyn Store>) -> F) {
    story(Arc::new(MemoryStore::new())).await;
    let (_home, path) = home();
    story(Arc::new(open(&path))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_answers_at_once_exactly_one_counts_and_all_others_learn_whose() {
    on_every_shared_store(|store| async move {
        for round in 0..20 {
            let knock = store.knock(Asking::new(new_id(), &standup(), numbered(round), "guest", NOON)).await.unwrap();
            let mut news = store.changes();
            let tasks: Vec<_> = (0..16)
                .map(|owner| {
                    let (store, id) = (store.clone(), knock.id);
                    let answer = if owner % 2 == 0 { Answer::Allow } else { Answer::Deny };
                    tokio::spawn(async move {
                        let by = format!("owner {owner}");
                        let outcome = store.answer(&standup(), id, answer, 1, &super::by(&by), NOON).await;
                        let who = store.facts().knock_of(&standup(), id).unwrap().answered.clone().unwrap().1;
                        (by, answer, outcome, who)
                    })
                })
                .collect();
            let mut outcomes = Vec::new();
            for task in tasks {
                outcomes.push(task.await.unwrap());
            }
            let now = store.facts().knock_of(&standup(), knock.id).unwrap();
            let first = now.answered.clone().unwrap().1;
            let given = if now.state == KnockState::Granted { Answer::Allow } else { Answer::Deny };
            for (by, answer, outcome, who) in outcomes {
                assert_eq!(who, first, "{by} learned who was first");
                match outcome {
                    Ok(knock) => assert_eq!((answer, knock), (given, (*now).clone()), "{by}"),
                    Err(AnswerError::Conflict(conflict)) => {
                        assert_eq!(conflict, Conflict::Answered(given), "{by}");
                        assert_ne!(answer, given, "{by}");
                    }
                    Err(AnswerError::Store(error)) => panic!("{error}"),
                }
            }
            let mut answers = 0;
            while let Ok(change) = news.try_recv() {
                answers += usize::from(matches!(change, Change::Knock(_)));
            }
            assert_eq!(answers, 1, "one answer was recorded");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_rename_and_an_answer_at_once_never_let_in_a_name_that_was_not_seen() {
    on_every_shared_store(|store| async move {
        for round in 0..50 {
            let visitor = numbered(round);
            let knock = store.knock(Asking::new(new_id(), &standup(), visitor, "Ann", NOON)).await.unwrap();
            let rename = tokio::spawn({
                let store = store.clone();
                async move { store.knock(Asking::new(new_id(), &standup(), visitor, "Eve", NOON)).await.unwrap() }
            });
            let answer = store.answer(&standup(), knock.id, Answer::Allow, knock.version, &by("Grace"), NOON).await;
            rename.await.unwrap();
            let now = store.facts().knock(&standup(), visitor).unwrap();
            match answer {
                Ok(_) => assert_eq!((now.state, &*now.name), (KnockState::Granted, "Ann")),
                Err(error) => {
                    assert_eq!(error, AnswerError::Conflict(Conflict::Changed(2)));
                    assert_eq!((now.state, &*now.name), (KnockState::Waiting, "Eve"));
                }
            }
            store.leave(&standup(), visitor, NOON).await.unwrap();
            store.end_meeting(&standup(), NOON).await.unwrap();
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_knocks_at_once_are_all_there_and_never_more_than_may_be() {
    on_every_shared_store(|store| async move {
        let tasks: Vec<_> = (0..crate::store::WAITING_MAX as u64 + 200)
            .map(|n| {
                let store = store.clone();
                tokio::spawn(async move { store.knock(Asking::new(new_id(), &standup(), numbered(n), "guest", NOON)).await.is_ok() })
            })
            .collect();
        let mut let_in = 0;
        for task in tasks {
            let_in += usize::from(task.await.unwrap());
        }
        assert_eq!(let_in, crate::store::WAITING_MAX);
        assert_eq!(store.facts().waiting(), crate::store::WAITING_MAX);
    })
    .await;
}

#[test]
fn an_order_whose_giver_went_away_is_carried_out_all_the_same() {
    let (_home, path) = home();
    let store = open(&path);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let _ = futures_util::FutureExt::now_or_never(store.knock(Asking::new(new_id(), &standup(), ANN, "Ann", NOON)));
    });
    store.close();
    assert_eq!(open(&path).facts().knock_state(&standup(), ANN), KnockState::Waiting);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_knocks_while_everybody_is_let_in_for_good_is_never_left_waiting() {
    on_every_shared_store(|store| async move {
        let knocks: Vec<_> = (0..400)
            .map(|n| {
                let store = store.clone();
                tokio::spawn(async move { store.knock(Asking::new(new_id(), &standup(), numbered(n), "guest", NOON)).await.unwrap() })
            })
            .collect();
        tokio::task::yield_now().await;
        // As the console does: first what holds for whoever comes, then those who wait.
        store.remember(new_id(), &standup(), Some(Answer::Allow), &by("Grace"), NOON).await.unwrap();
        store.answer_everyone(&standup(), None, Answer::Allow, &by("Grace"), NOON).await.unwrap();
        for knock in knocks {
            knock.await.unwrap();
        }
        let left: Vec<_> = (0..400).filter(|n| store.facts().knock_state(&standup(), numbered(*n)) != KnockState::Granted).collect();
        assert_eq!(left, Vec::<u64>::new());
        let allowed = store.trail(0, 10_000).await.unwrap().iter().filter(|e| e.what == What::Allowed).count();
        assert_eq!(allowed, 400, "each of them is told of once");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_answer_one_or_all_at_once_each_knock_is_answered_once() {
    on_every_shared_store(|store| async move {
        let mut ids = Vec::new();
        for n in 0..64 {
            ids.push(store.knock(Asking::new(new_id(), &standup(), numbered(n), "guest", NOON)).await.unwrap().id);
        }
        let mut tasks = Vec::new();
        for owner in 0..8_usize {
            let (store, ids) = (store.clone(), ids.clone());
            tasks.push(tokio::spawn(async move {
                let (answer, who) = (if owner % 2 == 0 { Answer::Allow } else { Answer::Deny }, by(&format!("owner {owner}")));
                if owner < 4 {
                    return store.answer_everyone(&standup(), None, answer, &who, NOON).await.unwrap().len();
                }
                let mut reached = 0;
                for id in ids {
                    let before = store.facts().knock_of(&standup(), id).unwrap().answered.is_some();
                    let done = store.answer(&standup(), id, answer, 1, &who, NOON).await;
                    reached += usize::from(!before && done.is_ok_and(|k| k.answered.is_some_and(|(_, by)| by == who.name)));
                }
                reached
            }));
        }
        let mut reached = 0;
        for task in tasks {
            reached += task.await.unwrap();
        }
        assert_eq!(reached, 64, "each by one owner");
        let trail = store.trail(0, 10_000).await.unwrap();
        assert_eq!(trail.iter().filter(|e| matches!(e.what, What::Allowed | What::Denied)).count(), 64);
    })
    .await;
}
