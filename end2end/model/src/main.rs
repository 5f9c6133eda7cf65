//! Explores the worlds within their full bounds and prints what was found; `--flaws` also refutes every flaw,
//! `--simulate` goes through everything at random (`MODEL_SEED`,
//! `MODEL_STATES`), `--quick` keeps to the bounds of the tests. Words name worlds to explore instead of all.
#![expect(clippy::print_stdout, reason = "its output is a report")]

use std::process::ExitCode;

use model::configurations::{self, Extent};
use model::exploration::{Report, explore, refute, simulate};
use model::flaws;
use server::store::Mode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let names: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with("--")).collect();
    let extent = if has("--quick") { Extent::Quick } else { Extent::Full };
    let mut is_well = true;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    println!(
        "{:<22} {:>10} {:>6} {:>8} {:>9}  properties",
        "model", "states", "depth", "seconds", "peak MiB"
    );
    for world in configurations::all(extent) {
        if names.is_empty() || names.iter().any(|name| world.bounds.name.contains(name.as_str())) {
            forget_peak();
            let report = explore(&world, threads);
            is_well &= print(&report);
            println!("    bounds: {}", world.bounds);
        }
    }
    if has("--simulate") {
        let number = |name, otherwise| {
            std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
        };
        let (seed, states) = (number("MODEL_SEED", 1), number("MODEL_STATES", 1_000_000));
        for mode in [Mode::Lenient, Mode::Strict] {
            println!("at random, {mode:?}, MODEL_SEED={seed} MODEL_STATES={states}");
            let states = usize::try_from(states).unwrap_or(usize::MAX);
            is_well &= print(&simulate(&configurations::everything(mode), seed, states));
        }
    }
    if has("--flaws") {
        for refutation in flaws::refutations() {
            let found = refute(&refutation.world, refutation.property);
            is_well &= found.is_some();
            println!("\n{:?} breaks \"{}\":", refutation.flaw, refutation.property);
            println!("{}", found.map_or("  not refuted\n".to_owned(), |trace| trace.to_string()));
        }
    }
    if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Prints a line of the table; whether everything is as it should be.
fn print(report: &Report) -> bool {
    let Report { name, states, depth, took, broken, missed, kept, reached } = report;
    let (seconds, peak) = (took.as_secs_f64(), peak_mebibytes());
    println!("{name:<22} {states:>10} {depth:>6} {seconds:>8.1} {peak:>9}  {kept} kept, {reached} reached");
    for (property, trace) in broken {
        println!("BROKEN: {property}\n{trace}");
    }
    for sight in missed {
        println!("NOT REACHED: {sight}");
    }
    broken.is_empty() && missed.is_empty()
}

/// Counts the most memory anew, where the system does that: a world is not charged for the one before.
fn forget_peak() {
    if let Err(error) = std::fs::write("/proc/self/clear_refs", "5") {
        println!("peaks include earlier worlds: {error}");
    }
}

/// The most memory this process had at once since then, in MiB, where the system tells.
fn peak_mebibytes() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
    let peak = peak.and_then(|kibibytes| kibibytes.parse::<u64>().ok());
    peak.map_or("?".to_owned(), |kibibytes| (kibibytes / 1024).to_string())
}
