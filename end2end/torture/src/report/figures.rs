//! Totals of a run.

use std::collections::BTreeMap;

use super::Told;
use crate::history::{Class, Step};

/// What is counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    attempts: usize,
    presses: usize,
    acknowledged: usize,
    classes: BTreeMap<Class, usize>,
    entries: usize,
    withdrawals: usize,
    repeated: u64,
    cache_errors: u64,
    again: usize,
    next_day: Option<usize>,
}

impl Figures {
    /// Of a run.
    pub fn new(told: &Told<'_>) -> Self {
        let evidence = told.evidence;
        let mut figures = Self {
            attempts: evidence.attempts.len(),
            entries: evidence.dump.entries.len(),
            withdrawals: evidence.dump.withdrawals.len(),
            repeated: told.counts.others.get("drawbridge_batches_repeated_total").copied().unwrap_or(0),
            cache_errors: told.counts.others.get("drawbridge_cache_errors_total").copied().unwrap_or(0),
            again: told.again,
            next_day: told.next_day,
            ..Self::default()
        };
        let mut acknowledged = std::collections::HashSet::new();
        for call in &evidence.calls {
            let Step::Register { attempt, .. } = &call.step else { continue };
            figures.presses += 1;
            *figures.classes.entry(call.class()).or_default() += 1;
            if call.answer().is_some_and(|answer| answer.status == 201) {
                acknowledged.insert(*attempt);
            }
        }
        figures.acknowledged = acknowledged.len();
        figures
    }

    /// As names and values.
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        let class = |class| self.classes.get(&class).copied().unwrap_or(0).to_string();
        let mut lines = vec![
            ("attempts", self.attempts.to_string()),
            ("attempts acknowledged", self.acknowledged.to_string()),
            ("requests to register", self.presses.to_string()),
            ("of those, retries", self.presses.saturating_sub(self.attempts).to_string()),
            ("told: registered", class(Class::Done)),
            ("told: registered (a replay)", class(Class::Replayed)),
            ("told: no", class(Class::Refused)),
            ("told: come again", class(Class::Later)),
            ("told nothing", class(Class::Unknown)),
            ("entries in the end", self.entries.to_string()),
            ("withdrawals", self.withdrawals.to_string()),
            ("batches written again", self.repeated.to_string()),
            ("failures of the cache", self.cache_errors.to_string()),
            ("retried when all was over", self.again.to_string()),
        ];
        if let Some(count) = self.next_day {
            lines.push(("retried 25 hours later", count.to_string()));
        }
        lines
    }
}
