//! Where requests come in: presses of the crowd are answered here, everything else by the routes.
//!
//! Nearly all that a crowd sends is one kind of request: to register, as JSON, small, and without an API key. It needs no
//! routes and layers. Most of it is the very bytes of a request that was answered before, from people who press again
//! and from clients that lost the answer; that one's receipt is given again without reading its form. What an overloaded
//! server refuses is not read either: the less that costs, the more others get in. Everything takes its turn, and is
//! counted and logged, as on the usual way, which [`super::api::entries::register`] is.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{Method, header};
use axum::response::Response;
use bytes::Bytes;
use futures_util::FutureExt as _;
use hyper::body::Incoming;
use shared::{Layer, Problem, limits};
use tower::Service as _;

use super::api::entries::{Press, answer, attempt_hint, key_of};
use super::api::recent_public_draw;
use super::client::{Peer, behind_proxies};
use super::failure::as_json;
use super::finish::dressed;
use super::{Context, bearer, body, cookies};
use crate::admission::Unread;
use crate::admission::ending::Ending;
use crate::admission::remembered::press;
use crate::admission::sender::Sender;
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

/// An answer on its way.
type Answering = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

impl Door {
    /// Answers a request.
    pub fn answer(&self, mut request: Request) -> Answering {
        if let Some(slug) = slug_of_press(&request) {
            let (app, peer, slug) = (self.app.clone(), self.peer, slug.to_owned());
            return Box::pin(async move { Ok(register(&app, peer, slug, request).await) });
        }
        request.extensions_mut().insert(Peer(self.peer));
        Box::pin(self.routes.clone().call(request))
    }
}

impl hyper::service::Service<Request<Incoming>> for Door {
    type Response = Response;
    type Error = Infallible;
    type Future = Answering;

    fn call(&self, request: Request<Incoming>) -> Answering {
        self.answer(request.map(Body::new))
    }
}

/// The draw that a press of the crowd is for; `None` for all other requests.
fn slug_of_press(request: &Request) -> Option<&str> {
    let slug = request.uri().path().strip_prefix("/api/v1/draws/")?.strip_suffix("/entries")?;
    // Whatever is written in another way goes the usual one.
    let is_plain =
        slug.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    let headers = request.headers();
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let is_press = is_plain
        && !slug.is_empty()
        && request.method() == Method::POST
        && length.is_some_and(|bytes: usize| bytes <= limits::BODY_BYTES)
        && body::is_type(headers, "application/json")
        && bearer::credentials(headers) == Credentials::Anonymous;
    is_press.then_some(slug)
}

async fn register(app: &App, peer: SocketAddr, slug: String, request: Request) -> Response {
    let context = Context::of_program(&app.ambient);
    let work = AssertUnwindSafe(end_of(app, peer, slug, request, &context)).catch_unwind();
    let response = match work.await {
        Ok(ending) => answer(ending, &context),
        // The panic hook has logged it.
        Err(_) => as_json(&Problem::Internal.into(), &context),
    };
    dressed(response, app, &context)
}

async fn end_of(app: &App, peer: SocketAddr, slug: String, request: Request, context: &Context) -> Ending {
    let began = Instant::now();
    let (parts, payload) = request.into_parts();
    let bytes = body::read(&parts.headers, payload).await;
    let key = key_of(&parts.headers);
    let attempt = attempt_hint(&parts.headers);
    let address = behind_proxies(peer.ip().to_canonical(), &parts.headers, &app.config.trusted_proxies);
    let tell = |ending: Ending, slug: &str| {
        telemetry::admission(&ending, slug, &context.request_id, attempt, began.elapsed());
        ending
    };
    let draw = match recent_public_draw(app, &slug).await {
        Ok(draw) => draw,
        // A slug that names no draw is a stranger's text.
        Err(failure) => return tell(Ending::refused(failure.0, Layer::Edge), ""),
    };
    let unread = match (&bytes, &key) {
        (Ok(bytes), Ok(key)) => {
            let is_first = attempt == Some(1);
            app.admission.admit_unread(&draw, key, &press(bytes), address, is_first).await
        }
        _ => Unread::Read { has_turn: false },
    };
    let has_turn = match unread {
        Unread::Ended(ending) => {
            app.tally.note(draw.id, &ending, app.ambient.now());
            return tell(ending, &draw.spec.slug);
        }
        Unread::Read { has_turn } => has_turn,
    };
    let cookie = cookies::entrant(&app.keys, &app.public_url, &parts.headers);
    let sender = Sender { address, cookie, credentials: Credentials::Anonymous, has_turn };
    let body = async move {
        bytes.and_then(|bytes: Bytes| body::read_registration(&bytes, &Credentials::Anonymous))
    };
    Press { slug, sender, key, attempt, began }.admit(app, context, body).await.0
}
