//! Guarantee G7, the database's part: the table rule -> constraint is complete, and the constraints refuse what
//! the rules refuse, past the server.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::ground::{Backends, Value};
use crate::process::{Client, Place};
use crate::site::person;

#[derive(Deserialize)]
struct Table {
    rule: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    rule: String,
    constraint: Option<String>,
    server_only: Option<String>,
}

fn table() -> Vec<Row> {
    let text = include_str!("../../../migrations/rules.toml");
    toml::from_str::<Table>(text).expect("valid").rule
}

/// The names of the constraints of `entries` in a migration.
fn constraints(migration: &str) -> BTreeSet<String> {
    let entries = migration.split("CREATE TABLE entries (").nth(1).expect("a table");
    let entries = entries.split("STRICT;").next().expect("its end");
    entries
        .split("CONSTRAINT ")
        .skip(1)
        .map(|rest| rest.split_whitespace().next().expect("a name").to_owned())
        .collect()
}

#[test]
fn every_rule_has_its_constraint_or_a_reason_and_every_constraint_its_rule() {
    let rows = table();
    for row in &rows {
        let said = (row.constraint.is_some(), row.server_only.as_deref().is_some_and(|why| !why.is_empty()));
        assert!(matches!(said, (true, false) | (false, true)), "{}: a constraint, or a reason", row.rule);
    }
    let named: BTreeSet<String> = rows.into_iter().filter_map(|row| row.constraint).collect();
    let there = constraints(include_str!("../../../migrations/sqlite/0001_draws_and_entries.sql"));
    assert_eq!(named, there);
}

/// Rows past the server: a column of a good one, what it is set to, and the constraint that has to refuse it.
fn refused() -> Vec<(&'static str, Value, &'static str)> {
    use Value::{Bytes, Number, Text};
    vec![
        ("full_name", "".into(), "entries_full_name_length"),
        ("full_name", Text("x".repeat(101)), "entries_full_name_length"),
        ("full_name", " x".into(), "entries_full_name_trimmed"),
        ("full_name", "a\u{a}b".into(), "entries_full_name_characters"),
        ("full_name", "a\u{0}b".into(), "entries_full_name_characters"),
        ("full_name", "a\u{202e}b".into(), "entries_full_name_characters"),
        ("full_name", "a\u{2069}b".into(), "entries_full_name_characters"),
        ("full_name", "a\u{85}b".into(), "entries_full_name_characters"),
        ("email", Text("x".repeat(255)), "entries_email_length"),
        ("email_canonical", Text("x".repeat(65) + "@a.b"), "entries_email_local"),
        ("email_canonical", "@a.b".into(), "entries_email_local"),
        ("email_canonical", "a.b".into(), "entries_email_local"),
        ("email_canonical", "a@b".into(), "entries_email_domain"),
        ("email_canonical", "a@b.c.".into(), "entries_email_domain"),
        ("email_canonical", "a@.b.c".into(), "entries_email_domain"),
        ("email_canonical", "a@b..c".into(), "entries_email_domain"),
        ("email_canonical", "a@-b.c".into(), "entries_email_domain"),
        ("email_canonical", "a@b.c@d.e".into(), "entries_email_domain"),
        ("email_canonical", "a@B.C".into(), "entries_email_domain"),
        ("email_canonical", "a b@c.d".into(), "entries_email_characters"),
        ("email_canonical", "\"a\"@c.d".into(), "entries_email_characters"),
        ("phone", "+1234567".into(), "entries_phone"),
        ("phone", "+1234567890123456".into(), "entries_phone"),
        ("phone", "+01234567890".into(), "entries_phone"),
        ("phone", "+44 1632 960961".into(), "entries_phone"),
        ("phone", "1632960961".into(), "entries_phone"),
        ("date_of_birth", "2023-02-29".into(), "entries_date_of_birth"),
        ("date_of_birth", "1990-1-1".into(), "entries_date_of_birth"),
        ("country", "gb".into(), "entries_country"),
        ("country", "GBR".into(), "entries_country"),
        ("postcode", "A".into(), "entries_postcode"),
        ("postcode", "ab1".into(), "entries_postcode"),
        ("postcode", "ABCDEFGHIJKLM".into(), "entries_postcode"),
        ("party_size", Number(0), "entries_party_size"),
        ("party_size", Number(101), "entries_party_size"),
        ("guardian_name", "".into(), "entries_guardian_name_length"),
        ("guardian_name", "\u{202a}".into(), "entries_guardian_name_characters"),
        ("member_id", "".into(), "entries_member_id"),
        ("bucket", Number(1024), "entries_bucket"),
        ("person_key", Bytes(b"\0"), "entries_person_key"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_refuses_what_the_rules_refuse() {
    let place = Place::new();
    let server = place.serve();
    let client = Client::new(&server);
    let token = client.token("open").await.expect("a token");
    client.register("open", &token, &person("ada")).await.expect("answers");
    let mut database = place.connect().await;
    let refused = refused();
    for (column, value, constraint) in &refused {
        let error = database.set("entries", column, value).await.expect_err(constraint).to_string();
        // PostgreSQL's text holds no character 0 at all.
        let is_type = !Backends::chosen().is_sqlite()
            && matches!(value, Value::Text(text) if text.contains('\0'))
            && error.contains("invalid byte sequence");
        assert!(error.contains(constraint) || is_type, "{column} = {value:?}: {error}");
    }
    let refused: BTreeSet<&str> = refused.iter().map(|(.., constraint)| *constraint).collect();
    assert!(refused.len() > 14, "most constraints are tried");
}
