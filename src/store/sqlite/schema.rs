//! How is the file opened, and what does it look like inside?

use std::fs::{self, OpenOptions, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use crate::store::StoreError;

/// Marks a file as ours ("Rmgt"): <https://www.sqlite.org/pragma.html#pragma_application_id>.
const APPLICATION: i32 = 0x526d_6774;

/// How long to wait for another process that writes. `roomgate revoke` takes milliseconds.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// How to get from each version (`user_version`) to the next. Only ever appended to.
const MIGRATIONS: [&str; 2] = [
    "
CREATE TABLE knocks (
    room TEXT NOT NULL,
    visitor BLOB NOT NULL,
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    state TEXT NOT NULL,
    at INTEGER NOT NULL,
    answered_at INTEGER,
    answered_by TEXT,
    PRIMARY KEY (room, visitor)
) STRICT, WITHOUT ROWID;

CREATE TABLE bars (
    room TEXT NOT NULL,
    id BLOB NOT NULL,
    kind TEXT NOT NULL,
    visitor BLOB,
    user TEXT,
    token TEXT,
    session BLOB,
    name TEXT NOT NULL,
    decided_by TEXT NOT NULL,
    at INTEGER NOT NULL,
    lasting INTEGER NOT NULL,
    PRIMARY KEY (room, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE meetings (
    room TEXT NOT NULL PRIMARY KEY,
    id BLOB NOT NULL,
    opened INTEGER NOT NULL,
    alive INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- AUTOINCREMENT: a number is never used twice, so that another process finds what is new.
CREATE TABLE revocations (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    UNIQUE (kind, value)
) STRICT;
",
    "
ALTER TABLE knocks ADD COLUMN message TEXT;
ALTER TABLE knocks ADD COLUMN moved_back INTEGER NOT NULL DEFAULT 0;
ALTER TABLE bars ADD COLUMN network TEXT;
ALTER TABLE bars ADD COLUMN through TEXT NOT NULL DEFAULT 'door';

CREATE TABLE choices (
    room TEXT NOT NULL PRIMARY KEY,
    answer TEXT NOT NULL,
    decided_by TEXT NOT NULL,
    through TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- AUTOINCREMENT: who retells it asks for what comes after a number.
CREATE TABLE trail (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL,
    at INTEGER NOT NULL,
    room TEXT NOT NULL,
    meeting BLOB,
    what TEXT NOT NULL,
    cheap INTEGER NOT NULL,
    who BLOB,
    name TEXT,
    user TEXT,
    owner INTEGER NOT NULL,
    since INTEGER,
    message TEXT,
    waited INTEGER NOT NULL,
    decided_by TEXT,
    through TEXT
) STRICT;
CREATE INDEX trail_by_kind ON trail (cheap, number);

CREATE TABLE positions (
    name TEXT NOT NULL PRIMARY KEY,
    number INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    next INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
",
];

/// Opens the file, makes it where there is none, and brings it to this version.
pub(super) fn open(path: &Path) -> Result<Connection, StoreError> {
    let at = |what: &dyn std::fmt::Display| StoreError::Failed(format!("`{}`: {what}", path.display()));
    private(path).map_err(|error| at(&error))?;
    // No URIs: a path is a path, whatever it looks like.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|error| at(&error))?;
    set_up(connection).map_err(|error| match error {
        StoreError::Failed(what) => at(&what),
        StoreError::Corrupt(what) => StoreError::Corrupt(format!("`{}`: {what}", path.display())),
    })
}

/// What an error of the database means to us.
pub(super) fn failed(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => StoreError::Corrupt(error.to_string()),
        _ => StoreError::Failed(error.to_string()),
    }
}

/// Makes the file where there is none, and keeps others from reading it: it holds names, and who may enter where.
fn private(path: &Path) -> std::io::Result<()> {
    // Made here, because SQLite would make it readable for others first. Its own further files copy the mode
    // (findCreateFileMode in SQLite's os_unix.c).
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    // By path and never through a handle: closing one would give up SQLite's locks on the file
    // (https://www.sqlite.org/howtocorrupt.html, section 2.2).
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        match fs::metadata(&name) {
            Ok(found) if found.permissions().mode() & 0o077 == 0 => {}
            Ok(_) => fs::set_permissions(&name, Permissions::from_mode(0o600))?,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn set_up(mut connection: Connection) -> Result<Connection, StoreError> {
    connection.busy_timeout(PATIENCE).map_err(failed)?;
    // Before anything is written: a file of another program or of the future stays as it is.
    version(&connection)?;
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0)).map_err(failed)?;
    if mode != "wal" {
        return Err(StoreError::Failed(format!("it cannot be kept as a write-ahead log, only as `{mode}`: is it on a network share?")));
    }
    // What was committed survives a killed process either way: the log is in the kernel's hands by then. FULL also syncs it
    // to the disk at every commit, so that a ban outlives a power failure; orders that come together share the price.
    connection.pragma_update(None, "synchronous", "full").map_err(failed)?;
    connection.pragma_update(None, "trusted_schema", false).map_err(failed)?;
    migrate(&mut connection)?;
    let found: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(failed)?;
    if found == "ok" { Ok(connection) } else { Err(StoreError::Corrupt(found)) }
}

fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let step = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    // Asked again: another process may have been faster.
    for migration in MIGRATIONS.iter().skip(version(&step)?) {
        step.execute_batch(migration).map_err(failed)?;
    }
    step.pragma_update(None, "application_id", APPLICATION).map_err(failed)?;
    step.pragma_update(None, "user_version", i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)).map_err(failed)?;
    step.commit().map_err(failed)
}

/// How many migrations the file has seen.
fn version(connection: &Connection) -> Result<usize, StoreError> {
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(failed);
    let (application, version) = (number("application_id")?, number("user_version")?);
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(failed)?;
    let untouched = application == 0 && version == 0 && tables == 0;
    if !untouched && application != i64::from(APPLICATION) {
        return Err(StoreError::Corrupt("it is the database of another program".to_owned()));
    }
    match usize::try_from(version) {
        Ok(version) if version <= MIGRATIONS.len() => Ok(version),
        Ok(_) | Err(_) => Err(StoreError::Failed(format!(
            "a newer roomgate wrote it (version {version}; this one knows up to {}): start that one, or state another path",
            MIGRATIONS.len()
        ))),
    }
}
