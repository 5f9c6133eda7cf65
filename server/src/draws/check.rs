//! What the parts of a draw have to be, whoever writes them: a file or a form.

use jiff::tz::TimeZone;
use shared::{Asked, Category, DrawRules, countries, limits};

use crate::store::draws::DrawDetails;

/// Who can be told of an entry.
const DESTINATIONS: [&str; 2] = ["confirmation", "roster"];
/// Bytes of a web address: more than any that is meant to be followed has.
const URL_BYTES: usize = 2000;

/// One thing wrong with a draw. As text it is a sentence that begins with the part's key in the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key} {why}.")]
pub struct Fault {
    /// The part's key in the file.
    pub key: &'static str,
    /// What is wrong with it, or what it has to be: the rest of a sentence whose subject is the part.
    pub why: String,
}

impl Fault {
    /// A fault of a part.
    pub fn new(key: &'static str, why: impl Into<String>) -> Self {
        Self { key, why: why.into() }
    }
}

/// Everything wrong with what organisers edit, at most one fault a part, in the order of the parts.
pub fn details(details: &DrawDetails) -> Vec<Fault> {
    let DrawDetails { opens_at, closes_at, draws_at, .. } = details;
    let window = |is_right: bool, key, why: &str| if is_right { Ok(()) } else { Err(Fault::new(key, why)) };
    let checks = [
        text("title", "", &details.title, limits::TITLE_CHARS),
        description(&details.description),
        zone(&details.timezone),
        window(opens_at < closes_at, "closes_at", "has to come after the opening time"),
        window(draws_at.is_none_or(|at| at >= *closes_at), "draws_at", "cannot come before the closing time"),
        match details.capacity {
            Some(0) => Err(Fault::new("capacity", CAPACITY)),
            _ => Ok(()),
        },
        url("terms_url", details.terms_url.as_deref()),
        url("privacy_url", details.privacy_url.as_deref()),
        contact(details.contact.as_deref()),
    ];
    checks.into_iter().filter_map(Result::err).collect()
}

/// What a capacity has to be.
pub const CAPACITY: &str = "has to be a whole number from 1 to 4294967295, or be left out for no limit";

fn description(text: &str) -> Result<(), Fault> {
    let is_plain = |c: char| c == '\n' || c == '\t' || !shared::text::steers_display(c);
    if !text.chars().all(is_plain) {
        return Err(Fault::new("description", "has control characters"));
    }
    let (length, most) = (text.chars().count(), limits::DESCRIPTION_CHARS);
    if length > most {
        let why = format!("can have at most {most} characters; it has {length}");
        return Err(Fault::new("description", why));
    }
    Ok(())
}

fn zone(name: &str) -> Result<(), Fault> {
    match TimeZone::get(name) {
        Ok(_) => Ok(()),
        Err(_) => {
            let why = format!("{name:?} is not an IANA time zone, like \"Europe/London\"");
            Err(Fault::new("timezone", why))
        }
    }
}

/// A draw's name in addresses.
///
/// # Errors
/// A [`Fault`].
pub fn slug(slug: &str) -> Result<(), Fault> {
    id("slug", "", slug)
}

/// Who is told of entries.
///
/// # Errors
/// A [`Fault`].
pub fn destinations(names: &[String]) -> Result<(), Fault> {
    match names.iter().find(|name| !DESTINATIONS.contains(&name.as_str())) {
        Some(unknown) => {
            Err(Fault::new("destinations", format!("has {unknown:?}; known are {DESTINATIONS:?}")))
        }
        None => Ok(()),
    }
}

/// What is asked of entrants.
///
/// # Errors
/// The first [`Fault`].
pub fn rules(rules: &DrawRules) -> Result<(), Fault> {
    let fault = |key, why: String| Err(Fault::new(key, why));
    if let Some(code) = rules.countries.iter().find(|code| !countries::is_assigned(code)) {
        return fault("countries", format!("has {code:?}, which is no ISO 3166-1 alpha-2 code, like \"GB\""));
    }
    if !rules.countries.is_empty() && rules.country == Asked::Off {
        return fault("countries", "needs country to be asked, and it is \"off\"".to_owned());
    }
    if rules.min_age.is_some() && rules.date_of_birth != Asked::Required {
        let why = "needs date_of_birth = \"required\": who leaves it empty has no age";
        return fault("min_age", why.to_owned());
    }
    if rules.min_age.is_some_and(|age| i16::from(age) > limits::AGE_MAX) {
        return fault("min_age", format!("is above {}", limits::AGE_MAX));
    }
    if rules.one_per_phone && rules.phone == Asked::Off {
        return fault("one_per_phone", "needs phone to be asked, and it is \"off\"".to_owned());
    }
    choices("categories", rules.categories.iter().map(|category| (&category.id, &category.label)))?;
    choices("sessions", rules.sessions.iter().map(|session| (&session.id, &session.label)))?;
    rules.categories.iter().try_for_each(category)?;
    for session in &rules.sessions {
        if let Some(unknown) = session.excludes.iter().find(|id| rules.category(id).is_none()) {
            let why = format!("has {:?}, which excludes {unknown:?}, which is no category", session.id);
            return fault("sessions", why);
        }
        let takes = |category: &Category| !session.excludes.contains(&category.id);
        if !rules.categories.is_empty() && !rules.categories.iter().any(takes) {
            return fault("sessions", format!("has {:?}, which excludes every category", session.id));
        }
    }
    Ok(())
}

fn category(category: &Category) -> Result<(), Fault> {
    let fault = |why: String| Err(Fault::new("categories", why));
    let id = &category.id;
    if category.min_party < 1 || category.min_party > category.max_party {
        return fault(format!("has {id:?}, which needs 1 <= min_party <= max_party"));
    }
    if category.max_party > limits::PARTY_MAX {
        return fault(format!("has {id:?} with a max_party above {}", limits::PARTY_MAX));
    }
    if let Some(pattern) = &category.member_id {
        let most = limits::MEMBER_PATTERN_CHARS;
        if !(1..=most).contains(&pattern.len()) || !pattern.bytes().all(|b| b.is_ascii_graphic()) {
            return fault(format!(
                "has {id:?} with a member_id that is not 1 to {most} visible ASCII characters"
            ));
        }
    }
    Ok(())
}

fn choices<'a>(
    key: &'static str,
    choices: impl Iterator<Item = (&'a String, &'a String)>,
) -> Result<(), Fault> {
    let mut seen = std::collections::HashSet::new();
    for (name, label) in choices {
        id(key, "id ", name)?;
        text(key, "label ", label, limits::TITLE_CHARS)?;
        if !seen.insert(name) {
            return Err(Fault::new(key, format!("has {name:?} twice")));
        }
    }
    if seen.len() > limits::CHOICES {
        return Err(Fault::new(key, format!("has more than {} choices", limits::CHOICES)));
    }
    Ok(())
}

/// `what` says what of the part it is, where it is not all of it.
fn id(key: &'static str, what: &str, id: &str) -> Result<(), Fault> {
    let most = limits::SLUG_CHARS;
    let fits = (1..=most).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
        && !id.starts_with('-')
        && !id.ends_with('-');
    if fits {
        return Ok(());
    }
    let why = format!("{what}{id:?} has to be 1 to {most} lowercase letters, digits and hyphens");
    Err(Fault::new(key, why))
}

fn text(key: &'static str, what: &str, text: &str, most: usize) -> Result<(), Fault> {
    let length = text.trim().chars().count();
    let is_blank = text.chars().all(shared::text::is_invisible);
    if is_blank || length > most || text.chars().any(shared::text::steers_display) {
        return Err(Fault::new(key, format!("{what}has to be 1 to {most} characters on one line")));
    }
    Ok(())
}

/// Only web addresses: a `javascript:` link would run on our pages.
fn url(key: &'static str, url: Option<&str>) -> Result<(), Fault> {
    match url {
        Some(url) if !is_web_address(url) => {
            Err(Fault::new(key, "has to be a web address that begins with https:// or http://"))
        }
        _ => Ok(()),
    }
}

fn contact(contact: Option<&str>) -> Result<(), Fault> {
    match contact {
        Some(contact) if !is_web_address(contact) && shared::contact::Email::parse(contact).is_err() => {
            Err(Fault::new("contact", "has to be an email address or a web address"))
        }
        _ => Ok(()),
    }
}

fn is_web_address(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    text.len() <= URL_BYTES
        && rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_graphic()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::draws::Mode;

    fn summer() -> DrawDetails {
        DrawDetails {
            title: "Summer".to_owned(),
            description: "Two evenings.\n\nIn the garden.".to_owned(),
            timezone: "Europe/London".to_owned(),
            opens_at: 0,
            closes_at: 10,
            draws_at: Some(10),
            mode: Mode::Lenient,
            capacity: Some(1),
            terms_url: Some("https://example.org/terms".to_owned()),
            privacy_url: None,
            contact: Some("ada@example.org".to_owned()),
        }
    }

    #[test]
    fn every_part_is_judged_and_named() {
        assert_eq!(details(&summer()), []);
        let text = |text: &str| Some(text.to_owned());
        let wrong = DrawDetails {
            title: "\u{200b} ".to_owned(),
            description: "a\u{202e}b".to_owned(),
            timezone: "Europe/Atlantis".to_owned(),
            opens_at: 10,
            closes_at: 10,
            draws_at: Some(9),
            mode: Mode::Strict,
            capacity: Some(0),
            terms_url: text("javascript:alert(1)"),
            privacy_url: text("https://"),
            contact: text("nobody"),
        };
        let keys: Vec<&str> = details(&wrong).iter().map(|fault| fault.key).collect();
        let all = [
            "title",
            "description",
            "timezone",
            "closes_at",
            "draws_at",
            "capacity",
            "terms_url",
            "privacy_url",
            "contact",
        ];
        assert_eq!(keys, all);
    }

    #[test]
    fn lengths_count_characters_and_end_where_the_limits_say() {
        let titled = |length| details(&DrawDetails { title: "é".repeat(length), ..summer() }).len();
        assert_eq!([titled(0), titled(1), titled(120), titled(121)], [1, 0, 0, 1]);
        let described = |length| details(&DrawDetails { description: "é".repeat(length), ..summer() }).len();
        assert_eq!([described(0), described(4000), described(4001)], [0, 0, 1]);
        let linked = |length: usize| {
            let url = format!("https://{}", "x".repeat(length - 8_usize));
            details(&DrawDetails { terms_url: Some(url), ..summer() }).len()
        };
        assert_eq!([linked(9), linked(2000), linked(2001)], [0, 0, 1]);
    }
}
