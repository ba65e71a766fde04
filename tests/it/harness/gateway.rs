//! One gateway in this process: on a free port, with a clock that a test moves, in a folder of its own.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use roomgate::access::{Id, Timestamp};
use roomgate::chance::SystemChance;
use roomgate::clock::{Clock as _, ManualClock};
use roomgate::config::Live;
use roomgate::proxy::guarded::Limits;
use roomgate::server::{Edges, Gateway as Running};
use roomgate::token::{Algorithm, KeySpec, Material, Minting, Secret, mint};
use tempfile::TempDir;

use super::{Person, Upstream};

/// The key of all tokens that tests mint.
pub const SECRET: &str = "Jx3mQw8uTz5rKp2vNc7yBd4fHg9sLa6e";

/// A running gateway and all that belongs to it.
pub struct Gateway {
    pub upstream: Upstream,
    pub clock: ManualClock,
    pub address: SocketAddr,
    pub admin: SocketAddr,
    pub folder: TempDir,
    running: Option<Running>,
}

impl Gateway {
    /// In front of an upstream that shows what it was sent (profile generic), with these rooms in TOML.
    pub async fn with(rooms: &str) -> Self {
        Self::configured("[rooms]\nunknown = \"refuse\"", rooms).await
    }

    /// The same with other sections before the rooms.
    pub async fn configured(sections: &str, rooms: &str) -> Self {
        let upstream = Upstream::start().await;
        Self::before(upstream, sections, rooms).await
    }

    /// The same in front of this upstream.
    pub async fn before(upstream: Upstream, sections: &str, rooms: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let mut text = format!("[server]\nlisten = \"127.0.0.1:{port}\"\nhosts = [\"localhost\"]\n");
        // What stands before the first section belongs to `[server]`.
        let first = if sections.starts_with('[') { Some(0) } else { sections.find("\n[").map(|at| at + 1) };
        let (server, sections) = sections.split_at(first.unwrap_or(sections.len()));
        if !server.contains("public_url") {
            text += &format!("public_url = \"http://127.0.0.1:{port}\"\n");
        }
        text += server;
        if !sections.contains("[upstream]") {
            text += &format!(
                "[upstream]\nurl = \"http://{}\"\nprofile = \"generic\"\n[upstream.generic]\nroom = \"/{{room}}\"\nopen = [\"/\", \"/static/\", \"/favicon.ico\"]\nsockets = [\"/ws?room={{room}}\"]\n",
                upstream.address
            );
        }
        if !sections.contains("[session]") {
            text += "[session]\nsecret_file = \"session.secret\"\n";
        }
        if !sections.contains("[store]") {
            text += "[store]\nkind = \"memory\"\n";
        }
        text += &sections.replace("UPSTREAM", &upstream.address.to_string());
        text += &format!("\n[[tokens.key]]\nid = \"main\"\nalgorithm = \"HS256\"\nsecret = \"{SECRET}\"\n{rooms}\n");
        std::fs::write(folder.path().join("session.secret"), "Vf6kRw2xQp9mZt4sJc8nBy3hLd7gTa5e-session\n").unwrap();
        std::fs::write(folder.path().join("hook.secret"), "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").unwrap();
        std::fs::write(folder.path().join("roomgate.toml"), text).unwrap();
        Self::start(upstream, folder, socket).await
    }

    async fn start(upstream: Upstream, folder: TempDir, socket: TcpListener) -> Self {
        socket.set_nonblocking(true).unwrap();
        let clock = ManualClock::at(roomgate::clock::SystemClock.now());
        let edges = Edges {
            clock: Arc::new(clock.clone()),
            chance: Arc::new(SystemChance),
            sockets: Some(vec![socket]),
            admin: Some(TcpListener::bind("127.0.0.1:0").unwrap()),
            limits: Limits::default(),
        };
        let (live, _) = Live::open(&folder.path().join("roomgate.toml"), Arc::new(SystemChance)).unwrap_or_else(|problems| {
            panic!("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
        });
        let running = Running::start(live.config().clone(), Some(live), edges).await.unwrap();
        let (address, admin) = (running.addresses()[0], running.admin().unwrap());
        Self { upstream, clock, address, admin, folder, running: Some(running) }
    }

    /// Stops it and starts it again on the same port, with the same files; its clock goes on.
    pub async fn restart(mut self) -> Self {
        if let Some(running) = self.running.take() {
            running.drain(Duration::from_secs(2)).await;
        }
        let Self { upstream, clock, address, folder, .. } = self;
        let socket = TcpListener::bind(address).unwrap();
        let gateway = Self::start(upstream, folder, socket).await;
        let behind = clock.now().since(gateway.clock.now());
        gateway.clock.advance(behind);
        gateway
    }

    /// Somebody with a browser of their own and nothing else.
    pub fn stranger(&self) -> Person {
        Person::new(self.address)
    }

    /// What judges, for tests that look behind the pages.
    pub fn gate(&self) -> &Arc<roomgate::gate::Gate> {
        self.running.as_ref().unwrap().gate()
    }

    pub fn running(&self) -> &Running {
        self.running.as_ref().unwrap()
    }

    pub fn take_running(&mut self) -> Running {
        self.running.take().unwrap()
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub fn file(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// Replaces one text in the configuration by another.
    pub fn edit(&self, from: &str, to: &str) {
        let path = self.file("roomgate.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from} is not in the configuration");
        std::fs::write(Path::new(&path), text.replace(from, to)).unwrap();
    }

    /// All metrics, as text.
    pub async fn metrics(&self) -> String {
        Person::new(self.admin).get("/metrics").await.text()
    }

    /// A participant's token for a room, valid for an hour.
    pub fn token(&self, room: &str) -> String {
        self.mint(room, |_| {})
    }

    /// An owner's.
    pub fn owner_token(&self, room: &str) -> String {
        self.mint(room, |m| {
            m.owner = true;
            m.name = Some("Olga".into());
        })
    }

    /// One that says something else.
    pub fn mint(&self, room: &str, change: impl FnOnce(&mut Minting)) -> String {
        token(self, room, change)
    }
}

pub fn token(gateway: &Gateway, room: &str, change: impl FnOnce(&mut Minting)) -> String {
    let room = gateway.gate().profile().room_name(room).unwrap();
    let now = gateway.clock.now();
    let mut minting = Minting::new(Some(room), now);
    minting.expires = Some(now.plus(Duration::from_secs(3600)));
    minting.id = Some(Id::new(rand_bytes()).to_string());
    change(&mut minting);
    let key = KeySpec {
        id: Some("main".into()),
        algorithm: Algorithm::HS256,
        material: Material::Secret(Secret::new(SECRET.as_bytes().to_vec())),
    };
    mint(&minting, &key).unwrap()
}

fn rand_bytes() -> [u8; 16] {
    use roomgate::chance::Chance as _;
    let mut bytes = [0; 16];
    SystemChance.fill(&mut bytes).unwrap();
    bytes
}
