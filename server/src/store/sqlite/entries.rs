//! The registration transaction in SQLite.
//!
//! `BEGIN IMMEDIATE` holds the database's only write lock, so the draw row needs no lock of its own, and the
//! host's clock, read inside, is the database's clock.

use async_trait::async_trait;
use shared::DrawState;
use uuid::Uuid;

use super::SqliteStore;
use super::insert::{count, insert_claims, insert_entries, insert_outbox};
use crate::admission::protocol;
use crate::secrets::{Digest, bucket};
use crate::store::draws::{Actor, Draw};
use crate::store::entries::{
    CaughtHour, ClaimKind, Ended, Ending, Entries, NewEntry, ReceiptRow, RetryCount, Stored, Written,
};
use crate::store::rows::{DrawRow, StoredRow};
use crate::store::{StoreError, StoreResult};

/// What one transaction came to.
enum Pass {
    /// Committed: these entries exist, at this instant; the other live ones lost.
    Committed { created: Vec<usize>, registered_at: i64 },
    /// Rolled back: these lost a claim and must not make others lose.
    Without(Vec<usize>),
    /// Rolled back: at capacity; these are the last that fit, and these would have been next.
    Only { fitting: Vec<usize>, full: Vec<usize> },
    /// Rolled back: the draw takes nobody now.
    Shut(Shut),
    /// Rolled back: judged by other rules than the draw has now.
    DrawChanged,
}

enum Shut {
    NotOpen { opens_at: i64, now: i64 },
    Over,
    Closed,
}

#[async_trait]
impl Entries for SqliteStore {
    async fn write(&self, draw: Uuid, batch: &[NewEntry]) -> StoreResult<Vec<Written>> {
        match self.write_together(draw, batch).await {
            Err(StoreError::Refused(error)) if batch.len() == 1 => {
                Ok(vec![Written::Refused(StoreError::Refused(error))])
            }
            Err(StoreError::Refused(error)) => {
                // One poisoned row fails only its own request.
                tracing::error!(%error, rows = batch.len(), "a batch was refused, writing it row by row");
                let mut fates = Vec::with_capacity(batch.len());
                for entry in batch {
                    fates.extend(Box::pin(self.write(draw, std::slice::from_ref(entry))).await?);
                }
                Ok(fates)
            }
            fates => fates,
        }
    }

    async fn by_token(&self, draw: Uuid, token: &Digest) -> StoreResult<Option<Stored>> {
        self.by_claim(draw, ClaimKind::Token, token).await
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

impl SqliteStore {
    async fn write_together(&self, draw: Uuid, batch: &[NewEntry]) -> StoreResult<Vec<Written>> {
        let mut live: Vec<usize> = (0..batch.len()).collect();
        let mut fates: Vec<Option<Written>> = batch.iter().map(|_| None).collect();
        // Every pass but the last takes entries out of `live`, or finds the draw closed for good.
        loop {
            match self.pass(draw, batch, &live).await? {
                Pass::Committed { created, registered_at } => {
                    for at in created {
                        fates[at] = Some(Written::Created { registered_at });
                    }
                    break;
                }
                Pass::Without(losers) => live.retain(|at| !losers.contains(at)),
                Pass::Only { fitting, full } => {
                    for at in full {
                        fates[at] = Some(Written::Full);
                    }
                    live = fitting;
                }
                Pass::Shut(Shut::Over) => self.close_if_over(draw).await?,
                Pass::Shut(shut) => {
                    for &at in &live {
                        let otherwise = match shut {
                            Shut::NotOpen { opens_at, now } => Written::NotOpen(opens_at, now),
                            Shut::Over | Shut::Closed => Written::Closed,
                        };
                        fates[at] = Some(self.fate_when_shut(draw, &batch[at], otherwise).await?);
                    }
                    break;
                }
                Pass::DrawChanged => {
                    return Ok(batch.iter().map(|_| Written::DrawChanged).collect());
                }
            }
            if live.is_empty() {
                break;
            }
        }
        let mut written = Vec::with_capacity(batch.len());
        for (entry, fate) in batch.iter().zip(fates) {
            written.push(match fate {
                Some(fate) => fate,
                None => self.fate_of_loser(draw, entry).await?,
            });
        }
        Ok(written)
    }

    /// One transaction with the live entries of a batch.
    async fn pass(&self, draw: Uuid, batch: &[NewEntry], live: &[usize]) -> StoreResult<Pass> {
        let mut tx = self.gate.begin().await?;
        let now = self.ambient.now();
        let row: Option<DrawRow> =
            sqlx::query_as("SELECT * FROM draws WHERE id = $1").bind(draw).fetch_optional(tx.get()).await?;
        let draw = Draw::try_from(row.ok_or_else(|| StoreError::corrupt("a batch for no draw"))?)?;
        if let Some(shut) = shut(&draw, now) {
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
        if let Some(fits) = count(&mut tx, &draw, created.len()).await? {
            tx.rollback().await?;
            // By arrival, which is the order within the batch.
            let mut fitting = created;
            fitting.sort_unstable();
            let full = fitting.split_off(fits.min(fitting.len()));
            return Ok(Pass::Only { fitting, full });
        }
        insert_outbox(&self.ambient, tx.get(), &draw, batch, &created, now).await?;
        tx.commit().await?;
        Ok(Pass::Committed { created, registered_at: now })
    }

    /// The fate of an entry that was not judged by the constraints, because the draw takes nobody: a known
    /// retry is still one.
    async fn fate_when_shut(&self, draw: Uuid, entry: &NewEntry, otherwise: Written) -> StoreResult<Written> {
        Ok(match self.fate_of_loser(draw, entry).await? {
            known @ Written::TokenKnown(_) => known,
            Written::PersonKnown(stored) if protocol::is_same_browser(&stored.identity, &entry.identity) => {
                Written::PersonKnown(stored)
            }
            _ => otherwise,
        })
    }

    /// Why an entry lost, from committed winners only.
    async fn fate_of_loser(&self, draw: Uuid, entry: &NewEntry) -> StoreResult<Written> {
        if let Some(token) = entry.token()
            && let Some(stored) = self.by_claim(draw, ClaimKind::Token, &token.key).await?
        {
            return Ok(Written::TokenKnown(stored));
        }
        if let Some(stored) = self.by_person(draw, &entry.identity.person).await? {
            return Ok(Written::PersonKnown(stored));
        }
        let mut taken = Vec::new();
        for claim in entry.claims.iter().filter(|claim| claim.kind != ClaimKind::Token) {
            if self.by_claim(draw, claim.kind, &claim.key).await?.is_some() {
                taken.push(claim.kind);
            }
        }
        Ok(if taken.is_empty() { Written::Again } else { Written::ClaimsTaken(taken) })
    }

    async fn by_person(&self, draw: Uuid, person: &Digest) -> StoreResult<Option<Stored>> {
        let row: Option<StoredRow> = sqlx::query_as(
            "SELECT id, receipt, registered_at, person_key, fingerprint, fingerprint_version, browser_proof
             FROM entries WHERE draw_id = $1 AND bucket = $2 AND person_key = $3",
        )
        .bind(draw)
        .bind(bucket(person))
        .bind(&person[..])
        .fetch_optional(&self.readers)
        .await?;
        row.map(Stored::try_from).transpose()
    }

    /// The entry that holds a claim, live or ended.
    async fn by_claim(&self, draw: Uuid, kind: ClaimKind, key: &Digest) -> StoreResult<Option<Stored>> {
        // One statement, so that an entry that ends meanwhile is found in one place or the other. The bucket
        // of entry and withdrawal is the person's, which the claim does not carry: it is in the person key.
        let row: Option<StoredRow> = sqlx::query_as(
            "SELECT e.id, e.receipt, e.registered_at, e.person_key, e.fingerprint, e.fingerprint_version,
                    e.browser_proof
             FROM claims c JOIN entries e ON e.draw_id = c.draw_id AND e.bucket = c.person_bucket
                  AND e.person_key = c.person_key AND e.id = c.entry_id
             WHERE c.draw_id = $1 AND c.bucket = $2 AND c.kind = $3 AND c.claim_key = $4
             UNION ALL
             SELECT w.id, w.receipt, w.registered_at, w.person_key, w.fingerprint, w.fingerprint_version,
                    w.browser_proof
             FROM claims c JOIN withdrawals w ON w.draw_id = c.draw_id AND w.bucket = c.person_bucket
                  AND w.id = c.entry_id
             WHERE c.draw_id = $1 AND c.bucket = $2 AND c.kind = $3 AND c.claim_key = $4",
        )
        .bind(draw)
        .bind(bucket(key))
        .bind(kind.as_str())
        .bind(&key[..])
        .fetch_optional(&self.readers)
        .await?;
        row.map(Stored::try_from).transpose()
    }
}

/// Why a draw takes nobody at an instant; `None` when it is open.
fn shut(draw: &Draw, now: i64) -> Option<Shut> {
    let opens_at = draw.spec.opens_at;
    match draw.state {
        DrawState::Draft => Some(Shut::NotOpen { opens_at, now }),
        DrawState::Announced if now < opens_at => Some(Shut::NotOpen { opens_at, now }),
        DrawState::Announced if now < draw.spec.closes_at => None,
        DrawState::Announced => Some(Shut::Over),
        _ => Some(Shut::Closed),
    }
}
