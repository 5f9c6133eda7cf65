//! Pure decisions of the admission path. No I/O, no clock; the model checker in `end2end/model` calls these same
//! functions, so that what it explores is what the server does.
//!
//! | what is decided | where |
//! | --- | --- |
//! | what a known key, sequence or person means for a request | [`known`] |
//! | who leads, joins or waits; what a cached outcome or a lease answer means; how a lease ends | [`sharing`] |
//! | whether a draw takes anybody, what a transaction came to, who runs again, who lost to whom | [`passes`] |
//! | what is told and remembered after a write, and while a write is in doubt | [`answers`] |
//!
//! To add a decision: write it here over plain values, call it from the server, and let the model take it too.

pub mod answers;
pub mod known;
pub mod passes;
pub mod sharing;

pub use answers::{
    AfterTry, AfterWrite, Held, Known, Remember, Round, Tell, after_lost_answer, after_round, after_write,
    held, known, recognise,
};
pub use known::{Claimant, Decision, is_same_browser, key_is_known, person_is_known, source_is_known};
pub use passes::{AfterPass, Pass, Shut, Winners, after_binding, after_pass, is_clash, to_be_bound};
pub use sharing::{LookStep, Looking, Said, Seat, Settling, seat, settling};
