//! The people of one run, and what became of them.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng as _;
use rand::rngs::SmallRng;

use crate::Failure;
use crate::engine;
use crate::measure::{Outcome, Second};
use crate::mix::{Kind, Mix};
use crate::plan::{Pace, Plan, Stop, share};
use crate::targets::Targets;
use crate::work::{BadInputs, Form, Ledger, Registrations, Rules, Token, Tokens};

/// Tokens that are kept for bad input.
const BAD_TOKENS: usize = 64;

/// The people of one run. They have emails that no other run's have, and keep over any number of plans what they were
/// told, so that people registered under one plan retry under the next.
#[derive(Debug)]
pub struct Crowd {
    host: String,
    slug: Arc<str>,
    run: String,
    form: Arc<Form>,
    tokens: Vec<Token>,
    bad_tokens: Vec<Token>,
    next_person: u32,
    ledger: Ledger,
}

impl Crowd {
    /// Nobody yet, for a draw made of [`crate::draw::file`].
    pub fn new(targets: &Targets, slug: &str) -> Self {
        Self::named(targets, slug, &any_run())
    }

    /// The same under a name of its own, of lowercase letters; a name that was used before names the same people.
    pub fn named(targets: &Targets, slug: &str, run: &str) -> Self {
        Self {
            host: targets.host().to_owned(),
            form: Arc::new(Form::new(targets.host(), slug, run)),
            slug: slug.into(),
            run: run.to_owned(),
            tokens: Vec::new(),
            bad_tokens: Vec::new(),
            next_person: 0,
            ledger: Ledger::default(),
        }
    }

    /// The draw.
    pub fn slug(&self) -> &str {
        &self.slug
    }

    /// What tells these people from those of other runs: a part of their emails.
    pub fn name(&self) -> &str {
        &self.run
    }

    /// What became of them.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Tokens that were fetched and not used.
    pub fn tokens(&self) -> usize {
        self.tokens.len()
    }

    /// Fetches page tokens until there are `count` that were not used, and some for bad input.
    ///
    /// # Errors
    /// [`Failure`] when an answer is no token, or a connection cannot be made.
    pub fn fetch_tokens(&mut self, targets: &Targets, plan: &Plan, count: usize) -> Result<(), Failure> {
        if self.bad_tokens.is_empty() {
            self.bad_tokens = self.fetch(targets, plan, BAD_TOKENS)?;
        }
        if let Some(missing) = count.checked_sub(self.tokens.len()).filter(|missing| *missing > 0) {
            let fresh = self.fetch(targets, plan, missing)?;
            self.tokens.extend(fresh);
        }
        Ok(())
    }

    fn fetch(&self, targets: &Targets, plan: &Plan, count: usize) -> Result<Vec<Token>, Failure> {
        let plan = preparing(plan, count);
        let works = (0..plan.threads).map(|_| Tokens::new(targets.host(), &self.slug)).collect();
        let (outcome, works) = engine::run(targets, &plan, works, |_| {})?;
        prepared("tokens", &outcome)?;
        Ok(works.into_iter().flat_map(|work| work.tokens).collect())
    }

    /// Registers so many new people, in a closed loop, before anything is measured; they are there to retry then.
    ///
    /// # Errors
    /// [`Failure`] when one of them is not registered, or a connection cannot be made.
    pub fn prepare(&mut self, targets: &Targets, plan: &Plan, count: usize) -> Result<Outcome, Failure> {
        self.fetch_tokens(targets, plan, self.tokens.len().max(count))?;
        let outcome = self.run(targets, &preparing(plan, count), &Mix::only(Kind::New), |_| {})?;
        prepared("people", &outcome)?;
        Ok(outcome)
    }

    /// Sends the crowd as a plan and a mix say. It ends early when there are no more tokens for new people; see
    /// [`Self::fetch_tokens`]. `watch` sees each second when it is over.
    ///
    /// # Errors
    /// [`Failure`] when the plan cannot be carried out, or a connection not be made before the clock starts.
    pub fn run(
        &mut self,
        targets: &Targets,
        plan: &Plan,
        mix: &Mix,
        watch: impl FnMut(&Second),
    ) -> Result<Outcome, Failure> {
        plan.check()?;
        if mix.retry > 0 && mix.fresh() == 0.0 && self.ledger.acknowledged.is_empty() {
            return Err(Failure::Plan(
                "nobody was registered who could retry: prepare some, or let some be new",
            ));
        }
        let works = self.deal(plan, mix);
        let (mut outcome, works) = engine::run(targets, plan, works, watch)?;
        for work in works {
            self.next_person = self.next_person.max(work.next_person);
            let (ledger, tokens, bad_tokens) = work.finish();
            self.ledger.merge(ledger);
            self.tokens.extend(tokens);
            self.bad_tokens.extend(bad_tokens);
        }
        outcome.mix = Some(*mix);
        Ok(outcome)
    }

    /// Deals tokens and ledger to threads, a share each.
    fn deal(&mut self, plan: &Plan, mix: &Mix) -> Vec<Registrations> {
        let threads = plan.threads;
        let expect_shed = plan.expect_shed;
        let rules =
            Rules { mix: *mix, slug: Arc::clone(&self.slug), form: Arc::clone(&self.form), expect_shed };
        let [tokens, bad] = [self.tokens.len(), self.bad_tokens.len()];
        let known = self.ledger.acknowledged.len();
        let mut works = Vec::with_capacity(threads);
        for thread in 0..threads {
            let mine = |whole: usize| share(whole as u64, threads, thread) as usize;
            let tokens = self.tokens.split_off(self.tokens.len() - mine(tokens));
            let bad = self.bad_tokens.split_off(self.bad_tokens.len() - mine(bad));
            let left = self.ledger.acknowledged.len() - mine(known);
            let acknowledged = self.ledger.acknowledged.split_off(left);
            let ledger = Ledger { acknowledged, unknown: Vec::new() };
            let random = SmallRng::seed_from_u64(plan.seed.wrapping_mul(31).wrapping_add(thread as u64));
            let bad = BadInputs::new(&self.host, &self.slug, bad);
            let mut work = Registrations::new(rules.clone(), random, tokens, bad, ledger);
            // Threads take turns with numbers, so that none of them has to know how many others need.
            work.next_person = self.next_person + thread as u32;
            work.stride = threads as u32;
            works.push(work);
        }
        works
    }
}

/// A plan for preparing so many.
fn preparing(plan: &Plan, count: usize) -> Plan {
    let threads = plan.threads.min(count.max(1));
    Plan {
        threads,
        connections: plan.connections.clamp(threads, count.max(threads)),
        stop: Stop::Requests(count as u64),
        warm_up: Duration::ZERO,
        pace: Pace::Closed,
        expect_shed: false,
        ..plan.clone()
    }
}

fn prepared(what: &'static str, outcome: &Outcome) -> Result<(), Failure> {
    match outcome.surprises.first() {
        None => Ok(()),
        Some(first) => Err(Failure::Prepare {
            what,
            why: format!("instead of {}, there came {}", first.expected, first.came),
        }),
    }
}

/// A name that nobody used before: 8 letters by chance.
fn any_run() -> String {
    let mut chance = RandomState::new().hash_one(());
    let mut letter = || {
        // At most 25.
        let letter = b'a' + (chance % 26) as u8;
        chance /= 26;
        char::from(letter)
    };
    (0..8).map(|_| letter()).collect()
}
