//! The checker sees what it is there to see: one made-up history for each way in which a promise can be broken.

mod made;

use std::collections::HashSet;
use std::sync::Arc;

use super::*;
use crate::database::{EntryRow, POISON};
use crate::history::Outcome;
use made::*;

#[test]
fn nothing_is_wrong_where_nothing_is() {
    assert_eq!(Made::new().broken(), [""; 0]);
}

#[test]
fn it_sees_an_acknowledged_entry_that_is_lost() {
    let mut made = Made::new();
    made.0.dump.entries.clear();
    made.0.dump.claims.clear();
    made.0.dump.draws[0].taken = 0;
    made.breaks("every acknowledged entry is in the database");
}

#[test]
fn it_sees_an_entry_that_is_stored_otherwise_than_it_was_told() {
    let changes: [fn(&mut EntryRow); 3] =
        [|row| row.registered_at -= 1, |row| row.receipt.push('x'), |row| row.email_canonical.push('x')];
    for change in changes {
        let mut made = Made::new();
        change(&mut made.0.dump.entries[0]);
        made.breaks("every acknowledged entry is in the database");
    }
}

#[test]
fn it_sees_another_body_for_the_same_attempt() {
    let mut made = Made::new();
    let mut other = replayed(0);
    other.body.push(' ');
    made.press(0, "ada", 5, other);
    made.breaks("the same bytes");
}

#[test]
fn it_sees_a_retry_that_is_refused_after_its_acknowledgement() {
    for code in ["token-expired", "draw-not-open"] {
        let mut made = Made::new();
        made.press(0, "ada", 5, refused(code));
        assert!(made.broken().contains(&"no retry is refused once its attempt was acknowledged"), "{code}");
    }
}

#[test]
fn it_sees_an_attempt_that_is_told_closed_and_let_in_in_either_order() {
    for at in [0, 5] {
        let mut made = Made::new();
        made.0.dump.draws[0].state = "closed".to_owned();
        made.press(0, "ada", at, refused("draw-closed"));
        assert!(made.broken().iter().any(|it| it.contains("never told closed")), "at {at}");
    }
}

#[test]
fn it_sees_a_borrowed_receipt_that_is_not_given_again() {
    let mut made = Made::new();
    let reloaded = made.attempt("ada", Some(1));
    made.press(reloaded, "ada", 5, replayed(0));
    assert_eq!(made.broken(), [""; 0]);
    made.press(reloaded, "ada", 7, Answer { status: 403, ..refused("token-expired") });
    made.breaks("its browser's earlier receipt");
}

#[test]
fn it_sees_two_live_entries_of_one_person() {
    let mut made = Made::new();
    let again = made.attempt("ada", None);
    made.enter(1, "ada");
    made.0.dump.claims.retain(|claim| claim.kind != "phone" || claim.entry.ends_with('0'));
    made.0.dump.entries[1].phone = None;
    made.press(again, "ada", 5, created(1));
    made.breaks("at most one live entry");
}

#[test]
fn it_sees_a_second_entry_that_came_before_the_first_was_taken_back() {
    for (asked, holds) in [(5, true), (9, false)] {
        let mut made = Made::new();
        made.take_back(Some(asked));
        let again = made.attempt("ada", None);
        made.enter(1, "ada");
        made.0.dump.entries[0].registered_at += 20;
        let mut answer = created(1);
        answer.body = answer.body.replace("10:00:00.000", "10:00:00.020");
        made.press(again, "ada", 7, answer);
        assert_eq!(made.broken().is_empty(), holds, "asked at {asked}: {:?}", made.broken());
    }
}

#[test]
fn it_sees_an_entry_that_nobody_took_back_or_that_is_back() {
    let mut made = Made::new();
    made.take_back(None);
    made.breaks("what was taken back was asked to be");
    let mut made = Made::new();
    let step = Step::Withdraw { receipt: "receipt0".to_owned() };
    made.call(5, step, Outcome::Answered(Answer { status: 204, ..Answer::default() }));
    made.breaks("what was taken back was asked to be");
}

#[test]
fn it_sees_an_entry_that_nobody_was_told_of() {
    let mut made = Made::new();
    made.enter(1, "bob");
    made.breaks("somebody was told of every entry");
}

#[test]
fn it_sees_a_receipt_in_other_hands() {
    let mut made = Made::new();
    let eve = made.attempt("eve", Some(1));
    made.press(eve, "eve", 5, replayed(0));
    assert!(made.broken().iter().any(|it| it.contains("nobody gets the receipt of another person")));
    // The same person, whose browser proves nothing.
    for browser in [None, Some(2)] {
        let mut made = Made::new();
        let elsewhere = made.attempt("ada", browser);
        made.press(elsewhere, "ada", 5, replayed(0));
        made.breaks("nobody gets the receipt of another person");
    }
}

#[test]
fn it_sees_a_strict_key_that_took_another_payload() {
    let mut made = Made::new();
    made.draw().is_strict = true;
    let changed = Payload { name: "Countess".to_owned(), ..payload("ada") };
    made.press_with(0, changed, 5, replayed(0));
    made.breaks("where keys are strict");
}

#[test]
fn it_sees_somebody_who_gets_in_with_what_the_rules_refuse() {
    let mut made = Made::new();
    let wrong = Payload { is_valid: false, ..payload("bob") };
    let bob = made.attempt("bob", None);
    Arc::make_mut(&mut made.0.attempts[bob]).payload = Arc::new(wrong.clone());
    made.enter(1, "bob");
    made.press_with(bob, wrong, 5, created(1));
    made.breaks("nobody gets in with what the rules refuse");
}

#[test]
fn it_sees_an_attempt_that_never_found_out() {
    let mut made = Made::new();
    let bob = made.attempt("bob", None);
    made.press(bob, "bob", 5, Answer { status: 503, ..refused("storage-unavailable") });
    made.breaks("every attempt got a definite answer");
}

#[test]
fn it_sees_registered_already_where_nobody_is() {
    let mut made = Made::new();
    let bob = made.attempt("bob", None);
    made.press(bob, "bob", 5, refused("already-registered"));
    made.breaks("\"already registered\" is true");
    // Nor is the phone number of one's own a reason.
    let mut made = Made::new();
    let bob = made.attempt("bob", None);
    let answer = Answer { fields: vec!["phone".to_owned()], ..refused("already-registered") };
    made.press(bob, "bob", 5, answer);
    made.breaks("\"already registered\" is true");
}

#[test]
fn it_sees_a_reload_that_is_turned_away() {
    let mut made = Made::new();
    let reloaded = made.attempt("ada", Some(1));
    made.press(reloaded, "ada", 5, refused("already-registered"));
    made.breaks("a reload of who is registered");
    // Another browser proves nothing and is rightly told so.
    let mut made = Made::new();
    let elsewhere = made.attempt("ada", Some(2));
    made.press(elsewhere, "ada", 5, refused("already-registered"));
    assert_eq!(made.broken(), [""; 0]);
}

#[test]
fn it_sees_a_key_called_reused_that_was_not() {
    let mut made = Made::new();
    let bob = made.attempt("bob", None);
    made.press(bob, "bob", 5, refused("idempotency-key-reused"));
    made.breaks("\"key reused\"");
    // A second person under the first's key is rightly told so.
    let mut made = Made::new();
    made.press(0, "bob", 5, refused("idempotency-key-reused"));
    assert_eq!(made.broken(), [""; 0]);
}

#[test]
fn it_sees_closed_and_full_where_they_are_not() {
    for code in ["draw-closed", "draw-full"] {
        let mut made = Made::new();
        made.draw().capacity = Some(2);
        let bob = made.attempt("bob", None);
        made.press(bob, "bob", 5, refused(code));
        made.breaks("\"full\" only of full ones");
        made.0.dump.draws[0].state = "closed".to_owned();
        made.draw().capacity = Some(1);
        assert_eq!(made.broken(), [""; 0], "{code}");
    }
}

#[test]
fn it_sees_a_valid_form_called_invalid() {
    let mut made = Made::new();
    let bob = made.attempt("bob", None);
    made.press(bob, "bob", 5, Answer { status: 422, ..refused("validation-failed") });
    made.breaks("\"validation failed\"");
}

#[test]
fn it_sees_a_fault_of_ours_that_no_poison_explains() {
    let mut made = Made::new();
    let poisoned = Payload { name: POISON.to_owned(), ..payload("ada") };
    let fault = Answer { status: 500, ..refused("internal-error") };
    made.press_with(0, poisoned, 5, fault.clone());
    made.breaks("no answer is a fault of ours");
    made.0.poisoned.push((seconds(4), seconds(8)));
    assert_eq!(made.broken(), [""; 0]);
    made.press(0, "ada", 5, fault);
    made.breaks("no answer is a fault of ours");
}

#[test]
fn it_sees_a_refusal_without_a_reason() {
    let mut made = Made::new();
    let bob = made.attempt("bob", None);
    made.press(bob, "bob", 5, Answer { status: 404, ..refused("draw-not-found") });
    made.breaks("nobody is refused without a reason");
}

#[test]
fn it_sees_what_enters_a_draw_that_is_called_closed() {
    let mut made = Made::new();
    made.0.frozen.insert(0, HashSet::new());
    made.breaks("nothing enters a draw after somebody was told");
}

#[test]
fn it_sees_an_entry_after_closing() {
    let mut made = Made::new();
    made.0.dump.draws[0].closes_at = AT_MILLIS;
    made.breaks("was registered before it closed");
    let mut made = Made::new();
    made.0.dump.draws[0].closed_at = Some(AT_MILLIS - 1);
    made.breaks("was registered before it closed");
}

#[test]
fn it_sees_counters_that_are_wrong_and_draws_that_are_too_full() {
    let mut made = Made::new();
    made.0.dump.draws[0].taken = 2;
    made.breaks("counters say how many are in");
    let mut made = Made::new();
    made.draw().capacity = Some(0);
    made.breaks("counters say how many are in");
}

#[test]
fn it_sees_claims_that_lack_and_claims_of_nobody() {
    for kind in ["token", "phone"] {
        let mut made = Made::new();
        made.0.dump.claims.retain(|claim| claim.kind != kind);
        made.breaks("every entry has the claims it needs");
    }
    let mut made = Made::new();
    made.0.dump.claims[0].entry = "0".repeat(31) + "9";
    made.breaks("every entry has the claims it needs");
}

#[test]
fn it_sees_an_export_or_a_reconciliation_that_disagrees() {
    let mut made = Made::new();
    made.0.exports.insert(SLUG.to_owned(), Vec::new());
    made.breaks("the export holds the live entries");
    let mut made = Made::new();
    made.0.reconciled.push("the counter says 2".to_owned());
    made.breaks("the export holds the live entries");
}

#[test]
fn it_sees_what_the_next_day_brought() {
    let mut made = Made::new();
    made.0.next_day = Some(made.0.dump.clone());
    assert_eq!(made.broken(), [""; 0]);
    made.0.next_day = Some(Dump { draws: made.0.dump.draws.clone(), ..Dump::default() });
    made.breaks("the next day's retries");
}

#[test]
fn it_sees_a_server_that_ended_by_itself() {
    let mut made = Made::new();
    made.0.troubles.push("server 1 ended by itself".to_owned());
    made.breaks("nothing else went wrong");
}
