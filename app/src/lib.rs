//! Drawbridge's pages and islands.
//!
//! A page is a pure function of one of the [`models`]: the server fills the model, the page becomes text.
//! Nothing is looked up while rendering. What has to move in the browser is an island: a component that is
//! rendered on the server like all else, and taken over by the same code as WASM.
//!
//! | to change | look in |
//! | --- | --- |
//! | what surrounds every page | [`layout`] |
//! | what one page says | [`pages`] |
//! | what happens in the browser | [`islands`] |
//! | how it looks | `style/` |
//! | what starts the islands | `boot.js` |
//!
//! To add a page: a model, a file in [`pages`], a function here. To see it: `cargo run -p app --features ssr
//! --example gallery -- FOLDER` writes every page with sample data.

// A page is one value of a deeply nested type.
#![recursion_limit = "512"]

#[cfg(feature = "ssr")]
mod components;
#[cfg(feature = "ssr")]
mod countries;
pub mod islands;
#[cfg(feature = "ssr")]
pub mod layout;
pub mod models;
#[cfg(feature = "ssr")]
pub mod pages;

#[cfg(feature = "ssr")]
pub use pages::{
    admin::{
        admin_audit_page, admin_change_page, admin_draw_page, admin_edit_page, admin_entries_page,
        admin_entry_page, admin_overview_page, admin_password_page, admin_remove_page, admin_sign_in_page,
    },
    draws::draws_page,
    problem::{problem_page, problems_page},
    receipt::{receipt_page, withdraw_page},
    register::register_page,
    result::result_page,
};

/// Prepares the browser for islands; `boot.js` calls it once, before the first island.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    leptos::mount::hydrate_islands();
}
