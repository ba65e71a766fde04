//! How does an operator write a time and a span of time?

use std::time::Duration;

use time::format_description::well_known::Rfc3339;
use toml::de::DeValue;

use crate::access::Timestamp;

/// The last second of the year 9999. What lies beyond is a mistake, mostly milliseconds.
const LAST_SECOND: i64 = 253_402_300_799;

/// `30s`, `5m`, `12h`, `1d`: a whole number with its unit; at most ten years.
pub fn duration(text: &str) -> Result<Duration, String> {
    const TEN_YEARS: u64 = 3653 * 86_400;
    let wrong = || format!("`{text}` is no span of time: write a whole number and its unit, such as 30s, 5m, 12h or 1d");
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1_u64,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let digits = text.strip_suffix(unit).filter(|d| d.bytes().all(|b| b.is_ascii_digit())).ok_or_else(wrong)?;
    if digits.is_empty() {
        return Err(wrong());
    }
    let seconds = digits.parse::<u64>().ok().and_then(|n| n.checked_mul(seconds)).filter(|s| *s <= TEN_YEARS);
    seconds.map(Duration::from_secs).ok_or_else(|| format!("`{text}` is more than ten years"))
}

/// A TOML time with its zone, or Unix seconds.
pub(super) fn moment(value: &DeValue<'_>) -> Result<Timestamp, String> {
    match value {
        DeValue::Datetime(t) if t.date.is_some() && t.time.is_some() && t.offset.is_some() => rfc3339(&t.to_string()),
        DeValue::Datetime(t) if t.date.is_some() && t.time.is_some() => {
            Err(format!("`{t}` has no zone: write {t}Z for UTC, or an offset such as {t}+01:00"))
        }
        DeValue::Datetime(t) if t.date.is_some() => Err(format!("`{t}` has no time of day: write {t}T00:00:00Z")),
        DeValue::Integer(_) => seconds(&integer(value).map(|i| i.to_string()).unwrap_or_default()),
        other => Err(format!("{}: write a time such as 2026-12-01T09:00:00Z (without quotes), or Unix seconds", what(other))),
    }
}

/// Unix seconds or RFC 3339, as text.
pub fn moment_in_text(text: &str) -> Result<Timestamp, String> {
    if text.bytes().all(|b| b.is_ascii_digit() || b == b'-') && text.parse::<i64>().is_ok() { seconds(text) } else { rfc3339(text) }
}

fn seconds(text: &str) -> Result<Timestamp, String> {
    match text.parse::<i64>() {
        Ok(s) if s > LAST_SECOND => Err(format!("`{text}` lies beyond the year 9999: Unix seconds are wanted, not milliseconds")),
        Ok(s) if s >= 0 => Ok(Timestamp::from_secs(s)),
        Ok(_) | Err(_) => Err(format!("`{text}` is no time: write 2026-12-01T09:00:00Z or Unix seconds")),
    }
}

fn rfc3339(text: &str) -> Result<Timestamp, String> {
    let wrong = || format!("`{text}` is no time: write 2026-12-01T09:00:00Z or Unix seconds");
    let nanos = time::OffsetDateTime::parse(text, &Rfc3339).map_err(|_| wrong())?.unix_timestamp_nanos();
    let millis = nanos.div_euclid(1_000_000);
    i64::try_from(millis).ok().filter(|m| *m >= 0).map(Timestamp::from_millis).ok_or_else(wrong)
}

/// A whole number, in whatever base it was written.
pub(super) fn integer(value: &DeValue<'_>) -> Option<i64> {
    match value {
        DeValue::Integer(i) => i64::from_str_radix(i.as_str(), i.radix()).ok(),
        DeValue::String(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

/// What a value is, in a word.
pub(super) fn what(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text stands here",
        DeValue::Integer(_) | DeValue::Float(_) => "a number stands here",
        DeValue::Boolean(_) => "true or false stands here",
        DeValue::Datetime(_) => "a time stands here",
        DeValue::Array(_) => "a list stands here",
        DeValue::Table(_) => "a table stands here",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

    use super::*;

    #[test]
    fn a_span_of_time_is_a_number_and_a_unit() {
        let cases = [("30s", 30), ("5m", 300), ("12h", 43_200), ("1d", 86_400), ("0s", 0), ("060s", 60)];
        for (text, seconds) in cases {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in [
            "",
            "s",
            "5",
            "-5s",
            "+5s",
            "1.5h",
            "5 m",
            " 5m",
            "5m ",
            "1h30m",
            "5M",
            "5ms",
            "5µ",
            "٣s",
            "99999d",
            "18446744073709551616s",
            "18446744073709551615d",
        ] {
            duration(text).unwrap_err();
        }
    }

    #[test]
    fn a_time_is_seconds_or_has_its_zone() {
        let good = [
            ("0", 0),
            ("1796029200", 1_796_029_200_000),
            ("2026-11-30T09:00:00Z", 1_796_029_200_000),
            ("2026-11-30T10:00:00+01:00", 1_796_029_200_000),
            ("2026-11-30T09:00:00.25Z", 1_796_029_200_250),
            ("253402300799", 253_402_300_799_000),
        ];
        for (text, millis) in good {
            assert_eq!(moment_in_text(text), Ok(Timestamp::from_millis(millis)), "{text}");
        }
        for text in ["", "soon", "-1", "+5", "1796029200000", "2026-11-30", "2026-11-30T09:00:00", "2026-13-30T09:00:00Z", "9e9", "1.5"] {
            moment_in_text(text).unwrap_err();
        }
    }
}
