//! `rooms.hide`: can a stranger tell a room that there is from one that there is not?

use crate::harness::{Answer, Gateway, Person};

/// All names are of one length, so that a length tells nothing either.
const ROOMS: &str = r#"
[[room]]
name = "aaaa"
privacy = "private"
[[room]]
name = "bbbb"
privacy = "private"
nbf = 2099-01-01T00:00:00Z
[[room]]
name = "cccc"
privacy = "private"
exp = 2001-01-01T00:00:00Z
[[room]]
name = "dddd"
privacy = "private"
eject_after_elapsed = "60s"
max_participants = 1
[[room]]
name = "other"
privacy = "private"
"#;

/// Everything of an answer but what is random in each.
fn shape(name: &str, answer: &Answer) -> String {
    let mut headers: Vec<_> = answer.headers.iter().filter(|(n, _)| !matches!(n.as_str(), "x-request-id" | "date")).collect();
    headers.sort();
    format!("{} {headers:?} {}", answer.status, answer.text()).replace(name, "NAME")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_cannot_tell_a_hidden_room_from_none_by_any_door() {
    let gateway = Gateway::configured("[rooms]\nunknown = \"refuse\"\nhide = true", ROOMS).await;
    let wrong = gateway.token("other");
    let late = gateway.mint("aaaa", |m| m.expires = Some(gateway.now().minus(std::time::Duration::from_secs(999))));
    let doors: Vec<(&str, String)> = vec![
        ("page", "/NAME".into()),
        ("page", "/NAME/below?x=1".into()),
        ("fetch", "/NAME".into()),
        ("fetch", format!("/NAME?t={wrong}")),
        ("fetch", format!("/NAME?t={late}")),
        ("fetch", "/ws?room=NAME".into()),
        ("page", format!("/NAME?t={wrong}")),
        ("fetch", "/_roomgate/access?room=NAME".into()),
        ("fetch", format!("/_roomgate/access?room=NAME&t={wrong}")),
        ("fetch", "/_roomgate/events?room=NAME".into()),
        ("page", "/_roomgate/knock?room=NAME".into()),
        ("page", "/_roomgate/door?room=NAME".into()),
        ("fetch", "/_roomgate/v1/rooms/NAME/presence".into()),
        ("fetch", "/_roomgate/v1/rooms/NAME/bans".into()),
        ("post", "/_roomgate/knock".into()),
        ("post", "/_roomgate/session".into()),
    ];
    for (how, door) in &doors {
        let mut shapes = Vec::new();
        for name in ["zzzz", "aaaa", "bbbb", "cccc", "dddd"] {
            let mut eve: Person = gateway.stranger();
            let target = door.replace("NAME", name);
            let answer = match *how {
                "page" => eve.opens(&target).await,
                "fetch" => eve.fetches(&target).await,
                _ => eve.posts(&target, &serde_json::json!({ "room": name, "name": "Eve", "token": wrong })).await,
            };
            shapes.push((name, shape(name, &answer)));
        }
        let (_, nothing) = &shapes[0];
        // Of the token that expired for its own room more may be said: its bearer was told of the room.
        for (name, shape) in shapes.iter().filter(|(name, _)| !(door.contains(&late) && *name == "aaaa")) {
            assert_eq!(shape, nothing, "{how} {door} for {name}");
        }
    }
    // Whoever has the right to come is told why not now.
    let mut ann = gateway.stranger();
    let token = gateway.token("bbbb");
    assert_eq!(ann.fetches(&format!("/bbbb?t={token}")).await.code(), "room-not-open");
}
