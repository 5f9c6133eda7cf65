//! Coordination between servers: Redis 7 or later, one server or a Cluster.
//!
//! Each primitive is one command or one script, so one atomic step and one round trip, or less than one ([`groups`]).
//! `SET NX GET`, of Redis 7, is what finds the outcome, or takes the lease, or tells who holds it; `SET GET` stores the
//! outcome in the lease's place. What is kept:
//!
//! | key | holds |
//! | --- | --- |
//! | `{key}o` | `v` and the value; or `l` and the owner of the lease to make it; or `w` and the owner, where somebody waits for the lease's end and has to be told |
//! | `{key}t` | the allowance: its theoretical arrival time |
//!
//! All of them expire. A lease's end is told on one channel to the servers that have waiters.
//!
//! Each runtime has a connection of its own. An answer is waited for no longer than the time-out, connecting included, not
//! counting the time in which the thread that waits is late itself; [`super::breaker`] stands in front.

mod groups;
mod link;
mod listener;
pub mod reply;
mod script;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use ::redis::cmd;
use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use tokio::runtime::{Handle, Id};
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};

use super::{Coordination, CoordinationResult, Key, Lease, Owner, Rate, Take, note_failure};
use crate::ambient::Ambient;
use groups::{Groups, Unanswered};
use link::{Link, Target};
use listener::{CHANNEL, Waiters};
use reply::Replaced;

/// A waiter looks again after half of this to all of it, in case the message was lost.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// Redis, shared by all servers.
pub struct RedisCoordination {
    target: Arc<Target>,
    /// Each runtime has its own: what its tasks ask and are told wakes no other thread.
    ways: RwLock<HashMap<Id, Arc<Ways>>>,
    ambient: Ambient,
    waiters: Arc<Waiters>,
    listener: OnceLock<AbortHandle>,
    /// Whose the listener is, whoever waits first.
    runtime: Handle,
    look_again: Duration,
}

/// What goes over the connection of one runtime.
struct Ways {
    link: Arc<Link>,
    /// Who only looks, or takes a turn, does not wait behind a crowd that takes leases: most are told to come again.
    looks: Groups,
    leases: Groups,
    /// Nobody waits for these, so that they do not stand before those that somebody waits for.
    ends: Groups,
}

impl Ways {
    fn new(target: Arc<Target>) -> Self {
        let link = Arc::new(Link::new(target));
        let [looks, leases, ends] = [(); 3].map(|()| Groups::new(Arc::clone(&link)));
        Self { link, looks, leases, ends }
    }
}

impl std::fmt::Debug for RedisCoordination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisCoordination").field("waiters", &self.waiters).finish_non_exhaustive()
    }
}

impl RedisCoordination {
    /// Connects when it is first needed, and listens on the runtime that calls this.
    ///
    /// # Errors
    /// When the addresses cannot be used at all.
    pub fn new(config: &crate::config::Redis, ambient: Ambient) -> CoordinationResult<Self> {
        Ok(Self {
            target: Arc::new(Target::new(config).map_err(Unanswered::Failed)?),
            ways: RwLock::default(),
            ambient,
            waiters: Arc::default(),
            listener: OnceLock::new(),
            runtime: Handle::current(),
            look_again: LOOK_AGAIN,
        })
    }

    /// The way of the runtime that calls this.
    fn way(&self) -> Arc<Ways> {
        let runtime = Handle::current().id();
        let of_this = |ways: &HashMap<Id, Arc<Ways>>| {
            // One that has ended may leave its id to another.
            ways.get(&runtime).filter(|way| !way.looks.is_over()).map(Arc::clone)
        };
        if let Some(way) = of_this(&self.ways.read().unwrap_or_else(PoisonError::into_inner)) {
            return way;
        }
        let mut ways = self.ways.write().unwrap_or_else(PoisonError::into_inner);
        // Another of its threads may have been faster.
        of_this(&ways).unwrap_or_else(|| {
            let way = Arc::new(Ways::new(Arc::clone(&self.target)));
            ways.insert(runtime, Arc::clone(&way));
            way
        })
    }

    /// Tells who waits for the end of a lease that it has come, from the node that has the key. Whoever is not told looks
    /// again.
    async fn tell(&self, key: &Key) {
        let told = script::TELL.run(&self.way().ends, &name(key, 'o'), &[key, CHANNEL.as_bytes()]).await;
        if let Err(error) = told {
            note_failure("publish", &error.into());
        }
    }

    /// Begins to listen for ends of leases, once.
    fn listen(&self) {
        self.listener.get_or_init(|| {
            let (target, waiters) = (Arc::clone(&self.target), Arc::clone(&self.waiters));
            let listening = listener::listen(target, waiters, self.ambient.clone());
            self.runtime.spawn(listening).abort_handle()
        });
    }

    fn until_next_look(&self) -> Duration {
        let half = self.look_again / 2;
        let jitter = self.ambient.jitter(u32::try_from(half.as_millis()).unwrap_or(u32::MAX));
        half + Duration::from_millis(jitter.into())
    }
}

impl Drop for RedisCoordination {
    fn drop(&mut self) {
        if let Some(listener) = self.listener.get() {
            listener.abort();
        }
    }
}

#[async_trait]
impl Coordination for RedisCoordination {
    async fn get(&self, key: &Key) -> CoordinationResult<Option<Bytes>> {
        reply::got(self.way().looks.ask(cmd("GET").arg(name(key, 'o')).take()).await?)
    }

    async fn get_or_lease(&self, key: &Key, owner: &Owner, life: Duration) -> CoordinationResult<Lease> {
        let lease = [b"l", &owner[..]].concat();
        let mut call = cmd("SET");
        call.arg(name(key, 'o')).arg(lease).arg("NX").arg("GET").arg("PX").arg(millis(life));
        match self.way().leases.ask(call).await {
            // One that does not write, because it is full or a replica, may know the outcome all the same.
            Err(Unanswered::Failed(error)) if error.code().is_some() => {
                let known = self.get(key).await?;
                known.map(Lease::Found).ok_or_else(|| Unanswered::Failed(error).into())
            }
            kept => reply::looked(kept?, owner),
        }
    }

    async fn settle(
        &self,
        key: &Key,
        owner: &Owner,
        value: Bytes,
        life: Duration,
    ) -> CoordinationResult<bool> {
        let mut call = cmd("SET");
        call.arg(name(key, 'o')).arg([b"v", &value[..]].concat()).arg("GET").arg("PX").arg(millis(life));
        match self.way().ends.ask(call).await {
            // It is full, or a replica, or keeps something else there: then a lease ends all the same.
            Err(Unanswered::Failed(error)) if error.code().is_some() => {
                if self.release(key, owner).await? {
                    Err(Unanswered::Failed(error).into())
                } else {
                    Ok(false)
                }
            }
            kept => {
                let Replaced { is_own, is_waited_for } = reply::replaced(kept?, owner)?;
                if is_waited_for {
                    self.tell(key).await;
                }
                Ok(is_own)
            }
        }
    }

    async fn release(&self, key: &Key, owner: &Owner) -> CoordinationResult<bool> {
        let args: [&[u8]; 3] = [owner, key, CHANNEL.as_bytes()];
        reply::released(&script::RELEASE.run(&self.way().ends, &name(key, 'o'), &args).await?)
    }

    async fn wait(&self, key: &Key, at_most: Duration) -> CoordinationResult<()> {
        let mut until = Instant::now() + at_most;
        // Before the flag is set: who sees the flag and ends the lease then finds this waiter.
        let waiter = self.waiters.register(*key);
        self.listen();
        let key = name(key, 'o');
        loop {
            let ended = waiter.ended();
            let Some(left) = reply::left(&script::WAIT.run(&self.way().leases, &key, &[]).await?, at_most)?
            else {
                return Ok(());
            };
            until = until.min(Instant::now() + left);
            let next_look = Instant::now() + self.until_next_look();
            if timeout_at(until.min(next_look), ended).await.is_ok() || until <= Instant::now() {
                return Ok(());
            }
        }
    }

    async fn discard(&self, key: &Key, value: &Bytes) -> CoordinationResult<()> {
        reply::discarded(&script::DISCARD.run(&self.way().leases, &name(key, 'o'), &[value]).await?)
    }

    async fn take(&self, key: &Key, rate: Rate, turns: u32) -> CoordinationResult<Take> {
        let mut args = vec![rate.interval().to_string(), rate.burst.to_string(), turns.to_string()];
        args.extend(self.ambient.held().map(|held| (held * 1000).to_string()));
        let args: Vec<&[u8]> = args.iter().map(String::as_bytes).collect();
        reply::taken(&script::TAKE.run(&self.way().looks, &name(key, 't'), &args).await?, rate, turns)
    }

    fn reconnect(&self) {
        for way in self.ways.read().unwrap_or_else(PoisonError::into_inner).values() {
            way.link.reconnect();
        }
    }
}

/// Where something of a key is kept: the braces name what a Cluster keeps together.
fn name(key: &Key, what: char) -> String {
    format!("{{{}}}{what}", BASE64_URL_SAFE_NO_PAD.encode(key))
}

/// Redis knows no life shorter than a millisecond.
fn millis(life: Duration) -> String {
    life.as_millis().max(1).to_string()
}
