//! Redis and Redis Cluster: the contract, and what they do to it when they fail.

mod lies;

use std::net::Ipv4Addr;

use ::redis::{Value, cmd};
use services::{Redis, RedisCluster};
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};

use super::*;
use crate::ambient::ManualClock;
use crate::config;
use crate::coordination::breaker::Guarded;
use crate::coordination::conformance::{self, Lives};
use crate::coordination::memory::Allowances;

const OWNER: Owner = [1; 16];
const LONG: Duration = Duration::from_secs(60);
/// Waiting is real here.
const LIVES: Lives = Lives { lease: Duration::from_secs(1), value: Duration::from_secs(1) };

/// Long enough for a busy machine: what is tested is that something happens, not how fast.
const PATIENT: Duration = Duration::from_secs(10);

fn config(urls: &str, timeout: Duration) -> config::Redis {
    let urls: Vec<String> = urls.split(',').map(str::to_owned).collect();
    config::Redis { is_cluster: urls.len() > 1, urls, timeout }
}

fn backend(urls: &str) -> RedisCoordination {
    RedisCoordination::new(&config(urls, PATIENT), Ambient::system()).expect("addresses")
}

fn random_key() -> Key {
    Ambient::system().random()
}

async fn put(backend: &impl Coordination, key: &Key, value: &Bytes) -> CoordinationResult<()> {
    assert_eq!(backend.get_or_lease(key, &OWNER, LONG).await?, Lease::Leased);
    assert!(backend.settle(key, &OWNER, value.clone(), LONG).await?);
    Ok(())
}

/// Asks until it is answered.
async fn until_it_answers(backend: &impl Coordination, key: &Key) {
    let asking = async {
        while backend.get(key).await.is_err() {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(LONG, asking).await.expect("recovers by itself");
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_conforms() {
    let redis = Redis::start();
    conformance::run([Arc::new(backend(&redis.url())), Arc::new(backend(&redis.url()))], LIVES).await;
    assert_eq!(redis.cli(&["eval", UNEXPIRING, "0"]), "", "everything expires");
}

/// Names of keys that would stay for ever.
const UNEXPIRING: &str = "local found = {} \
     for _, key in ipairs(redis.call('KEYS', '*')) do \
     if redis.call('PTTL', key) < 0 then table.insert(found, key) end end return found";

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_cluster_conforms() {
    let cluster = RedisCluster::start();
    conformance::run([Arc::new(backend(&cluster.urls())), Arc::new(backend(&cluster.urls()))], LIVES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_that_redis_forgot_are_told_again() {
    let (redis, cluster) = (Redis::start(), RedisCluster::start());
    for backend in [backend(&redis.url()), backend(&cluster.urls())] {
        for _ in 0..2 {
            for _ in 0..12 {
                put(&backend, &random_key(), &Bytes::from_static(b"value"))
                    .await
                    .expect("is told the script");
            }
            redis.cli(&["script", "flush"]);
            cluster.cli_each(&["script", "flush"]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_is_told_to_the_node_that_needs_it_while_another_is_away() {
    let cluster = RedisCluster::start();
    let backend = backend(&cluster.urls());
    // Otherwise two nodes of three would refuse to work, too.
    cluster.cli_each(&["config", "set", "cluster-require-full-coverage", "no"]);
    let keys: Vec<Key> = (0..60).map(|_| random_key()).collect();
    assert_eq!(backend.get(&keys[0]).await.expect("answers"), None);
    cluster.nodes()[2].stop();
    let there = |key: &Key| {
        let slot = cluster.nodes()[0].cli(&["cluster", "keyslot", &name(key, 'o')]);
        slot.parse::<u32>().expect("a slot") <= 10922
    };
    for key in keys.iter().filter(|key| there(key)) {
        put(&backend, key, &Bytes::from_static(b"value")).await.expect("its node is there");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiter_is_told_and_need_not_look_again() {
    let (redis, cluster) = (Redis::start(), RedisCluster::start());
    let listening = ["pubsub", "numsub", CHANNEL];
    for (urls, is_listening) in [
        (redis.url(), &(|| redis.cli(&listening).ends_with('1')) as &(dyn Fn() -> bool + Sync)),
        (cluster.urls(), &|| cluster.cli_each(&listening).iter().any(|answer| answer.ends_with('1'))),
    ] {
        let holder = backend(&urls);
        let mut waiting = backend(&urls);
        waiting.look_again = LONG * 10;
        let waiting = Arc::new(waiting);
        for settles in [true, false].repeat(10) {
            let key = random_key();
            assert_eq!(holder.get_or_lease(&key, &OWNER, LONG).await.expect("answers"), Lease::Leased);
            let asking = Arc::clone(&waiting);
            let waiter = tokio::spawn(async move { asking.wait(&key, LONG).await });
            let held = cmd("GET").arg(name(&key, 'o')).clone();
            let is_waited_for = |held: &Value| matches!(held, Value::BulkString(held) if held[0] == b'w');
            while !is_waited_for(&holder.way().leases.ask(held.clone()).await.expect("answers"))
                || !is_listening()
            {
                sleep(Duration::from_millis(5)).await;
            }
            assert!(!waiter.is_finished());
            let ended = match settles {
                true => holder.settle(&key, &OWNER, Bytes::from_static(b"value"), LONG).await,
                false => holder.release(&key, &OWNER).await,
            };
            assert!(ended.expect("answers"));
            timeout(LONG / 2, waiter).await.expect("was told").expect("ran").expect("answers");
            assert!(waiting.waiters.is_empty());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_message_only_costs_a_second_look() {
    let redis = Redis::start();
    let (holder, waiting) = (backend(&redis.url()), backend(&redis.url()));
    let key = random_key();
    assert_eq!(holder.get_or_lease(&key, &OWNER, LONG).await.expect("answers"), Lease::Leased);
    let waiter = tokio::spawn(async move { waiting.wait(&key, LONG).await });
    while !redis.cli(&["get", &name(&key, 'o')]).starts_with('w') {
        sleep(Duration::from_millis(5)).await;
    }
    // As if the one who held it had never told.
    redis.cli(&["del", &name(&key, 'o')]);
    timeout(LONG / 2, waiter).await.expect("looked again").expect("ran").expect("answers");
}

#[tokio::test(flavor = "multi_thread")]
async fn allowances_follow_the_same_steps_as_within_a_process() {
    let redis = Redis::start();
    let clock = Arc::new(ManualClock::at(1_790_000_000_000));
    let ambient = Ambient::with_clock(clock.clone());
    let there = RedisCoordination::new(&config(&redis.url(), PATIENT), ambient.clone()).expect("an address");
    let here = Allowances::new(ambient.clone());
    let rates = ["60/min burst 3", "1200/min burst 600", "7/min burst 13", "60000000/min burst 1", "1/min"];
    // Any numbers do; these are always the same.
    let mut state: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut random = |bound: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % bound
    };
    let (mut granted, mut refused) = (0, 0);
    for step in 0..3000 {
        let rate: Rate = rates[usize::try_from(random(5)).expect("small")].parse().expect("a rate");
        let key = [u8::try_from(random(3)).expect("small"); 32];
        let turns = u32::try_from(random(u64::from(rate.burst) + 2)).expect("small");
        let (ours, theirs) =
            (here.take(&key, rate, turns), there.take(&key, rate, turns).await.expect("answers"));
        assert_eq!(ours, theirs, "step {step}: {turns} of {rate}");
        if ours == Take::Granted {
            granted += 1
        } else {
            refused += 1
        }
        // Sometimes back: a clock may be set.
        clock.advance(i64::try_from(random(3000)).expect("small") - 200);
    }
    assert!(granted > 300 && refused > 300, "{granted} granted, {refused} refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_held_clock_redis_tells_the_time() {
    let redis = Redis::start();
    let backend = backend(&redis.url());
    let rate = Rate { per_minute: 1, burst: 1 };
    let key = random_key();
    assert_eq!(backend.take(&key, rate, 1).await.expect("answers"), Take::Granted);
    let stored: i64 = redis.cli(&["get", &name(&key, 't')]).parse().expect("an instant");
    let ahead = stored - Ambient::system().now() * 1000;
    assert!((1_000_000..=60_000_000).contains(&ahead), "a minute from when it was taken, but {ahead}");
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_may_come_later_and_go_and_come_again() {
    let redis = Redis::start();
    redis.stop();
    let backend = backend(&redis.url());
    for _ in 0..2 {
        backend.get(&random_key()).await.expect_err("nobody is there");
        redis.start_again();
        until_it_answers(&backend, &random_key()).await;
        redis.stop();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_went_and_came_again_is_found_again() {
    let cluster = RedisCluster::start();
    let timeout = Duration::from_millis(250);
    let inner = RedisCoordination::new(&config(&cluster.urls(), timeout), Ambient::system());
    let guarded = Guarded::new(inner.expect("addresses"), Ambient::system());
    let keys: Vec<Key> = (0..12).map(|_| random_key()).collect();
    for key in &keys {
        until_it_answers(&guarded, key).await;
    }
    cluster.pause();
    for key in &keys {
        guarded.get(key).await.expect_err("frozen");
    }
    cluster.resume();
    for key in &keys {
        until_it_answers(&guarded, key).await;
    }
    cluster.nodes().iter().for_each(Redis::stop);
    for key in &keys {
        guarded.get(key).await.expect_err("gone");
    }
    cluster.nodes().iter().for_each(Redis::start_again);
    for key in &keys {
        until_it_answers(&guarded, key).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_call_reads_the_answer_of_one_that_was_given_up() {
    let (redis, cluster) = (Redis::start(), RedisCluster::start());
    for (urls, pause, resume) in [
        (redis.url(), &(|| redis.pause()) as &(dyn Fn() + Sync), &(|| redis.resume()) as &(dyn Fn() + Sync)),
        (cluster.urls(), &|| cluster.pause(), &|| cluster.resume()),
    ] {
        let short = Duration::from_millis(100);
        let own = RedisCoordination::new(&config(&urls, short), Ambient::system()).expect("addresses");
        let pairs: Vec<(Key, Bytes)> =
            (0..60).map(|_| random_key()).map(|key| (key, Bytes::copy_from_slice(&key))).collect();
        for (key, _) in &pairs {
            until_it_answers(&own, key).await;
        }
        for (key, value) in &pairs {
            put(&backend(&urls), key, value).await.expect("answers");
        }
        let own = Arc::new(own);
        pause();
        let mut given_up = tokio::task::JoinSet::new();
        for (at, (key, _)) in pairs.iter().enumerate().take(30) {
            let (own, key) = (Arc::clone(&own), *key);
            // Half are dropped by their callers, half are timed out.
            let patience = if at % 2 == 0 { short / 4 } else { LONG };
            given_up.spawn(async move { timeout(patience, own.get(&key)).await });
        }
        for end in given_up.join_all().await {
            assert!(!matches!(end, Ok(Ok(_))), "nobody was there to answer");
        }
        resume();
        until_it_answers(&*own, &pairs[0].0).await;
        for (key, value) in &pairs {
            until_it_answers(&*own, key).await;
            assert_eq!(own.get(key).await.expect("answers").as_ref(), Some(value));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_ends_while_redis_hangs_or_never_answered() {
    let redis = Redis::start();
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let silent_url = format!("redis://{}", silent.local_addr().expect("bound"));
    let open = |url: &str| {
        let config = config(url, Duration::from_millis(100));
        RedisCoordination::new(&config, Ambient::system()).expect("an address")
    };
    let (key, value) = (random_key(), Bytes::from_static(b"value"));
    let (known, unknown) = (open(&redis.url()), open(&silent_url));
    until_it_answers(&known, &key).await;
    redis.pause();
    for backend in [known, unknown] {
        let rate = Rate { per_minute: 60, burst: 2 };
        let calls = async {
            backend.get(&key).await.expect_err("get");
            backend.get_or_lease(&key, &OWNER, LONG).await.expect_err("lease");
            backend.settle(&key, &OWNER, value.clone(), LONG).await.expect_err("settle");
            backend.release(&key, &OWNER).await.expect_err("release");
            backend.wait(&key, Duration::from_millis(100)).await.expect_err("wait");
            backend.discard(&key, &value).await.expect_err("discard");
            backend.take(&key, rate, 1).await.expect_err("take");
        };
        timeout(LONG, calls).await.expect("bounded");
    }
    redis.resume();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_hangs_holds_up_nobody_who_needs_another() {
    let cluster = RedisCluster::start();
    let keys: Vec<Key> = (0..60).map(|_| random_key()).collect();
    let config = config(&cluster.urls(), Duration::from_secs(1));
    let backend = RedisCoordination::new(&config, Ambient::system()).expect("addresses");
    for key in &keys {
        until_it_answers(&backend, key).await;
    }
    cluster.nodes()[0].pause();
    let said = futures_util::future::join_all(keys.iter().map(|key| backend.get(key))).await;
    cluster.nodes()[0].resume();
    let answered = said.iter().filter(|said| said.is_ok()).count();
    assert!((20..60).contains(&answered), "{answered} of 60 answered by two of three nodes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_redis_tells_what_it_knows_and_ends_leases() {
    let redis = Redis::start();
    let backend = backend(&redis.url());
    let (known, held, unknown) = (random_key(), random_key(), random_key());
    let value = Bytes::from_static(b"value");
    put(&backend, &known, &value).await.expect("answers");
    assert_eq!(backend.get_or_lease(&held, &OWNER, LONG).await.expect("answers"), Lease::Leased);
    redis.cli(&["config", "set", "maxmemory-policy", "noeviction"]);
    redis.cli(&["config", "set", "maxmemory", "1"]);
    assert_eq!(backend.get_or_lease(&known, &OWNER, LONG).await.expect("knows"), Lease::Found(value.clone()));
    let full = backend.get_or_lease(&unknown, &OWNER, LONG).await.expect_err("cannot be stored");
    assert!(full.to_string().contains("OOM"), "{full}");
    let full = backend.settle(&held, &OWNER, value, LONG).await.expect_err("cannot be stored");
    assert!(full.to_string().contains("OOM"), "{full}");
    assert_eq!(redis.cli(&["exists", &name(&held, 'o')]), "0", "the lease has ended all the same");
}

#[tokio::test]
async fn calls_that_come_together_are_one_round_trip() {
    let redis = Redis::start();
    let backend = backend(&redis.url());
    let keys: Vec<Key> = (0..64).map(|_| random_key()).collect();
    backend.get_or_lease(&random_key(), &OWNER, LONG).await.expect("connects");
    let reads = || {
        let stats = redis.cli(&["info", "stats"]);
        let reads = stats.lines().find_map(|line| line.strip_prefix("total_reads_processed:"));
        reads.and_then(|reads| reads.trim().parse::<u32>().ok()).expect("a number")
    };
    let before = reads();
    let of_looking = reads() - before;
    let asked = keys.iter().map(|key| backend.get_or_lease(key, &OWNER, LONG));
    // On one thread everybody has asked before anything is sent.
    for lease in futures_util::future::join_all(asked).await {
        assert_eq!(lease.expect("answers"), Lease::Leased);
    }
    assert_eq!(reads() - before - 2 * of_looking, 1);
}

#[tokio::test]
async fn who_needs_it_first_takes_it_nowhere() {
    let redis = Redis::start();
    let backend = Arc::new(backend(&redis.url()));
    let other = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let (first, key, value) = (Arc::clone(&backend), random_key(), Bytes::from_static(b"value"));
    let putting = other.spawn(async move {
        put(&*first, &key, &value).await?;
        first.wait(&key, LONG).await
    });
    putting.await.expect("runs").expect("answers");
    other.shutdown_background();
    assert_eq!(backend.get(&key).await.expect("answers"), Some(Bytes::from_static(b"value")));
    let is_listening = async {
        while !redis.cli(&["pubsub", "numsub", CHANNEL]).ends_with('1') {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LONG, is_listening).await.expect("nor the listener");
}
