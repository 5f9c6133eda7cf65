//! Records that every layer has to judge alike (guarantee G7): those written down in `tests/corpus`, and made
//! ones. The test of the rules, which tells WASM what to say, and the test of the databases' constraints read
//! the same.

#[path = "../generators/mod.rs"]
#[expect(dead_code, reason = "the rest is for the properties")]
mod generators;
mod made;
mod slips;
mod written;

use serde_json::Value;

pub(crate) use made::{MADE, made, seed};
pub(crate) use written::written;

/// A form with all that judging it takes.
pub(crate) struct Record {
    /// There once.
    pub(crate) id: String,
    /// `{rules, today, closing_date, form}`.
    pub(crate) question: Value,
    /// What the corpus says has to come of it.
    pub(crate) expect: Option<Value>,
}
