//! Whether a history is explained by what was promised. Pure: everything it looks at is in [`Evidence`].
//!
//! | what is compared | look in |
//! | --- | --- |
//! | answers with each other | [`answers`] |
//! | refusals with the reasons there were | [`refusals`] |
//! | answers with the database, and the database with itself | [`stored`] |

mod answers;
mod refusals;
mod stored;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::database::Dump;
use crate::draws::Draw;
use crate::history::{Answer, AttemptId, Call, DrawId, Moment, Payload, Receipt, Step};
use crate::world::Attempt;

/// Everything there is to judge by.
#[derive(Debug, Default)]
pub struct Evidence {
    /// The draws, by number.
    pub draws: Vec<Arc<Draw>>,
    /// The attempts, by number.
    pub attempts: Vec<Arc<Attempt>>,
    /// What happened.
    pub calls: Vec<Call>,
    /// The database when all was over.
    pub dump: Dump,
    /// The database after the retries of the next day.
    pub next_day: Option<Dump>,
    /// Entries of draws soon after somebody was told that they are closed.
    pub frozen: HashMap<DrawId, HashSet<String>>,
    /// Entries in the exports, by slug.
    pub exports: HashMap<String, Vec<String>>,
    /// What `drawbridge reconcile` found.
    pub reconciled: Vec<String>,
    /// When the database was poisoned.
    pub poisoned: Vec<(Moment, Moment)>,
    /// What went wrong beside all answers.
    pub troubles: Vec<String>,
}

/// Something that was promised and did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// What.
    pub what: String,
    /// The calls that show it, by their place in the history.
    pub calls: Vec<usize>,
}

/// One check and what it found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What was promised.
    pub promise: &'static str,
    /// How many things were looked at.
    pub examined: usize,
    /// Where it did not hold.
    pub violations: Vec<Violation>,
}

impl Check {
    fn new(promise: &'static str) -> Self {
        Self { promise, examined: 0, violations: Vec::new() }
    }

    fn look(&mut self, holds: bool, calls: &[usize], what: impl FnOnce() -> String) {
        self.examined += 1;
        if !holds {
            self.violations.push(Violation { what: what(), calls: calls.to_vec() });
        }
    }
}

/// Runs every check.
pub fn check(evidence: &Evidence) -> Vec<Check> {
    let index = Index::new(evidence);
    let mut checks = answers::check(&index);
    checks.extend(refusals::check(&index));
    checks.extend(stored::check(&index));
    checks
}

/// One request to register.
#[derive(Clone, Copy, Debug)]
struct Press<'a> {
    /// Its place in the history.
    at: usize,
    call: &'a Call,
    attempt: AttemptId,
    payload: &'a Payload,
    browser: Option<u32>,
}

impl<'a> Press<'a> {
    fn answer(&self) -> Option<&'a Answer> {
        self.call.answer()
    }

    /// Whether it got a receipt.
    fn is_in(&self) -> bool {
        self.answer().is_some_and(|answer| answer.status == 201)
    }

    /// Whether it was told no, for good.
    fn is_refused(&self) -> bool {
        self.answer().is_some_and(|answer| answer.status >= 400 && !answer.is_temporary())
    }

    /// Whether it was over when another began.
    fn is_before(&self, other: &Press<'_>) -> bool {
        self.call.ended <= other.call.began
    }
}

/// The evidence, sorted.
struct Index<'a> {
    evidence: &'a Evidence,
    presses: Vec<Press<'a>>,
    /// Presses of each attempt, by their place in `presses`.
    by_attempt: HashMap<AttemptId, Vec<usize>>,
    /// Who was given an entry: presses, by entry.
    receipts: HashMap<String, Vec<(Press<'a>, Receipt)>>,
    /// Requests to take back, by receipt: their places in the history.
    withdraws: HashMap<&'a str, Vec<usize>>,
    /// Cases that asked to take something back, and when they first did.
    withdrawers: HashMap<usize, Moment>,
    /// Attempts that were given the receipt of another attempt, by proof of being the same browser or source.
    borrowers: HashSet<AttemptId>,
}

impl<'a> Index<'a> {
    fn new(evidence: &'a Evidence) -> Self {
        let mut index = Self {
            evidence,
            presses: Vec::new(),
            by_attempt: HashMap::new(),
            receipts: HashMap::new(),
            withdraws: HashMap::new(),
            withdrawers: HashMap::new(),
            borrowers: HashSet::new(),
        };
        for (at, call) in evidence.calls.iter().enumerate() {
            match &call.step {
                Step::Token => {}
                Step::Withdraw { receipt } => {
                    index.withdraws.entry(receipt).or_default().push(at);
                    let first = index.withdrawers.entry(call.case).or_insert(call.began);
                    *first = call.began.min(*first);
                }
                Step::Register { attempt, payload, browser } => {
                    index.add(Press { at, call, attempt: *attempt, payload, browser: *browser });
                }
            }
        }
        for given in index.receipts.values() {
            let maker = given.iter().find(|(press, _)| press.answer().is_some_and(|it| !it.is_replayed));
            // Where nobody heard that it was new, it was the attempt that came first, as far as anybody can say.
            let first = given.iter().min_by_key(|(press, _)| press.attempt);
            let maker = maker.or(first).map(|(press, _)| press.attempt);
            let others =
                given.iter().map(|(press, _)| press.attempt).filter(|attempt| Some(*attempt) != maker);
            index.borrowers.extend(others);
        }
        index
    }

    fn add(&mut self, press: Press<'a>) {
        self.by_attempt.entry(press.attempt).or_default().push(self.presses.len());
        self.presses.push(press);
        if let Some(receipt) = press.answer().and_then(Answer::receipt) {
            self.receipts.entry(receipt.entry.clone()).or_default().push((press, receipt));
        }
    }

    fn of_attempt(&self, attempt: AttemptId) -> impl Iterator<Item = &Press<'a>> {
        self.by_attempt.get(&attempt).into_iter().flatten().map(|at| &self.presses[*at])
    }

    fn draw(&self, id: DrawId) -> &Draw {
        &self.evidence.draws[id]
    }

    fn is_integrators(&self, attempt: AttemptId) -> bool {
        self.evidence.attempts[attempt].is_integrators
    }

    /// Whether a script asked for something to be taken back before a call was over.
    fn had_withdrawn(&self, press: &Press<'_>) -> bool {
        self.withdrawers.get(&press.call.case).is_some_and(|first| *first < press.call.ended)
    }
}
