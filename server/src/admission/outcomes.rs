//! Committed outcomes that all servers share, and the lease to make one: the double check, and what to do when
//! what is shared fails or lies. Guarantee G6: it may only cost time.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use shared::Layer;
use tokio::time::{Instant, sleep};

use super::attempt::Attempt;
use super::remembered::Committed;
use super::{Admission, keys};
use crate::coordination::{CoordinationResult, Key, Lease, Owner, note_failure};

/// Milliseconds between two looks at a key that is busy again: at least so many, and up to twice as many.
const PAUSE_MS: u32 = 20;

/// What looking into what servers share came to.
pub(super) enum Look {
    /// The outcome, and the layer that knew: the cache, or the lock, whose holder was waited for.
    Committed(Arc<Committed>, Layer),
    /// Nothing known; the lease, where one was or may have been taken.
    Nothing(Option<Owner>),
}

impl Admission {
    /// The shared outcome, or the lease to make it. An attempt that will not write only looks.
    pub(super) async fn look_or_lease(&self, attempt: &Attempt) -> Look {
        let key = keys::outcome(&self.keys, &attempt.token.claim);
        let owner: Owner = self.ambient.random();
        let own_lease = attempt.verdict.is_ok().then_some(owner);
        let until = Instant::now() + keys::LEASE_WAIT;
        let (mut layer, mut has_discarded) = (Layer::Cache, false);
        loop {
            match self.ask(&key, own_lease.as_ref()).await {
                Ok(Lease::Found(sealed)) => match self.open(attempt, &sealed) {
                    Some(committed) => return Look::Committed(Arc::new(committed), layer),
                    // Bad again: somebody keeps writing it.
                    None if has_discarded => return Look::Nothing(None),
                    None => {
                        has_discarded = true;
                        self.discard(&key, &sealed).await;
                    }
                },
                Ok(Lease::Leased) => return Look::Nothing(own_lease),
                Ok(Lease::Busy) => {
                    let is_busy_again = layer == Layer::Lock;
                    layer = Layer::Lock;
                    if !self.wait(&key, until, is_busy_again).await {
                        // The constraint decides without a lease.
                        return Look::Nothing(None);
                    }
                }
                Err(error) => {
                    note_failure("get", &error);
                    // The lease may have been taken all the same, and should not outlive the attempt.
                    return Look::Nothing(own_lease);
                }
            }
        }
    }

    async fn ask(&self, key: &Key, owner: Option<&Owner>) -> CoordinationResult<Lease> {
        match owner {
            Some(owner) => self.shared.get_or_lease(key, owner, keys::LEASE_LIFE).await,
            None => Ok(self.shared.get(key).await?.map_or(Lease::Leased, Lease::Found)),
        }
    }

    /// An outcome, if it is one: what is forged, of another environment or of an earlier database is none.
    fn open(&self, attempt: &Attempt, sealed: &Bytes) -> Option<Committed> {
        let (draw, claim) = (attempt.draw.id, &attempt.token.claim);
        let committed = Committed::open(sealed, &self.keys, &self.epoch, draw, claim);
        if committed.is_none() {
            metrics::counter!("drawbridge_cache_errors_total", "operation" => "open").increment(1);
        }
        committed
    }

    /// Removes what is no outcome, so that one can be remembered in its place.
    async fn discard(&self, key: &Key, sealed: &Bytes) {
        if let Err(error) = self.shared.discard(key, sealed).await {
            note_failure("discard", &error);
        }
    }

    /// Waits for the end of another's lease; whether there is time to look again.
    async fn wait(&self, key: &Key, until: Instant, is_busy_again: bool) -> bool {
        // A wait that ends at once though the key stays busy must not become a storm of questions.
        if is_busy_again {
            let pause = PAUSE_MS + self.ambient.jitter(PAUSE_MS);
            sleep(Duration::from_millis(pause.into())).await;
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        match self.shared.wait(key, left).await {
            Ok(()) => true,
            Err(error) => {
                note_failure("wait", &error);
                false
            }
        }
    }

    /// Remembers what is committed, in this process and for all servers; gives up the lease either way.
    pub(super) async fn settle(
        &self,
        attempt: &Attempt,
        lease: Option<Owner>,
        committed: Option<Arc<Committed>>,
    ) {
        let token = attempt.token.claim;
        if let Some(committed) = &committed {
            self.memory.insert(token, Arc::clone(committed));
        }
        let Some(owner) = lease else { return };
        let key = keys::outcome(&self.keys, &token);
        let done = match committed {
            Some(committed) => {
                let sealed = committed.seal(&self.keys, &self.epoch, attempt.draw.id, &token);
                self.shared.settle(&key, &owner, sealed, keys::OUTCOME_LIFE).await
            }
            None => self.shared.release(&key, &owner).await,
        };
        if let Err(error) = done {
            note_failure("settle", &error);
        }
    }
}
