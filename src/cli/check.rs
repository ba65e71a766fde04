//! `roomgate check`: is this configuration right, and are the back doors shut?

mod ask;
mod plan;
mod probe;
mod words;

use std::process::ExitCode;

use clap::Args;

use super::{ConfigFile, complain, say};
use crate::chance::SystemChance;
use crate::config::{Config, HookEvent, HookShape, Webhook};

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
                for hook in &config.webhooks {
                    say(&in_words(hook));
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

/// What a hook will be told, and where; nothing is sent to try it.
fn in_words(hook: &Webhook) -> String {
    let shape = HookShape::WORDS.iter().find(|(_, shape)| *shape == hook.shape).map_or("", |(word, _)| word);
    let events = if hook.events.len() == HookEvent::ALL.len() { "all events".to_owned() } else { format!("{} events", hook.events.len()) };
    let rooms = if hook.rooms.is_empty() {
        "all rooms".to_owned()
    } else {
        hook.rooms.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    let signed = match hook.secrets.len() {
        0 => "not signed",
        1 => "signed",
        _ => "signed twice",
    };
    format!("webhook {}: {} as {shape}, {events}, {rooms}, {signed}", hook.name, hook.url)
}
