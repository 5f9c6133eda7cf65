//! What can go wrong with a database, by what to do about it.

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
    /// Anything else.
    #[error("the database failed")]
    Failed(#[source] sqlx::Error),
}

impl StoreError {
    /// Whether trying again later makes sense.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Unavailable(_))
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
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Unavailable(error),
            sqlx::Error::Database(database) => match database.kind() {
                ErrorKind::CheckViolation | ErrorKind::NotNullViolation => Self::Refused(error),
                _ if sqlite_is_away(database.code().as_deref()) => Self::Unavailable(error),
                _ => Self::Failed(error),
            },
            _ => Self::Failed(error),
        }
    }
}

/// SQLite's result codes (<https://sqlite.org/rescode.html>) that say "not now": BUSY 5, LOCKED 6,
/// NOMEM 7, READONLY 8, INTERRUPT 9, IOERR 10, FULL 13, CANTOPEN 14, PROTOCOL 15. Extended codes carry the
/// primary one in their low byte.
fn sqlite_is_away(code: Option<&str>) -> bool {
    let Some(code) = code.and_then(|code| code.parse::<u32>().ok()) else {
        return false;
    };
    matches!(code & 0xff, 5 | 6 | 7 | 8 | 9 | 10 | 13 | 14 | 15)
}
