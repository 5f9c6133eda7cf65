//! What happened, as the clients saw it: every call with its beginning, its end and its answer.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;

/// An instant, as the time since the run began.
pub type Moment = Duration;

/// Numbers an attempt: a key and everything that was ever sent under it.
pub type AttemptId = usize;

/// Numbers a draw of this run.
pub type DrawId = usize;

/// What somebody sends to be registered. Two that are equal have the same fingerprint.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Payload {
    /// The person: an email address in its canonical form.
    pub person: String,
    /// The name as typed.
    pub name: String,
    /// The phone number, where the draw asks for one.
    pub phone: Option<String>,
    /// Whether the rules accept it.
    pub is_valid: bool,
    /// An integrator's number for this entry.
    pub sequence: Option<String>,
}

impl Payload {
    /// As the body of a request.
    pub fn json(&self) -> Value {
        let mut form = serde_json::json!({
            "full_name": self.name, "email": self.person, "accept_terms": self.is_valid,
        });
        if let Some(phone) = &self.phone {
            form["phone"] = phone.as_str().into();
        }
        if let Some(sequence) = &self.sequence {
            form["sequence"] = sequence.as_str().into();
        }
        form
    }
}

/// What a call was for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A page, or a page token.
    Token,
    /// To register.
    Register {
        /// Under which key.
        attempt: AttemptId,
        /// What was sent.
        payload: Arc<Payload>,
        /// Which browser sent it: who has no cookie is none.
        browser: Option<u32>,
    },
    /// To take back the entry of a receipt.
    Withdraw {
        /// The receipt's code.
        receipt: String,
    },
}

/// An answer, as far as anybody looks at it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Code of a problem; empty for none.
    pub code: String,
    /// Fields that a problem names.
    pub fields: Vec<String>,
    /// Whether the receipt was called a replay.
    pub is_replayed: bool,
    /// `Retry-After`, in seconds.
    pub retry_after: Option<u32>,
    /// The body of a success, to the byte.
    pub body: String,
}

impl Answer {
    /// The receipt in the body of a success.
    pub fn receipt(&self) -> Option<Receipt> {
        if self.status != 201 {
            return None;
        }
        let body: Value = serde_json::from_str(&self.body).ok()?;
        let text = |name: &str| body[name].as_str().map(str::to_owned);
        Some(Receipt {
            code: text("receipt")?,
            draw: text("draw")?,
            entry: text("entry_id")?.replace('-', ""),
            registered_at: text("registered_at")?,
        })
    }

    /// Whether the same request may well end otherwise, unchanged and a moment later.
    pub fn is_temporary(&self) -> bool {
        matches!(self.status, 408 | 429 | 500..=599) || self.code == "in-progress"
    }
}

/// What a receipt says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Receipt {
    /// Its code.
    pub code: String,
    /// The draw's slug.
    pub draw: String,
    /// The entry, as 32 hexadecimal digits.
    pub entry: String,
    /// RFC 3339, to the millisecond.
    pub registered_at: String,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With an answer.
    Answered(Answer),
    /// Without one: nothing is known of what it did.
    Unknown(String),
}

/// One call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// When it was sent.
    pub began: Moment,
    /// When it was answered or given up.
    pub ended: Moment,
    /// Whose script it belongs to.
    pub case: usize,
    /// The draw.
    pub draw: DrawId,
    /// What for.
    pub step: Step,
    /// How it ended.
    pub outcome: Outcome,
    /// Whether the client took its time: then the time says nothing of the servers.
    pub is_slow: bool,
}

impl Call {
    /// Its answer, if there was one.
    pub fn answer(&self) -> Option<&Answer> {
        match &self.outcome {
            Outcome::Answered(answer) => Some(answer),
            Outcome::Unknown(_) => None,
        }
    }

    /// The code of the problem it was answered with; empty for none.
    pub fn code(&self) -> &str {
        self.answer().map_or("", |answer| &answer.code)
    }

    /// What it was, in one of the classes of the picture.
    pub fn class(&self) -> Class {
        match &self.outcome {
            Outcome::Unknown(_) => Class::Unknown,
            Outcome::Answered(answer) if answer.is_temporary() => Class::Later,
            Outcome::Answered(answer) if answer.status >= 400 => Class::Refused,
            Outcome::Answered(answer) if answer.is_replayed => Class::Replayed,
            Outcome::Answered(_) => Class::Done,
        }
    }
}

/// Kinds of ends, for counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// What was asked for was done.
    Done,
    /// The receipt of an earlier request.
    Replayed,
    /// A definite no.
    Refused,
    /// To be asked again later.
    Later,
    /// No answer.
    Unknown,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (began, ended) = (self.began.as_secs_f64(), self.ended.as_secs_f64());
        write!(f, "{began:9.3} to {ended:9.3}  case {:5}  draw {:3}  ", self.case, self.draw)?;
        match &self.step {
            Step::Token => write!(f, "token")?,
            Step::Withdraw { receipt } => write!(f, "withdraw {receipt}")?,
            Step::Register { attempt, payload, browser } => {
                let Payload { person, name, phone, is_valid, sequence } = payload.as_ref();
                write!(f, "register under {attempt}: {person} {name:?}")?;
                write!(f, " phone {phone:?} sequence {sequence:?} valid {is_valid} browser {browser:?}")?;
            }
        }
        match &self.outcome {
            Outcome::Unknown(why) => write!(f, " -> no answer: {why}"),
            Outcome::Answered(Answer { status, code, fields, is_replayed, body, .. }) => {
                let replayed = if *is_replayed { " replayed" } else { "" };
                write!(f, " -> {status} {code}{replayed} {}{body}", fields.join(","))
            }
        }
    }
}

/// All calls, in the order of their ends.
#[derive(Debug, Default)]
pub struct History(Mutex<Vec<Call>>);

impl History {
    /// Adds a call.
    pub fn add(&self, call: Call) {
        self.lock().push(call);
    }

    /// All so far.
    pub fn calls(&self) -> Vec<Call> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Call>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
