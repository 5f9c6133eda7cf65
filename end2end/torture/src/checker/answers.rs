//! Answers, compared with each other.

use std::collections::{HashMap, HashSet};

use super::{Check, Index, Press};
use crate::history::{AttemptId, Payload};

pub(super) fn check(index: &Index<'_>) -> Vec<Check> {
    vec![
        same_bytes(index),
        known_retries(index),
        borrowed(index),
        one_decision(index),
        strict_keys(index),
        nobody_elses(index),
        only_valid(index),
        settled(index),
    ]
}

/// G3.
fn same_bytes(index: &Index<'_>) -> Check {
    let mut check = Check::new("every receipt of an attempt, and of an entry, has the same bytes");
    for attempt in (0..index.evidence.attempts.len()).filter(|it| !index.borrowers.contains(it)) {
        one_receipt(index, attempt, &mut check);
    }
    for (entry, given) in &index.receipts {
        for (press, _) in &given[1..] {
            let same = press.answer().map(|it| &it.body) == given[0].0.answer().map(|it| &it.body);
            check.look(same, &[given[0].0.at, press.at], || format!("entry {entry} has two receipts"));
        }
    }
    check
}

fn one_receipt(index: &Index<'_>, attempt: AttemptId, check: &mut Check) {
    let mut receipts = index.of_attempt(attempt).filter(|press| press.is_in());
    let Some(first) = receipts.next() else { return };
    for other in receipts {
        let (one, two) = (first.answer().map(|it| &it.body), other.answer().map(|it| &it.body));
        check.look(one == two, &[first.at, other.at], || format!("attempt {attempt} got two receipts"));
    }
}

/// G3 holds for every acknowledged attempt, also for one that was acknowledged with the receipt of another.
fn borrowed(index: &Index<'_>) -> Check {
    let mut check =
        Check::new("an attempt that was given its browser's earlier receipt gets it again, always");
    for attempt in &index.borrowers {
        one_receipt(index, *attempt, &mut check);
    }
    let refused = index.presses.iter().filter(|press| press.is_refused());
    for press in refused.filter(|press| index.borrowers.contains(&press.attempt)) {
        refused_later(index, press, &mut check);
    }
    check
}

/// Nothing refuses a known retry.
fn known_retries(index: &Index<'_>) -> Check {
    let mut check = Check::new("no retry is refused once its attempt was acknowledged");
    let refused = index.presses.iter().filter(|press| press.is_refused());
    for press in refused.filter(|press| !index.borrowers.contains(&press.attempt)) {
        refused_later(index, press, &mut check);
    }
    check
}

fn refused_later(index: &Index<'_>, press: &Press<'_>, check: &mut Check) {
    let known = index.of_attempt(press.attempt).find(|it| it.is_in() && it.is_before(press));
    let Some(known) = known else { return };
    let draw = index.draw(press.call.draw);
    let is_other_person = press.payload.person != known.payload.person;
    let is_other = press.payload != known.payload;
    let may_be_reused =
        is_other_person || (is_other && (draw.is_strict || index.is_integrators(press.attempt)));
    let holds = may_be_reused && press.call.code() == "idempotency-key-reused";
    check.look(holds, &[known.at, press.at], || {
        format!("attempt {} was acknowledged, then told {}", press.attempt, press.call.code())
    });
}

/// What is told from a committed state cannot be told both ways.
fn one_decision(index: &Index<'_>) -> Check {
    let mut check = Check::new("an attempt that was let in is never told closed, full or registered already");
    let refused = index.presses.iter().filter(|press| press.is_refused());
    for press in refused.filter(|press| !index.borrowers.contains(&press.attempt)) {
        let is_final = match press.call.code() {
            "draw-closed" => true,
            "draw-full" => index.draw(press.call.draw).capacity.is_some(),
            // A place that was taken back is free for the next.
            "already-registered" => !index.withdrawers.contains_key(&press.call.case),
            _ => false,
        };
        if !is_final {
            continue;
        }
        let same = index.of_attempt(press.attempt).find(|it| it.is_in() && it.payload == press.payload);
        check.look(same.is_none(), &[press.at, same.map_or(press.at, |it| it.at)], || {
            format!("attempt {} was told {} and was let in", press.attempt, press.call.code())
        });
    }
    check
}

/// In a strict draw, and for an integrator, a key has one payload.
fn strict_keys(index: &Index<'_>) -> Check {
    let mut check = Check::new("where keys are strict, no other payload is answered with a receipt");
    for attempt in &index.evidence.attempts {
        if !index.draw(attempt.draw).is_strict && !attempt.is_integrators {
            continue;
        }
        let receipts: Vec<&Press<'_>> = index.of_attempt(attempt.id).filter(|press| press.is_in()).collect();
        let Some(first) = receipts.first() else { continue };
        for other in &receipts {
            check.look(other.payload == first.payload, &[first.at, other.at], || {
                format!("attempt {} got its receipt for another payload", attempt.id)
            });
        }
    }
    check
}

/// G8.
fn nobody_elses(index: &Index<'_>) -> Check {
    let mut check =
        Check::new("nobody gets the receipt of another person, or without proof of another browser");
    for (entry, given) in &index.receipts {
        let (first, _) = &given[0];
        let mut attempts: HashMap<usize, &Press<'_>> = HashMap::new();
        for (press, _) in given {
            check.look(press.payload.person == first.payload.person, &[first.at, press.at], || {
                format!("entry {entry} was given to {} and {}", first.payload.person, press.payload.person)
            });
            attempts.entry(press.attempt).or_insert(press);
        }
        let mut distinct: Vec<&Press<'_>> = attempts.into_values().collect();
        distinct.sort_by_key(|press| press.at);
        for other in distinct.iter().skip(1) {
            let is_proven =
                proofs(index, distinct[0]).iter().any(|proof| proofs(index, other).contains(proof));
            check.look(is_proven, &[distinct[0].at, other.at], || {
                format!("entry {entry} was given to attempts {} and {}", distinct[0].attempt, other.attempt)
            });
        }
    }
    check
}

/// What an attempt can prove that it is the same as another: payloads of one browser, or sequences of one source.
fn proofs<'a>(index: &Index<'a>, press: &Press<'_>) -> HashSet<(Option<u32>, &'a Payload)> {
    let presses = index.of_attempt(press.attempt);
    presses
        .filter(|it| it.browser.is_some() || it.payload.sequence.is_some())
        .map(|it| (it.browser, it.payload))
        .collect()
}

/// G7.
fn only_valid(index: &Index<'_>) -> Check {
    let mut check = Check::new("nobody gets in with what the rules refuse");
    for press in index.presses.iter().filter(|press| !press.payload.is_valid) {
        // The first form of an attempt stands: a wrong one that comes later is answered with its receipt.
        let may_be_in = || index.of_attempt(press.attempt).any(|it| it.payload.is_valid);
        check.look(!press.is_in() || may_be_in(), &[press.at], || format!("{} got in", press.payload.person));
    }
    check
}

/// G10: what was in doubt is known in the end.
fn settled(index: &Index<'_>) -> Check {
    let mut check = Check::new("every attempt got a definite answer in the end");
    for attempt in &index.evidence.attempts {
        let presses: Vec<&Press<'_>> =
            index.of_attempt(attempt.id).filter(|press| *press.payload == *attempt.payload).collect();
        let is_settled = presses.iter().any(|press| press.is_in() || press.is_refused());
        let calls: Vec<usize> = presses.iter().map(|press| press.at).collect();
        check.look(is_settled, &calls, || format!("nobody knows what became of attempt {}", attempt.id));
    }
    check
}
