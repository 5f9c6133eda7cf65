//! What the server must be set to, and what is set for each connection.

use sqlx::PgConnection;

use crate::store::{StoreError, StoreResult};

/// Settings of every connection but the migrating one. What is written waits for locks and then looks again, which is
/// what "read committed" means, whatever the database's own default is. A statement, a wait for a lock and a transaction that
/// nobody goes on with are bounded; a backend whose client is gone notices while it waits.
pub(super) const OF_A_CONNECTION: [(&str, &str); 5] = [
    ("default_transaction_isolation", "read committed"),
    ("statement_timeout", "5s"),
    ("lock_timeout", "4s"),
    ("idle_in_transaction_session_timeout", "10s"),
    ("client_connection_check_interval", "2s"),
];

/// Guarantee G2 needs these on.
const DURABLE: [&str; 3] = ["fsync", "full_page_writes", "synchronous_commit"];
/// The oldest version with every setting above.
const VERSION_MIN: i32 = 140_000;

/// Refuses a server that would lose what it acknowledged, or that cannot be written to.
pub(super) async fn check(connection: &mut PgConnection) -> StoreResult<()> {
    for name in DURABLE {
        let value: String = setting(connection, name).await?;
        if value == "off" {
            return Err(StoreError::Unusable(format!(
                "PostgreSQL runs with {name} = off, so an acknowledged entry would not survive a crash; turn it on"
            )));
        }
    }
    let version: String = setting(connection, "server_version_num").await?;
    if version.parse::<i32>().map_err(StoreError::corrupt)? < VERSION_MIN {
        let version: String = setting(connection, "server_version").await?;
        return Err(StoreError::Unusable(format!("PostgreSQL {version} is too old; 14 or later is needed")));
    }
    let encoding: String = setting(connection, "server_encoding").await?;
    if encoding != "UTF8" {
        return Err(StoreError::Unusable(format!(
            "the database is encoded in {encoding}; create it with ENCODING 'UTF8'"
        )));
    }
    let is_standby: bool = sqlx::query_scalar("SELECT pg_is_in_recovery()").fetch_one(connection).await?;
    if is_standby {
        return Err(StoreError::Unusable("the server is a standby; name the primary".to_owned()));
    }
    Ok(())
}

async fn setting(connection: &mut PgConnection, name: &str) -> StoreResult<String> {
    Ok(sqlx::query_scalar("SELECT current_setting($1)").bind(name).fetch_one(connection).await?)
}
