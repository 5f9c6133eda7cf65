//! SQLite: the embedded default. One connection writes, a few read.
//!
//! The write connection is owned by [`gate::WriteGate`], first come first served, so that neither the
//! batches of registrations nor an organiser closing the draw can starve the other.

mod draws;
mod end;
mod entries;
mod gate;
mod insert;
mod integrators;
mod listing;
mod organisers;
#[cfg(test)]
mod tests;
mod upkeep;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use super::StoreResult;
use super::losers::Losers;
use crate::ambient::Ambient;
use crate::secrets::Keys;
use gate::WriteGate;

/// Another process (a command line, a backup) may hold the write lock for this long before a write fails.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
const READERS: u32 = 4;
/// Pages the writing connection keeps, as SQLite writes KiB: 16 MiB. Keys are unpredictable, so a batch touches pages
/// all over the indexes; with SQLite's own 2 MiB most of them are read again each time.
const WRITER_CACHE: &str = "-16384";
/// Pages of the journal before they are copied into the database: 64 MiB. A page that many batches have changed is
/// copied once; with SQLite's own 4 MiB every fifth batch of a crowd waited for that.
const CHECKPOINT_PAGES: &str = "16384";

/// A SQLite database.
pub struct SqliteStore {
    readers: SqlitePool,
    gate: WriteGate,
    ambient: Ambient,
    keys: Arc<Keys>,
    path: PathBuf,
    losers: Losers,
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore").field("path", &self.path).finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Opens the database of a file, making it and its folder where they are missing, readable by their owner
    /// only, and brings it to this binary's migrations.
    ///
    /// # Errors
    /// When it cannot be opened or migrated.
    pub async fn open(path: &Path, ambient: Ambient, keys: Arc<Keys>) -> StoreResult<Self> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            // G2: a commit is on disk before it is acknowledged.
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT)
            .pragma("trusted_schema", "OFF")
            .disable_statement_logging();
        let path = path.to_owned();
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        // Held while the file is made and migrated: SQLite's migrations take no lock of their own, and a
        // server and a command may start together.
        let turn = tokio::task::spawn_blocking({
            let path = path.clone();
            move || lock_folder(&folder, &path)
        })
        .await;
        let turn = turn.map_err(|_| sqlx::Error::WorkerCrashed)?.map_err(sqlx::Error::Io)?;
        let mut writer = options
            .clone()
            .pragma("cache_size", WRITER_CACHE)
            .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
            .connect()
            .await?;
        sqlx::migrate!("../migrations/sqlite")
            // Those of a newer binary stay readable for the one before.
            .set_ignore_missing(true)
            .run(&mut writer)
            .await
            .map_err(|error| sqlx::Error::Migrate(Box::new(error)))?;
        drop(turn);
        // What a statement would need to be undone by itself is kept in memory, not in a temporary file: that took a
        // fifth of the time of a batch. Not before, because a migration may sort more than fits there.
        sqlx::query("PRAGMA temp_store = MEMORY").execute(&mut writer).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(Duration::from_secs(5))
            .connect_lazy_with(options.pragma("query_only", "ON"));
        Ok(Self { readers, gate: WriteGate::new(writer), ambient, keys, path, losers: Losers::default() })
    }

    /// Where the database file lies.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Makes folder and database where they are missing, and waits for an exclusive lock on the folder. The lock
/// ends with the file that is returned.
fn lock_folder(folder: &Path, database: &Path) -> std::io::Result<std::fs::File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    std::fs::create_dir_all(folder)?;
    let file = std::fs::File::open(folder)?;
    file.lock()?;
    // SQLite would make it readable by everybody; its journals take over the permissions. Never opened when it
    // is there: closing it would drop the locks that this process holds on it.
    if !database.exists() {
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(database)?;
    }
    Ok(file)
}
