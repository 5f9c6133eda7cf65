//! Many calls at once, at a Redis that takes its time: one that answers what comes together with nothing, after a while.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use redis::cmd;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::config;
use crate::coordination::redis::link::Target;

struct Slow {
    groups: Groups,
    redis: Arc<FakeRedis>,
}

#[derive(Default)]
struct FakeRedis {
    /// Milliseconds until it answers a group.
    takes: AtomicU64,
    /// Groups that came.
    came: AtomicUsize,
}

/// Calls of a Redis that takes so many milliseconds for each group.
async fn slow(takes: u64, timeout: Duration) -> Slow {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let urls = vec![format!("redis://{}", listener.local_addr().expect("bound"))];
    let redis = Arc::<FakeRedis>::default();
    let serving = Arc::clone(&redis);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, Arc::clone(&serving)));
        }
    });
    let target = Target::new(&config::Redis { urls, is_cluster: false, timeout }).expect("an address");
    let slow = Slow { groups: Groups::new(Arc::new(Link::new(Arc::new(target)))), redis };
    // Connects.
    slow.ask(1).await.pop().expect("one").expect("answers");
    slow.redis.came.store(0, Ordering::SeqCst);
    slow.redis.takes.store(takes, Ordering::SeqCst);
    slow
}

impl Slow {
    async fn ask(&self, calls: usize) -> Vec<Result<Value, Unanswered>> {
        join_all((0..calls).map(|at| self.groups.ask(cmd("GET").arg(at).take()))).await
    }
}

async fn serve(stream: TcpStream, redis: Arc<FakeRedis>) -> Option<()> {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    loop {
        let mut commands = vec![command(&mut reader).await?];
        // What was sent at once is here at once.
        while !reader.buffer().is_empty() {
            commands.push(command(&mut reader).await?);
        }
        let are_calls = commands.iter().any(|command| command[0] == "GET");
        if are_calls {
            redis.came.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(redis.takes.load(Ordering::SeqCst))).await;
        }
        let answer = if are_calls { "$-1\r\n" } else { "+OK\r\n" };
        writer.write_all(answer.repeat(commands.len()).as_bytes()).await.ok()?;
    }
}

/// A list of strings, as clients send it.
async fn command(reader: &mut BufReader<OwnedReadHalf>) -> Option<Vec<String>> {
    let mut words = Vec::new();
    for _ in 0..number(reader).await? {
        let mut word = vec![0; number(reader).await? + 2];
        reader.read_exact(&mut word).await.ok()?;
        words.push(String::from_utf8(word).ok()?.trim_end().to_owned());
    }
    Some(words)
}

async fn number(reader: &mut BufReader<OwnedReadHalf>) -> Option<usize> {
    let mut line = String::new();
    reader.read_line(&mut line).await.ok()?;
    line.get(1..)?.trim_end().parse().ok()
}

fn count(said: &[Result<Value, Unanswered>], which: fn(&Result<Value, Unanswered>) -> bool) -> usize {
    said.iter().filter(|said| which(said)).count()
}

#[tokio::test]
async fn a_crowd_that_waits_for_its_turn_is_no_redis_that_hangs() {
    let slow = slow(110, Duration::from_secs(2)).await;
    // All together longer than one answer may take.
    let said = slow.ask(20 * TOGETHER).await;
    assert_eq!(count(&said, Result::is_ok), 20 * TOGETHER);
    assert_eq!(slow.redis.came.load(Ordering::SeqCst), 20);
}

#[tokio::test]
async fn who_does_not_get_to_ask_in_time_is_told_so() {
    let slow = slow(350, Duration::from_millis(500)).await;
    let said = slow.ask(6 * TOGETHER).await;
    let (answered, crowded) =
        (count(&said, Result::is_ok), count(&said, |said| matches!(said, Err(Unanswered::Crowded))));
    assert!(answered >= TOGETHER && crowded >= TOGETHER, "{answered} answered, {crowded} crowded out");
    assert_eq!(answered + crowded, said.len(), "Redis answered all it was asked");
}

#[tokio::test]
async fn when_redis_hangs_whoever_waits_learns_so_with_the_first() {
    let slow = slow(u64::from(u32::MAX), Duration::from_millis(500)).await;
    let said = slow.ask(5 * TOGETHER).await;
    assert_eq!(
        count(&said, |said| matches!(said, Err(Unanswered::Failed(error)) if error.is_timeout())),
        said.len()
    );
    assert_eq!(slow.redis.came.load(Ordering::SeqCst), 1, "nothing more is sent to it");
}
