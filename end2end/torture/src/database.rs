//! What is in the database, read past the servers; and a row that it is made to refuse.

use std::collections::HashSet;
use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};

/// The name that a poisoned database refuses.
pub const POISON: &str = "Poison Row";
/// How long the database is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Everything the checks look at. Ids and keys are lowercase hexadecimal digits, instants milliseconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dump {
    /// Draws.
    pub draws: Vec<DrawRow>,
    /// Live entries.
    pub entries: Vec<EntryRow>,
    /// Entries that ended.
    pub withdrawals: Vec<WithdrawalRow>,
    /// Claims.
    pub claims: Vec<ClaimRow>,
}

/// A draw.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct DrawRow {
    /// Its slug.
    pub slug: String,
    /// Its stored state.
    pub state: String,
    /// When it was to close.
    pub closes_at: i64,
    /// When it closed.
    pub closed_at: Option<i64>,
    /// What its counters say.
    pub taken: i64,
}

/// A live entry.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct EntryRow {
    /// The draw's slug.
    pub slug: String,
    /// The entry.
    pub id: String,
    /// The receipt's code.
    pub receipt: String,
    /// Names the person within the draw.
    pub person_key: String,
    /// Who it is.
    pub email_canonical: String,
    /// The phone number.
    pub phone: Option<String>,
    /// When it was registered.
    pub registered_at: i64,
}

/// An entry that ended.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct WithdrawalRow {
    /// The draw's slug.
    pub slug: String,
    /// The entry.
    pub id: String,
    /// The receipt's code.
    pub receipt: String,
    /// Names the person within the draw.
    pub person_key: String,
    /// When it was registered.
    pub registered_at: i64,
    /// When it ended.
    pub ended_at: i64,
}

/// A claim.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct ClaimRow {
    /// The draw's slug.
    pub slug: String,
    /// What is claimed.
    pub kind: String,
    /// The entry that holds it.
    pub entry: String,
}

/// A connection in either dialect.
enum Connection {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

/// Runs the same lines for either connection: their drivers share no type.
macro_rules! with {
    ($connection:expr, $it:ident => $work:expr) => {
        match $connection {
            Connection::Postgres($it) => $work,
            Connection::Sqlite($it) => $work,
        }
    };
}

impl Connection {
    async fn to(url: &str) -> Result<Self, sqlx::Error> {
        Ok(if url.starts_with("postgres") {
            Self::Postgres(PgConnection::connect(url).await?)
        } else {
            Self::Sqlite(SqliteConnection::connect(url).await?)
        })
    }

    /// A column of bytes as digits.
    fn digits(&self, column: &str) -> String {
        match self {
            Self::Postgres(_) => format!("encode({column}, 'hex')"),
            Self::Sqlite(_) => format!("lower(hex({column}))"),
        }
    }

    /// A column of a UUID as digits.
    fn id(&self, column: &str) -> String {
        match self {
            Self::Postgres(_) => format!("replace({column}::text, '-', '')"),
            Self::Sqlite(_) => self.digits(column),
        }
    }
}

/// Reads everything, in one snapshot.
///
/// # Errors
/// When the database cannot be read within ten seconds.
pub async fn dump(url: &str) -> Result<Dump, String> {
    within(async {
        let mut connection = Connection::to(url).await?;
        let (id, person) = (connection.id("e.id"), connection.digits("e.person_key"));
        let holder = connection.id("e.entry_id");
        let of_draw = "FROM draws d JOIN";
        let begin = match &connection {
            Connection::Postgres(_) => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            Connection::Sqlite(_) => "BEGIN",
        };
        let draws = "SELECT slug, state, closes_at, closed_at,
            CAST((SELECT COALESCE(SUM(taken), 0) FROM counters c WHERE c.draw_id = d.id) AS BIGINT) AS taken FROM draws d";
        let entries = format!(
            "SELECT d.slug, {id} AS id, e.receipt, {person} AS person_key, e.email_canonical, e.phone, e.registered_at
             {of_draw} entries e ON e.draw_id = d.id"
        );
        let withdrawals = format!(
            "SELECT d.slug, {id} AS id, e.receipt, {person} AS person_key, e.registered_at, e.ended_at
             {of_draw} withdrawals e ON e.draw_id = d.id"
        );
        let claims = format!("SELECT d.slug, e.kind, {holder} AS entry {of_draw} claims e ON e.draw_id = d.id");
        with!(&mut connection, it => {
            sqlx::raw_sql(begin).execute(&mut *it).await?;
            Ok(Dump {
                draws: sqlx::query_as(draws).fetch_all(&mut *it).await?,
                entries: sqlx::query_as(AssertSqlSafe(entries)).fetch_all(&mut *it).await?,
                withdrawals: sqlx::query_as(AssertSqlSafe(withdrawals)).fetch_all(&mut *it).await?,
                claims: sqlx::query_as(AssertSqlSafe(claims)).fetch_all(&mut *it).await?,
            })
        })
    })
    .await
}

/// The entries of a draw, live and ended.
///
/// # Errors
/// When the database cannot be read within ten seconds.
pub async fn entries_of(url: &str, slug: &str) -> Result<HashSet<String>, String> {
    within(async {
        let mut connection = Connection::to(url).await?;
        let id = connection.id("e.id");
        let draw = "(SELECT id FROM draws WHERE slug = $1)";
        let query = format!(
            "SELECT {id} FROM entries e WHERE e.draw_id = {draw} UNION SELECT {id} FROM withdrawals e WHERE e.draw_id = {draw}"
        );
        let ids: Vec<String> = with!(&mut connection, it => {
            sqlx::query_scalar(AssertSqlSafe(query)).bind(slug).fetch_all(&mut *it).await?
        });
        Ok(ids.into_iter().collect())
    })
    .await
}

/// From now on, or no longer, the database refuses a row whose name is [`POISON`].
///
/// # Errors
/// When the database does not answer within ten seconds.
pub async fn poison(url: &str, is_poisoned: bool) -> Result<(), String> {
    within(async {
        let mut connection = Connection::to(url).await?;
        let statement = match (&connection, is_poisoned) {
            (Connection::Postgres(_), true) => {
                format!("ALTER TABLE entries ADD CONSTRAINT torture_poison CHECK (full_name <> '{POISON}') NOT VALID")
            }
            (Connection::Postgres(_), false) => {
                "ALTER TABLE entries DROP CONSTRAINT IF EXISTS torture_poison".to_owned()
            }
            (Connection::Sqlite(_), true) => format!(
                "CREATE TRIGGER torture_poison BEFORE INSERT ON entries WHEN NEW.full_name = '{POISON}'
                 BEGIN INSERT INTO counters (draw_id, shard, taken) VALUES (NEW.draw_id, -1, -1); END"
            ),
            (Connection::Sqlite(_), false) => "DROP TRIGGER IF EXISTS torture_poison".to_owned(),
        };
        with!(&mut connection, it => sqlx::raw_sql(AssertSqlSafe(statement)).execute(it).await.map(drop))?;
        Ok(())
    })
    .await
}

async fn within<T>(work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, String> {
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(_) => Err("the database does not answer".to_owned()),
    }
}
