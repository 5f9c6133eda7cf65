//! What servers share for a while: committed outcomes, leases, limits.
//!
//! A backend offers primitives over bytes and knows nothing of registrations. Serialisation, keys,
//! lifetimes, the double check and what to do when a call fails are written once, in [`crate::admission`]:
//! guarantee G6 says that everything here may vanish, stall, forget or lie.
//!
//! To add a backend: implement [`Coordination`], and run [`conformance`] against it. A backend that can fail is
//! put behind [`breaker::Guarded`], which bounds every call and leaves the backend alone while it fails.

pub mod breaker;
#[cfg(test)]
pub mod conformance;
pub mod memory;
pub mod rate;
pub mod redis;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

pub use rate::{Rate, Take};

use self::redis::RedisCoordination;
use crate::ambient::Ambient;
use crate::secrets::Digest;
use breaker::Guarded;
use memory::MemoryCoordination;

/// Names something shared. The admission path derives these with a key of its own, so that nobody can
/// choose one.
pub type Key = Digest;

/// Names a holder of a lease, once.
pub type Owner = [u8; 16];

/// A backend that could not do what it was asked. Whether it was done all the same is not known.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CoordinationError {
    /// It was asked, in vain.
    #[error("{0}")]
    Failed(String),
    /// It was asked, by this call or by one that this one waited for, and did not answer in time.
    #[error("no answer in time")]
    TimedOut,
    /// It was not asked in time, because so many of this process ask. That says nothing of it.
    #[error("too many ask at once")]
    Crowded,
    /// It was not asked, because it failed a moment ago.
    #[error("it is left alone for a moment because it failed")]
    LeftAlone,
}

/// What a backend returns.
pub type CoordinationResult<T> = Result<T, CoordinationError>;

/// A call that failed or was not made is counted, and its caller goes on without it.
pub fn note_failure(operation: &'static str, error: &CoordinationError) {
    metrics::counter!("drawbridge_cache_errors_total", "operation" => operation).increment(1);
    match error {
        CoordinationError::Failed(_) => {
            tracing::warn!(%error, operation, "coordination failed, going on without it");
        }
        // Of a backend that hangs the breaker says so once, and when it is over; a crowd would repeat it thousands of
        // times.
        CoordinationError::TimedOut | CoordinationError::LeftAlone | CoordinationError::Crowded => {
            tracing::debug!(%error, operation, "going on without coordination");
        }
    }
}

/// What asking for a value or the right to make it came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lease {
    /// The value is there.
    Found(Bytes),
    /// It is not, and the caller may make it.
    Leased,
    /// It is not, and another owner is making it.
    Busy,
}

/// What the settings name: one process's memory with so many bytes, or Redis. Waits for nobody: a backend that is
/// away is found by those who need it.
///
/// # Errors
/// When the addresses cannot be used at all.
pub fn connect(
    redis: Option<&crate::config::Redis>,
    ambient: &Ambient,
    bytes_max: u64,
) -> CoordinationResult<Arc<dyn Coordination>> {
    let Some(redis) = redis else {
        return Ok(Arc::new(MemoryCoordination::new(ambient.clone(), bytes_max)));
    };
    let backend = RedisCoordination::new(redis, ambient.clone())?;
    Ok(Arc::new(Guarded::new(backend, ambient.clone())))
}

/// Byte-level primitives. Each is one atomic step, and ends in bounded time, whatever else hangs.
#[async_trait]
pub trait Coordination: Send + Sync + std::fmt::Debug {
    /// The value, if it is there. Takes no lease.
    async fn get(&self, key: &Key) -> CoordinationResult<Option<Bytes>>;

    /// The value; or, where there is none, the lease, unless another owner holds it. A lease ends by itself
    /// after `life`; its owner may ask again, which does not prolong it.
    async fn get_or_lease(&self, key: &Key, owner: &Owner, life: Duration) -> CoordinationResult<Lease>;

    /// Stores the value for `life` in the place of whatever is there, so that a lease ends, and wakes who waits. Whether
    /// `owner` held the lease until then.
    ///
    /// The value has to be the only one that this key can ever have: then it does not matter who stores it, and one
    /// that took longer to make than its lease lived is remembered all the same.
    async fn settle(
        &self,
        key: &Key,
        owner: &Owner,
        value: Bytes,
        life: Duration,
    ) -> CoordinationResult<bool>;

    /// Gives up the lease and wakes who waits, if `owner` holds it. `false`, and nothing happens, if not.
    async fn release(&self, key: &Key, owner: &Owner) -> CoordinationResult<bool>;

    /// Returns when the lease's holder has settled or released, when the lease has ended, or after
    /// `at_most`, whatever comes first. Returns at once when there is no lease.
    async fn wait(&self, key: &Key, at_most: Duration) -> CoordinationResult<()>;

    /// Removes the value, if it is still this one: for values that turned out to be worth nothing.
    async fn discard(&self, key: &Key, value: &Bytes) -> CoordinationResult<()>;

    /// Takes so many turns from the allowance of a key, all or none.
    ///
    /// An allowance outlives the backend's outages: [`breaker::Guarded`] takes turns within this process while
    /// its backend cannot be asked, so that an outage lifts no limit. Each server then grants the whole rate.
    async fn take(&self, key: &Key, rate: Rate, turns: u32) -> CoordinationResult<Take>;

    /// Whether asking costs a round trip to another process.
    fn is_remote(&self) -> bool {
        true
    }

    /// Gives up connections that may be stuck: the next call makes new ones. Told after several failures in a
    /// row; a backend without connections has nothing to do.
    fn reconnect(&self) {}
}
