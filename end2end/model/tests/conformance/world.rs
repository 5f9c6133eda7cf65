//! A case under way: the servers, the reference beside them, and every step taken in both.

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, OptionFuture, join_all};
use model::reference::Reference;
use model::reference::values::{Draw, Ended};
use proptest_state_machine::StateMachineTest;
use server::admission::Admission;
use server::ambient::Clock as _;
use server::store::Store;
use server::store::draws::{Actor, Applied, DrawDetails, DrawSpec, Edited, Expected, StateChange};
use shared::{Action, Asked, DrawState};
use uuid::Uuid;

use crate::checks::{end_entry, told};
use crate::explain::{Operation, Told};
use crate::fixture::spec;
use crate::ground::{Ground, runtime};
use crate::moody::Moody;
use crate::plant::ANY_FORM;
use crate::receipts;
use crate::sending::{Page, Sent};
use crate::transitions::{Beside, Cases, Mood, PAGES, Press, SERVERS, Setting, Transition};

/// A case under way.
pub struct World {
    pub(crate) ground: Rc<Ground>,
    setting: Setting,
    /// The draw, as its organiser decided last.
    spec: DrawSpec,
    pub(crate) draw: Uuid,
    pub(crate) servers: Vec<Arc<Admission>>,
    shared: Vec<Arc<Moody>>,
    pages: Vec<Page>,
    tokens: u32,
    /// What was sent, latest last.
    sent: Vec<Sent>,
    pub(crate) reference: Reference,
    /// Every request that was ever acknowledged, and with what.
    pub(crate) receipts: Vec<(Sent, Bytes)>,
    /// The receipt of each entry, and what made it.
    pub(crate) acknowledged: Vec<(Bytes, Sent)>,
}

/// Compares servers with the reference.
pub struct Conformance;

impl StateMachineTest for Conformance {
    type SystemUnderTest = World;
    type Reference = Cases;

    fn init_test(setting: &Setting) -> World {
        runtime().block_on(World::new(Ground::current(), setting.clone()))
    }

    fn apply(mut world: World, _: &Setting, transition: Transition) -> World {
        runtime().block_on(async {
            world.step(&transition).await;
            world.check_count().await;
        });
        world
    }

    fn teardown(mut world: World, _: Setting) {
        runtime().block_on(async {
            world.check_rows().await;
            world.check_that_retries_are_replayed().await;
            world.check_rows().await;
        });
    }
}

impl World {
    async fn new(ground: Rc<Ground>, setting: Setting) -> Self {
        let now = ground.clock.now();
        let opens_at = now + setting.opens_in;
        let spec = spec(&setting, format!("case-{}", ground.next_case()), opens_at);
        let store = ground.store(setting.layout, 0);
        let applied = store.apply_draw(&spec, DrawState::Announced, &Actor::CommandLine).await;
        assert_eq!(applied.expect("applies"), Applied::Created);
        let draw = store.draw(&spec.slug).await.expect("reads").expect("is there").id;
        let shared = ground.shared(setting.layout, SERVERS);
        let mut servers = Vec::new();
        for (server, shared) in shared.iter().enumerate() {
            servers.push(ground.start(ground.store(setting.layout, server), shared).await);
        }
        let reference = Draw {
            mode: setting.mode,
            one_per_phone: setting.one_per_phone,
            capacity: setting.capacity,
            requires_postcode: false,
            opens_at,
            closes_at: spec.closes_at,
            is_closed: false,
        };
        let pages = (0..PAGES as u32).map(|number| Page::load(&ground, draw, number, 0)).collect();
        Self {
            reference: Reference::new(now, reference),
            ground,
            setting,
            spec,
            draw,
            servers,
            shared,
            pages,
            tokens: PAGES as u32,
            sent: Vec::new(),
            receipts: Vec::new(),
            acknowledged: Vec::new(),
        }
    }

    pub(crate) fn note(&self, what: impl Into<String>) {
        self.ground.coverage.borrow_mut().note(what);
    }

    pub(crate) fn store(&self, server: usize) -> &Arc<dyn Store> {
        self.ground.store(self.setting.layout, server)
    }

    fn sent(&self, press: &Press) -> Sent {
        Sent::new(&self.ground, &self.pages, press)
    }

    async fn step(&mut self, transition: &Transition) {
        match transition {
            Transition::Submit { server, press } => {
                let sent = self.sent(press);
                self.together(vec![(*server, sent)], &Beside::Nothing).await;
            }
            Transition::Again { server, back, under } => {
                let Some(sent) = self.sent.iter().rev().nth(*back).cloned() else { return };
                let sent = match under {
                    Some(named) => sent.under(&self.pages, named),
                    None => sent,
                };
                self.together(vec![(*server, sent)], &Beside::Nothing).await;
            }
            Transition::Burst { presses, beside } => {
                self.note("step: burst");
                let sent = presses.iter().map(|(server, press)| (*server, self.sent(press))).collect();
                self.together(sent, beside).await;
            }
            Transition::Restart { server } => self.restart(*server).await,
            Transition::Wipe => {
                self.note("step: wipe");
                self.wipe().await;
            }
            Transition::Shared(mood) => self.set_mood(*mood),
            Transition::Plant { server, named, planted } => {
                let press = Press { named: *named, browser: None, form: ANY_FORM, sloppy: false };
                let sent = self.sent(&press);
                self.plant(*server, &sent, planted).await;
            }
            Transition::Advance(millis) => {
                self.ground.clock.advance(*millis);
                self.reference.now += millis;
            }
            Transition::Reload { page, ahead } => {
                self.pages[*page] = Page::load(&self.ground, self.draw, self.tokens, *ahead);
                self.tokens += 1;
            }
            Transition::Close => self.alone(Operation::Close, 0).await,
            Transition::RequirePostcode(is_required) => {
                self.alone(Operation::RequirePostcode(*is_required), 0).await;
            }
            Transition::SetCapacity(capacity) => self.set_capacity(*capacity).await,
            Transition::End { server, entry, end } => {
                if let Some(entry) = self.entry(*entry) {
                    self.alone(Operation::End(entry, *end), *server).await;
                }
            }
        }
    }

    /// An entry by a number that is counted round and round.
    pub(crate) fn entry(&self, number: usize) -> Option<usize> {
        number.checked_rem(self.acknowledged.len())
    }

    pub(crate) fn slug(&self) -> &str {
        &self.spec.slug
    }

    pub(crate) async fn wipe(&self) {
        self.ground.wipe(&self.shared).await;
    }

    pub(crate) async fn restart(&mut self, server: usize) {
        self.note("step: restart");
        self.servers[server] = self.ground.start(self.store(server), &self.shared[server]).await;
    }

    pub(crate) fn set_mood(&self, mood: Mood) {
        match mood {
            Mood::Fine => {}
            Mood::Away => self.note("step: away"),
            Mood::Mute => self.note("step: mute"),
        }
        self.shared.iter().for_each(|shared| shared.set_mood(mood));
    }

    pub(crate) fn shared(&self, server: usize) -> &Moody {
        &self.shared[server]
    }

    async fn set_capacity(&mut self, capacity: Option<usize>) {
        let details =
            DrawDetails { capacity: capacity.map(|capacity| capacity as u32), ..self.spec.details() };
        let edited =
            self.store(0).edit_draw(&self.spec.slug, &details, &Expected::Any, &Actor::CommandLine).await;
        let is_allowed = match edited.expect("answers") {
            Edited::Changed(..) | Edited::Unchanged(_) => true,
            Edited::Refused(fault) => {
                assert_eq!(fault.key, "capacity");
                false
            }
            other => panic!("the capacity was to be {capacity:?}: {other:?}"),
        };
        assert_eq!(is_allowed, self.reference.set_capacity(capacity), "the capacity was to be {capacity:?}");
        if is_allowed {
            self.spec = self.spec.with(details);
        }
    }

    /// Something that is no request to register, with nothing beside it.
    async fn alone(&mut self, operation: Operation, server: usize) {
        let told = self.act(&operation, server).await;
        if told == Told::Ended(Ended::Done) {
            self.note("step: end, done");
        }
        self.settle_on(&[(operation, told)], &[]);
    }

    /// Does something that is no request to register.
    fn act(&self, operation: &Operation, server: usize) -> BoxFuture<'static, Told> {
        let store = Arc::clone(self.store(server));
        let slug = self.spec.slug.clone();
        match operation {
            Operation::Register(..) => unreachable!("requests to register are sent"),
            Operation::Close => async move {
                let changed = store.change_state(&slug, Action::Close, &Actor::CommandLine).await;
                match changed.expect("answers") {
                    StateChange::Changed(_) | StateChange::Already(_) => Told::Done,
                    other => panic!("the draw was to close: {other:?}"),
                }
            }
            .boxed(),
            Operation::RequirePostcode(is_required) => {
                let mut spec = self.spec.clone();
                spec.rules.postcode = if *is_required { Asked::Required } else { Asked::Optional };
                async move {
                    let applied = store.apply_draw(&spec, DrawState::Announced, &Actor::CommandLine).await;
                    match applied.expect("answers") {
                        Applied::Changed(_) | Applied::Unchanged => Told::Done,
                        other => panic!("the rules were to change: {other:?}"),
                    }
                }
                .boxed()
            }
            Operation::End(entry, end) => {
                let code = receipts::read(&self.acknowledged[*entry].0).receipt;
                let end = *end;
                async move { Told::Ended(end_entry(&*store, &code, end).await) }.boxed()
            }
        }
    }

    /// Requests to register, and perhaps something else, all under way together.
    pub(crate) async fn together(&mut self, requests: Vec<(usize, Sent)>, beside: &Beside) -> Vec<Told> {
        // What each server knows of the draw, which may be old.
        let mut draws = Vec::new();
        for server in &self.servers {
            draws.push(server.draws.get(&self.spec.slug).await.expect("reads").expect("is there"));
        }
        let unknown: Vec<bool> = requests.iter().map(|(server, sent)| self.is_news(*server, sent)).collect();
        let submissions = requests.iter().map(|(server, sent)| {
            sent.clone().submit(Arc::clone(&self.servers[*server]), Arc::clone(&draws[*server]))
        });
        let other = self.beside(beside);
        let acting: OptionFuture<_> = other.as_ref().map(|operation| self.act(operation, 0)).into();
        let wiping = async {
            if let Beside::Wipe = beside {
                self.wipe().await;
            }
        };
        // Polled one after the other: each is on its way before the first can have been answered.
        let (endings, told_beside, ()) = tokio::join!(join_all(submissions), acting, wiping);
        if !matches!(beside, Beside::Nothing) {
            let name = format!("{beside:?}");
            let name = name.split([' ', '(']).next().unwrap_or_default().to_owned();
            self.note(format!("step: burst beside {name}"));
        }
        self.note_layers(&requests, &endings, &unknown);
        let believed = |server: usize| draws[server].spec.rules.postcode == Asked::Required;
        let register = |(server, sent): &(usize, Sent)| Operation::Register(sent.attempt, believed(*server));
        let mut operations: Vec<(Operation, Told)> =
            requests.iter().map(register).zip(endings.into_iter().map(told)).collect();
        let put_off: Vec<usize> = (0..operations.len()).filter(|at| operations[*at].1.is_put_off()).collect();
        for at in &put_off {
            assert!(self.is_in_a_crowd(&requests, *at), "nobody was in the way of {:?}", requests[*at]);
        }
        operations.extend(other.zip(told_beside));
        for at in self.settle_on(&operations, &put_off) {
            let Told::Created(body) = &operations[at].1 else {
                unreachable!("makers were told of their entry")
            };
            self.acknowledged.push((body.clone(), requests[at].1.clone()));
        }
        self.sent.extend(requests.iter().map(|(_, sent)| sent.clone()));
        for ((_, sent), (_, told)) in requests.iter().zip(&operations) {
            if let Told::Created(body) | Told::Replayed(body) = told {
                self.receipts.push((sent.clone(), body.clone()));
            }
        }
        for at in put_off {
            self.note("told to come again");
            Box::pin(self.together(vec![requests[at].clone()], &Beside::Nothing)).await;
        }
        operations.into_iter().map(|(_, told)| told).collect()
    }

    fn beside(&self, beside: &Beside) -> Option<Operation> {
        match beside {
            Beside::Nothing | Beside::Wipe => None,
            Beside::Close => Some(Operation::Close),
            Beside::End { entry, end } => Some(Operation::End(self.entry(*entry)?, *end)),
            Beside::RequirePostcode(is_required) => Some(Operation::RequirePostcode(*is_required)),
        }
    }
}
