//! Receipts, and how an entry ends.

use shared::Entry;
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::SqliteStore;
use crate::receipt;
use crate::secrets::bucket;
use crate::store::StoreResult;
use crate::store::draws::{Actor, Draw};
use crate::store::entries::{Claim, Ended, Ending, ReceiptRow, ReceiptStatus, freed_claims};
use crate::store::rows::{DrawRow, EndedRow, LiveRow, digest};
use crate::store::sql;

impl SqliteStore {
    pub(super) async fn find_receipt(&self, code: &str) -> StoreResult<Option<ReceiptRow>> {
        let Some(bucket) = receipt::bucket_of(code) else {
            return Ok(None);
        };
        // One snapshot: an entry that ends meanwhile is found in one table or the other.
        let mut tx = self.readers.begin().await?;
        let live = live(&mut tx, bucket, code).await?;
        let (draw, entry_id, registered_at, status) = match live {
            Some(row) => {
                let entry = Entry::try_from(row.entry)?;
                (row.draw_id, row.id, row.registered_at, ReceiptStatus::Registered(Box::new(entry)))
            }
            None => match ended(&mut tx, bucket, code).await? {
                Some(row) => (row.draw_id, row.id, row.registered_at, row.status()),
                None => return Ok(None),
            },
        };
        let draw = draw_by_id(&mut tx, draw).await?;
        Ok(Some(ReceiptRow { draw, entry_id, registered_at, status }))
    }

    pub(super) async fn end_entry(&self, code: &str, ending: &Ending, actor: &Actor) -> StoreResult<Ended> {
        let Some(bucket_of_code) = receipt::bucket_of(code) else {
            return Ok(Ended::Unknown);
        };
        // Asked first without the write lock, which nobody gets for a made-up code. What is live is asked again
        // inside.
        match self.find_receipt(code).await? {
            None => return Ok(Ended::Unknown),
            Some(row) if !matches!(row.status, ReceiptStatus::Registered(_)) => return Ok(Ended::Already),
            Some(_) => {}
        }
        let mut tx = self.gate.begin().await?;
        let now = self.ambient.now();
        let Some(row) = live(tx.get(), bucket_of_code, code).await? else {
            let ended = ended(tx.get(), bucket_of_code, code).await?;
            return Ok(if ended.is_some() { Ended::Already } else { Ended::Unknown });
        };
        let closed_now = self.close_if_over_within(tx.get(), row.draw_id).await?;
        let draw = draw_by_id(tx.get(), row.draw_id).await?;
        if !ending.is_allowed_in(draw.state) {
            tx.commit_if(closed_now).await?;
            return Ok(Ended::DrawClosed);
        }
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
        sqlx::query("UPDATE counters SET taken = taken - 1 WHERE draw_id = $1 AND shard = 0")
            .bind(draw.id)
            .execute(tx.get())
            .await?;
        if let Ending::Removed { reason } = ending {
            self.audit(
                tx.get(),
                actor,
                "entry removed",
                Some(draw.id),
                Some(&row.id.to_string()),
                Some(reason),
            )
            .await?;
        }
        tx.commit().await?;
        Ok(Ended::Done)
    }
}

async fn live(connection: &mut SqliteConnection, bucket: i32, code: &str) -> StoreResult<Option<LiveRow>> {
    let row = sqlx::query_as(sql::LIVE_RECEIPT).bind(bucket).bind(code).fetch_optional(connection).await?;
    Ok(row)
}

async fn ended(connection: &mut SqliteConnection, bucket: i32, code: &str) -> StoreResult<Option<EndedRow>> {
    let row = sqlx::query_as(sql::ENDED_RECEIPT).bind(bucket).bind(code).fetch_optional(connection).await?;
    Ok(row)
}

async fn draw_by_id(connection: &mut SqliteConnection, id: Uuid) -> StoreResult<Draw> {
    let row: DrawRow =
        sqlx::query_as("SELECT * FROM draws WHERE id = $1").bind(id).fetch_one(connection).await?;
    row.try_into()
}
