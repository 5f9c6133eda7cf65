//! How a request to register ended, before it becomes HTTP.

use bytes::Bytes;
use shared::{FieldError, Layer, Outcome, Problem};

use crate::secrets::Digest;

/// How one request to register ended, who decided, and what to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// For metrics and logs.
    pub outcome: Outcome,
    /// Which defence decided.
    pub layer: Layer,
    /// What to tell.
    pub answer: Answer,
    /// The person of the entry that a retry led to, for counting retries.
    pub person: Option<Digest>,
}

/// What to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The receipt, byte for byte as it was first acknowledged.
    Receipt(Bytes),
    /// A problem.
    Problem(Refusal),
}

/// A problem with what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What kind.
    pub problem: Problem,
    /// What is wrong with which field.
    pub errors: Vec<FieldError>,
    /// Seconds after which trying again makes sense.
    pub retry_after: Option<u32>,
    /// More than the problem type says by itself.
    pub detail: Option<String>,
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self { problem, errors: Vec::new(), retry_after: None, detail: None }
    }
}

impl Refusal {
    /// What happened and what to do, for people.
    pub fn detail(&self) -> &str {
        self.detail.as_deref().unwrap_or(self.problem.detail())
    }

    /// With seconds to wait, rounded up from milliseconds, at least one.
    pub fn after(problem: Problem, millis: i64) -> Self {
        let seconds = (millis.max(1) + 999) / 1000;
        Self { retry_after: Some(u32::try_from(seconds).unwrap_or(u32::MAX)), ..problem.into() }
    }
}

impl Ending {
    /// The entry was made by this very request.
    pub fn created(body: Bytes) -> Self {
        Self {
            outcome: Outcome::Created,
            layer: Layer::Constraint,
            answer: Answer::Receipt(body),
            person: None,
        }
    }

    /// The entry was there; a layer remembered.
    pub fn replayed(body: Bytes, person: Digest, layer: Layer) -> Self {
        Self { outcome: Outcome::Replayed, layer, answer: Answer::Receipt(body), person: Some(person) }
    }

    /// Refused by a layer.
    pub fn refused(refusal: impl Into<Refusal>, layer: Layer) -> Self {
        let refusal = refusal.into();
        let outcome = match refusal.problem {
            // A form on another site is no page of ours, whatever token it holds.
            Problem::KeyMissing
            | Problem::KeyInvalid
            | Problem::TokenInvalid
            | Problem::NotSignedIn
            | Problem::Forbidden => Outcome::TokenInvalid,
            Problem::TokenExpired => Outcome::TokenExpired,
            Problem::InProgress => Outcome::InProgress,
            Problem::KeyReused => Outcome::Mismatch,
            Problem::AlreadyRegistered => Outcome::AlreadyRegistered,
            Problem::NotOpen | Problem::DrawNotFound => Outcome::NotOpen,
            Problem::Closed => Outcome::Closed,
            Problem::Full => Outcome::Full,
            Problem::RateLimited => Outcome::RateLimited,
            Problem::Overloaded => Outcome::Shed,
            Problem::StorageUnavailable => Outcome::Unavailable,
            Problem::MalformedBody
            | Problem::BodyTooLarge
            | Problem::UnsupportedMediaType
            | Problem::ValidationFailed => Outcome::Invalid,
            _ => Outcome::Error,
        };
        Self { outcome, layer, answer: Answer::Problem(refusal), person: None }
    }

    /// Nobody can say now whether the entry is there: come again.
    pub fn unavailable() -> Self {
        Self::refused(Refusal::after(Problem::StorageUnavailable, 2000), Layer::Constraint)
    }

    /// The same end, told to a request that shared it: the first was answered with the entry, this one is
    /// a retry.
    #[must_use]
    pub fn shared(self, person: Option<Digest>) -> Self {
        match (self.outcome, self.answer, person) {
            (Outcome::Created, Answer::Receipt(body), Some(person)) => {
                Self::replayed(body, person, Layer::Memory)
            }
            (outcome, answer, _) => Self { outcome, answer, ..self },
        }
    }
}
