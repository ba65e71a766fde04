//! Which files have changed?
//!
//! By content, not by news from the kernel: an edit in place, a file renamed over another, a symbolic link that points elsewhere
//! (as a mounted ConfigMap is renewed), a deletion and a new file that a pattern matches are all seen, on any file system.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};

/// How often [`Watcher::changed`] is to be called: a change is reported after two to three of these.
pub const TICK: Duration = Duration::from_millis(200);

/// Ticks that a change must have held still, so that no half-written file is read.
const SETTLED: u32 = 1;
/// The same where a file became shorter in place: it may be being written anew, and half of a room's rules are not its rules.
const SETTLED_SHORTER: u32 = 10;
/// After so many ticks a change is reported, settled or not.
const PATIENCE: u32 = 50;
/// Patterns are matched anew every so many ticks.
const GLOB_EVERY: u32 = 5;
/// Contents are compared every so many ticks, whatever sizes and times say: 15 seconds.
const CONTENT_EVERY: u32 = 75;
/// The largest file that is read.
const LARGEST: u64 = 256 * 1024 * 1024;

/// What was read, and as it was then: a change between reading and watching is not missed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watched {
    files: BTreeMap<PathBuf, Print>,
    globs: Vec<Matched>,
}

/// A pattern of file names, and the files that it matched.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Matched {
    pattern: String,
    files: BTreeSet<PathBuf>,
}

/// A file at one moment; all `None` where there was none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Print {
    sign: Option<Sign>,
    content: Option<[u8; 32]>,
}

/// What the file system says of a file without its being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sign {
    len: u64,
    modified: Option<std::time::SystemTime>,
    /// When contents, owner or mode changed, which nobody can set; zero where there is no such thing.
    changed: (i64, i64),
    /// Device and number.
    place: (u64, u64),
}

impl Sign {
    fn of(meta: &Metadata) -> Self {
        #[cfg(unix)]
        let (changed, place) = {
            use std::os::unix::fs::MetadataExt;
            ((meta.ctime(), meta.ctime_nsec()), (meta.dev(), meta.ino()))
        };
        #[cfg(not(unix))]
        let (changed, place) = ((0, 0), (0, 0));
        Self { len: meta.len(), modified: meta.modified().ok(), changed, place }
    }
}

impl Print {
    fn of(path: &Path) -> Self {
        read(path).map_or_else(|_| Self { sign: sign(path), content: None }, |(_, print, _)| print)
    }
}

fn sign(path: &Path) -> Option<Sign> {
    fs::metadata(path).ok().map(|m| Sign::of(&m))
}

fn read(path: &Path) -> io::Result<(Vec<u8>, Print, Metadata)> {
    // Asked before opening: a pipe would keep us waiting.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a file"));
    }
    let file = File::open(path)?;
    let meta = file.metadata()?;
    let mut bytes = Vec::with_capacity(usize::try_from(meta.len().min(LARGEST)).unwrap_or(0));
    file.take(LARGEST.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > LARGEST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "larger than 256 MiB"));
    }
    let print = Print { sign: Some(Sign::of(&meta)), content: hash(&bytes) };
    Ok((bytes, print, meta))
}

fn hash(bytes: &[u8]) -> Option<[u8; 32]> {
    digest(&SHA256, bytes).as_ref().try_into().ok()
}

impl Watched {
    /// Reads a file and remembers it. A file that is not there is remembered too: it may come.
    ///
    /// # Errors
    /// Where it is no regular file, cannot be read, or has more than 256 MiB.
    pub fn read(&mut self, path: &Path) -> io::Result<(Vec<u8>, Metadata)> {
        match read(path) {
            Ok((bytes, print, meta)) => {
                self.files.insert(path.to_owned(), print);
                Ok((bytes, meta))
            }
            Err(e) => {
                self.files.insert(path.to_owned(), Print { sign: sign(path), content: None });
                Err(e)
            }
        }
    }

    /// The files that this pattern matches now, in the order of their names.
    ///
    /// # Errors
    /// Where it is no pattern (then nothing is remembered) or a folder cannot be read.
    pub fn glob(&mut self, pattern: &str) -> Result<BTreeSet<PathBuf>, String> {
        let files = matches(pattern)?;
        self.globs.push(Matched { pattern: pattern.to_owned(), files: files.clone() });
        Ok(files)
    }

    /// How many files this pattern matched.
    pub fn matched(&self, pattern: &str) -> usize {
        self.globs.iter().find(|g| g.pattern == pattern).map_or(0, |g| g.files.len())
    }

    /// Whether this file was there.
    pub fn was_there(&self, path: &Path) -> bool {
        self.files.get(path).is_some_and(|print| print.content.is_some())
    }

    /// All files.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.files.keys().map(PathBuf::as_path)
    }
}

fn matches(pattern: &str) -> Result<BTreeSet<PathBuf>, String> {
    let options = glob::MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };
    let found = glob::glob_with(pattern, options).map_err(|e| e.msg.to_owned())?;
    found.collect::<Result<_, _>>().map_err(|e| format!("cannot read {}: {}", e.path().display(), e.error()))
}

/// Looks at files again and again.
#[derive(Debug)]
pub struct Watcher {
    seen: Watched,
    tick: u32,
    /// What looks different, and for how many ticks: unchanged, and at all.
    pending: Option<(BTreeMap<PathBuf, Option<Sign>>, u32, u32)>,
}

impl Watcher {
    /// Watches what was read.
    pub fn new(watched: Watched) -> Self {
        Self { seen: watched, tick: 0, pending: None }
    }

    /// From now on watches this instead.
    pub fn follow(&mut self, watched: Watched) {
        self.seen = watched;
        self.pending = None;
    }

    /// The files that have changed since they were read, or since they were last reported. To be called every [`TICK`]; blocks
    /// as long as the file system takes.
    pub fn changed(&mut self) -> Vec<PathBuf> {
        self.tick = self.tick.wrapping_add(1);
        if self.tick.checked_rem(GLOB_EVERY) == Some(0) {
            self.look_for_new_files();
        }
        let signs: BTreeMap<PathBuf, Option<Sign>> = self.seen.files.keys().map(|path| (path.clone(), sign(path))).collect();
        let differs = |path: &PathBuf, now: &Option<Sign>| self.seen.files.get(path).is_none_or(|print| print.sign != *now);
        let different: Vec<PathBuf> = signs.iter().filter(|(path, now)| differs(path, now)).map(|(path, _)| path.clone()).collect();
        let thorough = self.tick.checked_rem(CONTENT_EVERY) == Some(0);
        if different.is_empty() && !thorough {
            self.pending = None;
            return Vec::new();
        }
        if !different.is_empty() {
            let (held, waited) = match self.pending.take() {
                Some((before, held, waited)) if before == signs => (held.saturating_add(1), waited.saturating_add(1)),
                Some((_, _, waited)) => (0, waited.saturating_add(1)),
                None => (0, 0),
            };
            let settled = if different.iter().any(|path| self.became_shorter(path, &signs)) { SETTLED_SHORTER } else { SETTLED };
            if held < settled && waited < PATIENCE {
                self.pending = Some((signs, held, waited));
                return Vec::new();
            }
        }
        let suspects: Vec<PathBuf> = if thorough { signs.into_keys().collect() } else { different };
        self.compare(suspects)
    }

    /// Compares contents. Where only a time or a place changed there is nothing to report.
    fn compare(&mut self, suspects: Vec<PathBuf>) -> Vec<PathBuf> {
        let mut changed = Vec::new();
        for path in suspects {
            let now = Print::of(&path);
            let before = self.seen.files.insert(path.clone(), now).unwrap_or_default();
            // A file that is there and cannot be read differs from one that is not there.
            if before.content != now.content || (now.content.is_none() && before.sign.is_some() != now.sign.is_some()) {
                changed.push(path);
            }
        }
        changed
    }

    fn look_for_new_files(&mut self) {
        for matched in &mut self.seen.globs {
            for path in matches(&matched.pattern).unwrap_or_default() {
                if matched.files.insert(path.clone()) {
                    self.seen.files.entry(path).or_default();
                }
            }
        }
    }

    fn became_shorter(&self, path: &Path, signs: &BTreeMap<PathBuf, Option<Sign>>) -> bool {
        let before = self.seen.files.get(path).and_then(|print| print.sign);
        let now = signs.get(path).copied().flatten();
        matches!((before, now), (Some(before), Some(now)) if now.place == before.place && now.len < before.len)
    }
}
