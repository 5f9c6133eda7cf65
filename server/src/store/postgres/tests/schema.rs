//! The two dialects hold the same tables, columns and unique keys.

use std::collections::{BTreeMap, BTreeSet};

use services::shared as running;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, Row as _};

/// By table: its columns with whether they may be NULL, and its unique keys, each a list of columns.
type Schema = BTreeMap<String, (BTreeSet<(String, bool)>, BTreeSet<Vec<String>>)>;

async fn sqlite() -> Schema {
    let options = SqliteConnectOptions::new().in_memory(true);
    let mut database = options.connect().await.expect("opens");
    sqlx::migrate!("../migrations/sqlite").run(&mut database).await.expect("migrates");
    let mut schema = Schema::new();
    let columns = "SELECT m.name AS table_name, c.name, c.\"notnull\" = 0 AS nullable
        FROM sqlite_master m JOIN pragma_table_info(m.name) c
        WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' AND m.name NOT LIKE '\\_%' ESCAPE '\\'";
    for row in sqlx::query(columns).fetch_all(&mut database).await.expect("reads") {
        let (columns, _) = schema.entry(row.get("table_name")).or_default();
        columns.insert((row.get("name"), row.get("nullable")));
    }
    // In a WITHOUT ROWID table, and for INTEGER keys, the primary key is an index of its own kind: read from
    // the columns.
    let keys = "SELECT m.name AS table_name, i.name AS key, x.name AS column_name
        FROM sqlite_master m JOIN pragma_index_list(m.name) i JOIN pragma_index_info(i.name) x
        WHERE m.type = 'table' AND i.\"unique\" AND m.name NOT LIKE '\\_%' ESCAPE '\\' ORDER BY i.name, x.seqno";
    gather(&mut schema, sqlx::query(keys).fetch_all(&mut database).await.expect("reads"));
    schema
}

async fn postgres() -> Schema {
    let database = running::postgres().own_database();
    let mut database = PgConnection::connect(database.url()).await.expect("connects");
    sqlx::migrate!("../migrations/postgres").run(&mut database).await.expect("migrates");
    let mut schema = Schema::new();
    let columns =
        "SELECT c.relname::TEXT AS table_name, a.attname::TEXT AS name, NOT a.attnotnull AS nullable
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped
            AND c.relnamespace = 'public'::REGNAMESPACE AND c.relname NOT LIKE '\\_%'";
    for row in sqlx::query(columns).fetch_all(&mut database).await.expect("reads") {
        let (columns, _) = schema.entry(row.get("table_name")).or_default();
        columns.insert((row.get("name"), row.get("nullable")));
    }
    let keys = "SELECT c.relname::TEXT AS table_name, k.relname::TEXT AS key, a.attname::TEXT AS column_name
        FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_class k ON k.oid = i.indexrelid
            CROSS JOIN LATERAL UNNEST(i.indkey) WITH ORDINALITY AS u (number, at)
            JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = u.number
        WHERE i.indisunique AND NOT c.relispartition AND c.relnamespace = 'public'::REGNAMESPACE
            AND c.relname NOT LIKE '\\_%' ORDER BY k.relname, u.at";
    gather(&mut schema, sqlx::query(keys).fetch_all(&mut database).await.expect("reads"));
    schema
}

/// Rows of (table, key, column) in order of their place in the key.
fn gather<R: sqlx::Row>(schema: &mut Schema, rows: Vec<R>)
where
    for<'a> &'a str: sqlx::ColumnIndex<R>,
    for<'a> String: sqlx::Decode<'a, R::Database> + sqlx::Type<R::Database>,
{
    let mut keys: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for row in rows {
        keys.entry((row.get("table_name"), row.get("key"))).or_default().push(row.get("column_name"));
    }
    for ((table, _), columns) in keys {
        schema.entry(table).or_default().1.insert(columns);
    }
}

#[tokio::test]
async fn both_dialects_hold_the_same_tables_columns_and_unique_keys() {
    let (sqlite, postgres) = (sqlite().await, postgres().await);
    assert_eq!(sqlite.keys().collect::<Vec<_>>(), postgres.keys().collect::<Vec<_>>(), "the same tables");
    for (table, (columns, keys)) in &sqlite {
        assert_eq!(columns, &postgres[table].0, "columns of {table}");
        assert_eq!(keys, &postgres[table].1, "unique keys of {table}");
    }
    assert!(sqlite.len() >= 12 && sqlite["entries"].1.len() == 2, "something was compared");
}

#[test]
fn both_dialects_have_the_same_migrations() {
    let names = |migrator: sqlx::migrate::Migrator| -> Vec<(i64, String)> {
        migrator.iter().map(|migration| (migration.version, migration.description.to_string())).collect()
    };
    assert_eq!(
        names(sqlx::migrate!("../migrations/sqlite")),
        names(sqlx::migrate!("../migrations/postgres"))
    );
}
