//! Committed outcomes that all servers share, and the lease to make one: the double check, and what to do when
//! what is shared fails or lies. Guarantee G6: it may only cost time.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use shared::Layer;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::attempt::Attempt;
use super::protocol::{LookStep, Looking, Said, Settling, settling};
use super::remembered::Committed;
use super::{Admission, keys};
use crate::ambient::Ambient;
use crate::coordination::{Coordination, Key, Lease, Owner, note_failure};
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

impl Look {
    /// The lease that was or may have been taken.
    pub(super) fn lease(&self) -> Option<Owner> {
        match self {
            Self::Committed(..) => None,
            Self::Nothing(lease) => *lease,
        }
    }
}

impl Admission {
    /// The shared outcome of a key.
    pub(super) async fn look(&self, draw: Uuid, token: &Digest) -> Look {
        self.outcome(draw, token).look(None).await
    }

    /// Remembers what is committed for all servers; gives up the lease either way.
    pub(super) async fn settle(
        &self,
        attempt: &Attempt,
        lease: Option<Owner>,
        committed: Option<Arc<Committed>>,
    ) {
        let outcome = self.outcome(attempt.draw.id, &attempt.token.claim);
        match settling(lease, committed.as_deref()) {
            Settling::Nothing => {}
            Settling::Settle(owner, committed) => outcome.settle(&owner, Some(committed)).await,
            Settling::Release(owner) => outcome.settle(&owner, None).await,
        }
    }

    /// The place of a key's outcome.
    pub(super) fn outcome<'a>(&'a self, draw: Uuid, token: &'a Digest) -> SharedOutcome<'a> {
        let Self { shared, ambient, keys, epoch, .. } = self;
        let key = keys::outcome(keys, token);
        SharedOutcome { shared: &**shared, ambient, keys, epoch, draw, token, key }
    }
}

/// The place of one attempt's outcome in what servers share.
pub(super) struct SharedOutcome<'a> {
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
    pub(super) async fn look(&self, owner: Option<Owner>) -> Look {
        let first = self.ask(owner.as_ref()).await;
        self.follow(first, owner).await
    }

    /// Looks on, after what was said first.
    pub(super) async fn follow(&self, first: Said<Committed, Bytes>, owner: Option<Owner>) -> Look {
        let until = Instant::now() + keys::LEASE_WAIT;
        let mut looking = Looking::default();
        let mut said = first;
        loop {
            said = match looking.next(said) {
                LookStep::Known(committed, layer) => return Look::Committed(Arc::new(committed), layer),
                LookStep::GoOn { may_hold_lease } => return Look::Nothing(owner.filter(|_| may_hold_lease)),
                LookStep::Discard(sealed) => {
                    self.discard(&sealed).await;
                    self.ask(owner.as_ref()).await
                }
                LookStep::Wait { pause_first } if self.wait(until, pause_first).await => {
                    self.ask(owner.as_ref()).await
                }
                LookStep::Wait { .. } => Said::WaitedInVain,
            };
        }
    }

    /// Asks for the outcome; with an owner, or the lease to make it.
    pub(super) async fn ask(&self, owner: Option<&Owner>) -> Said<Committed, Bytes> {
        let answer = match owner {
            Some(owner) => self.shared.get_or_lease(&self.key, owner, keys::LEASE_LIFE).await,
            None => self.shared.get(&self.key).await.map(|found| found.map_or(Lease::Leased, Lease::Found)),
        };
        match answer {
            Ok(Lease::Found(sealed)) => match self.open(&sealed) {
                Some(committed) => Said::Outcome(committed),
                None => Said::Junk(sealed),
            },
            Ok(Lease::Leased) => Said::Leased,
            Ok(Lease::Busy) => Said::Busy,
            Err(error) => {
                note_failure("get", &error);
                Said::Failed
            }
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
    async fn wait(&self, until: Instant, pause_first: bool) -> bool {
        if pause_first {
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
    pub(super) async fn settle(&self, owner: &Owner, committed: Option<&Committed>) {
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
