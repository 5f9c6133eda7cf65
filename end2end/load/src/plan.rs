//! What a run does: how many connections, how fast, how long.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::Failure;

/// When requests are sent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Pace {
    /// Closed loop: each connection sends as soon as it has its answer. A server that is slow is asked less.
    Closed,
    /// Open loop: presses are due at instants fixed in advance, whatever the server does, and wait inside the
    /// generator while all connections are busy. Latency counts from the instant a press was due.
    Open {
        /// Presses a second, all threads together. Copies of a duplicate come on top.
        per_second: f64,
        /// Whether the gaps are exponential (as of people who know nothing of each other) or all the same.
        poisson: bool,
    },
}

impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => write!(f, "closed loop"),
            Self::Open { per_second, poisson: true } => {
                write!(f, "open loop, {per_second} a second by chance")
            }
            Self::Open { per_second, poisson: false } => write!(f, "open loop, {per_second} a second"),
        }
    }
}

/// When a run ends. Answers that are still out then are waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// So long after the warm-up.
    After(Duration),
    /// After so many presses, the warm-up's not among them.
    Requests(u64),
}

/// How a run is carried out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// Connections, all threads together; each has at most one request on its way.
    pub connections: usize,
    /// Threads of the generator; each has its share of the connections. One is enough for most servers.
    pub threads: usize,
    /// When requests are sent.
    pub pace: Pace,
    /// When it ends.
    pub stop: Stop,
    /// What is sent at first and checked, but not measured.
    pub warm_up: Duration,
    /// How long an answer is waited for. Then its connection is given up, and it counts as an error.
    pub patience: Duration,
    /// Whether 429 and 503 with `Retry-After` are refusals, counted apart, and not errors.
    pub expect_shed: bool,
    /// What chance is made from: the order of a mix, who retries, and the gaps between presses.
    pub seed: u64,
}

impl Default for Plan {
    /// 64 connections of one thread in a closed loop: a second of warming up, ten of measuring.
    fn default() -> Self {
        Self {
            connections: 64,
            threads: 1,
            pace: Pace::Closed,
            stop: Stop::After(Duration::from_secs(10)),
            warm_up: Duration::from_secs(1),
            patience: Duration::from_secs(10),
            expect_shed: false,
            seed: 1,
        }
    }
}

impl Plan {
    /// Refuses a plan that cannot be carried out.
    ///
    /// # Errors
    /// [`Failure::Plan`].
    pub fn check(&self) -> Result<(), Failure> {
        let refused = |why| Err(Failure::Plan(why));
        if self.connections == 0 || self.threads == 0 {
            return refused("there has to be a connection and a thread");
        }
        if self.connections < self.threads {
            return refused("each thread needs a connection");
        }
        if let Pace::Open { per_second, .. } = self.pace
            && !(per_second.is_finite() && per_second > 0.0)
        {
            return refused("the rate has to be above 0");
        }
        match self.stop {
            Stop::After(time) if time.is_zero() => refused("a run has to last"),
            Stop::Requests(0) => refused("a run has to have a request"),
            _ => Ok(()),
        }
    }

    /// Presses that are to be expected, the warm-up's included, with what chance may add; in a closed loop for a
    /// time nobody knows, and `at_most_a_second` decides.
    pub fn presses(&self, at_most_a_second: u64) -> u64 {
        let rate = match self.pace {
            Pace::Closed => at_most_a_second as f64,
            Pace::Open { per_second, .. } => per_second,
        };
        let timed = |time: Duration| {
            let mean = rate * time.as_secs_f64();
            (mean + 6.0 * mean.sqrt()).ceil() as u64
        };
        match self.stop {
            Stop::After(time) => timed(self.warm_up + time),
            Stop::Requests(count) if self.warm_up.is_zero() => count,
            Stop::Requests(count) => count + timed(self.warm_up),
        }
    }
}

/// The share of a whole that one of several threads gets.
pub(crate) fn share(whole: u64, threads: usize, thread: usize) -> u64 {
    let (threads, thread) = (threads as u64, thread as u64);
    whole / threads + u64::from(thread < whole % threads)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_fair_and_add_up() {
        let shares: Vec<u64> = (0..3).map(|thread| share(8, 3, thread)).collect();
        assert_eq!(shares, [3, 3, 2]);
    }

    #[test]
    fn a_plan_that_cannot_be_carried_out_is_refused() {
        assert!(Plan::default().check().is_ok());
        assert!(Plan { connections: 0, ..Plan::default() }.check().is_err());
        assert!(Plan { threads: 65, ..Plan::default() }.check().is_err());
        assert!(Plan { stop: Stop::Requests(0), ..Plan::default() }.check().is_err());
        let pace = Pace::Open { per_second: f64::NAN, poisson: false };
        assert!(Plan { pace, ..Plan::default() }.check().is_err());
    }
}
