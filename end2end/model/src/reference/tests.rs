//! The corners of the specification that decide what the rest is measured by.

use super::values::*;
use super::*;

const OPEN: i64 = 1_000_000;

fn reference(mode: Mode) -> Reference {
    let draw = Draw {
        mode,
        one_per_phone: true,
        capacity: None,
        requires_postcode: false,
        opens_at: OPEN,
        closes_at: OPEN + 3 * TOKEN_LIFE,
        is_closed: false,
    };
    Reference::new(OPEN, draw)
}

fn form(person: u8) -> Form {
    Form { payload: Payload { person, name: 0, phone: None, member: None, has_postcode: false }, flaw: None }
}

fn by_page(number: u32, browser: Option<u8>, form: Form) -> Attempt {
    Attempt { key: Key::Page { number, issued_at: OPEN }, browser, form }
}

#[test]
fn nothing_refuses_a_known_retry() {
    let mut machine = reference(Mode::Strict);
    let first = by_page(1, None, form(1));
    assert_eq!(machine.submit(&first), Expected::Created(0));
    machine.require_postcode(true);
    assert!(machine.set_capacity(Some(1)));
    machine.now += 4 * TOKEN_LIFE;
    machine.close();
    assert_eq!(machine.submit(&first), Expected::Replay(0, Proof::Key));
    assert_eq!(machine.submit(&by_page(2, None, form(1))), Expected::Invalid);
}

#[test]
fn a_reload_in_the_same_browser_gets_the_receipt_after_closing_and_nobody_else_does() {
    let mut machine = reference(Mode::Lenient);
    assert_eq!(machine.submit(&by_page(1, Some(1), form(1))), Expected::Created(0));
    assert_eq!(machine.submit(&by_page(2, Some(2), form(1))), Expected::AlreadyRegistered);
    assert_eq!(machine.submit(&by_page(2, None, form(1))), Expected::AlreadyRegistered);
    machine.close();
    assert_eq!(machine.submit(&by_page(2, Some(1), form(1))), Expected::Replay(0, Proof::Browser));
    assert_eq!(machine.submit(&by_page(3, Some(2), form(1))), Expected::Closed);
    assert_eq!(machine.end(0, End::Removed), Ended::Done);
    assert_eq!(machine.submit(&by_page(2, Some(1), form(1))), Expected::Replay(0, Proof::Key), "for good");
    assert_eq!(machine.claims(0), ["token", "token"]);
}

#[test]
fn what_ended_keeps_its_key_and_frees_the_rest() {
    let mut machine = reference(Mode::Lenient);
    let with_phone = |number, person| {
        let mut form = form(person);
        form.payload.phone = Some(1);
        by_page(number, None, form)
    };
    assert_eq!(machine.submit(&with_phone(1, 1)), Expected::Created(0));
    assert_eq!(machine.submit(&with_phone(2, 2)), Expected::Taken(vec![Field::Phone]));
    assert_eq!(machine.end(0, End::Withdrawn), Ended::Done);
    assert_eq!(machine.end(0, End::Withdrawn), Ended::Already);
    assert_eq!(
        machine.submit(&with_phone(1, 1)),
        Expected::Replay(0, Proof::Key),
        "a late retry makes nothing"
    );
    assert_eq!(machine.submit(&with_phone(2, 2)), Expected::Created(1));
    assert_eq!((machine.claims(0), machine.claims(1)), (vec!["token"], vec!["phone", "token"]));
    machine.close();
    assert_eq!(machine.end(1, End::Withdrawn), Ended::DrawClosed);
    assert_eq!(machine.end(1, End::Removed), Ended::Done, "an organiser may");
}

#[test]
fn a_token_is_refused_for_its_age_only_when_what_was_sent_in_time_has_settled() {
    let mut machine = reference(Mode::Lenient);
    machine.now = OPEN + TOKEN_LIFE;
    assert_eq!(machine.submit(&by_page(1, None, form(1))), Expected::TokenSettles);
    machine.now += TOKEN_SETTLES;
    assert_eq!(machine.submit(&by_page(1, None, form(1))), Expected::TokenExpired);
}

#[test]
fn a_key_that_was_acknowledged_belongs_to_what_it_was_acknowledged_with() {
    let mut machine = reference(Mode::Lenient);
    let by_integrator = |key, sequence, person| Attempt {
        key: Key::Integrator { source: 1, key, sequence },
        browser: None,
        form: form(person),
    };
    assert_eq!(machine.submit(&by_integrator(1, Some(7), 1)), Expected::Created(0));
    assert_eq!(machine.submit(&by_integrator(2, Some(7), 1)), Expected::Replay(0, Proof::Sequence));
    assert_eq!(machine.submit(&by_integrator(2, None, 2)), Expected::KeyReused(Clash::Person));
    assert_eq!(machine.submit(&by_integrator(2, Some(7), 1)), Expected::Replay(0, Proof::Key));
    assert_eq!(machine.submit(&by_integrator(3, Some(7), 2)), Expected::KeyReused(Clash::Sequence));
    assert_eq!(machine.submit(&by_integrator(3, None, 2)), Expected::Created(1), "it was used for nothing");
}
