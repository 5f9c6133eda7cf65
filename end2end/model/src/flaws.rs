//! Worlds with one defence taken away, and the promise that each breaks: if the checker found nothing there, it would
//! find nothing elsewhere either.

use server::store::Mode;
use server::store::entries::ClaimKind;

use crate::bounds::{Bounds, Clock, Faults, Flaw, Press};
use crate::properties;
use crate::world::World;

/// A flaw, a world small enough to be searched in a moment, and the promise that is broken in it.
#[derive(Clone, Debug)]
pub struct Refutation {
    /// What is taken away.
    pub flaw: Flaw,
    /// Name of the property that fails.
    pub property: &'static str,
    /// Where.
    pub world: World,
}

/// Every flaw with what refutes it.
pub fn refutations() -> Vec<Refutation> {
    let attempts = attempts().into_iter();
    attempts.chain(batches()).chain(closings_and_withdrawals()).chain(decisions()).collect()
}

fn ada() -> Press {
    Press::new("Ada", 0, 0).sent(1)
}

fn refuted(flaw: Flaw, property: &'static str, presses: Vec<Press>, bounds: Bounds) -> Refutation {
    let bounds = Bounds { name: "flawed", presses, is_symmetric: false, flaw: Some(flaw), ..bounds };
    Refutation { flaw, property, world: World { bounds, sights: Vec::new() } }
}

fn with(faults: Faults) -> Bounds {
    Bounds { faults, ..Bounds::default() }
}

fn attempts() -> Vec<Refutation> {
    let none = Faults::default;
    let alone = || vec![ada()];
    // The constraint catches what a lost lease lets through: nobody is harmed but the next layer, which is what the
    // lease is for.
    let doubt_and_expiry = Faults { lost_answers: 1, expiries: 1, ..none() };
    vec![
        refuted(Flaw::AcknowledgeBeforeCommit, properties::DURABLE, alone(), with(none())),
        refuted(Flaw::SettleBeforeCommit, properties::REMEMBERED, alone(), with(none())),
        refuted(
            Flaw::ReleaseWithoutOwnerCheck,
            properties::ONE_HOLDER,
            vec![ada().sent(3)],
            with(doubt_and_expiry),
        ),
        refuted(Flaw::BelieveCachedValue, properties::DURABLE, alone(), with(Faults { lies: 1, ..none() })),
        refuted(
            Flaw::CommitInDoubtIsFailure,
            properties::NO_FALSE_REFUSAL,
            alone(),
            with(Faults { lost_answers: 1, ..none() }),
        ),
    ]
}

fn batches() -> Vec<Refutation> {
    let other_page = Press { name: "Ada's other page", token: 1, ..ada() };
    let bob = Press::new("Bob", 1, 1).claiming(ClaimKind::Phone, 0).sent(1);
    let eve = Press::new("Eve", 2, 2).claiming(ClaimKind::Member, 0).sent(1);
    let with_phone = ada().claiming(ClaimKind::Phone, 0);
    let with_both = with_phone.clone().claiming(ClaimKind::Member, 0);
    vec![
        refuted(Flaw::NoConstraint, properties::ONE_ENTRY, vec![ada(), other_page], Bounds::default()),
        refuted(
            Flaw::LoserFromUncommittedWinner,
            properties::REAL_CLASH,
            vec![with_both, bob.clone(), eve],
            Bounds::default(),
        ),
        refuted(Flaw::KeepLosersInBatch, properties::AGREEMENT, vec![with_phone, bob], Bounds::default()),
    ]
}

fn closings_and_withdrawals() -> Vec<Refutation> {
    let clock = Clock { start: 1, end: 2, opens_at: 1, closes_at: 2 };
    let forgetful = || with(Faults { wipes: 1, ..Faults::default() });
    let twice = || vec![ada().sent(2)];
    vec![
        refuted(
            Flaw::CloseByServerClock,
            properties::FROZEN,
            vec![ada()],
            Bounds { clock, ..Bounds::default() },
        ),
        refuted(
            Flaw::RefuseKnownRetryWhenClosed,
            properties::NO_FALSE_REFUSAL,
            twice(),
            Bounds { organiser_closes: true, ..forgetful() },
        ),
        refuted(
            Flaw::FullWithoutAnotherPass,
            properties::NO_FALSE_REFUSAL,
            vec![ada().sent(2), Press::new("Bob", 1, 1).sent(1)],
            Bounds { capacity: Some(1), ..with(Faults { unreachable: 1, ..Faults::default() }) },
        ),
        refuted(
            Flaw::HeldWithoutLookUp,
            properties::NO_FALSE_REFUSAL,
            twice(),
            Bounds { tokens_expire: true, ..forgetful() },
        ),
        refuted(
            Flaw::ExpiryWithoutSettling,
            properties::NO_FALSE_REFUSAL,
            twice(),
            Bounds { tokens_expire: true, ..with(Faults { lost_answers: 1, ..Faults::default() }) },
        ),
        refuted(
            Flaw::ClaimsBeforePeople,
            properties::NO_FALSE_REFUSAL,
            twice(),
            Bounds {
                clock: Clock { start: 0, end: 1, opens_at: 1, closes_at: 9 },
                withdrawals: 1,
                ..forgetful()
            },
        ),
        refuted(
            Flaw::NoBinding,
            properties::SAME_RECEIPT,
            vec![ada(), Press { name: "Ada's other page", token: 1, ..ada().sent(2) }],
            Bounds { withdrawals: 1, ..Bounds::default() },
        ),
        refuted(
            Flaw::NoBindingOfSequences,
            properties::SAME_RECEIPT,
            vec![
                ada().claiming(ClaimKind::Source, 0),
                Press {
                    name: "Ada's sequence again",
                    token: 1,
                    ..ada().sent(2).claiming(ClaimKind::Source, 0)
                },
                Press { name: "Bob, under the second key", token: 1, ..Press::new("", 1, 1).sent(1) },
            ],
            with(Faults { sheds: 1, ..Faults::default() }),
        ),
        refuted(
            Flaw::FreeTokenOnWithdrawal,
            properties::SAME_RECEIPT,
            twice(),
            Bounds { withdrawals: 1, ..forgetful() },
        ),
    ]
}

fn decisions() -> Vec<Refutation> {
    let mistyped = Press { name: "Ada, mistyped", is_valid: false, ..ada() };
    let corrected = Press { name: "Ada, corrected", payload: 1, ..ada() };
    let bob = Press { name: "Bob, after Back", token: 0, ..Press::new("", 1, 0).sent(1) };
    let refusing = Press { name: "Ada, without the terms", is_valid: false, ..ada() };
    let strict = Bounds { mode: Mode::Strict, ..Bounds::default() };
    vec![
        refuted(
            Flaw::RememberFailedValidation,
            properties::REMEMBERED,
            vec![mistyped, corrected.clone()],
            Bounds::default(),
        ),
        refuted(Flaw::JoinAnotherPayload, properties::OWN_PERSON, vec![ada(), bob], Bounds::default()),
        refuted(Flaw::JoinAnotherVerdict, properties::OWN_VERDICT, vec![ada(), refusing], Bounds::default()),
        refuted(Flaw::NoFingerprintCheck, properties::OWN_PAYLOAD, vec![ada(), corrected], strict),
    ]
}
