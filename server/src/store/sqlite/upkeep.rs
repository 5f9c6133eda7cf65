//! Upkeep in SQLite.

use std::path::Path;

use async_trait::async_trait;
use futures_util::TryStreamExt as _;
use sqlx::SqliteConnection;

use super::SqliteStore;
use crate::secrets::{Digest, Keys};
use crate::store::draws::Draw;
use crate::store::rows::{DrawRow, PersonRow};
use crate::store::sql;
use crate::store::upkeep::{Discrepancies, Upkeep};
use crate::store::{StoreError, StoreResult};

#[async_trait]
impl Upkeep for SqliteStore {
    async fn ready(&self) -> StoreResult<()> {
        let applied: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM _sqlx_migrations WHERE success")
            .fetch_one(&self.readers)
            .await?;
        let known = sqlx::migrate!("../migrations/sqlite").iter().count();
        // More than known is a newer binary's work: migrations stay readable for the one before.
        if usize::try_from(applied).unwrap_or(0) < known {
            return Err(StoreError::corrupt(format!("{applied} of {known} migrations applied")));
        }
        Ok(())
    }

    async fn identity_check(&self, ours: &Digest) -> StoreResult<Digest> {
        self.remember_once("identity_check", *ours).await
    }

    async fn epoch(&self) -> StoreResult<Digest> {
        self.remember_once("epoch", self.ambient.random()).await
    }

    async fn new_epoch(&self) -> StoreResult<()> {
        let mut tx = self.gate.begin().await?;
        let epoch: Digest = self.ambient.random();
        sqlx::query(sql::STORE_EPOCH).bind(&epoch[..]).execute(tx.get()).await?;
        tx.commit().await
    }

    async fn reconcile(&self, keys: &Keys) -> StoreResult<Discrepancies> {
        // One snapshot, so that registrations that go on meanwhile are no discrepancies.
        let mut tx = self.readers.begin().await?;
        let rows: Vec<DrawRow> = sqlx::query_as("SELECT * FROM draws").fetch_all(&mut *tx).await?;
        let mut found = Discrepancies::default();
        for row in rows {
            let draw = Draw::try_from(row)?;
            check_draw(&mut tx, &draw, keys, &mut found).await?;
        }
        Ok(found)
    }

    async fn backup(&self, to: &Path) -> StoreResult<()> {
        // Made first, readable by its owner only; SQLite fills an empty file.
        create_private(to).map_err(sqlx::Error::Io)?;
        let to = to.to_str().ok_or_else(|| StoreError::corrupt("a backup path that is not UTF-8"))?;
        let mut connection = self.readers.acquire().await?;
        sqlx::query("PRAGMA query_only = OFF").execute(&mut *connection).await?;
        let copied = sqlx::query("VACUUM INTO $1").bind(to).execute(&mut *connection).await;
        sqlx::query("PRAGMA query_only = ON").execute(&mut *connection).await?;
        copied?;
        Ok(())
    }

    async fn organiser_count(&self) -> StoreResult<i64> {
        let count = sqlx::query_scalar("SELECT COUNT(*) FROM organisers").fetch_one(&self.readers).await?;
        Ok(count)
    }

    async fn outbox_pending(&self) -> StoreResult<i64> {
        let pending = sqlx::query_scalar("SELECT COUNT(*) FROM outbox WHERE state = 'pending'")
            .fetch_one(&self.readers)
            .await?;
        Ok(pending)
    }
}

impl SqliteStore {
    /// The value stored under a name; stores `ours` where there is none.
    async fn remember_once(&self, name: &str, ours: Digest) -> StoreResult<Digest> {
        let mut tx = self.gate.begin().await?;
        sqlx::query("INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(name)
            .bind(&ours[..])
            .execute(tx.get())
            .await?;
        let stored: Vec<u8> = sqlx::query_scalar("SELECT value FROM meta WHERE name = $1")
            .bind(name)
            .fetch_one(tx.get())
            .await?;
        tx.commit().await?;
        crate::store::rows::digest(&stored)
    }
}

fn create_private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map(drop)
}

/// Compares a draw's counters, entries and claims.
async fn check_draw(
    connection: &mut SqliteConnection,
    draw: &Draw,
    keys: &Keys,
    found: &mut Discrepancies,
) -> StoreResult<()> {
    let (counted, rows): (i64, i64) =
        sqlx::query_as(sql::COUNTS).bind(draw.id).fetch_one(&mut *connection).await?;
    found.note_count(draw, counted, rows);
    let mut people = sqlx::query_as::<_, PersonRow>("SELECT * FROM entries WHERE draw_id = $1")
        .bind(draw.id)
        .fetch(&mut *connection);
    while let Some(row) = people.try_next().await? {
        found.note_person(draw, keys, row)?;
    }
    drop(people);
    let missing = sqlx::query_as(sql::MISSING_CLAIMS).bind(draw.id).bind(draw.spec.rules.one_per_phone);
    found.note_missing(draw, missing.fetch_all(&mut *connection).await?);
    let orphans = sqlx::query_as(sql::ORPHANED_CLAIMS).bind(draw.id);
    found.note_orphans(draw, orphans.fetch_all(connection).await?);
    Ok(())
}
