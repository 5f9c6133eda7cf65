//! Queries of lists, the same text in both dialects.

use std::marker::PhantomData;

use sqlx::{Database, Encode, Executor, FromRow, IntoArguments, QueryBuilder, Type};
use uuid::Uuid;

use super::StoreResult;
use super::listing::{
    EntryLine, EntryState, Exact, Filter, Order, PAGE_ROWS, Page, Position, SortKey, Window,
};
use super::listing_rows::{self, ENDED_LINE, EXPORTED_ROW, EndedLine, LIVE_LINE, LiveLine, ended, live};
use super::paging::{self, Direction, Looking, ROWS_READ};
use crate::receipt;
use crate::secrets::bucket;

/// The queries of a dialect.
pub(super) struct Queries<D>(PhantomData<D>);

impl<D: Database> Queries<D>
where
    for<'q> Uuid: Encode<'q, D> + Type<D>,
    for<'q> String: Encode<'q, D> + Type<D>,
    for<'q> Vec<u8>: Encode<'q, D> + Type<D>,
    for<'q> i32: Encode<'q, D> + Type<D>,
    for<'q> i64: Encode<'q, D> + Type<D>,
{
    /// One page of live entries, whatever they chose, after a prefix like `EXPLAIN`.
    pub(super) fn live(
        prefix: &str,
        draw: Uuid,
        filter: &Filter,
        order: Order,
        window: &Window<SortKey>,
    ) -> QueryBuilder<D> {
        let mut query = QueryBuilder::new(format!("{prefix}{LIVE_LINE}"));
        Self::push_list(&mut query, draw, filter, order, window, ROWS_READ);
        query
    }

    /// Of the next `step` entries of a list those that fit, at most one more than a page, after a prefix like `EXPLAIN`.
    pub(super) fn fitting(
        prefix: &str,
        draw: Uuid,
        filter: &Filter,
        order: Order,
        window: &Window<SortKey>,
        step: u32,
    ) -> QueryBuilder<D> {
        let line = if filter.state == EntryState::Registered { LIVE_LINE } else { ENDED_LINE };
        let mut query = QueryBuilder::new(format!("{prefix}SELECT * FROM ({line}"));
        Self::push_list(&mut query, draw, filter, order, window, step);
        query.push(") AS looked_at WHERE TRUE");
        if filter.state != EntryState::Registered {
            query.push(" AND ending = ").push_bind(filter.state.as_str().to_owned());
        }
        if let Some(category) = &filter.category {
            query.push(" AND category = ").push_bind(category.clone());
        }
        if let Some(session) = &filter.session {
            query.push(" AND session = ").push_bind(session.clone());
        }
        let direction = Direction::of(window, order != Order::Newest);
        paging::push_order(&mut query, column(order), "id", direction, ROWS_READ);
        query
    }

    /// One page of the entries that fit, looked for in one snapshot.
    pub(super) async fn fitting_page(
        snapshot: &mut D::Connection,
        draw: Uuid,
        filter: &Filter,
        order: Order,
        window: &Window<SortKey>,
    ) -> StoreResult<Page<EntryLine, SortKey>>
    where
        for<'c> &'c mut D::Connection: Executor<'c, Database = D>,
        D::Arguments: IntoArguments<D>,
        LiveLine: for<'r> FromRow<'r, D::Row>,
        EndedLine: for<'r> FromRow<'r, D::Row>,
        (String, Uuid): for<'r> FromRow<'r, D::Row>,
        (i64, Uuid): for<'r> FromRow<'r, D::Row>,
    {
        let Some(order) = listing_rows::order_of_choices(filter, order) else {
            return Ok(Page::only(Vec::new()));
        };
        let mut looking = Looking::begin(window, order != Order::Newest);
        loop {
            let (at, step) = looking.step();
            let mut fitting = Self::fitting("", draw, filter, order, at, step);
            let rows: Vec<_> = if filter.state == EntryState::Registered {
                let rows: Vec<LiveLine> = fitting.build_query_as().fetch_all(&mut *snapshot).await?;
                rows.into_iter().map(|row| live(row, order)).collect::<StoreResult<_>>()?
            } else {
                let rows: Vec<EndedLine> = fitting.build_query_as().fetch_all(&mut *snapshot).await?;
                rows.into_iter().map(ended).collect::<StoreResult<_>>()?
            };
            let mut end = Self::end_of_step("", draw, filter, order, at, step);
            let end = if looking.is_full_with(rows.len()) {
                None
            } else if order == Order::Name {
                end.build_query_as().fetch_optional(&mut *snapshot).await?.map(listing_rows::by_name)
            } else {
                end.build_query_as().fetch_optional(&mut *snapshot).await?.map(listing_rows::by_time)
            };
            if !looking.add(rows, end) {
                return Ok(looking.page());
            }
        }
    }

    /// The position of the last of the next `step` entries of a list, where there are so many; after a prefix like
    /// `EXPLAIN`.
    pub(super) fn end_of_step(
        prefix: &str,
        draw: Uuid,
        filter: &Filter,
        order: Order,
        window: &Window<SortKey>,
        step: u32,
    ) -> QueryBuilder<D> {
        let table = if filter.state == EntryState::Registered { "entries" } else { "withdrawals" };
        let mut query = QueryBuilder::new(format!("{prefix}SELECT {}, id FROM {table}", column(order)));
        Self::push_list(&mut query, draw, filter, order, window, 1);
        query.push(format_args!(" OFFSET {}", step - 1));
        query
    }

    /// What something exact names: the query for live entries, and that for ended ones. `None` for what names
    /// nothing.
    pub(super) fn exact(draw: Uuid, exact: &Exact) -> Option<[QueryBuilder<D>; 2]> {
        // The bucket of an entry is its person's; a receipt code carries it.
        let bucket = match exact {
            Exact::Person(person) => bucket(person),
            Exact::Receipt(code) => receipt::bucket_of(code)?,
        };
        Some([(LIVE_LINE, "registered_at"), (ENDED_LINE, "ended_at")].map(|(columns, newest)| {
            let mut query = QueryBuilder::new(format!("{columns} WHERE draw_id = "));
            query.push_bind(draw).push(" AND bucket = ").push_bind(bucket);
            match exact {
                Exact::Person(person) => query.push(" AND person_key = ").push_bind(person.to_vec()),
                Exact::Receipt(code) => query.push(" AND receipt = ").push_bind(code.clone()),
            };
            query.push(format_args!(" ORDER BY {newest} DESC LIMIT {PAGE_ROWS}"));
            query
        }))
    }

    /// Live entries in order of registration, at most so many after a position.
    pub(super) fn export(draw: Uuid, after: Option<&Position<i64>>, at_most: u32) -> QueryBuilder<D> {
        let mut query = QueryBuilder::new(format!("{EXPORTED_ROW} WHERE draw_id = "));
        query.push_bind(draw);
        if let Some(Position { key, id }) = after {
            query.push(" AND (registered_at, id) > (").push_bind(*key).push(", ").push_bind(*id).push(")");
        }
        query.push(" ORDER BY registered_at, id LIMIT ").push_bind(i64::from(at_most));
        query
    }

    /// One page of the audit list.
    pub(super) fn audit(window: &Window<i64>) -> QueryBuilder<D> {
        let direction = Direction::of(window, false);
        let mut query = QueryBuilder::new(
            "SELECT a.id, a.at, a.actor, a.action, d.slug, a.subject, a.detail
             FROM audit a LEFT JOIN draws d ON d.id = a.draw_id WHERE TRUE",
        );
        if let Some(Position { key, id }) = paging::boundary(window) {
            query.push(format_args!(" AND (a.at, a.id) {} (", direction.beyond()));
            query.push_bind(*key).push(", ").push_bind(*id).push(")");
        }
        paging::push_order(&mut query, "a.at", "a.id", direction, ROWS_READ);
        query
    }

    /// Which part of which list, whatever its entries chose.
    fn push_list(
        query: &mut QueryBuilder<D>,
        draw: Uuid,
        filter: &Filter,
        order: Order,
        window: &Window<SortKey>,
        at_most: u32,
    ) {
        query.push(" WHERE draw_id = ").push_bind(draw);
        if let Some(prefix) = &filter.name_prefix {
            // A range instead of LIKE: the index serves it, and no character of the prefix means anything else.
            let (from, to) = paging::prefix_range(prefix);
            query.push(" AND name_key >= ").push_bind(from);
            if let Some(to) = to {
                query.push(" AND name_key < ").push_bind(to);
            }
        }
        Self::push_window(query, order, window, at_most);
    }

    fn push_window(query: &mut QueryBuilder<D>, order: Order, window: &Window<SortKey>, at_most: u32) {
        let direction = Direction::of(window, order != Order::Newest);
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
        paging::push_order(query, column(order), "id", direction, at_most);
    }
}

/// What an order goes by first.
fn column(order: Order) -> &'static str {
    if order == Order::Name { "name_key" } else { "registered_at" }
}
