//! What happened in each second of a run.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::Sample;

/// One second of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Second {
    /// Counted from the beginning, the warm-up included.
    pub second: u64,
    /// Whether it belongs to the warm-up.
    pub is_warm_up: bool,
    /// Answers that were right.
    pub right: u64,
    /// Refusals that were allowed.
    pub refused: u64,
    /// Answers that were wrong.
    pub wrong: u64,
    /// Requests whose answer did not come.
    pub lost: u64,
    /// Median of the answers' times in microseconds: of latency in an open loop, else of service.
    pub p50_us: u64,
    /// Their 99th percentile.
    pub p99_us: u64,
}

impl Second {
    /// Answers of any kind.
    pub fn answers(&self) -> u64 {
        self.right + self.refused + self.wrong
    }
}

/// Adds up what threads tell of their seconds, and passes on those that all have told.
#[derive(Debug)]
pub(crate) struct Seconds {
    threads: usize,
    warm_up: u64,
    open: BTreeMap<u64, (usize, Sample)>,
    /// Those that are whole.
    pub whole: Vec<Second>,
}

impl Seconds {
    /// Of so many threads, with so many whole seconds of warming up.
    pub fn new(threads: usize, warm_up: u64) -> Self {
        Self { threads, warm_up, open: BTreeMap::new(), whole: Vec::new() }
    }

    /// Takes what a thread tells; the seconds that are whole now.
    pub fn add(&mut self, sample: Sample) -> &[Second] {
        let known = self.whole.len();
        let (told, sum) = self.open.entry(sample.second).or_insert_with(|| (0, Sample::new(sample.second)));
        *told += 1;
        sum.merge(&sample);
        while let Some(entry) = self.open.first_entry() {
            if entry.get().0 < self.threads {
                break;
            }
            let (_, sum) = entry.remove();
            self.whole.push(second(&sum, self.warm_up));
        }
        &self.whole[known..]
    }

    /// Every second, also those that some threads did not live to tell.
    pub fn finish(mut self) -> Vec<Second> {
        let rest = self.open.into_values().map(|(_, sum)| second(&sum, self.warm_up));
        self.whole.extend(rest);
        self.whole
    }
}

fn second(sum: &Sample, warm_up: u64) -> Second {
    let quantile = |histogram: &Histogram<u32>, part| histogram.value_at_quantile(part);
    Second {
        second: sum.second,
        is_warm_up: sum.second < warm_up,
        right: sum.right,
        refused: sum.refused,
        wrong: sum.wrong,
        lost: sum.lost,
        p50_us: quantile(&sum.micros, 0.5),
        p99_us: quantile(&sum.micros, 0.99),
    }
}
