//! The rules of `shared` behind one call, so that node can run the corpus of `shared/tests/corpus` against
//! the code the browser runs. `run.mjs` does so.

#[path = "../../../shared/tests/corpus/judge.rs"]
mod case;

use wasm_bindgen::prelude::wasm_bindgen;

/// Judges one case, JSON in and JSON out: from `{rules, today, closing_date, form}` to
/// `{"accepted": {...}}`, `{"errors": [{field, code, message}]}`, `{"malformed": true}` for a form that
/// cannot be read, or `{"fault": "..."}` for a case that cannot.
#[wasm_bindgen]
pub fn judge(case_json: &str) -> String {
    case::judge(case_json)
}
