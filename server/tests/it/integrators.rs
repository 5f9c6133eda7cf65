//! Programs that register people: API keys, and idempotency keys of their own.

mod sequences;

use std::collections::HashSet;

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use server::integrators::{ApiKey, BELIEVED_MS};
use server::store::draws::Actor;
use server::store::integrators::{KeyAdded, KeyRevoked};
use shared::Action;

use crate::process::{Place, Server, text};
use crate::site::{Answer, NOW, Site, person, with};

const HOUR: i64 = 3_600_000;
const KEY: &str = "order-0000000001";

impl Site {
    /// Gives a source a key; what its holder sends as `Authorization`.
    async fn integrator(&self, name: &str) -> String {
        let key = ApiKey::new(&self.app.ambient);
        let added = self.app.store.add_api_key(name, &key.hash(), &Actor::CommandLine).await.expect("adds");
        assert_ne!(added, KeyAdded::Exists);
        format!("Bearer {}", key.reveal())
    }

    async fn revoke(&self, name: &str) {
        let revoked = self.app.store.revoke_api_key(name, &Actor::CommandLine).await.expect("revokes");
        assert_eq!(revoked, KeyRevoked::Done);
    }

    async fn send(&self, draw: &str, authorization: &str, key: &str, form: &Value) -> Answer {
        self.send_headers(draw, &[("authorization", authorization), ("idempotency-key", key)], form).await
    }

    async fn send_headers(&self, draw: &str, headers: &[(&str, &str)], form: &Value) -> Answer {
        let mut request =
            Request::post(format!("/api/v1/draws/{draw}/entries")).header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, value.as_bytes());
        }
        self.call(request.body(Body::from(form.to_string())).expect("a request")).await
    }
}

/// A key of an integrator's own.
fn key(number: usize) -> String {
    format!("order-{number:010}")
}

fn sequenced(form: Value, sequence: impl Into<Value>) -> Value {
    with(form, &[("sequence", sequence.into())])
}

fn refused_unknown(answer: &Answer) {
    assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (401, "not-signed-in"));
    assert_eq!(answer.headers["www-authenticate"], "Bearer");
}

#[tokio::test]
async fn an_integrator_registers_under_a_key_of_its_own_and_a_retry_gets_the_same_bytes() {
    let site = Site::start().await;
    let partner = site.integrator("partner").await;
    let first = site.send("open", &partner, KEY, &person("ada")).await;
    first.receipt();
    assert!(!first.replayed());
    let amnesiac = site.another().await;
    for server in [&site, &amnesiac] {
        for key in [KEY.to_owned(), format!("\"{KEY}\"")] {
            let retry = server.send("open", &partner, &key, &person("ada")).await;
            assert_eq!((retry.status, &retry.body), (first.status, &first.body), "{key}");
            assert!(retry.replayed());
        }
    }
    // No token's age, no opening hours: a key of one's own is as good a week later.
    site.clock.advance(7 * 24 * HOUR);
    for server in [&site, &site.another().await] {
        assert_eq!(server.send("open", &partner, KEY, &person("ada")).await.body, first.body);
        assert_eq!(server.send("open", &partner, &key(2), &person("bob")).await.problem(), "draw-closed");
    }
    assert_eq!(site.taken("open").await, 1);
    site.finish().await;
}

#[tokio::test]
async fn a_key_that_is_unknown_malformed_or_revoked_is_told_so_and_nothing_else() {
    let site = Site::start().await;
    let partner = site.integrator("partner").await;
    site.send("open", &partner, KEY, &person("ada")).await.receipt();
    let unknown = format!("Bearer {}", ApiKey::new(&site.app.ambient).reveal());
    for wrong in [unknown.as_str(), "Bearer", "Bearer nonsense", "Bearer dbk_short", &format!("{partner}A")] {
        for key in [KEY, "short", ""] {
            refused_unknown(&site.send("open", wrong, key, &person("ada")).await);
        }
        // Not even a genuine page token makes up for it.
        refused_unknown(&site.send("open", wrong, &site.token("open").await, &person("bob")).await);
        refused_unknown(&site.send("open", wrong, KEY, &json!({ "nonsense": true })).await);
    }
    let twice = [("authorization", partner.as_str()), ("authorization", &partner), ("idempotency-key", KEY)];
    refused_unknown(&site.send_headers("open", &twice, &person("ada")).await);
    assert_eq!(site.send("nowhere", &unknown, KEY, &person("ada")).await.problem(), "draw-not-found");
    assert_eq!(site.taken("open").await, 1);
    // A scheme that is not ours is none: the page token counts.
    let basic = site.send("open", "Basic YTpi", &site.token("open").await, &person("bob")).await;
    basic.receipt();
    assert_eq!(
        site.send("open", "Basic YTpi", KEY, &person("eve")).await.problem(),
        "idempotency-key-invalid"
    );
    site.finish().await;
}

#[tokio::test]
async fn a_revoked_key_is_worthless_everywhere_within_seconds_and_its_successor_takes_over() {
    let site = Site::start().await;
    let other = site.another().await;
    let partner = site.integrator("partner").await;
    let first = site.send("open", &partner, KEY, &sequenced(person("ada"), 1)).await;
    assert_eq!(other.send("open", &partner, KEY, &sequenced(person("ada"), 1)).await.body, first.body);
    site.revoke("partner").await;
    site.clock.advance(BELIEVED_MS);
    for server in [&site, &other] {
        refused_unknown(&server.send("open", &partner, KEY, &sequenced(person("ada"), 1)).await);
        refused_unknown(&server.send("open", &partner, &key(2), &person("bob")).await);
    }
    let successor = site.integrator("partner").await;
    assert_ne!(successor, partner);
    for server in [&site, &other, &site.another().await] {
        let retry = server.send("open", &successor, KEY, &person("ada")).await;
        assert_eq!(retry.body, first.body, "the same source: its keys are known");
        let resent = server.send("open", &successor, &key(3), &sequenced(person("ada"), 1)).await;
        assert_eq!(resent.body, first.body, "and its sequences");
        refused_unknown(&server.send("open", &partner, KEY, &person("ada")).await);
    }
    site.finish().await;
}

#[tokio::test]
async fn a_key_has_16_to_255_visible_ascii_characters() {
    let site = Site::start().await;
    let partner = site.integrator("partner").await;
    for (number, (length, is_key)) in
        [(15, false), (16, true), (255, true), (256, false)].into_iter().enumerate()
    {
        let key = "k".repeat(length);
        for key in [format!("\"{key}\""), key] {
            let answer = site.send("open", &partner, &key, &person(&format!("p{number}"))).await;
            match is_key {
                true => drop(answer.receipt()),
                false => assert_eq!(answer.problem(), "idempotency-key-invalid", "{length}"),
            }
        }
    }
    for wrong in [
        "",
        "sixteen characte rs",
        "sixteen-charact\u{e9}rs",
        "sixteen\tcharacters",
        "\"sixteen-characters",
        "\"sixteen-characters\"; a=b",
    ] {
        let answer = site.send("open", &partner, wrong, &person("eve")).await;
        assert_eq!(
            (answer.status.as_u16(), answer.problem().as_str()),
            (400, "idempotency-key-invalid"),
            "{wrong:?}"
        );
    }
    let none = site.send_headers("open", &[("authorization", &partner)], &person("eve")).await;
    assert_eq!(none.problem(), "idempotency-key-missing");
    let two = [("authorization", partner.as_str()), ("idempotency-key", KEY), ("idempotency-key", KEY)];
    assert_eq!(site.send_headers("open", &two, &person("eve")).await.problem(), "idempotency-key-invalid");
    // Without an API key only a page token is a key.
    assert_eq!(site.register("open", KEY, &person("eve")).await.problem(), "idempotency-key-invalid");
    assert_eq!(site.taken("open").await, 2);
    site.finish().await;
}

#[tokio::test]
async fn the_scope_of_a_key_is_the_integrator_and_the_draw() {
    let site = Site::start().await;
    let (one, two) = (site.integrator("one").await, site.integrator("two").await);
    let token = site.token("open").await;
    let receipts = [
        site.send("open", &one, &token, &person("ada")).await.receipt(),
        site.send("open", &two, &token, &person("bob")).await.receipt(),
        site.send("strict", &one, &token, &person("ada")).await.receipt(),
        site.register("open", &token, &person("eve")).await.receipt(),
    ];
    assert_eq!(
        HashSet::from(receipts.clone()).len(),
        4,
        "a page's token, two integrators, two draws: four attempts"
    );
    let amnesiac = site.another().await;
    for server in [&site, &amnesiac] {
        assert_eq!(server.send("open", &one, &token, &person("ada")).await.receipt(), receipts[0]);
        assert_eq!(server.send("open", &two, &token, &person("bob")).await.receipt(), receipts[1]);
        assert_eq!(server.send("strict", &one, &token, &person("ada")).await.receipt(), receipts[2]);
        assert_eq!(server.register("open", &token, &person("eve")).await.receipt(), receipts[3]);
    }
    // Sequences too: the same number in two sources and two draws.
    for (at, (draw, source)) in [("open", &one), ("open", &two), ("strict", &one)].into_iter().enumerate() {
        let form = sequenced(person(&format!("s{at}")), 1);
        assert!(!site.send(draw, source, &key(at), &form).await.replayed());
    }
    assert_eq!((site.taken("open").await, site.taken("strict").await), (5, 2));
    site.finish().await;
}

#[tokio::test]
async fn a_known_key_is_decided_as_anybodys() {
    let site = Site::start().await;
    let partner = site.integrator("partner").await;
    for (draw, expected) in [("open", 201), ("strict", 409)] {
        let first = site.send(draw, &partner, KEY, &person("ada")).await;
        let changed = with(person("ada"), &[("full_name", json!("Ada L."))]);
        let second = site.send(draw, &partner, KEY, &changed).await;
        assert_eq!(second.status, expected, "{draw}");
        if expected == 201 {
            assert_eq!(second.body, first.body, "the first request stands");
        }
        let other = site.send(draw, &partner, KEY, &person("bob")).await;
        assert_eq!(other.problem(), "idempotency-key-reused", "another person, in both modes");
        // The person under another key, with or without the cookie of a browser.
        let cookie = site.cookie(draw).await;
        let again = key(2);
        let headers = [("authorization", partner.as_str()), ("idempotency-key", &again), ("cookie", &cookie)];
        for _ in 0..2 {
            let known = site.send_headers(draw, &headers, &person("ada")).await;
            assert_eq!(known.problem(), "already-registered");
            assert!(!known.text().contains(&first.receipt()));
        }
    }
    // A failed validation burns nothing.
    let invalid = with(person("eve"), &[("full_name", json!(""))]);
    let form = sequenced(invalid, "a");
    assert_eq!(site.send("open", &partner, &key(3), &form).await.problem(), "validation-failed");
    assert!(!site.send("open", &partner, &key(3), &sequenced(person("eve"), "a")).await.replayed());
    site.finish().await;
}

#[tokio::test]
async fn a_browsers_cookie_proves_nothing_next_to_an_api_key() {
    let site = Site::start().await;
    let partner = site.integrator("partner").await;
    let cookie = site.cookie("open").await;
    let headers = [("authorization", partner.as_str()), ("idempotency-key", KEY), ("cookie", &cookie)];
    let receipt = site.send_headers("open", &headers, &person("ada")).await.receipt();
    let reload = site.register_from("open", &site.token("open").await, &person("ada"), Some(&cookie)).await;
    assert_eq!(reload.problem(), "already-registered");
    assert!(!reload.text().contains(&receipt));
    site.finish().await;
}

#[tokio::test]
async fn an_integrator_sends_for_many_from_one_address_but_guessing_keys_costs_turns() {
    let site = Site::start_with(&[
        ("DRAWBRIDGE_IP_RATE", "60/min burst 4"),
        ("DRAWBRIDGE_PERSON_RATE", "60/min burst 2"),
    ])
    .await;
    let partner = site.integrator("partner").await;
    for number in 0..20 {
        site.send("open", &partner, &key(number), &person(&format!("p{number}"))).await.receipt();
    }
    // The first of them was a turn, before anybody knew the key.
    for _ in 0..3 {
        let unknown = format!("Bearer {}", ApiKey::new(&site.app.ambient).reveal());
        refused_unknown(&site.send("open", &unknown, KEY, &person("eve")).await);
    }
    for wrong in [format!("Bearer {}", ApiKey::new(&site.app.ambient).reveal()), "Bearer x".to_owned()] {
        let limited = site.send("open", &wrong, KEY, &person("eve")).await;
        assert_eq!(limited.problem(), "rate-limited");
        assert!(limited.headers.contains_key("retry-after"));
    }
    // The integrator goes on, also when its key has to be looked at again; each of its people has turns.
    site.clock.advance(BELIEVED_MS);
    for _ in 0..4 {
        site.send("open", "Bearer x", KEY, &person("eve")).await;
    }
    assert_eq!(
        site.register("open", &site.token("open").await, &person("eve")).await.problem(),
        "rate-limited"
    );
    let codes: Vec<u16> = [
        site.send("open", &partner, &key(100), &person("eve")).await,
        site.send("open", &partner, &key(101), &person("eve")).await,
        site.send("open", &partner, &key(102), &person("eve")).await,
    ]
    .iter()
    .map(|answer| answer.status.as_u16())
    .collect();
    assert_eq!(codes, [201, 409, 429]);
    site.finish().await;
}

#[tokio::test]
async fn before_opening_and_after_closing_an_integrator_is_told_as_anybody() {
    let site = Site::start().await;
    let partner = site.integrator("partner").await;
    let early = site.send("later", &partner, KEY, &sequenced(person("ada"), 1)).await;
    assert_eq!(
        (early.problem().as_str(), &early.headers["retry-after"]),
        ("draw-not-open", &"3600".parse().expect("a value"))
    );
    assert_eq!(site.app.ambient.now(), NOW);
    site.clock.advance(HOUR);
    site.send("later", &partner, KEY, &sequenced(person("ada"), 1)).await.receipt();
    site.app.store.change_state("later", Action::Close, &Actor::CommandLine).await.expect("closes");
    let late = site.send("later", &partner, &key(2), &sequenced(person("bob"), 2)).await;
    assert_eq!(late.problem(), "draw-closed");
    site.finish().await;
}

#[test]
fn the_command_line_prints_a_key_once_and_revokes_it() {
    let place = Place::new();
    let added = place.run(&["apikey", "add", "partner"]);
    assert!(added.status.success(), "{added:?}");
    let key = text(&added.stdout);
    assert!(ApiKey::parse(key.trim_end()).is_some() && key.lines().count() == 1, "{key:?}");
    assert!(text(&added.stderr).contains("not shown again"), "{added:?}");
    let again = place.run(&["apikey", "add", "partner"]);
    assert!(!again.status.success() && text(&again.stderr).contains("Revoke"), "{again:?}");
    assert_eq!(text(&again.stdout), "");
    assert_eq!(
        text(&place.run(&["apikey", "revoke", "partner"]).stdout),
        "partner: revoked; every server knows within 5 seconds\n"
    );
    assert_eq!(text(&place.run(&["apikey", "revoke", "partner"]).stdout), "partner: revoked already\n");
    let renewed = place.run(&["apikey", "add", "partner"]);
    assert!(renewed.status.success() && text(&renewed.stdout) != key, "{renewed:?}");
    let unknown = place.run(&["apikey", "revoke", "nobody"]);
    assert!(!unknown.status.success() && text(&unknown.stderr).contains("nobody"), "{unknown:?}");
    for wrong in ["", "two words", "caf\u{e9}", &"n".repeat(65)] {
        let refused = place.run(&["apikey", "add", wrong]);
        assert!(!refused.status.success() && refused.stdout.is_empty(), "{refused:?}");
        assert_eq!(text(&refused.stderr).lines().count(), 1, "{refused:?}");
    }
    for file in std::fs::read_dir(place.path("")).expect("a folder") {
        let path = file.expect("an entry").path();
        let bytes = if path.is_file() { std::fs::read(&path).expect("reads") } else { continue };
        let secret = key.trim_end().as_bytes();
        assert!(!bytes.windows(secret.len()).any(|window| window == secret), "stored hashed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_api_keys_nor_keys_nor_sequences_reach_the_log() {
    let place = Place::new();
    let api_key = text(&place.run(&["apikey", "add", "partner"]).stdout).trim_end().to_owned();
    let log = place.path("log");
    let mut command = place.command(&["serve"]);
    command.env("DRAWBRIDGE_LOG", "trace").stderr(std::fs::File::create(&log).expect("a file"));
    let server = Server::start(command);
    let url = format!("{}/api/v1/draws/open/entries", server.url);
    let unknown = ApiKey::new(&server::ambient::Ambient::system()).reveal();
    let sequence = "sequence-to-be-kept-quiet";
    for (api_key, expected) in [(&api_key, 201), (&unknown, 401), (&api_key, 201)] {
        let request = reqwest::Client::new().post(&url).bearer_auth(api_key).header("idempotency-key", KEY);
        let answer = request.json(&sequenced(person("ada"), sequence)).send().await.expect("answers");
        assert_eq!(answer.status().as_u16(), expected);
    }
    server.terminate();
    assert!(server.ended_well());
    let lines = std::fs::read_to_string(log).expect("reads");
    assert_eq!(lines.lines().filter(|line| line.contains("token_invalid")).count(), 1, "{lines}");
    for secret in [api_key.as_str(), &unknown, KEY, sequence, "ada@example.org"] {
        assert!(!lines.contains(secret), "{secret}");
    }
    place.reconcile();
}
