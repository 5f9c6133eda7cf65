//! What is measured: by each thread for itself, then added up.

mod histogram;
mod outcome;
mod recorder;
mod seconds;

pub use histogram::Latency;
pub use outcome::{Errors, KindOutcome, Outcome, Surprise};
pub(crate) use recorder::{Loss, Measured, Recorder, Sample, Window};
pub use seconds::Second;
pub(crate) use seconds::Seconds;
