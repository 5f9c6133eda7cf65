//! What was tried, so that a run that tries nothing is seen.

use std::collections::{BTreeMap, BTreeSet};

use shared::{Entry, FieldError};

use super::candidates::Candidate;
use super::databases::Answer;
use crate::constraints::Table;

/// Rows stored by both databases, and refused by either.
#[derive(Default)]
struct Fates {
    stored: usize,
    refused: usize,
}

/// Counts of a run.
#[derive(Default)]
pub struct Tally {
    /// Records whose form cannot be read.
    pub malformed: usize,
    accepted: usize,
    refused: usize,
    /// By complaint.
    complaints: BTreeMap<String, Fates>,
    /// By constraint: what SQLite refused, what PostgreSQL did.
    constraints: BTreeMap<String, [usize; 2]>,
    /// By SQLSTATE.
    unrepresentable: BTreeMap<String, usize>,
    /// Pairs of a complaint and the constraint that refused the row.
    pairs: BTreeSet<(String, String)>,
}

impl Tally {
    pub fn judged(&mut self, verdict: &Result<Entry, Vec<FieldError>>) {
        match verdict {
            Ok(_) => self.accepted += 1,
            Err(_) => self.refused += 1,
        }
    }

    pub fn answered(&mut self, row: &Candidate, sqlite: &Answer, postgres: &Answer) {
        let complaint = row.complaint.clone().unwrap_or_default();
        for (at, answer) in [sqlite, postgres].into_iter().enumerate() {
            match answer {
                Answer::Stored => {}
                Answer::Refused(name) => {
                    self.constraints.entry(name.clone()).or_default()[at] += 1;
                    self.pairs.insert((complaint.clone(), name.clone()));
                }
                Answer::Unrepresentable(state) => {
                    *self.unrepresentable.entry(state.clone()).or_default() += 1;
                }
            }
        }
        let fates = self.complaints.entry(complaint).or_default();
        if (sqlite, postgres) == (&Answer::Stored, &Answer::Stored) {
            fates.stored += 1;
        } else {
            fates.refused += 1;
        }
    }

    #[expect(clippy::print_stdout, reason = "the counts are part of the report")]
    pub fn announce(&self, what: &str) {
        println!("{what}");
        println!("rules: {} accepted, {} refused, {} malformed", self.accepted, self.refused, self.malformed);
        println!("{:40} {:>8} {:>8}", "rows by complaint", "stored", "refused");
        for (complaint, Fates { stored, refused }) in &self.complaints {
            let complaint = if complaint.is_empty() { "(accepted)" } else { complaint };
            println!("{complaint:40} {stored:8} {refused:8}");
        }
        println!("{:40} {:>8} {:>8}", "rows by constraint", "SQLite", "PostgreSQL");
        for (name, [sqlite, postgres]) in &self.constraints {
            println!("{name:40} {sqlite:8} {postgres:8}");
        }
        for (state, count) in &self.unrepresentable {
            println!("SQLSTATE {state:31} {:>8} {count:8}", "");
        }
    }

    /// Every row of the table was tried: each complaint occurred, each constraint refused something in both
    /// databases, for every complaint it stands for, and what only the server keeps was stored.
    pub fn assert_covers(&self, table: &Table) {
        let known: BTreeSet<&str> =
            table.rule.iter().flat_map(|rule| &rule.codes).map(String::as_str).collect();
        let occurred: BTreeSet<&str> =
            self.complaints.keys().map(String::as_str).filter(|code| !code.is_empty()).collect();
        assert_eq!(known, occurred, "complaints in the table, and those that occurred");
        for rule in &table.rule {
            for code in &rule.codes {
                let is_covered = match &rule.constraint {
                    Some(name) => {
                        self.constraints.get(name).is_some_and(|counts| !counts.contains(&0))
                            && self.pairs.contains(&(code.clone(), name.clone()))
                    }
                    None => self.complaints[code].stored > 0,
                };
                assert!(is_covered, "{}: {code} was not tried", rule.rule);
            }
        }
        let states: BTreeSet<&str> = table.unrepresentable.iter().map(|row| row.sqlstate.as_str()).collect();
        let seen: BTreeSet<&str> = self.unrepresentable.keys().map(String::as_str).collect();
        assert_eq!(states, seen, "what PostgreSQL cannot represent");
        assert!(self.accepted > 1_000 && self.refused > 1_000, "both sides are reached");
    }
}
