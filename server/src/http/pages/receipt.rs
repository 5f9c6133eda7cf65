//! `/receipts/{code}`: the receipt, and withdrawing with it.

use app::models::{Notice, Tone};
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::IntoResponse as _;
use shared::Problem;

use super::calendar;
use crate::http::{Context, HttpResult, NO_STORE, html, origin, views};
use crate::state::App;
use crate::store::draws::Actor;
use crate::store::entries::{Ended, Ending, ReceiptRow};

async fn find(app: &App, code: &str) -> HttpResult<ReceiptRow> {
    Ok(app.store.receipt(code).await?.ok_or(Problem::ReceiptNotFound)?)
}

/// The receipt.
///
/// # Errors
/// `receipt-not-found`.
pub async fn show(
    State(app): State<App>,
    Path(code): Path<String>,
    RawQuery(query): RawQuery,
    context: Context,
) -> HttpResult {
    let row = find(&app, &code).await?;
    let mut view = views::receipt_view(&code, &row, app.ambient.now());
    view.notice = match query.as_deref() {
        Some("too-late") => Some(Notice {
            tone: Tone::Problem,
            title: "It is too late to withdraw".to_owned(),
            detail: "The draw has closed. Your entry stays in it.".to_owned(),
        }),
        _ => None,
    };
    Ok(html(StatusCode::OK, app::receipt_page(&app.chrome(&context), &view)))
}

/// Asks whether withdrawing is meant.
///
/// # Errors
/// `receipt-not-found`.
pub async fn ask(State(app): State<App>, Path(code): Path<String>, context: Context) -> HttpResult {
    let row = find(&app, &code).await?;
    let view = views::receipt_view(&code, &row, app.ambient.now());
    Ok(html(StatusCode::OK, app::withdraw_page(&app.chrome(&context), &view)))
}

/// Withdraws, and goes back to the receipt, which says so.
///
/// # Errors
/// `receipt-not-found`, `forbidden` for a form on another site.
pub async fn withdraw(State(app): State<App>, Path(code): Path<String>, headers: HeaderMap) -> HttpResult {
    // This page sends no referrer, for which older browsers send an origin of "null".
    origin::check(&app, &headers, origin::Null::Allowed)?;
    let news = match app.store.end(&code, &Ending::Withdrawn, &Actor::Entrant).await? {
        Ended::Done | Ended::Already => "",
        Ended::DrawClosed => "?too-late",
        Ended::Unknown => return Err(Problem::ReceiptNotFound.into()),
    };
    let to =
        HeaderValue::from_str(&format!("/receipts/{code}{news}")).map_err(|_| Problem::ReceiptNotFound)?;
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, to), NO_STORE]).into_response())
}

/// A calendar file with the day of the draw.
///
/// # Errors
/// `receipt-not-found`, also when the draw has no such day.
pub async fn calendar(State(app): State<App>, Path(code): Path<String>) -> HttpResult {
    let row = find(&app, &code).await?;
    let link = format!("{}/receipts/{code}", app.public_url);
    let file = calendar::file(&row, &link, app.ambient.now()).ok_or(Problem::ReceiptNotFound)?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/calendar; charset=utf-8")),
        (header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"draw.ics\"")),
        NO_STORE,
    ];
    Ok((headers, file).into_response())
}
