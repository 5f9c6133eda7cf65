//! What a run came to.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::{Latency, Measured, Second, Window};
use crate::answer::Answer;
use crate::mix::{Kind, Mix};
use crate::plan::Plan;

/// Answers that were not expected are kept up to so many.
pub(crate) const SURPRISES: usize = 20;
/// And of each, so many bytes.
const KEPT_BYTES: usize = 2000;

/// What a run came to. Times are microseconds.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// How it was carried out.
    pub plan: Plan,
    /// Of what, where it was a crowd.
    pub mix: Option<Mix>,
    /// Length of the measured part in seconds.
    pub seconds: f64,
    /// Answers within it.
    pub answers: u64,
    /// Answers a second.
    pub per_second: f64,
    /// Goodput: answers a second that were right, neither refused nor wrong.
    pub right_per_second: f64,
    /// Refusals a second.
    pub refused_per_second: f64,
    /// By kind; kinds that did not come are left out. What was sent in the measured part counts, also when its
    /// answer came later.
    pub kinds: BTreeMap<Kind, KindOutcome>,
    /// What went wrong, the warm-up included.
    pub errors: Errors,
    /// The first few things that went wrong.
    pub surprises: Vec<Surprise>,
    /// In an open loop, from when presses were due to when they were sent: the generator's own queue.
    pub delay: Option<Latency>,
    /// In an open loop, from when presses were due to their answers, whatever these were; what was lost or not sent
    /// counts with the time it had waited.
    pub due: Option<Latency>,
    /// In an open loop, presses that were due and could not be sent before the end: all connections were busy.
    pub unsent: u64,
    /// Connections that had to be made again.
    pub reconnects: u64,
    /// Processor time of the generator in seconds, all threads, within the measured part.
    pub generator_seconds: f64,
    /// Why it ended before it was to, if it did.
    pub ended_early: Option<String>,
    /// Second by second, the warm-up included; answers that came after the end are left out.
    pub series: Vec<Second>,
}

/// What became of one kind of requests.
#[derive(Clone, Debug, Default, Serialize)]
pub struct KindOutcome {
    /// Answers by status.
    pub statuses: BTreeMap<u16, u64>,
    /// Answers that were right.
    pub right: u64,
    /// Refusals that were allowed: shed, limited, still being worked on.
    pub refused: u64,
    /// Answers that were wrong.
    pub wrong: u64,
    /// Requests whose answer did not come.
    pub lost: u64,
    /// From sending to the answer's last byte, of right answers.
    pub service: Latency,
    /// In an open loop, from when it was due to the answer's last byte, of right answers.
    pub latency: Option<Latency>,
    /// The same of refusals; in a closed loop from sending.
    pub refusal: Latency,
}

impl KindOutcome {
    /// Counts an answer.
    pub(crate) fn count(&mut self, status: u16) {
        *self.statuses.entry(status).or_default() += 1;
    }

    /// The time that users feel: latency in an open loop, else service.
    pub fn felt(&self) -> &Latency {
        self.latency.as_ref().unwrap_or(&self.service)
    }

    /// How many were sent.
    pub fn sent(&self) -> u64 {
        self.right + self.refused + self.wrong + self.lost
    }

    fn merge(&mut self, other: &Self) {
        for (status, count) in &other.statuses {
            *self.statuses.entry(*status).or_default() += count;
        }
        self.right += other.right;
        self.refused += other.refused;
        self.wrong += other.wrong;
        self.lost += other.lost;
        self.service.merge(&other.service);
        self.refusal.merge(&other.refusal);
        if let Some(latency) = &other.latency {
            self.latency.get_or_insert_default().merge(latency);
        }
    }
}

/// What went wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Errors {
    /// Connections that broke before the answer was whole, and answers that were none.
    pub connection: u64,
    /// Answers that took longer than the plan's patience.
    pub time_out: u64,
    /// Answers that were wrong.
    pub unexpected: u64,
}

impl Errors {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.connection + self.time_out + self.unexpected
    }

    fn merge(&mut self, other: Self) {
        self.connection += other.connection;
        self.time_out += other.time_out;
        self.unexpected += other.unexpected;
    }
}

/// Something that went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Surprise {
    /// Of which kind the request was.
    pub kind: Kind,
    /// What was expected.
    pub expected: String,
    /// What came: head and body as they were, or what happened to the connection.
    pub came: String,
}

impl Surprise {
    pub(crate) fn answer(kind: Kind, expected: String, answer: &Answer<'_>) -> Self {
        let kept = |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(KEPT_BYTES)]).into_owned();
        Self { kind, expected, came: kept(answer.head) + &kept(answer.body) }
    }

    pub(crate) fn loss(kind: Kind, what: &str) -> Self {
        Self { kind, expected: "an answer".to_owned(), came: what.to_owned() }
    }
}

impl Outcome {
    /// Whether every answer was right or an allowed refusal.
    pub fn is_right(&self) -> bool {
        self.errors.total() == 0
    }

    /// One kind, if it came.
    pub fn kind(&self, kind: Kind) -> Option<&KindOutcome> {
        self.kinds.get(&kind)
    }

    /// Times of all right answers: latency in an open loop, else service.
    pub fn felt(&self) -> Latency {
        let mut all = Latency::default();
        self.kinds.values().for_each(|kind| all.merge(kind.felt()));
        all
    }

    /// Adds up what threads measured.
    pub(crate) fn new(plan: &Plan, window: Window, measured: Vec<Measured>, series: Vec<Second>) -> Self {
        let is_open = matches!(plan.pace, crate::plan::Pace::Open { .. });
        let ran_out = measured.iter().any(|thread| thread.ran_out);
        let last = measured.iter().filter_map(|thread| thread.last).max();
        let end = match window.until {
            Some(until) if !ran_out => until,
            _ => last.unwrap_or(window.from),
        };
        let seconds = end.saturating_duration_since(window.from).max(Duration::from_micros(1)).as_secs_f64();
        let mut sum = Measured::default();
        for thread in measured {
            add(&mut sum, thread);
        }
        let [answers, right, refused] = sum.in_window;
        let per_second = |count: u64| count as f64 / seconds;
        Self {
            plan: plan.clone(),
            mix: None,
            seconds,
            answers,
            per_second: per_second(answers),
            right_per_second: per_second(right),
            refused_per_second: per_second(refused),
            kinds: Kind::ALL.into_iter().zip(sum.kinds).filter(|(_, kind)| kind.sent() > 0).collect(),
            errors: sum.errors,
            surprises: sum.surprises,
            delay: is_open.then_some(sum.delay),
            due: is_open.then_some(sum.due),
            unsent: sum.unsent,
            reconnects: sum.reconnects,
            generator_seconds: sum.processor.as_secs_f64(),
            ended_early: ran_out
                .then(|| "there was nothing more to send: more tokens were wanted".to_owned()),
            series,
        }
    }
}

fn add(sum: &mut Measured, thread: Measured) {
    for (sum, kind) in sum.kinds.iter_mut().zip(&thread.kinds) {
        sum.merge(kind);
    }
    sum.errors.merge(thread.errors);
    sum.surprises.extend(thread.surprises);
    sum.surprises.truncate(SURPRISES);
    for (sum, count) in sum.in_window.iter_mut().zip(thread.in_window) {
        *sum += count;
    }
    sum.delay.merge(&thread.delay);
    sum.due.merge(&thread.due);
    sum.unsent += thread.unsent;
    sum.reconnects += thread.reconnects;
    sum.processor += thread.processor;
}
