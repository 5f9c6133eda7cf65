//! `GET` and `DELETE /api/v1/receipts/{code}`.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use shared::Problem;

use crate::http::views::ReceiptJson;
use crate::http::{HttpResult, NO_STORE};
use crate::state::App;
use crate::store::draws::Actor;
use crate::store::entries::{Ended, Ending};

/// What a receipt is worth now.
///
/// # Errors
/// `receipt-not-found`.
pub async fn show(State(app): State<App>, Path(code): Path<String>) -> HttpResult {
    let row = app.store.receipt(&code).await?.ok_or(Problem::ReceiptNotFound)?;
    Ok(([NO_STORE], Json(ReceiptJson::new(&code, &row))).into_response())
}

/// Withdraws, before closing.
///
/// # Errors
/// `receipt-not-found`, `draw-closed`.
pub async fn withdraw(State(app): State<App>, Path(code): Path<String>) -> HttpResult {
    match app.store.end(&code, &Ending::Withdrawn, &Actor::Entrant).await? {
        Ended::Done | Ended::Already => Ok((StatusCode::NO_CONTENT, [NO_STORE]).into_response()),
        Ended::DrawClosed => Err(Problem::Closed.into()),
        Ended::Unknown => Err(Problem::ReceiptNotFound.into()),
    }
}
