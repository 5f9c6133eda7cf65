//! Organisers' pages: one file a page or a small group, each a pure function of one of the [`models`].
//!
//! Every form that changes something carries the hidden field `csrf`.

mod audit;
mod draw;
mod edit;
mod entries;
mod entry;
pub mod models;
mod overview;
mod parts;
mod password;
mod sign_in;

pub use audit::audit_page as admin_audit_page;
pub use draw::{change_page as admin_change_page, draw_page as admin_draw_page};
pub use edit::edit_page as admin_edit_page;
pub use entries::entries_page as admin_entries_page;
pub use entry::{entry_page as admin_entry_page, remove_page as admin_remove_page};
pub use overview::overview_page as admin_overview_page;
pub use password::password_page as admin_password_page;
pub use sign_in::sign_in_page as admin_sign_in_page;
