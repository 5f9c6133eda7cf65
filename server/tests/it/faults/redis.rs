//! Redis that stops, hangs, forgets and lies in the middle of a burst. Guarantee G6: it may only cost time.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use services::{Postgres, Redis};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::{Story, burst, everybody_is_in_once, is_their_turn, presses};
use crate::ground::Ground;
use crate::process::{Client, Place, Server, decided};

const SERVERS: usize = 3;
const PEOPLE: usize = 240;

/// Three servers over one PostgreSQL and one Redis, which they reach through something that can lie.
struct Site {
    postgres: Postgres,
    redis: Arc<Redis>,
    liar: Liar,
    place: Place,
    servers: Vec<Server>,
    clients: Vec<Client>,
}

impl Site {
    async fn start() -> Self {
        let (postgres, redis) = (Postgres::start(), Arc::new(Redis::start()));
        let liar = Liar::before(redis.port()).await;
        let url = postgres.create_database("draws");
        let place = Place::unlimited_on(Ground::at(&url, Some(&format!("redis://{}", liar.address))))
            .with("DRAWBRIDGE_REDIS_TIMEOUT", "150ms")
            .with("DRAWBRIDGE_LOG", "error");
        let servers: Vec<Server> = (0..SERVERS).map(|_| place.serve()).collect();
        let clients = servers.iter().map(Client::new).collect();
        Self { postgres, redis, liar, place, servers, clients }
    }

    /// Everybody presses three times, on three servers at once, while something happens; then all is well.
    async fn endures(&self, name: &'static str, fault: impl Future<Output = ()>) {
        let presses = presses(&self.clients[0], name, PEOPLE).await;
        let errors = self.errors().await;
        let spread = Duration::from_millis(2500);
        let crowds: Vec<JoinSet<(usize, Story)>> = (0..SERVERS)
            .map(|first| {
                let mut servers = self.clients.clone();
                servers.rotate_left(first);
                burst(&servers, &presses, spread)
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(500)).await;
        fault.await;
        let mut stories = Vec::new();
        for crowd in crowds {
            stories.extend(crowd.join_all().await);
        }
        let slowest = stories.iter().map(|(_, story)| story.slowest).max().unwrap_or_default();
        let errors = self.errors().await - errors;
        // Forgetting is no error; everything else was noticed, so it fell into the burst.
        assert!(errors > 0 || name == "wiped", "{name}: nobody noticed");
        assert!(stories.iter().all(|(_, story)| story.broken == 0), "every request was answered");
        let refused: usize = stories.iter().map(|(_, story)| story.refusals().count()).sum();
        let mut new: HashMap<usize, usize> = HashMap::new();
        for (at, story) in &stories {
            assert!(story.refusals().all(|reply| matches!(reply.status, 409 | 503)), "{story:?}");
            *new.entry(*at).or_default() += usize::from(!story.last().replayed);
        }
        assert!(new.values().all(|count| *count == 1), "each is new once: {new:?}");
        everybody_is_in_once(&self.place, &self.clients[0], &presses, &stories).await;
        self.recovers(name).await;
        #[expect(clippy::print_stdout, reason = "the numbers this test exists for")]
        {
            println!(
                "{name}: {} requests on {SERVERS} servers, {refused} told to come again, {errors} failures of the \
                 cache noticed, the slowest answer after {slowest:?}",
                stories.len() + refused
            );
        }
    }

    /// Failed and untrustworthy answers of Redis that the servers counted.
    async fn errors(&self) -> u64 {
        let mut errors = 0;
        for client in &self.clients {
            let (_, metrics) = client.get("/metrics").await.expect("answers");
            let counts =
                metrics.lines().filter_map(|line| line.strip_prefix("drawbridge_cache_errors_total{"));
            errors += counts.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok()).sum::<u64>();
        }
        errors
    }

    /// Without a restart the cache decides again: an attempt of one server is answered from it by another.
    async fn recovers(&self, name: &str) {
        for round in 0..100 {
            let press = presses(&self.clients[0], &format!("{name}-after-{round}-"), 1).await.remove(0);
            let first = self.clients[0].register("open", &press.token, &press.form).await.expect("answers");
            assert_eq!(first.status, 201, "{}", first.body);
            let cache = ("replayed".to_owned(), "cache".to_owned());
            let before = decided(&self.clients[1]).await.get(&cache).copied().unwrap_or(0);
            let retry = self.clients[1].register("open", &press.token, &press.form).await.expect("answers");
            assert_eq!((retry.status, &retry.body), (201, &first.body));
            if decided(&self.clients[1]).await.get(&cache).copied().unwrap_or(0) > before {
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        panic!("{name}: the cache was never used again");
    }
}

/// What a [`Liar`] does with Redis's replies.
const HONEST: u8 = 0;
const GARBAGE: u8 = 1;

/// Stands between servers and Redis.
struct Liar {
    address: SocketAddr,
    mode: Arc<AtomicU8>,
    _tasks: JoinSet<()>,
}

impl Liar {
    async fn before(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("listens");
        let address = listener.local_addr().expect("an address");
        let mode = Arc::new(AtomicU8::new(HONEST));
        let mut tasks = JoinSet::new();
        let link_mode = Arc::clone(&mode);
        tasks.spawn(async move {
            let mut links = JoinSet::new();
            loop {
                let (client, _) = listener.accept().await.expect("accepts");
                links.spawn(link(client, port, Arc::clone(&link_mode)));
            }
        });
        Self { address, mode, _tasks: tasks }
    }

    fn say(&self, mode: u8) {
        self.mode.store(mode, Ordering::SeqCst);
    }
}

/// Answers of the right form and the wrong meaning, and of no form at all.
const LIES: [&[u8]; 8] = [
    b"$5\r\nhello\r\n",
    b":42\r\n",
    b"*2\r\n:1\r\n$3\r\nabc\r\n",
    b"+OK\r\n",
    b"$-1\r\n",
    b"-ERR no\r\n",
    b"\xff\xfe\x00garbage\r\n",
    b"*-1\r\n",
];

/// Carries bytes both ways; in garbage mode each read of a reply is replaced by a lie.
async fn link(mut client: TcpStream, port: u16, mode: Arc<AtomicU8>) {
    let Ok(mut redis) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    let (mut asked, mut answered) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    for turn in 0_usize.. {
        tokio::select! {
            read = client.read(&mut asked) => {
                let Ok(bytes @ 1..) = read else { return };
                if redis.write_all(&asked[..bytes]).await.is_err() {
                    return;
                }
            }
            read = redis.read(&mut answered) => {
                let Ok(bytes @ 1..) = read else { return };
                let reply = match mode.load(Ordering::SeqCst) {
                    GARBAGE => LIES[turn % LIES.len()],
                    _ => &answered[..bytes],
                };
                if client.write_all(reply).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// Runs something that blocks, beside the burst.
async fn beside(work: impl FnOnce() + Send + 'static) {
    tokio::task::spawn_blocking(work).await.expect("ran");
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_that_stops_hangs_forgets_or_lies_costs_only_time() {
    if !is_their_turn() {
        return;
    }
    let site = Site::start().await;
    site.endures("stopped", async {
        let redis = Arc::clone(&site.redis);
        beside(move || {
            redis.stop();
            std::thread::sleep(Duration::from_secs(1));
            redis.start_again();
        })
        .await;
    })
    .await;
    site.endures("frozen", async {
        let redis = Arc::clone(&site.redis);
        beside(move || {
            redis.pause();
            std::thread::sleep(Duration::from_millis(1500));
            redis.resume();
        })
        .await;
    })
    .await;
    site.endures("wiped", async {
        let redis = Arc::clone(&site.redis);
        beside(move || {
            for _ in 0..20 {
                redis.cli(&["flushall"]);
                redis.cli(&["script", "flush"]);
                std::thread::sleep(Duration::from_millis(50));
            }
        })
        .await;
    })
    .await;
    site.endures("garbage", async {
        site.liar.say(GARBAGE);
        tokio::time::sleep(Duration::from_millis(1500)).await;
        site.liar.say(HONEST);
    })
    .await;
    site.endures("foreign", async {
        // Every value becomes the well-formed value of another key, again and again.
        const MIX: &str = "local keys = redis.call('KEYS', '*o') local last = nil \
            for _, key in ipairs(keys) do local value = redis.call('GET', key) \
            if value and value:sub(1, 1) == 'v' then \
            if last then redis.call('SET', key, last, 'KEEPTTL') end last = value end end return #keys";
        let redis = Arc::clone(&site.redis);
        beside(move || {
            for _ in 0..30 {
                redis.cli(&["eval", MIX, "0"]);
                std::thread::sleep(Duration::from_millis(40));
            }
        })
        .await;
    })
    .await;
    let open = site
        .postgres
        .sql("draws", "SELECT COUNT(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'");
    assert_eq!(open, "0");
    assert_eq!(site.servers.len(), SERVERS, "none was restarted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_answers_and_cannot_serve_is_told_by_check() {
    if !is_their_turn() {
        return;
    }
    let redis = Redis::start();
    let database = services::shared::postgres().create_database("full_redis");
    let place = Place::unlimited_on(Ground::at(&database, Some(&redis.url())));
    let said = || String::from_utf8(place.run(&["check"]).stdout).expect("text");
    assert!(said().contains("answers."), "{}", said());
    redis.cli(&["config", "set", "maxmemory-policy", "noeviction"]);
    redis.cli(&["config", "set", "maxmemory", "1"]);
    assert!(said().contains("does not serve: "), "{}", said());
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_start_without_redis_and_find_it_when_it_comes() {
    if !is_their_turn() {
        return;
    }
    let redis = Redis::start();
    redis.stop();
    let place = Place::unlimited_on(Ground::at(
        &services::shared::postgres().create_database("without_redis"),
        Some(&redis.url()),
    ));
    let servers = [place.serve(), place.serve()];
    let clients: Vec<Client> = servers.iter().map(Client::new).collect();
    let presses = presses(&clients[0], "p", 40).await;
    let stories = burst(&clients, &presses, Duration::ZERO).join_all().await;
    everybody_is_in_once(&place, &clients[0], &presses, &stories).await;
    redis.start_again();
    let cache = ("replayed".to_owned(), "cache".to_owned());
    for round in 0..200 {
        let press = super::presses(&clients[0], &format!("q{round}-"), 1).await.remove(0);
        let first = clients[0].register("open", &press.token, &press.form).await.expect("answers");
        let retry = clients[1].register("open", &press.token, &press.form).await.expect("answers");
        assert_eq!((retry.status, retry.body), (201, first.body));
        if decided(&clients[1]).await.contains_key(&cache) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("Redis was never used");
}
