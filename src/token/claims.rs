//! What does a token say, in either spelling of its claims?
//!
//! The long names are those of the reference API's token properties, the short ones those of its self-signed tokens. A claim is
//! there and of its type, or the token is bad: `null` is a wrong type, never "absent", for a token without a room opens any.

use std::time::Duration;

use serde_json::{Map, Number, Value};

use crate::access::{Grant, NameError, Person, RoomName, Timestamp, TokenFault, TokenId};

use super::compact::MAX_TOKEN;
use super::fault::Fault;
use super::json;

/// The last second of the year 9999. A later NumericDate counts milliseconds, or nothing at all.
const YEAR_9999: i64 = 253_402_300_799;

/// The longest `user_id`, `user_name`, `jti`, `domain_id` and group, in bytes of UTF-8.
const MAX_TEXT: usize = 256;

/// The longest `email`, in bytes of UTF-8: 64 before the `@`, 255 behind it (RFC 5321 section 4.5.3.1).
const MAX_EMAIL: usize = 320;

/// The most groups.
const MAX_GROUPS: usize = 64;

/// The claims we know, each of its type. Others are ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// `room_name`, `r`, as it came: not yet a room's name.
    pub room: Option<String>,
    /// `is_owner`, `o`.
    pub owner: bool,
    /// `knocking`, `k` or `guest`: either being true is enough.
    pub must_knock: bool,
    /// `user_id`/`ud`, `email`, `groups`, `user_name`/`u`.
    pub person: Person,
    /// `exp`.
    pub expires: Option<Timestamp>,
    /// `nbf`.
    pub not_before: Option<Timestamp>,
    /// `iat`.
    pub issued: Option<Timestamp>,
    /// `jti`.
    pub id: Option<String>,
    /// `domain_id`, `d`.
    pub domain: Option<String>,
    /// `eject_at_token_exp`, `ejt`.
    pub eject_at_expiry: Option<bool>,
    /// `eject_after_elapsed`, `eje`.
    pub eject_after: Option<Duration>,
}

impl Claims {
    /// Reads the payload of a token. Takes any bytes, and never panics.
    ///
    /// # Errors
    /// Always `malformed-token`, with words that name the claim and hold nothing of what it said.
    pub fn parse(payload: &[u8]) -> Result<Self, Fault> {
        if payload.len() > MAX_TOKEN {
            return Err(Fault::malformed(format!("claims of more than {MAX_TOKEN} bytes")));
        }
        let members = json::object(payload).map_err(|e| Fault::malformed(format!("the claims: {e}")))?;
        let mut said = Said(members);
        Ok(Self {
            // The profile says how long a name may be, and what may stand in it.
            room: said.string("room_name", Some("r"))?,
            owner: said.flag("is_owner", Some("o"))?.unwrap_or(false),
            // Both are read, so that a wrong type in either is seen.
            must_knock: said.flag("knocking", Some("k"))?.unwrap_or(false) | said.flag("guest", None)?.unwrap_or(false),
            person: Person {
                user: said.text("user_id", Some("ud"), MAX_TEXT)?.filter(|t| !t.is_empty()),
                email: said.text("email", None, MAX_EMAIL)?.filter(|t| !t.is_empty()),
                groups: said.groups()?,
                name: said.text("user_name", Some("u"), MAX_TEXT)?.filter(|t| !t.is_empty()),
            },
            expires: said.date("exp")?,
            not_before: said.date("nbf")?,
            issued: said.date("iat")?,
            id: said.id()?,
            domain: said.text("domain_id", Some("d"), MAX_TEXT)?,
            eject_at_expiry: said.flag("eject_at_token_exp", Some("ejt"))?,
            eject_after: said.duration("eject_after_elapsed", "eje")?,
        })
    }

    /// What they grant. `digest` names the token where it has no `jti`; `domain_id`, where stated, must be the token's.
    ///
    /// # Errors
    /// `malformed-token` where no room can have the name in the room claim: were such a token taken for one without a room, it would
    /// open any. `wrong-domain` where it is of another domain, or of none.
    pub fn grant(
        self,
        digest: impl FnOnce() -> TokenId,
        domain_id: Option<&str>,
        room_name: &dyn Fn(&str) -> Result<RoomName, NameError>,
    ) -> Result<Grant, Fault> {
        let room = match self.room {
            Some(name) => Some(room_name(&name).map_err(|_| Fault::malformed("`room_name` is not the name of any room of this server"))?),
            None => None,
        };
        if domain_id.is_some_and(|ours| self.domain.as_deref() != Some(ours)) {
            let detail = if self.domain.is_some() { "`domain_id` is not ours" } else { "`domain_id` is missing" };
            return Err(Fault::new(TokenFault::WrongDomain, detail));
        }
        Ok(Grant {
            token: self.id.map_or_else(digest, |id| TokenId::jti(&id)),
            room,
            owner: self.owner,
            must_knock: self.must_knock,
            person: self.person,
            expires: self.expires,
            not_before: self.not_before,
            issued: self.issued,
            eject_at_expiry: self.eject_at_expiry,
            eject_after: self.eject_after,
        })
    }
}

/// The members of a payload, from which claims are taken.
struct Said(Map<String, Value>);

impl Said {
    /// A claim in one of its spellings.
    fn take(&mut self, long: &'static str, short: Option<&'static str>) -> Result<Option<Value>, Fault> {
        let other = short.and_then(|short| self.0.remove(short).map(|value| (short, value)));
        match (self.0.remove(long), other) {
            (Some(_), Some((short, _))) => Err(Fault::malformed(format!("`{long}` and `{short}` are one claim: write one of them"))),
            (Some(value), None) | (None, Some((_, value))) => Ok(Some(value)),
            (None, None) => Ok(None),
        }
    }

    fn flag(&mut self, long: &'static str, short: Option<&'static str>) -> Result<Option<bool>, Fault> {
        match self.take(long, short)? {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(Value::Null | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_)) => {
                Err(Fault::malformed(format!("`{long}` must be true or false")))
            }
        }
    }

    fn string(&mut self, long: &'static str, short: Option<&'static str>) -> Result<Option<String>, Fault> {
        match self.take(long, short)? {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                Err(Fault::malformed(format!("`{long}` must be a string; leave it out where there is nothing to say")))
            }
        }
    }

    fn text(&mut self, long: &'static str, short: Option<&'static str>, max: usize) -> Result<Option<String>, Fault> {
        match self.string(long, short)? {
            Some(text) => plain(text, long, max).map(Some),
            None => Ok(None),
        }
    }

    fn id(&mut self) -> Result<Option<String>, Fault> {
        match self.text("jti", None, MAX_TEXT)? {
            Some(id) if id.is_empty() => Err(Fault::malformed("`jti` may not be empty")),
            id => Ok(id),
        }
    }

    fn groups(&mut self) -> Result<Vec<String>, Fault> {
        const DETAIL: &str = "`groups` must be a list of strings";
        let items = match self.take("groups", None)? {
            None => return Ok(Vec::new()),
            Some(Value::Array(items)) => items,
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => {
                return Err(Fault::malformed(DETAIL));
            }
        };
        if items.len() > MAX_GROUPS {
            return Err(Fault::malformed(format!("`groups` may have at most {MAX_GROUPS} entries")));
        }
        let group = |item| match item {
            Value::String(text) => plain(text, "groups", MAX_TEXT),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => Err(Fault::malformed(DETAIL)),
        };
        items.into_iter().map(group).collect()
    }

    /// A NumericDate (RFC 7519 section 2): seconds since the Unix epoch, fractions floored.
    fn date(&mut self, name: &'static str) -> Result<Option<Timestamp>, Fault> {
        let Some(number) = self.number(name, None)? else { return Ok(None) };
        match seconds(&number) {
            Some(secs) => Ok(Some(Timestamp::from_secs(secs))),
            None => {
                Err(Fault::malformed(format!("`{name}` lies beyond the year 9999: a time is in seconds, and is this in milliseconds?")))
            }
        }
    }

    /// Whole seconds, not negative, fractions floored.
    fn duration(&mut self, long: &'static str, short: &'static str) -> Result<Option<Duration>, Fault> {
        let Some(number) = self.number(long, Some(short))? else { return Ok(None) };
        match seconds(&number).map(u64::try_from) {
            Some(Ok(secs)) => Ok(Some(Duration::from_secs(secs))),
            Some(Err(_)) | None => Err(Fault::malformed(format!("`{long}` must be a number of seconds, zero or more"))),
        }
    }

    fn number(&mut self, long: &'static str, short: Option<&'static str>) -> Result<Option<Number>, Fault> {
        match self.take(long, short)? {
            None => Ok(None),
            Some(Value::Number(number)) => Ok(Some(number)),
            Some(Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_)) => {
                Err(Fault::malformed(format!("`{long}` must be a number of seconds")))
            }
        }
    }
}

/// Text that goes into logs, headers, lists and pages as it is.
fn plain(text: String, name: &str, max: usize) -> Result<String, Fault> {
    if text.len() > max {
        return Err(Fault::malformed(format!("`{name}` may have at most {max} bytes")));
    }
    // U+2028 and U+2029 end a line for some readers of logs.
    if text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
        return Err(Fault::malformed(format!("`{name}` may not contain control characters")));
    }
    Ok(text)
}

/// Whole seconds within ten thousand years of the epoch.
fn seconds(number: &Number) -> Option<i64> {
    let secs = match (number.as_i64(), number.as_f64()) {
        (Some(secs), _) => secs,
        (None, Some(secs)) => {
            let floor = secs.floor();
            // Within these bounds every whole f64 is exactly one i64.
            #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "both are far below 2^53")]
            let within = (floor.abs() <= YEAR_9999 as f64).then_some(floor as i64);
            within?
        }
        (None, None) => return None,
    };
    (-YEAR_9999..=YEAR_9999).contains(&secs).then_some(secs)
}
