//! The processes that are measured, and what they cost: each of them alone in its process, so that its CPU time is its own.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use tokio::net::TcpSocket;

/// One measured process; it ends with this value.
pub struct Measured(pub Child);

impl Measured {
    /// A role of this very binary. It tells its address on its standard output.
    pub fn role(arguments: &[&str]) -> (Self, String) {
        let (role, mut output) = Self::talking(arguments);
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        (role, line.trim().to_owned())
    }

    /// The same, and what it tells from then on.
    pub fn talking(arguments: &[&str]) -> (Self, BufReader<ChildStdout>) {
        let own = std::env::current_exe().unwrap();
        let mut child = unbounded(&own).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        (Self(child), output)
    }

    /// `roomgate serve` as operators run it.
    pub fn gateway(config: &Path, log: &str) -> Self {
        let mut command = unbounded(Path::new(env!("CARGO_BIN_EXE_roomgate")));
        command.args(["serve", "--log", log, "--config"]).arg(config);
        // Straight to where operators would have a file or the journal: a pipe would cost us the reading.
        let errors = std::fs::File::create(config.with_extension("log")).unwrap();
        Self(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(errors).spawn().unwrap())
    }

    /// CPU time of all its threads so far.
    pub fn cpu(&self) -> Duration {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.0.id())).unwrap();
        let nanos = tasks.flatten().filter_map(|task| {
            let stat = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
            stat.split(' ').next()?.parse::<u64>().ok()
        });
        Duration::from_nanos(nanos.sum())
    }

    /// Its memory now, in KiB.
    pub fn memory(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// With as many open files as this machine allows, and one worker thread: two would measure how they wake each other.
fn unbounded(program: &Path) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", r#"ulimit -n "$(ulimit -Hn)"; exec "$0" "$@""#]).arg(program).env("TOKIO_WORKER_THREADS", "1");
    command
}

/// One address may only have so many connections; a person has one or two.
pub fn from_one_of_many(number: u32) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    let address = Ipv4Addr::from_bits(Ipv4Addr::LOCALHOST.to_bits() + number / 100);
    socket.bind((address, 0).into()).unwrap();
    socket
}

/// To whoever started this process.
pub fn tell(word: impl std::fmt::Display) {
    println!("{word}");
}

/// Where nobody listens at this moment.
pub fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Whether `/readyz` says so.
pub fn ready(admin: SocketAddr) -> bool {
    asked(admin, "/readyz").is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

/// What the gateway's own listener answers, head and body.
pub fn asked(admin: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(admin)?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
