//! The database: committed rows, open transactions, and what one has to wait for in the other.
//!
//! READ COMMITTED with unique keys, as far as the registration transaction uses it: an insert with `ON CONFLICT DO
//! NOTHING` waits for an open transaction that holds its key, and loses to a committed row; the draw's row is held
//! shared by every registration and exclusively by whoever closes; the counter of a capped draw is one row.

use server::store::entries::ClaimKind;

use crate::bounds::{Bounds, Flaw};
use crate::world::state::{Body, Id};

/// Rows and transactions.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Database {
    /// Committed entries, live and ended.
    pub rows: Vec<Row>,
    /// Committed claims.
    pub claims: Vec<Claim>,
    /// The counter.
    pub taken: u8,
    /// The clock.
    pub now: u8,
    /// Who was live when the draw was stored as closed; `None` while it is not.
    pub frozen: Option<Vec<Id>>,
    /// Open transactions.
    pub open: Vec<Transaction>,
}

/// A committed entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Row {
    /// Id.
    pub id: Id,
    /// Tick of registration.
    pub at: u8,
    /// Whether it is live; if not, it was withdrawn.
    pub is_live: bool,
    /// It came in after closing, by the database's clock: never.
    pub is_late: bool,
}

/// A claim and its holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Claim {
    /// Kind.
    pub kind: ClaimKind,
    /// Key.
    pub key: u8,
    /// Holder.
    pub of: Id,
}

/// An open transaction.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Transaction {
    /// The server whose writer goes on with it; `None` when nobody hears of it any more.
    pub of: Option<u8>,
    /// Tick at which it held the draw's row.
    pub began: u8,
    /// What it takes for that tick.
    pub at: u8,
    /// How many rows of the running statement are done.
    pub done: usize,
    /// Entries it inserted.
    pub rows: Vec<Id>,
    /// Claims it inserted.
    pub claims: Vec<Claim>,
    /// Whether it holds the counter.
    pub has_counted: bool,
}

impl Database {
    /// Empty, at the start of the clock.
    pub fn new(bounds: &Bounds) -> Self {
        let now = bounds.clock.start;
        Self { rows: Vec::new(), claims: Vec::new(), taken: 0, now, frozen: None, open: Vec::new() }
    }

    /// Whether anything in it has this id.
    pub fn refers_to(&self, id: Id) -> bool {
        self.row(id).is_some() || self.open.iter().any(|transaction| transaction.rows.contains(&id))
    }

    /// The one order that counts.
    pub fn sort(&mut self) {
        self.rows.sort_unstable();
        self.claims.sort_unstable();
        self.open.sort();
    }

    /// A committed entry.
    pub fn row(&self, id: Id) -> Option<&Row> {
        self.rows.iter().find(|row| row.id == id)
    }

    /// The committed live entry of a person.
    pub fn by_person(&self, bounds: &Bounds, person: u8) -> Option<Body> {
        let row = self.rows.iter().find(|row| row.is_live && person_of(bounds, row.id) == person)?;
        Some(Body { id: row.id, at: row.at })
    }

    /// The committed entry, live or ended, that holds a claim.
    pub fn by_claim(&self, kind: ClaimKind, key: u8) -> Option<Body> {
        let claim = self.claims.iter().find(|claim| (claim.kind, claim.key) == (kind, key))?;
        let row = self.row(claim.of)?;
        Some(Body { id: row.id, at: row.at })
    }

    /// The transaction of a server's writer.
    pub fn transaction(&self, server: u8) -> Option<&Transaction> {
        self.open.iter().find(|transaction| transaction.of == Some(server))
    }

    fn transaction_mut(&mut self, server: u8) -> Option<&mut Transaction> {
        self.open.iter_mut().find(|transaction| transaction.of == Some(server))
    }

    /// Begins a transaction that holds the draw's row.
    pub fn begin(&mut self, server: u8, at: u8) {
        let (rows, claims) = (Vec::new(), Vec::new());
        let began = self.now;
        self.open.push(Transaction {
            of: Some(server),
            began,
            at,
            done: 0,
            rows,
            claims,
            has_counted: false,
        });
    }

    /// Undoes a server's transaction.
    pub fn roll_back(&mut self, server: u8) {
        self.open.retain(|transaction| transaction.of != Some(server));
    }

    /// Whether the next entry to insert has to wait for another transaction.
    pub fn waits_for_person(&self, bounds: &Bounds, server: u8, wanted: &[Id]) -> bool {
        let Some(next) = self.transaction(server).and_then(|transaction| wanted.get(transaction.done)) else {
            return false;
        };
        let person = person_of(bounds, *next);
        bounds.flaw != Some(Flaw::NoConstraint)
            && self.others(server).any(|other| other.rows.iter().any(|id| person_of(bounds, *id) == person))
    }

    /// Whether the next claim to insert has to wait for another transaction.
    pub fn waits_for_claim(&self, bounds: &Bounds, server: u8, wanted: &[Claim]) -> bool {
        let Some(next) = self.transaction(server).and_then(|transaction| wanted.get(transaction.done)) else {
            return false;
        };
        bounds.flaw != Some(Flaw::NoConstraint)
            && self.others(server).any(|other| other.claims.iter().any(|claim| is_same(claim, next)))
    }

    /// Inserts entries until one has to wait; whether all are done.
    pub fn insert_entries(&mut self, bounds: &Bounds, server: u8, wanted: &[Id]) -> bool {
        while !self.waits_for_person(bounds, server, wanted) {
            let Some(index) = self.open.iter().position(|transaction| transaction.of == Some(server)) else {
                return false;
            };
            let Some(&id) = wanted.get(self.open[index].done) else {
                self.open[index].done = 0;
                return true;
            };
            let person = person_of(bounds, id);
            let is_known = self.by_person(bounds, person).is_some()
                || self.open[index].rows.iter().any(|row| person_of(bounds, *row) == person);
            let transaction = &mut self.open[index];
            if !is_known || bounds.flaw == Some(Flaw::NoConstraint) {
                transaction.rows.push(id);
            }
            transaction.done += 1;
        }
        false
    }

    /// Inserts claims until one has to wait; whether all are done.
    pub fn insert_claims(&mut self, bounds: &Bounds, server: u8, wanted: &[Claim]) -> bool {
        while !self.waits_for_claim(bounds, server, wanted) {
            let Some(index) = self.open.iter().position(|transaction| transaction.of == Some(server)) else {
                return false;
            };
            let Some(&claim) = wanted.get(self.open[index].done) else {
                self.open[index].done = 0;
                return true;
            };
            let is_held =
                self.claims.iter().chain(&self.open[index].claims).any(|held| is_same(held, &claim));
            let transaction = &mut self.open[index];
            if !is_held || bounds.flaw == Some(Flaw::NoConstraint) {
                transaction.claims.push(claim);
            }
            transaction.done += 1;
        }
        false
    }

    /// Whether another transaction holds the counter of a capped draw.
    pub fn waits_for_counter(&self, bounds: &Bounds, server: u8) -> bool {
        bounds.capacity.is_some() && self.others(server).any(|other| other.has_counted)
    }

    /// Counts the inserted entries; how many would fit, where not all do.
    pub fn count(&mut self, bounds: &Bounds, server: u8) -> Option<usize> {
        let inserted = self.transaction(server)?.rows.len();
        let room =
            bounds.capacity.map_or(usize::MAX, |capacity| usize::from(capacity.saturating_sub(self.taken)));
        if inserted > room {
            return Some(room);
        }
        self.transaction_mut(server)?.has_counted = inserted > 0;
        None
    }

    /// Commits a transaction.
    pub fn commit(&mut self, bounds: &Bounds, index: usize) {
        let transaction = self.open.remove(index);
        let is_late = transaction.began >= bounds.clock.closes_at || self.frozen.is_some();
        for id in transaction.rows {
            self.rows.push(Row { id, at: transaction.at, is_live: true, is_late });
            self.taken += 1;
        }
        self.claims.extend(transaction.claims);
    }

    /// Nobody hears of a server's transaction any more: it may still commit, and holds what it holds until then.
    pub fn lose_sight_of(&mut self, server: u8) {
        if let Some(transaction) = self.transaction_mut(server) {
            transaction.of = None;
            transaction.done = 0;
        }
    }

    /// Stores that the draw is closed.
    pub fn close(&mut self) {
        if self.frozen.is_none() {
            self.frozen = Some(self.rows.iter().filter(|row| row.is_live).map(|row| row.id).collect());
        }
    }

    /// Binds a token to a committed entry, unless it is held; whether it was free. Waits for nobody: see
    /// [`Self::holds_open`].
    pub fn bind(&mut self, claim: Claim) -> bool {
        let is_free = !self.claims.iter().any(|held| is_same(held, &claim));
        self.claims.extend(is_free.then_some(claim));
        is_free
    }

    /// Whether an open transaction holds a claim: whoever wants it waits.
    pub fn holds_open(&self, claim: &Claim) -> bool {
        self.open.iter().flat_map(|transaction| &transaction.claims).any(|held| is_same(held, claim))
    }

    /// Ends an entry: person and claims are free again, the token and source and sequence are not.
    pub fn withdraw(&mut self, id: Id, frees_token: bool) {
        for row in &mut self.rows {
            row.is_live &= row.id != id;
        }
        self.claims.retain(|claim| {
            let is_kept = match claim.kind {
                ClaimKind::Token => !frees_token,
                ClaimKind::Source => true,
                ClaimKind::Phone | ClaimKind::Member => false,
            };
            claim.of != id || is_kept
        });
        self.taken = self.taken.saturating_sub(1);
    }

    fn others(&self, server: u8) -> impl Iterator<Item = &Transaction> {
        self.open.iter().filter(move |transaction| transaction.of != Some(server))
    }
}

/// The person of an entry.
pub fn person_of(bounds: &Bounds, id: Id) -> u8 {
    bounds.presses[usize::from(id.press)].person
}

/// Whether two claims are of the same thing.
pub fn is_same(one: &Claim, other: &Claim) -> bool {
    (one.kind, one.key) == (other.kind, other.key)
}
