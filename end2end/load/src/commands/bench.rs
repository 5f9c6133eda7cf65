//! `load bench`, and what it has in common with other comparisons.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use load::bench::comparisons::{ALL, Bench, Extent};
use load::bench::ground::{Ground, SETTINGS};
use load::bench::{Comparison, table};
use serde::Serialize;

use super::{say, tell};

/// What is compared, how often, and where the result goes.
#[derive(Debug, Args)]
pub struct Selection {
    /// The binary; the one beside this program if none is given.
    #[arg(long)]
    drawbridge: Option<PathBuf>,
    /// Rounds of each comparison.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Only these, by name; with commas or again.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Where the table goes, as Markdown and as JSON beside it.
    #[arg(long)]
    table: Option<PathBuf>,
}

impl Selection {
    /// Rounds of each comparison: at least one.
    pub fn rounds(&self) -> usize {
        self.rounds.max(1)
    }

    /// The binary.
    ///
    /// # Errors
    /// When it is not there.
    pub fn drawbridge(&self) -> Result<PathBuf, std::io::Error> {
        let beside = || Ok::<_, std::io::Error>(std::env::current_exe()?.with_file_name("drawbridge"));
        self.drawbridge.clone().map_or_else(beside, Ok)?.canonicalize()
    }

    /// Where the table goes.
    pub fn table(&self) -> Option<&Path> {
        self.table.as_deref()
    }

    /// Those of a list that are wanted, in its order.
    ///
    /// # Errors
    /// When a name is not in it.
    pub fn of<T: Copy>(&self, all: &[(&str, T)]) -> Result<Vec<T>, String> {
        let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
        if let Some(unknown) = self.only.iter().find(|name| !names.contains(&name.as_str())) {
            return Err(format!("{unknown} is none of {}", names.join(", ")));
        }
        let is_wanted = |name: &str| self.only.is_empty() || self.only.iter().any(|only| only == name);
        Ok(all.iter().filter(|(name, _)| is_wanted(name)).map(|(_, compare)| *compare).collect())
    }
}

/// How long, and what [`Selection`] says.
#[derive(Debug, Args)]
pub struct Options {
    /// Length of one measurement in seconds.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    #[command(flatten)]
    selection: Selection,
}

/// Runs the comparisons. Ends with 1 when an answer or a database was wrong; a missed goal is only told.
///
/// # Errors
/// When something does not start, or a file cannot be written.
pub fn run(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    let Options { seconds, selection } = options;
    let wanted = selection.of(&ALL)?;
    let ground = Ground::start(&selection.drawbridge()?)?;
    let mut record = Record::begin(&ground, &[])?;
    let extent = Extent { rounds: selection.rounds(), time: Duration::try_from_secs_f64(*seconds)? };
    let bench = Bench { ground: &ground, extent, tell };
    for compare in wanted {
        record.add(compare(&bench)?);
    }
    record.end(selection.table())
}

/// What came of a run, and under which settings, as it is written to a file.
#[derive(Debug, Serialize)]
pub struct Record {
    settings: Vec<(String, String)>,
    comparisons: Vec<Comparison>,
}

impl Record {
    /// Prints what servers and databases are told, and further settings; nothing is compared yet.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn begin(ground: &Ground, further: &[(&str, String)]) -> Result<Self, Box<dyn Error>> {
        let of_servers = SETTINGS.map(|(name, value)| (name, value.to_owned()));
        let mut settings = Vec::new();
        for (name, value) in of_servers.iter().chain(&ground.settings()?).chain(further) {
            say(&format!("{name} = {value}"));
            settings.push(((*name).to_owned(), value.clone()));
        }
        Ok(Self { settings, comparisons: Vec::new() })
    }

    /// Adds what came of some comparisons.
    pub fn add(&mut self, comparisons: Vec<Comparison>) {
        self.comparisons.extend(comparisons);
    }

    /// Prints the table and writes it where it is wanted; the code to end with.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn end(&self, to: Option<&Path>) -> Result<ExitCode, Box<dyn Error>> {
        let text = table::markdown(&self.comparisons);
        say(&text);
        if let Some(path) = to {
            let settings = self.settings.iter().map(|(name, value)| format!("- {name} = {value}\n"));
            std::fs::write(path, settings.collect::<String>() + "\n" + &text)?;
            std::fs::write(path.with_extension("json"), serde_json::to_vec_pretty(self)?)?;
        }
        let mut code = ExitCode::SUCCESS;
        for comparison in &self.comparisons {
            for wrong in &comparison.wrong {
                tell(&format!("{}: {wrong}", comparison.what));
                code = ExitCode::from(1);
            }
        }
        Ok(code)
    }
}
