//! The program itself, as an operator starts it.

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::Person;
use super::socket::eventually;

/// Runs it to its end.
pub async fn roomgate(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_roomgate"));
    command.args(arguments).env_remove("RUST_LOG");
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

/// A folder with a configuration, and the addresses that it names.
pub struct House {
    pub folder: TempDir,
    pub address: SocketAddr,
    pub admin: SocketAddr,
    /// What else the program finds in its environment.
    pub environment: Vec<(String, String)>,
}

/// The token key of these configurations.
const SECRET: &str = "Jx3mQw8uTz5rKp2vNc7yBd4fHg9sLa6e";

impl House {
    /// With the SQLite store, before this upstream (a section that begins with `[upstream]`).
    pub fn new(upstream: &str, rooms: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let free = || TcpListener::bind("127.0.0.1:0").unwrap();
        let (one, two) = (free(), free());
        let (address, admin) = (one.local_addr().unwrap(), two.local_addr().unwrap());
        let text = format!(
            "[server]\nlisten = \"{address}\"\npublic_url = \"http://{address}\"\nadmin_listen = \"{admin}\"\n{upstream}\n\
             [session]\nsecret_file = \"session.secret\"\n[store]\nkind = \"sqlite\"\npath = \"facts.db\"\n\
             [[tokens.key]]\nid = \"main\"\nalgorithm = \"HS256\"\nsecret = \"{SECRET}\"\n{rooms}\n"
        );
        std::fs::write(folder.path().join("session.secret"), "Vf6kRw2xQp9mZt4sJc8nBy3hLd7gTa5e-session\n").unwrap();
        std::fs::write(folder.path().join("hook.secret"), "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").unwrap();
        std::fs::write(folder.path().join("roomgate.toml"), text).unwrap();
        Self { folder, address, admin, environment: Vec::new() }
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn config(&self) -> String {
        self.file("roomgate.toml").display().to_string()
    }

    pub fn edit(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.file("roomgate.toml")).unwrap();
        assert!(text.contains(from), "{from} is not in the configuration");
        std::fs::write(self.file("roomgate.toml"), text.replace(from, to)).unwrap();
    }

    /// Starts it, and waits until it is ready.
    pub async fn serve(&self, more: &[&str]) -> Process {
        let process = self.start(more);
        process.says("\"message\":\"ready\"").await;
        process
    }

    /// Starts it.
    pub fn start(&self, more: &[&str]) -> Process {
        let mut command = Command::new(env!("CARGO_BIN_EXE_roomgate"));
        command.args(["serve", "--config", &self.config(), "--log-format", "json"]).args(more).env_remove("RUST_LOG");
        command.envs(self.environment.iter().map(|(n, v)| (n, v)));
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let (stderr, to) = (BufReader::new(child.stderr.take().unwrap()), lines.clone());
        std::thread::spawn(move || stderr.lines().map_while(Result::ok).for_each(|line| to.lock().unwrap().push(line)));
        Process { child, lines }
    }

    pub fn stranger(&self) -> Person {
        Person::new(self.address)
    }

    pub async fn metrics(&self) -> String {
        Person::new(self.admin).get("/metrics").await.text()
    }

    /// A token, minted by the program.
    pub async fn token(&self, more: &[&str]) -> String {
        let config = self.config();
        let done = roomgate(&[&["token", "--config", &config, "--bare"], more].concat()).await;
        assert!(done.status.success(), "{done:?}");
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    }
}

/// One run of it; killed when dropped.
pub struct Process {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Process {
    /// What it has logged.
    pub fn log(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// Waits for a line that contains this.
    pub async fn says(&self, text: &str) -> String {
        let since = Instant::now();
        loop {
            if let Some(line) = self.log().into_iter().find(|l| l.contains(text)) {
                return line;
            }
            assert!(since.elapsed() < Duration::from_secs(30), "no {text} in {:#?}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Sends a signal by its name.
    pub async fn signal(&self, name: &str) {
        let (name, pid) = (format!("-{name}"), self.child.id().to_string());
        let sent = tokio::task::spawn_blocking(move || Command::new("kill").args([name, pid]).status().unwrap()).await.unwrap();
        assert!(sent.success());
    }

    /// Kills it, without a word.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// How it ended.
    pub async fn ends(&mut self, within: Duration) -> ExitStatus {
        eventually("the process has ended", within, async || self.child.try_wait().unwrap()).await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
