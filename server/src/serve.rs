//! Listening, answering, and stopping in order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use crate::desks::Desks;
use crate::http::door::Door;
use crate::state::App;
use crate::{router, telemetry};

/// How long a client may take to send a request's head.
const HEADER_TIMEOUT: Duration = Duration::from_secs(15);
/// Bytes of a request's head, and of what is read ahead of its body.
const HEAD_BYTES: usize = 32 * 1024;
/// File descriptors kept for the database, logs and assets.
const OTHER_FILES: u64 = 64;
/// Between "not ready" and closing the listener: a load balancer has to notice first.
const NOTICE: Duration = Duration::from_millis(500);
/// How long requests in flight are waited for.
const DRAIN: Duration = Duration::from_secs(20);

/// Serves until told to stop, then drains: not ready first, then no new connections, then the requests in
/// flight are finished and what was counted is written down.
///
/// # Errors
/// When accepting connections fails for good.
pub async fn serve(app: App, listener: TcpListener, stop: impl Future<Output = ()>) -> std::io::Result<()> {
    let routes = router::router(app.clone());
    let mut chores = JoinSet::new();
    chores.spawn(telemetry::keep_metrics());
    chores.spawn(telemetry::keep_flushing(app.clone()));
    chores.spawn(telemetry::keep_reconciling(app.clone()));
    let door = |peer| Door { app: app.clone(), routes: routes.clone(), peer };
    let connections = GracefulShutdown::new();
    let mut desks = Desks::open()?;
    let places = places();
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            (place, accepted) = accept(&places, &listener) => match accepted {
                Ok((stream, peer)) => connect(&connections, &mut desks, door(peer), stream, place),
                // The client is gone already, or the machine is short of something: the next may do better.
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            () = &mut stop => break,
        }
    }
    tracing::info!("draining");
    app.start_draining();
    // Still accepting, so that who was sent here a moment ago is answered.
    let notice = tokio::time::sleep(NOTICE);
    let mut notice = std::pin::pin!(notice);
    loop {
        tokio::select! {
            (place, accepted) = accept(&places, &listener) => if let Ok((stream, peer)) = accepted {
                connect(&connections, &mut desks, door(peer), stream, place);
            },
            () = &mut notice => break,
        }
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, connections.shutdown()).await.is_err() {
        tracing::warn!("some requests did not end in time");
    }
    chores.abort_all();
    telemetry::flush(&app).await;
    tracing::info!("stopped");
    Ok(())
}

/// As many places as the system lets this process have files open, less a few: beyond them connections wait to
/// be accepted, and those that are served go on.
fn places() -> Arc<Semaphore> {
    let files = rlimit::increase_nofile_limit(u64::MAX).unwrap_or_else(|error| {
        tracing::warn!(%error, "the limit of open files is not known, assuming 1024");
        1024
    });
    let places = usize::try_from(files.saturating_sub(OTHER_FILES)).unwrap_or(usize::MAX);
    Arc::new(Semaphore::new(places.clamp(16, Semaphore::MAX_PERMITS)))
}

type Accepted = std::io::Result<(TcpStream, SocketAddr)>;

async fn accept(places: &Arc<Semaphore>, listener: &TcpListener) -> (Option<OwnedSemaphorePermit>, Accepted) {
    // Only closing the semaphore makes this fail, and nobody does.
    let place = Arc::clone(places).acquire_owned().await.ok();
    (place, listener.accept().await)
}

fn connect(
    connections: &GracefulShutdown,
    desks: &mut Desks,
    door: Door,
    stream: TcpStream,
    place: Option<OwnedSemaphorePermit>,
) {
    let peer = door.peer;
    // Answers are small and whole: waiting to fill a packet only delays them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "nodelay");
    }
    // A thread waits for the network by itself, so the connection is handed over as what the system knows it as.
    let handed = stream.into_std();
    let watcher = connections.watcher();
    desks.another().spawn(async move {
        let stream = match handed.and_then(TcpStream::from_std) {
            Ok(stream) => stream,
            Err(error) => {
                tracing::warn!(%error, %peer, "a connection was not taken over");
                return;
            }
        };
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            // Who has said everything may stop sending and still wants the answer.
            .half_close(true)
            .max_buf_size(HEAD_BYTES)
            .header_read_timeout(HEADER_TIMEOUT)
            .serve_connection(TokioIo::new(stream), door);
        // A client that hangs up or sends nonsense: nothing of ours.
        if let Err(error) = watcher.watch(connection).await {
            tracing::debug!(%error, %peer, "a connection broke");
        }
        drop(place);
    });
}

/// Resolves at SIGTERM or SIGINT.
///
/// # Errors
/// When signals cannot be listened to.
pub fn signals() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
