//! Health, readiness, metrics.

use axum::body::Body;
use axum::http::Request;
use serde_json::json;

use crate::process::{Client, Place};
use crate::site::{Site, person};

#[tokio::test]
async fn a_draining_server_is_alive_but_not_ready() {
    let site = Site::start().await;
    assert_eq!(site.get("/healthz").await.status, 200);
    assert_eq!(site.get("/readyz").await.status, 200);
    site.app.start_draining();
    assert_eq!(site.get("/readyz").await.status, 503);
    assert_eq!(site.get("/healthz").await.status, 200);
    site.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_to_register_is_counted_once_by_outcome_and_layer() {
    let place = Place::new().with("DRAWBRIDGE_IP_RATE", "60/min burst 6");
    let server = place.serve();
    let client = Client::new(&server);
    let token = client.token("open").await.expect("a token");
    let requests = [
        (token.as_str(), person("ada")),
        (token.as_str(), person("ada")),
        (token.as_str(), person("bob")),
        (token.as_str(), json!([])),
        ("forged-or-otherwise-wrong", person("ada")),
        (token.as_str(), person("ada")),
        (token.as_str(), person("ada")),
    ];
    for (key, form) in &requests {
        client.register("open", key, form).await.expect("answers");
    }
    client.register("nowhere", &token, &person("ada")).await.expect("answers");
    let (status, metrics) = client.get("/metrics").await.expect("answers");
    assert_eq!(status, 200);
    let count = |outcome: &str, layer: &str| {
        let line = format!("drawbridge_admissions_total{{outcome=\"{outcome}\",layer=\"{layer}\"}} ");
        metrics
            .lines()
            .find_map(|found| found.strip_prefix(&line))
            .map_or(0, |n| n.parse::<u32>().expect("a number"))
    };
    assert_eq!(count("created", "constraint"), 1, "{metrics}");
    assert_eq!(count("replayed", "memory"), 2);
    assert_eq!(count("mismatch", "memory"), 1);
    assert_eq!(count("invalid", "edge"), 1);
    assert_eq!(count("token_invalid", "token"), 1);
    assert_eq!(count("rate_limited", "limiter"), 1);
    let seconds = metrics.lines().filter(|line| line.starts_with("drawbridge_admission_seconds_count"));
    let timed: u32 =
        seconds.map(|line| line.rsplit(' ').next().expect("a number").parse::<u32>().expect("one")).sum();
    assert_eq!(timed as usize, requests.len() + 1);
    assert_eq!(count("not_open", "edge"), 1, "a draw that is not there");
    for name in [
        "drawbridge_batch_size",
        "drawbridge_batch_seconds",
        "drawbridge_queue_depth",
        "drawbridge_cache_errors_total",
        "drawbridge_breaker_open",
        "drawbridge_outbox_pending",
        "drawbridge_reconcile_mismatches",
    ] {
        assert!(metrics.contains(&format!("# TYPE {name} ")), "{name}");
    }
    assert!(!metrics.contains(&token) && !metrics.contains("ada"));
}

#[tokio::test]
async fn metrics_are_not_for_who_comes_through_a_proxy() {
    let site = Site::start().await;
    server::telemetry::metrics_handle();
    assert_eq!(site.get("/metrics").await.status, 200);
    let forwarded = Request::get("/metrics").header("x-forwarded-for", "127.0.0.1").body(Body::empty());
    assert_eq!(site.call(forwarded.expect("a request")).await.status, 404);
    site.finish().await;
}
