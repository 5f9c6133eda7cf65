//! `GET /api/v1/draws` and `GET /api/v1/draws/{slug}`.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use shared::Phase;

use super::public_draw;
use crate::http::views::DrawJson;
use crate::http::{HttpResult, NO_STORE};
use crate::state::App;

/// Public draws that were not called off, newest opening first.
///
/// # Errors
/// When the store fails.
pub async fn list(State(app): State<App>) -> HttpResult {
    let now = app.ambient.now();
    let mut draws = app.store.draws().await?;
    draws.retain(|draw| draw.is_public() && draw.phase(now) != Phase::Cancelled);
    let draws: Vec<DrawJson<'_>> = draws.iter().map(|draw| DrawJson::new(draw, now)).collect();
    Ok(answer(&draws))
}

/// One draw.
///
/// # Errors
/// `draw-not-found`.
pub async fn show(State(app): State<App>, Path(slug): Path<String>) -> HttpResult {
    let draw = public_draw(&app, &slug).await?;
    Ok(answer(&DrawJson::new(&draw, app.ambient.now())))
}

/// Not to be kept: the state and the server's time are those of now.
fn answer(body: &impl serde::Serialize) -> Response {
    ([NO_STORE], Json(body)).into_response()
}
