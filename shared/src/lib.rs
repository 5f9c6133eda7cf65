//! The rules of a draw, in one place for both sides of the wire.
//!
//! The server runs this crate natively, the browser runs it as WASM. It is pure: no I/O, no async,
//! no clock, no randomness; what a rule needs of the outside (today's date, say) is an argument. Unicode's
//! tables are the one thing that differs: the browser's are used there, to spare every page 49 KB of ours.
//!
//! | to change | look in |
//! | --- | --- |
//! | what an entrant may type, and the message when it is wrong | [`entry`], [`combinations`] |
//! | when two addresses or phone numbers are the same | [`contact`] |
//! | what an organiser may ask for | [`rules`] |
//! | what an integrator's program may send beside the form | [`integrator`] |
//! | a draw's states and what may follow what | [`draw`] |
//! | what a request to register can end in | [`outcome`] |
//! | how large anything may be | [`limits`] |
//!
//! The only way from a form to an [`entry::Entry`] is [`entry::Entry::parse`]: whoever is handed one need not
//! check it again. (The database makes entries too, of rows that were one before.)

#![forbid(unsafe_code)]

pub mod combinations;
pub mod contact;
pub mod countries;
pub mod draw;
pub mod entry;
pub mod integrator;
pub mod limits;
pub mod outcome;
pub mod rules;
pub mod text;
pub mod token;

pub use draw::{Action, DrawState, Phase};
pub use entry::{Entry, EntryForm, FieldError};
pub use outcome::{Layer, Outcome, Problem};
pub use rules::{Asked, Category, Dates, DrawRules, Session};
