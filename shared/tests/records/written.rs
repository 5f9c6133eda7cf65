//! The cases of `tests/corpus`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use super::Record;

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

/// Also where another crate compiles this file.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/tests/corpus")
}

fn read<T: DeserializeOwned>(path: &Path) -> T {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every case, each with its draw and its base form filled in.
pub(crate) fn written() -> Vec<Record> {
    let draws: BTreeMap<String, Draw> = read(&folder().join("draws.json"));
    let forms: BTreeMap<String, Map<String, Value>> = read(&folder().join("forms.json"));
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder().join("cases"))
        .expect("the folder of cases")
        .map(|file| file.expect("a file of cases").path())
        .collect();
    files.sort();
    let cases = files.iter().flat_map(|file| read::<Vec<Case>>(file));
    let record = |case: Case| {
        let draw = draws.get(&case.draw).unwrap_or_else(|| panic!("{}: no draw {}", case.id, case.draw));
        let base = forms.get(&case.base).unwrap_or_else(|| panic!("{}: no form {}", case.id, case.base));
        let mut form = base.clone();
        form.extend(case.form);
        let (today, closing_date) = (&case.today, &draw.closing_date);
        let question =
            json!({ "rules": draw.rules, "today": today, "closing_date": closing_date, "form": form });
        Record { id: case.id, question, expect: Some(case.expect) }
    };
    cases.map(record).collect()
}
