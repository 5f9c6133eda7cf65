//! The short way of a retry whose outcome this process knows, and of what there is no time for.
//!
//! In a crowd most requests are the very bytes of one that was answered before, from people who press again and from
//! clients that lost the answer. Such a request takes its turn, gets its receipt, and is counted and logged like any
//! other; what it does not need are routes and layers, and reading its form again. The same goes for an attempt that an
//! overloaded server refuses: the less that costs, the more others get in. Everything else goes on its way as it came.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{Method, header};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use hyper::body::Incoming;
use shared::limits;
use tower::Service as _;

use super::api::entries::{answer, attempt_hint, key_of};
use super::api::recent_public_draw;
use super::client::{Peer, behind_proxies};
use super::finish::dressed;
use super::{Context, bearer, body};
use crate::admission::remembered::press;
use crate::integrators::Credentials;
use crate::state::App;
use crate::telemetry;

/// What one connection's requests come to.
#[derive(Clone, Debug)]
pub struct Door {
    /// The server.
    pub app: App,
    /// The usual way.
    pub routes: Router,
    /// The other end of the connection.
    pub peer: SocketAddr,
}

impl hyper::service::Service<Request<Incoming>> for Door {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let Self { app, mut routes, peer } = self.clone();
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Peer(peer));
        if !may_be_known(&request) {
            return Box::pin(routes.call(request));
        }
        Box::pin(async move {
            match again(&app, peer, request).await {
                Ok(response) => Ok(response),
                Err(request) => routes.call(*request).await,
            }
        })
    }
}

/// The draw that a request to register is for, by the path.
fn slug(request: &Request) -> Option<&str> {
    let slug = request.uri().path().strip_prefix("/api/v1/draws/")?.strip_suffix("/entries")?;
    // Whatever is written in another way goes the usual one.
    let is_plain =
        slug.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    is_plain.then_some(slug)
}

/// Whether a request can be a press that was answered before: to register, as JSON, without an API key, and small.
fn may_be_known(request: &Request) -> bool {
    let headers = request.headers();
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    request.method() == Method::POST
        && slug(request).is_some()
        && length.is_some_and(|bytes: usize| bytes <= limits::BODY_BYTES)
        && body::is_type(headers, "application/json")
        && bearer::credentials(headers) == Credentials::Anonymous
}

/// Answers a press that was told its receipt before, or that is shed; else gives the request back, with its body.
async fn again(app: &App, peer: SocketAddr, request: Request) -> Result<Response, Box<Request>> {
    let began = Instant::now();
    let (parts, payload) = request.into_parts();
    let bytes = match body::read(&parts.headers, payload).await {
        Ok(bytes) => bytes,
        // It did not arrive whole, and is told so on the usual way.
        Err(_) => {
            let broken = stream::once(async {
                Err::<Bytes, _>(std::io::Error::from(std::io::ErrorKind::UnexpectedEof))
            });
            return Err(Box::new(Request::from_parts(parts, Body::from_stream(broken))));
        }
    };
    let request = Request::from_parts(parts, Body::from(bytes.clone()));
    let (Some(slug), Ok(key)) = (slug(&request), key_of(request.headers())) else {
        return Err(Box::new(request));
    };
    let Ok(draw) = recent_public_draw(app, slug).await else { return Err(Box::new(request)) };
    let address = behind_proxies(peer.ip().to_canonical(), request.headers(), &app.config.trusted_proxies);
    let ending = match app.admission.admit_again(&draw, &key, &press(&bytes), address).await {
        Some(ending) => ending,
        None => match app.admission.shed(&draw, &key, address).await {
            Some(ending) => ending,
            None => return Err(Box::new(request)),
        },
    };
    let context = Context::of_program(&app.ambient);
    let attempt = attempt_hint(request.headers());
    telemetry::admission(&ending, &draw.spec.slug, &context.request_id, attempt, began.elapsed());
    app.tally.note(draw.id, &ending, app.ambient.now());
    Ok(dressed(answer(ending, &context), app, &context))
}
