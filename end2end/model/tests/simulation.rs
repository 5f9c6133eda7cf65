//! Everything together, at random: three persons, three tokens, two servers, every fault. `MODEL_SEED` adds a seed.
#![expect(clippy::print_stdout, reason = "the seed makes it happen again")]

use model::configurations::everything;
use model::exploration::simulate;
use server::store::Mode;

/// States of one run.
const STATES: usize = 2_000_000;

fn goes_well(mode: Mode) {
    let extra = std::env::var("MODEL_SEED").ok().map(|seed| seed.parse().expect("MODEL_SEED is a number"));
    for seed in [1, 20_261_121].into_iter().chain(extra) {
        println!("MODEL_SEED={seed} {mode:?}");
        let world = everything(mode);
        let report = simulate(&world, seed, STATES);
        println!("{} states, deepest {}, {:?}", report.states, report.depth, report.took);
        for (property, trace) in &report.broken {
            println!("BROKEN: {property}\n{trace}");
        }
        assert!(report.broken.is_empty(), "seed {seed}: {:?}", report.broken.keys());
        assert!(report.missed.is_empty(), "seed {seed} never reached {:?}", report.missed);
    }
}

#[test]
fn everything_together_in_a_lenient_draw() {
    goes_well(Mode::Lenient);
}

#[test]
fn everything_together_in_a_strict_draw() {
    goes_well(Mode::Strict);
}
