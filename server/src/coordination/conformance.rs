//! What every coordination backend keeps, run against each of them.
//!
//! Each case is played by two parties over two handles on the same backend, as two servers have them. Time is
//! tokio's: a backend that lives by it runs in paused time, others really wait.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{sleep, timeout};

use super::{Coordination, Key, Lease, Owner, Rate, Take};

const FIRST: Owner = [1; 16];
const SECOND: Owner = [2; 16];
/// Longer than any case runs.
const LONG: Duration = Duration::from_secs(60);
/// What a clock that is read in whole milliseconds may be off.
const ROUNDING: Duration = Duration::from_millis(20);

/// How long things live where a case waits for their end: short, where waiting is real, but long enough that
/// a busy machine does not end them early.
#[derive(Clone, Copy, Debug)]
pub struct Lives {
    /// A lease's.
    pub lease: Duration,
    /// A value's.
    pub value: Duration,
}

struct Parties {
    one: Arc<dyn Coordination>,
    other: Arc<dyn Coordination>,
    lives: Lives,
}

/// Runs every case, over two handles on a backend that nobody else uses.
///
/// # Panics
/// When the backend breaks a contract.
pub async fn run([one, other]: [Arc<dyn Coordination>; 2], lives: Lives) {
    let parties = Parties { one, other, lives };
    parties.a_value_is_found_until_its_life_ends().await;
    parties.an_expired_lease_can_be_taken_at_once().await;
    parties.an_owner_may_ask_again().await;
    parties.a_stale_owner_ends_nobodys_lease_without_a_value().await;
    parties.a_value_is_stored_whoever_holds_the_lease().await;
    parties.looking_takes_no_lease().await;
    parties.only_the_same_value_is_discarded().await;
    parties.exactly_one_of_many_wins().await;
    parties.a_waiter_wakes_when_the_holder_settles_or_releases().await;
    parties.a_waiter_wakes_when_the_holder_dies().await;
    parties.waiting_is_bounded().await;
    parties.an_allowance_is_spent_by_both_and_comes_back().await;
    parties.several_turns_are_taken_together_or_not_at_all().await;
}

fn key(name: u8) -> Key {
    [name; 32]
}

async fn lease(party: &dyn Coordination, name: u8, owner: Owner, life: Duration) -> Lease {
    party.get_or_lease(&key(name), &owner, life).await.expect("the backend answers")
}

async fn settle(party: &dyn Coordination, name: u8, owner: Owner, value: &'static [u8]) -> bool {
    party.settle(&key(name), &owner, Bytes::from_static(value), LONG).await.expect("the backend answers")
}

async fn get(party: &dyn Coordination, name: u8) -> Option<Bytes> {
    party.get(&key(name)).await.expect("the backend answers")
}

async fn release(party: &dyn Coordination, name: u8, owner: Owner) -> bool {
    party.release(&key(name), &owner).await.expect("the backend answers")
}

fn found(value: &'static [u8]) -> Lease {
    Lease::Found(Bytes::from_static(value))
}

impl Parties {
    async fn a_value_is_found_until_its_life_ends(&self) {
        assert_eq!(lease(&*self.one, 1, FIRST, LONG).await, Lease::Leased);
        let value = Bytes::from_static(b"value \0\r\n\xff");
        assert!(self.one.settle(&key(1), &FIRST, value.clone(), self.lives.value).await.expect("answers"));
        assert_eq!(lease(&*self.other, 1, SECOND, LONG).await, Lease::Found(value.clone()));
        assert_eq!(get(&*self.other, 1).await, Some(value));
        sleep(self.lives.value + ROUNDING).await;
        assert_eq!(get(&*self.other, 1).await, None);
        assert_eq!(lease(&*self.other, 1, SECOND, LONG).await, Lease::Leased);
    }

    async fn an_expired_lease_can_be_taken_at_once(&self) {
        assert_eq!(lease(&*self.one, 2, FIRST, self.lives.lease).await, Lease::Leased);
        assert_eq!(lease(&*self.other, 2, SECOND, LONG).await, Lease::Busy);
        sleep(self.lives.lease + ROUNDING).await;
        assert_eq!(lease(&*self.other, 2, SECOND, LONG).await, Lease::Leased);
        assert_eq!(lease(&*self.one, 2, FIRST, LONG).await, Lease::Busy);
    }

    async fn an_owner_may_ask_again(&self) {
        assert_eq!(lease(&*self.one, 3, FIRST, LONG).await, Lease::Leased);
        assert_eq!(lease(&*self.one, 3, FIRST, LONG).await, Lease::Leased, "its first answer was lost");
        assert_eq!(lease(&*self.other, 3, SECOND, LONG).await, Lease::Busy);
    }

    async fn a_stale_owner_ends_nobodys_lease_without_a_value(&self) {
        assert_eq!(lease(&*self.one, 4, FIRST, self.lives.lease).await, Lease::Leased);
        sleep(self.lives.lease + ROUNDING).await;
        assert_eq!(lease(&*self.other, 4, SECOND, LONG).await, Lease::Leased);
        assert!(!release(&*self.one, 4, FIRST).await, "its lease had ended");
        assert_eq!(lease(&*self.one, 4, FIRST, LONG).await, Lease::Busy, "the second still holds it");
        assert!(release(&*self.other, 4, SECOND).await);
    }

    async fn a_value_is_stored_whoever_holds_the_lease(&self) {
        for (name, other_holds) in [(8, false), (9, true)] {
            assert_eq!(lease(&*self.one, name, FIRST, self.lives.lease).await, Lease::Leased);
            sleep(self.lives.lease + ROUNDING).await;
            if other_holds {
                assert_eq!(lease(&*self.other, name, SECOND, LONG).await, Lease::Leased);
            }
            let other = Arc::clone(&self.other);
            let waiter = tokio::spawn(async move { other.wait(&key(name), LONG).await });
            sleep(ROUNDING).await;
            assert!(!settle(&*self.one, name, FIRST, b"true").await, "its lease had ended");
            timeout(LONG / 2, waiter).await.expect("was woken").expect("ran").expect("answers");
            assert_eq!(lease(&*self.other, name, SECOND, LONG).await, found(b"true"));
            assert!(!settle(&*self.other, name, SECOND, b"true").await, "a settled lease is over");
            assert!(!release(&*self.other, name, SECOND).await);
            assert_eq!(lease(&*self.one, name, FIRST, LONG).await, found(b"true"));
        }
    }

    async fn looking_takes_no_lease(&self) {
        assert_eq!(get(&*self.one, 5).await, None);
        assert_eq!(lease(&*self.other, 5, FIRST, LONG).await, Lease::Leased);
        assert!(release(&*self.other, 5, FIRST).await);
        assert!(!release(&*self.other, 5, FIRST).await, "released once");
        assert_eq!(lease(&*self.one, 5, SECOND, LONG).await, Lease::Leased);
    }

    async fn only_the_same_value_is_discarded(&self) {
        let (bad, good) = (Bytes::from_static(b"bad"), Bytes::from_static(b"good"));
        self.one.discard(&key(6), &bad).await.expect("there is nothing to discard, which is no failure");
        assert_eq!(lease(&*self.one, 6, FIRST, LONG).await, Lease::Leased);
        assert!(settle(&*self.one, 6, FIRST, b"good").await);
        self.other.discard(&key(6), &bad).await.expect("answers");
        assert_eq!(get(&*self.one, 6).await, Some(good.clone()), "settled meanwhile, so not the bad one");
        self.other.discard(&key(6), &good).await.expect("answers");
        assert_eq!(get(&*self.one, 6).await, None);
        assert_eq!(lease(&*self.other, 6, SECOND, LONG).await, Lease::Leased, "and can be made anew");
    }

    async fn exactly_one_of_many_wins(&self) {
        let mut tasks = tokio::task::JoinSet::new();
        for owner in 0..32 {
            let party = Arc::clone(if owner % 2 == 0 { &self.one } else { &self.other });
            tasks.spawn(async move { lease(&*party, 7, [owner; 16], LONG).await });
        }
        let ends = tasks.join_all().await;
        assert_eq!(ends.iter().filter(|end| **end == Lease::Leased).count(), 1);
        assert_eq!(ends.iter().filter(|end| **end == Lease::Busy).count(), 31);
    }

    async fn a_waiter_wakes_when_the_holder_settles_or_releases(&self) {
        // Over the holder's own handle as well.
        for (name, settles, waiting) in
            [(10, true, &self.other), (11, false, &self.other), (12, true, &self.one), (13, false, &self.one)]
        {
            assert_eq!(lease(&*self.one, name, FIRST, LONG).await, Lease::Leased);
            let waiting = Arc::clone(waiting);
            let mut waiter = tokio::spawn(async move {
                waiting.wait(&key(name), LONG).await.expect("answers");
                lease(&*waiting, name, SECOND, LONG).await
            });
            // Whether it has begun to wait by now or comes too late, it must not wait for the lease's own end.
            sleep(ROUNDING).await;
            assert!(!waiter.is_finished());
            if settles {
                assert!(settle(&*self.one, name, FIRST, b"done").await);
            } else {
                assert!(release(&*self.one, name, FIRST).await);
            }
            let seen = timeout(LONG / 2, &mut waiter).await.expect("was woken").expect("ran");
            assert_eq!(seen, if settles { found(b"done") } else { Lease::Leased });
        }
    }

    async fn a_waiter_wakes_when_the_holder_dies(&self) {
        assert_eq!(lease(&*self.one, 14, FIRST, self.lives.lease).await, Lease::Leased);
        assert_eq!(lease(&*self.other, 14, SECOND, LONG).await, Lease::Busy);
        let waited = timeout(LONG, self.other.wait(&key(14), LONG * 2)).await;
        waited.expect("no longer than the lease").expect("answers");
        sleep(ROUNDING).await;
        assert_eq!(lease(&*self.other, 14, SECOND, LONG).await, Lease::Leased);
    }

    async fn waiting_is_bounded(&self) {
        let waited = timeout(LONG, self.other.wait(&key(15), LONG * 2)).await;
        waited.expect("returns at once where there is no lease").expect("answers");
        assert_eq!(lease(&*self.one, 15, FIRST, LONG).await, Lease::Leased);
        let waited = timeout(LONG / 2, self.other.wait(&key(15), ROUNDING)).await;
        waited.expect("returns after its bound").expect("answers");
        assert_eq!(lease(&*self.other, 15, SECOND, LONG).await, Lease::Busy);
    }

    async fn an_allowance_is_spent_by_both_and_comes_back(&self) {
        let rate = Rate { per_minute: 60, burst: 2 };
        let take =
            async |party: &Arc<dyn Coordination>| party.take(&key(20), rate, 1).await.expect("answers");
        assert_eq!(take(&self.one).await, Take::Granted);
        assert_eq!(take(&self.other).await, Take::Granted);
        for party in [&self.one, &self.other] {
            assert!(matches!(take(party).await, Take::Refused { retry_after: 1..=1000 }));
        }
        assert_eq!(self.one.take(&key(21), rate, 1).await.expect("answers"), Take::Granted, "another key");
        sleep(Duration::from_secs(1) + ROUNDING).await;
        assert_eq!(take(&self.other).await, Take::Granted);
    }

    async fn several_turns_are_taken_together_or_not_at_all(&self) {
        // One turn comes back in a minute, so that none does meanwhile.
        let rate = Rate { per_minute: 1, burst: 10 };
        let take = async |party: &Arc<dyn Coordination>, turns| {
            party.take(&key(22), rate, turns).await.expect("answers")
        };
        assert_eq!(take(&self.one, 6).await, Take::Granted);
        let refused = take(&self.other, 6).await;
        assert!(matches!(refused, Take::Refused { retry_after: 60_001..=120_000 }), "{refused:?}");
        assert_eq!(take(&self.other, 4).await, Take::Granted, "nothing was taken by what was refused");
        assert!(matches!(take(&self.one, 1).await, Take::Refused { .. }));
    }
}
