//! Sending: threads, each with an event loop over its share of the connections.

mod alarm;
mod connection;
pub(crate) mod processor;
mod run;
mod schedule;
mod worker;

#[cfg(test)]
mod tests;

use std::sync::{Barrier, OnceLock, mpsc};
use std::time::Instant;

use crate::Failure;
use crate::measure::{Measured, Outcome, Sample, Second, Seconds, Window};
use crate::plan::{Plan, Stop};
use crate::targets::Targets;
use crate::work::Work;
use run::Run;
use worker::Worker;

/// When threads begin: all at once, when the last has its connections.
pub(crate) struct Start {
    barrier: Barrier,
    at: OnceLock<Instant>,
}

impl Start {
    fn new(threads: usize) -> Self {
        Self { barrier: Barrier::new(threads), at: OnceLock::new() }
    }

    /// When the clock started, once all threads have waited for each other.
    fn at(&self) -> Instant {
        *self.at.get_or_init(Instant::now)
    }

    /// Waits for the others; when the clock started.
    pub fn wait(&self) -> Instant {
        self.barrier.wait();
        self.at()
    }
}

/// Carries out a plan with a piece of work for each thread, and gives the work back. `watch` sees each second when it
/// is over.
///
/// # Errors
/// [`Failure`] when the plan cannot be carried out, or a connection not be made before the clock starts.
pub(crate) fn run<W: Work>(
    targets: &Targets,
    plan: &Plan,
    works: Vec<W>,
    mut watch: impl FnMut(&Second),
) -> Result<(Outcome, Vec<W>), Failure> {
    plan.check()?;
    let threads = plan.threads;
    let start = Start::new(threads);
    let mut seconds = Seconds::new(threads, plan.warm_up.as_secs());
    let (tell, told) = mpsc::channel::<Sample>();
    let ended = std::thread::scope(|scope| {
        let mut running = Vec::with_capacity(threads);
        for (thread, work) in works.into_iter().enumerate() {
            let (tell, start) = (tell.clone(), &start);
            running.push(scope.spawn(move || {
                let tell = |sample| {
                    // Whoever counts is there until the last thread has ended.
                    let _ = tell.send(sample);
                };
                Worker::connect(targets, plan, thread, work).map_or_else(
                    |failure| {
                        start.barrier.wait();
                        Err(failure)
                    },
                    |worker| Run::begin(worker, start, &tell)?.finish(),
                )
            }));
        }
        drop(tell);
        while let Ok(sample) = told.recv() {
            seconds.add(sample).iter().for_each(&mut watch);
        }
        let joined = running.into_iter().map(|thread| match thread.join() {
            Ok(ended) => ended,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        joined.collect::<Result<Vec<(Measured, W)>, Failure>>()
    })?;
    let (measured, works): (Vec<Measured>, Vec<W>) = ended.into_iter().unzip();
    let outcome = Outcome::new(plan, window(plan, start.at()), measured, seconds.finish());
    Ok((outcome, works))
}

/// What is measured of a plan that begins at an instant.
fn window(plan: &Plan, start: Instant) -> Window {
    let from = start + plan.warm_up;
    let until = match plan.stop {
        Stop::After(time) => Some(from + time),
        Stop::Requests(_) => None,
    };
    Window { start, from, until }
}
