//! Organisers' pages, one file a page or a small group.
//!
//! Whoever takes an [`guard::Organiser`] is asked for only by somebody who is signed in; whoever takes a
//! [`guard::SignedForm`] is asked for only from a page of ours. A handler that changes something takes the
//! second. What is done is written down in the transaction that does it: see `store`.

pub mod audit;
pub mod csv;
pub mod draws;
pub mod edit;
pub mod entries;
pub mod entry;
pub mod guard;
pub mod jobs;
pub mod overview;
pub mod password;
pub mod query;
pub mod session;
pub mod sign_in;
mod views;

use axum::Router;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use shared::Problem;

use super::{HttpResult, NO_STORE};
use crate::state::App;
use crate::store::Draw;
use crate::telemetry;

/// Every address of organisers.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/admin", get(overview::show))
        .route("/admin/live.json", get(overview::live))
        .route("/admin/sign-in", get(sign_in::show).post(sign_in::submit))
        .route("/admin/sign-out", post(sign_in::out))
        .route("/admin/password", get(password::show).post(password::change))
        .route("/admin/audit", get(audit::list))
        .route("/admin/draws/{slug}", get(draws::show))
        .route("/admin/draws/{slug}/edit", get(edit::show).post(edit::save).put(edit::save))
        .route("/admin/draws/{slug}/{action}", get(draws::ask).post(draws::change))
        .route("/admin/draws/{slug}/entries", get(entries::list))
        .route("/admin/draws/{slug}/entries.csv", get(csv::download))
        .route("/admin/draws/{slug}/entries/{entry}", get(entry::show))
        .route("/admin/draws/{slug}/entries/{entry}/remove", get(entry::ask).post(entry::remove))
        .route("/api/v1/jobs/{id}", get(jobs::show))
}

/// The draw of a slug, drafts included, as it is now.
async fn draw(app: &App, slug: &str) -> HttpResult<Draw> {
    Ok(app.store.draw(slug).await?.ok_or(Problem::DrawNotFound)?)
}

/// Makes entrants see a changed draw now, not in a second; a failure only delays it.
async fn read_again(app: &App, slug: &str) {
    if let Err(error) = app.draws.reload(slug).await {
        tracing::warn!(error = %telemetry::causes(&error), "a changed draw was not read again");
    }
}

/// To another page, after something was done.
fn see_other(to: &str) -> Response {
    match HeaderValue::from_str(to) {
        Ok(to) => (StatusCode::SEE_OTHER, [(header::LOCATION, to), NO_STORE]).into_response(),
        Err(_) => super::Failure::from(Problem::NotFound).into_response(),
    }
}
