//! What an attempt is told, and what is remembered: after a write, while a write is in doubt, and with a verdict
//! held against it.

use shared::Problem;
use uuid::Uuid;

use super::{Claimant, Decision, key_is_known, person_is_known, source_is_known};
use crate::store::draws::Mode;
use crate::store::entries::{Identity, Stored, Written};

/// What follows from a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AfterWrite<'a> {
    /// What the attempt is told.
    pub tell: Tell<'a>,
    /// What is remembered under its key.
    pub remember: Remember<'a>,
}

/// What an attempt is told after its write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tell<'a> {
    /// The receipt of the entry it made, at this instant.
    Receipt(i64),
    /// The receipt of an entry that was there before.
    Replay(&'a Stored),
    /// A problem.
    Refusal(Problem),
    /// Nothing yet: it is judged anew.
    StartOver,
}

/// What is remembered under an attempt's key: what is committed under it, and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remember<'a> {
    /// Nothing is committed under this key.
    Nothing,
    /// The entry it made, at this instant.
    Own(i64),
    /// The entry that its key made before.
    Earlier(&'a Stored),
}

/// What follows from what became of an attempt's entry.
pub fn after_write<'a>(
    mode: Mode,
    claimant: &Claimant,
    identity: &Identity,
    written: &'a Written,
) -> AfterWrite<'a> {
    let tell = match written {
        Written::Created { registered_at } => Tell::Receipt(*registered_at),
        Written::TokenKnown(stored) => replay_or(key_is_known(mode, &stored.identity, claimant), stored),
        Written::SourceKnown(stored) => replay_or(source_is_known(&stored.identity, claimant), stored),
        Written::PersonKnown(stored) => replay_or(person_is_known(&stored.identity, identity), stored),
        Written::ClaimsTaken(_) => Tell::Refusal(Problem::AlreadyRegistered),
        Written::NotOpen(..) => Tell::Refusal(Problem::NotOpen),
        Written::Closed => Tell::Refusal(Problem::Closed),
        Written::Full => Tell::Refusal(Problem::Full),
        Written::DrawChanged | Written::Again => Tell::StartOver,
        Written::Refused(_) => Tell::Refusal(Problem::Internal),
    };
    let remember = match written {
        Written::Created { registered_at } => Remember::Own(*registered_at),
        // The very entry of an earlier round, whose answer was lost; or the person's, to which the key was bound.
        Written::TokenKnown(stored) => Remember::Earlier(stored),
        _ => Remember::Nothing,
    };
    AfterWrite { tell, remember }
}

fn replay_or(decision: Decision, stored: &Stored) -> Tell<'_> {
    match decision {
        Decision::Replay => Tell::Replay(stored),
        Decision::KeyReused => Tell::Refusal(Problem::KeyReused),
        Decision::AlreadyRegistered => Tell::Refusal(Problem::AlreadyRegistered),
    }
}

/// An entry that turns out to be written already, by an earlier try whose answer was lost, is new all the same:
/// nobody was told of it before.
pub fn recognise(fate: Written, own: Uuid) -> Written {
    match fate {
        Written::TokenKnown(stored) if stored.id == own => {
            Written::Created { registered_at: stored.registered_at }
        }
        fate => fate,
    }
}

/// What follows a try to write a batch that brought no word of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AfterTry {
    /// Nobody can say whether it was written: write it again with the same ids, and believe only that.
    WriteAgain,
    /// Given up: nobody can say, and that is what is told.
    NobodyKnows,
}

/// What follows a try that brought no word: by whether trying again makes sense, and whether there is time.
pub fn after_lost_answer(is_temporary: bool, has_time: bool) -> AfterTry {
    if is_temporary && has_time { AfterTry::WriteAgain } else { AfterTry::NobodyKnows }
}

/// What becomes of a queued entry after a round that brought word of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Round {
    /// It is told.
    Tell,
    /// It lost to something that is not there in the end, and goes into another round.
    Again,
    /// So often that nobody can say what becomes of it.
    NobodyKnows,
}

/// What becomes of a queued entry: by its fate, how often it went again, and how often it may.
pub fn after_round(fate: &Written, tries: u32, tries_max: u32) -> Round {
    match fate {
        Written::Again if tries < tries_max => Round::Again,
        Written::Again => Round::NobodyKnows,
        _ => Round::Tell,
    }
}

/// What an attempt's claim rows know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// The entry that its key made.
    Key(Stored),
    /// The entry of its source and sequence, made under another key.
    Source(Stored),
}

/// What an attempt's claim rows know, the key's first.
pub fn known(by_token: Option<Stored>, by_source: Option<Stored>) -> Option<Known> {
    by_token.map(Known::Key).or(by_source.map(Known::Source))
}

/// What becomes of a verdict that is held against an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held<E> {
    /// It falls: nothing refuses a known retry.
    Falls(Known),
    /// It stands, and is told.
    Stands,
    /// It is not told: nobody can say whether the attempt is known.
    NobodyKnows(E),
}

/// What becomes of a held verdict once the claim rows were asked.
pub fn held<E>(looked_up: Result<Option<Known>, E>) -> Held<E> {
    match looked_up {
        Ok(Some(known)) => Held::Falls(known),
        Ok(None) => Held::Stands,
        Err(error) => Held::NobodyKnows(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::entries::ClaimKind;

    fn identity(person: u8, payload: u8) -> Identity {
        let (person, fingerprint, browser) = ([person; 32], [payload; 32], Some([7; 32]));
        Identity { person, fingerprint, fingerprint_version: 1, browser }
    }

    fn stored(id: u128, identity: Identity) -> Stored {
        Stored { id: Uuid::from_u128(id), receipt: String::new(), registered_at: 5, identity }
    }

    fn after(identity: &Identity, written: &Written) -> (Option<Problem>, bool, bool) {
        let AfterWrite { tell, remember } =
            after_write(Mode::Strict, &Claimant::from(identity), identity, written);
        let problem = if let Tell::Refusal(problem) = tell { Some(problem) } else { None };
        let is_receipt = matches!(tell, Tell::Receipt(5) | Tell::Replay(_));
        (problem, is_receipt, remember != Remember::Nothing)
    }

    #[test]
    fn only_what_is_committed_under_the_key_is_remembered() {
        let own = identity(1, 1);
        let (same, other) = (stored(1, own), stored(2, identity(2, 2)));
        let cases = [
            (Written::Created { registered_at: 5 }, None, true, true),
            (Written::TokenKnown(same.clone()), None, true, true),
            (Written::TokenKnown(other.clone()), Some(Problem::KeyReused), false, true),
            (Written::SourceKnown(same.clone()), None, true, false),
            (Written::SourceKnown(other.clone()), Some(Problem::KeyReused), false, false),
            (Written::PersonKnown(same), None, true, false),
            (Written::PersonKnown(other), Some(Problem::AlreadyRegistered), false, false),
            (Written::ClaimsTaken(vec![ClaimKind::Phone]), Some(Problem::AlreadyRegistered), false, false),
            (Written::NotOpen(2, 1), Some(Problem::NotOpen), false, false),
            (Written::Closed, Some(Problem::Closed), false, false),
            (Written::Full, Some(Problem::Full), false, false),
            (Written::Again, None, false, false),
            (Written::DrawChanged, None, false, false),
        ];
        for (written, problem, is_receipt, is_remembered) in cases {
            assert_eq!(after(&own, &written), (problem, is_receipt, is_remembered), "{written:?}");
        }
    }

    #[test]
    fn an_entry_of_a_try_whose_answer_was_lost_is_new() {
        let found = || Written::TokenKnown(stored(1, identity(1, 1)));
        assert!(matches!(recognise(found(), Uuid::from_u128(1)), Written::Created { registered_at: 5 }));
        assert!(matches!(recognise(found(), Uuid::from_u128(2)), Written::TokenKnown(_)), "another's");
        let person = Written::PersonKnown(stored(1, identity(1, 1)));
        assert!(matches!(recognise(person, Uuid::from_u128(1)), Written::PersonKnown(_)));
    }

    #[test]
    fn no_word_is_never_taken_for_a_failure() {
        assert_eq!(after_lost_answer(true, true), AfterTry::WriteAgain);
        assert_eq!(after_lost_answer(true, false), AfterTry::NobodyKnows);
        assert_eq!(after_lost_answer(false, true), AfterTry::NobodyKnows);
        assert_eq!(after_round(&Written::Again, 1, 2), Round::Again);
        assert_eq!(after_round(&Written::Again, 2, 2), Round::NobodyKnows);
        assert_eq!(after_round(&Written::Full, 2, 2), Round::Tell);
    }

    #[test]
    fn a_held_verdict_is_told_only_when_the_claim_rows_know_nothing() {
        let one = || stored(1, identity(1, 1));
        assert_eq!(known(Some(one()), Some(stored(2, identity(2, 2)))), Some(Known::Key(one())));
        assert_eq!(known(None, Some(one())), Some(Known::Source(one())));
        assert_eq!(held(Ok::<_, ()>(known(None, Some(one())))), Held::Falls(Known::Source(one())));
        assert_eq!(held(Ok::<_, ()>(known(None, None))), Held::Stands);
        assert_eq!(held(Err("away")), Held::NobodyKnows("away"));
    }
}
