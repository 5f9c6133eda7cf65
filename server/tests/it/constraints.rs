//! Guarantee G7, the database's part: the table rule -> constraint is complete, and the constraints refuse what
//! the rules refuse, past the server.

use std::collections::BTreeSet;

use serde::Deserialize;
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};

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

/// A row past the server: what it changes of a good one, and the constraint that has to refuse it.
const REFUSED: &[(&str, &str, &str)] = &[
    ("full_name", "''", "entries_full_name_length"),
    ("full_name", "printf('%.101c', 'x')", "entries_full_name_length"),
    ("full_name", "' x'", "entries_full_name_trimmed"),
    ("full_name", "'a' || char(10) || 'b'", "entries_full_name_characters"),
    ("full_name", "'a' || char(0) || 'b'", "entries_full_name_characters"),
    ("full_name", "'a' || char(8238) || 'b'", "entries_full_name_characters"),
    ("full_name", "'a' || char(8297) || 'b'", "entries_full_name_characters"),
    ("full_name", "'a' || char(133) || 'b'", "entries_full_name_characters"),
    ("email", "printf('%.255c', 'x')", "entries_email_length"),
    ("email_canonical", "printf('%.65c', 'x') || '@a.b'", "entries_email_local"),
    ("email_canonical", "'@a.b'", "entries_email_local"),
    ("email_canonical", "'a.b'", "entries_email_local"),
    ("email_canonical", "'a@b'", "entries_email_domain"),
    ("email_canonical", "'a@b.c.'", "entries_email_domain"),
    ("email_canonical", "'a@.b.c'", "entries_email_domain"),
    ("email_canonical", "'a@b..c'", "entries_email_domain"),
    ("email_canonical", "'a@-b.c'", "entries_email_domain"),
    ("email_canonical", "'a@b.c@d.e'", "entries_email_domain"),
    ("email_canonical", "'a@B.C'", "entries_email_domain"),
    ("email_canonical", "'a b@c.d'", "entries_email_characters"),
    ("email_canonical", "'\"a\"@c.d'", "entries_email_characters"),
    ("phone", "'+1234567'", "entries_phone"),
    ("phone", "'+1234567890123456'", "entries_phone"),
    ("phone", "'+01234567890'", "entries_phone"),
    ("phone", "'+44 1632 960961'", "entries_phone"),
    ("phone", "'1632960961'", "entries_phone"),
    ("date_of_birth", "'2023-02-29'", "entries_date_of_birth"),
    ("date_of_birth", "'1990-1-1'", "entries_date_of_birth"),
    ("country", "'gb'", "entries_country"),
    ("country", "'GBR'", "entries_country"),
    ("postcode", "'A'", "entries_postcode"),
    ("postcode", "'ab1'", "entries_postcode"),
    ("postcode", "'ABCDEFGHIJKLM'", "entries_postcode"),
    ("party_size", "0", "entries_party_size"),
    ("party_size", "101", "entries_party_size"),
    ("guardian_name", "''", "entries_guardian_name_length"),
    ("guardian_name", "char(8234)", "entries_guardian_name_characters"),
    ("member_id", "''", "entries_member_id"),
    ("bucket", "1024", "entries_bucket"),
    ("person_key", "x'00'", "entries_person_key"),
];

#[tokio::test(flavor = "multi_thread")]
async fn the_database_refuses_what_the_rules_refuse() {
    let place = Place::new();
    let server = place.serve();
    let client = Client::new(&server);
    let token = client.token("open").await.expect("a token");
    client.register("open", &token, &person("ada")).await.expect("answers");
    let url = format!("sqlite://{}", place.database().display());
    let mut database = SqliteConnection::connect(&url).await.expect("opens");
    for (column, value, constraint) in REFUSED {
        let update = AssertSqlSafe(format!("UPDATE entries SET {column} = {value}"));
        let error = sqlx::query(update).execute(&mut database).await.expect_err(value).to_string();
        assert!(error.contains(constraint), "{column} = {value}: {error}");
    }
    let refused: BTreeSet<&str> = REFUSED.iter().map(|(.., constraint)| *constraint).collect();
    assert!(refused.len() > 14, "most constraints are tried");
}
