//! Lists for organisers in PostgreSQL.

use async_trait::async_trait;
use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use super::{PostgresStore, draws, within};
use crate::receipt;
use crate::secrets::bucket;
use crate::store::StoreResult;
use crate::store::listing::{
    AuditLine, Caught, EntryDetails, EntryLine, EntryState, Exact, Filter, Job, Listing, LiveCounts, Order,
    PAGE_ROWS, Page, Position, SortKey, Window,
};
use crate::store::listing_rows::{
    AuditRow, ENDED_LINE, EndedDetails, EndedLine, JobRow, LIVE_LINE, LiveDetails, LiveLine,
};
use crate::store::paging::{self, Direction};

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
            if filter.state != EntryState::Registered {
                if filter.name_prefix.is_some() {
                    return Ok(Page { rows: Vec::new(), next: None, previous: None });
                }
                let order = if order == Order::Name { Order::Newest } else { order };
                let mut reader = self.reader().await?;
                let rows: Vec<EndedLine> = select_ended("", draw, filter, order, window)
                    .build_query_as()
                    .fetch_all(reader.get())
                    .await?;
                reader.give_back();
                let rows = rows.into_iter().map(|row| {
                    let position = Position { key: SortKey::Time(row.registered_at), id: row.id };
                    Ok((EntryLine::try_from(row)?, position))
                });
                return Ok(paging::page(rows.collect::<StoreResult<_>>()?, window));
            }
            let order = if filter.name_prefix.is_some() { Order::Name } else { order };
            let mut reader = self.reader().await?;
            let rows: Vec<LiveLine> =
                select_live("", draw, filter, order, window).build_query_as().fetch_all(reader.get()).await?;
            reader.give_back();
            let rows = rows.into_iter().map(|row| {
                let position = row.position(order);
                Ok((EntryLine::try_from(row)?, position))
            });
            Ok(paging::page(rows.collect::<StoreResult<_>>()?, window))
        })
        .await
    }

    async fn find_entries(&self, draw: Uuid, exact: &Exact) -> StoreResult<Vec<EntryLine>> {
        within(async {
            // The bucket of an entry is its person's; a receipt code carries it.
            let (bucket, column, value) = match exact {
                Exact::Person(person) => (Some(bucket(person)), "person_key", Value::Key(&person[..])),
                Exact::Receipt(code) => (receipt::bucket_of(code), "receipt", Value::Text(code)),
            };
            let Some(bucket) = bucket else {
                return Ok(Vec::new());
            };
            let select = |columns: &str, newest: &str| {
                let mut query = QueryBuilder::<Postgres>::new(columns);
                query.push(" WHERE draw_id = ").push_bind(draw).push(" AND bucket = ").push_bind(bucket);
                query.push(format_args!(" AND {column} = "));
                match value {
                    Value::Key(key) => query.push_bind(key.to_vec()),
                    Value::Text(text) => query.push_bind(text.to_owned()),
                };
                query.push(format_args!(" ORDER BY {newest} DESC LIMIT {PAGE_ROWS}"));
                query
            };
            // One snapshot: an entry that ends meanwhile is found in one table or the other.
            let mut tx = self.reading.snapshot().await?;
            let live: Vec<LiveLine> =
                select(LIVE_LINE, "registered_at").build_query_as().fetch_all(tx.get()).await?;
            let ended: Vec<EndedLine> =
                select(ENDED_LINE, "ended_at").build_query_as().fetch_all(tx.get()).await?;
            tx.end().await;
            let live = live.into_iter().map(EntryLine::try_from);
            live.chain(ended.into_iter().map(EntryLine::try_from)).take(PAGE_ROWS).collect()
        })
        .await
    }

    async fn entry(&self, draw: Uuid, registered_at: i64, id: Uuid) -> StoreResult<Option<EntryDetails>> {
        within(async {
            let mut tx = self.reading.snapshot().await?;
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
    ) -> StoreResult<Vec<EntryDetails>> {
        within(async {
            let mut query = QueryBuilder::<Postgres>::new("SELECT * FROM entries WHERE draw_id = ");
            query.push_bind(draw);
            if let Some(Position { key, id }) = after {
                query
                    .push(" AND (registered_at, id) > (")
                    .push_bind(*key)
                    .push(", ")
                    .push_bind(*id)
                    .push(")");
            }
            query.push(" ORDER BY registered_at, id LIMIT ").push_bind(i64::from(at_most));
            let mut reader = self.reader().await?;
            let rows: Vec<LiveDetails> = query.build_query_as().fetch_all(reader.get()).await?;
            reader.give_back();
            rows.into_iter().map(EntryDetails::try_from).collect()
        })
        .await
    }

    async fn live_counts(&self, draw: Uuid) -> StoreResult<LiveCounts> {
        within(async {
            let now = self.ambient.now();
            let mut tx = self.reading.snapshot().await?;
            let taken = draws::taken(tx.get(), draw).await?;
            // Answered by the index alone, from the end of it that was written last.
            let (last_hour, last_minute) = sqlx::query_as(
                "SELECT COUNT(*), COUNT(*) FILTER (WHERE registered_at > $3) FROM entries
                 WHERE draw_id = $1 AND registered_at > $2",
            )
            .bind(draw)
            .bind(now - HOUR)
            .bind(now - MINUTE)
            .fetch_one(tx.get())
            .await?;
            let caught: Vec<(i64, String, i64)> = sqlx::query_as(
                "SELECT hour, layer, count FROM caught WHERE draw_id = $1 AND hour > $2 ORDER BY hour DESC, layer",
            )
            .bind(draw)
            .bind(now - DAY)
            .fetch_all(tx.get())
            .await?;
            tx.end().await;
            let caught = caught.into_iter().map(|(hour, layer, count)| Caught { hour, layer, count }).collect();
            Ok(LiveCounts { taken, last_hour, last_minute, caught })
        })
        .await
    }

    async fn audit_lines(&self, window: &Window<i64>) -> StoreResult<Page<AuditLine, i64>> {
        within(async {
            let direction = Direction::of(window, false);
            let mut query = QueryBuilder::<Postgres>::new(
                "SELECT a.id, a.at, a.actor, a.action, d.slug, a.subject, a.detail
                 FROM audit a LEFT JOIN draws d ON d.id = a.draw_id WHERE TRUE",
            );
            if let Some(Position { key, id }) = paging::boundary(window) {
                query.push(format_args!(" AND (a.at, a.id) {} (", direction.beyond()));
                query.push_bind(*key).push(", ").push_bind(*id).push(")");
            }
            paging::push_order(&mut query, "a.at", "a.id", direction);
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

/// What something exact is looked up by.
#[derive(Clone, Copy)]
enum Value<'a> {
    Key(&'a [u8]),
    Text(&'a str),
}

/// The query for one page of live entries, after a prefix like `EXPLAIN QUERY PLAN`.
fn select_live(
    prefix: &str,
    draw: Uuid,
    filter: &Filter,
    order: Order,
    window: &Window<SortKey>,
) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::<Postgres>::new(format!("{prefix}{LIVE_LINE} WHERE draw_id = "));
    query.push_bind(draw);
    push_choices(&mut query, filter);
    if let Some(prefix) = &filter.name_prefix {
        // A range instead of LIKE: the index serves it, and no character of the prefix means anything else.
        let (from, to) = paging::prefix_range(prefix);
        query.push(" AND name_key >= ").push_bind(from);
        if let Some(to) = to {
            query.push(" AND name_key < ").push_bind(to);
        }
    }
    push_window(&mut query, order, window);
    query
}

/// The query for one page of ended entries, after a prefix like `EXPLAIN QUERY PLAN`.
fn select_ended(
    prefix: &str,
    draw: Uuid,
    filter: &Filter,
    order: Order,
    window: &Window<SortKey>,
) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::<Postgres>::new(format!("{prefix}{ENDED_LINE} WHERE draw_id = "));
    query.push_bind(draw).push(" AND ending = ").push_bind(filter.state.as_str());
    push_choices(&mut query, filter);
    push_window(&mut query, order, window);
    query
}

fn push_choices(query: &mut QueryBuilder<Postgres>, filter: &Filter) {
    if let Some(category) = &filter.category {
        query.push(" AND category = ").push_bind(category.clone());
    }
    if let Some(session) = &filter.session {
        query.push(" AND session = ").push_bind(session.clone());
    }
}

fn push_window(query: &mut QueryBuilder<Postgres>, order: Order, window: &Window<SortKey>) {
    let direction = Direction::of(window, order != Order::Newest);
    let column = if order == Order::Name { "name_key" } else { "registered_at" };
    // A position of another order (the address was edited by hand) counts as none.
    match (paging::boundary(window), order) {
        (Some(Position { key: SortKey::Name(name), id }), Order::Name) => {
            query.push(format_args!(" AND (name_key, id) {} (", direction.beyond()));
            query.push_bind(name.clone()).push(", ").push_bind(*id).push(")");
        }
        (Some(Position { key: SortKey::Time(at), id }), Order::Newest | Order::Oldest) => {
            query.push(format_args!(" AND (registered_at, id) {} (", direction.beyond()));
            query.push_bind(*at).push(", ").push_bind(*id).push(")");
        }
        _ => {}
    }
    paging::push_order(query, column, "id", direction);
}
