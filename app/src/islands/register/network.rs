//! Requests to the server.

use wasm_bindgen::JsCast as _;
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, Headers, RequestCredentials, RequestInit, Response, window};

use super::answer::Answer;
use super::page;
use crate::islands::browser;
use crate::islands::json::Json;

/// Milliseconds after which an answer is given up: the request is then tried again.
const TIMEOUT_MS: u32 = 20_000;

/// Asks for a fresh page token.
pub async fn ask_token(slug: &str) -> Option<Answer> {
    post(&["/api/v1/draws/", slug, "/tokens"].concat(), None).await
}

/// Sends an entry, in JSON, as request number `attempt` under this token.
pub async fn send_entry(slug: &str, token: &str, attempt: u32, entry: &str) -> Option<Answer> {
    let url = ["/api/v1/draws/", slug, "/entries"].concat();
    post(&url, Some((token, &attempt.to_string(), entry))).await
}

/// `None` where there is no answer within the time: nothing is known then of what the server did.
async fn post(url: &str, entry: Option<(&str, &str, &str)>) -> Option<Answer> {
    let init = RequestInit::new();
    init.set_method("POST");
    init.set_credentials(RequestCredentials::SameOrigin);
    if let Some((token, attempt, body)) = entry {
        let headers = Headers::new().ok()?;
        headers.set("Content-Type", "application/json").ok()?;
        headers.set("Idempotency-Key", token).ok()?;
        headers.set("Attempt", attempt).ok()?;
        init.set_headers(&headers);
        init.set_body(&body.into());
    }
    let controller = AbortController::new().ok()?;
    init.set_signal(Some(&controller.signal()));
    // The timer covers the body as well; after the end, aborting does nothing.
    browser::after(TIMEOUT_MS, move || controller.abort());

    let response = JsFuture::from(window()?.fetch_with_str_and_init(url, &init)).await.ok()?;
    let response: Response = response.unchecked_into();
    let text = JsFuture::from(response.text().ok()?).await.ok()?;
    let retry_after = response.headers().get("Retry-After").ok().flatten();
    let json = Json::parse(&text.as_string().unwrap_or_default());
    Some(Answer {
        status: response.status(),
        retry_after: retry_after.and_then(|seconds| seconds.trim().parse().ok()),
        receipt: json.text("receipt"),
        token: json.text("token"),
        expires_at: js_sys::Date::parse(&json.text("expires_at")) as i64,
        problem: json.text("type"),
        title: json.text("title"),
        detail: json.text("detail"),
        request_id: json.text("request_id"),
        errors: page::errors(&json),
    })
}
