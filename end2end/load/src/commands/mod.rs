//! The commands.

pub mod bench;
pub mod run;
pub mod scale;
pub mod serve;

use std::io::Write as _;

/// A line for whoever reads the result, if they still do.
pub fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{}", line.trim_end()).and_then(|()| out.flush());
}

/// A line for whoever watches.
pub fn tell(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
