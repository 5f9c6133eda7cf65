//! The file an organiser writes: TOML, one `[[draw]]` a draw. Every fault is one sentence that names the
//! draw and the key.

use jiff::tz::TimeZone;
use serde::Deserialize;
use shared::{Asked, Category, DrawRules, DrawState, Session};

use super::check::{self, Fault};
use crate::store::DrawSpec;
use crate::store::draws::{DrawDetails, Mode};

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
        let draw = table.into_spec().map_err(|fault| FileError(format!("Draw {slug:?}: {fault}")))?;
        if draws.iter().any(|(other, _)| other.slug == slug) {
            return Err(FileError(format!("Draw {slug:?} is in the file twice.")));
        }
        draws.push(draw);
    }
    Ok(draws)
}

impl Table {
    fn into_spec(self) -> Result<(DrawSpec, DrawState), Fault> {
        if self.private {
            let why = "= true needs outgoing mail, which this version does not have yet: nobody could be told whether they registered";
            return Err(Fault::new("private", why));
        }
        check::slug(&self.slug)?;
        let details = DrawDetails {
            opens_at: instant("opens_at", &self.opens_at)?,
            closes_at: instant("closes_at", &self.closes_at)?,
            draws_at: self.draws_at.as_ref().map(|at| instant("draws_at", at)).transpose()?,
            title: self.title.trim().to_owned(),
            description: self.description.trim().to_owned(),
            timezone: spelled(self.timezone),
            mode: self.mode,
            capacity: self.capacity,
            terms_url: self.terms_url,
            privacy_url: self.privacy_url,
            contact: self.contact.map(|contact| contact.trim().to_owned()),
        };
        if let Some(fault) = check::details(&details).into_iter().next() {
            return Err(fault);
        }
        check::destinations(&self.destinations)?;
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
        check::rules(&rules)?;
        let state = match self.state {
            InitialState::Draft => DrawState::Draft,
            InitialState::Announced => DrawState::Announced,
        };
        Ok((DrawSpec::new(self.slug, details, rules, self.destinations), state))
    }
}

/// A time zone's name as it should be spelled: names are found in any case. What is none is left to be complained
/// about.
fn spelled(name: String) -> String {
    let zone = TimeZone::get(&name).ok();
    zone.and_then(|zone| zone.iana_name().map(str::to_owned)).unwrap_or(name)
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

fn instant(key: &'static str, at: &toml::value::Datetime) -> Result<i64, Fault> {
    let instant: jiff::Timestamp = at.to_string().parse().map_err(|_| {
        Fault::new(key, format!("{at} has to be an instant with its offset, like 2026-06-01T09:00:00Z"))
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
    fn what_is_stored_is_spelled_as_the_web_spells_it() {
        let file = MINIMAL.replace("Europe/London", "europe/LONDON") + "\ncontact = \" ada@example.org \"";
        let (spec, _) = parse(&file).expect("valid").remove(0);
        assert_eq!((&*spec.timezone, spec.contact.as_deref()), ("Europe/London", Some("ada@example.org")));
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
            assert!(error.0.contains("\"summer\"") || error.0.starts_with("TOML"), "{line}: {error}");
        }
        let unzoned = MINIMAL.replace("Europe/London", "Europe/Atlantis");
        assert!(parse(&unzoned).expect_err("unknown zone").0.contains("timezone"));
        let local = MINIMAL.replace("09:00:00Z", "09:00:00");
        assert!(parse(&local).expect_err("no offset").0.contains("opens_at"));
    }
}
