//! Committed outcomes that all servers share, and the lease to make one: the double check, and what to do when
//! what is shared fails or lies. Guarantee G6: it may only cost time.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use shared::Layer;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::attempt::Attempt;
use super::remembered::Committed;
use super::{Admission, keys};
use crate::ambient::Ambient;
use crate::coordination::{Coordination, CoordinationResult, Key, Lease, Owner, note_failure};
use crate::secrets::{Digest, Keys};

/// Milliseconds between two looks at a key that is busy again: at least so many, and up to twice as many.
const PAUSE_MS: u32 = 20;

/// Milliseconds before a lease that could not be given up is given up again: at least so many, and up to twice as
/// many.
const SETTLE_PAUSE_MS: u32 = 400;

/// What looking into what servers share came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// The outcome, and the layer that knew: the cache, or the lock, whose holder was waited for.
    Committed(Arc<Committed>, Layer),
    /// Nothing known; the lease, where one was or may have been taken.
    Nothing(Option<Owner>),
}

impl Admission {
    /// The shared outcome, or the lease to make it. An attempt that will not write only looks.
    pub(super) async fn look_or_lease(&self, attempt: &Attempt) -> Look {
        let owner = attempt.verdict.is_ok().then(|| self.ambient.random());
        self.outcome(attempt).look(owner).await
    }

    /// Remembers what is committed for all servers; gives up the lease either way.
    pub(super) async fn settle(
        &self,
        attempt: &Attempt,
        lease: Option<Owner>,
        committed: Option<Arc<Committed>>,
    ) {
        if let Some(owner) = lease {
            self.outcome(attempt).settle(&owner, committed.as_deref()).await;
        }
    }

    fn outcome<'a>(&'a self, attempt: &'a Attempt) -> SharedOutcome<'a> {
        let Self { shared, ambient, keys, epoch, .. } = self;
        let token = &attempt.token.claim;
        let key = keys::outcome(keys, token);
        SharedOutcome { shared: &**shared, ambient, keys, epoch, draw: attempt.draw.id, token, key }
    }
}

/// The place of one attempt's outcome in what servers share.
struct SharedOutcome<'a> {
    shared: &'a dyn Coordination,
    ambient: &'a Ambient,
    keys: &'a Keys,
    epoch: &'a Digest,
    draw: Uuid,
    token: &'a Digest,
    key: Key,
}

impl SharedOutcome<'_> {
    /// Looks; with an owner, takes the lease where there is nothing.
    async fn look(&self, owner: Option<Owner>) -> Look {
        let until = Instant::now() + keys::LEASE_WAIT;
        let (mut layer, mut has_discarded) = (Layer::Cache, false);
        loop {
            match self.ask(owner.as_ref()).await {
                Ok(Lease::Found(sealed)) => match self.open(&sealed) {
                    Some(committed) => return Look::Committed(Arc::new(committed), layer),
                    // Bad again: somebody keeps writing it.
                    None if has_discarded => return Look::Nothing(None),
                    None => {
                        has_discarded = true;
                        self.discard(&sealed).await;
                    }
                },
                Ok(Lease::Leased) => return Look::Nothing(owner),
                Ok(Lease::Busy) => {
                    let is_busy_again = layer == Layer::Lock;
                    layer = Layer::Lock;
                    if !self.wait(until, is_busy_again).await {
                        // The constraint decides without a lease.
                        return Look::Nothing(None);
                    }
                }
                Err(error) => {
                    note_failure("get", &error);
                    // The lease may have been taken all the same, and should not outlive the attempt.
                    return Look::Nothing(owner);
                }
            }
        }
    }

    async fn ask(&self, owner: Option<&Owner>) -> CoordinationResult<Lease> {
        match owner {
            Some(owner) => self.shared.get_or_lease(&self.key, owner, keys::LEASE_LIFE).await,
            None => Ok(self.shared.get(&self.key).await?.map_or(Lease::Leased, Lease::Found)),
        }
    }

    /// An outcome, if it is one: what is forged, of another environment or of an earlier database is none.
    fn open(&self, sealed: &Bytes) -> Option<Committed> {
        let committed = Committed::open(sealed, self.keys, self.epoch, self.draw, self.token);
        if committed.is_none() {
            metrics::counter!("drawbridge_cache_errors_total", "operation" => "open").increment(1);
        }
        committed
    }

    /// Removes what is no outcome, so that one can be remembered in its place.
    async fn discard(&self, sealed: &Bytes) {
        if let Err(error) = self.shared.discard(&self.key, sealed).await {
            note_failure("discard", &error);
        }
    }

    /// Waits for the end of another's lease; whether there is time to look again.
    async fn wait(&self, until: Instant, is_busy_again: bool) -> bool {
        // A wait that ends at once though the key stays busy must not become a storm of questions.
        if is_busy_again {
            let pause = PAUSE_MS + self.ambient.jitter(PAUSE_MS);
            sleep(Duration::from_millis(pause.into())).await;
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        match self.shared.wait(&self.key, left).await {
            Ok(()) => true,
            Err(error) => {
                note_failure("wait", &error);
                false
            }
        }
    }

    /// Gives up the lease, with what is committed, if anything is. Nobody waits for this, so it is tried for as long
    /// as the lease may live: one that stayed behind would hold up the next retry elsewhere.
    async fn settle(&self, owner: &Owner, committed: Option<&Committed>) {
        let sealed = committed.map(|committed| committed.seal(self.keys, self.epoch, self.draw, self.token));
        let until = Instant::now() + keys::LEASE_LIFE;
        loop {
            let done = match &sealed {
                Some(sealed) => {
                    self.shared.settle(&self.key, owner, sealed.clone(), keys::OUTCOME_LIFE).await
                }
                None => self.shared.release(&self.key, owner).await,
            };
            let Err(error) = done else { return };
            note_failure("settle", &error);
            let pause =
                Duration::from_millis((SETTLE_PAUSE_MS + self.ambient.jitter(SETTLE_PAUSE_MS)).into());
            if Instant::now() + pause >= until {
                return;
            }
            sleep(pause).await;
        }
    }
}

#[cfg(test)]
mod tests;
