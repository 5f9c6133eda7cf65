//! Whether a form stands on a page of ours. Browsers say so; programs, which no other site can trick, need not.

use axum::http::{HeaderMap, header};
use shared::Problem;

use super::Failure;
use crate::state::App;

/// What an origin of "null" counts as, where the browser says nothing better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Null {
    /// For forms on pages without a referrer.
    Allowed,
    /// For all others: sandboxed frames send it as well.
    Refused,
}

/// Refuses what another site's page sends.
///
/// # Errors
/// `forbidden`.
pub fn check(app: &App, headers: &HeaderMap, null: Null) -> Result<(), Failure> {
    let text = |name| headers.get(name).map(|value: &axum::http::HeaderValue| value.as_bytes());
    let is_ours = match (text("sec-fetch-site"), text(header::ORIGIN.as_str())) {
        // Fetch metadata is what the browser saw, whatever name we go by.
        (Some(site), _) => site == b"same-origin" || site == b"none",
        (None, Some(b"null")) => null == Null::Allowed,
        (None, Some(origin)) => origin == app.public_url.as_str().as_bytes(),
        (None, None) => true,
    };
    if is_ours { Ok(()) } else { Err(Problem::Forbidden.into()) }
}
