//! A request within a server: memory, a place among those under its key, the shared outcome or its lease, held
//! verdicts, the end, settling. What each answer means is asked of `server::admission::protocol`.

use server::admission::protocol::{
    self, AfterWrite, Decision, Held, Known, LookStep, Looking, Remember, Said, Seat, Settling, Tell,
};
use server::store::entries::ClaimKind;

use super::convert::{body_of, stored, written};
use super::database::Claim;
use super::sights::Sight;
use super::state::{Age, Body, Door, Fate, Lease, Remembered, Stage, State, Task, Value, Verdict};
use super::telling::{Refusal, Source};
use super::{Reply, World};
use crate::bounds::Flaw;

impl World {
    /// A request arrives, or is woken: it looks into the memory.
    pub(super) fn look_into_memory(&self, state: &mut State, server: u8, press: u8) {
        let token = usize::from(self.press(press).token);
        match state.servers[usize::from(server)].memory[token] {
            Some(Remembered::Outcome(body)) => self.replay_by_key(state, press, body, Source::Memory),
            Some(Remembered::Refusal) => self.refuse(state, press, Refusal::Invalid),
            None => state.servers[usize::from(server)].door.push((press, Door::Missed)),
        }
    }

    /// A request that found nothing in the memory takes a place among those under its key.
    pub(super) fn enter(&self, state: &mut State, server: u8, press: u8) {
        let verdict = self.judge(state, press);
        let home = &mut state.servers[usize::from(server)];
        let token = self.press(press).token;
        let in_flight =
            home.tasks.iter_mut().find(|task| task.is_in_flight() && self.press(task.press).token == token);
        let Some(first) = in_flight else {
            let stage = Stage::Ask { has_waited: false, has_discarded: false };
            let task = Task { press, stage, verdict, lease: None, joined: Vec::new() };
            state.servers[usize::from(server)].tasks.push(task);
            return;
        };
        let (mut theirs, ours) = (self.press(first.press).claimant(), self.press(press).claimant());
        let mut their_verdict = first.verdict;
        if self.has(Flaw::JoinAnotherPayload) {
            theirs = ours;
        }
        if self.has(Flaw::JoinAnotherVerdict) {
            their_verdict = verdict;
        }
        match protocol::seat((&theirs, &their_verdict), (&ours, &verdict)) {
            Seat::Join => {
                if let Err(at) = first.joined.binary_search(&press) {
                    first.joined.insert(at, press);
                }
            }
            Seat::Wait => {
                home.door.push((press, Door::Waiting));
                state.show(Sight::Waited);
            }
        }
    }

    /// A task asks for the outcome, or the lease to make it, and goes on by the answer.
    pub(super) fn ask(&self, state: &mut State, server: u8, at: usize, reply: Reply) {
        let Some(task) = state.servers[usize::from(server)].tasks.get(at).cloned() else { return };
        let Stage::Ask { has_waited, has_discarded } = task.stage else { return };
        let mut lease = None;
        let mut said = Said::Failed;
        if reply != Reply::LostBefore {
            // Who is not going to write only looks.
            let wants_lease = task.verdict.is_none();
            (said, lease) = self.get_or_lease(state, task.press, wants_lease);
        }
        if reply != Reply::Heard {
            said = Said::Failed;
        }
        let mut looking = Looking { has_waited, has_discarded };
        let step = looking.next(said);
        if let Some(lease) = lease {
            state.servers[usize::from(server)].tasks[at].lease = Some(lease);
        }
        self.follow(state, server, at, looking, step);
    }

    /// What one call of Redis says, and the lease it granted.
    fn get_or_lease(
        &self,
        state: &mut State,
        press: u8,
        wants_lease: bool,
    ) -> (Said<Body, Value>, Option<Lease>) {
        let token = usize::from(self.press(press).token);
        match state.shared[token] {
            super::Shared { value: Some(Value::Sealed(body)), .. } => (Said::Outcome(body), None),
            super::Shared { value: Some(Value::Forged(body)), .. } if self.has(Flaw::BelieveCachedValue) => {
                (Said::Outcome(body), None)
            }
            super::Shared { value: Some(junk), .. } => (Said::Junk(junk), None),
            super::Shared { lease: Some(_), .. } if wants_lease => (Said::Busy, None),
            super::Shared { .. } if wants_lease => {
                let owner = state.new_owner();
                state.shared[token].lease = Some(owner);
                (Said::Leased, Some(Lease { owner, is_good: true }))
            }
            super::Shared { .. } => (Said::Leased, None),
        }
    }

    /// What follows from an answer about the shared outcome.
    fn follow(
        &self,
        state: &mut State,
        server: u8,
        at: usize,
        looking: Looking,
        step: LookStep<Body, Value>,
    ) {
        let home = usize::from(server);
        let Looking { has_waited, has_discarded } = looking;
        let task = &mut state.servers[home].tasks[at];
        let press = task.press;
        match step {
            LookStep::Known(body, layer) => {
                let source = if layer == shared::Layer::Lock { Source::Lock } else { Source::Cache };
                self.end(state, server, at, Some(body), |world, state, press| {
                    world.replay_by_key(state, press, body, source);
                });
            }
            LookStep::Discard(junk) => {
                task.stage = Stage::Ask { has_waited, has_discarded };
                let shared = &mut state.shared[usize::from(self.press(press).token)];
                if shared.value == Some(junk) {
                    shared.value = None;
                }
                state.show(Sight::Discarded);
            }
            LookStep::Wait { .. } => task.stage = Stage::Wait { has_discarded },
            LookStep::GoOn { may_hold_lease } => {
                if !may_hold_lease {
                    task.lease = None;
                }
                match task.verdict {
                    Some(verdict) => state.servers[home].tasks[at].stage = Stage::LookUp(verdict),
                    None => {
                        let id = state.new_id(press);
                        state.servers[home].tasks[at].stage = Stage::Write(id);
                        state.servers[home].queue.push((id, 0));
                    }
                }
            }
        }
    }

    /// The verdict that is held against a request from the start.
    fn judge(&self, state: &State, press: u8) -> Option<Verdict> {
        match (self.press(press).is_valid, state.age) {
            (false, _) => Some(Verdict::Invalid),
            (true, Age::Fresh) => None,
            (true, Age::Settling) if self.has(Flaw::ExpiryWithoutSettling) => Some(Verdict::Expired),
            (true, Age::Settling) => Some(Verdict::Settling),
            (true, Age::Expired) => Some(Verdict::Expired),
        }
    }

    /// The wait for another's lease ends: by its end, or in vain.
    pub(super) fn wake(&self, state: &mut State, server: u8, at: usize, in_vain: bool) {
        let task = &mut state.servers[usize::from(server)].tasks[at];
        let Stage::Wait { has_discarded } = task.stage else { return };
        if in_vain {
            let mut looking = Looking { has_waited: true, has_discarded };
            let step = looking.next(Said::WaitedInVain);
            self.follow(state, server, at, looking, step);
        } else {
            task.stage = Stage::Ask { has_waited: true, has_discarded };
        }
    }

    /// A task with a held verdict asks the claim rows.
    pub(super) fn look_up(&self, state: &mut State, server: u8, at: usize) {
        let Some(task) = state.servers[usize::from(server)].tasks.get(at) else { return };
        let Stage::LookUp(verdict) = task.stage else { return };
        let press = self.press(task.press);
        let find = |kind, key| state.database.by_claim(kind, key).map(|body| stored(self, body));
        let by_token = find(ClaimKind::Token, press.token);
        let by_source =
            press.source().filter(|_| by_token.is_none()).and_then(|key| find(ClaimKind::Source, key));
        let mut known = protocol::known(by_token, by_source);
        if self.has(Flaw::HeldWithoutLookUp) {
            known = None;
        }
        match protocol::held(Ok::<_, ()>(known)) {
            Held::Falls(Known::Key(stored)) => {
                let body = body_of(&stored);
                self.end(state, server, at, Some(body), |world, state, press| {
                    world.replay_by_key(state, press, body, Source::ClaimRow);
                });
            }
            Held::Falls(Known::Source(stored)) => {
                let (body, decision) =
                    (body_of(&stored), protocol::source_is_known(&stored.identity, &press.claimant()));
                if decision == Decision::Replay && !self.has(Flaw::NoBindingOfSequences) {
                    state.servers[usize::from(server)].tasks[at].stage = Stage::Bind(body);
                    return;
                }
                self.end(state, server, at, None, |world, state, press| {
                    world.replay_or_refuse(state, press, body, decision, Source::ClaimRow);
                });
            }
            Held::Stands | Held::NobodyKnows(()) => {
                let refusal = match verdict {
                    Verdict::Invalid => Refusal::Invalid,
                    Verdict::Settling => Refusal::InProgress,
                    Verdict::Expired => Refusal::Expired,
                    Verdict::Overloaded => Refusal::Overloaded,
                };
                self.end(state, server, at, None, |world, state, press| world.refuse(state, press, refusal));
                if verdict == Verdict::Invalid && self.has(Flaw::RememberFailedValidation) {
                    let token = usize::from(press.token);
                    state.servers[usize::from(server)].memory[token] = Some(Remembered::Refusal);
                }
            }
        }
    }

    /// A task binds its key to the entry of its sequence, in a transaction of one statement: one step.
    pub(super) fn bind_sequence(&self, state: &mut State, server: u8, at: usize, reply: Reply) {
        let Some(task) = state.servers[usize::from(server)].tasks.get(at) else { return };
        let Stage::Bind(body) = task.stage else { return };
        let claim = Claim { kind: ClaimKind::Token, key: self.press(task.press).token, of: body.id };
        let is_bound = reply != Reply::LostBefore && state.database.bind(claim);
        if is_bound && reply == Reply::Heard {
            self.end(state, server, at, Some(body), |world, state, press| {
                world.tell_receipt(state, press, body, Source::ClaimRow);
                state.show(Sight::BySequence);
            });
        } else {
            // The key was used meanwhile, or no word came.
            self.end(state, server, at, None, |world, state, press| world.tell_unknown(state, press));
        }
    }

    /// What a committed outcome under a request's key means for it.
    fn replay_by_key(&self, state: &mut State, press: u8, body: Body, source: Source) {
        let identity = self.press(body.id.press).identity();
        let mut claimant = self.press(press).claimant();
        if self.has(Flaw::NoFingerprintCheck) {
            claimant.fingerprint = Some((identity.fingerprint, identity.fingerprint_version));
        }
        let decision = protocol::key_is_known(self.bounds.mode, &identity, &claimant);
        self.replay_or_refuse(state, press, body, decision, source);
    }

    fn replay_or_refuse(&self, state: &mut State, press: u8, body: Body, decision: Decision, source: Source) {
        match decision {
            Decision::Replay => self.tell_receipt(state, press, body, source),
            Decision::KeyReused => self.refuse(state, press, Refusal::KeyReused),
            Decision::AlreadyRegistered => self.refuse(state, press, Refusal::AlreadyRegistered),
        }
    }

    /// An entry's fate reaches its task: it remembers, and tells itself and who joined it. `None`: nobody knows.
    pub(super) fn end_written(&self, state: &mut State, server: u8, at: usize, fate: Option<Fate>) {
        let task = &state.servers[usize::from(server)].tasks[at];
        let (press, Stage::Write(id)) = (task.press, task.stage) else { return };
        let Some(fate) = fate else {
            self.end(state, server, at, None, |world, state, press| world.tell_unknown(state, press));
            return;
        };
        let written = written(self, fate);
        let (mut claimant, identity) = (self.press(press).claimant(), self.press(press).identity());
        if let (true, Fate::TokenKnown(body)) = (self.has(Flaw::NoFingerprintCheck), fate) {
            let known = self.press(body.id.press).identity();
            claimant.fingerprint = Some((known.fingerprint, known.fingerprint_version));
        }
        let AfterWrite { tell, remember } =
            protocol::after_write(self.bounds.mode, &claimant, &identity, &written);
        let tick = |at: i64| u8::try_from(at).unwrap_or(u8::MAX);
        let committed = match remember {
            Remember::Nothing => None,
            Remember::Own(registered_at) => Some(Body { id, at: tick(registered_at) }),
            Remember::Earlier(stored) => Some(body_of(stored)),
        };
        let mut is_first = true;
        self.end(state, server, at, committed, |world, state, press| {
            let was_first = std::mem::take(&mut is_first);
            let from = |source| if was_first { source } else { Source::Flight };
            match tell {
                Tell::Receipt(registered_at) => {
                    let body = Body { id, at: tick(registered_at) };
                    world.tell_receipt(state, press, body, from(Source::New));
                }
                Tell::Replay(stored) => {
                    let is_of_other_key =
                        world.press(body_of(stored).id.press).token != world.press(press).token;
                    let by_person = is_of_other_key && !matches!(fate, Fate::SourceKnown(_));
                    let source = if by_person { Source::Cookie } else { Source::Constraint };
                    world.tell_receipt(state, press, body_of(stored), from(source));
                }
                Tell::Refusal(problem) => {
                    let is_full = problem == shared::Problem::Full;
                    // That it is full was decided, and judged, when it was counted.
                    if is_full && !world.has(Flaw::FullWithoutAnotherPass) {
                        state.show(Sight::Full);
                    } else {
                        world.refuse(state, press, refusal(problem, fate));
                    }
                }
                Tell::StartOver => world.tell_unknown(state, press),
            }
        });
    }

    /// A task ends: what is committed under its key is remembered, its request and those that joined are told, those
    /// that waited are woken; then it settles, if it may hold a lease.
    pub(super) fn end(
        &self,
        state: &mut State,
        server: u8,
        at: usize,
        committed: Option<Body>,
        mut tell: impl FnMut(&Self, &mut State, u8),
    ) {
        let home = &mut state.servers[usize::from(server)];
        let task = home.tasks.remove(at);
        let token = self.press(task.press).token;
        if let Some(body) = committed {
            home.memory[usize::from(token)] = Some(Remembered::Outcome(body));
        }
        for (press, door) in &mut home.door {
            if *door == Door::Waiting && self.press(*press).token == token {
                *door = Door::Outside;
            }
        }
        match protocol::settling(task.lease, committed) {
            Settling::Nothing => {}
            Settling::Settle(lease, _) | Settling::Release(lease) => {
                let stage = Stage::Settle(committed);
                let Task { press, verdict, .. } = task;
                home.tasks.push(Task { press, stage, verdict, lease: Some(lease), joined: Vec::new() });
            }
        }
        tell(self, state, task.press);
        for press in task.joined {
            tell(self, state, press);
        }
    }

    /// A task settles: what is committed is stored whoever holds the lease by now, a lease is released by its owner.
    pub(super) fn settle(&self, state: &mut State, server: u8, at: usize, reply: Reply) {
        let Some(task) = state.servers[usize::from(server)].tasks.get(at).cloned() else { return };
        let (Stage::Settle(committed), Some(lease)) = (task.stage, task.lease) else { return };
        if reply != Reply::LostBefore {
            let token = self.press(task.press).token;
            let shared = &mut state.shared[usize::from(token)];
            match protocol::settling(Some(lease), committed) {
                Settling::Settle(_, body) => {
                    shared.value = Some(Value::Sealed(body));
                    state.end_lease(token);
                }
                _ if shared.lease == Some(lease.owner) => drop(state.end_lease(token)),
                // Its holder does not learn of it.
                _ if self.has(Flaw::ReleaseWithoutOwnerCheck) => shared.lease = None,
                _ => {}
            }
        }
        let home = &mut state.servers[usize::from(server)];
        if reply == Reply::Heard {
            home.tasks.remove(at);
        } else if let Some(lease) = &mut home.tasks[at].lease {
            // It tries again, though the lease may be given up already.
            lease.is_good &= reply == Reply::LostBefore;
        }
    }
}

/// A problem that a write ended in.
fn refusal(problem: shared::Problem, fate: Fate) -> Refusal {
    match (problem, fate) {
        (shared::Problem::KeyReused, _) => Refusal::KeyReused,
        (shared::Problem::AlreadyRegistered, Fate::ClaimsTaken) => Refusal::ClaimTaken,
        (shared::Problem::AlreadyRegistered, _) => Refusal::AlreadyRegistered,
        (shared::Problem::NotOpen, _) => Refusal::NotOpen,
        (shared::Problem::Closed, _) => Refusal::Closed,
        (shared::Problem::Full, _) => Refusal::Full,
        _ => Refusal::Failed,
    }
}
