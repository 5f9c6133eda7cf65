//! The transaction that writes a batch: whether the draw takes anybody, what a pass came to, who runs again, and to
//! whom an entry lost.

use shared::DrawState;

use super::{Claimant, Decision, is_same_browser, source_is_known};
use crate::store::entries::{ClaimKind, Identity, Stored, Written};

/// Why a draw takes nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shut {
    /// Before opening. Instants in milliseconds since 1970.
    NotOpen {
        /// When it opens.
        opens_at: i64,
        /// The database's "now".
        now: i64,
    },
    /// Its time has passed, and nobody has stored yet that it is closed.
    Over,
    /// It is committed as closed, or is beyond that.
    Closed,
}

impl Shut {
    /// Why a draw in this state, open in `[opens_at, closes_at)`, takes nobody at an instant of the database's
    /// clock; `None` when it is open.
    pub fn at(state: DrawState, opens_at: i64, closes_at: i64, now: i64) -> Option<Self> {
        match state {
            DrawState::Draft => Some(Self::NotOpen { opens_at, now }),
            DrawState::Announced if now < opens_at => Some(Self::NotOpen { opens_at, now }),
            DrawState::Announced if now < closes_at => None,
            DrawState::Announced => Some(Self::Over),
            _ => Some(Self::Closed),
        }
    }

    /// What is told to who is not known.
    pub fn fate(self) -> Written {
        match self {
            Self::NotOpen { opens_at, now } => Written::NotOpen(opens_at, now),
            Self::Over | Self::Closed => Written::Closed,
        }
    }
}

/// What one transaction came to. Entries are named by their place in the batch, which is in order of arrival.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Pass {
    /// Committed: these entries exist, at this instant; the other live ones lost.
    Committed {
        /// Who exists now.
        created: Vec<usize>,
        /// Milliseconds since 1970.
        registered_at: i64,
    },
    /// Rolled back: these lost a claim and must not make others lose.
    Without(Vec<usize>),
    /// Rolled back: at capacity.
    Only {
        /// The last that fit.
        fitting: Vec<usize>,
        /// Who would have been next.
        full: Vec<usize>,
    },
    /// Rolled back: the draw takes nobody now.
    Shut(Shut),
    /// Rolled back: judged by other rules than the draw has now.
    DrawChanged,
}

impl Pass {
    /// Why a transaction is rolled back before anything is inserted: the draw takes nobody, or somebody was judged
    /// by another version of it than is stored. `None`: go on.
    pub fn before_inserts(
        shut: Option<Shut>,
        version: i64,
        judged_by: impl IntoIterator<Item = i64>,
    ) -> Option<Self> {
        match shut {
            Some(shut) => Some(Self::Shut(shut)),
            None => judged_by.into_iter().any(|judged_by| judged_by != version).then_some(Self::DrawChanged),
        }
    }

    /// Why a transaction is rolled back after its claims were inserted: a loser's row must not make a third attempt
    /// lose. `None`: go on.
    pub fn after_claims(losers: Vec<usize>) -> Option<Self> {
        if losers.is_empty() { None } else { Some(Self::Without(losers)) }
    }

    /// Why a transaction is rolled back after counting: only so many of the inserted fit, by arrival. `None`: they
    /// are counted, go on.
    pub fn after_count(inserted: &[usize], fits: Option<usize>) -> Option<Self> {
        let fits = fits?;
        let mut fitting = inserted.to_vec();
        fitting.sort_unstable();
        let full = fitting.split_off(fits.min(fitting.len()));
        Some(Self::Only { fitting, full })
    }

    /// Who is to be told that the draw is full: those who did not fit where nobody did. Their own keys were theirs in that
    /// pass, and every place was taken by what is committed.
    pub fn full(&self) -> &[usize] {
        match self {
            Self::Only { fitting, full } if fitting.is_empty() => full,
            _ => &[],
        }
    }
}

/// What follows a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AfterPass {
    /// Another pass with those who are live still, if any are.
    RunAgain,
    /// First it is stored that the draw is closed, so that this is told from what is committed.
    CloseAndRunAgain,
    /// The constraints have judged: who was not created lost to somebody.
    LookUpLosers,
    /// The draw takes nobody: who is live still is only asked whether it is known.
    LookUpRetries(Shut),
    /// All are judged anew by what the draw is now.
    JudgeAgain,
}

/// What follows a pass; takes out of `live` who must not run again. Every pass but the last does, or finds the draw
/// closed for good.
///
/// Who did not fit beside others is in `counted_out` until those are decided about, and then runs by itself: that pass was
/// rolled back, so another server may let in its very attempt meanwhile, and the places may come free again.
pub fn after_pass(live: &mut Vec<usize>, counted_out: &mut Vec<usize>, pass: &Pass) -> AfterPass {
    match pass {
        Pass::Committed { .. } if counted_out.is_empty() => return AfterPass::LookUpLosers,
        Pass::Committed { .. } => live.clear(),
        Pass::Without(losers) => live.retain(|at| !losers.contains(at)),
        Pass::Only { fitting, full } => {
            live.clone_from(fitting);
            if pass.full().is_empty() {
                counted_out.extend_from_slice(full);
            }
        }
        Pass::Shut(Shut::Over) => return AfterPass::CloseAndRunAgain,
        Pass::Shut(why) => {
            live.append(counted_out);
            return AfterPass::LookUpRetries(*why);
        }
        Pass::DrawChanged => return AfterPass::JudgeAgain,
    }
    if live.is_empty() {
        live.append(counted_out);
    }
    AfterPass::RunAgain
}

/// What committed entries hold of what one entry wanted.
#[derive(Clone, Debug, Default)]
pub struct Winners {
    /// The entry that used its token.
    pub token: Option<Stored>,
    /// The entry that used its source and sequence.
    pub source: Option<Stored>,
    /// The live entry of its person.
    pub person: Option<Stored>,
    /// Which claims that can be told others hold.
    pub taken: Vec<ClaimKind>,
}

impl Winners {
    /// The fate of an entry that the constraints refused: the token's entry first, then that of its source and
    /// sequence, then the person's.
    pub fn fate(self) -> Written {
        match self {
            Self { token: Some(stored), .. } => Written::TokenKnown(stored),
            Self { source: Some(stored), .. } => Written::SourceKnown(stored),
            Self { person: Some(stored), .. } => Written::PersonKnown(stored),
            Self { taken, .. } if !taken.is_empty() => Written::ClaimsTaken(taken),
            _ => Written::Again,
        }
    }

    /// The fate of an entry that the constraints did not judge, because the draw takes nobody: a known retry is
    /// still one.
    pub fn fate_when_shut(self, entry: &Identity, shut: Shut) -> Written {
        match self.fate() {
            known @ (Written::TokenKnown(_) | Written::SourceKnown(_)) => known,
            Written::PersonKnown(stored) if is_same_browser(&stored.identity, entry) => {
                Written::PersonKnown(stored)
            }
            _ => shut.fate(),
        }
    }
}

/// Whether who holds a claim stands in the way of who wants it. An entry of the same person does not: it came between
/// the look-up of people and that of claims, and the next round finds it by its person.
pub fn is_clash(holder: &Identity, wanting: &Identity) -> bool {
    holder.person != wanting.person
}

/// The entry that a loser's own key has to lead to before the loser is acknowledged with it: the one of its person,
/// where it proves to come from the same browser, or the one of its sequence, where it is the same. Else a late retry
/// of this very attempt, when the entry has been withdrawn or the token is too old, would not be known, and would get
/// something else than it was acknowledged with.
pub fn to_be_bound<'a>(fate: &'a Written, entry: &Identity) -> Option<&'a Stored> {
    match fate {
        Written::PersonKnown(stored) if is_same_browser(&stored.identity, entry) => Some(stored),
        Written::SourceKnown(stored)
            if source_is_known(&stored.identity, &Claimant::from(entry)) == Decision::Replay =>
        {
            Some(stored)
        }
        _ => None,
    }
}

/// The fate of a loser whose key was to be bound: by whether it was, or somebody else used it meanwhile.
pub fn after_binding(stored: Stored, is_bound: bool) -> Written {
    if is_bound { Written::TokenKnown(stored) } else { Written::Again }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn stored(id: u128, browser: u8) -> Stored {
        let identity = Identity {
            person: [1; 32],
            fingerprint: [2; 32],
            fingerprint_version: 1,
            browser: Some([browser; 32]),
        };
        Stored { id: Uuid::from_u128(id), receipt: String::new(), registered_at: 0, identity }
    }

    #[test]
    fn a_draw_is_open_from_its_first_instant_until_before_its_last() {
        let at = |state, now| Shut::at(state, 10, 20, now);
        assert_eq!(at(DrawState::Announced, 9), Some(Shut::NotOpen { opens_at: 10, now: 9 }));
        assert_eq!(at(DrawState::Announced, 10), None);
        assert_eq!(at(DrawState::Announced, 19), None);
        assert_eq!(at(DrawState::Announced, 20), Some(Shut::Over));
        assert_eq!(at(DrawState::Draft, 15), Some(Shut::NotOpen { opens_at: 10, now: 15 }));
        assert_eq!(at(DrawState::Closed, 15), Some(Shut::Closed));
        assert_eq!(at(DrawState::Cancelled, 15), Some(Shut::Closed));
    }

    #[test]
    fn a_pass_is_rolled_back_for_the_first_reason_that_stands() {
        assert_eq!(Pass::before_inserts(None, 2, [2, 2]), None);
        assert_eq!(Pass::before_inserts(None, 2, [2, 1]), Some(Pass::DrawChanged));
        assert_eq!(Pass::before_inserts(Some(Shut::Over), 2, [1]), Some(Pass::Shut(Shut::Over)));
        assert_eq!(Pass::after_claims(Vec::new()), None);
        assert_eq!(Pass::after_claims(vec![1]), Some(Pass::Without(vec![1])));
        assert_eq!(Pass::after_count(&[2, 0, 1], None), None);
        let only = |fitting, full| Some(Pass::Only { fitting, full });
        assert_eq!(Pass::after_count(&[2, 0, 1], Some(2)), only(vec![0, 1], vec![2]), "by arrival");
        assert_eq!(
            Pass::after_count(&[1], Some(5)),
            only(vec![1], vec![]),
            "places were given back meanwhile"
        );
    }

    #[test]
    fn who_lost_runs_no_more() {
        let (mut live, mut out) = (vec![0, 1, 2], Vec::new());
        assert_eq!(after_pass(&mut live, &mut out, &Pass::Without(vec![1])), AfterPass::RunAgain);
        assert_eq!(live, [0, 2]);
        assert_eq!(after_pass(&mut live, &mut out, &Pass::Shut(Shut::Over)), AfterPass::CloseAndRunAgain);
        let closed = Pass::Shut(Shut::Closed);
        assert_eq!(after_pass(&mut live, &mut out, &closed), AfterPass::LookUpRetries(Shut::Closed));
        assert_eq!(after_pass(&mut live, &mut out, &Pass::DrawChanged), AfterPass::JudgeAgain);
        let committed = Pass::Committed { created: vec![0], registered_at: 0 };
        assert_eq!(after_pass(&mut live, &mut out, &committed), AfterPass::LookUpLosers);
        assert_eq!(live, [0, 2]);
    }

    #[test]
    fn who_did_not_fit_beside_others_runs_by_itself_once_they_are_decided_about() {
        let committed = Pass::Committed { created: Vec::new(), registered_at: 0 };
        let only = Pass::Only { fitting: vec![0, 1], full: vec![2] };
        assert!(only.full().is_empty());
        let counted = || {
            let (mut live, mut out) = (vec![0, 1, 2], Vec::new());
            assert_eq!(after_pass(&mut live, &mut out, &only), AfterPass::RunAgain);
            assert_eq!((&live[..], &out[..]), (&[0, 1][..], &[2][..]));
            (live, out)
        };
        let none_fits = Pass::Only { fitting: Vec::new(), full: vec![0, 1] };
        assert_eq!(none_fits.full(), [0, 1]);
        for decided in [committed.clone(), Pass::Without(vec![0, 1]), none_fits] {
            let (mut live, mut out) = counted();
            assert_eq!(after_pass(&mut live, &mut out, &decided), AfterPass::RunAgain);
            assert_eq!((&live[..], out.len()), (&[2][..], 0), "{decided:?}");
            assert_eq!(after_pass(&mut live, &mut out, &committed), AfterPass::LookUpLosers);
        }
        let (mut live, mut out) = counted();
        let closed = after_pass(&mut live, &mut out, &Pass::Shut(Shut::Closed));
        assert_eq!((closed, &live[..]), (AfterPass::LookUpRetries(Shut::Closed), &[0, 1, 2][..]));
    }

    #[test]
    fn a_loser_is_told_of_its_token_before_anything_else() {
        let all = Winners {
            token: Some(stored(1, 1)),
            source: Some(stored(2, 1)),
            person: Some(stored(3, 1)),
            taken: vec![ClaimKind::Phone],
        };
        assert!(matches!(all.clone().fate(), Written::TokenKnown(winner) if winner.id == Uuid::from_u128(1)));
        let no_token = Winners { token: None, ..all };
        assert!(matches!(no_token.clone().fate(), Written::SourceKnown(_)));
        let no_source = Winners { source: None, ..no_token };
        assert!(matches!(no_source.clone().fate(), Written::PersonKnown(_)));
        let only_taken = Winners { person: None, ..no_source };
        assert!(matches!(only_taken.fate(), Written::ClaimsTaken(kinds) if kinds == [ClaimKind::Phone]));
        assert!(matches!(Winners::default().fate(), Written::Again), "to nothing that is committed");
    }

    #[test]
    fn a_claim_of_the_same_person_is_no_clash() {
        let ada = stored(1, 1).identity;
        assert!(!is_clash(&ada, &Identity { fingerprint: [9; 32], browser: None, ..ada }));
        assert!(is_clash(&ada, &Identity { person: [9; 32], ..ada }));
    }

    #[test]
    fn only_a_key_that_proves_its_browser_is_bound() {
        let person = |browser| Written::PersonKnown(stored(1, browser));
        let entry = stored(9, 1).identity;
        assert!(to_be_bound(&person(1), &entry).is_some_and(|bound| bound.id == Uuid::from_u128(1)));
        assert_eq!(to_be_bound(&person(2), &entry), None, "another browser");
        assert_eq!(to_be_bound(&Written::TokenKnown(stored(1, 1)), &entry), None, "it leads there already");
        let sequence = |browser| Written::SourceKnown(stored(1, browser));
        assert!(to_be_bound(&sequence(2), &entry).is_some(), "a sequence proves itself");
        assert_eq!(to_be_bound(&sequence(2), &Identity { person: [9; 32], ..entry }), None, "another person");
        assert_eq!(to_be_bound(&Written::Full, &entry), None);
        assert!(matches!(after_binding(stored(1, 1), true), Written::TokenKnown(_)));
        assert!(matches!(after_binding(stored(1, 1), false), Written::Again), "another attempt was faster");
    }

    #[test]
    fn a_closed_draw_still_knows_its_retries() {
        let same = stored(9, 1).identity;
        let by =
            |token: Option<Stored>, person: Option<Stored>| Winners { token, person, ..Winners::default() };
        let known = by(Some(stored(1, 2)), None).fate_when_shut(&same, Shut::Closed);
        assert!(matches!(known, Written::TokenKnown(_)));
        let reloaded = by(None, Some(stored(1, 1))).fate_when_shut(&same, Shut::Closed);
        assert!(matches!(reloaded, Written::PersonKnown(_)));
        let stranger = by(None, Some(stored(1, 2))).fate_when_shut(&same, Shut::Closed);
        assert!(matches!(stranger, Written::Closed), "that the person is registered is not told");
        let early = Shut::NotOpen { opens_at: 2, now: 1 };
        assert!(matches!(Winners::default().fate_when_shut(&same, early), Written::NotOpen(2, 1)));
    }
}
