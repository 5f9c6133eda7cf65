//! Settings, from the environment: typed, checked before anything starts, secrets redacted.

mod backends;
mod origin;

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use crate::coordination::Rate;
use crate::secrets::Secret;
pub use backends::{Database, Redis, secret_file, without_password};
pub use origin::Origin;

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

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people at a terminal.
    Pretty,
    /// For machines.
    Json,
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
        let database =
            backends::database(get("DATABASE_URL").as_deref().unwrap_or("sqlite://data/drawbridge.db"))?;
        let own_secret = secret("DRAWBRIDGE_SECRET", get("DRAWBRIDGE_SECRET"))?;
        if own_secret.is_none() && matches!(database, Database::Postgres { .. }) {
            return Err(wrong(
                "DRAWBRIDGE_SECRET",
                "has to be set with PostgreSQL, to the same 64 hexadecimal digits on every server; `openssl rand -hex 32` makes some",
            ));
        }
        Ok(Self {
            database,
            redis: backends::redis(get("REDIS_URL"), get("DRAWBRIDGE_REDIS_TIMEOUT"))?,
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

fn wrong(name: &str, why: &str) -> ConfigError {
    ConfigError(format!("{name}: {why}."))
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
