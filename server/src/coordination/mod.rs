//! What servers share for a while: committed outcomes, leases, limits.
//!
//! A backend offers primitives over bytes and knows nothing of registrations. Serialisation, keys,
//! lifetimes, the double check and what to do when a call fails are written once, in [`crate::admission`]:
//! guarantee G6 says that everything here may vanish, stall, forget or lie.
//!
//! To add a backend: implement [`Coordination`], and run [`conformance`] against it.

#[cfg(test)]
pub mod conformance;
pub mod memory;
pub mod rate;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

pub use rate::{Rate, Take};

use crate::ambient::Ambient;
use crate::secrets::Digest;
use memory::MemoryCoordination;

/// Names something shared. The admission path derives these with a key of its own, so that nobody can
/// choose one.
pub type Key = Digest;

/// Names a holder of a lease, once.
pub type Owner = [u8; 16];

/// A backend that could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[error("coordination failed: {0}")]
pub struct CoordinationError(pub String);

/// What a backend returns.
pub type CoordinationResult<T> = Result<T, CoordinationError>;

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
    match redis {
        None => Ok(Arc::new(MemoryCoordination::new(ambient.clone(), bytes_max))),
        Some(_) => Err(CoordinationError("not there yet".to_owned())),
    }
}

/// Byte-level primitives. Each is one atomic step.
#[async_trait]
pub trait Coordination: Send + Sync + std::fmt::Debug {
    /// The value, if it is there. Takes no lease.
    async fn get(&self, key: &Key) -> CoordinationResult<Option<Bytes>>;

    /// The value; or, where there is none, the lease, unless another owner holds it. A lease ends by itself
    /// after `life`.
    async fn get_or_lease(&self, key: &Key, owner: &Owner, life: Duration) -> CoordinationResult<Lease>;

    /// Stores the value for `life`, gives up the lease and wakes who waits, if `owner` holds the lease.
    /// `false`, and nothing happens, if not.
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
    async fn take(&self, key: &Key, rate: Rate, turns: u32) -> CoordinationResult<Take>;
}
