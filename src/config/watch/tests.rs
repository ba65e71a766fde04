#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::*;

struct Desk {
    folder: tempfile::TempDir,
    watcher: Watcher,
}

impl Desk {
    fn new(files: &[&str], globs: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut desk = Self { folder, watcher: Watcher::new(Watched::default()) };
        for file in files {
            desk.write(file, "first");
        }
        desk.follow(files, globs);
        desk
    }

    fn follow(&mut self, files: &[&str], globs: &[&str]) {
        let mut watched = Watched::default();
        for file in files {
            let _ = watched.read(&self.path(file));
        }
        for pattern in globs {
            for file in watched.glob(self.path(pattern).to_str().unwrap()).unwrap() {
                watched.read(&file).unwrap();
            }
        }
        self.watcher.follow(watched);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), text).unwrap();
    }

    /// What is reported within so many ticks, and after how many.
    fn within(&mut self, ticks: u32) -> Option<(u32, Vec<String>)> {
        (1..=ticks).find_map(|tick| {
            let changed = self.watcher.changed();
            let name = |p: &PathBuf| p.strip_prefix(self.folder.path()).unwrap().display().to_string();
            (!changed.is_empty()).then(|| (tick, changed.iter().map(name).collect()))
        })
    }
}

fn reported(within: Option<(u32, Vec<String>)>) -> Vec<String> {
    within.map(|(_, files)| files).unwrap_or_default()
}

#[test]
fn an_edit_in_place_is_reported_once_and_soon() {
    let mut desk = Desk::new(&["a.toml", "b.toml"], &[]);
    assert_eq!(desk.within(10), None);
    desk.write("b.toml", "second, and longer");
    assert_eq!(desk.within(10), Some((2, vec!["b.toml".to_owned()])));
    assert_eq!(desk.within(100), None);
}

#[test]
fn a_file_renamed_over_another_is_reported() {
    let mut desk = Desk::new(&["a.toml"], &[]);
    desk.write("a.toml.new", "other");
    fs::rename(desk.path("a.toml.new"), desk.path("a.toml")).unwrap();
    assert_eq!(desk.within(10), Some((2, vec!["a.toml".to_owned()])), "of the same length, and even if it were shorter");
    desk.write("a.toml.new", "s");
    fs::rename(desk.path("a.toml.new"), desk.path("a.toml")).unwrap();
    assert_eq!(desk.within(10), Some((2, vec!["a.toml".to_owned()])));
}

#[cfg(unix)]
#[test]
fn a_link_that_points_elsewhere_is_reported() {
    use std::os::unix::fs::symlink;

    let mut desk = Desk::new(&[], &[]);
    for (version, text) in [("..v1", "first"), ("..v2", "other")] {
        desk.write(&format!("{version}/a.toml"), text);
    }
    symlink("..v1", desk.path("..data")).unwrap();
    symlink("..data/a.toml", desk.path("a.toml")).unwrap();
    desk.follow(&["a.toml"], &["*.toml"]);
    assert_eq!(desk.within(10), None);
    symlink("..v2", desk.path("..data_tmp")).unwrap();
    fs::rename(desk.path("..data_tmp"), desk.path("..data")).unwrap();
    assert_eq!(reported(desk.within(10)), ["a.toml"]);
}

#[test]
fn files_that_go_and_files_that_come_are_reported() {
    let mut desk = Desk::new(&["a.toml", "rooms/x.toml"], &["rooms/*.toml"]);
    desk.follow(&["a.toml", "missing.secret"], &["rooms/*.toml"]);
    desk.write("rooms/y.toml", "new");
    assert_eq!(reported(desk.within(10)), ["rooms/y.toml"]);
    fs::remove_file(desk.path("rooms/x.toml")).unwrap();
    assert_eq!(reported(desk.within(10)), ["rooms/x.toml"]);
    desk.write("missing.secret", "there it is");
    assert_eq!(reported(desk.within(10)), ["missing.secret"]);
    desk.write("rooms/not-matched.txt", "new");
    assert_eq!(desk.within(20), None);
}

#[test]
fn a_file_that_is_touched_but_not_changed_is_not_reported() {
    let mut desk = Desk::new(&["a.toml"], &[]);
    desk.write("a.toml", "first");
    desk.write("b.toml", "first");
    assert_eq!(desk.within(10), None);
    fs::rename(desk.path("b.toml"), desk.path("a.toml")).unwrap();
    assert_eq!(desk.within(100), None);
}

#[test]
fn a_change_that_leaves_no_trace_but_its_content_is_found_in_the_end() {
    let mut desk = Desk::new(&["a.toml"], &[]);
    desk.write("a.toml", "other");
    let path = desk.path("a.toml");
    desk.watcher.seen.files.get_mut(&path).unwrap().sign = sign(&path);
    assert_eq!(desk.within(CONTENT_EVERY), Some((CONTENT_EVERY, vec!["a.toml".to_owned()])));
}

#[test]
fn a_file_that_is_still_being_written_is_waited_for() {
    let mut desk = Desk::new(&["a.toml"], &[]);
    for text in ["f", "fi", "fir", "firs", "first, "] {
        desk.write("a.toml", text);
        assert_eq!(desk.within(1), None, "{text}");
    }
    desk.write("a.toml", "first, and then some");
    assert_eq!(reported(desk.within(2)), ["a.toml"]);
}

#[test]
fn a_file_that_became_shorter_in_place_must_hold_still_for_longer() {
    let mut desk = Desk::new(&["a.toml"], &[]);
    desk.write("a.toml", "");
    let (ticks, files) = desk.within(PATIENCE).unwrap();
    assert_eq!(files, ["a.toml"]);
    assert!(ticks > SETTLED_SHORTER, "{ticks}");
}

#[test]
fn a_file_that_never_rests_is_reported_all_the_same() {
    let mut desk = Desk::new(&["a.toml"], &[]);
    let all = (0..PATIENCE * 2).any(|i| {
        desk.write("a.toml", &"x".repeat(10 + usize::try_from(i).unwrap()));
        !desk.watcher.changed().is_empty()
    });
    assert!(all);
}

#[test]
fn a_change_between_reading_and_watching_is_reported() {
    let desk = Desk::new(&["a.toml"], &[]);
    let mut watched = Watched::default();
    watched.read(&desk.path("a.toml")).unwrap();
    desk.write("a.toml", "changed meanwhile");
    let mut watcher = Watcher::new(watched);
    assert!((0..3).any(|_| !watcher.changed().is_empty()));
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_not_read() {
    let desk = Desk::new(&["a/b"], &[]);
    Watched::default().read(&desk.path("a")).unwrap_err();
    Watched::default().read(Path::new("/dev/zero")).unwrap_err();
    assert_eq!(Watched::default().glob("[").unwrap_err(), "invalid range pattern");
}
