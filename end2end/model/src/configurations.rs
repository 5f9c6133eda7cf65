//! The worlds that are explored: four small ones and one of the first kind about age, exhaustively, and a large one, at
//! random.

use server::store::Mode;
use server::store::entries::ClaimKind;

use crate::bounds::{Bounds, Clock, Faults, Press};
use crate::world::World;
use crate::world::sights::Sight;

/// How far an exploration goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// For every test run: seconds.
    Quick,
    /// A minute or two for each.
    Full,
}

/// One attempt with retries over two servers: a crash at every step, a lost answer to COMMIT, a lease that expires
/// while its holder runs, Redis wiped, unreachable, or lying; the clock goes on between two writes.
///
/// Bounds: three requests; each fault once. Quick: Redis is neither wiped nor lying.
pub fn one_attempt(extent: Extent) -> World {
    let is_full = u8::from(extent == Extent::Full);
    let bounds = Bounds {
        name: "one attempt",
        presses: vec![Press::new("Ada", 0, 0).sent(3)],
        clock: Clock { start: 1, end: 2, opens_at: 1, closes_at: 9 },
        faults: Faults {
            crashes: 1,
            lost_answers: 1,
            expiries: 1,
            unreachable: 1,
            wipes: is_full,
            lies: is_full,
            ..Faults::default()
        },
        ..Bounds::default()
    };
    let mut sights = vec![
        Sight::Created,
        Sight::FromMemory,
        Sight::FromFlight,
        Sight::FromCache,
        Sight::FromLock,
        Sight::FromConstraint,
        Sight::Unknown,
        Sight::KnownAfterUnknown,
        Sight::Recognised,
        Sight::WrittenAgain,
        Sight::TwoTransactions,
    ];
    sights.extend((extent == Extent::Full).then_some(Sight::Discarded));
    World { bounds, sights }
}

/// One attempt whose token grows too old while it is on its way: an answer to COMMIT is lost, Redis is wiped, a server
/// is killed; and somebody who knows all of her data, but not her browser's cookie.
///
/// Bounds: four requests, quick: three; each fault once.
pub fn old_token(extent: Extent) -> World {
    let stranger =
        Press { name: "a stranger with Ada's data", token: 1, browser: Some(1), ..Press::new("", 0, 0) };
    let bounds = Bounds {
        name: "old token",
        presses: vec![Press::new("Ada", 0, 0).sent(2 + u8::from(extent == Extent::Full)), stranger.sent(1)],
        tokens_expire: true,
        faults: Faults { crashes: 1, lost_answers: 1, wipes: 1, ..Faults::default() },
        ..Bounds::default()
    };
    let sights = vec![
        Sight::Created,
        Sight::Settling,
        Sight::Refused,
        Sight::FromClaimRow,
        Sight::Unknown,
        Sight::AlreadyRegistered,
    ];
    World { bounds, sights }
}

/// Two persons sharing a claim, one of them losing on another claim to a third, in one batch and in two; a second
/// member of the family under the first one's token; a lost answer to COMMIT.
///
/// Bounds: four requests, one of each press.
pub fn shared_claim() -> World {
    let bounds = Bounds {
        name: "shared claim",
        presses: vec![
            Press::new("Ada", 0, 0).claiming(ClaimKind::Phone, 0).claiming(ClaimKind::Member, 0).sent(1),
            Press::new("Bob", 1, 1).claiming(ClaimKind::Phone, 0).sent(1),
            Press::new("Eve", 2, 2).claiming(ClaimKind::Member, 0).sent(1),
            Press::new("Bob, after Back", 1, 0).claiming(ClaimKind::Phone, 0).sent(1),
        ],
        faults: Faults { lost_answers: 1, ..Faults::default() },
        ..Bounds::default()
    };
    let sights = vec![
        Sight::Created,
        Sight::ClaimTaken,
        Sight::WithoutLosers,
        Sight::OnceMore,
        Sight::Recognised,
        Sight::KeyReused,
    ];
    World { bounds, sights }
}

/// Closing, by an organiser and by the database's clock, and a capacity of one, against two persons and, where there
/// is time, a page that one of them loads again; a lost answer to COMMIT.
///
/// Bounds: four requests. Quick: three, and no second page.
pub fn closing(extent: Extent) -> World {
    let again = Press { name: "Ada's other page", token: 2, ..Press::new("", 0, 0) };
    let mut presses = vec![Press::new("Ada", 0, 0).sent(2), Press::new("Bob", 1, 1).sent(1)];
    presses.extend((extent == Extent::Full).then(|| again.sent(1)));
    let bounds = Bounds {
        name: "closing and capacity",
        presses,
        clock: Clock { start: 0, end: 2, opens_at: 1, closes_at: 2 },
        organiser_closes: true,
        capacity: Some(1),
        faults: Faults { lost_answers: 1, ..Faults::default() },
        ..Bounds::default()
    };
    let mut sights = vec![
        Sight::Created,
        Sight::NotOpen,
        Sight::Closed,
        Sight::Full,
        Sight::WithFewer,
        Sight::ClosedByClock,
        Sight::ClosedByOrganiser,
        Sight::ReplayWhenClosed,
        Sight::ReplayWhenFull,
        Sight::KnownAfterUnknown,
    ];
    sights.extend((extent == Extent::Full).then_some(Sight::ByCookie));
    World { bounds, sights }
}

/// The last place, when two servers work on one attempt because a call of Redis fails: the place may be counted out to
/// somebody else in a transaction that is rolled back.
///
/// Bounds: three requests, one lost answer to COMMIT. Quick: none.
pub fn last_place(extent: Extent) -> World {
    let lost_answers = u8::from(extent == Extent::Full);
    let bounds = Bounds {
        name: "last place",
        presses: vec![Press::new("Ada", 0, 0).sent(2), Press::new("Bob", 1, 1).sent(1)],
        capacity: Some(1),
        faults: Faults { lost_answers, unreachable: 1, ..Faults::default() },
        ..Bounds::default()
    };
    let sights = vec![Sight::Created, Sight::Full, Sight::WithFewer, Sight::ReplayWhenFull];
    World { bounds, sights }
}

/// Withdrawal and re-registration against late retries: of the first page, of the same page loaded again, and of a
/// mistyped form under the first token; a crash.
///
/// Bounds: five requests, one withdrawal, one crash. Quick: no crash, and no other form of the person.
pub fn withdrawal(extent: Extent) -> World {
    let again = Press { name: "Ada's other page", token: 1, ..Press::new("", 0, 0) };
    let anew = Press { name: "Ada anew", token: 2, payload: 1, ..Press::new("", 0, 0) };
    let mistyped = Press { name: "Ada, mistyped", payload: 2, is_valid: false, ..Press::new("", 0, 0) };
    let is_full = extent == Extent::Full;
    let mut presses = vec![Press::new("Ada", 0, 0).sent(1), again.sent(2), mistyped.sent(1)];
    presses.extend(is_full.then(|| anew.sent(1)));
    let bounds = Bounds {
        name: "withdrawal",
        presses,
        withdrawals: 1,
        faults: Faults { crashes: u8::from(is_full), ..Faults::default() },
        ..Bounds::default()
    };
    let mut sights = vec![
        Sight::ByCookie,
        Sight::RegisteredAnew,
        Sight::ReplayWhenWithdrawn,
        Sight::FromClaimRow,
        Sight::Refused,
        Sight::Waited,
    ];
    sights.extend(is_full.then_some(Sight::AlreadyRegistered));
    World { bounds, sights }
}

/// All of them.
pub fn all(extent: Extent) -> Vec<World> {
    vec![
        one_attempt(extent),
        old_token(extent),
        shared_claim(),
        closing(extent),
        last_place(extent),
        withdrawal(extent),
    ]
}

/// All of it together: two servers, three persons, three tokens, messages lost, doubled and delayed, every fault.
/// Too large for every state: for simulation.
pub fn everything(mode: Mode) -> World {
    let family = Press { name: "Bob, after Back", token: 0, ..Press::new("", 1, 1) };
    let mistyped = Press { name: "Ada, mistyped", payload: 4, is_valid: false, ..Press::new("", 0, 0) };
    let anew = Press { name: "Ada anew", payload: 5, token: 1, ..Press::new("", 0, 0) };
    let sequence = Press { name: "Eve's sequence again", token: 1, ..Press::new("", 2, 2) };
    let bounds = Bounds {
        name: "everything",
        mode,
        presses: vec![
            Press::new("Ada", 0, 0).claiming(ClaimKind::Phone, 0).claiming(ClaimKind::Member, 0).sent(4),
            Press::new("Bob", 1, 1).claiming(ClaimKind::Phone, 0).sent(4),
            Press::new("Eve", 2, 2).claiming(ClaimKind::Source, 0).claiming(ClaimKind::Member, 0).sent(4),
            family.sent(2),
            mistyped.sent(2),
            anew.sent(2),
            sequence.claiming(ClaimKind::Source, 0).claiming(ClaimKind::Member, 0).sent(2),
        ],
        clock: Clock { start: 0, end: 4, opens_at: 1, closes_at: 4 },
        organiser_closes: true,
        capacity: Some(2),
        withdrawals: 2,
        tokens_expire: true,
        faults: Faults {
            crashes: 2,
            lost_answers: 2,
            wipes: 1,
            unreachable: 3,
            expiries: 2,
            lies: 2,
            sheds: 1,
            drops: 2,
            doubles: 3,
        },
        has_network: true,
        is_symmetric: false,
        ..Bounds::default()
    };
    let sights = vec![
        Sight::Created,
        Sight::FromMemory,
        Sight::FromFlight,
        Sight::FromCache,
        Sight::FromConstraint,
        Sight::FromClaimRow,
        Sight::ByCookie,
        Sight::BySequence,
        Sight::AlreadyRegistered,
        Sight::ClaimTaken,
        Sight::KeyReused,
        Sight::NotOpen,
        Sight::Closed,
        Sight::Full,
        Sight::Refused,
        Sight::Unknown,
        Sight::WrittenAgain,
        Sight::RegisteredAnew,
        Sight::Discarded,
        Sight::Waited,
    ];
    World { bounds, sights }
}
