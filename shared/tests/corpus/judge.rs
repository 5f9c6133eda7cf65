//! One case in, one verdict out, both as JSON. The native test and `end2end/rules-wasm` compile this very
//! file, so that what they compare is the rules and nothing around them.

use serde::Deserialize;
use serde_json::{Value, json};
use shared::{Dates, DrawRules, Entry, EntryForm, rules::parse_date};

/// What there is to judge, with every name resolved.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    rules: DrawRules,
    today: String,
    closing_date: String,
    form: Value,
}

/// Judges `{rules, today, closing_date, form}`. The verdict is one of
///
/// - `{"accepted": {every field of the entry, canonical}}`
/// - `{"errors": [{field, code, message}]}`, in the order of the form
/// - `{"malformed": true}` when the form cannot be read as one
/// - `{"fault": "..."}` when the case itself cannot be read
pub(crate) fn judge(case_json: &str) -> String {
    verdict(case_json).unwrap_or_else(|fault| json!({ "fault": fault })).to_string()
}

fn verdict(case_json: &str) -> Result<Value, String> {
    let case: Case = serde_json::from_str(case_json).map_err(|error| error.to_string())?;
    let day = |text: &str| parse_date(text).ok_or_else(|| format!("no date: {text}"));
    let dates = Dates { today: day(&case.today)?, closing: day(&case.closing_date)? };
    let Ok(form) = serde_json::from_value::<EntryForm>(case.form) else {
        return Ok(json!({ "malformed": true }));
    };
    Ok(match Entry::parse(&form, &case.rules, dates) {
        Ok(entry) => json!({ "accepted": canonical(&entry) }),
        Err(errors) => json!({ "errors": errors }),
    })
}

fn canonical(entry: &Entry) -> Value {
    json!({
        "full_name": entry.full_name,
        "email": entry.email.canonical,
        "email_typed": entry.email.typed,
        "phone": entry.phone,
        "date_of_birth": entry.date_of_birth.map(|date| date.to_string()),
        "guardian_name": entry.guardian_name,
        "country": entry.country,
        "postcode": entry.postcode,
        "category": entry.category,
        "member_id": entry.member_id,
        "session": entry.session,
        "party_size": entry.party_size,
    })
}
