//! How is a moment written, for machines and for people?

use time::OffsetDateTime;

use crate::access::Timestamp;

fn date(at: Timestamp) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp(at.as_secs()).ok()
}

/// RFC 3339 in UTC, to the second; empty where the moment lies beyond the calendar.
pub(super) fn iso(at: Timestamp) -> String {
    date(at).map_or_else(String::new, |m| {
        let (month, day) = (u8::from(m.month()), m.day());
        format!("{:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", m.year(), m.hour(), m.minute(), m.second())
    })
}

/// Day and time, for a page in any language; scripts put it into the reader's own time and manner.
pub(super) fn day(at: Timestamp) -> String {
    date(at).map_or_else(String::new, |m| format!("{:04}-{:02}-{:02}, {}", m.year(), u8::from(m.month()), m.day(), time(at)))
}

/// Time of day, for a page.
pub(super) fn time(at: Timestamp) -> String {
    date(at).map_or_else(String::new, |m| format!("{:02}:{:02} UTC", m.hour(), m.minute()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_in_utc_and_one_beyond_the_calendar_not_at_all() {
        let at = Timestamp::from_millis(1_796_115_605_999);
        assert_eq!(iso(at), "2026-12-01T09:00:05Z");
        assert_eq!(day(at), "2026-12-01, 09:00 UTC");
        assert_eq!(time(at), "09:00 UTC");
        for beyond in [Timestamp::from_millis(i64::MAX), Timestamp::from_millis(i64::MIN)] {
            assert_eq!((iso(beyond), day(beyond), time(beyond)), (String::new(), String::new(), String::new()));
        }
    }
}
