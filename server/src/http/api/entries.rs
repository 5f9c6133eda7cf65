//! `POST /api/v1/draws/{slug}/entries`: register.

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use shared::token::idempotency_key;
use shared::{Layer, Outcome, Problem};

use super::recent_public_draw;
use crate::admission::ending::{Answer, Ending, Refusal};
use crate::admission::sender::Sender;
use crate::admission::{Sent, Submission, keys};
use crate::http::failure::as_json;
use crate::http::{ClientAddress, Context, NO_STORE, bearer, body, cookies};
use crate::integrators::Credentials;
use crate::seen_through::seen_through;
use crate::state::App;
use crate::store::Draw;
use crate::telemetry;

/// The header that says that a receipt is not new.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// Registers, exactly once.
pub async fn register(
    State(app): State<App>,
    Path(slug): Path<String>,
    ClientAddress(address): ClientAddress,
    context: Context,
    request: Request,
) -> Response {
    let (parts, payload) = request.into_parts();
    let credentials = bearer::credentials(&parts.headers);
    // An integrator sends for many people: no browser stands behind it.
    let cookie = match credentials {
        Credentials::Anonymous => cookies::entrant(&app.keys, &app.public_url, &parts.headers),
        Credentials::ApiKey(_) | Credentials::Malformed => None,
    };
    let press = Press {
        slug,
        sender: Sender { address, cookie, credentials: credentials.clone(), has_turn: false },
        key: key_of(&parts.headers),
        attempt: attempt_hint(&parts.headers),
        began: Instant::now(),
    };
    let body = async move { body::registration_json(&parts.headers, payload, &credentials).await };
    answer(press.admit(&app, &context, body).await.0, &context)
}

/// One HTTP request to register.
#[derive(Debug)]
pub struct Press {
    /// The draw, as it was asked for.
    pub slug: String,
    /// Where it comes from.
    pub sender: Sender,
    /// The key, as far as it could be read.
    pub key: Result<String, Problem>,
    /// The count a client sends with its retries.
    pub attempt: Option<u32>,
    /// When it came.
    pub began: Instant,
}

impl Press {
    /// Runs the admission path, and counts and logs its end, whether or not the client stays; the draw, where
    /// there is one.
    pub async fn admit<F>(self, app: &App, context: &Context, body: F) -> (Ending, Option<Arc<Draw>>)
    where
        F: Future<Output = Result<Sent, Refusal>> + Send + 'static,
    {
        let (app, context) = (app.clone(), context.clone());
        let work = seen_through(async move {
            let until = tokio::time::Instant::from_std(self.began) + keys::ANSWER_WITHIN;
            let (ending, draw) = match recent_public_draw(&app, &self.slug).await {
                Ok(draw) => {
                    let submission = Submission {
                        draw: Arc::clone(&draw),
                        sender: self.sender,
                        key: self.key,
                        body,
                        is_first: self.attempt == Some(1),
                        until,
                    };
                    (app.admission.admit(submission).await, Some(draw))
                }
                Err(failure) => (Ending::refused(failure.0, Layer::Edge), None),
            };
            // A slug that names no draw is a stranger's text.
            let slug = draw.as_ref().map_or("", |draw| &draw.spec.slug);
            telemetry::admission(&ending, slug, &context.request_id, self.attempt, self.began.elapsed());
            if let Some(draw) = &draw {
                app.tally.note(draw.id, &ending, app.ambient.now());
            }
            (ending, draw)
        });
        work.await
    }
}

/// An end as HTTP.
pub fn answer(ending: Ending, context: &Context) -> Response {
    match ending.answer {
        Answer::Receipt(receipt) => {
            let kind = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            let mut response = (StatusCode::CREATED, [NO_STORE, kind], receipt).into_response();
            if ending.outcome == Outcome::Replayed {
                response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
            }
            response
        }
        Answer::Problem(refusal) => {
            let mut response = as_json(&refusal, context);
            if refusal.problem == Problem::NotSignedIn {
                response.headers_mut().insert(header::WWW_AUTHENTICATE, bearer::CHALLENGE);
            }
            response
        }
    }
}

/// The key of a request: exactly one header, bare or quoted.
///
/// # Errors
/// `idempotency-key-missing`, `idempotency-key-invalid`.
pub fn key_of(headers: &HeaderMap) -> Result<String, Problem> {
    let mut values = headers.get_all("idempotency-key").iter();
    match (values.next(), values.next()) {
        (None, _) => Err(Problem::KeyMissing),
        (Some(value), None) => {
            let text = value.to_str().map_err(|_| Problem::KeyInvalid)?;
            idempotency_key(text).ok_or(Problem::KeyInvalid)
        }
        (Some(_), Some(_)) => Err(Problem::KeyInvalid),
    }
}

/// The count a client sends with its retries: a hint for logs, for the order in which things are asked, and for whom an
/// overloaded server has time to ask; no verdict depends on it.
pub fn attempt_hint(headers: &HeaderMap) -> Option<u32> {
    headers.get("attempt")?.to_str().ok()?.parse().ok()
}
