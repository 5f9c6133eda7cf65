//! What a client still sends when the answer is known.
//!
//! A server that closes a connection with unread data resets it, and the client that was still sending never
//! sees why. So what a handler leaves of a body is read and thrown away before the answer, within bounds.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Frame, SizeHint};

/// Bytes thrown away at most.
const BYTES_MAX: usize = 4 << 20;
/// Time spent on it at most.
const PATIENCE: Duration = Duration::from_secs(2);

/// Keeps a body whose handler may not want it.
#[derive(Clone, Debug)]
pub struct Unread(Arc<Mutex<Body>>);

/// What the handler gets of it.
#[derive(Debug)]
struct Lent(Unread);

impl Unread {
    /// Lends a body out.
    pub fn lend(body: Body) -> (Self, Body) {
        let unread = Self(Arc::new(Mutex::new(body)));
        (unread.clone(), Body::new(Lent(unread)))
    }

    fn with<T>(&self, look: impl FnOnce(&mut Body) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Throws away what is left.
    pub async fn discard(self) {
        let mut body = self.with(std::mem::take);
        let rest = async {
            let mut bytes = 0;
            while let Some(Ok(frame)) = body.frame().await {
                bytes += frame.data_ref().map_or(0, Bytes::len);
                if bytes > BYTES_MAX {
                    return;
                }
            }
        };
        // Whoever is still sending by then is not waiting for an answer.
        let _ = tokio::time::timeout(PATIENCE, rest).await;
    }
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.0.with(|body| Pin::new(body).poll_frame(context))
    }

    fn is_end_stream(&self) -> bool {
        self.0.with(|body| body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.0.with(|body| body.size_hint())
    }
}
