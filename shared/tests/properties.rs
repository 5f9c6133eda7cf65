//! What holds for every input, not only for those somebody thought of. A failure prints the smallest input
//! that shows it.
//!
//! A run repeats the one before: its seed is fixed. `PROPTEST_RNG_SEED=7 PROPTEST_CASES=100000` looks
//! elsewhere, and further.

mod generators;

use std::collections::HashMap;

use generators::{
    any_dates, any_form, any_rules, any_text, attempt, likely_email, likely_phone, likely_postcode,
    number_for, sensible_rules,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use serde_json::{Value, json};
use shared::contact::{Email, phone};
use shared::entry::FIELDS;
use shared::rules::{member_number, parse_date};
use shared::text::{is_invisible, steers_display, tidy};
use shared::{Asked, Dates, DrawRules, Entry, EntryForm, countries};

/// Least share of directed attempts that has to be accepted for the properties of entries to mean anything.
const ACCEPTED_SHARE: f64 = 0.3;

/// The seed of a run that names none.
const SEED: u64 = 2026;

/// What each property is tried with, unless the environment says otherwise.
fn config() -> Config {
    let told = |name| std::env::var_os(name).is_some();
    let mut config = Config { failure_persistence: None, ..Config::default() };
    if !told("PROPTEST_CASES") {
        config.cases = 4_000;
    }
    if !told("PROPTEST_RNG_SEED") {
        config.rng_seed = RngSeed::Fixed(SEED);
    }
    config
}

fn is_tidy(text: &str) -> bool {
    tidy(text) == text && !text.is_empty()
}

/// Everything section 5 promises of an entry, said a second time and independently of how it is checked.
fn assert_keeps_the_rules(entry: &Entry, rules: &DrawRules, dates: Dates) {
    for name in [Some(&entry.full_name), entry.guardian_name.as_ref()].into_iter().flatten() {
        assert!(
            is_tidy(name) && name.chars().count() <= 100 && !name.chars().any(steers_display),
            "{name:?}"
        );
        assert!(!name.chars().all(is_invisible), "{name:?}");
    }
    assert_email(&entry.email);
    for (value, asked) in [
        (entry.phone.is_some(), rules.phone),
        (entry.date_of_birth.is_some(), rules.date_of_birth),
        (entry.country.is_some(), rules.country),
        (entry.postcode.is_some(), rules.postcode),
    ] {
        assert!(value || asked != Asked::Required);
        assert!(!value || asked != Asked::Off);
    }
    if let Some(phone) = &entry.phone {
        let digits = phone.strip_prefix('+').unwrap_or_default();
        assert!((8..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()), "{phone}");
    }
    if let Some(country) = &entry.country {
        assert!(
            countries::is_assigned(country)
                && (rules.countries.is_empty() || rules.countries.contains(country))
        );
    }
    if let Some(postcode) = &entry.postcode {
        assert!(
            (2..=12).contains(&postcode.len()) && !postcode.bytes().any(|b| b.is_ascii_lowercase()),
            "{postcode}"
        );
        assert!(postcode.bytes().all(|b| b.is_ascii_alphanumeric() || b" -".contains(&b)), "{postcode}");
    }
    assert_ages(entry, rules, dates);
    assert_choices(entry, rules);
}

fn assert_email(email: &Email) {
    for address in [&email.typed, &email.canonical] {
        assert!(is_tidy(address) && address.len() <= 254, "{address:?}");
        assert!(!address.contains(|c: char| c.is_whitespace() || c.is_control() || c == '"'), "{address:?}");
        let (local, domain) = address.split_once('@').expect("an @");
        assert!((1..=64).contains(&local.len()) && domain.is_ascii() && !domain.contains('@'), "{address:?}");
        assert!(
            domain.contains('.') && domain.split('.').all(|label| (1..=63).contains(&label.len())),
            "{address:?}"
        );
    }
    assert!(!email.canonical.ends_with("@googlemail.com"));
    if let Some(local) = email.canonical.strip_suffix("@gmail.com") {
        assert!(!local.contains(['.', '+']), "{}", email.canonical);
    }
}

fn assert_ages(entry: &Entry, rules: &DrawRules, dates: Dates) {
    let Some(born) = entry.date_of_birth else { return };
    assert!(born <= dates.today);
    assert!(dates.age_today(born) <= 120, "{born}");
    let age = dates.age_at_closing(born);
    assert!(rules.min_age.is_none_or(|min_age| age >= i16::from(min_age)), "{born}");
    assert!(age >= 18 || entry.guardian_name.is_some(), "{born}");
}

fn assert_choices(entry: &Entry, rules: &DrawRules) {
    let category = entry.category.as_deref().map(|id| rules.category(id).expect("a category of the draw"));
    let session = entry.session.as_deref().map(|id| rules.session(id).expect("a session of the draw"));
    assert_eq!(category.is_some(), !rules.categories.is_empty());
    assert_eq!(session.is_some(), !rules.sessions.is_empty());
    let (min, max) = category.map_or((1, 1), |category| (category.min_party, category.max_party));
    assert!((min..=max).contains(&entry.party_size));
    if let (Some(category), Some(session)) = (category, session) {
        assert!(!session.excludes.contains(&category.id));
    }
    let pattern = category.and_then(|category| category.member_id.as_deref());
    match (pattern, &entry.member_id) {
        (None, None) => {}
        (Some(pattern), Some(number)) => assert_eq!(member_number(pattern, number).as_ref(), Some(number)),
        (pattern, number) => panic!("pattern {pattern:?}, number {number:?}"),
    }
}

/// The errors are in the order of the form, one a field, each with something to do.
fn assert_orderly(errors: &[shared::FieldError]) {
    let places: Vec<_> =
        errors.iter().map(|error| FIELDS.iter().position(|field| *field == error.field)).collect();
    assert!(
        !errors.is_empty() && places.iter().all(Option::is_some) && places.is_sorted_by(|a, b| a < b),
        "{errors:?}"
    );
    assert!(errors.iter().all(|error| !error.message.is_empty() && error.code != "unreadable"), "{errors:?}");
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn parsing_never_panics_whatever_the_form_and_the_draw(form in any_form(), rules in any_rules(), dates in any_dates()) {
        if let Err(errors) = Entry::parse(&form, &rules, dates) {
            prop_assert!(errors.iter().all(|error| FIELDS.contains(&&*error.field)));
        }
    }

    #[test]
    fn parsing_never_panics_when_the_form_nearly_fits(attempt in attempt(), rules in any_rules(), dates in any_dates()) {
        let _ = Entry::parse(&attempt.form, &rules, dates);
        let _ = Entry::parse(&attempt.form, &attempt.rules, dates);
    }

    #[test]
    fn a_verdict_is_an_entry_that_keeps_the_rules_or_orderly_errors(attempt in attempt()) {
        match Entry::parse(&attempt.form, &attempt.rules, attempt.dates) {
            Ok(entry) => assert_keeps_the_rules(&entry, &attempt.rules, attempt.dates),
            Err(errors) => assert_orderly(&errors),
        }
    }

    #[test]
    fn anything_at_all_gets_orderly_errors(form in any_form(), rules in sensible_rules(), dates in any_dates()) {
        match Entry::parse(&form, &rules, dates) {
            Ok(entry) => assert_keeps_the_rules(&entry, &rules, dates),
            Err(errors) => assert_orderly(&errors),
        }
    }

    #[test]
    fn what_is_accepted_survives_a_round_trip(attempt in attempt()) {
        if let Ok(entry) = Entry::parse(&attempt.form, &attempt.rules, attempt.dates) {
            let again = Entry::parse(&entry.to_form(), &attempt.rules, attempt.dates);
            prop_assert_eq!(again.as_ref(), Ok(&entry));
            prop_assert_eq!(again.map(|again| again.canonical_bytes()), Ok(entry.canonical_bytes()));
        }
    }

    #[test]
    fn a_form_survives_json(form in prop_oneof![any_form(), attempt().prop_map(|attempt| attempt.form)]) {
        let text = serde_json::to_string(&form).expect("JSON");
        prop_assert_eq!(serde_json::from_str::<EntryForm>(&text).expect("a form"), form);
    }

    #[test]
    fn the_canonical_email_is_its_own_canonical_form(typed in prop_oneof![3 => likely_email(), 1 => any_text()]) {
        if let Ok(email) = Email::parse(&typed) {
            assert_email(&email);
            let again = Email::parse(&email.canonical).map(|again| again.canonical);
            prop_assert_eq!(again.as_ref(), Ok(&email.canonical));
            prop_assert_eq!(Email::parse(&email.typed), Ok(email));
        }
    }

    #[test]
    fn the_canonical_phone_number_is_its_own_canonical_form(typed in prop_oneof![3 => likely_phone(), 1 => any_text()]) {
        if let Some(number) = phone(&typed) {
            prop_assert_eq!(phone(&number), Some(number));
        }
    }

    #[test]
    fn tidying_twice_is_tidying_once(text in any_text()) {
        let once = tidy(&text);
        prop_assert_eq!(tidy(&once), once);
    }

    #[test]
    fn a_canonical_postcode_is_its_own_canonical_form(typed in likely_postcode()) {
        let parse = |postcode: &str| {
            let form = EntryForm { postcode: postcode.to_owned(), ..plain_form() };
            Entry::parse(&form, &DrawRules::default(), dates()).ok().and_then(|entry| entry.postcode)
        };
        let once = parse(&typed);
        prop_assert!(once.is_some());
        prop_assert_eq!(once.as_deref().and_then(parse), once);
    }

    #[test]
    fn a_canonical_member_number_is_its_own_canonical_form(pattern in any_text(), digit: u8, typed in any_text()) {
        for number in [number_for(&pattern, digit), typed] {
            if let Some(once) = member_number(&pattern, &number) {
                prop_assert_eq!(member_number(&pattern, &once), Some(once));
            }
        }
    }

    #[test]
    fn a_date_is_read_from_the_form_it_is_written_in(date in any_dates(), text in any_text()) {
        let written = date.today.to_string();
        prop_assert_eq!(parse_date(&written), (date.today.year() >= 0).then_some(date.today));
        if let Some(read) = parse_date(&text) {
            prop_assert_eq!(read.to_string(), text);
        }
    }

    #[test]
    fn an_unknown_field_is_refused(name in any_text(), form in any_form()) {
        prop_assume!(!FIELDS.contains(&name.as_str()));
        let mut object = serde_json::to_value(&form).expect("JSON");
        object[&name] = Value::Null;
        prop_assert!(serde_json::from_value::<EntryForm>(object).is_err());
    }
}

fn dates() -> Dates {
    let day = |text| parse_date(text).expect("a date");
    Dates { today: day("2026-06-01"), closing: day("2026-06-08") }
}

fn plain_form() -> EntryForm {
    EntryForm {
        full_name: "Ada Lovelace".to_owned(),
        email: "ada@example.org".to_owned(),
        accept_terms: true,
        ..EntryForm::default()
    }
}

/// A value of the right JSON type for a field.
fn value_of(field: &str) -> Value {
    match field {
        "accept_terms" => json!(true),
        "party_size" => json!(2),
        _ => json!("x"),
    }
}

#[test]
fn a_field_given_twice_is_refused() {
    for field in FIELDS {
        for (first, second) in [
            (value_of(field), value_of(field)),
            (Value::Null, value_of(field)),
            (value_of(field), Value::Null),
        ] {
            let once = format!("{{\"{field}\":{first}}}");
            assert!(serde_json::from_str::<EntryForm>(&once).is_ok(), "{once}");
            let twice = format!("{{\"{field}\":{first},\"{field}\":{second}}}");
            assert!(serde_json::from_str::<EntryForm>(&twice).is_err(), "{twice}");
        }
    }
}

#[test]
fn a_field_of_another_type_is_refused() {
    let all = [
        json!("x"),
        json!(2),
        json!(true),
        json!(1.5),
        json!([]),
        json!(["x"]),
        json!({}),
        json!({ "x": 1 }),
    ];
    for field in FIELDS {
        for value in &all {
            let right = std::mem::discriminant(value) == std::mem::discriminant(&value_of(field))
                && *value != json!(1.5);
            let object = json!({ field: value });
            assert_eq!(serde_json::from_value::<EntryForm>(object.clone()).is_ok(), right, "{object}");
        }
    }
}

#[test]
fn a_good_share_of_directed_attempts_is_accepted() {
    let mut runner = TestRunner::deterministic();
    let all = 2_000_u32;
    let accepted = (0..all).filter(|_| {
        let attempt = attempt().new_tree(&mut runner).expect("an attempt").current();
        Entry::parse(&attempt.form, &attempt.rules, attempt.dates).is_ok()
    });
    let share = accepted.count() as f64 / f64::from(all);
    assert!((ACCEPTED_SHARE..0.95).contains(&share), "{share} of the attempts are accepted");
}

/// Values close enough to each other that a text could seem to move from one field into the next.
fn close_values(field: &str) -> Vec<&'static str> {
    match field {
        "full_name" => vec!["A", "AA", "AB1"],
        "email" => vec!["a@b.c", "aa@b.c", "A@B.C"],
        "phone" => vec!["", "+11111111", "+111111112"],
        "date_of_birth" => vec!["", "2000-01-01", "2000-11-01"],
        "guardian_name" => vec!["", "A", "+11111111", "AB1"],
        "country" => vec!["", "AD", "AE"],
        "postcode" => vec!["", "AD", "AB1", "AD AB1"],
        _ => vec![""],
    }
}

#[test]
fn different_entries_have_different_canonical_bytes() {
    let fields = ["full_name", "email", "phone", "date_of_birth", "guardian_name", "country", "postcode"];
    let mut forms = vec![json!({ "accept_terms": true })];
    for field in fields {
        let with = |form: &Value| {
            let form = form.clone();
            close_values(field).into_iter().map(move |value| {
                let mut form = form.clone();
                form[field] = json!(value);
                form
            })
        };
        forms = forms.iter().flat_map(with).collect();
    }

    // What was typed as the email is kept for display; two writings of one address are one entry.
    let mut seen: HashMap<Vec<u8>, EntryForm> = HashMap::new();
    for form in &forms {
        let form: EntryForm = serde_json::from_value(form.clone()).expect("a form");
        let entry = Entry::parse(&form, &DrawRules::default(), dates()).expect("an entry");
        let mut same = entry.to_form();
        same.email = entry.email.canonical.clone();
        if let Some(other) = seen.insert(entry.canonical_bytes(), same.clone()) {
            assert_eq!(other, same);
        }
    }
    assert_eq!(seen.len(), forms.len() / 3 * 2, "one third repeats another writing of an address");
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn two_entries_have_the_same_bytes_only_if_they_are_the_same(one in attempt(), other in any_form(), at in 0_usize..12) {
        let Ok(entry) = Entry::parse(&one.form, &one.rules, one.dates) else { return Ok(()) };
        let mut changed = serde_json::to_value(&one.form).expect("JSON");
        let other = serde_json::to_value(&other).expect("JSON");
        changed[FIELDS[at]] = other[FIELDS[at]].clone();
        let changed: EntryForm = serde_json::from_value(changed).expect("a form");
        if let Ok(changed) = Entry::parse(&changed, &one.rules, one.dates) {
            let canonical = |entry: &Entry| EntryForm { email: entry.email.canonical.clone(), ..entry.to_form() };
            prop_assert_eq!(canonical(&entry) == canonical(&changed), entry.canonical_bytes() == changed.canonical_bytes());
        }
    }
}
