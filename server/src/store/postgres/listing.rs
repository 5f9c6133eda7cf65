//! Lists for organisers in PostgreSQL.

use async_trait::async_trait;
use sqlx::Postgres;
use uuid::Uuid;

use super::{PostgresStore, draws, within};
use crate::store::StoreResult;
use crate::store::listing::{
    AuditLine, Caught, EntryDetails, EntryLine, Exact, ExportedEntry, Filter, Job, Listing, LiveCounts,
    Order, PAGE_ROWS, Page, Position, RECENT_MAX, SortKey, Window,
};
use crate::store::listing_rows::{
    AuditRow, EndedDetails, EndedLine, ExportedRow, JobRow, LiveDetails, LiveLine, live,
};
use crate::store::paging;
use crate::store::queries::Queries;
use crate::store::sql;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

#[async_trait]
impl Listing for PostgresStore {
    async fn entries(
        &self,
        draw: Uuid,
        filter: &Filter,
        order: Order,
        window: &Window<SortKey>,
    ) -> StoreResult<Page<EntryLine, SortKey>> {
        within(async {
            if filter.has_choices() {
                let mut tx = self.reading.snapshot_for_list().await?;
                let page = Queries::<Postgres>::fitting_page(tx.get(), draw, filter, order, window).await?;
                tx.end().await;
                return Ok(page);
            }
            let order = if filter.name_prefix.is_some() { Order::Name } else { order };
            let mut tx = self.reading.snapshot_for_list().await?;
            let rows: Vec<LiveLine> = Queries::<Postgres>::live("", draw, filter, order, window)
                .build_query_as()
                .fetch_all(tx.get())
                .await?;
            tx.end().await;
            let rows = rows.into_iter().map(|row| live(row, order));
            Ok(paging::page(rows.collect::<StoreResult<_>>()?, window))
        })
        .await
    }

    async fn find_entries(&self, draw: Uuid, exact: &Exact) -> StoreResult<Vec<EntryLine>> {
        within(async {
            let Some([mut live, mut ended]) = Queries::<Postgres>::exact(draw, exact) else {
                return Ok(Vec::new());
            };
            // One snapshot: an entry that ends meanwhile is found in one table or the other.
            let mut tx = self.reading.snapshot_for_list().await?;
            let live: Vec<LiveLine> = live.build_query_as().fetch_all(tx.get()).await?;
            let ended: Vec<EndedLine> = ended.build_query_as().fetch_all(tx.get()).await?;
            tx.end().await;
            let live = live.into_iter().map(EntryLine::try_from);
            live.chain(ended.into_iter().map(EntryLine::try_from)).take(PAGE_ROWS).collect()
        })
        .await
    }

    async fn entry(&self, draw: Uuid, registered_at: i64, id: Uuid) -> StoreResult<Option<EntryDetails>> {
        within(async {
            let mut tx = self.reading.snapshot_for_list().await?;
            let live: Option<LiveDetails> =
                sqlx::query_as("SELECT * FROM entries WHERE draw_id = $1 AND registered_at = $2 AND id = $3")
                    .bind(draw)
                    .bind(registered_at)
                    .bind(id)
                    .fetch_optional(tx.get())
                    .await?;
            if let Some(live) = live {
                tx.end().await;
                return Ok(Some(live.try_into()?));
            }
            let ended: Option<EndedDetails> = sqlx::query_as(
                "SELECT * FROM withdrawals WHERE draw_id = $1 AND registered_at = $2 AND id = $3",
            )
            .bind(draw)
            .bind(registered_at)
            .bind(id)
            .fetch_optional(tx.get())
            .await?;
            tx.end().await;
            ended.map(EntryDetails::try_from).transpose()
        })
        .await
    }

    async fn export_chunk(
        &self,
        draw: Uuid,
        after: Option<&Position<i64>>,
        at_most: u32,
    ) -> StoreResult<Vec<ExportedEntry>> {
        within(async {
            let mut query = Queries::<Postgres>::export(draw, after, at_most);
            let mut reader = self.reader().await?;
            let rows: Vec<ExportedRow> = query.build_query_as().fetch_all(reader.get()).await?;
            reader.give_back();
            Ok(rows.into_iter().map(ExportedEntry::from).collect())
        })
        .await
    }

    async fn live_counts(&self, draw: Uuid) -> StoreResult<LiveCounts> {
        within(async {
            let now = self.ambient.now();
            let mut tx = self.reading.snapshot().await?;
            let taken = draws::taken(tx.get(), draw).await?;
            let mut recent = [0; 2];
            for (count, since) in recent.iter_mut().zip([now - HOUR, now - MINUTE]) {
                // Answered by the index alone, from the end of it that was written last.
                let counted = sqlx::query_scalar(sql::RECENT).bind(draw).bind(since).bind(RECENT_MAX + 1);
                *count = counted.fetch_one(tx.get()).await?;
            }
            let [last_hour, last_minute] = recent;
            let caught: Vec<(i64, String, i64)> =
                sqlx::query_as(sql::CAUGHT).bind(draw).bind(now - DAY).fetch_all(tx.get()).await?;
            tx.end().await;
            let caught =
                caught.into_iter().map(|(hour, layer, count)| Caught { hour, layer, count }).collect();
            Ok(LiveCounts { taken, last_hour, last_minute, caught })
        })
        .await
    }

    async fn audit_lines(&self, window: &Window<i64>) -> StoreResult<Page<AuditLine, i64>> {
        within(async {
            let mut query = Queries::<Postgres>::audit(window);
            let mut reader = self.reader().await?;
            let rows: Vec<AuditRow> = query.build_query_as().fetch_all(reader.get()).await?;
            reader.give_back();
            let rows = rows.into_iter().map(|row| {
                let position = Position { key: row.at, id: row.id };
                (AuditLine::from(row), position)
            });
            Ok(paging::page(rows.collect(), window))
        })
        .await
    }

    async fn job(&self, id: Uuid) -> StoreResult<Option<Job>> {
        within(async {
            let mut reader = self.reader().await?;
            let row: Option<JobRow> = sqlx::query_as("SELECT * FROM jobs WHERE id = $1")
                .bind(id)
                .fetch_optional(reader.get())
                .await?;
            reader.give_back();
            Ok(row.map(Job::from))
        })
        .await
    }
}
