//! What the servers themselves count, once a second, through all their lives; and whether one has ended by itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::crowd::set;
use crate::nemesis::blocking;
use crate::world::World;

/// How often.
const EVERY: Duration = Duration::from_secs(1);
/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_millis(800);

/// Requests to register by outcome and layer, over all servers and their lives. What a server counted in the last
/// second before it was killed is not known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// By outcome and layer.
    pub decisions: BTreeMap<(String, String), u64>,
    /// By name of the metric, without its labels.
    pub others: BTreeMap<&'static str, u64>,
}

/// Metrics without labels, or whose labels do not matter here.
const OTHERS: [&str; 2] = ["drawbridge_batches_repeated_total", "drawbridge_cache_errors_total"];

/// Looks until told to stop.
pub async fn run(world: Arc<World>, mut stop: watch::Receiver<bool>) -> Counts {
    let mut lives: BTreeMap<(usize, u32), Counts> = BTreeMap::new();
    let client = reqwest::Client::builder().timeout(PATIENCE).no_proxy().build().unwrap_or_default();
    loop {
        let is_last = tokio::select! {
            () = tokio::time::sleep(EVERY) => false,
            () = set(&mut stop) => true,
        };
        for (number, server) in world.ground.servers.iter().enumerate() {
            let life = server.life();
            let url = format!("http://127.0.0.1:{}/metrics", server.port());
            let text = match client.get(url).send().await {
                Ok(response) => response.text().await.ok(),
                Err(_) => None,
            };
            // A server that was started again meanwhile counts from nothing.
            if let Some(text) = text.filter(|_| server.life() == life) {
                lives.insert((number, life), read(&text));
            }
        }
        look_for_missing(&world).await;
        if is_last {
            return sum(lives.into_values());
        }
    }
}

/// A server that ends by itself is a fault of ours; whoever runs it would start it again.
async fn look_for_missing(world: &Arc<World>) {
    for number in 0..world.ground.servers.len() {
        let looked = blocking(&world.ground, move |ground| {
            let server = &ground.servers[number];
            if !server.is_missing() {
                return Ok(None);
            }
            let words = server.last_words();
            server.start()?;
            Ok(Some(words))
        });
        match looked.await {
            Ok(None) => {}
            Ok(Some(words)) => world.complain(format!("server {} ended by itself:\n{words}", number + 1)),
            Err(why) => world.complain(format!("server {}: {why}", number + 1)),
        }
    }
}

fn read(metrics: &str) -> Counts {
    let mut counts = Counts::default();
    for line in metrics.lines() {
        if let Some((labels, count)) =
            line.strip_prefix("drawbridge_admissions_total{").and_then(|rest| rest.split_once("} "))
        {
            let key = (label(labels, "outcome"), label(labels, "layer"));
            *counts.decisions.entry(key).or_default() += count.parse::<u64>().unwrap_or_default();
        }
        for name in OTHERS {
            let count = line.strip_prefix(name).and_then(|rest| rest.rsplit(' ').next());
            *counts.others.entry(name).or_default() += count.and_then(|it| it.parse().ok()).unwrap_or(0);
        }
    }
    counts
}

fn label(labels: &str, name: &str) -> String {
    let value = labels.split_once(&format!("{name}=\"")).map_or("", |(_, rest)| rest);
    value.split('"').next().unwrap_or_default().to_owned()
}

fn sum(lives: impl Iterator<Item = Counts>) -> Counts {
    let mut sum = Counts::default();
    for life in lives {
        for (key, count) in life.decisions {
            *sum.decisions.entry(key).or_default() += count;
        }
        for (key, count) in life.others {
            *sum.others.entry(key).or_default() += count;
        }
    }
    sum
}
