//! `GET /`: the draws. `GET /draws/{slug}/result`: what is published.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use shared::Phase;

use crate::http::api::public_draw;
use crate::http::{Context, HttpResult, html, views};
use crate::state::App;

/// The list of draws.
///
/// # Errors
/// When the store fails.
pub async fn list(State(app): State<App>, context: Context) -> HttpResult {
    let now = app.ambient.now();
    let mut draws = app.store.draws().await?;
    draws.retain(|draw| draw.is_public() && draw.phase(now) != Phase::Cancelled);
    let cards: Vec<_> = draws.iter().map(|draw| views::card(draw, now)).collect();
    Ok(html(StatusCode::OK, app::draws_page(&app.chrome(&context), &cards)))
}

/// A draw's result, or that there is none yet.
///
/// # Errors
/// `draw-not-found`.
pub async fn result(State(app): State<App>, Path(slug): Path<String>, context: Context) -> HttpResult {
    let draw = public_draw(&app, &slug).await?;
    let view = views::draw_view(&draw, false, app.ambient.now());
    Ok(html(StatusCode::OK, app::result_page(&app.chrome(&context), &view)))
}
