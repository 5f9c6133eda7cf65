//! Every flaw is found, and nothing is found without it.
#![expect(clippy::print_stdout, reason = "the traces are the result")]

use model::World;
use model::exploration::{explore, refute};
use model::{Bounds, flaws};

#[test]
fn every_flaw_breaks_its_promise() {
    for refutation in flaws::refutations() {
        let trace = refute(&refutation.world, refutation.property);
        let trace = trace.unwrap_or_else(|| panic!("{:?} breaks nothing", refutation.flaw));
        println!(
            "{:?} breaks \"{}\" in {} steps:\n{trace}",
            refutation.flaw,
            refutation.property,
            trace.0.len()
        );
    }
}

#[test]
fn without_its_flaw_each_of_these_worlds_keeps_every_promise() {
    for refutation in flaws::refutations() {
        let bounds = Bounds { flaw: None, is_symmetric: true, ..refutation.world.bounds };
        let report = explore(&World { bounds, sights: Vec::new() }, 2);
        assert!(report.broken.is_empty(), "{:?}: {:?}", refutation.flaw, report.broken);
    }
}
