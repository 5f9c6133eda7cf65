//! `drawbridge check`: settings and parts, in words. Changes nothing that `serve` would not.

use std::process::ExitCode;
use std::time::Duration;

use super::{CommandError, CommandResult, Session, complain, say};
use crate::config::{Database, secret_file, without_password};
use crate::coordination::Rate;
use crate::state::StartError;

pub(super) async fn run(session: &Session) -> CommandResult {
    let config = &session.config;
    let database = config.database.without_password();
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
    match (&config.secret, &config.database) {
        (None, Database::Sqlite { path }) => say(&format!("Secret: in {}.", secret_file(path).display()))?,
        _ => say("Secret: from DRAWBRIDGE_SECRET.")?,
    }
    coordination(session).await?;
    let foundation = match session.open().await {
        Ok(foundation) => foundation,
        Err(error) => {
            complain(&format!("Database: {database} cannot be used. {error}"));
            return Ok(ExitCode::FAILURE);
        }
    };
    foundation.store.ready().await?;
    let draws = foundation.store.draws().await?.len();
    let organisers = foundation.store.organiser_count().await?;
    say(&format!(
        "Database: {database} answers, its migrations are current; {draws} draws, {organisers} organisers."
    ))?;
    if organisers == 0 {
        say("Nobody can sign in yet: add an organiser with `drawbridge admin add EMAIL`.")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What servers share. Without it nothing is lost, so it fails no check.
async fn coordination(session: &Session) -> Result<(), CommandError> {
    let Some(redis) = &session.config.redis else {
        return say("Coordination: within this process; run one server only.");
    };
    let kind = if redis.is_cluster { "Redis Cluster" } else { "Redis" };
    let nodes: Vec<String> = redis.urls.iter().map(|url| without_password(url)).collect();
    let nodes = nodes.join(", ");
    let shared = crate::coordination::connect(Some(redis), &session.ambient, 0).map_err(StartError::from)?;
    // What servers ask of it, at a place that is nobody's.
    let (key, owner) = (session.ambient.random(), session.ambient.random());
    let asked = async {
        shared.get_or_lease(&key, &owner, Duration::from_secs(1)).await?;
        shared.release(&key, &owner).await
    };
    match asked.await {
        Ok(_) => say(&format!("Coordination: {kind} at {nodes} answers.")),
        Err(error) => say(&format!(
            "Coordination: {kind} at {nodes} does not serve: {error}. Servers go on without it, slower."
        )),
    }
}
