//! `drawbridge entries export`.

use std::process::ExitCode;

use super::{CommandError, CommandResult, Session};
use crate::http::admin::csv;

pub(super) async fn export(session: &Session, slug: &str) -> CommandResult {
    let foundation = session.open().await?;
    let draw = foundation.store.draw(slug).await?;
    let draw = draw.ok_or_else(|| CommandError::Refused(format!("There is no draw {slug:?}.")))?;
    let named = |error| CommandError::Io("standard output".to_owned(), error);
    match csv::write_to(foundation.store, draw.id, tokio::io::stdout()).await {
        Ok(()) => Ok(ExitCode::SUCCESS),
        // Whoever reads has seen enough.
        Err(csv::ExportError::Io(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => {
            Ok(ExitCode::SUCCESS)
        }
        Err(csv::ExportError::Io(error)) => Err(named(error)),
        Err(csv::ExportError::Store(error)) => Err(error.into()),
    }
}
