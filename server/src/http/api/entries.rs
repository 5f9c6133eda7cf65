//! `POST /api/v1/draws/{slug}/entries`: register.

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use shared::token::idempotency_key;
use shared::{EntryForm, Outcome, Problem};

use super::public_draw;
use crate::admission::Submission;
use crate::admission::attempt::Sender;
use crate::admission::ending::{Answer, Ending, Refusal};
use crate::http::failure::as_json;
use crate::http::{ClientAddress, Context, HttpResult, NO_STORE, body, cookies};
use crate::state::App;
use crate::store::Draw;
use crate::telemetry;

/// The header that says that a receipt is not new.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// Registers, exactly once.
///
/// # Errors
/// Every problem of the specification's section 4.
pub async fn register(
    State(app): State<App>,
    Path(slug): Path<String>,
    ClientAddress(address): ClientAddress,
    context: Context,
    request: Request,
) -> HttpResult {
    let draw = public_draw(&app, &slug).await?;
    let (parts, payload) = request.into_parts();
    let sender = Sender { address, cookie: cookies::entrant(&app, &parts.headers) };
    let key = key_of(&parts.headers);
    let attempt = attempt_hint(&parts.headers);
    let form = body::entry_json(&parts.headers, payload);
    let ending = admit(&app, &context, &draw, sender, key, attempt, form).await;
    Ok(answer(ending, &context))
}

/// Runs the admission path, and counts and logs its end.
pub async fn admit<F>(
    app: &App,
    context: &Context,
    draw: &Arc<Draw>,
    sender: Sender,
    key: Result<String, Problem>,
    attempt: Option<u32>,
    body: F,
) -> Ending
where
    F: Future<Output = Result<EntryForm, Refusal>>,
{
    let began = Instant::now();
    let submission = Submission { draw: Arc::clone(draw), sender, key, body };
    let ending = app.admission.admit(submission).await;
    telemetry::admission(&ending, &draw.spec.slug, &context.request_id, attempt, began.elapsed());
    app.tally.note(draw.id, &ending, app.ambient.now());
    ending
}

fn answer(ending: Ending, context: &Context) -> Response {
    match ending.answer {
        Answer::Receipt(receipt) => {
            let kind = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            let mut response = (StatusCode::CREATED, [NO_STORE, kind], receipt).into_response();
            if ending.outcome == Outcome::Replayed {
                response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
            }
            response
        }
        Answer::Problem(refusal) => as_json(&refusal, context),
    }
}

/// The key of a request: exactly one header, bare or quoted.
fn key_of(headers: &HeaderMap) -> Result<String, Problem> {
    let mut values = headers.get_all("idempotency-key").iter();
    match (values.next(), values.next()) {
        (None, _) => Err(Problem::KeyMissing),
        (Some(value), None) => {
            let text = value.to_str().map_err(|_| Problem::KeyInvalid)?;
            if text.trim().is_empty() {
                return Err(Problem::KeyMissing);
            }
            idempotency_key(text).ok_or(Problem::KeyInvalid)
        }
        (Some(_), Some(_)) => Err(Problem::KeyInvalid),
    }
}

/// The count a client sends with its retries: a hint for logs, believed for nothing.
fn attempt_hint(headers: &HeaderMap) -> Option<u32> {
    headers.get("attempt")?.to_str().ok()?.parse().ok()
}
