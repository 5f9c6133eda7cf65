//! Who waits in this process for leases to end, and the subscription that tells.
//!
//! Messages can be lost: while nobody listens, and with a node. Waiters therefore look again by themselves.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use redis::{Client, RedisResult};
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;
use tokio::time::timeout;

use super::link::{CONNECT_TIMEOUT, Target};
use crate::ambient::Ambient;
use crate::coordination::Key;

/// Where ends of leases are told: the key's bytes.
pub(super) const CHANNEL: &str = "drawbridge:ended";
/// A silent subscription is asked this often whether it still stands.
const PING_EVERY: Duration = Duration::from_secs(5);
/// Pauses before subscribing again, in milliseconds.
const PAUSE_MIN: u32 = 100;
const PAUSE_MAX: u32 = 5000;

/// Waiters of this process, by key. There are as many as there are requests that wait.
#[derive(Default)]
pub(super) struct Waiters(Mutex<HashMap<Key, Arc<Notify>>>);

impl std::fmt::Debug for Waiters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Waiters").field(&self.lock().len()).finish()
    }
}

impl Waiters {
    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Arc<Notify>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A waiter for a key's lease to end, until it is dropped.
    pub fn register(&self, key: Key) -> Waiter<'_> {
        let ended = Arc::clone(self.lock().entry(key).or_default());
        Waiter { waiters: self, key, ended }
    }

    fn wake(&self, key: &Key) {
        if let Some(ended) = self.lock().get(key) {
            ended.notify_waiters();
        }
    }

    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }
}

/// One that waits.
pub(super) struct Waiter<'a> {
    waiters: &'a Waiters,
    key: Key,
    ended: Arc<Notify>,
}

impl Waiter<'_> {
    /// The next end that is told from now on.
    pub fn ended(&self) -> OwnedNotified {
        Arc::clone(&self.ended).notified_owned()
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let mut waiters = self.waiters.lock();
        // The map's and this one's: nobody else waits for the key.
        if Arc::strong_count(&self.ended) == 2 {
            waiters.remove(&self.key);
        }
    }
}

/// Subscribes, on one node after the other, for as long as it is polled, and wakes who waits.
pub(super) async fn listen(target: Arc<Target>, waiters: Arc<Waiters>, ambient: Ambient) {
    let mut pause = PAUSE_MIN;
    for node in target.nodes.iter().cycle() {
        let mut was_heard = false;
        if let Err(error) = hear(node, &waiters, &mut was_heard).await {
            tracing::debug!(%error, "the subscription ended, waiters look for themselves");
        }
        pause = if was_heard { PAUSE_MIN } else { (pause * 2).min(PAUSE_MAX) };
        tokio::time::sleep(Duration::from_millis((pause / 2 + ambient.jitter(pause)).into())).await;
    }
}

/// Hears one subscription out.
async fn hear(node: &Client, waiters: &Waiters, was_heard: &mut bool) -> RedisResult<()> {
    let subscribe = async {
        let mut subscription = node.get_async_pubsub().await?;
        subscription.subscribe(CHANNEL).await?;
        RedisResult::Ok(subscription)
    };
    let subscription = timeout(CONNECT_TIMEOUT, subscribe).await.map_err(std::io::Error::from)??;
    let (mut sink, mut messages) = subscription.split();
    *was_heard = true;
    loop {
        match timeout(PING_EVERY, messages.next()).await {
            Ok(None) => return Ok(()),
            Ok(Some(message)) => {
                if let Ok(key) = message.get_payload_bytes().try_into() {
                    waiters.wake(key);
                }
            }
            Err(_) => {
                timeout(CONNECT_TIMEOUT, sink.ping::<redis::Value>())
                    .await
                    .map_err(std::io::Error::from)??;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nobody_is_remembered_who_no_longer_waits() {
        let waiters = Waiters::default();
        let (first, second) = (waiters.register([1; 32]), waiters.register([1; 32]));
        let (one, other) = (first.ended(), second.ended());
        waiters.wake(&[2; 32]);
        waiters.wake(&[1; 32]);
        one.await;
        other.await;
        drop(first);
        assert!(!waiters.is_empty());
        drop(second);
        assert!(waiters.is_empty());
    }
}
