//! Servers that die, stall and are replaced behind nginx: clients do not notice.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::task::JoinSet;

use super::Front;
use crate::process::{Client, Reply};
use crate::site::person;

const OFF: [(&str, &str); 2] = [("DRAWBRIDGE_IP_RATE", "off"), ("DRAWBRIDGE_PERSON_RATE", "off")];

/// Registers one person, without retrying; the receipt.
async fn enter(client: Client, number: usize) -> String {
    let token = client.token("open").await.expect("a token");
    let reply = client.register("open", &token, &person(&format!("p{number}"))).await.expect("answers");
    assert_eq!(reply.status, 201, "{number}: {}", reply.body);
    Reply::receipt(&reply)
}

/// People who come one after the other, some at a time, until it is enough; their receipts.
fn stream(client: &Client, at_a_time: usize) -> (Arc<AtomicUsize>, Arc<AtomicBool>, JoinSet<Vec<String>>) {
    let (entered, enough) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let mut people = JoinSet::new();
    for line in 0..at_a_time {
        let (client, entered, enough) = (client.clone(), Arc::clone(&entered), Arc::clone(&enough));
        people.spawn(async move {
            let mut receipts = Vec::new();
            while !enough.load(Ordering::SeqCst) {
                receipts.push(enter(client.clone(), line * 1_000_000 + receipts.len()).await);
                entered.fetch_add(1, Ordering::SeqCst);
            }
            receipts
        });
    }
    (entered, enough, people)
}

/// Waits until so many more people have entered.
async fn more(entered: &AtomicUsize, people: usize, of: &JoinSet<Vec<String>>) {
    let until = entered.load(Ordering::SeqCst) + people;
    while entered.load(Ordering::SeqCst) < until && !of.is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

fn assert_all_are_there(front: &Front, receipts: Vec<Vec<String>>) {
    let receipts: Vec<String> = receipts.into_iter().flatten().collect();
    let distinct: HashSet<String> = receipts.iter().cloned().collect();
    assert_eq!(distinct.len(), receipts.len(), "each has a receipt of its own");
    assert_eq!(front.place.receipts("open").into_iter().collect::<HashSet<_>>(), distinct);
    front.place.reconcile();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_registers_while_a_server_is_killed_gets_a_receipt_at_the_first_press() {
    let Some(mut front) = Front::start(&OFF) else { return };
    let (entered, enough, people) = stream(&front.client(), 40);
    more(&entered, 100, &people).await;
    for number in 0..2 {
        front.servers[number].kill();
        more(&entered, 200, &people).await;
    }
    enough.store(true, Ordering::SeqCst);
    let receipts = people.join_all().await;
    assert_all_are_there(&front, receipts);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_fails_no_registration() {
    let Some(mut front) = Front::start(&OFF) else { return };
    let (entered, enough, people) = stream(&front.client(), 20);
    // Twice around, one right after the other.
    for round in 0..6 {
        more(&entered, 50, &people).await;
        let port = front.ports[round % 3];
        let server = front.servers.remove(0);
        server.terminate();
        let ended_well = tokio::task::spawn_blocking(move || server.ended_well()).await.expect("ran");
        assert!(ended_well);
        front.servers.push(front.place.serve_at(port));
    }
    more(&entered, 50, &people).await;
    enough.store(true, Ordering::SeqCst);
    let receipts = people.join_all().await;
    assert_all_are_there(&front, receipts);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stalls_holds_up_a_few_and_fails_nobody() {
    let Some(front) = Front::start(&OFF) else { return };
    front.servers[0].send("STOP");
    let client = front.client();
    let mut people = JoinSet::new();
    for number in 0..30 {
        people.spawn(enter(client.clone(), number));
    }
    let mut receipts = vec![people.join_all().await];
    // By now nginx knows.
    for number in 30..60 {
        receipts.push(vec![enter(client.clone(), number).await]);
    }
    let log = front.nginx.read("access.log");
    let stalled = format!("127.0.0.1:{}", front.ports[0]);
    let late = log.lines().skip(60).filter(|line| line.contains(&stalled)).count();
    assert!(late < 10, "it is asked now and then, in case it is back: {late}");
    front.servers[0].send("CONT");
    assert_all_are_there(&front, receipts);
}
