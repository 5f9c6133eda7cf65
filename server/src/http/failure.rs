//! The one place where what went wrong becomes an answer: problem+json (RFC 9457) for programs, a page for
//! people.
//!
//! A handler returns a [`Failure`]; [`super::finish`] renders it, because only there the request id is known.

use app::models::ProblemView;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use shared::{FieldError, Problem};

use super::{Context, NO_STORE};
use crate::admission::ending::Refusal;
use crate::state::App;
use crate::store::StoreError;
use crate::telemetry;

/// What a handler returns.
pub type HttpResult<T = Response> = Result<T, Failure>;

/// A refusal on its way out.
#[derive(Clone, Debug)]
pub struct Failure(pub Refusal);

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self(problem.into())
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        tracing::error!(error = %telemetry::causes(&error), "the store failed");
        Self(if error.is_temporary() {
            Refusal::after(Problem::StorageUnavailable, 2000)
        } else {
            Problem::Internal.into()
        })
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = status_of(self.0.problem).into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// The HTTP status of a problem.
pub fn status_of(problem: Problem) -> StatusCode {
    StatusCode::from_u16(problem.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
}

/// problem+json.
pub fn as_json(refusal: &Refusal, context: &Context) -> Response {
    let body = Body {
        r#type: format!("/problems/{}", refusal.problem.code()),
        title: refusal.problem.title(),
        status: refusal.problem.status(),
        detail: refusal.detail(),
        request_id: &context.request_id,
        errors: &refusal.errors,
    };
    let body = serde_json::to_vec(&body).expect("texts and numbers always serialise");
    let kind = (header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    with_retry_after((status_of(refusal.problem), [NO_STORE, kind], body).into_response(), refusal)
}

/// A page.
pub fn as_page(refusal: &Refusal, app: &App, context: &Context) -> Response {
    let view = ProblemView {
        request_id: Some(context.request_id.to_string()),
        retry_after: refusal.retry_after,
        detail: refusal.detail().to_owned(),
        ..view_of(refusal.problem)
    };
    let document = app::problem_page(&app.chrome(context), &view);
    with_retry_after(super::html(status_of(refusal.problem), document), refusal)
}

/// The page that explains a problem type.
pub fn view_of(problem: Problem) -> ProblemView {
    ProblemView {
        status: problem.status(),
        code: problem.code().to_owned(),
        title: problem.title().to_owned(),
        detail: problem.detail().to_owned(),
        request_id: None,
        retry_after: None,
    }
}

/// Adds `Retry-After` where trying again later makes sense.
pub fn with_retry_after(mut response: Response, refusal: &Refusal) -> Response {
    if let Some(seconds) = refusal.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}
