//! Upkeep in PostgreSQL.

use std::path::Path;

use async_trait::async_trait;
use futures_util::TryStreamExt as _;
use sqlx::PgConnection;

use super::{PostgresStore, within};
use crate::secrets::{Digest, Keys};
use crate::store::draws::Draw;
use crate::store::rows::{DrawRow, PersonRow, digest};
use crate::store::sql;
use crate::store::upkeep::{Discrepancies, Upkeep};
use crate::store::{StoreError, StoreResult};

#[async_trait]
impl Upkeep for PostgresStore {
    async fn ready(&self) -> StoreResult<()> {
        let (applied, is_standby): (i64, bool) = within(async {
            let mut reader = self.reader().await?;
            let row =
                sqlx::query_as("SELECT COUNT(*), pg_is_in_recovery() FROM _sqlx_migrations WHERE success")
                    .fetch_one(reader.get())
                    .await?;
            reader.give_back();
            Ok(row)
        })
        .await?;
        if is_standby {
            return Err(StoreError::Unusable("the server has become a standby".to_owned()));
        }
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
            sqlx::query(sql::STORE_EPOCH).bind(&epoch[..]).execute(tx.get()).await?;
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
            check_draw(tx.get(), &draw, keys, &mut found).await?;
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

/// Compares a draw's counters, entries and claims.
async fn check_draw(
    connection: &mut PgConnection,
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
