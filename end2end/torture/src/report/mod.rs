//! What is told of a run: a few lines, a page, a picture, and of a run that failed the calls that show it.

mod figures;
mod page;
mod timeline;

use std::fmt::Write as _;
use std::path::Path;

use crate::checker::{Check, Evidence};
use crate::history::Moment;
use crate::nemesis::Happened;
use crate::scrape::Counts;

pub use figures::Figures;

/// Everything that is told.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// What the run was made from.
    pub seed: u64,
    /// How long things went wrong.
    pub seconds: u32,
    /// The databases.
    pub ground: &'static str,
    /// Repeats it; see [`Self::command`].
    pub command: &'a str,
    /// What happened and what is there now.
    pub evidence: &'a Evidence,
    /// The faults.
    pub happened: &'a [Happened],
    /// What the servers counted.
    pub counts: &'a Counts,
    /// What was promised.
    pub checks: &'a [Check],
    /// When the last fault was over.
    pub faults_over: Moment,
    /// When everybody knew.
    pub settled: Moment,
    /// Attempts retried then.
    pub again: usize,
    /// Attempts retried the next day, if that could be tried.
    pub next_day: Option<usize>,
}

impl Told<'_> {
    /// Whether every promise held.
    pub fn holds(&self) -> bool {
        self.checks.iter().all(|check| check.violations.is_empty())
    }

    fn violations(&self) -> usize {
        self.checks.iter().map(|check| check.violations.len()).sum()
    }
}

/// A line for whoever started the run, if they still listen.
pub fn say(line: &str) {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Writes the page, the picture, and the calls that show what did not hold.
///
/// # Errors
/// When the picture cannot be drawn or a file not be written.
pub fn write(folder: &Path, told: &Told<'_>) -> Result<(), String> {
    let picture = timeline::draw(told)?;
    let put = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
    };
    put("timeline.svg", &timeline::alone(&picture))?;
    put("report.html", &page::page(told, &picture))?;
    put("violations.txt", &violations(told))
}

/// What did not hold, with every call of the scripts concerned.
fn violations(told: &Told<'_>) -> String {
    let mut text = format!("{}\n", told.command);
    for check in told.checks {
        for violation in &check.violations {
            let _ = writeln!(text, "\nNot so: {}\n  {}", check.promise, violation.what);
            let calls = &told.evidence.calls;
            let cases: Vec<usize> = violation.calls.iter().map(|at| calls[*at].case).collect();
            for (at, call) in calls.iter().enumerate().filter(|(_, call)| cases.contains(&call.case)) {
                let mark = if violation.calls.contains(&at) { '>' } else { ' ' };
                let _ = writeln!(text, "  {mark} {call}");
            }
        }
    }
    text
}

/// The few lines.
pub fn summary(told: &Told<'_>, folder: &Path) {
    let figures = Figures::new(told);
    for fault in told.happened {
        let (began, ended) = (fault.began.as_secs_f64(), fault.ended.as_secs_f64());
        let note = if fault.note.is_empty() { String::new() } else { format!(" ({})", fault.note) };
        say(&format!("  {began:6.1} s to {ended:6.1} s  {}{note}", fault.fault));
    }
    say(&format!("{} faults in {} draws", told.happened.len(), told.evidence.draws.len()));
    for (name, value) in figures.lines() {
        say(&format!("{name:28} {value}"));
    }
    for ((outcome, layer), count) in &told.counts.decisions {
        say(&format!("  {layer:10} {outcome:20} {count}"));
    }
    for check in told.checks {
        let mark = if check.violations.is_empty() { "held" } else { "DID NOT HOLD" };
        say(&format!("  {mark}: {} ({} looked at)", check.promise, check.examined));
        for violation in check.violations.iter().take(10) {
            say(&format!("      {}", violation.what));
        }
    }
    say(&format!("{} violations; {}", told.violations(), folder.join("report.html").display()));
}
