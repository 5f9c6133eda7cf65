//! Many writers at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use services::shared as running;
use shared::Action;
use sqlx::{Connection as _, PgConnection};
use tokio::task::JoinSet;

use super::{bench, noon};
use crate::store::conformance::{Bench, created};
use crate::store::draws::{Actor, Draw, StateChange};
use crate::store::entries::{Ended, Ending, NewEntry, Written};

async fn agrees(bench: &Bench) {
    let found = bench.store.reconcile(&bench.keys).await.expect("reconciles");
    assert_eq!(found.0, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_of_the_same_people_in_opposite_order_never_fail() {
    const PEOPLE: usize = 500;
    let database = running::postgres().own_database();
    let clock = noon();
    let (first, second) = (bench(&database, &clock).await, bench(&database, &clock).await);
    for round in 0..12 {
        let draw = first.draw(&format!("opposite-{round}"), |_| {}).await;
        let phone = |number: usize| format!("+44163{:07}", round * PEOPLE + number);
        let people = |bench: &Bench| -> Vec<NewEntry> {
            (0..PEOPLE).map(|n| bench.entry(&draw, &format!("p{n}"), Some(&phone(n)), None)).collect()
        };
        let forwards = people(&first);
        let mut backwards = people(&second);
        backwards.reverse();
        let (one, other) =
            tokio::join!(first.store.write(draw.id, &forwards), second.store.write(draw.id, &backwards));
        let (one, other) = (one.expect("no deadlock comes out"), other.expect("no deadlock comes out"));
        assert_eq!(created(&one) + created(&other), PEOPLE, "round {round}");
        let known =
            |fates: &[Written]| fates.iter().filter(|fate| matches!(fate, Written::PersonKnown(_))).count();
        assert_eq!(known(&one) + known(&other), PEOPLE, "round {round}");
        assert_eq!(first.taken(draw.id).await, i64::try_from(PEOPLE).expect("few"));
    }
    agrees(&first).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadlock_with_somebody_else_is_run_again() {
    let database = running::postgres().own_database();
    let bench = bench(&database, &noon()).await;
    let draw = bench.draw("deadlock", |_| {}).await;
    let mut pair = [bench.entry(&draw, "p1", None, None), bench.entry(&draw, "p2", None, None)];
    pair.sort_by_key(|entry| entry.identity.person);
    // Somebody holds the second row, not committed.
    let mut other = PgConnection::connect(database.url()).await.expect("connects");
    let insert = |entry: &NewEntry| {
        let key = hex::encode(entry.identity.person);
        sqlx::AssertSqlSafe(format!(
            "INSERT INTO entries (draw_id, bucket, person_key, id, receipt, fingerprint, fingerprint_version,
                 full_name, name_key, email, email_canonical, party_size, terms_version, registered_at)
             VALUES ('{}', {}, '\\x{key}', gen_random_uuid(), '{}', '\\x{key}', 1, 'x', 'x', 'x@y.z', 'x@y.z', 1, 1, 1)",
            draw.id,
            crate::secrets::bucket(&entry.identity.person),
            crate::receipt::new_code(&bench.ambient, 1),
        ))
    };
    sqlx::raw_sql("BEGIN; SET deadlock_timeout = '1h'").execute(&mut other).await.expect("begins");
    sqlx::raw_sql(insert(&pair[1])).execute(&mut other).await.expect("inserts");
    let writing = tokio::spawn({
        let (store, batch, draw) = (Arc::clone(&bench.store), pair.clone(), draw.id);
        async move { store.write(draw, &batch).await }
    });
    // Until the batch has the first row and waits for the second. Asked outside of the transaction: within one, what
    // others do is read once and stays as it was.
    let mut watcher = PgConnection::connect(database.url()).await.expect("connects");
    let waits = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    loop {
        let waiting: i64 = sqlx::query_scalar(waits).fetch_one(&mut watcher).await.expect("asks");
        if waiting > 0 {
            break;
        }
        assert!(!writing.is_finished(), "it waits");
        tokio::task::yield_now().await;
    }
    // And now the other way round: PostgreSQL undoes the batch, whose own deadlock time-out is the shorter.
    sqlx::raw_sql(insert(&pair[0])).execute(&mut other).await.expect("inserts after the batch was undone");
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.expect("rolls back");
    let fates = writing.await.expect("ran").expect("is run again");
    assert_eq!(created(&fates), 2);
    let deadlocks: i64 =
        sqlx::query_scalar("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
            .fetch_one(&mut other)
            .await
            .expect("counts");
    assert!(deadlocks >= 1, "there was one");
    agrees(&bench).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_capped_draw_under_the_writers_of_eight_servers_takes_exactly_its_capacity() {
    const CAPACITY: usize = 333;
    let database = running::postgres().own_database();
    let clock = noon();
    let mut servers = Vec::new();
    for _ in 0..8 {
        servers.push(bench(&database, &clock).await);
    }
    let draw = servers[0].draw("capped-by-many", |spec| spec.capacity = Some(CAPACITY as u32)).await;
    let mut writing = JoinSet::new();
    for (number, server) in servers.iter().enumerate() {
        for batch in 0..8 {
            let entries: Vec<NewEntry> =
                (0..11).map(|n| server.entry(&draw, &format!("p{number}-{batch}-{n}"), None, None)).collect();
            let (store, draw) = (Arc::clone(&server.store), draw.id);
            writing.spawn(async move { store.write(draw, &entries).await.expect("no deadlock comes out") });
        }
    }
    let fates = writing.join_all().await;
    let full = fates.iter().flatten().filter(|fate| matches!(fate, Written::Full)).count();
    assert_eq!(fates.iter().map(|fates| created(fates)).sum::<usize>(), CAPACITY);
    assert_eq!(full, 8 * 8 * 11 - CAPACITY);
    agrees(&servers[0]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_ends_while_eight_writers_never_rest_and_freezes_what_was_acknowledged() {
    let database = running::postgres().own_database();
    let clock = noon();
    let server = bench(&database, &clock).await;
    let draw = server.draw("busy", |_| {}).await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut writing = JoinSet::new();
    for writer in 0..8 {
        let (bench, draw, stop) = (bench(&database, &clock).await, draw.clone(), Arc::clone(&stop));
        writing.spawn(async move {
            let (mut acknowledged, mut round) = (0, 0);
            // Goes on after the closing, until told to stop: nothing may enter then.
            while !stop.load(Ordering::Relaxed) {
                let batch: Vec<NewEntry> = (0..20)
                    .map(|n| bench.entry(&draw, &format!("p{writer}-{round}-{n}"), None, None))
                    .collect();
                acknowledged += created(&bench.write(&draw, &batch).await);
                round += 1;
            }
            acknowledged
        });
    }
    while server.taken(draw.id).await < 400 {
        tokio::task::yield_now().await;
    }
    let closed = server.store.change_state("busy", Action::Close, &Actor::CommandLine).await;
    assert!(matches!(closed.expect("closes within its time-outs"), StateChange::Changed(_)));
    let frozen = server.taken(draw.id).await;
    for _ in 0..200 {
        tokio::task::yield_now().await;
        assert_eq!(server.taken(draw.id).await, frozen, "nothing enters after");
    }
    stop.store(true, Ordering::Relaxed);
    let acknowledged: usize = writing.join_all().await.into_iter().sum();
    assert_eq!(i64::try_from(acknowledged).expect("few"), frozen, "what was acknowledged is in the list");
    agrees(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_capacity_that_comes_later_counts_what_all_shards_counted() {
    let database = running::postgres().own_database();
    let bench = bench(&database, &noon()).await;
    let draw = bench.draw("capped-later", |_| {}).await;
    let mut receipts = Vec::new();
    // One at a time: each picks a shard of its own.
    for n in 0..40 {
        let entry = bench.entry(&draw, &format!("p{n}"), None, None);
        receipts.push(entry.receipt.clone());
        assert_eq!(created(&bench.write(&draw, &[entry]).await), 1);
    }
    let end = |code: String| {
        let store = Arc::clone(&bench.store);
        async move { store.end(&code, &Ending::Withdrawn, &Actor::Entrant).await.expect("ends") }
    };
    for code in receipts.drain(..30) {
        assert_eq!(end(code).await, Ended::Done, "whichever shard counted it");
    }
    let mut spec = draw.spec.clone();
    spec.capacity = Some(11);
    let applied = bench.store.apply_draw(&spec, shared::DrawState::Announced, &Actor::CommandLine).await;
    applied.expect("applies");
    let draw: Draw = bench.reload("capped-later").await;
    let pair = [bench.entry(&draw, "q1", None, None), bench.entry(&draw, "q2", None, None)];
    let fates = bench.write(&draw, &pair).await;
    assert!(matches!(fates[..], [Written::Created { .. }, Written::Full]), "{fates:?}");
    assert_eq!(bench.taken(draw.id).await, 11);
    agrees(&bench).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_end_one_entry_at_once_one_does() {
    let database = running::postgres().own_database();
    let bench = bench(&database, &noon()).await;
    let draw = bench.draw("ended-once", |_| {}).await;
    let entry = bench.entry(&draw, "ada", None, None);
    bench.write(&draw, std::slice::from_ref(&entry)).await;
    let mut ending = JoinSet::new();
    for _ in 0..12 {
        let (store, code) = (Arc::clone(&bench.store), entry.receipt.clone());
        ending
            .spawn(async move { store.end(&code, &Ending::Withdrawn, &Actor::Entrant).await.expect("ends") });
    }
    let ends = ending.join_all().await;
    assert_eq!(ends.iter().filter(|end| **end == Ended::Done).count(), 1);
    assert_eq!(ends.iter().filter(|end| **end == Ended::Already).count(), 11);
    assert_eq!(bench.taken(draw.id).await, 0);
    agrees(&bench).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_can_withdraw_at_the_same_time() {
    let database = running::postgres().own_database();
    let bench = bench(&database, &noon()).await;
    let draw = bench.draw("all-out", |_| {}).await;
    let entries: Vec<NewEntry> = (0..120).map(|n| bench.entry(&draw, &format!("p{n}"), None, None)).collect();
    // One at a time: each picks a shard, and none of them counts many.
    for entry in &entries {
        assert_eq!(created(&bench.write(&draw, std::slice::from_ref(entry)).await), 1);
    }
    let mut ending = JoinSet::new();
    for entry in entries {
        let store = Arc::clone(&bench.store);
        ending.spawn(async move { store.end(&entry.receipt, &Ending::Withdrawn, &Actor::Entrant).await });
    }
    for ended in ending.join_all().await {
        assert_eq!(ended.expect("ends"), Ended::Done);
    }
    assert_eq!(bench.taken(draw.id).await, 0);
    agrees(&bench).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_losers_cost_as_few_statements_as_one() {
    let database = running::postgres().own_database();
    let bench = bench(&database, &noon()).await;
    let draw = bench.draw("losers", |_| {}).await;
    let batch: Vec<NewEntry> = (0..500).map(|n| bench.entry(&draw, &format!("p{n}"), None, None)).collect();
    assert_eq!(created(&bench.write(&draw, &batch).await), 500);
    let statements = || -> u64 {
        let count = format!(
            "SELECT COALESCE(SUM(calls), 0) FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
             WHERE d.datname = '{}' AND query !~ 'clock_timestamp|pg_stat'",
            database.name()
        );
        running::postgres().sql("postgres", &count).parse().expect("a number")
    };
    let others: Vec<NewEntry> = (0..500).map(|n| bench.entry(&draw, &format!("p{n}"), None, None)).collect();
    let before = statements();
    let fates = bench.write(&draw, &others).await;
    assert!(fates.iter().all(|fate| matches!(fate, Written::PersonKnown(_))));
    let close = bench.store.change_state("losers", Action::Close, &Actor::CommandLine).await;
    assert!(matches!(close, Ok(StateChange::Changed(_))));
    let late = bench.write(&draw, &batch).await;
    assert!(late.iter().all(|fate| matches!(fate, Written::TokenKnown(_))), "known also when shut");
    let spent = statements() - before;
    assert!(spent < 40, "{spent} statements for a thousand losers");
}
