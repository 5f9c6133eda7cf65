//! The statements of the registration transaction that write: one a table, whatever the size of the batch.

use std::collections::HashSet;

use sqlx::postgres::{PgArguments, Postgres};
use sqlx::{Arguments as _, Encode, PgConnection, Type};
use uuid::Uuid;

use crate::ambient::Ambient;
use crate::secrets::bucket;
use crate::store::draws::Draw;
use crate::store::entries::NewEntry;
use crate::store::writing::ClaimRow;
use crate::store::{StoreError, StoreResult};

/// Counter rows of a draw without capacity: batches that commit at the same time seldom wait for one.
pub(super) const SHARDS: u32 = 8;

/// Inserts live entries, sorted by key; which of them came back.
pub(super) async fn insert_entries(
    connection: &mut PgConnection,
    draw: Uuid,
    batch: &[NewEntry],
    live: &[usize],
    now: i64,
) -> StoreResult<Vec<usize>> {
    let sorted = by_key(batch, live);
    let rows: Vec<&NewEntry> = sorted.iter().map(|&at| &batch[at]).collect();
    let mut arguments = PgArguments::default();
    add(&mut arguments, draw)?;
    add(&mut arguments, now)?;
    add_entries(&mut arguments, &rows)?;
    let created: HashSet<Uuid> = sqlx::query_scalar_with(
        "INSERT INTO entries (draw_id, bucket, person_key, id, receipt, fingerprint, fingerprint_version,
             browser_proof, full_name, name_key, email, email_canonical, phone, date_of_birth, country,
             postcode, category, session, party_size, guardian_name, member_id, terms_version, registered_at,
             ip_prefix, token_age)
         SELECT $1, bucket, person_key, id, receipt, fingerprint, fingerprint_version, browser_proof, full_name,
             name_key, email, email_canonical, phone, date_of_birth, country, postcode, category, session,
             party_size, guardian_name, member_id, terms_version, $2, ip_prefix, token_age
         FROM UNNEST($3::INTEGER[], $4::BYTEA[], $5::UUID[], $6::TEXT[], $7::BYTEA[], $8::SMALLINT[],
             $9::BYTEA[], $10::TEXT[], $11::TEXT[], $12::TEXT[], $13::TEXT[], $14::TEXT[], $15::TEXT[],
             $16::TEXT[], $17::TEXT[], $18::TEXT[], $19::TEXT[], $20::INTEGER[], $21::TEXT[], $22::TEXT[],
             $23::BIGINT[], $24::BYTEA[], $25::BIGINT[])
             AS e (bucket, person_key, id, receipt, fingerprint, fingerprint_version, browser_proof, full_name,
                 name_key, email, email_canonical, phone, date_of_birth, country, postcode, category, session,
                 party_size, guardian_name, member_id, terms_version, ip_prefix, token_age)
         ON CONFLICT DO NOTHING RETURNING id",
        arguments,
    )
    .fetch_all(connection)
    .await?
    .into_iter()
    .collect();
    Ok(sorted.into_iter().filter(|&at| created.contains(&batch[at].id)).collect())
}

/// Live entries, sorted by key, which begins with its bucket. Arrival breaks ties: of two attempts of one person the
/// first wins.
pub(super) fn by_key(batch: &[NewEntry], live: &[usize]) -> Vec<usize> {
    let mut sorted = live.to_vec();
    sorted.sort_by_key(|&at| (batch[at].identity.person, at));
    sorted
}

/// Adds the columns of entries, in the order in which both ways of inserting them name them.
pub(super) fn add_entries(to: &mut PgArguments, rows: &[&NewEntry]) -> StoreResult<()> {
    add(to, column(rows, |row| bucket(&row.identity.person)))?;
    add(to, column(rows, |row| &row.identity.person[..]))?;
    add(to, column(rows, |row| row.id))?;
    add(to, column(rows, |row| row.receipt.as_str()))?;
    add(to, column(rows, |row| &row.identity.fingerprint[..]))?;
    add(to, column(rows, |row| row.identity.fingerprint_version))?;
    add(to, column(rows, |row| row.identity.browser.as_ref().map(|proof| &proof[..])))?;
    add(to, column(rows, |row| row.entry.full_name.as_str()))?;
    add(to, column(rows, |row| row.entry.full_name.to_lowercase()))?;
    add(to, column(rows, |row| row.entry.email.typed.as_str()))?;
    add(to, column(rows, |row| row.entry.email.canonical.as_str()))?;
    add(to, column(rows, |row| row.entry.phone.as_deref()))?;
    add(to, column(rows, |row| row.entry.date_of_birth.map(|date| date.to_string())))?;
    add(to, column(rows, |row| row.entry.country.as_deref()))?;
    add(to, column(rows, |row| row.entry.postcode.as_deref()))?;
    add(to, column(rows, |row| row.entry.category.as_deref()))?;
    add(to, column(rows, |row| row.entry.session.as_deref()))?;
    // What is beyond 32 bits is refused by the constraint like anything above 100.
    add(to, column(rows, |row| i32::try_from(row.entry.party_size).unwrap_or(i32::MAX)))?;
    add(to, column(rows, |row| row.entry.guardian_name.as_deref()))?;
    add(to, column(rows, |row| row.entry.member_id.as_deref()))?;
    add(to, column(rows, |row| row.draw_version))?;
    add(to, column(rows, |row| row.ip_prefix.as_ref().map(|prefix| &prefix[..])))?;
    add(to, column(rows, |row| row.token_age))
}

/// One column of a batch.
fn column<'a, R, T>(rows: &'a [R], value: impl Fn(&'a R) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}

/// Adds one parameter.
pub(super) fn add<'q, T>(to: &mut PgArguments, value: T) -> StoreResult<()>
where
    T: Encode<'q, Postgres> + Type<Postgres>,
{
    Ok(to.add(value).map_err(sqlx::Error::Encode)?)
}

/// Inserts claims, sorted by key; the places in the batch of those who lost one.
pub(super) async fn insert_claims(
    connection: &mut PgConnection,
    draw: Uuid,
    rows: &[ClaimRow],
) -> StoreResult<Vec<usize>> {
    let mut arguments = PgArguments::default();
    add(&mut arguments, draw)?;
    add_claims(&mut arguments, rows)?;
    let won: HashSet<(Uuid, Vec<u8>)> = sqlx::query_as_with(
        "INSERT INTO claims (draw_id, bucket, kind, claim_key, entry_id, person_key, person_bucket)
         SELECT $1, bucket, kind, claim_key, entry_id, person_key, person_bucket
         FROM UNNEST($2::INTEGER[], $3::TEXT[], $4::BYTEA[], $5::UUID[], $6::BYTEA[], $7::INTEGER[])
             AS c (bucket, kind, claim_key, entry_id, person_key, person_bucket)
         ON CONFLICT DO NOTHING RETURNING entry_id, claim_key",
        arguments,
    )
    .fetch_all(connection)
    .await?
    .into_iter()
    .collect();
    let lost = rows.iter().filter(|row| !won.contains(&(row.entry, row.claim.key.to_vec())));
    let mut losers: Vec<usize> = lost.map(|row| row.at).collect();
    losers.sort_unstable();
    losers.dedup();
    Ok(losers)
}

/// Adds the columns of claims, in the order in which both ways of inserting them name them.
pub(super) fn add_claims(to: &mut PgArguments, rows: &[ClaimRow]) -> StoreResult<()> {
    add(to, column(rows, |row| bucket(&row.claim.key)))?;
    add(to, column(rows, |row| row.claim.kind.as_str()))?;
    add(to, column(rows, |row| &row.claim.key[..]))?;
    add(to, column(rows, |row| row.entry))?;
    add(to, column(rows, |row| &row.person[..]))?;
    add(to, column(rows, |row| bucket(&row.person)))
}

/// Counts new entries, last of all. `Some(k)` when the capacity leaves room for `k` only.
pub(super) async fn count(
    connection: &mut PgConnection,
    ambient: &Ambient,
    draw: &Draw,
    new: usize,
) -> StoreResult<Option<usize>> {
    if new == 0 {
        return Ok(None);
    }
    let new = i64::try_from(new).map_err(StoreError::corrupt)?;
    let (shard, capacity) = match draw.spec.capacity {
        Some(capacity) => (0, i64::from(capacity)),
        None => (ambient.jitter(SHARDS).cast_signed(), i64::MAX),
    };
    let counted = sqlx::query(
        "UPDATE counters SET taken = taken + $3 WHERE draw_id = $1 AND shard = $2 AND taken <= $4 - $3",
    )
    .bind(draw.id)
    .bind(shard)
    .bind(new)
    .bind(capacity)
    .execute(&mut *connection)
    .await?;
    if counted.rows_affected() == 1 {
        return Ok(None);
    }
    let taken: i64 = sqlx::query_scalar("SELECT taken FROM counters WHERE draw_id = $1 AND shard = $2")
        .bind(draw.id)
        .bind(shard)
        .fetch_one(connection)
        .await?;
    Ok(Some(usize::try_from(capacity - taken).unwrap_or(0)))
}

pub(super) async fn insert_outbox(
    ambient: &Ambient,
    connection: &mut PgConnection,
    draw: &Draw,
    batch: &[NewEntry],
    created: &[usize],
    now: i64,
) -> StoreResult<()> {
    if draw.spec.destinations.is_empty() || created.is_empty() {
        return Ok(());
    }
    let rows =
        || draw.spec.destinations.iter().flat_map(|to| created.iter().map(move |&at| (to, batch[at].id)));
    sqlx::query(
        "INSERT INTO outbox (id, draw_id, entry_id, destination, child_key, state, attempts, due_at, created_at)
         SELECT id, $1, entry_id, destination, child_key, 'pending', 0, $2, $2
         FROM UNNEST($3::UUID[], $4::UUID[], $5::TEXT[], $6::TEXT[])
             AS o (id, entry_id, destination, child_key)",
    )
    .bind(draw.id)
    .bind(now)
    .bind(rows().map(|_| ambient.new_id()).collect::<Vec<_>>())
    .bind(rows().map(|(_, entry)| entry).collect::<Vec<_>>())
    .bind(rows().map(|(destination, _)| destination.as_str()).collect::<Vec<_>>())
    .bind(rows().map(|(destination, entry)| format!("{entry}-{destination}")).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}
