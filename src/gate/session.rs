//! What does a browser keep of us between two requests?
//!
//! One sealed, stateless cookie a room (the session), and one that tells this browser from others (the visitor). A session is a
//! credential, not an answer: what it opens is decided anew each time.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use moka::sync::Cache;
use serde::{Deserialize, Serialize};

use super::seal::Sealer;
use crate::access::{Grant, Id, Person, RoomName, Timestamp, TokenId};
use crate::chance::{Chance, NoChance};

/// How many sessions one browser may hold; the oldest goes.
pub const SESSIONS_MAX: usize = 16;

/// A browser's standing in one room.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    /// Random; ejecting ends it.
    pub id: Id,
    /// Whose browser.
    pub visitor: Id,
    /// Which room.
    pub room: RoomName,
    /// When it was made.
    pub issued: Timestamp,
    /// When it ends whatever happens.
    pub expires: Timestamp,
    /// When its bearer entered, once they have.
    pub entered: Option<Timestamp>,
    /// The token it was made from, if it was made from one.
    pub grant: Option<Arc<Grant>>,
}

/// How the cookies look: by `public_url`, and whether we may be embedded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CookieStyle {
    /// `https://`: `Secure` and the `__Host-` prefix (RFC 6265bis section 4.1.3.2).
    pub secure: bool,
    /// Some site may frame us: `SameSite=None; Partitioned`.
    pub embedded: bool,
}

impl CookieStyle {
    /// How all of our cookies' names begin.
    pub const fn prefix(self) -> &'static str {
        if self.secure { "__Host-roomgate-" } else { "roomgate-" }
    }

    /// The whole `Set-Cookie` line.
    fn line(self, name: &str, value: &str, lifetime: Duration) -> String {
        let site = match (self.embedded, self.secure) {
            (true, true) => "SameSite=None; Partitioned",
            (true, false) | (false, _) => "SameSite=Lax",
        };
        let secure = if self.secure { "; Secure" } else { "" };
        format!("{name}={value}; Path=/; Max-Age={}; HttpOnly{secure}; {site}", lifetime.as_secs())
    }
}

/// Makes and reads our cookies.
pub struct Cookies {
    style: CookieStyle,
    lifetime: Duration,
    sealer: Sealer,
    /// Opened before: name and value, to what it holds. Bounded; saves the decryption.
    opened: Cache<Box<str>, Opened>,
}

/// What was in a cookie of ours.
#[derive(Clone)]
enum Opened {
    Session(Arc<Session>),
    Visitor(Id),
}

/// The visitor cookie lives for so long: bans that last are matched by it.
const VISITOR_LIFETIME: Duration = Duration::from_secs(180 * 86_400);
const NOTICE_LIFETIME: Duration = Duration::from_secs(60);
const VISITOR: &str = "visitor";
const NOTICE: &str = "notice";

impl Cookies {
    /// Cookies of this style, sealed so, for sessions of this lifetime.
    pub fn new(style: CookieStyle, lifetime: Duration, sealer: Sealer) -> Self {
        let opened = Cache::builder().max_capacity(50_000).time_to_live(Duration::from_secs(300)).build();
        Self { style, lifetime, sealer, opened }
    }

    /// Their style.
    pub fn style(&self) -> CookieStyle {
        self.style
    }

    /// What seals them; for other things that go out and come back.
    pub fn sealer(&self) -> &Sealer {
        &self.sealer
    }

    /// How long a session lives.
    pub fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// The name of a room's session cookie. Rooms have names that cookies may not have.
    pub fn name(&self, room: &RoomName) -> String {
        let hash = digest(&SHA256, room.as_str().as_bytes());
        let first = hash.as_ref().first_chunk().copied().map_or(0, u64::from_be_bytes);
        format!("{}{first:016x}", self.style.prefix())
    }

    /// The line that sets this session.
    ///
    /// # Errors
    /// Where the machine has no randomness.
    pub fn set_session(&self, session: &Session, now: Timestamp, chance: &dyn Chance) -> Result<String, NoChance> {
        let name = self.name(&session.room);
        let plain = serde_json::to_vec(&Kept::from(session)).map_err(|_| NoChance)?;
        let value = self.sealer.seal(&name, &plain, chance)?;
        Ok(self.style.line(&name, &value, session.expires.since(now)))
    }

    /// The line that takes a room's session away.
    pub fn drop_session(&self, room: &RoomName) -> String {
        self.style.line(&self.name(room), "", Duration::ZERO)
    }

    /// The session in a cookie of ours, if it is one and its time is not over.
    pub fn session(&self, name: &str, value: &str, now: Timestamp) -> Option<Arc<Session>> {
        let read = |plain: &[u8]| Some(Opened::Session(Arc::new(serde_json::from_slice::<Kept>(plain).ok()?.session()?)));
        let Opened::Session(session) = self.open(name, value, read)? else {
            return None;
        };
        (session.issued <= now.plus(Duration::from_secs(60)) && now < session.expires).then_some(session)
    }

    /// The line that tells this browser from others.
    ///
    /// # Errors
    /// Where the machine has no randomness.
    pub fn set_visitor(&self, visitor: Id, chance: &dyn Chance) -> Result<String, NoChance> {
        let name = format!("{}{VISITOR}", self.style.prefix());
        let value = self.sealer.seal(&name, &visitor.bytes(), chance)?;
        Ok(self.style.line(&name, &value, VISITOR_LIFETIME))
    }

    /// Whose browser this is, if `name` and `value` are our visitor cookie.
    pub fn visitor(&self, name: &str, value: &str) -> Option<Id> {
        if name.strip_prefix(self.style.prefix())? != VISITOR {
            return None;
        }
        let read = |plain: &[u8]| <[u8; 16]>::try_from(plain).ok().map(|bytes| Opened::Visitor(Id::new(bytes)));
        match self.open(name, value, read)? {
            Opened::Visitor(id) => Some(id),
            Opened::Session(_) => None,
        }
    }

    fn open(&self, name: &str, value: &str, read: impl FnOnce(&[u8]) -> Option<Opened>) -> Option<Opened> {
        let key = [name, "=", value].concat();
        if let Some(opened) = self.opened.get(key.as_str()) {
            return Some(opened);
        }
        let opened = read(&self.sealer.open(name, value)?)?;
        self.opened.insert(key.into(), opened.clone());
        Some(opened)
    }

    /// The line that remembers for a minute what was wrong with a link. Holds a code of ours, nothing of the link.
    pub fn set_notice(&self, code: &str) -> String {
        self.style.line(&format!("{}{NOTICE}", self.style.prefix()), code, NOTICE_LIFETIME)
    }

    /// The code in our notice cookie, unchecked.
    pub fn notice<'v>(&self, name: &str, value: &'v str) -> Option<&'v str> {
        (name.strip_prefix(self.style.prefix())? == NOTICE).then_some(value)
    }
}

/// A session as it is written into the cookie: short names, a cookie has 4 KiB.
#[derive(Serialize, Deserialize)]
struct Kept {
    i: String,
    v: String,
    r: String,
    s: i64,
    e: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    g: Option<KeptGrant>,
}

#[derive(Serialize, Deserialize)]
struct KeptGrant {
    t: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    r: Option<String>,
    o: bool,
    k: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    ud: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    m: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    gr: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    u: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    e: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    i: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ejt: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    eje: Option<u64>,
}

impl From<&Session> for Kept {
    fn from(s: &Session) -> Self {
        Self {
            i: s.id.to_string(),
            v: s.visitor.to_string(),
            r: s.room.to_string(),
            s: s.issued.as_millis(),
            e: s.expires.as_millis(),
            n: s.entered.map(Timestamp::as_millis),
            g: s.grant.as_deref().map(|g| KeptGrant {
                t: g.token.as_str().to_owned(),
                r: g.room.as_ref().map(ToString::to_string),
                o: g.owner,
                k: g.must_knock,
                ud: g.person.user.clone(),
                m: g.person.email.clone(),
                gr: g.person.groups.clone(),
                u: g.person.name.clone(),
                e: g.expires.map(Timestamp::as_millis),
                n: g.not_before.map(Timestamp::as_millis),
                i: g.issued.map(Timestamp::as_millis),
                ejt: g.eject_at_expiry,
                eje: g.eject_after.map(|d| d.as_secs()),
            }),
        }
    }
}

impl Kept {
    /// `None` only where an older or newer version of us wrote it otherwise.
    fn session(self) -> Option<Session> {
        let grant = match self.g {
            None => None,
            Some(g) => Some(Arc::new(Grant {
                token: TokenId::kept(&g.t),
                room: g.r.as_deref().map(RoomName::canonical).transpose().ok()?,
                owner: g.o,
                must_knock: g.k,
                person: Person { user: g.ud, email: g.m, groups: g.gr, name: g.u },
                expires: g.e.map(Timestamp::from_millis),
                not_before: g.n.map(Timestamp::from_millis),
                issued: g.i.map(Timestamp::from_millis),
                eject_at_expiry: g.ejt,
                eject_after: g.eje.map(Duration::from_secs),
            })),
        };
        Some(Session {
            id: Id::parse(&self.i)?,
            visitor: Id::parse(&self.v)?,
            room: RoomName::canonical(&self.r).ok()?,
            issued: Timestamp::from_millis(self.s),
            expires: Timestamp::from_millis(self.e),
            entered: self.n.map(Timestamp::from_millis),
            grant,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::chance::SeededChance;
    use crate::config::Secret;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn cookies(style: CookieStyle) -> Cookies {
        let sealer = Sealer::new(&[Secret::new(b"a secret of at least thirty-two bytes".to_vec())]).unwrap();
        Cookies::new(style, Duration::from_secs(3600), sealer)
    }

    const SECURE: CookieStyle = CookieStyle { secure: true, embedded: false };

    fn session(room: &str) -> Session {
        Session {
            id: Id::new([1; 16]),
            visitor: Id::new([2; 16]),
            room: RoomName::canonical(room).unwrap(),
            issued: NOW,
            expires: NOW.plus(Duration::from_secs(3600)),
            entered: Some(NOW),
            grant: Some(Arc::new(Grant {
                token: TokenId::jti("x"),
                room: Some(RoomName::canonical(room).unwrap()),
                owner: true,
                must_knock: false,
                person: Person { user: Some("42".into()), email: None, groups: vec!["staff".into()], name: Some("Ann".into()) },
                expires: Some(NOW),
                not_before: None,
                issued: Some(NOW),
                eject_at_expiry: Some(true),
                eject_after: Some(Duration::from_secs(9)),
            })),
        }
    }

    fn pair(line: &str) -> (&str, &str) {
        line.split(';').next().unwrap().split_once('=').unwrap()
    }

    #[test]
    fn a_session_comes_back_as_it_was() {
        let cookies = cookies(SECURE);
        let line = cookies.set_session(&session("standup"), NOW, &SeededChance::new(1)).unwrap();
        let (name, value) = pair(&line);
        for _ in 0..2 {
            assert_eq!(*cookies.session(name, value, NOW).unwrap(), session("standup"));
        }
        assert!(line.ends_with("Path=/; Max-Age=3600; HttpOnly; Secure; SameSite=Lax"), "{line}");
        assert!(name.starts_with("__Host-roomgate-"), "{line}");
    }

    #[test]
    fn a_session_is_of_no_use_under_another_rooms_name_nor_after_its_time() {
        let cookies = cookies(SECURE);
        let line = cookies.set_session(&session("standup"), NOW, &SeededChance::new(1)).unwrap();
        let (name, value) = pair(&line);
        let other = cookies.name(&RoomName::canonical("board").unwrap());
        assert!(cookies.session(&other, value, NOW).is_none());
        assert!(cookies.session(name, value, NOW.plus(Duration::from_secs(3600))).is_none());
        assert!(cookies.session(name, value, NOW.minus(Duration::from_secs(61))).is_none());
        assert!(cookies.visitor(name, value).is_none());
    }

    #[test]
    fn a_visitor_comes_back_and_a_made_up_one_does_not() {
        let cookies = cookies(CookieStyle { secure: false, embedded: false });
        let line = cookies.set_visitor(Id::new([7; 16]), &SeededChance::new(3)).unwrap();
        let (name, value) = pair(&line);
        assert_eq!(name, "roomgate-visitor");
        assert_eq!(cookies.visitor(name, value), Some(Id::new([7; 16])));
        assert_eq!(cookies.visitor(name, &Id::new([7; 16]).to_string()), None);
        assert!(!line.contains("Secure"), "{line}");
    }

    #[test]
    fn embedded_cookies_are_partitioned() {
        let line = cookies(CookieStyle { secure: true, embedded: true }).set_visitor(Id::new([7; 16]), &SeededChance::new(3)).unwrap();
        assert!(line.ends_with("Secure; SameSite=None; Partitioned"), "{line}");
    }
}
