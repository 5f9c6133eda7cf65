//! The registration transaction in PostgreSQL.
//!
//! Batches of one draw go on beside each other: each holds the draw's row `FOR SHARE` against whoever closes or
//! edits it, reads the clock after that, and lets the unique keys decide. Rows are inserted in the order of their
//! keys, entries before claims before the counter, so that two batches wait for each other in one direction
//! only; where PostgreSQL still finds a deadlock, the transaction it undid is run again.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use sqlx::Arguments as _;
use sqlx::postgres::PgArguments;
use uuid::Uuid;

use super::gate::{Gate, advisory};
use super::insert::{
    SHARDS, add, add_claims, add_entries, by_key, count, insert_claims, insert_entries, insert_outbox,
};
use super::{PostgresStore, WRITERS, draws, within};
use crate::admission::protocol::{Pass, Shut};
use crate::secrets::{Digest, bucket};
use crate::store::StoreResult;
use crate::store::draws::Actor;
use crate::store::entries::{
    CaughtHour, Claim, ClaimKind, Ended, Ending, Entries, NewEntry, ReceiptRow, RetryCount, Stored, Written,
};
use crate::store::rows::{HolderRow, StoredRow};
use crate::store::writing::{self, ClaimRow, Passes};

/// How often a transaction is run again that PostgreSQL undid for the sake of another.
const CONFLICTS_MAX: usize = 5;
/// A whole batch in one call, where somebody may lose to an earlier entry of their own.
const ENTER_BATCH: &str = "SELECT entered_at, created FROM enter_batch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,
    $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34)";
/// The same, where nobody is expected to.
const ENTER_NEW_BATCH: &str = "SELECT entered_at, created FROM enter_new_batch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10,
    $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33,
    $34)";
/// What they take.
const ARGUMENTS: usize = 34;
/// An entry's part of that, about: more is taken where it is needed.
const ENTRY_BYTES: usize = 1024;

// `LATERAL` and `DISTINCT` hold the planner to one look into the index for each that is wanted. Of a draw that is new it
// has no statistics, takes it for small, and would read all its rows for each statement: 30 ms at 50 thousand entries.
// (`OFFSET 0` would hold it as well, but Citus takes no offset there.)

/// The live entries of people.
pub(super) const BY_PEOPLE: &str = "
    SELECT e.* FROM UNNEST($2::INTEGER[], $3::BYTEA[]) AS wanted (bucket, person_key)
    CROSS JOIN LATERAL (
        SELECT DISTINCT id, receipt, registered_at, person_key, fingerprint, fingerprint_version, browser_proof
        FROM entries
        WHERE draw_id = $1 AND bucket = wanted.bucket AND person_key = wanted.person_key) e";

/// The entries that hold claims. One statement, so that an entry that ends meanwhile is found in one place or the other.
pub(super) const BY_CLAIMS: &str = "
    WITH held AS (
        SELECT c.* FROM UNNEST($2::INTEGER[], $3::TEXT[], $4::BYTEA[]) AS wanted (bucket, kind, claim_key)
        CROSS JOIN LATERAL (
            SELECT DISTINCT draw_id, kind, claim_key, entry_id, person_key, person_bucket
            FROM claims
            WHERE draw_id = $1 AND bucket = wanted.bucket AND kind = wanted.kind
                AND claim_key = wanted.claim_key) c)
    SELECT c.kind, c.claim_key, e.*
    FROM held c CROSS JOIN LATERAL (
        SELECT DISTINCT id, receipt, registered_at, person_key, fingerprint, fingerprint_version, browser_proof
        FROM entries
        WHERE draw_id = c.draw_id AND bucket = c.person_bucket AND person_key = c.person_key AND id = c.entry_id) e
    UNION ALL
    SELECT c.kind, c.claim_key, w.*
    FROM held c CROSS JOIN LATERAL (
        SELECT DISTINCT id, receipt, registered_at, person_key, fingerprint, fingerprint_version, browser_proof
        FROM withdrawals
        WHERE draw_id = c.draw_id AND bucket = c.person_bucket AND id = c.entry_id) w";

#[async_trait]
impl Entries for PostgresStore {
    fn writers(&self) -> usize {
        WRITERS as usize
    }

    async fn write(&self, draw: Uuid, batch: &[NewEntry]) -> StoreResult<Vec<Written>> {
        // Bounded in its parts: what one of them has committed is not to be forgotten for the sake of another.
        writing::write(self, draw, batch).await
    }

    async fn by_token(&self, draw: Uuid, token: &Digest) -> StoreResult<Option<Stored>> {
        self.by_claim(draw, ClaimKind::Token, *token).await
    }

    async fn holders(&self, draw: Uuid, claims: &[Claim]) -> StoreResult<HashMap<Claim, Stored>> {
        self.by_claims(draw, claims).await
    }

    async fn by_source(&self, draw: Uuid, source: &Digest) -> StoreResult<Option<Stored>> {
        self.by_claim(draw, ClaimKind::Source, *source).await
    }

    async fn bind_token(&self, draw: Uuid, token: Digest, to: &Stored) -> StoreResult<bool> {
        // By a request, which does not take a turn of the writers.
        let row = [ClaimRow::of_token(token, to)];
        Ok(again_after_conflicts(|| try_bind(&self.writing, draw, &row)).await?.is_empty())
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
        again_after_conflicts(|| async {
            match self.try_in_one_call(draw, batch, live).await? {
                Some(pass) => Ok(pass),
                None => self.try_pass(draw, batch, live).await,
            }
        })
        .await
    }

    async fn bind(&self, draw: Uuid, rows: &[ClaimRow]) -> StoreResult<Vec<usize>> {
        again_after_conflicts(|| try_bind(&self.batches, draw, rows)).await
    }

    async fn close_if_over(&self, draw: Uuid) -> StoreResult<()> {
        within(self.close_if_over_now(&self.batches, draw)).await
    }

    async fn by_people(&self, draw: Uuid, people: &[Digest]) -> StoreResult<HashMap<Digest, Stored>> {
        within(async {
            let mut reader = self.reader().await?;
            let rows: Vec<StoredRow> = sqlx::query_as(BY_PEOPLE)
                .bind(draw)
                .bind(people.iter().map(bucket).collect::<Vec<_>>())
                .bind(people.iter().map(|person| &person[..]).collect::<Vec<_>>())
                .fetch_all(reader.get())
                .await?;
            reader.give_back();
            let people = rows.into_iter().map(|row| {
                let stored = Stored::try_from(row)?;
                Ok((stored.identity.person, stored))
            });
            people.collect()
        })
        .await
    }

    async fn by_claims(&self, draw: Uuid, claims: &[Claim]) -> StoreResult<HashMap<Claim, Stored>> {
        within(async {
            let mut reader = self.reader().await?;
            let rows: Vec<HolderRow> = sqlx::query_as(BY_CLAIMS)
                .bind(draw)
                .bind(claims.iter().map(|claim| bucket(&claim.key)).collect::<Vec<_>>())
                .bind(claims.iter().map(|claim| claim.kind.as_str()).collect::<Vec<_>>())
                .bind(claims.iter().map(|claim| &claim.key[..]).collect::<Vec<_>>())
                .fetch_all(reader.get())
                .await?;
            reader.give_back();
            rows.into_iter().map(HolderRow::read).collect()
        })
        .await
    }
}

/// Runs a transaction; runs it again when PostgreSQL undid it for the sake of another.
async fn again_after_conflicts<T, F>(transaction: impl Fn() -> F) -> StoreResult<T>
where
    F: Future<Output = StoreResult<T>>,
{
    let mut conflicts = 0;
    loop {
        match within(transaction()).await {
            Err(error) if error.is_conflict() && conflicts < CONFLICTS_MAX => {
                conflicts += 1;
                tracing::debug!(%error, conflicts, "a transaction is run again");
            }
            result => return result,
        }
    }
}

async fn try_bind(gate: &Gate, draw: Uuid, rows: &[ClaimRow]) -> StoreResult<Vec<usize>> {
    let mut tx = gate.begin().await?;
    let lost = insert_claims(tx.get(), draw, rows).await?;
    tx.commit().await?;
    Ok(lost)
}

impl PostgresStore {
    /// The committed entry that holds a claim, live or ended.
    async fn by_claim(&self, draw: Uuid, kind: ClaimKind, key: Digest) -> StoreResult<Option<Stored>> {
        let claim = Claim { kind, key };
        Ok(self.by_claims(draw, &[claim]).await?.remove(&claim))
    }

    /// The usual pass, in which all is well, as one call (see the migrations) that commits by itself;
    /// `None` when it was undone, because something is not as usual.
    pub(super) async fn try_in_one_call(
        &self,
        draw: Uuid,
        batch: &[NewEntry],
        live: &[usize],
    ) -> StoreResult<Option<Pass>> {
        let judged_by = batch[live[0]].draw_version;
        if live.iter().any(|&at| batch[at].draw_version != judged_by) {
            return Ok(None);
        }
        let sorted = by_key(batch, live);
        let rows: Vec<&NewEntry> = sorted.iter().map(|&at| &batch[at]).collect();
        let mut arguments = PgArguments::default();
        arguments.reserve(ARGUMENTS, live.len() * ENTRY_BYTES);
        add(&mut arguments, draw)?;
        add(&mut arguments, advisory(draw))?;
        add(&mut arguments, self.ambient.held())?;
        add(&mut arguments, judged_by)?;
        add(&mut arguments, self.ambient.jitter(SHARDS).cast_signed())?;
        add_entries(&mut arguments, &rows)?;
        add_claims(&mut arguments, &ClaimRow::of(batch, &sorted))?;
        let mut lent = self.batches.lend().await?;
        // All rows, which is one, are fetched: whether it was committed is said after the last.
        let call = if self.losers.are_expected() { ENTER_BATCH } else { ENTER_NEW_BATCH };
        let answer = sqlx::query_as_with::<_, (Option<i64>, Option<Vec<Uuid>>), _>(call, arguments)
            .fetch_all(lent.get())
            .await?
            .pop();
        lent.give_back();
        let Some((Some(registered_at), Some(ids))) = answer else {
            self.losers.note(true);
            return Ok(None);
        };
        self.losers.note(ids.len() < live.len());
        let ids: HashSet<Uuid> = ids.into_iter().collect();
        let created = sorted.into_iter().filter(|&at| ids.contains(&batch[at].id)).collect();
        Ok(Some(Pass::Committed { created, registered_at }))
    }

    pub(super) async fn try_pass(&self, draw: Uuid, batch: &[NewEntry], live: &[usize]) -> StoreResult<Pass> {
        let mut tx = self.batches.begin_beside(draw).await?;
        let (draw, now) = draws::hold(tx.get(), draw, &self.ambient).await?;
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
        let fits = count(tx.get(), &self.ambient, &draw, created.len()).await?;
        if let Some(back) = Pass::after_count(&created, fits) {
            tx.rollback().await?;
            return Ok(back);
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
