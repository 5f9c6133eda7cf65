//! Made-up histories.

use std::sync::Arc;
use std::time::Duration;

use super::super::*;
use crate::database::{ClaimRow, DrawRow, EntryRow, WithdrawalRow};
use crate::draws::Ending;
use crate::history::Outcome;
use crate::world::Cookie;

pub(super) const SLUG: &str = "round-0";
pub(super) const AT: &str = "2026-06-03T10:00:00.000Z";
pub(super) const AT_MILLIS: i64 = 1_780_480_800_000;

pub(super) fn seconds(count: u64) -> Moment {
    Duration::from_secs(count)
}

/// A history in which one person has registered under one attempt, was told twice, and everything is as it should be.
pub(super) struct Made(pub(super) Evidence);

impl Made {
    pub(super) fn new() -> Self {
        let draw = Draw {
            id: 0,
            slug: SLUG.to_owned(),
            is_strict: false,
            one_per_phone: true,
            capacity: None,
            ending: Ending::TheNextDay,
            cases: 1,
        };
        let mut made = Self(Evidence { draws: vec![Arc::new(draw)], ..Evidence::default() });
        made.0.dump.draws.push(DrawRow {
            slug: SLUG.to_owned(),
            state: "announced".to_owned(),
            closes_at: AT_MILLIS + 60_000,
            closed_at: None,
            taken: 0,
        });
        let ada = made.attempt("ada", Some(1));
        made.enter(0, "ada");
        made.press(ada, "ada", 1, created(0));
        made.press(ada, "ada", 3, replayed(0));
        made
    }

    pub(super) fn draw(&mut self) -> &mut Draw {
        Arc::make_mut(&mut self.0.draws[0])
    }

    pub(super) fn attempt(&mut self, person: &str, browser: Option<u32>) -> AttemptId {
        let id = self.0.attempts.len();
        let browser = browser.map(|browser| Cookie { browser, text: String::new() });
        let (key, payload) = (format!("key {id}"), Arc::new(payload(person)));
        self.0.attempts.push(Arc::new(Attempt {
            id,
            case: 0,
            draw: 0,
            key,
            is_integrators: false,
            payload,
            browser,
        }));
        id
    }

    /// A live entry with its claims.
    pub(super) fn enter(&mut self, number: u32, person: &str) {
        let Payload { person: email_canonical, phone, .. } = payload(person);
        for kind in ["token", "phone"] {
            let (slug, kind) = (SLUG.to_owned(), kind.to_owned());
            self.0.dump.claims.push(ClaimRow { slug, kind, entry: format!("{number:032x}") });
        }
        self.0.dump.entries.push(EntryRow {
            slug: SLUG.to_owned(),
            id: format!("{number:032x}"),
            receipt: format!("receipt{number}"),
            person_key: person.to_owned(),
            email_canonical,
            phone,
            registered_at: AT_MILLIS,
        });
        self.0.dump.draws[0].taken += 1;
    }

    /// Takes the last entry back in the database, as asked at an instant.
    pub(super) fn take_back(&mut self, asked: Option<u64>) {
        let row = self.0.dump.entries.pop().expect("an entry");
        self.0.dump.claims.retain(|claim| claim.entry != row.id || claim.kind == "token");
        self.0.dump.draws[0].taken -= 1;
        if let Some(at) = asked {
            let step = Step::Withdraw { receipt: row.receipt.clone() };
            let answer = Answer { status: 204, ..Answer::default() };
            self.call(at, step, Outcome::Answered(answer));
        }
        self.0.dump.withdrawals.push(WithdrawalRow {
            slug: row.slug,
            id: row.id,
            receipt: row.receipt,
            person_key: row.person_key,
            registered_at: row.registered_at,
            ended_at: row.registered_at + 10,
        });
    }

    pub(super) fn call(&mut self, at: u64, step: Step, outcome: Outcome) {
        let (began, ended) = (seconds(at), seconds(at + 1));
        self.0.calls.push(Call { began, ended, case: 0, draw: 0, step, outcome, is_slow: false });
    }

    pub(super) fn press(&mut self, attempt: AttemptId, person: &str, at: u64, answer: Answer) {
        self.press_with(attempt, payload(person), at, answer);
    }

    pub(super) fn press_with(&mut self, attempt: AttemptId, payload: Payload, at: u64, answer: Answer) {
        let browser = self.0.attempts[attempt].browser.as_ref().map(|cookie| cookie.browser);
        let step = Step::Register { attempt, payload: Arc::new(payload), browser };
        self.call(at, step, Outcome::Answered(answer));
    }

    /// What did not hold, in short.
    pub(super) fn broken(&self) -> Vec<&'static str> {
        let checks = check(&self.0);
        checks.iter().filter(|check| !check.violations.is_empty()).map(|check| check.promise).collect()
    }

    /// One promise, and no other, was broken: the one that says this.
    pub(super) fn breaks(&self, promise: &str) {
        let broken = self.broken();
        assert!(broken.len() == 1 && broken[0].contains(promise), "{promise}: {broken:?}");
    }
}

pub(super) fn payload(person: &str) -> Payload {
    Payload {
        person: format!("{person}@example.org"),
        name: person.to_owned(),
        phone: Some(format!("+44{person}")),
        is_valid: true,
        sequence: None,
    }
}

pub(super) fn created(number: u32) -> Answer {
    let id = format!("{number:032x}");
    let body = format!(
        r#"{{"receipt":"receipt{number}","draw":"{SLUG}","entry_id":"{id}","state":"registered","registered_at":"{AT}"}}"#
    );
    Answer { status: 201, body, ..Answer::default() }
}

pub(super) fn replayed(number: u32) -> Answer {
    Answer { is_replayed: true, ..created(number) }
}

pub(super) fn refused(code: &str) -> Answer {
    Answer { status: 409, code: code.to_owned(), ..Answer::default() }
}
