//! What every coordination backend keeps, run against each of them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::{Coordination, Key, Lease, Owner, Rate, Take};

const LIFE: Duration = Duration::from_secs(30);
const DAY: Duration = Duration::from_secs(24 * 3600);
const FIRST: Owner = [1; 16];
const SECOND: Owner = [2; 16];

/// Runs every case. `pass_time` lets time pass for the backend, by its own clock.
///
/// # Panics
/// When the backend breaks a contract.
pub async fn run(backend: Arc<dyn Coordination>, pass_time: impl Fn(Duration)) {
    a_value_is_found_until_its_life_ends(&*backend, &pass_time).await;
    an_expired_lease_can_be_taken_at_once(&*backend, &pass_time).await;
    a_stale_owner_can_neither_settle_nor_release(&*backend, &pass_time).await;
    looking_takes_no_lease(&*backend).await;
    exactly_one_of_many_wins(&backend).await;
    a_waiter_wakes_when_the_holder_settles_or_releases(&backend).await;
    waiting_is_bounded(&*backend).await;
    an_allowance_is_spent_and_comes_back(&*backend, &pass_time).await;
}

fn key(name: u8) -> Key {
    [name; 32]
}

async fn lease(backend: &dyn Coordination, name: u8, owner: Owner) -> Lease {
    backend.get_or_lease(&key(name), &owner, LIFE).await.expect("the backend answers")
}

async fn settle(backend: &dyn Coordination, name: u8, owner: Owner, value: &'static [u8]) -> bool {
    backend.settle(&key(name), &owner, Bytes::from_static(value), DAY).await.expect("the backend answers")
}

async fn a_value_is_found_until_its_life_ends(backend: &dyn Coordination, pass_time: &impl Fn(Duration)) {
    assert_eq!(lease(backend, 1, FIRST).await, Lease::Leased);
    assert!(settle(backend, 1, FIRST, b"value").await);
    assert_eq!(lease(backend, 1, SECOND).await, Lease::Found(Bytes::from_static(b"value")));
    assert_eq!(backend.get(&key(1)).await.expect("answers").as_deref(), Some(&b"value"[..]));
    pass_time(DAY);
    assert_eq!(backend.get(&key(1)).await.expect("answers"), None);
    assert_eq!(lease(backend, 1, SECOND).await, Lease::Leased);
}

async fn an_expired_lease_can_be_taken_at_once(backend: &dyn Coordination, pass_time: &impl Fn(Duration)) {
    assert_eq!(lease(backend, 2, FIRST).await, Lease::Leased);
    assert_eq!(lease(backend, 2, SECOND).await, Lease::Busy);
    pass_time(LIFE);
    assert_eq!(lease(backend, 2, SECOND).await, Lease::Leased);
    assert_eq!(lease(backend, 2, FIRST).await, Lease::Busy);
}

async fn a_stale_owner_can_neither_settle_nor_release(
    backend: &dyn Coordination,
    pass_time: &impl Fn(Duration),
) {
    assert_eq!(lease(backend, 3, FIRST).await, Lease::Leased);
    pass_time(LIFE);
    assert!(!settle(backend, 3, FIRST, b"late").await, "its lease had ended");
    assert_eq!(lease(backend, 3, SECOND).await, Lease::Leased);
    assert!(!settle(backend, 3, FIRST, b"late").await);
    assert!(!backend.release(&key(3), &FIRST).await.expect("answers"));
    assert_eq!(lease(backend, 3, FIRST).await, Lease::Busy, "the second still holds it");
    assert!(settle(backend, 3, SECOND, b"right").await);
    assert_eq!(lease(backend, 3, FIRST).await, Lease::Found(Bytes::from_static(b"right")));
    assert!(!settle(backend, 3, SECOND, b"again").await, "a settled lease is over");
}

async fn looking_takes_no_lease(backend: &dyn Coordination) {
    assert_eq!(backend.get(&key(4)).await.expect("answers"), None);
    assert_eq!(lease(backend, 4, FIRST).await, Lease::Leased);
    assert!(backend.release(&key(4), &FIRST).await.expect("answers"));
    assert!(!backend.release(&key(4), &FIRST).await.expect("answers"), "released once");
    assert_eq!(lease(backend, 4, SECOND).await, Lease::Leased);
}

async fn exactly_one_of_many_wins(backend: &Arc<dyn Coordination>) {
    let mut tasks = tokio::task::JoinSet::new();
    for owner in 0..32 {
        let backend = Arc::clone(backend);
        tasks.spawn(async move { lease(&*backend, 5, [owner; 16]).await });
    }
    let ends = tasks.join_all().await;
    assert_eq!(ends.iter().filter(|end| **end == Lease::Leased).count(), 1);
    assert_eq!(ends.iter().filter(|end| **end == Lease::Busy).count(), 31);
}

async fn a_waiter_wakes_when_the_holder_settles_or_releases(backend: &Arc<dyn Coordination>) {
    for (name, settles) in [(6, true), (7, false)] {
        assert_eq!(lease(&**backend, name, FIRST).await, Lease::Leased);
        let waiting = Arc::clone(backend);
        let mut waiter = tokio::spawn(async move {
            waiting.wait(&key(name), LIFE).await.expect("answers");
            lease(&*waiting, name, SECOND).await
        });
        // Whether the waiter has begun to wait or comes too late, it must not wait for the lease to expire.
        tokio::task::yield_now().await;
        assert!(!waiter.is_finished());
        if settles {
            assert!(settle(&**backend, name, FIRST, b"done").await);
        } else {
            assert!(backend.release(&key(name), &FIRST).await.expect("answers"));
        }
        let seen = tokio::time::timeout(LIFE / 2, &mut waiter).await.expect("was woken").expect("ran");
        let expected = if settles { Lease::Found(Bytes::from_static(b"done")) } else { Lease::Leased };
        assert_eq!(seen, expected);
    }
}

async fn waiting_is_bounded(backend: &dyn Coordination) {
    backend.wait(&key(8), LIFE).await.expect("returns at once where there is no lease");
    assert_eq!(lease(backend, 8, FIRST).await, Lease::Leased);
    backend.wait(&key(8), Duration::from_millis(20)).await.expect("returns after its bound");
    assert_eq!(lease(backend, 8, SECOND).await, Lease::Busy);
}

async fn an_allowance_is_spent_and_comes_back(backend: &dyn Coordination, pass_time: &impl Fn(Duration)) {
    let rate = Rate { per_minute: 60, burst: 2 };
    let take = || async { backend.take(&key(9), rate, 1).await.expect("answers") };
    assert_eq!(take().await, Take::Granted);
    assert_eq!(take().await, Take::Granted);
    assert!(matches!(take().await, Take::Refused { retry_after: 1..=1000 }));
    assert_eq!(backend.take(&key(10), rate, 1).await.expect("answers"), Take::Granted, "another key");
    pass_time(Duration::from_secs(1));
    assert_eq!(take().await, Take::Granted);
}
