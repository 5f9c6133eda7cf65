//! The outermost layer of ours: names the request, renders failures, adds the headers every answer has.

use axum::body::HttpBody as _;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use shared::Problem;

use super::Context;
use super::failure::{Failure, as_json, as_page};
use super::unread::Unread;
use crate::state::App;

/// What an answer of the API may do where a browser shows it: nothing.
const API_POLICY: &str = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'";

/// Wraps a request. An incoming `X-Request-Id` is not believed: logs would hold what a stranger wrote.
pub async fn finish(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let is_api = request.uri().path().starts_with("/api/");
    let mut context = Context::of_program(&app.ambient);
    if !is_api {
        context.nonce = Some(BASE64_STANDARD_NO_PAD.encode(app.ambient.random::<16>()).into());
    }
    request.extensions_mut().insert(context.clone());
    let is_page_request = !is_api && !wants_json(&request);
    let holds_code = holds_code(request.uri().path());
    let unread;
    (unread, request) = lend_body(request);
    let mut response = next.run(request).await;
    if let Some(unread) = unread {
        unread.discard().await;
    }
    if is_rejected_unseen(&response) {
        response = Failure::from(Problem::NotFound).into_response();
    }
    if let Some(failure) = response.extensions_mut().remove::<Failure>() {
        let kept = std::mem::take(response.headers_mut());
        response =
            if is_page_request { as_page(&failure.0, &app, &context) } else { as_json(&failure.0, &context) };
        // What a layer inside has said beside the body: a cookie, Allow.
        for name in [header::SET_COOKIE, header::ALLOW] {
            for value in kept.get_all(&name) {
                response.headers_mut().append(name.clone(), value.clone());
            }
        }
    }
    if holds_code {
        // The address is a key: no other site may learn it.
        response.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    }
    dressed(response, &app, &context)
}

/// An answer with the headers that every answer has.
pub fn dressed(mut response: Response, app: &App, context: &Context) -> Response {
    add_headers(response.headers_mut(), app, context);
    response
}

/// Keeps a request's body at hand, where there is one.
fn lend_body(request: Request) -> (Option<Unread>, Request) {
    if request.body().is_end_stream() {
        return (None, request);
    }
    let (parts, body) = request.into_parts();
    let (unread, body) = Unread::lend(body);
    (Some(unread), Request::from_parts(parts, body))
}

/// Whether an address carries a receipt's code.
fn holds_code(path: &str) -> bool {
    path.starts_with("/receipts/") || path.starts_with("/api/v1/receipts/")
}

/// Whether axum itself refused an address that it cannot read, before any handler saw it.
fn is_rejected_unseen(response: &Response) -> bool {
    response.status() == StatusCode::BAD_REQUEST
        && response.extensions().get::<Failure>().is_none()
        && response
            .headers()
            .get(header::CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"text/plain"))
}

/// Programs get problem+json: under `/api`, and whoever asks elsewhere for JSON and not for a page.
fn wants_json(request: &Request) -> bool {
    let accepts =
        request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    request.uri().path().ends_with(".json") || (accepts.contains("json") && !accepts.contains("text/html"))
}

fn add_headers(headers: &mut HeaderMap, app: &App, context: &Context) {
    set(headers, HeaderName::from_static("x-request-id"), &context.request_id);
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (
            HeaderName::from_static("permissions-policy"),
            "camera=(), geolocation=(), microphone=(), payment=()",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // A receipt's page has set a stricter one.
    headers.entry(header::REFERRER_POLICY).or_insert(HeaderValue::from_static("same-origin"));
    match &context.nonce {
        Some(nonce) => set(headers, header::CONTENT_SECURITY_POLICY, &page_policy(nonce)),
        None => {
            headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(API_POLICY));
        }
    }
    if app.public_url.is_https() {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
}

/// What a page may do: run scripts that carry its nonce, and speak with this server.
fn page_policy(nonce: &str) -> String {
    format!(
        "default-src 'none'; script-src 'nonce-{nonce}' 'strict-dynamic' 'wasm-unsafe-eval'; style-src 'self'; \
         img-src 'self' data:; connect-src 'self'; font-src 'self'; manifest-src 'self'; form-action 'self'; \
         base-uri 'none'; frame-ancestors 'none'"
    )
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    match HeaderValue::from_str(value) {
        Ok(value) => {
            headers.insert(name, value);
        }
        Err(error) => tracing::error!(%name, %error, "a header could not be set"),
    }
}

/// What a panic in a handler becomes. The panic hook has logged it.
pub fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    Failure::from(Problem::Internal).into_response()
}

/// For addresses that lead nowhere.
pub async fn not_found() -> Failure {
    Problem::NotFound.into()
}

/// For methods a resource does not know.
pub async fn method_not_allowed() -> Failure {
    Problem::MethodNotAllowed.into()
}
