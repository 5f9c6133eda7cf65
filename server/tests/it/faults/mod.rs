//! Parts that fail in the middle of a burst: PostgreSQL, Redis, the network between. Each test has services of its
//! own, whatever backends the run was asked for; they run once, with PostgreSQL and Redis.

mod postgres;
mod proxy;
mod redis;
mod storm;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::task::JoinSet;

use crate::ground::Backends;
use crate::process::{Client, Place, Reply};
use crate::site::person;

/// Whether this run is the one that breaks things.
fn is_their_turn() -> bool {
    Backends::chosen() == Backends::PostgresRedis
}

/// A person's attempt.
#[derive(Clone, Debug)]
struct Press {
    token: String,
    form: Value,
}

/// Attempts of so many people, with their tokens.
async fn presses(client: &Client, name: &str, people: usize) -> Vec<Press> {
    let mut presses = Vec::with_capacity(people);
    for number in 0..people {
        let token = client.token("open").await.expect("a token");
        presses.push(Press { token, form: person(&format!("{name}{number}")) });
    }
    presses
}

/// What one person saw until they had their receipt.
#[derive(Debug, Default)]
struct Story {
    /// Every answer, in order.
    replies: Vec<Reply>,
    /// Requests without an answer.
    broken: usize,
    /// The longest that one request took.
    slowest: Duration,
}

impl Story {
    fn last(&self) -> &Reply {
        self.replies.last().expect("an answer")
    }

    /// Answers that were no receipt.
    fn refusals(&self) -> impl Iterator<Item = &Reply> {
        self.replies.iter().filter(|reply| reply.status != 201)
    }
}

/// Presses again, as the page does, after every answer that says "come again" and after every broken connection,
/// to each of the servers in turn.
async fn press_until_in(servers: &[Client], press: &Press, first: usize) -> Story {
    let mut story = Story::default();
    for server in servers.iter().cycle().skip(first).take(200) {
        let began = Instant::now();
        let answer = server.register("open", &press.token, &press.form).await;
        story.slowest = story.slowest.max(began.elapsed());
        match answer {
            Ok(reply) => {
                let is_over = !matches!(reply.status, 503 | 409 | 429);
                story.replies.push(reply);
                if is_over {
                    return story;
                }
            }
            Err(_) => story.broken += 1,
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("never got in: {story:?}");
}

/// Everybody at once, spread over a moment, each until they are in.
fn burst(servers: &[Client], presses: &[Press], spread: Duration) -> JoinSet<(usize, Story)> {
    let mut burst = JoinSet::new();
    for (at, press) in presses.iter().cloned().enumerate() {
        let (servers, pause) = (servers.to_vec(), spread * u32::try_from(at).expect("few"));
        let pause = pause / u32::try_from(presses.len()).expect("few");
        burst.spawn(async move {
            tokio::time::sleep(pause).await;
            (at, press_until_in(&servers, &press, at).await)
        });
    }
    burst
}

/// After a burst: everybody has one receipt, which is in the database, and gets the same bytes again.
async fn everybody_is_in_once(place: &Place, client: &Client, presses: &[Press], stories: &[(usize, Story)]) {
    let stored: Vec<String> = place.receipts("open");
    let distinct: HashSet<&String> = stored.iter().collect();
    assert_eq!(distinct.len(), stored.len(), "none twice");
    for (at, story) in stories {
        let last = story.last();
        assert_eq!(last.status, 201, "{}", last.body);
        assert!(distinct.contains(&last.receipt()), "{} is lost", last.receipt());
        let press = &presses[*at];
        let again = client.register("open", &press.token, &press.form).await.expect("answers");
        assert_eq!((again.status, &again.body), (201, &last.body), "the same bytes");
    }
    place.reconcile();
}
