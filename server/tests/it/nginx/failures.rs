//! Servers that die, stall and are replaced behind nginx: clients do not notice.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;

use super::{Front, ONLY_INTEGRATORS};
use crate::process::{Client, Server};
use crate::site::person;

const OFF: [(&str, &str); 2] = [("DRAWBRIDGE_IP_RATE", "off"), ("DRAWBRIDGE_PERSON_RATE", "off")];

/// Registers one person, without retrying; the receipt.
async fn enter(client: Client, number: usize) -> String {
    let token = client.token("open").await.expect("a token");
    let reply = client.register("open", &token, &person(&format!("p{number}"))).await.expect("answers");
    assert_eq!(reply.status, 201, "{number}: {}", reply.body);
    reply.receipt()
}

/// People who come one after the other, some at a time, until it is enough.
struct Stream {
    entered: Arc<AtomicUsize>,
    enough: Arc<AtomicBool>,
    lines: JoinSet<Vec<String>>,
}

impl Stream {
    fn start(client: &Client, lines: usize) -> Self {
        let mut stream = Self { entered: Arc::default(), enough: Arc::default(), lines: JoinSet::new() };
        for line in 0..lines {
            let client = client.clone();
            let (entered, enough) = (Arc::clone(&stream.entered), Arc::clone(&stream.enough));
            stream.lines.spawn(async move {
                let mut receipts = Vec::new();
                while !enough.load(Ordering::SeqCst) {
                    receipts.push(enter(client.clone(), line * 1_000_000 + receipts.len()).await);
                    entered.fetch_add(1, Ordering::SeqCst);
                }
                receipts
            });
        }
        stream
    }

    /// Waits until so many more have entered.
    async fn more(&mut self, people: usize) {
        let until = self.entered.load(Ordering::SeqCst) + people;
        while self.entered.load(Ordering::SeqCst) < until {
            if let Some(failed) = self.lines.try_join_next() {
                failed.expect("everybody gets in");
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The receipts of all who came.
    async fn end(self) -> Vec<Vec<String>> {
        self.enough.store(true, Ordering::SeqCst);
        self.lines.join_all().await
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
    let Some(mut front) = Front::start_with(&OFF, ONLY_INTEGRATORS) else { return };
    let mut people = Stream::start(&front.client(), 40);
    people.more(100).await;
    for number in 0..2 {
        front.servers[number].kill();
        people.more(200).await;
    }
    let receipts = people.end().await;
    assert_all_are_there(&front, receipts);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_fails_no_registration() {
    let Some(mut front) = Front::start_with(&OFF, ONLY_INTEGRATORS) else { return };
    let mut people = Stream::start(&front.client(), 20);
    // Twice around, one right after the other.
    for round in 0..6 {
        people.more(50).await;
        let port = front.ports[round % 3];
        let server = front.servers.remove(0);
        server.terminate();
        let ended_well = tokio::task::spawn_blocking(move || server.ended_well()).await.expect("ran");
        assert!(ended_well);
        front.servers.push(front.place.serve_at(port));
    }
    people.more(50).await;
    let receipts = people.end().await;
    assert_all_are_there(&front, receipts);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stalls_holds_up_a_few_and_fails_nobody() {
    let Some(front) = Front::start_with(&OFF, ONLY_INTEGRATORS) else { return };
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

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_were_all_away_serve_as_soon_as_one_is_back() {
    let Some(mut front) = Front::start_with(&OFF, ONLY_INTEGRATORS) else { return };
    let client = front.client();
    front.servers.iter_mut().for_each(Server::kill);
    // Often enough that each of them counts as broken.
    for _ in 0..30 {
        assert_eq!(client.get("/draws/open").await.expect("answers").0, 503);
    }
    front.servers = vec![front.place.serve_at(front.ports[1])];
    let receipts = vec![enter(client, 0).await];
    assert_all_are_there(&front, vec![receipts]);
}
