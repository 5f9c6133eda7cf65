//! `drawbridge apikey`.

use std::process::ExitCode;

use shared::limits;

use super::{CommandError, CommandResult, Session, complain, say};
use crate::integrators::ApiKey;
use crate::store::draws::Actor;
use crate::store::integrators::{KeyAdded, KeyRevoked};

/// Prints the key, alone on standard output, so that a script can take it; it is never shown again.
pub(super) async fn add(session: &Session, name: &str) -> CommandResult {
    check(name)?;
    let foundation = session.open().await?;
    let key = ApiKey::new(&session.ambient);
    let note = match foundation.store.add_api_key(name, &key.hash(), &Actor::CommandLine).await? {
        KeyAdded::Created => "added",
        KeyAdded::Renewed => "added again; the source keeps its idempotency keys and sequences",
        KeyAdded::Exists => {
            return Err(CommandError::Refused(format!(
                "{name} has an API key already. Revoke that one first; its entries and claims stay."
            )));
        }
    };
    say(&key.reveal())?;
    complain(&format!("{name}: {note}. Keep the key: it is not shown again."));
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn revoke(session: &Session, name: &str) -> CommandResult {
    check(name)?;
    let foundation = session.open().await?;
    match foundation.store.revoke_api_key(name, &Actor::CommandLine).await? {
        KeyRevoked::Done => say(&format!("{name}: revoked; every server knows within 5 seconds"))?,
        KeyRevoked::Already => say(&format!("{name}: revoked already"))?,
        KeyRevoked::Unknown => {
            return Err(CommandError::Refused(format!("There is no API key named {name}.")));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A name is part of claims, so that it has no room for what looks alike or cannot be seen.
fn check(name: &str) -> Result<(), CommandError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if (1..=limits::SOURCE_CHARS).contains(&name.len()) && name.bytes().all(is_plain) {
        return Ok(());
    }
    Err(CommandError::Refused(format!(
        "{name:?} cannot name an API key: use 1 to {} letters, digits, dots, hyphens and underscores.",
        limits::SOURCE_CHARS
    )))
}
