//! Stylesheet, script and WebAssembly, inside the binary: named by content hash, so that browsers keep them for
//! good, and compressed when they were built.

use app::models::Assets;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use rust_embed::RustEmbed;
use shared::Problem;

use super::HttpResult;

#[derive(RustEmbed)]
#[folder = "../target/site"]
struct Site;

const FOR_GOOD: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// The addresses of the assets in this binary.
///
/// # Errors
/// When the binary was built without them.
pub fn addresses() -> Result<Assets, String> {
    let manifest =
        Site::get("assets.json").ok_or("assets.json is missing; run `make assets` before building")?;
    serde_json::from_slice(&manifest.data).map_err(|error| format!("assets.json: {error}"))
}

/// `GET /assets/{name}`.
///
/// # Errors
/// `not-found`.
pub async fn asset(Path(name): Path<String>, headers: HeaderMap) -> HttpResult {
    let brotli = format!("assets/{name}.br");
    let accepts_brotli = headers
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| coding.split(';').next().is_some_and(|name| name.trim() == "br"));
    let (file, encoding) = match Site::get(&brotli).filter(|_| accepts_brotli) {
        Some(file) => (file, Some("br")),
        None => (Site::get(&format!("assets/{name}")).ok_or(Problem::NotFound)?, None),
    };
    let kind = match name.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("wasm") => "application/wasm",
        Some("svg") => "image/svg+xml",
        _ => return Err(Problem::NotFound.into()),
    };
    let mut response: Response = file.data.into_owned().into_response();
    let answer = response.headers_mut();
    answer.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    answer.insert(header::CACHE_CONTROL, FOR_GOOD);
    answer.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Some(encoding) = encoding {
        answer.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    Ok(response)
}
