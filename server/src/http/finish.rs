//! The outermost layer of ours: names the request, renders failures, adds the headers every answer has.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use shared::Problem;

use super::Context;
use super::failure::{Failure, as_json, as_page};
use crate::state::App;

/// Wraps a request. An incoming `X-Request-Id` is not believed: logs would hold what a stranger wrote.
pub async fn finish(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let context = Context {
        request_id: app.ambient.new_id().to_string().into(),
        nonce: BASE64_STANDARD_NO_PAD.encode(app.ambient.random::<16>()).into(),
    };
    request.extensions_mut().insert(context.clone());
    let wants_json = wants_json(&request);
    let is_page_request = !wants_json;
    let mut response = next.run(request).await;
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
    add_headers(response.headers_mut(), &app, &context);
    response
}

/// Programs get problem+json: under `/api`, and whoever asks for JSON and not for a page.
fn wants_json(request: &Request) -> bool {
    let accepts =
        request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let path = request.uri().path();
    path.starts_with("/api/")
        || path.ends_with(".json")
        || (accepts.contains("json") && !accepts.contains("text/html"))
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
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{}' 'strict-dynamic' 'wasm-unsafe-eval'; style-src 'self'; \
         img-src 'self' data:; connect-src 'self'; font-src 'self'; manifest-src 'self'; form-action 'self'; \
         base-uri 'none'; frame-ancestors 'none'",
        context.nonce
    );
    set(headers, header::CONTENT_SECURITY_POLICY, &policy);
    if app.public_url.is_https() {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
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
    axum::response::IntoResponse::into_response(Failure::from(Problem::Internal))
}

/// For addresses that lead nowhere.
pub async fn not_found() -> Failure {
    Problem::NotFound.into()
}

/// For methods a resource does not know.
pub async fn method_not_allowed() -> Failure {
    Problem::MethodNotAllowed.into()
}
