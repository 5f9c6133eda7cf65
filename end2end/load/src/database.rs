//! What the database has to hold when a crowd was sent: read past the servers.

use std::collections::{HashMap, HashSet};

use serde::Serialize;
use sqlx::{Connection as _, PgConnection, SqliteConnection};
use uuid::Uuid;

use crate::work::{Form, Ledger};

/// Entries read at once.
const CHUNK: i64 = 20_000;
/// Entries' ids tell when they were made; clocks of servers and database differ by less than this, in milliseconds.
const CLOCKS_MS: i64 = 600_000;
/// Of each kind of violation, so many are told in words.
const TOLD: usize = 10;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Found {
    /// Registrations that were acknowledged.
    pub acknowledged: u64,
    /// People of whom the answers do not say whether they are in.
    pub unknown: u64,
    /// Live entries of this crowd.
    pub entries: u64,
    /// Of those of whom it was not known, who is in.
    pub unknown_in: u64,
    /// Acknowledged and not there.
    pub lost: u64,
    /// People with another entry beside the acknowledged one, or with two.
    pub twice: u64,
    /// Entries of people who were told that they are not in, or who never came.
    pub uncalled: u64,
    /// Live entries of the whole draw, by its rows.
    pub rows: i64,
    /// The same, by its counters.
    pub counters: i64,
    /// The first few violations in words.
    pub violations: Vec<String>,
}

impl Found {
    /// Whether everything acknowledged is there, once, and nothing else is.
    pub fn is_right(&self) -> bool {
        self.lost == 0 && self.twice == 0 && self.uncalled == 0 && self.rows == self.counters
    }

    fn tell(&mut self, count: fn(&mut Self) -> &mut u64, what: impl FnOnce() -> String) {
        let count = count(self);
        *count += 1;
        if *count <= TOLD as u64 {
            self.violations.push(what());
        }
    }
}

/// A connection in either dialect.
enum Connection {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

/// Runs the same lines for either connection: their drivers share no type.
macro_rules! with {
    ($connection:expr, $it:ident => $work:expr) => {
        match $connection {
            Connection::Postgres($it) => $work,
            Connection::Sqlite($it) => $work,
        }
    };
}

/// An entry as it is stored: its id, the email and when it was registered.
type Row = (Uuid, String, i64);

const ENTRIES: &str = "
    SELECT id, email_canonical, registered_at FROM entries
    WHERE draw_id = $1 AND (registered_at, id) > ($2, $3) AND email_canonical LIKE $4
    ORDER BY registered_at, id LIMIT $5";

/// Both at one instant: somebody else may be registering.
const COUNTS: &str = "
    SELECT (SELECT COUNT(*) FROM entries WHERE draw_id = $1),
        (SELECT CAST(COALESCE(SUM(taken), 0) AS BIGINT) FROM counters WHERE draw_id = $1)";

/// Looks for everything that a crowd called `run` was told of its entries in the draw of a slug.
///
/// # Errors
/// When the database cannot be read, or has no such draw.
pub async fn check(url: &str, slug: &str, run: &str, ledger: &Ledger) -> Result<Found, sqlx::Error> {
    let mut connection = if url.starts_with("postgres") {
        Connection::Postgres(PgConnection::connect(url).await?)
    } else {
        Connection::Sqlite(SqliteConnection::connect(url).await?)
    };
    let draw: Uuid = with!(&mut connection, it => {
        sqlx::query_scalar("SELECT id FROM draws WHERE slug = $1").bind(slug).fetch_one(it).await?
    });
    let mut looking = Looking::new(ledger);
    let pattern = format!("p%{}", Form::email_end(run));
    let mut last = (looking.since, Uuid::nil());
    loop {
        let rows: Vec<Row> = with!(&mut connection, it => {
            sqlx::query_as(ENTRIES).bind(draw).bind(last.0).bind(last.1).bind(&pattern).bind(CHUNK).fetch_all(it).await?
        });
        let Some((id, _, registered_at)) = rows.last() else { break };
        last = (*registered_at, *id);
        rows.iter().for_each(|(id, email, _)| looking.see(*id, Form::person(email, run), email));
    }
    let mut found = looking.finish();
    (found.rows, found.counters) = with!(&mut connection, it => {
        sqlx::query_as(COUNTS).bind(draw).fetch_one(it).await?
    });
    if found.rows != found.counters {
        let (rows, counters) = (found.rows, found.counters);
        found.violations.push(format!("the draw has {rows} entries, and its counters say {counters}"));
    }
    Ok(found)
}

/// Entries that are looked for, and those that were seen.
struct Looking {
    acknowledged: HashMap<u32, Uuid>,
    unknown: HashSet<u32>,
    seen: HashSet<u32>,
    /// No entry of theirs is older, in milliseconds since 1970.
    since: i64,
    found: Found,
}

impl Looking {
    fn new(ledger: &Ledger) -> Self {
        let entries = ledger.acknowledged.iter().map(|known| (known.person, Uuid::from_bytes(known.entry)));
        let unknown: HashSet<u32> = ledger.unknown.iter().copied().collect();
        let mut found = Found { unknown: unknown.len() as u64, ..Found::default() };
        let mut acknowledged = HashMap::with_capacity(ledger.acknowledged.len());
        for (person, entry) in entries {
            found.acknowledged += 1;
            if acknowledged.insert(person, entry).is_some_and(|other| other != entry) {
                found.tell(|it| &mut it.twice, || format!("person {person} was told of two entries"));
            }
        }
        let oldest = acknowledged.values().filter_map(made_at).min();
        let since = oldest.map_or(0, |at| at - CLOCKS_MS);
        Self { acknowledged, unknown, seen: HashSet::new(), since, found }
    }

    fn see(&mut self, id: Uuid, person: Option<u32>, email: &str) {
        let found = &mut self.found;
        found.entries += 1;
        let Some(person) = person else {
            return found.tell(|it| &mut it.uncalled, || format!("{email} is of nobody who came"));
        };
        if !self.seen.insert(person) {
            return found.tell(|it| &mut it.twice, || format!("{email} has two entries; one is {id}"));
        }
        match self.acknowledged.get(&person) {
            Some(known) if *known != id => {
                found.tell(|it| &mut it.twice, || format!("{email} was told of {known} and has {id}"));
            }
            Some(_) => {}
            None if self.unknown.contains(&person) => found.unknown_in += 1,
            None => found.tell(|it| &mut it.uncalled, || format!("{email} was told no and has {id}")),
        }
    }

    fn finish(mut self) -> Found {
        for (person, entry) in self.acknowledged.iter().filter(|(person, _)| !self.seen.contains(person)) {
            self.found
                .tell(|it| &mut it.lost, || format!("person {person} was told of {entry}, which is gone"));
        }
        self.found
    }
}

/// When an id was made, in milliseconds since 1970, if it says so.
fn made_at(id: &Uuid) -> Option<i64> {
    let (seconds, nanos) = id.get_timestamp()?.to_unix();
    i64::try_from(seconds).ok()?.checked_mul(1000)?.checked_add((nanos / 1_000_000).into())
}

#[cfg(test)]
mod tests;
