//! Where entries are kept, and what servers share: addresses, which may hold passwords.

use std::path::{Path, PathBuf};
use std::time::Duration;

use redis::IntoConnectionInfo as _;
use sqlx::postgres::PgConnectOptions;

use super::{ConfigError, wrong};

/// Where entries are kept.
#[derive(Clone, PartialEq, Eq)]
pub enum Database {
    /// A file of this machine.
    Sqlite {
        /// The file.
        path: PathBuf,
    },
    /// A server.
    Postgres {
        /// Its address, perhaps with a password.
        url: String,
    },
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.without_password())
    }
}

/// What servers share for a while.
#[derive(Clone, PartialEq, Eq)]
pub struct Redis {
    /// Addresses, perhaps with passwords; several name nodes of one cluster.
    pub urls: Vec<String>,
    /// Whether they speak for a cluster.
    pub is_cluster: bool,
    /// How long any one answer is waited for.
    pub timeout: Duration,
}

impl std::fmt::Debug for Redis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let urls: Vec<String> = self.urls.iter().map(|url| without_password(url)).collect();
        f.debug_struct("Redis").field("urls", &urls).field("timeout", &self.timeout).finish()
    }
}

impl Database {
    /// The database as messages may show it.
    pub fn without_password(&self) -> String {
        match self {
            Self::Sqlite { path } => path.display().to_string(),
            Self::Postgres { url } => without_password(url),
        }
    }
}

/// An address as messages may show it: without what it says before an `@`, and without parameters, which can
/// hold a password as well.
pub fn without_password(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://{rest}"),
        _ => url.to_owned(),
    }
}

/// The file of the secret that belongs to a SQLite file: beside it, `.secret` added to its name.
pub fn secret_file(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".secret");
    name.into()
}

pub(super) fn database(url: &str) -> Result<Database, ConfigError> {
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        // Never repeated: it may hold a password.
        url.parse::<PgConnectOptions>().map_err(|_| {
            wrong("DATABASE_URL", "it has to be like postgres://user:password@host:5432/database")
        })?;
        return Ok(Database::Postgres { url: url.to_owned() });
    }
    let rest = url.strip_prefix("sqlite:").ok_or_else(|| {
        wrong(
            "DATABASE_URL",
            "it has to be like sqlite://data/drawbridge.db or postgres://user@host/database",
        )
    })?;
    let path = rest.strip_prefix("//").unwrap_or(rest);
    if path.contains('?') {
        return Err(wrong("DATABASE_URL", "parameters after ? are not supported"));
    }
    if path.is_empty() || path.contains(":memory:") {
        return Err(wrong(
            "DATABASE_URL",
            "it has to name a file: entries in memory would not survive a restart",
        ));
    }
    Ok(Database::Sqlite { path: path.into() })
}

pub(super) fn redis(urls: Option<String>, timeout: Option<String>) -> Result<Option<Redis>, ConfigError> {
    const TIMEOUT: &str = "DRAWBRIDGE_REDIS_TIMEOUT";
    let timeout = match timeout.as_deref() {
        None => Duration::from_millis(250),
        Some(text) => match text.strip_suffix("ms").and_then(|number| number.trim().parse::<u64>().ok()) {
            Some(millis @ 1..=5000) => Duration::from_millis(millis),
            _ => return Err(wrong(TIMEOUT, "it has to be like 250ms, from 1ms to 5000ms")),
        },
    };
    let Some(urls) = urls else { return Ok(None) };
    let mut urls: Vec<String> =
        urls.split([',', ' ']).filter(|url| !url.is_empty()).map(str::to_owned).collect();
    let mut is_cluster = urls.len() > 1;
    for url in &mut urls {
        for (cluster, node) in [("redis-cluster://", "redis://"), ("rediss-cluster://", "rediss://")] {
            if let Some(rest) = url.strip_prefix(cluster) {
                is_cluster = true;
                *url = format!("{node}{rest}");
            }
        }
        // Never repeated: it may hold a password.
        url.as_str().into_connection_info().map_err(|_| {
            wrong(
                "REDIS_URL",
                "each address has to be like redis://host:6379 or rediss://user:password@host:6379",
            )
        })?;
    }
    Ok(Some(Redis { urls, is_cluster, timeout }))
}
