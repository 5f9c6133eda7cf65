//! `load bench`.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use load::bench::comparisons::{ALL, Bench, Extent};
use load::bench::ground::{Ground, SETTINGS};
use load::bench::table;

use super::{say, tell};

/// What is compared, how often, and where the result goes.
#[derive(Debug, Args)]
pub struct Options {
    /// The binary; the one beside this program if none is given.
    #[arg(long)]
    drawbridge: Option<PathBuf>,
    /// Rounds of each comparison.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Length of one measurement in seconds.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Only these, by name; with commas or again.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Where the table goes, as Markdown and as JSON beside it.
    #[arg(long)]
    table: Option<PathBuf>,
}

/// Runs the comparisons. Ends with 1 when an answer or a database was wrong; a missed goal is only told.
///
/// # Errors
/// When something does not start, or a file cannot be written.
pub fn run(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    let names: Vec<&str> = ALL.iter().map(|(name, _)| *name).collect();
    if let Some(unknown) = options.only.iter().find(|name| !names.contains(&name.as_str())) {
        return Err(format!("{unknown} is none of {}", names.join(", ")).into());
    }
    let beside = || Ok::<_, std::io::Error>(std::env::current_exe()?.with_file_name("drawbridge"));
    let drawbridge = options.drawbridge.clone().map_or_else(beside, Ok)?;
    let ground = Ground::start(&drawbridge.canonicalize()?)?;
    for (name, value) in
        SETTINGS.iter().copied().chain(ground.settings()?.iter().map(|(n, v)| (*n, v.as_str())))
    {
        say(&format!("{name} = {value}"));
    }
    let extent =
        Extent { rounds: options.rounds.max(1), time: Duration::try_from_secs_f64(options.seconds)? };
    let bench = Bench { ground: &ground, extent, tell };
    let mut comparisons = Vec::new();
    for (name, compare) in ALL {
        if options.only.is_empty() || options.only.iter().any(|only| only == name) {
            comparisons.extend(compare(&bench)?);
        }
    }
    let text = table::markdown(&comparisons);
    say(&text);
    if let Some(path) = &options.table {
        std::fs::write(path, &text)?;
        std::fs::write(path.with_extension("json"), serde_json::to_vec_pretty(&comparisons)?)?;
    }
    let mut code = ExitCode::SUCCESS;
    for comparison in &comparisons {
        for wrong in &comparison.wrong {
            tell(&format!("{}: {wrong}", comparison.what));
            code = ExitCode::from(1);
        }
    }
    Ok(code)
}
