//! What does the file hold after a crash, a mishap, a newer version?

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::access::{Answer, Bar, Id, KnockState};
use crate::store::{SqliteStore, Store, StoreError, What};

use super::*;

/// Where the child finds the store. Without it, the child's test has nothing to do.
const CHILD: &str = "ROOMGATE_TEST_STORE";

/// What the child says of one knock: `visitor state`.
fn said(visitor: Id, state: &str) -> String {
    format!("committed {visitor} {state}")
}

#[test]
fn what_was_committed_survives_a_killed_process() {
    for round in 0..4_u64 {
        let (_home, path) = home();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "store::tests::durable::a_process_that_writes_until_it_is_killed", "--nocapture"])
            .env(CHILD, &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // At another place in its work each time; the rest of what it said is read after its end.
        let kill_after = 40 + usize::try_from(round).unwrap() * 97 + usize::try_from(std::process::id() % 53).unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut promised = BTreeMap::new();
        let mut heard = 0;
        while let Some(Ok(line)) = lines.next() {
            if let Some((visitor, state)) = line.strip_prefix("committed ").and_then(|rest| rest.split_once(' ')) {
                promised.insert(Id::parse(visitor).unwrap(), state.to_owned());
                heard += 1;
                if heard == kill_after {
                    child.kill().unwrap();
                }
            }
        }
        assert!(!child.wait().unwrap().success(), "it was killed");
        assert!(heard >= kill_after, "it wrote, and said so");

        let store = open(&path);
        for (visitor, state) in promised {
            let now = store.facts().knock_state(&standup_of(visitor), visitor);
            match state.as_str() {
                // It may have been answered, and killed before it could say so.
                "waiting" => assert!(matches!(now, KnockState::Waiting | KnockState::Granted | KnockState::Denied), "{visitor}: {now:?}"),
                "granted" => assert_eq!(now, KnockState::Granted, "{visitor}"),
                "denied" => assert_eq!(now, KnockState::Denied, "{visitor}"),
                // In a room of their own each: sent back, then let in with everybody, then everybody to come.
                step => {
                    let r = alone(visitor);
                    let own = store.facts().knock_state(&r, visitor);
                    let known = Known { visitor: Some(visitor), ..Known::default() };
                    assert_eq!(store.facts().bar(&r, &known), Some(Bar::Back), "{visitor} {step}");
                    match step {
                        "moved" => assert!(matches!(own, KnockState::Waiting | KnockState::Granted), "{visitor}: {own:?}"),
                        "everybody" => assert_eq!(own, KnockState::Granted, "{visitor}"),
                        "remembered" => {
                            assert_eq!(own, KnockState::Granted, "{visitor}");
                            assert_eq!(store.facts().remembered(&r).map(|c| c.answer), Some(Answer::Deny), "{visitor}");
                        }
                        other => panic!("{other}"),
                    }
                }
            }
        }
        // What was told goes with what was done: every answer that counts stands in the trail, once.
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let trail = runtime.block_on(store.trail(0, usize::MAX)).unwrap();
        let told: std::collections::BTreeSet<_> = trail.iter().map(|event| event.id).collect();
        assert_eq!(told.len(), trail.len(), "no event is there twice");
        let answers = trail.iter().filter(|event| matches!(event.what, What::Allowed | What::Denied)).count();
        let answered = store.facts().snapshot().rooms().flat_map(|(_, r)| r.knocks()).filter(|k| k.answered.is_some()).count();
        assert_eq!(answers, answered);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(store.knock(Asking::new(new_id(), &standup(), ANN, "Ann", NOON))).expect("and it goes on");
    }
}

fn standup_of(visitor: Id) -> crate::access::RoomName {
    room(&format!("standup-{}", visitor.bytes()[7] % 8))
}

/// The room that this visitor is sent back in.
fn alone(visitor: Id) -> crate::access::RoomName {
    room(&format!("alone-{visitor}"))
}

/// Not a test by itself: the body of the process that the test above kills.
#[test]
#[allow(clippy::print_stdout)]
fn a_process_that_writes_until_it_is_killed() {
    let Some(path) = std::env::var_os(CHILD).map(PathBuf::from) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Arc::new(open(&path));
        let say = |line: String| {
            let mut out = std::io::stdout().lock();
            let _ = writeln!(out, "\n{line}");
            let _ = out.flush();
        };
        let tasks: Vec<_> = (0..8_u64)
            .map(|task| {
                let store = store.clone();
                tokio::spawn(async move {
                    for n in 0..400 {
                        let visitor = numbered(task + 8 * n);
                        let r = standup_of(visitor);
                        let knock = store.knock(Asking::new(new_id(), &r, visitor, "guest", NOON)).await.unwrap();
                        say(said(visitor, "waiting"));
                        let (answer, state) = if n % 2 == 0 { (Answer::Allow, "granted") } else { (Answer::Deny, "denied") };
                        store.answer(&r, knock.id, answer, 1, &by("Grace"), NOON).await.unwrap();
                        say(said(visitor, state));
                        if n % 3 == 0 {
                            let (visitor, by) = (numbered(1_000_000 + task + 8 * n), by("Grace"));
                            let r = alone(visitor);
                            store.move_back(back(new_id(), &r, visitor, "guest", NOON)).await.unwrap();
                            say(said(visitor, "moved"));
                            store.answer_everyone(&r, None, Answer::Allow, &by, NOON).await.unwrap();
                            say(said(visitor, "everybody"));
                            store.remember(new_id(), &r, Some(Answer::Deny), &by, NOON).await.unwrap();
                            say(said(visitor, "remembered"));
                        }
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        // The parent kills long before this; if it does not, this must not look like a success.
        std::process::exit(3);
    });
}

const KNOCKS: &str = "room, visitor, id, name, version, state, at, answered_at, answered_by";
const BARS: &str = "room, id, kind, visitor, user, token, session, name, decided_by, at, lasting";

#[test]
fn a_row_that_we_did_not_write_is_told_with_its_place_and_never_a_panic() {
    let id = "x'00000000000000000000000000000001'";
    for (sql, expected) in [
        (
            format!("INSERT INTO knocks ({KNOCKS}) VALUES ('a', {id}, {id}, 'Ann', 1, 'maybe', 0, NULL, NULL)"),
            "table `knocks`, row 1: `state` is `maybe`",
        ),
        (
            format!("INSERT INTO knocks ({KNOCKS}) VALUES ('a', x'00', {id}, 'Ann', 1, 'waiting', 0, NULL, NULL)"),
            "table `knocks`, row 1: `visitor`",
        ),
        (
            format!("INSERT INTO knocks ({KNOCKS}) VALUES ('a', {id}, {id}, 'Ann', -1, 'waiting', 0, NULL, NULL)"),
            "table `knocks`, row 1: `version`",
        ),
        (
            format!("INSERT INTO knocks ({KNOCKS}) VALUES ('a', {id}, {id}, 'Ann', 99999999999, 'waiting', 0, NULL, NULL)"),
            "row 1: `version`",
        ),
        (
            format!("INSERT INTO knocks ({KNOCKS}) VALUES ('a/b/c', {id}, {id}, 'Ann', 1, 'waiting', 0, NULL, NULL)"),
            "`room`: a room name may not contain '/'",
        ),
        (
            format!("INSERT INTO knocks ({KNOCKS}) VALUES ('a', {id}, {id}, CAST(x'ff' AS TEXT), 1, 'waiting', 0, NULL, NULL)"),
            "row 1: `name`",
        ),
        (format!("INSERT INTO knocks ({KNOCKS}) VALUES ('a', {id}, {id}, 'Ann', 1, 'granted', 0, NULL, NULL)"), "`state` is `granted`"),
        (format!("INSERT INTO knocks ({KNOCKS}) VALUES ('a', {id}, {id}, 'Ann', 1, 'waiting', 0, 5, 'Grace')"), "`state` is `waiting`"),
        (
            format!("INSERT INTO knocks ({KNOCKS}) VALUES ('a', {id}, {id}, 'Ann', 1, 'denied', 0, 5, NULL)"),
            "`answered_at` and `answered_by`",
        ),
        (
            format!(
                "INSERT INTO knocks ({KNOCKS}) VALUES ('a', {id}, {id}, 'Ann', 1, 'waiting', 0, NULL, NULL), ('a', x'{:032x}', {id}, 'Ben', 1, 'waiting', 0, NULL, NULL)",
                2
            ),
            "row 2: `id` 00000000000000000000000000000001 stands for two knocks",
        ),
        (
            format!("INSERT INTO bars ({BARS}) VALUES ('a', {id}, 'disliked', NULL, NULL, NULL, NULL, '', '', 0, 0)"),
            "table `bars`, row 1: `kind` is `disliked`",
        ),
        (format!("INSERT INTO bars ({BARS}) VALUES ('a', {id}, 'banned', NULL, NULL, NULL, x'01', '', '', 0, 0)"), "`session`"),
        (format!("INSERT INTO bars ({BARS}) VALUES ('a', {id}, 'banned', NULL, NULL, NULL, NULL, '', '', 0, 2)"), "`lasting` is 2"),
        (format!("INSERT INTO meetings VALUES ('', {id}, 0, 0)"), "table `meetings`, row 1: `room`: a room name may not be empty"),
        ("INSERT INTO meetings VALUES ('a', x'', 0, 0)".to_owned(), "table `meetings`, row 1: `id`"),
        (
            "INSERT INTO revocations (kind, value) VALUES ('user', '1'), ('when', '2')".to_owned(),
            "table `revocations`, row 2: `kind` is `when`",
        ),
        ("INSERT INTO revocations (kind, value) VALUES ('before', 'noon')".to_owned(), "`value` is `noon`"),
    ] {
        let (_home, path) = home();
        open(&path).close();
        rusqlite::Connection::open(&path).unwrap().execute_batch(&sql).expect(&sql);
        match SqliteStore::open(&path) {
            Err(StoreError::Corrupt(what)) => assert!(what.contains(expected), "{sql}: {what}"),
            Err(StoreError::Failed(what)) => panic!("{sql}: failed: {what}"),
            Ok(_) => panic!("{sql}: opened"),
        }
    }
}

#[tokio::test]
async fn a_row_that_goes_bad_while_serving_closes_the_door_until_it_is_mended() {
    let (_home, path) = home();
    let store = open(&path);
    let vandal = rusqlite::Connection::open(&path).unwrap();
    vandal.execute_batch("INSERT INTO meetings VALUES ('a', x'', 0, 0)").unwrap();
    let error = store.knock(Asking::new(new_id(), &standup(), ANN, "Ann", NOON)).await.unwrap_err();
    assert!(error.to_string().contains("table `meetings`, row 1: `id`"), "{error}");
    vandal.execute_batch("DELETE FROM meetings").unwrap();
    store.knock(Asking::new(new_id(), &standup(), ANN, "Ann", NOON)).await.unwrap();
}

#[test]
fn a_file_that_is_not_ours_or_of_the_future_is_refused_and_left_as_it_is() {
    type Make = fn(&Path);
    let cases: [(Make, &str); 6] = [
        (|path| std::fs::write(path, "dear diary, ".repeat(100)).unwrap(), "file is not a database"),
        (|path| run(path, "CREATE TABLE diary (page TEXT)"), "the database of another program"),
        (|path| run(path, "PRAGMA application_id = 7"), "the database of another program"),
        (|path| run(path, "PRAGMA user_version = 1"), "the database of another program"),
        (
            |path| {
                open(path).close();
                run(path, "PRAGMA user_version = 999");
            },
            "a newer roomgate wrote it (version 999; this one knows up to 2)",
        ),
        (|path| std::fs::create_dir(path).unwrap(), "unable to open database file"),
    ];
    for (make, expected) in cases {
        let (_home, path) = home();
        make(&path);
        let before = std::fs::read(&path).ok();
        let error = SqliteStore::open(&path).err().expect(expected).to_string();
        assert!(error.contains(expected) && error.contains("roomgate.db"), "{error}");
        assert_eq!(std::fs::read(&path).ok(), before, "{expected}");
    }
    let error = SqliteStore::open("/nowhere/at/all/roomgate.db").err().unwrap().to_string();
    assert!(error.contains("`/nowhere/at/all/roomgate.db`: No such file or directory"), "{error}");
}

fn run(path: &Path, sql: &str) {
    rusqlite::Connection::open(path).unwrap().execute_batch(sql).unwrap();
}

#[test]
fn nobody_else_may_read_the_file_or_those_beside_it() {
    let (_home, path) = home();
    let modes = |path: &Path| {
        ["", "-wal", "-shm"].map(|suffix| {
            let name = format!("{}{suffix}", path.display());
            std::fs::metadata(&name).unwrap_or_else(|e| panic!("{name}: {e}")).permissions().mode() & 0o777
        })
    };
    let store = open(&path);
    assert_eq!(modes(&path), [0o600; 3]);
    store.close();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let _store = open(&path);
    assert_eq!(modes(&path), [0o600; 3], "an older, more open file is closed");
}

/// Prints how long it takes; the bounds are generous, for slow machines.
#[tokio::test]
#[allow(clippy::print_stdout)]
async fn ten_thousand_knocks_are_kept_in_a_reasonable_time() {
    let (_home, path) = home();
    let store = Arc::new(open(&path));
    let begun = Instant::now();
    let tasks: Vec<_> = (0..10_000_u64)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(
                async move { store.knock(Asking::new(new_id(), &room(&format!("room-{}", n % 25)), numbered(n), "guest", NOON)).await },
            )
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let together = begun.elapsed();
    let begun = Instant::now();
    for n in 0..200 {
        store.knock(Asking::new(new_id(), &room("one-by-one"), numbered(n), "guest", NOON)).await.unwrap();
    }
    let each = begun.elapsed() / 200;
    drop(store);
    let begun = Instant::now();
    assert_eq!(open(&path).facts().waiting(), 10_200);
    println!("10,000 knocks at once: {together:?}; one after the other: {each:?} each; reading 10,200 back: {:?}", begun.elapsed());
    assert!(together < Duration::from_secs(30), "{together:?}");
}
