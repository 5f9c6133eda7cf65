//! What a draw asks of its entrants. The same value judges in the browser and on the server.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// Whether a draw asks for something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Asked {
    /// Must be given.
    Required,
    /// May be given.
    #[default]
    Optional,
    /// Must not be given: what is not needed is not collected.
    Off,
}

/// A kind of entry, with the party it may bring.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Category {
    /// Stable name.
    pub id: String,
    /// What people read.
    pub label: String,
    /// Fewest people of one entry.
    #[serde(default = "one")]
    pub min_party: u32,
    /// Most people of one entry. In a file it may be absent: then it is `min_party`.
    #[serde(default = "one")]
    pub max_party: u32,
    /// Pattern of the membership number this category needs: `#` a digit, `@` a letter, all else itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member_id: Option<String>,
}

fn one() -> u32 {
    1
}

/// A date, a slot, a performance to register for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// Stable name.
    pub id: String,
    /// What people read.
    pub label: String,
    /// Categories that cannot come.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excludes: Vec<String>,
}

/// Everything [`crate::entry::Entry::parse`] needs to know of a draw.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DrawRules {
    /// Youngest age on the closing date, in years.
    pub min_age: Option<u8>,
    /// Allowed countries (ISO 3166-1 alpha-2); empty allows all.
    pub countries: Vec<String>,
    /// Whether a country is asked.
    pub country: Asked,
    /// Whether a postcode is asked.
    pub postcode: Asked,
    /// Whether a phone number is asked.
    pub phone: Asked,
    /// Whether the date of birth is asked.
    pub date_of_birth: Asked,
    /// Whether a phone number may stand in one entry only.
    pub one_per_phone: bool,
    /// What one may register as; empty means one unnamed category, for one person.
    pub categories: Vec<Category>,
    /// What one may register for; empty means that the draw has no sessions.
    pub sessions: Vec<Session>,
}

impl DrawRules {
    /// The category of that id.
    pub fn category(&self, id: &str) -> Option<&Category> {
        self.categories.iter().find(|category| category.id == id)
    }

    /// The session of that id.
    pub fn session(&self, id: &str) -> Option<&Session> {
        self.sessions.iter().find(|session| session.id == id)
    }

    /// Whether any category needs a membership number.
    pub fn asks_member_id(&self) -> bool {
        self.categories.iter().any(|category| category.member_id.is_some())
    }

    /// Whether any category leaves a choice of party size.
    pub fn asks_party_size(&self) -> bool {
        self.categories.iter().any(|category| category.max_party > 1)
    }
}

/// The two days that ages are judged by. Both are days in the draw's time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dates {
    /// Today: no birth lies after it.
    pub today: Date,
    /// The day of the closing instant: ages count on it.
    pub closing: Date,
}

impl Dates {
    /// Full years on the closing date. Who was born on 29 February has the birthday on 1 March in other
    /// years.
    pub fn age_at_closing(&self, born: Date) -> i16 {
        full_years(born, self.closing)
    }

    /// Full years today.
    pub fn age_today(&self, born: Date) -> i16 {
        full_years(born, self.today)
    }
}

fn full_years(born: Date, on: Date) -> i16 {
    let before_birthday = (on.month(), on.day()) < (born.month(), born.day());
    on.year() - born.year() - i16::from(before_birthday)
}

/// A real calendar date of the form `YYYY-MM-DD`, and no other form.
pub fn parse_date(text: &str) -> Option<Date> {
    let bytes = text.as_bytes();
    let shape = bytes.len() == 10
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    if !shape {
        return None;
    }
    Date::new(text[..4].parse().ok()?, text[5..7].parse().ok()?, text[8..].parse().ok()?).ok()
}

/// Reads a membership number against a pattern: `#` is a digit, `@` a letter, all else itself. Case does
/// not matter; the canonical number is uppercase.
pub fn member_number(pattern: &str, typed: &str) -> Option<String> {
    let number = typed.trim().to_ascii_uppercase();
    let fits = number.chars().count() == pattern.chars().count()
        && number.chars().zip(pattern.chars()).all(|(c, wanted)| match wanted {
            '#' => c.is_ascii_digit(),
            '@' => c.is_ascii_alphabetic(),
            literal => c == literal.to_ascii_uppercase(),
        });
    fits.then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> Date {
        parse_date(text).expect(text)
    }

    #[test]
    fn an_age_changes_on_the_birthday() {
        assert_eq!(full_years(date("2008-06-08"), date("2026-06-07")), 17);
        assert_eq!(full_years(date("2008-06-08"), date("2026-06-08")), 18);
        assert_eq!(full_years(date("2008-02-29"), date("2026-02-28")), 17);
        assert_eq!(full_years(date("2008-02-29"), date("2026-03-01")), 18);
    }

    #[test]
    fn only_real_dates_of_one_form_are_dates() {
        assert!(parse_date("2024-02-29").is_some());
        for wrong in
            ["2023-02-29", "2024-2-29", "24-02-29", "2024-13-01", "+024-01-01", "2024-01-01T", "２024-01-1"]
        {
            assert_eq!(parse_date(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_membership_number_fits_its_pattern_in_any_case() {
        assert_eq!(member_number("M######", "m123456").as_deref(), Some("M123456"));
        assert_eq!(member_number("@@-##", "ab-12").as_deref(), Some("AB-12"));
        assert_eq!(member_number("M######", "M12345"), None);
        assert_eq!(member_number("M######", "X123456"), None);
        assert_eq!(member_number("M#", "M٣"), None);
    }
}
