//! The specification of admission, executable: a model small enough that every state of it can be visited, and in which
//! every decision is taken by [`server::admission::protocol`], the functions that the server itself calls.
//!
//! Whoever weakens one of them (lets a known key replay any payload, tells a held verdict without looking, takes a lost
//! answer for a failure) sees an exploration fail, with the steps that lead there.
//!
//! | to find | look in |
//! | --- | --- |
//! | who presses, what may go wrong and how often; which defence can be taken away | [`bounds`] |
//! | the worlds that are explored, and the large one that is simulated | [`configurations`] |
//! | what must hold in every state | [`properties`] |
//! | what must be reached, so that a world in which nothing happens is no proof | [`world::sights`] |
//! | worlds with a defence taken away, and the promise each breaks | [`flaws`] |
//! | the steps | [`world`] |
//! | the reference for the code, generated operations against real servers | [`reference`](mod@reference) |
//!
//! # What is modelled
//! Clients send each press as often as its budget allows, to any server at any time: a message that is lost never
//! arrives, one that is doubled arrives twice, one that is delayed arrives later. A server looks into its memory, finds
//! the flight of the same key, asks Redis for the outcome or the lease, waits for another's, holds verdicts back,
//! queues, and settles; its writer takes a batch and runs the registration transaction statement by statement, with
//! the locks, the losers, the capacity and the closing of the real one. A step is what is atomic in the real thing: one
//! call of Redis, one statement, one look into shared memory. Faults strike between any two steps: servers are killed,
//! answers to COMMIT are lost and the transaction in doubt ends later or not at all, Redis forgets, fails or lies.
//!
//! # What is not
//! - Time, but for the few ticks of the database's clock: time-outs are steps that may happen or not. That somebody is
//!   answered at all is not checked here; the fault tests of the server do that.
//! - Edits of a draw, poisoned rows and deadlocks, which undo a transaction and run it again, outbox rows, sharded
//!   counters, the rate limits, failing look-ups of committed winners. Withdrawing and closing are one step each: they
//!   hold the rows they need from their first statement to their last.
//! - That a first press waits for its batch while it asks Redis. One that goes along with a batch before Redis has answered
//!   is one whose question failed, before Redis heard of it or after. A lease taken after the commit holds others up until
//!   the outcome is stored, and decides nothing.
//! - More than one writer in a server: two servers are two writers, and the database does not tell the difference.
//! - A client that hangs up: it is told nothing, and everything that is told here is allowed to be told.
//! - Memory's evictions: a crash forgets more.
//!
//! # How to add
//! - an action: a variant of [`world::Action`], where it may happen in `world/actions.rs`, what it does in `World::step`;
//! - a decision of the server: write it in `server::admission::protocol`, call it there and here;
//! - a promise: a function in [`properties`] where states show it, a bit of [`world::telling::Promise`] where only the
//!   telling does; then a [`Flaw`] that breaks it;
//! - something to be reached: a line of [`world::sights`], shown where it happens, and named by a configuration.
//!
//! `cargo run --release -p model -- --flaws --simulate` prints all of it.

pub mod bounds;
pub mod configurations;
pub mod exploration;
pub mod flaws;
pub mod properties;
pub mod reference;
pub mod world;

pub use bounds::{Bounds, Clock, Faults, Flaw, Press};
pub use world::World;
