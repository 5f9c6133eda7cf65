//! `load bench-scale`.

use std::error::Error;
use std::process::ExitCode;

use clap::Args;
use load::bench::ground::Ground;
use load::bench::scale::{ALL, Scale};

use super::bench::{Record, Selection};
use super::tell;

/// How large, what is compared, how often, and where the result goes.
#[derive(Debug, Args)]
pub struct Options {
    /// Entries of the large draw.
    #[arg(long, default_value_t = 10_000_000, value_parser = clap::value_parser!(u64).range(1000..))]
    entries: u64,
    #[command(flatten)]
    selection: Selection,
}

/// Runs the comparisons. Ends with 1 when an answer or a database was wrong; a missed goal is only told.
///
/// # Errors
/// When something does not start, or a file cannot be written.
pub fn run(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    let Options { entries, selection } = options;
    let wanted = selection.of(&ALL)?;
    let ground = Ground::start(&selection.drawbridge()?)?;
    let rounds = selection.rounds();
    let further = [("entries", entries.to_string()), ("rounds", rounds.to_string())];
    let mut record = Record::begin(&ground, &further)?;
    let scale = Scale::new(&ground, *entries, rounds, tell);
    for compare in wanted {
        record.add(compare(&scale)?);
    }
    record.end(selection.table())
}
