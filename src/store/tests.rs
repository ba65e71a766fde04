//! What every store promises, and how the tests speak of it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod contract;
mod durable;
mod limits;
mod neighbours;
mod older;
mod races;
mod random;
mod waiting_room;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::access::{Bar, By, Id, RoomName, Through, Timestamp};

use super::{Asking, Barred, Known, MemoryStore, SqliteStore, Store};

const NOON: Timestamp = Timestamp::from_secs(1_800_000_000);
const ANN: Id = Id::new([1; 16]);
const BEN: Id = Id::new([2; 16]);
const FOR_EVER: Duration = Duration::from_secs(10_000 * 24 * 60 * 60);

fn minutes(n: u64) -> Duration {
    Duration::from_secs(60 * n)
}

fn after(n: u64) -> Timestamp {
    NOON.plus(minutes(n))
}

fn room(name: &str) -> RoomName {
    RoomName::canonical(name).unwrap()
}

fn standup() -> RoomName {
    room("standup")
}

/// Somebody inside whom an owner sends back to wait.
fn back(id: Id, room: &RoomName, visitor: Id, name: &str, at: Timestamp) -> Barred {
    Barred { id, room: room.clone(), visitor: Some(visitor), name: name.into(), at, ..barred(Bar::Back) }
}

/// Whose order it is.
fn by(name: &str) -> By {
    By::new(name, Through::Door)
}

/// An id that nobody else in this process has.
fn new_id() -> Id {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    numbered(0xf000_0000_0000_0000 | NEXT.fetch_add(1, Ordering::Relaxed))
}

fn numbered(n: u64) -> Id {
    let mut bytes = [7; 16];
    bytes[..8].copy_from_slice(&n.to_be_bytes());
    Id::new(bytes)
}

/// Somebody whom an owner keeps out of the stand-up for this meeting: nothing is known of them yet.
fn barred(kind: Bar) -> Barred {
    Barred {
        id: new_id(),
        room: standup(),
        kind,
        visitor: None,
        user: None,
        token: None,
        session: None,
        network: None,
        name: "Ann".into(),
        by: by("Grace"),
        at: NOON,
        lasting: false,
    }
}

/// A directory that goes with the test, and a path for a store in it.
fn home() -> (tempfile::TempDir, std::path::PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("roomgate.db");
    (home, path)
}

fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path).unwrap()
}

/// Tells the same story to every store. What one holds afterwards outlives a restart, where it says so.
async fn on_every_store(story: impl AsyncFn(&dyn Store)) {
    story(&MemoryStore::new()).await;

    let (_home, path) = home();
    let store = open(&path);
    story(&store).await;
    let before = store.facts().snapshot();
    store.close();
    assert_eq!(open(&path).facts().snapshot(), before, "after a restart");
}
