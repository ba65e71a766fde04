//! How is the trail written to the file, and read back? And how far those who retell it have come.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, params};

use crate::access::{By, Id, RoomName, Through, Timestamp};
use crate::store::trail::{TRAIL_MAX, TRIM_EVERY};
use crate::store::{Event, Position, StoreError, What, Who};

use super::schema::failed;

/// Writes what happened; its number.
pub(super) fn write(to: &Connection, event: &Event) -> rusqlite::Result<u64> {
    let (who, by) = (event.who.as_ref(), event.by.as_ref());
    to.prepare_cached(
        "INSERT INTO trail (id, at, room, meeting, what, cheap, who, name, user, owner, since, message, waited, decided_by, through)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )?
    .execute(params![
        event.id.bytes(),
        event.at.as_millis(),
        event.room.as_str(),
        event.meeting.map(Id::bytes),
        event.what.code(),
        event.is_cheap(),
        who.map(|w| w.id.bytes()),
        who.map(|w| &*w.name),
        who.and_then(|w| w.user.as_deref()),
        who.is_some_and(|w| w.owner),
        who.map(|w| w.since.as_millis()),
        who.and_then(|w| w.message.as_deref()),
        who.is_some_and(|w| w.waited),
        by.map(|b| &*b.name),
        by.map(|b| b.through.code()),
    ])?;
    let number = u64::try_from(to.last_insert_rowid()).unwrap_or(0);
    if number.is_multiple_of(TRIM_EVERY) {
        for cheap in [true, false] {
            to.execute(
                "DELETE FROM trail WHERE cheap = ?1 AND number <=
                 (SELECT number FROM trail WHERE cheap = ?1 ORDER BY number DESC LIMIT 1 OFFSET ?2)",
                params![cheap, i64::try_from(TRAIL_MAX).unwrap_or(i64::MAX)],
            )?;
        }
    }
    Ok(number)
}

/// The number of the latest event; zero where there is none.
pub(super) fn last(from: &Connection) -> Result<u64, StoreError> {
    let last: i64 = from.query_row("SELECT coalesce(max(number), 0) FROM trail", [], |row| row.get(0)).map_err(failed)?;
    Ok(u64::try_from(last).unwrap_or(0))
}

/// The events after this number.
pub(super) fn read(from: &Connection, after: u64, limit: usize) -> Result<Vec<Event>, StoreError> {
    let (after, limit) = (i64::try_from(after).unwrap_or(i64::MAX), i64::try_from(limit).unwrap_or(i64::MAX));
    let mut statement = from.prepare_cached("SELECT * FROM trail WHERE number > ? ORDER BY number LIMIT ?").map_err(failed)?;
    let mut rows = statement.query(params![after, limit]).map_err(failed)?;
    let mut events = Vec::new();
    while let Some(row) = rows.next().map_err(failed)? {
        events.push(event(row).map_err(|what| StoreError::Corrupt(format!("table `trail`: {what}")))?);
    }
    Ok(events)
}

/// The events of a file after this number, at most so many, the earliest first; beside a gateway that serves from it. Blocks.
///
/// # Errors
/// [`StoreError::Failed`] where the file is not there or cannot be read; [`StoreError::Corrupt`] where it holds what we did not write.
pub fn read_trail(path: impl AsRef<Path>, after: u64, limit: usize) -> Result<Vec<Event>, StoreError> {
    let path = path.as_ref();
    let at = |error: rusqlite::Error| match failed(error) {
        StoreError::Failed(what) => StoreError::Failed(format!("`{}`: {what}", path.display())),
        StoreError::Corrupt(what) => StoreError::Corrupt(format!("`{}`: {what}", path.display())),
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(at)?;
    connection.busy_timeout(super::schema::PATIENCE).map_err(at)?;
    let there: bool = connection
        .query_row("SELECT count(*) > 0 FROM sqlite_schema WHERE type = 'table' AND name = 'trail'", [], |row| row.get(0))
        .map_err(at)?;
    // A file that an older roomgate wrote tells nothing yet.
    if there { read(&connection, after, limit) } else { Ok(Vec::new()) }
}

/// How far the one of this name has come.
pub(super) fn position(from: &Connection, name: &str) -> Result<Option<Position>, StoreError> {
    let mut statement = from.prepare_cached("SELECT number, attempts, next FROM positions WHERE name = ?").map_err(failed)?;
    let found = statement.query_row([name], |row| {
        let number: i64 = row.get(0)?;
        Ok(Position { number: u64::try_from(number).unwrap_or(0), attempts: row.get(1)?, next: Timestamp::from_millis(row.get(2)?) })
    });
    found.optional().map_err(failed)
}

/// It has come so far now.
pub(super) fn set_position(to: &Connection, name: &str, position: Position) -> Result<(), StoreError> {
    let number = i64::try_from(position.number).unwrap_or(i64::MAX);
    to.prepare_cached("INSERT OR REPLACE INTO positions (name, number, attempts, next) VALUES (?, ?, ?, ?)")
        .and_then(|mut statement| statement.execute(params![name, number, position.attempts, position.next.as_millis()]))
        .map(drop)
        .map_err(failed)
}

fn event(row: &Row<'_>) -> Result<Event, String> {
    let about = |error: rusqlite::Error| error.to_string();
    let room: String = row.get("room").map_err(about)?;
    let what: String = row.get("what").map_err(about)?;
    let number: i64 = row.get("number").map_err(about)?;
    let who: Option<[u8; 16]> = row.get("who").map_err(about)?;
    let by: Option<String> = row.get("decided_by").map_err(about)?;
    Ok(Event {
        number: u64::try_from(number).map_err(|_| "`number` is negative".to_owned())?,
        id: Id::new(row.get("id").map_err(about)?),
        at: Timestamp::from_millis(row.get("at").map_err(about)?),
        room: RoomName::canonical(&room).map_err(|error| format!("`room`: {error}"))?,
        meeting: row.get::<_, Option<[u8; 16]>>("meeting").map_err(about)?.map(Id::new),
        what: What::parse(&what).ok_or_else(|| format!("`what` is `{what}`, which is no event of this version"))?,
        who: match who {
            None => None,
            Some(id) => Some(Who {
                id: Id::new(id),
                name: row.get::<_, String>("name").map_err(about)?.into(),
                user: row.get("user").map_err(about)?,
                owner: row.get("owner").map_err(about)?,
                since: Timestamp::from_millis(row.get("since").map_err(about)?),
                message: row.get::<_, Option<String>>("message").map_err(about)?.map(Into::into),
                waited: row.get("waited").map_err(about)?,
            }),
        },
        by: match by {
            None => None,
            Some(name) => {
                let through: String = row.get("through").map_err(about)?;
                let through = Through::parse(&through).ok_or_else(|| format!("`through` is `{through}`"))?;
                Some(By { name: name.into(), through })
            }
        },
    })
}
