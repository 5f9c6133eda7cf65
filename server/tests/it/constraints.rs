//! The table rule -> constraint: it is complete, and the shapes that are no rules of what was typed are refused
//! past the server. What becomes of the rules themselves: `differential.rs`.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::ground::{Backends, Value};
use crate::process::{Client, Place};
use crate::site::person;

/// `migrations/rules.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    pub rule: Vec<Rule>,
    /// What PostgreSQL refuses before any constraint.
    pub unrepresentable: Vec<Unrepresentable>,
    shape: Vec<Shape>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    pub rule: String,
    /// Complaints, as field/code.
    pub codes: Vec<String>,
    pub constraint: Option<String>,
    pub server_only: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unrepresentable {
    pub sqlstate: String,
    #[serde(rename = "why")]
    _why: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    #[serde(rename = "shape")]
    _shape: String,
    constraint: String,
}

pub fn table() -> Table {
    toml::from_str(include_str!("../../../migrations/rules.toml")).expect("valid")
}

/// The names of the constraints of `entries` in a migration.
fn constraints(migration: &str) -> BTreeSet<String> {
    let entries = migration.split("CREATE TABLE entries (").nth(1).expect("a table");
    let entries = entries.split("\n)").next().expect("its end");
    entries
        .split("CONSTRAINT ")
        .skip(1)
        .map(|rest| rest.split_whitespace().next().expect("a name").to_owned())
        .collect()
}

#[test]
fn every_rule_has_its_constraint_or_a_reason_and_every_constraint_its_rule() {
    let table = table();
    for row in &table.rule {
        let said = (row.constraint.is_some(), row.server_only.as_deref().is_some_and(|why| !why.is_empty()));
        assert!(matches!(said, (true, false) | (false, true)), "{}: a constraint, or a reason", row.rule);
        assert!(!row.codes.is_empty(), "{}: what it is complained by", row.rule);
    }
    let rules = table.rule.into_iter().filter_map(|row| row.constraint);
    let named: BTreeSet<String> = rules.chain(table.shape.into_iter().map(|row| row.constraint)).collect();
    let sqlite = constraints(include_str!("../../../migrations/sqlite/0001_draws_and_entries.sql"));
    let postgres = constraints(include_str!("../../../migrations/postgres/0001_draws_and_entries.sql"));
    assert_eq!(named, sqlite);
    assert_eq!(named, postgres);
    // A check that moves into a domain keeps its name.
    let domains = include_str!("../../../migrations/postgres/0003_domains.sql");
    let (mut dropped, mut again) = (BTreeSet::new(), BTreeSet::new());
    for rest in domains.split("CONSTRAINT ").skip(1) {
        let (name, then) = rest.split_once([' ', ',']).expect("more");
        let names = if then.starts_with("CHECK") { &mut again } else { &mut dropped };
        names.insert(name);
    }
    assert!(dropped.len() > 20);
    assert_eq!(dropped, again);
}

/// Columns of a good row, what each is set to, and the constraint that has to refuse it.
fn refused() -> Vec<(&'static str, Value, &'static str)> {
    use Value::{Bytes, Number, Text};
    const SHORT: &[u8] = &[7; 31];
    const LONG: &[u8] = &[7; 33];
    vec![
        ("bucket", Number(-1), "entries_bucket"),
        ("bucket", Number(1024), "entries_bucket"),
        ("person_key", Bytes(SHORT), "entries_person_key"),
        ("person_key", Bytes(LONG), "entries_person_key"),
        ("fingerprint", Bytes(SHORT), "entries_fingerprint"),
        ("fingerprint", Bytes(LONG), "entries_fingerprint"),
        ("browser_proof", Bytes(SHORT), "entries_browser_proof"),
        ("browser_proof", Bytes(LONG), "entries_browser_proof"),
        ("receipt", Text("x".repeat(19)), "entries_receipt"),
        ("receipt", Text("x".repeat(41)), "entries_receipt"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_refuses_rows_of_the_wrong_shape() {
    let place = Place::new();
    let server = place.serve();
    let client = Client::new(&server);
    for name in ["ada", "ben"] {
        let token = client.token("open").await.expect("a token");
        client.register("open", &token, &person(name)).await.expect("answers");
    }
    let mut database = place.connect().await;
    let mut tried = BTreeSet::new();
    for (column, value, constraint) in refused() {
        let error = database.set("entries", column, &value).await.expect_err(constraint);
        assert!(error.to_string().contains(constraint), "{column} = {value:?}: {error}");
        tried.insert(constraint.to_owned());
    }
    if Backends::chosen().is_sqlite() {
        let error = database.set("entries", "id", &Value::Bytes(&[7; 15])).await.expect_err("entries_id");
        assert!(error.to_string().contains("entries_id"), "{error}");
    }
    // Two rows of one bucket, then of one person, or with one receipt.
    database.set("entries", "bucket", &Value::Number(7)).await.expect("sets");
    for (column, value) in [("person_key", Value::Bytes(&[7; 32])), ("receipt", Value::Text("x".repeat(28)))]
    {
        let error = database.set("entries", column, &value).await.expect_err(column);
        let error = error.as_database_error().expect("the database's");
        assert!(error.is_unique_violation(), "{column}: {error}");
    }
    tried.extend(["entries_id", "entries_pkey", "entries_receipt_key"].map(str::to_owned));
    let shapes: BTreeSet<String> = table().shape.into_iter().map(|row| row.constraint).collect();
    assert_eq!(tried, shapes, "every shape is tried");
}
