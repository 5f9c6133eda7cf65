//! Both databases, asked past the server: a row inserted into each, and read back as the server reads it.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use server::ambient::Ambient;
use server::secrets::{Keys, Secret};
use server::store::Store;
use server::store::listing::{EntryStatus, Position};
use server::store::postgres::PostgresStore;
use server::store::sqlite::SqliteStore;
use sqlx::{Connection as _, PgConnection, SqliteConnection};
use uuid::Uuid;

use super::candidates::{Candidate, Columns};

/// What a database said to a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is stored.
    Stored,
    /// This constraint refused it.
    Refused(String),
    /// It cannot be represented: the SQLSTATE.
    Unrepresentable(String),
}

/// Ids of the rows.
pub const DRAW: Uuid = Uuid::from_u128(u128::MAX);
/// Rows of one reading.
const CHUNK: u32 = 1_000;

const INSERT: &str = "INSERT INTO entries (draw_id, bucket, person_key, id, receipt, fingerprint,
    fingerprint_version, full_name, name_key, email, email_canonical, phone, date_of_birth, country, postcode,
    category, session, party_size, guardian_name, member_id, terms_version, registered_at)
    VALUES ($1, $2, $3, $4, $5, $3, 1, $6, '', $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, 1, $18)";

/// The id of a row.
pub fn id(number: usize) -> Uuid {
    Uuid::from_u128(number as u128)
}

/// The two drivers share no type: the same lines for each.
macro_rules! insert {
    ($connection:expr, $number:expr, $columns:expr) => {{
        let (number, columns): (usize, &Columns) = ($number, $columns);
        let mut key = [0; 32];
        key[..8].copy_from_slice(&number.to_be_bytes());
        sqlx::query(INSERT)
            .bind(DRAW)
            .bind((number % 1024) as i32)
            .bind(key.to_vec())
            .bind(id(number))
            .bind(format!("{number:028}"))
            .bind(&columns.full_name)
            .bind(&columns.email)
            .bind(&columns.email_canonical)
            .bind(&columns.phone)
            .bind(&columns.date_of_birth)
            .bind(&columns.country)
            .bind(&columns.postcode)
            .bind(&columns.category)
            .bind(&columns.session)
            .bind(columns.party_size)
            .bind(&columns.guardian_name)
            .bind(&columns.member_id)
            .bind(number as i64)
            .execute($connection)
            .await
    }};
}

/// Answers of SQLite to rows, in their order, and what it holds afterwards.
pub async fn sqlite(path: &Path, rows: &[Candidate]) -> (Vec<Answer>, HashMap<Uuid, Columns>) {
    let store = SqliteStore::open(path, Ambient::system(), keys()).await.expect("opens");
    let url = format!("sqlite://{}", path.display());
    let mut connection = SqliteConnection::connect(&url).await.expect("opens");
    // A refused row undoes itself alone.
    let mut transaction = connection.begin().await.expect("begins");
    let mut answers = Vec::with_capacity(rows.len());
    for (number, row) in rows.iter().enumerate() {
        let inserted = insert!(&mut *transaction, number, &row.columns);
        answers.push(inserted.map_or_else(
            |error| {
                let message = error.as_database_error().expect("the database's").message().to_owned();
                let name = message.strip_prefix("CHECK constraint failed: ");
                Answer::Refused(name.unwrap_or_else(|| panic!("{message}: {row:?}")).to_owned())
            },
            |_| Answer::Stored,
        ));
    }
    transaction.commit().await.expect("commits");
    (answers, stored(&store).await)
}

/// Answers of PostgreSQL to rows, in their order, and what it holds afterwards.
pub async fn postgres(url: &str, rows: &[Candidate]) -> (Vec<Answer>, HashMap<Uuid, Columns>) {
    let store = PostgresStore::open(url, Ambient::system(), keys()).await.expect("opens");
    let mut connection = PgConnection::connect(url).await.expect("connects");
    // Each row is a transaction, and none of them has to outlive the test; nor is a refusal worth a log.
    for setting in ["SET synchronous_commit = off", "SET log_min_messages = panic"] {
        sqlx::query(setting).execute(&mut connection).await.expect("sets");
    }
    let mut answers = Vec::with_capacity(rows.len());
    for (number, row) in rows.iter().enumerate() {
        let inserted = insert!(&mut connection, number, &row.columns);
        answers.push(inserted.map_or_else(
            |error| {
                let error = error.as_database_error().expect("the database's");
                let sqlstate = error.code().expect("an SQLSTATE").into_owned();
                match error.constraint() {
                    Some(name) => Answer::Refused(name.to_owned()),
                    None => Answer::Unrepresentable(sqlstate),
                }
            },
            |_| Answer::Stored,
        ));
    }
    (answers, stored(&store).await)
}

fn keys() -> Arc<Keys> {
    Arc::new(Keys::new(&Secret::new([7; 32]), None))
}

/// Every row that an export finds, as an organiser sees it by itself.
async fn stored(store: &dyn Store) -> HashMap<Uuid, Columns> {
    let mut found = HashMap::new();
    let mut after = None;
    loop {
        let rows = store.export_chunk(DRAW, after.as_ref(), CHUNK).await.expect("reads");
        let Some(last) = rows.last() else { return found };
        after = Some(Position { key: last.registered_at, id: last.id });
        for row in rows {
            let details = store.entry(DRAW, row.registered_at, row.id).await.expect("reads");
            match details.map(|details| details.status) {
                Some(EntryStatus::Live(live)) => found.insert(row.id, Columns::from(&live.entry)),
                other => panic!("{} is live: {other:?}", row.id),
            };
        }
    }
}
