//! Settings, from the environment: typed, checked before anything starts, secrets redacted.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use redis::IntoConnectionInfo as _;
use sqlx::postgres::PgConnectOptions;

use crate::coordination::Rate;
use crate::secrets::Secret;

/// A setting that is wrong: one sentence that names it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

/// Everything that can be set.
#[derive(Clone, Debug)]
pub struct Config {
    /// `DATABASE_URL`.
    pub database: Database,
    /// `REDIS_URL` and `DRAWBRIDGE_REDIS_TIMEOUT`; `None` coordinates within this process.
    pub redis: Option<Redis>,
    /// `DRAWBRIDGE_ADDR`.
    pub addr: SocketAddr,
    /// `DRAWBRIDGE_PUBLIC_URL`; `None` means the listen address.
    pub public_url: Option<Origin>,
    /// `DRAWBRIDGE_SECRET`; `None` means the file beside the database.
    pub secret: Option<Secret>,
    /// `DRAWBRIDGE_SECRET_PREVIOUS`.
    pub secret_previous: Option<Secret>,
    /// `DRAWBRIDGE_TRUSTED_PROXIES`: whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// `DRAWBRIDGE_IP_RATE`; `None` is off.
    pub ip_rate: Option<Rate>,
    /// `DRAWBRIDGE_PERSON_RATE`; `None` is off.
    pub person_rate: Option<Rate>,
    /// `DRAWBRIDGE_METRICS_ALLOW`: who may read metrics beside loopback.
    pub metrics_allow: Vec<IpNet>,
    /// `DRAWBRIDGE_LOG`: a tracing filter.
    pub log: String,
    /// `DRAWBRIDGE_LOG_FORMAT`.
    pub log_format: LogFormat,
}

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

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people at a terminal.
    Pretty,
    /// For machines.
    Json,
}

/// Scheme, host and port: what browsers call an origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// As browsers send it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether cookies can be `Secure`.
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https://")
    }

    /// The origin of a listening address.
    pub fn of_address(addr: SocketAddr) -> Self {
        Self(if addr.port() == 80 {
            format!("http://{}", host(addr.ip()))
        } else {
            format!("http://{}:{}", host(addr.ip()), addr.port())
        })
    }

    fn parse(text: &str) -> Result<Self, String> {
        let uri: axum::http::Uri = text.parse().map_err(|_| "it is not a URL".to_owned())?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err("it has to be like https://draws.example.org".to_owned());
        };
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() || authority.as_str().contains('@') {
            return Err("it has to be an origin: scheme, host and perhaps port, nothing after".to_owned());
        }
        let (host, port) = host_and_port(authority.as_str())
            .ok_or_else(|| "its host has to be a name or an address, and its port a number".to_owned())?;
        let is_loopback = host == "localhost"
            || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        match scheme {
            "https" => {}
            "http" if is_loopback => {}
            "http" => {
                return Err(
                    "plain http is only for loopback: cookies and codes would cross the network readable"
                        .to_owned(),
                );
            }
            _ => return Err("it has to begin with https://".to_owned()),
        }
        let default_port = if scheme == "https" { 443 } else { 80 };
        let port = port.filter(|port| *port != default_port);
        Ok(Self(
            port.map_or_else(|| format!("{scheme}://{host}"), |port| format!("{scheme}://{host}:{port}")),
        ))
    }
}

/// Host and port of an origin, the host as browsers write it. `Uri` takes more for one than any browser does.
fn host_and_port(text: &str) -> Option<(String, Option<u16>)> {
    // The colons of an IPv6 address stand in brackets.
    let end = text.find(']').map_or(0, |at| at + 1);
    let (name, port) = match text[end..].split_once(':') {
        Some((rest, port)) => (&text[..end + rest.len()], Some(port.parse().ok()?)),
        None => (text, None),
    };
    if let Some(address) = name.strip_prefix('[') {
        let address: Ipv6Addr = address.strip_suffix(']')?.parse().ok()?;
        return Some((host(address.into()), port));
    }
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    (!name.is_empty() && name.bytes().all(is_letter)).then(|| (name.to_ascii_lowercase(), port))
}

fn host(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Config {
    /// From variables; an empty one counts as unset.
    ///
    /// # Errors
    /// The first setting that is wrong or contradicts another.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let get = |name: &str| {
            variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
        };
        let addr = get("DRAWBRIDGE_ADDR").unwrap_or_else(|| "127.0.0.1:3000".to_owned());
        let addr: SocketAddr = addr.parse().map_err(|_| {
            wrong("DRAWBRIDGE_ADDR", &format!("{addr:?} is not an address with a port, like 127.0.0.1:3000"))
        })?;
        let public_url = get("DRAWBRIDGE_PUBLIC_URL")
            .map(|url| {
                Origin::parse(&url).map_err(|why| wrong("DRAWBRIDGE_PUBLIC_URL", &format!("{url:?}: {why}")))
            })
            .transpose()?;
        if public_url.is_none() && !addr.ip().is_loopback() {
            return Err(wrong(
                "DRAWBRIDGE_PUBLIC_URL",
                &format!(
                    "has to be set when DRAWBRIDGE_ADDR is {addr}: it decides cookies, links and which origin may post"
                ),
            ));
        }
        let database = database(get("DATABASE_URL").as_deref().unwrap_or("sqlite://data/drawbridge.db"))?;
        let own_secret = secret("DRAWBRIDGE_SECRET", get("DRAWBRIDGE_SECRET"))?;
        if own_secret.is_none() && matches!(database, Database::Postgres { .. }) {
            return Err(wrong(
                "DRAWBRIDGE_SECRET",
                "has to be set with PostgreSQL, to the same 64 hexadecimal digits on every server; `openssl rand -hex 32` makes some",
            ));
        }
        Ok(Self {
            database,
            redis: redis(get("REDIS_URL"), get("DRAWBRIDGE_REDIS_TIMEOUT"))?,
            addr,
            public_url,
            secret: own_secret,
            secret_previous: secret("DRAWBRIDGE_SECRET_PREVIOUS", get("DRAWBRIDGE_SECRET_PREVIOUS"))?,
            trusted_proxies: networks("DRAWBRIDGE_TRUSTED_PROXIES", get("DRAWBRIDGE_TRUSTED_PROXIES"))?,
            ip_rate: rate("DRAWBRIDGE_IP_RATE", get("DRAWBRIDGE_IP_RATE"), "1200/min burst 600")?,
            person_rate: rate("DRAWBRIDGE_PERSON_RATE", get("DRAWBRIDGE_PERSON_RATE"), "20/min burst 10")?,
            metrics_allow: networks("DRAWBRIDGE_METRICS_ALLOW", get("DRAWBRIDGE_METRICS_ALLOW"))?,
            log: log_filter(get("DRAWBRIDGE_LOG"))?,
            log_format: log_format(get("DRAWBRIDGE_LOG_FORMAT"))?,
        })
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

fn wrong(name: &str, why: &str) -> ConfigError {
    ConfigError(format!("{name}: {why}."))
}

fn database(url: &str) -> Result<Database, ConfigError> {
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

fn redis(urls: Option<String>, timeout: Option<String>) -> Result<Option<Redis>, ConfigError> {
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

fn secret(name: &str, text: Option<String>) -> Result<Option<Secret>, ConfigError> {
    // The value itself is never repeated: messages end up in logs.
    text.map(|text| {
        Secret::from_hex(&text).ok_or_else(|| {
            wrong(name, "it has to be 64 hexadecimal digits (32 bytes), like those of `openssl rand -hex 32`")
        })
    })
    .transpose()
}

fn networks(name: &str, list: Option<String>) -> Result<Vec<IpNet>, ConfigError> {
    let list = list.unwrap_or_default();
    let items = list.split([',', ' ']).filter(|item| !item.is_empty());
    items
        .map(|item| {
            item.parse::<IpNet>().or_else(|_| item.parse::<IpAddr>().map(IpNet::from)).map_err(|_| {
                wrong(name, &format!("{item:?} is not an address or a network, like 10.0.0.0/8"))
            })
        })
        .collect()
}

fn rate(name: &str, text: Option<String>, default: &str) -> Result<Option<Rate>, ConfigError> {
    match text.as_deref().unwrap_or(default) {
        "off" => Ok(None),
        text => text.parse().map(Some).map_err(|why| wrong(name, &format!("{text:?}: {why}"))),
    }
}

fn log_filter(text: Option<String>) -> Result<String, ConfigError> {
    let text = text.unwrap_or_else(|| "info".to_owned());
    match text.parse::<tracing_subscriber::EnvFilter>() {
        Ok(_) => Ok(text),
        Err(why) => Err(wrong("DRAWBRIDGE_LOG", &format!("{text:?}: {why}"))),
    }
}

fn log_format(text: Option<String>) -> Result<LogFormat, ConfigError> {
    use std::io::IsTerminal as _;
    match text.as_deref() {
        Some("pretty") => Ok(LogFormat::Pretty),
        Some("json") => Ok(LogFormat::Json),
        None if std::io::stderr().is_terminal() => Ok(LogFormat::Pretty),
        None => Ok(LogFormat::Json),
        Some(other) => {
            Err(wrong("DRAWBRIDGE_LOG_FORMAT", &format!("{other:?} is neither \"pretty\" nor \"json\"")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(set: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::read(|name| set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn nothing_set_is_the_embedded_default() {
        let config = read(&[]).expect("valid");
        assert_eq!(config.addr.to_string(), "127.0.0.1:3000");
        assert_eq!(config.database, Database::Sqlite { path: "data/drawbridge.db".into() });
        assert_eq!(config.redis, None);
        assert_eq!(config.ip_rate, Some(Rate { per_minute: 1200, burst: 600 }));
        assert_eq!(config.person_rate, Some(Rate { per_minute: 20, burst: 10 }));
    }

    #[test]
    fn a_wrong_setting_is_named_in_one_sentence() {
        let faults = [
            ("DRAWBRIDGE_ADDR", "3000"),
            ("DRAWBRIDGE_ADDR", "0.0.0.0:3000"),
            ("DRAWBRIDGE_PUBLIC_URL", "http://draws.example.org"),
            ("DRAWBRIDGE_PUBLIC_URL", "https://draws.example.org/path"),
            ("DRAWBRIDGE_PUBLIC_URL", "ftp://draws.example.org"),
            ("DRAWBRIDGE_PUBLIC_URL", "https://draws.example.org[::1]3"),
            ("DRAWBRIDGE_PUBLIC_URL", "https://draws.example.org:65536"),
            ("DRAWBRIDGE_PUBLIC_URL", "https://draws$.example.org"),
            ("DRAWBRIDGE_SECRET", "abc"),
            ("DRAWBRIDGE_TRUSTED_PROXIES", "10.0.0.0/33"),
            ("DRAWBRIDGE_IP_RATE", "fast"),
            ("DRAWBRIDGE_LOG_FORMAT", "xml"),
            ("DATABASE_URL", "mysql://x"),
            ("DATABASE_URL", "sqlite::memory:"),
            ("DATABASE_URL", "sqlite:///tmp/x.db?mode=memory"),
            ("DATABASE_URL", "postgres://host:port/x"),
            ("REDIS_URL", "http://x"),
            ("REDIS_URL", "redis://a:6379,b"),
            ("DRAWBRIDGE_REDIS_TIMEOUT", "fast"),
            ("DRAWBRIDGE_REDIS_TIMEOUT", "0ms"),
        ];
        for (name, value) in faults {
            let error = read(&[(name, value)]).expect_err(value).0;
            let named = if value == "0.0.0.0:3000" { "DRAWBRIDGE_PUBLIC_URL" } else { name };
            assert!(error.starts_with(named), "{name}={value}: {error}");
            assert!(error.ends_with('.'), "{error}");
        }
        let secret = "0123".repeat(15);
        let error = read(&[("DRAWBRIDGE_SECRET", &secret)]).expect_err("too short").0;
        assert!(!error.contains(&secret), "a secret is never repeated");
    }

    #[test]
    fn several_addresses_of_redis_mean_a_cluster_and_no_password_is_shown() {
        let secret = "01".repeat(32);
        let read = |redis: &str| {
            read(&[
                ("DATABASE_URL", "postgres://u:hunter2@db/drawbridge?password=hunter2"),
                ("DRAWBRIDGE_SECRET", &secret),
                ("REDIS_URL", redis),
            ])
            .expect("valid")
        };
        assert!(!read("redis://:hunter2@a:6379").redis.expect("set").is_cluster);
        assert!(read("redis://a:6379,redis://:hunter2@b:6379").redis.expect("set").is_cluster);
        let config = read("redis-cluster://:hunter2@a:6379");
        assert!(config.redis.as_ref().expect("set").is_cluster);
        let shown = format!("{config:?}");
        assert!(shown.contains("postgres://db/drawbridge") && shown.contains("redis://a:6379"), "{shown}");
        assert!(!shown.contains("hunter2") && !shown.contains(&secret), "{shown}");
    }

    #[test]
    fn postgresql_wants_a_secret_that_all_servers_share() {
        let error = read(&[("DATABASE_URL", "postgres://u@db/drawbridge")]).expect_err("refused").0;
        assert!(error.starts_with("DRAWBRIDGE_SECRET:"), "{error}");
    }

    #[test]
    fn a_limit_can_be_off_and_a_public_url_decides() {
        let config = read(&[
            ("DRAWBRIDGE_IP_RATE", "off"),
            ("DRAWBRIDGE_ADDR", "0.0.0.0:3000"),
            ("DRAWBRIDGE_PUBLIC_URL", "https://Draws.example.org:443/"),
        ])
        .expect("valid");
        assert_eq!(config.ip_rate, None);
        let url = config.public_url.expect("set");
        assert_eq!(url.as_str(), "https://draws.example.org");
        assert!(url.is_https());
        let local = read(&[("DRAWBRIDGE_PUBLIC_URL", "http://[0:0::1]:8080")]).expect("valid").public_url;
        assert_eq!(local.expect("set").as_str(), "http://[::1]:8080", "as browsers write it");
    }
}
