//! A crowd behind one address, through nginx.

use std::collections::HashSet;

use reqwest::StatusCode;
use serde_json::Value;
use tokio::task::JoinSet;

use super::{Front, http_from, url};
use crate::process::Reply;
use crate::site::person;

const CROWD: usize = 500;
/// How many of them are on their way at the same time.
const AT_ONCE: usize = 60;
/// Every so many of them send their form twice more.
const IMPATIENT: usize = 10;

/// One person: page, assets, token, registration, and perhaps retries; every answer has to be the good one.
async fn enter(http: reqwest::Client, url: String, number: usize) -> String {
    let page = http.get(format!("{url}/draws/open")).send().await.expect("answers");
    assert_eq!(page.status(), StatusCode::OK);
    let cookie = page.headers()["set-cookie"].to_str().expect("text");
    let cookie = cookie.split(';').next().expect("a pair").to_owned();
    for asset in assets(&page.text().await.expect("text")) {
        let answer = http.get(format!("{url}{asset}")).send().await.expect("answers");
        assert_eq!(answer.status(), StatusCode::OK, "{asset}");
    }
    let tokens = http.post(format!("{url}/api/v1/draws/open/tokens")).send().await.expect("answers");
    let token: Value = tokens.json().await.expect("JSON");
    let token = token["token"].as_str().expect("a token");
    let mut bodies = HashSet::new();
    for _ in 0..if number.is_multiple_of(IMPATIENT) { 3 } else { 1 } {
        let request = http
            .post(format!("{url}/api/v1/draws/open/entries"))
            .header("idempotency-key", token)
            .header("cookie", &cookie)
            .json(&person(&format!("p{number}")));
        let answer = request.send().await.expect("answers");
        let status = answer.status();
        let body = answer.text().await.expect("text");
        assert_eq!(status, StatusCode::CREATED, "{body}");
        bodies.insert(body);
    }
    assert_eq!(bodies.len(), 1, "retries get the same bytes");
    let reply = Reply { body: bodies.into_iter().next().expect("one"), ..Reply::default() };
    reply.receipt()
}

/// The assets that a page names.
fn assets(page: &str) -> HashSet<&str> {
    page.split('"').filter(|text| text.starts_with("/assets/")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_behind_one_address_get_in_within_a_minute() {
    // With every limit as it is by default.
    let Some(front) = Front::start(&[]) else { return };
    let (http, url) = (http_from(1), url(&front.nginx));
    let mut receipts = HashSet::new();
    let mut crowd = JoinSet::new();
    for number in 0..CROWD {
        if crowd.len() >= AT_ONCE {
            receipts.extend(crowd.join_next().await.map(|receipt| receipt.expect("got in")));
        }
        crowd.spawn(enter(http.clone(), url.clone(), number));
    }
    while let Some(receipt) = crowd.join_next().await {
        receipts.insert(receipt.expect("got in"));
    }
    assert_eq!(receipts.len(), CROWD);
    assert_eq!(front.place.receipts("open").into_iter().collect::<HashSet<_>>(), receipts);
    front.place.reconcile();
}

#[tokio::test(flavor = "multi_thread")]
async fn assets_are_asked_for_once_and_outlive_the_servers() {
    let Some(mut front) = Front::start(&[]) else { return };
    let (http, url) = (http_from(1), url(&front.nginx));
    let page =
        http.get(format!("{url}/draws/open")).send().await.expect("answers").text().await.expect("text");
    let assets = assets(&page);
    assert!(assets.len() > 1, "{page}");
    let fetch = async |asset: &str, coding: &str| {
        let request = http.get(format!("{url}{asset}")).header("accept-encoding", coding);
        let answer = request.send().await.expect("answers");
        assert_eq!(answer.status(), StatusCode::OK, "{asset}");
        assert!(answer.headers()["cache-control"].to_str().expect("text").contains("immutable"));
        let headers = answer.headers().clone();
        let is_coded = headers.get("content-encoding").is_some_and(|coding| coding == "br");
        assert_eq!(is_coded, coding.contains("br"), "{asset}: {coding}");
        (headers["x-request-id"].clone(), answer.bytes().await.expect("a body"))
    };
    let mut first = Vec::new();
    for asset in &assets {
        for coding in ["identity", "gzip, br"] {
            first.push((asset, coding, fetch(asset, coding).await));
        }
    }
    front.servers.iter_mut().for_each(crate::process::Server::kill);
    for (asset, coding, (id, body)) in first {
        let (second_id, second_body) = fetch(asset, coding).await;
        assert_eq!(second_body, body, "{asset}: {coding}");
        assert_ne!(second_id, id, "each answer has an id of its own");
    }
}
