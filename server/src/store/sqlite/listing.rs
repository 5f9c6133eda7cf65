//! Lists for organisers in SQLite.

use async_trait::async_trait;
use sqlx::Sqlite;
use uuid::Uuid;

use super::SqliteStore;
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
impl Listing for SqliteStore {
    async fn entries(
        &self,
        draw: Uuid,
        filter: &Filter,
        order: Order,
        window: &Window<SortKey>,
    ) -> StoreResult<Page<EntryLine, SortKey>> {
        if filter.has_choices() {
            let mut tx = self.readers.begin().await?;
            return Queries::<Sqlite>::fitting_page(&mut *tx, draw, filter, order, window).await;
        }
        let order = if filter.name_prefix.is_some() { Order::Name } else { order };
        let rows: Vec<LiveLine> = Queries::<Sqlite>::live("", draw, filter, order, window)
            .build_query_as()
            .fetch_all(&self.readers)
            .await?;
        let rows = rows.into_iter().map(|row| live(row, order));
        Ok(paging::page(rows.collect::<StoreResult<_>>()?, window))
    }

    async fn find_entries(&self, draw: Uuid, exact: &Exact) -> StoreResult<Vec<EntryLine>> {
        let Some([mut live, mut ended]) = Queries::<Sqlite>::exact(draw, exact) else {
            return Ok(Vec::new());
        };
        // One snapshot: an entry that ends meanwhile is found in one table or the other.
        let mut tx = self.readers.begin().await?;
        let live: Vec<LiveLine> = live.build_query_as().fetch_all(&mut *tx).await?;
        let ended: Vec<EndedLine> = ended.build_query_as().fetch_all(&mut *tx).await?;
        let live = live.into_iter().map(EntryLine::try_from);
        live.chain(ended.into_iter().map(EntryLine::try_from)).take(PAGE_ROWS).collect()
    }

    async fn entry(&self, draw: Uuid, registered_at: i64, id: Uuid) -> StoreResult<Option<EntryDetails>> {
        let mut tx = self.readers.begin().await?;
        let live: Option<LiveDetails> =
            sqlx::query_as("SELECT * FROM entries WHERE draw_id = $1 AND registered_at = $2 AND id = $3")
                .bind(draw)
                .bind(registered_at)
                .bind(id)
                .fetch_optional(&mut *tx)
                .await?;
        if let Some(live) = live {
            return Ok(Some(live.try_into()?));
        }
        let ended: Option<EndedDetails> =
            sqlx::query_as("SELECT * FROM withdrawals WHERE draw_id = $1 AND registered_at = $2 AND id = $3")
                .bind(draw)
                .bind(registered_at)
                .bind(id)
                .fetch_optional(&mut *tx)
                .await?;
        ended.map(EntryDetails::try_from).transpose()
    }

    async fn export_chunk(
        &self,
        draw: Uuid,
        after: Option<&Position<i64>>,
        at_most: u32,
    ) -> StoreResult<Vec<ExportedEntry>> {
        let mut query = Queries::<Sqlite>::export(draw, after, at_most);
        let rows: Vec<ExportedRow> = query.build_query_as().fetch_all(&self.readers).await?;
        Ok(rows.into_iter().map(ExportedEntry::from).collect())
    }

    async fn live_counts(&self, draw: Uuid) -> StoreResult<LiveCounts> {
        let now = self.ambient.now();
        let mut tx = self.readers.begin().await?;
        let taken = sqlx::query_scalar(sql::TAKEN).bind(draw).fetch_one(&mut *tx).await?;
        let mut recent = [0; 2];
        for (count, since) in recent.iter_mut().zip([now - HOUR, now - MINUTE]) {
            // Answered by the index alone, from the end of it that was written last.
            let counted = sqlx::query_scalar(sql::RECENT).bind(draw).bind(since).bind(RECENT_MAX + 1);
            *count = counted.fetch_one(&mut *tx).await?;
        }
        let [last_hour, last_minute] = recent;
        let caught: Vec<(i64, String, i64)> =
            sqlx::query_as(sql::CAUGHT).bind(draw).bind(now - DAY).fetch_all(&mut *tx).await?;
        let caught = caught.into_iter().map(|(hour, layer, count)| Caught { hour, layer, count }).collect();
        Ok(LiveCounts { taken, last_hour, last_minute, caught })
    }

    async fn audit_lines(&self, window: &Window<i64>) -> StoreResult<Page<AuditLine, i64>> {
        let mut query = Queries::<Sqlite>::audit(window);
        let rows: Vec<AuditRow> = query.build_query_as().fetch_all(&self.readers).await?;
        let rows = rows.into_iter().map(|row| {
            let position = Position { key: row.at, id: row.id };
            (AuditLine::from(row), position)
        });
        Ok(paging::page(rows.collect(), window))
    }

    async fn job(&self, id: Uuid) -> StoreResult<Option<Job>> {
        let row: Option<JobRow> =
            sqlx::query_as("SELECT * FROM jobs WHERE id = $1").bind(id).fetch_optional(&self.readers).await?;
        Ok(row.map(Job::from))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sqlx::Row as _;

    use super::*;
    use crate::ambient::Ambient;
    use crate::secrets::{Keys, Secret};
    use crate::store::listing::EntryState;

    /// Every page of every order is read from an index, in its order: no scan of the table, no sorting.
    #[tokio::test]
    async fn no_page_scans_or_sorts() {
        let folder = tempfile::tempdir().expect("a folder");
        let keys = Arc::new(Keys::new(&Secret::new([1; 32]), None));
        let path = folder.path().join("test.db");
        let store = SqliteStore::open(&path, Ambient::system(), keys).await.expect("opens");
        let (draw, id) = (Uuid::nil(), Uuid::nil());
        let explain = "EXPLAIN QUERY PLAN ";
        let plain = Filter::default();
        let named = Filter { name_prefix: Some("ada".to_owned()), ..Filter::default() };
        let removed = Filter { state: EntryState::Removed, ..Filter::default() };
        for order in [Order::Newest, Order::Oldest, Order::Name] {
            let key = match order {
                Order::Name => SortKey::Name("m".to_owned()),
                Order::Newest | Order::Oldest => SortKey::Time(1),
            };
            let position = Position { key, id };
            for window in [Window::First, Window::After(position.clone()), Window::Before(position)] {
                let mut queries = vec![Queries::<Sqlite>::live(explain, draw, &plain, order, &window)];
                if order == Order::Name {
                    queries.push(Queries::<Sqlite>::live(explain, draw, &named, order, &window));
                }
                let filters = if order == Order::Name { [&plain, &named] } else { [&plain, &removed] };
                for filter in filters {
                    queries.push(Queries::<Sqlite>::end_of_step(explain, draw, filter, order, &window, 500));
                    // Those that fit may be sorted again: they are a step at most.
                    let mut fitting = Queries::<Sqlite>::fitting(explain, draw, filter, order, &window, 500);
                    let plan = fitting.build().fetch_all(&store.readers).await.expect("a plan");
                    let plan: Vec<String> = plan.iter().map(|row| row.get("detail")).collect();
                    let is_served = |line: &String| {
                        line.starts_with("SEARCH") && (line.contains("_by_time") || line.contains("_by_name"))
                    };
                    assert!(plan.iter().any(is_served), "{order:?} {window:?}: {plan:?}");
                }
                for mut query in queries {
                    let plan = query.build().fetch_all(&store.readers).await.expect("a plan");
                    let plan: Vec<String> = plan.iter().map(|row| row.get("detail")).collect();
                    let plan = plan.join("; ");
                    assert!(
                        plan.starts_with("SEARCH") && !plan.contains("TEMP B-TREE"),
                        "{order:?} {window:?}: {plan}"
                    );
                    assert!(
                        plan.contains("_by_time") || plan.contains("_by_name"),
                        "{order:?} {window:?}: {plan}"
                    );
                }
            }
        }
    }
}
