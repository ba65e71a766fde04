//! What do ten thousand visitors cost who wait at one door, and how long until all of them know that they were let in?
//!
//! The gateway and the visitors are processes of their own on loopback. Each visitor opens the knocking page, knocks and keeps an event
//! stream open; then an owner lets everybody in with one order. Once with facts in memory, once in SQLite.
//!
//! `cargo bench --bench waiting`, or with the number of visitors: `cargo bench --bench waiting -- 1000`.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::print_stdout)]

#[path = "../keys.rs"]
mod keys;
#[path = "../measured.rs"]
#[allow(dead_code)]
mod measured;
mod visitors;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::ChildStdout;
use std::time::{Duration, Instant};

use keys::Issuer;
use measured::{Measured, free_port, ready};
use roomgate::clock::{Clock as _, SystemClock};

/// So many wait.
const VISITORS: usize = 10_000;

type Figures = Vec<(&'static str, f64)>;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    if let ["visitors", address, count] = arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        return visitors::run(address, count);
    }
    // Words choose rows of other benches.
    if arguments.iter().any(|a| !a.starts_with('-') && a.parse::<usize>().is_err() && !"waiting".contains(a.as_str())) {
        return;
    }
    let quick = arguments.iter().any(|a| a == "--quick");
    let count = arguments.iter().find_map(|a| a.parse().ok()).unwrap_or(if quick { 1_000 } else { VISITORS });
    println!("{count} visitors wait at one door");
    let [memory, sqlite] = ["memory", "sqlite"].map(|store| run(store, count));
    println!("{:<44} {:>9} {:>9}", "", "memory", "sqlite");
    for ((what, one), (_, other)) in memory.iter().zip(&sqlite) {
        println!("{what:<44} {one:>9.2} {other:>9.2}");
    }
}

fn run(store: &str, count: usize) -> Figures {
    let folder = tempfile::tempdir().unwrap();
    let [issuer, ..] = Issuer::all();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    write("token", &issuer.material());
    write("session", "Vf6kRw2xQp9mZt4sJc8nBy3hLd7gTa5e-session");
    let (address, admin) = (free_port(), free_port());
    let path = if store == "sqlite" { "path = \"facts.db\"" } else { "" };
    let config = write(
        "waiting.toml",
        &format!(
            r#"
[server]
listen = "{address}"
public_url = "http://{address}"
admin_listen = "{admin}"
[upstream]
url = "http://127.0.0.1:9"
profile = "generic"
[upstream.generic]
room = "/{{room}}"
[[tokens.key]]
algorithm = "HS256"
secret_file = "token"
[session]
secret_file = "session"
[store]
kind = "{store}"
{path}
[[room]]
name = "hall"
privacy = "private"
enable_knocking = true
"#
        ),
    );
    let gateway = Measured::gateway(&config, "error");
    let began = Instant::now();
    while !ready(admin) {
        assert!(began.elapsed() < Duration::from_secs(30), "{}", std::fs::read_to_string(config.with_extension("log")).unwrap());
        std::thread::sleep(Duration::from_millis(20));
    }
    // What is made once for all is there before anything is measured.
    drop(visitors(address, 20));
    let token = issuer.token(r#"{"r":"hall","o":true,"u":"Grace","iat":1796000000,"exp":4102444800,"jti":"grace"}"#);
    let everybody = |allow: bool| order(address, &token, allow);
    everybody(true);
    std::thread::sleep(Duration::from_secs(1));

    let (before, cpu, began) = (gateway.memory(), gateway.cpu(), Instant::now());
    let (mut process, mut output, waiting) = visitors(address, count);
    assert_eq!(waiting, [count as f64]);
    let came = began.elapsed().as_secs_f64();
    let cost = (gateway.cpu() - cpu).as_secs_f64() * 1e6 / count as f64;
    std::thread::sleep(Duration::from_secs(2));
    let memory = (gateway.memory() - before) / count as f64;
    let cpu = gateway.cpu();
    std::thread::sleep(Duration::from_secs(10));
    let idle = (gateway.cpu() - cpu).as_secs_f64() * 10.0;

    writeln!(process.0.stdin.as_mut().unwrap(), "watch").unwrap();
    let (cpu, ordered) = (gateway.cpu(), unix());
    everybody(true);
    let answered = unix() - ordered;
    let [first, last] = hear(&mut output)[..] else { panic!("no two numbers") };
    vec![
        ("all wait after, s", came),
        ("CPU of one that comes, knocks, listens, µs", cost),
        ("memory of one that waits, KiB", memory),
        ("CPU while all wait, % of a core", idle),
        ("the order is answered after, s", answered),
        ("from the order to the first who knows, s", first - ordered),
        ("from the order to the last who knows, s", last - ordered),
        ("CPU of one that is let in, µs", (gateway.cpu() - cpu).as_secs_f64() * 1e6 / count as f64),
    ]
}

fn visitors(address: SocketAddr, count: usize) -> (Measured, BufReader<ChildStdout>, Vec<f64>) {
    let (process, mut output) = Measured::talking(&["visitors", &address.to_string(), &count.to_string()]);
    let waiting = hear(&mut output);
    (process, output, waiting)
}

/// The numbers that they tell.
fn hear(output: &mut BufReader<ChildStdout>) -> Vec<f64> {
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    line.split_whitespace().map(|number| number.parse().unwrap()).collect()
}

/// The owner answers everybody who waits.
fn order(address: SocketAddr, token: &str, allow: bool) {
    let body = format!(r#"{{"*":{{"grantRequestedAccess":{allow}}}}}"#);
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "PATCH /_roomgate/v1/rooms/hall/waiting-participants?t={token} HTTP/1.1\r\nHost: {address}\r\nOrigin: http://{address}\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{}", answer.lines().next().unwrap_or_default());
}

/// Now, in seconds.
fn unix() -> f64 {
    SystemClock.now().as_millis() as f64 / 1e3
}
