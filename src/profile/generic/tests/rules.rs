//! What the operator's addresses mean, and which are refused.

use super::*;
use crate::access::{NameError, RoomName};

fn rules(room: &[&str], open: &[&str], sockets: &[&str], shared: &[&str]) -> GenericRules {
    GenericRules { room: list(room), subtree: true, open: list(open), sockets: list(sockets), shared: list(shared) }
}

fn outcomes(generic: &Generic, cases: &[(&str, &str)]) {
    for (target, expected) in cases {
        let (upgrade, path) = target.strip_prefix("WS ").map_or((false, *target), |path| (true, path));
        assert_eq!(told(&judge(generic, path.as_bytes(), upgrade)), *expected, "{target}");
    }
}

#[test]
fn addresses_are_tried_in_the_order_of_the_documentation() {
    outcomes(
        &example(),
        &[
            ("/", "open"),
            ("/?x=1", "open"),
            ("/static/", "open"),
            ("/static/app.js", "open"),
            ("/static/a/b/c.png?v=1", "open"),
            ("/favicon.ico", "open"),
            ("/ws?room=standup", "signalling:standup"),
            ("WS /ws?room=standup", "signalling:standup"),
            ("/api/", "shared"),
            ("/api/v1/users", "shared"),
            ("/standup", "page:standup"),
            ("/standup/", "page:standup"),
            ("/standup/app.js", "asset:standup"),
            ("/standup/a/", "asset:standup"),
            ("WS /standup", "signalling:standup"),
            ("WS /standup/socket", "signalling:standup"),
            ("WS /standup/socket?room=standup", "signalling:standup"),
            ("WS /standup/socket?room=private", "400"),
            ("WS /standup/socket?Room=standup", "400"),
            ("/standup?room=private", "page:standup"),
            ("WS /", "404"),
            ("WS /static/app.js", "404"),
            ("WS /favicon.ico", "404"),
            ("WS /api/v1", "404"),
            ("/static", "404"),
            ("/api", "404"),
            ("/favicon.ico/", "404"),
            ("/favicon.ico/x", "404"),
            ("/ws/?room=private", "404"),
            ("/ws/x?room=private", "404"),
            ("WS /ws/?room=private", "404"),
            ("/_roomgate", "404"),
            ("/_roomgate/knock", "404"),
            ("/_Roomgate/knock", "404"),
        ],
    );
}

#[test]
fn without_the_subtree_only_the_page_is_the_rooms() {
    let generic = Generic::new(GenericRules { subtree: false, ..rules(&["/call/{room}"], &[], &[], &[]) }).unwrap();
    outcomes(
        &generic,
        &[
            ("/call/a", "page:a"),
            ("/call/a/", "page:a"),
            ("WS /call/a", "signalling:a"),
            ("/call/a/b", "404"),
            ("WS /call/a/b", "404"),
            ("/call", "404"),
            ("/call/", "404"),
            ("/Call/a", "404"),
            ("/a", "404"),
            ("/", "404"),
        ],
    );
}

#[test]
fn the_longest_and_most_literal_address_wins_and_its_look_alikes_are_nobodys() {
    let generic =
        Generic::new(rules(&["/{room}", "/call/{room}", "/{room}/join/now"], &[], &["/sock/{room}", "/sock?id={room}"], &[])).unwrap();
    outcomes(
        &generic,
        &[
            ("/a", "page:a"),
            ("/a/b", "asset:a"),
            ("/call/a", "page:a"),
            ("/call/a/b", "asset:a"),
            ("/CALL/a", "404"),
            ("/call;x/a", "404"),
            ("/c%C2%ADall/a", "404"),
            ("/a/join/now", "page:a"),
            ("/a/JOIN/now", "404"),
            ("/a/join./now", "404"),
            ("WS /sock/a", "signalling:a"),
            ("WS /sock?id=a", "signalling:a"),
            ("/sock/a/b", "404"),
            ("/sock/a/", "404"),
            ("/SOCK/a", "404"),
        ],
    );
    assert_eq!(generic.page(&RoomName::canonical("a").unwrap()), "/a");
    let tie = Generic::new(rules(&["/call/{room}", "/{room}/call"], &[], &[], &[])).unwrap();
    outcomes(&tie, &[("/call/call", "page:call"), ("/call/a", "page:a"), ("/a/call", "page:a")]);
    let tie = Generic::new(rules(&["/a/{room}", "/{room}/b"], &[], &[], &[])).unwrap();
    outcomes(&tie, &[("/a/b", "400"), ("/a/x", "page:x"), ("/x/b", "page:x")]);
}

#[test]
fn a_socket_below_what_is_shared_is_still_a_socket() {
    let generic = Generic::new(rules(&["/{room}"], &["/open/"], &["/api/ws?room={room}", "/socket.io/?room={room}"], &["/api/"])).unwrap();
    outcomes(
        &generic,
        &[
            ("/api/x", "shared"),
            ("/api/ws?room=a", "signalling:a"),
            ("/api/WS?room=a", "404"),
            ("/api/ws/?room=a", "404"),
            ("/api/ws.?room=a", "404"),
            ("/api/ws%20?room=a", "404"),
            ("/api/ws;x?room=a", "404"),
            ("/api/w%EF%BD%93?room=a", "404"),
            ("/api/%C2%ADws?room=a", "404"),
            ("/api/'ws?room=a", "404"),
            ("/socket.io/?EIO=4&room=a", "signalling:a"),
            ("/socket.io?room=a", "404"),
            ("/open/x", "open"),
            ("/Open/x", "404"),
        ],
    );
}

#[test]
fn an_open_address_that_looks_like_a_sockets_is_not_the_socket() {
    let generic = Generic::new(rules(&["/{room}"], &["/App/"], &["/app/ws?room={room}"], &[])).unwrap();
    outcomes(&generic, &[("/App/x", "open"), ("/App/ws?room=a", "404"), ("/app/ws?room=a", "signalling:a"), ("/app/x", "404")]);
}

#[test]
fn an_address_that_cannot_be_what_its_key_says_is_refused() {
    for (key, template, problem) in [
        ("room", "call/{room}", "the request target is not a path; it must be a path like `/call/{room}`"),
        ("room", "/call", "it must name the room once, in its path, like `/{room}`"),
        ("room", "/{room}/{room}", "it must name the room once, in its path, like `/{room}`"),
        ("room", "/call?room={room}", "it must name the room once, in its path, like `/{room}`"),
        ("room", "/call-{room}", "only `{room}` may stand in braces, and only as a whole segment"),
        ("room", "/{name}", "only `{room}` may stand in braces, and only as a whole segment"),
        ("room", "/a/../{room}", "the path holds a dot segment; it must be a path like `/call/{room}`"),
        ("room", "//{room}", "the path holds an empty segment; it must be a path like `/call/{room}`"),
        ("room", "/_roomgate/{room}", "addresses below `/_roomgate/` are the gateway's own"),
        ("room", "/open/{room}", "it lies below `/open/` of `open`, so that no room would ever be judged there"),
        ("room", "/shared/{room}", "it lies below `/shared/` of `shared`, so that no room would ever be judged there"),
        ("sockets", "/ws", "it must name the room once, like `/ws?room={room}` or `/ws/{room}`"),
        ("sockets", "/ws/{room}?room={room}", "it must name the room once, like `/ws?room={room}` or `/ws/{room}`"),
        ("sockets", "/ws?a=1&room={room}", "the query must name the room and nothing else, like `?room={room}`"),
        ("sockets", "/ws?={room}", "the query must name the room and nothing else, like `?room={room}`"),
        ("sockets", "/ws?room", "the query must name the room and nothing else, like `?room={room}`"),
        ("sockets", "/open/ws?room={room}", "it lies below `/open/` of `open`, so that no room would ever be judged there"),
        ("open", "/{room}/x", "it must name no room"),
        ("open", "/a?room={room}", "it must name no room"),
        ("shared", "/{room}", "it must name no room"),
    ] {
        let mut wrong = rules(&["/call/{room}"], &["/open/"], &[], &["/shared/"]);
        match key {
            "room" => wrong.room.push(template.to_owned()),
            "sockets" => wrong.sockets.push(template.to_owned()),
            "open" => wrong.open.push(template.to_owned()),
            _ => wrong.shared.push(template.to_owned()),
        }
        let error = Generic::new(wrong).unwrap_err();
        assert_eq!((error.key, error.problem.as_str()), (key, problem), "{template}");
        assert_eq!(error.to_string(), format!("{key} `{template}`: {problem}"));
    }
    assert_eq!(
        Generic::new(GenericRules::default()).unwrap_err().to_string(),
        "room: at least one address must name a room, like `/{room}`"
    );
    for twice in [rules(&["/{room}", "/{room}"], &[], &[], &[]), rules(&["/{room}"], &[], &["/ws?a={room}", "/ws?b={room}"], &[])] {
        assert_eq!(Generic::new(twice).unwrap_err().problem, "another address has the same path");
    }
}

#[test]
fn a_room_name_is_letters_digits_dash_and_underscore() {
    let generic = example();
    for name in ["a", "A-b_C9", "-", "_", "0", &"x".repeat(128)] {
        assert_eq!(generic.room_name(name).unwrap().as_str(), name);
    }
    for (name, error) in [
        ("", NameError::Empty),
        ("a b", NameError::Character(' ')),
        ("a.b", NameError::Character('.')),
        ("a%62", NameError::Character('%')),
        ("ü", NameError::Character('ü')),
        ("a~1", NameError::Character('~')),
        ("\u{ff41}", NameError::Character('\u{ff41}')),
        (&"x".repeat(129), NameError::TooLong),
    ] {
        assert_eq!(generic.room_name(name), Err(error), "{name}");
    }
}

#[test]
fn links_lead_to_the_first_address_of_a_room() {
    let room = RoomName::canonical("standup").unwrap();
    for (templates, page) in [
        (&["/{room}"][..], "/standup"),
        (&["/call/{room}", "/{room}"], "/call/standup"),
        (&["/group/{room}/"], "/group/standup/"),
        (&["/r%C3%A4ume/{room}/x"], "/r%C3%A4ume/standup/x"),
    ] {
        let generic = Generic::new(rules(templates, &[], &[], &[])).unwrap();
        assert_eq!(generic.page(&room), page);
        assert!(matches!(judge(&generic, page.as_bytes(), false), Ok((Target::Room { kind: Kind::Page, .. }, _))), "{page}");
    }
}
