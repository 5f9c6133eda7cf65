//! `drawbridge admin add`.

use std::io::Read as _;
use std::process::ExitCode;

use shared::contact::Email;
use shared::limits;

use super::{CommandError, CommandResult, Session, say};
use crate::passwords::{Password, Passwords};
use crate::store::draws::Actor;
use crate::store::organisers::Added;

pub(super) async fn add(session: &Session, address: &str) -> CommandResult {
    let email = Email::parse(address).map_err(|_| {
        CommandError::Refused(format!("{address:?} is not an email address like name@example.org."))
    })?;
    let foundation = session.open().await?;
    let password = read_password()?;
    let password = Password::choose(&password).map_err(|fault| CommandError::Refused(fault.to_string()))?;
    let hash =
        Passwords::new().hash(password).await.map_err(|error| CommandError::Refused(error.to_string()))?;
    if foundation.store.add_organiser(&email, &hash, &Actor::CommandLine).await? == Added::Exists {
        return Err(CommandError::Refused(format!("{address} is an organiser already.")));
    }
    say(&format!("{}: added", email.typed))?;
    Ok(ExitCode::SUCCESS)
}

/// One line of standard input; at a terminal it is shown, so a pipe is better.
fn read_password() -> Result<String, CommandError> {
    let mut text = String::new();
    std::io::stdin()
        .take(limits::PASSWORD_BYTES_MAX as u64 + 2)
        .read_to_string(&mut text)
        .map_err(|error| CommandError::Io("the password on standard input".to_owned(), error))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}
