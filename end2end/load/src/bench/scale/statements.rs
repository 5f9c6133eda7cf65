//! What statements cost the database, counted by `pg_stat_statements`: planning and execution, by the server's clock.

use services::Postgres;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::Failure;
use crate::bench::block_on;

/// One statement, over all of its calls.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Statement {
    /// Milliseconds of planning and execution.
    pub ms: f64,
    /// How often.
    pub calls: i64,
    /// Its text, with numbers in the place of values.
    pub query: String,
}

/// Counts while it lives; before and after, nothing is counted.
#[derive(Debug)]
pub struct Statements {
    postgres: &'static Postgres,
    runtime: tokio::runtime::Runtime,
    connection: PgConnection,
}

impl Statements {
    /// Begins.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub fn start(postgres: &'static Postgres) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let connection = runtime.block_on(PgConnection::connect(&postgres.url("postgres")))?;
        postgres.set("pg_stat_statements.track", "top");
        postgres.set("pg_stat_statements.track_planning", "on");
        Ok(Self { postgres, runtime, connection })
    }

    /// Every statement that a database is sent while something is done, the most expensive first. What a server asks
    /// by itself now and then is among them: medians of rounds do without it.
    ///
    /// # Errors
    /// When the database cannot be asked, and what the work says.
    pub fn of<T>(
        &mut self,
        database: &str,
        work: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<(T, Vec<Statement>), Failure> {
        let reset = sqlx::raw_sql("SELECT pg_stat_statements_reset()");
        self.runtime.block_on(reset.execute(&mut self.connection))?;
        let done = work()?;
        let statements = sqlx::query_as(
            "SELECT SUM(s.total_plan_time + s.total_exec_time) AS ms, CAST(SUM(s.calls) AS BIGINT) AS calls, s.query
             FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
             WHERE d.datname = $1 GROUP BY s.query ORDER BY ms DESC",
        )
        .bind(database)
        .fetch_all(&mut self.connection);
        Ok((done, self.runtime.block_on(statements)?))
    }
}

impl Drop for Statements {
    fn drop(&mut self) {
        self.postgres.set("pg_stat_statements.track", "none");
        self.postgres.set("pg_stat_statements.track_planning", "off");
    }
}

/// One value of a database.
///
/// # Errors
/// When it cannot be asked, or there is none.
pub fn ask<T>(url: &str, query: &str) -> Result<T, Failure>
where
    T: Send + Unpin + for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow>,
{
    block_on(async {
        let mut connection = PgConnection::connect(url).await?;
        Ok(sqlx::query_as(AssertSqlSafe(query.to_owned())).fetch_one(&mut connection).await?)
    })?
}
