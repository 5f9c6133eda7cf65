//! The registration transaction in PostgreSQL.
//!
//! Batches of one draw go on beside each other: each holds the draw's row `FOR SHARE` against whoever closes or
//! edits it, reads the clock after that, and lets the unique keys decide. Rows are inserted in the order of their
//! keys, entries before claims before the counter, so that two batches wait for each other in one direction
//! only; where PostgreSQL still finds a deadlock, the transaction it undid is run again.

use async_trait::async_trait;
use uuid::Uuid;

use super::insert::{count, insert_claims, insert_entries, insert_outbox};
use super::{PostgresStore, WRITERS, draws, within};
use crate::secrets::{Digest, bucket};
use crate::store::StoreResult;
use crate::store::draws::Actor;
use crate::store::entries::{
    CaughtHour, ClaimKind, Ended, Ending, Entries, NewEntry, ReceiptRow, RetryCount, Stored, Written,
};
use crate::store::rows::StoredRow;
use crate::store::sql;
use crate::store::writing::{self, Pass, Passes, Shut};

/// How often a transaction is run again that PostgreSQL undid for the sake of another.
const CONFLICTS_MAX: usize = 5;

#[async_trait]
impl Entries for PostgresStore {
    fn writers(&self) -> usize {
        WRITERS
    }

    async fn write(&self, draw: Uuid, batch: &[NewEntry]) -> StoreResult<Vec<Written>> {
        within(writing::write(self, draw, batch)).await
    }

    async fn by_token(&self, draw: Uuid, token: &Digest) -> StoreResult<Option<Stored>> {
        within(self.by_claim(draw, ClaimKind::Token, token)).await
    }

    async fn by_source(&self, draw: Uuid, source: &Digest) -> StoreResult<Option<Stored>> {
        within(self.by_claim(draw, ClaimKind::Source, source)).await
    }

    async fn receipt(&self, code: &str) -> StoreResult<Option<ReceiptRow>> {
        within(self.find_receipt(code)).await
    }

    async fn end(&self, code: &str, ending: &Ending, actor: &Actor) -> StoreResult<Ended> {
        within(self.end_entry(code, ending, actor)).await
    }

    async fn add_counts(&self, retries: &[RetryCount], caught: &[(CaughtHour, i64)]) -> StoreResult<()> {
        within(self.add_all_counts(retries, caught)).await
    }
}

#[async_trait]
impl Passes for PostgresStore {
    async fn pass(&self, draw: Uuid, batch: &[NewEntry], live: &[usize]) -> StoreResult<Pass> {
        let mut conflicts = 0;
        loop {
            match self.try_pass(draw, batch, live).await {
                Err(error) if error.is_conflict() && conflicts < CONFLICTS_MAX => {
                    conflicts += 1;
                    tracing::debug!(%error, conflicts, "a batch is run again");
                }
                result => return result,
            }
        }
    }

    async fn close_if_over(&self, draw: Uuid) -> StoreResult<()> {
        self.close_if_over_now(draw).await
    }

    async fn by_person(&self, draw: Uuid, person: &Digest) -> StoreResult<Option<Stored>> {
        let mut reader = self.reader().await?;
        let row: Option<StoredRow> = sqlx::query_as(sql::BY_PERSON)
            .bind(draw)
            .bind(bucket(person))
            .bind(&person[..])
            .fetch_optional(reader.get())
            .await?;
        reader.give_back();
        row.map(Stored::try_from).transpose()
    }

    async fn by_claim(&self, draw: Uuid, kind: ClaimKind, key: &Digest) -> StoreResult<Option<Stored>> {
        let mut reader = self.reader().await?;
        // One statement, so that an entry that ends meanwhile is found in one place or the other. The bucket of
        // entry and withdrawal is the person's, which the claim carries.
        let row: Option<StoredRow> = sqlx::query_as(sql::BY_CLAIM)
            .bind(draw)
            .bind(bucket(key))
            .bind(kind.as_str())
            .bind(&key[..])
            .fetch_optional(reader.get())
            .await?;
        reader.give_back();
        row.map(Stored::try_from).transpose()
    }
}

impl PostgresStore {
    async fn try_pass(&self, draw: Uuid, batch: &[NewEntry], live: &[usize]) -> StoreResult<Pass> {
        let mut tx = self.writing.begin_beside(draw).await?;
        let (draw, now) = draws::hold(tx.get(), draw, &self.ambient).await?;
        if let Some(shut) = Shut::at(&draw, now) {
            tx.rollback().await?;
            return Ok(Pass::Shut(shut));
        }
        if live.iter().any(|&at| batch[at].draw_version != draw.version) {
            tx.rollback().await?;
            return Ok(Pass::DrawChanged);
        }
        let created = insert_entries(tx.get(), draw.id, batch, live, now).await?;
        let losers = insert_claims(tx.get(), draw.id, batch, &created).await?;
        if !losers.is_empty() {
            tx.rollback().await?;
            return Ok(Pass::Without(losers));
        }
        if let Some(fits) = count(tx.get(), &self.ambient, &draw, created.len()).await? {
            tx.rollback().await?;
            return Ok(Pass::only(created, fits));
        }
        insert_outbox(&self.ambient, tx.get(), &draw, batch, &created, now).await?;
        tx.commit().await?;
        Ok(Pass::Committed { created, registered_at: now })
    }

    async fn add_all_counts(&self, retries: &[RetryCount], caught: &[(CaughtHour, i64)]) -> StoreResult<()> {
        let mut tx = self.writing.begin().await?;
        // In the order of their keys: two servers flush at the same time.
        let mut retries: Vec<&RetryCount> = retries.iter().collect();
        retries.sort_by_key(|retry| (retry.draw, retry.person));
        sqlx::query(
            "UPDATE entries e SET retries = e.retries + r.count, last_retry_at = r.last_at
             FROM UNNEST($1::UUID[], $2::INTEGER[], $3::BYTEA[], $4::BIGINT[], $5::BIGINT[])
                 AS r (draw_id, bucket, person_key, count, last_at)
             WHERE e.draw_id = r.draw_id AND e.bucket = r.bucket AND e.person_key = r.person_key",
        )
        .bind(retries.iter().map(|retry| retry.draw).collect::<Vec<_>>())
        .bind(retries.iter().map(|retry| bucket(&retry.person)).collect::<Vec<_>>())
        .bind(retries.iter().map(|retry| &retry.person[..]).collect::<Vec<_>>())
        .bind(retries.iter().map(|retry| retry.count).collect::<Vec<_>>())
        .bind(retries.iter().map(|retry| retry.last_at).collect::<Vec<_>>())
        .execute(tx.get())
        .await?;
        let mut caught: Vec<&(CaughtHour, i64)> = caught.iter().collect();
        caught.sort_by_key(|(hour, _)| (hour.draw, hour.hour, hour.layer));
        sqlx::query(
            "INSERT INTO caught (draw_id, hour, layer, count)
             SELECT * FROM UNNEST($1::UUID[], $2::BIGINT[], $3::TEXT[], $4::BIGINT[])
             ON CONFLICT (draw_id, hour, layer) DO UPDATE SET count = caught.count + excluded.count",
        )
        .bind(caught.iter().map(|(hour, _)| hour.draw).collect::<Vec<_>>())
        .bind(caught.iter().map(|(hour, _)| hour.hour).collect::<Vec<_>>())
        .bind(caught.iter().map(|(hour, _)| hour.layer).collect::<Vec<_>>())
        .bind(caught.iter().map(|(_, count)| *count).collect::<Vec<_>>())
        .execute(tx.get())
        .await?;
        tx.commit().await
    }
}
