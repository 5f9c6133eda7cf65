//! The database's clock, which all servers follow.

use std::time::Duration;

use sqlx::PgConnection;
use tokio::task::JoinSet;

use super::gate::Gate;
use super::within;
use crate::ambient::Ambient;
use crate::store::StoreResult;
use crate::telemetry;

/// How often the offset is measured; at most twice this old when one measurement fails.
const EVERY: Duration = Duration::from_secs(5);
/// A measurement that took longer says too little.
const SLOW_MS: i64 = 500;

/// The database's "now" in milliseconds since 1970, cut, as an expression. Its parameter is
/// [`Ambient::held`]: tests hold the clock, elsewhere it is NULL.
macro_rules! now_sql {
    ($parameter:literal) => {
        concat!(
            "COALESCE(",
            $parameter,
            "::BIGINT, FLOOR(EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT)"
        )
    };
}
pub(super) use now_sql;

/// The database's "now".
pub(super) async fn now(connection: &mut PgConnection, ambient: &Ambient) -> StoreResult<i64> {
    let now = sqlx::query_scalar(concat!("SELECT ", now_sql!("$1")));
    Ok(now.bind(ambient.held()).fetch_one(connection).await?)
}

/// Follows the database's clock from now on, until the set is dropped.
pub(super) async fn follow(gate: Gate, ambient: Ambient) -> StoreResult<JoinSet<()>> {
    measure(&gate, &ambient).await?;
    let mut following = JoinSet::new();
    following.spawn(async move {
        loop {
            tokio::time::sleep(EVERY).await;
            if let Err(error) = measure(&gate, &ambient).await {
                tracing::warn!(error = %telemetry::causes(&error), "the database's clock was not read");
            }
        }
    });
    Ok(following)
}

async fn measure(gate: &Gate, ambient: &Ambient) -> StoreResult<()> {
    within(async {
        let mut lent = gate.lend().await?;
        // The first query of a connection asks for types and prepares; the second only asks.
        for _ in 0..2 {
            let before = ambient.own();
            let theirs = now(lent.get(), ambient).await?;
            let after = ambient.own();
            if (0..=SLOW_MS).contains(&(after - before)) {
                ambient.follow(theirs, before, after);
            }
        }
        lent.give_back();
        Ok(())
    })
    .await
}
