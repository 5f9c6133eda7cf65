//! The registration transaction in SQLite.
//!
//! `BEGIN IMMEDIATE` holds the database's only write lock, so the draw row needs no lock of its own, and the
//! host's clock, read inside, is the database's clock.

use std::collections::HashMap;

use async_trait::async_trait;
use sqlx::{FromRow as _, Row as _};
use uuid::Uuid;

use super::SqliteStore;
use super::gate::WriteTransaction;
use super::insert::{count, insert_all_and_commit, insert_claims, insert_entries, insert_outbox};
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

/// Begins, and reads a draw and what the connection has changed so far.
const HOLD: &str = "BEGIN IMMEDIATE; SELECT *, total_changes() AS changes FROM draws WHERE id = $1";

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

    async fn holders(&self, draw: Uuid, claims: &[Claim]) -> StoreResult<HashMap<Claim, Stored>> {
        self.by_claims(draw, claims).await
    }

    async fn by_source(&self, draw: Uuid, source: &Digest) -> StoreResult<Option<Stored>> {
        self.by_claim(draw, ClaimKind::Source, source).await
    }

    async fn bind_token(&self, draw: Uuid, token: Digest, to: &Stored) -> StoreResult<bool> {
        Ok(self.bind(draw, &[ClaimRow::of_token(token, to)]).await?.is_empty())
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
        if !self.losers.are_expected()
            && let Some(pass) = self.try_at_once(draw, batch, live).await?
        {
            return Ok(pass);
        }
        self.try_pass(draw, batch, live).await
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

/// A draw inside a write transaction.
pub(super) struct Held {
    pub(super) draw: Draw,
    /// The instant that counts for whoever is let in.
    pub(super) now: i64,
    /// Rows that the connection has ever changed.
    pub(super) changes: i64,
}

impl Held {
    /// Why nothing is inserted.
    fn before_inserts(&self, batch: &[NewEntry], live: &[usize]) -> Option<Pass> {
        let Self { draw, now, .. } = self;
        let shut = Shut::at(draw.state, draw.spec.opens_at, draw.spec.closes_at, *now);
        Pass::before_inserts(shut, draw.version, live.iter().map(|&at| batch[at].draw_version))
    }
}

impl SqliteStore {
    /// Begins a transaction with a draw, in one call: each call is a way to another thread and back, on which a server
    /// that is busy with a crowd lets it wait.
    async fn hold(&self, draw: Uuid) -> StoreResult<(WriteTransaction, Held)> {
        let mut tx = self.gate.turn().await;
        let row = sqlx::query(HOLD).bind(draw).fetch_optional(tx.get()).await?;
        let row = row.ok_or_else(|| StoreError::corrupt("a batch for no draw"))?;
        let draw = Draw::try_from(DrawRow::from_row(&row)?)?;
        // Read after the lock is held.
        let held = Held { draw, now: self.ambient.now(), changes: row.try_get("changes")? };
        Ok((tx, held))
    }

    /// The usual pass, in which nobody loses, as two calls; `None` when it was undone, because something is not as usual.
    pub(super) async fn try_at_once(
        &self,
        draw: Uuid,
        batch: &[NewEntry],
        live: &[usize],
    ) -> StoreResult<Option<Pass>> {
        let (tx, held) = self.hold(draw).await?;
        if let Some(back) = held.before_inserts(batch, live) {
            tx.rollback().await?;
            return Ok(Some(back));
        }
        if insert_all_and_commit(tx, &self.ambient, &held, batch, live).await? {
            return Ok(Some(Pass::Committed { created: live.to_vec(), registered_at: held.now }));
        }
        self.losers.note(true);
        Ok(None)
    }

    /// A pass in its statements, which tell who lost.
    pub(super) async fn try_pass(&self, draw: Uuid, batch: &[NewEntry], live: &[usize]) -> StoreResult<Pass> {
        let (mut tx, held) = self.hold(draw).await?;
        if let Some(back) = held.before_inserts(batch, live) {
            tx.rollback().await?;
            return Ok(back);
        }
        let Held { draw, now, .. } = held;
        let created = insert_entries(tx.get(), draw.id, batch, live, now).await?;
        let losers = insert_claims(tx.get(), draw.id, &ClaimRow::of(batch, &created)).await?;
        self.losers.note(created.len() < live.len() || !losers.is_empty());
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
