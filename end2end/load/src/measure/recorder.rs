//! What one thread notes while the clock runs.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::outcome::{KindOutcome, SURPRISES, Surprise};
use super::{Errors, Latency};
use crate::answer::Answer;
use crate::mix::Kind;
use crate::work::Verdict;

/// The stretch of time that is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    /// When the first request was sent.
    pub start: Instant,
    /// When the warm-up is over.
    pub from: Instant,
    /// When no more is sent, where that is known in advance.
    pub until: Option<Instant>,
}

impl Window {
    /// The second of an instant, from the start; what comes after the end belongs to the last one.
    fn second(&self, at: Instant) -> u64 {
        let end = self.until.map_or(at, |until| at.min(until - Duration::from_nanos(1)));
        end.saturating_duration_since(self.start).as_secs()
    }
}

/// One second of one thread.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// Which.
    pub second: u64,
    /// See [`super::Second`].
    pub right: u64,
    /// The same.
    pub refused: u64,
    /// The same.
    pub wrong: u64,
    /// The same.
    pub lost: u64,
    /// Times of answers.
    pub micros: Histogram<u32>,
}

impl Sample {
    /// Of a second in which nothing happened yet.
    pub fn new(second: u64) -> Self {
        // Two digits: what is drawn needs no more, and a run may have many seconds.
        let micros = Histogram::new_with_bounds(1, 120_000_000, 2).expect("these bounds are allowed");
        Self { second, right: 0, refused: 0, wrong: 0, lost: 0, micros }
    }

    /// Notes an answer and its time in microseconds.
    fn note(&mut self, verdict: &Verdict, micros: u64) {
        match verdict {
            Verdict::Right => self.right += 1,
            Verdict::Refused => self.refused += 1,
            Verdict::Wrong(_) => self.wrong += 1,
        }
        self.micros.saturating_record(micros.max(1));
    }

    /// Adds another's.
    pub fn merge(&mut self, other: &Self) {
        self.right += other.right;
        self.refused += other.refused;
        self.wrong += other.wrong;
        self.lost += other.lost;
        let _ = self.micros.add(&other.micros);
    }
}

/// Why an answer did not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// The connection broke; how.
    Broken(&'static str),
    /// It took too long.
    TimeOut,
}

/// What a thread measured.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    /// By kind, in the order of [`Kind::ALL`].
    pub kinds: [KindOutcome; Kind::ALL.len()],
    /// See [`Errors`].
    pub errors: Errors,
    /// The first few answers that were wrong.
    pub surprises: Vec<Surprise>,
    /// Answers within the window, and those of them that were right, and refusals.
    pub in_window: [u64; 3],
    /// When the last measured answer came.
    pub last: Option<Instant>,
    /// From when a request was due to when it was sent, in an open loop.
    pub delay: Latency,
    /// Every press that was due, in an open loop; one that was not sent counts with the time it has waited.
    pub due: Latency,
    /// Presses that were due and not sent when the run ended.
    pub unsent: u64,
    /// Connections that had to be made again.
    pub reconnects: u64,
    /// Processor time of the thread within the measured part.
    pub processor: Duration,
    /// Whether there was nothing more to send before the run was to end.
    pub ran_out: bool,
}

/// Notes what happens.
pub(crate) struct Recorder<'a> {
    window: Window,
    is_open: bool,
    sample: Sample,
    tell: &'a dyn Fn(Sample),
    /// What is known so far.
    pub measured: Measured,
}

impl<'a> Recorder<'a> {
    /// Of a window; `tell` gets each second when it is over.
    pub fn new(window: Window, is_open: bool, tell: &'a dyn Fn(Sample)) -> Self {
        Self { window, is_open, sample: Sample::new(0), tell, measured: Measured::default() }
    }

    /// The window.
    pub fn window(&self) -> Window {
        self.window
    }

    /// Notes that a request was sent that was due at an instant.
    pub fn sent(&mut self, due: Instant, now: Instant) {
        if self.is_open && due >= self.window.from {
            self.measured.delay.record(micros(due, now));
        }
    }

    /// Notes an answer.
    pub fn answered(
        &mut self,
        kind: Kind,
        answer: &Answer<'_>,
        verdict: Verdict,
        [due, began, now]: [Instant; 3],
    ) {
        self.turn(now);
        let (service, latency) = (micros(began, now), micros(due, now));
        let shown = if self.is_open { latency } else { service };
        if self.window.until.is_none_or(|until| now <= until) {
            self.sample.note(&verdict, shown);
        }
        if due >= self.window.from {
            self.measure(kind, answer.status, &verdict, [service, latency], now);
        }
        // What is wrong is wrong while warming up as well.
        if let Verdict::Wrong(expected) = verdict {
            self.measured.errors.unexpected += 1;
            if self.measured.surprises.len() < SURPRISES {
                self.measured.surprises.push(Surprise::answer(kind, expected, answer));
            }
        }
    }

    fn measure(&mut self, kind: Kind, status: u16, verdict: &Verdict, times: [u64; 2], now: Instant) {
        let [service, latency] = times;
        let measured = &mut self.measured;
        let outcome = &mut measured.kinds[kind as usize];
        outcome.count(status);
        let is_right = *verdict == Verdict::Right;
        if is_right {
            outcome.right += 1;
            outcome.service.record(service);
        } else if *verdict == Verdict::Refused {
            outcome.refused += 1;
            outcome.refusal.record(if self.is_open { latency } else { service });
        } else {
            outcome.wrong += 1;
        }
        if self.is_open {
            measured.due.record(latency);
            if is_right {
                outcome.latency.get_or_insert_default().record(latency);
            }
        }
        if self.window.until.is_none_or(|until| now <= until) {
            let [all, right, refused] = &mut measured.in_window;
            *all += 1;
            *right += u64::from(is_right);
            *refused += u64::from(*verdict == Verdict::Refused);
        }
        measured.last = Some(now);
    }

    /// Notes that the answer to a request that was due at an instant will not come.
    pub fn lost(&mut self, kind: Kind, why: Loss, due: Instant, now: Instant) {
        self.turn(now);
        self.sample.lost += 1;
        let errors = &mut self.measured.errors;
        let what = match why {
            Loss::Broken(how) => {
                errors.connection += 1;
                how
            }
            Loss::TimeOut => {
                errors.time_out += 1;
                "no answer came in time"
            }
        };
        if due >= self.window.from {
            self.measured.kinds[kind as usize].lost += 1;
            if self.is_open {
                self.measured.due.record(micros(due, now));
            }
        }
        if self.measured.surprises.len() < SURPRISES {
            self.measured.surprises.push(Surprise::loss(kind, what));
        }
    }

    /// Notes a press that was due and will not be sent.
    pub fn unsent(&mut self, due: Instant, now: Instant) {
        if due >= self.window.from {
            self.measured.unsent += 1;
            self.measured.due.record(micros(due, now));
        }
    }

    /// Tells of the seconds that are over.
    pub fn turn(&mut self, now: Instant) {
        let second = self.window.second(now);
        while self.sample.second < second {
            let next = Sample::new(self.sample.second + 1);
            (self.tell)(std::mem::replace(&mut self.sample, next));
        }
    }

    /// Tells of the last second; what was measured.
    pub fn finish(self) -> Measured {
        (self.tell)(self.sample);
        self.measured
    }
}

fn micros(from: Instant, to: Instant) -> u64 {
    u64::try_from(to.saturating_duration_since(from).as_micros()).unwrap_or(u64::MAX)
}
