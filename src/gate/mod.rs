//! Brings the facts of one request to [`access::decide`](crate::access::decide).
//!
//! The proxy and our own pages both ask here, and nowhere else: there is one way in.

pub mod caller;
mod jitsi;
mod removal;
pub mod seal;
pub mod session;
mod word;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio_util::sync::CancellationToken;

use crate::access::{
    Bar, Decision, Door, Hold, Id, KnockState, Outcome, Permit, Refusal, Review, Room, RoomName, Standing, Timestamp, Visitor, decide,
    review,
};
use crate::chance::{Chance, NoChance};
use crate::clock::Clock;
use crate::config::Config;
use crate::directory::{Directory, Entry};
use crate::live::Live;
use crate::metrics::Metrics;
use crate::profile::Profile;
use crate::store::Store;
use crate::token::Verifier;

pub use crate::live::Participant;
pub use caller::{Brought, Caller, Speaks, Whence};
pub use removal::KeepOut;
pub use session::{CookieStyle, Cookies, SESSIONS_MAX, Session};
pub(crate) use word::Word;

/// All that is needed to judge, in one place. One a process.
pub struct Gate {
    config: ArcSwap<Config>,
    cookies: ArcSwap<Cookies>,
    verifier: Verifier,
    directory: Arc<Directory>,
    store: Arc<dyn Store>,
    live: Arc<Live>,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Chance>,
    metrics: Arc<Metrics>,
    profile: Arc<Profile>,
    closing: CancellationToken,
    draining: CancellationToken,
}

/// What a [`Gate`] is made of.
pub struct Parts {
    /// What the operator said.
    pub config: Arc<Config>,
    /// Our cookies.
    pub cookies: Cookies,
    /// Reads tokens.
    pub verifier: Verifier,
    /// Knows rooms.
    pub directory: Arc<Directory>,
    /// Keeps facts.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Random bytes.
    pub chance: Arc<dyn Chance>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

/// At which moment of a visit the question is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// A page is opened: the visitor comes (again), and time inside starts anew if it was used up.
    Arriving,
    /// Everything else of a visit: whoever is inside is reviewed, all others are judged as at the door.
    Staying,
}

/// What came out, with the facts that carrying it out needs.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The answer.
    pub outcome: Outcome,
    /// The room's entry in the directory.
    pub entry: Arc<Entry>,
    /// The caller's session for this room.
    pub session: Option<Arc<Session>>,
}

/// A fact could not be learnt. Not a decision: 503.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a fact could not be learnt")]
pub struct Unavailable;

impl Gate {
    /// Puts it together.
    pub fn new(parts: Parts) -> Self {
        let metrics = parts.metrics.clone();
        let lag = Box::new(move |lag: Duration| metrics.eject_lag(lag));
        Self {
            live: Arc::new(Live::new(parts.config.meeting.presence, lag)),
            profile: parts.config.upstream.profile.clone(),
            config: ArcSwap::new(parts.config),
            cookies: ArcSwap::from_pointee(parts.cookies),
            verifier: parts.verifier,
            directory: parts.directory,
            store: parts.store,
            clock: parts.clock,
            chance: parts.chance,
            metrics: parts.metrics,
            closing: CancellationToken::new(),
            draining: CancellationToken::new(),
        }
    }

    /// Cancelled when this process is about to stop: what would otherwise last for ever ends, to be opened again elsewhere.
    pub fn closing(&self) -> &CancellationToken {
        &self.closing
    }

    /// Cancelled when tunnels have to be gone soon, too: nobody else takes them over.
    pub fn draining(&self) -> &CancellationToken {
        &self.draining
    }

    /// What the operator said last.
    pub fn config(&self) -> arc_swap::Guard<Arc<Config>> {
        self.config.load()
    }

    /// Takes in what the operator says now. Listeners, upstream, store and profile stay as they are.
    pub fn reconfigure(&self, config: Arc<Config>, cookies: Cookies) {
        self.cookies.store(Arc::new(cookies));
        self.config.store(config);
    }

    /// Our cookies.
    pub fn cookies(&self) -> arc_swap::Guard<Arc<Cookies>> {
        self.cookies.load()
    }

    /// Reads tokens.
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// Knows rooms.
    pub fn directory(&self) -> &Arc<Directory> {
        &self.directory
    }

    /// Keeps facts.
    pub fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// The same for whoever outlives a request.
    pub fn store_shared(&self) -> Arc<dyn Store> {
        self.store.clone()
    }

    /// Who is inside.
    pub fn live(&self) -> &Arc<Live> {
        &self.live
    }

    /// The time.
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// Random bytes.
    pub fn chance(&self) -> &dyn Chance {
        &*self.chance
    }

    /// The same, to be kept.
    pub fn chance_shared(&self) -> Arc<dyn Chance> {
        self.chance.clone()
    }

    /// What is counted, to be kept.
    pub fn metrics_shared(&self) -> Arc<Metrics> {
        self.metrics.clone()
    }

    /// What is counted.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The kind of server behind us.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// Reads a token. Waits only where a key has to be fetched first.
    pub async fn read_token(&self, token: &str) -> Brought {
        let read = match self.verifier.cached(token) {
            Some(read) => read,
            None => self.verifier.verify(token, self.clock.now()).await,
        };
        match read {
            Ok(grant) => Brought::Grant(grant),
            Err(fault) => Brought::Bad(fault),
        }
    }

    /// The same of several, which must be the same: two different ones are none.
    pub async fn read_tokens<'t>(&self, mut tokens: impl Iterator<Item = &'t str>) -> Brought {
        let Some(first) = tokens.next() else {
            return Brought::Nothing;
        };
        if tokens.any(|other| other != first) {
            return Brought::Bad(crate::access::TokenFault::Ambiguous);
        }
        self.read_token(first).await
    }

    /// The directory's word on a room.
    ///
    /// # Errors
    /// Where a source had to be asked and did not answer.
    pub async fn entry(&self, room: &RoomName) -> Result<Arc<Entry>, Unavailable> {
        match self.directory.known(room) {
            Some(entry) => {
                self.metrics.directory_cache(true);
                Ok(entry)
            }
            None => {
                self.metrics.directory_cache(false);
                self.directory.look_up(room).await.map_err(|_| Unavailable)
            }
        }
    }

    /// Given this caller, this room and this moment: what now?
    ///
    /// # Errors
    /// Where a fact could not be learnt.
    pub async fn judge(&self, caller: &Caller, room: &RoomName, moment: Moment) -> Result<Judged, Unavailable> {
        let entry = self.entry(room).await?;
        Ok(self.judge_by(caller, entry, moment, self.clock.now()))
    }

    /// The same once the directory has answered: nothing here waits.
    pub fn judge_by(&self, caller: &Caller, entry: Arc<Entry>, moment: Moment, now: Timestamp) -> Judged {
        // A caller may outlive the request that showed it, by a stream or a socket; its session does not.
        let session = caller.session(&entry.name).filter(|s| now < s.expires).cloned();
        let inside = match moment {
            Moment::Staying => session.as_ref().and_then(|s| self.inside(caller, s, &entry, now)),
            Moment::Arriving => None,
        };
        let outcome = match (inside, &caller.token) {
            (Some(permit), Brought::Nothing) => Outcome { decision: Decision::Admit(permit), token: None },
            (inside, _) => {
                let decided = self.decide_with(caller, &entry, session.as_deref(), moment, now);
                match (inside, &decided) {
                    // What they brought may be better than what let them in.
                    (None, _) | (Some(_), Outcome { decision: Decision::Admit(_), token: None }) => decided,
                    // A bad token takes nothing away.
                    (Some(permit), _) => Outcome { decision: Decision::Admit(permit), ..decided },
                }
            }
        };
        Judged { outcome, entry, session }
    }

    /// The permit of a session that is inside and may stay there.
    fn inside(&self, caller: &Caller, session: &Session, entry: &Entry, now: Timestamp) -> Option<Permit> {
        let permit = self.live.permit(session.id, now)?;
        let facts = self.store.facts();
        let revocations = facts.revocations();
        let word = Word::of_permit(facts, &permit, session.visitor, session.id, Some(caller.whence.address));
        let standing = Standing {
            room: entry.room.as_ref(),
            revocations: &revocations,
            bar: word.bar,
            knock: word.own(facts, &entry.name, session.visitor),
        };
        match review(&permit, &standing, now) {
            Review::Stay { .. } => Some(Permit::clone(&permit)),
            Review::Leave(_) => None,
        }
    }

    fn decide_with(&self, caller: &Caller, entry: &Entry, session: Option<&Session>, moment: Moment, now: Timestamp) -> Outcome {
        let config = self.config.load();
        let facts = self.store.facts();
        let revocations = facts.revocations();
        let room = &entry.name;
        let believed = caller.speaks == Speaks::All;
        let visitor_id = session.map(|s| s.visitor).or(caller.visitor).filter(|_| believed);
        let held = session.and_then(|s| s.grant.as_ref());
        let max = entry.room.as_ref().and_then(|r| r.max_participants);
        let door = Door {
            name: room,
            room: entry.room.as_ref(),
            reserved: entry.reserved.as_ref(),
            revocations: &revocations,
            inside: max.map_or(0, |_| self.live.count(room, now)),
            leeway: config.tokens.leeway,
            require_room: config.tokens.require_room,
        };
        let word = self.word(caller, room, session);
        let inside = session.and_then(|s| self.live.permit(s.id, now));
        let mut visitor = Visitor {
            token: caller.token.presented(),
            session: held,
            entered: session.and_then(|s| s.entered),
            person: caller.person.as_ref().filter(|_| believed),
            address: Some(caller.whence.address).filter(|_| believed && caller.whence.certain),
            bar: word.bar,
            knock: if believed { word.knock(facts, room, visitor_id, inside.as_deref()) } else { KnockState::None },
            remembered: if believed { word.remembered(facts, room) } else { None },
            inside: inside.is_some(),
        };
        let outcome = decide(&door, &visitor, now);
        let used_up = outcome.decision == Decision::Refuse(Refusal::Ejected) && visitor.bar != Some(Bar::Ejected);
        if used_up && moment == Moment::Arriving {
            // Opening the page again is coming again: a new session, with time of its own.
            visitor.entered = None;
            return decide(&door, &visitor, now);
        }
        if config.rooms.hide
            && let (Decision::Refuse(Refusal::NotOpen(_) | Refusal::Closed(_)), Some(room)) = (&outcome.decision, door.room)
        {
            // Whom it would be private to, open or not, is not told that there is something that opens.
            let open = Room { opens: None, closes: None, ..room.clone() };
            let then = decide(&Door { room: Some(&open), ..door }, &visitor, now);
            if then.decision == Decision::Refuse(Refusal::Private) {
                return then;
            }
        }
        outcome
    }

    /// The session that an admission, or a good token, earns: the caller's own where it says all of it already.
    ///
    /// `None` where the caller's cookie needs no change.
    ///
    /// # Errors
    /// Where the machine has no randomness.
    pub fn session_for(&self, caller: &Caller, judged: &Judged, now: Timestamp) -> Result<Option<Session>, NoChance> {
        let permit = match &judged.outcome.decision {
            Decision::Admit(permit) => Some(permit),
            Decision::Hold(Hold::MayKnock | Hold::Waiting) | Decision::Refuse(_) => None,
        };
        let good = match (&caller.token, judged.outcome.token) {
            (Brought::Grant(grant), None) => Some(grant),
            (Brought::Grant(_), Some(_)) | (Brought::Nothing | Brought::Bad(_), _) => None,
        };
        if permit.is_none() && good.is_none() {
            return Ok(None);
        }
        let entered = permit.map(Permit::entered);
        let old = judged.session.as_deref();
        let grant = good.or(permit.and_then(Permit::grant)).or(old.and_then(|s| s.grant.as_ref())).cloned();
        if let Some(old) = old {
            let same_token = old.grant.as_ref().map(|g| &g.token) == grant.as_ref().map(|g| &g.token);
            if same_token && (old.entered == entered || permit.is_none()) {
                return Ok(None);
            }
            if same_token && old.entered.is_none() {
                return Ok(Some(Session { entered, ..old.clone() }));
            }
        }
        let lifetime = self.cookies.load().lifetime();
        let visitor = match old.map(|s| s.visitor).or(caller.browser()) {
            Some(visitor) => visitor,
            None => self.chance.id()?,
        };
        Ok(Some(Session {
            id: self.chance.id()?,
            visitor,
            room: judged.entry.name.clone(),
            issued: now,
            expires: now.plus(lifetime),
            entered,
            grant,
        }))
    }

    /// The `Set-Cookie` lines that give a caller this session: with the visitor's own cookie where it has none, and without the
    /// oldest sessions where there are too many.
    ///
    /// # Errors
    /// Where the machine has no randomness.
    pub fn set_cookies(&self, caller: &Caller, session: &Session, now: Timestamp) -> Result<Vec<String>, NoChance> {
        let cookies = self.cookies.load();
        let mut lines = vec![cookies.set_session(session, now, self.chance())?];
        if caller.visitor != Some(session.visitor) {
            lines.push(cookies.set_visitor(session.visitor, self.chance())?);
        }
        let mut others: Vec<_> = caller.sessions.iter().filter(|s| s.room != session.room).collect();
        others.sort_by_key(|s| std::cmp::Reverse(s.issued));
        lines.extend(others.iter().skip(SESSIONS_MAX.saturating_sub(1)).map(|s| cookies.drop_session(&s.room)));
        Ok(lines)
    }

    /// Seals a path of this site, to come back to.
    ///
    /// # Errors
    /// Where the machine has no randomness.
    pub fn seal_return(&self, room: &RoomName, path_and_query: &str) -> Result<String, NoChance> {
        self.cookies.load().sealer().seal(&format!("return {room}"), path_and_query.as_bytes(), self.chance())
    }

    /// The path that was sealed for this room, and nothing that was not.
    pub fn open_return(&self, room: &RoomName, sealed: &str) -> Option<String> {
        let plain = self.cookies.load().sealer().open(&format!("return {room}"), sealed)?;
        String::from_utf8(plain).ok().filter(|path| path.starts_with('/') && !path.starts_with("//"))
    }

    /// A value that only a page of ours, given to this browser, can send back: against forms on other sites.
    ///
    /// # Errors
    /// Where the machine has no randomness.
    pub fn form_token(&self, visitor: Id) -> Result<String, NoChance> {
        self.cookies.load().sealer().seal("form", &visitor.bytes(), self.chance())
    }

    /// Whether a form came from a page of ours, given to this browser.
    pub fn is_form_token(&self, visitor: Id, value: &str) -> bool {
        self.cookies.load().sealer().open("form", value).is_some_and(|plain| plain == visitor.bytes())
    }
}
