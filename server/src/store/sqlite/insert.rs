//! The statements of the registration transaction that write.

use std::collections::HashSet;

use sqlx::query_builder::Separated;
use sqlx::{QueryBuilder, Row as _, Sqlite, SqliteConnection};
use uuid::Uuid;

use super::entries::Held;
use super::gate::WriteTransaction;
use crate::ambient::Ambient;
use crate::secrets::bucket;
use crate::store::draws::Draw;
use crate::store::entries::NewEntry;
use crate::store::writing::ClaimRow;
use crate::store::{StoreError, StoreResult};

/// Rows of one INSERT: 25 columns each, below SQLite's 32,766 parameters of one statement.
const ROWS_PER_INSERT: usize = 512;
const ENTRY_COLUMNS: usize = 25;
const CLAIM_COLUMNS: usize = 7;
const OUTBOX_COLUMNS: usize = 9;

/// After the values of [`padded`] rows.
const PADDING_LEFT_OUT: &str = ") WHERE column1 IS NOT NULL";

/// Undoes the transaction unless the connection has changed so many rows by now: there is no such row to write. Nothing
/// after it takes effect then, whoever sends it.
const ALL_OR_NOTHING: &str =
    "INSERT OR ROLLBACK INTO meta (name, value) SELECT NULL, NULL WHERE total_changes() <> ";

/// Writes all that belongs to live entries and commits, in one call, where nobody is expected to lose: whether that came
/// about. If not, the transaction was undone: somebody lost or did not fit, or the database refused a row.
pub(super) async fn insert_all_and_commit(
    mut tx: WriteTransaction,
    ambient: &Ambient,
    draw: &Held,
    batch: &[NewEntry],
    live: &[usize],
) -> StoreResult<bool> {
    let Held { draw, now, changes } = draw;
    let sorted = by_key(batch, live);
    let claims = ClaimRow::of(batch, &sorted);
    let mut statements = QueryBuilder::<Sqlite>::default();
    for rows in sorted.chunks(ROWS_PER_INSERT) {
        push_entries(&mut statements, draw.id, batch, rows, *now);
        statements.push("; ");
    }
    for rows in claims.chunks(ROWS_PER_INSERT) {
        push_claims(&mut statements, draw.id, rows);
        statements.push("; ");
    }
    for destination in &draw.spec.destinations {
        for rows in sorted.chunks(ROWS_PER_INSERT) {
            push_outbox(&mut statements, ambient, draw.id, batch, rows, destination, *now);
            statements.push("; ");
        }
    }
    push_count(&mut statements, draw, live.len())?;
    let written = live.len() * (1 + draw.spec.destinations.len()) + claims.len() + 1;
    let all = changes + i64::try_from(written).map_err(StoreError::corrupt)?;
    statements.push("; ").push(ALL_OR_NOTHING).push_bind(all).push("; COMMIT");
    match statements.build().execute(tx.get()).await.map_err(StoreError::from) {
        Ok(_) => {
            tx.committed();
            Ok(true)
        }
        Err(StoreError::Refused(_)) => {
            tx.rollback().await?;
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// Inserts live entries, sorted by key; which of them came back.
pub(super) async fn insert_entries(
    connection: &mut SqliteConnection,
    draw: Uuid,
    batch: &[NewEntry],
    live: &[usize],
    now: i64,
) -> StoreResult<Vec<usize>> {
    let sorted = by_key(batch, live);
    let mut created = Vec::with_capacity(sorted.len());
    for rows in sorted.chunks(ROWS_PER_INSERT) {
        let mut insert = QueryBuilder::<Sqlite>::default();
        push_entries(&mut insert, draw, batch, rows, now);
        insert.push(" RETURNING id");
        let ids = returned_ids(insert, connection).await?;
        created.extend(rows.iter().copied().filter(|&at| ids.contains(&batch[at].id)));
    }
    Ok(created)
}

/// In the order of their keys. Arrival breaks ties: of two attempts of one person the first wins.
fn by_key(batch: &[NewEntry], live: &[usize]) -> Vec<usize> {
    let mut sorted = live.to_vec();
    sorted.sort_by_key(|&at| (batch[at].identity.person, at));
    sorted
}

/// Whoever holds a key already stays, and is no error.
fn push_entries(
    statement: &mut QueryBuilder<Sqlite>,
    draw: Uuid,
    batch: &[NewEntry],
    rows: &[usize],
    now: i64,
) {
    statement.push(
        "INSERT INTO entries (draw_id, bucket, person_key, id, receipt, fingerprint, fingerprint_version,
             browser_proof, full_name, name_key, email, email_canonical, phone, date_of_birth, country,
             postcode, category, session, party_size, guardian_name, member_id, terms_version, registered_at,
             ip_prefix, token_age) SELECT * FROM (",
    );
    statement.push_values(padded(rows), |mut row, at| {
        let Some(&at) = at else { return pad(row, ENTRY_COLUMNS) };
        let NewEntry { id, receipt, identity, entry, draw_version, ip_prefix, token_age, .. } = &batch[at];
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
    statement.push(PADDING_LEFT_OUT).push(" ON CONFLICT DO NOTHING");
}

/// Inserts claims, sorted by key; the places in the batch of those who lost one.
pub(super) async fn insert_claims(
    connection: &mut SqliteConnection,
    draw: Uuid,
    rows: &[ClaimRow],
) -> StoreResult<Vec<usize>> {
    let mut losers: Vec<usize> = Vec::new();
    for rows in rows.chunks(ROWS_PER_INSERT) {
        let mut insert = QueryBuilder::<Sqlite>::default();
        push_claims(&mut insert, draw, rows);
        insert.push(" RETURNING claim_key");
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

/// As [`push_entries`].
fn push_claims(statement: &mut QueryBuilder<Sqlite>, draw: Uuid, rows: &[ClaimRow]) {
    statement.push(
        "INSERT INTO claims (draw_id, bucket, kind, claim_key, entry_id, person_key, person_bucket)
             SELECT * FROM (",
    );
    statement.push_values(padded(rows), |mut values, row| {
        let Some(row) = row else { return pad(values, CLAIM_COLUMNS) };
        values
            .push_bind(draw)
            .push_bind(bucket(&row.claim.key))
            .push_bind(row.claim.kind.as_str())
            .push_bind(&row.claim.key[..])
            .push_bind(row.entry)
            .push_bind(&row.person[..])
            .push_bind(bucket(&row.person));
    });
    statement.push(PADDING_LEFT_OUT).push(" ON CONFLICT DO NOTHING");
}

async fn returned_ids(
    mut insert: QueryBuilder<Sqlite>,
    connection: &mut SqliteConnection,
) -> StoreResult<HashSet<Uuid>> {
    let rows = insert.build().fetch_all(connection).await?;
    rows.iter().map(|row| row.try_get(0).map_err(StoreError::from)).collect()
}

/// Entries that a draw takes.
fn capacity(draw: &Draw) -> i64 {
    draw.spec.capacity.map_or(i64::MAX, i64::from)
}

/// Counts new entries, last of all. `Some(k)` when the capacity leaves room for `k` only.
pub(super) async fn count(tx: &mut WriteTransaction, draw: &Draw, new: usize) -> StoreResult<Option<usize>> {
    let mut statement = QueryBuilder::<Sqlite>::default();
    push_count(&mut statement, draw, new)?;
    if statement.build().execute(tx.get()).await?.rows_affected() == 1 {
        return Ok(None);
    }
    let taken: i64 = sqlx::query_scalar("SELECT taken FROM counters WHERE draw_id = $1 AND shard = 0")
        .bind(draw.id)
        .fetch_one(tx.get())
        .await?;
    Ok(Some(usize::try_from(capacity(draw) - taken).unwrap_or(0)))
}

/// Changes one row, or none where they do not fit.
fn push_count(statement: &mut QueryBuilder<Sqlite>, draw: &Draw, new: usize) -> StoreResult<()> {
    let new = i64::try_from(new).map_err(StoreError::corrupt)?;
    statement.push("UPDATE counters SET taken = taken + ").push_bind(new);
    statement.push(" WHERE shard = 0 AND draw_id = ").push_bind(draw.id);
    statement.push(" AND taken <= ").push_bind(capacity(draw) - new);
    Ok(())
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
            let mut insert = QueryBuilder::<Sqlite>::default();
            push_outbox(&mut insert, ambient, draw.id, batch, rows, destination, now);
            insert.build().execute(&mut *connection).await?;
        }
    }
    Ok(())
}

fn push_outbox(
    statement: &mut QueryBuilder<Sqlite>,
    ambient: &Ambient,
    draw: Uuid,
    batch: &[NewEntry],
    rows: &[usize],
    destination: &str,
    now: i64,
) {
    statement.push(
        "INSERT INTO outbox (id, draw_id, entry_id, destination, child_key, state, attempts, due_at,
             created_at) SELECT * FROM (",
    );
    statement.push_values(padded(rows), |mut row, at| {
        let Some(at) = at.copied() else { return pad(row, OUTBOX_COLUMNS) };
        row.push_bind(ambient.new_id())
            .push_bind(draw)
            .push_bind(batch[at].id)
            .push_bind(destination)
            .push_bind(format!("{}-{destination}", batch[at].id))
            .push_bind("pending")
            .push_bind(0)
            .push_bind(now)
            .push_bind(now);
    });
    statement.push(PADDING_LEFT_OUT);
}

/// Rows, and as many of nothing as it takes to a power of two: SQLite keeps few statements prepared then, whatever the sizes
/// of batches. To prepare one costs a fifth of the time that its rows take.
fn padded<T>(rows: &[T]) -> impl Iterator<Item = Option<&T>> {
    rows.iter().map(Some).chain(std::iter::repeat(None)).take(rows.len().next_power_of_two())
}

fn pad(mut row: Separated<'_, Sqlite, &str>, columns: usize) {
    for _ in 0..columns {
        row.push_bind(None::<i64>);
    }
}
