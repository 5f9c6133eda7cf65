//! What holds of every registration, however it came in.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use server::admission::attempt::{Attempt, Token};
use server::admission::sender::Sender;
use server::integrators::Credentials;
use server::receipt;
use server::secrets::bucket;
use server::store::Draw;
use server::store::integrators::Integrator;
use shared::contact::Email;
use shared::entry::{FIELDS, Names};
use shared::integrator::Registration;
use shared::{Entry, EntryForm, FieldError};
use uuid::Uuid;

use crate::world::{NOW, OURS};

/// A draw's verdict on a form is an entry that is its own canonical form, or complaints in order.
pub fn of_form(form: &EntryForm, draw: &Draw) {
    let (rules, dates) = (&draw.spec.rules, draw.dates(NOW));
    match Entry::parse(form, rules, dates) {
        Ok(entry) => {
            let again = Entry::parse(&entry.to_form(), rules, dates);
            assert_eq!(again.as_ref(), Ok(&entry), "what was accepted is accepted again, and is the same");
            let names = Names::read(form, rules);
            assert_eq!(names.payload, Some(entry.canonical_bytes()), "the verdict changes no fingerprint");
            assert_eq!(names.email.as_ref(), Some(&entry.email.canonical), "the verdict changes no person");
            let canonical = Email::parse(&entry.email.canonical).map(|email| email.canonical);
            assert_eq!(canonical.as_ref(), Ok(&entry.email.canonical), "a canonical address is its own");
        }
        Err(errors) => of_errors(&errors),
    }
    let json = serde_json::to_string(form).expect("a form is JSON");
    assert_eq!(serde_json::from_str::<EntryForm>(&json).expect("a form"), *form, "a form survives JSON");
}

fn of_errors(errors: &[FieldError]) {
    let place = |error: &FieldError| FIELDS.iter().position(|field| *field == error.field);
    let places: Option<Vec<usize>> = errors.iter().map(place).collect();
    let is_orderly = places.is_some_and(|places| !places.is_empty() && places.is_sorted_by(|a, b| a < b));
    assert!(is_orderly, "complaints are in the order of the form, one a field: {errors:?}");
    let is_clear = |error: &FieldError| !error.message.is_empty() && error.code != "unreadable";
    assert!(errors.iter().all(is_clear), "each says what to do: {errors:?}");
}

/// What the admission path makes of a registration agrees with the rules' verdict.
pub fn of_registration(registration: &Registration, draw: &Arc<Draw>) {
    let form = &registration.form;
    of_form(form, draw);
    let integrator = Arc::new(Integrator { id: Uuid::from_u128(9), name: "partner".to_owned() });
    let token = Token::of_integrator("0123456789abcdef", integrator, &OURS, draw.id);
    let sender = Sender {
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        cookie: None,
        credentials: Credentials::Anonymous,
        has_turn: false,
    };
    let attempt = Attempt::judge(Arc::clone(draw), token, registration, sender, &OURS, NOW);
    let parsed = Entry::parse(form, &draw.spec.rules, draw.dates(NOW));
    assert_eq!(attempt.verdict.as_ref().ok().map(|(entry, _)| entry), parsed.as_ref().ok());
    assert_eq!(attempt.claimant.person.is_some(), Email::parse(&form.email).is_ok());
    assert_eq!(attempt.claimant.source.is_some(), registration.sequence.is_some());
    if let Ok((entry, identity)) = &attempt.verdict {
        let row = attempt.new_entry(entry, *identity, &OURS, &crate::world::AMBIENT);
        assert_eq!(receipt::bucket_of(&row.receipt), Some(bucket(&identity.person)));
    }
}
