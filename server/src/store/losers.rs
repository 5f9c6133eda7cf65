//! Whether a batch is worth looking for losers in before it is inserted.
//!
//! A guess, one for all draws, which costs time where it is wrong: who inserts without looking and breaks a key starts
//! over. A batch that was undone for another reason counts as well: nobody says why.

use std::sync::atomic::{AtomicU32, Ordering};

/// Batches that are looked through after one in which somebody lost. Where one in so many has a loser, all are looked
/// through: starting over costs less than looking through so many.
const LOOKING: u32 = 16;

/// How many batches to come are looked through.
#[derive(Debug, Default)]
pub(super) struct Losers(AtomicU32);

impl Losers {
    /// Whether the next batch is.
    pub fn are_expected(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }

    /// Learns from a batch whether somebody in it lost.
    pub fn note(&self, somebody_lost: bool) {
        // Batches go on beside each other: a count that is off by some is as good a guess.
        let left = if somebody_lost { LOOKING } else { self.0.load(Ordering::Relaxed).saturating_sub(1) };
        self.0.store(left, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losers_are_expected_for_a_while_after_one() {
        let losers = Losers::default();
        assert!(!losers.are_expected());
        losers.note(false);
        assert!(!losers.are_expected());
        for somebody_lost in [true, true] {
            losers.note(somebody_lost);
            assert!(losers.are_expected());
        }
        for _ in 0..LOOKING {
            assert!(losers.are_expected());
            losers.note(false);
        }
        assert!(!losers.are_expected());
    }
}
