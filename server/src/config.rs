//! Settings, from the environment: typed, checked before anything starts, secrets redacted.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use ipnet::IpNet;

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    /// A file of this machine.
    Sqlite {
        /// The file.
        path: PathBuf,
    },
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
        let host = authority.host();
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
        let port = authority.port_u16().filter(|port| *port != default_port);
        let host = host.to_ascii_lowercase();
        Ok(Self(
            port.map_or_else(|| format!("{scheme}://{host}"), |port| format!("{scheme}://{host}:{port}")),
        ))
    }
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
        if get("REDIS_URL").is_some() {
            return Err(wrong("REDIS_URL", "this version coordinates within one process only; unset it"));
        }
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
        Ok(Self {
            database: database(get("DATABASE_URL").as_deref().unwrap_or("sqlite://data/drawbridge.db"))?,
            addr,
            public_url,
            secret: secret("DRAWBRIDGE_SECRET", get("DRAWBRIDGE_SECRET"))?,
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
    /// The file of the secret that belongs to the database.
    pub fn secret_file(&self) -> PathBuf {
        let Self::Sqlite { path } = self;
        secret_file(path)
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
        return Err(wrong("DATABASE_URL", "this version keeps entries in SQLite only; use sqlite://PATH"));
    }
    let rest = url
        .strip_prefix("sqlite:")
        .ok_or_else(|| wrong("DATABASE_URL", "it has to be like sqlite://data/drawbridge.db"))?;
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
        assert_eq!(config.database.secret_file(), Path::new("data/drawbridge.db.secret"));
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
            ("DRAWBRIDGE_SECRET", "abc"),
            ("DRAWBRIDGE_TRUSTED_PROXIES", "10.0.0.0/33"),
            ("DRAWBRIDGE_IP_RATE", "fast"),
            ("DRAWBRIDGE_LOG_FORMAT", "xml"),
            ("DATABASE_URL", "mysql://x"),
            ("DATABASE_URL", "sqlite::memory:"),
            ("DATABASE_URL", "sqlite:///tmp/x.db?mode=memory"),
            ("REDIS_URL", "redis://x"),
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
    }
}
