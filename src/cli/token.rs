//! `roomgate token`: mint a link to a room.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::{ConfigFile, complain, say};
use crate::access::RoomName;
use crate::chance::{Chance as _, SystemChance};
use crate::clock::{Clock as _, SystemClock};
use crate::config::{self, Config};
use crate::token::{Material, Minting, mint};

/// Mint a link to a room.
#[derive(Args)]
pub struct Token {
    #[command(flatten)]
    config: ConfigFile,
    /// The room it opens.
    #[arg(long, required_unless_present = "any_room", conflicts_with = "any_room")]
    room: Option<String>,
    /// It opens every room.
    #[arg(long)]
    any_room: bool,
    /// Its bearer is an owner: lets others in, removes them.
    #[arg(long)]
    owner: bool,
    /// What its bearer is called.
    #[arg(long)]
    name: Option<String>,
    /// Its bearer's user id.
    #[arg(long)]
    user: Option<String>,
    /// Its bearer's e-mail address.
    #[arg(long)]
    email: Option<String>,
    /// It is valid for so long: 30s, 5m, 2h, 7d.
    #[arg(long = "for", value_name = "DURATION", default_value = "2h", value_parser = config::duration)]
    lifetime: Duration,
    /// Its bearer must ask to be let in all the same.
    #[arg(long)]
    guest: bool,
    /// Whoever is inside by it leaves when its time is over.
    #[arg(long)]
    eject: bool,
    /// The key that signs; by default the first that can.
    #[arg(long, value_name = "ID")]
    key: Option<String>,
    /// Print the token alone, not the link.
    #[arg(long)]
    bare: bool,
}

impl Token {
    pub(super) fn run(self) -> ExitCode {
        let config = match self.config.load() {
            Ok(config) => config,
            Err(code) => return code,
        };
        match self.link(&config) {
            Ok(link) => {
                say(&link);
                ExitCode::SUCCESS
            }
            Err(message) => {
                complain(&message);
                ExitCode::from(2)
            }
        }
    }

    fn link(&self, config: &Config) -> Result<String, String> {
        let profile = &config.upstream.profile;
        let room = match &self.room {
            None => None,
            Some(name) => Some(profile.room_name(name).map_err(|e| format!("room `{name}`: {e}"))?),
        };
        if room.is_none() && config.tokens.require_room {
            return Err("a token for any room opens none here: `tokens.require_room` is set".to_owned());
        }
        let key = match &self.key {
            Some(id) => config
                .tokens
                .keys
                .iter()
                .find(|k| k.id.as_ref() == Some(id))
                .ok_or_else(|| format!("no [[tokens.key]] has the id `{id}`"))?,
            None => config
                .tokens
                .keys
                .iter()
                .find(|k| matches!(k.material, Material::Secret(_)))
                .ok_or("no [[tokens.key]] can sign: state one with algorithm HS256 and a secret_file")?,
        };
        let now = SystemClock.now();
        let id = SystemChance.id().map_err(|e| e.to_string())?.to_string();
        let minting = Minting {
            owner: self.owner,
            name: self.name.clone(),
            user: self.user.clone(),
            email: self.email.clone(),
            guest: self.guest,
            domain: config.tokens.domain_id.clone(),
            expires: Some(now.plus(self.lifetime)),
            id: Some(id),
            eject_at_expiry: self.eject.then_some(true),
            ..Minting::new(room.clone(), now)
        };
        let token = mint(&minting, key).map_err(|e| e.to_string())?;
        if self.bare {
            return Ok(token);
        }
        let page = room.as_ref().map_or_else(|| "/".to_owned(), |room: &RoomName| profile.page(room));
        Ok(format!("{}{page}?{}={token}", config.server.public_url.origin(), config.tokens.parameter))
    }
}
