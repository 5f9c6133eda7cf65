//! Committed outcomes: what is remembered of an entry so that a retry needs no database, in this process and,
//! as bytes under a MAC, in what all servers share.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use sha2::Digest as _;
use uuid::Uuid;

use crate::receipt;
use crate::secrets::{Digest, Keys, same};
use crate::store::Stored;
use crate::store::entries::Identity;

/// Bytes of committed outcomes this process keeps.
pub const MEMORY_BYTES: u64 = 36 << 20;
/// Bytes the in-process stand-in for the shared cache keeps. Together, and with what a busy process holds beside them,
/// they stay within 64 MiB: `make bench-scale` watches a server grow.
pub const SHARED_BYTES: u64 = 4 << 20;
/// What a value costs a cache beside its bytes: key and place, half as many places for what was evicted lately, a
/// hash table that is seldom full, and what the allocator rounds up.
pub const PLACE_BYTES: u64 = 192;

/// Names the bytes of a request's body.
pub type Press = [u8; 16];

/// Names a body, as far as this process compares two under one key: by the first half of its SHA-256.
pub fn press(body: &[u8]) -> Press {
    let digest: Digest = sha2::Sha256::digest(body).into();
    let mut press = Press::default();
    press.copy_from_slice(&digest[..16]);
    press
}

/// A committed outcome.
#[derive(Clone, Debug)]
pub struct Committed {
    /// Who and what.
    pub identity: Identity,
    /// The receipt, byte for byte.
    pub body: Bytes,
    /// The first press of this process that was told the receipt under this outcome's key. The same bytes mean the same
    /// attempt, whatever the rules have become since.
    acknowledged: OnceLock<Press>,
}

impl PartialEq for Committed {
    /// What this process has told whom is no part of the outcome.
    fn eq(&self, other: &Self) -> bool {
        (self.identity, &self.body) == (other.identity, &other.body)
    }
}

impl Eq for Committed {}

impl Committed {
    /// The outcome of an entry whose receipt reads so.
    pub fn new(identity: Identity, body: Bytes) -> Self {
        Self { identity, body, acknowledged: OnceLock::new() }
    }

    /// From an entry the database knows.
    pub fn from_stored(stored: &Stored, slug: &str) -> Self {
        let body = receipt::body(&stored.receipt, slug, stored.id, stored.registered_at);
        Self::new(stored.identity, body)
    }

    /// The bytes all servers share, with a MAC over the database's epoch, the draw, the key and everything
    /// else, so that a value of another environment, of another key, or of nobody, counts for nothing.
    pub fn seal(&self, keys: &Keys, epoch: &Digest, draw: Uuid, key: &Digest) -> Bytes {
        let Identity { person, fingerprint, fingerprint_version, browser } = &self.identity;
        let mut sealed = Vec::with_capacity(HEAD_BYTES + self.body.len() + MAC_BYTES);
        sealed.push(FORMAT);
        sealed.extend_from_slice(person);
        sealed.extend_from_slice(fingerprint);
        sealed.extend_from_slice(&fingerprint_version.to_be_bytes());
        sealed.push(u8::from(browser.is_some()));
        sealed.extend_from_slice(&browser.unwrap_or_default());
        sealed.extend_from_slice(&self.body);
        let mac = keys.cached_outcome(&[b"sealed", epoch, draw.as_bytes(), key, &sealed]);
        sealed.extend_from_slice(&mac);
        Bytes::from(sealed)
    }

    /// Reads what [`Self::seal`] made; `None` for anything else.
    pub fn open(sealed: &Bytes, keys: &Keys, epoch: &Digest, draw: Uuid, key: &Digest) -> Option<Self> {
        let content_bytes = sealed.len().checked_sub(MAC_BYTES).filter(|bytes| *bytes >= HEAD_BYTES)?;
        let (content, mac) = sealed.split_at(content_bytes);
        if !same(&keys.cached_outcome(&[b"sealed", epoch, draw.as_bytes(), key, content]), mac) {
            return None;
        }
        let (format, rest) = content.split_first()?;
        let (person, rest) = rest.split_first_chunk::<32>()?;
        let (fingerprint, rest) = rest.split_first_chunk::<32>()?;
        let (version, rest) = rest.split_first_chunk::<2>()?;
        let (has_browser, rest) = rest.split_first()?;
        let (browser, _body) = rest.split_first_chunk::<32>()?;
        let identity = Identity {
            person: *person,
            fingerprint: *fingerprint,
            fingerprint_version: i16::from_be_bytes(*version),
            browser: (*has_browser == 1).then_some(*browser),
        };
        (*format == FORMAT).then(|| Self::new(identity, sealed.slice(HEAD_BYTES..content_bytes)))
    }
}

/// First byte of a sealed outcome.
const FORMAT: u8 = 1;
const HEAD_BYTES: usize = 1 + 32 + 32 + 2 + 1 + 32;
const MAC_BYTES: usize = 32;

#[derive(Clone)]
struct ByBytes;

impl Weighter<Digest, Arc<Committed>> for ByBytes {
    fn weight(&self, _: &Digest, committed: &Arc<Committed>) -> u64 {
        // The value with the counts of its Arc, and the body with those of its own.
        let fixed = size_of::<Committed>() + 6 * size_of::<usize>();
        (fixed + committed.body.len()) as u64 + PLACE_BYTES
    }
}

/// This process's memory of committed outcomes: bounded, the least useful go first.
pub struct Memory(Cache<Digest, Arc<Committed>, ByBytes>);

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Memory").field(&self.0.len()).finish()
    }
}

impl Memory {
    /// With room for so many bytes.
    pub fn new(bytes: u64) -> Self {
        Self(Cache::with_weighter(usize::try_from(bytes / 500).unwrap_or(1), bytes, ByBytes))
    }

    /// The outcome of a token, by its claim key.
    pub fn get(&self, token: &Digest) -> Option<Arc<Committed>> {
        self.0.get(token)
    }

    /// The outcome of a token, when this process has told it to the same press before.
    pub fn of_press(&self, token: &Digest, press: &Press) -> Option<Arc<Committed>> {
        self.get(token).filter(|committed| committed.acknowledged.get() == Some(press))
    }

    /// Notes that a press was told the receipt under a token. Of two that differ in their bytes, the first stays.
    pub fn acknowledged(&self, token: &Digest, press: Press) {
        if let Some(committed) = self.get(token) {
            committed.acknowledged.get_or_init(|| press);
        }
    }

    /// Remembers. Only ever called with what is committed (G5).
    pub fn insert(&self, token: Digest, committed: Arc<Committed>) {
        self.0.insert(token, committed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::Secret;

    fn committed() -> Committed {
        let identity = Identity {
            person: [1; 32],
            fingerprint: [2; 32],
            fingerprint_version: 1,
            browser: Some([3; 32]),
        };
        Committed::new(identity, Bytes::from_static(b"{\"receipt\":\"x\"}"))
    }

    #[test]
    fn a_press_is_known_by_its_key_and_its_bytes() {
        let memory = Memory::new(1 << 20);
        let (told, other) = (press(b"{}"), press(b"{ }"));
        memory.acknowledged(&[1; 32], told);
        memory.insert([1; 32], Arc::new(committed()));
        memory.insert([2; 32], Arc::new(committed()));
        assert!(memory.of_press(&[1; 32], &told).is_none(), "nothing was there to be told");
        memory.acknowledged(&[1; 32], told);
        memory.acknowledged(&[1; 32], other);
        assert_eq!(memory.of_press(&[1; 32], &told).as_deref(), Some(&committed()));
        assert!(memory.of_press(&[1; 32], &other).is_none(), "the first stays");
        assert!(memory.of_press(&[2; 32], &told).is_none(), "another key");
    }

    #[test]
    fn a_sealed_outcome_opens_only_where_it_belongs() {
        let keys = Keys::new(&Secret::new([1; 32]), None);
        let (epoch, draw, key) = ([4; 32], Uuid::nil(), [5; 32]);
        let sealed = committed().seal(&keys, &epoch, draw, &key);
        assert_eq!(Committed::open(&sealed, &keys, &epoch, draw, &key), Some(committed()));
        let others = Keys::new(&Secret::new([2; 32]), None);
        assert_eq!(Committed::open(&sealed, &others, &epoch, draw, &key), None, "another secret");
        assert_eq!(Committed::open(&sealed, &keys, &[0; 32], draw, &key), None, "another epoch");
        assert_eq!(Committed::open(&sealed, &keys, &epoch, Uuid::max(), &key), None, "another draw");
        assert_eq!(Committed::open(&sealed, &keys, &epoch, draw, &[0; 32]), None, "another key");
    }

    #[test]
    fn whatever_is_in_the_cache_is_an_outcome_or_nothing() {
        let keys = Keys::new(&Secret::new([1; 32]), None);
        let (epoch, draw, key) = ([4; 32], Uuid::nil(), [5; 32]);
        let sealed = committed().seal(&keys, &epoch, draw, &key);
        for at in 0..sealed.len() {
            let mut spoilt = sealed.to_vec();
            spoilt[at] ^= 1;
            assert_eq!(Committed::open(&Bytes::from(spoilt), &keys, &epoch, draw, &key), None, "byte {at}");
            assert_eq!(Committed::open(&sealed.slice(..at), &keys, &epoch, draw, &key), None, "first {at}");
        }
    }

    #[test]
    fn memory_stays_within_its_bytes() {
        let memory = Memory::new(1 << 20);
        let committed = Arc::new(committed());
        for number in 0..100_000_u32 {
            let mut token = [0; 32];
            token[..4].copy_from_slice(&number.to_be_bytes());
            memory.insert(token, Arc::clone(&committed));
        }
        assert!(memory.0.weight() <= 1 << 20);
        assert!(memory.0.len() > 1000);
    }
}
