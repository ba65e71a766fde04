//! `roomgate demo`: a gateway and a miniature meeting server in one process, and links to try.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::{complain, logs, runtime, say};
use crate::chance::{Chance as _, SystemChance};
use crate::clock::{Clock as _, SystemClock};
use crate::config::Config;
use crate::demo;
use crate::server::{Edges, Gateway};
use crate::token::{Minting, mint};

/// Try it.
#[derive(Args)]
pub struct Demo {
    /// Where it listens; on 127.0.0.1, so that only this machine reaches it.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// What is logged.
    #[arg(long, value_name = "FILTER", default_value = "warn")]
    log: String,
}

impl Demo {
    pub(super) fn run(self) -> ExitCode {
        logs::start(logs::Style::Human, &self.log);
        let runtime = match runtime() {
            Ok(runtime) => runtime,
            Err(code) => return code,
        };
        match runtime.block_on(self.play()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(message) => {
                complain(&message);
                ExitCode::FAILURE
            }
        }
    }

    async fn play(self) -> Result<(), String> {
        let text = |e: &dyn std::fmt::Display| e.to_string();
        let socket = crate::proxy::listen::bind(&[self.listen]).map_err(|e| text(&e))?.pop().ok_or("no address to listen on")?;
        let port = socket.local_addr().map_err(|e| text(&e))?.port();
        let meetings = tokio::net::TcpListener::bind("127.0.0.1:0").await.map_err(|e| text(&e))?;
        let upstream = meetings.local_addr().map_err(|e| text(&e))?;
        tokio::spawn(demo::serve(meetings));

        let config = configuration(port, upstream.port())?;
        let links = links(&config)?;
        let edges = Edges { sockets: Some(vec![socket]), ..Edges::default() };
        let gateway = Gateway::start(Arc::new(config), None, edges).await.map_err(|e| text(&e))?;
        say(&demo::story(port, &demo::Tokens { owner: &links.owner, guest: &links.guest, expired: &links.expired }));
        tokio::signal::ctrl_c().await.map_err(|e| text(&e))?;
        gateway.drain(Duration::from_secs(1)).await;
        Ok(())
    }
}

/// The tokens of the story.
struct Links {
    owner: String,
    guest: String,
    expired: String,
}

/// The configuration of the story: read like any other, from a folder of its own that is gone right after.
fn configuration(port: u16, meetings: u16) -> Result<Config, String> {
    let text = |e: &dyn std::fmt::Display| e.to_string();
    let secret = || -> Result<String, String> {
        let id = || SystemChance.id().map_err(|e| text(&e));
        Ok(format!("{}{}", id()?, id()?))
    };
    let folder = std::env::temp_dir().join(format!("roomgate-demo-{}", secret()?));
    let written = demo::config(port, 0, meetings, &secret()?);
    let made = std::fs::create_dir(&folder)
        .and_then(|()| std::fs::write(folder.join("roomgate.toml"), written))
        .and_then(|()| secret().map_err(std::io::Error::other).and_then(|s| std::fs::write(folder.join("session.secret"), s)));
    let read = made.map_err(|e| text(&e)).and_then(|()| {
        let lines = |problems: Vec<crate::config::Problem>| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        Config::load(&folder.join("roomgate.toml"), &SystemChance).map_err(lines)
    });
    let _ = std::fs::remove_dir_all(&folder);
    read.map(|(config, _)| config)
}

/// Mints them.
fn links(config: &Config) -> Result<Links, String> {
    let now = SystemClock.now();
    let key = config.tokens.keys.first().ok_or("the demo has no key")?;
    let token = |room: &str, owner: bool, name: &str, lifetime: Option<Duration>| -> Result<String, String> {
        let room = config.upstream.profile.room_name(room).map_err(|e| e.to_string())?;
        let expires = lifetime.map_or_else(|| now.minus(Duration::from_secs(60)), |lifetime| now.plus(lifetime));
        let id = SystemChance.id().map_err(|e| e.to_string())?.to_string();
        let minting = Minting { owner, name: Some(name.to_owned()), expires: Some(expires), id: Some(id), ..Minting::new(Some(room), now) };
        mint(&minting, key).map_err(|e| e.to_string())
    };
    let day = Some(Duration::from_secs(86_400));
    Ok(Links {
        owner: token("standup", true, "Olga", day)?,
        guest: token("board", false, "Gus", day)?,
        expired: token("board", false, "Gus", None)?,
    })
}
