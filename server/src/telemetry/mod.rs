//! Signals: metrics, log lines, and the counts organisers see.

mod json;
mod lines;
mod tally;

use std::sync::OnceLock;
use std::time::Duration;

use metrics::{Counter, Histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use shared::{Layer, Outcome};

use lines::Lines;
pub use lines::Logging;
pub use tally::{Tally, flush, keep_flushing, keep_reconciling};

use crate::admission::ending::Ending;
use crate::config::{Config, LogFormat};

const SECONDS: [f64; 13] =
    [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
const ROWS: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

/// The process's metrics. Installed on first use.
pub fn metrics_handle() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let handle = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
            .and_then(|builder| {
                builder.set_buckets_for_metric(Matcher::Full("drawbridge_batch_size".to_owned()), &ROWS)
            })
            .expect("the buckets are not empty")
            .install_recorder()
            .expect("no other recorder is installed");
        describe();
        handle
    })
}

fn describe() {
    metrics::describe_counter!(
        "drawbridge_admissions_total",
        "HTTP requests to register, by how they ended and which layer decided"
    );
    metrics::describe_histogram!(
        "drawbridge_admission_seconds",
        metrics::Unit::Seconds,
        "Time a request to register took"
    );
    metrics::describe_histogram!("drawbridge_batch_size", "Entries written by one transaction");
    metrics::describe_histogram!(
        "drawbridge_batch_seconds",
        metrics::Unit::Seconds,
        "Time a batch took to commit"
    );
    metrics::describe_counter!(
        "drawbridge_batches_repeated_total",
        "Batches written again because the answer to an earlier try was lost"
    );
    metrics::describe_gauge!("drawbridge_queue_depth", "Attempts that wait for their write");
    metrics::describe_counter!(
        "drawbridge_cache_errors_total",
        "Calls to the shared cache that failed or were not made while it is left alone, and answers nobody can trust"
    );
    metrics::describe_gauge!(
        "drawbridge_breaker_open",
        "1 while the shared cache is left alone because it fails"
    );
    metrics::describe_gauge!("drawbridge_outbox_pending", "Outbox rows that wait for delivery");
    metrics::describe_gauge!("drawbridge_reconcile_mismatches", "What the last reconciliation found wrong");
    // Present from the start, so that an alert on them can tell zero from absent.
    metrics::counter!("drawbridge_batches_repeated_total").absolute(0);
    metrics::gauge!("drawbridge_queue_depth").set(0.0);
    metrics::gauge!("drawbridge_breaker_open").set(0.0);
    metrics::gauge!("drawbridge_outbox_pending").set(0.0);
    metrics::gauge!("drawbridge_reconcile_mismatches").set(0.0);
    for operation in ["get", "settle", "take", "wait", "open", "discard"] {
        metrics::counter!("drawbridge_cache_errors_total", "operation" => operation).absolute(0);
    }
}

/// The metrics of one way in which requests to register end.
struct Ended {
    total: Counter,
    seconds: Histogram,
}

/// Looked up by name once for each way.
fn ended(outcome: Outcome, layer: Layer) -> &'static Ended {
    static ENDED: [[OnceLock<Ended>; Layer::ALL.len()]; Outcome::ALL.len()] =
        [const { [const { OnceLock::new() }; Layer::ALL.len()] }; Outcome::ALL.len()];
    ENDED[outcome as usize][layer as usize].get_or_init(|| {
        // What is looked up before there is a recorder would count for nobody.
        metrics_handle();
        let (outcome, layer) = (outcome.as_str(), layer.as_str());
        Ended {
            total: metrics::counter!("drawbridge_admissions_total", "outcome" => outcome, "layer" => layer),
            seconds: metrics::histogram!("drawbridge_admission_seconds", "outcome" => outcome, "layer" => layer),
        }
    })
}

/// Sorts what histograms have gathered into their buckets, each second: until then every single value lies in memory,
/// and without this it would lie there until somebody asks for the metrics.
pub async fn keep_metrics() {
    let mut second = tokio::time::interval(Duration::from_secs(1));
    loop {
        second.tick().await;
        metrics_handle().run_upkeep();
    }
}

/// Counts and logs the end of one HTTP request to register: once each, without personal data.
pub fn admission(ending: &Ending, draw: &str, request_id: &str, attempt: Option<u32>, took: Duration) {
    let (outcome, layer) = (ending.outcome.as_str(), ending.layer.as_str());
    let ended = ended(ending.outcome, ending.layer);
    ended.total.increment(1);
    ended.seconds.record(took.as_secs_f64());
    tracing::info!(
        request_id,
        draw,
        outcome,
        layer,
        attempt,
        micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        "attempt"
    );
}

/// An error with everything that caused it, for a log line.
pub fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

/// Sends log lines to standard error, as the settings say, for as long as what comes back is kept.
///
/// # Errors
/// When there can be no thread for it.
pub fn start_logging(config: &Config) -> std::io::Result<Logging> {
    let (lines, logging) = Lines::start(Box::new(std::io::stderr()))?;
    let filter = tracing_subscriber::EnvFilter::new(&config.log);
    let format = tracing_subscriber::fmt().with_env_filter(filter).with_writer(lines);
    let started = match config.log_format {
        LogFormat::Pretty => format.try_init(),
        LogFormat::Json => format.event_format(json::Json).try_init(),
    };
    if let Err(error) = started {
        tracing::debug!(error, "logging was started before");
    }
    Ok(logging)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_to_end_is_counted_by_itself() {
        let positions = |all: &mut dyn Iterator<Item = usize>| all.collect::<Vec<_>>();
        let outcomes = positions(&mut Outcome::ALL.iter().map(|outcome| *outcome as usize));
        let layers = positions(&mut Layer::ALL.iter().map(|layer| *layer as usize));
        assert_eq!(outcomes, (0..Outcome::ALL.len()).collect::<Vec<_>>());
        assert_eq!(layers, (0..Layer::ALL.len()).collect::<Vec<_>>());
    }
}
