//! A storm of retries, and what it costs the database and Redis, counted by those themselves.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use services::{Postgres, Redis};
use tokio::task::JoinSet;

use super::{Press, is_their_turn, presses};
use crate::ground::Ground;
use crate::process::{Client, Place, decided};

const PEOPLE: usize = 5_000;
/// Each round is a server that has just started and remembers nothing.
const ROUNDS: usize = 10;

/// How many leases Redis holds.
const LEASES: &str = "local leases = 0 for _, key in ipairs(redis.call('KEYS', '*o')) do \
    if redis.call('GET', key):sub(1, 1) ~= 'v' then leases = leases + 1 end end return leases";

/// Everybody once, so many at the same time; the bodies in order.
async fn everybody(client: &Client, presses: &Arc<Vec<Press>>) -> Vec<String> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut pressing = JoinSet::new();
    for _ in 0..32 {
        let (client, presses, next) = (client.clone(), Arc::clone(presses), Arc::clone(&next));
        pressing.spawn(async move {
            let mut bodies = Vec::new();
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(press) = presses.get(at) else { return bodies };
                let reply = client.register("open", &press.token, &press.form).await.expect("answers");
                assert_eq!(reply.status, 201, "{}", reply.body);
                bodies.push((at, reply.body));
            }
        });
    }
    let mut bodies: Vec<(usize, String)> = pressing.join_all().await.into_iter().flatten().collect();
    bodies.sort_unstable();
    bodies.into_iter().map(|(_, body)| body).collect()
}

/// Statements that touched entries or claims, and all statements, since the counts were reset.
fn queries(postgres: &Postgres) -> (u64, u64) {
    let counts = postgres.sql(
        "draws",
        "SELECT COALESCE(SUM(calls) FILTER (WHERE query ~ '\\m(entries|claims|withdrawals)\\M'), 0), COALESCE(SUM(calls), 0)
         FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid WHERE d.datname = 'draws'",
    );
    let (of_entries, all) = counts.split_once('|').expect("two numbers");
    (of_entries.parse().expect("a number"), all.parse().expect("a number"))
}

/// Calls that Redis counted, those inside scripts too: there were no more round trips than that.
fn calls(redis: &Redis) -> u64 {
    let stats = redis.cli(&["info", "commandstats"]);
    let calls = |name| -> u64 {
        let line = stats.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{name}:calls=")));
        line.map_or(0, |line| line.split(',').next().and_then(|calls| calls.parse().ok()).expect("a number"))
    };
    ["get", "set", "evalsha", "eval"].map(calls).iter().sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_costs_no_query_and_at_most_one_round_trip_to_redis() {
    if !is_their_turn() {
        return;
    }
    let (postgres, redis) = (Postgres::start(), Redis::start());
    // Patient, so that a machine which is busy with other things is not taken for a Redis that hangs.
    let place = Place::unlimited_on(Ground::at(&postgres.create_database("draws"), Some(&redis.url())))
        .with("DRAWBRIDGE_REDIS_TIMEOUT", "3000ms");
    postgres.sql("draws", "CREATE EXTENSION IF NOT EXISTS pg_stat_statements");
    let first = place.serve();
    let client = Client::new(&first);
    let presses = Arc::new(presses(&client, "p", PEOPLE).await);
    let bodies = everybody(&client, &presses).await;
    // What is acknowledged is told to the other servers a moment later. Once round at another server, which is not
    // counted, and whatever was not told is.
    let second = place.serve();
    assert_eq!(everybody(&Client::new(&second), &presses).await, bodies, "the same bytes");
    for _ in 0..500 {
        if redis.cli(&["eval", LEASES, "0"]) == "0" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    drop(second);
    drop(first);
    let (mut of_entries, mut of_all, mut round_trips) = (0, 0, 0);
    let mut by_layer: BTreeMap<(String, String), u64> = BTreeMap::new();
    for _ in 0..ROUNDS {
        let server = place.serve();
        let client = Client::new(&server);
        // The draw itself is known before the storm.
        client.get("/draws/open").await.expect("answers");
        postgres.sql("draws", "SELECT pg_stat_statements_reset()");
        let before = calls(&redis);
        assert_eq!(everybody(&client, &presses).await, bodies, "the same bytes");
        round_trips += calls(&redis) - before;
        let (entries, all) = queries(&postgres);
        (of_entries, of_all) = (of_entries + entries, of_all + all);
        for (what, count) in decided(&client).await {
            *by_layer.entry(what).or_default() += count;
        }
    }
    let retries = (PEOPLE * ROUNDS) as u64;
    #[expect(clippy::print_stdout, reason = "the numbers this test exists for")]
    {
        println!(
            "{retries} retries: {of_entries} queries for entries or claims, {of_all} of any kind; \
             {round_trips} round trips to Redis; {by_layer:?}"
        );
    }
    assert!(of_entries * 100 <= retries, "at least 99% without a query");
    assert!(of_all * 100 <= retries, "whatever it may be for");
    assert!(round_trips <= retries, "at most one each");
    let by_cache = by_layer[&("replayed".to_owned(), "cache".to_owned())];
    assert!(by_cache * 100 >= retries * 99, "the cache decided");
}
