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
//! error, in the order of the form. `end2end/rules-wasm/run.mjs` runs the same cases as WASM; the file named
//! by `CORPUS_VERDICTS`, written here, tells it what this build answered.

#[path = "corpus/judge.rs"]
mod judge;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

/// Fewest cases that deserve the name of a corpus.
const CASES_MIN: usize = 300;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    id: String,
    draw: String,
    today: String,
    base: String,
    form: Map<String, Value>,
    expect: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Draw {
    #[expect(dead_code, reason = "for who reads the file")]
    about: String,
    closing_date: String,
    rules: Value,
}

struct Corpus {
    draws: BTreeMap<String, Draw>,
    forms: BTreeMap<String, Map<String, Value>>,
    cases: Vec<Case>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

fn read<T: DeserializeOwned>(path: &Path) -> T {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

impl Corpus {
    fn load() -> Self {
        let mut files: Vec<PathBuf> = std::fs::read_dir(folder().join("cases"))
            .expect("the folder of cases")
            .map(|file| file.expect("a file of cases").path())
            .collect();
        files.sort();
        Self {
            draws: read(&folder().join("draws.json")),
            forms: read(&folder().join("forms.json")),
            cases: files.iter().flat_map(|file| read::<Vec<Case>>(file)).collect(),
        }
    }

    fn verdict(&self, case: &Case) -> Value {
        let draw = self.draws.get(&case.draw).unwrap_or_else(|| panic!("{}: no draw {}", case.id, case.draw));
        let base = self.forms.get(&case.base).unwrap_or_else(|| panic!("{}: no form {}", case.id, case.base));
        let mut form = base.clone();
        form.extend(case.form.clone());
        let question = json!({
            "rules": draw.rules, "today": case.today, "closing_date": draw.closing_date, "form": form,
        });
        serde_json::from_str(&judge::judge(&question.to_string())).expect("a verdict in JSON")
    }
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
    let corpus = Corpus::load();
    let verdicts: Vec<Value> = corpus.cases.iter().map(|case| corpus.verdict(case)).collect();
    if let Some(path) = std::env::var_os("CORPUS_VERDICTS") {
        let line =
            |(case, verdict): (&Case, &Value)| format!("{}\n", json!({ "id": case.id, "verdict": verdict }));
        let lines: String = corpus.cases.iter().zip(&verdicts).map(line).collect();
        std::fs::write(&path, lines).expect("the file named by CORPUS_VERDICTS can be written");
    }

    let mismatches: Vec<String> = corpus
        .cases
        .iter()
        .zip(&verdicts)
        .filter_map(|(case, verdict)| {
            Some(format!("{}\n    {}", case.id, difference(&case.expect, verdict)?))
        })
        .collect();
    let (wrong, all) = (mismatches.len(), corpus.cases.len());
    assert!(mismatches.is_empty(), "{wrong} of {all} cases differ:\n  {}", mismatches.join("\n  "));
    announce(all);
}

#[expect(clippy::print_stdout, reason = "the number of cases is part of the report")]
fn announce(cases: usize) {
    println!("{cases} cases agree");
}

#[test]
fn the_corpus_is_large_and_every_id_is_there_once() {
    let corpus = Corpus::load();
    let ids: BTreeSet<&str> = corpus.cases.iter().map(|case| case.id.as_str()).collect();
    assert!(corpus.cases.len() >= CASES_MIN, "only {} cases", corpus.cases.len());
    assert_eq!(ids.len(), corpus.cases.len(), "an id is used twice");
}

#[test]
fn every_complaint_says_what_to_do() {
    let corpus = Corpus::load();
    for case in &corpus.cases {
        for error in corpus.verdict(case)["errors"].as_array().into_iter().flatten() {
            let message = error["message"].as_str().unwrap_or_default();
            assert!(message.len() > 10 && !message.ends_with('.'), "{}: {error}", case.id);
        }
    }
}
