//! Refusals, compared with the reasons there were.

use std::collections::{HashMap, HashSet};

use super::{Check, Evidence, Index, Press};
use crate::database::POISON;
use crate::history::{Call, Step};

pub(super) fn check(index: &Index<'_>) -> Vec<Check> {
    let holders = Holders::new(index);
    vec![
        registered(index, &holders),
        reloads(index),
        reused(index),
        closed_and_full(index),
        invalid(index),
        our_faults(index.evidence),
        others(index),
    ]
}

fn told<'i, 'a>(index: &'i Index<'a>, code: &'static str) -> impl Iterator<Item = &'i Press<'a>> {
    index.presses.iter().filter(move |press| press.call.code() == code)
}

/// Which entries ever held a person's place, or a phone number, in a draw.
struct Holders<'a> {
    people: HashMap<(&'a str, &'a str), HashSet<&'a str>>,
    phones: HashMap<(&'a str, &'a str), HashSet<&'a str>>,
}

impl<'a> Holders<'a> {
    fn new(index: &'a Index<'_>) -> Self {
        let mut holders = Self { people: HashMap::new(), phones: HashMap::new() };
        for row in &index.evidence.dump.entries {
            holders.add(&row.slug, &row.email_canonical, row.phone.as_deref(), &row.id);
        }
        // What was taken back has no name any more, but somebody was told of it.
        for (entry, given) in &index.receipts {
            let (press, receipt) = &given[0];
            holders.add(&receipt.draw, &press.payload.person, press.payload.phone.as_deref(), entry);
        }
        holders
    }

    fn add(&mut self, slug: &'a str, person: &'a str, phone: Option<&'a str>, entry: &'a str) {
        self.people.entry((slug, person)).or_default().insert(entry);
        if let Some(phone) = phone {
            self.phones.entry((slug, phone)).or_default().insert(entry);
        }
    }
}

/// "Already registered" is said only of who, or what, is registered by another attempt.
fn registered(index: &Index<'_>, holders: &Holders<'_>) -> Check {
    let mut check = Check::new("\"already registered\" is true, and not of the attempt's own entry");
    for press in told(index, "already-registered") {
        let draw = index.draw(press.call.draw);
        let own: HashSet<String> =
            index.of_attempt(press.attempt).filter_map(|it| Some(it.answer()?.receipt()?.entry)).collect();
        let names_phone =
            press.answer().is_some_and(|answer| answer.fields.iter().any(|field| field == "phone"));
        let held = if names_phone {
            let phone = press.payload.phone.as_deref().unwrap_or_default();
            holders.phones.get(&(draw.slug.as_str(), phone)).filter(|_| draw.one_per_phone)
        } else {
            holders.people.get(&(draw.slug.as_str(), press.payload.person.as_str()))
        };
        let by_another = held.is_some_and(|entries| entries.iter().any(|entry| !own.contains(*entry)));
        check.look(by_another, &[press.at], || {
            format!("attempt {} of {}: nobody else is", press.attempt, press.payload.person)
        });
    }
    check
}

/// Who proves to be the same browser gets the receipt again.
fn reloads(index: &Index<'_>) -> Check {
    let mut check = Check::new("a reload of who is registered is not told \"already registered\"");
    let mut receipts: HashMap<(usize, u32, &str), Vec<&Press<'_>>> = HashMap::new();
    for press in index.presses.iter().filter(|press| press.is_in()) {
        if let Some(browser) = press.browser {
            let key = (press.call.draw, browser, press.payload.person.as_str());
            receipts.entry(key).or_default().push(press);
        }
    }
    for press in told(index, "already-registered").filter(|press| !index.had_withdrawn(press)) {
        let Some(browser) = press.browser else { continue };
        let known = receipts.get(&(press.call.draw, browser, press.payload.person.as_str()));
        let known = known.into_iter().flatten().find(|it| it.is_before(press) && it.payload == press.payload);
        check.look(known.is_none(), &[known.map_or(press.at, |it| it.at), press.at], || {
            format!("{} in browser {browser}", press.payload.person)
        });
    }
    check
}

/// A key is "used for something else" only where it was used for something else.
fn reused(index: &Index<'_>) -> Check {
    let mut check = Check::new("\"key reused\" is said only of a key, or sequence, that had another payload");
    let mut sequences: HashMap<(usize, &str), Vec<&Press<'_>>> = HashMap::new();
    for press in &index.presses {
        if let Some(sequence) = &press.payload.sequence {
            sequences.entry((press.call.draw, sequence)).or_default().push(press);
        }
    }
    for press in told(index, "idempotency-key-reused") {
        let is_other = |it: &Press<'_>| it.payload != press.payload && it.call.began < press.call.ended;
        let sequence = press.payload.sequence.as_deref();
        let of_sequence = sequence.and_then(|sequence| sequences.get(&(press.call.draw, sequence)));
        let holds = index.of_attempt(press.attempt).any(is_other)
            || of_sequence.is_some_and(|presses| presses.iter().any(|it| is_other(it)));
        check.look(holds, &[press.at], || format!("attempt {} had one payload only", press.attempt));
    }
    check
}

fn closed_and_full(index: &Index<'_>) -> Check {
    let mut check = Check::new("\"closed\" is said only of closed draws, \"full\" only of full ones");
    let dump = &index.evidence.dump;
    let states: HashMap<&str, &str> =
        dump.draws.iter().map(|draw| (draw.slug.as_str(), draw.state.as_str())).collect();
    let mut live: HashMap<&str, u32> = HashMap::new();
    for row in &dump.entries {
        *live.entry(&row.slug).or_default() += 1;
    }
    for (at, call) in index.evidence.calls.iter().enumerate() {
        let draw = index.draw(call.draw);
        let slug = draw.slug.as_str();
        match call.code() {
            "draw-closed" => {
                let state = states.get(slug).copied().unwrap_or_default();
                // The next day it may have been closed after the database was looked at.
                let next_day = index.evidence.next_day.iter().flat_map(|dump| &dump.draws);
                let closes = next_day.filter(|it| it.slug == slug).any(|it| it.state == "closed");
                check.look(state == "closed" || closes, &[at], || format!("{slug} is {state}"));
            }
            "draw-full" => {
                let taken = live.get(slug).copied().unwrap_or_default();
                check.look(draw.capacity == Some(taken), &[at], || {
                    format!("{slug} has {taken} of {:?}", draw.capacity)
                });
            }
            _ => {}
        }
    }
    check
}

fn invalid(index: &Index<'_>) -> Check {
    let mut check = Check::new("\"validation failed\" is said only of what the rules refuse");
    for press in told(index, "validation-failed") {
        check.look(!press.payload.is_valid, &[press.at], || format!("{} was valid", press.payload.person));
    }
    check
}

/// A fault of ours is admitted for a row that the database was made to refuse, and for nothing else.
fn our_faults(evidence: &Evidence) -> Check {
    let mut check = Check::new("no answer is a fault of ours, but for the row that the database refused");
    for (at, call) in evidence.calls.iter().enumerate() {
        let Some(answer) = call.answer() else { continue };
        if answer.status < 500 {
            continue;
        }
        let is_poison = matches!(&call.step, Step::Register { payload, .. } if payload.name == POISON)
            && evidence.poisoned.iter().any(|(from, until)| call.began <= *until && call.ended >= *from);
        let holds = answer.status == 503 || (answer.code == "internal-error" && is_poison);
        check.look(holds, &[at], || format!("{} {}", answer.status, answer.code));
    }
    check
}

/// Anything else a client may be told is not for these clients.
fn others(index: &Index<'_>) -> Check {
    let mut check = Check::new("nobody is refused without a reason");
    for (at, call) in index.evidence.calls.iter().enumerate() {
        let Some(answer) = call.answer() else { continue };
        if answer.status < 400 || answer.is_temporary() {
            continue;
        }
        // What an attempt was told that had been acknowledged already is looked at with the others of its kind.
        let is_borrower =
            matches!(&call.step, Step::Register { attempt, .. } if index.borrowers.contains(attempt));
        check.look(is_borrower || is_expected(call), &[at], || format!("{} {}", answer.status, answer.code));
    }
    check
}

fn is_expected(call: &Call) -> bool {
    match call.step {
        Step::Token => false,
        Step::Withdraw { .. } => call.code() == "draw-closed",
        Step::Register { .. } => matches!(
            call.code(),
            "already-registered"
                | "idempotency-key-reused"
                | "draw-closed"
                | "draw-full"
                | "validation-failed"
        ),
    }
}
