//! Scripts: what one person, or a few who get into each other's way, do with a draw.

use std::sync::Arc;

use rand::RngExt as _;
use rand::rngs::StdRng;
use tokio::task::JoinSet;

use crate::database::POISON;
use crate::draws::Draw;
use crate::history::{Call, Payload};
use crate::raw;
use crate::visitor::{End, Visitor};
use crate::world::{Attempt, World};

/// What somebody does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    /// Presses once.
    OnePress,
    /// Presses several times at once.
    ManyPresses,
    /// Presses again long after it worked.
    LateRetries,
    /// Reloads the page and presses there.
    Reload,
    /// Tries again in another browser.
    OtherBrowser,
    /// Goes back, changes an answer and presses again.
    OtherPayload,
    /// Goes back and registers somebody else.
    OtherPerson,
    /// Two persons with one phone number.
    OnePhone,
    /// Gets it wrong at first.
    Invalid,
    /// Takes it back and comes again.
    Withdrawal,
    /// A program with numbers of its own.
    Integrator,
    /// Speaks slowly.
    Slow,
    /// Hangs up and comes again.
    HangUp,
    /// Is refused by a poisoned database.
    Poison,
    /// Talks nonsense.
    Nonsense,
}

/// How often each is played, out of their sum.
const WEIGHTS: [(Script, u32); 15] = [
    (Script::OnePress, 22),
    (Script::ManyPresses, 14),
    (Script::LateRetries, 12),
    (Script::Reload, 9),
    (Script::OtherBrowser, 5),
    (Script::OtherPayload, 5),
    (Script::OtherPerson, 5),
    (Script::OnePhone, 6),
    (Script::Invalid, 4),
    (Script::Withdrawal, 7),
    (Script::Integrator, 6),
    (Script::Slow, 3),
    (Script::HangUp, 5),
    (Script::Poison, 3),
    (Script::Nonsense, 4),
];

impl Script {
    /// One of them, for a draw.
    pub fn any(draw: &Draw, random: &mut StdRng) -> Self {
        let mut left = random.random_range(0..WEIGHTS.iter().map(|(_, weight)| weight).sum());
        let mut chosen = Self::OnePress;
        for (script, weight) in WEIGHTS {
            chosen = script;
            if left < weight {
                break;
            }
            left -= weight;
        }
        match chosen {
            // Full means full only where no place is given back.
            Self::Withdrawal if draw.capacity.is_some() => Self::LateRetries,
            Self::OnePhone if !draw.one_per_phone => Self::ManyPresses,
            script => script,
        }
    }
}

/// A script that is being played.
struct Case {
    draw: Arc<Draw>,
    visitor: Visitor,
    people: u32,
}

/// Plays a script to its end.
pub async fn play(world: Arc<World>, draw: Arc<Draw>, script: Script, case: usize, random: StdRng) {
    let visitor = Visitor::new(&world, case, random);
    // Who gives up has nothing more to tell: `None` ends a script early.
    let _: Option<()> = Case { draw, visitor, people: 0 }.play(script).await;
}

impl Case {
    async fn play(mut self, script: Script) -> Option<()> {
        match script {
            Script::OnePress => self.one_press().await,
            Script::ManyPresses => self.many_presses().await,
            Script::LateRetries => self.late_retries().await,
            Script::Reload => self.reload().await,
            Script::OtherBrowser => self.other_browser().await,
            Script::OtherPayload => self.other_payload().await,
            Script::OtherPerson => self.other_person().await,
            Script::OnePhone => self.one_phone().await,
            Script::Invalid => self.invalid().await,
            Script::Withdrawal => self.withdrawal().await,
            Script::Integrator => self.integrator().await,
            Script::Slow => self.slow().await,
            Script::HangUp => self.hang_up().await,
            Script::Poison => self.poison().await,
            Script::Nonsense => self.nonsense().await,
        }
    }

    /// A person nobody has seen.
    fn person(&mut self) -> Payload {
        let number = self.people;
        self.people += 1;
        let case = self.visitor.case;
        Payload {
            person: format!("case{case}p{number}@example.org"),
            name: format!("Person {number} of Case {case}"),
            phone: self.draw.one_per_phone.then(|| format!("+4416{case:07}{number}")),
            is_valid: true,
            sequence: None,
        }
    }

    /// Most come with a page and keep its cookie, some fetch a token.
    async fn begin(&mut self, payload: Payload) -> Option<Arc<Attempt>> {
        let (draw, payload) = (Arc::clone(&self.draw), Arc::new(payload));
        if self.visitor.random.random_bool(0.6) {
            self.visitor.load(&draw, &payload).await
        } else {
            self.visitor.ask_token(&draw, &payload).await
        }
    }

    async fn one_press(&mut self) -> Option<()> {
        let person = self.person();
        let attempt = self.begin(person).await?;
        self.visitor.press_first(&attempt).await;
        Some(())
    }

    async fn many_presses(&mut self) -> Option<()> {
        let person = self.person();
        let attempt = self.begin(person).await?;
        let mut presses = JoinSet::new();
        for _ in 0..self.visitor.random.random_range(2..5) {
            let (mut tab, attempt) = (self.visitor.another_tab(), Arc::clone(&attempt));
            presses.spawn(async move { tab.press_first(&attempt).await });
        }
        presses.join_all().await;
        Some(())
    }

    async fn late_retries(&mut self) -> Option<()> {
        let person = self.person();
        let attempt = self.begin(person).await?;
        self.visitor.press_first(&attempt).await;
        for _ in 0..self.visitor.random.random_range(1..4) {
            self.visitor.dawdle(8.0).await;
            self.visitor.press_first(&attempt).await;
        }
        Some(())
    }

    async fn reload(&mut self) -> Option<()> {
        let draw = Arc::clone(&self.draw);
        let person = Arc::new(self.person());
        let first = self.visitor.load(&draw, &person).await?;
        if self.visitor.random.random_bool(0.5) {
            // The page is reloaded while the answer is on its way.
            let visitor = &self.visitor;
            let request = raw::request(&visitor.world, &first, &person, visitor.cookie.as_ref());
            self.hang_up_after(&first, &person, &request, request.len()).await;
        } else {
            self.visitor.press_first(&first).await;
        }
        let second = self.visitor.load(&draw, &person).await?;
        self.visitor.press_first(&second).await;
        self.visitor.press_first(&first).await;
        Some(())
    }

    async fn other_browser(&mut self) -> Option<()> {
        let draw = Arc::clone(&self.draw);
        let person = Arc::new(self.person());
        let attempt = self.visitor.load(&draw, &person).await?;
        self.visitor.press_first(&attempt).await;
        let mut elsewhere = self.visitor.another_browser();
        let other = elsewhere.load(&draw, &person).await?;
        elsewhere.press_first(&other).await;
        self.visitor.press_first(&attempt).await;
        Some(())
    }

    async fn other_payload(&mut self) -> Option<()> {
        let person = self.person();
        let changed = Arc::new(Payload { name: format!("{} Junior", person.name), ..person.clone() });
        let attempt = self.begin(person).await?;
        if self.visitor.random.random_bool(0.3) {
            // Both at once: one of them is first.
            let (mut tab, first) = (self.visitor.another_tab(), Arc::clone(&attempt));
            let pressing = tokio::spawn(async move { tab.press_first(&first).await });
            self.visitor.press(&attempt, &changed).await;
            pressing.await.ok()?;
        } else {
            self.visitor.press_first(&attempt).await;
            self.visitor.press(&attempt, &changed).await;
        }
        self.visitor.press_first(&attempt).await;
        Some(())
    }

    async fn other_person(&mut self) -> Option<()> {
        let (first, second) = (self.person(), Arc::new(self.person()));
        let attempt = self.begin(first).await?;
        self.visitor.press_first(&attempt).await;
        let end = self.visitor.press(&attempt, &second).await;
        if end == End::Refused("idempotency-key-reused".to_owned()) {
            let fresh = self.begin((*second).clone()).await?;
            self.visitor.press_first(&fresh).await;
        }
        self.visitor.press_first(&attempt).await;
        Some(())
    }

    async fn one_phone(&mut self) -> Option<()> {
        let first = self.person();
        let second = Payload { phone: first.phone.clone(), ..self.person() };
        let mut presses = JoinSet::new();
        for payload in [first, second] {
            let attempt = self.begin(payload).await?;
            let mut elsewhere = self.visitor.another_tab();
            presses.spawn(async move { elsewhere.press_first(&attempt).await });
        }
        presses.join_all().await;
        Some(())
    }

    async fn invalid(&mut self) -> Option<()> {
        let person = self.person();
        let wrong = Arc::new(Payload { is_valid: false, ..person.clone() });
        let attempt = self.begin(person).await?;
        self.visitor.press(&attempt, &wrong).await;
        self.visitor.press_first(&attempt).await;
        Some(())
    }

    async fn withdrawal(&mut self) -> Option<()> {
        let draw = Arc::clone(&self.draw);
        let person = self.person();
        let attempt = self.begin(person.clone()).await?;
        let End::Receipt(receipt) = self.visitor.press_first(&attempt).await else { return None };
        let mut reloaded = None;
        if self.visitor.cookie.is_some() && self.visitor.random.random_bool(0.4) {
            // The receipt again, under the token of another page.
            let second = self.visitor.load(&draw, &attempt.payload).await?;
            self.visitor.press_first(&second).await;
            reloaded = Some(second);
        }
        self.visitor.dawdle(2.0).await;
        self.visitor.withdraw(&draw, &receipt.code).await;
        self.visitor.press_first(&attempt).await;
        if let Some(second) = reloaded {
            self.visitor.press_first(&second).await;
        }
        if self.visitor.random.random_bool(0.6) {
            let again = self.begin(person).await?;
            self.visitor.press_first(&again).await;
            self.visitor.press_first(&attempt).await;
        }
        Some(())
    }

    async fn integrator(&mut self) -> Option<()> {
        let case = self.visitor.case;
        let person = Payload { sequence: Some(format!("order-{case}")), ..self.person() };
        let changed = Arc::new(Payload { name: format!("{} Senior", person.name), ..person.clone() });
        let person = Arc::new(person);
        let (world, draw) = (Arc::clone(&self.visitor.world), Arc::clone(&self.draw));
        let key = |number: u32| format!("integrator-key-{case:06}-{number}");
        let first = world.attempt(case, &draw, key(1), Arc::clone(&person), None, true);
        self.visitor.press_first(&first).await;
        let second = world.attempt(case, &draw, key(2), person, None, true);
        self.visitor.press_first(&second).await;
        let third = world.attempt(case, &draw, key(3), changed, None, true);
        self.visitor.press_first(&third).await;
        self.visitor.press_first(&first).await;
        Some(())
    }

    async fn slow(&mut self) -> Option<()> {
        let person = self.person();
        let attempt = self.begin(person).await?;
        let (visitor, payload) = (&self.visitor, &attempt.payload);
        let request = raw::request(&visitor.world, &attempt, payload, visitor.cookie.as_ref());
        let began = visitor.world.now();
        let outcome = raw::slowly(&visitor.world, visitor.world.address(visitor.case), &request).await;
        visitor.world.note(Call {
            began,
            ended: visitor.world.now(),
            case: visitor.case,
            draw: self.draw.id,
            step: visitor.step(&attempt, payload),
            outcome,
            is_slow: true,
        });
        self.visitor.press_first(&attempt).await;
        Some(())
    }

    async fn hang_up(&mut self) -> Option<()> {
        let person = self.person();
        let attempt = self.begin(person).await?;
        let visitor = &self.visitor;
        let request = raw::request(&visitor.world, &attempt, &attempt.payload, visitor.cookie.as_ref());
        for _ in 0..self.visitor.random.random_range(1..4) {
            let said = if self.visitor.random.random_bool(0.7) {
                request.len()
            } else {
                self.visitor.random.random_range(0..request.len())
            };
            self.hang_up_after(&attempt, &attempt.payload, &request, said).await;
        }
        // Half of them never come again: what became of them shows in the end.
        if self.visitor.random.random_bool(0.5) {
            self.visitor.dawdle(3.0).await;
            self.visitor.press_first(&attempt).await;
        }
        Some(())
    }

    /// Says so many bytes of a request and hangs up.
    async fn hang_up_after(&self, attempt: &Attempt, payload: &Arc<Payload>, request: &[u8], said: usize) {
        let visitor = &self.visitor;
        let began = visitor.world.now();
        let from = visitor.world.address(visitor.case);
        let outcome = raw::and_hang_up(&visitor.world, from, request, said).await;
        visitor.world.record(began, visitor.case, self.draw.id, visitor.step(attempt, payload), outcome);
    }

    async fn poison(&mut self) -> Option<()> {
        let person = Payload { name: POISON.to_owned(), ..self.person() };
        let attempt = self.begin(person).await?;
        self.visitor.press_first(&attempt).await;
        Some(())
    }

    async fn nonsense(&mut self) -> Option<()> {
        for _ in 0..self.visitor.random.random_range(1..6) {
            let world = Arc::clone(&self.visitor.world);
            let from = world.address(self.visitor.case);
            let slug = self.draw.slug.clone();
            if let Some(fault) = raw::nonsense(&world, from, &slug, &mut self.visitor.random).await {
                world.complain(fault);
            }
        }
        Some(())
    }
}
