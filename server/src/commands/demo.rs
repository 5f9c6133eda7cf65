//! `drawbridge serve --demo`: draws to look at, and an organiser whose password is printed once.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use shared::contact::Email;

use super::{CommandError, say};
use crate::draws::file;
use crate::passwords::Password;
use crate::state::App;
use crate::store::draws::{Actor, Applied};
use crate::store::organisers::Added;

const EMAIL: &str = "organiser@example.org";
const DRAWS: &str = include_str!("demo.toml");

/// Adds what is missing: a second start adds nothing and prints no password.
pub(super) async fn add(app: &App) -> Result<(), CommandError> {
    if app.store.draws().await?.is_empty() {
        let draws = file::parse(&dated(app.ambient.now()))
            .map_err(|fault| CommandError::Refused(fault.to_string()))?;
        for (spec, state) in draws {
            if let Applied::Refused(why) = app.store.apply_draw(&spec, state, &Actor::CommandLine).await? {
                return Err(CommandError::Refused(why));
            }
        }
    }
    let email = Email::parse(EMAIL).map_err(|_| CommandError::Refused(format!("{EMAIL} is no address")))?;
    if app.store.credentials(&email.canonical).await?.is_some() {
        return Ok(());
    }
    let text = BASE64_URL_SAFE_NO_PAD.encode(app.ambient.random::<15>());
    let password = Password::choose(&text).map_err(|fault| CommandError::Refused(fault.to_string()))?;
    let hash =
        app.passwords.hash(password).await.map_err(|error| CommandError::Refused(error.to_string()))?;
    // Told before the account exists: a password that nobody could read would be of no use.
    say(&format!("\n  Organiser: {}/admin", app.public_url))?;
    say(&format!("  Sign in as {EMAIL} with the password {text}"))?;
    say("  It is shown this once.\n")?;
    if app.store.add_organiser(&email, &hash, &Actor::CommandLine).await? == Added::Exists {
        say("  Another server was faster: its password is the right one.\n")?;
    }
    Ok(())
}

/// The example file with its days counted from now: `@-1d` is yesterday, `@+7d` in a week.
fn dated(now: i64) -> String {
    let midnight = now - now.rem_euclid(86_400_000);
    let mut text = String::with_capacity(DRAWS.len());
    for line in DRAWS.lines() {
        let day = line
            .split_once(" = @")
            .and_then(|(key, day)| Some((key, day.strip_suffix('d')?.parse::<i64>().ok()?)));
        match day {
            Some((key, days)) => {
                let at = Timestamp::from_millisecond(midnight).unwrap_or_default()
                    + SignedDuration::from_hours(24 * days + 9);
                text.push_str(&format!("{key} = {at}"));
            }
            None => text.push_str(line),
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_draws_are_valid_on_any_day() {
        for now in [0, 1_790_000_000_000, 4_000_000_000_000] {
            let draws = file::parse(&dated(now)).expect("valid");
            assert!(draws.iter().any(|(spec, _)| spec.opens_at < now && now < spec.closes_at), "one is open");
        }
    }
}
