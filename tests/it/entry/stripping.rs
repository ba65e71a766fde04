//! The token leaves the request, whatever its spelling; everything else stays as it was.

use crate::harness::{Gateway, Recorder, Wire};

const ROOMS: &str = "[[room]]\nname = \"board\"\nprivacy = \"private\"\n";

/// What is asked, and what arrives. `TOKEN` is a good one.
const STRIPPED: &[(&str, &str)] = &[
    ("/board?t=TOKEN", "/board"),
    ("/board/?t=TOKEN", "/board/"),
    ("/board?%74=TOKEN", "/board"),
    ("/board?t=TOKEN&t=TOKEN", "/board"),
    ("/board?t=TOKEN&%74=TOKEN", "/board"),
    ("/board?t=TOKEN&", "/board"),
    ("/board?&t=TOKEN", "/board"),
    ("/board?t=TOKEN&a=1", "/board?a=1"),
    ("/board?a=1&t=TOKEN", "/board?a=1"),
    ("/board?a=1&t=TOKEN&b=2", "/board?a=1&b=2"),
    ("/board?a=1&t=TOKEN&b=2&t=TOKEN&c=3", "/board?a=1&b=2&c=3"),
    ("/board?b=2&a=1&t=TOKEN&a=1&c", "/board?b=2&a=1&a=1&c"),
    ("/board?a=%zz&t=TOKEN&b=100%", "/board?a=%zz&b=100%"),
    ("/board?a=%20+%2B&t=TOKEN", "/board?a=%20+%2B"),
    ("/board?a=%C3%BC&b=%c3%bc&t=TOKEN", "/board?a=%C3%BC&b=%c3%bc"),
    ("/board?a=%ff%00&t=TOKEN", "/board?a=%ff%00"),
    ("/board?a=%2525&t=TOKEN", "/board?a=%2525"),
    ("/board?a=%26&t=TOKEN&b=%3D", "/board?a=%26&b=%3D"),
    ("/board?&&a&&t=TOKEN&&", "/board?&&a&&&"),
    ("/board?T=1&t=TOKEN", "/board?T=1"),
    ("/board?tt=1&t=TOKEN&at=2", "/board?tt=1&at=2"),
    ("/board?t1=1&t=TOKEN&_t=2", "/board?t1=1&_t=2"),
    ("/board?t[]=1&t=TOKEN", "/board?t[]=1"),
    ("/board?a=t&t=TOKEN&b=t=1", "/board?a=t&b=t=1"),
    ("/board?a;b=c&t=TOKEN", "/board?a;b=c"),
    ("/board?a=b?c=d&t=TOKEN", "/board?a=b?c=d"),
    ("/board?a=/../x&t=TOKEN", "/board?a=/../x"),
    ("/board?a=//x\\y&t=TOKEN", "/board?a=//x\\y"),
    ("/board?a={%22b%22:[1,2]}&t=TOKEN", "/board?a={%22b%22:[1,2]}"),
    ("/board?time=12:30&t=TOKEN", "/board?time=12:30"),
    ("/board?=&t=TOKEN&=1", "/board?=&=1"),
    ("/board?%&t=TOKEN", "/board?%"),
    ("/board?a=1&a=2&t=TOKEN&a=3", "/board?a=1&a=2&a=3"),
    ("/board?redirect=https%3A%2F%2Fh%2Fa%3Fb%3Dc%26d%3De&t=TOKEN", "/board?redirect=https%3A%2F%2Fh%2Fa%3Fb%3Dc%26d%3De"),
    ("/board?state=eyJhIjoxfQ&t=TOKEN", "/board?state=eyJhIjoxfQ"),
    ("/board?id_token=aaa.bbb.ccc&t=TOKEN", "/board?id_token=aaa.bbb.ccc"),
    ("/board?x=TOK&t=TOKEN", "/board?x=TOK"),
    ("/board/a/b.js?t=TOKEN&v=1", "/board/a/b.js?v=1"),
    ("/board/a%20b;c=d?t=TOKEN", "/board/a%20b;c=d"),
    ("/b%6fard?t=TOKEN", "/b%6fard"),
    ("/ws?room=board&t=TOKEN", "/ws?room=board"),
    ("/ws?t=TOKEN&room=board", "/ws?room=board"),
    ("/ws?a=1&t=TOKEN&room=board&b", "/ws?a=1&room=board&b"),
    ("/api/x?t=TOKEN", "/api/x"),
    ("/api/x?y=1&t=TOKEN&z", "/api/x?y=1&z"),
    ("/?t=TOKEN", "/"),
    ("/?a&t=TOKEN", "/?a"),
    ("/static/app.js?t=TOKEN", "/static/app.js"),
    ("/static/app.js?v=1&t=TOKEN&w=2", "/static/app.js?v=1&w=2"),
    ("/favicon.ico?t=TOKEN", "/favicon.ico"),
    ("/plaza?t=TOKEN", "/plaza"),
    ("/plaza?t=garbage", "/plaza"),
    ("/plaza?t=", "/plaza"),
    ("/plaza?t", "/plaza"),
    ("/plaza?t&t=&a", "/plaza?a"),
    ("/plaza?t==", "/plaza"),
    ("/plaza?t=a=b&c", "/plaza?c"),
    ("/plaza?t=a%26t=b", "/plaza"),
    ("/plaza?t=%ff", "/plaza"),
    ("/plaza?t=%zz&a=%zz", "/plaza?a=%zz"),
    ("/plaza?t=a+b", "/plaza"),
    ("/plaza?t=one&t=two&a", "/plaza?a"),
    ("/plaza?t=TOKEN&x=1&t=garbage", "/plaza?x=1"),
];

/// Refused with 400: a token would go on, or some server would find another one than we do.
const REFUSED: &[&str] = &[
    "T=TOKEN",
    "%54=TOKEN",
    ";t=TOKEN",
    "a;t=TOKEN",
    "a=1;t=TOKEN",
    "a=1;t=TOKEN;b=2",
    "t[]=TOKEN",
    "t[0]=TOKEN",
    "t[a]=TOKEN",
    "t%5B%5D=TOKEN",
    "t%5b0%5d=TOKEN",
    "x[t]=TOKEN",
    "%2574=TOKEN",
    "%252574=TOKEN",
    "%u0074=TOKEN",
    "amp;t=TOKEN",
    "a&amp;t=TOKEN",
    "?t=TOKEN",
    "??t=TOKEN",
    "a=?t=TOKEN",
    "a?t=TOKEN",
    "+t=TOKEN",
    "%20t=TOKEN",
    "t%20=TOKEN",
    "t+=TOKEN",
    "t%00=TOKEN",
    "%00t=TOKEN",
    "t%09=TOKEN",
    "%0at=TOKEN",
    "t%3DTOKEN",
    "t%3dTOKEN",
    "a=1%26t=TOKEN",
    "a=1%26t%3DTOKEN",
    "a=1%2526t%253DTOKEN",
    "a=1%3Bt%3DTOKEN",
    "next=%2Fboard%3Ft%3DTOKEN",
    "next=/board?t=TOKEN",
    "next=https%3A%2F%2Fh%2Fboard%3Fa%3D1%26t%3DTOKEN",
    "x=t=TOKEN",
    ".t=TOKEN",
    "t.=TOKEN",
    "'t'=TOKEN",
    "%22t%22:TOKEN",
    "q={%22t%22:%22TOKEN%22}",
    "%EF%BD%94=TOKEN",
    "%c1%b4=TOKEN",
    "%C2%ADt=TOKEN",
    "$t=TOKEN",
    "a,t=TOKEN",
    "a|t=TOKEN",
    "a%0at=TOKEN",
    "a%0d%0at=TOKEN",
    "t=TOKEN&T=TOKEN",
    "t=TOKEN&x=TOKEN",
    "x=TOKEN&t=TOKEN",
    "t=TOKEN&t[]=TOKEN",
    "t=TOKEN;x=1&y=TOKEN",
    "t=TOKEN&x=(TOKEN)",
];

async fn gateway() -> (Recorder, Gateway) {
    let upstream = Recorder::start().await;
    let gateway = Gateway::configured(&format!("{}[rooms]\nunknown = \"public\"\n", upstream.sections()), ROOMS).await;
    (upstream, gateway)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_goes_and_everything_else_stays_byte_for_byte() {
    let (upstream, gateway) = gateway().await;
    let token = gateway.token("board");
    let signature = token.rsplit('.').next().unwrap();
    assert!(STRIPPED.len() >= 60);
    let mut wrong = Vec::new();
    for (asked, expected) in STRIPPED {
        let asked = asked.replace("TOKEN", &token);
        for method in ["GET", "POST"] {
            let answer = gateway.stranger().sends(method, &asked, &[("X-A", "1")], b"").await;
            let seen = upstream.take();
            if answer.status != 200 || seen.len() != 1 || seen[0].target() != *expected {
                wrong.push(format!("{method} {asked}: {} {:?}", answer.status, seen.iter().map(|s| &s.line).collect::<Vec<_>>()));
            }
            if seen.iter().any(|s| s.text().contains(signature)) || format!("{:?}", answer.headers).contains(signature) {
                wrong.push(format!("{method} {asked}: the token went on"));
            }
        }
        // A person's page load never goes on with it; it is sent to what would have arrived.
        if !asked.starts_with("/ws") {
            let answer = gateway.stranger().opens(&asked).await;
            if answer.status != 303 || answer.location() != *expected || !upstream.take().is_empty() {
                wrong.push(format!("page load of {asked}: {} {:?}", answer.status, answer.header("location")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_in_a_spelling_that_some_server_reads_is_refused_and_stays_here() {
    let (upstream, gateway) = gateway().await;
    let token = gateway.token("board");
    let encoded = format!("%65{}", &token[1..]);
    for query in REFUSED {
        for path in ["/board", "/plaza", "/static/app.js", "/"] {
            for token in [&token, &encoded] {
                let target = format!("{path}?{}", query.replace("TOKEN", token));
                for answer in [gateway.stranger().fetches(&target).await, gateway.stranger().opens(&target).await] {
                    assert_eq!(answer.status, 400, "{target}");
                    assert!(!answer.text().contains(token.as_str()) && answer.header("location").is_none(), "{target}");
                }
            }
        }
    }
    for path in ["/board;t=TOKEN", "/board/x;t=TOKEN", "/plaza/t=TOKEN", "/plaza/a;T=TOKEN/b", "/static/x;t=TOKEN", "/plaza/TOKEN?t=TOKEN"]
    {
        let target = path.replace("TOKEN", &token);
        assert_eq!(gateway.stranger().fetches(&target).await.status, 400, "{target}");
    }
    assert!(upstream.seen().is_empty(), "{:?}", upstream.seen());
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_quote_an_address_lose_its_token() {
    let (upstream, gateway) = gateway().await;
    let token = gateway.token("board");
    let host = gateway.address.to_string();
    // Header lines, and what arrives of them (`None`: nothing).
    let own = format!("http://{host}/board");
    for (lines, expected) in [
        (vec![format!("Referer: {own}?t={token}")], Some(own.clone())),
        (vec![format!("Referer: {own}?a=1&t={token}&b=%zz")], Some(format!("{own}?a=1&b=%zz"))),
        (vec![format!("Referer: {own}?%74={token}")], Some(own.clone())),
        (vec![format!("Referer: {own}?t=")], Some(own.clone())),
        (vec![format!("Referer: https://portal.example/x?t={token}")], Some("https://portal.example/x".to_owned())),
        (vec![format!("Referer: {own}?a=1&b")], Some(format!("{own}?a=1&b"))),
        (vec![format!("Referer: {own}?")], Some(format!("{own}?"))),
        (vec![format!("Referer: {own}#t={token}")], None),
        (vec![format!("Referer: {own}?T={token}")], None),
        (vec![format!("Referer: {own};t={token}")], None),
        (vec![format!("Referer: {own}?next=%2F%3Ft%3D{token}")], None),
        (vec![format!("Referer: http://user:{token}@{host}/")], None),
        (vec![format!("Referer: {own}"), format!("Referer: {own}?t={token}")], None),
        (vec![format!("Referer: {own}?t={token}"), format!("referer: {own}?t={token}")], None),
        (vec![format!("HX-Current-URL: {own}?t={token}")], None),
        (vec![format!("X-Current-Url: {own}?a=1&t={token}")], None),
        (vec![format!("X-Page: /board?%74={token}")], None),
        (vec![format!("X-Original-URL: /board?t={token}")], None),
        (vec![format!("X-Original-URI: /board?t={token}")], None),
        (vec![format!("X-Rewrite-URL: /board?t={token}")], None),
        (vec![format!("X-Forwarded-Uri: /board?t={token}")], None),
        (vec![format!("Forwarded: for=1.2.3.4;path=\"/board?t={token}\"")], None),
    ] {
        for (target, status) in [("/plaza", 200), ("/static/app.js", 200)] {
            let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n{}\r\n\r\n", lines.join("\r\n"));
            let mut wire = Wire::connect(gateway.address).await;
            wire.send(request.as_bytes()).await;
            assert_eq!(wire.answer().await.unwrap().status, status, "{lines:?}");
            let seen = upstream.one();
            assert!(!seen.text().contains(&token), "{lines:?}: {}", seen.text());
            let name = lines[0].split(':').next().unwrap();
            assert_eq!(seen.all(name), expected.as_deref().into_iter().collect::<Vec<_>>(), "{lines:?} at {target}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_parameter_can_carry_the_token_and_then_t_is_the_upstreams() {
    let upstream = Recorder::start().await;
    let gateway =
        Gateway::configured(&format!("{}[tokens]\nparameter = \"jwt\"\n[rooms]\nunknown = \"public\"\n", upstream.sections()), ROOMS).await;
    let token = gateway.token("board");
    for (asked, expected) in [
        (format!("/board?jwt={token}&t=1"), "/board?t=1".to_owned()),
        (format!("/board?%6awt={token}&t=1"), "/board?t=1".to_owned()),
        (format!("/plaza?t={token}"), format!("/plaza?t={token}")),
    ] {
        assert_eq!(gateway.stranger().fetches(&asked).await.status, 200, "{asked}");
        assert_eq!(upstream.one().target(), expected);
    }
    assert_eq!(gateway.stranger().fetches(&format!("/board?t={token}")).await.status, 401);
    assert_eq!(gateway.stranger().fetches(&format!("/plaza?JWT={token}")).await.status, 400);
}
