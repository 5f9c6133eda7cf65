//! What operators need of a database.

use std::path::Path;

use async_trait::async_trait;
use shared::Entry;
use uuid::Uuid;

use super::rows::PersonRow;
use super::{Draw, StoreResult};
use crate::secrets::{Digest, Keys, bucket};

/// What reconciliation found wrong, one sentence each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Discrepancies(pub Vec<String>);

impl Discrepancies {
    /// Compares what the counters say with the rows there are.
    pub(super) fn note_count(&mut self, draw: &Draw, counted: i64, rows: i64) {
        if counted != rows {
            let slug = &draw.spec.slug;
            self.0.push(format!("{slug}: the counter says {counted} entries, there are {rows}"));
        }
    }

    /// Makes a live entry's person key again from its email address.
    pub(super) fn note_person(&mut self, draw: &Draw, keys: &Keys, row: PersonRow) -> StoreResult<()> {
        let PersonRow { id, bucket: stored, person_key, entry } = row;
        let person = keys.person(draw.id, &Entry::try_from(entry)?.email.canonical);
        if person[..] != person_key[..] || bucket(&person) != stored {
            self.0.push(format!("{}: the person key of entry {id} is not its email's", draw.spec.slug));
        }
        Ok(())
    }

    /// Claims that entries lack: entry and kind.
    pub(super) fn note_missing(&mut self, draw: &Draw, claims: Vec<(Uuid, String)>) {
        let slug = &draw.spec.slug;
        self.0.extend(
            claims.into_iter().map(|(entry, kind)| format!("{slug}: entry {entry} lacks its {kind} claim")),
        );
    }

    /// Claims of entries that are not there: entry and kind.
    pub(super) fn note_orphans(&mut self, draw: &Draw, claims: Vec<(Uuid, String)>) {
        let slug = &draw.spec.slug;
        self.0.extend(claims.into_iter().map(|(entry, kind)| {
            format!("{slug}: a {kind} claim belongs to entry {entry}, which is not there")
        }));
    }
}

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
