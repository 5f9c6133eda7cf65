//! Processor time of a thread.

use std::time::Duration;

/// What the calling thread has used since it began; nothing where the system does not say.
pub fn used() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    parse(&text).unwrap_or_default()
}

/// What a thread has used, by its file `schedstat` in proc(5).
pub fn parse(schedstat: &str) -> Option<Duration> {
    // The first number of that file is nanoseconds on a processor.
    schedstat.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}
