//! What organisers see of entries: tables, single entries, counts, the audit list, jobs.
//!
//! Every list is read in pages by keyset: a page begins after (or before) the last row seen, so that a
//! deep page costs as much as the first and no row is skipped or shown twice when rows come and go. Where only some
//! rows fit and no index tells which, a page may end early: see [`Page::is_cut`].

use async_trait::async_trait;
use shared::Entry;
use uuid::Uuid;

use super::StoreResult;
use crate::secrets::Digest;

/// Rows of one page.
pub const PAGE_ROWS: usize = 50;

/// What an entry is worth now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EntryState {
    /// Live.
    #[default]
    Registered,
    /// Ended by the entrant.
    Withdrawn,
    /// Ended by an organiser.
    Removed,
}

impl EntryState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Registered, Self::Withdrawn, Self::Removed];

    /// The name in URLs and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Withdrawn => "withdrawn",
            Self::Removed => "removed",
        }
    }

    /// The state of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// The order of a list of entries. Ended entries have no name any more: they are listed by time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// By instant of registration, latest first.
    #[default]
    Newest,
    /// By instant of registration, earliest first.
    Oldest,
    /// By name, as lowercased by Rust and compared by code point.
    Name,
}

/// Which entries of a draw are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// What they are worth now.
    pub state: EntryState,
    /// Of this category.
    pub category: Option<String>,
    /// Of this session.
    pub session: Option<String>,
    /// Whose name begins so, whatever the case. Implies [`Order::Name`]; no ended entry has a name.
    pub name_prefix: Option<String>,
}

impl Filter {
    /// Whether entries have to be looked at to know whether they fit: another index for each choice would cost every
    /// registration more than it saves whoever looks for few among millions.
    pub(super) fn has_choices(&self) -> bool {
        self.state != EntryState::Registered || self.category.is_some() || self.session.is_some()
    }
}

/// Where a row stands in its list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position<K> {
    /// What the list is sorted by.
    pub key: K,
    /// Breaks ties.
    pub id: Uuid,
}

/// What a list of entries is sorted by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SortKey {
    /// Milliseconds since 1970.
    Time(i64),
    /// A name in lowercase.
    Name(String),
}

/// Which page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Window<K> {
    /// The first.
    First,
    /// The one after a row.
    After(Position<K>),
    /// The one before a row.
    Before(Position<K>),
}

/// One page of a list, in the list's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T, K> {
    /// At most [`PAGE_ROWS`].
    pub rows: Vec<T>,
    /// Begins the next page; `None` on the last.
    pub next: Option<Position<K>>,
    /// Begins the previous page; `None` on the first.
    pub previous: Option<Position<K>>,
    /// Whether it ends because enough was looked at, and not because it is full or the list over: what else fits is on
    /// the pages beyond.
    pub is_cut: bool,
}

impl<T, K> Page<T, K> {
    /// All there is.
    pub fn only(rows: Vec<T>) -> Self {
        Self { rows, next: None, previous: None, is_cut: false }
    }
}

/// One entry in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryLine {
    /// Id.
    pub id: Uuid,
    /// What it is worth now.
    pub state: EntryState,
    /// Instant of registration, milliseconds since 1970.
    pub registered_at: i64,
    /// What is gone once the entry has ended.
    pub person: Option<Person>,
    /// Category's id.
    pub category: Option<String>,
    /// Session's id.
    pub session: Option<String>,
}

/// Who registered, as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Name as typed.
    pub full_name: String,
    /// Email address as typed.
    pub email: String,
    /// How many people the entry stands for.
    pub party_size: u32,
    /// Retries that were caught.
    pub retries: i64,
}

/// Something that names few entries, whatever they are worth now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exact {
    /// A person, by person key; entries of theirs may have ended before.
    Person(Digest),
    /// A receipt code.
    Receipt(String),
}

/// Everything known of one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryDetails {
    /// Id.
    pub id: Uuid,
    /// Receipt code.
    pub receipt: String,
    /// Instant of registration, milliseconds since 1970.
    pub registered_at: i64,
    /// What is left of it.
    pub status: EntryStatus,
}

/// What is left of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryStatus {
    /// All of it.
    Live(Box<LiveEntry>),
    /// What personal data was taken out of.
    Ended {
        /// How: withdrawn or removed.
        state: EntryState,
        /// When, milliseconds since 1970.
        ended_at: i64,
        /// Why it was removed.
        reason: Option<String>,
        /// Category's id.
        category: Option<String>,
        /// Session's id.
        session: Option<String>,
    },
}

/// A live entry with what is known of how it came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveEntry {
    /// The entry.
    pub entry: Entry,
    /// Version of the terms that were accepted.
    pub terms_version: i64,
    /// Milliseconds between page load and press, where the page said so.
    pub token_age: Option<i64>,
    /// Retries that were caught, up to a minute ago.
    pub retries: i64,
    /// The latest of them, milliseconds since 1970.
    pub last_retry_at: Option<i64>,
}

/// A live entry as an export writes it: what is stored, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportedEntry {
    /// Receipt code.
    pub receipt: String,
    /// Id.
    pub id: Uuid,
    /// Instant of registration, milliseconds since 1970.
    pub registered_at: i64,
    /// Name as typed.
    pub full_name: String,
    /// Email address as typed.
    pub email: String,
    /// E.164.
    pub phone: Option<String>,
    /// `YYYY-MM-DD`.
    pub date_of_birth: Option<String>,
    /// ISO 3166-1 alpha-2.
    pub country: Option<String>,
    /// Uppercase.
    pub postcode: Option<String>,
    /// Category's id.
    pub category: Option<String>,
    /// Session's id.
    pub session: Option<String>,
    /// How many people the entry stands for.
    pub party_size: i32,
    /// Who answers for an entrant under age.
    pub guardian_name: Option<String>,
    /// Membership number.
    pub member_id: Option<String>,
}

/// Entries of the last hour, and of the last minute, that are counted: a crowd makes more than there is time to count.
pub const RECENT_MAX: i64 = 100_000;

/// A draw's counts now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LiveCounts {
    /// Live entries.
    pub taken: i64,
    /// Entries of the last 60 minutes that are still live; more than [`RECENT_MAX`] are one more than that.
    pub last_hour: i64,
    /// Entries of the last 60 seconds that are still live, counted alike.
    pub last_minute: i64,
    /// What each layer caught in each of the last 24 hours, latest hour first.
    pub caught: Vec<Caught>,
}

/// What one layer caught in one hour, up to a minute ago.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caught {
    /// Start of the hour, milliseconds since 1970.
    pub hour: i64,
    /// Layer's name.
    pub layer: String,
    /// How many requests.
    pub count: i64,
}

/// One row of the audit list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditLine {
    /// Id.
    pub id: Uuid,
    /// When, milliseconds since 1970.
    pub at: i64,
    /// Who.
    pub actor: String,
    /// What.
    pub action: String,
    /// Slug of the draw.
    pub draw: Option<String>,
    /// To what.
    pub subject: Option<String>,
    /// More about it.
    pub detail: Option<String>,
}

/// A long operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Id.
    pub id: Uuid,
    /// What is done: "export".
    pub kind: String,
    /// `queued`, `running`, `done` or `failed`.
    pub state: String,
    /// Steps done.
    pub done: i64,
    /// Steps in all, once known.
    pub total: Option<i64>,
    /// What came of it.
    pub result: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
    /// When it was asked for, milliseconds since 1970.
    pub created_at: i64,
    /// When it last moved, milliseconds since 1970.
    pub updated_at: i64,
}

/// Lists for organisers.
#[async_trait]
pub trait Listing: Send + Sync {
    /// One page of a draw's entries.
    async fn entries(
        &self,
        draw: Uuid,
        filter: &Filter,
        order: Order,
        window: &Window<SortKey>,
    ) -> StoreResult<Page<EntryLine, SortKey>>;

    /// The entries of a draw that something exact names, live ones first, at most [`PAGE_ROWS`].
    async fn find_entries(&self, draw: Uuid, exact: &Exact) -> StoreResult<Vec<EntryLine>>;

    /// One entry of a draw, live or ended.
    async fn entry(&self, draw: Uuid, registered_at: i64, id: Uuid) -> StoreResult<Option<EntryDetails>>;

    /// Live entries of a draw in order of registration, those after a position, at most so many: what an
    /// export reads again and again, so that it needs no more memory for a million entries than for ten.
    async fn export_chunk(
        &self,
        draw: Uuid,
        after: Option<&Position<i64>>,
        at_most: u32,
    ) -> StoreResult<Vec<ExportedEntry>>;

    /// A draw's counts now.
    async fn live_counts(&self, draw: Uuid) -> StoreResult<LiveCounts>;

    /// One page of the audit list, latest first.
    async fn audit_lines(&self, window: &Window<i64>) -> StoreResult<Page<AuditLine, i64>>;

    /// A long operation.
    async fn job(&self, id: Uuid) -> StoreResult<Option<Job>>;
}
