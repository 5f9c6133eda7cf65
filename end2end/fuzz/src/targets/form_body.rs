//! The form without JavaScript: `application/x-www-form-urlencoded`.

use std::collections::BTreeMap;

use axum::body::Body;
use server::http::body::{PostedForm, entry_form};
use shared::Problem;
use shared::entry::FIELDS;
use shared::integrator::Registration;
use shared::limits::BODY_BYTES;

use crate::input::Input;
use crate::promises;
use crate::world::{DRAWS, now, of_type};

/// The field beside those of a registration.
const TOKEN: &str = "token";

/// A form is read exactly when each field is known, UTF-8 and there once; and then every text as it was typed.
pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let draw = input.choose(&DRAWS);
    let form = match input.byte() % 3 {
        0 => any_form(input.rest()),
        1 => padded(input),
        _ => built(input),
    };
    if let Some(form) = form {
        let form = form.values.to_entry_form();
        promises::of_registration(&Registration::from(form), draw);
    }
}

fn read(body: &[u8]) -> Result<PostedForm, Problem> {
    let headers = of_type("application/x-www-form-urlencoded; charset=utf-8");
    now(entry_form(&headers, Body::from(body.to_vec()))).map_err(|refusal| {
        assert!(!refusal.detail().is_empty());
        refusal.problem
    })
}

fn any_form(body: &[u8]) -> Option<PostedForm> {
    let read = read(body);
    if body.len() > BODY_BYTES {
        assert_eq!(read.err(), Some(Problem::BodyTooLarge));
        return None;
    }
    match (read, fields(body)) {
        (Err(problem), None) => assert_eq!(problem, Problem::MalformedBody),
        (Ok(form), Some(fields)) => {
            says(&form, &fields);
            return Some(form);
        }
        (read, fields) => panic!("{fields:?} was read as {read:?}"),
    }
    None
}

fn says(form: &PostedForm, fields: &BTreeMap<String, String>) {
    let typed = |name: &str| fields.get(name).map_or("", String::as_str);
    assert_eq!(form.token, typed(TOKEN));
    for field in FIELDS {
        let wanted = match field {
            "accept_terms" if matches!(typed(field), "true" | "on") => "true",
            "accept_terms" => "",
            field => typed(field),
        };
        assert_eq!(form.values.text(field), wanted, "{field}, as it was typed");
    }
}

/// Empty fields before, as many as the next two bytes say: around the limit of size.
fn padded(mut input: Input<'_>) -> Option<PostedForm> {
    let empty = usize::from(u16::from_be_bytes(input.array())) % (2 * BODY_BYTES);
    any_form(&[vec![b'&'; empty], input.rest().to_vec()].concat())
}

/// Texts on lines of their own, each in the field of its place, escaped as browsers do.
fn built(input: Input<'_>) -> Option<PostedForm> {
    let names = [TOKEN].into_iter().chain(FIELDS);
    let fields: Vec<(&str, &str)> = names.zip(input.text()?.split('\n')).collect();
    let body = serde_urlencoded::to_string(&fields).expect("texts can be escaped");
    let form = any_form(body.as_bytes());
    assert_eq!(form.is_some(), body.len() <= BODY_BYTES, "what a browser sends is read: {body}");
    form
}

/// A second reader, to compare with: the fields by name, if each is known, UTF-8 and there once.
fn fields(body: &[u8]) -> Option<BTreeMap<String, String>> {
    let mut fields = BTreeMap::new();
    for field in body.split(|byte| *byte == b'&').filter(|field| !field.is_empty()) {
        let mut halves = field.splitn(2, |byte| *byte == b'=');
        let mut half = || unescaped(halves.next().unwrap_or_default());
        let (name, value) = (half()?, half()?);
        let is_known = name == TOKEN || FIELDS.contains(&name.as_str());
        if !is_known || fields.insert(name, value).is_some() {
            return None;
        }
    }
    Some(fields)
}

/// A plus is a blank, a percent sign with two digits is a byte, and by itself is itself.
fn unescaped(text: &[u8]) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        let digit = |at: usize| text.get(at).and_then(|digit| char::from(*digit).to_digit(16));
        let escaped = match (byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => u8::try_from(high * 16 + low).ok(),
            _ => None,
        };
        at += if escaped.is_some() { 3 } else { 1 };
        bytes.push(escaped.unwrap_or(if byte == b'+' { b' ' } else { byte }));
    }
    String::from_utf8(bytes).ok()
}
