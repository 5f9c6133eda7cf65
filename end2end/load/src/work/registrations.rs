//! What a crowd sends: new people, retries, duplicates and bad input, by their weights.

use std::collections::VecDeque;
use std::sync::Arc;

use rand::RngExt as _;
use rand::rngs::SmallRng;

use super::bad::{BadInput, BadInputs};
use super::groups::{Groups, Told};
use super::ledger::{Acknowledged, Ledger, Token};
use super::{Form, Verdict, Work, is_problem, receipt, shed};
use crate::answer::Answer;
use crate::mix::{Kind, Mix};

/// What is sent and how answers are judged.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    /// Of what.
    pub mix: Mix,
    /// The draw.
    pub slug: Arc<str>,
    /// Its requests.
    pub form: Arc<Form>,
    /// Whether to be shed is allowed.
    pub expect_shed: bool,
}

/// One thread's part of a crowd.
#[derive(Debug)]
pub(crate) struct Registrations {
    rules: Rules,
    random: SmallRng,
    /// Tokens that were not used, the next one last.
    pub tokens: Vec<Token>,
    /// The number of who comes next.
    pub next_person: u32,
    /// From one number to the next: threads take turns.
    pub stride: u32,
    /// What became of it.
    pub ledger: Ledger,
    bad: BadInputs,
    groups: Groups,
    /// People whose copies are to be sent.
    companions: VecDeque<u32>,
    /// Retries in order that were sent.
    retried: usize,
}

/// A request of a crowd.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Job {
    /// Somebody new.
    New { person: u32, token: Token },
    /// Somebody of the ledger, by place.
    Retry(usize),
    /// A copy of somebody's attempt.
    Copy(u32),
    /// Bad input.
    Bad(BadInput),
}

impl Registrations {
    /// With tokens to use up and others for bad input.
    pub fn new(rules: Rules, random: SmallRng, tokens: Vec<Token>, bad: BadInputs, ledger: Ledger) -> Self {
        let (groups, companions) = (Groups::default(), VecDeque::new());
        Self { rules, random, tokens, next_person: 0, stride: 1, ledger, bad, groups, companions, retried: 0 }
    }

    /// What is left when nothing more will be learned: the ledger and the tokens that no entry has used.
    pub fn finish(mut self) -> (Ledger, Vec<Token>, Vec<Token>) {
        self.groups.abandon(&mut self.ledger);
        (self.ledger, self.tokens, self.bad.into_tokens())
    }

    fn somebody_new(&mut self) -> Option<(u32, Token)> {
        let token = self.tokens.pop()?;
        let person = self.next_person;
        self.next_person = person.checked_add(self.stride)?;
        Some((person, token))
    }

    fn retry(&mut self, out: &mut Vec<u8>) -> Option<Job> {
        let count = self.ledger.acknowledged.len();
        if count == 0 {
            return None;
        }
        let at = if self.rules.mix.in_order {
            self.retried += 1;
            (self.retried - 1) % count
        } else {
            self.random.random_range(0..count)
        };
        let known = &self.ledger.acknowledged[at];
        self.rules.form.request(known.person, &known.token, 2, out);
        Some(Job::Retry(at))
    }

    fn new_attempt(&mut self, out: &mut Vec<u8>) -> Option<Job> {
        let (person, token) = self.somebody_new()?;
        self.rules.form.request(person, &token, 1, out);
        Some(Job::New { person, token })
    }

    fn duplicate(&mut self, out: &mut Vec<u8>) -> Option<Job> {
        let (person, token) = self.somebody_new()?;
        let copies = self.rules.mix.copies.max(2);
        self.groups.begin(person, token, copies);
        self.companions.extend((1..copies).map(|_| person));
        self.rules.form.request(person, &token, 1, out);
        Some(Job::Copy(person))
    }

    fn judge_new(&mut self, person: u32, token: Token, answer: &Answer<'_>) -> Verdict {
        match self.read(answer) {
            Told::Receipt { entry, body, is_replayed } => {
                self.ledger.acknowledged.push(Acknowledged { person, token, entry, body });
                match is_replayed {
                    false => Verdict::Right,
                    true => Verdict::Wrong("no Idempotent-Replayed: nobody sent this before".to_owned()),
                }
            }
            told => {
                if told == Told::Nothing {
                    self.ledger.unknown.push(person);
                }
                let wrong = || Verdict::Wrong("201 with a receipt".to_owned());
                shed(answer, self.rules.expect_shed).unwrap_or_else(wrong)
            }
        }
    }

    fn judge_retry(&self, at: usize, answer: &Answer<'_>) -> Verdict {
        let known = &self.ledger.acknowledged[at];
        if answer.status != 201 {
            let wrong = || Verdict::Wrong("201: this was acknowledged before".to_owned());
            return shed(answer, self.rules.expect_shed).unwrap_or_else(wrong);
        }
        if receipt::hash(answer.body) != known.body {
            let entry = uuid::Uuid::from_bytes(known.entry);
            return Verdict::Wrong(format!("the bytes of the first receipt, of entry {entry}"));
        }
        if !answer.is_replayed {
            return Verdict::Wrong("Idempotent-Replayed: true".to_owned());
        }
        Verdict::Right
    }

    fn judge_copy(&mut self, person: u32, answer: &Answer<'_>) -> Verdict {
        let told = self.read(answer);
        let noted = self.groups.told(person, told, &mut self.ledger);
        if let Err(expected) = noted {
            return Verdict::Wrong(expected.to_owned());
        }
        match told {
            Told::Receipt { .. } => Verdict::Right,
            // Who waits for another copy's end waits no longer than is good for it.
            _ if is_problem(answer, 409, "in-progress") && answer.retry_after.is_some() => Verdict::Refused,
            _ => {
                let wrong = || Verdict::Wrong("201 with a receipt".to_owned());
                shed(answer, self.rules.expect_shed).unwrap_or_else(wrong)
            }
        }
    }

    /// What an answer says of an entry. Whoever is limited, or shed before the queue, is not in; any other 503 may
    /// have been a commit whose answer was lost.
    fn read(&self, answer: &Answer<'_>) -> Told {
        let entry =
            if answer.status == 201 { receipt::entry_id(answer.body, &self.rules.slug) } else { None };
        if let Some(entry) = entry {
            return Told::Receipt {
                entry,
                body: receipt::hash(answer.body),
                is_replayed: answer.is_replayed,
            };
        }
        let is_definite = is_problem(answer, 503, "overloaded") || (400..500).contains(&answer.status);
        if is_definite { Told::Later } else { Told::Nothing }
    }
}

impl Work for Registrations {
    type Job = Job;

    fn next(&mut self, out: &mut Vec<u8>) -> Option<Job> {
        match self.rules.mix.choose(&mut self.random)? {
            Kind::Retry => self.retry(out).or_else(|| self.new_attempt(out)),
            Kind::Duplicate => self.duplicate(out),
            Kind::Bad => Some(Job::Bad(self.bad.next(out))),
            Kind::New | Kind::Fixed | Kind::Token => self.new_attempt(out),
        }
    }

    fn companion(&mut self, out: &mut Vec<u8>) -> Option<Job> {
        let person = self.companions.pop_front()?;
        self.rules.form.request(person, self.groups.token(person)?, 1, out);
        Some(Job::Copy(person))
    }

    fn has_companion(&self) -> bool {
        !self.companions.is_empty()
    }

    fn kind(&self, job: &Job) -> Kind {
        match job {
            Job::New { .. } => Kind::New,
            Job::Retry(_) => Kind::Retry,
            Job::Copy(_) => Kind::Duplicate,
            Job::Bad(_) => Kind::Bad,
        }
    }

    fn judge(&mut self, job: Job, answer: &Answer<'_>) -> Verdict {
        match job {
            Job::New { person, token } => self.judge_new(person, token, answer),
            Job::Retry(at) => self.judge_retry(at, answer),
            Job::Copy(person) => self.judge_copy(person, answer),
            Job::Bad(input) => shed(answer, self.rules.expect_shed).unwrap_or_else(|| input.judge(answer)),
        }
    }

    fn lost(&mut self, job: Job) {
        match job {
            Job::New { person, .. } => self.ledger.unknown.push(person),
            Job::Copy(person) => {
                let _ = self.groups.told(person, Told::Nothing, &mut self.ledger);
            }
            Job::Retry(_) | Job::Bad(_) => {}
        }
    }
}
