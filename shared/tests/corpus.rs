//! The rules against a corpus of written-down cases: what people type, and what has to come of it.
//!
//! | file in `corpus/` | holds |
//! | --- | --- |
//! | `cases/*.json` | the cases, one a line: id, draw, day, base form, what is typed over it (null empties a field), expected verdict |
//! | `draws.json` | the draws by name: rules and the closing date in the draw's time zone |
//! | `forms.json` | the base forms by name |
//! | `judge.rs` | from a case to a verdict |
//!
//! `accepted` names the canonical values that matter; the others may be anything. `errors` names every
//! error, in the order of the form. `end2end/rules-wasm/run.mjs` runs the same cases as WASM, and the records
//! that `records/made.rs` makes; the file named by `CORPUS_VERDICTS`, written here, tells it what this build
//! answered.

#[path = "corpus/judge.rs"]
mod judge;
mod records;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use records::{MADE, Record, made, seed, written};
use serde_json::{Value, json};

/// Fewest cases that deserve the name of a corpus.
const CASES_MIN: usize = 300;

fn verdict(record: &Record) -> Value {
    serde_json::from_str(&judge::judge(&record.question.to_string())).expect("a verdict in JSON")
}

/// What differs between the verdict and the expectation, in words; `None` when nothing does.
fn difference(expected: &Value, verdict: &Value) -> Option<String> {
    let agrees = match expected.as_object().and_then(|outcome| outcome.iter().next()) {
        Some((kind, wanted)) if kind == "accepted" => wanted.as_object().is_some_and(|wanted| {
            let got = verdict.get("accepted");
            got.is_some()
                && wanted.iter().all(|(field, value)| got.and_then(|got| got.get(field)) == Some(value))
        }),
        Some((kind, wanted)) if kind == "errors" => {
            verdict.get("errors").is_some_and(|got| without_messages(got) == *wanted)
        }
        Some((kind, wanted)) if kind == "malformed" => verdict.get(kind) == Some(wanted),
        _ => false,
    };
    (!agrees).then(|| format!("expected {expected}\n    got      {verdict}"))
}

fn without_messages(errors: &Value) -> Value {
    let errors = errors.as_array().into_iter().flatten();
    errors.map(|error| json!({ "field": error["field"], "code": error["code"] })).collect()
}

#[test]
fn every_case_gets_the_expected_verdict() {
    let cases = written();
    let mismatches: Vec<String> = cases
        .iter()
        .filter_map(|case| {
            let expected = case.expect.as_ref().expect("written down");
            Some(format!("{}\n    {}", case.id, difference(expected, &verdict(case))?))
        })
        .collect();
    let (wrong, all) = (mismatches.len(), cases.len());
    assert!(mismatches.is_empty(), "{wrong} of {all} cases differ:\n  {}", mismatches.join("\n  "));
}

/// For `make rules-test`, which judges the same records as WASM.
#[test]
fn every_record_gets_a_verdict_that_is_written_down() {
    let (seed, mut lines, mut accepted) = (seed(), String::new(), 0);
    for record in written().iter().chain(&made(seed)) {
        let (question, verdict) = (record.question.to_string(), verdict(record));
        accepted += usize::from(verdict.get("accepted").is_some());
        assert!(verdict.get("fault").is_none(), "{}: {verdict}", record.id);
        let line = json!({ "id": record.id, "question": question, "verdict": verdict });
        writeln!(lines, "{line}").expect("writes to memory");
    }
    let all = lines.lines().count();
    announce(&format!("{all} records, of which {MADE} made from seed {seed}: {accepted} accepted"));
    assert!((all / 4..all * 3 / 4).contains(&accepted), "both sides of the rules are reached");
    if let Some(path) = std::env::var_os("CORPUS_VERDICTS") {
        std::fs::write(&path, lines).expect("the file named by CORPUS_VERDICTS can be written");
    }
}

#[expect(clippy::print_stdout, reason = "the number of records is part of the report")]
fn announce(what: &str) {
    println!("{what}");
}

#[test]
fn the_corpus_is_large_and_every_id_is_there_once() {
    let cases = written();
    let ids: BTreeSet<&str> = cases.iter().map(|case| case.id.as_str()).collect();
    assert!(cases.len() >= CASES_MIN, "only {} cases", cases.len());
    assert_eq!(ids.len(), cases.len(), "an id is used twice");
}

#[test]
fn every_complaint_says_what_to_do() {
    for case in written() {
        for error in verdict(&case)["errors"].as_array().into_iter().flatten() {
            let message = error["message"].as_str().unwrap_or_default();
            assert!(message.len() > 10 && !message.ends_with('.'), "{}: {error}", case.id);
        }
    }
}
