//! One file a page. Organisers' pages use [`crate::layout::document`] as well.

pub mod admin;
pub mod draws;
pub mod problem;
pub mod receipt;
pub mod register;
pub mod result;
