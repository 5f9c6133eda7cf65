//! `drawbridge backup` and `drawbridge restored`.

use std::path::Path;
use std::process::ExitCode;

use super::{CommandError, CommandResult, Session, say};
use crate::config::{Database, secret_file};

pub(super) async fn run(session: &Session, path: &Path) -> CommandResult {
    let Database::Sqlite { path: database } = &session.config.database else {
        return Err(CommandError::Refused(
            "PostgreSQL has better tools for this: use pg_dump, or archive its log, and keep DRAWBRIDGE_SECRET with the copy.".to_owned(),
        ));
    };
    let foundation = session.open().await?;
    let to = if path.is_dir() { path.join("drawbridge.db") } else { path.to_owned() };
    let secret_to = secret_file(&to);
    for file in [&to, &secret_to] {
        if file.exists() {
            return Err(CommandError::Refused(format!(
                "{} exists: a backup never overwrites.",
                file.display()
            )));
        }
    }
    foundation.store.backup(&to).await?;
    say(&format!("{}: the database", to.display()))?;
    if session.config.secret.is_some() {
        say("The secret is in DRAWBRIDGE_SECRET and was not copied: keep it with the backup.")?;
    } else {
        let from = secret_file(database);
        // Keeps the permissions: readable by its owner only.
        std::fs::copy(&from, &secret_to)
            .map_err(|error| CommandError::Io(secret_to.display().to_string(), error))?;
        say(&format!("{}: its secret", secret_to.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn restored(session: &Session) -> CommandResult {
    let foundation = session.open().await?;
    foundation.store.new_epoch().await?;
    say("A new epoch has begun: outcomes cached before are void. Restart the servers.")?;
    Ok(ExitCode::SUCCESS)
}
