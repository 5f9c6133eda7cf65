//! What Drawbridge remembers for good.
//!
//! Six traits say what can be asked of a database, in the words of the field; one module a dialect keeps
//! the promises. [`Draws`] are what people register for, [`Entries`] who did, [`Organisers`] who looks
//! after it, [`Integrators`] which programs may register, [`Listing`] what they see, [`Upkeep`] what
//! operators need.
//!
//! To add a method: write its contract on the trait, then the SQL: once in `sql.rs` or `queries.rs` where
//! both dialects accept it, else in each dialect's module of the same name; then a case in `conformance.rs`,
//! which runs against every dialect. Insert and look what came back; never check before inserting, and never
//! read constraint names out of messages.

#[cfg(test)]
pub mod conformance;
pub mod draws;
pub mod entries;
pub mod error;
pub mod integrators;
pub mod listing;
mod listing_rows;
mod losers;
pub mod organisers;
mod paging;
pub mod postgres;
mod queries;
mod rows;
mod sql;
pub mod sqlite;
pub mod upkeep;
mod writing;

pub use draws::{Draw, DrawSpec, Draws, Mode};
pub use entries::{Entries, Stored};
pub use error::StoreError;
pub use integrators::Integrators;
pub use listing::Listing;
pub use organisers::Organisers;
pub use upkeep::Upkeep;

/// Everything at once, for whoever holds "the database".
pub trait Store: Draws + Entries + Integrators + Listing + Organisers + Upkeep + std::fmt::Debug {}

impl<T: Draws + Entries + Integrators + Listing + Organisers + Upkeep + std::fmt::Debug> Store for T {}

/// What a store method returns.
pub type StoreResult<T> = Result<T, StoreError>;
