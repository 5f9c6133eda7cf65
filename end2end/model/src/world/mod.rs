//! The world: clients, servers, what servers share, the database, and what may go wrong, as one
//! [`stateright::Model`].
//!
//! | what | where |
//! | --- | --- |
//! | everything that differs between two instants | [`state`] |
//! | what may happen next, and how to read it | [`actions`] |
//! | a request within a server | [`requests`] |
//! | a writer and its batch; whom its losers lost to | [`batches`], [`losers`] |
//! | rows, transactions, locks | [`database`] |
//! | what is told, judged at that instant | [`telling`] |
//! | what must be reached | [`sights`] |

pub mod actions;
pub mod batches;
mod convert;
pub mod database;
pub mod losers;
pub mod requests;
pub mod sights;
pub mod state;
pub mod telling;

use stateright::{Model, Property};

use crate::bounds::{Bounds, Flaw, Press};
use crate::properties;
use database::Database;
use sights::Sight;
use state::{Age, Body, Client, Door, Id, Phase, Server, Shared, Stage, State, Value, Verdict};
use telling::Refusal;

/// How a call of Redis, or a transaction of one statement, ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reply {
    /// It is answered.
    Heard,
    /// It never got there.
    LostBefore,
    /// It took effect, and the answer is lost.
    LostAfter,
}

/// One step. A task is named by its place among its server's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "said by World::describe, field by field")]
pub enum Action {
    Send { press: u8, server: u8 },
    Arrive { press: u8, server: u8 },
    Drop { press: u8, server: u8 },
    Double { press: u8, server: u8 },
    Look { server: u8, press: u8 },
    Enter { server: u8, press: u8 },
    Ask { server: u8, at: usize, reply: Reply },
    Wake { server: u8, at: usize, in_vain: bool },
    LookUp { server: u8, at: usize },
    BindSequence { server: u8, at: usize, reply: Reply },
    Shed { server: u8, at: usize, asks: bool },
    Settle { server: u8, at: usize, reply: Reply },
    Gather { server: u8 },
    Advance { server: u8 },
    Commit { server: u8 },
    LoseAnswer { server: u8 },
    LoseBinding { server: u8, commits: bool },
    WriteAgain { server: u8 },
    GiveUp { server: u8 },
    Crash { server: u8 },
    Wipe,
    Expire { token: u8 },
    Lie { token: u8 },
    Settled { at: usize, commits: bool },
    Tick,
    Age,
    Close,
    Withdraw { id: Id },
}

/// A world within bounds, and what it must be able to show.
#[derive(Clone, Debug)]
pub struct World {
    /// Its bounds.
    pub bounds: Bounds,
    /// What it must be able to show.
    pub sights: Vec<Sight>,
}

impl World {
    /// A press.
    pub fn press(&self, press: u8) -> &Press {
        &self.bounds.presses[usize::from(press)]
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.bounds.flaw == Some(flaw)
    }

    fn step(&self, state: &mut State, action: &Action) {
        match *action {
            Action::Send { press, server } => {
                state.clients[usize::from(press)].sends -= 1;
                if self.bounds.has_network {
                    state.messages.push((press, server));
                } else {
                    self.look_into_memory(state, server, press);
                }
            }
            Action::Arrive { press, server } => {
                remove(&mut state.messages, &(press, server));
                self.look_into_memory(state, server, press);
            }
            Action::Drop { press, server } => {
                state.faults.drops -= 1;
                remove(&mut state.messages, &(press, server));
            }
            Action::Double { press, server } => {
                state.faults.doubles -= 1;
                state.messages.push((press, server));
            }
            Action::Look { server, press } => {
                remove(&mut state.servers[usize::from(server)].door, &(press, Door::Outside));
                self.look_into_memory(state, server, press);
            }
            Action::Enter { server, press } => {
                remove(&mut state.servers[usize::from(server)].door, &(press, Door::Missed));
                self.enter(state, server, press);
            }
            Action::Ask { server, at, reply } => {
                state.faults.unreachable -= u8::from(reply != Reply::Heard);
                self.ask(state, server, at, reply);
            }
            Action::Wake { server, at, in_vain } => {
                state.faults.unreachable -= u8::from(in_vain);
                self.wake(state, server, at, in_vain);
            }
            Action::LookUp { server, at } => self.look_up(state, server, at),
            Action::BindSequence { server, at, reply } => {
                state.faults.lost_answers -= u8::from(reply != Reply::Heard);
                self.bind_sequence(state, server, at, reply);
            }
            Action::Shed { server, at, asks } => self.shed(state, server, at, asks),
            Action::Settle { server, at, reply } => {
                state.faults.unreachable -= u8::from(reply != Reply::Heard);
                self.settle(state, server, at, reply);
            }
            Action::Gather { server } => self.gather(state, server),
            Action::Advance { server } => self.advance(state, server),
            Action::Commit { server } => self.commit(state, server),
            Action::LoseAnswer { server } => {
                state.faults.lost_answers -= 1;
                self.lose_answer(state, server);
            }
            Action::LoseBinding { server, commits } => {
                state.faults.lost_answers -= 1;
                self.lose_binding(state, server, commits);
            }
            Action::WriteAgain { server } => self.resolve_doubt(state, server, true),
            Action::GiveUp { server } => self.resolve_doubt(state, server, false),
            Action::Crash { server } => self.crash(state, server),
            Action::Wipe => self.wipe(state),
            Action::Expire { token } => self.expire(state, token),
            Action::Lie { token } => self.lie(state, token),
            Action::Settled { at, commits: true } => state.database.commit(&self.bounds, at),
            Action::Settled { at, commits: false } => drop(state.database.open.remove(at)),
            Action::Tick => state.database.now += 1,
            Action::Age => {
                state.age = if state.age == Age::Fresh { Age::Settling } else { Age::Expired };
            }
            Action::Close => {
                state.database.close();
                state.show(Sight::ClosedByOrganiser);
            }
            Action::Withdraw { id } => {
                state.withdrawals -= 1;
                state.database.withdraw(id, self.has(Flaw::FreeTokenOnWithdrawal));
            }
        }
    }

    /// Too much waits: an attempt that was about to be written is told to come again. It asks first whether it is
    /// known, but does not wait long for an answer.
    fn shed(&self, state: &mut State, server: u8, at: usize, asks: bool) {
        state.faults.sheds -= 1;
        let home = &mut state.servers[usize::from(server)];
        if let Stage::Write(id) = home.tasks[at].stage {
            home.queue.retain(|(queued, _)| *queued != id);
            if asks {
                home.tasks[at].stage = Stage::LookUp(Verdict::Overloaded);
                return;
            }
            self.end(state, server, at, None, |world, state, press| {
                world.refuse(state, press, Refusal::Overloaded);
            });
        }
    }

    /// A server is killed, and is back at once with nothing. Its transaction is undone, unless COMMIT may have been
    /// sent.
    fn crash(&self, state: &mut State, server: u8) {
        state.faults.crashes -= 1;
        let home = &mut state.servers[usize::from(server)];
        let is_committing = home.batch.as_ref().is_some_and(|batch| batch.phase == Phase::Commit);
        *home = Server::new(self.bounds.tokens());
        if is_committing {
            state.database.lose_sight_of(server);
        } else {
            state.database.roll_back(server);
        }
    }

    fn wipe(&self, state: &mut State) {
        state.faults.wipes -= 1;
        state.shared.fill(Shared::default());
        for task in state.servers.iter_mut().flat_map(|server| &mut server.tasks) {
            if let Some(lease) = &mut task.lease {
                lease.is_good = false;
            }
        }
    }

    /// A lease ends by itself.
    fn expire(&self, state: &mut State, token: u8) {
        if state.end_lease(token) {
            state.faults.expiries -= 1;
        }
    }

    /// Somebody writes into Redis what is no outcome of ours, about an entry that never was.
    fn lie(&self, state: &mut State, token: u8) {
        state.faults.lies -= 1;
        let whose = self.bounds.presses.iter().position(|press| press.token == token);
        let press = whose.and_then(|press| u8::try_from(press).ok()).unwrap_or_default();
        let nobody = Body { id: Id { press, nth: u8::MAX }, at: 0 };
        state.shared[usize::from(token)].value = Some(Value::Forged(nobody));
    }
}

impl Model for World {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let tokens = self.bounds.tokens();
        let client = |press: &Press| Client { sends: press.sends, acknowledged: None, is_unsure: false };
        vec![State {
            clients: self.bounds.presses.iter().map(client).collect(),
            messages: Vec::new(),
            servers: vec![Server::new(tokens); usize::from(self.bounds.servers)],
            shared: vec![Shared::default(); tokens],
            database: Database::new(&self.bounds),
            faults: self.bounds.faults,
            withdrawals: self.bounds.withdrawals,
            age: Age::Fresh,
            sights: 0,
            broken: 0,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.list(state, actions);
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = state.clone();
        (next.sights, next.broken) = (0, 0);
        self.step(&mut next, &action);
        next.sort(self.bounds.is_symmetric);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let sights = self.sights.iter().map(|sight| sight.property());
        properties::promises().into_iter().chain(sights).collect()
    }
}

fn remove<T: PartialEq>(list: &mut Vec<T>, item: &T) {
    if let Some(at) = list.iter().position(|other| other == item) {
        list.remove(at);
    }
}
