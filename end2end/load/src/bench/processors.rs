//! Where the time of a registration goes: whose processor time it is, and how much of it nobody uses.
//!
//! Read from proc(5) when a second of the run is over. What is neither the server's nor the generator's nor idle belongs
//! to the databases and to the kernel's own threads.

use std::io;
use std::time::{Duration, Instant};

use super::{Comparison, Goal};
use crate::engine::processor;
use crate::{Failure, Outcome, Second};

/// What was used until an instant.
#[derive(Clone, Copy, Debug)]
struct Reading {
    at: Instant,
    /// Of the server's threads.
    server: Duration,
    machine: Machine,
}

/// The first line of `/proc/stat`, in a unit of the kernel's: only ratios mean something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Machine {
    /// Nothing to do, or nothing but waiting for a disk.
    idle: u64,
    all: u64,
    processors: u32,
}

/// Watches the measured part of a run in a server.
#[derive(Debug)]
pub struct Watch {
    server: u32,
    first: Option<Reading>,
    last: Option<Reading>,
    answers: u64,
    failed: Option<io::Error>,
}

/// The rows of what was watched, a figure a round.
#[derive(Debug)]
pub struct Shares([Comparison; 4]);

impl Watch {
    /// Nothing read yet of a server's process.
    pub fn new(server: u32) -> Self {
        Self { server, first: None, last: None, answers: 0, failed: None }
    }

    /// A second is over.
    pub fn second(&mut self, second: &Second) {
        match Reading::take(self.server) {
            Ok(reading) if second.is_warm_up => self.first = Some(reading),
            Ok(reading) => {
                self.last = Some(reading);
                self.answers += second.right;
            }
            Err(error) => self.failed = Some(error),
        }
    }
}

impl Shares {
    /// Rows without figures.
    pub fn of(what: &str) -> Self {
        let row = |whose: &str, unit| Comparison::new(&format!("{what}: {whose}"), "", unit, Goal::Nothing);
        Self([
            row("processor time of each, the server's", "us"),
            row("the databases' and the rest", "us"),
            row("the generator's", "us"),
            row("processors idle", "%"),
        ])
    }

    /// Adds what was watched of a run.
    ///
    /// # Errors
    /// When the system did not say, or no second was watched.
    pub fn add(&mut self, watch: Watch, outcome: &Outcome) -> Result<(), Failure> {
        if let Some(error) = watch.failed {
            return Err(error.into());
        }
        let (Some(first), Some(last)) = (watch.first, watch.last) else {
            return Err(Failure::Ground("the run was too short to tell its processor time".to_owned()));
        };
        let generator = outcome.generator_seconds / outcome.seconds;
        let figures = figures(first, last, generator, watch.answers as f64);
        for (row, figure) in self.0.iter_mut().zip(figures) {
            row.ours.push(figure);
        }
        Ok(())
    }

    /// The rows.
    pub fn rows(self) -> [Comparison; 4] {
        self.0
    }
}

/// The server's, the databases' and the generator's microseconds an answer, and the percentage that was idle.
/// `generator` is in processors.
fn figures(first: Reading, last: Reading, generator: f64, answers: f64) -> [f64; 4] {
    let seconds = (last.at - first.at).as_secs_f64();
    // The kernel says of the time that waited for a disk that it may fall.
    let idle = last.machine.idle.saturating_sub(first.machine.idle) as f64
        / last.machine.all.saturating_sub(first.machine.all) as f64;
    let used = f64::from(last.machine.processors) * seconds * (1.0 - idle);
    let server = last.server.saturating_sub(first.server).as_secs_f64();
    let generator = generator * seconds;
    let each = |seconds: f64| seconds * 1e6 / answers;
    [each(server), each(used - server - generator), each(generator), 100.0 * idle]
}

impl Reading {
    fn take(server: u32) -> io::Result<Self> {
        let mut used = Vec::new();
        for thread in std::fs::read_dir(format!("/proc/{server}/task"))? {
            // A thread may end at any moment; the kernel has no sum of nanoseconds for a process.
            let Ok(text) = std::fs::read_to_string(thread?.path().join("schedstat")) else { continue };
            used.push(processor::parse(&text).ok_or(io::ErrorKind::InvalidData)?);
        }
        if used.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "the kernel does not count what threads use",
            ));
        }
        let stat = std::fs::read_to_string("/proc/stat")?;
        let machine = Machine::parse(&stat).ok_or(io::ErrorKind::InvalidData)?;
        Ok(Self { at: Instant::now(), server: used.iter().sum(), machine })
    }
}

impl Machine {
    fn parse(stat: &str) -> Option<Self> {
        let mut lines = stat.lines();
        // User, nice, system, idle, waiting for a disk, interrupts of two kinds, stolen; guests are part of the first.
        let fields: Vec<u64> = lines
            .next()?
            .strip_prefix("cpu ")?
            .split_whitespace()
            .take(8)
            .map_while(|word| word.parse().ok())
            .collect();
        let [_, _, _, idle, waiting, ..] = fields[..] else { return None };
        let processors = lines.take_while(|line| line.starts_with("cpu")).count();
        Some(Self {
            idle: idle + waiting,
            all: fields.iter().sum(),
            processors: u32::try_from(processors).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "cpu  100 1 50 800 20 0 5 4 7 0\ncpu0 50 0 25 400 10 0 2 2 7 0\n\
        cpu1 50 1 25 400 10 0 3 2 0 0\nintr 1\n";

    #[test]
    fn the_machines_line_is_read() {
        assert_eq!(Machine::parse(STAT), Some(Machine { idle: 820, all: 980, processors: 2 }));
        assert_eq!(Machine::parse("cpu  1 2 3\n"), None);
        assert_eq!(Machine::parse(""), None);
    }

    #[test]
    fn all_that_is_used_is_somebodys() {
        let machine = Machine { idle: 50, all: 1000, processors: 2 };
        let first = Reading { at: Instant::now(), server: Duration::from_secs(1), machine };
        let last = Reading {
            at: first.at + Duration::from_secs(4),
            server: Duration::from_secs(4),
            machine: Machine { idle: 250, all: 1800, ..machine },
        };
        // Of 8 seconds a quarter is idle, 3 are the server's, 1 the generator's.
        assert_eq!(figures(first, last, 0.25, 1e6), [3.0, 2.0, 1.0, 25.0]);
    }

    #[test]
    fn what_this_process_does_is_seen() {
        let before = Reading::take(std::process::id()).expect("reads");
        let mut sum = 0_u64;
        while before.at.elapsed() < Duration::from_millis(50) {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        let after = Reading::take(std::process::id()).expect("reads");
        assert!(after.server > before.server && after.machine.all > before.machine.all);
        assert!(Reading::take(u32::MAX).is_err(), "there is no such process");
    }
}
