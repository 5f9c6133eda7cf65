//! Receipts, and how an entry ends.

use shared::{DrawState, Entry};
use sqlx::PgConnection;

use super::PostgresStore;
use super::draws::{self, audit};
use crate::receipt;
use crate::secrets::bucket;
use crate::store::StoreResult;
use crate::store::draws::Actor;
use crate::store::entries::{Claim, Ended, Ending, ReceiptRow, ReceiptStatus, freed_claims};
use crate::store::rows::{EndedRow, LiveRow, digest};
use crate::store::sql;

impl PostgresStore {
    pub(super) async fn find_receipt(&self, code: &str) -> StoreResult<Option<ReceiptRow>> {
        let Some(bucket) = receipt::bucket_of(code) else {
            return Ok(None);
        };
        // One snapshot: an entry that ends meanwhile is found in one table or the other.
        let mut tx = self.reading.snapshot().await?;
        let found = match live(tx.get(), bucket, code).await? {
            Some(row) => {
                let entry = Entry::try_from(row.entry)?;
                Some((row.draw_id, row.id, row.registered_at, ReceiptStatus::Registered(Box::new(entry))))
            }
            None => ended(tx.get(), bucket, code)
                .await?
                .map(|row| (row.draw_id, row.id, row.registered_at, row.status())),
        };
        let row = match found {
            Some((draw, entry_id, registered_at, status)) => {
                let draw = draws::by_id(tx.get(), draw).await?;
                Some(ReceiptRow { draw, entry_id, registered_at, status })
            }
            None => None,
        };
        tx.end().await;
        Ok(row)
    }

    pub(super) async fn end_entry(&self, code: &str, ending: &Ending, actor: &Actor) -> StoreResult<Ended> {
        loop {
            // Asked first without any lock, which nobody gets for a made-up code.
            let row = match self.find_receipt(code).await? {
                None => return Ok(Ended::Unknown),
                Some(row) if !matches!(row.status, ReceiptStatus::Registered(_)) => {
                    return Ok(Ended::Already);
                }
                Some(row) => row,
            };
            if let Some(ended) = self.try_end(row.draw.id, code, ending, actor).await? {
                return Ok(ended);
            }
            self.close_if_over_now(&self.writing, row.draw.id).await?;
        }
    }

    /// Ends an entry; `None` when the draw is over and has to be closed first.
    async fn try_end(
        &self,
        draw: uuid::Uuid,
        code: &str,
        ending: &Ending,
        actor: &Actor,
    ) -> StoreResult<Option<Ended>> {
        let Some(bucket_of_code) = receipt::bucket_of(code) else {
            return Ok(Some(Ended::Unknown));
        };
        let mut tx = self.writing.begin_beside(draw).await?;
        let (draw, now) = draws::hold(tx.get(), draw, &self.ambient).await?;
        if draw.state == DrawState::Announced && now >= draw.spec.closes_at {
            tx.rollback().await?;
            return Ok(None);
        }
        if !ending.is_allowed_in(draw.state) {
            tx.rollback().await?;
            return Ok(Some(Ended::DrawClosed));
        }
        // Who ends it a moment earlier holds the row: then it is gone from here, and ended.
        let row: Option<LiveRow> =
            sqlx::query_as("SELECT * FROM entries WHERE bucket = $1 AND receipt = $2 FOR UPDATE")
                .bind(bucket_of_code)
                .bind(code)
                .fetch_optional(tx.get())
                .await?;
        let Some(row) = row else {
            tx.rollback().await?;
            return Ok(Some(Ended::Already));
        };
        let person = digest(&row.person_key)?;
        let (name, reason) = ending.name_and_reason();
        sqlx::query(sql::INSERT_WITHDRAWAL)
            .bind(draw.id)
            .bind(bucket(&person))
            .bind(&person[..])
            .bind(name)
            .bind(now)
            .bind(reason)
            .execute(tx.get())
            .await?;
        sqlx::query(sql::DELETE_ENTRY)
            .bind(draw.id)
            .bind(bucket(&person))
            .bind(&person[..])
            .execute(tx.get())
            .await?;
        for Claim { kind, key } in freed_claims(&self.keys, draw.id, &Entry::try_from(row.entry)?) {
            sqlx::query(sql::DELETE_CLAIM)
                .bind(draw.id)
                .bind(bucket(&key))
                .bind(kind.as_str())
                .bind(&key[..])
                .bind(row.id)
                .execute(tx.get())
                .await?;
        }
        draws::give_back_place(tx.get(), draw.id).await?;
        if let Ending::Removed { reason } = ending {
            let entry = row.id.to_string();
            audit(tx.get(), &self.ambient, actor, "entry removed", Some(draw.id), Some(&entry), Some(reason))
                .await?;
        }
        tx.commit().await?;
        Ok(Some(Ended::Done))
    }
}

async fn live(connection: &mut PgConnection, bucket: i32, code: &str) -> StoreResult<Option<LiveRow>> {
    let row = sqlx::query_as(sql::LIVE_RECEIPT).bind(bucket).bind(code).fetch_optional(connection).await?;
    Ok(row)
}

async fn ended(connection: &mut PgConnection, bucket: i32, code: &str) -> StoreResult<Option<EndedRow>> {
    let row = sqlx::query_as(sql::ENDED_RECEIPT).bind(bucket).bind(code).fetch_optional(connection).await?;
    Ok(row)
}
