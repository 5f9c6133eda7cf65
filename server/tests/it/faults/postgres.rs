//! PostgreSQL that restarts, hangs, loses answers; clients that vanish; a server with another secret.

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use services::Postgres;
use tokio::task::JoinSet;

use super::proxy::Proxy;
use super::{Story, burst, everybody_is_in_once, is_their_turn, presses};
use crate::ground::{Backends, Ground};
use crate::process::{Client, Place, Reply, text};
use crate::site::person;

/// The value of a metric without labels.
async fn metric(client: &Client, name: &str) -> f64 {
    let (_, metrics) = client.get("/metrics").await.expect("answers");
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map_or(0.0, |value| value.parse().expect("a number"))
}

/// What may be said while the database is away.
fn says_come_again(reply: &Reply) -> bool {
    reply.status == 503
        && matches!(reply.code().as_str(), "storage-unavailable" | "overloaded")
        && reply.retry_after.as_ref().is_some_and(|seconds| seconds.parse::<u32>().is_ok_and(|it| it > 0))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_immediate_restart_in_the_middle_of_a_burst_loses_and_doubles_nothing() {
    if !is_their_turn() {
        return;
    }
    let postgres = Arc::new(Postgres::start());
    let place = Place::unlimited_on(Ground::at(&postgres.create_database("draws"), None));
    let server = place.serve();
    let client = Client::new(&server);
    let presses = presses(&client, "p", 600).await;
    let crowd = burst(std::slice::from_ref(&client), &presses, Duration::from_secs(3));
    tokio::time::sleep(Duration::from_millis(1200)).await;
    let restarting = Arc::clone(&postgres);
    tokio::task::spawn_blocking(move || restarting.restart_immediately()).await.expect("restarts");
    let stories: Vec<(usize, Story)> = crowd.join_all().await;
    let refusals: Vec<&Reply> = stories.iter().flat_map(|(_, story)| story.refusals()).collect();
    assert!(refusals.iter().all(|reply| says_come_again(reply)), "{refusals:?}");
    assert!(stories.iter().all(|(_, story)| story.broken == 0), "every request was answered");
    everybody_is_in_once(&place, &client, &presses, &stories).await;
    assert_eq!(place.receipts("open").len(), presses.len());
    #[expect(clippy::print_stdout, reason = "the numbers this test exists for")]
    {
        println!("restart: {} people in, {} answers of 503", presses.len(), refusals.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_hangs_is_answered_for_within_the_deadline_and_believed_again() {
    if !is_their_turn() {
        return;
    }
    let postgres = Postgres::start();
    let place = Place::unlimited_on(Ground::at(&postgres.create_database("draws"), None));
    let server = place.serve();
    let client = Client::new(&server);
    let known = presses(&client, "known", 1).await.remove(0);
    let first = client.register("open", &known.token, &known.form).await.expect("answers");
    assert_eq!(first.status, 201);
    let late = presses(&client, "late", 30).await;
    postgres.pause();
    let mut waiting = JoinSet::new();
    for press in late.clone() {
        let client = client.clone();
        waiting
            .spawn(async move { client.register("open", &press.token, &press.form).await.expect("answers") });
    }
    for _ in 0..3 {
        let retry = client.register("open", &known.token, &known.form).await.expect("answers");
        assert_eq!((retry.status, &retry.body), (201, &first.body), "a known retry needs no database");
        // Longer than the copy of the draw is believed without being read again.
        tokio::time::sleep(Duration::from_millis(1100)).await;
    }
    let (ready, _) = client.get("/readyz").await.expect("answers");
    assert_eq!(ready, 503, "nothing new is sent here");
    let refused = waiting.join_all().await;
    assert!(refused.iter().all(says_come_again), "{refused:?}");
    postgres.resume();
    let stories = burst(std::slice::from_ref(&client), &late, Duration::ZERO).join_all().await;
    everybody_is_in_once(&place, &client, &late, &stories).await;
    assert_eq!(place.receipts("open").len(), 31);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_is_told_as_neither_until_it_is_known() {
    if !is_their_turn() {
        return;
    }
    let postgres = Postgres::start();
    postgres.create_database("draws");
    let proxy = Proxy::to(postgres.port()).await;
    let url = format!("postgres://postgres@127.0.0.1:{}/draws", proxy.port());
    let place = Place::unlimited_on(Ground::at(&url, None));
    let server = place.serve();
    let client = Client::new(&server);

    // Lost again and again, and found out each time: acknowledged once, as new.
    let people = presses(&client, "p", 60).await;
    proxy.lose(6);
    let stories = burst(std::slice::from_ref(&client), &people, Duration::from_millis(300)).join_all().await;
    assert!(proxy.lost() >= 6, "answers were lost");
    assert!(metric(&client, "drawbridge_batches_repeated_total").await >= 6.0, "and batches written again");
    for (_, story) in &stories {
        assert_eq!(story.replies.len(), 1, "{story:?}");
        assert!(!story.last().replayed, "nobody was told before: {story:?}");
    }
    everybody_is_in_once(&place, &client, &people, &stories).await;
    assert_eq!(place.receipts("open").len(), 60);

    // Never found out in time: neither success nor failure. What was committed is what the retry gets.
    let person = presses(&client, "q", 1).await.remove(0);
    proxy.lose(usize::MAX);
    let unknown = client.register("open", &person.token, &person.form).await.expect("answers");
    assert!(says_come_again(&unknown), "{unknown:?}");
    proxy.lose(0);
    assert_eq!(place.receipts("open").len(), 61, "it was committed all the time");
    let known = client.register("open", &person.token, &person.form).await.expect("answers");
    assert_eq!(known.status, 201, "{}", known.body);
    assert_eq!(place.receipts("open").len(), 61);
    place.reconcile();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draw_that_stands_still_does_not_stop_another() {
    if !is_their_turn() {
        return;
    }
    let place = Place::unlimited_on(Ground::on(Backends::Postgres));
    place.apply(&[("still", "")]);
    let server = place.serve();
    let client = Client::new(&server);
    let mut somebody = place.connect().await;
    somebody.run("BEGIN; SELECT 1 FROM draws WHERE slug = 'still' FOR UPDATE").await.expect("locks");
    let mut held_up = JoinSet::new();
    for number in 0..8 {
        let token = client.token("still").await.expect("a token");
        let client = client.clone();
        held_up.spawn(async move {
            client.register("still", &token, &person(&format!("s{number}"))).await.expect("answers")
        });
    }
    // Each of them has its own batch if writers are free for it; the others go on meanwhile.
    for press in presses(&client, "p", 30).await {
        let reply = client.register("open", &press.token, &press.form).await.expect("answers");
        assert_eq!(reply.status, 201, "{}", reply.body);
    }
    assert!(held_up.try_join_next().is_none(), "the draw stood still all the time");
    somebody.run("ROLLBACK").await.expect("unlocks");
    let replies = held_up.join_all().await;
    assert!(replies.iter().all(|reply| reply.status == 201), "{replies:?}");
    place.reconcile();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_stands_still_does_not_stop_others_of_its_draw() {
    if !is_their_turn() {
        return;
    }
    let place = Place::unlimited_on(Ground::on(Backends::Postgres));
    let server = place.serve();
    let client = Client::new(&server);
    let [first, again] = [presses(&client, "a", 1).await.remove(0), presses(&client, "a", 1).await.remove(0)];
    let reply = client.register("open", &first.token, &first.form).await.expect("answers");
    assert_eq!(reply.status, 201, "{}", reply.body);
    // Whoever inserts the same person now waits to see whether they are gone.
    let mut somebody = place.connect().await;
    somebody.run("BEGIN; DELETE FROM entries").await.expect("holds them");
    let mut held_up = JoinSet::new();
    let same = client.clone();
    held_up.spawn(async move { same.register("open", &again.token, &again.form).await.expect("answers") });
    // Longer than a writer has patience: from here on it has looked for another at least once.
    tokio::time::sleep(Duration::from_millis(200)).await;
    for press in presses(&client, "p", 30).await {
        let reply = client.register("open", &press.token, &press.form).await.expect("answers");
        assert_eq!(reply.status, 201, "{}", reply.body);
    }
    assert!(held_up.try_join_next().is_none(), "the batch stood still all the time");
    somebody.run("ROLLBACK").await.expect("unlocks");
    let replies = held_up.join_all().await;
    assert_eq!(replies[0].status, 409, "{replies:?}");
    place.reconcile();
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_clients_that_vanish_leave_nothing_behind() {
    const CLIENTS: usize = 10_000;
    const PEOPLE: usize = 1_000;
    if !is_their_turn() {
        return;
    }
    let postgres = Postgres::start();
    let place = Place::unlimited_on(Ground::at(&postgres.create_database("draws"), None));
    let server = place.serve();
    let client = Client::new(&server);
    let people = presses(&client, "p", PEOPLE).await;
    let address = server.url.strip_prefix("http://").expect("a URL").to_owned();
    let mut vanishing = JoinSet::new();
    for thread in 0..8 {
        let (people, address) = (people.clone(), address.clone());
        vanishing.spawn_blocking(move || {
            for number in (thread..CLIENTS).step_by(8) {
                let press = &people[number % PEOPLE];
                let body = press.form.to_string();
                let request = format!(
                    "POST /api/v1/draws/open/entries HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                     idempotency-key: {}\r\ncontent-length: {}\r\n\r\n{body}",
                    press.token,
                    body.len()
                );
                let mut stream = TcpStream::connect(&address).expect("connects");
                // A tenth says all of it, the others stop somewhere; nobody waits for an answer.
                let said = if number % 10 == 0 { request.len() } else { request.len() * (number % 97) / 97 };
                stream.write_all(&request.as_bytes()[..said]).expect("sends");
            }
        });
    }
    vanishing.join_all().await;
    let everybody = presses(&client, "normal", 200).await;
    let stories = burst(std::slice::from_ref(&client), &everybody, Duration::ZERO).join_all().await;
    everybody_is_in_once(&place, &client, &everybody, &stories).await;
    // Those who said all of it are in or not, and their retry finds out which, once.
    let stories = burst(std::slice::from_ref(&client), &people, Duration::ZERO).join_all().await;
    everybody_is_in_once(&place, &client, &people, &stories).await;
    assert_eq!(place.receipts("open").len(), PEOPLE + everybody.len());
    let idle =
        "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = 'draws' AND state LIKE 'idle in transaction%'";
    assert_eq!(postgres.sql("draws", idle), "0");
    let connections = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = 'draws'";
    let connections: u32 = postgres.sql("draws", connections).parse().expect("a number");
    assert!(connections <= 20, "as many as the pools allow: {connections}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_another_secret_refuses_to_start() {
    if !is_their_turn() {
        return;
    }
    let place = Place::unlimited_on(Ground::new());
    let first = place.serve();
    let mut second = place.command(&["serve"]);
    second.env("DRAWBRIDGE_SECRET", "ab".repeat(32));
    let refused = second.output().expect("ends by itself");
    assert!(!refused.status.success());
    let why = text(&refused.stderr);
    assert!(why.contains("DRAWBRIDGE_SECRET: this database was made with another secret"), "{why}");
    let client = Client::new(&first);
    let token = client.token("open").await.expect("a token");
    assert_eq!(client.register("open", &token, &person("ada")).await.expect("answers").status, 201);
}
