//! The contract, one promise a test, for every store.

use tokio::sync::broadcast::error::TryRecvError;

use crate::access::{Answer, Bar, Conflict, Grant, Id, KnockState, Person, Revocation, Timestamp, TokenId};
use crate::store::{AnswerError, Barred, Change};

use super::*;

#[tokio::test]
async fn a_knock_waits_until_it_is_answered_and_everybody_reads_it_at_once() {
    on_every_store(async |store| {
        let mut news = store.changes();
        let knock = store.knock(Asking::new(new_id(), &standup(), ANN, "Ann", NOON)).await.unwrap();
        assert_eq!((knock.state, knock.version, knock.at), (KnockState::Waiting, 1, NOON));
        assert_eq!(store.facts().knock_state(&standup(), ANN), KnockState::Waiting);
        assert_eq!(store.facts().knock_state(&room("other"), ANN), KnockState::None, "one room is not another");
        assert_eq!(store.facts().knock_state(&standup(), BEN), KnockState::None, "one visitor is not another");
        assert_eq!(store.facts().waiting(), 1);

        let granted = store.answer(&standup(), knock.id, Answer::Allow, 1, &by("Grace"), after(1)).await.unwrap();
        assert_eq!(granted.answered, Some((after(1), "Grace".into())));
        assert_eq!(store.facts().knock_state(&standup(), ANN), KnockState::Granted);
        assert_eq!(store.facts().waiting(), 0);

        let meeting = store.facts().meeting(&standup()).expect("a grant opens a meeting");
        assert_eq!((meeting.opened, meeting.alive), (after(1), after(1)));
        assert_eq!(news.try_recv().unwrap(), Change::Knock(knock.into()));
        assert_eq!(news.try_recv().unwrap(), Change::Meeting(meeting));
        assert_eq!(news.try_recv().unwrap(), Change::Knock(granted.into()));
        assert_eq!(news.try_recv().unwrap_err(), TryRecvError::Empty);
    })
    .await;
}

#[tokio::test]
async fn a_second_knock_renews_the_first_and_a_new_name_is_a_new_version() {
    on_every_store(async |store| {
        let first = store.knock(Asking::new(new_id(), &standup(), ANN, "Ann", NOON)).await.unwrap();
        let mut news = store.changes();
        assert_eq!(store.knock(Asking::new(new_id(), &standup(), ANN, "Ann", after(1))).await.unwrap(), first, "a reload changes nothing");
        assert_eq!(news.try_recv().unwrap_err(), TryRecvError::Empty, "and is no news");
        let renamed = store.knock(Asking::new(new_id(), &standup(), ANN, "Anna", after(2))).await.unwrap();
        assert_eq!((renamed.id, renamed.version, renamed.at), (first.id, 2, NOON));

        let late = store.answer(&standup(), first.id, Answer::Allow, 1, &by("Grace"), after(3)).await;
        assert_eq!(late, Err(AnswerError::Conflict(Conflict::Changed(2))), "she let in `Ann`, not `Anna`");
        assert_eq!(store.facts().meeting(&standup()), None, "what was refused changed nothing");
        assert_eq!(store.facts().knock_state(&standup(), ANN), KnockState::Waiting);

        store.answer(&standup(), first.id, Answer::Deny, 2, &by("Grace"), after(3)).await.unwrap();
        assert_eq!(store.facts().knock_state(&standup(), ANN), KnockState::Denied);
        let again = store.knock(Asking::new(new_id(), &standup(), ANN, "Anna", after(4))).await.unwrap();
        assert_eq!((again.state, again.version, again.at, again.answered), (KnockState::Waiting, 3, after(4), None));
    })
    .await;
}

#[tokio::test]
async fn the_first_answer_counts_and_the_second_learns_who_gave_it() {
    on_every_store(async |store| {
        let knock = store.knock(Asking::new(new_id(), &standup(), ANN, "Ann", NOON)).await.unwrap();
        let first = store.answer(&standup(), knock.id, Answer::Deny, 1, &by("Grace"), after(1)).await.unwrap();
        let second = store.answer(&standup(), knock.id, Answer::Allow, 1, &by("Alan"), after(2)).await;
        assert_eq!(second, Err(AnswerError::Conflict(Conflict::Answered(Answer::Deny))));
        let same = store.answer(&standup(), knock.id, Answer::Deny, 1, &by("Alan"), after(2)).await.unwrap();
        assert_eq!(same, first, "the same answer twice: the first stands");
        assert_eq!(*store.facts().knock_of(&standup(), knock.id).unwrap(), first);
    })
    .await;
}

#[tokio::test]
async fn who_left_or_never_knocked_or_knocked_elsewhere_cannot_be_answered() {
    on_every_store(async |store| {
        let gone = Err(AnswerError::Conflict(Conflict::Gone));
        assert_eq!(store.answer(&standup(), new_id(), Answer::Allow, 1, &by("Grace"), NOON).await, gone);

        let knock = store.knock(Asking::new(new_id(), &standup(), ANN, "Ann", NOON)).await.unwrap();
        assert_eq!(store.answer(&room("other"), knock.id, Answer::Allow, 1, &by("Mallory"), NOON).await, gone, "an owner of another room");
        assert_eq!(store.answer(&standup(), ANN, Answer::Allow, 1, &by("Grace"), NOON).await, gone, "a visitor's id is no knock's");

        store.leave(&standup(), ANN, NOON).await.unwrap();
        assert_eq!(store.answer(&standup(), knock.id, Answer::Allow, 1, &by("Grace"), NOON).await, gone);
        assert_eq!(store.facts().knock_state(&standup(), ANN), KnockState::None);
        assert_eq!(store.facts().knocks(&standup()), []);

        let new = store.knock(Asking::new(new_id(), &standup(), ANN, "Ann", after(1))).await.unwrap();
        assert_eq!(
            store.answer(&standup(), knock.id, Answer::Allow, new.version, &by("Grace"), NOON).await,
            gone,
            "an old page, an old id"
        );
    })
    .await;
}

#[tokio::test]
async fn leaving_takes_no_answer_away_and_no_knock_is_no_failure() {
    on_every_store(async |store| {
        store.leave(&standup(), ANN, NOON).await.unwrap();
        let knock = store.knock(Asking::new(new_id(), &standup(), ANN, "Ann", NOON)).await.unwrap();
        store.answer(&standup(), knock.id, Answer::Deny, 1, &by("Grace"), NOON).await.unwrap();
        store.leave(&standup(), ANN, NOON).await.unwrap();
        assert_eq!(store.facts().knock_state(&standup(), ANN), KnockState::Denied);
    })
    .await;
}

#[tokio::test]
async fn owners_see_those_who_wait_first_the_earliest_of_them_first() {
    on_every_store(async |store| {
        for (n, at) in [(3, 30), (1, 10), (4, 5), (2, 20)] {
            store.knock(Asking::new(new_id(), &standup(), numbered(n), &format!("guest {n}"), after(at))).await.unwrap();
        }
        let fourth = store.facts().knock(&standup(), numbered(4)).unwrap();
        store.answer(&standup(), fourth.id, Answer::Deny, 1, &by("Grace"), after(31)).await.unwrap();
        store.knock(Asking::new(new_id(), &room("other"), numbered(1), "elsewhere", NOON)).await.unwrap();
        let names: Vec<_> = store.facts().knocks(&standup()).iter().map(|k| k.name.to_string()).collect();
        assert_eq!(names, ["guest 1", "guest 2", "guest 3", "guest 4"]);
    })
    .await;
}

#[tokio::test]
async fn somebody_is_kept_out_by_each_of_their_marks_and_by_no_other() {
    on_every_store(async |store| {
        let (token, other_token) = (TokenId::jti("a"), TokenId::jti("b"));
        let find = |v, u, t, s| store.facts().bar(&standup(), &Known { visitor: v, user: u, token: t, session: s, ..Known::default() });
        assert_eq!(find(Some(ANN), Some("42"), Some(&token), Some(ANN)), None, "nobody is barred here");
        let marked = |visitor, user: Option<&str>, token: Option<&TokenId>, session| Barred {
            visitor,
            user: user.map(str::to_owned),
            token: token.cloned(),
            session,
            ..barred(Bar::Banned)
        };
        // (the bar; who is kept out by it)
        for (bar, visitor, user, token_id, session) in [
            (marked(Some(ANN), None, None, None), true, false, false, false),
            (marked(None, Some("42"), None, None), false, true, false, false),
            (marked(None, None, Some(&token), None), false, false, true, false),
            (marked(None, None, None, Some(ANN)), false, false, false, true),
            (marked(None, None, None, None), false, false, false, false),
        ] {
            store.bar(bar.clone()).await.unwrap();
            let banned = |is| if is { Some(Bar::Banned) } else { None };
            assert_eq!(find(Some(ANN), None, None, None), banned(visitor), "{bar:?}");
            assert_eq!(find(None, Some("42"), None, None), banned(user), "{bar:?}");
            assert_eq!(find(None, None, Some(&token), None), banned(token_id), "{bar:?}");
            assert_eq!(find(None, None, None, Some(ANN)), banned(session), "{bar:?}");
            assert_eq!(find(Some(BEN), Some("4"), Some(&other_token), Some(BEN)), None, "{bar:?}");
            assert_eq!(find(None, None, None, None), None, "{bar:?}");
            assert_eq!(
                store.facts().bar(
                    &room("other"),
                    &Known { visitor: Some(ANN), user: Some("42"), token: Some(&token), session: Some(ANN), ..Known::default() }
                ),
                None,
                "{bar:?}"
            );
            assert!(store.unbar(&standup(), bar.id, &by("Grace"), NOON).await.unwrap());
            assert_eq!(find(Some(ANN), Some("42"), Some(&token), Some(ANN)), None, "lifted: {bar:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_ban_goes_before_a_removal_in_whatever_order_and_by_whatever_mark() {
    on_every_store(async |store| {
        let find = || store.facts().bar(&standup(), &Known { visitor: Some(ANN), user: Some("42"), ..Known::default() });
        let by_visitor = |kind| Barred { visitor: Some(ANN), ..barred(kind) };
        let by_user = |kind| Barred { user: Some("42".to_owned()), ..barred(kind) };
        for (one, other) in [
            (by_visitor(Bar::Ejected), by_visitor(Bar::Banned)),
            (by_visitor(Bar::Ejected), by_user(Bar::Banned)),
            (by_user(Bar::Ejected), by_visitor(Bar::Banned)),
        ] {
            for [first, second] in [[&one, &other], [&other, &one]] {
                store.bar(first.clone()).await.unwrap();
                store.bar(second.clone()).await.unwrap();
                assert_eq!(find(), Some(Bar::Banned), "{first:?} then {second:?}");
                store.unbar(&standup(), other.id, &by("Grace"), NOON).await.unwrap();
                assert_eq!(find(), Some(Bar::Ejected), "the removal is still there");
                store.unbar(&standup(), one.id, &by("Grace"), NOON).await.unwrap();
                assert_eq!(find(), None);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_ban_takes_back_the_grant_and_ends_the_waiting_but_not_a_denial() {
    on_every_store(async |store| {
        for (answer, then) in [(None, KnockState::None), (Some(Answer::Allow), KnockState::None), (Some(Answer::Deny), KnockState::Denied)]
        {
            let knock = store.knock(Asking::new(new_id(), &standup(), ANN, "Ann", NOON)).await.unwrap();
            store.knock(Asking::new(new_id(), &room("other"), ANN, "Ann", NOON)).await.unwrap();
            if let Some(answer) = answer {
                store.answer(&standup(), knock.id, answer, knock.version, &by("Grace"), NOON).await.unwrap();
            }
            store.bar(Barred { visitor: Some(ANN), ..barred(Bar::Banned) }).await.unwrap();
            assert_eq!(store.facts().knock_state(&standup(), ANN), then, "answered {answer:?}");
            assert_eq!(store.facts().knock_state(&room("other"), ANN), KnockState::Waiting, "another room's owner has not spoken");
        }
    })
    .await;
}

#[tokio::test]
async fn a_ban_of_another_room_cannot_be_lifted_and_none_is_no_failure() {
    on_every_store(async |store| {
        let ban = Barred { visitor: Some(ANN), ..barred(Bar::Banned) };
        store.bar(ban.clone()).await.unwrap();
        assert!(!store.unbar(&room("other"), ban.id, &by("Grace"), NOON).await.unwrap());
        assert!(!store.unbar(&standup(), new_id(), &by("Grace"), NOON).await.unwrap());
        assert_eq!(store.facts().bars(&standup()), [ban.clone().into()]);
        assert!(store.unbar(&standup(), ban.id, &by("Grace"), NOON).await.unwrap());
        assert!(!store.unbar(&standup(), ban.id, &by("Grace"), NOON).await.unwrap(), "once");
    })
    .await;
}

#[tokio::test]
async fn the_end_of_a_meeting_takes_its_grants_denials_and_bans_and_leaves_the_rest() {
    on_every_store(async |store| {
        for (n, answer) in [(1, Some(Answer::Allow)), (2, Some(Answer::Deny)), (3, None)] {
            let knock = store.knock(Asking::new(new_id(), &standup(), numbered(n), "guest", NOON)).await.unwrap();
            if let Some(answer) = answer {
                store.answer(&standup(), knock.id, answer, 1, &by("Grace"), NOON).await.unwrap();
            }
        }
        let session = Barred { visitor: Some(numbered(4)), ..barred(Bar::Ejected) };
        let lasting = Barred { visitor: Some(numbered(5)), lasting: true, ..barred(Bar::Banned) };
        store.bar(session.clone()).await.unwrap();
        store.bar(lasting.clone()).await.unwrap();
        let other = store.alive(new_id(), &room("other"), NOON).await.unwrap();
        let first = store.facts().meeting(&standup()).unwrap();

        store.end_meeting(&standup(), NOON).await.unwrap();
        let facts = store.facts();
        let states = [1, 2, 3].map(|n| facts.knock_state(&standup(), numbered(n)));
        assert_eq!(states, [KnockState::None, KnockState::None, KnockState::Waiting]);
        assert_eq!(facts.bar(&standup(), &Known { visitor: Some(numbered(4)), ..Known::default() }), None);
        assert_eq!(facts.bar(&standup(), &Known { visitor: Some(numbered(5)), ..Known::default() }), Some(Bar::Banned));
        assert_eq!(facts.bars(&standup()), [lasting.into()]);
        assert_eq!(facts.meeting(&standup()), None);
        assert_eq!(facts.meetings(), [other]);

        let mut news = store.changes();
        store.end_meeting(&standup(), NOON).await.unwrap();
        store.end_meeting(&room("unknown"), NOON).await.unwrap();
        assert_eq!(news.try_recv().unwrap_err(), TryRecvError::Empty, "what is over does not end again");
        let second = store.alive(new_id(), &standup(), after(1)).await.unwrap();
        assert_ne!(second.id, first.id);
        assert_eq!((second.opened, second.alive), (after(1), after(1)));
    })
    .await;
}

#[tokio::test]
async fn a_meeting_stays_alive_by_those_connected_and_by_an_owners_word() {
    on_every_store(async |store| {
        let opened = store.alive(new_id(), &standup(), NOON).await.unwrap();
        let later = store.alive(new_id(), &standup(), after(2)).await.unwrap();
        assert_eq!((later.id, later.opened, later.alive), (opened.id, NOON, after(2)));
        assert_eq!(store.alive(new_id(), &standup(), after(1)).await.unwrap(), later, "a report that comes late takes nothing back");

        let knock = store.knock(Asking::new(new_id(), &standup(), ANN, "Ann", after(6))).await.unwrap();
        assert_eq!(store.facts().meeting(&standup()).unwrap().alive, after(2), "a knock does not: anybody may knock");
        store.answer(&standup(), knock.id, Answer::Allow, 1, &by("Grace"), after(6)).await.unwrap();
        assert!(!store.end_quiet_meeting(&standup(), after(2), NOON).await.unwrap(), "somebody was let in in the last moment");
        assert_eq!(store.facts().knock_state(&standup(), ANN), KnockState::Granted);
        store.bar(Barred { at: after(8), ..barred(Bar::Ejected) }).await.unwrap();
        assert!(!store.end_quiet_meeting(&standup(), after(7), NOON).await.unwrap());

        assert!(store.end_quiet_meeting(&standup(), after(8), NOON).await.unwrap());
        assert_eq!(store.facts().knock_state(&standup(), ANN), KnockState::None);
        assert!(!store.end_quiet_meeting(&standup(), after(99), NOON).await.unwrap(), "none is open");
    })
    .await;
}

#[tokio::test]
async fn a_knock_that_is_granted_in_two_meetings_opens_two_different_ones() {
    on_every_store(async |store| {
        let knock = store.knock(Asking::new(new_id(), &standup(), ANN, "Ann", NOON)).await.unwrap();
        store.answer(&standup(), knock.id, Answer::Allow, 1, &by("Grace"), NOON).await.unwrap();
        let first = store.facts().meeting(&standup()).unwrap();
        let back = store.move_back(back(new_id(), &standup(), ANN, "Ann", after(1))).await.unwrap();
        store.end_meeting(&standup(), NOON).await.unwrap();
        store.answer(&standup(), back.id, Answer::Allow, back.version, &by("Grace"), after(2)).await.unwrap();
        assert_ne!(store.facts().meeting(&standup()).unwrap().id, first.id);
    })
    .await;
}

#[tokio::test]
async fn who_is_moved_back_waits_whether_they_knocked_or_not() {
    on_every_store(async |store| {
        let knock = store.knock(Asking::new(new_id(), &standup(), ANN, "Ann", NOON)).await.unwrap();
        store.answer(&standup(), knock.id, Answer::Allow, 1, &by("Grace"), NOON).await.unwrap();
        let ann = store.move_back(back(new_id(), &standup(), ANN, "Ann", after(1))).await.unwrap();
        assert_eq!((ann.id, ann.state, ann.version, ann.answered.clone()), (knock.id, KnockState::Waiting, 2, None));
        let stale = store.answer(&standup(), knock.id, Answer::Allow, 1, &by("Alan"), after(2)).await;
        assert_eq!(stale, Err(AnswerError::Conflict(Conflict::Changed(2))), "an answer to what was before lets nobody in");
        assert_eq!(store.move_back(back(new_id(), &standup(), ANN, "Ann", after(3))).await.unwrap(), ann, "twice is once");

        let id = new_id();
        let ben = store.move_back(back(id, &standup(), BEN, "Ben", after(4))).await.unwrap();
        assert_eq!((ben.id, ben.state, &*ben.name, ben.at), (id, KnockState::Waiting, "Ben", after(4)));
        assert_eq!(store.facts().waiting(), 2);
    })
    .await;
}

#[tokio::test]
async fn tokens_are_taken_back_by_every_kind_of_order() {
    let grant = |token: TokenId, user: &str, in_room: &str, issued: Option<Timestamp>| Grant {
        token,
        room: Some(room(in_room)),
        owner: false,
        must_knock: false,
        person: Person { user: Some(user.to_owned()), ..Person::default() },
        expires: None,
        not_before: None,
        issued,
        eject_at_expiry: None,
        eject_after: None,
    };
    // Characters that a line of a file could not hold are an issuer's right in a `jti`.
    for (order, hit) in [
        (Revocation::Token(TokenId::jti("a:b\n\0é")), grant(TokenId::jti("a:b\n\0é"), "1", "x", Some(NOON))),
        (Revocation::Token(TokenId::digest("00ff")), grant(TokenId::digest("00ff"), "1", "x", Some(NOON))),
        (Revocation::User("user:42".to_owned()), grant(TokenId::jti("1"), "user:42", "x", Some(NOON))),
        (Revocation::Room("standup".to_owned()), grant(TokenId::jti("1"), "1", "standup", Some(NOON))),
        (Revocation::Before(NOON), grant(TokenId::jti("1"), "1", "x", Some(NOON.minus(Duration::from_millis(1))))),
        (Revocation::Before(NOON), grant(TokenId::jti("1"), "1", "x", None)),
    ] {
        on_every_store(async |store| {
            let mut news = store.changes();
            assert!(!store.facts().revocations().revoke(&hit));
            store.revoke(order.clone()).await.unwrap();
            assert!(store.facts().revocations().revoke(&hit), "{order:?}");
            assert!(!store.facts().revocations().revoke(&grant(TokenId::jti("z"), "z", "z", Some(NOON))), "{order:?}");
            store.revoke(order.clone()).await.unwrap();
            assert_eq!(news.try_recv().unwrap(), Change::Revoked(order.clone()));
            assert_eq!(news.try_recv().unwrap_err(), TryRecvError::Empty, "twice is once");
        })
        .await;
    }
}

#[tokio::test]
async fn the_watched_file_adds_to_the_stored_orders_and_lifts_only_its_own() {
    on_every_store(async |store| {
        let revoked = |jti: &str| store.facts().revocations().names(&TokenId::jti(jti), None, None, Some(NOON));
        let [both, file, stored] = ["both", "file", "stored"].map(|jti| Revocation::Token(TokenId::jti(jti)));
        store.revoke(both.clone()).await.unwrap();
        let mut news = store.changes();

        assert!(store.facts().set_file_revocations(vec![both.clone(), file.clone(), file.clone()]));
        assert_eq!(news.try_recv().unwrap(), Change::Revoked(file.clone()), "only what is new is news");
        assert_eq!(news.try_recv().unwrap_err(), TryRecvError::Empty);
        assert!(!store.facts().set_file_revocations(vec![file.clone(), both.clone()]), "the same in another order");
        store.revoke(stored).await.unwrap();
        assert!(revoked("both") && revoked("file") && revoked("stored"));

        assert!(store.facts().set_file_revocations(Vec::new()));
        assert!(!revoked("file"), "lifted by taking the line out");
        assert!(revoked("both") && revoked("stored"), "an order of the store stays");
    })
    .await;
}

#[tokio::test]
async fn whoever_hears_of_a_change_finds_it_in_the_facts() {
    on_every_store(async |store| {
        let facts = store.facts().clone();
        let mut news = store.changes();
        let listener = tokio::spawn(async move {
            for n in 0..50 {
                let Ok(Change::Knock(knock)) = news.recv().await else { panic!("change {n} was none of ours") };
                assert!(facts.knock(&knock.room, knock.visitor).is_some(), "change {n}");
            }
        });
        for n in 0..50 {
            store.knock(Asking::new(new_id(), &standup(), numbered(n), "guest", NOON)).await.unwrap();
            assert_eq!(store.facts().knock_state(&standup(), numbered(n)), KnockState::Waiting);
        }
        listener.await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_new_knock_needs_an_id_of_its_own() {
    on_every_store(async |store| {
        let id = new_id();
        store.knock(Asking::new(id, &standup(), ANN, "Ann", NOON)).await.unwrap();
        assert!(store.knock(Asking::new(id, &standup(), BEN, "Ben", NOON)).await.is_err());
        assert!(store.move_back(back(id, &standup(), BEN, "Ben", NOON)).await.is_err());
        assert_eq!(store.facts().knock_of(&standup(), id).unwrap().visitor, ANN);
        let _: Id = store.knock(Asking::new(new_id(), &standup(), BEN, "Ben", NOON)).await.unwrap().id;
    })
    .await;
}
