//! Integrators: programs that register people under a source of their own. Their API keys, and the copy of
//! who holds which that requests read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::ambient::Ambient;
use crate::secrets::Digest;
use crate::store::integrators::Integrator;
use crate::store::{Store, StoreResult};

/// Milliseconds a copy is believed before somebody looks again.
const FRESH_MS: i64 = 2_000;
/// Milliseconds a copy is believed while somebody looks again: within this time a revocation counts on every
/// server.
pub const BELIEVED_MS: i64 = 5_000;
/// Milliseconds a genuine key is believed while the database is away, and nothing can be registered with it.
const AWAY_MS: i64 = 60_000;
/// Keys nobody holds that are remembered, so that made-up ones cannot fill the memory. Keys somebody holds are
/// as few as the rows they are in.
const UNKNOWN_MAX: usize = 1024;

/// An API key: 256 random bits, written with a prefix by which people and scanners recognise it.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey([u8; 32]);

impl std::fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ApiKey(..)")
    }
}

impl ApiKey {
    const PREFIX: &str = "dbk_";

    /// Makes one.
    pub fn new(ambient: &Ambient) -> Self {
        Self(ambient.random())
    }

    /// Reads one. `None` for what cannot have been issued.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text.strip_prefix(Self::PREFIX)?).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// The text that is printed once and then only its holder has.
    pub fn reveal(&self) -> String {
        format!("{}{}", Self::PREFIX, BASE64_URL_SAFE_NO_PAD.encode(self.0))
    }

    /// What is stored of it. The key is random, so that a plain hash cannot be turned back.
    pub fn hash(&self) -> Digest {
        Sha256::digest(self.0).into()
    }
}

/// What a request shows of who sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// Nothing: anybody.
    Anonymous,
    /// An API key, nobody knows yet whose.
    ApiKey(ApiKey),
    /// Something in the place of an API key that cannot be one.
    Malformed,
}

/// Who holds a key, as it was read; `None` for nobody.
#[derive(Debug)]
struct Copy {
    read_at: i64,
    /// Somebody is reading it again.
    is_renewed: bool,
    integrator: Option<Arc<Integrator>>,
}

/// Knows who holds which key, through short-lived copies: a storm of requests costs a query every two seconds.
#[derive(Debug)]
pub struct KeyBook {
    store: Arc<dyn Store>,
    ambient: Ambient,
    copies: Mutex<HashMap<Digest, Copy>>,
}

impl KeyBook {
    /// Over a store.
    pub fn new(store: Arc<dyn Store>, ambient: Ambient) -> Self {
        Self { store, ambient, copies: Mutex::default() }
    }

    /// Whether a key was genuine when it was last looked at, however long ago.
    pub fn was_genuine(&self, key: &ApiKey) -> bool {
        self.lock().get(&key.hash()).is_some_and(|copy| copy.integrator.is_some())
    }

    /// Who holds a key. `None` when it is unknown or revoked.
    ///
    /// # Errors
    /// When there is no copy to believe and the store fails.
    pub async fn holder(&self, key: &ApiKey) -> StoreResult<Option<Arc<Integrator>>> {
        let hash = key.hash();
        if let Some(believed) = self.believed(&hash) {
            return Ok(believed);
        }
        // Taken before reading, so that the copy is never younger than it claims.
        let read_at = self.ambient.own();
        let integrator = match self.store.integrator(&hash).await {
            Ok(integrator) => integrator.map(Arc::new),
            Err(error) if error.is_temporary() => {
                // Nothing can be registered now either, but what is known already can be told again.
                return self.last_known(&hash, read_at).map(Some).ok_or(error);
            }
            Err(error) => return Err(error),
        };
        let mut copies = self.lock();
        let unknown = |copy: &Copy| copy.integrator.is_none();
        if integrator.is_none() && copies.values().filter(|copy| unknown(copy)).count() >= UNKNOWN_MAX {
            copies.retain(|_, copy| !unknown(copy));
        }
        copies.insert(hash, Copy { read_at, is_renewed: false, integrator: integrator.clone() });
        Ok(integrator)
    }

    /// Who held a genuine key not long ago: for while the store is away.
    fn last_known(&self, hash: &Digest, now: i64) -> Option<Arc<Integrator>> {
        let mut copies = self.lock();
        let copy = copies.get_mut(hash)?;
        copy.is_renewed = false;
        (0..AWAY_MS).contains(&(now - copy.read_at)).then(|| copy.integrator.clone()).flatten()
    }

    /// The copy, where it can be believed. One that ages is believed by all but the first who asks: that one
    /// reads it again.
    fn believed(&self, hash: &Digest) -> Option<Option<Arc<Integrator>>> {
        let now = self.ambient.own();
        let mut copies = self.lock();
        let copy = copies.get_mut(hash)?;
        let age = now - copy.read_at;
        let is_believed = if (0..FRESH_MS).contains(&age) {
            true
        } else {
            // A clock that was set back says nothing of ages.
            (0..BELIEVED_MS).contains(&age) && std::mem::replace(&mut copy.is_renewed, true)
        };
        is_believed.then(|| copy.integrator.clone())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Digest, Copy>> {
        self.copies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ambient::ManualClock;
    use crate::secrets::{Keys, Secret};
    use crate::store::Integrators as _;
    use crate::store::draws::Actor;
    use crate::store::integrators::KeyAdded;
    use crate::store::sqlite::SqliteStore;

    #[test]
    fn a_key_is_read_as_it_was_printed_and_not_otherwise() {
        let key = ApiKey::new(&Ambient::system());
        let text = key.reveal();
        assert_eq!(text.len(), 4 + 43);
        assert_eq!(ApiKey::parse(&text), Some(key.clone()));
        assert!(!format!("{key:?}").contains(&text[4..]));
        for at in 0..text.len() {
            let mut other = text.clone().into_bytes();
            other[at] = if other[at] == b'A' { b'B' } else { b'A' };
            let other = String::from_utf8(other).expect("ASCII");
            assert!(ApiKey::parse(&other).is_none_or(|other| other != key && other.hash() != key.hash()));
        }
        for wrong in [
            "",
            "dbk_",
            &text[..46],
            &format!("{text}A"),
            &format!("{text}="),
            &text[4..],
            &text.to_uppercase(),
        ] {
            assert_eq!(ApiKey::parse(wrong), None, "{wrong}");
        }
    }

    struct Bench {
        book: KeyBook,
        store: Arc<SqliteStore>,
        clock: Arc<ManualClock>,
        ambient: Ambient,
        _folder: tempfile::TempDir,
    }

    async fn bench() -> Bench {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Arc::new(ManualClock::at(1_790_000_000_000));
        let ambient = Ambient::with_clock(clock.clone());
        let keys = Arc::new(Keys::new(&Secret::new([1; 32]), None));
        let path = folder.path().join("test.db");
        let store = Arc::new(SqliteStore::open(&path, ambient.clone(), keys).await.expect("opens"));
        let book = KeyBook::new(store.clone(), ambient.clone());
        Bench { book, store, clock, ambient, _folder: folder }
    }

    impl Bench {
        async fn holder(&self, key: &ApiKey) -> Option<String> {
            self.book.holder(key).await.expect("reads").map(|holder| holder.name.clone())
        }

        async fn add(&self, name: &str) -> ApiKey {
            let key = ApiKey::new(&self.ambient);
            let added = self.store.add_api_key(name, &key.hash(), &Actor::CommandLine).await.expect("adds");
            assert_eq!(added, KeyAdded::Created);
            key
        }
    }

    #[tokio::test]
    async fn a_revocation_counts_when_copies_are_no_longer_believed() {
        let bench = bench().await;
        let key = bench.add("partner").await;
        assert!(!bench.book.was_genuine(&key), "nobody has looked yet");
        assert_eq!(bench.holder(&key).await.as_deref(), Some("partner"));
        assert!(bench.book.was_genuine(&key));
        bench.store.revoke_api_key("partner", &Actor::CommandLine).await.expect("revokes");
        bench.clock.advance(FRESH_MS - 1);
        assert_eq!(bench.holder(&key).await.as_deref(), Some("partner"), "a fresh copy");
        bench.clock.advance(1);
        assert_eq!(bench.holder(&key).await, None, "read again");
        assert!(!bench.book.was_genuine(&key));
    }

    #[tokio::test]
    async fn while_one_reads_again_the_others_believe_an_ageing_copy_but_not_an_old_one() {
        let bench = bench().await;
        let key = bench.add("partner").await;
        assert_eq!(bench.holder(&key).await.as_deref(), Some("partner"));
        bench.clock.advance(FRESH_MS);
        assert_eq!(bench.book.believed(&key.hash()), None, "the first is to read again");
        assert!(bench.book.believed(&key.hash()).is_some_and(|holder| holder.is_some()), "the second is not");
        bench.clock.advance(BELIEVED_MS - FRESH_MS);
        assert_eq!(bench.book.believed(&key.hash()), None, "nobody believes it now");
        bench.clock.advance(-2 * BELIEVED_MS);
        assert_eq!(bench.book.believed(&key.hash()), None, "nor when the clock was set back");
    }

    #[tokio::test]
    async fn made_up_keys_are_forgotten_before_known_ones() {
        let bench = bench().await;
        let key = bench.add("partner").await;
        assert_eq!(bench.holder(&key).await.as_deref(), Some("partner"));
        for _ in 0..UNKNOWN_MAX + 10 {
            assert_eq!(bench.holder(&ApiKey::new(&bench.ambient)).await, None);
        }
        assert!(bench.book.lock().len() <= UNKNOWN_MAX + 1);
        assert!(bench.book.was_genuine(&key));
    }
}
