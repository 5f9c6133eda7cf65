//! The registration transaction in SQLite.
//!
//! `BEGIN IMMEDIATE` holds the database's only write lock, so the draw row needs no lock of its own, and the
//! host's clock, read inside, is the database's clock.

use std::collections::HashMap;

use async_trait::async_trait;
use uuid::Uuid;

use super::SqliteStore;
use super::insert::{count, insert_claims, insert_entries, insert_outbox};
use crate::admission::protocol::{Pass, Shut};
use crate::secrets::{Digest, bucket};
use crate::store::draws::{Actor, Draw};
use crate::store::entries::{
    CaughtHour, Claim, ClaimKind, Ended, Ending, Entries, NewEntry, ReceiptRow, RetryCount, Stored, Written,
};
use crate::store::rows::{DrawRow, StoredRow};
use crate::store::sql;
use crate::store::writing::{self, ClaimRow, Passes};
use crate::store::{StoreError, StoreResult};

#[async_trait]
impl Entries for SqliteStore {
    fn writers(&self) -> usize {
        // There is one write connection.
        1
    }

    async fn write(&self, draw: Uuid, batch: &[NewEntry]) -> StoreResult<Vec<Written>> {
        writing::write(self, draw, batch).await
    }

    async fn by_token(&self, draw: Uuid, token: &Digest) -> StoreResult<Option<Stored>> {
        self.by_claim(draw, ClaimKind::Token, token).await
    }

    async fn by_tokens(&self, draw: Uuid, tokens: &[Digest]) -> StoreResult<HashMap<Digest, Stored>> {
        writing::by_tokens(self, draw, tokens).await
    }

    async fn by_source(&self, draw: Uuid, source: &Digest) -> StoreResult<Option<Stored>> {
        self.by_claim(draw, ClaimKind::Source, source).await
    }

    async fn bind_token(&self, draw: Uuid, token: Digest, to: &Stored) -> StoreResult<bool> {
        writing::bind_token(self, draw, token, to).await
    }

    async fn receipt(&self, code: &str) -> StoreResult<Option<ReceiptRow>> {
        self.find_receipt(code).await
    }

    async fn end(&self, code: &str, ending: &Ending, actor: &Actor) -> StoreResult<Ended> {
        self.end_entry(code, ending, actor).await
    }

    async fn add_counts(&self, retries: &[RetryCount], caught: &[(CaughtHour, i64)]) -> StoreResult<()> {
        let mut tx = self.gate.begin().await?;
        for retry in retries {
            sqlx::query(
                "UPDATE entries SET retries = retries + $4, last_retry_at = $5
                 WHERE draw_id = $1 AND bucket = $2 AND person_key = $3",
            )
            .bind(retry.draw)
            .bind(bucket(&retry.person))
            .bind(&retry.person[..])
            .bind(retry.count)
            .bind(retry.last_at)
            .execute(tx.get())
            .await?;
        }
        for (hour, count) in caught {
            sqlx::query(
                "INSERT INTO caught (draw_id, hour, layer, count) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (draw_id, hour, layer) DO UPDATE SET count = count + excluded.count",
            )
            .bind(hour.draw)
            .bind(hour.hour)
            .bind(hour.layer)
            .bind(count)
            .execute(tx.get())
            .await?;
        }
        tx.commit().await
    }
}

#[async_trait]
impl Passes for SqliteStore {
    async fn pass(&self, draw: Uuid, batch: &[NewEntry], live: &[usize]) -> StoreResult<Pass> {
        let mut tx = self.gate.begin().await?;
        let now = self.ambient.now();
        let row: Option<DrawRow> =
            sqlx::query_as("SELECT * FROM draws WHERE id = $1").bind(draw).fetch_optional(tx.get()).await?;
        let draw = Draw::try_from(row.ok_or_else(|| StoreError::corrupt("a batch for no draw"))?)?;
        let shut = Shut::at(draw.state, draw.spec.opens_at, draw.spec.closes_at, now);
        let judged_by = live.iter().map(|&at| batch[at].draw_version);
        if let Some(back) = Pass::before_inserts(shut, draw.version, judged_by) {
            tx.rollback().await?;
            return Ok(back);
        }
        let created = insert_entries(tx.get(), draw.id, batch, live, now).await?;
        let losers = insert_claims(tx.get(), draw.id, &ClaimRow::of(batch, &created)).await?;
        if let Some(back) = Pass::after_claims(losers) {
            tx.rollback().await?;
            return Ok(back);
        }
        let fits = count(&mut tx, &draw, created.len()).await?;
        if let Some(back) = Pass::after_count(&created, fits) {
            tx.rollback().await?;
            return Ok(back);
        }
        insert_outbox(&self.ambient, tx.get(), &draw, batch, &created, now).await?;
        tx.commit().await?;
        Ok(Pass::Committed { created, registered_at: now })
    }

    async fn close_if_over(&self, draw: Uuid) -> StoreResult<()> {
        self.close_if_over_now(draw).await
    }

    async fn bind(&self, draw: Uuid, rows: &[ClaimRow]) -> StoreResult<Vec<usize>> {
        let mut tx = self.gate.begin().await?;
        let lost = insert_claims(tx.get(), draw, rows).await?;
        tx.commit().await?;
        Ok(lost)
    }

    async fn by_people(&self, draw: Uuid, people: &[Digest]) -> StoreResult<HashMap<Digest, Stored>> {
        // A look-up costs a few microseconds here: one for each.
        let mut found = HashMap::new();
        for person in people {
            let row: Option<StoredRow> = sqlx::query_as(sql::BY_PERSON)
                .bind(draw)
                .bind(bucket(person))
                .bind(&person[..])
                .fetch_optional(&self.readers)
                .await?;
            if let Some(row) = row {
                found.insert(*person, row.try_into()?);
            }
        }
        Ok(found)
    }

    async fn by_claims(&self, draw: Uuid, claims: &[Claim]) -> StoreResult<HashMap<Claim, Stored>> {
        let mut found = HashMap::new();
        for claim in claims {
            if let Some(stored) = self.by_claim(draw, claim.kind, &claim.key).await? {
                found.insert(*claim, stored);
            }
        }
        Ok(found)
    }
}

impl SqliteStore {
    /// The committed entry that holds a claim, live or ended.
    async fn by_claim(&self, draw: Uuid, kind: ClaimKind, key: &Digest) -> StoreResult<Option<Stored>> {
        let row: Option<StoredRow> = sqlx::query_as(sql::BY_CLAIM)
            .bind(draw)
            .bind(bucket(key))
            .bind(kind.as_str())
            .bind(&key[..])
            .fetch_optional(&self.readers)
            .await?;
        row.map(Stored::try_from).transpose()
    }
}
