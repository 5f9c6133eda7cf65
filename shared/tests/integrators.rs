//! What holds for every key and every body of an integrator, not only for those somebody thought of. A run
//! repeats the one before: its seed is fixed, `PROPTEST_RNG_SEED=7` looks elsewhere.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use serde_json::{Value, json};
use shared::EntryForm;
use shared::entry::FIELDS;
use shared::integrator::{Registration, SEQUENCE, Sequence};
use shared::token::idempotency_key;

fn config() -> Config {
    let mut config = Config { failure_persistence: None, ..Config::default() };
    if std::env::var_os("PROPTEST_RNG_SEED").is_none() {
        config.rng_seed = RngSeed::Fixed(2026);
    }
    config
}

/// A structured-field string (RFC 8941, 3.3.3).
fn quoted(key: &str) -> String {
    format!("\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A body with some fields in any order, and a member of any name at any place.
fn body() -> impl Strategy<Value = (Vec<(String, Value)>, usize)> {
    let field = (0..FIELDS.len(), any::<bool>()).prop_map(|(at, is_null)| {
        let value = match FIELDS[at] {
            "party_size" => json!(2),
            "accept_terms" => json!(true),
            _ => json!("text"),
        };
        (FIELDS[at].to_owned(), if is_null { Value::Null } else { value })
    });
    (prop::collection::vec(field, 0..8), 0_usize..9)
}

fn written(members: &[(String, Value)]) -> String {
    let members: Vec<String> =
        members.iter().map(|(name, value)| format!("{}:{value}", json!(name))).collect();
    format!("{{{}}}", members.join(","))
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn whatever_a_header_says_it_is_a_key_of_visible_ascii_or_none(header in "\\PC{0,40}|[ -~]{0,270}|\"[ -~\\\\]{0,40}\"?") {
        if let Some(key) = idempotency_key(&header) {
            prop_assert!((16..=255).contains(&key.len()));
            prop_assert!(key.bytes().all(|byte| (0x21..=0x7e).contains(&byte)));
            prop_assert_eq!(idempotency_key(&quoted(&key)), Some(key));
        }
    }

    #[test]
    fn every_key_survives_quoting_and_a_bare_one_is_itself(key in "[!-~]{16,255}") {
        prop_assert_eq!(idempotency_key(&quoted(&key)), Some(key.clone()));
        if !key.starts_with('"') {
            prop_assert_eq!(idempotency_key(&key), Some(key));
        }
    }

    #[test]
    fn every_sequence_is_read_as_it_is_written(text in "[!-~]{1,64}", number in 0_u64..(1 << 53)) {
        let read = |value: Value| serde_json::from_value::<Sequence>(value).map(|read| read.as_str().to_owned());
        prop_assert_eq!(read(json!(text)).expect("a sequence"), text);
        prop_assert_eq!(read(json!(number)).expect("a sequence"), number.to_string());
    }

    #[test]
    fn no_text_that_is_not_visible_ascii_is_a_sequence(text in ".{0,70}") {
        let is_sequence = (1..=64).contains(&text.len()) && text.bytes().all(|byte| (0x21..=0x7e).contains(&byte));
        prop_assert_eq!(serde_json::from_value::<Sequence>(json!(text)).is_ok(), is_sequence);
    }

    #[test]
    fn a_sequence_changes_nothing_of_how_the_form_is_read((mut members, at) in body(), text in "[!-~]{1,64}") {
        let alone = serde_json::from_str::<EntryForm>(&written(&members));
        let without = serde_json::from_str::<Registration>(&written(&members));
        prop_assert_eq!(without.as_ref().map(|read| &read.form).ok(), alone.as_ref().ok());
        members.insert(at.min(members.len()), (SEQUENCE.to_owned(), json!(text)));
        let read = serde_json::from_str::<Registration>(&written(&members));
        prop_assert_eq!(read.as_ref().map(|read| &read.form).ok(), alone.as_ref().ok());
        if let Ok(read) = read {
            prop_assert_eq!(read.sequence.as_ref().map(Sequence::as_str), Some(text.as_str()));
        }
        prop_assert!(serde_json::from_str::<EntryForm>(&written(&members)).is_err());
    }
}
