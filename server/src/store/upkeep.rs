//! What operators need of a database.

use std::path::Path;

use async_trait::async_trait;

use super::StoreResult;
use crate::secrets::{Digest, Keys};

/// What reconciliation found wrong, one sentence each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Discrepancies(pub Vec<String>);

/// A database's upkeep.
#[async_trait]
pub trait Upkeep: Send + Sync {
    /// Whether the database answers and its migrations are those of this binary.
    async fn ready(&self) -> StoreResult<()>;

    /// The stored check value of the identity key; stores `ours` where there is none yet.
    async fn identity_check(&self, ours: &Digest) -> StoreResult<Digest>;

    /// Names this database's past. A restore from a backup starts a new one, and cached outcomes of the old
    /// one are void.
    async fn epoch(&self) -> StoreResult<Digest>;

    /// Starts a new epoch.
    async fn new_epoch(&self) -> StoreResult<()>;

    /// Compares counters with rows, entries with claims, and person keys with what they are made of.
    async fn reconcile(&self, keys: &Keys) -> StoreResult<Discrepancies>;

    /// Writes a consistent copy of the database to a path that does not exist yet.
    async fn backup(&self, to: &Path) -> StoreResult<()>;

    /// How many can sign in.
    async fn organiser_count(&self) -> StoreResult<i64>;

    /// Outbox rows that wait for delivery.
    async fn outbox_pending(&self) -> StoreResult<i64>;
}
