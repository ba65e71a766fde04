//! Is this token good, and have we seen it before?
//!
//! What was found is remembered by the SHA-256 of the whole token: grants until they expire, forgeries for a short while and in a place
//! of their own, so that a flood of them pushes no grant out. All of it is forgotten when a key changes: an entry counts only in the
//! generation of keys that it was made in.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use aws_lc_rs::digest::{SHA256, digest};
use moka::Expiry;
use moka::sync::Cache;
use parking_lot::Mutex;
use reqwest::Client;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::access::{Grant, Timestamp, TokenFault, TokenId};

use super::RoomNames;
use super::algorithm::Algorithm;
use super::claims::Claims;
use super::compact::{Compact, MAX_TOKEN};
use super::fault::Fault;
use super::jwks::{self, Jwks, Source};
use super::keyring::{Candidates, Key, KeyError, KeySpec, Keyring, NoKey};
use super::observer::{Observer, Silent};

/// How long a grant is remembered at most, and one that has expired (so that it is not verified anew at each request).
const KEEP: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(3600));

/// How long a forgery is remembered.
const KEEP_BAD: Duration = Duration::from_secs(30);

/// How many forgeries are remembered.
const MAX_BAD: u64 = 10_000;

/// What the verifier is to do beside verifying.
#[derive(Clone)]
pub struct Options {
    /// `tokens.domain_id`: where stated, a token's must equal it.
    pub domain_id: Option<String>,
    /// After key sets were asked for an unknown `kid`, they are not asked for another for so long.
    pub cool_down: Duration,
    /// How often key sets are asked anyway.
    pub refresh: Duration,
    /// How long a key set may take to come, all in all.
    pub timeout: Duration,
    /// How much memory remembered grants may take, in bytes (roughly).
    pub remember: u64,
    /// Who counts.
    pub observer: Arc<dyn Observer>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            domain_id: None,
            cool_down: Duration::from_secs(30),
            refresh: Duration::from_secs(300),
            timeout: Duration::from_secs(5),
            remember: 64 * 1024 * 1024,
            observer: Arc::new(Silent),
        }
    }
}

/// Verifies tokens. Clones are the same verifier.
#[derive(Clone)]
pub struct Verifier {
    inner: Arc<Inner>,
}

struct Inner {
    keys: ArcSwap<Keys>,
    /// Held while `keys` is replaced by what was made from it.
    changing: Mutex<()>,
    good: Cache<[u8; 32], Remembered>,
    bad: Cache<[u8; 32], Remembered>,
    client: Mutex<Option<Client>>,
    /// Held while key sets are asked; when they were last asked for an unknown `kid`.
    asking: Arc<tokio::sync::Mutex<Option<Timestamp>>>,
    /// Rung when there are other sources.
    sources_changed: Notify,
    room_names: RoomNames,
    options: Options,
}

/// All that a verdict depends on.
#[derive(Default)]
struct Keys {
    generation: u64,
    ring: Keyring,
    sources: Vec<Arc<Source>>,
    domain_id: Option<String>,
}

#[derive(Clone)]
struct Remembered {
    generation: u64,
    result: Result<Arc<Grant>, Fault>,
    keep: Duration,
    weight: u32,
}

/// What one look at a token gave.
enum Verdict {
    /// Read before any signature was computed: not worth remembering.
    Shapeless(Fault),
    /// A key set may have the key; if not, this is the fault.
    Ask(Option<Algorithm>, Fault),
    /// Judged with a key of this algorithm.
    Judged(Algorithm, Result<Grant, Fault>),
}

impl Verifier {
    /// A verifier with these keys. Key sets are not asked yet: see [`Verifier::refresh_forever`].
    ///
    /// # Errors
    /// Where a key cannot be used: which, why, and what would be right.
    pub fn new(keys: &[KeySpec], sets: &[Jwks], options: Options, room_names: RoomNames) -> Result<Self, KeyError> {
        let verifier = Self::empty(options, room_names);
        let domain_id = verifier.inner.options.domain_id.clone();
        verifier.replace_keys(keys, sets, domain_id)?;
        Ok(verifier)
    }

    /// A verifier that knows no key.
    pub(super) fn empty(options: Options, room_names: RoomNames) -> Self {
        let inner = Inner {
            keys: ArcSwap::default(),
            changing: Mutex::new(()),
            good: Cache::builder().max_capacity(options.remember).weigher(|_, r: &Remembered| r.weight).expire_after(Keep).build(),
            bad: Cache::builder().max_capacity(MAX_BAD).expire_after(Keep).build(),
            client: Mutex::new(None),
            asking: Arc::default(),
            sources_changed: Notify::new(),
            room_names,
            options,
        };
        Self { inner: Arc::new(inner) }
    }

    /// Takes these keys, sets and domain instead of those before. Sets that stay keep what they hold; all verdicts are forgotten.
    ///
    /// # Errors
    /// Where a key cannot be used. Then nothing has changed.
    pub fn replace_keys(&self, keys: &[KeySpec], sets: &[Jwks], domain_id: Option<String>) -> Result<(), KeyError> {
        let local = Keyring::local(keys)?;
        self.replace(local, sets, domain_id)
    }

    pub(super) fn replace(&self, local: Vec<Arc<Key>>, sets: &[Jwks], domain_id: Option<String>) -> Result<(), KeyError> {
        let inner = &self.inner;
        let _changing = inner.changing.lock();
        let before = inner.keys.load();
        let sources = Source::all(sets, &before.sources)?;
        if !sources.is_empty() {
            let mut client = inner.client.lock();
            if client.is_none() {
                *client = Some(jwks::client(inner.options.timeout)?);
            }
        }
        let ring = Keyring { local, remote: sources.iter().flat_map(|s| s.keys()).collect() };
        inner.publish(Keys { generation: before.generation.wrapping_add(1), ring, sources, domain_id });
        inner.sources_changed.notify_one();
        Ok(())
    }

    /// What is remembered of this token: the hot path, without any waiting.
    pub fn cached(&self, token: &str) -> Option<Result<Arc<Grant>, TokenFault>> {
        let found = self.remembered(token);
        self.inner.options.observer.looked_up(found.is_some());
        found.map(|r| r.map_err(|f| f.fault))
    }

    /// Verifies a token, remembered or not, with the keys at hand. `None` where a key set would have to be asked first.
    pub fn verify_now(&self, token: &str, now: Timestamp) -> Option<Result<Arc<Grant>, TokenFault>> {
        self.explain_now(token, now).map(|r| r.map_err(|f| f.fault))
    }

    /// Verifies a token. Waits only where a key set is asked for its key.
    ///
    /// # Errors
    /// Why it gives nothing. Its time, room and revocation are not judged here.
    pub async fn verify(&self, token: &str, now: Timestamp) -> Result<Arc<Grant>, TokenFault> {
        self.explain(token, now).await.map_err(|f| f.fault)
    }

    /// The same with the reason in words.
    ///
    /// # Errors
    /// As [`Verifier::verify`].
    pub async fn explain(&self, token: &str, now: Timestamp) -> Result<Arc<Grant>, Fault> {
        if let Some(result) = self.explain_now(token, now) {
            return result;
        }
        let inner = &self.inner;
        // Whoever comes while sets are asked waits here, and then finds what the first one brought.
        let mut last = inner.asking.clone().lock_owned().await;
        let (keys, verdict) = inner.judge(token);
        if !matches!(verdict, Verdict::Ask(..)) {
            return inner.settle(&keys, token, verdict, now);
        }
        // A clock that was set back does not make the cool-down longer.
        let cooling = last.is_some_and(|last| last <= now && now.since(last) < inner.options.cool_down);
        if cooling {
            return inner.settle(&keys, token, verdict, now);
        }
        *last = Some(now);
        // A task of its own: were it dropped with the visitor who asked, anybody could keep new keys from arriving by hanging up.
        let fetching = tokio::spawn({
            let inner = inner.clone();
            async move {
                inner.fetch().await;
                drop(last);
            }
        });
        let _ = fetching.await;
        let (keys, verdict) = inner.judge(token);
        inner.settle(&keys, token, verdict, now)
    }

    /// Asks all key sets at once and keeps what they say. Whether all of them answered well.
    pub async fn refresh(&self) -> bool {
        let _asking = self.inner.asking.lock().await;
        self.inner.fetch().await
    }

    /// Asks the key sets now and then again and again: a task to run as long as the process.
    pub async fn refresh_forever(&self) {
        let options = &self.inner.options;
        loop {
            let pause = if self.refresh().await { options.refresh } else { options.cool_down.min(options.refresh) };
            tokio::select! {
                () = tokio::time::sleep(pause.max(Duration::from_millis(10))) => {}
                () = self.inner.sources_changed.notified() => {}
            }
        }
    }

    /// How many keys are in use: of the configuration, and of key sets.
    pub fn key_counts(&self) -> (usize, usize) {
        let keys = self.inner.keys.load();
        (keys.ring.local.len(), keys.ring.remote.len())
    }

    /// As [`Verifier::verify_now`], with the reason in words.
    pub fn explain_now(&self, token: &str, now: Timestamp) -> Option<Result<Arc<Grant>, Fault>> {
        if let Some(result) = self.remembered(token) {
            return Some(result);
        }
        let (keys, verdict) = self.inner.judge(token);
        match verdict {
            Verdict::Ask(..) => None,
            Verdict::Shapeless(_) | Verdict::Judged(..) => Some(self.inner.settle(&keys, token, verdict, now)),
        }
    }

    fn remembered(&self, token: &str) -> Option<Result<Arc<Grant>, Fault>> {
        if token.len() > MAX_TOKEN {
            return None;
        }
        let inner = &self.inner;
        let key = sha256(token);
        let found = inner.good.get(&key).or_else(|| inner.bad.get(&key))?;
        (found.generation == inner.keys.load().generation).then_some(found.result)
    }
}

impl Inner {
    fn publish(&self, keys: Keys) {
        self.keys.store(Arc::new(keys));
        // Generations keep old entries from counting; this only frees their memory.
        self.good.invalidate_all();
        self.bad.invalidate_all();
    }

    /// Looks at a token with the keys of this moment, which are returned too: what is remembered belongs to them.
    fn judge(&self, token: &str) -> (Arc<Keys>, Verdict) {
        let keys = self.keys.load_full();
        let verdict = self.judge_with(&keys, token);
        (keys, verdict)
    }

    fn judge_with(&self, keys: &Keys, token: &str) -> Verdict {
        let compact = match Compact::read(token) {
            Ok(compact) => compact,
            Err(fault) => return Verdict::Shapeless(fault),
        };
        let algorithm = compact.algorithm;
        let sets = !keys.sources.is_empty();
        let Candidates { keys: candidates, named } = match keys.ring.candidates(compact.kid.as_deref(), algorithm) {
            Ok(candidates) => candidates,
            Err(NoKey::Unknown) => {
                let fault = Fault::new(TokenFault::UnknownKey, "no key has the name in its `kid`");
                return if sets { Verdict::Ask(None, fault) } else { Verdict::Shapeless(fault) };
            }
            Err(NoKey::OtherAlgorithm) => {
                let fault = Fault::new(TokenFault::WrongAlgorithm, format!("no key that it may mean serves {algorithm}"));
                // Without a name, the key may be in a set that has not come yet.
                let yet = sets && keys.ring.remote.is_empty() && compact.kid.is_none();
                return if yet { Verdict::Ask(None, fault) } else { Verdict::Shapeless(fault) };
            }
        };
        if !candidates.iter().any(|key| key.made(&compact.signature, compact.signed.as_bytes())) {
            let fault = Fault::new(TokenFault::BadSignature, "its signature is by none of the keys that it may mean");
            return if sets && !named { Verdict::Ask(Some(algorithm), fault) } else { Verdict::Judged(algorithm, Err(fault)) };
        }
        // Not of the signature: whoever has an ECDSA token can make another good signature for it.
        let digest = || TokenId::digest(&hex(&sha256(compact.signed)));
        let grant = Claims::parse(&compact.payload).and_then(|claims| claims.grant(digest, keys.domain_id.as_deref(), &*self.room_names));
        Verdict::Judged(algorithm, grant)
    }

    /// Counts a verdict, remembers it where that saves a signature, and gives it out.
    fn settle(&self, keys: &Keys, token: &str, verdict: Verdict, now: Timestamp) -> Result<Arc<Grant>, Fault> {
        let (algorithm, result, remember) = match verdict {
            Verdict::Shapeless(fault) => (None, Err(fault), false),
            // Where keys without a name were tried, their time is worth saving too.
            Verdict::Ask(algorithm, fault) => (algorithm, Err(fault), algorithm.is_some()),
            Verdict::Judged(algorithm, result) => (Some(algorithm), result.map(Arc::new), true),
        };
        self.options.observer.verified(algorithm, result.as_ref().map(|_| ()).map_err(|f| f.fault));
        if remember {
            let (cache, keep) = match &result {
                Ok(grant) => (&self.good, keep(grant.expires, now)),
                Err(_) => (&self.bad, KEEP_BAD),
            };
            let weight = u32::try_from(token.len()).unwrap_or(u32::MAX).saturating_add(512);
            cache.insert(sha256(token), Remembered { generation: keys.generation, result: result.clone(), keep, weight });
        }
        result
    }

    /// Asks all sources at once. Whether all answered well.
    async fn fetch(&self) -> bool {
        let sources = self.keys.load().sources.clone();
        let client = self.client.lock().clone();
        let (Some(client), false) = (client, sources.is_empty()) else { return true };
        let mut asked = JoinSet::new();
        for source in sources {
            let (client, observer) = (client.clone(), self.options.observer.clone());
            asked.spawn(async move {
                let begun = tokio::time::Instant::now();
                let result = source.fetch(&client).await;
                observer.fetched(source.url(), result.as_ref(), begun.elapsed());
                result.is_ok()
            });
        }
        let mut well = true;
        while let Some(answered) = asked.join_next().await {
            well &= matches!(answered, Ok(true));
        }
        let _changing = self.changing.lock();
        let before = self.keys.load_full();
        let remote: Vec<Arc<Key>> = before.sources.iter().flat_map(|s| s.keys()).collect();
        let same = remote.len() == before.ring.remote.len() && remote.iter().zip(&before.ring.remote).all(|(a, b)| Arc::ptr_eq(a, b));
        if !same {
            self.publish(Keys {
                generation: before.generation.wrapping_add(1),
                ring: Keyring { local: before.ring.local.clone(), remote },
                sources: before.sources.clone(),
                domain_id: before.domain_id.clone(),
            });
        }
        well
    }
}

/// How long a grant is remembered. Only memory depends on it: [`crate::access::decide`] judges the time at every request.
pub(super) fn keep(expires: Option<Timestamp>, now: Timestamp) -> Duration {
    expires.map_or(KEEP.1, |exp| exp.since(now).clamp(KEEP.0, KEEP.1))
}

/// Each entry has its own time.
struct Keep;

impl Expiry<[u8; 32], Remembered> for Keep {
    fn expire_after_create(&self, _: &[u8; 32], value: &Remembered, _: std::time::Instant) -> Option<Duration> {
        Some(value.keep)
    }

    fn expire_after_update(&self, _: &[u8; 32], value: &Remembered, _: std::time::Instant, _: Option<Duration>) -> Option<Duration> {
        Some(value.keep)
    }
}

fn sha256(text: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    // A SHA-256 has 32 bytes; zip keeps that from being a panic.
    bytes.iter_mut().zip(digest(&SHA256, text.as_bytes()).as_ref()).for_each(|(to, from)| *to = *from);
    bytes
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;

    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use crate::access::RoomName;

    use super::super::keyring::Material;
    use super::super::mint::{Minting, mint};
    use super::super::secret::Secret;
    use super::*;

    #[test]
    fn a_verdict_that_was_on_its_way_when_the_keys_changed_counts_no_more() {
        let now = Timestamp::from_secs(1_800_000_000);
        let secret = Secret::new(b"Vq3mZ7-eX0_wTn5Lk8RbJ2yHcU6sGdP1".to_vec());
        let key = KeySpec { id: None, algorithm: Algorithm::HS256, material: Material::Secret(secret) };
        let verifier = Verifier::new(std::slice::from_ref(&key), &[], Options::default(), Arc::new(RoomName::canonical)).unwrap();
        let token = mint(&Minting::new(None, now), &key).unwrap();
        let (keys, verdict) = verifier.inner.judge(&token);
        verifier.replace_keys(&[], &[], None).unwrap();
        assert!(verifier.inner.settle(&keys, &token, verdict, now).is_ok());
        assert_eq!(verifier.cached(&token), None);
        assert_eq!(verifier.verify_now(&token, now), Some(Err(TokenFault::UnknownKey)));
    }
}
