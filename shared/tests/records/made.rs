//! Made records: good forms with one or two slips, forms that nearly fit, and anything at all.

use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use serde_json::{Value, json};
use shared::entry::FIELDS;
use shared::{Asked, Category, DrawRules, EntryForm, Session};

use super::Record;
use super::generators::{any_form, attempt, number_for, sensible_rules};
use super::slips::slip;

/// How many there are.
pub(crate) const MADE: usize = 24_000;

const TODAY: &str = "2026-06-01";
const CLOSING_DATE: &str = "2026-06-08";

/// What they are made from: the environment's `PROPTEST_RNG_SEED`, as for the properties.
pub(crate) fn seed() -> u64 {
    let told = std::env::var("PROPTEST_RNG_SEED").ok();
    told.map_or(2026, |seed| seed.parse().expect("PROPTEST_RNG_SEED is a number"))
}

/// [`MADE`] records, the same ones for the same seed.
pub(crate) fn made(seed: u64) -> Vec<Record> {
    let config = Config { rng_seed: RngSeed::Fixed(seed), failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new(config);
    let questions = prop_oneof![
        6 => with_slips(1),
        2 => with_slips(2),
        5 => attempt().prop_map(|attempt| question(&attempt.rules, json!(attempt.form))),
        1 => (any_form(), sensible_rules()).prop_map(|(form, rules)| question(&rules, json!(form))),
    ];
    let mut next = || questions.new_tree(&mut runner).expect("a record").current();
    (0..MADE)
        .map(|number| Record { id: format!("made-{seed}-{number}"), question: next(), expect: None })
        .collect()
}

fn question(rules: &DrawRules, form: Value) -> Value {
    json!({ "rules": rules, "today": TODAY, "closing_date": CLOSING_DATE, "form": form })
}

/// A good form with so many fields typed otherwise, rightly or wrongly.
fn with_slips(count: usize) -> impl Strategy<Value = Value> {
    let slips = proptest::collection::vec(select(&FIELDS[..]).prop_flat_map(slip), count);
    (draws(), any::<u8>(), slips).prop_map(|(rules, choice, slips)| {
        let mut form = json!(good(&rules, choice));
        for (field, value) in slips {
            form[field] = value;
        }
        question(&rules, form)
    })
}

/// Draws that ask for everything, leave everything open, or want nothing.
fn draws() -> impl Strategy<Value = DrawRules> {
    let asked = select(&[Asked::Required, Asked::Required, Asked::Optional, Asked::Optional, Asked::Off][..]);
    let choices = prop_oneof![4 => Just(true), 1 => Just(false)];
    (asked, choices, proptest::option::weighted(0.5, Just(16))).prop_map(|(asked, has_choices, min_age)| {
        let category = |id: &str, min_party, max_party, member_id: Option<&str>| Category {
            id: id.to_owned(),
            label: id.to_uppercase(),
            min_party,
            max_party,
            member_id: member_id.map(str::to_owned),
        };
        let session = |id: &str, excludes: &[&str]| Session {
            id: id.to_owned(),
            label: id.to_uppercase(),
            excludes: excludes.iter().map(|&id| id.to_owned()).collect(),
        };
        let categories = [
            category("general", 1, 4, None),
            category("family", 2, 6, None),
            category("coach_party", 10, 100, None),
            category("member", 1, 2, Some("M######")),
            category("club", 1, 1, Some("@@-##{~}")),
            category(&"x".repeat(64), 1, 1, Some(&"#".repeat(40))),
        ];
        let countries = if asked == Asked::Required { &["GB", "IE"][..] } else { &[] };
        DrawRules {
            min_age: min_age.filter(|_| asked == Asked::Required),
            countries: countries.iter().map(|&code| code.to_owned()).collect(),
            country: asked,
            postcode: asked,
            phone: asked,
            date_of_birth: asked,
            one_per_phone: false,
            categories: if has_choices { categories.to_vec() } else { Vec::new() },
            sessions: if has_choices {
                vec![session("sat-evening", &["family"]), session("sun-matinee", &[])]
            } else {
                Vec::new()
            },
        }
    })
}

/// A form that keeps every rule of a draw.
fn good(rules: &DrawRules, choice: u8) -> EntryForm {
    let given = |asked: Asked, text: &str| if asked == Asked::Off { String::new() } else { text.to_owned() };
    let is_minor = choice.is_multiple_of(5);
    let category = rules.categories.get(usize::from(choice) % rules.categories.len().max(1));
    let pattern = category.and_then(|category| category.member_id.as_deref());
    EntryForm {
        full_name: "Ada Lovelace".to_owned(),
        email: "ada@example.org".to_owned(),
        phone: given(rules.phone, "+44 1632 960961"),
        date_of_birth: given(rules.date_of_birth, if is_minor { "2009-12-10" } else { "1990-12-10" }),
        country: given(rules.country, "GB"),
        postcode: given(rules.postcode, "AB1 2CD"),
        category: category.map(|category| category.id.clone()).unwrap_or_default(),
        session: if rules.sessions.is_empty() { String::new() } else { "sun-matinee".to_owned() },
        party_size: category.map(|category| i64::from(category.max_party)),
        guardian_name: if is_minor { "Anne Isabella".to_owned() } else { String::new() },
        member_id: pattern.map(|pattern| number_for(pattern, choice)).unwrap_or_default(),
        accept_terms: true,
    }
}
