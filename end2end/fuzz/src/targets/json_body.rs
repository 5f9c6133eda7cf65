//! The JSON body of a request to register, an integrator's included.

use axum::body::Body;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use server::http::body::registration_json;
use server::integrators::{ApiKey, Credentials};
use shared::entry::FIELDS;
use shared::integrator::{Registration, SEQUENCE};
use shared::limits::{BODY_BYTES, SEQUENCE_CHARS, SEQUENCE_NUMBER_MAX};
use shared::{EntryForm, Problem};

use crate::input::Input;
use crate::promises;
use crate::world::{AMBIENT, DRAWS, now, of_type};

/// A body is read exactly when it is one object of known members, each once and of its type; and then as what it says.
pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let draw = input.choose(&DRAWS);
    match input.byte() % 4 {
        0 => {
            if let Some(registration) = any_body(input.rest()) {
                promises::of_registration(&registration, draw);
            }
        }
        1 => padded(input),
        mode => {
            let Some(registration) = built(input, mode == 3) else { return };
            promises::of_registration(&registration, draw);
        }
    }
}

fn read(body: &[u8], credentials: &Credentials) -> Result<Registration, Problem> {
    let headers = of_type("application/json");
    let read = now(registration_json(&headers, Body::from(body.to_vec()), credentials));
    read.map(|sent| sent.registration).map_err(|refusal| {
        assert!(!refusal.detail().is_empty());
        refusal.problem
    })
}

/// What an integrator's body is read as.
fn any_body(body: &[u8]) -> Option<Registration> {
    let members = Members::of(body);
    let key = ApiKey::new(&AMBIENT);
    let integrator = read(body, &Credentials::ApiKey(key));
    let anybody = read(body, &Credentials::Anonymous);
    if body.len() > BODY_BYTES {
        assert_eq!(integrator.err(), Some(Problem::BodyTooLarge));
        assert_eq!(anybody.err(), Some(Problem::BodyTooLarge));
        return None;
    }
    let is_registration = members.as_ref().is_some_and(|members| members.are_known(true));
    let is_form = members.as_ref().is_some_and(|members| members.are_known(false));
    assert_eq!(integrator.is_ok(), is_registration, "an integrator's: {integrator:?}");
    assert_eq!(anybody.is_ok(), is_form, "anybody's: {anybody:?}");
    for problem in [&integrator, &anybody].into_iter().filter_map(|read| read.as_ref().err()) {
        assert_eq!(*problem, Problem::MalformedBody);
    }
    let registration = integrator.ok()?;
    if let Ok(anybody) = anybody {
        assert_eq!(anybody, registration, "who sends it changes nothing of a form");
    }
    members?.say(&registration);
    Some(registration)
}

/// Blanks before, as many as the next two bytes say: around the limit of size.
fn padded(mut input: Input<'_>) {
    let blanks = usize::from(u16::from_be_bytes(input.array())) % (2 * BODY_BYTES);
    let body = [vec![b' '; blanks], input.rest().to_vec()].concat();
    any_body(&body);
}

/// A body of the right shape, the members' values separated by line feeds: in no other way would most inputs reach
/// the rules.
fn built(input: Input<'_>, is_whole: bool) -> Option<Registration> {
    let mut values = input.text()?.split('\n');
    let mut form = match is_whole {
        true => serde_json::json!({
            "full_name": "Ada Lovelace", "email": "ada@example.org", "phone": "+441632960961", "country": "GB",
            "date_of_birth": "1990-12-10", "postcode": "AB1 2CD", "accept_terms": true,
        }),
        false => serde_json::json!({ "accept_terms": true }),
    };
    while let (Some(name), Some(value)) = (values.next(), values.next()) {
        let name = FIELDS.iter().find(|field| field.starts_with(name)).copied().unwrap_or(SEQUENCE);
        form[name] = match name {
            "accept_terms" => value.is_empty().into(),
            "party_size" => value.parse::<i64>().map_or(Value::Null, Value::from),
            SEQUENCE => value.parse::<u64>().map_or_else(|_| value.into(), Value::from),
            _ => value.into(),
        };
    }
    any_body(form.to_string().as_bytes())
}

/// The members of an object, each as it stands there: a second reader, to compare with.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Members;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        from.deserialize_map(All)
    }
}

impl Members {
    fn of(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }

    /// Whether each is known, there once, and of its type.
    fn are_known(&self, has_sequence: bool) -> bool {
        let is_right = |(at, (name, value)): (usize, &(String, Value))| {
            let is_first = self.0[..at].iter().all(|(other, _)| other != name);
            let is_right = match (name.as_str(), value) {
                (SEQUENCE, _) if !has_sequence => false,
                (SEQUENCE, Value::Null) => true,
                (SEQUENCE, Value::String(text)) => {
                    (1..=SEQUENCE_CHARS).contains(&text.len())
                        && text.bytes().all(|byte| (0x21..=0x7e).contains(&byte))
                }
                (SEQUENCE, value) => value.as_u64().is_some_and(|number| number <= SEQUENCE_NUMBER_MAX),
                (name, Value::Null) => FIELDS.contains(&name),
                ("accept_terms", value) => value.is_boolean(),
                ("party_size", value) => value.is_i64(),
                (name, value) => FIELDS.contains(&name) && value.is_string(),
            };
            is_first && is_right
        };
        self.0.iter().enumerate().all(is_right)
    }

    /// Each member's value is what was read, and nothing was read that is not there.
    fn say(&self, registration: &Registration) {
        let Registration { form, sequence } = registration;
        let mut said = serde_json::to_value(EntryForm::default()).expect("a form is JSON");
        let mut said_sequence = None;
        for (name, value) in &self.0 {
            match (name.as_str(), value) {
                (_, Value::Null) => {}
                (SEQUENCE, Value::String(text)) => said_sequence = Some(text.clone()),
                (SEQUENCE, number) => said_sequence = Some(number.to_string()),
                (_, Value::String(text)) if text.is_empty() => {}
                (name, value) => said[name] = value.clone(),
            }
        }
        assert_eq!(serde_json::to_value(form).expect("a form is JSON"), said);
        assert_eq!(sequence.as_ref().map(|sequence| sequence.as_str()), said_sequence.as_deref());
    }
}
