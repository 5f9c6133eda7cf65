//! The fuzzer: libFuzzer, guided by coverage, on the target that `FUZZ_TARGET` names; `make fuzz` builds and runs it.
//! Its own arguments are libFuzzer's: `-help=1`.
#![no_main]

use std::sync::OnceLock;

use fuzz::targets::{ALL, Target};

static CHOSEN: OnceLock<&Target> = OnceLock::new();

libfuzzer_sys::fuzz_target!(init: choose(), |bytes: &[u8]| {
    if let Some(target) = CHOSEN.get() {
        (target.run)(bytes);
    }
});

/// Ends the program where there is nothing to fuzz: a fuzzer that does nothing finds nothing.
#[expect(
    clippy::print_stderr,
    reason = "a program for developers, before anything else is there to tell them"
)]
fn choose() {
    let wanted = std::env::var("FUZZ_TARGET").unwrap_or_default();
    let Some(target) = ALL.iter().find(|target| target.name == wanted) else {
        let names: Vec<&str> = ALL.iter().map(|target| target.name).collect();
        eprintln!("FUZZ_TARGET is {wanted:?}; it has to be one of {}.", names.join(", "));
        std::process::exit(2);
    };
    CHOSEN.get_or_init(|| target);
}
