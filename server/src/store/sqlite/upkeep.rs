//! Upkeep in SQLite.

use std::collections::HashSet;
use std::path::Path;

use async_trait::async_trait;
use futures_util::TryStreamExt as _;
use shared::Entry;
use sqlx::{FromRow, SqliteConnection};
use uuid::Uuid;

use super::SqliteStore;
use crate::secrets::{Digest, Keys, bucket};
use crate::store::draws::Draw;
use crate::store::rows::{DrawRow, EntryRow};
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
        sqlx::query(
            "INSERT INTO meta (name, value) VALUES ('epoch', $1)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )
        .bind(&epoch[..])
        .execute(tx.get())
        .await?;
        tx.commit().await
    }

    async fn reconcile(&self, keys: &Keys) -> StoreResult<Discrepancies> {
        // One snapshot, so that registrations that go on meanwhile are no discrepancies.
        let mut tx = self.readers.begin().await?;
        let rows: Vec<DrawRow> = sqlx::query_as("SELECT * FROM draws").fetch_all(&mut *tx).await?;
        let mut found = Discrepancies::default();
        for row in rows {
            let draw = Draw::try_from(row)?;
            check_counter(&mut tx, &draw, &mut found).await?;
            check_entries(&mut tx, &draw, keys, &mut found).await?;
            check_claims(&mut tx, &draw, &mut found).await?;
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

async fn check_counter(
    connection: &mut SqliteConnection,
    draw: &Draw,
    found: &mut Discrepancies,
) -> StoreResult<()> {
    let (counted, rows): (i64, i64) = sqlx::query_as(
        "SELECT (SELECT COALESCE(SUM(taken), 0) FROM counters WHERE draw_id = $1),
                (SELECT COUNT(*) FROM entries WHERE draw_id = $1)",
    )
    .bind(draw.id)
    .fetch_one(connection)
    .await?;
    if counted != rows {
        let slug = &draw.spec.slug;
        found.0.push(format!("{slug}: the counter says {counted} entries, there are {rows}"));
    }
    Ok(())
}

#[derive(FromRow)]
struct Row {
    id: Uuid,
    bucket: i32,
    person_key: Vec<u8>,
    #[sqlx(flatten)]
    entry: EntryRow,
}

/// Person keys recompute, and every live entry holds each claim its draw requires.
async fn check_entries(
    connection: &mut SqliteConnection,
    draw: &Draw,
    keys: &Keys,
    found: &mut Discrepancies,
) -> StoreResult<()> {
    let slug = &draw.spec.slug;
    let held: HashSet<(Uuid, String)> =
        sqlx::query_as("SELECT entry_id, kind FROM claims WHERE draw_id = $1")
            .bind(draw.id)
            .fetch(&mut *connection)
            .try_collect()
            .await?;
    let mut rows =
        sqlx::query_as::<_, Row>("SELECT * FROM entries WHERE draw_id = $1").bind(draw.id).fetch(connection);
    while let Some(row) = rows.try_next().await? {
        let entry = Entry::try_from(row.entry)?;
        let person = keys.person(draw.id, &entry.email.canonical);
        if person[..] != row.person_key[..] || bucket(&person) != row.bucket {
            found.0.push(format!("{slug}: the person key of entry {} is not its email's", row.id));
        }
        let wanted = [
            Some("token"),
            (draw.spec.rules.one_per_phone && entry.phone.is_some()).then_some("phone"),
            entry.member_id.is_some().then_some("member"),
        ];
        for kind in wanted.into_iter().flatten() {
            if !held.contains(&(row.id, kind.to_owned())) {
                found.0.push(format!("{slug}: entry {} lacks its {kind} claim", row.id));
            }
        }
    }
    Ok(())
}

/// Every claim belongs to one entry or withdrawal; only tokens, and integrators' sources and sequences, outlive
/// their entry.
async fn check_claims(
    connection: &mut SqliteConnection,
    draw: &Draw,
    found: &mut Discrepancies,
) -> StoreResult<()> {
    let orphans: Vec<(Uuid, String)> = sqlx::query_as(
        "SELECT entry_id, kind FROM claims WHERE draw_id = $1
             AND entry_id NOT IN (SELECT id FROM entries WHERE draw_id = $1)
             AND (kind NOT IN ('token', 'source')
                  OR entry_id NOT IN (SELECT id FROM withdrawals WHERE draw_id = $1))",
    )
    .bind(draw.id)
    .fetch_all(connection)
    .await?;
    for (entry, kind) in orphans {
        found
            .0
            .push(format!("{}: a {kind} claim belongs to entry {entry}, which is not there", draw.spec.slug));
    }
    Ok(())
}
