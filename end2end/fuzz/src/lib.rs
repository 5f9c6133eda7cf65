//! Every parser of bytes from outside, for a coverage-guided fuzzer.
//!
//! A target is a plain function of bytes ([`targets`], one file each) that panics when a promise is broken; that the
//! parser itself does not panic is the least of them. Where plain bytes would never get past the first check, the
//! first byte of an input chooses another way in: a genuine value that the rest of the input spoils, or one that the
//! rest is the parts of ([`input`]). What is genuine is made with the secrets in [`world`].
//!
//! `make fuzz` runs them guided by coverage. The inputs it found worth keeping are in `corpus`, one folder a target;
//! `tests/corpus.rs` replays them in every `cargo test`. To add a target: a file in `src/targets`, a line in
//! [`targets::ALL`], and a first input in `corpus`; perhaps words it would take long to guess in `dictionaries`.

pub mod input;
pub mod promises;
pub mod targets;
pub mod world;
