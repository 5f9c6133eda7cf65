//! Who was not created by a batch: whom they lost to, in two look-ups of what is committed, and the binding of keys that
//! are answered with an entry that another key made.

use server::admission::protocol::{self, Shut, Winners};
use server::store::entries::ClaimKind;

use super::World;
use super::convert::{self, body_of, stored};
use super::database::Claim;
use super::state::{Batch, Body, Closed, Fate, Holders, Phase, State};
use crate::bounds::Flaw;

impl World {
    /// One of two look-ups of committed winners: of people, or of claims.
    fn find(&self, state: &State, batch: &Batch, closed: Option<Closed>, at: usize, people: bool) -> Holders {
        let press = self.press(batch.entries[at].0.press);
        if people {
            let person = state.database.by_person(&self.bounds, press.person);
            return Holders { person, ..Holders::default() };
        }
        let find = |kind, key| state.database.by_claim(kind, key);
        let only_retries = closed.is_some() && batch.live.contains(&at);
        let mut told = press.claims.iter().filter(|(kind, _)| kind.field().is_some());
        let is_taken =
            |body: Body| protocol::is_clash(&self.press(body.id.press).identity(), &press.identity());
        Holders {
            token: find(ClaimKind::Token, press.token),
            source: press.source().and_then(|key| find(ClaimKind::Source, key)),
            is_taken: !only_retries && told.any(|(kind, key)| find(*kind, *key).is_some_and(is_taken)),
            person: None,
        }
    }

    /// The first look-up.
    pub(super) fn look_up_first(&self, state: &State, batch: &mut Batch, closed: Option<Closed>) {
        let people = !self.has(Flaw::ClaimsBeforePeople);
        let found = batch.undecided().map(|at| self.find(state, batch, closed, at, people)).collect();
        batch.phase = Phase::LookUpRest(closed, found);
    }

    /// The second look-up, and with both the fate of everybody.
    pub(super) fn look_up_rest(
        &self,
        state: &State,
        batch: &mut Batch,
        closed: Option<Closed>,
        found: &[Holders],
    ) {
        let people = self.has(Flaw::ClaimsBeforePeople);
        let undecided: Vec<usize> = batch.undecided().collect();
        for (at, first) in undecided.into_iter().zip(found) {
            let holders = first.and(self.find(state, batch, closed, at, people));
            let press = self.press(batch.entries[at].0.press);
            let stored = |body| stored(self, body);
            let winners = Winners {
                token: holders.token.map(stored),
                source: holders.source.map(stored),
                person: holders.person.map(stored),
                taken: if holders.is_taken { vec![ClaimKind::Phone] } else { Vec::new() },
            };
            let fate = match closed {
                Some(closed) if batch.live.contains(&at) => {
                    let shut = match closed {
                        Closed::TooEarly => Shut::NotOpen { opens_at: 1, now: 0 },
                        Closed::ForGood => Shut::Closed,
                    };
                    if self.has(Flaw::RefuseKnownRetryWhenClosed) {
                        shut.fate()
                    } else {
                        winners.fate_when_shut(&press.identity(), shut)
                    }
                }
                _ => winners.fate(),
            };
            batch.fates[at] = Some(convert::fate(&fate));
        }
        let has_written = batch.fates.iter().any(|fate| matches!(fate, Some(Fate::Created(_))));
        let binds = !self.to_be_bound(batch).is_empty() && !self.has(Flaw::NoBinding);
        batch.phase = if binds { Phase::Bind { has_written } } else { Phase::Tell };
    }

    /// Places whose keys have to be bound to an entry before they are answered with it, and how.
    pub(super) fn to_be_bound(&self, batch: &Batch) -> Vec<(usize, Claim)> {
        let claim = |at: usize| {
            let (id, fate) = (batch.entries[at].0, batch.fates[at]?);
            let press = self.press(id.press);
            let fate = convert::written(self, fate);
            let of = body_of(protocol::to_be_bound(&fate, &press.identity())?).id;
            Some((at, Claim { kind: ClaimKind::Token, key: press.token, of }))
        };
        (0..batch.fates.len()).filter_map(claim).collect()
    }

    /// Binds keys: a transaction of one statement, which needs nothing of the draw's row, and so is one step.
    pub(super) fn bind(&self, state: &mut State, batch: &mut Batch) {
        for (at, claim) in self.to_be_bound(batch) {
            let is_bound = state.database.bind(claim);
            if let Some(Fate::PersonKnown(body) | Fate::SourceKnown(body)) = batch.fates[at] {
                let fate = protocol::after_binding(stored(self, body), is_bound);
                batch.fates[at] = Some(convert::fate(&fate));
            }
        }
        batch.phase = Phase::Tell;
    }

    /// Binding commits or not, and nobody hears of it. What is committed is committed: where there is something, those
    /// whose fate cannot be read come again, and the others know theirs; else the batch is in doubt.
    pub(super) fn lose_binding(&self, state: &mut State, server: u8, commits: bool) {
        let Some(mut batch) = state.servers[usize::from(server)].batch.take() else { return };
        let Phase::Bind { has_written } = batch.phase else { return };
        if commits {
            self.bind(state, &mut batch.clone());
        }
        if has_written {
            for fate in &mut batch.fates {
                let is_certain = matches!(fate, Some(Fate::Created(_) | Fate::Full));
                *fate = fate.filter(|_| is_certain).or(Some(Fate::Again));
            }
            batch.phase = Phase::Tell;
        } else {
            batch.phase = Phase::InDoubt;
        }
        state.servers[usize::from(server)].batch = Some(batch);
    }
}

impl Holders {
    /// What two look-ups found together.
    fn and(self, other: Self) -> Self {
        Self {
            person: self.person.or(other.person),
            token: self.token.or(other.token),
            source: self.source.or(other.source),
            is_taken: self.is_taken || other.is_taken,
        }
    }
}
