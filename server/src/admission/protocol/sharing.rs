//! What requests share: the flight of an attempt within a process, the committed outcome and the lease between
//! processes.

use shared::Layer;

use super::Claimant;

/// A request's place beside one in flight under its key in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Seat {
    /// The same attempt: shares its end.
    Join,
    /// Another attempt: waits, then goes on by itself.
    Wait,
}

/// A request's place beside one in flight under its key, where a verdict may be held against either: only the same
/// attempt, judged alike, shares an end. What is not part of the payload (whether the terms are accepted) can make the
/// difference.
pub fn seat<V: PartialEq>(in_flight: (&Claimant, &V), new: (&Claimant, &V)) -> Seat {
    if in_flight == new { Seat::Join } else { Seat::Wait }
}

/// What was said when the outcome, or the lease to make it, was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Said<O, J> {
    /// An outcome with a valid MAC.
    Outcome(O),
    /// Something that is no outcome: forged, of another environment, of an earlier database.
    Junk(J),
    /// Nothing is known, and the lease is the asker's, if it wanted one.
    Leased,
    /// Another holds the lease.
    Busy,
    /// No answer; the lease may have been taken all the same.
    Failed,
    /// The end of another's lease was waited for in vain.
    WaitedInVain,
}

/// How far a look has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Looking {
    /// Another's lease was waited for.
    pub has_waited: bool,
    /// Something worthless was removed.
    pub has_discarded: bool,
}

/// What follows from an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LookStep<O, J> {
    /// The outcome counts, and this layer knew it: the cache, or the lock, whose holder was waited for.
    Known(O, Layer),
    /// Remove what is worthless, then ask again.
    Discard(J),
    /// Wait for the end of another's lease, then ask again; pause first where it was waited for before, because a
    /// wait that ends at once though the key stays busy must not become a storm of questions.
    Wait {
        /// Whether to pause before waiting.
        pause_first: bool,
    },
    /// Nothing is known: go on.
    GoOn {
        /// Whether there is a lease to give up in the end, or may be.
        may_hold_lease: bool,
    },
}

impl Looking {
    /// What an answer means for one who has come so far.
    pub fn next<O, J>(&mut self, said: Said<O, J>) -> LookStep<O, J> {
        match said {
            Said::Outcome(outcome) => {
                LookStep::Known(outcome, if self.has_waited { Layer::Lock } else { Layer::Cache })
            }
            // Bad again: somebody keeps writing it.
            Said::Junk(_) if self.has_discarded => LookStep::GoOn { may_hold_lease: false },
            Said::Junk(junk) => {
                self.has_discarded = true;
                LookStep::Discard(junk)
            }
            Said::Busy => LookStep::Wait { pause_first: std::mem::replace(&mut self.has_waited, true) },
            // What may have been taken should not outlive the attempt.
            Said::Leased | Said::Failed => LookStep::GoOn { may_hold_lease: true },
            // The constraint decides without a lease.
            Said::WaitedInVain => LookStep::GoOn { may_hold_lease: false },
        }
    }
}

/// How an attempt leaves what is shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Settling<L, O> {
    /// It held nothing.
    Nothing,
    /// Stores the outcome and gives up the lease, as its owner.
    Settle(L, O),
    /// Gives up the lease, as its owner: nothing is committed under the key.
    Release(L),
}

/// How an attempt leaves what is shared: by the lease it may hold, and what is committed under its key.
pub fn settling<L, O>(lease: Option<L>, committed: Option<O>) -> Settling<L, O> {
    match (lease, committed) {
        (None, _) => Settling::Nothing,
        (Some(lease), Some(committed)) => Settling::Settle(lease, committed),
        (Some(lease), None) => Settling::Release(lease),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claimant(payload: u8, browser: Option<u8>) -> Claimant {
        let browser = browser.map(|byte| [byte; 32]);
        Claimant { person: Some([1; 32]), fingerprint: Some(([payload; 32], 1)), browser, source: None }
    }

    #[test]
    fn only_the_same_attempt_from_the_same_browser_joins() {
        let first = claimant(1, Some(1));
        let beside =
            |new: &Claimant, verdicts: [Option<u8>; 2]| seat((&first, &verdicts[0]), (new, &verdicts[1]));
        assert_eq!(beside(&first, [None, None]), Seat::Join);
        assert_eq!(beside(&first, [Some(1), Some(1)]), Seat::Join);
        assert_eq!(beside(&claimant(2, Some(1)), [None, None]), Seat::Wait);
        assert_eq!(beside(&claimant(1, None), [None, None]), Seat::Wait);
        let another_sequence = Claimant { source: Some([9; 32]), ..first };
        assert_eq!(beside(&another_sequence, [None, None]), Seat::Wait);
        assert_eq!(beside(&first, [Some(1), None]), Seat::Wait, "who keeps the rules is not refused");
        assert_eq!(beside(&first, [Some(1), Some(2)]), Seat::Wait, "for another's fault");
    }

    /// What the first and what the second of two answers mean.
    fn steps(first: Said<u8, char>, second: Said<u8, char>) -> [LookStep<u8, char>; 2] {
        let mut looking = Looking::default();
        [looking.next(first), looking.next(second)]
    }

    #[test]
    fn an_outcome_counts_for_the_layer_that_had_it() {
        let known = LookStep::Known(1, Layer::Cache);
        assert_eq!(steps(Said::Outcome(1), Said::Leased)[0], known);
        assert_eq!(steps(Said::Junk('j'), Said::Outcome(1)), [LookStep::Discard('j'), known]);
        let waited = LookStep::Known(1, Layer::Lock);
        assert_eq!(steps(Said::Busy, Said::Outcome(1)), [LookStep::Wait { pause_first: false }, waited]);
    }

    #[test]
    fn neither_junk_nor_a_busy_key_becomes_a_storm() {
        let again = [LookStep::Wait { pause_first: false }, LookStep::Wait { pause_first: true }];
        assert_eq!(steps(Said::Busy, Said::Busy), again);
        let alone = LookStep::GoOn { may_hold_lease: false };
        assert_eq!(steps(Said::Junk('j'), Said::Junk('k')), [LookStep::Discard('j'), alone]);
        assert_eq!(steps(Said::Busy, Said::WaitedInVain)[1], alone);
    }

    #[test]
    fn a_lease_is_given_up_by_who_holds_or_may_hold_it() {
        let held = LookStep::GoOn { may_hold_lease: true };
        assert_eq!(steps(Said::Leased, Said::Failed), [held, held]);
        assert_eq!(settling(Some('l'), Some(1)), Settling::Settle('l', 1));
        assert_eq!(settling::<_, u8>(Some('l'), None), Settling::Release('l'));
        assert_eq!(settling::<char, _>(None, Some(1)), Settling::Nothing);
    }
}
