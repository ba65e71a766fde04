//! How long is it tried, and how long until it is tried again?

use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use crate::access::Timestamp;

/// An event is told for so long after it happened; then it is given up.
pub(super) const FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// A message that its receiver finds wrong is tried so often: as the reference does.
pub(super) const REFUSED: u32 = 6;

/// The longest wait between two attempts, unless the receiver asks for more.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// The longest that a receiver may ask for.
const ASKED: Duration = Duration::from_secs(60 * 60);

/// After so many attempts in vain: doubled each time from a second to a quarter of an hour, less up to a half by `chance`, so that
/// hooks that failed together do not come back together.
pub(super) fn wait(attempts: u32, chance: u16) -> Duration {
    let doubled = Duration::from_secs(1_u64.checked_shl(attempts.saturating_sub(1).min(20)).unwrap_or(u64::MAX)).min(LONGEST);
    let less = doubled.saturating_mul(chance.into()).checked_div(u32::from(u16::MAX).saturating_mul(2)).unwrap_or_default();
    doubled.saturating_sub(less).max(Duration::from_secs(1))
}

/// What a receiver asks for in `Retry-After` (RFC 9110 section 10.2.3): seconds or a date, an hour at most.
pub(super) fn asked_for(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    let wait = match value.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let date = OffsetDateTime::parse(value, &Rfc2822).ok()?;
            Timestamp::from_secs(date.unix_timestamp()).since(now)
        }
    };
    Some(wait.min(ASKED))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

    use super::*;

    #[test]
    fn waits_double_from_a_second_to_a_quarter_of_an_hour() {
        let most: Vec<u64> = (1..=13).map(|n| wait(n, 0).as_secs()).collect();
        assert_eq!(most, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]);
        let least: Vec<u64> = (1..=5).map(|n| wait(n, u16::MAX).as_secs()).collect();
        assert_eq!(least, [1, 1, 2, 4, 8]);
        for attempts in [0, 1, 20, 31, 32, 33, 64, u32::MAX] {
            for chance in [0, 1, 32_768, u16::MAX] {
                let wait = wait(attempts, chance);
                assert!(wait >= Duration::from_secs(1) && wait <= LONGEST, "{attempts} {chance}: {wait:?}");
            }
        }
        assert_eq!(wait(u32::MAX, u16::MAX), Duration::from_secs(450));
    }

    #[test]
    fn a_receiver_may_ask_for_an_hour() {
        let now = Timestamp::from_secs(784_111_777);
        let asked = |text| asked_for(text, now).map(|d| d.as_secs());
        assert_eq!(asked("120"), Some(120));
        assert_eq!(asked(" 0 "), Some(0));
        assert_eq!(asked("99999999999"), Some(3600));
        assert_eq!(asked("Sun, 06 Nov 1994 08:51:37 GMT"), Some(2 * 60));
        assert_eq!(asked("Sun, 06 Nov 1994 08:40:00 GMT"), Some(0));
        assert_eq!(asked("Fri, 31 Dec 9999 23:59:59 GMT"), Some(3600));
        for wrong in ["", "soon", "-1", "1.5", "18446744073709551616", "Sunday, 06-Nov-94 08:49:37 GMT"] {
            assert_eq!(asked(wrong), None, "{wrong}");
        }
    }
}
