//! When presses of an open loop are due: fixed before the first is sent.

use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::plan::Pace;

/// The instants of one thread's presses.
#[derive(Debug)]
pub struct Schedule {
    start: Instant,
    /// Seconds from the start to the next.
    next: f64,
    /// Mean seconds between two.
    gap: f64,
    /// Gaps by chance, where they are not all the same.
    poisson: Option<SmallRng>,
}

impl Schedule {
    /// One thread's part of an open loop; `None` of a closed one. Evenly spaced presses of all threads together are
    /// evenly spaced as well.
    pub fn new(pace: Pace, start: Instant, threads: usize, thread: usize, seed: u64) -> Option<Self> {
        let Pace::Open { per_second, poisson } = pace else { return None };
        let gap = threads as f64 / per_second;
        let poisson = poisson.then(|| SmallRng::seed_from_u64(seed));
        let mut schedule = Self { start, next: 0.0, gap, poisson };
        if schedule.poisson.is_some() {
            schedule.advance();
        } else {
            schedule.next = thread as f64 / per_second;
        }
        Some(schedule)
    }

    /// When the next press is due.
    pub fn due(&self) -> Instant {
        self.start + Duration::from_secs_f64(self.next)
    }

    /// Goes on to the one after.
    pub fn advance(&mut self) {
        self.next += match &mut self.poisson {
            None => self.gap,
            Some(random) => -(1.0 - random.random::<f64>()).ln() * self.gap,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dues(poisson: bool, threads: usize, thread: usize, count: usize) -> Vec<f64> {
        let start = Instant::now();
        let pace = Pace::Open { per_second: 1000.0, poisson };
        let mut schedule = Schedule::new(pace, start, threads, thread, 9).unwrap();
        let mut next = || {
            let due = schedule.due();
            schedule.advance();
            (due - start).as_secs_f64()
        };
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn presses_of_two_threads_are_evenly_spaced_together() {
        let mut both = [dues(false, 2, 0, 50), dues(false, 2, 1, 50)].concat();
        both.sort_by(f64::total_cmp);
        for (at, due) in both.iter().enumerate() {
            assert!((due - at as f64 / 1000.0).abs() < 1e-6, "{at}: {due}");
        }
    }

    #[test]
    fn gaps_by_chance_have_the_rate_and_come_again_with_the_seed() {
        let one = dues(true, 1, 0, 10_000);
        assert!((9.0..11.0).contains(one.last().unwrap()), "{:?}", one.last());
        let short = one.windows(2).filter(|pair| pair[1] - pair[0] < 0.0005).count();
        // 1 - 1/sqrt(e) of exponential gaps are below half the mean.
        assert!((3700..4200).contains(&short), "{short}");
        let again = dues(true, 1, 0, 10_000);
        assert!(one.iter().zip(again).all(|(one, again)| (one - again).abs() < 1e-6));
    }
}
