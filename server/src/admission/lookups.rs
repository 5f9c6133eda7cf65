//! Asking the database on behalf of those that an overloaded server is about to refuse: nothing refuses a known retry.
//!
//! A statement for each of them would add to the very load they are refused for. So there is one at a time, with a pause
//! after it, and it asks for all that came meanwhile: planning it costs the database as much for one as for many. Nobody
//! waits for it for long: whoever gets no word is told to come again, like those that are not known. And of those that say
//! they press for the first time, whom nobody can know unless they lie, few are asked about, here or in Redis: that takes
//! time from those who could be let in.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, SemaphorePermit, mpsc, oneshot};
use tokio::time::timeout;
use uuid::Uuid;

use crate::store::entries::Claim;
use crate::store::{Store, Stored};
use crate::telemetry;

/// Look-ups that may wait.
const WAITING_MAX: usize = 4096;
/// Of those that say they press for the first time, so many are asked about at once.
const NEW_AT_ONCE: usize = 16;
/// Claims of one statement.
const AT_ONCE: usize = 1024;
/// Between two statements.
const PAUSE: Duration = Duration::from_millis(25);
/// How long one is waited for.
const PATIENCE: Duration = Duration::from_millis(200);

/// One that waits.
#[derive(Debug)]
struct Asked {
    draw: Uuid,
    claim: Claim,
    found: oneshot::Sender<Option<Stored>>,
}

/// The way to the look-ups.
#[derive(Clone, Debug)]
pub struct LookUps {
    queue: mpsc::Sender<Asked>,
    /// Since when the statement that is under way has been.
    asking_since: Arc<Mutex<Option<Instant>>>,
    /// Who says to press for the first time and may be asked about.
    new: Arc<Semaphore>,
}

impl LookUps {
    /// Starts looking up in a store, until the last [`LookUps`] is dropped.
    pub fn start(store: Arc<dyn Store>) -> Self {
        let (queue, arrivals) = mpsc::channel(WAITING_MAX);
        let new = Arc::new(Semaphore::new(NEW_AT_ONCE));
        let look_ups = Self { queue, asking_since: Arc::default(), new };
        tokio::spawn(run(store, arrivals, Arc::clone(&look_ups.asking_since)));
        look_ups
    }

    /// The right to ask about one that says it presses for the first time, until it is dropped.
    pub fn time_for_new(&self) -> Option<SemaphorePermit<'_>> {
        self.new.try_acquire().ok()
    }

    /// The committed entry that holds a claim; `None` when there is none, or no word soon.
    pub async fn find(&self, draw: Uuid, claim: Claim) -> Option<Stored> {
        let since = *self.asking_since.lock().unwrap_or_else(PoisonError::into_inner);
        // A database that hangs is not waited for by everybody in turn.
        if since.is_some_and(|since| since.elapsed() > PATIENCE) {
            return None;
        }
        let (found, answer) = oneshot::channel();
        self.queue.try_send(Asked { draw, claim, found }).ok()?;
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
            let claims: Vec<Claim> = asked.iter().map(|asked| asked.claim).collect();
            note(Some(Instant::now()));
            let found = store.holders(draw, &claims).await;
            note(None);
            match found {
                Ok(found) => {
                    for Asked { claim, found: tell, .. } in asked {
                        // Who does not listen any more was told to come again.
                        let _ = tell.send(found.get(&claim).cloned());
                    }
                }
                Err(error) => {
                    let error = telemetry::causes(&error);
                    tracing::warn!(%error, claims = claims.len(), "nobody knows who of those refused is known");
                }
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use futures_util::future::join_all;

    use super::*;
    use crate::ambient::Ambient;
    use crate::secrets::{Keys, Secret};
    use crate::store::entries::ClaimKind;
    use crate::store::sqlite::SqliteStore;

    async fn look_ups(folder: &tempfile::TempDir) -> LookUps {
        let keys = Arc::new(Keys::new(&Secret::new([1; 32]), None));
        let store = SqliteStore::open(&folder.path().join("test.db"), Ambient::system(), keys).await;
        LookUps::start(Arc::new(store.expect("opens")))
    }

    fn token(number: u32) -> Claim {
        let mut key = [0; 32];
        key[..4].copy_from_slice(&number.to_be_bytes());
        Claim { kind: ClaimKind::Token, key }
    }

    #[tokio::test]
    async fn whoever_is_not_known_is_told_and_a_database_that_hangs_is_not_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let look_ups = look_ups(&folder).await;
        let all =
            (0..600).map(|number| look_ups.find(Uuid::from_u128(u128::from(number % 3)), token(number)));
        let found = join_all(all).await;
        assert!(found.iter().all(Option::is_none));
        assert_eq!(*look_ups.asking_since.lock().expect("nobody panics"), None, "all were answered");
        *look_ups.asking_since.lock().expect("nobody panics") = Instant::now().checked_sub(PATIENCE * 2);
        let answer = look_ups.find(Uuid::nil(), token(0));
        assert_eq!(answer.now_or_never(), Some(None), "at once");
    }
}
