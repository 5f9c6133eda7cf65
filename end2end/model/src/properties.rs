//! What must hold in every state of every world: the guarantees of the specification's section 2, as far as they
//! speak of admission.

use server::store::entries::ClaimKind;
use stateright::Property;

use crate::world::World;
use crate::world::database::{Claim, Row, person_of};
use crate::world::state::{Remembered, State, Value};
use crate::world::telling::Promise;

/// G1.
pub const ONE_ENTRY: &str = "G1 one live entry per person, one holder per claim";
/// G2.
pub const DURABLE: &str = "G2 what was acknowledged is committed, and was when it was told";
/// G3.
pub const SAME_RECEIPT: &str = "G3 one attempt gets one receipt, and no refusal after it";
/// G4.
pub const AGREEMENT: &str = "G4 entries, claims and counter agree in every committed state";
/// G5.
pub const REMEMBERED: &str = "G5 only what is committed is remembered, under its own key";
/// G8.
pub const OWN_PERSON: &str = "G8 nobody gets a receipt of another person, or without key or proof";
/// G9.
pub const FROZEN: &str = "G9 after closing nothing enters and nothing is missing";
/// G10.
pub const NO_FALSE_REFUSAL: &str = "G10 no refusal while the attempt's own entry is committed or in doubt";
/// Decisions.
pub const OWN_PAYLOAD: &str = "a strict draw replays its own payload only";
/// Decisions.
pub const OWN_VERDICT: &str = "who keeps the rules is not told what another does wrong";
/// Decisions.
pub const REAL_CLASH: &str = "a clash is told only with what is committed";
/// Leases.
pub const ONE_HOLDER: &str = "a lease has one holder, unless it expired or was wiped";

/// Every promise.
pub fn promises() -> Vec<Property<World>> {
    vec![
        Property::always(ONE_ENTRY, one_entry),
        Property::always(DURABLE, durable),
        Property::always(SAME_RECEIPT, |_, state: &State| !state.has_broken(Promise::SameReceipt)),
        Property::always(AGREEMENT, agreement),
        Property::always(REMEMBERED, remembered),
        Property::always(OWN_PERSON, |_, state: &State| !state.has_broken(Promise::OwnPerson)),
        Property::always(FROZEN, frozen),
        Property::always(NO_FALSE_REFUSAL, |_, state: &State| !state.has_broken(Promise::NoFalseRefusal)),
        Property::always(OWN_PAYLOAD, |_, state: &State| !state.has_broken(Promise::OwnPayload)),
        Property::always(OWN_VERDICT, |_, state: &State| !state.has_broken(Promise::OwnVerdict)),
        Property::always(REAL_CLASH, |_, state: &State| !state.has_broken(Promise::RealClash)),
        Property::always(ONE_HOLDER, one_holder),
    ]
}

fn live(state: &State) -> impl Iterator<Item = &Row> {
    state.database.rows.iter().filter(|row| row.is_live)
}

fn one_entry(world: &World, state: &State) -> bool {
    let person = |row: &Row| person_of(&world.bounds, row.id);
    let claims = &state.database.claims;
    live(state).all(|row| live(state).filter(|other| person(other) == person(row)).count() == 1)
        && claims.is_sorted_by(|one, next| (one.kind, one.key) < (next.kind, next.key))
}

fn durable(_: &World, state: &State) -> bool {
    let acknowledged = || state.clients.iter().filter_map(|client| client.acknowledged);
    !state.has_broken(Promise::Committed)
        && acknowledged().all(|body| state.database.row(body.id).is_some_and(|row| row.at == body.at))
}

fn agreement(world: &World, state: &State) -> bool {
    let database = &state.database;
    let holds = |row: &Row, kind: ClaimKind, key: u8| {
        database.claims.iter().any(|claim| (claim.kind, claim.key, claim.of) == (kind, key, row.id))
    };
    let is_owned = |row: &Row| {
        let mut wanted = world.press(row.id.press).all_claims();
        // What is ended keeps its token, and its source and sequence.
        wanted.all(|(kind, key)| holds(row, kind, key) == (row.is_live || kind.field().is_none()))
    };
    database.rows.iter().all(is_owned)
        && database.claims.iter().all(|claim| database.row(claim.of).is_some())
        && usize::from(database.taken) == live(state).count()
        && world.bounds.capacity.is_none_or(|capacity| database.taken <= capacity)
}

fn remembered(_: &World, state: &State) -> bool {
    let is_committed = |token: usize, body: crate::world::state::Body| {
        // The key is the entry's own, or was bound to it.
        let is_its = |claim: &Claim| claim.kind == ClaimKind::Token && usize::from(claim.key) == token;
        state.database.claims.iter().any(|claim| is_its(claim) && claim.of == body.id)
            && state.database.row(body.id).is_some_and(|row| row.at == body.at)
    };
    let memories = state.servers.iter().all(|server| {
        server.memory.iter().enumerate().all(|(token, remembered)| match remembered {
            None => true,
            Some(Remembered::Outcome(body)) => is_committed(token, *body),
            Some(Remembered::Refusal) => false,
        })
    });
    let mut cached = state.shared.iter().enumerate();
    memories
        && cached.all(|(token, shared)| match shared.value {
            Some(Value::Sealed(body)) => is_committed(token, body),
            Some(Value::Forged(_)) | None => true,
        })
}

fn frozen(_: &World, state: &State) -> bool {
    let Some(frozen) = &state.database.frozen else {
        return state.database.rows.iter().all(|row| !row.is_late);
    };
    let is_missing = |row: &Row| row.is_late || !frozen.contains(&row.id);
    live(state).count() == frozen.len() && !live(state).any(is_missing)
}

fn one_holder(world: &World, state: &State) -> bool {
    let tasks = || state.servers.iter().flat_map(|server| &server.tasks);
    (0..state.shared.len()).all(|token| {
        let of_token = |press: u8| usize::from(world.press(press).token) == token;
        let good = |lease: &crate::world::state::Lease| lease.is_good;
        tasks().filter(|task| of_token(task.press) && task.lease.as_ref().is_some_and(good)).count() <= 1
    })
}
