//! No token, cookie value or secret in anything that is written down or shown: all that a whole life logs, at the finest level.

use std::io::Write;
use std::sync::{Arc, LazyLock, Mutex};

use roomgate::cli::logs::{Style, subscriber};
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::harness::{Gateway, Person, Recorder, SECRET, forge};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Everything that anybody in this process logs, other tests included, as an operator sees who asks for all of it.
static LOGGED: LazyLock<Lines> = LazyLock::new(|| {
    let lines = Lines::default();
    let writer = lines.clone();
    let filter = "trace,pingora=trace,pingora_proxy=trace,pingora_core=trace,[x]=trace";
    subscriber(Style::Human, filter, false, move || writer.clone()).try_init().unwrap();
    lines
});

#[tokio::test(flavor = "multi_thread")]
async fn no_token_cookie_or_secret_is_logged_shown_counted_or_passed_on() {
    LazyLock::force(&LOGGED);
    let upstream = Recorder::start().await;
    let rooms =
        "[[room]]\nname = \"board\"\nprivacy = \"private\"\n[[room]]\nname = \"lobby\"\nprivacy = \"private\"\nenable_knocking = true\n";
    let gateway =
        Gateway::configured(&format!("{}[tokens]\nheader = true\n[rooms]\nunknown = \"public\"\n", upstream.sections()), rooms).await;
    let mut secrets: Vec<String> =
        vec![SECRET.to_owned(), std::fs::read_to_string(gateway.file("session.secret")).unwrap().trim().to_owned()];
    let mut shown = Vec::new();
    let claims = "{\"r\":\"board\",\"u\":\"Ann\"}";
    let tokens = [
        gateway.token("board"),
        gateway.owner_token("lobby"),
        gateway.token("elsewhere"),
        gateway.mint("board", |m| m.expires = Some(roomgate::access::Timestamp::from_secs(1_000_000_000))),
        forge("{\"alg\":\"HS256\",\"kid\":\"main\"}", claims, "another secret, as long as the first one"),
        forge("{\"alg\":\"HS256\",\"kid\":\"other\"}", claims, SECRET),
        forge("{\"alg\":\"none\"}", claims, SECRET),
        forge("{\"alg\":\"HS256\"}", "{\"r\":\"board\",\"exp\":\"soon\"}", SECRET),
        forge("{\"alg\":\"HS256\"}", "no json", SECRET),
    ];
    for token in &tokens {
        secrets.push(token.rsplit('.').next().unwrap().to_owned());
        let mut person = gateway.stranger();
        let bearer = format!("Bearer {token}");
        let referer = format!("http://{}/board?t={token}", gateway.address);
        let targets = [
            format!("/board?t={token}"),
            format!("/board?a=1&%74={token}"),
            format!("/board/x?t={token}&t=y"),
            format!("/lobby?t={token}"),
            format!("/plaza?t={token}"),
            format!("/ws?room=board&t={token}"),
            format!("/api/x?t={token}"),
            format!("/static/app.js?t={token}"),
            format!("/?t={token}"),
            format!("/nowhere%2f?t={token}"),
            format!("/_roomgate/nothing?t={token}"),
            format!("/_roomgate/knock?room=lobby&t={token}"),
            format!("/_roomgate/door?room=lobby&t={token}"),
            format!("/_roomgate/access?room=lobby&t={token}"),
            format!("/board?T={token}"),
            format!("/board;t={token}"),
            format!("//board?t={token}"),
            format!("/board?t={token}#x"),
            format!("*?t={token}"),
            format!("http://{}/board?t={token}", gateway.address),
            format!("/board?t={token} x"),
            format!("/board?t={token}%00&x={token}"),
        ];
        for target in &targets {
            shown.push(person.opens(target).await);
            shown.push(person.fetches(target).await);
            shown.push(person.sends("POST", target, &[("Referer", &referer)], b"x=1").await);
            shown.push(person.sends("CONNECT", target, &[], b"").await);
            shown.push(person.dials(target, &[]).await);
        }
        for target in [
            "/board",
            "/plaza",
            "/static/app.js",
            "/nowhere/x",
            "/board%2f",
            "/_roomgate/access?room=lobby",
            "/_roomgate/v1/rooms/lobby/presence",
        ] {
            shown.push(person.sends("GET", target, &[("Authorization", &bearer), ("Referer", &referer)], b"").await);
            shown.push(person.sends("GET", target, &[("Host", "evil.example"), ("Authorization", &bearer)], b"").await);
        }
        shown.push(person.posts("/_roomgate/session", &serde_json::json!({"room": "board", "token": token})).await);
        shown.push(person.posts("/_roomgate/session", &serde_json::json!({"room": "board", "token": [token]})).await);
        shown.push(person.opens("/board").await);
        shown.push(person.opens("/lobby").await);
        secrets.extend(values(&person));
    }
    let metrics = gateway.metrics().await;
    // An upstream that is not there: what is said of failures.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let sections = format!("{}[rooms]\nunknown = \"public\"\n", Recorder::sections_before(nobody));
    let broken = Gateway::configured(&sections, rooms).await;
    for token in &tokens {
        let mut person = broken.stranger();
        shown.push(person.fetches(&format!("/plaza?t={token}")).await);
        shown.push(person.opens(&format!("/plaza?t={token}")).await);
        shown.push(person.opens("/plaza").await);
        shown.push(person.dials(&format!("/ws?room=plaza&t={token}"), &[]).await);
        secrets.extend(values(&person));
    }
    drop(broken);
    assert!(shown.iter().any(|a| a.status == 502), "the broken upstream was met");

    secrets.sort();
    secrets.dedup();
    let secrets: Vec<&str> = secrets.iter().map(String::as_str).filter(|s| s.len() > 20).collect();
    assert!(secrets.len() > 20, "{}", secrets.len());
    let logged = String::from_utf8_lossy(&LOGGED.0.lock().unwrap()).into_owned();
    assert!(logged.contains("roomgate::access"), "the log was not caught");
    let mut found = Vec::new();
    for line in logged.lines().filter(|line| secrets.iter().any(|s| line.contains(s))) {
        found.push(format!("log: {}", line.chars().take(300).collect::<String>()));
    }
    for answer in &shown {
        let without_cookies: Vec<_> = answer.headers.iter().filter(|(n, _)| n != "set-cookie").collect();
        let text = format!("{without_cookies:?} {}", answer.text());
        if secrets.iter().any(|s| text.contains(s)) {
            found.push(format!("answer: {text}"));
        }
        // Cookies hold sessions, never tokens.
        let cookies = answer.all("set-cookie").join("\n");
        if tokens.iter().any(|t| cookies.contains(t.rsplit('.').next().unwrap())) {
            found.push(format!("cookie: {cookies}"));
        }
    }
    for request in upstream.seen() {
        // Where `t` is not ours in any spelling, nothing is; sealed cookies and bearer tokens never are.
        if secrets.iter().any(|s| request.text().contains(s)) {
            found.push(format!("upstream: {}", request.text()));
        }
    }
    found.extend(secrets.iter().filter(|s| metrics.contains(**s)).map(|s| format!("metrics: {s}")));
    found.sort();
    found.dedup();
    assert!(found.is_empty(), "{}:\n{}", found.len(), found.join("\n"));
}

fn values(person: &Person) -> Vec<String> {
    person.cookies.values().cloned().collect()
}
