//! What can be said on the command line: one command a file.

mod audit;
mod check;
mod demo;
mod explain;
pub mod logs;
mod revoke;
mod serve;
mod token;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::chance::SystemChance;
use crate::config::Config;

/// An access gateway in front of the conferencing server you already run.
#[derive(Parser)]
#[command(version, about, max_term_width = 100)]
struct Line {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the gateway.
    Serve(serve::Serve),
    /// Prove a configuration: every problem with file:line:column, what is wrong, what would be right.
    Check(check::Check),
    /// Why would somebody get in, or not? The decision, its reason, every fact.
    Explain(explain::Explain),
    /// Mint a link to a room.
    Token(token::Token),
    /// Take tokens back: live connections end within a second.
    Revoke(revoke::Revoke),
    /// Who knocked, who let in, denied or removed whom, when, and through what.
    Audit(audit::Audit),
    /// Try it: a gateway and a miniature meeting server in one process, no configuration needed.
    Demo(demo::Demo),
}

/// Runs the command of this process's arguments.
pub fn run() -> ExitCode {
    match Line::parse().command {
        Command::Serve(serve) => serve.run(),
        Command::Check(check) => check.run(),
        Command::Explain(explain) => explain.run(),
        Command::Token(token) => token.run(),
        Command::Revoke(revoke) => revoke.run(),
        Command::Audit(audit) => audit.run(),
        Command::Demo(demo) => demo.run(),
    }
}

/// `--config`, the same for all.
#[derive(clap::Args)]
struct ConfigFile {
    /// The configuration file.
    #[arg(long, value_name = "FILE", default_value = "roomgate.toml")]
    config: PathBuf,
}

impl ConfigFile {
    fn path(&self) -> &Path {
        &self.config
    }

    /// Reads it; tells every problem on stderr where it cannot be used.
    fn load(&self) -> Result<Config, ExitCode> {
        match Config::load(&self.config, &SystemChance) {
            Ok((config, _)) => Ok(config),
            Err(problems) => {
                for problem in &problems {
                    complain(&problem.to_string());
                }
                Err(ExitCode::from(2))
            }
        }
    }
}

/// A line for the person at the terminal.
fn say(text: &str) {
    // A reader that went away (`| head`) is no reason to fail.
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// A line about what is wrong.
fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// One worker a core, on which everything runs.
fn runtime() -> Result<tokio::runtime::Runtime, ExitCode> {
    tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("roomgate").build().map_err(|error| {
        complain(&format!("cannot start: {error}"));
        ExitCode::FAILURE
    })
}
