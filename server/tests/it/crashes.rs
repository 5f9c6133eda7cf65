//! Stalls and kills. SIGKILL at random instants of a burst: every acknowledged entry is there after the restart, none twice,
//! and a retry of each gets its bytes.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinSet;

use crate::ground::Backends;
use crate::process::{Client, Place, Reply};
use crate::site::person;

/// Bursts. Fewer where a killed server leaves leases in Redis, which every retry waits out.
fn seeds() -> u64 {
    match Backends::chosen() {
        Backends::Sqlite | Backends::Postgres => 30,
        Backends::PostgresRedis | Backends::PostgresCluster => 8,
    }
}
const PEOPLE: usize = 120;

/// What a client knows after its server was killed.
enum Known {
    Acknowledged(Reply),
    Nothing,
}

#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledged_entry_survives_a_kill_at_any_instant() {
    let place = Place::new().with("DRAWBRIDGE_IP_RATE", "off").with("DRAWBRIDGE_PERSON_RATE", "off");
    let mut acknowledged_in_all = 0;
    let mut unknown_in_all = 0;
    let seeds = seeds();
    // Microseconds in which a burst is over: longer where it has further to go.
    let range = if Backends::chosen().is_sqlite() { 45_000 } else { 150_000 };
    for seed in 0..seeds {
        let slug: &'static str = format!("seed-{seed}").leak();
        place.apply(&[(slug, "")]);
        let mut server = place.serve();
        let client = Client::new(&server);
        let mut attempts: Vec<(String, Value)> = Vec::with_capacity(PEOPLE);
        for number in 0..PEOPLE {
            attempts.push((client.token(slug).await.expect("a token"), person(&format!("p{number}"))));
        }
        let mut burst = JoinSet::new();
        for (at, (token, form)) in attempts.iter().cloned().enumerate() {
            let client = client.clone();
            burst.spawn(async move {
                // Spread over the time in which the kill falls.
                tokio::time::sleep(Duration::from_micros(300 * at as u64)).await;
                match client.register(slug, &token, &form).await {
                    Ok(reply) => (at, Known::Acknowledged(reply)),
                    Err(_) => (at, Known::Nothing),
                }
            });
        }
        // A different instant for each seed, from the first arrivals to after the last: no clock decides what
        // is asserted, only how far the burst has come.
        tokio::time::sleep(Duration::from_micros(1500 + seed * range / seeds)).await;
        server.kill();
        let known = burst.join_all().await;

        let server = place.serve();
        let client = Client::new(&server);
        let stored: Vec<String> = place.receipts(slug);
        let distinct: HashSet<&String> = stored.iter().collect();
        assert_eq!(distinct.len(), stored.len(), "seed {seed}: none twice");
        for (at, known) in known {
            let (token, form) = &attempts[at];
            let retry = client.register(slug, token, form).await.expect("answers");
            assert_eq!(retry.status, 201, "seed {seed}: {}", retry.body);
            match known {
                Known::Acknowledged(reply) => {
                    acknowledged_in_all += 1;
                    assert_eq!(reply.status, 201, "seed {seed}: {}", reply.body);
                    assert!(distinct.contains(&reply.receipt()), "seed {seed}: {} is lost", reply.receipt());
                    assert_eq!(retry.body, reply.body, "seed {seed}");
                }
                Known::Nothing => unknown_in_all += 1,
            }
        }
        assert_eq!(place.receipts(slug).len(), PEOPLE, "seed {seed}: everybody is in, once");
    }
    place.reconcile();
    #[expect(clippy::print_stdout, reason = "the numbers this test exists for")]
    {
        println!(
            "{seeds} kills: {acknowledged_in_all} acknowledged before, {unknown_in_all} unknown until retried"
        );
    }
    assert!(acknowledged_in_all > 0 && unknown_in_all > 0, "the kills fell into the bursts");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_database_is_believed_again_as_soon_as_it_answers() {
    let place = Place::new();
    let mut before = place.serve();
    let client = Client::new(&before);
    let known_token = client.token("open").await.expect("a token");
    let known = client.register("open", &known_token, &person("fay")).await.expect("answers");
    assert_eq!(known.status, 201, "{}", known.body);
    before.kill();
    let server = place.serve();
    let client = Client::new(&server);
    // Somebody else keeps the table for longer than a queue may be expected to take.
    let mut other = place.connect().await;
    other.hold_writers().await;
    let waiting_token = client.token("open").await.expect("a token");
    let waiting = tokio::spawn({
        let (client, token) = (client.clone(), waiting_token.clone());
        async move { client.register("open", &token, &person("ada")).await.expect("answers") }
    });
    let shed = first_answered(&client).await;
    assert_eq!((shed.status, shed.code().as_str()), (503, "overloaded"), "while it hangs, at once");
    // This server has never seen the entry of the one before.
    let again = client.register("open", &known_token, &person("fay")).await.expect("answers");
    assert_eq!((again.status, again.replayed), (201, true), "a known retry is not refused: {}", again.body);
    assert_eq!(again.body, known.body);
    other.let_go().await;
    let mut first = waiting.await.expect("ran");
    // SQLite waits as long as it takes; PostgreSQL gives up at its deadline, and says so.
    assert!(first.status == 201 || !Backends::chosen().is_sqlite(), "{}", first.body);
    let token = client.token("open").await.expect("a token");
    for (reply, token, name) in [(&mut first, &waiting_token, "ada"), (&mut Reply::default(), &token, "eve")]
    {
        while matches!(reply.status, 0 | 503) {
            *reply = client.register("open", token, &person(name)).await.expect("answers");
        }
        assert_eq!(reply.status, 201, "{}", reply.body);
    }
    place.reconcile();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_retry_takes_one_turn_also_while_others_are_told_to_come_again() {
    const KNOWN: usize = 32;
    let place = Place::new().with("DRAWBRIDGE_IP_RATE", "off").with("DRAWBRIDGE_PERSON_RATE", "off");
    let mut before = place.serve();
    let client = Client::new(&before);
    let mut known = Vec::new();
    for at in 0..KNOWN {
        let (token, form) = (client.token("open").await.expect("a token"), person(&format!("known{at}")));
        let reply = client.register("open", &token, &form).await.expect("answers");
        assert_eq!(reply.status, 201, "{}", reply.body);
        known.push((token, form, reply));
    }
    before.kill();
    // Less than two turns for each, and some for those who find out.
    let place = place.with("DRAWBRIDGE_IP_RATE", "1/min burst 56");
    let server = place.serve();
    let client = Client::new(&server);
    let mut other = place.connect().await;
    other.hold_writers().await;
    let shed = first_answered(&client).await;
    assert_eq!((shed.status, shed.code().as_str()), (503, "overloaded"));
    for (token, form, reply) in &known {
        let retry = client.register("open", token, form).await.expect("answers");
        assert_eq!((retry.status, retry.replayed), (201, true), "{}", retry.body);
        assert_eq!(retry.body, reply.body);
    }
    other.let_go().await;
    place.reconcile();
}

/// The answer to the first of many people who gets one at once.
async fn first_answered(client: &Client) -> Reply {
    loop {
        let token = client.token("open").await.expect("a token");
        let form = person("bob");
        let answered = client.register("open", &token, &form);
        if let Ok(reply) = tokio::time::timeout(Duration::from_millis(500), answered).await {
            return reply.expect("answers");
        }
    }
}
