//! What others do with the same rows: PostgreSQL's own benchmark client, and a plain program with SQLite.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use services::Postgres;
use sqlx::{Connection as _, SqliteConnection};

use crate::Failure;

/// One table with the unique keys that a registration holds (person, entry, receipt, token) and its payload; neither
/// checks nor other indexes, which ours has beside.
const TABLE: &str = "
    CREATE TABLE registrations (
        draw_id UUID NOT NULL, person_key BYTEA NOT NULL, id UUID NOT NULL UNIQUE,
        receipt TEXT COLLATE \"C\" NOT NULL UNIQUE, token_key BYTEA NOT NULL, fingerprint BYTEA NOT NULL,
        fingerprint_version SMALLINT NOT NULL, full_name TEXT NOT NULL, name_key TEXT NOT NULL,
        email TEXT NOT NULL, email_canonical TEXT NOT NULL, country TEXT, category TEXT, session TEXT,
        party_size INTEGER NOT NULL, terms_version BIGINT NOT NULL, registered_at BIGINT NOT NULL,
        ip_prefix BYTEA, token_age BIGINT,
        PRIMARY KEY (draw_id, person_key), UNIQUE (draw_id, token_key))";

/// One insert, prepared: every value is made by the client's number but for the keys, which are as long and as
/// unpredictable as ours.
const INSERT: &str = "\\set n random(1, 9000000000000000)
INSERT INTO registrations VALUES (
    '018f0000-0000-7000-8000-000000000000', sha256(int8send(:n)), gen_random_uuid(),
    md5(:n::text), sha256(int8send(:n::bigint + 1)), sha256(int8send(:n::bigint + 2)), 1,
    'Ada Lovelace ' || :n, 'ada lovelace ' || :n, 'p' || :n || '.bench@load.example',
    'p' || :n || '.bench@load.example', 'GB', 'general', 'sat-evening', 2, 1, 1780000000000,
    sha256('network'), 1000);
";

/// Rows a second that pgbench inserts one by one, with so many clients for so many seconds.
///
/// # Errors
/// What pgbench says when it fails, or is not understood.
pub fn pgbench(postgres: &'static Postgres, clients: usize, time: Duration) -> Result<f64, Failure> {
    let own = postgres.own_database();
    let name = own.url().rsplit('/').next().unwrap_or_default();
    postgres.sql(name, TABLE);
    let folder = tempfile::tempdir()?;
    let script = folder.path().join("insert.sql");
    std::fs::write(&script, INSERT)?;
    let done = Command::new(services::postgres_program("pgbench"))
        .args(["--no-vacuum", "--protocol=prepared", "--jobs=2", "--host=127.0.0.1", "--username=postgres"])
        .arg(format!("--port={}", postgres.port()))
        .arg(format!("--client={clients}"))
        .arg(format!("--time={}", time.as_secs().max(1)))
        .arg("--file")
        .arg(&script)
        .arg(name)
        .output()?;
    let said = String::from_utf8_lossy(&done.stdout);
    let rate = said.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
    match rate {
        Some(rate) if done.status.success() => Ok(rate),
        _ => Err(Failure::Ground(format!("pgbench: {said}{}", String::from_utf8_lossy(&done.stderr)))),
    }
}

/// Registrations a second that a plain program writes to a database of the same tables, in batches of so many: it takes the very
/// rows out of one that was filled by a server into memory, and then puts them into one that is empty but for its
/// tables, as durable as the server's (WAL, FULL) and otherwise with SQLite's own settings.
///
/// # Errors
/// When a database cannot be read or written.
pub async fn sqlite(filled: &Path, empty: &str, batch: u32) -> Result<f64, sqlx::Error> {
    let mut connection = SqliteConnection::connect(empty).await?;
    for statement in ["PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "ATTACH ':memory:' AS source"]
    {
        sqlx::query(statement).execute(&mut connection).await?;
    }
    sqlx::query("ATTACH $1 AS filled").bind(filled.to_string_lossy()).execute(&mut connection).await?;
    let mut inserts = Vec::new();
    for table in ["entries", "claims"] {
        let columns: Vec<String> = sqlx::query_scalar("SELECT name FROM pragma_table_info($1)")
            .bind(table)
            .fetch_all(&mut connection)
            .await?;
        let columns = columns.join(", ");
        // By chance of their keys, as people come.
        let copy = format!(
            "CREATE TABLE source.{table} AS
             SELECT ROW_NUMBER() OVER (ORDER BY substr(person_key, 5)) AS place, {columns} FROM filled.{table}"
        );
        sqlx::query(sqlx::AssertSqlSafe(copy)).execute(&mut connection).await?;
        let index = format!("CREATE UNIQUE INDEX source.{table}_by_place ON {table} (place)");
        sqlx::query(sqlx::AssertSqlSafe(index)).execute(&mut connection).await?;
        inserts.push(format!(
            "INSERT INTO main.{table} ({columns}) SELECT {columns} FROM source.{table}
             WHERE place > $1 AND place <= $1 + {batch}"
        ));
    }
    let rows: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM source.entries").fetch_one(&mut connection).await?;
    let began = Instant::now();
    let mut place = 0;
    while place < rows {
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        for insert in &inserts {
            sqlx::query(sqlx::AssertSqlSafe(insert.clone())).bind(place).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        place += i64::from(batch);
    }
    Ok(rows as f64 / began.elapsed().as_secs_f64())
}
