//! As many as may be inside, and no more.

use futures_util::future::join_all;

use super::endings::house;
use crate::harness::socket::{SOON, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn of_twenty_who_connect_at_once_five_get_in() {
    let (gateway, _busy) = house("", "[[room]]\nname = \"standup\"\nmax_participants = 5\n").await;
    for round in 0..5 {
        let mut people = Vec::new();
        for _ in 0..20 {
            let mut person = gateway.stranger();
            assert_eq!(person.opens("/standup").await.status, 200, "a page takes no place");
            people.push(person);
        }
        let sockets = join_all(people.iter().map(|p| p.socket("/ws?room=standup"))).await;
        let (inside, outside): (Vec<_>, Vec<_>) = sockets.into_iter().partition(Result::is_ok);
        assert_eq!(inside.len(), 5, "round {round}");
        for refused in outside {
            assert_eq!(refused.err(), Some((403, "full".to_owned())));
        }
        drop(inside);
        eventually("all places are free", SOON, async || {
            let now = gateway.now();
            let room = gateway.gate().profile().room_name("standup").unwrap();
            (gateway.gate().live().count(&room, now) == 0).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_session_with_many_sockets_takes_one_place() {
    let (gateway, _busy) = house("", "[[room]]\nname = \"standup\"\nmax_participants = 2\n").await;
    let (mut ann, mut bob, mut cleo) = (gateway.stranger(), gateway.stranger(), gateway.stranger());
    for person in [&mut ann, &mut bob, &mut cleo] {
        person.opens("/standup").await;
    }
    let _anns = join_all((0..10).map(|_| ann.socket("/ws?room=standup"))).await.into_iter().map(Result::unwrap).collect::<Vec<_>>();
    let _bobs = bob.socket("/standup/socket").await.unwrap();
    assert_eq!(cleo.socket("/ws?room=standup").await.err(), Some((403, "full".to_owned())));
    assert_eq!(cleo.clone().opens("/standup").await.status, 403);
    assert_eq!(ann.clone().opens("/standup").await.status, 200, "who is inside may reload");
}
