//! How is a fact written to the file, and read back? Reading doubts everything.

use std::fmt::Display;
use std::sync::Arc;

use rusqlite::types::FromSql;
use rusqlite::{Connection, Row, params};

use crate::access::{Answer, Bar, By, Id, Knock, KnockState, Remembered, Revocation, RoomName, Through, Timestamp, TokenId};
use crate::store::picture::{Picture, RoomPicture};
use crate::store::{Barred, Change, Meeting, StoreError};

use super::schema::failed;

/// Writes what changed.
pub(super) fn write(to: &Connection, change: &Change) -> rusqlite::Result<()> {
    let run = |sql: &str, values: &[&dyn rusqlite::ToSql]| to.prepare_cached(sql)?.execute(values).map(drop);
    match change {
        Change::Knock(knock) => {
            let (room, visitor) = (knock.room.as_str(), knock.visitor.bytes());
            let Some(state) = state_word(knock.state) else {
                return run("DELETE FROM knocks WHERE room = ? AND visitor = ?", params![room, visitor]);
            };
            let (at, by) = match &knock.answered {
                Some((at, by)) => (Some(at.as_millis()), Some(&**by)),
                None => (None, None),
            };
            run(
                "INSERT OR REPLACE INTO knocks (room, visitor, id, name, version, state, at, answered_at, answered_by, message, moved_back)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                params![
                    room,
                    visitor,
                    knock.id.bytes(),
                    &*knock.name,
                    knock.version,
                    state,
                    knock.at.as_millis(),
                    at,
                    by,
                    knock.message.as_deref(),
                    knock.moved_back,
                ],
            )
        }
        Change::Barred(barred) => run(
            "INSERT OR REPLACE INTO bars (room, id, kind, visitor, user, token, session, name, decided_by, at, lasting, network, through)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            params![
                barred.room.as_str(),
                barred.id.bytes(),
                bar_word(barred.kind),
                barred.visitor.map(Id::bytes),
                barred.user,
                barred.token.as_ref().map(TokenId::as_str),
                barred.session.map(Id::bytes),
                &*barred.name,
                &*barred.by.name,
                barred.at.as_millis(),
                barred.lasting,
                barred.network.map(|n| n.to_string()),
                barred.by.through.code(),
            ],
        ),
        Change::Unbarred(room, id) => run("DELETE FROM bars WHERE room = ? AND id = ?", params![room.as_str(), id.bytes()]),
        Change::Revoked(order) => {
            let (kind, value) = order_words(order);
            run("INSERT OR IGNORE INTO revocations (kind, value) VALUES (?, ?)", params![kind, value])
        }
        Change::Meeting(meeting) => run(
            "INSERT OR REPLACE INTO meetings (room, id, opened, alive) VALUES (?, ?, ?, ?)",
            params![meeting.room.as_str(), meeting.id.bytes(), meeting.opened.as_millis(), meeting.alive.as_millis()],
        ),
        Change::Remembered(room, Some(choice)) => run(
            "INSERT OR REPLACE INTO choices (room, answer, decided_by, through, at) VALUES (?, ?, ?, ?, ?)",
            params![room.as_str(), answer_word(choice.answer), &*choice.by.name, choice.by.through.code(), choice.at.as_millis()],
        ),
        Change::Remembered(room, None) => run("DELETE FROM choices WHERE room = ?", params![room.as_str()]),
        Change::MeetingEnded(room) => {
            run("DELETE FROM choices WHERE room = ?", params![room.as_str()])?;
            run("DELETE FROM meetings WHERE room = ?", params![room.as_str()])?;
            run("DELETE FROM knocks WHERE room = ? AND state <> 'waiting'", params![room.as_str()])?;
            run("DELETE FROM bars WHERE room = ? AND lasting = 0", params![room.as_str()])
        }
    }
}

/// All that is known of rooms.
pub(super) fn rooms(from: &Connection) -> Result<Picture, StoreError> {
    let mut all = Picture::default();
    read(from, "meetings", "SELECT * FROM meetings", [], |row| {
        all.apply(&Change::Meeting(meeting(row)?));
        Ok(())
    })?;
    read(from, "choices", "SELECT * FROM choices", [], |row| {
        let choice = Remembered { answer: answer(row)?, by: decided_by(row)?, at: time(row, "at")? };
        all.apply(&Change::Remembered(room(row)?, Some(Arc::new(choice))));
        Ok(())
    })?;
    read(from, "bars", "SELECT * FROM bars", [], |row| {
        all.apply(&Change::Barred(Arc::new(barred(row)?)));
        Ok(())
    })?;
    read(from, "knocks", "SELECT * FROM knocks", [], |row| {
        let knock = knock(row)?;
        if all.room(&knock.room).and_then(|r: &RoomPicture| r.knock_of(knock.id)).is_some() {
            return Err(format!("`id` {} stands for two knocks", knock.id));
        }
        all.apply(&Change::Knock(Arc::new(knock)));
        Ok(())
    })?;
    Ok(all)
}

/// The orders to take tokens back that are newer than `number`, and the newest one's number.
pub(super) fn revocations_after(from: &Connection, number: i64) -> Result<(Vec<Revocation>, i64), StoreError> {
    let (mut orders, mut last) = (Vec::new(), number);
    read(from, "revocations", "SELECT * FROM revocations WHERE number > ? ORDER BY number", [number], |row| {
        last = get(row, "number")?;
        orders.push(revocation(row)?);
        Ok(())
    })?;
    Ok((orders, last))
}

fn read(
    from: &Connection,
    table: &str,
    sql: &str,
    values: impl rusqlite::Params,
    mut take: impl FnMut(&Row<'_>) -> Result<(), String>,
) -> Result<(), StoreError> {
    let mut statement = from.prepare_cached(sql).map_err(failed)?;
    let mut rows = statement.query(values).map_err(failed)?;
    let mut number = 0_u64;
    while let Some(row) = rows.next().map_err(failed)? {
        number = number.saturating_add(1);
        take(row).map_err(|what| StoreError::Corrupt(format!("table `{table}`, row {number}: {what}")))?;
    }
    Ok(())
}

fn knock(row: &Row<'_>) -> Result<Knock, String> {
    let word: String = get(row, "state")?;
    let state = match word.as_str() {
        "waiting" => KnockState::Waiting,
        "granted" => KnockState::Granted,
        "denied" => KnockState::Denied,
        _ => return Err(format!("`state` is `{word}`: one of waiting, granted, denied")),
    };
    let answered = match (get(row, "answered_at")?, get::<Option<String>>(row, "answered_by")?) {
        (Some(at), Some(by)) => Some((Timestamp::from_millis(at), by.into())),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => return Err("`answered_at` and `answered_by` go together".to_owned()),
    };
    if answered.is_some() != (state != KnockState::Waiting) {
        return Err(format!("`state` is `{word}`, and `answered_at` says otherwise"));
    }
    Ok(Knock {
        id: id(row, "id")?,
        room: room(row)?,
        visitor: id(row, "visitor")?,
        name: text(row, "name")?,
        message: get::<Option<String>>(row, "message")?.map(Arc::from),
        moved_back: get(row, "moved_back")?,
        version: get(row, "version")?,
        state,
        at: time(row, "at")?,
        answered,
    })
}

fn barred(row: &Row<'_>) -> Result<Barred, String> {
    let word: String = get(row, "kind")?;
    let kind = match word.as_str() {
        "banned" => Bar::Banned,
        "ejected" => Bar::Ejected,
        "back" => Bar::Back,
        _ => return Err(format!("`kind` is `{word}`: one of banned, ejected, back")),
    };
    Ok(Barred {
        id: id(row, "id")?,
        room: room(row)?,
        kind,
        visitor: get::<Option<[u8; 16]>>(row, "visitor")?.map(Id::new),
        user: get(row, "user")?,
        token: get::<Option<String>>(row, "token")?.map(|token| TokenId::kept(&token)),
        session: get::<Option<[u8; 16]>>(row, "session")?.map(Id::new),
        name: text(row, "name")?,
        network: match get::<Option<String>>(row, "network")? {
            None => None,
            Some(text) => Some(text.parse().map_err(|error| about("network", error))?),
        },
        by: decided_by(row)?,
        at: time(row, "at")?,
        lasting: match get::<i64>(row, "lasting")? {
            0 => false,
            1 => true,
            other => return Err(format!("`lasting` is {other}: 0 or 1")),
        },
    })
}

fn meeting(row: &Row<'_>) -> Result<Meeting, String> {
    Ok(Meeting { room: room(row)?, id: id(row, "id")?, opened: time(row, "opened")?, alive: time(row, "alive")? })
}

fn revocation(row: &Row<'_>) -> Result<Revocation, String> {
    let (kind, value): (String, String) = (get(row, "kind")?, get(row, "value")?);
    match kind.as_str() {
        "token" => Ok(Revocation::Token(TokenId::kept(&value))),
        "user" => Ok(Revocation::User(value)),
        "room" => Ok(Revocation::Room(value)),
        "before" => match value.parse() {
            Ok(millis) => Ok(Revocation::Before(Timestamp::from_millis(millis))),
            Err(_) => Err(format!("`value` is `{value}`: milliseconds since 1970")),
        },
        _ => Err(format!("`kind` is `{kind}`: one of token, user, room, before")),
    }
}

/// An order in two words that give exactly it back, whatever characters a `jti` or a user has.
fn order_words(order: &Revocation) -> (&'static str, String) {
    match order {
        Revocation::Token(id) => ("token", id.as_str().to_owned()),
        Revocation::User(user) => ("user", user.clone()),
        Revocation::Room(room) => ("room", room.clone()),
        Revocation::Before(at) => ("before", at.as_millis().to_string()),
    }
}

/// `None` for a knock that is no more.
const fn state_word(state: KnockState) -> Option<&'static str> {
    match state {
        KnockState::None => None,
        KnockState::Waiting => Some("waiting"),
        KnockState::Granted => Some("granted"),
        KnockState::Denied => Some("denied"),
    }
}

const fn bar_word(kind: Bar) -> &'static str {
    match kind {
        Bar::Banned => "banned",
        Bar::Ejected => "ejected",
        Bar::Back => "back",
    }
}

const fn answer_word(answer: Answer) -> &'static str {
    match answer {
        Answer::Allow => "allow",
        Answer::Deny => "deny",
    }
}

fn answer(row: &Row<'_>) -> Result<Answer, String> {
    let word: String = get(row, "answer")?;
    match word.as_str() {
        "allow" => Ok(Answer::Allow),
        "deny" => Ok(Answer::Deny),
        _ => Err(format!("`answer` is `{word}`: one of allow, deny")),
    }
}

fn decided_by(row: &Row<'_>) -> Result<By, String> {
    let word: String = get(row, "through")?;
    let through = Through::parse(&word).ok_or_else(|| format!("`through` is `{word}`"))?;
    Ok(By { name: text(row, "decided_by")?, through })
}

fn room(row: &Row<'_>) -> Result<RoomName, String> {
    let name: String = get(row, "room")?;
    RoomName::canonical(&name).map_err(|error| about("room", error))
}

fn id(row: &Row<'_>, column: &str) -> Result<Id, String> {
    get(row, column).map(Id::new)
}

fn time(row: &Row<'_>, column: &str) -> Result<Timestamp, String> {
    get(row, column).map(Timestamp::from_millis)
}

fn text(row: &Row<'_>, column: &str) -> Result<Arc<str>, String> {
    get::<String>(row, column).map(Arc::from)
}

fn get<T: FromSql>(row: &Row<'_>, column: &str) -> Result<T, String> {
    row.get(column).map_err(|error| about(column, error))
}

fn about(column: &str, error: impl Display) -> String {
    format!("`{column}`: {error}")
}
