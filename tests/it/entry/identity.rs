//! What the upstream learns of a caller is ours or absent; what we believe of one is what listed proxies say.

use crate::harness::{Gateway, Recorder, Wire};

const ROOMS: &str = r#"
[[room]]
name = "board"
privacy = "private"
allow = ["10.0.0.0/8", "ann@example.org", "@staff.example.org", "user:42", "group:crew"]
owners = ["olga@example.org", "user:7"]
[[room]]
name = "home"
privacy = "private"
allow = ["127.0.0.0/8"]
"#;

async fn gateway(sections: &str, server: &str) -> (Recorder, Gateway) {
    let upstream = Recorder::start().await;
    let mut text = format!("{}[rooms]\nunknown = \"public\"\n{sections}", upstream.sections());
    if server == "TRUSTED" {
        text = format!("trusted_proxies = [\"127.0.0.0/8\"]\n{text}");
    }
    let gateway = Gateway::configured(&text, ROOMS).await;
    (upstream, gateway)
}

/// Sends these very header lines, and returns the status.
async fn asks(gateway: &Gateway, target: &str, lines: &[String]) -> u16 {
    let lines: String = lines.iter().map(|l| format!("{l}\r\n")).collect();
    let request = format!("GET {target} HTTP/1.1\r\nHost: {}\r\n{lines}\r\n", gateway.address);
    let mut wire = Wire::connect(gateway.address).await;
    wire.send(request.as_bytes()).await;
    wire.answer().await.unwrap().status
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_we_may_say_is_removed_in_every_spelling_and_then_said_by_us() {
    let (upstream, gateway) = gateway("", "").await;
    let token = gateway.mint("board", |m| {
        m.user = Some("ann smith/ü".into());
        m.name = Some("Änn <b> \"x\"".into());
    });
    let names = ["Room", "Role", "User", "Name", "Anything", "Owner"];
    let mut spellings = Vec::new();
    for name in names {
        for form in [
            "X-Roomgate-{}",
            "x-roomgate-{}",
            "X-ROOMGATE-{}",
            "X_Roomgate_{}",
            "X.Roomgate.{}",
            "X-Roomgate_{}",
            "x_roomgate-{}",
            "X~Roomgate~{}",
            "X--Roomgate--{}",
            "_X-Roomgate-{}",
            "X-Roomgate-{}_",
            "X-Roomgate-{}.",
        ] {
            spellings.push(format!("{}: owner-forged", form.replace("{}", name)));
        }
    }
    spellings.extend(
        [
            "X-Forwarded-User: forged",
            "X-Forwarded-Email: forged",
            "X-Forwarded-Groups: forged",
            "X-Forwarded-Prefix: /forged",
            "X-Forwarded-Uri: /forged",
            "X-Forwarded-Port: 1",
            "X-Forwarded-Server: forged",
            "X-Forwarded-Ssl: on",
            "X-Original-URL: /forged",
            "X_Original_URL: /forged",
            "X-Rewrite-URL: /forged",
            "X-HTTP-Method-Override: FORGED",
            "X-Method-Override: FORGED",
            "X-Real-IP: 10.0.0.1",
            "X_Real_IP: 10.0.0.1",
            "Forwarded: for=10.0.0.1",
            "True-Client-IP: 10.0.0.1",
            "CF-Connecting-IP: 10.0.0.1",
            "X-Client-IP: 10.0.0.1",
            "Remote-User: forged",
            "Remote_User: forged",
            "Remote-Email: forged",
            "Remote-Groups: forged",
            "X-Remote-User: forged",
            "X-Auth-Request-User: forged",
            "X-Auth-Request-Email: forged",
            "Proxy: forged",
            "Proxy-Authorization: forged",
            "X-Accel-Redirect: /forged",
            "X-Sendfile: /forged",
            "X-Middleware-Subrequest: forged",
            "Sec_WebSocket_Key: forged",
            "Sec.Fetch.Site: forged",
        ]
        .map(str::to_owned),
    );
    assert!(spellings.len() > 90);
    for line in &spellings {
        for (target, open) in [(format!("/board?t={token}"), false), ("/static/app.js".to_owned(), true)] {
            for more in [
                vec![line.clone()],
                vec![line.clone(), line.clone()],
                vec![line.clone(), format!("Connection: {}", line.split(':').next().unwrap())],
            ] {
                assert_eq!(asks(&gateway, &target, &more).await, 200, "{more:?}");
                let seen = upstream.one();
                let text = seen.text().to_lowercase();
                assert!(!text.contains("forged") && !text.contains("10.0.0.1"), "{more:?}: {text}");
                if open {
                    assert!(!text.contains("roomgate"), "{text}");
                } else {
                    let one = |name: &str| seen.all(name).join("|");
                    assert_eq!(one("x-roomgate-room"), "board");
                    assert_eq!(one("x-roomgate-role"), "participant");
                    assert_eq!(one("x-roomgate-user"), "ann%20smith%2F%C3%BC");
                    assert_eq!(one("x-roomgate-name"), "%C3%84nn%20%3Cb%3E%20%22x%22");
                }
                assert_eq!((seen.all("x-forwarded-for"), seen.all("x-forwarded-proto")), (vec!["127.0.0.1"], vec!["http"]), "{more:?}");
                assert_eq!(seen.all("x-forwarded-host"), [gateway.address.to_string()]);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connection_cannot_take_away_what_we_say() {
    let (upstream, gateway) = gateway("", "").await;
    let token = gateway.mint("board", |m| m.user = Some("ann".into()));
    for value in [
        "close, x-roomgate-role",
        "x-roomgate-role, x-roomgate-user, X-Roomgate-Room, x-roomgate-name",
        "X-ROOMGATE-ROLE",
        "keep-alive,x-roomgate-user",
        "x-roomgate-role\r\nConnection: x-roomgate-user",
    ] {
        assert_eq!(asks(&gateway, &format!("/board?t={token}"), &[format!("Connection: {value}")]).await, 200, "{value}");
        let seen = upstream.one();
        assert_eq!((seen.all("x-roomgate-role"), seen.all("x-roomgate-user")), (vec!["participant"], vec!["ann"]), "{value}");
        assert!(!seen.all("connection").join(",").to_lowercase().contains("roomgate"), "{value}: {seen:?}");
        assert!(!seen.all("x-forwarded-for").is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_counts_by_the_peer_or_by_what_a_listed_proxy_says_of_it() {
    for (server, lines, board, home, chain) in [
        ("", &[][..], 401, 200, Some("127.0.0.1")),
        // Nobody is trusted: whoever claims something gets nothing by network.
        ("", &["X-Forwarded-For: 10.1.2.3"], 401, 401, None),
        ("", &["X-Forwarded-For: 127.0.0.1"], 401, 401, None),
        ("", &["Forwarded: for=127.0.0.1"], 401, 401, None),
        ("", &["X-Real-IP: 127.0.0.1"], 401, 401, None),
        ("", &["True-Client-IP: 127.0.0.1"], 401, 401, None),
        ("", &["X-Forwarded-Host: x"], 401, 401, None),
        // The peer is listed.
        ("trusted", &["X-Forwarded-For: 10.1.2.3"], 200, 401, Some("10.1.2.3, 127.0.0.1")),
        ("trusted", &["X-Forwarded-For: 192.0.2.1, 10.1.2.3"], 200, 401, Some("192.0.2.1, 10.1.2.3, 127.0.0.1")),
        ("trusted", &["X-Forwarded-For: 10.1.2.3, 192.0.2.1"], 401, 401, None),
        ("trusted", &["X-Forwarded-For: 10.1.2.3", "X-Forwarded-For: 192.0.2.1"], 401, 401, None),
        ("trusted", &["X-Forwarded-For: 10.1.2.3, 127.0.0.9"], 200, 401, Some("10.1.2.3, 127.0.0.9, 127.0.0.1")),
        ("trusted", &["X-Forwarded-For: 10.1.2.3, unknown"], 401, 401, None),
        ("trusted", &["X-Forwarded-For: 10.1.2.3:1234"], 401, 401, None),
        ("trusted", &["X-Forwarded-For: ::ffff:10.1.2.3"], 200, 401, None),
        ("trusted", &["X-Forwarded-For:"], 401, 401, None),
        ("trusted", &["X-Real-IP: 10.1.2.3"], 401, 401, None),
        ("trusted", &["Forwarded: for=10.1.2.3"], 401, 401, None),
    ] {
        let (upstream, gateway) = gateway("", if server.is_empty() { "" } else { "TRUSTED" }).await;
        let lines: Vec<String> = lines.iter().map(|l| (*l).to_owned()).collect();
        assert_eq!(asks(&gateway, "/board", &lines).await, board, "{server} {lines:?} at board");
        assert_eq!(asks(&gateway, "/home", &lines).await, home, "{server} {lines:?} at home");
        // Whoever is no longer believed about the network is a stranger still welcome in public.
        upstream.take();
        assert_eq!(asks(&gateway, "/plaza", &lines).await, 200);
        let seen = upstream.one();
        if let Some(chain) = chain {
            assert_eq!(seen.all("x-forwarded-for"), [chain], "{server} {lines:?}");
        }
        assert_eq!(seen.all("x-forwarded-for").len(), 1);
        if server.is_empty() {
            assert_eq!(seen.all("x-forwarded-for"), ["127.0.0.1"], "{lines:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_protocol_is_what_a_listed_proxy_says_and_no_one_else() {
    for (server, line, expected) in [
        ("", "https", "http"),
        ("TRUSTED", "https", "https"),
        ("TRUSTED", "http", "http"),
        ("TRUSTED", "gopher", "http"),
        ("TRUSTED", "https, http", "http"),
    ] {
        let (upstream, gateway) = gateway("", server).await;
        asks(&gateway, "/plaza", &[format!("X-Forwarded-Proto: {line}")]).await;
        assert_eq!(upstream.one().all("x-forwarded-proto"), [expected], "{server} {line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_known_by_the_word_of_the_proxy_that_is_named_for_it() {
    let headers = "headers = { user = \"Remote-User\", email = \"Remote-Email\", groups = \"X-My-Groups\" }\n";
    let listed = format!("[identity]\nfrom = [\"127.0.0.1/32\"]\n{headers}");
    let elsewhere = format!("[identity]\nfrom = [\"192.0.2.1/32\"]\n{headers}");
    for (identity, lines, role) in [
        (listed.as_str(), &["Remote-Email: ann@example.org"][..], Some("participant")),
        (&listed, &["Remote-Email: bob@staff.example.org"], Some("participant")),
        (&listed, &["Remote-User: 42"], Some("participant")),
        (&listed, &["X-My-Groups: others, crew"], Some("participant")),
        (&listed, &["Remote-Email: olga@example.org"], Some("owner")),
        (&listed, &["Remote-User: 7"], Some("owner")),
        (&listed, &["Remote-User: 7", "Remote-Email: eve@example.org"], Some("owner")),
        (&listed, &["Remote-Email: eve@example.org"], None),
        (&listed, &["Remote-Email: x@evil.staff.example.org"], None),
        (&listed, &["Remote-Email: x@staff.example.org.evil.example"], None),
        (&listed, &["Remote-Email: ann@example.org, eve@example.org"], None),
        (&listed, &["Remote-Email: eve@example.org", "Remote-Email: ann@example.org"], None),
        (&listed, &["Remote-User: 42", "remote-user: 42"], None),
        (&listed, &["Remote_User: 42"], None),
        (&listed, &["Remote-User:"], None),
        (&listed, &["X-Forwarded-User: 42"], None),
        (&elsewhere, &["Remote-User: 42"], None),
        (&elsewhere, &["Remote-User: 7"], None),
        ("", &["Remote-User: 42"], None),
        ("", &["Remote-Email: olga@example.org"], None),
    ] {
        let (upstream, gateway) = gateway(identity, "").await;
        let lines: Vec<String> = lines.iter().map(|l| (*l).to_owned()).collect();
        let status = asks(&gateway, "/board", &lines).await;
        assert_eq!(status == 200, role.is_some(), "{identity} {lines:?}: {status}");
        for seen in upstream.take() {
            assert_eq!(seen.all("x-roomgate-role"), role.into_iter().collect::<Vec<_>>(), "{lines:?}");
        }
        assert_eq!(asks(&gateway, "/plaza", &lines).await, 200);
        let seen = upstream.one();
        for name in ["remote-user", "remote_user", "remote-email"] {
            assert!(seen.all(name).is_empty(), "{lines:?}: {seen:?}");
        }
        if !identity.is_empty() {
            assert!(seen.all("x-my-groups").is_empty());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_know_people_by_their_tokens_too() {
    let (upstream, gateway) = gateway("", "").await;
    for (email, user, role) in
        [(Some("olga@example.org"), None, "owner"), (None, Some("7"), "owner"), (Some("ann@example.org"), Some("1"), "participant")]
    {
        let token = gateway.mint("board", |m| {
            m.email = email.map(str::to_owned);
            m.user = user.map(str::to_owned);
        });
        assert_eq!(gateway.stranger().fetches(&format!("/board?t={token}")).await.status, 200);
        assert_eq!(upstream.one().all("x-roomgate-role"), [role], "{email:?} {user:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn we_answer_to_the_hosts_that_are_stated_and_the_upstream_sees_which() {
    let (upstream, gateway) = gateway("", "").await;
    let own = gateway.address.to_string();
    for (host, status) in [
        (own.as_str(), 200),
        ("localhost", 200),
        ("LOCALHOST", 200),
        ("localhost:80", 200),
        ("localhost:8080", 421),
        ("evil.example", 421),
        ("127.0.0.1", 421),
    ] {
        let request = format!("GET /plaza HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let answer = gateway.stranger().raw(request.as_bytes()).await;
        assert_eq!(answer.status, status, "{host}");
        let seen = upstream.take();
        assert_eq!(seen.len(), usize::from(status == 200));
        if let Some(seen) = seen.first() {
            assert_eq!((seen.all("host"), seen.all("x-forwarded-host")), (vec![host], vec![host]));
        }
    }
}
