//! Asking the database on behalf of those that an overloaded server refuses.
//!
//! Nothing refuses a known retry. But a look-up for each press that is shed would add to the very load it is shed for:
//! so there is one now and then. Who finds none is told to come again, like everybody else, and memory and cache, which
//! know the retries of a day, were asked before.

use std::sync::atomic::{AtomicI64, Ordering};

/// Milliseconds between two look-ups.
const BETWEEN_MS: u64 = 10;

/// Hands out the right to ask, one at a time.
#[derive(Debug, Default)]
pub struct Occasions(AtomicI64);

impl Occasions {
    /// Whether somebody may ask at an instant, in milliseconds.
    pub fn is_near(&self, now: i64) -> bool {
        is_long_ago(self.0.load(Ordering::Relaxed), now)
    }

    /// Takes the right to ask, if there is one.
    pub fn take(&self, now: i64) -> bool {
        let last = self.0.load(Ordering::Relaxed);
        is_long_ago(last, now)
            && self.0.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// A clock that was set back is no reason to wait for it.
fn is_long_ago(last: i64, now: i64) -> bool {
    now.abs_diff(last) >= BETWEEN_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_asks_and_the_next_a_while_later() {
        let occasions = Occasions::default();
        assert!(occasions.is_near(1000));
        assert!(occasions.take(1000));
        assert!(!occasions.take(1000) && !occasions.is_near(1009));
        assert!(occasions.take(1010));
        assert!(occasions.take(500), "the clock was set back");
        assert!(!occasions.take(509));
    }
}
