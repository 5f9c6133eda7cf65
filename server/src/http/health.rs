//! For load balancers and for Prometheus.

use std::net::IpAddr;

use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use shared::Problem;

use super::client::{is_forwarded, peer};
use super::{ClientAddress, HttpResult, NO_STORE};
use crate::state::App;
use crate::telemetry;

/// `GET /healthz`: the process answers.
pub async fn alive() -> Response {
    ([NO_STORE], "alive\n").into_response()
}

/// `GET /readyz`: new requests may come here: the database answers, its migrations are there, and the server
/// is not about to stop.
pub async fn ready(State(app): State<App>) -> Response {
    let (status, word) = if app.is_draining() {
        (StatusCode::SERVICE_UNAVAILABLE, "draining\n")
    } else {
        match app.store.ready().await {
            Ok(()) if !app.admission.batches.is_alive() => {
                tracing::error!("the writer has ended");
                (StatusCode::SERVICE_UNAVAILABLE, "writer ended\n")
            }
            Ok(()) => (StatusCode::OK, "ready\n"),
            Err(error) => {
                tracing::warn!(error = %telemetry::causes(&error), "not ready");
                (StatusCode::SERVICE_UNAVAILABLE, "database unavailable\n")
            }
        }
    };
    (status, [NO_STORE], word).into_response()
}

/// `GET /metrics`: to loopback peers that come without a proxy, and to networks that were allowed.
///
/// # Errors
/// `not-found` for everybody else: the address tells nothing.
pub async fn metrics(
    State(app): State<App>,
    ClientAddress(client): ClientAddress,
    parts: Parts,
) -> HttpResult {
    let peer: IpAddr = peer(&parts);
    // Through a proxy only who is behind a trusted one counts: the proxy itself vouches for nobody.
    let reader = match is_forwarded(&parts.headers) {
        false => Some(peer),
        true => Some(client).filter(|client| *client != peer && !client.is_loopback()),
    };
    let may_read = |reader: IpAddr| {
        reader.is_loopback() || app.config.metrics_allow.iter().any(|network| network.contains(&reader))
    };
    if !reader.is_some_and(may_read) {
        return Err(Problem::NotFound.into());
    }
    let kind = (header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8");
    Ok(([kind], telemetry::metrics_handle().render()).into_response())
}
