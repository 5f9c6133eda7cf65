//! PostgreSQL: for many servers. Its clock decides, its constraints are the authority.
//!
//! Every connection is lent by a pool through [`gate`], which closes it unless it comes back in order: neither
//! a cancelled request nor a lost answer can leave a transaction open. Statements, locks and idle transactions
//! are bounded by the server, and every call by [`DEADLINE`] here as well, because a server that hangs enforces
//! nothing.

mod clock;
mod draws;
mod end;
mod entries;
mod gate;
mod insert;
mod integrators;
mod listing;
mod organisers;
mod settings;
mod upkeep;

use std::sync::Arc;
use std::time::Duration;

use sqlx::Connection as _;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions as _, PgConnection};
use tokio::task::JoinSet;

use super::losers::Losers;
use super::{StoreError, StoreResult};
use crate::ambient::Ambient;
use crate::secrets::Keys;
use gate::{Gate, Lent};

/// How long any one call may take, in all its statements.
const DEADLINE: Duration = Duration::from_secs(6);
/// How long a free connection is waited for.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
/// Connections of whoever else writes: organisers, withdrawals and upkeep, which must not wait behind a crowd.
const WRITING: u32 = 4;
/// Batches of registrations that are written at the same time, each with a connection.
const WRITERS: u32 = 4;
/// How long a connection that is not in use is taken for alive.
const TRUSTED_FOR: Duration = Duration::from_secs(1);
/// Connections that read.
const READING: u32 = 12;

/// A PostgreSQL database.
pub struct PostgresStore {
    batches: Gate,
    writing: Gate,
    reading: Gate,
    ambient: Ambient,
    keys: Arc<Keys>,
    losers: Losers,
    /// Follows the database's clock for as long as the store lives.
    _clock: JoinSet<()>,
}

impl std::fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresStore").finish_non_exhaustive()
    }
}

impl PostgresStore {
    /// Connects, refuses what would lose acknowledged entries, and brings the database to this binary's
    /// migrations. Servers may do so at the same time.
    ///
    /// # Errors
    /// When it cannot be reached or migrated, or is not safe to use.
    pub async fn open(url: &str, ambient: Ambient, keys: Arc<Keys>) -> StoreResult<Self> {
        let options: PgConnectOptions = url.parse()?;
        let options = options.application_name("drawbridge").disable_statement_logging();
        migrate(&options).await?;
        let pool = |connections: u32| -> PgPool {
            PgPoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(ACQUIRE_TIMEOUT)
                // One that was in use a moment ago need not be asked whether it is there.
                .test_before_acquire(false)
                .before_acquire(|connection, of| {
                    Box::pin(async move {
                        if of.idle_for > TRUSTED_FOR {
                            connection.ping().await?;
                        }
                        Ok(true)
                    })
                })
                .connect_lazy_with(options.clone().options(settings::OF_A_CONNECTION))
        };
        let batches = Gate::keeping(pool(WRITERS), WRITERS as usize);
        let (writing, reading) = (Gate::new(pool(WRITING)), Gate::new(pool(READING)));
        let clock = clock::follow(reading.clone(), ambient.clone()).await?;
        Ok(Self { batches, writing, reading, ambient, keys, losers: Losers::default(), _clock: clock })
    }

    /// A connection for reading.
    async fn reader(&self) -> StoreResult<Lent> {
        self.reading.lend().await
    }
}

/// Checks and migrates on a connection of its own, which may wait for another server that is migrating.
async fn migrate(options: &PgConnectOptions) -> StoreResult<()> {
    // Tables that are there already are no news.
    let options = options.clone().options([("client_min_messages", "warning")]);
    let connecting = tokio::time::timeout(DEADLINE, options.connect());
    let mut connection: PgConnection = connecting.await.map_err(|_| timed_out())??;
    settings::check(&mut connection).await?;
    sqlx::migrate!("../migrations/postgres")
        // Those of a newer binary stay readable for the one before.
        .set_ignore_missing(true)
        .run(&mut connection)
        .await
        .map_err(|error| sqlx::Error::Migrate(Box::new(error)))?;
    Ok(())
}

/// Bounds a call. What it holds is given up when the time is over; whether it took effect is not known then.
async fn within<T>(work: impl Future<Output = StoreResult<T>>) -> StoreResult<T> {
    tokio::time::timeout(DEADLINE, work).await.unwrap_or_else(|_| Err(timed_out()))
}

fn timed_out() -> StoreError {
    StoreError::Unavailable(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()))
}

#[cfg(test)]
mod tests;
