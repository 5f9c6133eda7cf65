//! A circuit breaker around any backend that can fail. The backend bounds its calls.
//!
//! ```text
//!         3 failures in a row,
//!         or 1 that took its time                the pause is over
//!  closed ----------------------> open (all fail) -------------------> half open (one call asks)
//!    ^                              ^                                     |            |
//!    |                              +------ it failed: a longer pause ----+            |
//!    +------------------------------------------ it succeeded -------------------------+
//! ```
//!
//! One time-out is enough, because a request makes several calls one after the other: it should wait for a backend
//! that hangs once, not each time.

use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::time::Instant;

use super::memory::Allowances;
use super::{
    Coordination, CoordinationError, CoordinationResult, Key, Lease, Owner, Rate, Take, note_failure,
};
use crate::ambient::Ambient;

/// Failures in a row after which the backend is left alone, when each came at once.
const FAILURES_MAX: u32 = 3;
/// How long it is left alone at first. Each probe that fails doubles the pause.
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// How long it is left alone at most.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// A backend that is left alone while it fails.
#[derive(Debug)]
pub struct Guarded<B> {
    backend: B,
    circuit: Mutex<Circuit>,
    /// Turns, while the backend cannot be asked for them.
    stand_in: Allowances,
    ambient: Ambient,
}

#[derive(Debug)]
enum Circuit {
    Closed {
        failures: u32,
    },
    Open {
        until: Instant,
        pause: Duration,
    },
    /// One call is asking.
    HalfOpen {
        pause: Duration,
    },
}

impl<B: Coordination> Guarded<B> {
    /// Asks this backend from now on.
    pub fn new(backend: B, ambient: Ambient) -> Self {
        show(false);
        let circuit = Mutex::new(Circuit::Closed { failures: 0 });
        Self { backend, circuit, stand_in: Allowances::new(ambient.clone()), ambient }
    }

    fn circuit(&self) -> MutexGuard<'_, Circuit> {
        self.circuit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the backend, if it may be asked, and learns from how that goes.
    async fn ask<T>(&self, call: impl Future<Output = CoordinationResult<T>>) -> CoordinationResult<T> {
        let mut pass = self.enter()?;
        let result = call.await;
        pass.end(result.as_ref().err());
        result
    }

    fn enter(&self) -> CoordinationResult<Pass<'_, B>> {
        let mut circuit = self.circuit();
        let is_probe = match *circuit {
            Circuit::Closed { .. } => false,
            Circuit::Open { until, pause } if until <= Instant::now() => {
                *circuit = Circuit::HalfOpen { pause };
                true
            }
            Circuit::Open { .. } | Circuit::HalfOpen { .. } => return Err(CoordinationError::LeftAlone),
        };
        Ok(Pass { guarded: self, is_probe, has_ended: false })
    }

    fn is_closed(&self) -> bool {
        matches!(*self.circuit(), Circuit::Closed { .. })
    }

    /// What follows from a call that failed. Calls that began before the circuit opened tell nothing new.
    fn failed(&self, is_probe: bool, error: &CoordinationError) {
        let has_cost_time = matches!(error, CoordinationError::TimedOut);
        let mut circuit = self.circuit();
        let pause = match *circuit {
            Circuit::Closed { failures } if failures + 1 < FAILURES_MAX && !has_cost_time => {
                *circuit = Circuit::Closed { failures: failures + 1 };
                return;
            }
            Circuit::Closed { .. } => {
                tracing::warn!(%error, "coordination fails and is left alone");
                PAUSE_MIN
            }
            Circuit::HalfOpen { pause } if is_probe => (pause * 2).min(PAUSE_MAX),
            Circuit::HalfOpen { .. } | Circuit::Open { .. } => return,
        };
        *circuit = Circuit::Open { until: Instant::now() + self.jittered(pause), pause };
        drop(circuit);
        show(true);
        self.backend.reconnect();
    }

    fn succeeded(&self, is_probe: bool) {
        let mut circuit = self.circuit();
        match *circuit {
            Circuit::Closed { .. } => *circuit = Circuit::Closed { failures: 0 },
            Circuit::HalfOpen { .. } if is_probe => {
                *circuit = Circuit::Closed { failures: 0 };
                drop(circuit);
                show(false);
                tracing::info!("coordination works again");
            }
            Circuit::HalfOpen { .. } | Circuit::Open { .. } => {}
        }
    }

    /// Shorter by up to a quarter: servers that lost the backend together do not all come back together.
    fn jittered(&self, pause: Duration) -> Duration {
        let quarter = u32::try_from(pause.as_millis() / 4).unwrap_or(0);
        pause.saturating_sub(Duration::from_millis(self.ambient.jitter(quarter).into()))
    }
}

/// The right to ask. Dropped without an end, because the caller went away or did not get to ask, it tells nothing of the
/// backend.
struct Pass<'a, B: Coordination> {
    guarded: &'a Guarded<B>,
    is_probe: bool,
    has_ended: bool,
}

impl<B: Coordination> Pass<'_, B> {
    fn end(&mut self, error: Option<&CoordinationError>) {
        self.has_ended = !matches!(error, Some(CoordinationError::Crowded));
        match error {
            Some(CoordinationError::Crowded) => {}
            None => self.guarded.succeeded(self.is_probe),
            Some(error) => self.guarded.failed(self.is_probe, error),
        }
    }
}

impl<B: Coordination> Drop for Pass<'_, B> {
    fn drop(&mut self) {
        if self.has_ended || !self.is_probe {
            return;
        }
        // The next call is the probe.
        let mut circuit = self.guarded.circuit();
        if let Circuit::HalfOpen { pause } = *circuit {
            *circuit = Circuit::Open { until: Instant::now(), pause };
        }
    }
}

fn show(is_open: bool) {
    metrics::gauge!("drawbridge_breaker_open").set(if is_open { 1.0 } else { 0.0 });
}

#[async_trait]
impl<B: Coordination> Coordination for Guarded<B> {
    async fn get(&self, key: &Key) -> CoordinationResult<Option<Bytes>> {
        self.ask(self.backend.get(key)).await
    }

    async fn get_or_lease(&self, key: &Key, owner: &Owner, life: Duration) -> CoordinationResult<Lease> {
        self.ask(self.backend.get_or_lease(key, owner, life)).await
    }

    async fn settle(
        &self,
        key: &Key,
        owner: &Owner,
        value: Bytes,
        life: Duration,
    ) -> CoordinationResult<bool> {
        self.ask(self.backend.settle(key, owner, value, life)).await
    }

    async fn release(&self, key: &Key, owner: &Owner) -> CoordinationResult<bool> {
        self.ask(self.backend.release(key, owner)).await
    }

    async fn wait(&self, key: &Key, at_most: Duration) -> CoordinationResult<()> {
        // A probe has to be quick, and waiting is not.
        if !self.is_closed() {
            return Err(CoordinationError::LeftAlone);
        }
        self.ask(self.backend.wait(key, at_most)).await
    }

    async fn discard(&self, key: &Key, value: &Bytes) -> CoordinationResult<()> {
        self.ask(self.backend.discard(key, value)).await
    }

    async fn take(&self, key: &Key, rate: Rate, turns: u32) -> CoordinationResult<Take> {
        match self.ask(self.backend.take(key, rate, turns)).await {
            Ok(take) => Ok(take),
            Err(error) => {
                note_failure("take", &error);
                Ok(self.stand_in.take(key, rate, turns))
            }
        }
    }

    fn is_remote(&self) -> bool {
        self.backend.is_remote()
    }

    fn reconnect(&self) {
        self.backend.reconnect();
    }
}

#[cfg(test)]
mod tests;
