//! Rows of lists as they come out of a database, and what they are in the words of the field.

use shared::Entry;
use sqlx::FromRow;
use uuid::Uuid;

use super::rows::EntryRow;
use crate::store::listing::{
    AuditLine, EntryDetails, EntryLine, EntryState, EntryStatus, ExportedEntry, Filter, Job, LiveEntry,
    Order, Person, Position, SortKey,
};
use crate::store::{StoreError, StoreResult};

/// The columns of `entries` that a list shows and is sorted by.
#[derive(FromRow)]
pub(in crate::store) struct LiveLine {
    id: Uuid,
    registered_at: i64,
    name_key: String,
    full_name: String,
    email: String,
    category: Option<String>,
    session: Option<String>,
    party_size: i32,
    retries: i64,
}

pub(in crate::store) const LIVE_LINE: &str = "SELECT id, registered_at, name_key, full_name, email, category, session, party_size, retries FROM entries";

impl LiveLine {
    pub(in crate::store) fn position(&self, order: Order) -> Position<SortKey> {
        let key = match order {
            Order::Name => SortKey::Name(self.name_key.clone()),
            Order::Newest | Order::Oldest => SortKey::Time(self.registered_at),
        };
        Position { key, id: self.id }
    }
}

impl TryFrom<LiveLine> for EntryLine {
    type Error = StoreError;

    fn try_from(row: LiveLine) -> StoreResult<Self> {
        let LiveLine { full_name, email, party_size, retries, .. } = row;
        let party_size = u32::try_from(party_size).map_err(StoreError::corrupt)?;
        Ok(Self {
            id: row.id,
            state: EntryState::Registered,
            registered_at: row.registered_at,
            person: Some(Person { full_name, email, party_size, retries }),
            category: row.category,
            session: row.session,
        })
    }
}

/// The columns of `withdrawals` that a list shows.
#[derive(FromRow)]
pub(in crate::store) struct EndedLine {
    id: Uuid,
    registered_at: i64,
    ending: String,
    category: Option<String>,
    session: Option<String>,
}

impl EndedLine {
    pub(in crate::store) fn position(&self) -> Position<SortKey> {
        Position { key: SortKey::Time(self.registered_at), id: self.id }
    }
}

pub(in crate::store) const ENDED_LINE: &str =
    "SELECT id, registered_at, ending, category, session FROM withdrawals";

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

/// A row of a list of live entries, and where it stands.
pub(in crate::store) fn live(row: LiveLine, order: Order) -> StoreResult<(EntryLine, Position<SortKey>)> {
    let position = row.position(order);
    Ok((EntryLine::try_from(row)?, position))
}

/// A row of a list of ended entries, and where it stands.
pub(in crate::store) fn ended(row: EndedLine) -> StoreResult<(EntryLine, Position<SortKey>)> {
    let position = row.position();
    Ok((EntryLine::try_from(row)?, position))
}

/// In which order entries are looked at; `None` where none can fit, because no ended entry has a name.
pub(in crate::store) fn order_of_choices(filter: &Filter, order: Order) -> Option<Order> {
    match (filter.state, &filter.name_prefix) {
        (EntryState::Registered, Some(_)) => Some(Order::Name),
        (EntryState::Registered, None) => Some(order),
        (_, Some(_)) => None,
        (_, None) if order == Order::Name => Some(Order::Newest),
        (_, None) => Some(order),
    }
}

/// A position in a list by name.
pub(in crate::store) fn by_name((name, id): (String, Uuid)) -> Position<SortKey> {
    Position { key: SortKey::Name(name), id }
}

/// A position in a list by time.
pub(in crate::store) fn by_time((at, id): (i64, Uuid)) -> Position<SortKey> {
    Position { key: SortKey::Time(at), id }
}

fn ending(name: &str) -> StoreResult<EntryState> {
    EntryState::from_name(name).ok_or_else(|| StoreError::corrupt(format!("ending {name:?}")))
}

/// Everything `entries` holds that an organiser may see.
#[derive(FromRow)]
pub(in crate::store) struct LiveDetails {
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

/// The columns of `entries` that an export writes. Read by their places: looking for names takes most of the time when
/// there are millions of rows.
pub(in crate::store) type ExportedRow = (
    String,
    Uuid,
    i64,
    String,
    String,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    i32,
    Option<String>,
    Option<String>,
);

pub(in crate::store) const EXPORTED_ROW: &str = "
    SELECT receipt, id, registered_at, full_name, email, phone, date_of_birth, country, postcode, category, session,
        party_size, guardian_name, member_id
    FROM entries";

impl From<ExportedRow> for ExportedEntry {
    fn from(row: ExportedRow) -> Self {
        let (receipt, id, registered_at, full_name, email, phone, date_of_birth, country, postcode, ..) = row;
        let (.., category, session, party_size, guardian_name, member_id) = row;
        Self {
            receipt,
            id,
            registered_at,
            full_name,
            email,
            phone,
            date_of_birth,
            country,
            postcode,
            category,
            session,
            party_size,
            guardian_name,
            member_id,
        }
    }
}

/// Everything `withdrawals` holds that an organiser may see.
#[derive(FromRow)]
pub(in crate::store) struct EndedDetails {
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
pub(in crate::store) struct AuditRow {
    pub(in crate::store) id: Uuid,
    pub(in crate::store) at: i64,
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
pub(in crate::store) struct JobRow {
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
