//! Every state of the small worlds, within bounds that fit into a test run; `cargo run --release -p model` has the
//! full ones.
#![expect(clippy::print_stdout, reason = "how much was explored is part of the result")]

use model::configurations::{self, Extent};
use model::exploration::explore;
use model::{World, properties};

fn every_state_keeps_every_promise(world: &World) {
    let report = explore(world, 2);
    println!("{}: {} states, depth {}, {:?}", report.name, report.states, report.depth, report.took);
    println!("bounds: {}", world.bounds);
    for (property, trace) in &report.broken {
        println!("BROKEN: {property}\n{trace}");
    }
    assert!(report.broken.is_empty(), "{:?}", report.broken.keys());
    assert!(report.missed.is_empty(), "never reached: {:?}", report.missed);
    assert_eq!(report.kept, properties::promises().len());
    assert_eq!(report.reached, world.sights.len());
}

#[test]
fn one_attempt_retried_over_two_servers() {
    every_state_keeps_every_promise(&configurations::one_attempt(Extent::Quick));
}

#[test]
fn one_attempt_whose_token_grows_too_old() {
    every_state_keeps_every_promise(&configurations::old_token(Extent::Quick));
}

#[test]
fn two_persons_who_share_a_claim() {
    every_state_keeps_every_promise(&configurations::shared_claim());
}

#[test]
fn closing_and_capacity_against_attempts() {
    every_state_keeps_every_promise(&configurations::closing(Extent::Quick));
}

#[test]
fn withdrawal_and_registering_anew_against_late_retries() {
    every_state_keeps_every_promise(&configurations::withdrawal(Extent::Quick));
}
