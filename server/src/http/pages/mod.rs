//! The pages entrants see, one file a page or a small group.

pub mod calendar;
pub mod draws;
pub mod problems;
pub mod receipt;
pub mod register;
pub mod shells;
