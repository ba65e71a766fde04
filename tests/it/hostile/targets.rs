//! Every form of a request target that is refused, with its status; sent as it stands, to a gateway where unknown rooms are public.

use crate::harness::{Gateway, Recorder};

pub const ROOMS: &str = r#"
[[room]]
name = "board"
privacy = "private"
[[room]]
name = "Mixed-Case"
privacy = "private"
[[room]]
match = "team-*"
privacy = "private"
[[room]]
match = "admin*"
refuse = "These names are reserved."
except = ["admin-help"]
allow_owners = true
"#;

/// Where a refusal names no status: what the private room itself answers to strangers.
const PRIVATE: u16 = 401;

/// Status and target. `GET` of HTTP/1.1 with one good `Host`.
const REFUSED: &[(u16, &str)] = &[
    // Not in origin-form (RFC 9112 section 3.2.1).
    (400, "*"),
    (400, "board"),
    (400, "./board"),
    (400, "../board"),
    (400, "%2fboard"),
    (400, "\\board"),
    (400, "?room=board"),
    (400, "board:80"),
    (400, "foo:board"),
    (400, "foo:/board"),
    (400, "javascript:alert(1)"),
    (400, "HOST/board"),
    (400, "http:/board"),
    (400, "http:///board"),
    (400, "http://HOST/board"),
    (400, "http://HOST/board?x=1"),
    (400, "http://HOST"),
    (400, "https://HOST/board"),
    (400, "HTTP://HOST/board"),
    (400, "http://evil.example/board"),
    (400, "http://HOST@evil.example/board"),
    (400, "ws://HOST/ws?room=board"),
    (400, "@HOST/board"),
    (400, ";/board"),
    (400, "//board"),
    (400, "///board"),
    (400, "//HOST/board"),
    (400, "//evil.example/board"),
    (400, "//evil.example"),
    (400, "/\\evil.example"),
    (400, "/\\board"),
    // Empty segments.
    (400, "/board//"),
    (400, "/board//x"),
    (400, "//board//x"),
    (400, "/static//board"),
    (400, "/open//board"),
    (400, "/%2f/board"),
    // Dot segments, plain, encoded, dressed up.
    (400, "/."),
    (400, "/.."),
    (400, "/./board"),
    (400, "/../board"),
    (400, "/open/../board"),
    (400, "/open/./../board"),
    (400, "/static/../board"),
    (400, "/static/..;/board"),
    (400, "/static/..;x=1/board"),
    (400, "/static/.;/board"),
    (400, "/static/;/../board"),
    (400, "/static/%2e%2e/board"),
    (400, "/static/%2E%2E/board"),
    (400, "/static/.%2e/board"),
    (400, "/static/%2e./board"),
    (400, "/static/%2e/board"),
    (400, "/static/%2e%2e%3b/board"),
    (400, "/static/...;/board"),
    (400, "/static/.../board"),
    (400, "/static/..%20/board"),
    (400, "/static/..%09/board"),
    (400, "/static/..%00/board"),
    (400, "/static/..%0d/board"),
    (400, "/static/..%c2%a0/board"),
    (400, "/static/..%e2%80%8b/board"),
    (400, "/static/%e2%80%a5/board"),
    (400, "/static/%ef%bc%8e%ef%bc%8e/board"),
    (400, "/static/..:x/board"),
    (400, "/board/.."),
    (400, "/board/."),
    (400, "/board/%2e%2e/open"),
    (400, "/open/../../board"),
    (400, "/open/..\\board"),
    (400, "/open/..%5cboard"),
    (400, "/open/..%2fboard"),
    (400, "/open/..%252fboard"),
    // Encoded separators, percent signs, question marks and fragments.
    (400, "/%2fboard"),
    (400, "/%2Fboard"),
    (400, "/open%2fboard"),
    (400, "/open%2f..%2fboard"),
    (400, "/board%2fx"),
    (400, "/board%2f"),
    (400, "/static%2fboard"),
    (400, "/static/%2e%2e%2fboard"),
    (400, "/%5cboard"),
    (400, "/%5Cboard"),
    (400, "/open%5cboard"),
    (400, "/board%5c"),
    (400, "/board\\"),
    (400, "/open\\..\\board"),
    (400, "/static\\..\\board"),
    (400, "/%252fboard"),
    (400, "/%255cboard"),
    (400, "/%252e%252e/board"),
    (400, "/%62%256fard"),
    (400, "/bo%2561rd"),
    (400, "/board%25"),
    (400, "/board%2500"),
    (400, "/board%3f"),
    (400, "/board%3Fx=1"),
    (400, "/open%3f/../board"),
    (400, "/board%23"),
    (400, "/open%23/../board"),
    (400, "/board#"),
    (400, "/board#x"),
    (400, "/#/board"),
    (400, "/open#/../board"),
    (400, "/open?x#/board"),
    (400, "/?#board"),
    (400, "/open#board?x=1"),
    // Broken encodings.
    (400, "/board%"),
    (400, "/board%2"),
    (400, "/board%zz"),
    (400, "/board%u002f"),
    (400, "/%u0062oard"),
    (400, "/%U0062oard"),
    (400, "/board%%"),
    (400, "/%%62oard"),
    (400, "/board%g0"),
    (400, "/board% 20"),
    // No UTF-8, overlong forms, surrogates.
    (400, "/board%ff"),
    (400, "/board%80"),
    (400, "/board%c0%80"),
    (400, "/%c1%a2oard"),
    (400, "/open%c0%af..%c0%afboard"),
    (400, "/static/%c0%ae%c0%ae/board"),
    (400, "/static/%e0%80%ae%e0%80%ae/board"),
    (400, "/board%ed%a0%80"),
    (400, "/board%f4%90%80%80"),
    (400, "/board%f8%80%80%80%80"),
    (400, "/board%c3"),
    // Control characters and blanks.
    (400, "/board%00"),
    (400, "/%00board"),
    (400, "/board%00.css"),
    (400, "/board%0a"),
    (400, "/board%0d%0aX-Roomgate-Role:%20owner"),
    (400, "/board%09"),
    (400, "/board%1f"),
    (400, "/board%7f"),
    (400, "/board%c2%80"),
    (400, "/board%c2%85"),
    (400, "/board%20"),
    (400, "/%20board"),
    (400, "/board%c2%a0"),
    (400, "/board%e3%80%80"),
    (400, "/board%e2%80%8b"),
    (400, "/%ef%bb%bfboard"),
    (400, "/bo%c2%adard"),
    (400, "/bo%e2%80%8dard"),
    (400, "/bo%e2%80%aeard"),
    (400, "/board%ef%bf%bd"),
    // Path parameters, and what servers cut off.
    (400, "/board;"),
    (400, "/board;x"),
    (400, "/board;x=1"),
    (400, "/board;jsessionid=1"),
    (400, "/board%3b"),
    (400, "/board%3bx"),
    (400, "/;board"),
    (400, "/;x/board"),
    (400, "/;x=1/board"),
    (404, "/static;x/board"),
    (400, "/open;/board;/x"),
    (400, "/board;/x"),
    (400, "/board."),
    (400, "/board.."),
    (400, "/board..."),
    (400, "/.board"),
    (400, "/board.html"),
    (400, "/board.css"),
    (400, "/board~1"),
    (400, "/board::$DATA"),
    (400, "/board:x"),
    (400, "/board%3a"),
    (400, "/board+"),
    (400, "/+board"),
    (400, "/board%2b"),
    (400, "/board="),
    (400, "/board&x"),
    (400, "/board,x"),
    (400, "/board!"),
    (400, "/bo!ard"),
    (400, "/bo'ard"),
    (400, "/bo\"ard"),
    (400, "/bo%22ard"),
    (400, "/bo(ard)"),
    (400, "/bo[ard]"),
    (400, "/bo%5bard%5d"),
    (400, "/bo{ard}"),
    (400, "/bo<ard>"),
    (400, "/bo%3cscript%3e"),
    (400, "/bo|ard"),
    (400, "/bo^ard"),
    (400, "/bo`ard"),
    (400, "/bo$ard"),
    (400, "/bo*ard"),
    (400, "/*"),
    (400, "/@board"),
    (400, "/board@"),
    (400, "/board%40x"),
    (400, "/~board"),
    // Other letters that look or fold alike.
    (400, "/b%c3%b6ard"),
    (400, "/%ef%bd%82oard"),
    (400, "/%e2%93%91oard"),
    (400, "/bo%cc%81ard"),
    (400, "/b%d0%beard"),
    (400, "/boar%e2%85%be"),
    (400, "/boar%e1%b5%88"),
    (400, "/mi%e2%85%b9ed-case"),
    // Another letter case than the stated one: nobody knows what the server makes of it.
    (404, "/Board"),
    (404, "/BOARD"),
    (404, "/bOARD"),
    (404, "/%42oard"),
    (404, "/Board/"),
    (404, "/BOARD/x"),
    (404, "/mixed-case"),
    (404, "/MIXED-CASE"),
    (404, "/Mixed-case"),
    (404, "/Team-a"),
    (404, "/TEAM-A/x"),
    (403, "/admin"),
    (403, "/administrator"),
    (403, "/admin/x"),
    (403, "/Admin"),
    (403, "/ADMIN-x"),
    // Ours, and what looks like it.
    (404, "/_roomgate"),
    (404, "/_Roomgate/"),
    (404, "/_ROOMGATE/door"),
    (404, "/%5froomgate/door?room=board"),
    (404, "/_roomgate/nothing"),
    (404, "/_roomgate/v1/nothing"),
    (404, "/_roomgate;x/door"),
    (404, "/_roomgate."),
    (400, "/_roomgate/../board"),
    // Open places in other letters.
    (404, "/Static/app.js"),
    (404, "/STATIC/"),
    (404, "/static"),
    (404, "/FAVICON.ico"),
    (404, "/favicon.ico/"),
    (404, "/favicon.ico/x"),
    (404, "/Api/x"),
    // The socket's address, without a room or with several.
    (400, "/ws"),
    (400, "/ws?"),
    (400, "/ws?room="),
    (400, "/ws?room"),
    (400, "/ws?rooms=board"),
    (400, "/ws?room=board&room=open"),
    (400, "/ws?room=open&room=board"),
    (400, "/ws?room=open&room=open"),
    (400, "/ws?room=open&Room=board"),
    (400, "/ws?room=open&%72oom=board"),
    (400, "/ws?%72oom=board"),
    (400, "/ws?room[]=board"),
    (400, "/ws?room=open&room[]=board"),
    (400, "/ws?room=open;room=board"),
    (400, "/ws?x=1;room=board"),
    (400, "/ws?room=open%26room=board"),
    (400, "/ws?room=open&&room=board"),
    (400, "/ws?room=../board"),
    (400, "/ws?room=board%00"),
    (400, "/ws?room=bo%61rd"),
    (400, "/ws?room=board%20"),
    (400, "/ws?room=+board"),
    (400, "/ws?room=b%C3%B6ard"),
    (400, "/ws?room=board#x"),
    (404, "/ws?room=Board"),
    (404, "/WS?room=board"),
    (404, "/ws/?room=board"),
    (404, "/ws/x?room=board"),
    (404, "/Ws"),
    // The private room itself, in spellings that mean it for certain.
    (PRIVATE, "/board"),
    (PRIVATE, "/board/"),
    (PRIVATE, "/%62oard"),
    (PRIVATE, "/bo%61rd"),
    (PRIVATE, "/%62%6f%61%72%64"),
    (PRIVATE, "/board?"),
    (PRIVATE, "/board?x=1"),
    (PRIVATE, "/board?/../open"),
    (PRIVATE, "/board/?x"),
    (PRIVATE, "/board/x"),
    (PRIVATE, "/board/x.css"),
    (PRIVATE, "/board/favicon.ico"),
    (PRIVATE, "/board/static/app.js"),
    (PRIVATE, "/board/_roomgate/door"),
    (PRIVATE, "/board/a/b/c"),
    (PRIVATE, "/board/a;b=c"),
    (PRIVATE, "/board?room=open"),
    (PRIVATE, "/team-a"),
    (PRIVATE, "/team-a/x"),
    (PRIVATE, "/Mixed-Case"),
    (PRIVATE, "/ws?room=board"),
    (PRIVATE, "/ws?x=1&room=board"),
    (PRIVATE, "/ws?room=board&x=1"),
    (PRIVATE, "/api/x"),
    (PRIVATE, "/api/?room=open"),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_means_nothing_or_two_things_is_refused_with_its_status() {
    let upstream = Recorder::start().await;
    let sections = format!("{}[rooms]\nunknown = \"public\"\n", upstream.sections());
    let gateway = Gateway::configured(&sections, ROOMS).await;
    let host = gateway.address.to_string();
    let mut wrong = Vec::new();
    let mut member = gateway.stranger();
    member.visits(&format!("/board?t={}", gateway.token("board"))).await;
    upstream.take();
    assert!(REFUSED.len() >= 200);
    for (status, target) in REFUSED {
        let target = target.replace("HOST", &host);
        for (headers, who) in [(String::new(), "a stranger"), (format!("Cookie: {}\r\n", member.cookie_line()), "a member")] {
            if who == "a member" && *status == PRIVATE {
                continue;
            }
            let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n{headers}Connection: close\r\n\r\n");
            let answer = gateway.stranger().raw(request.as_bytes()).await;
            let code = serde_json::from_slice::<serde_json::Value>(&answer.body).ok().map(|j| j["code"].to_string()).unwrap_or_default();
            let expected = match *status {
                400 => "\"bad-request\"",
                403 => "\"reserved\"",
                404 => "",
                _ => "\"private\"",
            };
            let at = format!("{target} by {who}: {} {code}, expected {status}", answer.status);
            // Where pingora refuses before we are asked, its answer has no body.
            let told = code.contains(expected) || (*status == 400 && answer.body.is_empty());
            if answer.status != *status || !told {
                wrong.push(at.clone());
            }
            if !answer.header("cache-control").is_some_and(|c| c.contains("no-store")) {
                wrong.push(format!("{at}: not no-store"));
            }
            if let Some(request) = upstream.take().first() {
                wrong.push(format!("{at}: reached the upstream as {}", request.line));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), REFUSED.len(), wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_nobody_can_read_alike_are_refused_whoever_asks_and_however() {
    let upstream = Recorder::start().await;
    let sections = format!("{}[rooms]\nunknown = \"public\"\n", upstream.sections());
    let gateway = Gateway::configured(&sections, ROOMS).await;
    let long = "a".repeat(129);
    let longest = "a".repeat(128);
    assert_eq!(gateway.stranger().fetches(&format!("/{long}")).await.status, 400);
    assert_eq!(gateway.stranger().fetches(&format!("/{longest}")).await.status, 200);
    assert_eq!(upstream.one().target(), format!("/{longest}"));
    // Targets that are too long.
    for (length, status) in [(8 * 1024, 200), (8 * 1024 + 1, 400), (20 * 1024, 400), (40 * 1024, 431)] {
        let target = format!("/open?{}", "x".repeat(length - 6));
        let answer = gateway.stranger().fetches(&target).await;
        assert_eq!(answer.status, status, "{length}");
    }
    upstream.take();
    // The same for pages, sockets, and other methods.
    for target in ["/board%2f", "//board", "/static/../board", "/board;x", "/b%c3%b6ard"] {
        assert_eq!(gateway.stranger().opens(target).await.status, 400, "{target}");
        assert_eq!(gateway.stranger().dials(target, &[]).await.status, 400, "{target}");
        for method in ["HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"] {
            assert_eq!(gateway.stranger().sends(method, target, &[], b"").await.status, 400, "{method} {target}");
        }
    }
    assert!(upstream.seen().is_empty());
}
