//! Bad input gets the right problem, and nothing is stored.

use axum::body::Body;
use axum::http::{HeaderValue, Request};
use serde_json::json;

use crate::site::{Answer, NOW, Site, person, with};

struct Bad<'a> {
    keys: Vec<&'a [u8]>,
    kind: Option<&'a str>,
    body: Vec<u8>,
}

async fn send(site: &Site, bad: Bad<'_>) -> Answer {
    let mut request = Request::post("/api/v1/draws/open/entries");
    for key in bad.keys {
        request = request.header("idempotency-key", HeaderValue::from_bytes(key).expect("a header"));
    }
    if let Some(kind) = bad.kind {
        request = request.header("content-type", kind);
    }
    site.call(request.body(Body::from(bad.body)).expect("a request")).await
}

/// What is sent: a name for it, its content type, its body; and what it gets: status and problem.
type Case<'a> = (&'a str, Option<&'a str>, Vec<u8>, u16, &'a str);

const JSON: Option<&str> = Some("application/json");

#[tokio::test]
async fn every_bad_body_gets_its_problem() {
    let site = Site::start().await;
    let token = site.token("open").await;
    let good = person("ada").to_string();
    let nested = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    let cases: [Case<'_>; 21] = [
        ("no type", None, good.clone().into(), 415, "unsupported-media-type"),
        ("text", Some("text/plain"), good.clone().into(), 415, "unsupported-media-type"),
        (
            "a form",
            Some("application/x-www-form-urlencoded"),
            "full_name=a".into(),
            415,
            "unsupported-media-type",
        ),
        ("1 MB", JSON, vec![b' '; 1 << 20], 413, "body-too-large"),
        ("16 KiB and one", JSON, vec![b' '; 16 * 1024 + 1], 413, "body-too-large"),
        ("nothing", JSON, vec![], 400, "malformed-body"),
        ("half", JSON, good.as_bytes()[..20].to_vec(), 400, "malformed-body"),
        ("trailing", JSON, format!("{good}x").into(), 400, "malformed-body"),
        ("an array", JSON, "[\"Ada\", \"ada@example.org\"]".into(), 400, "malformed-body"),
        ("a text", JSON, "\"Ada\"".into(), 400, "malformed-body"),
        ("null", JSON, "null".into(), 400, "malformed-body"),
        ("a field twice", JSON, r#"{"full_name":"Ada","full_name":"Bob"}"#.into(), 400, "malformed-body"),
        ("an unknown field", JSON, r#"{"full_name":"Ada","admin":true}"#.into(), 400, "malformed-body"),
        ("a number for a name", JSON, r#"{"full_name":7}"#.into(), 400, "malformed-body"),
        ("a text for a number", JSON, r#"{"party_size":"2"}"#.into(), 400, "malformed-body"),
        ("a fraction", JSON, r#"{"party_size":1.5}"#.into(), 400, "malformed-body"),
        ("a huge number", JSON, r#"{"party_size":1e400}"#.into(), 400, "malformed-body"),
        ("deep nesting", JSON, format!("{{\"full_name\":{nested}}}").into(), 400, "malformed-body"),
        ("invalid UTF-8", JSON, b"{\"full_name\":\"\xff\xfe\"}".to_vec(), 400, "malformed-body"),
        ("half a surrogate", JSON, br#"{"full_name":"\ud800"}"#.to_vec(), 400, "malformed-body"),
        ("a raw NUL", JSON, b"{\"full_name\":\"A\0\"}".to_vec(), 400, "malformed-body"),
    ];
    for (name, kind, body, status, code) in cases {
        let answer = send(&site, Bad { keys: vec![token.as_bytes()], kind, body }).await;
        assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (status, code), "{name}");
    }
    let nul = with(person("ada"), &[("full_name", json!("A\0da"))]);
    let answer = site.register("open", &token, &nul).await;
    assert_eq!(answer.problem(), "validation-failed", "an escaped NUL is text, and no name has one");
    assert_eq!(site.taken("open").await, 0);
    site.register("open", &token, &person("ada")).await.receipt();
    site.finish().await;
}

#[tokio::test]
async fn every_bad_key_gets_its_problem() {
    let site = Site::start().await;
    let token = site.token("open").await;
    let other = site.token("strict").await;
    let mut forged = token.clone().into_bytes();
    forged[30] = if forged[30] == b'A' { b'B' } else { b'A' };
    let long = "k".repeat(256);
    let cases: Vec<(&str, Vec<&[u8]>, u16, &str)> = vec![
        ("none", vec![], 400, "idempotency-key-missing"),
        ("empty", vec![b""], 400, "idempotency-key-invalid"),
        ("empty in quotes", vec![b"\"\""], 400, "idempotency-key-invalid"),
        ("short", vec![b"abc"], 400, "idempotency-key-invalid"),
        ("over-long", vec![long.as_bytes()], 400, "idempotency-key-invalid"),
        ("twice", vec![token.as_bytes(), token.as_bytes()], 400, "idempotency-key-invalid"),
        ("not ASCII", vec!["ключключключключ".as_bytes()], 400, "idempotency-key-invalid"),
        ("a uuid", vec![b"0190a5a0-0000-7000-8000-000000000000"], 400, "idempotency-key-invalid"),
        ("half quoted", vec![b"\"abcdefghijklmnopqrst"], 400, "idempotency-key-invalid"),
        ("cut short", vec![&token.as_bytes()[1..]], 400, "idempotency-key-invalid"),
        ("forged", vec![&forged], 403, "token-invalid"),
        ("of another draw", vec![other.as_bytes()], 403, "token-invalid"),
    ];
    for (name, keys, status, code) in cases {
        let body = person("ada").to_string().into_bytes();
        let answer = send(&site, Bad { keys, kind: JSON, body }).await;
        assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (status, code), "{name}");
    }
    site.clock.advance(-120_001);
    assert_eq!(
        site.register("open", &token, &person("ada")).await.problem(),
        "token-invalid",
        "from the future"
    );
    site.clock.advance(1);
    assert_eq!(site.register("open", &token, &person("ada")).await.status, 201, "two minutes are forgiven");
    let stale = site.token("open").await;
    site.clock.advance(24 * 3_600_000 + shared::limits::TOKEN_SETTLES_MS);
    let answer = site.register("open", &stale, &person("bob")).await;
    assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (403, "token-expired"));
    assert!(site.app.ambient.now() > NOW);
    assert_eq!(site.taken("open").await, 1);
    site.finish().await;
}

#[tokio::test]
async fn a_wrong_address_or_method_is_a_problem_as_well() {
    let site = Site::start().await;
    assert_eq!(site.get("/api/v1/nothing").await.problem(), "not-found");
    let answer = site.get("/api/v1/draws/open/entries").await;
    assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (405, "method-not-allowed"));
    assert_eq!(answer.headers["allow"], "POST");
    assert_eq!(site.register("nowhere", "x", &person("ada")).await.problem(), "draw-not-found");
    assert_eq!(site.register("hidden", "x", &person("ada")).await.problem(), "draw-not-found");
    let page = site.get("/nothing").await;
    assert_eq!(page.status, 404);
    assert!(page.text().contains(page.headers["x-request-id"].to_str().expect("text")));
    site.finish().await;
}
