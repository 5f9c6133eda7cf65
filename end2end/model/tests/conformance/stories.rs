//! What was once found, as the shortest steps that lead there: tried on every layout before anything is drawn at
//! random. To add one: the steps of a failure, as they were printed, and what they are about.

use model::reference::values::{End, Flaw, Form, Mode, Payload};
use proptest_state_machine::StateMachineTest as _;

use crate::ground::{Ground, Layout};
use crate::transitions::{Beside, HOUR, Named, Press, Setting, Transition};
use crate::world::Conformance;

/// Tells every story on the ground that was laid.
pub fn tell_all() {
    for layout in Ground::current().layouts() {
        for mode in [Mode::Lenient, Mode::Strict] {
            for steps in [
                a_form_that_keeps_the_rules_does_not_share_the_refusal_of_one_that_does_not(),
                a_key_acknowledged_by_its_sequence_belongs_to_nobody_else(),
                a_key_acknowledged_by_its_sequence_is_so_when_the_rules_refuse_it_by_now(),
                a_reload_that_was_acknowledged_stays_so(),
            ] {
                let setting = setting(*layout, mode);
                Conformance::test_sequential(
                    proptest::prelude::ProptestConfig::default(),
                    setting,
                    steps,
                    None,
                );
            }
        }
    }
}

fn setting(layout: Layout, mode: Mode) -> Setting {
    Setting { layout, mode, one_per_phone: true, capacity: None, opens_in: 0 }
}

fn form(person: u8) -> Form {
    Form { payload: Payload { person, name: 0, phone: None, member: None, has_postcode: false }, flaw: None }
}

fn press(named: Named, form: Form) -> Press {
    let browser = matches!(named, Named::Page(_)).then_some(0);
    Press { named, browser, form, sloppy: false }
}

fn by_integrator(key: u8, sequence: Option<u8>, person: u8) -> Press {
    press(Named::Integrator { source: 0, key, sequence }, form(person))
}

fn submit(server: usize, press: Press) -> Transition {
    Transition::Submit { server, press }
}

/// Two presses under one token: one that forgot to accept the terms, and one that did not. Their contents are the
/// same, but only one of them was refused.
fn a_form_that_keeps_the_rules_does_not_share_the_refusal_of_one_that_does_not() -> Vec<Transition> {
    let accepted = press(Named::Page(0), form(0));
    let refused = Press { form: Form { flaw: Some(Flaw::TermsRefused), ..accepted.form }, ..accepted };
    vec![Transition::Burst { presses: vec![(0, refused), (0, accepted)], beside: Beside::Nothing }]
}

/// An integrator sends a sequence again under another key, and is acknowledged: then that key is used.
fn a_key_acknowledged_by_its_sequence_belongs_to_nobody_else() -> Vec<Transition> {
    vec![
        submit(0, by_integrator(0, Some(0), 0)),
        submit(1, by_integrator(1, Some(0), 0)),
        submit(0, by_integrator(1, None, 1)),
        submit(1, by_integrator(1, Some(0), 0)),
    ]
}

/// The same, when what was accepted is refused by rules that were edited since.
fn a_key_acknowledged_by_its_sequence_is_so_when_the_rules_refuse_it_by_now() -> Vec<Transition> {
    vec![
        submit(0, by_integrator(0, Some(0), 0)),
        Transition::RequirePostcode(true),
        submit(1, by_integrator(1, Some(0), 0)),
        Transition::RequirePostcode(false),
        submit(0, by_integrator(1, None, 1)),
        submit(1, by_integrator(1, Some(0), 0)),
    ]
}

/// A reload in the same browser is acknowledged under a fresh token; later the entry is withdrawn, and the token is
/// old.
fn a_reload_that_was_acknowledged_stays_so() -> Vec<Transition> {
    let reloaded = press(Named::Page(1), form(0));
    vec![
        submit(0, press(Named::Page(0), form(0))),
        submit(1, reloaded),
        Transition::End { server: 0, entry: 0, end: End::Withdrawn },
        submit(0, reloaded),
        Transition::Advance(25 * HOUR),
        Transition::Restart { server: 1 },
        submit(1, reloaded),
    ]
}
