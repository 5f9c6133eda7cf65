//! Lists for organisers in SQLite.

use async_trait::async_trait;
use shared::Entry;
use sqlx::{FromRow, QueryBuilder, Sqlite};
use uuid::Uuid;

use super::SqliteStore;
use super::paging::{self, Direction};
use super::rows::EntryRow;
use crate::receipt;
use crate::secrets::bucket;
use crate::store::listing::{
    AuditLine, Caught, EntryDetails, EntryLine, EntryState, EntryStatus, Exact, Filter, Job, Listing,
    LiveCounts, LiveEntry, Order, PAGE_ROWS, Page, Person, Position, SortKey, Window,
};
use crate::store::{StoreError, StoreResult};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// The columns of `entries` that a list shows and is sorted by.
#[derive(FromRow)]
struct LiveLine {
    id: Uuid,
    registered_at: i64,
    name_key: String,
    full_name: String,
    email: String,
    category: Option<String>,
    session: Option<String>,
    party_size: u32,
    retries: i64,
}

const LIVE_LINE: &str =
    "SELECT id, registered_at, name_key, full_name, email, category, session, party_size, retries FROM entries";

impl LiveLine {
    fn position(&self, order: Order) -> Position<SortKey> {
        let key = match order {
            Order::Name => SortKey::Name(self.name_key.clone()),
            Order::Newest | Order::Oldest => SortKey::Time(self.registered_at),
        };
        Position { key, id: self.id }
    }
}

impl From<LiveLine> for EntryLine {
    fn from(row: LiveLine) -> Self {
        let LiveLine { full_name, email, party_size, retries, .. } = row;
        Self {
            id: row.id,
            state: EntryState::Registered,
            registered_at: row.registered_at,
            person: Some(Person { full_name, email, party_size, retries }),
            category: row.category,
            session: row.session,
        }
    }
}

/// The columns of `withdrawals` that a list shows.
#[derive(FromRow)]
struct EndedLine {
    id: Uuid,
    registered_at: i64,
    ending: String,
    category: Option<String>,
    session: Option<String>,
}

const ENDED_LINE: &str = "SELECT id, registered_at, ending, category, session FROM withdrawals";

impl TryFrom<EndedLine> for EntryLine {
    type Error = StoreError;

    fn try_from(row: EndedLine) -> StoreResult<Self> {
        Ok(Self {
            id: row.id,
            state: ending(&row.ending)?,
            registered_at: row.registered_at,
            person: None,
            category: row.category,
            session: row.session,
        })
    }
}

fn ending(name: &str) -> StoreResult<EntryState> {
    EntryState::from_name(name).ok_or_else(|| StoreError::corrupt(format!("ending {name:?}")))
}

/// Everything `entries` holds that an organiser may see.
#[derive(FromRow)]
struct LiveDetails {
    id: Uuid,
    receipt: String,
    registered_at: i64,
    terms_version: i64,
    token_age: Option<i64>,
    retries: i64,
    last_retry_at: Option<i64>,
    #[sqlx(flatten)]
    entry: EntryRow,
}

impl TryFrom<LiveDetails> for EntryDetails {
    type Error = StoreError;

    fn try_from(row: LiveDetails) -> StoreResult<Self> {
        let live = LiveEntry {
            entry: Entry::try_from(row.entry)?,
            terms_version: row.terms_version,
            token_age: row.token_age,
            retries: row.retries,
            last_retry_at: row.last_retry_at,
        };
        let status = EntryStatus::Live(Box::new(live));
        Ok(Self { id: row.id, receipt: row.receipt, registered_at: row.registered_at, status })
    }
}

/// Everything `withdrawals` holds that an organiser may see.
#[derive(FromRow)]
struct EndedDetails {
    id: Uuid,
    receipt: String,
    registered_at: i64,
    ending: String,
    ended_at: i64,
    reason: Option<String>,
    category: Option<String>,
    session: Option<String>,
}

impl TryFrom<EndedDetails> for EntryDetails {
    type Error = StoreError;

    fn try_from(row: EndedDetails) -> StoreResult<Self> {
        let status = EntryStatus::Ended {
            state: ending(&row.ending)?,
            ended_at: row.ended_at,
            reason: row.reason,
            category: row.category,
            session: row.session,
        };
        Ok(Self { id: row.id, receipt: row.receipt, registered_at: row.registered_at, status })
    }
}

#[derive(FromRow)]
struct AuditRow {
    id: Uuid,
    at: i64,
    actor: String,
    action: String,
    slug: Option<String>,
    subject: Option<String>,
    detail: Option<String>,
}

impl From<AuditRow> for AuditLine {
    fn from(row: AuditRow) -> Self {
        let AuditRow { id, at, actor, action, slug, subject, detail } = row;
        Self { id, at, actor, action, draw: slug, subject, detail }
    }
}

#[derive(FromRow)]
struct JobRow {
    id: Uuid,
    kind: String,
    state: String,
    done: i64,
    total: Option<i64>,
    result: Option<String>,
    error: Option<String>,
    created_at: i64,
    updated_at: i64,
}

impl From<JobRow> for Job {
    fn from(row: JobRow) -> Self {
        let JobRow { id, kind, state, done, total, result, error, created_at, updated_at } = row;
        Self { id, kind, state, done, total, result, error, created_at, updated_at }
    }
}

#[async_trait]
impl Listing for SqliteStore {
    async fn entries(
        &self,
        draw: Uuid,
        filter: &Filter,
        order: Order,
        window: &Window<SortKey>,
    ) -> StoreResult<Page<EntryLine, SortKey>> {
        if filter.state != EntryState::Registered {
            if filter.name_prefix.is_some() {
                return Ok(Page { rows: Vec::new(), next: None, previous: None });
            }
            let order = if order == Order::Name { Order::Newest } else { order };
            let rows: Vec<EndedLine> =
                select_ended("", draw, filter, order, window).build_query_as().fetch_all(&self.readers).await?;
            let rows = rows.into_iter().map(|row| {
                let position = Position { key: SortKey::Time(row.registered_at), id: row.id };
                Ok((EntryLine::try_from(row)?, position))
            });
            return Ok(paging::page(rows.collect::<StoreResult<_>>()?, window));
        }
        let order = if filter.name_prefix.is_some() { Order::Name } else { order };
        let rows: Vec<LiveLine> =
            select_live("", draw, filter, order, window).build_query_as().fetch_all(&self.readers).await?;
        let rows = rows.into_iter().map(|row| {
            let position = row.position(order);
            (EntryLine::from(row), position)
        });
        Ok(paging::page(rows.collect(), window))
    }

    async fn find_entries(&self, draw: Uuid, exact: &Exact) -> StoreResult<Vec<EntryLine>> {
        // The bucket of an entry is its person's; a receipt code carries it.
        let (bucket, column, value) = match exact {
            Exact::Person(person) => (Some(bucket(person)), "person_key", Value::Key(&person[..])),
            Exact::Receipt(code) => (receipt::bucket_of(code), "receipt", Value::Text(code)),
        };
        let Some(bucket) = bucket else {
            return Ok(Vec::new());
        };
        let select = |columns: &str, newest: &str| {
            let mut query = QueryBuilder::<Sqlite>::new(columns);
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
        let mut tx = self.readers.begin().await?;
        let live: Vec<LiveLine> =
            select(LIVE_LINE, "registered_at").build_query_as().fetch_all(&mut *tx).await?;
        let ended: Vec<EndedLine> = select(ENDED_LINE, "ended_at").build_query_as().fetch_all(&mut *tx).await?;
        let live = live.into_iter().map(|row| Ok(EntryLine::from(row)));
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
    ) -> StoreResult<Vec<EntryDetails>> {
        let mut query = QueryBuilder::<Sqlite>::new("SELECT * FROM entries WHERE draw_id = ");
        query.push_bind(draw);
        if let Some(Position { key, id }) = after {
            query.push(" AND (registered_at, id) > (").push_bind(*key).push(", ").push_bind(*id).push(")");
        }
        query.push(" ORDER BY registered_at, id LIMIT ").push_bind(at_most);
        let rows: Vec<LiveDetails> = query.build_query_as().fetch_all(&self.readers).await?;
        rows.into_iter().map(EntryDetails::try_from).collect()
    }

    async fn live_counts(&self, draw: Uuid) -> StoreResult<LiveCounts> {
        let now = self.ambient.now();
        let mut tx = self.readers.begin().await?;
        let taken = sqlx::query_scalar("SELECT COALESCE(SUM(taken), 0) FROM counters WHERE draw_id = $1")
            .bind(draw)
            .fetch_one(&mut *tx)
            .await?;
        // Answered by the index alone, from the end of it that was written last.
        let (last_hour, last_minute) = sqlx::query_as(
            "SELECT COUNT(*), COALESCE(SUM(registered_at > $3), 0) FROM entries
             WHERE draw_id = $1 AND registered_at > $2",
        )
        .bind(draw)
        .bind(now - HOUR)
        .bind(now - MINUTE)
        .fetch_one(&mut *tx)
        .await?;
        let caught: Vec<(i64, String, i64)> = sqlx::query_as(
            "SELECT hour, layer, count FROM caught WHERE draw_id = $1 AND hour > $2 ORDER BY hour DESC, layer",
        )
        .bind(draw)
        .bind(now - DAY)
        .fetch_all(&mut *tx)
        .await?;
        let caught = caught.into_iter().map(|(hour, layer, count)| Caught { hour, layer, count }).collect();
        Ok(LiveCounts { taken, last_hour, last_minute, caught })
    }

    async fn audit_lines(&self, window: &Window<i64>) -> StoreResult<Page<AuditLine, i64>> {
        let direction = Direction::of(window, false);
        let mut query = QueryBuilder::<Sqlite>::new(
            "SELECT a.id, a.at, a.actor, a.action, d.slug, a.subject, a.detail
             FROM audit a LEFT JOIN draws d ON d.id = a.draw_id WHERE TRUE",
        );
        if let Some(Position { key, id }) = paging::boundary(window) {
            query.push(format_args!(" AND (a.at, a.id) {} (", direction.beyond()));
            query.push_bind(*key).push(", ").push_bind(*id).push(")");
        }
        paging::push_order(&mut query, "a.at", "a.id", direction);
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

/// What something exact is looked up by.
#[derive(Clone, Copy)]
enum Value<'a> {
    Key(&'a [u8]),
    Text(&'a str),
}

/// The query for one page of live entries, after a prefix like `EXPLAIN QUERY PLAN`.
pub(super) fn select_live(
    prefix: &str,
    draw: Uuid,
    filter: &Filter,
    order: Order,
    window: &Window<SortKey>,
) -> QueryBuilder<Sqlite> {
    let mut query = QueryBuilder::<Sqlite>::new(format!("{prefix}{LIVE_LINE} WHERE draw_id = "));
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
pub(super) fn select_ended(
    prefix: &str,
    draw: Uuid,
    filter: &Filter,
    order: Order,
    window: &Window<SortKey>,
) -> QueryBuilder<Sqlite> {
    let mut query = QueryBuilder::<Sqlite>::new(format!("{prefix}{ENDED_LINE} WHERE draw_id = "));
    query.push_bind(draw).push(" AND ending = ").push_bind(filter.state.as_str());
    push_choices(&mut query, filter);
    push_window(&mut query, order, window);
    query
}

fn push_choices(query: &mut QueryBuilder<Sqlite>, filter: &Filter) {
    if let Some(category) = &filter.category {
        query.push(" AND category = ").push_bind(category.clone());
    }
    if let Some(session) = &filter.session {
        query.push(" AND session = ").push_bind(session.clone());
    }
}

fn push_window(query: &mut QueryBuilder<Sqlite>, order: Order, window: &Window<SortKey>) {
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

#[cfg(test)]
#[path = "listing_tests.rs"]
mod tests;
