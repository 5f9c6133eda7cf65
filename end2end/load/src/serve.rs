//! Limits to compare a server with: handlers that do next to nothing, on the same framework.

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use axum::body::Bytes;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::serve::ListenerExt as _;
use axum::{Json, Router};
use shared::EntryForm;
use tokio::net::TcpListener;

/// Where [`echo`] answers.
pub const ECHO: &str = "/echo";

/// A server that is bound and not yet serving.
#[derive(Debug)]
pub struct Limit {
    listener: TcpListener,
    router: Router,
}

/// `POST /echo`: reads a registration from JSON and answers 200 with the same as JSON, as the least that a server of
/// registrations has to do.
///
/// # Errors
/// When the address cannot be bound.
pub async fn echo(address: SocketAddr) -> io::Result<Limit> {
    async fn answer(Json(form): Json<EntryForm>) -> impl IntoResponse {
        (StatusCode::OK, Json(form))
    }
    Limit::new(address, Router::new().route(ECHO, post(answer))).await
}

/// `GET /`: answers the same bytes as `text/html`.
///
/// # Errors
/// When the address cannot be bound.
pub async fn page(address: SocketAddr, bytes: Vec<u8>) -> io::Result<Limit> {
    let bytes = Bytes::from(bytes);
    let answer = move || {
        let bytes = bytes.clone();
        async move { ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], bytes) }
    };
    Limit::new(address, Router::new().route("/", get(answer))).await
}

impl Limit {
    async fn new(address: SocketAddr, router: Router) -> io::Result<Self> {
        Ok(Self { listener: TcpListener::bind(address).await?, router })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// What the system says.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `end` is there.
    ///
    /// # Errors
    /// What the system says.
    pub async fn serve(self, end: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
        let listener = self.listener.tap_io(|stream| {
            // Without it the answer is late, not wrong.
            let _ = stream.set_nodelay(true);
        });
        tokio::select! {
            ended = async { axum::serve(listener, self.router).await } => ended,
            () = end => Ok(()),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::{Fixed, Plan, Stop, Targets, run_fixed, work};

    const LOCAL: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

    fn serve(limit: impl Future<Output = io::Result<Limit>> + Send + 'static) -> Targets {
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let limit = limit.await.unwrap();
                tell.send(limit.address().unwrap()).unwrap();
                limit.serve(std::future::pending()).await.unwrap();
            });
        });
        told.recv().unwrap().into()
    }

    /// A page that is served until the test program ends.
    pub(crate) fn page() -> Targets {
        serve(super::page(LOCAL, b"<!doctype html>".to_vec()))
    }

    fn right(targets: &Targets, fixed: &Fixed) -> u64 {
        let plan = Plan { connections: 4, stop: Stop::Requests(200), ..Plan::default() };
        let outcome = run_fixed(targets, &plan, fixed, |_| {}).unwrap();
        assert!(outcome.is_right(), "{:?}", outcome.surprises);
        outcome.kind(crate::Kind::Fixed).unwrap().right
    }

    #[test]
    fn the_limits_answer() {
        let targets = serve(echo(LOCAL));
        let body = work::Form::example("abcdefgh");
        let fixed = Fixed::post(targets.host(), ECHO, "application/json", &body).expecting_body(body);
        assert_eq!(right(&targets, &fixed), 200);
        let bytes = b"<!doctype html><title>Draw</title>".repeat(5000);
        let targets = serve(super::page(LOCAL, bytes.clone()));
        assert_eq!(right(&targets, &Fixed::get(targets.host(), "/").expecting_body(bytes)), 200);
    }
}
