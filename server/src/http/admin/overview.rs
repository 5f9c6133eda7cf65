//! `/admin`: all draws at a glance, and the counts that keep it up to date.

use app::pages::admin::models::{DrawTile, OverviewView};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use serde::Serialize;
use shared::Phase;

use super::guard::Organiser;
use super::views;
use crate::http::views::when;
use crate::http::{Context, HttpResult, NO_STORE, html};
use crate::state::App;

/// The page.
///
/// # Errors
/// When the store fails.
pub async fn show(State(app): State<App>, organiser: Organiser, context: Context) -> HttpResult {
    let view = overview(&app).await?;
    Ok(html(StatusCode::OK, app::admin_overview_page(&organiser.chrome(&app, &context), &view)))
}

#[derive(Serialize)]
struct Live {
    read_at: String,
    texts: Vec<Text>,
}

/// A text that changes, and the name of its place in the page.
#[derive(Serialize)]
struct Text {
    name: String,
    text: String,
}

/// The texts of the page that change.
///
/// # Errors
/// When the store fails.
pub async fn live(State(app): State<App>, _: Organiser) -> HttpResult {
    let OverviewView { draws, read_at } = overview(&app).await?;
    let texts = draws.iter().flat_map(|tile| tile.live.texts());
    let texts = texts.map(|(name, text)| Text { name, text }).collect();
    Ok(([NO_STORE], Json(Live { read_at, texts })).into_response())
}

async fn overview(app: &App) -> HttpResult<OverviewView> {
    let now = app.ambient.now();
    let mut draws = app.store.draws().await?;
    // What needs looking after first; within, newest opening first, as the store lists them.
    draws.sort_by_key(|draw| match draw.phase(now) {
        Phase::Open => 0,
        Phase::Announced => 1,
        Phase::Draft => 2,
        Phase::Cancelled => 4,
        _ => 3,
    });
    let mut tiles = Vec::with_capacity(draws.len());
    for draw in &draws {
        let counts = app.store.live_counts(draw.id).await?;
        tiles.push(DrawTile {
            draw: views::draw_ref(draw, counts.taken, now),
            opens: when(draw, draw.spec.opens_at),
            closes: when(draw, draw.spec.closes_at),
            live: views::live(draw, &counts, now),
        });
    }
    Ok(OverviewView { draws: tiles, read_at: views::clock(now) })
}
