//! `[session]` and `[meeting]`: how long does it last that somebody is let in?

use std::time::Duration;

use crate::token::Secret;

use super::document::{Said, Section};
use super::file::Desk;
use super::secrets::secret_flaw;
use super::{Meeting, Session};

const DAY: Duration = Duration::from_secs(86_400);
const HALF_A_DAY: Duration = Duration::from_secs(43_200);
const MONTH: Duration = Duration::from_secs(30 * 86_400);

impl Desk<'_> {
    pub(super) fn session(&self, section: &Section<'_>) -> Session {
        let lifetime = section.duration("lifetime", Duration::from_secs(60)..=MONTH).map_or(HALF_A_DAY, |l| l.value);
        let stated = section.key_at("secret_file").is_some();
        let secrets = self.secrets(section, "secret_file").map(|secrets| judged(section, secrets)).unwrap_or_default();
        let session = if stated {
            Session { secrets, lifetime, of_this_process: false }
        } else {
            section.warn(section.at(), "no `secret_file` in [session]: sessions end when roomgate does, and no second one can open them");
            Session { secrets: self.secret_of_this_process(section), lifetime, of_this_process: true }
        };
        section.close();
        session
    }

    /// The one that was made at the start, or a new one.
    fn secret_of_this_process(&self, section: &Section<'_>) -> Vec<Secret> {
        if let Some(before) = self.before.filter(|before| before.session.of_this_process) {
            return before.session.secrets.clone();
        }
        let mut bytes = vec![0; 32];
        match self.chance.fill(&mut bytes) {
            Ok(()) => vec![Secret::new(bytes)],
            Err(e) => {
                section.problem(section.at(), format!("no secret could be made for [session]: {e}: state `secret_file`"));
                Vec::new()
            }
        }
    }

    pub(super) fn meeting(&self, section: &Section<'_>) -> Meeting {
        let limits = || Duration::from_secs(1)..=DAY;
        let grace = section.duration("grace", Duration::ZERO..=DAY).map_or(Duration::from_secs(300), |d| d.value);
        let presence = section.duration("presence", limits()).map_or(Duration::from_secs(60), |d| d.value);
        section.close();
        Meeting { grace, presence }
    }
}

fn judged(section: &Section<'_>, secrets: Said<Vec<Secret>>) -> Vec<Secret> {
    for (secret, number) in secrets.value.iter().zip(1_u32..) {
        if let Some(flaw) = secret_flaw(secret) {
            let which = if secrets.value.len() > 1 { format!(" (the one of number {number})") } else { String::new() };
            section.problem(secrets.at, format!("`secret_file`{which}: {flaw}"));
        }
    }
    secrets.value
}
