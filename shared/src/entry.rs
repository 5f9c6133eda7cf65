//! What an entrant sends, and what it becomes: [`EntryForm`] is any input of the right JSON types,
//! [`Entry`] is one that keeps every rule of its draw. [`Entry::parse`] is the only way from one to the
//! other.
//!
//! To add a field: a member of [`EntryForm`] with its rule (a function here, or in
//! [`crate::combinations`] where it needs other fields or must complain about absence), a member of
//! [`Entry`], a line in [`Entry::canonical_bytes`], and a row in the table rule -> constraint.

use std::borrow::Cow;

use jiff::civil::Date;
use serde::{Deserialize, Deserializer, Serialize};
use validator::{Validate, ValidateArgs as _, ValidationError, ValidationErrors};

use crate::combinations::{self, default_party_size};
use crate::contact::{self, Email, EmailFault};
use crate::rules::{self, Dates, DrawRules};
use crate::{countries, limits, text};

/// Version of [`Entry::canonical_bytes`]. A change of what they hold is a new version.
pub const FINGERPRINT_VERSION: i16 = 1;

/// What every rule may look at beside the field it judges.
#[derive(Clone, Copy, Debug)]
pub struct Judge<'a> {
    /// What the draw asks.
    pub rules: &'a DrawRules,
    /// What day it is.
    pub dates: Dates,
}

/// A registration as it arrives. Empty texts stand for absent ones; unknown and repeated fields are
/// refused while reading.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::duplicated_attributes, reason = "each schema rule takes the same options")]
#[validate(context = "Judge<'v_a>")]
#[validate(schema(function = "combinations::category", use_context, skip_on_field_errors = false))]
#[validate(schema(function = "combinations::session", use_context, skip_on_field_errors = false))]
#[validate(schema(function = "combinations::party", use_context, skip_on_field_errors = false))]
#[validate(schema(function = "combinations::guardian", use_context, skip_on_field_errors = false))]
#[validate(schema(function = "combinations::member", use_context, skip_on_field_errors = false))]
pub struct EntryForm {
    /// The entrant's name.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    #[validate(custom(function = "full_name"))]
    pub full_name: String,
    /// Where the confirmation goes; names the person within the draw.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    #[validate(custom(function = "email"))]
    pub email: String,
    /// With country code.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    #[validate(custom(function = "phone", use_context))]
    pub phone: String,
    /// `YYYY-MM-DD`.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    #[validate(custom(function = "date_of_birth", use_context))]
    pub date_of_birth: String,
    /// ISO 3166-1 alpha-2.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    #[validate(custom(function = "country", use_context))]
    pub country: String,
    /// Letters, digits, spaces, hyphens.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    #[validate(custom(function = "postcode", use_context))]
    pub postcode: String,
    /// One of the draw's categories.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub category: String,
    /// One of the draw's sessions.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub session: String,
    /// How many people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub party_size: Option<i64>,
    /// Who answers for an entrant under age.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    #[validate(custom(function = "guardian_name"))]
    pub guardian_name: String,
    /// Membership number, for categories that need one.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub member_id: String,
    /// Must be true.
    #[serde(deserialize_with = "nullable")]
    #[validate(custom(function = "accept_terms"))]
    pub accept_terms: bool,
}

fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// The form's fields, in the order in which they are asked and complained about.
pub const FIELDS: [&str; 12] = [
    "full_name",
    "email",
    "phone",
    "date_of_birth",
    "guardian_name",
    "country",
    "postcode",
    "category",
    "member_id",
    "session",
    "party_size",
    "accept_terms",
];

/// One thing wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldError {
    /// Name of the field in JSON and in the form.
    pub field: Cow<'static, str>,
    /// Stable code.
    pub code: Cow<'static, str>,
    /// What to do about it, for people.
    pub message: Cow<'static, str>,
}

/// A registration that keeps every rule of its draw, in canonical form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Trimmed, NFC.
    pub full_name: String,
    /// As typed and canonical.
    pub email: Email,
    /// E.164.
    pub phone: Option<String>,
    /// A day.
    pub date_of_birth: Option<Date>,
    /// ISO 3166-1 alpha-2, uppercase.
    pub country: Option<String>,
    /// Uppercase.
    pub postcode: Option<String>,
    /// Id of the draw's category; `None` where the draw has none.
    pub category: Option<String>,
    /// Id of the draw's session; `None` where the draw has none.
    pub session: Option<String>,
    /// At least 1.
    pub party_size: u32,
    /// Trimmed, NFC.
    pub guardian_name: Option<String>,
    /// Uppercase.
    pub member_id: Option<String>,
}

impl Entry {
    /// Judges a form by the rules of a draw.
    ///
    /// # Errors
    /// Every rule that is not kept, in the order of [`FIELDS`], at most one for a field.
    pub fn parse(form: &EntryForm, rules: &DrawRules, dates: Dates) -> Result<Self, Vec<FieldError>> {
        let judge = Judge { rules, dates };
        form.validate_with_args(&judge).map_err(in_order)?;
        Self::read(form, rules).ok_or_else(|| {
            // The rules accepted what cannot be read: a fault of ours, answered as a refusal.
            vec![FieldError {
                field: "full_name".into(),
                code: "unreadable".into(),
                message: "This form could not be read. Reload the page and try again".into(),
            }]
        })
    }

    /// Builds the canonical entry of a form, judged or not. `None` when some part has no canonical form. Free of
    /// verdicts, so that an edit of the rules does not change what an attempt is.
    fn read(form: &EntryForm, rules: &DrawRules) -> Option<Self> {
        let given = |text: &str| Some(text::tidy(text)).filter(|text| !text.is_empty());
        let upper = |text: &str| given(text).map(|text| text.to_ascii_uppercase());
        Some(Self {
            full_name: given(&form.full_name)?,
            email: Email::parse(&form.email).ok()?,
            phone: match given(&form.phone) {
                Some(typed) => Some(contact::phone(&typed)?),
                None => None,
            },
            date_of_birth: match given(&form.date_of_birth) {
                Some(typed) => Some(rules::parse_date(&typed)?),
                None => None,
            },
            country: upper(&form.country),
            postcode: upper(&form.postcode),
            category: given(&form.category),
            session: given(&form.session),
            party_size: match form.party_size {
                Some(size) => u32::try_from(size).ok()?,
                None => default_party_size(form, rules),
            },
            guardian_name: given(&form.guardian_name),
            member_id: upper(&form.member_id),
        })
    }

    /// A form that parses to this entry again.
    pub fn to_form(&self) -> EntryForm {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        EntryForm {
            full_name: self.full_name.clone(),
            email: self.email.typed.clone(),
            phone: text(&self.phone),
            date_of_birth: self.date_of_birth.map(|date| date.to_string()).unwrap_or_default(),
            country: text(&self.country),
            postcode: text(&self.postcode),
            category: text(&self.category),
            session: text(&self.session),
            party_size: Some(i64::from(self.party_size)),
            guardian_name: text(&self.guardian_name),
            member_id: text(&self.member_id),
            accept_terms: true,
        }
    }

    /// The bytes a fingerprint is taken over: every field of the canonical entry, each with its length, so
    /// that no two different entries have the same bytes. The email counts in its canonical form.
    pub fn canonical_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(256);
        let mut put = |field: Option<&str>| match field {
            Some(text) => {
                // No text that passed the rules is anywhere near 4 GiB.
                let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
                bytes.push(1);
                bytes.extend_from_slice(&length.to_be_bytes());
                bytes.extend_from_slice(text.as_bytes());
            }
            None => bytes.push(0),
        };
        put(Some(&self.full_name));
        put(Some(&self.email.canonical));
        put(self.phone.as_deref());
        put(self.date_of_birth.map(|date| date.to_string()).as_deref());
        put(self.country.as_deref());
        put(self.postcode.as_deref());
        put(self.category.as_deref());
        put(self.session.as_deref());
        put(Some(&self.party_size.to_string()));
        put(self.guardian_name.as_deref());
        put(self.member_id.as_deref());
        bytes
    }
}

/// What names a form's payload and person whether or not the rules accept it: a form that today's rules refuse
/// can be the retry of one that earlier rules accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// The canonical email, when there is one.
    pub email: Option<String>,
    /// [`Entry::canonical_bytes`], when every part has a canonical form.
    pub payload: Option<Vec<u8>>,
}

impl Names {
    /// Reads what can be read of a form.
    pub fn read(form: &EntryForm, rules: &DrawRules) -> Self {
        Self {
            email: Email::parse(&form.email).ok().map(|email| email.canonical),
            payload: Entry::read(form, rules).map(|entry| entry.canonical_bytes()),
        }
    }
}

/// The errors the validator found, in the order of the form, the first of each field.
fn in_order(errors: ValidationErrors) -> Vec<FieldError> {
    let mut found: Vec<FieldError> = Vec::new();
    for (field, kinds) in errors.field_errors() {
        for error in kinds {
            let (field, code) = if field == "__all__" {
                let (field, code) = combinations::field_and_code(&error.code);
                (field.into(), code.into())
            } else {
                (field.clone(), error.code.clone())
            };
            found.push(FieldError { field, code, message: error.message.clone().unwrap_or_default() });
        }
    }
    let place = |field: &str| FIELDS.iter().position(|known| *known == field);
    found.sort_by_key(|error| place(&error.field));
    found.dedup_by(|later, first| later.field == first.field);
    found
}

/// A rule's complaint: a stable code and what to do.
pub(crate) fn fault(code: &'static str, message: impl Into<Cow<'static, str>>) -> ValidationError {
    ValidationError::new(code).with_message(message.into())
}

/// `Ok(None)` for an absent optional text, `Ok(Some)` for one to be judged.
fn asked<'a>(
    text: &'a str,
    asked: rules::Asked,
    missing: &'static str,
) -> Result<Option<&'a str>, ValidationError> {
    let text = text.trim();
    match (text.is_empty(), asked) {
        (true, rules::Asked::Required) => Err(fault("required", missing)),
        (true, _) => Ok(None),
        (false, rules::Asked::Off) => {
            Err(fault("not-asked", "This draw does not ask for this. Leave it empty"))
        }
        (false, _) => Ok(Some(text)),
    }
}

fn name_of_person(typed: &str, missing: &'static str) -> Result<(), ValidationError> {
    let name = text::tidy(typed);
    if name.chars().any(text::steers_display) {
        return Err(fault("characters", "Enter the name without line breaks or control characters"));
    }
    if name.chars().all(text::is_invisible) {
        return Err(fault("required", missing));
    }
    if name.chars().count() > limits::NAME_CHARS {
        return Err(fault("too-long", "Enter a name of at most 100 characters"));
    }
    Ok(())
}

fn full_name(typed: &str) -> Result<(), ValidationError> {
    name_of_person(typed, "Enter your full name")
}

fn guardian_name(typed: &str) -> Result<(), ValidationError> {
    if typed.trim().is_empty() {
        return Ok(()); // Whether it is needed depends on the age: a combination.
    }
    name_of_person(typed, "Enter the full name of your parent or guardian")
}

fn email(typed: &str) -> Result<(), ValidationError> {
    const LIKE: &str = "Enter an email address like name@example.org";
    if typed.trim().is_empty() {
        return Err(fault("required", LIKE));
    }
    match Email::parse(typed) {
        Ok(_) => Ok(()),
        Err(EmailFault::Shape) => Err(fault("email", LIKE)),
        Err(EmailFault::TooLong) => Err(fault(
            "too-long",
            "Enter an email address of at most 254 bytes, with at most 64 before the @",
        )),
        Err(EmailFault::UnicodeDomain) => Err(fault(
            "email-domain",
            "Enter the part after the @ in its xn-- form, like name@xn--bcher-kva.example",
        )),
    }
}

fn phone(typed: &str, judge: &Judge<'_>) -> Result<(), ValidationError> {
    const LIKE: &str = "Enter a phone number with its country code, like +44 1632 960961";
    match asked(typed, judge.rules.phone, LIKE)? {
        Some(typed) if contact::phone(typed).is_none() => Err(fault("phone", LIKE)),
        _ => Ok(()),
    }
}

fn date_of_birth(typed: &str, judge: &Judge<'_>) -> Result<(), ValidationError> {
    const LIKE: &str = "Enter your date of birth as year-month-day, like 1990-12-10";
    let Some(typed) = asked(typed, judge.rules.date_of_birth, LIKE)? else {
        return Ok(());
    };
    let Some(born) = rules::parse_date(typed) else {
        return Err(fault("date", LIKE));
    };
    if born > judge.dates.today {
        return Err(fault("in-the-future", "Enter a date of birth that is not in the future"));
    }
    let oldest =
        (judge.dates.today.year() - limits::AGE_MAX, judge.dates.today.month(), judge.dates.today.day());
    if (born.year(), born.month(), born.day()) < oldest {
        return Err(fault("too-long-ago", "Enter a date of birth at most 120 years ago"));
    }
    match judge.rules.min_age {
        Some(min_age) if judge.dates.age_at_closing(born) < i16::from(min_age) => {
            Err(fault("too-young", format!("You have to be {min_age} or older on the day this draw closes")))
        }
        _ => Ok(()),
    }
}

fn country(typed: &str, judge: &Judge<'_>) -> Result<(), ValidationError> {
    let Some(typed) = asked(typed, judge.rules.country, "Choose your country")? else {
        return Ok(());
    };
    let code = typed.to_ascii_uppercase();
    if !countries::is_assigned(&code) {
        return Err(fault("country", "Choose a country from the list, like GB"));
    }
    let allowed = &judge.rules.countries;
    if !allowed.is_empty() && !allowed.contains(&code) {
        return Err(fault("country-not-allowed", "Choose a country this draw is open to"));
    }
    Ok(())
}

fn postcode(typed: &str, judge: &Judge<'_>) -> Result<(), ValidationError> {
    const LIKE: &str = "Enter a postcode of 2 to 12 letters, digits, spaces or hyphens";
    let Some(typed) = asked(typed, judge.rules.postcode, LIKE)? else {
        return Ok(());
    };
    let length = limits::POSTCODE_CHARS_MIN..=limits::POSTCODE_CHARS_MAX;
    let fits = length.contains(&typed.len())
        && typed.bytes().all(|b| b.is_ascii_alphanumeric() || b == b' ' || b == b'-');
    if fits { Ok(()) } else { Err(fault("postcode", LIKE)) }
}

fn accept_terms(accepted: &bool) -> Result<(), ValidationError> {
    if *accepted { Ok(()) } else { Err(fault("required", "Accept the terms to take part")) }
}
