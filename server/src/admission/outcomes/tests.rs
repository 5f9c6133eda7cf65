//! Looking and settling, over what is shared as it should be and as it should not.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;

use super::*;
use crate::coordination::memory::MemoryCoordination;
use crate::coordination::{CoordinationError, CoordinationResult, Rate, Take};
use crate::secrets::Secret;
use crate::store::entries::Identity;

const EPOCH: Digest = [2; 32];
const TOKEN: Digest = [3; 32];
const OWN: Owner = [4; 16];
const OTHER: Owner = [5; 16];

/// Says the same whatever it is asked, and counts.
#[derive(Debug)]
struct Liar {
    says: Option<Lease>,
    looks: AtomicUsize,
    discards: AtomicUsize,
    releases: AtomicUsize,
}

impl Liar {
    fn new(says: Option<Lease>) -> Self {
        let zero = AtomicUsize::default;
        Self { says, looks: zero(), discards: zero(), releases: zero() }
    }

    /// Counts a look. So many are a storm, which would never end in paused time.
    fn look(&self) {
        assert!(self.looks.fetch_add(1, Ordering::SeqCst) < 10_000, "a storm of questions");
    }

    fn answer<T>(&self, answer: Option<T>) -> CoordinationResult<T> {
        answer.ok_or_else(|| CoordinationError::Failed("as told".to_owned()))
    }
}

#[async_trait]
impl Coordination for Liar {
    async fn get(&self, _: &Key) -> CoordinationResult<Option<Bytes>> {
        self.look();
        self.answer(self.says.as_ref().map(|says| match says {
            Lease::Found(value) => Some(value.clone()),
            Lease::Leased | Lease::Busy => None,
        }))
    }

    async fn get_or_lease(&self, _: &Key, _: &Owner, _: Duration) -> CoordinationResult<Lease> {
        self.look();
        self.answer(self.says.clone())
    }

    async fn settle(&self, _: &Key, _: &Owner, _: Bytes, _: Duration) -> CoordinationResult<bool> {
        self.answer(self.says.is_some().then_some(true))
    }

    async fn release(&self, _: &Key, _: &Owner) -> CoordinationResult<bool> {
        self.releases.fetch_add(1, Ordering::SeqCst);
        self.answer(self.says.is_some().then_some(true))
    }

    async fn wait(&self, _: &Key, _: Duration) -> CoordinationResult<()> {
        self.answer(self.says.is_some().then_some(()))
    }

    async fn discard(&self, _: &Key, _: &Bytes) -> CoordinationResult<()> {
        self.discards.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    async fn take(&self, _: &Key, _: Rate, _: u32) -> CoordinationResult<Take> {
        unreachable!("an outcome takes no turns")
    }
}

struct Bench {
    ambient: Ambient,
    keys: Keys,
}

impl Bench {
    fn new() -> Self {
        Self { ambient: Ambient::system(), keys: Keys::new(&Secret::new([1; 32]), None) }
    }

    fn memory(&self) -> MemoryCoordination {
        MemoryCoordination::new(self.ambient.clone(), 1 << 20)
    }

    fn outcome<'a>(&'a self, shared: &'a dyn Coordination) -> SharedOutcome<'a> {
        let key = keys::outcome(&self.keys, &TOKEN);
        let (ambient, keys) = (&self.ambient, &self.keys);
        SharedOutcome { shared, ambient, keys, epoch: &EPOCH, draw: Uuid::nil(), token: &TOKEN, key }
    }
}

fn committed() -> Committed {
    let identity =
        Identity { person: [6; 32], fingerprint: [7; 32], fingerprint_version: 1, browser: Some([8; 32]) };
    Committed::new(identity, Bytes::from_static(b"{}"))
}

fn known(layer: Layer) -> Look {
    Look::Committed(Arc::new(committed()), layer)
}

// A holder's death must not look like a lease that is never given up.
const _: () = assert!(keys::LEASE_LIFE.as_millis() < keys::LEASE_WAIT.as_millis());

#[tokio::test]
async fn what_one_server_settled_another_finds_in_the_cache() {
    let bench = Bench::new();
    let memory = bench.memory();
    let outcome = bench.outcome(&memory);
    assert_eq!(outcome.look(None).await, Look::Nothing(None), "looking takes no lease");
    assert_eq!(outcome.look(Some(OWN)).await, Look::Nothing(Some(OWN)));
    outcome.settle(&OWN, Some(&committed())).await;
    assert_eq!(outcome.look(Some(OTHER)).await, known(Layer::Cache));
    assert_eq!(outcome.look(None).await, known(Layer::Cache));
}

#[tokio::test(start_paused = true)]
async fn who_waited_for_the_holder_got_it_from_the_lock() {
    let bench = Bench::new();
    let memory = bench.memory();
    let outcome = bench.outcome(&memory);
    assert_eq!(outcome.look(Some(OWN)).await, Look::Nothing(Some(OWN)));
    let holder = async {
        sleep(Duration::from_millis(50)).await;
        outcome.settle(&OWN, Some(&committed())).await;
    };
    let (look, ()) = tokio::join!(outcome.look(Some(OTHER)), holder);
    assert_eq!(look, known(Layer::Lock));
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_committed_nothing_leaves_the_lease_to_who_waits() {
    let bench = Bench::new();
    let memory = bench.memory();
    let outcome = bench.outcome(&memory);
    assert_eq!(outcome.look(Some(OWN)).await, Look::Nothing(Some(OWN)));
    let holder = async {
        sleep(Duration::from_millis(50)).await;
        outcome.settle(&OWN, None).await;
    };
    let (look, ()) = tokio::join!(outcome.look(Some(OTHER)), holder);
    assert_eq!(look, Look::Nothing(Some(OTHER)));
}

#[tokio::test]
async fn a_poisoned_key_heals() {
    let bench = Bench::new();
    let elsewhere = Keys::new(&Secret::new([9; 32]), None);
    let foreign = committed().seal(&elsewhere, &EPOCH, Uuid::nil(), &TOKEN);
    for poison in [Bytes::from_static(b"junk"), Bytes::new(), foreign] {
        let memory = bench.memory();
        let outcome = bench.outcome(&memory);
        let life = Duration::from_secs(60);
        assert_eq!(memory.get_or_lease(&outcome.key, &OTHER, life).await.expect("answers"), Lease::Leased);
        assert!(memory.settle(&outcome.key, &OTHER, poison, life).await.expect("answers"));
        assert_eq!(outcome.look(Some(OWN)).await, Look::Nothing(Some(OWN)), "discarded, and the lease taken");
        outcome.settle(&OWN, Some(&committed())).await;
        assert_eq!(outcome.look(Some(OTHER)).await, known(Layer::Cache));
    }
}

#[tokio::test]
async fn a_key_that_is_poisoned_again_and_again_is_left_alone() {
    let bench = Bench::new();
    let liar = Liar::new(Some(Lease::Found(Bytes::from_static(b"junk"))));
    for owner in [Some(OWN), None] {
        assert_eq!(bench.outcome(&liar).look(owner).await, Look::Nothing(None));
    }
    assert_eq!(liar.looks.load(Ordering::SeqCst), 2 * 2);
    assert_eq!(liar.discards.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_never_given_up_is_passed_over_without_a_storm() {
    let bench = Bench::new();
    let liar = Liar::new(Some(Lease::Busy));
    let begin = Instant::now();
    assert_eq!(bench.outcome(&liar).look(Some(OWN)).await, Look::Nothing(None));
    let took = begin.elapsed();
    assert!((keys::LEASE_WAIT..keys::LEASE_WAIT * 2).contains(&took), "{took:?} of paused time");
    let looks = u128::try_from(liar.looks.load(Ordering::SeqCst)).expect("few");
    assert!(looks <= keys::LEASE_WAIT.as_millis() / u128::from(PAUSE_MS) + 2, "{looks} looks");
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_may_have_been_taken_is_given_up() {
    let bench = Bench::new();
    let failing = Liar::new(None);
    let outcome = bench.outcome(&failing);
    assert_eq!(outcome.look(Some(OWN)).await, Look::Nothing(Some(OWN)), "its answer may only have been lost");
    outcome.settle(&OWN, None).await;
    let tries = failing.releases.load(Ordering::SeqCst);
    assert!((3..10).contains(&tries), "{tries}: again and again, for as long as the lease may live");
    assert_eq!(outcome.look(None).await, Look::Nothing(None), "one that only looks has none to give up");
}
