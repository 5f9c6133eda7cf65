//! `drawbridge serve`.

use std::process::ExitCode;

use tokio::net::TcpListener;

use super::{CommandError, CommandResult, Session, demo, say};
use crate::state::App;
use crate::{serve, telemetry};

pub(super) async fn run(session: Session, with_demo: bool) -> CommandResult {
    let Session { config, ambient } = session;
    telemetry::metrics_handle();
    let addr = config.addr;
    let named = |error| CommandError::Io(format!("DRAWBRIDGE_ADDR: {addr} cannot be listened on"), error);
    let stop = serve::signals().map_err(named)?;
    let listener = TcpListener::bind(addr).await.map_err(named)?;
    let listening = listener.local_addr().map_err(named)?;
    let app = App::new(config, listening, ambient).await?;
    if with_demo {
        demo::add(&app).await?;
    }
    tracing::info!(%listening, url = %app.public_url, "serving");
    if let Err(error) = say(&format!("Drawbridge serves {}", app.public_url)) {
        // Serving does not depend on somebody reading along.
        tracing::warn!(%error, "the address was not told");
    }
    serve::serve(app, listener, stop).await.map_err(named)?;
    Ok(ExitCode::SUCCESS)
}
