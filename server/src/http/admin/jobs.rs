//! `GET /api/v1/jobs/{id}`: how far a long operation has come.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::IntoResponse as _;
use serde::Serialize;
use shared::Problem;
use uuid::Uuid;

use super::guard::Organiser;
use crate::http::{HttpResult, NO_STORE};
use crate::receipt::rfc3339;
use crate::state::App;
use crate::store::listing::Job;

#[derive(Serialize)]
struct JobJson {
    id: Uuid,
    kind: String,
    state: String,
    done: i64,
    total: Option<i64>,
    result: Option<String>,
    error: Option<String>,
    created_at: String,
    updated_at: String,
}

/// A job's state and progress.
///
/// # Errors
/// `not-signed-in`, `not-found`.
pub async fn show(State(app): State<App>, Path(id): Path<String>, _: Organiser) -> HttpResult {
    let id = Uuid::try_parse(&id).map_err(|_| Problem::NotFound)?;
    let job = app.store.job(id).await?.ok_or(Problem::NotFound)?;
    let Job { id, kind, state, done, total, result, error, created_at, updated_at } = job;
    let (created_at, updated_at) = (rfc3339(created_at), rfc3339(updated_at));
    let job = JobJson { id, kind, state, done, total, result, error, created_at, updated_at };
    Ok(([NO_STORE], Json(job)).into_response())
}
