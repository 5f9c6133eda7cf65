//! A draw filled by `COPY`: millions of entries in minutes, which one by one would take hours.
//!
//! Indexes and unique keys are taken away before and made again afterwards, by their own definitions, as anybody would
//! who restores so much; what is left is what the migrations leave.

use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use uuid::Uuid;

use super::copy::{self, Rows};
use super::keys::Identity;
use super::people::People;
use crate::Failure;
use crate::bench::block_on;

/// People of one transaction.
const CHUNK: u64 = 25_000;
/// Connections that copy at the same time.
const COPIERS: usize = 2;

/// What a database was filled with.
#[derive(Clone, Debug)]
pub struct Filled {
    /// Who.
    pub people: People,
    /// Live entries.
    pub live: u64,
    /// Ended ones.
    pub ended: u64,
}

/// Fills an empty draw of a migrated database.
///
/// # Errors
/// When the database refuses something, or has no such draw.
pub fn fill(url: &str, slug: &str, secret: &str, count: u64) -> Result<Filled, Failure> {
    let (people, version) = block_on(people(url, slug, secret, count))??;
    let indexes = block_on(take_indexes_away(url))??;
    let next = AtomicU64::new(0);
    let counts = std::thread::scope(|scope| {
        let copiers: Vec<_> = (0..COPIERS)
            .map(|_| scope.spawn(|| block_on(copy_chunks(url, &people, version, &next))?))
            .collect();
        let joined = copiers.into_iter().map(|copier| match copier.join() {
            Ok(counts) => counts,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        joined.collect::<Result<Vec<[u64; 2]>, Failure>>()
    })?;
    let [live, ended] = counts.into_iter().fold([0, 0], |sum, one| [sum[0] + one[0], sum[1] + one[1]]);
    put_indexes_back(url, &indexes)?;
    block_on(settle(url, people.draw, live))??;
    Ok(Filled { people, live, ended })
}

async fn people(url: &str, slug: &str, secret: &str, count: u64) -> Result<(People, i64), Failure> {
    let mut connection = PgConnection::connect(url).await?;
    let (draw, version, until): (Uuid, i64, i64) = sqlx::query_as(
        "SELECT id, version, CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)
         FROM draws WHERE slug = $1",
    )
    .bind(slug)
    .fetch_one(&mut connection)
    .await?;
    let identity = Identity::of_secret(secret)?;
    Ok((People { draw, identity, count, until, seed: count }, version))
}

/// Copies chunk after chunk until there are no more; live and ended entries.
async fn copy_chunks(
    url: &str,
    people: &People,
    version: i64,
    next: &AtomicU64,
) -> Result<[u64; 2], Failure> {
    let mut connection = PgConnection::connect(url).await?;
    let mut counts = [0, 0];
    loop {
        let from = next.fetch_add(CHUNK, Ordering::Relaxed);
        if from >= people.count {
            return Ok(counts);
        }
        let [mut entries, mut withdrawals, mut claims] = [(); 3].map(|()| Rows::default());
        for number in from..people.count.min(from + CHUNK) {
            let made = people.entry(number)?;
            match made.ending {
                None => copy::entry(&mut entries, people, &made, version),
                Some(ending) => copy::withdrawal(&mut withdrawals, people, &made, ending),
            }
            copy::claim(&mut claims, people, &made);
        }
        counts = [counts[0] + entries.count, counts[1] + withdrawals.count];
        for (statement, rows) in
            [(copy::ENTRIES, entries), (copy::WITHDRAWALS, withdrawals), (copy::CLAIMS, claims)]
        {
            let mut copying = connection.copy_in_raw(statement).await?;
            copying.send(rows.finish()).await?;
            copying.finish().await?;
        }
    }
}

/// Statements that make the unique keys and indexes of the filled tables, of a table one after the other.
type Indexes = Vec<Vec<String>>;

const TABLES: [&str; 3] = ["entries", "claims", "withdrawals"];
const UNIQUE_KEYS: &str = "
    SELECT FORMAT('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::REGCLASS, conname),
        FORMAT('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::REGCLASS, conname, pg_get_constraintdef(oid))
    FROM pg_constraint WHERE conrelid = CAST($1 AS REGCLASS) AND contype IN ('p', 'u')";
const OTHER_INDEXES: &str = "
    SELECT FORMAT('DROP INDEX %s', indexrelid::REGCLASS), REPLACE(pg_get_indexdef(indexrelid), ' ON ONLY ', ' ON ')
    FROM pg_index WHERE indrelid = CAST($1 AS REGCLASS)
        AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)";

async fn take_indexes_away(url: &str) -> Result<Indexes, Failure> {
    let mut connection = PgConnection::connect(url).await?;
    let mut indexes = Indexes::new();
    for table in TABLES {
        let mut again = Vec::new();
        for query in [OTHER_INDEXES, UNIQUE_KEYS] {
            let found: Vec<(String, String)> =
                sqlx::query_as(query).bind(table).fetch_all(&mut connection).await?;
            for (drop, make) in found {
                sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut connection).await?;
                again.push(make);
            }
        }
        indexes.push(again);
    }
    Ok(indexes)
}

/// Makes them again: those of one table on one connection, those of others beside.
fn put_indexes_back(url: &str, indexes: &Indexes) -> Result<(), Failure> {
    let make = async |statements: &[String]| -> Result<(), Failure> {
        let mut connection = PgConnection::connect(url).await?;
        sqlx::raw_sql("SET maintenance_work_mem = '512MB'").execute(&mut connection).await?;
        for statement in statements {
            sqlx::raw_sql(AssertSqlSafe(statement.clone())).execute(&mut connection).await?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let making: Vec<_> =
            indexes.iter().map(|statements| scope.spawn(|| block_on(make(statements))?)).collect();
        making.into_iter().try_for_each(|made| match made.join() {
            Ok(made) => made,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    })
}

/// Counters; then what autovacuum does sooner or later, so that it does not do it while something is measured.
async fn settle(url: &str, draw: Uuid, live: u64) -> Result<(), Failure> {
    let mut connection = PgConnection::connect(url).await?;
    sqlx::query("UPDATE counters SET taken = taken + $2 WHERE draw_id = $1 AND shard = 0")
        .bind(draw)
        .bind(i64::try_from(live).unwrap_or(i64::MAX))
        .execute(&mut connection)
        .await?;
    for statement in ["VACUUM (ANALYZE) entries, claims, withdrawals, counters", "CHECKPOINT"] {
        sqlx::raw_sql(statement).execute(&mut connection).await?;
    }
    Ok(())
}
