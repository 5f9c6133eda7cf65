//! Explores a world and says what was found.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use stateright::{Checker, Chooser, Expectation, HasDiscoveries, Model, Path};

use crate::world::state::State;
use crate::world::{Action, Reply, World};

/// What an exploration found.
#[derive(Debug)]
pub struct Report {
    /// The world's name.
    pub name: &'static str,
    /// Different states; of a simulation, all.
    pub states: usize,
    /// Steps of the longest way.
    pub depth: usize,
    /// How long it took.
    pub took: Duration,
    /// Promises that were broken, with a way there.
    pub broken: BTreeMap<&'static str, Trace>,
    /// What should have been reached and was not.
    pub missed: Vec<&'static str>,
    /// Promises that were kept.
    pub kept: usize,
    /// Sights that were reached.
    pub reached: usize,
}

/// A way to a broken promise, one step a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace(pub Vec<String>);

impl std::fmt::Display for Trace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (number, line) in (1..).zip(&self.0) {
            writeln!(f, "  {number:>3} {line}")?;
        }
        Ok(())
    }
}

/// Visits every state of a world.
pub fn explore(world: &World, threads: usize) -> Report {
    let began = Instant::now();
    let checker = world.clone().checker().threads(threads).spawn_bfs().join();
    report(world, &checker, checker.unique_state_count(), began.elapsed())
}

/// Goes through a world at random, again and again, until so many states were seen. The same seed goes the same way.
pub fn simulate(world: &World, seed: u64, states: usize) -> Report {
    let began = Instant::now();
    let builder = world.clone().checker().target_state_count(states);
    let checker = builder.spawn_simulation(seed, Calm).join();
    report(world, &checker, checker.state_count(), began.elapsed())
}

/// Searches for a short way to break one promise; `None` when every state keeps it.
pub fn refute(world: &World, property: &'static str) -> Option<Trace> {
    let until = HasDiscoveries::AnyOf(BTreeSet::from([property]));
    let checker = world.clone().checker().finish_when(until).spawn_bfs().join();
    checker.discovery(property).map(|path| trace(world, path))
}

fn report(world: &World, checker: &impl Checker<World>, states: usize, took: Duration) -> Report {
    let (name, depth) = (world.bounds.name, checker.max_depth());
    let (broken, missed) = (BTreeMap::new(), Vec::new());
    let mut report = Report { name, states, depth, took, broken, missed, kept: 0, reached: 0 };
    let mut discoveries = checker.discoveries();
    for property in world.properties() {
        match (property.expectation, discoveries.remove(property.name)) {
            (Expectation::Always | Expectation::Eventually, Some(path)) => {
                report.broken.insert(property.name, trace(world, path));
            }
            (Expectation::Always | Expectation::Eventually, None) => report.kept += 1,
            (Expectation::Sometimes, Some(_)) => report.reached += 1,
            (Expectation::Sometimes, None) => report.missed.push(property.name),
        }
    }
    report
}

fn trace(world: &World, path: Path<State, Action>) -> Trace {
    let steps = path.into_vec().into_iter();
    Trace(steps.filter_map(|(state, action)| Some(world.describe(&state, &action?))).collect())
}

/// Chooses among what goes well most of the time, so that a simulation gets anywhere before the worst has happened.
#[derive(Clone, Debug)]
pub struct Calm;

/// One step in so many may go wrong.
const TROUBLE: u64 = 8;

impl Chooser<World> for Calm {
    type State = u64;

    fn new_state(&self, seed: u64) -> u64 {
        seed
    }

    fn choose_initial_state(&self, _: &mut u64, _: &[State]) -> usize {
        0
    }

    fn choose_action(&self, seed: &mut u64, _: &State, actions: &[Action]) -> usize {
        let calm: Vec<usize> = (0..actions.len()).filter(|at| !is_trouble(&actions[*at])).collect();
        if calm.is_empty() || next(seed).is_multiple_of(TROUBLE) {
            return below(seed, actions.len());
        }
        calm[below(seed, calm.len())]
    }
}

fn is_trouble(action: &Action) -> bool {
    match action {
        Action::Drop { .. }
        | Action::Double { .. }
        | Action::Shed { .. }
        | Action::LoseAnswer { .. }
        | Action::LoseBinding { .. }
        | Action::Crash { .. }
        | Action::Wipe
        | Action::Expire { .. }
        | Action::Lie { .. }
        | Action::Tick
        | Action::Age
        | Action::Close
        | Action::Withdraw { .. }
        | Action::Wake { in_vain: true, .. } => true,
        Action::Ask { reply, .. } | Action::Settle { reply, .. } => *reply != Reply::Heard,
        _ => false,
    }
}

fn below(seed: &mut u64, limit: usize) -> usize {
    usize::try_from(next(seed) % u64::try_from(limit.max(1)).unwrap_or(1)).unwrap_or_default()
}

/// The next number of a sequence that depends on the seed alone: a counter in odd strides, stirred (SplitMix64).
fn next(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *seed;
    for (shift, factor) in [(30, 0xbf58_476d_1ce4_e5b9), (27, 0x94d0_49bb_1331_11eb)] {
        mixed = (mixed ^ (mixed >> shift)).wrapping_mul(factor);
    }
    mixed ^ (mixed >> 31)
}
