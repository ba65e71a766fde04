//! What if another process has the same file open?

use std::time::{Duration, Instant};

use crate::access::{Answer, Bar, Conflict, KnockState, Revocation, TokenId};
use crate::store::{AnswerError, Barred, Change, Store};

use super::*;

#[tokio::test]
async fn what_another_process_revokes_is_known_and_told_well_within_a_second() {
    let (_home, path) = home();
    let (serving, command) = (open(&path), open(&path));
    for round in 0..5 {
        let mut news = serving.changes();
        let order = Revocation::User(format!("user {round}"));
        command.revoke(order.clone()).await.unwrap();
        let begun = Instant::now();
        let heard = tokio::time::timeout(Duration::from_secs(5), news.recv()).await.expect("it is told at all").unwrap();
        assert_eq!(heard, Change::Revoked(order));
        assert!(begun.elapsed() < Duration::from_millis(900), "after {:?}", begun.elapsed());
        assert!(serving.facts().revocations().names(&TokenId::jti("x"), Some(&format!("user {round}")), None, Some(NOON)));
    }
}

#[tokio::test]
async fn an_order_sees_what_another_process_committed_before_it() {
    let (_home, path) = home();
    let (old, new) = (open(&path), open(&path));
    for n in 0..20 {
        // No pause anywhere: nobody waits for the next look.
        let knock = old.knock(Asking::new(new_id(), &standup(), numbered(n), "guest", NOON)).await.unwrap();
        new.answer(&standup(), knock.id, Answer::Allow, 1, &by("Grace"), NOON).await.unwrap();
        let late = old.answer(&standup(), knock.id, Answer::Deny, 1, &by("Alan"), NOON).await;
        assert_eq!(late, Err(AnswerError::Conflict(Conflict::Answered(Answer::Allow))));
        assert_eq!(&*old.facts().knock_of(&standup(), knock.id).unwrap().answered.clone().unwrap().1, "Grace");
    }
    assert_eq!(old.facts().meeting(&standup()), new.facts().meeting(&standup()), "one meeting, not two");
}

#[tokio::test]
async fn two_processes_end_up_with_the_same_facts_and_every_change_is_told_to_both() {
    let (_home, path) = home();
    let (one, other) = (open(&path), open(&path));
    let lasting = Barred { visitor: Some(numbered(2)), lasting: true, ..barred(Bar::Banned) };
    let lifted = Barred { user: Some("42".to_owned()), lasting: true, ..barred(Bar::Ejected) };
    for n in 0..6 {
        one.knock(Asking::new(new_id(), &standup(), numbered(n), "guest", NOON)).await.unwrap();
    }
    one.alive(new_id(), &room("other"), NOON).await.unwrap();
    one.bar(Barred { session: Some(ANN), ..barred(Bar::Ejected) }).await.unwrap();
    one.bar(lasting.clone()).await.unwrap();
    one.bar(lifted.clone()).await.unwrap();
    let knock = one.facts().knock(&standup(), numbered(0)).unwrap();
    one.answer(&standup(), knock.id, Answer::Allow, 1, &by("Grace"), NOON).await.unwrap();
    settled(&one, &other).await;

    // Ends one meeting and opens the next before the other looks: it must not keep the first one's grants.
    let mut heard = other.changes();
    one.unbar(&standup(), lifted.id, &by("Grace"), NOON).await.unwrap();
    one.leave(&standup(), numbered(1), NOON).await.unwrap();
    one.end_meeting(&standup(), NOON).await.unwrap();
    one.end_meeting(&room("other"), NOON).await.unwrap();
    one.alive(new_id(), &standup(), after(1)).await.unwrap();
    one.revoke(Revocation::Before(NOON)).await.unwrap();
    settled(&one, &other).await;
    assert_eq!(other.facts().knock_state(&standup(), numbered(0)), KnockState::None);
    assert_eq!(other.facts().bars(&standup()), [lasting.into()]);
    let mut ended = Vec::new();
    while let Ok(change) = heard.try_recv() {
        if let Change::MeetingEnded(room) = change {
            ended.push(room.to_string());
        }
    }
    ended.sort();
    assert_eq!(ended, ["other", "standup"]);
}

#[tokio::test]
async fn a_file_that_another_process_holds_is_a_failure_and_works_again_afterwards() {
    let (_home, path) = home();
    let store = open(&path);
    let holder = rusqlite::Connection::open(&path).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = store.knock(Asking::new(new_id(), &standup(), ANN, "Ann", NOON)).await.unwrap_err();
    assert!(error.to_string().contains("database is locked"), "{error}");
    assert_eq!(store.facts().knock_state(&standup(), ANN), KnockState::None, "what is not safe is not told");
    holder.execute_batch("ROLLBACK").unwrap();
    store.knock(Asking::new(new_id(), &standup(), ANN, "Ann", NOON)).await.unwrap();
    assert_eq!(store.facts().knock_state(&standup(), ANN), KnockState::Waiting);
}

#[tokio::test]
async fn an_order_that_the_database_refuses_takes_no_other_with_it() {
    let (_home, path) = home();
    let store = std::sync::Arc::new(open(&path));
    let holder = rusqlite::Connection::open(&path).unwrap();
    holder
        .execute_batch(
            "CREATE TRIGGER no BEFORE INSERT ON knocks WHEN NEW.name = 'Eve' BEGIN SELECT RAISE(ABORT, 'not Eve'); END;
             BEGIN IMMEDIATE;",
        )
        .unwrap();
    // They come while the file is held, so that they share a transaction afterwards.
    let tasks: Vec<_> = (0..30)
        .map(|n| {
            let store = store.clone();
            let name = if n % 10 == 5 { "Eve" } else { "Ann" };
            tokio::spawn(async move { (n, store.knock(Asking::new(new_id(), &standup(), numbered(n), name, NOON)).await.is_ok()) })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    holder.execute_batch("ROLLBACK").unwrap();
    for task in tasks {
        let (n, recorded) = task.await.unwrap();
        assert_eq!(recorded, n % 10 != 5, "{n}");
        assert_eq!(store.facts().knock(&standup(), numbered(n)).is_some(), recorded, "{n}");
    }
    let facts = store.facts().snapshot();
    drop(store);
    assert_eq!(open(&path).facts().snapshot(), facts);
}

#[tokio::test]
async fn an_order_that_was_refused_is_no_news_and_can_be_given_again() {
    let (_home, path) = home();
    let store = open(&path);
    let order = Revocation::User("42".to_owned());
    let hand = rusqlite::Connection::open(&path).unwrap();
    hand.execute_batch("CREATE TRIGGER no BEFORE INSERT ON revocations BEGIN SELECT RAISE(ABORT, 'not now'); END").unwrap();
    let mut news = store.changes();
    assert!(store.revoke(order.clone()).await.unwrap_err().to_string().contains("not now"));
    hand.execute_batch("DROP TRIGGER no; CREATE TRIGGER no BEFORE INSERT ON knocks BEGIN SELECT RAISE(ABORT, 'not now'); END").unwrap();
    store.knock(Asking::new(new_id(), &standup(), ANN, "Ann", NOON)).await.unwrap_err();
    store.revoke(order.clone()).await.expect("what failed before is not taken for done");
    assert_eq!(news.try_recv().unwrap(), Change::Revoked(order), "and only what was done is told");
    assert!(store.facts().revocations().names(&TokenId::jti("x"), Some("42"), None, Some(NOON)));
    store.close();
    assert!(open(&path).facts().revocations().names(&TokenId::jti("x"), Some("42"), None, Some(NOON)));
}

async fn settled(one: &dyn Store, other: &dyn Store) {
    let begun = Instant::now();
    while one.facts().snapshot() != other.facts().snapshot() {
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}\n{:?}", one.facts().snapshot(), other.facts().snapshot());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
