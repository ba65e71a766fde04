//! `roomgate serve`: run the gateway until told to stop.
//!
//! SIGTERM and SIGINT drain, SIGHUP reads the configuration again, SIGQUIT hands the sockets to a new process that was started
//! with `--upgrade`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use super::{ConfigFile, complain, logs, runtime};
use crate::chance::SystemChance;
use crate::config::{self, Live};
use crate::handover::{self, Inherited, Sockets};
use crate::proxy::listen;
use crate::server::{Edges, Gateway};

/// Run the gateway.
#[derive(Args)]
pub struct Serve {
    #[command(flatten)]
    config: ConfigFile,
    /// How log lines look.
    #[arg(long, value_enum, default_value = "human")]
    log_format: logs::Style,
    /// What is logged: info, debug, warn, or `target=level` pairs.
    #[arg(long, value_name = "FILTER", default_value = "info")]
    log: String,
    /// So long may connections take to end after SIGTERM, and tunnels after an upgrade, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    drain: u64,
    /// Take over the sockets of a running gateway, which is sent SIGQUIT for it. Both name the same socket file.
    #[arg(long)]
    upgrade: bool,
    /// Where the sockets are handed over: by default `roomgate-upgrade.sock` beside the configuration.
    #[arg(long, value_name = "FILE")]
    upgrade_socket: Option<PathBuf>,
}

/// How long a new process waits for SIGQUIT to be sent to the old one.
const UPGRADE: Duration = Duration::from_secs(60);

impl Serve {
    pub(super) fn run(self) -> ExitCode {
        logs::start(self.log_format, &self.log);
        let (live, warnings) = match Live::open(self.config.path(), Arc::new(SystemChance)) {
            Ok(read) => read,
            Err(problems) => {
                for problem in &problems {
                    complain(&problem.to_string());
                }
                return ExitCode::from(2);
            }
        };
        for warning in &warnings {
            tracing::warn!("{warning}");
        }
        let runtime = match runtime() {
            Ok(runtime) => runtime,
            Err(code) => return code,
        };
        runtime.block_on(self.serve(live))
    }

    async fn serve(self, live: Live) -> ExitCode {
        match self.run_until_told(live).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(message) => {
                complain(&message);
                ExitCode::FAILURE
            }
        }
    }

    async fn run_until_told(self, live: Live) -> Result<(), String> {
        let at = self.upgrade_socket();
        let heard = |kind| signal(kind).map_err(|e| format!("cannot hear signals: {e}"));
        let (mut term, mut int) = (heard(SignalKind::terminate())?, heard(SignalKind::interrupt())?);
        let (mut hup, mut quit) = (heard(SignalKind::hangup())?, heard(SignalKind::quit())?);
        let (edges, old) = if self.upgrade { inherit(&at, &live.config().server).await? } else { (Edges::default(), None) };
        let mut gateway = Gateway::start(live.config().clone(), Some(live), edges).await.map_err(|e| format!("cannot start: {e}"))?;
        if let Some(old) = old {
            old.serving().map_err(|e| format!("the old process is gone: {e}"))?;
        }
        let addresses: Vec<String> = gateway.addresses().iter().map(ToString::to_string).collect();
        let admin = gateway.admin().map(|a| a.to_string());
        tracing::info!(listen = addresses.join(", "), admin, rooms = gateway.gate().directory().len(), "ready");

        let patience = Duration::from_secs(self.drain);
        let mut handing: JoinSet<std::io::Result<()>> = JoinSet::new();
        loop {
            tokio::select! {
                _ = term.recv() => break,
                _ = int.recv() => break,
                _ = hup.recv() => gateway.reload(),
                _ = quit.recv() => if let Some(sockets) = gateway.sockets().filter(|_| handing.is_empty()) {
                    let at = at.clone();
                    handing.spawn(async move { handover::offer(&at, &sockets).await });
                },
                Some(handed) = handing.join_next() => match handed.map_err(std::io::Error::other).flatten() {
                    Err(error) => tracing::error!(%error, "the sockets were not handed over: this process serves on"),
                    Ok(()) => {
                        tracing::info!(seconds = self.drain, "a new process serves now; tunnels live on here");
                        tokio::select! {
                            () = gateway.fade(patience) => {}
                            _ = term.recv() => {}
                            _ = int.recv() => {}
                        }
                        break;
                    }
                },
            }
        }
        handing.shutdown().await;
        tracing::info!(seconds = self.drain, "draining");
        gateway.drain(patience).await;
        tracing::info!("stopped");
        Ok(())
    }

    fn upgrade_socket(&self) -> PathBuf {
        // Beside the configuration only those can put something who may change what we do anyway.
        self.upgrade_socket.clone().unwrap_or_else(|| self.config.path().with_file_name("roomgate-upgrade.sock"))
    }
}

/// Waits for a running gateway's sockets, and takes those that the configuration names.
async fn inherit(at: &Path, server: &config::Server) -> Result<(Edges, Option<Inherited>), String> {
    tracing::info!(at = %at.display(), "waiting for the sockets of a running gateway: send it SIGQUIT");
    let mut inherited = handover::receive(at, UPGRADE).await.map_err(|e| e.to_string())?;
    let mut sockets = Vec::new();
    for address in &server.listen {
        match inherited.sockets.take(*address) {
            Some(socket) => sockets.push(socket),
            None => sockets.extend(listen::bind(&[*address]).map_err(|e| e.to_string())?),
        }
    }
    let admin = server.admin_listen.and_then(|address| inherited.sockets.take_admin(address));
    // What the old configuration named and this one does not is closed here, and there when the old process stops listening.
    inherited.sockets = Sockets::default();
    Ok((Edges { sockets: Some(sockets), admin, ..Edges::default() }, Some(inherited)))
}
