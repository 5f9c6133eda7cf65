//! `drawbridge reconcile`.

use std::process::ExitCode;

use super::{CommandResult, Session, say};

pub(super) async fn run(session: &Session) -> CommandResult {
    let foundation = session.open().await?;
    let found = foundation.store.reconcile(&foundation.keys).await?;
    for sentence in &found.0 {
        say(sentence)?;
    }
    if found.0.is_empty() {
        say("Counters, entries, claims and person keys agree.")?;
        return Ok(ExitCode::SUCCESS);
    }
    say(&format!("{} discrepancies.", found.0.len()))?;
    Ok(ExitCode::FAILURE)
}
