//! Calls of one script that go together: what comes while others are under way waits for those, and is then one round
//! trip. Nobody waits when nothing is under way.
//!
//! How long Redis takes is counted from when a group goes, so that a crowd which waits here is no sign that it hangs. When
//! it does hang, whoever waits learns so with the group that was under way.
//!
//! What a script says of one call does not depend on those beside it, so that they are one step is all they share.

use std::sync::{Arc, OnceLock};

use redis::Value;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::link::Link;
use super::reply;
use super::script::Script;
use crate::coordination::{CoordinationError, CoordinationResult};

/// Calls of one round trip: Redis serves nobody else meanwhile, for some hundred microseconds at most.
const TOGETHER: usize = 64;
/// Calls that may wait; more wait for those.
const QUEUE: usize = 8192;
/// How many times as long as for one answer of Redis a call is worth waiting for, the calls before it included.
const PATIENCE: u32 = 2;

/// One call: its key and its arguments.
#[derive(Debug)]
pub(super) struct Call<const ARGS: usize> {
    pub key: String,
    pub args: [Vec<u8>; ARGS],
}

/// A script that is called for many at once, after what is the same for all of them.
pub(super) struct Groups<const ARGS: usize> {
    script: &'static Script,
    before: &'static [&'static [u8]],
    link: Arc<Link>,
    queue: OnceLock<mpsc::Sender<Asked<ARGS>>>,
}

struct Asked<const ARGS: usize> {
    call: Call<ARGS>,
    answer: oneshot::Sender<CoordinationResult<Value>>,
}

impl<const ARGS: usize> Groups<ARGS> {
    pub fn new(script: &'static Script, before: &'static [&'static [u8]], link: Arc<Link>) -> Self {
        Self { script, before, link, queue: OnceLock::new() }
    }

    /// What the script says of one call. Whoever stops waiting for it is not called for, if it has not gone yet.
    ///
    /// # Errors
    /// `Crowded` where others took the time that there was.
    pub async fn ask(&self, call: Call<ARGS>) -> CoordinationResult<Value> {
        // A Cluster's nodes each hold some of the keys, and a call is for one node.
        if self.link.is_cluster() {
            let said = run(self.script, self.before, &self.link, &[call]).await?;
            return said.into_iter().next().ok_or_else(gone);
        }
        let queue = self.queue.get_or_init(|| {
            let (queue, asked) = mpsc::channel(QUEUE);
            tokio::spawn(gather(self.script, self.before, Arc::clone(&self.link), asked));
            queue
        });
        let answered = async {
            let (answer, said) = oneshot::channel();
            queue.send(Asked { call, answer }).await.map_err(|_| gone())?;
            said.await.map_err(|_| gone())?
        };
        timeout(self.link.timeout * PATIENCE, answered).await.unwrap_or(Err(CoordinationError::Crowded))
    }
}

/// Sends what was asked, in order, until nobody can ask any more.
async fn gather<const ARGS: usize>(
    script: &'static Script,
    before: &'static [&'static [u8]],
    link: Arc<Link>,
    mut asked: mpsc::Receiver<Asked<ARGS>>,
) {
    let mut group = Vec::new();
    while asked.recv_many(&mut group, TOGETHER).await > 0 {
        group.retain(|asked| !asked.answer.is_closed());
        let (calls, answers): (Vec<_>, Vec<_>) =
            group.drain(..).map(|Asked { call, answer }| (call, answer)).unzip();
        // Who stopped waiting meanwhile goes on without an answer.
        match run(script, before, &link, &calls).await {
            Ok(said) => {
                for (answer, said) in answers.into_iter().zip(said) {
                    let _ = answer.send(Ok(said));
                }
            }
            Err(error) => {
                if matches!(error, CoordinationError::TimedOut) {
                    let waiting = asked.len();
                    if waiting > 0 {
                        asked.recv_many(&mut group, waiting).await;
                    }
                }
                for answer in answers.into_iter().chain(group.drain(..).map(|asked| asked.answer)) {
                    let _ = answer.send(Err(error.clone()));
                }
            }
        }
    }
}

/// Runs a script for some calls: what it says of each, in order.
async fn run<const ARGS: usize>(
    script: &Script,
    before: &[&[u8]],
    link: &Link,
    calls: &[Call<ARGS>],
) -> CoordinationResult<Vec<Value>> {
    if calls.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<&str> = calls.iter().map(|call| call.key.as_str()).collect();
    let mut args = before.to_vec();
    args.extend(calls.iter().flat_map(|call| &call.args).map(Vec::as_slice));
    reply::each(script.run(link, &keys, &args).await.map_err(super::failed)?, calls.len())
}

fn gone() -> CoordinationError {
    CoordinationError::Failed("this process is going down".to_owned())
}

#[cfg(test)]
mod tests;
