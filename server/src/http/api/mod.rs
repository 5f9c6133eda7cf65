//! The JSON API, one file a resource.

pub mod draws;
pub mod entries;
pub mod receipts;
pub mod tokens;

use std::sync::Arc;

use shared::Problem;

use super::HttpResult;
use crate::state::App;
use crate::store::Draw;

/// The public draw of a slug, as it is now.
///
/// # Errors
/// `draw-not-found`, also for drafts: nobody learns that they exist.
pub async fn public_draw(app: &App, slug: &str) -> HttpResult<Arc<Draw>> {
    let draw = app.draws.reload(slug).await?;
    Ok(draw.filter(|draw| draw.is_public()).ok_or(Problem::DrawNotFound)?)
}

/// The public draw of a slug, at most a second old: for registering, which notices an edit by itself.
///
/// # Errors
/// `draw-not-found`.
pub async fn recent_public_draw(app: &App, slug: &str) -> HttpResult<Arc<Draw>> {
    let draw = app.draws.get(slug).await?;
    Ok(draw.filter(|draw| draw.is_public()).ok_or(Problem::DrawNotFound)?)
}
