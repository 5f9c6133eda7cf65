//! Calls that go together: what comes while others are under way waits for those, and is then sent at once. Nobody waits
//! when nothing is under way.
//!
//! How long Redis takes is counted from when a group goes, so that a crowd which waits here is no sign that it hangs. When
//! it does hang, whoever waits learns so with the group that was under way.
//!
//! Each call is one atomic step of its own, and what is said of it does not depend on those beside it.

use std::sync::Arc;

use redis::{Cmd, RedisError, RedisResult, Value};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use super::link::Link;
use crate::coordination::CoordinationError;

/// Calls that are sent at once.
const TOGETHER: usize = 64;
/// Calls that a Cluster is asked at once.
const AT_ONCE: usize = 256;
/// Calls that may wait; more wait for those.
const QUEUE: usize = 8192;
/// How many times as long as for one answer of Redis a call is worth waiting for, the calls before it included.
const PATIENCE: u32 = 2;

/// A way to Redis that sends together what is asked at the same time, on one runtime: no call wakes a thread of another.
pub(super) struct Groups {
    link: Arc<Link>,
    way: Way,
}

enum Way {
    Together(mpsc::Sender<Asked>),
    /// The nodes of a Cluster each hold some of the keys: one that does not answer holds up nobody who needs another.
    Alone(Semaphore),
}

/// Why a call has no answer.
#[derive(Debug)]
pub(super) enum Unanswered {
    /// Others took the time that there was.
    Crowded,
    /// Redis did not answer, or with an error.
    Failed(RedisError),
    /// Nobody asks any more.
    GoingDown,
}

struct Asked {
    call: Cmd,
    answer: oneshot::Sender<RedisResult<Value>>,
}

impl Groups {
    /// For calls of the runtime that calls this.
    pub fn new(link: Arc<Link>) -> Self {
        let way = if link.target.is_cluster() {
            Way::Alone(Semaphore::new(AT_ONCE))
        } else {
            let (queue, asked) = mpsc::channel(QUEUE);
            tokio::spawn(gather(Arc::clone(&link), asked));
            Way::Together(queue)
        };
        Self { link, way }
    }

    /// Whether the runtime that sends has ended.
    pub fn is_over(&self) -> bool {
        matches!(&self.way, Way::Together(queue) if queue.is_closed())
    }

    /// What Redis says to one call. Whoever stops waiting for it is not asked for, if it has not gone yet.
    ///
    /// # Errors
    /// When it says nothing in time, or an error.
    pub async fn ask(&self, call: Cmd) -> Result<Value, Unanswered> {
        let answered = async {
            match &self.way {
                Way::Together(queue) => ask_together(queue, call).await,
                Way::Alone(places) => self.ask_alone(places, call).await,
            }
        };
        // Not counted in looks at the clock: of thousands who wait here, each look of each would cost more than their calls.
        timeout(self.link.target.timeout * PATIENCE, answered).await.unwrap_or(Err(Unanswered::Crowded))
    }

    async fn ask_alone(&self, places: &Semaphore, call: Cmd) -> Result<Value, Unanswered> {
        let _place = places.acquire().await.map_err(|_| Unanswered::GoingDown)?;
        let said = self.link.query_each(vec![call]).await.pop();
        said.ok_or(Unanswered::GoingDown)?.map_err(Unanswered::Failed)
    }
}

async fn ask_together(queue: &mpsc::Sender<Asked>, call: Cmd) -> Result<Value, Unanswered> {
    let (answer, said) = oneshot::channel();
    queue.send(Asked { call, answer }).await.map_err(|_| Unanswered::GoingDown)?;
    said.await.map_err(|_| Unanswered::GoingDown)?.map_err(Unanswered::Failed)
}

/// Sends what was asked, in order, until nobody can ask any more.
async fn gather(link: Arc<Link>, mut asked: mpsc::Receiver<Asked>) {
    let mut group = Vec::new();
    while asked.recv_many(&mut group, TOGETHER).await > 0 {
        group.retain(|asked| !asked.answer.is_closed());
        if group.is_empty() {
            continue;
        }
        let (calls, answers): (Vec<Cmd>, Vec<_>) =
            group.drain(..).map(|Asked { call, answer }| (call, answer)).unzip();
        let said = link.query_each(calls).await;
        let hangs =
            said.iter().find_map(|said| said.as_ref().err().filter(|error| error.is_timeout())).cloned();
        // Who stopped waiting meanwhile goes on without an answer.
        for (answer, said) in answers.into_iter().zip(said) {
            let _ = answer.send(said);
        }
        let waiting = asked.len();
        if let Some(error) = hangs
            && waiting > 0
        {
            asked.recv_many(&mut group, waiting).await;
            for Asked { answer, .. } in group.drain(..) {
                let _ = answer.send(Err(error.clone()));
            }
        }
    }
}

impl From<Unanswered> for CoordinationError {
    fn from(why: Unanswered) -> Self {
        match why {
            Unanswered::Crowded => Self::Crowded,
            Unanswered::Failed(error) if error.is_timeout() => Self::TimedOut,
            Unanswered::Failed(error) => Self::Failed(crate::telemetry::causes(&error)),
            Unanswered::GoingDown => Self::Failed("this process is going down".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests;
