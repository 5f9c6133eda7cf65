//! Drawbridge's server: registrations for draws, each person exactly once.
//!
//! | to change | look in |
//! | --- | --- |
//! | how a registration travels | [`admission`]: `admit()` first |
//! | an HTTP endpoint | [`router`] for the list, [`http`] for one file an endpoint |
//! | what is stored, and how | [`store`] |
//! | what is shared between servers for a while | [`coordination`] |
//! | settings | [`config`] |
//! | what an organiser may write in a draw's file | [`draws`] |
//! | API keys | [`integrators`] |
//! | the command line | [`commands`] |
//! | metrics, logs, counts | [`telemetry`] |

pub mod admission;
pub mod ambient;
pub mod commands;
pub mod config;
pub mod coordination;
pub mod desks;
pub mod draws;
pub mod http;
pub mod integrators;
pub mod passwords;
pub mod receipt;
pub mod reply;
pub mod router;
pub mod secrets;
pub mod seen_through;
pub mod serve;
pub mod state;
pub mod store;
pub mod telemetry;
