//! Load for running servers: registrations sent over raw connections, measured, and every answer checked.
//!
//! A [`Crowd`] is the people of one run: it fetches page tokens, has people registered in advance, and is sent by
//! [`Crowd::run`] as a [`Plan`] says, in a closed or an open loop, in a [`Mix`] of new people, retries, duplicates and
//! bad input. [`run_fixed`] sends one request again and again. Both give an [`Outcome`]; [`database::check`] holds the
//! crowd's [`Ledger`] against the database, and [`report`] writes it all down.
//!
//! The generator runs beside what it measures, so it costs little: one thread, an event loop over non-blocking
//! sockets, requests copied from prepared bytes, answers read into one buffer. Times in an open loop count from the
//! instant a press was due: see [`Pace::Open`].
//!
//! | to change | look in |
//! | --- | --- |
//! | what is sent and what has to come back | [`work`] |
//! | who registers, for what | [`work::Form`], [`draw`] |
//! | how requests get onto the wire | `engine`, [`answer`] |
//! | what is measured | [`measure`] |
//! | what the database has to hold | [`database`] |
//! | what a server is compared with | [`serve`], [`bench`] |

pub mod answer;
pub mod bench;
mod crowd;
pub mod database;
pub mod draw;
mod engine;
mod fixed;
pub mod measure;
mod mix;
mod plan;
pub mod report;
pub mod serve;
mod targets;
pub mod work;

use std::io;
use std::net::SocketAddr;

pub use crowd::Crowd;
pub use fixed::run_fixed;
pub use measure::{Errors, KindOutcome, Latency, Outcome, Second, Surprise};
pub use mix::{Kind, Mix};
pub use plan::{Pace, Plan, Stop};
pub use targets::Targets;
pub use work::{Acknowledged, Fixed, Ledger};

/// Why a run could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A target is no address, or there is none.
    #[error("{0:?} is no address like 127.0.0.1:3000")]
    Target(String),
    /// A plan makes no sense.
    #[error("{0}")]
    Plan(&'static str),
    /// A connection could not be made.
    #[error("{0} cannot be connected to: {1}")]
    Connect(SocketAddr, #[source] io::Error),
    /// The event loop failed.
    #[error("the generator cannot go on: {0}")]
    System(#[from] io::Error),
    /// Something that is measured, or stood on, does not do what it has to.
    #[error("{0}")]
    Ground(String),
    /// A database could not be read or written.
    #[error("a database: {0}")]
    Database(#[from] sqlx::Error),
    /// Tokens or people were to be prepared, and the answers were not what they have to be.
    #[error("{what} could not be prepared: {why}")]
    Prepare {
        /// Tokens, or people.
        what: &'static str,
        /// The first answer that was wrong.
        why: String,
    },
}
