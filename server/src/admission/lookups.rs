//! Asking the database on behalf of those that an overloaded server is about to refuse: nothing refuses a known retry.
//!
//! A statement for each of them would add to the very load they are refused for. So there is one at a time, and it asks
//! for all that came while the one before was answered. Nobody waits for it for long: whoever gets no word is told to
//! come again, like those that are not known.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use uuid::Uuid;

use crate::secrets::Digest;
use crate::store::{Store, Stored};
use crate::telemetry;

/// Look-ups that may wait.
const WAITING_MAX: usize = 4096;
/// Tokens of one statement.
const AT_ONCE: usize = 256;
/// How long one is waited for.
const PATIENCE: Duration = Duration::from_millis(200);

/// One that waits.
#[derive(Debug)]
struct Asked {
    draw: Uuid,
    token: Digest,
    found: oneshot::Sender<Option<Stored>>,
}

/// The way to the look-ups.
#[derive(Clone, Debug)]
pub struct LookUps {
    queue: mpsc::Sender<Asked>,
    /// Since when the statement that is under way has been.
    asking_since: Arc<Mutex<Option<Instant>>>,
}

impl LookUps {
    /// Starts looking up in a store, until the last [`LookUps`] is dropped.
    pub fn start(store: Arc<dyn Store>) -> Self {
        let (queue, arrivals) = mpsc::channel(WAITING_MAX);
        let look_ups = Self { queue, asking_since: Arc::default() };
        tokio::spawn(run(store, arrivals, Arc::clone(&look_ups.asking_since)));
        look_ups
    }

    /// The committed entry that used a token; `None` when there is none, or no word soon.
    pub async fn find(&self, draw: Uuid, token: Digest) -> Option<Stored> {
        let since = *self.asking_since.lock().unwrap_or_else(PoisonError::into_inner);
        // A database that hangs is not waited for by everybody in turn.
        if since.is_some_and(|since| since.elapsed() > PATIENCE) {
            return None;
        }
        let (found, answer) = oneshot::channel();
        self.queue.try_send(Asked { draw, token, found }).ok()?;
        timeout(PATIENCE, answer).await.ok()?.ok()?
    }
}

async fn run(
    store: Arc<dyn Store>,
    mut arrivals: mpsc::Receiver<Asked>,
    asking_since: Arc<Mutex<Option<Instant>>>,
) {
    let note = |since| *asking_since.lock().unwrap_or_else(PoisonError::into_inner) = since;
    while let Some(first) = arrivals.recv().await {
        let mut draws: HashMap<Uuid, Vec<Asked>> = HashMap::from([(first.draw, vec![first])]);
        for _ in 1..AT_ONCE {
            let Ok(asked) = arrivals.try_recv() else { break };
            draws.entry(asked.draw).or_default().push(asked);
        }
        for (draw, asked) in draws {
            let tokens: Vec<Digest> = asked.iter().map(|asked| asked.token).collect();
            note(Some(Instant::now()));
            let found = store.by_tokens(draw, &tokens).await;
            note(None);
            match found {
                Ok(found) => {
                    for Asked { token, found: tell, .. } in asked {
                        // Who does not listen any more was told to come again.
                        let _ = tell.send(found.get(&token).cloned());
                    }
                }
                Err(error) => {
                    let error = telemetry::causes(&error);
                    tracing::warn!(%error, tokens = tokens.len(), "nobody knows who of those refused is known");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ambient::Ambient;
    use crate::secrets::{Keys, Secret};
    use crate::store::sqlite::SqliteStore;

    #[tokio::test]
    async fn whoever_is_not_known_is_told_and_a_database_that_hangs_is_not_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let keys = Arc::new(Keys::new(&Secret::new([1; 32]), None));
        let store = SqliteStore::open(&folder.path().join("test.db"), Ambient::system(), keys).await;
        let look_ups = LookUps::start(Arc::new(store.expect("opens")));
        let all = (0..600_u32).map(|number| {
            let mut token = [0; 32];
            token[..4].copy_from_slice(&number.to_be_bytes());
            look_ups.find(Uuid::from_u128(u128::from(number % 3)), token)
        });
        let found = futures_util::future::join_all(all).await;
        assert!(found.iter().all(Option::is_none));
        assert_eq!(*look_ups.asking_since.lock().expect("nobody panics"), None, "all were answered");
        *look_ups.asking_since.lock().expect("nobody panics") = Instant::now().checked_sub(PATIENCE * 2);
        let answer = look_ups.find(Uuid::nil(), [0; 32]);
        assert_eq!(futures_util::FutureExt::now_or_never(answer), Some(None), "at once");
    }
}
