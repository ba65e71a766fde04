//! What holds when the files change?

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::chance::Chance;
use crate::directory::Place;

use super::watch::Watcher;
use super::{Config, Problem, Warning, file};

/// A config that follows its files. Blocks on files: it belongs on a thread of its own.
pub struct Live {
    path: PathBuf,
    chance: Arc<dyn Chance>,
    /// What the process began with: some of it holds until a restart.
    began: Arc<Config>,
    config: Arc<Config>,
    watcher: Watcher,
}

/// A new config, or why there is none and the old one still holds.
pub type News = Result<Reloaded, Vec<Problem>>;

/// A new config.
#[derive(Debug)]
pub struct Reloaded {
    /// What holds now.
    pub config: Arc<Config>,
    /// What may not be meant, and what counts only after a restart.
    pub warnings: Vec<Warning>,
}

impl Live {
    /// Reads the config for the first time.
    ///
    /// # Errors
    /// All that is wrong.
    pub fn open(path: &Path, chance: Arc<dyn Chance>) -> Result<(Self, Vec<Warning>), Vec<Problem>> {
        let reading = file::read(path, &*chance, None);
        let config: Arc<Config> = Arc::from(reading.config?);
        let watcher = Watcher::new(reading.watched);
        Ok((Self { path: path.to_owned(), chance, began: config.clone(), config, watcher }, reading.warnings))
    }

    /// What holds now.
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// Looks whether a file has changed, and if so reads all anew. To be called every [`super::watch::TICK`].
    pub fn tick(&mut self) -> Option<News> {
        if self.watcher.changed().is_empty() { None } else { Some(self.reload()) }
    }

    /// Reads all anew, changed or not (SIGHUP). A broken config changes nothing, and is read again when it is mended.
    ///
    /// # Errors
    /// All that is wrong.
    pub fn reload(&mut self) -> News {
        let reading = file::read(&self.path, &*self.chance, Some(&self.config));
        self.watcher.follow(reading.watched);
        let config = reading.config?;
        let mut warnings = reading.warnings;
        for key in config.needs_restart(&self.began) {
            let message = format!("`{key}` has changed: that counts after a restart");
            warnings.push(Warning { at: Place::whole(&self.path), message });
        }
        let config = Arc::new(config.until_a_restart(&self.config));
        self.config = config.clone();
        Ok(Reloaded { config, warnings })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

    use std::fs;

    use super::*;
    use crate::chance::SeededChance;

    const LEAST: &str = "[upstream]\nurl = \"http://127.0.0.1:3000\"\n";

    struct Desk {
        folder: tempfile::TempDir,
        live: Live,
    }

    impl Desk {
        fn new(config: &str, files: &[(&str, &str)]) -> Self {
            let folder = tempfile::tempdir().unwrap();
            fs::create_dir(folder.path().join("rooms")).unwrap();
            for (name, text) in files {
                fs::write(folder.path().join(name), text).unwrap();
            }
            let path = folder.path().join("roomgate.toml");
            fs::write(&path, config).unwrap();
            let (live, _) = Live::open(&path, Arc::new(SeededChance::new(1))).unwrap();
            Self { folder, live }
        }

        fn write(&self, name: &str, text: &str) {
            fs::write(self.folder.path().join(name), text).unwrap();
        }

        /// What comes of the change, and then nothing more.
        fn news(&mut self) -> Result<Vec<String>, Vec<String>> {
            let folder = format!("{}/", self.folder.path().display());
            let shown = |text: String| text.replace(&folder, "");
            let news = (0..60).find_map(|_| self.live.tick()).expect("a change is noticed");
            assert!((0..10).all(|_| self.live.tick().is_none()), "once");
            match news {
                Ok(reloaded) => {
                    Ok(reloaded.warnings.iter().filter(|w| !w.message.starts_with("no ")).map(|w| shown(w.to_string())).collect())
                }
                Err(problems) => Err(problems.iter().map(|p| shown(p.to_string())).collect()),
            }
        }

        fn rooms(&self) -> usize {
            self.live.config().rooms.table.len()
        }
    }

    const ROOM: &str = "[[room]]\nname = \"a\"\nprivacy = \"private\"\n";

    #[test]
    fn a_room_that_is_written_down_is_there() {
        let mut desk = Desk::new(&format!("{LEAST}[rooms]\nfiles = \"rooms/*.toml\"\n"), &[]);
        assert!((0..10).all(|_| desk.live.tick().is_none()));
        desk.write("rooms/a.toml", ROOM);
        assert_eq!(desk.news(), Ok(vec![]));
        assert_eq!(desk.rooms(), 1);
    }

    #[test]
    fn a_broken_config_changes_nothing_and_counts_when_it_is_mended() {
        let mut desk = Desk::new(&format!("{LEAST}{ROOM}"), &[]);
        let before = desk.live.config().clone();
        desk.write("roomgate.toml", &format!("{LEAST}{ROOM}[[room]]\nname = \"b c\"\nprivate = true\n"));
        let told = desk.news().unwrap_err();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].starts_with("roomgate.toml:7:8: `name`: "), "{told:?}");
        assert!(Arc::ptr_eq(desk.live.config(), &before));
        desk.write("roomgate.toml", &format!("{LEAST}{ROOM}[[room]]\nname = \"b\"\nprivacy = \"private\" # mended\n"));
        assert_eq!(desk.news(), Ok(vec![]));
        assert_eq!(desk.rooms(), 2);
    }

    #[test]
    fn a_file_that_was_missing_is_waited_for() {
        let mut desk = Desk::new(LEAST, &[]);
        desk.write("roomgate.toml", &format!("{LEAST}[session]\nsecret_file = \"session.secret\"\n"));
        let told = desk.news().unwrap_err();
        assert!(told[0].contains("make one with `openssl rand -base64 48 > "), "{told:?}");
        desk.write("session.secret", "Jq0v7mT2pXz9LrKd4wHcYbNs8uGfEa1iQoVx3tRy5ZB6hWkM\n");
        desk.news().unwrap();
        assert!(!desk.live.config().session.of_this_process);
    }

    #[test]
    fn a_session_secret_that_nobody_stated_outlives_a_reload() {
        let mut desk = Desk::new(LEAST, &[]);
        let before = desk.live.config().session.secrets.clone();
        desk.live.reload().unwrap();
        assert_eq!(desk.live.config().session.secrets, before);
    }

    #[test]
    fn what_counts_only_after_a_restart_is_told_until_it_is_taken_back() {
        let mut desk = Desk::new(LEAST, &[]);
        desk.write("roomgate.toml", &format!("{LEAST}profile = \"peercalls\"\n[server]\nlisten = \"127.0.0.1:8081\"\n"));
        let changed = |key: &str| format!("roomgate.toml: `{key}` has changed: that counts after a restart");
        // The address of a gateway without `public_url` follows `listen`.
        let all = ["server.listen", "server.public_url", "server.hosts", "server.allowed_origins", "upstream.profile"].map(changed);
        assert_eq!(desk.news(), Ok(all.to_vec()));
        desk.write("roomgate.toml", &format!("{LEAST}profile = \"peercalls\" # and nothing else any more\n"));
        assert_eq!(desk.news(), Ok(vec![changed("upstream.profile")]));
        desk.write("roomgate.toml", LEAST);
        assert_eq!(desk.news(), Ok(vec![]));
    }

    #[test]
    fn what_counts_only_after_a_restart_holds_until_then() {
        let mut desk = Desk::new(LEAST, &[]);
        let began = desk.live.config().clone();
        let other = "profile = \"peercalls\"\n[server]\nlisten = \"127.0.0.1:8081\"\ntrusted_proxies = \"10.0.0.0/8\"\n\
                     allowed_origins = \"https://a.example\"\nallowed_frames = \"https://a.example\"\n\
                     [tokens]\nparameter = \"token\"\nheader = true\nleeway = \"9s\"\n[meeting]\npresence = \"9s\"\ngrace = \"9s\"\n\
                     [identity]\nfrom = \"10.0.0.1/32\"\nheaders = { user = \"Remote-User\" }\n[store]\nkind = \"memory\"\n";
        desk.write("roomgate.toml", &format!("{LEAST}{other}[[room]]\nname = \"a\"\n"));
        assert!(desk.news().is_ok());
        let now = desk.live.config().clone();
        assert_eq!(now.needs_restart(&began), Vec::<&str>::new());
        // What follows the files all the same.
        let nine = std::time::Duration::from_secs(9);
        assert_eq!((now.tokens.leeway, now.meeting.grace), (nine, nine));
        // Rooms are named by the rules of the kind of server that is there.
        assert_eq!(desk.rooms(), 0);
    }

    #[test]
    fn what_keeps_people_out_does_not_vanish_with_a_folder() {
        let text =
            format!("{LEAST}[tokens]\nrevocations_file = \"revoked.txt\"\n[rooms]\nunknown = \"public\"\nfiles = \"rooms/*.toml\"\n");
        let mut desk = Desk::new(&text, &[("rooms/a.toml", ROOM), ("revoked.txt", "jti:a\n")]);
        fs::remove_file(desk.folder.path().join("rooms/a.toml")).unwrap();
        let gone = "roomgate.toml:7:9: `files`: `rooms/*.toml` matches nothing any more: if so meant, take it out here";
        assert_eq!(desk.news(), Err(vec![gone.to_owned()]));
        assert_eq!(desk.rooms(), 1);
        fs::remove_file(desk.folder.path().join("revoked.txt")).unwrap();
        let revoked = "roomgate.toml:4:20: `revocations_file`: revoked.txt is gone: an empty one takes nothing back";
        assert_eq!(desk.news(), Err(vec![revoked.to_owned(), gone.to_owned()]));
        assert_eq!(desk.live.config().tokens.revocations.len(), 1);
        desk.write("revoked.txt", "");
        desk.write("rooms/b.toml", ROOM);
        desk.news().unwrap();
        assert_eq!((desk.rooms(), desk.live.config().tokens.revocations.len()), (1, 0));
    }
}
