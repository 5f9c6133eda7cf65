//! The circuit breaker, over a backend that does as it is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::watch;
use tokio::time::{advance, timeout};

use super::*;

const TIMEOUT: Duration = Duration::from_millis(250);
const KEY: Key = [1; 32];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Answers,
    Fails,
    IsCrowded,
    Hangs,
}

/// Answers, fails, has too many callers, or hangs until that changes or it is enough, and counts.
#[derive(Debug)]
struct Moody {
    mood: watch::Sender<Mood>,
    calls: AtomicUsize,
    reconnects: AtomicUsize,
}

impl Moody {
    async fn answer(&self) -> CoordinationResult<()> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let mut mood = self.mood.subscribe();
        let Ok(mood) = timeout(TIMEOUT, mood.wait_for(|mood| *mood != Mood::Hangs)).await else {
            return Err(CoordinationError::TimedOut);
        };
        match *mood.expect("the sender lives") {
            Mood::Fails => Err(CoordinationError::Failed("as told".to_owned())),
            Mood::IsCrowded => Err(CoordinationError::Crowded),
            Mood::Answers | Mood::Hangs => Ok(()),
        }
    }
}

#[async_trait]
impl Coordination for Moody {
    async fn get(&self, _: &Key) -> CoordinationResult<Option<Bytes>> {
        self.answer().await.map(|()| None)
    }

    async fn get_or_lease(&self, _: &Key, _: &Owner, _: Duration) -> CoordinationResult<Lease> {
        self.answer().await.map(|()| Lease::Leased)
    }

    async fn settle(&self, _: &Key, _: &Owner, _: Bytes, _: Duration) -> CoordinationResult<bool> {
        self.answer().await.map(|()| true)
    }

    async fn release(&self, _: &Key, _: &Owner) -> CoordinationResult<bool> {
        self.answer().await.map(|()| true)
    }

    async fn wait(&self, _: &Key, _: Duration) -> CoordinationResult<()> {
        self.answer().await
    }

    async fn discard(&self, _: &Key, _: &Bytes) -> CoordinationResult<()> {
        self.answer().await
    }

    async fn take(&self, _: &Key, _: Rate, _: u32) -> CoordinationResult<Take> {
        self.answer().await.map(|()| Take::Granted)
    }

    fn reconnect(&self) {
        self.reconnects.fetch_add(1, Ordering::SeqCst);
    }
}

fn guarded(mood: Mood) -> Arc<Guarded<Moody>> {
    let backend = Moody {
        mood: watch::Sender::new(mood),
        calls: AtomicUsize::default(),
        reconnects: AtomicUsize::default(),
    };
    Arc::new(Guarded::new(backend, Ambient::system()))
}

impl Guarded<Moody> {
    fn calls(&self) -> usize {
        self.backend.calls.load(Ordering::SeqCst)
    }

    fn set(&self, mood: Mood) {
        self.backend.mood.send_replace(mood);
    }

    async fn open(&self) {
        for _ in 0..FAILURES_MAX {
            assert!(matches!(self.get(&KEY).await, Err(CoordinationError::Failed(_))));
        }
    }

    async fn is_left_alone(&self) -> bool {
        let before = self.calls();
        let is_refused = matches!(self.get(&KEY).await, Err(CoordinationError::LeftAlone));
        assert_eq!(is_refused, self.calls() == before, "left alone means not asked");
        is_refused
    }
}

#[tokio::test(start_paused = true)]
async fn failures_in_a_row_open_it_and_a_success_starts_the_count_again() {
    let guarded = guarded(Mood::Fails);
    for _ in 0..3 {
        for _ in 1..FAILURES_MAX {
            guarded.get(&KEY).await.expect_err("fails");
        }
        guarded.set(Mood::Answers);
        guarded.get(&KEY).await.expect("not left alone yet");
        guarded.set(Mood::Fails);
    }
    guarded.open().await;
    assert!(guarded.is_left_alone().await);
    assert_eq!(guarded.backend.reconnects.load(Ordering::SeqCst), 1, "stuck connections are given up");
}

#[tokio::test(start_paused = true)]
async fn exactly_one_call_probes_and_its_success_closes_it() {
    let guarded = guarded(Mood::Fails);
    guarded.open().await;
    guarded.set(Mood::Hangs);
    advance(PAUSE_MIN).await;
    let before = guarded.calls();
    let probing = Arc::clone(&guarded);
    let probe = tokio::spawn(async move { probing.get(&KEY).await });
    while guarded.calls() == before {
        tokio::task::yield_now().await;
    }
    for _ in 0..20 {
        assert!(guarded.is_left_alone().await, "one call asks already");
    }
    guarded.set(Mood::Answers);
    probe.await.expect("ran").expect("answered");
    assert!(!guarded.is_left_alone().await);
}

#[tokio::test(start_paused = true)]
async fn a_failed_probe_makes_the_pause_longer_but_never_longer_than_its_bound() {
    let guarded = guarded(Mood::Fails);
    guarded.open().await;
    let mut pause = PAUSE_MIN;
    for _ in 0..6 {
        advance(pause * 3 / 4 - Duration::from_millis(2)).await;
        assert!(guarded.is_left_alone().await, "jitter takes at most a quarter off {pause:?}");
        advance(pause / 4 + Duration::from_millis(2)).await;
        assert!(!guarded.is_left_alone().await, "after {pause:?} one call asks");
        pause = (pause * 2).min(PAUSE_MAX);
    }
    advance(PAUSE_MAX).await;
    guarded.set(Mood::Answers);
    guarded.get(&KEY).await.expect("the probe is answered");
    guarded.get(&KEY).await.expect("and everybody after it");
}

#[tokio::test(start_paused = true)]
async fn a_probe_whose_caller_goes_away_leaves_the_probe_to_the_next() {
    let guarded = guarded(Mood::Fails);
    guarded.open().await;
    guarded.set(Mood::Hangs);
    advance(PAUSE_MIN).await;
    let cut_short = timeout(TIMEOUT / 2, guarded.get(&KEY)).await;
    assert!(cut_short.is_err(), "the caller went away first");
    guarded.set(Mood::Answers);
    guarded.get(&KEY).await.expect("the next call probes");
}

#[tokio::test(start_paused = true)]
async fn a_hanging_backend_is_waited_for_once_and_no_longer_than_the_time_out() {
    let hanging = guarded(Mood::Hangs);
    let begin = Instant::now();
    hanging.get_or_lease(&KEY, &[1; 16], TIMEOUT).await.expect_err("hangs");
    assert_eq!(begin.elapsed(), TIMEOUT, "by paused time");
    // What a request does next.
    hanging.wait(&KEY, TIMEOUT).await.expect_err("nobody waits for what is left alone");
    hanging.take(&KEY, Rate { per_minute: 60, burst: 1 }, 1).await.expect("taken here");
    hanging.settle(&KEY, &[1; 16], Bytes::new(), TIMEOUT).await.expect_err("left alone");
    assert_eq!(begin.elapsed(), TIMEOUT);
    assert_eq!(hanging.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_crowd_of_ours_says_nothing_of_the_backend() {
    let guarded = guarded(Mood::IsCrowded);
    for _ in 0..FAILURES_MAX * 3 {
        guarded.get(&KEY).await.expect_err("too many ask");
        assert!(!guarded.is_left_alone().await);
    }
    guarded.set(Mood::Fails);
    guarded.open().await;
    advance(PAUSE_MIN).await;
    guarded.set(Mood::IsCrowded);
    guarded.get(&KEY).await.expect_err("too many ask");
    guarded.set(Mood::Answers);
    guarded.get(&KEY).await.expect("the next call probes");
    guarded.get(&KEY).await.expect("and closes it");
}

#[tokio::test(start_paused = true)]
async fn an_outage_lifts_no_limit() {
    let guarded = guarded(Mood::Fails);
    let rate = Rate { per_minute: 60, burst: 5 };
    for _ in 0..5 {
        assert_eq!(guarded.take(&KEY, rate, 1).await.expect("never fails"), Take::Granted);
    }
    let sixth = guarded.take(&KEY, rate, 1).await.expect("never fails");
    assert!(matches!(sixth, Take::Refused { .. }), "{sixth:?}");
    assert_eq!(guarded.calls(), 3, "and the backend is left alone");
}
