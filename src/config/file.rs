//! The config as the operator wrote it: from files to a [`Config`], with all that is wrong at once.

use std::cell::RefCell;
use std::path::Path;

use crate::chance::Chance;
use crate::directory::Place;
use crate::profile::{PeerCalls, Profile};

use super::Config;
use super::document::{Page, Section};
use super::problem::{Notes, Problem, Warning};
use super::secrets::everybody_reads;
use super::watch::Watched;

/// What came of reading.
pub(super) struct Reading {
    pub(super) config: Result<Box<Config>, Vec<Problem>>,
    pub(super) warnings: Vec<Warning>,
    /// All that was read, or would have been: also where it failed, so that mending it is noticed.
    pub(super) watched: Watched,
}

/// What everybody needs who reads a section.
pub(super) struct Desk<'a> {
    /// The folder that the config stands in.
    pub(super) folder: &'a Path,
    pub(super) chance: &'a dyn Chance,
    /// What held until now, when this is a reload.
    pub(super) before: Option<&'a Config>,
    pub(super) watched: &'a RefCell<Watched>,
    pub(super) notes: &'a RefCell<Notes>,
    pub(super) everybody_reads_config: bool,
}

pub(super) fn read(path: &Path, chance: &dyn Chance, before: Option<&Config>) -> Reading {
    let (watched, notes) = (RefCell::new(Watched::default()), RefCell::new(Notes::default()));
    let folder = path.parent().unwrap_or(Path::new(""));
    let desk = Desk { folder, chance, before, watched: &watched, notes: &notes, everybody_reads_config: false };
    let config = desk.config(path);

    let watched = watched.into_inner();
    let Notes { mut problems, mut warnings } = notes.into_inner();
    problems.sort();
    problems.dedup();
    warnings.sort();
    warnings.dedup();
    let config = match config {
        Some(config) if problems.is_empty() => Ok(Box::new(Config { watched: watched.clone(), ..config })),
        // Nothing is ever half right: without a config there is a reason, and with a reason no config.
        Some(_) | None => {
            if problems.is_empty() {
                problems.push(Problem { at: Place::whole(path), message: "something is missing".to_owned() });
            }
            Err(problems)
        }
    };
    Reading { config, warnings, watched }
}

impl Desk<'_> {
    fn config(mut self, path: &Path) -> Option<Config> {
        let read = self.watched.borrow_mut().read(path);
        let bytes = match read {
            Ok((bytes, meta)) => {
                self.everybody_reads_config = everybody_reads(&meta);
                bytes
            }
            Err(e) => {
                self.notes.borrow_mut().problem(Place::whole(path), format!("cannot read the config: {e}"));
                return None;
            }
        };
        let text = self.text(path, &bytes)?;
        let page = Page::new(path, text, self.notes);
        let table = page.parse(text)?;
        let whole = Section::whole(&page, "", table.get_ref());

        let server = self.server(&whole.section("server", "[server]"));
        let listen = server.as_ref().map(|s| s.listen.as_slice()).unwrap_or_default();
        let upstream = self.upstream(&whole.section("upstream", "[upstream]"), listen);
        // Where that is wrong, names are judged as loosely as anybody does: what else is wrong is told all the same.
        let stand_in = Profile::PeerCalls(PeerCalls::default());
        let profile = upstream.as_ref().map_or(&stand_in, |u| &u.profile);
        let tokens = self.tokens(&whole.section("tokens", "[tokens]"), profile);
        let session = self.session(&whole.section("session", "[session]"));
        let meeting = self.meeting(&whole.section("meeting", "[meeting]"));
        let identity = self.identity(&whole.section("identity", "[identity]"));
        let store = self.store(&whole.section("store", "[store]"));
        let pages = self.pages(&whole.section("pages", "[pages]"));
        let (rooms, network) = self.rooms(&whole, &whole.section("rooms", "[rooms]"), profile);
        let webhooks = self.webhooks(&whole, profile);
        whole.close();

        let (server, upstream) = (server?, upstream?);
        if let Some(at) = network
            && server.trusted_proxies.is_empty()
            && server.listen.iter().all(|a| a.ip().is_loopback())
        {
            self.notes.borrow_mut().warn(
                at,
                "`allow` names a network, and `trusted_proxies` is empty: behind a proxy, where everybody seems to come from, no network rule holds",
            );
        }
        let watched = Watched::default();
        Some(Config { server, upstream, tokens, session, meeting, identity, store, pages, rooms, webhooks, watched })
    }

    /// The text of a file; what is none is a problem.
    pub(super) fn text<'b>(&self, path: &Path, bytes: &'b [u8]) -> Option<&'b str> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Some(text),
            Err(e) => {
                let line = bytes.iter().take(e.valid_up_to()).filter(|b| **b == b'\n').count().saturating_add(1);
                let at = Place { line: u32::try_from(line).unwrap_or(u32::MAX), column: 1, ..Place::whole(path) };
                self.notes.borrow_mut().problem(at, "not UTF-8");
                None
            }
        }
    }
}
