//! The one connection that writes, and transactions on it that cannot leak.

use std::sync::Arc;

use sqlx::SqliteConnection;
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::store::StoreResult;

/// Hands out the write connection, first come first served.
pub(super) struct WriteGate(Arc<Mutex<SqliteConnection>>);

impl WriteGate {
    pub(super) fn new(connection: SqliteConnection) -> Self {
        Self(Arc::new(Mutex::new(connection)))
    }

    /// Waits for the connection and begins a transaction that holds the database's write lock from the
    /// start, so that it cannot fail half-way for want of it.
    pub(super) async fn begin(&self) -> StoreResult<WriteTransaction> {
        let mut transaction = self.turn().await;
        // A failure leaves the roll-back to Drop as well, in case an earlier one did not go through.
        sqlx::query("BEGIN IMMEDIATE").execute(transaction.get()).await?;
        Ok(transaction)
    }

    /// Waits for the connection, for whoever sends the `BEGIN` along with what follows it.
    pub(super) async fn turn(&self) -> WriteTransaction {
        // Open before BEGIN is sent: if the future that sends it is dropped meanwhile, Drop still rolls back.
        WriteTransaction { connection: Some(Arc::clone(&self.0).lock_owned().await) }
    }
}

/// A write transaction. Dropped without [`Self::commit`], it is rolled back before anybody else gets the
/// connection: sqlx's own transaction can stay open when the future inside its `begin` is dropped.
pub(super) struct WriteTransaction {
    connection: Option<OwnedMutexGuard<SqliteConnection>>,
}

impl WriteTransaction {
    /// The connection, inside the transaction.
    pub(super) fn get(&mut self) -> &mut SqliteConnection {
        self.connection.as_mut().expect("the connection is taken only by commit, rollback and drop")
    }

    /// Commits. When this fails the transaction did not take effect, as far as SQLite can tell; whoever has
    /// to be sure writes again with the same ids.
    pub(super) async fn commit(mut self) -> StoreResult<()> {
        sqlx::query("COMMIT").execute(self.get()).await?;
        self.connection = None;
        Ok(())
    }

    /// After a `COMMIT` that was sent along with what it ends.
    pub(super) fn committed(mut self) {
        self.connection = None;
    }

    /// Commits where something was written, else undoes nothing.
    pub(super) async fn commit_if(self, wrote: bool) -> StoreResult<()> {
        if wrote { self.commit().await } else { self.rollback().await }
    }

    /// Undoes everything, now.
    pub(super) async fn rollback(mut self) -> StoreResult<()> {
        if let Some(mut connection) = self.connection.take() {
            roll_back(&mut connection).await;
        }
        Ok(())
    }
}

impl Drop for WriteTransaction {
    fn drop(&mut self) {
        if let Some(mut connection) = self.connection.take() {
            tokio::spawn(async move { roll_back(&mut connection).await });
        }
    }
}

async fn roll_back(connection: &mut SqliteConnection) {
    // SQLite rolls back by itself on some errors, and then says that no transaction is active.
    if let Err(error) = sqlx::query("ROLLBACK").execute(connection).await {
        tracing::debug!(%error, "nothing to roll back");
    }
}
