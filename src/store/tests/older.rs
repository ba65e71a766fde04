//! A file that the version before wrote, with something in it: nothing of it is lost, and it means the same.

use crate::access::{Answer, Bar, KnockState, TokenId};
use crate::store::What;

use super::*;

/// The first version's tables, as it made them, with a meeting, four knocks, two bans and a token that was taken back.
const FIRST: &str = "
CREATE TABLE knocks (room TEXT NOT NULL, visitor BLOB NOT NULL, id BLOB NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL,
    state TEXT NOT NULL, at INTEGER NOT NULL, answered_at INTEGER, answered_by TEXT, PRIMARY KEY (room, visitor)) STRICT, WITHOUT ROWID;
CREATE TABLE bars (room TEXT NOT NULL, id BLOB NOT NULL, kind TEXT NOT NULL, visitor BLOB, user TEXT, token TEXT, session BLOB,
    name TEXT NOT NULL, decided_by TEXT NOT NULL, at INTEGER NOT NULL, lasting INTEGER NOT NULL, PRIMARY KEY (room, id)) STRICT, WITHOUT ROWID;
CREATE TABLE meetings (room TEXT NOT NULL PRIMARY KEY, id BLOB NOT NULL, opened INTEGER NOT NULL, alive INTEGER NOT NULL)
    STRICT, WITHOUT ROWID;
CREATE TABLE revocations (number INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, value TEXT NOT NULL, UNIQUE (kind, value)) STRICT;
INSERT INTO meetings VALUES ('standup', x'09090909090909090909090909090909', 1799999000000, 1800000000000);
INSERT INTO knocks VALUES
    ('standup', x'01010101010101010101010101010101', x'11111111111111111111111111111111', 'Ann', 2, 'waiting', 1799999500000, NULL, NULL),
    ('standup', x'02020202020202020202020202020202', x'22222222222222222222222222222222', 'Ben', 1, 'granted', 1799999500000, 1799999600000, 'Grace'),
    ('standup', x'03030303030303030303030303030303', x'33333333333333333333333333333333', 'Cy', 1, 'denied', 1799999500000, 1799999600000, 'Grace');
INSERT INTO bars VALUES
    ('standup', x'44444444444444444444444444444444', 'banned', x'04040404040404040404040404040404', 'dan-1', 'jti:x', NULL, 'Dan', 'Grace', 1799999700000, 1),
    ('standup', x'55555555555555555555555555555555', 'ejected', NULL, NULL, NULL, x'05050505050505050505050505050505', 'Eve', 'Grace', 1799999700000, 0);
INSERT INTO revocations (kind, value) VALUES ('user', 'mallory');
PRAGMA application_id = 0x526d6774;
PRAGMA user_version = 1;
";

#[tokio::test]
async fn what_the_first_version_wrote_is_read_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    rusqlite::Connection::open(&path).unwrap().execute_batch(FIRST).unwrap();
    assert_eq!(crate::store::read_trail(&path, 0, 10).unwrap(), [], "to be read, as it is, beside a gateway that is older");
    for again in [false, true] {
        let store = SqliteStore::open(&path).unwrap();
        let facts = store.facts();
        let states = [1, 2, 3].map(|n| facts.knock_state(&standup(), Id::new([n; 16])));
        let ann = if again { KnockState::Granted } else { KnockState::Waiting };
        assert_eq!(states, [ann, KnockState::Granted, KnockState::Denied]);
        let knock = facts.knock(&standup(), ANN).unwrap();
        assert_eq!((&*knock.name, knock.version, knock.moved_back, &knock.message), ("Ann", 2, false, &None));
        let bar = |known: Known<'_>| facts.bar(&standup(), &known);
        assert_eq!(bar(Known { user: Some("dan-1"), ..Known::default() }), Some(Bar::Banned));
        assert_eq!(bar(Known { token: Some(&TokenId::jti("x")), ..Known::default() }), Some(Bar::Banned));
        assert_eq!(bar(Known { session: Some(Id::new([5; 16])), ..Known::default() }), Some(Bar::Ejected));
        assert_eq!(bar(Known { address: Some("192.0.2.1".parse().unwrap()), ..Known::default() }), None);
        assert_eq!(facts.bars(&standup())[0].by, by("Grace"));
        assert_eq!(facts.meeting(&standup()).unwrap().id, Id::new([9; 16]));
        assert!(*facts.revocations() != crate::access::Revocations::default());
        assert_eq!(facts.remembered(&standup()), None);
        if !again {
            assert_eq!(store.trail(0, 10).await.unwrap(), []);
            store.answer(&standup(), Id::new([0x11; 16]), Answer::Allow, 2, &by("Alan"), after(1)).await.unwrap();
        }
        let told: Vec<_> = store.trail(0, 10).await.unwrap().iter().map(|e| (e.number, e.what, e.meeting)).collect();
        assert_eq!(told, [(1, What::Allowed, Some(Id::new([9; 16])))]);
        store.close();
    }
}
