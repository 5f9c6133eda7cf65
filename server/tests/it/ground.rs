//! What servers under test stand on: a database of their own, and what they share. `DRAWBRIDGE_TEST_BACKENDS`
//! chooses which: `sqlite` (the default), `postgres`, `postgres+redis` or `postgres+cluster`.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use server::ambient::Ambient;
use services::{OwnDatabase, shared};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};

/// A combination of backends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backends {
    Sqlite,
    Postgres,
    PostgresRedis,
    PostgresCluster,
}

impl Backends {
    /// The one this run was asked for.
    pub fn chosen() -> Self {
        static CHOSEN: OnceLock<Backends> = OnceLock::new();
        *CHOSEN.get_or_init(|| match std::env::var("DRAWBRIDGE_TEST_BACKENDS").as_deref() {
            Err(_) | Ok("" | "sqlite") => Self::Sqlite,
            Ok("postgres") => Self::Postgres,
            Ok("postgres+redis") => Self::PostgresRedis,
            Ok("postgres+cluster") => Self::PostgresCluster,
            Ok(other) => panic!("DRAWBRIDGE_TEST_BACKENDS: {other:?} is no combination"),
        })
    }

    pub fn is_sqlite(self) -> bool {
        self == Self::Sqlite
    }

    fn redis_url(self) -> Option<String> {
        match self {
            Self::Sqlite | Self::Postgres => None,
            Self::PostgresRedis => Some(shared::redis().url()),
            Self::PostgresCluster => Some(shared::cluster().urls()),
        }
    }
}

/// A temporary folder, an empty database, and the settings that lead a server to them. Keys in Redis derive from
/// the secret, so that tests with secrets of their own stay apart there.
#[derive(Debug)]
pub struct Ground {
    folder: tempfile::TempDir,
    database: Option<OwnDatabase>,
    settings: Vec<(String, String)>,
}

impl Ground {
    /// On the chosen backends.
    pub fn new() -> Self {
        Self::on(Backends::chosen())
    }

    /// On certain ones, whatever was chosen.
    pub fn on(backends: Backends) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut settings = Vec::new();
        let database = (!backends.is_sqlite()).then(|| shared::postgres().own_database());
        match &database {
            Some(database) => {
                let secret = hex::encode(Ambient::system().random::<32>());
                settings.push(("DRAWBRIDGE_SECRET".to_owned(), secret));
                settings.push(("DATABASE_URL".to_owned(), database.url().to_owned()));
            }
            None => {
                let url = format!("sqlite://{}/test.db", folder.path().display());
                settings.push(("DATABASE_URL".to_owned(), url));
            }
        }
        settings.extend(backends.redis_url().map(|url| ("REDIS_URL".to_owned(), url)));
        Self { folder, database, settings }
    }

    /// On a database, and perhaps Redis, that the test looks after itself.
    pub fn at(database_url: &str, redis_url: Option<&str>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let secret = hex::encode(Ambient::system().random::<32>());
        let mut settings = vec![
            ("DRAWBRIDGE_SECRET".to_owned(), secret),
            ("DATABASE_URL".to_owned(), database_url.to_owned()),
        ];
        settings.extend(redis_url.map(|url| ("REDIS_URL".to_owned(), url.to_owned())));
        Self { folder, database: None, settings }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What leads a server here: pairs of a variable and its value.
    pub fn settings(&self) -> &[(String, String)] {
        &self.settings
    }

    /// A connection past the server.
    pub async fn connect(&self) -> Connection {
        match &self.database {
            Some(database) => {
                Connection::Postgres(PgConnection::connect(database.url()).await.expect("connects"))
            }
            None => {
                let url = format!("sqlite://{}", self.path("test.db").display());
                Connection::Sqlite(SqliteConnection::connect(&url).await.expect("opens"))
            }
        }
    }
}

/// A connection past the server, in either dialect.
#[derive(Debug)]
pub enum Connection {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Connection {
    /// Runs statements that give nothing back.
    pub async fn run(&mut self, statements: &str) -> Result<(), sqlx::Error> {
        let statements = sqlx::raw_sql(AssertSqlSafe(statements));
        match self {
            Self::Sqlite(connection) => statements.execute(connection).await.map(|_| ()),
            Self::Postgres(connection) => statements.execute(connection).await.map(|_| ()),
        }
    }

    /// Sets a column of every row of a table to a value, given as itself and not as SQL.
    pub async fn set(&mut self, table: &str, column: &str, value: &Value) -> Result<(), sqlx::Error> {
        let update = AssertSqlSafe(format!("UPDATE {table} SET {column} = $1"));
        // The two drivers share no type: the same lines for each.
        macro_rules! set_with {
            ($connection:expr) => {
                match value {
                    Value::Text(text) => {
                        sqlx::query(update).bind(text).execute($connection).await.map(|_| ())
                    }
                    Value::Number(number) => {
                        sqlx::query(update).bind(number).execute($connection).await.map(|_| ())
                    }
                    Value::Bytes(bytes) => {
                        sqlx::query(update).bind(*bytes).execute($connection).await.map(|_| ())
                    }
                }
            };
        }
        match self {
            Self::Sqlite(connection) => set_with!(connection),
            Self::Postgres(connection) => set_with!(connection),
        }
    }

    /// Keeps everybody else from writing entries until [`Self::let_go`].
    pub async fn hold_writers(&mut self) {
        let begin = match self {
            Self::Sqlite(_) => "BEGIN IMMEDIATE",
            Self::Postgres(_) => "BEGIN; LOCK TABLE entries IN EXCLUSIVE MODE",
        };
        self.run(begin).await.expect("locks");
    }

    /// Gives up what [`Self::hold_writers`] took.
    pub async fn let_go(&mut self) {
        self.run("ROLLBACK").await.expect("unlocks");
    }
}

/// A value of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Text(String),
    Number(i32),
    Bytes(&'static [u8]),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}
