//! What each address is about, in the spellings that servers behind us might take for it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::panic)]

mod hostile;

use proptest::prelude::*;

use super::*;
use crate::profile::Profile;
use crate::target::{CanonicalPath, Query};

fn server(tenants: bool) -> Jitsi {
    let hosts = Hosts { visitors: vec!["v1".to_owned()], tenants, ..Hosts::of("meet.jitsi") };
    Jitsi::new(JitsiRules { hosts, open: vec!["/branding/".to_owned(), "/imprint.html".to_owned()] }).unwrap()
}

fn find(server: &Jitsi, method: &str, target: &str, upgrade: bool) -> Result<Target, &'static str> {
    let (path, query) = CanonicalPath::parse(target.as_bytes()).map_err(|_| "no path")?;
    server.locate(&Asked { method, path: &path, query: Query::new(query), upgrade }).map_err(|Unclear(why)| why)
}

/// In words: `400`, `404`, `open`, `shared`, `page of ROOM`, `asset of ROOM`, `socket of ROOM`, `bosh of nobody`, …
fn about(server: &Jitsi, method: &str, target: &str, upgrade: bool) -> String {
    match find(server, method, target, upgrade) {
        Err(_) => "400".to_owned(),
        Ok(Target::Unknown) => "404".to_owned(),
        Ok(Target::Open) => "open".to_owned(),
        Ok(Target::Shared) => "shared".to_owned(),
        Ok(Target::Room { room, kind: Kind::Page }) => format!("page of {room}"),
        Ok(Target::Room { room, kind: Kind::Asset }) => format!("asset of {room}"),
        Ok(Target::Xmpp(XmppAsked { door, room, .. })) => {
            let door = match door {
                XmppDoor::WebSocket => "socket",
                XmppDoor::KeepAlive => "keep-alive",
                XmppDoor::Bosh => "bosh",
                XmppDoor::Conference => "conference",
                XmppDoor::Preflight => "preflight",
            };
            format!("{door} of {}", room.map_or_else(|| "nobody".to_owned(), |r| r.to_string()))
        }
        Ok(other @ (Target::Room { kind: Kind::Signalling, .. } | Target::Inside)) => panic!("{other:?}"),
    }
}

fn each(server: &Jitsi, cases: &[(&str, bool, &str, &str)]) {
    for (method, upgrade, target, expected) in cases {
        assert_eq!(about(server, method, target, *upgrade), *expected, "{method} {target} upgrade: {upgrade}");
    }
}

/// For plain GETs that are never an upgrade.
fn pages(server: &Jitsi, cases: &[(&str, &str)]) {
    for (target, expected) in cases {
        assert_eq!(about(server, "GET", target, false), *expected, "{target}");
        assert!(matches!(about(server, "GET", target, true).as_str(), "400" | "404"), "{target} as a WebSocket");
        if *expected != "shared" {
            for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get"] {
                assert!(matches!(about(server, method, target, false).as_str(), "400" | "404"), "{method} {target}");
            }
        }
    }
}

#[test]
fn a_page_is_one_segment() {
    pages(
        &server(false),
        &[
            ("/standup", "page of standup"),
            ("/Standup", "page of standup"),
            ("/%53tandup", "page of standup"),
            ("/st!andup", "page of standup"),
            ("/standup;x", "page of standupx"),
            ("/standup?room=private", "page of standup"),
            ("/standup?jwt=x&config.y=z", "page of standup"),
            ("/team%20meeting", "page of team meeting"),
            ("/b%C3%BCro", "page of büro"),
            ("/B%c3%9cro", "page of büro"),
            ("/a.b", "page of a.b"),
            ("/index.html", "page of index.html"),
            ("/xmpp", "page of xmpp"),
            ("/my-http-bind", "page of my-http-bind"),
            ("/a%21b", "400"),
            ("/a%40b", "400"),
            ("/[t]private", "page of tprivate"),
            ("/%5Bt%5Dprivate", "400"),
            ("/private%EF%BC%A0conference.meet.jitsi", "400"),
            ("/a%2562", "400"),
            ("/a%2fb", "400"),
            ("/a%20", "400"),
            ("/!", "400"),
            ("//private", "400"),
            ("/private/", "404"),
            ("/acme/private", "404"),
            ("/a/b/private", "404"),
            ("/x/../private", "400"),
            ("/static/../private", "400"),
            ("/_roomgate", "404"),
            ("/_Roomgate/knock", "404"),
        ],
    );
    assert_eq!(about(&server(false), "HEAD", "/standup", false), "page of standup");
}

#[test]
fn a_tenant_is_one_segment_more() {
    pages(
        &server(true),
        &[
            ("/standup", "page of standup"),
            ("/acme/standup", "page of acme/standup"),
            ("/Acme/Standup", "page of acme/standup"),
            ("/acme.corp/standup", "page of acme_corp/standup"),
            ("/acme_corp/b%C3%BCro", "page of acme_corp/büro"),
            ("/acme/config.js", "open"),
            ("/acme/pwa-worker.js?v=1", "open"),
            ("/acme/_unlock", "open"),
            ("/acme/", "404"),
            ("/acme/standup/", "404"),
            ("/acme/a/standup", "404"),
            ("/acme/a/config.js", "404"),
            ("/a%20b/standup", "404"),
            ("/b%C3%BC/standup", "404"),
            ("/%61cme/standup", "404"),
            ("/[acme]/standup", "404"),
            ("/acme;x/standup", "404"),
            // It would share the visitors' MUC host.
            ("/v1/standup", "404"),
            ("/V1/standup", "404"),
            // Below a tenant, nginx asks again for the rest alone.
            ("/acme/static", "404"),
            ("/acme/libs/x.js", "404"),
            ("/acme/room-census", "404"),
            ("/acme/etherpad", "404"),
            ("/acme/Config.js", "404"),
            ("/acme/_api/public/x", "404"),
            ("/static/standup", "open"),
            ("/Static/standup", "404"),
            ("/rooms/standup", "404"),
        ],
    );
}

#[test]
fn files_are_open_in_their_own_spelling() {
    pages(
        &server(false),
        &[
            ("/", "open"),
            ("/?x", "open"),
            ("/config.js", "open"),
            ("/config.js?room=private", "open"),
            ("/interface_config.js", "open"),
            ("/external_api.js", "open"),
            ("/manifest.json", "open"),
            ("/pwa-worker.js", "open"),
            ("/favicon.ico", "open"),
            ("/robots.txt", "open"),
            ("/_unlock", "open"),
            ("/_unlock?room=a", "open"),
            ("/libs/app.bundle.min.js?v=1", "open"),
            ("/css/all.css", "open"),
            ("/static/close.html", "open"),
            ("/static/", "open"),
            ("/images/a/b.svg", "open"),
            ("/fonts/x", "open"),
            ("/lang/main-de.json", "open"),
            ("/sounds/x.mp3", "open"),
            ("/connection_optimization/connect.js", "open"),
            ("/.well-known/apple-app-site-association", "open"),
            ("/transcripts/x", "open"),
            ("/_api/public/x", "open"),
            ("/branding/logo.png", "open"),
            ("/branding", "page of branding"),
            ("/imprint.html", "open"),
            ("/static", "404"),
            ("/Static/x", "404"),
            ("/%73tatic/x", "404"),
            ("/config.js/", "404"),
            ("/Config.js", "404"),
            ("/config%2ejs", "404"),
            ("/configjs", "404"),
            ("/_unlock/", "404"),
            ("/_api", "404"),
            ("/_api/", "404"),
            ("/_api/private/x", "404"),
            ("/_Api/public/x", "404"),
            ("/_load-test/private", "404"),
            ("/imprint.html/", "404"),
        ],
    );
}

#[test]
fn signalling_is_at_exact_addresses() {
    each(
        &server(true),
        &[
            ("GET", true, "/xmpp-websocket?room=Standup", "socket of standup"),
            ("GET", true, "/xmpp-websocket?room=b%c3%bcro", "socket of büro"),
            ("GET", true, "/xmpp-websocket?room=standup&previd=x&customusername=y&vnode=v1&token=z", "socket of standup"),
            ("GET", true, "/xmpp-websocket?room=standup&prefix=evil&release=1", "socket of standup"),
            ("GET", true, "/xmpp-websocket", "socket of nobody"),
            ("GET", true, "/xmpp-websocket?", "socket of nobody"),
            ("GET", true, "/acme/xmpp-websocket?room=standup", "socket of acme/standup"),
            ("GET", true, "/Acme.Corp/xmpp-websocket?room=standup", "socket of acme_corp/standup"),
            ("GET", false, "/xmpp-websocket?room=standup", "keep-alive of standup"),
            ("GET", false, "/acme/xmpp-websocket?room=standup", "keep-alive of acme/standup"),
            ("POST", false, "/http-bind?room=standup", "bosh of standup"),
            ("POST", false, "/acme/http-bind", "bosh of nobody"),
            ("POST", false, "/conference-request/v1?room=standup", "conference of standup"),
            ("POST", false, "/acme/conference-request/v1?room=standup", "conference of acme/standup"),
            ("OPTIONS", false, "/http-bind?room=standup", "preflight of standup"),
            ("OPTIONS", false, "/xmpp-websocket", "preflight of nobody"),
            ("OPTIONS", false, "/acme/conference-request/v1", "preflight of nobody"),
            ("HEAD", false, "/xmpp-websocket", "404"),
            ("POST", false, "/xmpp-websocket", "404"),
            ("POST", true, "/xmpp-websocket", "404"),
            ("OPTIONS", true, "/xmpp-websocket", "404"),
            ("GET", false, "/http-bind", "404"),
            ("GET", true, "/http-bind", "404"),
            ("POST", true, "/http-bind", "404"),
            ("PUT", false, "/http-bind", "404"),
            ("GET", false, "/conference-request/v1", "404"),
            ("POST", true, "/conference-request/v1", "404"),
        ],
    );
}

#[test]
fn whether_a_room_has_a_password_is_for_those_who_may_enter_it() {
    let with = server(true);
    each(
        &with,
        &[
            ("GET", false, "/_api/room-info?room=standup", "asset of standup"),
            ("GET", false, "/_api/room-info?room=Standup", "asset of standup"),
            ("GET", false, "/_api/room-info?room=b%C3%BCro", "asset of büro"),
            ("GET", false, "/acme/_api/room-info?room=standup", "asset of acme/standup"),
            ("POST", false, "/_api/room-info?room=standup", "404"),
            ("GET", true, "/_api/room-info?room=standup", "404"),
            ("GET", false, "/_api/room-info", "400"),
            ("GET", false, "/_api/room-info?room=", "400"),
            ("GET", false, "/_api/room-info?room=a&room=b", "400"),
            ("GET", false, "/_api/room-info?room=a&prefix=evil", "400"),
            ("GET", false, "/_api/room-info?room=a&domain=x", "400"),
            ("GET", false, "/_api/room-info?room=a&subdomain=x", "400"),
            ("GET", false, "/_api/room-info?room=pri!vate", "400"),
            ("GET", false, "/_api/room-info?room=%73tandup", "400"),
            ("GET", false, "/_api/room-info?room=stand+up", "400"),
            ("GET", false, "/_api/room-info/?room=a", "404"),
            ("GET", false, "/_api/Room-info?room=a", "404"),
        ],
    );
    assert_eq!(about(&server(false), "GET", "/acme/_api/room-info?room=a", false), "404");
}

#[test]
fn the_server_is_asked_at_one_address() {
    let server = server(true);
    let asked = |door, room: Option<&str>| {
        let room = room.map(|text| server.room_name(text).unwrap());
        let tenant = room.as_ref().and_then(|r| name::parts(r).0).map(str::to_owned);
        XmppAsked { door, room, tenant }
    };
    let nothing = Onward::default();
    let everything = Onward { token: Some("a.b-c_d"), previd: Some("x&y=z#\u{fc}"), vnode: Some("v1"), customusername: Some("ann lee") };
    for (door, room, query, direct, expected) in [
        (XmppDoor::WebSocket, Some("B\u{dc}RO"), &nothing, true, "/xmpp-websocket?room=b%c3%bcro"),
        (XmppDoor::WebSocket, Some("B\u{dc}RO"), &nothing, false, "/xmpp-websocket?room=b%c3%bcro"),
        (XmppDoor::WebSocket, None, &nothing, true, "/xmpp-websocket"),
        (XmppDoor::WebSocket, Some("Acme.Corp/a b"), &nothing, true, "/xmpp-websocket?prefix=acme_corp&room=a%20b"),
        (XmppDoor::WebSocket, Some("Acme.Corp/a b"), &nothing, false, "/acme_corp/xmpp-websocket?room=a%20b"),
        (XmppDoor::KeepAlive, Some("a"), &nothing, true, "/xmpp-websocket?room=a"),
        (XmppDoor::Bosh, Some("acme/a"), &nothing, true, "/http-bind?prefix=acme&room=a"),
        (XmppDoor::Bosh, Some("acme/a"), &nothing, false, "/acme/http-bind?room=a"),
        (XmppDoor::Conference, Some("acme/a"), &everything, true, "/conference-request/v1?room=a"),
        (XmppDoor::Conference, Some("acme/a"), &everything, false, "/acme/conference-request/v1?room=a"),
        (
            XmppDoor::WebSocket,
            Some("a"),
            &everything,
            true,
            "/xmpp-websocket?room=a&previd=x%26y%3Dz%23%C3%BC&token=a.b-c_d&vnode=v1&customusername=ann%20lee",
        ),
        (XmppDoor::Bosh, None, &Onward { vnode: Some("v2"), ..nothing }, true, "/http-bind"),
    ] {
        let onward = server.onward(&asked(door, room), query, direct);
        assert_eq!(onward, expected);
        let (path, query) = CanonicalPath::parse(onward.as_bytes()).unwrap();
        assert!(Signal::at(path.as_str()).is_some() || !direct);
        assert_eq!(Query::new(query).pairs().filter(|p| p.name == "room").count(), usize::from(room.is_some()));
    }
    let without = Jitsi::new(JitsiRules { hosts: Hosts::of("meet.jitsi"), open: Vec::new() }).unwrap();
    assert_eq!(without.onward(&asked(XmppDoor::Bosh, None), &everything, true), "/http-bind?previd=x%26y%3Dz%23%C3%BC&token=a.b-c_d");
}

#[test]
fn names_of_the_configuration_have_the_same_form() {
    let (with, without) = (Profile::Jitsi(server(true)), Profile::Jitsi(server(false)));
    let room = with.room_name("Acme.Corp/Team Meeting").unwrap();
    assert_eq!((room.as_str(), with.page(&room).as_str()), ("acme_corp/team meeting", "/acme_corp/team%20meeting"));
    assert_eq!(with.page(&with.room_name("B\u{dc}RO").unwrap()), "/b%c3%bcro");
    assert_eq!(without.room_name("acme/standup"), Err(NameError::Character('/')));
    assert_eq!(with.room_name("V1/standup"), Err(NameError::NotCanonical));
    assert_eq!(with.letter_case(), super::super::LetterCase::Distinct);
}

#[test]
fn an_open_address_must_be_one_that_is_asked() {
    for open in [
        "x",
        "/{room}",
        "/a?b",
        "/../x",
        "/_roomgate/x",
        "/xmpp-websocket",
        "/acme/http-bind",
        "/colibri-ws/",
        "/etherpad/",
        "/rooms",
        "/_api/private/",
        "/static/x",
    ] {
        let error = Jitsi::new(JitsiRules { hosts: Hosts::of("meet.jitsi"), open: vec!["/fine".to_owned(), open.to_owned()] }).unwrap_err();
        assert_eq!((error.key, error.template.as_str()), ("open", open));
    }
}

proptest! {
    /// Where a page's link leads, its room is found; and no upgrade ever goes to what is not an exact address.
    #[test]
    fn a_link_leads_to_its_room(text in "[a-zA-Z\u{fc}\u{130}\u{4f1a} ._~-]{1,20}", tenant in proptest::option::of("[a-zA-Z0-9_-]{1,8}")) {
        let server = server(true);
        let text = tenant.map_or(text.clone(), |tenant| format!("{tenant}/{text}"));
        if let Ok(room) = server.room_name(&text) {
            let page = server.page(&room);
            match find(&server, "GET", &page, false) {
                Ok(Target::Room { room: found, kind: Kind::Page }) => prop_assert_eq!(found, room),
                // A name that the server keeps for itself, or one that only a path cannot hold.
                Ok(Target::Unknown | Target::Open) | Err("no path") => {}
                other => prop_assert!(false, "{}: {:?}", page, other),
            }
        }
    }

    #[test]
    fn an_upgrade_goes_to_exact_addresses_only(path in "/(t/)?(xmpp-websocket|http-bind|static|a)?[/a-zA-Z%0-9;!._-]{0,12}") {
        let told = about(&server(true), "GET", &path, true);
        let exact = path == "/xmpp-websocket" || (path.ends_with("/xmpp-websocket") && path.matches('/').count() == 2);
        prop_assert!(matches!(told.as_str(), "400" | "404") || exact, "{}: {}", path, told);
    }
}
