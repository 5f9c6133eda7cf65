//! Connections and transactions that cannot leak.
//!
//! sqlx can leave a transaction open when the future inside its `begin` is dropped, takes a server-side
//! roll-back for a successful commit, and waits without bound for a connection that comes back in the middle of
//! an answer. So connections are given back only when their work is done; any other way out closes them, and
//! the server rolls back by itself.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnection, PgPool, Postgres};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use uuid::Uuid;

use super::{ACQUIRE_TIMEOUT, TRUSTED_FOR, within};
use crate::store::StoreResult;

/// How old a connection gets that never goes back to its pool, as it would there.
const LIFE: Duration = Duration::from_secs(30 * 60);
/// How long one that has rested is given to say that it still is there.
const ANSWERS_WITHIN: Duration = Duration::from_secs(1);

/// Lends connections of a pool.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    pool: PgPool,
    kept: Option<Arc<Kept>>,
}

/// Connections that do not go back to the pool between those who write one batch after the other. The pool asks each that
/// comes back whether it still is there, a round trip for every batch and without an end where the network has gone, and
/// lends them in turn, so that each batch would find another backend, with cold caches.
#[derive(Debug)]
struct Kept {
    /// As many as the pool has connections: whoever has one finds a connection here, or the pool may open one.
    turns: Arc<Semaphore>,
    /// The one that came last is the last.
    resting: Mutex<Vec<Resting>>,
}

#[derive(Debug)]
struct Resting {
    connection: PoolConnection<Postgres>,
    lent_since: Instant,
    since: Instant,
}

impl Kept {
    fn resting(&self) -> MutexGuard<'_, Vec<Resting>> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection that came last, if it still is there.
    async fn take(&self) -> Option<(PoolConnection<Postgres>, Instant)> {
        let Resting { connection, lent_since, since } = self.resting().pop()?;
        // Closed where this is given up.
        let mut lent = Lent { connection: Some(connection), since: lent_since, back: None };
        let is_there = lent_since.elapsed() < LIFE
            && (since.elapsed() < TRUSTED_FOR
                || matches!(timeout(ANSWERS_WITHIN, lent.get().ping()).await, Ok(Ok(()))));
        if is_there {
            return lent.connection.take().map(|connection| (connection, lent_since));
        }
        // Those below it have rested for longer.
        for Resting { connection, lent_since: since, .. } in self.resting().drain(..) {
            drop(Lent { connection: Some(connection), since, back: None });
        }
        None
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // Not to the pool, which would need a runtime to ask each whether it still is there.
        for Resting { connection, .. } in self.resting().drain(..) {
            drop(connection.leak());
        }
    }
}

impl Gate {
    pub(super) fn new(pool: PgPool) -> Self {
        Self { pool, kept: None }
    }

    /// Of a pool of so many, each of which stays with those who write batches.
    pub(super) fn keeping(pool: PgPool, connections: usize) -> Self {
        let (turns, resting) = (Arc::new(Semaphore::new(connections)), Mutex::default());
        Self { pool, kept: Some(Arc::new(Kept { turns, resting })) }
    }

    /// A connection, within [`ACQUIRE_TIMEOUT`].
    pub(super) async fn lend(&self) -> StoreResult<Lent> {
        let Some(kept) = &self.kept else {
            return Ok(Lent {
                connection: Some(self.pool.acquire().await?),
                since: Instant::now(),
                back: None,
            });
        };
        let lending = async {
            // Nobody closes it.
            let turn = Arc::clone(&kept.turns).acquire_owned().await.map_err(|_| sqlx::Error::PoolClosed)?;
            let (connection, since) = match kept.take().await {
                Some(kept) => kept,
                None => (self.pool.acquire().await?, Instant::now()),
            };
            Ok(Lent { connection: Some(connection), since, back: Some((Arc::clone(kept), turn)) })
        };
        timeout(ACQUIRE_TIMEOUT, lending).await.unwrap_or_else(|_| Err(sqlx::Error::PoolTimedOut.into()))
    }

    /// Begins a transaction that writes.
    pub(super) async fn begin(&self) -> StoreResult<Transaction> {
        self.begin_with("BEGIN ISOLATION LEVEL READ COMMITTED".to_owned()).await
    }

    /// Begins a transaction that writes and may go on beside others in the same draw.
    pub(super) async fn begin_beside(&self, draw: Uuid) -> StoreResult<Transaction> {
        let lock = advisory(draw);
        self.begin_with(format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock_shared({lock})"
        ))
        .await
    }

    /// Begins a transaction that writes and has the draw for itself. Who comes [`Self::begin_beside`] after it
    /// waits, so that an endless stream of batches cannot starve it; the draw's row, locked by everybody, is
    /// what decides.
    pub(super) async fn begin_alone(&self, draw: Uuid) -> StoreResult<Transaction> {
        let lock = advisory(draw);
        self.begin_with(format!("BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock({lock})"))
            .await
    }

    /// Begins a transaction that reads one snapshot.
    pub(super) async fn snapshot(&self) -> StoreResult<Transaction> {
        self.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY".to_owned()).await
    }

    /// The same for a page of a list, or an entry of one. Its statements are planned once for all values: each has one
    /// index that serves it, and to plan it anew for eight partitions takes longer than to read the page.
    pub(super) async fn snapshot_for_list(&self) -> StoreResult<Transaction> {
        self.begin_with(
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL plan_cache_mode = force_generic_plan"
                .to_owned(),
        )
        .await
    }

    async fn begin_with(&self, statements: String) -> StoreResult<Transaction> {
        let mut transaction = Transaction(self.lend().await?);
        transaction.get().execute(AssertSqlSafe(statements)).await?;
        Ok(transaction)
    }
}

/// The number of a draw's advisory lock. Two draws with the same one only wait for each other.
pub(super) fn advisory(draw: Uuid) -> i64 {
    let (high, low) = draw.as_u64_pair();
    (high ^ low).cast_signed()
}

/// A connection on loan: closed when dropped, unless it was given back.
#[derive(Debug)]
pub(super) struct Lent {
    connection: Option<PoolConnection<Postgres>>,
    /// When the pool lent it.
    since: Instant,
    /// Where it is kept, if not in the pool, and the turn of whoever has it.
    back: Option<(Arc<Kept>, OwnedSemaphorePermit)>,
}

impl Lent {
    /// The connection.
    pub(super) fn get(&mut self) -> &mut PgConnection {
        self.connection.as_mut().expect("the connection is taken only by give_back and drop")
    }

    /// Gives it back in order: no answer is outstanding and no transaction open.
    pub(super) fn give_back(mut self) {
        match &self.back {
            // The turn ends when this does.
            Some((kept, _turn)) => {
                if let Some(connection) = self.connection.take() {
                    let (lent_since, since) = (self.since, Instant::now());
                    kept.resting().push(Resting { connection, lent_since, since });
                }
            }
            None => self.connection = None,
        }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(mut connection) = self.connection.take() {
            connection.close_on_drop();
        }
    }
}

/// A transaction. Dropped without [`Self::commit`] or [`Self::rollback`] its connection is closed.
pub(super) struct Transaction(Lent);

impl Transaction {
    /// The connection, inside the transaction.
    pub(super) fn get(&mut self) -> &mut PgConnection {
        self.0.get()
    }

    /// Commits.
    ///
    /// # Errors
    /// When it did not take effect; with [`crate::store::StoreError::Unavailable`] nobody knows, and whoever has
    /// to be sure writes again with the same ids.
    pub(super) async fn commit(mut self) -> StoreResult<()> {
        // PostgreSQL answers COMMIT with ROLLBACK, and no error, where a statement had failed before. The first
        // statement fails in that case.
        self.get().execute("SELECT 1; COMMIT").await?;
        self.0.give_back();
        Ok(())
    }

    /// Undoes everything, now.
    pub(super) async fn rollback(mut self) -> StoreResult<()> {
        self.get().execute("ROLLBACK").await?;
        self.0.give_back();
        Ok(())
    }

    /// Ends a transaction that only read. What was read is not in doubt when this fails.
    pub(super) async fn end(self) {
        if let Err(error) = within(self.rollback()).await {
            tracing::debug!(%error, "a snapshot was not ended in order, its connection is closed");
        }
    }
}
