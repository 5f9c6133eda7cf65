//! `POST /api/v1/draws/{slug}/tokens`: a page token for who has no page.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use serde::Serialize;

use super::recent_public_draw;
use crate::admission::attempt::Token;
use crate::http::{HttpResult, NO_STORE};
use crate::receipt::rfc3339;
use crate::state::App;

#[derive(Serialize)]
struct Issued {
    token: String,
    expires_at: String,
}

/// Issues a token; also before opening, so that a page can be ready.
///
/// # Errors
/// `draw-not-found`.
pub async fn issue(State(app): State<App>, Path(slug): Path<String>) -> HttpResult {
    let draw = recent_public_draw(&app, &slug).await?;
    let (token, ends_at) = Token::issue(&app.ambient, &app.keys, draw.id);
    let issued = Issued { token, expires_at: rfc3339(ends_at) };
    Ok((StatusCode::CREATED, [NO_STORE], Json(issued)).into_response())
}
