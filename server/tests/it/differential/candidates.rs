//! From a record to rows of `entries`: what it is stored as when the rules accept it, and what a server that
//! forgot one of the rules would store.

use shared::text::{lowercase, tidy};
use shared::{DrawRules, Entry, EntryForm, FieldError};

/// The columns of `entries` that hold what was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns {
    pub full_name: String,
    pub email: String,
    pub email_canonical: String,
    pub phone: Option<String>,
    pub date_of_birth: Option<String>,
    pub country: Option<String>,
    pub postcode: Option<String>,
    pub category: Option<String>,
    pub session: Option<String>,
    pub party_size: i64,
    pub guardian_name: Option<String>,
    pub member_id: Option<String>,
}

/// A row to insert.
#[derive(Debug)]
pub struct Candidate {
    /// Id of the record.
    pub record: String,
    /// The row.
    pub columns: Columns,
    /// Complaint about one field of it, as field/code; `None` when the rules accept it.
    pub complaint: Option<String>,
}

/// What is in the columns that a record's row has nothing to say about.
fn neutral() -> Columns {
    Columns {
        full_name: "Ada Lovelace".to_owned(),
        email: "ada@example.org".to_owned(),
        email_canonical: "ada@example.org".to_owned(),
        phone: None,
        date_of_birth: None,
        country: None,
        postcode: None,
        category: None,
        session: None,
        party_size: 1,
        guardian_name: None,
        member_id: None,
    }
}

impl From<&Entry> for Columns {
    fn from(entry: &Entry) -> Self {
        Self {
            full_name: entry.full_name.clone(),
            email: entry.email.typed.clone(),
            email_canonical: entry.email.canonical.clone(),
            phone: entry.phone.clone(),
            date_of_birth: entry.date_of_birth.map(|date| date.to_string()),
            country: entry.country.clone(),
            postcode: entry.postcode.clone(),
            category: entry.category.clone(),
            session: entry.session.clone(),
            party_size: entry.party_size.into(),
            guardian_name: entry.guardian_name.clone(),
            member_id: entry.member_id.clone(),
        }
    }
}

impl Columns {
    /// A form's canonical values as far as they can be made, whatever the rules say of them.
    pub fn tidied(form: &EntryForm, rules: &DrawRules) -> Self {
        // Composing a text of more than ASCII could make one of ASCII (the Kelvin sign is a K): the rules look at
        // these before.
        let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let upper = |text: &str| given(text).map(|text| text.to_ascii_uppercase());
        let fewest = rules.category(form.category.trim()).map_or(1, |category| category.min_party.into());
        Self {
            full_name: tidy(&form.full_name),
            email: tidy(&form.email),
            email_canonical: canonical_email(&tidy(&form.email)),
            phone: given(&form.phone).map(|typed| typed.chars().filter(|&c| !is_filler(c)).collect()),
            date_of_birth: given(&form.date_of_birth),
            country: upper(&form.country),
            postcode: upper(&form.postcode),
            category: given(&form.category),
            session: given(&form.session),
            party_size: form.party_size.unwrap_or(fewest),
            guardian_name: given(&form.guardian_name).map(|typed| tidy(&typed)),
            member_id: upper(&form.member_id),
        }
    }

    /// A form's values as they were typed.
    fn as_typed(form: &EntryForm, tidied: &Self) -> Self {
        let given = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        Self {
            full_name: form.full_name.clone(),
            email: form.email.clone(),
            email_canonical: form.email.clone(),
            phone: given(&form.phone),
            date_of_birth: given(&form.date_of_birth),
            country: given(&form.country),
            postcode: given(&form.postcode),
            category: given(&form.category),
            session: given(&form.session),
            party_size: tidied.party_size,
            guardian_name: given(&form.guardian_name),
            member_id: given(&form.member_id),
        }
    }

    /// Takes over the columns of one field.
    fn take(&mut self, field: &str, from: &Self) {
        match field {
            "full_name" => self.full_name.clone_from(&from.full_name),
            "email" => {
                self.email.clone_from(&from.email);
                self.email_canonical.clone_from(&from.email_canonical);
            }
            "phone" => self.phone.clone_from(&from.phone),
            "date_of_birth" => self.date_of_birth.clone_from(&from.date_of_birth),
            "guardian_name" => self.guardian_name.clone_from(&from.guardian_name),
            "country" => self.country.clone_from(&from.country),
            "postcode" => self.postcode.clone_from(&from.postcode),
            "category" => self.category.clone_from(&from.category),
            "member_id" => self.member_id.clone_from(&from.member_id),
            "session" => self.session.clone_from(&from.session),
            "party_size" => self.party_size = from.party_size,
            "accept_terms" => {} // Has no column.
            other => panic!("{other} is no field"),
        }
    }

    /// Texts of every column.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let always = [&self.full_name, &self.email, &self.email_canonical];
        let perhaps = [
            &self.phone,
            &self.date_of_birth,
            &self.country,
            &self.postcode,
            &self.category,
            &self.session,
            &self.guardian_name,
            &self.member_id,
        ];
        always.into_iter().chain(perhaps.into_iter().flatten()).map(String::as_str)
    }
}

/// The canonical address, without the refusals.
fn canonical_email(typed: &str) -> String {
    let Some((local, domain)) = typed.split_once('@') else {
        return lowercase(typed);
    };
    let (mut local, mut domain) = (tidy(&lowercase(local)), domain.to_ascii_lowercase());
    if domain == "googlemail.com" || domain == "gmail.com" {
        domain = "gmail.com".to_owned();
        local.truncate(local.find('+').unwrap_or(local.len()));
        local = tidy(&local.replace('.', ""));
    }
    format!("{local}@{domain}")
}

/// Spaces, dots, dashes and brackets of phone numbers.
fn is_filler(c: char) -> bool {
    " .-()[]\u{A0}\u{2009}\u{202F}\u{2010}\u{2011}\u{2012}\u{2013}\u{2014}\u{2015}\u{2212}".contains(c)
}

/// The rows of a record: the entry, when the rules accept it, otherwise one row a complaint with nothing else
/// wrong; and where a field was not typed in its canonical form, one with that field untidied. `turn` chooses
/// which, where there are several.
pub fn candidates(
    record: &str,
    turn: usize,
    form: &EntryForm,
    rules: &DrawRules,
    verdict: &Result<Entry, Vec<FieldError>>,
) -> Vec<Candidate> {
    let tidied = Columns::tidied(form, rules);
    if let Ok(entry) = verdict {
        assert_eq!(Columns::from(entry), tidied, "{record}: canonical");
    }
    let errors = verdict.as_ref().err().map_or(&[][..], Vec::as_slice);
    let mut unsound: Vec<&str> = errors.iter().map(|error| error.field.as_ref()).collect();
    if unsound.contains(&"category") {
        unsound.push("member_id"); // Which one belongs there, only the category tells: nobody has looked at it.
    }
    let mut sound = tidied.clone();
    unsound.iter().for_each(|field| sound.take(field, &neutral()));
    let with = |field: &str, from: &Columns| {
        let mut columns = sound.clone();
        columns.take(field, from);
        columns
    };

    let typed = Columns::as_typed(form, &tidied);
    let untidy: Vec<&str> = shared::entry::FIELDS
        .into_iter()
        .filter(|field| !unsound.contains(field) && with(field, &typed) != sound)
        .collect();
    let mut rows: Vec<(Columns, Option<String>)> = errors
        .iter()
        .map(|error| (with(&error.field, &tidied), Some(format!("{}/{}", error.field, error.code))))
        .collect();
    if rows.is_empty() {
        rows.push((tidied.clone(), None));
    }
    if let Some(field) = untidy.get(turn % untidy.len().max(1)) {
        rows.push((with(field, &typed), Some(format!("{field}/as-typed"))));
    }
    let candidate = |(columns, complaint)| Candidate { record: record.to_owned(), columns, complaint };
    rows.into_iter().map(candidate).collect()
}
