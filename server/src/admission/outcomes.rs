//! Committed outcomes that all servers share, and the lease to make one: the double check, and what to do when
//! what is shared fails or lies. Guarantee G6: it may only cost time.

use std::sync::Arc;

use super::attempt::Attempt;
use super::remembered::Committed;
use super::{Admission, keys};
use crate::coordination::{CoordinationError, Lease, Owner};

/// What looking into what servers share came to.
pub(super) enum Look {
    Committed(Arc<Committed>),
    /// Nothing known; the lease, where one was taken.
    Nothing(Option<Owner>),
    /// Another server has been working on this key for long.
    Busy,
}

impl Admission {
    /// The shared outcome, or the lease to make it. An attempt that will not write only looks.
    pub(super) async fn look_or_lease(&self, attempt: &Attempt) -> Look {
        let key = keys::outcome(&self.keys, &attempt.token.claim);
        let owner: Owner = self.ambient.random();
        let until = tokio::time::Instant::now() + keys::WAIT;
        loop {
            let found = if attempt.verdict.is_ok() {
                self.shared.get_or_lease(&key, &owner, keys::LEASE_LIFE).await
            } else {
                self.shared.get(&key).await.map(|found| found.map_or(Lease::Leased, Lease::Found))
            };
            match found {
                Ok(Lease::Found(sealed)) => {
                    match Committed::open(
                        &sealed,
                        &self.keys,
                        &self.epoch,
                        attempt.draw.id,
                        &attempt.token.claim,
                    ) {
                        Some(committed) => return Look::Committed(Arc::new(committed)),
                        // Forged, of another environment or of an earlier database: worth nothing.
                        None => {
                            metrics::counter!("drawbridge_cache_errors_total", "operation" => "open")
                                .increment(1);
                            return Look::Nothing(None);
                        }
                    }
                }
                Ok(Lease::Leased) => return Look::Nothing(attempt.verdict.is_ok().then_some(owner)),
                Ok(Lease::Busy) => {
                    let left = until.saturating_duration_since(tokio::time::Instant::now());
                    if left.is_zero() {
                        return Look::Busy;
                    }
                    if let Err(error) = self.shared.wait(&key, left).await {
                        note_failure("wait", &error);
                        return Look::Nothing(None);
                    }
                }
                Err(error) => {
                    note_failure("get", &error);
                    return Look::Nothing(None);
                }
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

/// A layer that fails is skipped and counted, never answered for.
pub(super) fn note_failure(operation: &'static str, error: &CoordinationError) {
    metrics::counter!("drawbridge_cache_errors_total", "operation" => operation).increment(1);
    tracing::warn!(%error, operation, "coordination failed, going on without it");
}
