//! A gate with five rooms, and people who come to it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use http::header::{ACCEPT, CONTENT_TYPE, LOCATION, ORIGIN, SET_COOKIE};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::access::{Id, RoomName, Timestamp};
use crate::chance::{Chance, SeededChance};
use crate::clock::ManualClock;
use crate::config::Config;
use crate::gate::{Brought, Caller, Gate, Speaks, Whence};
use crate::metrics::Metrics;
use crate::server;
use crate::token::{KeySpec, Minting, mint};

pub(super) const ORIGIN_OURS: &str = "http://meet.example";
pub(super) const ORIGIN_LISTED: &str = "https://intranet.example";
pub(super) const NOW: Timestamp = Timestamp::from_secs(1_796_100_000);

/// The gate under test.
pub(super) struct House {
    pub router: Router,
    pub gate: Arc<Gate>,
    pub clock: ManualClock,
    key: KeySpec,
}

/// What came back.
pub(super) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }

    pub(super) fn location(&self) -> &str {
        self.headers[LOCATION].to_str().unwrap()
    }

    /// The `data-state` of a knocking page.
    pub(super) fn state(&self) -> &str {
        between(&self.body, "data-state=\"", "\"")
    }
}

pub(super) fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let rest = &text[text.find(before).unwrap_or_else(|| panic!("no {before} in {text}")) + before.len()..];
    &rest[..rest.find(after).unwrap()]
}

impl House {
    /// Rooms: `standup` (private, knocking), `board` (private), `lounge` (public), `later` (opens in an hour), `office-1` (reserved).
    pub(super) fn new() -> Self {
        Self::with("")
    }

    /// The same with more lines under `[rooms]`.
    pub(super) fn with(more: &str) -> Self {
        let clock = ManualClock::at(NOW);
        let config = config(more);
        let key = config.tokens.keys[0].clone();
        let metrics = Arc::new(Metrics::new().unwrap());
        let gate = server::gate(Arc::new(config), metrics, Arc::new(clock.clone()), chance()).unwrap();
        let gate = Arc::new(gate);
        Self { router: crate::web::router(gate.clone()), gate, clock, key }
    }

    /// A person with a browser, at an address of their own.
    pub(super) fn person(&self, address: &str) -> Person<'_> {
        Person { house: self, jar: BTreeMap::new(), address: address.parse().unwrap(), token: None, cookies: true, certain: true }
    }

    /// Somebody who came by an owner's link.
    pub(super) async fn owner(&self, room: &str, name: &str) -> Person<'_> {
        let mut owner = self.person("192.0.2.1");
        owner.brings(&self.token(room, |m| {
            m.owner = true;
            m.name = Some(name.to_owned());
        }));
        owner.get(&format!("/_roomgate/door?room={room}")).await;
        owner.token = None;
        owner
    }

    pub(super) fn token(&self, room: &str, more: impl FnOnce(&mut Minting)) -> String {
        let mut minting = Minting::new(Some(RoomName::canonical(room).unwrap()), NOW);
        more(&mut minting);
        mint(&minting, &self.key).unwrap()
    }

    pub(super) fn advance(&self, secs: u64) {
        self.clock.advance(Duration::from_secs(secs));
    }

    /// Puts the session of somebody's jar into a room, as if they had opened its page.
    pub(super) async fn enters(&self, person: &mut Person<'_>, room: &str) -> (Id, crate::live::Seat) {
        use crate::access::Decision;
        use crate::gate::Moment;
        let caller = person.caller().await;
        let now = self.gate.clock().now();
        let judged = self.gate.judge(&caller, &RoomName::canonical(room).unwrap(), Moment::Arriving).await.unwrap();
        let Decision::Admit(permit) = &judged.outcome.decision else { panic!("{:?}", judged.outcome) };
        let session = match self.gate.session_for(&caller, &judged, now).unwrap() {
            Some(session) => {
                let lines = self.gate.set_cookies(&caller, &session, now).unwrap();
                lines.iter().for_each(|line| person.keep(line));
                session
            }
            None => crate::gate::Session::clone(judged.session.as_ref().unwrap()),
        };
        let permit = Arc::new(permit.clone());
        let part = (crate::live::Part::Signalling, None);
        let seat = self.gate.live().enter(session.id, session.visitor, &permit, part, now, Box::new(|_| {})).ok().unwrap();
        (session.id, seat)
    }
}

/// Somebody with a browser.
pub(super) struct Person<'h> {
    house: &'h House,
    pub jar: BTreeMap<String, String>,
    pub address: IpAddr,
    token: Option<String>,
    pub cookies: bool,
    /// Whether it is certain that they are there.
    pub certain: bool,
}

impl Person<'_> {
    pub(super) fn brings(&mut self, token: &str) {
        self.token = Some(token.to_owned());
    }

    fn keep(&mut self, line: &str) {
        if self.cookies {
            let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
            self.jar.insert(name.to_owned(), value.to_owned());
        }
    }

    /// What the proxy would make of this person's requests.
    pub(super) async fn caller(&self) -> Caller {
        let whence = Whence { address: self.address, certain: self.certain };
        let jar = self.jar.iter().map(|(n, v)| (n.as_str(), v.as_str()));
        let mut caller = Caller::nobody(whence).with_cookies(&self.house.gate, jar);
        caller.speaks = Speaks::All;
        caller.token = match &self.token {
            Some(token) => self.house.gate.read_tokens(std::iter::once(token.as_str())).await,
            None => Brought::Nothing,
        };
        caller
    }

    pub(super) async fn send(&mut self, request: Request<Body>) -> Answer {
        let response = self.stream(request).await;
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        for line in head.headers.get_all(SET_COOKIE) {
            self.keep(line.to_str().unwrap());
        }
        Answer { status: head.status, headers: head.headers, body: String::from_utf8(Bytes::into(body)).unwrap() }
    }

    /// The answer with its body still to come.
    pub(super) async fn stream(&mut self, mut request: Request<Body>) -> http::Response<Body> {
        request.extensions_mut().insert(Arc::new(self.caller().await));
        self.house.router.clone().oneshot(request).await.unwrap()
    }

    pub(super) async fn get(&mut self, path: &str) -> Answer {
        self.send(request(Method::GET, path, "text/html", None, Body::empty())).await
    }

    pub(super) async fn get_json(&mut self, path: &str) -> Answer {
        self.send(request(Method::GET, path, "application/json", None, Body::empty())).await
    }

    /// Sends a form of one of our pages.
    pub(super) async fn form(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = serde_urlencoded(fields);
        let mut request = request(Method::POST, path, "text/html", Some(ORIGIN_OURS), Body::from(body));
        request.headers_mut().insert(CONTENT_TYPE, "application/x-www-form-urlencoded".parse().unwrap());
        self.send(request).await
    }

    /// Sends JSON as one of our scripts does.
    pub(super) async fn json(&mut self, method: Method, path: &str, body: Value) -> Answer {
        let mut request = request(method, path, "application/json", Some(ORIGIN_OURS), Body::from(body.to_string()));
        request.headers_mut().insert(CONTENT_TYPE, "application/json".parse().unwrap());
        self.send(request).await
    }

    /// Opens the knocking page and knocks.
    pub(super) async fn knocks(&mut self, room: &str, name: &str) -> Answer {
        self.get(&format!("/_roomgate/knock?room={room}")).await;
        self.form("/_roomgate/knock", &[("room", room), ("name", name)]).await
    }
}

pub(super) fn request(method: Method, path: &str, accept: &str, origin: Option<&str>, body: Body) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path).header(ACCEPT, accept);
    if let Some(origin) = origin {
        request = request.header(ORIGIN, origin);
    }
    request.body(body).unwrap()
}

pub(super) fn serde_urlencoded(fields: &[(&str, &str)]) -> String {
    let all = percent_encoding::NON_ALPHANUMERIC;
    let text = |t: &str| percent_encoding::utf8_percent_encode(t, all).to_string();
    fields.iter().map(|(n, v)| format!("{}={}", text(n), text(v))).collect::<Vec<_>>().join("&")
}

fn config(more: &str) -> Config {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("roomgate.toml");
    let text = format!(
        r#"
[server]
listen = "127.0.0.1:0"
public_url = "{ORIGIN_OURS}"
allowed_origins = ["{ORIGIN_LISTED}"]
[upstream]
url = "http://127.0.0.1:1"
profile = "peercalls"
[[tokens.key]]
algorithm = "HS256"
secret = "a token secret of at least thirty-two bytes"
[session]
secret_file = "session.secret"
[store]
kind = "memory"
[rooms]
{more}
[[room]]
name = "standup"
privacy = "private"
enable_knocking = true
[[room]]
name = "board"
privacy = "private"
[[room]]
name = "lounge"
[[room]]
name = "later"
nbf = {}
[[room]]
match = "office-*"
refuse = "These names are reserved."
"#,
        NOW.plus(Duration::from_secs(3600)).as_secs()
    );
    std::fs::write(folder.path().join("session.secret"), "a session secret of at least thirty-two bytes\n").unwrap();
    std::fs::write(&path, text).unwrap();
    let (config, _) = Config::load(&path, &*chance()).unwrap_or_else(|problems| panic!("{}", problems[0]));
    config
}

/// Random bytes that are the same each time.
fn chance() -> Arc<dyn Chance> {
    Arc::new(SeededChance::new(7))
}
