//! Every route and the order of layers.

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;

use crate::http::finish::{finish, method_not_allowed, not_found, panicked};
use crate::http::{admin, api, assets, health, pages};
use crate::state::App;

/// The whole server as one service.
pub fn router(app: App) -> Router {
    let api = Router::new()
        .route("/api/v1/draws", get(api::draws::list))
        .route("/api/v1/draws/{slug}", get(api::draws::show))
        .route("/api/v1/draws/{slug}/tokens", post(api::tokens::issue))
        .route("/api/v1/draws/{slug}/entries", post(api::entries::register))
        .route("/api/v1/receipts/{code}", get(api::receipts::show).delete(api::receipts::withdraw));
    let pages = Router::new()
        .route("/", get(pages::draws::list))
        .route("/draws/{slug}", get(pages::register::show).post(pages::register::submit))
        .route("/draws/{slug}/result", get(pages::draws::result))
        .route("/receipts/{code}", get(pages::receipt::show))
        .route("/receipts/{code}/withdraw", get(pages::receipt::ask).post(pages::receipt::withdraw))
        .route("/receipts/{code}/calendar.ics", get(pages::receipt::calendar))
        .route("/problems", get(pages::problems::list))
        .route("/problems/{code}", get(pages::problems::show))
        // Organisers' pages repeat what was searched for beside a secret, so they are not compressed (BREACH).
        .layer(CompressionLayer::new());
    let signals = Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics));
    Router::new()
        .merge(api)
        .merge(pages)
        .merge(admin::routes())
        .merge(signals)
        .route("/assets/{name}", get(assets::asset))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        // Inside to outside.
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(app.clone(), finish))
        .with_state(app)
}
