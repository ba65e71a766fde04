//! `roomgate revoke`: take tokens back. A running gateway ends their live connections within a second.

use std::process::ExitCode;

use clap::Args;

use super::{ConfigFile, complain, runtime, say};
use crate::config::{self, Store as Kind};
use crate::store::{SqliteStore, Store as _};

/// Take tokens back.
#[derive(Args)]
pub struct Revoke {
    #[command(flatten)]
    config: ConfigFile,
    /// jti:…, user:…, room:… or before:TIME (Unix seconds or 2026-12-01T09:00:00Z).
    #[arg(required = true)]
    orders: Vec<String>,
}

impl Revoke {
    pub(super) fn run(self) -> ExitCode {
        let config = match self.config.load() {
            Ok(config) => config,
            Err(code) => return code,
        };
        let profile = &config.upstream.profile;
        let read = self.orders.iter().map(|order| config::revocations::read_order(order, &|name| profile.room_name(name)));
        let orders = match read.collect::<Result<Vec<_>, _>>() {
            Ok(orders) => orders,
            Err(message) => {
                complain(&message);
                return ExitCode::from(2);
            }
        };
        // The file where one is stated, so that there is one list; else the store.
        let done = match (&config.tokens.revocations_file, &config.store) {
            (Some(file), _) => {
                orders.iter().try_for_each(|order| config::revocations::append(file, order)).map_err(|e| format!("{}: {e}", file.display()))
            }
            (None, Kind::Sqlite(path)) => {
                let runtime = match runtime() {
                    Ok(runtime) => runtime,
                    Err(code) => return code,
                };
                runtime.block_on(async {
                    let store = SqliteStore::open(path).map_err(|e| e.to_string())?;
                    for order in orders.clone() {
                        store.revoke(order).await.map_err(|e| e.to_string())?;
                    }
                    Ok(())
                })
            }
            (None, Kind::Memory) => Err("nowhere to write it: state `tokens.revocations_file`, or `[store] kind = \"sqlite\"`".to_owned()),
        };
        match done {
            Ok(()) => {
                orders.iter().for_each(|order| say(&format!("revoked {order}")));
                ExitCode::SUCCESS
            }
            Err(message) => {
                complain(&message);
                ExitCode::FAILURE
            }
        }
    }
}
