//! Requests to register, of as many people as are wanted: whole requests made in advance, in which only a number and
//! a token are put, since the generator shares its processors with what it measures.

use shared::EntryForm;

use super::ledger::{TOKEN_CHARS, Token};

/// Digits of a person's number.
const DIGITS: usize = 9;
/// Where a number goes, as digits and as letters; and a token.
const NUMBER: &str = "000000000";
const LETTERS: &str = "aaaaaaaaa";
/// What stands before a request's count, of one digit.
const COUNT: &str = "Attempt: ";
const FIRST_NAMES: [&str; 8] = ["Ada", "Zoë", "José", "Mary Anne", "Nguyễn", "Sinéad", "Bob", "Ayşe"];
const COUNTRIES: [&str; 3] = ["GB", "IE", "FR"];
/// Category, session and party, as the draw has them (see `draw.toml`).
const CHOICES: [(&str, &str, i64); 5] = [
    ("general", "sat-evening", 1),
    ("general", "sun-matinee", 4),
    ("family", "sun-matinee", 5),
    ("student", "sat-evening", 1),
    ("family", "sun-evening", 2),
];
/// Different forms: more than the least number that all the lists above fit in, and odd, so that they mix.
const VARIANTS: usize = 121;

/// The forms of a run's people. Person `n` of a run always sends the same bytes, and no two persons, nor persons of
/// two runs, have the same email.
#[derive(Clone, Debug)]
pub struct Form {
    variants: Vec<Variant>,
}

/// A request with holes.
#[derive(Clone, Debug)]
struct Variant {
    bytes: Vec<u8>,
    token: usize,
    count: usize,
    digits: Vec<usize>,
    letters: usize,
}

impl Form {
    /// For a draw at a host; `run` tells people of this run from those of others and is lowercase letters.
    pub fn new(host: &str, slug: &str, run: &str) -> Self {
        Self { variants: (0..VARIANTS).map(|variant| Variant::new(host, slug, run, variant)).collect() }
    }

    /// The JSON body of one registration, for servers that only read it.
    pub fn example(run: &str) -> Vec<u8> {
        // Texts and numbers always serialise.
        serde_json::to_vec(&entry_form(run, 0)).unwrap_or_default()
    }

    /// What the emails of all people of a run end with.
    pub fn email_end(run: &str) -> String {
        format!(".{run}@load.example")
    }

    /// Whose email that is, in a run.
    pub fn person(email: &str, run: &str) -> Option<u32> {
        let number = email.strip_prefix('p')?.strip_suffix(&Self::email_end(run))?;
        (number.len() == DIGITS && number.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| number.parse().ok())?
    }

    /// Appends the request of a person, who counts it like the page does: 1 for the first of an attempt.
    pub fn request(&self, person: u32, token: &Token, count: u8, out: &mut Vec<u8>) {
        let variant = &self.variants[person as usize % VARIANTS];
        let start = out.len();
        out.extend_from_slice(&variant.bytes);
        let bytes = &mut out[start..];
        bytes[variant.token..variant.token + TOKEN_CHARS].copy_from_slice(token);
        bytes[variant.count] = b'0' + count;
        let mut rest = person;
        for place in (0..DIGITS).rev() {
            // At most 9.
            let digit = (rest % 10) as u8;
            rest /= 10;
            for at in &variant.digits {
                bytes[at + place] = b'0' + digit;
            }
            bytes[variant.letters + place] = b'a' + digit;
        }
    }
}

/// What person `variant` types, with holes for what is theirs alone.
pub fn entry_form(run: &str, variant: usize) -> EntryForm {
    let (category, session, party_size) = CHOICES[variant % CHOICES.len()];
    EntryForm {
        full_name: format!("{} Mac{LETTERS}", FIRST_NAMES[variant % FIRST_NAMES.len()]),
        email: email(NUMBER, run),
        phone: if variant.is_multiple_of(2) { format!("+447{NUMBER}") } else { String::new() },
        country: COUNTRIES[variant % COUNTRIES.len()].to_owned(),
        category: category.to_owned(),
        session: session.to_owned(),
        party_size: Some(party_size),
        accept_terms: true,
        ..EntryForm::default()
    }
}

fn email(number: &str, run: &str) -> String {
    format!("p{number}{}", Form::email_end(run))
}

/// Head and body of a request to register; the key is left out where there is none.
pub fn request(host: &str, slug: &str, key: Option<&str>, content_type: &str, body: &str) -> Vec<u8> {
    let key = key.map_or_else(String::new, |key| format!("Idempotency-Key: {key}\r\n{COUNT}0\r\n"));
    let length = body.len();
    format!(
        "POST /api/v1/draws/{slug}/entries HTTP/1.1\r\nHost: {host}\r\nContent-Type: {content_type}\r\n{key}\
         Content-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

impl Variant {
    fn new(host: &str, slug: &str, run: &str, variant: usize) -> Self {
        let hole = "!".repeat(TOKEN_CHARS);
        // Texts and numbers always serialise.
        let body = serde_json::to_string(&entry_form(run, variant)).unwrap_or_default();
        let bytes = request(host, slug, Some(&hole), "application/json", &body);
        let head = bytes.len() - body.len();
        let find = |text: &str| memchr::memmem::find(&bytes, text.as_bytes()).unwrap_or_default();
        let digits = memchr::memmem::find_iter(body.as_bytes(), NUMBER).map(|at| head + at).collect();
        let count = find(COUNT) + COUNT.len();
        Self { token: find(&hole), count, digits, letters: find(LETTERS), bytes }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use shared::{Dates, Entry};

    use super::*;
    use crate::draw;

    fn dates() -> Dates {
        Dates { today: jiff::civil::date(2026, 7, 1), closing: jiff::civil::date(2099, 1, 1) }
    }

    fn body_of(form: &Form, person: u32) -> (Vec<u8>, Vec<u8>) {
        let mut out = b"before".to_vec();
        form.request(person, &[b'T'; TOKEN_CHARS], 1, &mut out);
        let request = out.split_off(6);
        let head = memchr::memmem::find(&request, b"\r\n\r\n").unwrap() + 4;
        (request[..head].to_vec(), request[head..].to_vec())
    }

    #[test]
    fn everybody_is_somebody_else_and_keeps_the_rules() {
        let rules = draw::rules();
        let mut emails = HashSet::new();
        let (mut categories, mut sessions) = (HashSet::new(), HashSet::new());
        for run in ["abcdefgh", "abcdefgi"] {
            let form = Form::new("127.0.0.1:3000", "load", run);
            for person in (0..2000).chain(999_999_000..=999_999_999) {
                let (head, body) = body_of(&form, person);
                let length = format!("Content-Length: {}\r\n", body.len());
                assert!(memchr::memmem::find(&head, length.as_bytes()).is_some());
                let key = format!("Idempotency-Key: {}\r\n", "T".repeat(TOKEN_CHARS));
                assert!(memchr::memmem::find(&head, key.as_bytes()).is_some());
                assert!(memchr::memmem::find(&head, b"\r\nAttempt: 1\r\n").is_some());
                let typed: EntryForm = serde_json::from_slice(&body).unwrap();
                let entry = Entry::parse(&typed, &rules, dates()).unwrap();
                assert_eq!(Form::person(&entry.email.canonical, run), Some(person));
                assert!(entry.phone.is_none_or(|phone| phone.ends_with(&format!("{person:09}"))));
                assert!(emails.insert(entry.email.canonical));
                categories.insert(entry.category);
                sessions.insert(entry.session);
            }
        }
        assert_eq!((categories.len(), sessions.len()), (rules.categories.len(), rules.sessions.len()));
    }

    #[test]
    fn a_person_sends_the_same_bytes_again() {
        let form = Form::new("127.0.0.1:3000", "load", "abcdefgh");
        assert_eq!(body_of(&form, 42), body_of(&form, 42));
        assert_ne!(body_of(&form, 42), body_of(&form, 43));
    }

    #[test]
    fn strangers_are_nobody_of_the_run() {
        assert_eq!(Form::person("p000000007.ab@load.example", "ab"), Some(7));
        for email in [
            "p000000007.cd@load.example",
            "p7.ab@load.example",
            "ada@example.org",
            "p+00000007.ab@load.example",
        ] {
            assert_eq!(Form::person(email, "ab"), None, "{email}");
        }
    }
}
