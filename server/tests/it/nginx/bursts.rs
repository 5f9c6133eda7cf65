//! One attempt from many connections at once, through nginx, to different servers.

use std::collections::{BTreeMap, HashSet};

use tokio::task::JoinSet;

use super::{Front, http_from, url};
use crate::process::{Client, decided};
use crate::site::person;

const BURSTS: usize = 300;
const RETRIES: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn three_hundred_bursts_of_twenty_retries_make_one_entry_each() {
    let off = [("DRAWBRIDGE_IP_RATE", "off"), ("DRAWBRIDGE_PERSON_RATE", "off")];
    let Some(front) = Front::start(&off) else { return };
    let url = url(&front.nginx);
    let mut receipts = HashSet::new();
    for number in 0..BURSTS {
        // Many addresses, as a crowd has: nginx limits each.
        let last = u8::try_from(number % 250 + 2).expect("an address");
        let client = Client::with(http_from(last), &url);
        let token = client.token("open").await.expect("a token");
        let mut burst = JoinSet::new();
        for _ in 0..RETRIES {
            let (client, token) = (client.clone(), token.clone());
            let form = person(&format!("p{number}"));
            burst.spawn(async move { client.register("open", &token, &form).await.expect("answers") });
        }
        let replies = burst.join_all().await;
        assert!(replies.iter().all(|reply| reply.status == 201), "burst {number}: {replies:?}");
        let bodies: HashSet<&str> = replies.iter().map(|reply| reply.body.as_str()).collect();
        assert_eq!(bodies.len(), 1, "burst {number}: {bodies:?}");
        let new = replies.iter().filter(|reply| !reply.replayed).count();
        assert_eq!(new, 1, "burst {number}: one made it, the others are retries");
        receipts.insert(replies[0].receipt());
    }
    assert_eq!(receipts.len(), BURSTS);
    assert_eq!(front.place.receipts("open").into_iter().collect::<HashSet<_>>(), receipts);
    front.place.reconcile();
    let mut by_layer: BTreeMap<(String, String), u64> = BTreeMap::new();
    let mut servers = HashSet::new();
    for server in &front.servers {
        for (what, count) in decided(&Client::new(server)).await {
            servers.insert(server.url.clone());
            *by_layer.entry(what).or_default() += count;
        }
    }
    assert_eq!(servers.len(), 3, "every server took part");
    let created = by_layer[&("created".to_owned(), "constraint".to_owned())];
    assert_eq!(created, BURSTS as u64);
    assert_eq!(by_layer.values().sum::<u64>(), (BURSTS * RETRIES) as u64, "each request was counted once");
    #[expect(clippy::print_stdout, reason = "the numbers this test exists for")]
    {
        println!("{BURSTS} bursts of {RETRIES} through nginx to three servers: {by_layer:?}");
    }
}
