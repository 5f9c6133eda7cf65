//! Counts that organisers see: retries of an entry, and what each layer caught in an hour. Gathered in
//! memory, flushed each minute, best effort.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use shared::Outcome;
use uuid::Uuid;

use crate::admission::ending::Ending;
use crate::secrets::Digest;
use crate::state::App;
use crate::store::entries::{CaughtHour, RetryCount};

const HOUR_MS: i64 = 3_600_000;
/// Entries whose retries are counted between two flushes; further ones are not.
const ENTRIES_MAX: usize = 25_000;

/// Between two reconciliations.
const RECONCILE_EVERY: Duration = Duration::from_secs(3600);
/// The first follows the start after up to so many milliseconds: servers that restart together take turns.
const RECONCILE_DELAY_MS: u32 = 60_000;
/// How long one may take.
const RECONCILE_WAIT: Duration = Duration::from_secs(1800);
/// Discrepancies that are told one by one.
const TOLD_MAX: usize = 100;

/// What was counted since the last flush.
#[derive(Debug, Default)]
pub struct Tally(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    retries: HashMap<(Uuid, Digest), (i64, i64)>,
    caught: HashMap<CaughtHour, i64>,
}

impl Tally {
    /// Counts the end of one request at an instant, if it was a duplicate of something.
    pub fn note(&self, draw: Uuid, ending: &Ending, now: i64) {
        let is_duplicate = matches!(
            ending.outcome,
            Outcome::Replayed | Outcome::AlreadyRegistered | Outcome::Mismatch | Outcome::InProgress
        );
        if !is_duplicate {
            return;
        }
        let hour = CaughtHour { draw, hour: now - now.rem_euclid(HOUR_MS), layer: ending.layer.as_str() };
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.caught.entry(hour).or_default() += 1;
        if let Some(person) = ending.person
            && (counts.retries.len() < ENTRIES_MAX || counts.retries.contains_key(&(draw, person)))
        {
            let (count, last_at) = counts.retries.entry((draw, person)).or_default();
            *count += 1;
            *last_at = now;
        }
    }

    fn take(&self) -> Counts {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Writes down what was counted. What cannot be written is logged and lost: it only informs.
pub async fn flush(app: &App) {
    let counts = app.tally.take();
    let retries: Vec<RetryCount> = counts
        .retries
        .into_iter()
        .map(|((draw, person), (count, last_at))| RetryCount { draw, person, count, last_at })
        .collect();
    let caught: Vec<(CaughtHour, i64)> = counts.caught.into_iter().collect();
    if retries.is_empty() && caught.is_empty() {
        return;
    }
    if let Err(error) = app.store.add_counts(&retries, &caught).await {
        tracing::warn!(error = %super::causes(&error), "counts of retries were lost");
    }
}

/// What a server does each minute besides answering: flush counts, close draws whose time has come, look at
/// the outbox.
pub async fn keep_flushing(app: App) {
    let mut minute = tokio::time::interval(Duration::from_secs(60));
    loop {
        minute.tick().await;
        flush(&app).await;
        if let Err(error) = app.store.close_overdue().await {
            tracing::warn!(
                error = %super::causes(&error),
                "draws that are over were not closed yet"
            );
        }
        match app.store.outbox_pending().await {
            #[expect(clippy::cast_precision_loss, reason = "a count for a gauge")]
            Ok(pending) => metrics::gauge!("drawbridge_outbox_pending").set(pending as f64),
            Err(error) => {
                tracing::warn!(error = %super::causes(&error), "the outbox was not counted")
            }
        }
    }
}

/// Reconciles each hour, beside everything else: it may take long.
pub async fn keep_reconciling(app: App) {
    tokio::time::sleep(Duration::from_millis(app.ambient.jitter(RECONCILE_DELAY_MS).into())).await;
    loop {
        if tokio::time::timeout(RECONCILE_WAIT, reconcile(&app)).await.is_err() {
            tracing::warn!("reconciling took too long and was given up");
        }
        tokio::time::sleep(RECONCILE_EVERY).await;
    }
}

/// Compares counters, entries and claims, and tells the metrics.
async fn reconcile(app: &App) {
    match app.store.reconcile(&app.keys).await {
        Ok(found) => {
            for sentence in found.0.iter().take(TOLD_MAX) {
                tracing::error!(sentence, "reconciliation found a discrepancy");
            }
            #[expect(clippy::cast_precision_loss, reason = "a count for a gauge")]
            metrics::gauge!("drawbridge_reconcile_mismatches").set(found.0.len() as f64);
        }
        Err(error) => tracing::warn!(error = %super::causes(&error), "nothing was reconciled"),
    }
}
