//! First presses, over something shared whose answers are held back.

mod overload;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use shared::integrator::Registration;
use shared::{EntryForm, Outcome};
use sqlx::Connection as _;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::*;
use crate::admission::attempt::Token;
use crate::admission::batch::Batches;
use crate::admission::ending::Answer;
use crate::admission::flights::Flights;
use crate::admission::limiter::Limiter;
use crate::admission::lookups::LookUps;
use crate::admission::remembered::Memory;
use crate::admission::sender::Sender;
use crate::admission::{Sent, Submission};
use crate::ambient::Ambient;
use crate::coordination::memory::MemoryCoordination;
use crate::coordination::{
    Coordination, CoordinationError, CoordinationResult, Key, Lease, Owner, Rate, Take,
};
use crate::draws::{DrawBook, file};
use crate::integrators::{Credentials, KeyBook};
use crate::secrets::{Keys, Secret};
use crate::store::draws::Actor;
use crate::store::sqlite::SqliteStore;
use crate::store::{Draw, Store};

const DRAW: &str = r#"[[draw]]
slug = "held"
title = "Held"
description = "."
timezone = "Europe/London"
opens_at = 2020-01-01T00:00:00Z
closes_at = 2100-01-01T00:00:00Z
"#;
const LONG: Duration = Duration::from_secs(60);
/// Who else may hold a lease.
const OTHER: Owner = [7; 16];

/// What an asker is told.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Tells {
    /// Nothing yet.
    Nothing,
    /// What is so.
    Truth,
    /// That it failed.
    Failure,
}

/// Another process's memory, which tells what is so once it is allowed to.
#[derive(Debug)]
struct HeldBack {
    memory: MemoryCoordination,
    tells: watch::Sender<Tells>,
    /// How often it was asked for an outcome or a lease.
    asked: watch::Sender<usize>,
    /// How often it answered.
    answered: AtomicUsize,
    /// Whether it answers who wants a turn.
    gives_turns: watch::Sender<bool>,
}

#[async_trait]
impl Coordination for HeldBack {
    async fn get(&self, key: &Key) -> CoordinationResult<Option<Bytes>> {
        self.memory.get(key).await
    }

    async fn get_or_lease(&self, key: &Key, owner: &Owner, life: Duration) -> CoordinationResult<Lease> {
        self.asked.send_modify(|asked| *asked += 1);
        let tells = *self.tells.subscribe().wait_for(|tells| *tells != Tells::Nothing).await.expect("there");
        let answer = match tells {
            Tells::Failure => Err(CoordinationError::Failed("as told".to_owned())),
            _ => self.memory.get_or_lease(key, owner, life).await,
        };
        self.answered.fetch_add(1, Ordering::SeqCst);
        answer
    }

    async fn settle(&self, key: &Key, own: &Owner, value: Bytes, life: Duration) -> CoordinationResult<bool> {
        self.memory.settle(key, own, value, life).await
    }

    async fn release(&self, key: &Key, owner: &Owner) -> CoordinationResult<bool> {
        self.memory.release(key, owner).await
    }

    async fn wait(&self, key: &Key, at_most: Duration) -> CoordinationResult<()> {
        self.memory.wait(key, at_most).await
    }

    async fn discard(&self, key: &Key, value: &Bytes) -> CoordinationResult<()> {
        self.memory.discard(key, value).await
    }

    async fn take(&self, key: &Key, rate: Rate, turns: u32) -> CoordinationResult<Take> {
        self.gives_turns.subscribe().wait_for(|gives| *gives).await.expect("there");
        self.memory.take(key, rate, turns).await
    }
}

struct Bench {
    shared: Arc<HeldBack>,
    admission: Arc<Admission>,
    draw: Arc<Draw>,
    folder: Arc<tempfile::TempDir>,
}

impl Bench {
    async fn new() -> Self {
        Self::with(None).await
    }

    async fn with(person_rate: Option<Rate>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (ambient, keys) = (Ambient::system(), Arc::new(Keys::new(&Secret::new([1; 32]), None)));
        let path = folder.path().join("test.db");
        let store = SqliteStore::open(&path, ambient.clone(), Arc::clone(&keys)).await.expect("opens");
        let store: Arc<dyn Store> = Arc::new(store);
        let draw = draw(&store, "held").await;
        let shared = Arc::new(HeldBack {
            memory: MemoryCoordination::new(ambient.clone(), 1 << 20),
            tells: watch::Sender::new(Tells::Nothing),
            asked: watch::Sender::new(0),
            answered: AtomicUsize::new(0),
            gives_turns: watch::Sender::new(true),
        });
        let admission = server(&ambient, &keys, &store, &shared, person_rate).await;
        Self { shared, admission, draw, folder: Arc::new(folder) }
    }

    fn token(&self) -> String {
        Token::issue(&self.admission.ambient, &self.admission.keys, self.draw.id).0
    }

    fn key(&self, token: &str) -> Key {
        let Admission { keys, ambient, .. } = &*self.admission;
        let claim = Token::read(token, keys, self.draw.id, ambient.now()).expect("genuine").claim;
        keys::outcome(keys, &claim)
    }

    /// Somebody presses.
    fn pressing(&self, token: &str, name: &str, is_first: bool) -> JoinHandle<Ending> {
        let sent = Sent { registration: registration(name), press: None };
        let (body, sender) = (async move { Ok(sent) }, sender());
        let (admission, draw) = (Arc::clone(&self.admission), Arc::clone(&self.draw));
        let (key, deadline) = (Ok(token.to_owned()), Instant::now() + LONG);
        tokio::spawn(async move {
            admission.admit(Submission { draw, sender, key, body, is_first, until: deadline }).await
        })
    }

    /// Somebody presses, and has asked what is known when this returns.
    async fn press(&self, token: &str, name: &str, is_first: bool) -> JoinHandle<Ending> {
        let before = *self.shared.asked.borrow();
        let pressing = self.pressing(token, name, is_first);
        until(async || *self.shared.asked.borrow() > before).await;
        pressing
    }

    /// A batch that leaves for somebody else's sake.
    async fn somebody_else_goes(&self, name: &str) {
        let submitted = self.submit(name).await;
        assert!(matches!(submitted, Submitted::Written(Written::Created { .. })));
    }

    async fn submit(&self, name: &str) -> Submitted {
        let attempt = self.attempt(&self.token(), name);
        let (entry, identity) = attempt.verdict.as_ref().expect("keeps the rules");
        let entry = self.admission.new_entry(&attempt, entry, *identity);
        self.admission.batches.submit(self.draw.id, entry).await
    }

    fn attempt(&self, token: &str, name: &str) -> Attempt {
        let Admission { keys, ambient, .. } = &*self.admission;
        let now = ambient.now();
        let token = Token::read(token, keys, self.draw.id, now).expect("genuine");
        Attempt::judge(Arc::clone(&self.draw), token, &registration(name), sender(), keys, now)
    }

    /// Another server tells everybody of an outcome under a key.
    async fn others_know(&self, token: &str, name: &str) {
        let Admission { keys, epoch, .. } = &*self.admission;
        let attempt = self.attempt(token, name);
        let (_, identity) = attempt.verdict.as_ref().expect("keeps the rules");
        let known = Committed::new(*identity, Bytes::from_static(b"{}"));
        let sealed = known.seal(keys, epoch, self.draw.id, &attempt.token.claim);
        self.shared.memory.settle(&self.key(token), &OTHER, sealed, LONG).await.expect("answers");
    }

    /// Another connection, which holds the database, so that a batch stands still once it has left.
    async fn hold_the_database(&self) -> sqlx::SqliteConnection {
        let url = format!("sqlite://{}", self.folder.path().join("test.db").display());
        let mut other = sqlx::SqliteConnection::connect(&url).await.expect("opens");
        sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.expect("holds");
        other
    }

    /// Another draw on the same server.
    async fn another_draw(&self) -> Self {
        let draw = draw(&self.admission.store, "another").await;
        Self {
            shared: Arc::clone(&self.shared),
            admission: Arc::clone(&self.admission),
            folder: Arc::clone(&self.folder),
            draw,
        }
    }

    /// Another server on the same database and the same shared memory.
    async fn beside(self) -> Self {
        let Admission { ambient, keys, store, .. } = &*self.admission;
        let admission = server(ambient, keys, store, &self.shared, None).await;
        Self { admission, ..self }
    }

    fn tell(&self, tells: Tells) {
        self.shared.tells.send_replace(tells);
    }
}

/// Waits for something that is going to be so.
async fn until(is_so: impl AsyncFn() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LONG, waiting).await.expect("comes about");
}

async fn end_of(pressing: JoinHandle<Ending>) -> Ending {
    timeout(LONG, pressing).await.expect("in time").expect("ran")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_press_goes_along_while_it_asks_and_others_learn_of_it() {
    let bench = Bench::new().await;
    let token = bench.token();
    let pressing = bench.press(&token, "ada", true).await;
    bench.somebody_else_goes("bob").await;
    let ending = end_of(pressing).await;
    assert_eq!((ending.outcome, ending.layer), (Outcome::Created, Layer::Constraint));
    // Its question is still open. When it is answered, the lease that it then gets ends with the outcome.
    bench.tell(Tells::Truth);
    let key = bench.key(&token);
    until(async || bench.shared.memory.get(&key).await.expect("answers").is_some()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_not_said_to_be_the_first_asks_before_it_goes() {
    let bench = Bench::new().await;
    let pressing = bench.press(&bench.token(), "ada", false).await;
    assert!(!bench.admission.batches.is_stood_by_for(bench.draw.id), "it might be known");
    bench.somebody_else_goes("bob").await;
    bench.tell(Tells::Truth);
    assert_eq!(end_of(pressing).await.outcome, Outcome::Created);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_press_makes_no_batch_leave_until_it_has_asked() {
    for tells in [Tells::Truth, Tells::Failure] {
        let bench = Bench::new().await;
        let pressing = bench.press(&bench.token(), "ada", true).await;
        tokio::task::yield_now().await;
        assert!(!pressing.is_finished());
        bench.tell(tells);
        assert_eq!(end_of(pressing).await.outcome, Outcome::Created, "{tells:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_that_says_it_is_the_first_gets_the_receipt_of_the_first() {
    let bench = Bench::new().await;
    bench.tell(Tells::Truth);
    let token = bench.token();
    let first = end_of(bench.press(&token, "ada", true).await).await;
    let other = bench.beside().await;
    let replay = end_of(other.press(&token, "ada", true).await).await;
    assert_eq!((replay.outcome, replay.layer), (Outcome::Replayed, Layer::Cache));
    let body = |ending: &Ending| match &ending.answer {
        Answer::Receipt(body) => body.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(body(&replay), body(&first));
    // It may go along with others before it is known: then the constraint knows it.
    let other = other.beside().await;
    other.tell(Tells::Nothing);
    let lying = other.press(&token, "ada", true).await;
    other.somebody_else_goes("bob").await;
    let replay = end_of(lying).await;
    assert_eq!((replay.outcome, replay.layer), (Outcome::Replayed, Layer::Constraint));
    assert_eq!(body(&replay), body(&first));
    other.tell(Tells::Truth);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_press_that_somebody_works_on_elsewhere_goes_along_with_nobody() {
    let bench = Bench::new().await;
    bench.tell(Tells::Truth);
    let token = bench.token();
    let key = bench.key(&token);
    let held = bench.shared.memory.get_or_lease(&key, &OTHER, keys::LEASE_LIFE).await;
    assert_eq!(held.expect("answers"), Lease::Leased);
    let pressing = bench.press(&token, "ada", true).await;
    until(async || !bench.admission.batches.is_stood_by_for(bench.draw.id)).await;
    bench.somebody_else_goes("bob").await;
    assert!(!pressing.is_finished(), "it waits for the other's end");
    assert!(bench.shared.memory.release(&key, &OTHER).await.expect("answers"));
    assert_eq!(end_of(pressing).await.outcome, Outcome::Created);
}

/// Another server worked on the same attempt, lost to this one's entry, and had told everybody of that before this one
/// heard it from the database.
#[tokio::test(flavor = "multi_thread")]
async fn who_went_along_believes_the_database_alone() {
    let bench = Bench::new().await;
    let token = bench.token();
    let pressing = bench.press(&token, "ada", true).await;
    let mut other = bench.hold_the_database().await;
    let bench = Arc::new(bench);
    let going = Arc::clone(&bench);
    let somebody = tokio::spawn(async move { going.somebody_else_goes("bob").await });
    until(async || !bench.admission.batches.is_stood_by_for(bench.draw.id)).await;
    bench.others_know(&token, "ada").await;
    bench.tell(Tells::Truth);
    until(async || bench.shared.answered.load(Ordering::SeqCst) > 0).await;
    sqlx::query("ROLLBACK").execute(&mut other).await.expect("lets go");
    assert_eq!(end_of(pressing).await.outcome, Outcome::Created);
    somebody.await.expect("went");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_database_has_no_word_others_may_have() {
    let bench = Bench::new().await;
    let token = bench.token();
    let pressing = bench.press(&token, "ada", true).await;
    let other = bench.hold_the_database().await;
    // Given up after a while, and its batch-mate too.
    assert!(matches!(bench.submit("bob").await, Submitted::Unknown));
    bench.others_know(&token, "ada").await;
    bench.tell(Tells::Truth);
    let replay = end_of(pressing).await;
    assert_eq!((replay.outcome, replay.layer), (Outcome::Replayed, Layer::Cache));
    drop(other);
}

const SELDOM: Rate = Rate { per_minute: 1, burst: 1 };

#[tokio::test(flavor = "multi_thread")]
async fn a_first_press_asks_for_its_persons_turn_beside_its_question() {
    let bench = Bench::with(Some(SELDOM)).await;
    bench.shared.gives_turns.send_replace(false);
    // It has asked when this returns, though nobody has given it a turn.
    let pressing = bench.press(&bench.token(), "ada", true).await;
    assert!(!bench.admission.batches.is_stood_by_for(bench.draw.id));
    bench.shared.gives_turns.send_replace(true);
    until(async || bench.admission.batches.is_stood_by_for(bench.draw.id)).await;
    bench.somebody_else_goes("bob").await;
    assert_eq!(end_of(pressing).await.outcome, Outcome::Created);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_no_turn_left_goes_along_with_nobody() {
    let bench = Bench::with(Some(SELDOM)).await;
    let (token, again) = (bench.token(), bench.token());
    let first = bench.press(&token, "ada", true).await;
    bench.somebody_else_goes("bob").await;
    assert_eq!(end_of(first).await.outcome, Outcome::Created);
    let second = bench.press(&again, "ada", true).await;
    assert!(
        !bench.admission.batches.is_stood_by_for(bench.draw.id),
        "whether it is known has to be asked first"
    );
    bench.somebody_else_goes("eve").await;
    bench.tell(Tells::Truth);
    assert_eq!(end_of(second).await.outcome, Outcome::RateLimited);
}

/// An open draw, made.
async fn draw(store: &Arc<dyn Store>, slug: &str) -> Arc<Draw> {
    for (spec, state) in file::parse(&DRAW.replace("\"held\"", &format!("{slug:?}"))).expect("a draw") {
        store.apply_draw(&spec, state, &Actor::CommandLine).await.expect("applies");
    }
    Arc::new(store.draw(slug).await.expect("reads").expect("is there"))
}

/// A server that has just started.
async fn server(
    ambient: &Ambient,
    keys: &Arc<Keys>,
    store: &Arc<dyn Store>,
    shared: &Arc<HeldBack>,
    person_rate: Option<Rate>,
) -> Arc<Admission> {
    Arc::new(Admission {
        ambient: ambient.clone(),
        keys: Arc::clone(keys),
        shared: Arc::clone(shared) as Arc<dyn Coordination>,
        epoch: store.epoch().await.expect("reads"),
        draws: Arc::new(DrawBook::new(Arc::clone(store))),
        integrators: KeyBook::new(Arc::clone(store), ambient.clone()),
        batches: Batches::start(Arc::clone(store)),
        memory: Memory::new(1 << 20),
        flights: Flights::default(),
        limiter: Limiter::default(),
        look_ups: LookUps::start(Arc::clone(store)),
        address_rate: None,
        person_rate,
        store: Arc::clone(store),
    })
}

fn registration(name: &str) -> Registration {
    let form = EntryForm {
        full_name: name.to_owned(),
        email: format!("{name}@example.org"),
        accept_terms: true,
        ..EntryForm::default()
    };
    Registration { form, sequence: None }
}

fn sender() -> Sender {
    let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
    Sender { address, cookie: None, credentials: Credentials::Anonymous, has_turn: false }
}
