//! Settings: rates, networks, addresses, and secrets that nobody may see.

use server::config::{Config, ConfigError, Database};
use server::coordination::{Rate, Take};

use crate::input::Input;
use crate::world::NOW;

const NAMES: [&str; 13] = [
    "DATABASE_URL",
    "REDIS_URL",
    "DRAWBRIDGE_REDIS_TIMEOUT",
    "DRAWBRIDGE_ADDR",
    "DRAWBRIDGE_PUBLIC_URL",
    "DRAWBRIDGE_SECRET",
    "DRAWBRIDGE_SECRET_PREVIOUS",
    "DRAWBRIDGE_TRUSTED_PROXIES",
    "DRAWBRIDGE_IP_RATE",
    "DRAWBRIDGE_PERSON_RATE",
    "DRAWBRIDGE_METRICS_ALLOW",
    "DRAWBRIDGE_LOG",
    "DRAWBRIDGE_LOG_FORMAT",
];
/// 64 hexadecimal digits.
const SECRET: &str = "5ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e7aaaa";
const PASSWORD: &str = "hunter2";

/// Settings are taken, or one sentence names the wrong one; secrets and passwords are never told.
pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    match input.byte() % 3 {
        0 => {
            let Some(text) = input.text() else { return };
            let lines: Vec<(&str, &str)> = text.lines().filter_map(|line| line.split_once('=')).collect();
            any_settings(&lines);
        }
        1 => passwords(input),
        _ => {
            let times = (input.number(), input.number(), u32::from(input.byte()) + 1);
            if let Some(Ok(rate)) = input.text().map(str::parse) {
                any_rate(rate, times);
            }
        }
    }
}

fn read(set: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::read(|name| set.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned()))
}

fn any_settings(set: &[(&str, &str)]) {
    match read(set) {
        Ok(config) => {
            let shown = format!("{config:?}");
            for (secret, name) in [
                (&config.secret, "DRAWBRIDGE_SECRET"),
                (&config.secret_previous, "DRAWBRIDGE_SECRET_PREVIOUS"),
            ] {
                let digits = secret.as_ref().map(|secret| secret.to_hex());
                assert!(digits.is_none_or(|digits| !shown.contains(&digits)), "{name} is shown");
            }
            assert!(config.secret.is_some() || matches!(config.database, Database::Sqlite { .. }));
            assert!(config.public_url.is_some() || config.addr.ip().is_loopback());
            if let Some(url) = &config.public_url {
                let again = read(&[("DRAWBRIDGE_PUBLIC_URL", url.as_str())]);
                assert_eq!(
                    again.ok().and_then(|config| config.public_url).as_ref(),
                    Some(url),
                    "its own origin"
                );
            }
            for rate in [config.ip_rate, config.person_rate].into_iter().flatten() {
                any_rate(rate, (NOW, NOW, 1));
            }
        }
        Err(ConfigError(sentence)) => {
            let is_named = NAMES.iter().any(|name| sentence.starts_with(&format!("{name}: ")));
            assert!(is_named && sentence.ends_with('.') && !sentence.contains('\n'), "{sentence:?}");
        }
    }
}

/// Lines around a password: who, where, and with which parameters.
fn passwords(mut input: Input<'_>) {
    let (name, schemes): (_, &[&str]) = match input.byte() % 2 {
        0 => ("DATABASE_URL", &["postgres", "postgresql"]),
        _ => ("REDIS_URL", &["redis", "rediss", "redis-cluster", "rediss-cluster"]),
    };
    let scheme = input.choose(schemes);
    let Some(text) = input.text() else { return };
    let mut lines = text.split('\n');
    let mut line = || lines.next().unwrap_or_default();
    let (user, host, end) = (line(), line(), line());
    if [user, host, end].iter().any(|part| part.contains(PASSWORD)) {
        return;
    }
    let url = format!("{scheme}://{user}:{PASSWORD}@{host}/{end}");
    let with = format!("{scheme}://{user}@{host}/{end}?password={PASSWORD}");
    for url in [url, with] {
        let told = match read(&[(name, &url), ("DRAWBRIDGE_SECRET", SECRET)]) {
            Ok(config) => format!("{config:?} {}", config.database.without_password()),
            Err(error) => format!("{error} {error:?}"),
        };
        assert!(!told.contains(PASSWORD) && !told.contains(SECRET), "{url} is told: {told}");
    }
}

/// Arrival and instant in microseconds, as far as clocks and Redis's doubles go, and turns.
fn any_rate(rate: Rate, (arrival, now, turns): (i64, i64, u32)) {
    assert_eq!(rate.to_string().parse(), Ok(rate), "a rate reads as it is written");
    let now = now.rem_euclid(1 << 53);
    let longest = rate.interval() * i64::from(rate.burst.max(turns));
    match rate.step(Some(arrival), now, turns) {
        (Take::Granted, after) => {
            assert!(after > now && after - now <= rate.interval() * i64::from(rate.burst))
        }
        (Take::Refused { retry_after }, _) => {
            assert!((1..=Rate::millis(longest)).contains(&retry_after), "{retry_after} ms");
        }
    }
    assert!(
        turns > rate.burst || rate.step(None, now, turns).0 == Take::Granted,
        "an empty allowance grants"
    );
}
