//! Coordination within one process: the embedded default.
//!
//! Values, leases and allowances are each bounded. A lost value costs a database look-up, a lost allowance a
//! burst; a lease is never dropped while it runs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use tokio::sync::Notify;

use super::{Coordination, CoordinationResult, Key, Lease, Owner, Rate, Take};
use crate::admission::remembered::PLACE_BYTES;
use crate::ambient::Ambient;

/// Keys whose allowance is remembered; further ones are granted without being remembered.
const ALLOWANCES_MAX: usize = 200_000;

/// One process's memory.
pub struct MemoryCoordination {
    ambient: Ambient,
    values: Cache<Key, Value, ByBytes>,
    leases: Mutex<HashMap<Key, Held>>,
    allowances: Allowances,
}

/// Turns taken within one process. Bounded: keys beyond the bound are granted everything.
#[derive(Debug)]
pub struct Allowances {
    ambient: Ambient,
    /// The theoretical arrival time of each key, see [`Rate::step`].
    arrivals: Mutex<HashMap<Key, i64>>,
}

impl Allowances {
    /// None taken yet.
    pub fn new(ambient: Ambient) -> Self {
        Self { ambient, arrivals: Mutex::default() }
    }

    /// See [`Coordination::take`].
    pub fn take(&self, key: &Key, rate: Rate, turns: u32) -> Take {
        let now = self.ambient.now() * 1000;
        let mut arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        if arrivals.len() >= ALLOWANCES_MAX && !arrivals.contains_key(key) {
            arrivals.retain(|_, arrival| *arrival > now);
            if arrivals.len() >= ALLOWANCES_MAX {
                return Take::Granted;
            }
        }
        let (take, arrival) = rate.step(arrivals.get(key).copied(), now, turns);
        if take == Take::Granted {
            arrivals.insert(*key, arrival);
        }
        take
    }
}

#[derive(Clone)]
struct Value {
    bytes: Bytes,
    ends_at: i64,
}

struct Held {
    owner: Owner,
    ends_at: i64,
    ended: Arc<Notify>,
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<Key, Value> for ByBytes {
    fn weight(&self, _: &Key, value: &Value) -> u64 {
        // With the counts of its Arc.
        (value.bytes.len() + 4 * size_of::<usize>()) as u64 + PLACE_BYTES
    }
}

impl std::fmt::Debug for MemoryCoordination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryCoordination").field("values", &self.values.len()).finish_non_exhaustive()
    }
}

impl MemoryCoordination {
    /// With room for so many bytes of values.
    pub fn new(ambient: Ambient, bytes_max: u64) -> Self {
        let expected = usize::try_from(bytes_max / 500).unwrap_or(1);
        Self {
            values: Cache::with_weighter(expected, bytes_max, ByBytes),
            leases: Mutex::default(),
            allowances: Allowances::new(ambient.clone()),
            ambient,
        }
    }

    fn leases(&self) -> MutexGuard<'_, HashMap<Key, Held>> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn value(&self, key: &Key) -> Option<Bytes> {
        let value = self.values.get(key)?;
        if value.ends_at > self.ambient.now() {
            return Some(value.bytes);
        }
        self.values.remove(key);
        None
    }

    /// Ends a lease that an owner holds; whether it did.
    fn end_lease(leases: &mut HashMap<Key, Held>, key: &Key, owner: &Owner, now: i64) -> bool {
        let holds = leases.get(key).is_some_and(|held| held.owner == *owner && held.ends_at > now);
        if holds && let Some(held) = leases.remove(key) {
            held.ended.notify_waiters();
        }
        holds
    }
}

#[async_trait]
impl Coordination for MemoryCoordination {
    async fn get(&self, key: &Key) -> CoordinationResult<Option<Bytes>> {
        Ok(self.value(key))
    }

    async fn get_or_lease(&self, key: &Key, owner: &Owner, life: Duration) -> CoordinationResult<Lease> {
        // Under the lock, because settling stores the value before it ends the lease, under the same lock.
        let mut leases = self.leases();
        if let Some(bytes) = self.value(key) {
            return Ok(Lease::Found(bytes));
        }
        let now = self.ambient.now();
        if let Some(held) = leases.get(key).filter(|held| held.ends_at > now) {
            return Ok(if held.owner == *owner { Lease::Leased } else { Lease::Busy });
        }
        let held = Held { owner: *owner, ends_at: now + millis(life), ended: Arc::new(Notify::new()) };
        if let Some(expired) = leases.insert(*key, held) {
            expired.ended.notify_waiters();
        }
        Ok(Lease::Leased)
    }

    async fn settle(
        &self,
        key: &Key,
        owner: &Owner,
        value: Bytes,
        life: Duration,
    ) -> CoordinationResult<bool> {
        let mut leases = self.leases();
        let now = self.ambient.now();
        self.values.insert(*key, Value { bytes: value, ends_at: now + millis(life) });
        let Some(held) = leases.remove(key) else { return Ok(false) };
        held.ended.notify_waiters();
        Ok(held.owner == *owner && held.ends_at > now)
    }

    async fn release(&self, key: &Key, owner: &Owner) -> CoordinationResult<bool> {
        let now = self.ambient.now();
        Ok(Self::end_lease(&mut self.leases(), key, owner, now))
    }

    async fn wait(&self, key: &Key, at_most: Duration) -> CoordinationResult<()> {
        let (ended, left) = {
            let leases = self.leases();
            let Some(held) = leases.get(key) else {
                return Ok(());
            };
            // Registered before the lock is given back: an end in between is not missed.
            let ended = Arc::clone(&held.ended).notified_owned();
            (ended, held.ends_at - self.ambient.now())
        };
        let left = Duration::from_millis(u64::try_from(left).unwrap_or(0));
        // Running out of time is one of the ways to stop waiting.
        let _ = tokio::time::timeout(at_most.min(left), ended).await;
        Ok(())
    }

    async fn discard(&self, key: &Key, value: &Bytes) -> CoordinationResult<()> {
        // Under the lock that settling takes: a value that was settled meanwhile is not this one.
        let _leases = self.leases();
        if self.value(key).as_ref() == Some(value) {
            self.values.remove(key);
        }
        Ok(())
    }

    async fn take(&self, key: &Key, rate: Rate, turns: u32) -> CoordinationResult<Take> {
        Ok(self.allowances.take(key, rate, turns))
    }

    fn is_remote(&self) -> bool {
        false
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 2)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::time::Instant;

    use super::*;
    use crate::ambient::Clock;
    use crate::coordination::conformance::{self, Lives};

    /// Tells tokio's time, so that a test's paused time is the backend's time as well.
    struct TokioClock(Instant);

    impl Clock for TokioClock {
        fn now(&self) -> i64 {
            1_790_000_000_000 + millis(self.0.elapsed())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn memory_conforms() {
        let ambient = Ambient::with_clock(Arc::new(TokioClock(Instant::now())));
        let memory: Arc<dyn Coordination> = Arc::new(MemoryCoordination::new(ambient, 1 << 20));
        let lives = Lives { lease: Duration::from_secs(30), value: Duration::from_secs(24 * 3600) };
        conformance::run([Arc::clone(&memory), memory], lives).await;
    }

    #[tokio::test]
    async fn memory_stays_bounded() {
        let ambient = Ambient::system();
        let memory = MemoryCoordination::new(ambient.clone(), 1 << 20);
        let life = Duration::from_secs(60);
        for _ in 0..20_000 {
            let (key, owner): (Key, Owner) = (ambient.random(), ambient.random());
            assert_eq!(memory.get_or_lease(&key, &owner, life).await.expect("leases"), Lease::Leased);
            assert!(memory.settle(&key, &owner, Bytes::from(vec![0; 200]), life).await.expect("settles"));
        }
        assert!(memory.values.weight() <= 1 << 20);
        assert!(memory.values.len() < 20_000);
        assert!(memory.leases().is_empty());
    }
}
