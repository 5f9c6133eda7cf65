//! What can go wrong with a database, by what to do about it.

use sqlx::postgres::PgDatabaseError;

/// A failed store operation.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached, is full, is locked or did not answer in time. The same call may
    /// succeed later; a write may or may not have happened.
    #[error("the database is unavailable")]
    Unavailable(#[source] sqlx::Error),
    /// The database refused a row that our rules accepted: a fault of ours, and of that row only.
    #[error("the database refused a row")]
    Refused(#[source] sqlx::Error),
    /// What is stored cannot be read as what it should be.
    #[error("the database holds something unreadable: {0}")]
    Corrupt(String),
    /// The database must not be used, or not for this; the sentence says why.
    #[error("{0}")]
    Unusable(String),
    /// Anything else.
    #[error("the database failed")]
    Failed(#[source] sqlx::Error),
}

impl StoreError {
    /// Whether trying again later makes sense.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    /// Whether PostgreSQL chose this transaction as the victim of a deadlock or of a conflict: it was undone,
    /// and running it again is the cure.
    pub fn is_conflict(&self) -> bool {
        let Self::Unavailable(sqlx::Error::Database(error)) = self else { return false };
        matches!(error.code().as_deref(), Some("40001" | "40P01"))
    }

    /// Something stored that cannot be read.
    pub fn corrupt(what: impl std::fmt::Display) -> Self {
        Self::Corrupt(what.to_string())
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::error::ErrorKind;
        match &error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Unavailable(error),
            sqlx::Error::Database(database) => {
                let code = database.code();
                let code = code.as_deref().unwrap_or_default();
                let is_postgres = database.try_downcast_ref::<PgDatabaseError>().is_some();
                match database.kind() {
                    ErrorKind::CheckViolation | ErrorKind::NotNullViolation => Self::Refused(error),
                    _ if is_postgres && code.starts_with("22") => Self::Refused(error),
                    _ if is_postgres && postgres_is_away(code) => Self::Unavailable(error),
                    _ if !is_postgres && sqlite_is_away(code) => Self::Unavailable(error),
                    _ => Self::Failed(error),
                }
            }
            _ => Self::Failed(error),
        }
    }
}

/// PostgreSQL's codes (<https://www.postgresql.org/docs/15/errcodes-appendix.html>) that say "not now":
/// connections (class 08), a transaction to run again (40), resources (53), an operator at work (57), a file
/// that cannot be read or written (58), a lock that was not given in time, a transaction that was idle for too long
/// (this process stood still), a standby, which writes nothing, and a prepared statement that a migration of a newer
/// server made void: on a new connection it is prepared anew.
fn postgres_is_away(code: &str) -> bool {
    matches!(code.get(..2), Some("08" | "40" | "53" | "57" | "58"))
        || matches!(code, "55P03" | "25P03" | "25006" | "0A000" | "26000")
}

/// SQLite's result codes (<https://sqlite.org/rescode.html>) that say "not now": BUSY 5, LOCKED 6,
/// NOMEM 7, READONLY 8, INTERRUPT 9, IOERR 10, FULL 13, CANTOPEN 14, PROTOCOL 15. Extended codes carry the
/// primary one in their low byte.
fn sqlite_is_away(code: &str) -> bool {
    let Ok(code) = code.parse::<u32>() else {
        return false;
    };
    matches!(code & 0xff, 5 | 6 | 7 | 8 | 9 | 10 | 13 | 14 | 15)
}
