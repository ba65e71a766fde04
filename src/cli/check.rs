//! `roomgate check`: is this configuration right?

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
}

impl Check {
    pub(super) fn run(self) -> ExitCode {
        match Config::load(self.config.path(), &SystemChance) {
            Ok((config, warnings)) => {
                for warning in &warnings {
                    complain(&format!("warning: {warning}"));
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
