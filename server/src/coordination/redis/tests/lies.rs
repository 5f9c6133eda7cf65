//! What Redis keeps or answers that is not ours: an error in time, or nothing, and never a panic (G6).

use std::sync::LazyLock;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::coordination::redis::reply::VALUE_BYTES_MAX;

// On one thread, so that calls that are made together go together.
#[tokio::test]
async fn what_somebody_else_wrote_is_an_error_or_nothing() {
    let redis = Redis::start();
    let backend = backend(&redis.url());
    let (list, large, text) = (random_key(), random_key(), random_key());
    let (allowance, lease, beside) = (random_key(), random_key(), random_key());
    redis.cli(&["rpush", &name(&list, 'o'), "x"]);
    redis.cli(&["set", &name(&large, 'o'), "v"]);
    redis.cli(&["setrange", &name(&large, 'o'), &(VALUE_BYTES_MAX + 1).to_string(), "x"]);
    redis.cli(&["set", &name(&text, 'o'), "neither value nor lease"]);
    for key in [list, large, text] {
        backend.get(&key).await.expect_err("no value");
        // Those who go together with it are not troubled.
        let (none, theirs) = tokio::join!(
            backend.get_or_lease(&key, &OWNER, LONG),
            backend.get_or_lease(&beside, &OWNER, LONG)
        );
        none.expect_err("no value");
        assert_eq!(theirs.expect("answers"), Lease::Leased);
        assert!(!backend.release(&key, &OWNER).await.expect("answers"), "nobody holds it");
    }
    let rate = Rate { per_minute: 60, burst: 2 };
    for junk in ["junk", "nan", "inf", "-inf", "1e300", "99999999999999999999", ""] {
        redis.cli(&["set", &name(&allowance, 't'), junk]);
        match backend.take(&allowance, rate, 1).await.expect("heals") {
            Take::Granted => {}
            Take::Refused { retry_after } => assert!(retry_after <= 1000, "{junk}: {retry_after}"),
        }
    }
    redis.cli(&["set", &name(&lease, 'o'), "l: without an end"]);
    assert_eq!(backend.get_or_lease(&lease, &OWNER, LONG).await.expect("answers"), Lease::Busy);
    let waited = timeout(LONG, backend.wait(&lease, Duration::from_millis(50))).await;
    waited.expect("bounded").expect("answers");
}

static GARBAGE: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let mut garbage: Vec<Vec<u8>> = [
        "+OK\r\n",
        "-ERR no\r\n",
        "-NOSCRIPT\r\n",
        "-MOVED 1 nowhere:1\r\n",
        "-MOVED\r\n",
        ":1234567890123\r\n",
        ":-9223372036854775808\r\n",
        ":99999999999999999999999999\r\n",
        "$-1\r\n",
        "$9223372036854775807\r\n",
        "$99999999999\r\nx",
        "*-1\r\n",
        "*9223372036854775807\r\n",
        "*99999999999\r\n:1\r\n",
        "%9223372036854775807\r\n",
        "|4611686018427387904\r\n",
        ">2\r\n+message\r\n+x\r\n",
        "*2\r\n$9\r\nsubscribe\r\n:1\r\n",
        "\r\n",
        "\0\0\0\0",
        "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n",
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .collect();
    garbage.push("*1\r\n".repeat(5000).into_bytes());
    garbage.push((0..=255).collect());
    garbage
});

/// Answers whatever is asked with the same bytes.
async fn babbler(bytes: &'static [u8]) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut heard = [0; 4096];
                while stream.read(&mut heard).await.is_ok_and(|count| count > 0) {
                    if stream.write_all(bytes).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    address.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_is_an_error_in_time_and_never_a_panic() {
    let mut tasks = tokio::task::JoinSet::new();
    for garbage in GARBAGE.iter() {
        let address = babbler(garbage).await;
        let cluster = format!("redis://{address},redis://{address}");
        for urls in [format!("redis://{address}"), format!("rediss://{address}"), cluster] {
            tasks.spawn(async move {
                let shown = String::from_utf8_lossy(garbage).chars().take(30).collect::<String>();
                let shown = format!("{urls}: {shown:?}");
                timeout(LONG, hear_out(&urls, &shown)).await.expect("bounded");
            });
        }
    }
    tasks.join_all().await;
}

async fn hear_out(urls: &str, shown: &str) {
    let short = Duration::from_millis(100);
    let inner = RedisCoordination::new(&config(urls, short), Ambient::system()).expect("addresses");
    let guarded = Guarded::new(inner, Ambient::system());
    let key = random_key();
    let value = guarded.get(&key).await;
    assert!(matches!(value, Err(_) | Ok(None)), "{shown}: {value:?}");
    let lease = guarded.get_or_lease(&key, &OWNER, LONG).await;
    assert!(lease.is_err(), "{shown}: {lease:?}");
    // That a lie may hold somebody up for as long as they are willing to wait, and no longer, is all there is to it.
    drop(guarded.wait(&key, short).await);
    let rate = Rate { per_minute: 60, burst: 2 };
    for turn in 0..3 {
        let take = guarded.take(&key, rate, 1).await.expect("within this process");
        assert_eq!(take == Take::Granted, turn < 2, "{shown}");
    }
}
