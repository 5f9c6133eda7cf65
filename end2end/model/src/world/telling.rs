//! What requests are told, judged at that instant: promises about answers cannot be read from rows alone.

use server::store::Mode;

use super::sights::Sight;
use super::state::{Body, Id};
use super::{State, World};
use crate::bounds::Press;

/// A promise about answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Promise {
    /// G2: a receipt names a committed entry.
    Committed,
    /// G3: one attempt, one receipt, and no refusal after it.
    SameReceipt,
    /// G8: nobody gets another person's receipt, and nobody one without its key or its browser's proof.
    OwnPerson,
    /// Strict draws: another payload gets no replay.
    OwnPayload,
    /// G10: no definite refusal while the attempt's own entry is committed, or may be.
    NoFalseRefusal,
    /// What the rules say against one request is told to no other.
    OwnVerdict,
    /// A clash is told only when something committed is clashed with.
    RealClash,
}

/// Which layer answered a replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The attempt's own new entry.
    New,
    /// Memory.
    Memory,
    /// The end of the flight it joined.
    Flight,
    /// The cache, at once.
    Cache,
    /// The cache, after waiting for the lease.
    Lock,
    /// A look-up for a held verdict.
    ClaimRow,
    /// The constraint, by the same key.
    Constraint,
    /// The constraint, by person and cookie.
    Cookie,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The rules.
    Invalid,
    /// The token's age.
    Expired,
    /// Too much waits: come again.
    Overloaded,
    /// Nobody can say yet: come again.
    InProgress,
    /// The key belongs to something else.
    KeyReused,
    /// The person is registered.
    AlreadyRegistered,
    /// A claim is taken.
    ClaimTaken,
    /// Too early.
    NotOpen,
    /// Closed.
    Closed,
    /// Full.
    Full,
    /// A fault: only for [`crate::Flaw::CommitInDoubtIsFailure`].
    Failed,
}

impl State {
    fn break_promise(&mut self, promise: Promise) {
        self.broken |= 1 << promise as u8;
    }

    /// Whether the last step broke a promise.
    pub fn has_broken(&self, promise: Promise) -> bool {
        self.broken & (1 << promise as u8) != 0
    }
}

impl World {
    /// A request of a press gets a receipt.
    pub(super) fn tell_receipt(&self, state: &mut State, press: u8, body: Body, source: Source) {
        let (reader, writer) = (self.press(press), self.press(body.id.press));
        let row = state.database.row(body.id).copied();
        if row.is_none_or(|row| row.at != body.at) {
            state.break_promise(Promise::Committed);
        }
        if !self.may_have(reader, writer) {
            state.break_promise(Promise::OwnPerson);
        }
        if self.bounds.mode == Mode::Strict && reader.payload != writer.payload {
            state.break_promise(Promise::OwnPayload);
        }
        let client = &mut state.clients[usize::from(press)];
        let is_first = client.acknowledged.is_none();
        if *client.acknowledged.get_or_insert(body) != body {
            state.break_promise(Promise::SameReceipt);
        }
        let was_unsure = std::mem::take(&mut state.clients[usize::from(press)].is_unsure);
        state.show(match source {
            Source::New => Sight::Created,
            Source::Memory => Sight::FromMemory,
            Source::Flight => Sight::FromFlight,
            Source::Cache => Sight::FromCache,
            Source::Lock => Sight::FromLock,
            Source::ClaimRow => Sight::FromClaimRow,
            Source::Constraint => Sight::FromConstraint,
            Source::Cookie => Sight::ByCookie,
        });
        if source == Source::New {
            let mut earlier = state.database.rows.iter().filter(|row| !row.is_live);
            if earlier.any(|row| self.press(row.id.press).person == writer.person) {
                state.show(Sight::RegisteredAnew);
            }
            return;
        }
        if was_unsure && is_first {
            state.show(Sight::KnownAfterUnknown);
        }
        if state.database.frozen.is_some() {
            state.show(Sight::ReplayWhenClosed);
        }
        if self.bounds.capacity.is_some_and(|capacity| state.database.taken >= capacity) {
            state.show(Sight::ReplayWhenFull);
        }
        if row.is_some_and(|row| !row.is_live) {
            state.show(Sight::ReplayWhenWithdrawn);
        }
    }

    /// Whether a press may get the receipt of an entry: it is of the same person, and its key made the entry, or was
    /// bound to it with the browser's proof and the same payload.
    fn may_have(&self, reader: &Press, writer: &Press) -> bool {
        let has_proof = |press: &Press| {
            press.browser.is_some() && press.browser == writer.browser && press.payload == writer.payload
        };
        let is_key_of = |press: &Press| {
            press.token == writer.token || (press.source().is_some() && press.source() == writer.source())
        };
        let mut under_the_key = self.bounds.presses.iter().filter(|press| press.token == reader.token);
        reader.person == writer.person
            && (is_key_of(reader)
                || under_the_key.any(|press| press.person == writer.person && has_proof(press)))
    }

    /// A refusal is decided for a request of a press. It is judged now, by what is committed or may be, even where
    /// it is told a moment later: two requests of one attempt at once are answered in some order.
    pub(super) fn refuse(&self, state: &mut State, press: u8, refusal: Refusal) {
        let is_own = |id: &Id| id.press == press;
        let database = &state.database;
        let is_committed = database.rows.iter().any(|row| is_own(&row.id));
        let in_doubt = database.open.iter().filter(|transaction| transaction.of.is_none());
        let may_be = in_doubt.flat_map(|transaction| &transaction.rows).any(is_own);
        let is_definite = !matches!(refusal, Refusal::Overloaded | Refusal::InProgress);
        if (is_committed || may_be) && is_definite {
            state.break_promise(Promise::NoFalseRefusal);
        }
        if state.clients[usize::from(press)].acknowledged.is_some() && is_definite {
            state.break_promise(Promise::SameReceipt);
        }
        if refusal == Refusal::Invalid && self.press(press).is_valid {
            state.break_promise(Promise::OwnVerdict);
        }
        if matches!(refusal, Refusal::AlreadyRegistered | Refusal::ClaimTaken) {
            let wanted = self.press(press);
            // Ended entries count: they may have been live when the attempt lost to them.
            let clashes = state.database.rows.iter().any(|row| {
                let holder = self.press(row.id.press);
                holder.person == wanted.person
                    || holder.claims.iter().any(|claim| wanted.claims.contains(claim))
            });
            if !clashes {
                state.break_promise(Promise::RealClash);
            }
        }
        state.show(match refusal {
            Refusal::Invalid | Refusal::Expired | Refusal::Failed => Sight::Refused,
            Refusal::Overloaded => Sight::Overloaded,
            Refusal::InProgress => Sight::Settling,
            Refusal::KeyReused => Sight::KeyReused,
            Refusal::AlreadyRegistered => Sight::AlreadyRegistered,
            Refusal::ClaimTaken => Sight::ClaimTaken,
            Refusal::NotOpen => Sight::NotOpen,
            Refusal::Closed => Sight::Closed,
            Refusal::Full => Sight::Full,
        });
    }

    /// A request of a press is told that nobody knows.
    pub(super) fn tell_unknown(&self, state: &mut State, press: u8) {
        let client = &mut state.clients[usize::from(press)];
        client.is_unsure = client.acknowledged.is_none();
        state.show(Sight::Unknown);
    }
}
