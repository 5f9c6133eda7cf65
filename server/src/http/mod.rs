//! HTTP: extractors, answers, and one file an endpoint or a small group of them.

pub mod admin;
pub mod api;
pub mod assets;
pub mod bearer;
pub mod body;
pub mod client;
pub mod cookies;
pub mod door;
pub mod failure;
pub mod finish;
pub mod health;
pub mod origin;
pub mod pages;
pub mod unread;
pub mod views;

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use uuid::fmt::Hyphenated;

pub use client::ClientAddress;
pub use failure::{Failure, HttpResult};

use crate::ambient::Ambient;

/// What belongs to one request: set by [`finish::finish`], the outermost layer of ours.
#[derive(Clone, Debug)]
pub struct Context {
    /// Names the request in answers and logs.
    pub request_id: Arc<str>,
    /// What scripts of this answer carry, and no other script may; `None` for answers to programs.
    pub nonce: Option<Arc<str>>,
}

impl Context {
    /// What belongs to a request by a program: a name, and no script.
    pub fn of_program(ambient: &Ambient) -> Self {
        let mut buffer = [0; Hyphenated::LENGTH];
        let request_id: &str = ambient.new_id().hyphenated().encode_lower(&mut buffer);
        Self { request_id: request_id.into(), nonce: None }
    }
}

impl<S: Sync> FromRequestParts<S> for Context {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts
            .extensions
            .get::<Self>()
            .cloned()
            .unwrap_or_else(|| Self { request_id: "".into(), nonce: None }))
    }
}

/// Nothing of this may be kept by anybody: it holds a token, a receipt or a secret of organisers.
pub const NO_STORE: (HeaderName, HeaderValue) = (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));

/// A page.
pub fn html(status: StatusCode, document: String) -> Response {
    (
        status,
        [NO_STORE, (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"))],
        document,
    )
        .into_response()
}
