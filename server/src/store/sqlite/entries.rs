//! The registration transaction in SQLite.
//!
//! `BEGIN IMMEDIATE` holds the database's only write lock, so the draw row needs no lock of its own, and the
//! host's clock, read inside, is the database's clock.

use async_trait::async_trait;
use shared::DrawState;
use sqlx::{QueryBuilder, Row as _, Sqlite, SqliteConnection};
use uuid::Uuid;

use super::SqliteStore;
use super::gate::WriteTransaction;
use super::rows::{DrawRow, StoredRow};
use crate::admission::protocol;
use crate::secrets::{Digest, bucket};
use crate::store::draws::{Actor, Draw};
use crate::store::entries::{
    CaughtHour, ClaimKind, Ended, Ending, Entries, NewEntry, ReceiptRow, RetryCount, Stored, Written,
};
use crate::store::{StoreError, StoreResult};

/// Rows of one INSERT: 28 columns each, below SQLite's 32,766 parameters of one statement.
const ROWS_PER_INSERT: usize = 500;

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

/// Inserts live entries, sorted by key; which of them came back.
async fn insert_entries(
    connection: &mut SqliteConnection,
    draw: Uuid,
    batch: &[NewEntry],
    live: &[usize],
    now: i64,
) -> StoreResult<Vec<usize>> {
    let mut sorted = live.to_vec();
    // Arrival breaks ties: of two attempts of one person the first wins.
    sorted.sort_by_key(|&at| (batch[at].identity.person, at));
    let mut created = Vec::with_capacity(sorted.len());
    for rows in sorted.chunks(ROWS_PER_INSERT) {
        let mut insert = QueryBuilder::<Sqlite>::new(
            "INSERT INTO entries (draw_id, bucket, person_key, id, receipt, fingerprint, fingerprint_version,
             browser_proof, full_name, name_key, email, email_canonical, phone, date_of_birth, country,
             postcode, category, session, party_size, guardian_name, member_id, terms_version, registered_at,
             ip_prefix, token_age) ",
        );
        insert.push_values(rows, |mut row, &at| {
            let NewEntry { id, receipt, identity, entry, draw_version, ip_prefix, token_age, .. } =
                &batch[at];
            row.push_bind(draw)
                .push_bind(bucket(&identity.person))
                .push_bind(&identity.person[..])
                .push_bind(*id)
                .push_bind(receipt)
                .push_bind(&identity.fingerprint[..])
                .push_bind(identity.fingerprint_version)
                .push_bind(identity.browser.as_ref().map(|proof| &proof[..]))
                .push_bind(&entry.full_name)
                .push_bind(entry.full_name.to_lowercase())
                .push_bind(&entry.email.typed)
                .push_bind(&entry.email.canonical)
                .push_bind(&entry.phone)
                .push_bind(entry.date_of_birth.map(|date| date.to_string()))
                .push_bind(&entry.country)
                .push_bind(&entry.postcode)
                .push_bind(&entry.category)
                .push_bind(&entry.session)
                .push_bind(entry.party_size)
                .push_bind(&entry.guardian_name)
                .push_bind(&entry.member_id)
                .push_bind(*draw_version)
                .push_bind(now)
                .push_bind(ip_prefix.as_ref().map(|prefix| &prefix[..]))
                .push_bind(*token_age);
        });
        insert.push(" ON CONFLICT DO NOTHING RETURNING id");
        let ids = returned_ids(insert, connection).await?;
        created.extend(rows.iter().copied().filter(|&at| ids.contains(&batch[at].id)));
    }
    Ok(created)
}

/// Inserts the claims of created entries, sorted by key; which entries lost one.
async fn insert_claims(
    connection: &mut SqliteConnection,
    draw: Uuid,
    batch: &[NewEntry],
    created: &[usize],
) -> StoreResult<Vec<usize>> {
    let mut claims: Vec<_> =
        created.iter().flat_map(|&at| batch[at].claims.iter().map(move |claim| (claim, at))).collect();
    claims.sort_by_key(|(claim, at)| (claim.kind, claim.key, *at));
    let mut losers: Vec<usize> = Vec::new();
    for rows in claims.chunks(ROWS_PER_INSERT) {
        let mut insert = QueryBuilder::<Sqlite>::new(
            "INSERT INTO claims (draw_id, bucket, kind, claim_key, entry_id, person_key, person_bucket) ",
        );
        insert.push_values(rows, |mut row, (claim, at)| {
            let person = &batch[*at].identity.person;
            row.push_bind(draw)
                .push_bind(bucket(&claim.key))
                .push_bind(claim.kind.as_str())
                .push_bind(&claim.key[..])
                .push_bind(batch[*at].id)
                .push_bind(&person[..])
                .push_bind(bucket(person));
        });
        insert.push(" ON CONFLICT DO NOTHING RETURNING claim_key");
        let mut won: Vec<Vec<u8>> = Vec::with_capacity(rows.len());
        for row in insert.build().fetch_all(&mut *connection).await? {
            won.push(row.try_get(0)?);
        }
        // Of two batch-mates with one claim the first in order holds it.
        let mut held: std::collections::HashSet<&[u8]> = won.iter().map(Vec::as_slice).collect();
        losers.extend(rows.iter().filter(|(claim, _)| !held.remove(&claim.key[..])).map(|(_, at)| *at));
    }
    losers.sort_unstable();
    losers.dedup();
    Ok(losers)
}

async fn returned_ids(
    mut insert: QueryBuilder<Sqlite>,
    connection: &mut SqliteConnection,
) -> StoreResult<std::collections::HashSet<Uuid>> {
    let rows = insert.build().fetch_all(connection).await?;
    rows.iter().map(|row| row.try_get(0).map_err(StoreError::from)).collect()
}

/// Counts new entries, last of all. `Some(k)` when the capacity leaves room for `k` only.
async fn count(tx: &mut WriteTransaction, draw: &Draw, new: usize) -> StoreResult<Option<usize>> {
    let new = i64::try_from(new).map_err(StoreError::corrupt)?;
    let capacity = draw.spec.capacity.map_or(i64::MAX, i64::from);
    let counted = sqlx::query(
        "UPDATE counters SET taken = taken + $2 WHERE draw_id = $1 AND shard = 0 AND taken <= $3 - $2",
    )
    .bind(draw.id)
    .bind(new)
    .bind(capacity)
    .execute(tx.get())
    .await?;
    if counted.rows_affected() == 1 {
        return Ok(None);
    }
    let taken: i64 = sqlx::query_scalar("SELECT taken FROM counters WHERE draw_id = $1 AND shard = 0")
        .bind(draw.id)
        .fetch_one(tx.get())
        .await?;
    Ok(Some(usize::try_from(capacity - taken).unwrap_or(0)))
}

async fn insert_outbox(
    ambient: &crate::ambient::Ambient,
    connection: &mut SqliteConnection,
    draw: &Draw,
    batch: &[NewEntry],
    created: &[usize],
    now: i64,
) -> StoreResult<()> {
    for destination in &draw.spec.destinations {
        for rows in created.chunks(ROWS_PER_INSERT) {
            let mut insert = QueryBuilder::<Sqlite>::new(
                "INSERT INTO outbox (id, draw_id, entry_id, destination, child_key, state, attempts, due_at,
                 created_at) ",
            );
            insert.push_values(rows, |mut row, &at| {
                row.push_bind(ambient.new_id())
                    .push_bind(draw.id)
                    .push_bind(batch[at].id)
                    .push_bind(destination)
                    .push_bind(format!("{}-{destination}", batch[at].id))
                    .push("'pending', 0")
                    .push_bind(now)
                    .push_bind(now);
            });
            insert.build().execute(&mut *connection).await?;
        }
    }
    Ok(())
}
