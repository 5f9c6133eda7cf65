//! What is sent, and what has to come back.

mod bad;
mod fixed;
mod form;
mod groups;
mod ledger;
mod receipt;
mod registrations;
mod tokens;

#[cfg(test)]
mod tests;

pub use bad::BadInput;
pub(crate) use bad::BadInputs;
pub use fixed::Fixed;
pub use form::Form;
pub use ledger::{Acknowledged, Ledger, Token};
pub use receipt::entry_id;
pub(crate) use registrations::{Registrations, Rules};
pub(crate) use tokens::Tokens;

use crate::answer::Answer;
use crate::mix::Kind;

/// A source of requests that knows what their answers have to be. One thread has one of its own, so that nothing is
/// shared while the clock runs.
pub trait Work: Send {
    /// What was sent, for when its answer comes.
    type Job: Send;

    /// Appends the next request to an empty buffer; `None` when there is no more to send.
    fn next(&mut self, out: &mut Vec<u8>) -> Option<Self::Job>;

    /// Appends a request that has to go at once with the one before, on another connection; `None` when there is
    /// none.
    fn companion(&mut self, _out: &mut Vec<u8>) -> Option<Self::Job> {
        None
    }

    /// Whether [`Self::companion`] has one.
    fn has_companion(&self) -> bool {
        false
    }

    /// Under which kind a request is measured.
    fn kind(&self, job: &Self::Job) -> Kind;

    /// Judges an answer.
    fn judge(&mut self, job: Self::Job, answer: &Answer<'_>) -> Verdict;

    /// Learns that no answer will come: what the server did is not known.
    fn lost(&mut self, job: Self::Job);
}

/// What an answer is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// What was to come, and the work is done.
    Right,
    /// An allowed "not now": shed, limited, or still being worked on.
    Refused,
    /// Neither; what was expected.
    Wrong(String),
}

/// 429 and 503 where they are expected: a refusal has to say when to come again.
fn shed(answer: &Answer<'_>, is_expected: bool) -> Option<Verdict> {
    if !is_expected || !matches!(answer.status, 429 | 503) {
        return None;
    }
    Some(match answer.retry_after {
        Some(_) => Verdict::Refused,
        None => Verdict::Wrong(format!("a Retry-After with the {}", answer.status)),
    })
}

/// Whether a body holds a text.
fn holds(body: &[u8], text: &str) -> bool {
    memchr::memmem::find(body, text.as_bytes()).is_some()
}

/// Whether an answer is the problem of a status and a code.
fn is_problem(answer: &Answer<'_>, status: u16, code: &str) -> bool {
    answer.status == status && answer.is_problem && holds(answer.body, &format!("\"/problems/{code}\""))
}
