//! `GET /problems` and `GET /problems/{code}`: what each problem type means.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use shared::Problem;

use crate::http::failure::view_of;
use crate::http::{Context, HttpResult, html};
use crate::state::App;

/// All problem types.
pub async fn list(State(app): State<App>, context: Context) -> axum::response::Response {
    let views: Vec<_> = Problem::ALL.iter().copied().map(view_of).collect();
    html(StatusCode::OK, app::problems_page(&app.chrome(&context), &views))
}

/// One problem type.
///
/// # Errors
/// `not-found`.
pub async fn show(State(app): State<App>, Path(code): Path<String>, context: Context) -> HttpResult {
    let problem = Problem::from_code(&code).ok_or(Problem::NotFound)?;
    Ok(html(StatusCode::OK, app::problem_page(&app.chrome(&context), &view_of(problem))))
}
