//! Upkeep in PostgreSQL.

use std::path::Path;

use async_trait::async_trait;
use futures_util::TryStreamExt as _;
use shared::Entry;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::{PostgresStore, within};
use crate::secrets::{Digest, Keys, bucket};
use crate::store::draws::Draw;
use crate::store::rows::{DrawRow, EntryRow, digest};
use crate::store::upkeep::{Discrepancies, Upkeep};
use crate::store::{StoreError, StoreResult};

#[async_trait]
impl Upkeep for PostgresStore {
    async fn ready(&self) -> StoreResult<()> {
        let applied: i64 = within(async {
            let mut reader = self.reader().await?;
            let applied = sqlx::query_scalar("SELECT COUNT(*) FROM _sqlx_migrations WHERE success")
                .fetch_one(reader.get())
                .await?;
            reader.give_back();
            Ok(applied)
        })
        .await?;
        let known = sqlx::migrate!("../migrations/postgres").iter().count();
        // More than known is a newer binary's work: migrations stay readable for the one before.
        if usize::try_from(applied).unwrap_or(0) < known {
            return Err(StoreError::corrupt(format!("{applied} of {known} migrations applied")));
        }
        Ok(())
    }

    async fn identity_check(&self, ours: &Digest) -> StoreResult<Digest> {
        within(self.remember_once("identity_check", *ours)).await
    }

    async fn epoch(&self) -> StoreResult<Digest> {
        within(self.remember_once("epoch", self.ambient.random())).await
    }

    async fn new_epoch(&self) -> StoreResult<()> {
        within(async {
            let mut tx = self.writing.begin().await?;
            let epoch: Digest = self.ambient.random();
            sqlx::query(
                "INSERT INTO meta (name, value) VALUES ('epoch', $1)
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            )
            .bind(&epoch[..])
            .execute(tx.get())
            .await?;
            tx.commit().await
        })
        .await
    }

    /// Without a deadline: it reads every entry there is.
    async fn reconcile(&self, keys: &Keys) -> StoreResult<Discrepancies> {
        // One snapshot, so that registrations that go on meanwhile are no discrepancies.
        let mut tx = within(self.reading.snapshot()).await?;
        sqlx::query("SET LOCAL statement_timeout = 0").execute(tx.get()).await?;
        let rows: Vec<DrawRow> = sqlx::query_as("SELECT * FROM draws").fetch_all(tx.get()).await?;
        let mut found = Discrepancies::default();
        for row in rows {
            let draw = Draw::try_from(row)?;
            check_counter(tx.get(), &draw, &mut found).await?;
            check_people(tx.get(), &draw, keys, &mut found).await?;
            check_missing_claims(tx.get(), &draw, &mut found).await?;
            check_orphaned_claims(tx.get(), &draw, &mut found).await?;
        }
        tx.end().await;
        Ok(found)
    }

    async fn backup(&self, _: &Path) -> StoreResult<()> {
        Err(StoreError::Unusable("PostgreSQL is copied with its own tools".to_owned()))
    }

    async fn organiser_count(&self) -> StoreResult<i64> {
        self.count("SELECT COUNT(*) FROM organisers").await
    }

    async fn outbox_pending(&self) -> StoreResult<i64> {
        self.count("SELECT COUNT(*) FROM outbox WHERE state = 'pending'").await
    }
}

impl PostgresStore {
    async fn count(&self, query: &'static str) -> StoreResult<i64> {
        within(async {
            let mut reader = self.reader().await?;
            let count = sqlx::query_scalar(query).fetch_one(reader.get()).await?;
            reader.give_back();
            Ok(count)
        })
        .await
    }

    /// The value stored under a name; stores `ours` where there is none.
    async fn remember_once(&self, name: &str, ours: Digest) -> StoreResult<Digest> {
        let mut tx = self.writing.begin().await?;
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
        digest(&stored)
    }
}

async fn check_counter(
    connection: &mut PgConnection,
    draw: &Draw,
    found: &mut Discrepancies,
) -> StoreResult<()> {
    let (counted, rows): (i64, i64) = sqlx::query_as(
        "SELECT (SELECT COALESCE(SUM(taken), 0)::BIGINT FROM counters WHERE draw_id = $1),
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

/// Person keys recompute.
async fn check_people(
    connection: &mut PgConnection,
    draw: &Draw,
    keys: &Keys,
    found: &mut Discrepancies,
) -> StoreResult<()> {
    let mut rows =
        sqlx::query_as::<_, Row>("SELECT * FROM entries WHERE draw_id = $1").bind(draw.id).fetch(connection);
    while let Some(row) = rows.try_next().await? {
        let entry = Entry::try_from(row.entry)?;
        let person = keys.person(draw.id, &entry.email.canonical);
        if person[..] != row.person_key[..] || bucket(&person) != row.bucket {
            let slug = &draw.spec.slug;
            found.0.push(format!("{slug}: the person key of entry {} is not its email's", row.id));
        }
    }
    Ok(())
}

/// Every live entry holds each claim its draw requires.
async fn check_missing_claims(
    connection: &mut PgConnection,
    draw: &Draw,
    found: &mut Discrepancies,
) -> StoreResult<()> {
    let missing: Vec<(Uuid, String)> = sqlx::query_as(
        "SELECT wanted.id, wanted.kind
         FROM (SELECT id, 'token' AS kind FROM entries WHERE draw_id = $1
               UNION ALL
               SELECT id, 'phone' FROM entries WHERE draw_id = $1 AND phone IS NOT NULL AND $2
               UNION ALL
               SELECT id, 'member' FROM entries WHERE draw_id = $1 AND member_id IS NOT NULL) AS wanted
         LEFT JOIN (SELECT entry_id, kind FROM claims WHERE draw_id = $1) AS held
             ON held.entry_id = wanted.id AND held.kind = wanted.kind
         WHERE held.entry_id IS NULL",
    )
    .bind(draw.id)
    .bind(draw.spec.rules.one_per_phone)
    .fetch_all(connection)
    .await?;
    for (entry, kind) in missing {
        found.0.push(format!("{}: entry {entry} lacks its {kind} claim", draw.spec.slug));
    }
    Ok(())
}

/// Every claim belongs to one entry or withdrawal; only tokens, and integrators' sources and sequences, outlive
/// their entry.
async fn check_orphaned_claims(
    connection: &mut PgConnection,
    draw: &Draw,
    found: &mut Discrepancies,
) -> StoreResult<()> {
    let orphans: Vec<(Uuid, String)> = sqlx::query_as(
        "SELECT c.entry_id, c.kind FROM claims c
         WHERE c.draw_id = $1
             AND NOT EXISTS (SELECT 1 FROM entries e WHERE e.draw_id = $1 AND e.id = c.entry_id)
             AND (c.kind NOT IN ('token', 'source')
                  OR NOT EXISTS (SELECT 1 FROM withdrawals w WHERE w.draw_id = $1 AND w.id = c.entry_id))",
    )
    .bind(draw.id)
    .fetch_all(connection)
    .await?;
    for (entry, kind) in orphans {
        let slug = &draw.spec.slug;
        found.0.push(format!("{slug}: a {kind} claim belongs to entry {entry}, which is not there"));
    }
    Ok(())
}
