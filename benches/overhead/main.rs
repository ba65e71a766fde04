//! What does the gateway cost beside a bare pingora proxy?
//!
//! Gateway, bare proxy and upstream are processes of their own on loopback. Each row sends the very same bytes through the bare
//! proxy and through the gateway in short rounds that take turns, and compares the CPU time that the two processes used, by the
//! kernel's own accounting. Wall time is not looked at: other work on the machine would be measured with it.
//!
//! `cargo bench --bench overhead`, or `cargo bench --bench overhead -- --quick`; further words choose rows by their names.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::print_stdout)]

mod children;
#[path = "../keys.rs"]
mod keys;
mod load;
#[path = "../measured.rs"]
mod measured;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use keys::Issuer;
use load::{Asked, Load};
use measured::{Measured, free_port, ready};

/// So many rooms are many.
const MANY: usize = 100_000;
/// So many tunnels are held.
const TUNNELS: usize = 1_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["upstream"] => return children::upstream(),
        ["bare", upstream] => return children::bare(upstream),
        ["hold", address, count, request] => return children::hold(address, count, request),
        _ => {}
    }
    let quick = arguments.iter().any(|a| a == "--quick");
    let only: Vec<String> = arguments.into_iter().filter(|a| !a.starts_with("--")).collect();
    let (rounds, times) = if quick { (5, 1_000) } else { (15, 2_000) };
    Bench::start(rounds, times, only).run();
}

struct Bench {
    rounds: usize,
    times: usize,
    only: Vec<String>,
    folder: tempfile::TempDir,
    issuers: [Issuer; 4],
    upstream: SocketAddr,
    _upstream: Measured,
}

/// A running server, and connections to it.
struct Server {
    process: Measured,
    address: SocketAddr,
    load: Load,
    /// From its start to the first answer that it is ready.
    took: Duration,
}

impl Server {
    /// CPU time of one request, in microseconds.
    fn cost(&mut self, asked: &Asked, times: usize) -> f64 {
        let before = self.process.cpu();
        self.load.run(asked, times);
        (self.process.cpu() - before).as_secs_f64() * 1e6 / times as f64
    }
}

impl Bench {
    fn start(rounds: usize, times: usize, only: Vec<String>) -> Self {
        let (upstream, address) = Measured::role(&["upstream"]);
        let (folder, issuers) = (tempfile::tempdir().unwrap(), Issuer::all());
        for issuer in &issuers {
            std::fs::write(folder.path().join(issuer.name()), issuer.material()).unwrap();
        }
        std::fs::write(folder.path().join("session"), "Vf6kRw2xQp9mZt4sJc8nBy3hLd7gTa5e-session").unwrap();
        Self { rounds, times, only, folder, issuers, upstream: address.parse().unwrap(), _upstream: upstream }
    }

    fn run(&self) {
        let (process, address) = Measured::role(&["bare", &self.upstream.to_string()]);
        let address: SocketAddr = address.parse().unwrap();
        let mut bare = Server { process, address, load: Load::new(address), took: Duration::ZERO };
        let mut quiet = self.gateway("quiet", "warn", 1);
        let mut logging = self.gateway("logging", "info", 1);

        println!("CPU per request beside a bare pingora proxy that is sent the same bytes; {} rounds of {}", self.rounds, self.times);
        println!("{:<44} {:>7}   {:>15}", "", "median", "min - max");
        let head = head(quiet.address);
        let claims = format!(r#"{{"r":"board","u":"Ann","ud":"42","exp":{},"jti":"{{n}}"}}"#, 4_102_444_800_u64);
        let tokens: Vec<String> = self.issuers.iter().map(|i| i.token(&claims.replace("{n}", i.name()))).collect();
        let with_token = |token: &String| get(&format!("/board/state?a=1&t={token}&b=2"), &head, "");
        let cookies = quiet.load.once(&with_token(&tokens[0])).cookies();
        assert!(!cookies.is_empty());
        let page = get("/standup", &head.replace("cors", "navigate"), "");
        let visit = quiet.load.once(&page).cookies();

        let session = ask(get("/board/state?a=1", &head, &cookies), 200);
        let rows = [
            ("open place", ask(get("/static/app.js", &head, ""), 200)),
            ("public room, first visit", ask(get("/standup/state", &head, ""), 200)),
            ("public room, session cookie", ask(get("/standup/state", &head, &visit), 200)),
            ("private room, session cookie", session.clone()),
            ("t= HS256, seen before", ask(with_token(&tokens[0]), 200)),
            ("t= RS256, seen before", ask(with_token(&tokens[1]), 200)),
            ("t= ES256, seen before", ask(with_token(&tokens[2]), 200)),
            ("t= HS256 and session cookie", ask(get(&format!("/board/state?a=1&t={}&b=2", tokens[0]), &head, &cookies), 200)),
            ("an answer of our own API", ask(get("/_roomgate/access?room=board", &head, &cookies), 200)),
            ("refused: private, nothing brought", ask(get("/board/state", &head, ""), 401)),
        ];
        let itself = ask(get("/static/app.js", &head, ""), 200);
        self.row("bare pingora beside itself", &mut bare, None, &itself);
        for (name, asked) in &rows {
            self.row(name, &mut bare, Some(&mut quiet), asked);
        }
        let session = ask(session.requests[0].replace(&quiet.address.to_string(), &logging.address.to_string()), 200);
        self.row("private room, session cookie, access log", &mut bare, Some(&mut logging), &session);
        drop(logging);
        self.many(&mut bare, &mut quiet, &head);
        self.tunnels(&mut quiet);
    }

    fn wanted(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|word| name.contains(word.as_str()))
    }

    /// The costs of `ours` beside those of `theirs` (or of `theirs` beside themselves), a round each in turn.
    fn row(&self, name: &str, theirs: &mut Server, ours: Option<&mut Server>, asked: &Asked) {
        if !self.wanted(name) {
            return;
        }
        let mut ours = ours;
        // The bare proxy refuses nobody.
        let forwarded = Asked { status: 200, ..asked.clone() };
        let mut round = |first: bool| match (&mut ours, first) {
            (Some(ours), true) => ours.cost(asked, self.times),
            (None, true) | (_, false) => theirs.cost(&forwarded, self.times),
        };
        // Connections, caches and allocators are warm when it counts.
        round(true);
        round(false);
        let ratios = (0..self.rounds).map(|n| {
            let first = round(n % 2 == 0);
            let second = round(n % 2 != 0);
            if n % 2 == 0 { first / second } else { second / first }
        });
        show(name, ratios.collect());
    }

    /// Many rooms beside one: the start, and each request.
    fn many(&self, bare: &mut Server, one: &mut Server, head: &str) {
        if !self.wanted("rooms") {
            return;
        }
        let starts = |count| (0..3).map(|_| self.gateway("start", "warn", count).took.as_secs_f64()).collect::<Vec<_>>();
        let (few, lots) = (starts(1), starts(MANY));
        let any = self.issuers[0].token(r#"{"u":"Ann","ud":"42","exp":4102444800}"#);
        let mut many = self.gateway("many", "warn", MANY);
        // The rooms take turns, so that no cache has the one that is asked for.
        let paths: Vec<String> = (0..1_000)
            .map(|n| {
                get(
                    &format!("/room-{}?t={any}", n * (MANY / 1_000)),
                    &head.replace(&one.address.to_string(), &many.address.to_string()),
                    "",
                )
            })
            .collect();
        let asked = Asked { requests: Arc::new(paths), status: 200 };
        let single = ask(get(&format!("/board?t={any}"), head, ""), 200);
        let (mut beside_one, mut beside_bare) = (Vec::new(), Vec::new());
        many.cost(&asked, self.times);
        one.cost(&single, self.times);
        for _ in 0..self.rounds {
            let (a, b, c) = (many.cost(&asked, self.times), one.cost(&single, self.times), bare.cost(&asked, self.times));
            beside_one.push(a / b);
            beside_bare.push(a / c);
        }
        show("100,000 rooms in turn, t= HS256", beside_bare);
        show("    the same beside a gateway with one room", beside_one);
        println!();
        println!("From start to ready, in seconds");
        show("one room", few);
        show("100,000 rooms", lots);
        println!("{:<44} {:>7.1} MiB", "    memory beside one room", (many.process.memory() - one.process.memory()) / 1024.0);
    }

    fn tunnels(&self, gateway: &mut Server) {
        if !self.wanted("tunnel") {
            return;
        }
        let upgrade = format!(
            "GET /ws?room=standup HTTP/1.1\r\nHost: {0}\r\nOrigin: http://{0}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            gateway.address
        );
        let before = gateway.process.memory();
        let (held, count) = Measured::role(&["hold", &gateway.address.to_string(), &TUNNELS.to_string(), &upgrade]);
        assert_eq!(count, TUNNELS.to_string());
        std::thread::sleep(Duration::from_secs(1));
        println!();
        println!("{:<44} {:>7.1} KiB", "Memory of an idle tunnel", (gateway.process.memory() - before) / TUNNELS as f64);
        drop(held);
    }

    /// Starts a gateway and waits until it is ready.
    fn gateway(&self, name: &str, log: &str, rooms: usize) -> Server {
        let config = self.config(name, rooms);
        let port = free_port();
        let admin = free_port();
        let text = std::fs::read_to_string(&config).unwrap().replace("LISTEN", &port.to_string()).replace("ADMIN", &admin.to_string());
        std::fs::write(&config, text).unwrap();
        let began = Instant::now();
        let process = Measured::gateway(&config, log);
        while !ready(admin) {
            assert!(began.elapsed() < Duration::from_secs(30), "{}", std::fs::read_to_string(config.with_extension("log")).unwrap());
            std::thread::sleep(Duration::from_millis(2));
        }
        let took = began.elapsed();
        Server { process, address: port, load: Load::new(port), took }
    }

    fn config(&self, name: &str, rooms: usize) -> PathBuf {
        let folder = self.folder.path();
        let keys: String = self
            .issuers
            .iter()
            .map(|issuer| {
                let kind = if matches!(issuer, Issuer::HS256(_)) { "secret_file" } else { "public_key_file" };
                format!("[[tokens.key]]\nid = \"{0}\"\nalgorithm = \"{0}\"\n{kind} = \"{0}\"\n", issuer.name())
            })
            .collect();
        let text = format!(
            r#"
[server]
listen = "LISTEN"
public_url = "http://LISTEN"
admin_listen = "ADMIN"
[upstream]
url = "http://{}"
profile = "generic"
[upstream.generic]
room = "/{{room}}"
subtree = true
open = ["/", "/static/"]
sockets = ["/ws?room={{room}}"]
[session]
secret_file = "session"
[store]
kind = "memory"
[rooms]
files = ["{name}.rooms"]
{keys}
[[room]]
name = "standup"
[[room]]
name = "board"
privacy = "private"
"#,
            self.upstream
        );
        let many = if rooms > 1 { rooms } else { 0 };
        let all: String = (0..many).map(|n| format!("[[room]]\nname = \"room-{n}\"\nprivacy = \"private\"\n")).collect();
        std::fs::write(folder.join(format!("{name}.rooms")), all).unwrap();
        let path = folder.join(format!("{name}.toml"));
        std::fs::write(&path, text).unwrap();
        path
    }
}

/// The headers of a browser whose page asks for something.
fn head(address: SocketAddr) -> String {
    format!(
        "Host: {address}\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\nAccept: */*\r\n\
         Accept-Language: en-GB,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nReferer: http://{address}/board\r\n\
         Connection: keep-alive\r\nSec-Fetch-Dest: empty\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Site: same-origin\r\n"
    )
}

fn get(target: &str, head: &str, cookies: &str) -> String {
    let cookies = if cookies.is_empty() { String::new() } else { format!("Cookie: theme=dark; {cookies}\r\n") };
    format!("GET {target} HTTP/1.1\r\n{head}{cookies}\r\n")
}

fn ask(request: String, status: u16) -> Asked {
    Asked { requests: Arc::new(vec![request]), status }
}

fn show(name: &str, mut values: Vec<f64>) {
    values.sort_by(f64::total_cmp);
    let median = values[values.len() / 2];
    println!("{name:<44} {median:>7.2}   {:>7.2} - {:.2}", values[0], values[values.len() - 1]);
}
