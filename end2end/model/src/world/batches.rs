//! A writer and its batch: passes, each one transaction, until every entry has its fate or nobody knows it. What an
//! outcome means is asked of `server::admission::protocol`.

use server::admission::protocol::{
    AfterPass, AfterTry, Pass, Round, Shut, after_lost_answer, after_pass, after_round, recognise,
};
use shared::DrawState;

use super::World;
use super::convert::{self, uuid};
use super::database::{Claim, person_of};
use super::sights::Sight;
use super::state::{Batch, Body, Closed, Fate, Id, Phase, Stage, State, Value};
use super::telling::{Refusal, Source};
use crate::bounds::Flaw;

impl World {
    /// A free writer takes what waits: what lost before goes first.
    pub(super) fn gather(&self, state: &mut State, server: u8) {
        let home = &mut state.servers[usize::from(server)];
        let waiting = if home.again.is_empty() { &mut home.queue } else { &mut home.again };
        let entries: Vec<_> = waiting.drain(..waiting.len().min(self.bounds.batch_max)).collect();
        home.batch = Some(Batch::new(entries));
    }

    /// The next step of a server's batch, but for those that can go in more than one way.
    pub(super) fn advance(&self, state: &mut State, server: u8) {
        let Some(mut batch) = state.servers[usize::from(server)].batch.take() else { return };
        let phase = std::mem::replace(&mut batch.phase, Phase::Begin);
        match phase {
            Phase::Begin => self.begin(state, server, &mut batch),
            Phase::Close => {
                state.database.close();
                state.show(Sight::ClosedByClock);
            }
            Phase::Entries => {
                let wanted = self.entries_in_order(&batch);
                let is_done = state.database.insert_entries(&self.bounds, server, &wanted);
                batch.phase = if is_done { Phase::Claims } else { Phase::Entries };
            }
            Phase::Claims => {
                let wanted = self.claims_in_order(state, server, &batch);
                if state.database.insert_claims(&self.bounds, server, &wanted) {
                    self.after_claims(state, server, &mut batch, &wanted);
                } else {
                    batch.phase = Phase::Claims;
                }
            }
            Phase::Count => self.count(state, server, &mut batch),
            Phase::LookUp(closed) => self.look_up_first(state, &mut batch, closed),
            Phase::LookUpRest(closed, found) => self.look_up_rest(state, &mut batch, closed, &found),
            Phase::Bind { .. } => {
                self.bind(state, &mut batch);
                // Committed, and not told yet.
                state.servers[usize::from(server)].batch = Some(batch);
                return;
            }
            phase @ (Phase::Commit | Phase::InDoubt | Phase::Tell) => batch.phase = phase,
        }
        let is_told = batch.phase == Phase::Tell;
        state.servers[usize::from(server)].batch = Some(batch);
        if is_told {
            self.tell_batch(state, server);
        }
    }

    /// Whether a batch's next statement has to wait for another transaction.
    pub(super) fn is_blocked(&self, state: &State, server: u8, batch: &Batch) -> bool {
        let database = &state.database;
        match batch.phase {
            // Whoever closes takes the draw's row for itself.
            Phase::Close => !database.open.is_empty(),
            Phase::Entries => database.waits_for_person(&self.bounds, server, &self.entries_in_order(batch)),
            Phase::Claims => {
                let wanted = self.claims_in_order(state, server, batch);
                database.waits_for_claim(&self.bounds, server, &wanted)
            }
            Phase::Count => database.waits_for_counter(&self.bounds, server),
            Phase::Bind { .. } => self.to_be_bound(batch).iter().any(|(_, claim)| database.holds_open(claim)),
            _ => false,
        }
    }

    /// Holds the draw's row, reads the clock, and sees whether the draw takes anybody.
    fn begin(&self, state: &mut State, server: u8, batch: &mut Batch) {
        let clock = self.bounds.clock;
        let late_by = u8::from(self.has(Flaw::CloseByServerClock));
        let now = state.database.now.saturating_sub(late_by);
        let stored = if state.database.frozen.is_some() { DrawState::Closed } else { DrawState::Announced };
        let shut = Shut::at(stored, clock.opens_at.into(), clock.closes_at.into(), now.into());
        if let Some(back) = Pass::before_inserts(shut, 1, [1]) {
            self.pass(state, batch, &back);
            return;
        }
        state.database.begin(server, now);
        batch.phase = Phase::Entries;
        let tokens: Vec<u8> = batch.live.iter().map(|&at| self.token_of(batch.entries[at].0)).collect();
        let mut others = state.database.open.iter().filter(|transaction| transaction.of != Some(server));
        if others.any(|other| other.rows.iter().any(|id| tokens.contains(&self.token_of(*id)))) {
            state.show(Sight::TwoTransactions);
        }
        if batch.live.len() < batch.entries.len() && batch.fates.iter().all(Option::is_none) {
            state.show(Sight::WithoutLosers);
        }
    }

    /// Live entries in the order in which they are inserted: arrival breaks ties.
    fn entries_in_order(&self, batch: &Batch) -> Vec<Id> {
        let mut sorted = batch.live.clone();
        sorted.sort_by_key(|&at| (person_of(&self.bounds, batch.entries[at].0), at));
        sorted.into_iter().map(|at| batch.entries[at].0).collect()
    }

    /// The claims of inserted entries in the order in which they are inserted.
    fn claims_in_order(&self, state: &State, server: u8, batch: &Batch) -> Vec<Claim> {
        let inserted = state.database.transaction(server).map_or(&[][..], |transaction| &transaction.rows);
        let entries = batch.entries.iter().map(|(id, _)| *id).filter(|id| inserted.contains(id));
        let claims = entries
            .flat_map(|of| self.press(of.press).all_claims().map(move |(kind, key)| Claim { kind, key, of }));
        let mut claims: Vec<Claim> = claims.collect();
        claims.sort_by_key(|claim| (claim.kind, claim.key));
        claims
    }

    fn after_claims(&self, state: &mut State, server: u8, batch: &mut Batch, wanted: &[Claim]) {
        let held = state.database.transaction(server).map_or(&[][..], |transaction| &transaction.claims);
        let mut losers: Vec<usize> = wanted
            .iter()
            .filter(|claim| !held.contains(claim))
            .filter_map(|claim| batch.entries.iter().position(|(id, _)| *id == claim.of))
            .collect();
        losers.sort_unstable();
        losers.dedup();
        if self.has(Flaw::LoserFromUncommittedWinner) {
            self.judge_by_uncommitted(state, server, batch, &losers);
        }
        if self.has(Flaw::KeepLosersInBatch) {
            losers.clear();
        }
        match Pass::after_claims(losers) {
            Some(back) => {
                state.database.roll_back(server);
                self.pass(state, batch, &back);
            }
            None if self.bounds.capacity.is_some() => batch.phase = Phase::Count,
            None => self.count(state, server, batch),
        }
    }

    /// What [`Flaw::LoserFromUncommittedWinner`] does: takes the rows of the running transaction for winners.
    fn judge_by_uncommitted(&self, state: &State, server: u8, batch: &mut Batch, losers: &[usize]) {
        let Some(transaction) = state.database.transaction(server) else { return };
        for at in batch.live.clone() {
            let id = batch.entries[at].0;
            let person = person_of(&self.bounds, id);
            let same_person = transaction.rows.iter().find(|row| person_of(&self.bounds, **row) == person);
            let shares_claim =
                |held: &Claim| held.of != id && self.press(id.press).claims.contains(&(held.kind, held.key));
            batch.fates[at] = match same_person {
                Some(winner) if *winner != id => {
                    let body = Body { id: *winner, at: transaction.at };
                    Some(Fate::PersonKnown(body))
                }
                _ if losers.contains(&at) && transaction.claims.iter().any(shares_claim) => {
                    Some(Fate::ClaimsTaken)
                }
                _ => None,
            };
        }
    }

    fn count(&self, state: &mut State, server: u8, batch: &mut Batch) {
        let inserted = self.inserted(state, server, batch);
        let fits = state.database.count(&self.bounds, server);
        if let Some(back) = Pass::after_count(&inserted, fits) {
            state.database.roll_back(server);
            self.pass(state, batch, &back);
            return;
        }
        batch.phase = Phase::Commit;
        let at = state.database.transaction(server).map_or(0, |transaction| transaction.at);
        for place in inserted {
            let id = batch.entries[place].0;
            let body = Body { id, at };
            if self.has(Flaw::AcknowledgeBeforeCommit) {
                self.tell_receipt(state, id.press, body, Source::New);
            }
            if self.has(Flaw::SettleBeforeCommit) {
                state.shared[usize::from(self.token_of(id))].value = Some(Value::Sealed(body));
            }
        }
    }

    /// Places of the entries that the running transaction inserted.
    fn inserted(&self, state: &State, server: u8, batch: &Batch) -> Vec<usize> {
        let rows = state.database.transaction(server).map_or(&[][..], |transaction| &transaction.rows);
        rows.iter().filter_map(|row| batch.entries.iter().position(|(id, _)| id == row)).collect()
    }

    /// COMMIT, and its answer arrives.
    pub(super) fn commit(&self, state: &mut State, server: u8) {
        let Some(mut batch) = state.servers[usize::from(server)].batch.take() else { return };
        let created = self.inserted(state, server, &batch);
        let open = state.database.open.iter().position(|transaction| transaction.of == Some(server));
        if let Some(index) = open {
            let registered_at = state.database.open[index].at.into();
            state.database.commit(&self.bounds, index);
            self.pass(state, &mut batch, &Pass::Committed { created, registered_at });
        }
        let is_told = batch.phase == Phase::Tell;
        state.servers[usize::from(server)].batch = Some(batch);
        if is_told {
            self.tell_batch(state, server);
        }
    }

    /// What follows a pass, but for opening the transaction.
    fn pass(&self, state: &mut State, batch: &mut Batch, pass: &Pass) {
        match pass {
            Pass::Committed { created, registered_at } => {
                let at = u8::try_from(*registered_at).unwrap_or(u8::MAX);
                for &place in created {
                    batch.fates[place] = Some(Fate::Created(at));
                }
            }
            Pass::Only { full, .. } => {
                state.show(Sight::WithFewer);
                let flawed = self.has(Flaw::FullWithoutAnotherPass);
                for &place in if flawed { full } else { pass.full() } {
                    batch.fates[place] = Some(Fate::Full);
                    // Judged by what is known now, though it may be told a moment later.
                    if !flawed {
                        self.refuse(state, batch.entries[place].0.press, Refusal::Full);
                    }
                }
            }
            Pass::Without(_) | Pass::Shut(_) | Pass::DrawChanged => {}
        }
        let next = after_pass(&mut batch.live, &mut batch.counted_out, pass);
        if self.has(Flaw::FullWithoutAnotherPass) {
            batch.counted_out.clear();
        }
        batch.phase = match next {
            AfterPass::RunAgain if !batch.live.is_empty() => Phase::Begin,
            AfterPass::CloseAndRunAgain => Phase::Close,
            AfterPass::RunAgain | AfterPass::LookUpLosers | AfterPass::JudgeAgain => Phase::LookUp(None),
            AfterPass::LookUpRetries(Shut::NotOpen { .. }) => Phase::LookUp(Some(Closed::TooEarly)),
            AfterPass::LookUpRetries(Shut::Over | Shut::Closed) => Phase::LookUp(Some(Closed::ForGood)),
        };
        if batch.fates.iter().all(Option::is_some) {
            batch.phase = Phase::Tell;
        }
    }

    /// Everybody's fate is known: told, or once more.
    fn tell_batch(&self, state: &mut State, server: u8) {
        let Some(batch) = state.servers[usize::from(server)].batch.take() else { return };
        for ((id, tries), fate) in batch.entries.into_iter().zip(batch.fates) {
            let mut fate = fate.unwrap_or(Fate::Again);
            if batch.in_doubt {
                let recognised = convert::fate(&recognise(convert::written(self, fate), uuid(id)));
                if recognised != fate {
                    state.show(Sight::Recognised);
                }
                fate = recognised;
            }
            let written = convert::written(self, fate);
            let told = match after_round(&written, tries.into(), self.bounds.again_max.into()) {
                Round::Tell => Some(fate),
                Round::NobodyKnows => None,
                Round::Again => {
                    state.show(Sight::OnceMore);
                    state.servers[usize::from(server)].again.push((id, tries + 1));
                    continue;
                }
            };
            self.tell_task(state, server, id, told);
        }
    }

    fn tell_task(&self, state: &mut State, server: u8, id: Id, told: Option<Fate>) {
        let tasks = &state.servers[usize::from(server)].tasks;
        if let Some(at) = tasks.iter().position(|task| task.stage == Stage::Write(id)) {
            self.end_written(state, server, at, told);
        }
    }

    /// COMMIT is sent, and its answer is lost.
    pub(super) fn lose_answer(&self, state: &mut State, server: u8) {
        state.database.lose_sight_of(server);
        let Some(batch) = &mut state.servers[usize::from(server)].batch else { return };
        batch.phase = Phase::InDoubt;
        if self.has(Flaw::CommitInDoubtIsFailure) {
            let entries = std::mem::take(&mut batch.entries);
            state.servers[usize::from(server)].batch = None;
            for (id, _) in entries {
                self.refuse(state, id.press, Refusal::Failed);
                self.tell_task(state, server, id, None);
            }
        }
    }

    /// A batch in doubt is written again, or given up when its time is over.
    pub(super) fn resolve_doubt(&self, state: &mut State, server: u8, has_time: bool) {
        let Some(batch) = state.servers[usize::from(server)].batch.take() else { return };
        match after_lost_answer(true, has_time) {
            AfterTry::WriteAgain => {
                let again = Batch { in_doubt: true, ..Batch::new(batch.entries) };
                state.servers[usize::from(server)].batch = Some(again);
                state.show(Sight::WrittenAgain);
            }
            AfterTry::NobodyKnows => {
                for (id, _) in batch.entries {
                    self.tell_task(state, server, id, None);
                }
            }
        }
    }

    fn token_of(&self, id: Id) -> u8 {
        self.press(id.press).token
    }
}

impl Batch {
    fn new(entries: Vec<(Id, u8)>) -> Self {
        let (live, fates) = ((0..entries.len()).collect(), vec![None; entries.len()]);
        Self { entries, live, counted_out: Vec::new(), fates, in_doubt: false, phase: Phase::Begin }
    }

    /// Places of those whose fate is not known yet.
    pub(super) fn undecided(&self) -> impl Iterator<Item = usize> {
        (0..self.fates.len()).filter(|at| self.fates[*at].is_none())
    }
}
