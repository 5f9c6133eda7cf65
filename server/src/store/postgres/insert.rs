//! The statements of the registration transaction that write: one a table, whatever the size of the batch.

use std::collections::HashSet;

use sqlx::PgConnection;
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
    let mut sorted = live.to_vec();
    // Arrival breaks ties: of two attempts of one person the first wins. The key begins with its bucket.
    sorted.sort_by_key(|&at| (batch[at].identity.person, at));
    let rows: Vec<&NewEntry> = sorted.iter().map(|&at| &batch[at]).collect();
    let created: HashSet<Uuid> = sqlx::query_scalar(
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
    )
    .bind(draw)
    .bind(now)
    .bind(column(&rows, |row| bucket(&row.identity.person)))
    .bind(column(&rows, |row| &row.identity.person[..]))
    .bind(column(&rows, |row| row.id))
    .bind(column(&rows, |row| row.receipt.as_str()))
    .bind(column(&rows, |row| &row.identity.fingerprint[..]))
    .bind(column(&rows, |row| row.identity.fingerprint_version))
    .bind(column(&rows, |row| row.identity.browser.as_ref().map(|proof| &proof[..])))
    .bind(column(&rows, |row| row.entry.full_name.as_str()))
    .bind(column(&rows, |row| row.entry.full_name.to_lowercase()))
    .bind(column(&rows, |row| row.entry.email.typed.as_str()))
    .bind(column(&rows, |row| row.entry.email.canonical.as_str()))
    .bind(column(&rows, |row| row.entry.phone.as_deref()))
    .bind(column(&rows, |row| row.entry.date_of_birth.map(|date| date.to_string())))
    .bind(column(&rows, |row| row.entry.country.as_deref()))
    .bind(column(&rows, |row| row.entry.postcode.as_deref()))
    .bind(column(&rows, |row| row.entry.category.as_deref()))
    .bind(column(&rows, |row| row.entry.session.as_deref()))
    // What is beyond 32 bits is refused by the constraint like anything above 100.
    .bind(column(&rows, |row| i32::try_from(row.entry.party_size).unwrap_or(i32::MAX)))
    .bind(column(&rows, |row| row.entry.guardian_name.as_deref()))
    .bind(column(&rows, |row| row.entry.member_id.as_deref()))
    .bind(column(&rows, |row| row.draw_version))
    .bind(column(&rows, |row| row.ip_prefix.as_ref().map(|prefix| &prefix[..])))
    .bind(column(&rows, |row| row.token_age))
    .fetch_all(connection)
    .await?
    .into_iter()
    .collect();
    Ok(sorted.into_iter().filter(|&at| created.contains(&batch[at].id)).collect())
}

/// One column of a batch.
fn column<'a, R, T>(rows: &[&'a R], value: impl Fn(&'a R) -> T) -> Vec<T> {
    rows.iter().map(|row| value(row)).collect()
}

/// Inserts claims, sorted by key; the places in the batch of those who lost one.
pub(super) async fn insert_claims(
    connection: &mut PgConnection,
    draw: Uuid,
    rows: &[ClaimRow],
) -> StoreResult<Vec<usize>> {
    let won: HashSet<(Uuid, Vec<u8>)> = sqlx::query_as(
        "INSERT INTO claims (draw_id, bucket, kind, claim_key, entry_id, person_key, person_bucket)
         SELECT $1, bucket, kind, claim_key, entry_id, person_key, person_bucket
         FROM UNNEST($2::INTEGER[], $3::TEXT[], $4::BYTEA[], $5::UUID[], $6::BYTEA[], $7::INTEGER[])
             AS c (bucket, kind, claim_key, entry_id, person_key, person_bucket)
         ON CONFLICT DO NOTHING RETURNING entry_id, claim_key",
    )
    .bind(draw)
    .bind(rows.iter().map(|row| bucket(&row.claim.key)).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.claim.kind.as_str()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| &row.claim.key[..]).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.entry).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| &row.person[..]).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| bucket(&row.person)).collect::<Vec<_>>())
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
