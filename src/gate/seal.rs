//! How do we hand something to a browser and know it again?
//!
//! Sealed with AES-256-GCM-SIV (RFC 8452: a repeated nonce betrays no key), the purpose as associated data, so that what was
//! sealed for one place opens nowhere else. The first secret seals, all open: rotation without throwing anybody out.

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::chance::{Chance, NoChance};
use crate::config::Secret;

/// The longest text that [`Sealer::open`] looks at, in bytes. Browsers keep 4 KiB a cookie.
const LONGEST: usize = 4096;
const VERSION: u8 = 1;

/// Seals and opens.
pub struct Sealer {
    keys: Vec<Key>,
}

struct Key {
    /// Tells our keys apart without trying them all; says nothing about the key.
    hint: u8,
    aead: LessSafeKey,
}

/// The length of the keys that are derived from a secret, in bytes.
struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

impl Sealer {
    /// From the operator's secrets. `None` where there is none to seal with.
    pub fn new(secrets: &[Secret]) -> Option<Self> {
        let keys: Option<Vec<Key>> = secrets.iter().map(|s| Key::derive(s.expose())).collect();
        keys.filter(|keys| !keys.is_empty()).map(|keys| Self { keys })
    }

    /// Seals `plain` for `purpose`, as base64url.
    ///
    /// # Errors
    /// Where the machine has no randomness.
    pub fn seal(&self, purpose: &str, plain: &[u8], chance: &dyn Chance) -> Result<String, NoChance> {
        let key = self.keys.first().ok_or(NoChance)?;
        let mut nonce = [0; NONCE_LEN];
        chance.fill(&mut nonce)?;
        let mut sealed = plain.to_vec();
        key.aead
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(purpose.as_bytes()), &mut sealed)
            .map_err(|_| NoChance)?;
        let mut whole = Vec::with_capacity(sealed.len().saturating_add(NONCE_LEN).saturating_add(2));
        whole.extend_from_slice(&[VERSION, key.hint]);
        whole.extend_from_slice(&nonce);
        whole.append(&mut sealed);
        Ok(URL_SAFE_NO_PAD.encode(whole))
    }

    /// What was sealed for `purpose`, or `None` for anything else.
    pub fn open(&self, purpose: &str, text: &str) -> Option<Vec<u8>> {
        if text.len() > LONGEST {
            return None;
        }
        let whole = URL_SAFE_NO_PAD.decode(text).ok()?;
        let ([VERSION, hint], rest) = whole.split_first_chunk::<2>().map(|(head, rest)| (*head, rest))? else {
            return None;
        };
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>()?;
        self.keys.iter().filter(|key| key.hint == hint).find_map(|key| {
            let mut buffer = sealed.to_vec();
            let nonce = Nonce::assume_unique_for_key(*nonce);
            let plain = key.aead.open_in_place(nonce, Aad::from(purpose.as_bytes()), &mut buffer).ok()?;
            Some(plain.to_vec())
        })
    }
}

impl Key {
    fn derive(secret: &[u8]) -> Option<Self> {
        let pseudo_random = Salt::new(HKDF_SHA256, b"roomgate").extract(secret);
        let mut bytes = zeroize::Zeroizing::new([0; 33]);
        pseudo_random.expand(&[b"seal v1"], Length(33)).ok()?.fill(bytes.as_mut()).ok()?;
        let (hint, key) = bytes.split_first()?;
        let aead = LessSafeKey::new(UnboundKey::new(&AES_256_GCM_SIV, key).ok()?);
        Some(Self { hint: *hint, aead })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use crate::chance::SeededChance;

    fn sealer(secrets: &[&str]) -> Sealer {
        Sealer::new(&secrets.iter().map(|s| Secret::new(s.as_bytes().to_vec())).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn what_was_sealed_opens_for_its_purpose_only() {
        let sealer = sealer(&["one secret of thirty-two bytes !!"]);
        let text = sealer.seal("cookie-a", b"hello", &SeededChance::new(1)).unwrap();
        assert_eq!(sealer.open("cookie-a", &text).unwrap(), b"hello");
        assert_eq!(sealer.open("cookie-b", &text), None);
    }

    #[test]
    fn every_changed_character_is_noticed() {
        let sealer = sealer(&["one secret of thirty-two bytes !!"]);
        let text = sealer.seal("p", b"hello", &SeededChance::new(1)).unwrap();
        for at in 0..text.len() {
            let mut other = text.clone().into_bytes();
            other[at] = if other[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(sealer.open("p", std::str::from_utf8(&other).unwrap()), None, "character {at}");
            assert_eq!(sealer.open("p", &text[..at]), None, "cut at {at}");
        }
        assert_eq!(sealer.open("p", &format!("{text}=")), None);
        assert_eq!(sealer.open("p", &"A".repeat(5000)), None);
    }

    #[test]
    fn old_secrets_open_and_the_first_seals() {
        let (old, new) = ("the old secret of thirty-two bytes", "the new secret of thirty-two bytes");
        let before = sealer(&[old]).seal("p", b"x", &SeededChance::new(1)).unwrap();
        let rotated = sealer(&[new, old]);
        assert!(rotated.open("p", &before).is_some());
        let after = rotated.seal("p", b"x", &SeededChance::new(2)).unwrap();
        assert!(sealer(&[new]).open("p", &after).is_some());
        assert!(sealer(&[old]).open("p", &after).is_none());
    }

    #[test]
    fn without_a_secret_there_is_no_sealer() {
        assert!(Sealer::new(&[]).is_none());
    }
}
