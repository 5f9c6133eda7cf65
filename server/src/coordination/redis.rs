//! Coordination between servers: Redis 6 or later, one server or a Cluster.
//!
//! Each primitive is one script, so one atomic step and one round trip. What belongs to one [`Key`] carries the
//! same hash tag and so lives on one node of a Cluster:
//!
//! | key | holds |
//! | --- | --- |
//! | `{key}v` | the value |
//! | `{key}l` | the lease: its owner |
//! | `{key}w` | there while somebody waits for the lease's end, who then has to be told |
//! | `{key}t` | the allowance: its theoretical arrival time |
//!
//! All of them expire. A lease's end is told on one channel to the servers that have waiters.
//!
//! Calls are bounded by the time-out each, connecting included; [`super::breaker`] stands in front.

mod link;
mod listener;
mod script;
#[cfg(test)]
mod tests;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ::redis::{Value, cmd};
use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};

use super::{Coordination, CoordinationError, CoordinationResult, Key, Lease, Owner, Rate, Take};
use crate::ambient::Ambient;
use link::Link;
use listener::{CHANNEL, Waiters};
use script::Script;

/// No value is as large as this; what is, is not ours.
const VALUE_BYTES_MAX: usize = 64 * 1024;
/// A waiter looks again after half of this to all of it, in case the message was lost.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// Redis, shared by all servers.
pub struct RedisCoordination {
    link: Arc<Link>,
    ambient: Ambient,
    waiters: Arc<Waiters>,
    listener: OnceLock<AbortHandle>,
    look_again: Duration,
}

impl std::fmt::Debug for RedisCoordination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisCoordination").field("waiters", &self.waiters).finish_non_exhaustive()
    }
}

impl RedisCoordination {
    /// Connects when it is first needed.
    ///
    /// # Errors
    /// When the addresses cannot be used at all.
    pub fn new(config: &crate::config::Redis, ambient: Ambient) -> CoordinationResult<Self> {
        Ok(Self {
            link: Arc::new(Link::new(config).map_err(failed)?),
            ambient,
            waiters: Arc::default(),
            listener: OnceLock::new(),
            look_again: LOOK_AGAIN,
        })
    }

    async fn run(&self, script: &Script, keys: &[String], args: &[&[u8]]) -> CoordinationResult<Value> {
        script.run(&self.link, keys, args).await.map_err(failed)
    }

    /// Ends a lease, with or without a value.
    async fn finish(
        &self,
        key: &Key,
        owner: &Owner,
        value: Option<(&[u8], Duration)>,
    ) -> CoordinationResult<bool> {
        let keys = [name(key, 'v'), name(key, 'l'), name(key, 'w')];
        let life = value.map(|(_, life)| millis(life)).unwrap_or_default();
        let mut args: Vec<&[u8]> = vec![owner, CHANNEL.as_bytes(), key];
        if let Some((value, _)) = value {
            args.extend([value, life.as_bytes()]);
        }
        match self.run(&script::FINISH, &keys, &args).await? {
            Value::Int(1) => Ok(true),
            Value::Int(0) => Ok(false),
            other => Err(unexpected(&other)),
        }
    }

    /// Begins to listen for ends of leases, once.
    fn listen(&self) {
        self.listener.get_or_init(|| {
            let listening =
                listener::listen(Arc::clone(&self.link), Arc::clone(&self.waiters), self.ambient.clone());
            tokio::spawn(listening).abort_handle()
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
        match self.link.query(cmd("GET").arg(name(key, 'v'))).await.map_err(failed)? {
            Value::Nil => Ok(None),
            found => value(found).map(Some),
        }
    }

    async fn get_or_lease(&self, key: &Key, owner: &Owner, life: Duration) -> CoordinationResult<Lease> {
        let keys = [name(key, 'v'), name(key, 'l')];
        match self.run(&script::LOOK, &keys, &[owner, millis(life).as_bytes()]).await? {
            Value::Int(1) => Ok(Lease::Leased),
            Value::Int(0) => Ok(Lease::Busy),
            found => value(found).map(Lease::Found),
        }
    }

    async fn settle(
        &self,
        key: &Key,
        owner: &Owner,
        value: Bytes,
        life: Duration,
    ) -> CoordinationResult<bool> {
        self.finish(key, owner, Some((&value, life))).await
    }

    async fn release(&self, key: &Key, owner: &Owner) -> CoordinationResult<bool> {
        self.finish(key, owner, None).await
    }

    async fn wait(&self, key: &Key, at_most: Duration) -> CoordinationResult<()> {
        let mut until = Instant::now() + at_most;
        // Before the flag is set: who sees the flag and ends the lease then finds this waiter.
        let waiter = self.waiters.register(*key);
        self.listen();
        let keys = [name(key, 'l'), name(key, 'w')];
        loop {
            let ended = waiter.ended();
            match self.run(&script::WAIT, &keys, &[]).await? {
                Value::Int(-2 | 0) => return Ok(()),
                Value::Int(left) => {
                    // A lease without an end is not ours, and waited for no longer than any other.
                    let left = u64::try_from(left).map_or(at_most, Duration::from_millis);
                    until = until.min(Instant::now() + left);
                }
                other => return Err(unexpected(&other)),
            }
            let next_look = Instant::now() + self.until_next_look();
            if timeout_at(until.min(next_look), ended).await.is_ok() || until <= Instant::now() {
                return Ok(());
            }
        }
    }

    async fn discard(&self, key: &Key, value: &Bytes) -> CoordinationResult<()> {
        match self.run(&script::DISCARD, &[name(key, 'v')], &[value]).await? {
            Value::Int(0 | 1) => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    async fn take(&self, key: &Key, rate: Rate, turns: u32) -> CoordinationResult<Take> {
        let mut args = vec![rate.interval().to_string(), rate.burst.to_string(), turns.to_string()];
        args.extend(self.ambient.held().map(|held| (held * 1000).to_string()));
        let args: Vec<&[u8]> = args.iter().map(String::as_bytes).collect();
        // However many turns are free, so many are after this, unless they are more than the burst.
        let longest = rate.interval() * i64::from(rate.burst.max(turns));
        match self.run(&script::TAKE, &[name(key, 't')], &args).await? {
            Value::Int(0) => Ok(Take::Granted),
            Value::Int(excess) if (1..=longest).contains(&excess) => {
                Ok(Take::Refused { retry_after: Rate::millis(excess) })
            }
            other => Err(unexpected(&other)),
        }
    }

    fn reconnect(&self) {
        self.link.reconnect();
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

fn value(found: Value) -> CoordinationResult<Bytes> {
    match found {
        Value::BulkString(bytes) if bytes.len() <= VALUE_BYTES_MAX => Ok(Bytes::from(bytes)),
        other => Err(unexpected(&other)),
    }
}

/// Says what kind of answer came, never what was in it.
fn unexpected(answer: &Value) -> CoordinationError {
    let kind = match answer {
        Value::Nil => "nothing",
        Value::Int(_) => "a number",
        Value::BulkString(_) => "a string",
        Value::Array(_) => "a list",
        Value::SimpleString(_) | Value::Okay => "a status",
        _ => "something else",
    };
    CoordinationError::Failed(format!("Redis answered with {kind} that makes no sense here"))
}

fn failed(error: ::redis::RedisError) -> CoordinationError {
    if error.is_timeout() {
        return CoordinationError::TimedOut;
    }
    CoordinationError::Failed(crate::telemetry::causes(&error))
}
