//! From when until when is a certificate valid? (X.509: RFC 5280 section 4.1; DER: ITU-T X.690.)

use std::time::Duration;

use time::{Date, Month};

use crate::access::Timestamp;

/// A day before the last one of a certificate that renews itself at a third of its life, something has gone wrong.
const SOON: Duration = Duration::from_secs(7 * 24 * 3600);

/// The first and the last moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// `notBefore`.
    pub from: Timestamp,
    /// `notAfter`.
    pub until: Timestamp,
}

impl Validity {
    /// What a DER certificate says; `None` where it is no certificate.
    pub(super) fn of(der: &[u8]) -> Option<Self> {
        let certificate = Reader(der).expect(SEQUENCE)?;
        let mut tbs = Reader(certificate).expect(SEQUENCE).map(Reader)?;
        tbs.skip_if(VERSION)?;
        tbs.expect(INTEGER)?; // serial number
        tbs.expect(SEQUENCE)?; // signature algorithm
        tbs.expect(SEQUENCE)?; // issuer
        let mut validity = tbs.expect(SEQUENCE).map(Reader)?;
        Some(Self { from: moment(validity.next()?)?, until: moment(validity.next()?)? })
    }

    pub(super) fn warning(self, now: Timestamp) -> Option<&'static str> {
        if now > self.until {
            Some("has expired: browsers refuse it")
        } else if now < self.from {
            Some("is not valid yet: browsers refuse it")
        } else if now.plus(SOON) > self.until {
            Some("expires within a week")
        } else {
            None
        }
    }
}

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
/// `[0] EXPLICIT`.
const VERSION: u8 = 0xa0;

/// What is left to read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The next value with its tag.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&[tag, first], rest) = self.0.split_first_chunk::<2>()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                (bytes.iter().fold(0_usize, |n, b| (n << 8) | usize::from(*b)), rest)
            }
            _ => return None,
        };
        let (value, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, value))
    }

    fn expect(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next().filter(|(t, _)| *t == tag).map(|(_, value)| value)
    }

    fn skip_if(&mut self, tag: u8) -> Option<()> {
        if self.0.first() == Some(&tag) {
            self.next()?;
        }
        Some(())
    }
}

/// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ` (RFC 5280 section 4.1.2.5).
fn moment((tag, value): (u8, &[u8])) -> Option<Timestamp> {
    let text = std::str::from_utf8(value).ok()?.strip_suffix('Z')?;
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (year, rest) = match tag {
        UTC_TIME => {
            let (year, rest) = text.split_at_checked(2)?;
            let year: i32 = year.parse().ok()?;
            (year.checked_add(if year < 50 { 2000 } else { 1900 })?, rest)
        }
        GENERALIZED_TIME => {
            let (year, rest) = text.split_at_checked(4)?;
            (year.parse().ok()?, rest)
        }
        _ => return None,
    };
    if rest.len() != 10 {
        return None;
    }
    let number = |at: usize| rest.get(at..at.checked_add(2)?)?.parse::<u8>().ok();
    let date = Date::from_calendar_date(year, Month::try_from(number(0)?).ok()?, number(2)?).ok()?;
    let moment = date.with_hms(number(4)?, number(6)?, number(8)?).ok()?;
    Some(Timestamp::from_secs(moment.assume_utc().unix_timestamp()))
}
