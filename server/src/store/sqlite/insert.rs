//! The statements of the registration transaction that write.

use std::collections::HashSet;

use sqlx::{QueryBuilder, Row as _, Sqlite, SqliteConnection};
use uuid::Uuid;

use super::gate::WriteTransaction;
use crate::ambient::Ambient;
use crate::secrets::bucket;
use crate::store::draws::Draw;
use crate::store::entries::NewEntry;
use crate::store::writing::ClaimRow;
use crate::store::{StoreError, StoreResult};

/// Rows of one INSERT: 25 columns each, below SQLite's 32,766 parameters of one statement.
const ROWS_PER_INSERT: usize = 500;

/// Inserts live entries, sorted by key; which of them came back.
pub(super) async fn insert_entries(
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

/// Inserts claims, sorted by key; the places in the batch of those who lost one.
pub(super) async fn insert_claims(
    connection: &mut SqliteConnection,
    draw: Uuid,
    rows: &[ClaimRow],
) -> StoreResult<Vec<usize>> {
    let mut losers: Vec<usize> = Vec::new();
    for rows in rows.chunks(ROWS_PER_INSERT) {
        let mut insert = QueryBuilder::<Sqlite>::new(
            "INSERT INTO claims (draw_id, bucket, kind, claim_key, entry_id, person_key, person_bucket) ",
        );
        insert.push_values(rows, |mut values, row| {
            values
                .push_bind(draw)
                .push_bind(bucket(&row.claim.key))
                .push_bind(row.claim.kind.as_str())
                .push_bind(&row.claim.key[..])
                .push_bind(row.entry)
                .push_bind(&row.person[..])
                .push_bind(bucket(&row.person));
        });
        insert.push(" ON CONFLICT DO NOTHING RETURNING claim_key");
        let mut won: Vec<Vec<u8>> = Vec::with_capacity(rows.len());
        for row in insert.build().fetch_all(&mut *connection).await? {
            won.push(row.try_get(0)?);
        }
        // Of two batch-mates with one claim the first in order holds it.
        let mut held: HashSet<&[u8]> = won.iter().map(Vec::as_slice).collect();
        losers.extend(rows.iter().filter(|row| !held.remove(&row.claim.key[..])).map(|row| row.at));
    }
    losers.sort_unstable();
    losers.dedup();
    Ok(losers)
}

async fn returned_ids(
    mut insert: QueryBuilder<Sqlite>,
    connection: &mut SqliteConnection,
) -> StoreResult<HashSet<Uuid>> {
    let rows = insert.build().fetch_all(connection).await?;
    rows.iter().map(|row| row.try_get(0).map_err(StoreError::from)).collect()
}

/// Counts new entries, last of all. `Some(k)` when the capacity leaves room for `k` only.
pub(super) async fn count(tx: &mut WriteTransaction, draw: &Draw, new: usize) -> StoreResult<Option<usize>> {
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

pub(super) async fn insert_outbox(
    ambient: &Ambient,
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
