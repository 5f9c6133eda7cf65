//! Turns of an address, over a shared allowance that counts who asks.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use super::*;
use crate::ambient::ManualClock;
use crate::coordination::memory::Allowances;
use crate::coordination::{CoordinationResult, Lease, Owner};

const START: i64 = 1_790_000_000_000;
const ADDRESS: Key = [1; 32];

/// An allowance in another process, as far as the limiter can tell.
#[derive(Debug)]
struct Counted {
    allowances: Allowances,
    asked: AtomicUsize,
    /// Never answers.
    hangs: bool,
}

#[async_trait]
impl Coordination for Counted {
    async fn take(&self, key: &Key, rate: Rate, turns: u32) -> CoordinationResult<Take> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.hangs {
            std::future::pending::<()>().await;
        }
        Ok(self.allowances.take(key, rate, turns))
    }

    async fn get(&self, _: &Key) -> CoordinationResult<Option<Bytes>> {
        unreachable!("a limiter only takes")
    }

    async fn get_or_lease(&self, _: &Key, _: &Owner, _: Duration) -> CoordinationResult<Lease> {
        unreachable!("a limiter only takes")
    }

    async fn settle(&self, _: &Key, _: &Owner, _: Bytes, _: Duration) -> CoordinationResult<bool> {
        unreachable!("a limiter only takes")
    }

    async fn release(&self, _: &Key, _: &Owner) -> CoordinationResult<bool> {
        unreachable!("a limiter only takes")
    }

    async fn wait(&self, _: &Key, _: Duration) -> CoordinationResult<()> {
        unreachable!("a limiter only takes")
    }

    async fn discard(&self, _: &Key, _: &Bytes) -> CoordinationResult<()> {
        unreachable!("a limiter only takes")
    }
}

struct Bench {
    clock: Arc<ManualClock>,
    ambient: Ambient,
    shared: Counted,
    servers: Vec<Limiter>,
}

impl Bench {
    fn new(servers: usize) -> Self {
        let clock = Arc::new(ManualClock::at(START));
        let ambient = Ambient::with_clock(clock.clone());
        let shared = Counted {
            allowances: Allowances::new(ambient.clone()),
            asked: AtomicUsize::default(),
            hangs: false,
        };
        Self { clock, ambient, shared, servers: (0..servers).map(|_| Limiter::default()).collect() }
    }

    async fn take(&self, server: usize, rate: Rate) -> Take {
        self.servers[server].take(&self.shared, &self.ambient, ADDRESS, rate).await
    }

    /// Turns granted until one is refused, on one server after the other.
    async fn spend(&self, rate: Rate) -> u32 {
        let mut granted = 0;
        for server in 0..self.servers.len() {
            while self.take(server, rate).await == Take::Granted {
                granted += 1;
            }
        }
        granted
    }

    fn asked(&self) -> usize {
        self.shared.asked.swap(0, Ordering::SeqCst)
    }
}

fn rate(text: &str) -> Rate {
    text.parse().expect("a rate")
}

#[tokio::test]
async fn a_small_burst_is_exact_whatever_the_number_of_servers() {
    let bench = Bench::new(3);
    assert_eq!(bench.spend(rate("60/min burst 31")).await, 31);
    assert_eq!(bench.asked(), 31 + 3, "each turn, and one refusal on each server");
}

#[tokio::test]
async fn turns_of_a_crowd_cost_a_question_for_each_portion() {
    let bench = Bench::new(1);
    let rate = rate("1200/min burst 600");
    for _ in 0..500 {
        assert_eq!(bench.take(0, rate).await, Take::Granted, "500 entrants behind one address");
    }
    assert_eq!(bench.asked(), 500 / 37);
}

#[tokio::test]
async fn servers_together_exceed_the_burst_by_less_than_a_portion_each() {
    for servers in 1..=4 {
        let bench = Bench::new(servers);
        let rate = rate("1200/min burst 600");
        let granted = bench.spend(rate).await;
        let most = 600 + u32::try_from(servers).expect("few") * 36;
        assert!((600..=most).contains(&granted), "{granted} with {servers} servers");
    }
}

#[tokio::test]
async fn who_is_refused_costs_nothing_until_it_would_be_granted() {
    let bench = Bench::new(1);
    let rate = rate("1200/min burst 600");
    bench.spend(rate).await;
    bench.asked();
    let Take::Refused { retry_after } = bench.take(0, rate).await else { panic!("refused") };
    for _ in 0..1000 {
        assert_eq!(bench.take(0, rate).await, Take::Refused { retry_after });
    }
    bench.clock.advance(retry_after - 1);
    assert_eq!(bench.take(0, rate).await, Take::Refused { retry_after: 1 });
    assert_eq!(bench.asked(), 0);
    bench.clock.advance(1);
    assert_eq!(bench.take(0, rate).await, Take::Granted);
    assert_eq!(bench.asked(), 1);
}

#[tokio::test]
async fn the_long_run_rate_is_that_of_the_shared_allowance() {
    let bench = Bench::new(4);
    let rate = rate("1200/min burst 600");
    let mut granted = bench.spend(rate).await;
    for _ in 0..600 {
        bench.clock.advance(1000);
        granted += bench.spend(rate).await;
    }
    let fair = 600 + 600 * 20;
    assert!((fair - 4 * 37..=fair + 4 * 37).contains(&granted), "{granted} of {fair}");
}

#[tokio::test]
async fn turns_left_over_from_long_ago_are_still_taken() {
    let bench = Bench::new(1);
    let rate = rate("1200/min burst 600");
    for _ in 0..36 {
        bench.take(0, rate).await;
    }
    assert_eq!(bench.asked(), 0);
    bench.clock.advance(3_600_000);
    assert_eq!(bench.take(0, rate).await, Take::Granted);
    assert_eq!(bench.asked(), 1);
}

#[tokio::test]
async fn a_client_that_hangs_up_while_a_portion_is_asked_for_gains_nothing() {
    let mut bench = Bench::new(1);
    let rate = rate("1200/min burst 600");
    for _ in 0..36 {
        bench.take(0, rate).await;
    }
    bench.shared.hangs = true;
    for _ in 0..3 {
        let cut_short = tokio::time::timeout(Duration::ZERO, bench.take(0, rate)).await;
        assert!(cut_short.is_err(), "asks, and is not answered");
    }
    assert_eq!(bench.asked(), 3);
    bench.shared.hangs = false;
    assert_eq!(bench.take(0, rate).await, Take::Granted);
    assert_eq!(bench.asked(), 1, "what is owed is asked for before anything else is granted");
}

#[tokio::test]
async fn addresses_have_accounts_of_their_own_and_asking_this_process_is_exact() {
    let bench = Bench::new(1);
    let rate = rate("60/min burst 64");
    bench.spend(rate).await;
    let other = bench.servers[0].take(&bench.shared, &bench.ambient, [2; 32], rate).await;
    assert_eq!(other, Take::Granted);
    let memory = crate::coordination::memory::MemoryCoordination::new(bench.ambient.clone(), 1 << 20);
    for turn in 0..70 {
        let take = bench.servers[0].take(&memory, &bench.ambient, ADDRESS, rate).await;
        assert_eq!(take == Take::Granted, turn < 64, "turn {turn}: in-process, so never blocked here");
    }
}
