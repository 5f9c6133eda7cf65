//! The file an organiser writes: TOML, one `[[draw]]` a draw. Every fault is one sentence that names the
//! draw and the key.

use jiff::tz::TimeZone;
use serde::Deserialize;
use shared::{Asked, Category, DrawRules, DrawState, Session, countries, limits};

use crate::store::DrawSpec;
use crate::store::draws::Mode;

/// Who can be told of an entry.
const DESTINATIONS: [&str; 2] = ["confirmation", "roster"];

/// Why a file is refused: one sentence.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FileError(pub String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    draw: Vec<Table>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    slug: String,
    title: String,
    #[serde(default)]
    description: String,
    timezone: String,
    opens_at: toml::value::Datetime,
    closes_at: toml::value::Datetime,
    draws_at: Option<toml::value::Datetime>,
    terms_url: Option<String>,
    privacy_url: Option<String>,
    contact: Option<String>,
    #[serde(default)]
    mode: Mode,
    #[serde(default)]
    private: bool,
    #[serde(default)]
    state: InitialState,
    min_age: Option<u8>,
    #[serde(default)]
    countries: Vec<String>,
    country: Option<Asked>,
    #[serde(default)]
    postcode: Asked,
    #[serde(default)]
    phone: Asked,
    date_of_birth: Option<Asked>,
    #[serde(default)]
    one_per_phone: bool,
    capacity: Option<u32>,
    #[serde(default)]
    categories: Vec<CategoryTable>,
    #[serde(default)]
    sessions: Vec<Session>,
    #[serde(default)]
    destinations: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CategoryTable {
    id: String,
    label: String,
    #[serde(default = "one")]
    min_party: u32,
    max_party: Option<u32>,
    member_id: Option<String>,
}

fn one() -> u32 {
    1
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum InitialState {
    Draft,
    #[default]
    Announced,
}

/// Reads a file: the draws in it with the state they are to begin in.
///
/// # Errors
/// [`FileError`] for the first fault found; nothing of the file should be applied then.
pub fn parse(text: &str) -> Result<Vec<(DrawSpec, DrawState)>, FileError> {
    let file: File =
        toml::from_str(text).map_err(|error| FileError(error.to_string().trim_end().to_owned()))?;
    if file.draw.is_empty() {
        return Err(FileError("The file has no [[draw]].".to_owned()));
    }
    let mut draws: Vec<(DrawSpec, DrawState)> = Vec::with_capacity(file.draw.len());
    for table in file.draw {
        let slug = table.slug.clone();
        let draw = table.into_spec().map_err(|why| FileError(format!("Draw {slug:?}: {why}")))?;
        if draws.iter().any(|(other, _)| other.slug == slug) {
            return Err(FileError(format!("Draw {slug:?} is in the file twice.")));
        }
        draws.push(draw);
    }
    Ok(draws)
}

impl Table {
    fn into_spec(self) -> Result<(DrawSpec, DrawState), String> {
        if self.private {
            return Err("private = true needs outgoing mail, which this version does not have yet: nobody could be told whether they registered.".to_owned());
        }
        check_id("slug", &self.slug)?;
        check_text("title", &self.title, limits::TITLE_CHARS)?;
        let is_plain = |c: char| c == '\n' || c == '\t' || !shared::text::steers_display(c);
        if !self.description.chars().all(is_plain) {
            return Err("description has control characters.".to_owned());
        }
        if self.description.chars().count() > limits::DESCRIPTION_CHARS {
            return Err(format!("description has more than {} characters.", limits::DESCRIPTION_CHARS));
        }
        TimeZone::get(&self.timezone).map_err(|_| {
            format!("timezone {:?} is not an IANA time zone, like \"Europe/London\".", self.timezone)
        })?;
        let opens_at = instant("opens_at", &self.opens_at)?;
        let closes_at = instant("closes_at", &self.closes_at)?;
        if opens_at >= closes_at {
            return Err("opens_at has to come before closes_at.".to_owned());
        }
        let draws_at = self.draws_at.as_ref().map(|at| instant("draws_at", at)).transpose()?;
        if draws_at.is_some_and(|at| at < closes_at) {
            return Err("draws_at cannot come before closes_at.".to_owned());
        }
        check_url("terms_url", self.terms_url.as_deref())?;
        check_url("privacy_url", self.privacy_url.as_deref())?;
        check_contact(self.contact.as_deref())?;
        if self.capacity == Some(0) {
            return Err("capacity has to be at least 1; leave it out for no limit.".to_owned());
        }
        if let Some(unknown) = self.destinations.iter().find(|name| !DESTINATIONS.contains(&name.as_str())) {
            return Err(format!("destinations has {unknown:?}; known are {DESTINATIONS:?}."));
        }
        let rules = DrawRules {
            min_age: self.min_age,
            country: self.country.unwrap_or(implied(!self.countries.is_empty())),
            countries: self.countries,
            postcode: self.postcode,
            phone: self.phone,
            date_of_birth: self.date_of_birth.unwrap_or(implied(self.min_age.is_some())),
            one_per_phone: self.one_per_phone,
            categories: self.categories.into_iter().map(CategoryTable::into_category).collect(),
            sessions: self.sessions,
        };
        check_rules(&rules)?;
        let state = match self.state {
            InitialState::Draft => DrawState::Draft,
            InitialState::Announced => DrawState::Announced,
        };
        let spec = DrawSpec {
            slug: self.slug,
            title: self.title.trim().to_owned(),
            description: self.description.trim().to_owned(),
            timezone: self.timezone,
            opens_at,
            closes_at,
            draws_at,
            mode: self.mode,
            capacity: self.capacity,
            terms_url: self.terms_url,
            privacy_url: self.privacy_url,
            contact: self.contact,
            rules,
            destinations: self.destinations,
        };
        Ok((spec, state))
    }
}

/// A rule about something implies that it is asked: else leaving it empty would evade the rule.
fn implied(by_a_rule: bool) -> Asked {
    if by_a_rule { Asked::Required } else { Asked::Optional }
}

impl CategoryTable {
    fn into_category(self) -> Category {
        Category {
            max_party: self.max_party.unwrap_or(self.min_party),
            id: self.id,
            label: self.label,
            min_party: self.min_party,
            member_id: self.member_id,
        }
    }
}

fn check_rules(rules: &DrawRules) -> Result<(), String> {
    if let Some(code) = rules.countries.iter().find(|code| !countries::is_assigned(code)) {
        return Err(format!("countries has {code:?}, which is no ISO 3166-1 alpha-2 code, like \"GB\"."));
    }
    if !rules.countries.is_empty() && rules.country == Asked::Off {
        return Err("countries needs country to be asked, and it is \"off\".".to_owned());
    }
    if rules.min_age.is_some() && rules.date_of_birth != Asked::Required {
        return Err("min_age needs date_of_birth = \"required\": who leaves it empty has no age.".to_owned());
    }
    if rules.min_age.is_some_and(|age| i16::from(age) > limits::AGE_MAX) {
        return Err(format!("min_age is above {}.", limits::AGE_MAX));
    }
    if rules.one_per_phone && rules.phone == Asked::Off {
        return Err("one_per_phone needs phone to be asked, and it is \"off\".".to_owned());
    }
    check_choices("categories", rules.categories.iter().map(|category| (&category.id, &category.label)))?;
    check_choices("sessions", rules.sessions.iter().map(|session| (&session.id, &session.label)))?;
    for category in &rules.categories {
        let id = &category.id;
        if category.min_party < 1 || category.min_party > category.max_party {
            return Err(format!("category {id:?} needs 1 <= min_party <= max_party."));
        }
        if category.max_party > limits::PARTY_MAX {
            return Err(format!("category {id:?} has a max_party above {}.", limits::PARTY_MAX));
        }
        if let Some(pattern) = &category.member_id {
            let length = 1..=limits::MEMBER_PATTERN_CHARS;
            if !length.contains(&pattern.len()) || !pattern.bytes().all(|b| b.is_ascii_graphic()) {
                return Err(format!(
                    "category {id:?} has a member_id pattern that is not 1 to {} visible ASCII characters.",
                    limits::MEMBER_PATTERN_CHARS
                ));
            }
        }
    }
    for session in &rules.sessions {
        if let Some(unknown) = session.excludes.iter().find(|id| rules.category(id).is_none()) {
            return Err(format!("session {:?} excludes {unknown:?}, which is no category.", session.id));
        }
        let takes = |category: &Category| !session.excludes.contains(&category.id);
        if !rules.categories.is_empty() && !rules.categories.iter().any(takes) {
            return Err(format!("session {:?} excludes every category.", session.id));
        }
    }
    Ok(())
}

fn check_choices<'a>(
    what: &str,
    choices: impl Iterator<Item = (&'a String, &'a String)>,
) -> Result<(), String> {
    let mut seen = std::collections::HashSet::new();
    for (id, label) in choices {
        check_id(&format!("{what}: id"), id)?;
        check_text(&format!("{what}: label"), label, limits::TITLE_CHARS)?;
        if !seen.insert(id) {
            return Err(format!("{what} has {id:?} twice."));
        }
    }
    if seen.len() > limits::CHOICES {
        return Err(format!("{what} has more than {} choices.", limits::CHOICES));
    }
    Ok(())
}

fn check_id(what: &str, id: &str) -> Result<(), String> {
    let fits = (1..=limits::SLUG_CHARS).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
        && !id.starts_with('-')
        && !id.ends_with('-');
    if fits {
        Ok(())
    } else {
        Err(format!(
            "{what} {id:?} has to be 1 to {} lowercase letters, digits and hyphens.",
            limits::SLUG_CHARS
        ))
    }
}

fn check_text(what: &str, text: &str, max: usize) -> Result<(), String> {
    let length = text.trim().chars().count();
    if length == 0 || length > max || text.chars().any(shared::text::steers_display) {
        return Err(format!("{what} has to be 1 to {max} characters on one line."));
    }
    Ok(())
}

/// Only web addresses: a `javascript:` link would run on our pages.
fn check_url(what: &str, url: Option<&str>) -> Result<(), String> {
    match url {
        Some(url) if !is_web_address(url) => {
            Err(format!("{what} {url:?} has to be a web address that begins with https:// or http://."))
        }
        _ => Ok(()),
    }
}

fn check_contact(contact: Option<&str>) -> Result<(), String> {
    match contact {
        Some(contact) if !is_web_address(contact) && shared::contact::Email::parse(contact).is_err() => {
            Err(format!("contact {contact:?} has to be an email address or a web address."))
        }
        _ => Ok(()),
    }
}

fn is_web_address(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_graphic()))
}

fn instant(what: &str, at: &toml::value::Datetime) -> Result<i64, String> {
    let instant: jiff::Timestamp = at.to_string().parse().map_err(|_| {
        format!("{what} {at} has to be an instant with its offset, like 2026-06-01T09:00:00Z.")
    })?;
    Ok(instant.as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINIMAL: &str = r#"
        [[draw]]
        slug = "summer"
        title = "Summer"
        timezone = "Europe/London"
        opens_at = 2026-06-01T09:00:00Z
        closes_at = 2026-06-08T10:00:00+01:00
    "#;

    #[test]
    fn a_minimal_draw_asks_for_little() {
        let draws = parse(MINIMAL).expect("valid");
        let (spec, state) = &draws[0];
        assert_eq!(*state, DrawState::Announced);
        assert_eq!(spec.rules, DrawRules::default());
        assert_eq!(spec.closes_at - spec.opens_at, 7 * 24 * 3600 * 1000);
    }

    #[test]
    fn a_rule_implies_that_its_field_is_asked() {
        let draws = parse(&format!("{MINIMAL}\nmin_age = 16\ncountries = [\"GB\"]")).expect("valid");
        assert_eq!(draws[0].0.rules.date_of_birth, Asked::Required);
        assert_eq!(draws[0].0.rules.country, Asked::Required);
    }

    #[test]
    fn every_fault_is_one_sentence_that_names_it() {
        let faults = [
            ("private = true", "outgoing mail"),
            ("min_age = 16\ndate_of_birth = \"optional\"", "min_age"),
            ("countries = [\"UK\"]", "UK"),
            ("terms_url = \"javascript:alert(1)\"", "terms_url"),
            ("contact = \"nobody\"", "contact"),
            ("capacity = 0", "capacity"),
            ("sessions = [{ id = \"a\", label = \"A\", excludes = [\"b\"] }]", "excludes"),
            ("categories = [{ id = \"a\", label = \"A\", min_party = 3, max_party = 2 }]", "min_party"),
            ("draws_at = 2026-06-08T08:00:00Z", "draws_at"),
            ("colour = \"red\"", "colour"),
            ("state = \"closed\"", "closed"),
            ("destinations = [\"pigeon\"]", "pigeon"),
        ];
        for (line, named) in faults {
            let error = parse(&format!("{MINIMAL}\n{line}")).expect_err(line);
            assert!(error.0.contains(named), "{line}: {error}");
        }
        let unzoned = MINIMAL.replace("Europe/London", "Europe/Atlantis");
        assert!(parse(&unzoned).expect_err("unknown zone").0.contains("timezone"));
        let local = MINIMAL.replace("09:00:00Z", "09:00:00");
        assert!(parse(&local).expect_err("no offset").0.contains("opens_at"));
    }
}
