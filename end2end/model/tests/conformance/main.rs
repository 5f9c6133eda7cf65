//! Conformance of the code: the real `admit()`, on two servers over a real database and what real servers share, is
//! compared with the reference, which does one thing at a time ([`model::reference`]).
//!
//! Random steps are taken in both: requests alone and in bursts, retries, restarts, a cache that is wiped, away, mute
//! or full of lies, time, closing, edits, withdrawals. Every answer has to be the reference's; those of requests
//! that were under way together have to be explained by some order of them. In the end every row of the database
//! is one that the reference has, and every attempt that was ever acknowledged gets the same bytes again.
//!
//! | | |
//! | --- | --- |
//! | `DRAWBRIDGE_TEST_BACKENDS` | `sqlite` (the default), `postgres`, `postgres+redis`, `postgres+cluster` |
//! | `CONFORMANCE_SEED` | a number: only this seed |
//! | `CONFORMANCE_CASES` | cases for each seed |
//!
//! A failure prints the shortest steps that were found to lead there, one a line, and leaves them in
//! `proptest-regressions`, with a seed that is tried first from then on.
//!
//! What was found before is in [`stories`]. To add a step: a [`transitions::Transition`], how it is taken in `world.rs`, and what it means in the reference.

mod checks;
mod coverage;
mod explain;
mod fixture;
mod ground;
mod moody;
mod plant;
mod receipts;
mod rows;
mod sending;
mod stories;
mod transitions;
mod world;

use std::fmt::Write as _;
use std::path::PathBuf;

use proptest::test_runner::{Config, FileFailurePersistence, RngAlgorithm, TestError, TestRng, TestRunner};
use proptest_state_machine::{ReferenceStateMachine as _, StateMachineTest as _};

use ground::{Backends, Ground, runtime};
use transitions::{Cases, Setting, Transition};
use world::Conformance;

/// Seeds of a usual run.
const SEEDS: [u64; 4] = [1, 2, 3, 4];
/// Steps of a case.
const STEPS: std::ops::RangeInclusive<usize> = 1..=60;
/// Where failures are kept.
const REGRESSIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/proptest-regressions/conformance.txt");

#[test]
fn what_was_once_found_does_not_come_back() {
    let _context = runtime().enter();
    let ground = Ground::lay(Backends::chosen());
    stories::tell_all();
    assert_eq!(runtime().block_on(ground.reconcile()), Vec::<String>::new());
    Ground::leave();
}

#[test]
fn every_answer_is_one_that_the_reference_gives_in_some_order() {
    let _context = runtime().enter();
    let backends = Backends::chosen();
    let ground = Ground::lay(backends);
    let usual = usual_cases(backends);
    let cases = number("CONFORMANCE_CASES").map_or(usual, |cases| cases.try_into().expect("few enough"));
    let seeds = number("CONFORMANCE_SEED").map_or(SEEDS.to_vec(), |seed| vec![seed]);
    tell(&format!("{}: {cases} cases for each of the seeds {seeds:?}", backends.name()));
    for seed in &seeds {
        run(backends, *seed, cases);
        let found = runtime().block_on(ground.reconcile());
        assert_eq!(found, Vec::<String>::new(), "after seed {seed}");
    }
    let (table, missing) = ground.coverage.borrow().report();
    tell(&table);
    Ground::leave();
    let is_usual = cases >= usual && seeds.len() >= SEEDS.len();
    assert!(missing.is_empty() || !is_usual, "never occurred, so this run says little: {missing:#?}");
}

/// Cases for each seed: half a minute in all.
fn usual_cases(backends: Backends) -> u32 {
    match backends {
        Backends::Sqlite => 150,
        Backends::Postgres => 90,
        Backends::PostgresRedis => 60,
        Backends::PostgresCluster => 50,
    }
}

fn run(backends: Backends, seed: u64, cases: u32) {
    let config = Config {
        cases,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(REGRESSIONS))),
        max_shrink_iters: 3000,
        max_shrink_time: 180_000,
        ..Config::default()
    };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(config.clone(), rng);
    let result = runner.run(&Cases::sequential_strategy(STEPS), |(setting, steps, seen)| {
        Conformance::test_sequential(config.clone(), setting, steps, seen);
        Ok(())
    });
    match result {
        Ok(()) => {}
        Err(TestError::Fail(why, (setting, steps, _))) => {
            let story = story(backends, seed, &setting, &steps);
            keep(backends, &story);
            panic!("{why}\n{story}");
        }
        Err(TestError::Abort(why)) => panic!("seed {seed}: {why}"),
    }
}

/// Steps, one a line.
fn story(backends: Backends, seed: u64, setting: &Setting, steps: &[Transition]) -> String {
    let mut story = format!("{}, seed {seed}\n{setting:?}\n", backends.name());
    for step in steps {
        // Writing to a string does not fail.
        let _ = writeln!(story, "{step:?}");
    }
    story
}

/// Leaves a story for people beside the seed, which is for the next run.
fn keep(backends: Backends, story: &str) {
    let path = PathBuf::from(REGRESSIONS).with_file_name(format!("conformance.{}.steps", backends.name()));
    std::fs::write(&path, story).unwrap_or_else(|error| panic!("{}: {error}\n{story}", path.display()));
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}: {text:?} is no number")))
}

#[expect(clippy::print_stdout, reason = "a run says what it did")]
fn tell(text: &str) {
    println!("{text}");
}
