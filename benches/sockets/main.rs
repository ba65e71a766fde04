//! What do thousands of guarded sockets in one room cost?
//!
//! A stand-in for Prosody, the gateway, and the people are processes of their own on loopback. The same people say the same words twice:
//! through a gateway whose guard reads them (profile `jitsi`), and through one that only carries them (profile `generic`).
//! Measured are the gateway's memory and CPU, by the kernel's accounting, and how long all of them need to come in and to be put out.
//!
//! `cargo bench --bench sockets`, or with the number of sockets: `cargo bench --bench sockets -- 1000`.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::print_stdout)]

#[path = "../keys.rs"]
mod keys;
#[path = "../measured.rs"]
mod measured;
mod people;
mod prosody;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ChildStdout;
use std::time::{Duration, Instant};

use keys::Issuer;
use measured::{Measured, asked, free_port, ready};
use roomgate::clock::{Clock as _, SystemClock};

/// So many people are in the room.
const PEOPLE: usize = 5_000;
/// So often each of them pings.
const PINGS: usize = 5;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["prosody"] => return prosody::run(),
        ["people", address, tokens] => return people::run(address, tokens),
        _ => {}
    }
    let quick = arguments.iter().any(|a| a == "--quick");
    // Words choose rows of other benches.
    if arguments.iter().any(|a| !a.starts_with('-') && a.parse::<usize>().is_err() && !"sockets".contains(a.as_str())) {
        return;
    }
    let count = arguments.iter().find_map(|a| a.parse().ok()).unwrap_or(if quick { 1_000 } else { PEOPLE });
    let bench = Bench::new(count);
    println!("{count} sockets in one room");
    let [guarded, unguarded] = [bench.run("jitsi"), bench.run("generic")];
    println!("{:<44} {:>9} {:>9}", "", "guarded", "unguarded");
    for ((what, ours), (_, theirs)) in guarded.iter().zip(&unguarded) {
        println!("{what:<44} {ours:>9.2} {theirs:>9.2}");
    }
}

struct Bench {
    count: usize,
    folder: tempfile::TempDir,
    issuer: Issuer,
}

/// What was measured with one of the two gateways.
type Figures = Vec<(&'static str, f64)>;

/// Those who are inside, in a process of their own.
struct People {
    process: Measured,
    output: BufReader<ChildStdout>,
}

impl People {
    /// Joins them all, one for each token in the file.
    fn join(gateway: SocketAddr, tokens: &std::path::Path) -> (Self, Vec<f64>) {
        let (process, output) = Measured::talking(&["people", &gateway.to_string(), tokens.to_str().unwrap()]);
        let mut people = Self { process, output };
        let joined = people.hear();
        (people, joined)
    }

    fn order(&mut self, what: &str) {
        writeln!(self.process.0.stdin.as_mut().unwrap(), "{what}").unwrap();
    }

    /// The numbers that they answer.
    fn hear(&mut self) -> Vec<f64> {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.split_whitespace().map(|number| number.parse().unwrap()).collect()
    }

    fn ask(&mut self, what: &str) -> Vec<f64> {
        self.order(what);
        self.hear()
    }
}

impl Bench {
    fn new(count: usize) -> Self {
        let [issuer, ..] = Issuer::all();
        let bench = Self { count, folder: tempfile::tempdir().unwrap(), issuer };
        bench.write("token", &bench.issuer.material());
        bench.write("session", "Vf6kRw2xQp9mZt4sJc8nBy3hLd7gTa5e-session");
        let issued = unix() as u64 - 60;
        let token = |n: usize| self::token(&bench.issuer, n, issued) + "\n";
        bench.write("many", &(0..count).map(token).collect::<String>());
        bench.write("few", &(0..20).map(|n| token(count + n)).collect::<String>());
        bench
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn run(&self, profile: &str) -> Figures {
        let (_prosody, upstream) = Measured::role(&["prosody"]);
        self.write("revoked", "");
        let (gateway, address, admin) = self.gateway(profile, &upstream);
        // What is made once for all is there before anything is measured.
        drop(People::join(address, &self.folder.path().join("few")));
        std::thread::sleep(Duration::from_secs(1));
        let (before, cpu) = (gateway.memory(), gateway.cpu());
        let each = |cost: Duration, times: usize| cost.as_secs_f64() * 1e6 / times as f64;
        let began = Instant::now();
        let (mut people, joined) = People::join(address, &self.folder.path().join("many"));
        assert_eq!(joined, [self.count as f64]);
        let mut rows = vec![
            ("all have joined after, s", began.elapsed().as_secs_f64()),
            ("CPU of one that joins, µs", each(gateway.cpu() - cpu, self.count)),
        ];
        let memory = |gateway: &Measured| {
            std::thread::sleep(Duration::from_secs(2));
            (gateway.memory() - before) / self.count as f64
        };
        rows.push(("memory of an idle socket, KiB", memory(&gateway)));
        let cpu = gateway.cpu();
        for _ in 0..PINGS {
            people.ask("ping");
        }
        rows.push(("CPU of a ping and its answer, µs", each(gateway.cpu() - cpu, self.count * PINGS)));
        let cpu = gateway.cpu();
        let heard = people.ask("say");
        rows.push(("CPU of a message to all, for each, µs", each(gateway.cpu() - cpu, self.count)));
        rows.push(("a message has reached all after, s", heard[0]));
        rows.push(("memory of an idle socket after that, KiB", memory(&gateway)));

        people.order("watch");
        let (began, cpu) = (unix(), gateway.cpu());
        self.write("revoked", &format!("before:{}\n", began as u64));
        let [first, last, removed, closed] = people.hear()[..] else { panic!("no four numbers") };
        let words = if profile == "jitsi" { (self.count as f64, self.count as f64) } else { (0.0, 0.0) };
        assert_eq!((removed, closed), words, "everybody is told in Jitsi's own way, and with a close code of its own");
        rows.push(("from the order to the first one's end, s", first - began));
        rows.push(("from the order to the last one's end, s", last - began));
        let (count, sum, late) = self.lag(admin);
        assert_eq!(count, self.count as f64);
        rows.push(("CPU of one that is put out, µs", each(gateway.cpu() - cpu, self.count)));
        rows.push(("`eject_lag_seconds`, mean", sum / count));
        rows.push(("`eject_lag_seconds`, more than a second", late));
        rows
    }

    /// What the gateway itself has counted: how many, how many seconds in all, how many of more than one.
    fn lag(&self, admin: SocketAddr) -> (f64, f64, f64) {
        let until = Instant::now() + Duration::from_secs(5);
        loop {
            let metrics = asked(admin, "/metrics").unwrap();
            let value = |name: &str| {
                let line = metrics.lines().find_map(|l| l.strip_prefix(&format!("roomgate_eject_lag_seconds{name} ")));
                line.unwrap_or_default().parse::<f64>().unwrap_or(0.0)
            };
            let count = value("_count");
            if count >= self.count as f64 || Instant::now() > until {
                return (count, value("_sum"), count - value("_bucket{le=\"1\"}"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Starts a gateway and waits until it is ready.
    fn gateway(&self, profile: &str, upstream: &str) -> (Measured, SocketAddr, SocketAddr) {
        let (address, admin) = (free_port(), free_port());
        let kind = match profile {
            "jitsi" => format!("[upstream.jitsi]\ndomain = \"meet.jitsi\"\nxmpp_url = \"http://{upstream}\"\n"),
            _ => "[upstream.generic]\nroom = \"/{room}\"\nsockets = [\"/xmpp-websocket?room={room}\"]\n".to_owned(),
        };
        let config = self.write(
            &format!("{profile}.toml"),
            &format!(
                r#"
[server]
listen = "{address}"
public_url = "http://{address}"
admin_listen = "{admin}"
[upstream]
url = "http://{upstream}"
profile = "{profile}"
{kind}
[tokens]
revocations_file = "revoked"
[[tokens.key]]
algorithm = "HS256"
secret_file = "token"
[session]
secret_file = "session"
[store]
kind = "memory"
[[room]]
name = "hall"
privacy = "private"
"#
            ),
        );
        let process = Measured::gateway(&config, "error");
        let began = Instant::now();
        while !ready(admin) {
            assert!(began.elapsed() < Duration::from_secs(30), "{}", std::fs::read_to_string(config.with_extension("log")).unwrap());
            std::thread::sleep(Duration::from_millis(20));
        }
        (process, address, admin)
    }
}

fn token(issuer: &Issuer, number: usize, issued: u64) -> String {
    issuer.token(&format!(r#"{{"r":"hall","u":"Ann","ud":"{number}","iat":{issued},"exp":4102444800,"jti":"{number}"}}"#))
}

/// Now, in seconds.
fn unix() -> f64 {
    SystemClock.now().as_millis() as f64 / 1e3
}
