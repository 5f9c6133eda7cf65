//! Against a PostgreSQL server of their own.

mod concurrency;
mod look_ups;
mod one_call;
mod schema;

use std::sync::Arc;

use services::{OwnDatabase, shared as running};

use super::*;
use crate::ambient::{Clock, ManualClock, SystemClock};
use crate::secrets::Secret;
use crate::store::conformance::{self, Bench, NOON};
use crate::store::draws::Actor;

fn keys() -> Arc<Keys> {
    Arc::new(Keys::new(&Secret::new([1; 32]), None))
}

/// A bench over an empty database; another one over the same is another server.
async fn bench(database: &OwnDatabase, clock: &Arc<ManualClock>) -> Bench {
    let ambient = Ambient::with_clock(clock.clone());
    let store = PostgresStore::open(database.url(), ambient.clone(), keys()).await.expect("opens");
    Bench { store: Arc::new(store), clock: clock.clone(), ambient, keys: keys() }
}

fn noon() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(NOON))
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_conforms() {
    let database = running::postgres().own_database();
    conformance::run(bench(&database, &noon()).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_start_together_migrate_once() {
    let database = running::postgres().own_database();
    let clock = noon();
    let stores = futures_util::future::join_all((0..6).map(|_| bench(&database, &clock))).await;
    let mine = crate::secrets::Digest::default();
    for bench in &stores {
        bench.store.ready().await.expect("is ready");
    }
    let checks = futures_util::future::join_all(stores.iter().enumerate().map(|(number, bench)| {
        let mut ours = mine;
        ours[0] = u8::try_from(number).expect("few");
        async move { bench.store.identity_check(&ours).await.expect("answers") }
    }))
    .await;
    assert!(checks.iter().all(|check| *check == checks[0]), "all agree on what the first one stored");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_lose_an_acknowledged_entry_is_refused() {
    let database = running::postgres().own_database();
    let url = format!("{}?options[synchronous_commit]=off", database.url());
    let refused = PostgresStore::open(&url, Ambient::system(), keys()).await.expect_err("is not safe");
    assert!(refused.to_string().contains("synchronous_commit = off"), "{refused}");
    let server = services::Postgres::start();
    for name in ["fsync", "full_page_writes"] {
        server.set(name, "off");
        let refused = PostgresStore::open(&server.url("postgres"), Ambient::system(), keys()).await;
        let refused = refused.expect_err("is not safe").to_string();
        assert!(refused.contains(&format!("{name} = off")), "{refused}");
        server.set(name, "on");
    }
    running::postgres()
        .sql("postgres", "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
    let url = running::postgres().url("latin");
    let refused = PostgresStore::open(&url, Ambient::system(), keys()).await.expect_err("cannot hold names");
    assert!(refused.to_string().contains("LATIN1"), "{refused}");
}

/// A machine whose clock is an hour ahead.
struct Ahead;

impl Clock for Ahead {
    fn now(&self) -> i64 {
        SystemClock.now() + 3_600_000
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_databases_clock_counts_not_the_servers() {
    let database = running::postgres().own_database();
    let ambient = Ambient::with_clock(Arc::new(Ahead));
    let before = SystemClock.now();
    let store = PostgresStore::open(database.url(), ambient.clone(), keys()).await.expect("opens");
    let (seen, after) = (ambient.now(), SystemClock.now());
    assert!((before - 1000..=after + 1000).contains(&seen), "{before} {seen} {after}: it is followed");
    drop(store);
}

#[tokio::test(flavor = "multi_thread")]
async fn giving_up_half_way_leaves_no_transaction_open() {
    let database = running::postgres().own_database();
    let bench = bench(&database, &noon()).await;
    let draw = bench.draw("given-up", |_| {}).await;
    for round in 0..200_u64 {
        let entry = bench.entry(&draw, &format!("p{round}"), None, None);
        let batch = [entry];
        let write = bench.store.write(draw.id, &batch);
        let edit = bench.store.change_state("given-up", shared::Action::Announce, &Actor::CommandLine);
        // Dropped after a different number of steps each time; some of them end before.
        let steps = round % 23;
        tokio::select! {
            biased;
            _ = write => {}
            _ = edit => {}
            () = async { for _ in 0..steps { tokio::task::yield_now().await; } } => {}
        }
    }
    // A store that still works, and nothing left in a transaction: asked until the closed ones are gone.
    let entry = bench.entry(&draw, "last", None, None);
    assert_eq!(conformance::created(&bench.write(&draw, &[entry]).await), 1);
    let open = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND state LIKE 'idle in transaction%'";
    let name = database.name().to_owned();
    let gone = tokio::task::spawn_blocking(move || {
        (0..500).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            running::postgres().sql(&name, open) == "0"
        })
    });
    assert!(gone.await.expect("asked"), "a transaction was left open");
    let found = bench.store.reconcile(&bench.keys).await.expect("reconciles");
    assert_eq!(found.0, Vec::<String>::new());
}

/// Which backend a connection talks to.
async fn backend(lent: &mut Lent) -> i32 {
    sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(lent.get()).await.expect("says")
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_writes_batch_after_batch_talks_to_one_backend_as_long_as_it_is_there() {
    let database = running::postgres().own_database();
    let store = PostgresStore::open(database.url(), Ambient::system(), keys()).await.expect("opens");
    let gate = &store.batches;
    let (mut first, mut last) = (gate.lend().await.expect("connects"), gate.lend().await.expect("connects"));
    let (of_first, of_last) = (backend(&mut first).await, backend(&mut last).await);
    first.give_back();
    for _ in 0..3 {
        last.give_back();
        last = gate.lend().await.expect("is kept");
        assert_eq!(backend(&mut last).await, of_last, "the pool would lend each in turn");
    }
    last.give_back();
    // Nobody was told.
    let end = format!("SELECT pg_terminate_backend({of_first}), pg_terminate_backend({of_last})");
    running::postgres().sql(database.name(), &end);
    tokio::time::sleep(TRUSTED_FOR * 2).await;
    let mut new = gate.lend().await.expect("connects again");
    assert!(![of_first, of_last].contains(&backend(&mut new).await));
    // None is lost to those that were kept, and who waits for one gets it.
    let mut all = vec![new];
    for _ in 1..WRITERS {
        all.push(gate.lend().await.expect("there is one more"));
    }
    let (next, ()) = tokio::join!(gate.lend(), async { all.pop().expect("many").give_back() });
    next.expect("was given back").give_back();
}

/// Backends that neither answer nor end, until this is dropped.
struct Silent(Vec<i32>);

impl Silent {
    fn new(backends: Vec<i32>) -> Self {
        let silent = Self(backends);
        silent.signal("-STOP");
        silent
    }

    fn signal(&self, signal: &str) {
        let backends = self.0.iter().map(ToString::to_string);
        let status = std::process::Command::new("kill").arg(signal).args(backends).status();
        assert!(status.is_ok_and(|status| status.success()), "they are there");
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        self.signal("-CONT");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_fell_silent_while_they_rested_keep_nobody_from_new_ones() {
    let database = running::postgres().own_database();
    let store = PostgresStore::open(database.url(), Ambient::system(), keys()).await.expect("opens");
    let lend_all = async || {
        let mut all = Vec::new();
        for _ in 0..WRITERS {
            all.push(store.batches.lend().await.expect("there is one more"));
        }
        all
    };
    let mut backends = Vec::new();
    for mut lent in lend_all().await {
        backends.push(backend(&mut lent).await);
        lent.give_back();
    }
    let _silent = Silent::new(backends.clone());
    tokio::time::sleep(TRUSTED_FOR * 2).await;
    for lent in &mut lend_all().await {
        assert!(!backends.contains(&backend(lent).await));
    }
}

#[test]
fn a_store_may_go_after_its_runtime() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let database = running::postgres().own_database();
    let store = runtime.block_on(async {
        let store = PostgresStore::open(database.url(), Ambient::system(), keys()).await.expect("opens");
        store.batches.lend().await.expect("connects").give_back();
        store
    });
    drop(runtime);
    // What it keeps for its writers is closed without one.
    drop(store);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_server_can_migrate_while_this_one_runs_and_this_one_can_start_again() {
    let database = running::postgres().own_database();
    let bench = bench(&database, &noon()).await;
    let draw = bench.draw("rolling", |_| {}).await;
    let entry = bench.entry(&draw, "ada", None, None);
    assert_eq!(conformance::created(&bench.write(&draw, &[entry]).await), 1);
    running::postgres().sql(
        database.name(),
        "ALTER TABLE draws ADD COLUMN newer TEXT; ALTER TABLE entries ADD COLUMN newer TEXT;
         INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (9999, 'newer', TRUE, '\\x00', 1)",
    );
    // Statements that were prepared before are void once on each connection: never for good.
    for name in ["bob", "eve"] {
        let batch = [bench.entry(&draw, name, None, None)];
        let fates = loop {
            match bench.store.write(draw.id, &batch).await {
                Ok(fates) => break fates,
                Err(error) => assert!(error.is_temporary(), "{error:?}"),
            }
        };
        assert_eq!(conformance::created(&fates), 1, "{fates:?}");
    }
    let again = PostgresStore::open(database.url(), Ambient::system(), keys()).await.expect("starts");
    crate::store::Upkeep::ready(&again).await.expect("is ready");
}
