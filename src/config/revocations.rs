//! Which tokens does the operator's file take back?
//!
//! One order a line: `jti:…`, `sha256:…`, `user:…`, `room:…` or `before:TIME`, TIME in Unix seconds or as
//! 2026-12-01T09:00:00Z. Empty lines are passed over, and so is what follows a `#` at the beginning of a line or after a blank.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::access::{NameError, Revocation, RoomName, Timestamp};
use crate::directory::Place;

use super::problem::Problem;
use super::values::moment_in_text;

/// How a profile brings a room's name into its canonical form.
pub type RoomNames<'a> = &'a dyn Fn(&str) -> Result<RoomName, NameError>;

/// Reads all orders of a file's text.
///
/// # Errors
/// All lines that are none. Nothing is taken back by half: callers keep the orders they had.
pub fn parse(file: &Path, text: &[u8], room_names: RoomNames<'_>) -> Result<Vec<Revocation>, Vec<Problem>> {
    let file: std::sync::Arc<Path> = file.into();
    let (mut orders, mut problems) = (Vec::new(), Vec::new());
    for (line, number) in text.split(|b| *b == b'\n').zip(1_u32..) {
        let problem = |column: usize, message: String| {
            let column = u32::try_from(column).unwrap_or(u32::MAX);
            Problem { at: Place { file: file.clone(), line: number, column }, message }
        };
        let Ok(line) = std::str::from_utf8(line) else {
            problems.push(problem(1, "not UTF-8".to_owned()));
            continue;
        };
        let order = without_comment(line.trim_start_matches('\u{feff}')).trim();
        if order.is_empty() {
            continue;
        }
        match read_order(order, room_names) {
            Ok(order) => orders.push(order),
            Err(message) => {
                let column = line.chars().take_while(|c| c.is_whitespace()).count().saturating_add(1);
                problems.push(problem(column, message));
            }
        }
    }
    if problems.is_empty() { Ok(orders) } else { Err(problems) }
}

/// Reads one order, as it stands in the file or on the command line.
///
/// # Errors
/// What is wrong with it.
pub fn read_order(order: &str, room_names: RoomNames<'_>) -> Result<Revocation, String> {
    if let Some(moment) = order.strip_prefix("before:") {
        return moment_in_text(moment).map(Revocation::Before);
    }
    match order.parse()? {
        Revocation::Room(room) => match room_names(&room) {
            Ok(name) => Ok(Revocation::Room(name.as_str().to_owned())),
            Err(e) => Err(format!("`{order}`: {e}")),
        },
        other @ (Revocation::Token(_) | Revocation::User(_) | Revocation::Before(_)) => Ok(other),
    }
}

fn without_comment(line: &str) -> &str {
    let comment = line
        .char_indices()
        .find(|(i, c)| *c == '#' && line.get(..*i).is_some_and(|before| before.trim_end().len() < before.len() || before.is_empty()));
    comment.and_then(|(i, _)| line.get(..i)).unwrap_or(line)
}

/// Adds an order to a file, which is made where there is none. Written in one piece and brought to the disk before this returns.
///
/// # Errors
/// Where the file cannot be written, or the order could not be read back as it is (a user id that ends in a blank).
pub fn append(file: &Path, order: &Revocation) -> io::Result<()> {
    let order = match order {
        // Rounded up: a token of that very second goes too.
        Revocation::Before(at) => {
            let seconds = at.as_secs().saturating_add(i64::from(Timestamp::from_secs(at.as_secs()) < *at));
            Revocation::Before(Timestamp::from_secs(seconds))
        }
        other @ (Revocation::Token(_) | Revocation::User(_) | Revocation::Room(_)) => other.clone(),
    };
    let line = order.to_string();
    let read_back = parse(file, line.as_bytes(), &RoomName::canonical);
    if !read_back.is_ok_and(|orders| orders == [order]) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("`{}` cannot be written as one line", line.escape_debug())));
    }
    let mut out = File::options().read(true).append(true).create(true).open(file)?;
    let mut last = [b'\n'];
    if out.seek(SeekFrom::End(0))? > 0 {
        out.seek(SeekFrom::End(-1))?;
        out.read_exact(&mut last)?;
    }
    let begin = if last == [b'\n'] { "" } else { "\n" };
    out.write_all(format!("{begin}{line}\n").as_bytes())?;
    out.sync_all()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

    use super::*;
    use crate::access::TokenId;

    fn read(text: &str) -> Result<Vec<Revocation>, Vec<String>> {
        parse(Path::new("revoked.txt"), text.as_bytes(), &RoomName::canonical).map_err(|p| p.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_file_says_what_is_taken_back() {
        let text = "# lost phone\n\n  jti:a1  # ann's\r\nuser:42\nuser:ann smith#1\nroom:standup\nbefore:1796029200\n\
                    before:2026-11-30T09:00:00.5Z\nsha256:00ff";
        let orders = [
            Revocation::Token(TokenId::jti("a1")),
            Revocation::User("42".to_owned()),
            Revocation::User("ann smith#1".to_owned()),
            Revocation::Room("standup".to_owned()),
            Revocation::Before(Timestamp::from_secs(1_796_029_200)),
            Revocation::Before(Timestamp::from_millis(1_796_029_200_500)),
            Revocation::Token(TokenId::digest("00ff")),
        ];
        assert_eq!(read(text).unwrap(), orders);
        assert_eq!(read("").unwrap(), []);
        assert_eq!(read("\u{feff}jti:a").unwrap().len(), 1);
    }

    #[test]
    fn every_wrong_line_is_named_with_its_place() {
        let text = "jti:good\njti:\n  everything\nbefore:soon\nroom:a?b\nbefore:1796029200000\nJTI:x\nuser:a\u{0}b\n";
        let problems = read(text).unwrap_err();
        let form = "is not a revocation: write jti:…, user:…, room:… or before:TIME";
        let expected = [
            format!("revoked.txt:2:1: `jti:` {form}"),
            format!("revoked.txt:3:3: `everything` {form}"),
            "revoked.txt:4:1: `soon` is no time: write 2026-12-01T09:00:00Z or Unix seconds".to_owned(),
            "revoked.txt:5:1: `room:a?b`: a room name may not contain '?'".to_owned(),
            "revoked.txt:6:1: `1796029200000` lies beyond the year 9999: Unix seconds are wanted, not milliseconds".to_owned(),
            format!("revoked.txt:7:1: `JTI:x` {form}"),
            format!("revoked.txt:8:1: `user:a\u{0}b` {form}"),
        ];
        assert_eq!(problems, expected);
        let bytes = parse(Path::new("r"), b"jti:a\n\xff\xfe\n", &RoomName::canonical).unwrap_err();
        assert_eq!(bytes[0].to_string(), "r:2:1: not UTF-8");
    }

    #[test]
    fn what_is_added_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("revoked.txt");
        let orders = [Revocation::Token(TokenId::jti("a1")), Revocation::User("ann smith".to_owned())];
        for order in &orders {
            append(&file, order).unwrap();
        }
        append(&file, &Revocation::Before(Timestamp::from_millis(1_500))).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "jti:a1\nuser:ann smith\nbefore:2\n");

        std::fs::write(&file, "jti:cut").unwrap();
        append(&file, &orders[1]).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "jti:cut\nuser:ann smith\n");
    }

    #[test]
    fn what_could_not_be_read_back_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("revoked.txt");
        for user in ["a\nroom:b", "a ", "a #b", "", "\u{0}"] {
            append(&file, &Revocation::User(user.to_owned())).unwrap_err();
        }
        assert!(!file.exists());
    }
}
