//! Where do random bytes come from? Like the time: from the edge, as an argument.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::access::Id;

/// Gives bytes that nobody can foresee.
pub trait Chance: Send + Sync {
    /// Fills all of `bytes`.
    ///
    /// # Errors
    /// Where the machine has no randomness to give: whoever asked must then refuse rather than go on.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoChance>;

    /// A new random identifier.
    ///
    /// # Errors
    /// As [`Chance::fill`].
    fn id(&self) -> Result<Id, NoChance> {
        let mut bytes = [0; 16];
        self.fill(&mut bytes)?;
        Ok(Id::new(bytes))
    }
}

/// The machine has no random bytes to give.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the operating system gave no random bytes")]
pub struct NoChance;

/// The operating system's generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemChance;

impl Chance for SystemChance {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the machine for randomness")]
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoChance> {
        getrandom::fill(bytes).map_err(|_| NoChance)
    }
}

/// A reproducible sequence for tests (SplitMix64): not secret, never to be used outside them.
#[derive(Clone, Debug, Default)]
pub struct SeededChance(Arc<AtomicU64>);

impl SeededChance {
    /// The sequence that belongs to this seed.
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(AtomicU64::new(seed)))
    }
}

impl Chance for SeededChance {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoChance> {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        for chunk in bytes.chunks_mut(8) {
            let mut z = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^= z >> 31;
            for (to, from) in chunk.iter_mut().zip(z.to_le_bytes()) {
                *to = from;
            }
        }
        Ok(())
    }
}
