//! The rows of a draw, read past the server.

use std::collections::BTreeMap;
use std::path::Path;

use sqlx::{Connection as _, PgConnection, SqliteConnection};
use uuid::Uuid;

/// A connection past the server, in either dialect.
#[derive(Debug)]
pub enum Rows {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// All there is of a draw. Ids are 32 hexadecimal digits.
#[derive(Debug, PartialEq, Eq)]
pub struct Census {
    /// Live entries: id and receipt code.
    pub live: BTreeMap<String, String>,
    /// Ended entries: id, and receipt code with how it ended.
    pub ended: BTreeMap<String, String>,
    /// Kinds of claims, sorted, by the id of their entry.
    pub claims: BTreeMap<String, Vec<String>>,
    /// Destinations of what is to be told, by the id of its entry.
    pub outbox: BTreeMap<String, Vec<String>>,
}

impl Rows {
    pub async fn of_sqlite(path: &Path) -> Self {
        let url = format!("sqlite://{}", path.display());
        Self::Sqlite(SqliteConnection::connect(&url).await.expect("opens"))
    }

    pub async fn of_postgres(url: &str) -> Self {
        Self::Postgres(PgConnection::connect(url).await.expect("connects"))
    }

    /// All there is of a draw.
    pub async fn census(&mut self, draw: Uuid) -> Census {
        let live = self.pairs(draw, "id", "receipt", "entries").await;
        let ended = self.pairs(draw, "id", "receipt || ' ' || ending", "withdrawals").await;
        let claims = self.pairs(draw, "entry_id", "kind", "claims").await;
        let outbox = self.pairs(draw, "entry_id", "destination", "outbox").await;
        Census { live: once(live), ended: once(ended), claims: gathered(claims), outbox: gathered(outbox) }
    }

    async fn pairs(&mut self, draw: Uuid, id: &str, value: &str, table: &str) -> Vec<(String, String)> {
        let hex = match self {
            Self::Sqlite(_) => format!("lower(hex({id}))"),
            Self::Postgres(_) => format!("replace({id}::text, '-', '')"),
        };
        let select = format!("SELECT {hex}, {value} FROM {table} WHERE draw_id = $1 ORDER BY 1, 2");
        let select = sqlx::AssertSqlSafe(select);
        let pairs = match self {
            Self::Sqlite(connection) => sqlx::query_as(select).bind(draw).fetch_all(connection).await,
            Self::Postgres(connection) => sqlx::query_as(select).bind(draw).fetch_all(connection).await,
        };
        pairs.expect("reads")
    }
}

fn once(pairs: Vec<(String, String)>) -> BTreeMap<String, String> {
    let rows = pairs.len();
    let map: BTreeMap<String, String> = pairs.into_iter().collect();
    assert_eq!(map.len(), rows, "an id is in one row only");
    map
}

fn gathered(pairs: Vec<(String, String)>) -> BTreeMap<String, Vec<String>> {
    let mut map: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (id, value) in pairs {
        map.entry(id).or_default().push(value);
    }
    map
}
