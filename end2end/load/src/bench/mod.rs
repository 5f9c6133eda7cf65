//! Every figure beside its limit, in one run: `load bench`.
//!
//! Machines differ and are noisy, so nothing here is a time or a rate by itself. A [`Comparison`] measures two things
//! in turn, round after round, and what counts is the ratio within a round. What both stand on (PostgreSQL, Redis, the
//! generator) is the same and shares the same processors.
//!
//! | to change | look in |
//! | --- | --- |
//! | what is compared, and the goals | [`comparisons`] |
//! | servers and databases | [`ground`] |
//! | what others do with the same rows | [`limits`] |
//! | whose processor time it is | [`processors`] |
//! | the table | [`table`] |
//! | what is measured with millions of entries: `load bench-scale` | [`scale`] |

pub mod comparisons;
pub mod ground;
pub mod limits;
pub mod processors;
pub mod scale;
pub mod table;

pub(crate) use comparisons::{block_on, check, get, note};

use serde::Serialize;

/// What a figure has to be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// The median of ours over theirs.
    AtLeast(f64),
    /// The same, for what is better when it is less.
    AtMost(f64),
    /// The median of ours, in the comparison's unit; there is nothing beside it.
    Below(f64),
    /// Nothing: it explains another figure.
    Nothing,
}

/// A figure and, round by round, what came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// What is measured.
    pub what: String,
    /// Beside what.
    pub against: String,
    /// Of both.
    pub unit: &'static str,
    /// What it has to be.
    pub goal: Goal,
    /// Ours, one a round.
    pub ours: Vec<f64>,
    /// Theirs, one a round; empty where there is nothing beside it.
    pub limit: Vec<f64>,
    /// What was wrong: answers, databases. A figure with one is worth nothing.
    pub wrong: Vec<String>,
}

impl Comparison {
    /// Nothing measured yet.
    pub fn new(what: &str, against: &str, unit: &'static str, goal: Goal) -> Self {
        let (what, against) = (what.to_owned(), against.to_owned());
        Self { what, against, unit, goal, ours: Vec::new(), limit: Vec::new(), wrong: Vec::new() }
    }

    /// Ours over theirs, one a round.
    pub fn ratios(&self) -> Vec<f64> {
        self.ours.iter().zip(&self.limit).map(|(ours, limit)| ours / limit).collect()
    }

    /// What the goal is held against: the median of ratios, or of ours.
    pub fn figure(&self) -> f64 {
        match self.goal {
            Goal::AtLeast(_) | Goal::AtMost(_) | Goal::Nothing => median(&self.ratios()),
            Goal::Below(_) => median(&self.ours),
        }
    }

    /// Whether everything was right and the goal is reached.
    pub fn is_reached(&self) -> bool {
        let is_reached = match self.goal {
            Goal::AtLeast(least) => self.figure() >= least,
            Goal::AtMost(most) => self.figure() <= most,
            Goal::Below(limit) => self.figure() < limit,
            Goal::Nothing => true,
        };
        is_reached && self.wrong.is_empty()
    }
}

/// The middle value; the mean of the two in the middle; not a number where there is none.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_in_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn a_goal_is_of_ratios_within_rounds_and_nothing_may_be_wrong() {
        let mut comparison = Comparison::new("a", "b", "/s", Goal::AtLeast(0.5));
        assert!(!comparison.is_reached(), "nothing measured is nothing reached");
        (comparison.ours, comparison.limit) = (vec![1.0, 60.0, 1.0], vec![10.0, 100.0, 1.5]);
        assert!((comparison.figure() - 0.6).abs() < 1e-9);
        assert!(comparison.is_reached());
        comparison.goal = Goal::AtMost(0.5);
        assert!(!comparison.is_reached(), "what has to be less is more");
        comparison.goal = Goal::AtMost(0.6 + 1e-9);
        assert!(comparison.is_reached());
        comparison.wrong.push("an answer".to_owned());
        assert!(!comparison.is_reached());
        let below =
            Comparison { ours: vec![4.0, 6.0, 5.0], ..Comparison::new("a", "", "ms", Goal::Below(5.0)) };
        assert!(!below.is_reached());
    }
}
