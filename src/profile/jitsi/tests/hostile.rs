//! Addresses in other spellings than their own, and what only resembles them.

use super::*;

#[test]
fn a_hint_is_one_or_none() {
    for path in ["/xmpp-websocket", "/acme/xmpp-websocket"] {
        for query in [
            "room=",
            "room",
            "room=a&room=a",
            "room=a&room=b",
            "room=a&%72oom=b",
            "room=a&Room=b",
            "room=a;room=b",
            "%72oom=a",
            "ROOM=a",
            "room[]=a",
            "room=a%26room=b",
            "room=a%2fb",
            "room=a/b",
            "room=a%21b",
            "room=%ff",
            "room=a%",
            "room=a%00b",
            "room=[t]%5bx",
            "room=..",
            "room=a&token=x&token=y",
            "room=a&token=x&%74oken=y",
            "room=a&Token=x",
            "room=a&previd=x&previd=y",
            "room=a&x=1;previd=y",
            "room=a&vnode=v1&vnode=v1",
            "room=a&customusername=x&customusername[]=y",
        ] {
            assert_eq!(about(&server(true), "GET", &format!("{path}?{query}"), true), "400", "{path}?{query}");
        }
        let long = format!("{path}?room={}", "a".repeat(129));
        assert_eq!(about(&server(true), "GET", &long, true), "400");
    }
}

/// Spellings that reach Prosody through Jitsi's nginx, or through one whose rules are a little wider.
#[test]
fn what_resembles_signalling_is_no_page_and_no_socket() {
    let spellings = [
        "/xmpp-websocket/",
        "/xmpp-websocketX",
        "/xmpp-websocket.x",
        "/xmpp-websocket;x",
        "/xmpp-websocket!",
        "/xmpp-websocket%20",
        "/xmpp-websocket%00",
        "/xmpp-websocket%3froom=private",
        "/xmpp-websocket/private",
        "/xmpp-websocket/..",
        "/xmpp-websocket/.",
        "/Xmpp-Websocket",
        "/XMPP-WEBSOCKET",
        "/%78mpp-websocket",
        "/xmpp%2dwebsocket",
        "/xmpp%2Dwebsocket",
        "/xmpp-websocke%74",
        "/%EF%BD%98mpp-websocket",
        "/xmpp%EF%BC%8Dwebsocket",
        "/xmpp-web%C2%ADsocket",
        "/xmpp-web%E2%80%8Bsocket",
        "/!xmpp-websocket",
        "/'xmpp-websocket",
        "//xmpp-websocket",
        "/./xmpp-websocket",
        "/x/../xmpp-websocket",
        "/standup/%2e%2e/xmpp-websocket",
        "/standup/..;/xmpp-websocket",
        "/a%2fxmpp-websocket",
        "/a%5cxmpp-websocket",
        "/a\\xmpp-websocket",
        "/a%252fxmpp-websocket",
        "/a%E2%88%95xmpp-websocket",
        "/t/xmpp-websocketANYTHING",
        "/t/xmpp-websocket/",
        "/t/xmpp-websocket/x",
        "/t/Xmpp-websocket",
        "/t/%78mpp-websocket",
        "/%74/xmpp-websocket",
        "/t%20/xmpp-websocket",
        "/t;x/xmpp-websocket",
        "/[t]/xmpp-websocket",
        "/a/b/xmpp-websocket",
        "/a/b/c/xmpp-websocket",
        "/static/xmpp-websocket",
        "/libs/xmpp-websocket",
        "/libs/x/xmpp-websocket",
        "/.well-known/xmpp-websocket",
        "/_api/xmpp-websocket",
        "/_api/public/xmpp-websocket",
        "/etherpad/xmpp-websocket",
        "/socket.io/xmpp-websocket",
        "/colibri-ws/xmpp-websocket",
        "/v1/xmpp-websocket",
        "/rooms/xmpp-websocket",
        "/xmpp-websocket/xmpp-websocket",
        "/http-bind/",
        "/http-bindx",
        "/HTTP-BIND",
        "/http%2dbind",
        "/http-bind;jsessionid=x",
        "/http-pre-bind",
        "/t/http-pre-bind",
        "/t/http-bind/",
        "/t/http-bindANYTHING",
        "/a/b/http-bind",
        "/static/http-bind",
        "/images/x/http-bind",
        "/conference-request",
        "/conference-request/",
        "/conference-request/v1/",
        "/conference-request/v1/x",
        "/conference-request/v2",
        "/conference-request/V1",
        "/conference-request/%761",
        "/Conference-Request/v1",
        "/conference%2drequest/v1",
        "/conference-requestx/v1",
        "/t/conference-request/v1/",
        "/a/b/conference-request/v1",
        "/static/conference-request/v1",
    ];
    for tenants in [false, true] {
        let server = server(tenants);
        for spelling in spellings {
            for method in ["GET", "HEAD", "POST", "OPTIONS", "PUT"] {
                for upgrade in [false, true] {
                    for target in [spelling.to_owned(), format!("{spelling}?room=public")] {
                        let told = about(&server, method, &target, upgrade);
                        assert!(matches!(told.as_str(), "400" | "404"), "{method} {target} upgrade: {upgrade}: {told}");
                    }
                }
            }
        }
    }
    // Without tenants, theirs are none either.
    for path in ["/acme/xmpp-websocket", "/acme/http-bind", "/acme/conference-request/v1", "/acme/config.js"] {
        for (method, upgrade) in [("GET", false), ("GET", true), ("POST", false), ("OPTIONS", false)] {
            assert_eq!(about(&server(false), method, path, upgrade), "404", "{method} {path}");
        }
    }
}

#[test]
fn a_bridges_socket_is_known_by_its_shape() {
    let server = server(true);
    let good = "/colibri-ws/default-id/1f2e3d4c5b6a7988/abcd1234?pwd=7l8m9n";
    assert_eq!(about(&server, "GET", good, true), "open");
    assert_eq!(about(&server, "GET", "/colibri-ws/10.0.0.4/1f2e/abcd?pwd=x", true), "open");
    assert_eq!(about(&server, "GET", good, false), "open");
    assert_eq!(about(&server, "POST", good, false), "404");
    for target in [
        "/colibri-ws",
        "/colibri-ws/",
        "/colibri-ws/a/b",
        "/colibri-ws/a/b/",
        "/colibri-ws/a/b/c/",
        "/colibri-ws/a/b/c/d",
        "/colibri-ws/a//b/c",
        "/colibri-ws/.hidden/b/c",
        "/colibri-ws/../b/c",
        "/colibri-ws/a%2eb/b/c",
        "/colibri-ws/a:9090/b/c",
        "/colibri-ws/a@evil/b/c",
        "/colibri-ws/a/b/c%20",
        "/Colibri-ws/a/b/c",
        "/colibri%2dws/a/b/c",
        "/acme/colibri-ws/a/b/c",
        "/static/colibri-ws/a/b/c",
        "/colibri-relay-ws/a/b/c",
        "/colibri-relay-ws/a/b",
        "/colibri/v2/conferences",
        "/colibri/stats",
        "/acme/colibri/stats",
    ] {
        for upgrade in [false, true] {
            assert!(matches!(about(&server, "GET", target, upgrade).as_str(), "400" | "404"), "{target}");
        }
    }
}

#[test]
fn shared_places_need_an_admission_to_some_room() {
    let server = server(true);
    for target in ["/etherpad/p/x?showChat=false", "/etherpad/socket.io/?EIO=3", "/socket.io/?EIO=4&transport=polling", "/rtcstats-ws/"] {
        for (method, upgrade) in [("GET", false), ("POST", false), ("GET", true)] {
            assert_eq!(about(&server, method, target, upgrade), "shared", "{method} {target} upgrade: {upgrade}");
        }
        assert_eq!(about(&server, "POST", target, true), "404", "{target}");
    }
    pages(
        &server,
        &[
            ("/etherpad", "404"),
            ("/Etherpad/p/x", "404"),
            ("/socket.io", "404"),
            ("/Socket.IO/x", "404"),
            ("/socket%2eio/", "404"),
            ("/socketio", "404"),
            ("/rtcstats-ws", "404"),
            ("/acme/socket.io/", "404"),
            ("/acme/etherpad/p/x", "404"),
        ],
    );
}

#[test]
fn what_prosody_tells_everybody_is_hidden() {
    for tenants in [false, true] {
        let server = server(tenants);
        for name in ["room-census", "room", "rooms", "room-size", "room-info", "sessions"] {
            for target in [
                format!("/{name}"),
                format!("/{name}/"),
                format!("/{name}?room=private&domain=meet.jitsi"),
                format!("/{}", name.to_uppercase()),
                format!("/%{:02x}{}", name.as_bytes()[0], &name[1..]),
                format!("/{name};x"),
                format!("/{name}!"),
                format!("/{name}%C2%AD"),
                format!("/{name}/x"),
                format!("/acme/{name}"),
                format!("/static/../{name}"),
                format!("/_api/{name}x"),
            ] {
                for (method, upgrade) in [("GET", false), ("POST", false), ("GET", true), ("HEAD", false)] {
                    let told = about(&server, method, &target, upgrade);
                    assert!(matches!(told.as_str(), "400" | "404"), "{method} {target}: {told}");
                }
            }
        }
    }
}
