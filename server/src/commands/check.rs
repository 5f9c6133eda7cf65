//! `drawbridge check`: settings and parts, in words. Changes nothing that `serve` would not.

use std::process::ExitCode;

use super::{CommandResult, Session, complain, say};
use crate::config::Database;
use crate::coordination::Rate;

pub(super) async fn run(session: &Session) -> CommandResult {
    let config = &session.config;
    let Database::Sqlite { path } = &config.database;
    say("Settings are understood.")?;
    match &config.public_url {
        Some(url) => say(&format!("The world sees {url}; the server listens on {}.", config.addr))?,
        None => say(&format!("The server listens on {} and is seen there only.", config.addr))?,
    }
    let rate = |rate: &Option<Rate>| rate.map_or_else(|| "off".to_owned(), |rate| rate.to_string());
    say(&format!(
        "Limits: {} for an address, {} for a person.",
        rate(&config.ip_rate),
        rate(&config.person_rate)
    ))?;
    say("Coordination: within this process; run one server only.")?;
    match &config.secret {
        Some(_) => say("Secret: from DRAWBRIDGE_SECRET.")?,
        None => say(&format!("Secret: in {}.", config.database.secret_file().display()))?,
    }
    let foundation = match session.open().await {
        Ok(foundation) => foundation,
        Err(error) => {
            complain(&format!("Database: {} cannot be used. {error}", path.display()));
            return Ok(ExitCode::FAILURE);
        }
    };
    foundation.store.ready().await?;
    let draws = foundation.store.draws().await?.len();
    let organisers = foundation.store.organiser_count().await?;
    say(&format!(
        "Database: {} answers, its migrations are current; {draws} draws, {organisers} organisers.",
        path.display()
    ))?;
    if organisers == 0 {
        say("Nobody can sign in yet: add an organiser with `drawbridge admin add EMAIL`.")?;
    }
    Ok(ExitCode::SUCCESS)
}
