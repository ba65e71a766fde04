//! `roomgate check`: is this configuration right, and are the back doors shut?

mod ask;
mod plan;
mod probe;
mod words;

use std::process::ExitCode;

use clap::Args;

use super::{ConfigFile, complain, say};
use crate::chance::SystemChance;
use crate::config::Config;

/// Prove a configuration.
#[derive(Args)]
pub struct Check {
    #[command(flatten)]
    config: ConfigFile,
    /// Do not try what browsers must not reach. Only profile `jitsi` has something to try; it takes up to six seconds.
    #[arg(long)]
    no_probe: bool,
}

impl Check {
    pub(super) fn run(self) -> ExitCode {
        match Config::load(self.config.path(), &SystemChance) {
            Ok((config, warnings)) => {
                let told = if self.no_probe { probe::Told::default() } else { probe::probe(&config) };
                let warnings: Vec<String> = warnings.iter().map(ToString::to_string).chain(told.warnings).collect();
                for warning in &warnings {
                    complain(&format!("warning: {warning}"));
                }
                for note in &told.notes {
                    say(note);
                }
                let (rooms, keys) = (config.rooms.table.len(), config.tokens.keys.len());
                say(&format!(
                    "{}: ok ({rooms} rooms by name, {keys} token keys, {} warnings)",
                    self.config.path().display(),
                    warnings.len()
                ));
                ExitCode::SUCCESS
            }
            Err(problems) => {
                for problem in &problems {
                    complain(&problem.to_string());
                }
                complain(&format!("{} problems", problems.len()));
                ExitCode::from(2)
            }
        }
    }
}
