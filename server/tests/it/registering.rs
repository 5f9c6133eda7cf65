//! Registering, retrying, clashing, withdrawing: the decisions of the specification's section 3.

use serde_json::json;

use crate::site::{NOW, Site, ada, person, with};

#[tokio::test]
async fn a_registration_gets_a_receipt_and_a_retry_gets_the_same_bytes() {
    let site = Site::start().await;
    let token = site.token("summer-ballot").await;
    let first = site.register("summer-ballot", &token, &ada()).await;
    assert_eq!(first.status, 201, "{}", first.text());
    assert!(!first.replayed());
    let body = first.json();
    assert_eq!(body["draw"], "summer-ballot");
    assert_eq!(body["state"], "registered");
    assert_eq!(body["registered_at"], "2026-06-03T10:00:00.000Z");
    for key in [token.clone(), format!("\"{token}\"")] {
        let retry = site.register("summer-ballot", &key, &ada()).await;
        assert_eq!((retry.status, &retry.body), (first.status, &first.body));
        assert!(retry.replayed());
    }
    assert_eq!(site.taken("summer-ballot").await, 1);
    site.finish().await;
}

#[tokio::test]
async fn another_writing_of_the_same_payload_is_the_same_attempt() {
    let site = Site::start().await;
    let token = site.token("strict").await;
    let form = json!({ "full_name": "Zoe\u{301}", "email": "z.o.e+x@googlemail.com", "phone": "+441632960961",
        "accept_terms": true });
    let first = site.register("strict", &token, &form).await.receipt();
    let again = json!({ "accept_terms": true, "phone": "+44 (1632) 960-961", "email": " zoe@GMAIL.com ",
        "full_name": " Zo\u{e9} ", "postcode": null });
    let retry = site.register("strict", &token, &again).await;
    assert_eq!(retry.receipt(), first);
    assert!(retry.replayed());
    site.finish().await;
}

#[tokio::test]
async fn a_key_used_again_for_something_else_depends_on_the_mode() {
    let site = Site::start().await;
    for (draw, expected) in [("open", 201), ("strict", 409)] {
        let token = site.token(draw).await;
        let first = site.register(draw, &token, &person("ada")).await;
        let other = with(person("ada"), &[("full_name", json!("Ada L."))]);
        let second = site.register(draw, &token, &other).await;
        assert_eq!(second.status, expected);
        match expected {
            201 => assert_eq!(second.body, first.body, "the first request stands"),
            _ => assert_eq!(second.problem(), "idempotency-key-reused"),
        }
        let invalid = with(person("ada"), &[("full_name", json!(""))]);
        let third = site.register(draw, &token, &invalid).await;
        assert_eq!(third.status, expected, "an invalid form under a known key");
    }
    site.finish().await;
}

#[tokio::test]
async fn a_second_person_under_a_known_key_is_told_in_both_modes() {
    let site = Site::start().await;
    for draw in ["open", "strict"] {
        let token = site.token(draw).await;
        site.register(draw, &token, &person("ada")).await.receipt();
        for form in [person("bob"), json!({}), json!({ "email": "nobody" })] {
            let answer = site.register(draw, &token, &form).await;
            assert_eq!(answer.problem(), "idempotency-key-reused", "{form}");
            assert!(!answer.text().contains("receipt\":"), "nothing of the entry is told");
        }
        assert_eq!(site.taken(draw).await, 1);
    }
    site.finish().await;
}

#[tokio::test]
async fn a_known_person_under_another_key_is_told_nothing_unless_the_browser_proves_itself() {
    let site = Site::start().await;
    let cookie = site.cookie("open").await;
    let token = site.token("open").await;
    let first = site.register_from("open", &token, &person("ada"), Some(&cookie)).await;
    let receipt = first.receipt();

    let stranger = site.register("open", &site.token("open").await, &person("ada")).await;
    assert_eq!(stranger.problem(), "already-registered");
    assert!(!stranger.text().contains(&receipt));
    let other_cookie = site.cookie("open").await;
    let other =
        site.register_from("open", &site.token("open").await, &person("ada"), Some(&other_cookie)).await;
    assert_eq!(other.problem(), "already-registered");
    // The first character of its value: all its bits count, unlike those of the last.
    let (name, value) = cookie.split_once('=').expect("a pair");
    let other = if value.starts_with('A') { 'B' } else { 'A' };
    let forged = format!("{name}={other}{}", &value[1..]);
    let forger = site.register_from("open", &site.token("open").await, &person("ada"), Some(&forged)).await;
    assert_eq!(forger.problem(), "already-registered");
    let changed = with(person("ada"), &[("full_name", json!("Ada L."))]);
    let changed = site.register_from("open", &site.token("open").await, &changed, Some(&cookie)).await;
    assert_eq!(changed.problem(), "already-registered", "another payload is no reload");

    let reloaded = site.register_from("open", &site.token("open").await, &person("ada"), Some(&cookie)).await;
    assert_eq!(reloaded.body, first.body);
    assert!(reloaded.replayed());
    site.finish().await;
}

#[tokio::test]
async fn a_clash_on_another_claim_names_the_field_and_never_the_holder() {
    let site = Site::start().await;
    let member = |form, id: &str| with(form, &[("category", json!("member")), ("member_id", json!(id))]);
    let first =
        site.register("summer-ballot", &site.token("summer-ballot").await, &member(ada(), "M000001")).await;
    first.receipt();
    let bob = with(ada(), &[("email", json!("bob@example.org")), ("full_name", json!("Bob"))]);
    let answer =
        site.register("summer-ballot", &site.token("summer-ballot").await, &member(bob, "m000001")).await;
    assert_eq!(answer.problem(), "already-registered");
    let errors = answer.json()["errors"].clone();
    let fields: Vec<_> =
        errors.as_array().expect("errors").iter().map(|e| (&e["field"], &e["code"])).collect();
    assert_eq!(fields, [(&json!("phone"), &json!("taken")), (&json!("member_id"), &json!("taken"))]);
    assert!(!answer.text().contains("ada"), "{}", answer.text());
    site.finish().await;
}

#[tokio::test]
async fn a_failed_validation_burns_neither_token_nor_key() {
    let site = Site::start().await;
    let token = site.token("summer-ballot").await;
    let wrong =
        with(ada(), &[("email", json!("nobody")), ("party_size", json!(9)), ("accept_terms", json!(false))]);
    for _ in 0..3 {
        let answer = site.register("summer-ballot", &token, &wrong).await;
        assert_eq!(answer.problem(), "validation-failed");
        let errors = answer.json()["errors"].clone();
        let fields: Vec<_> = errors.as_array().expect("errors").iter().map(|e| e["field"].clone()).collect();
        assert_eq!(fields, ["email", "party_size", "accept_terms"]);
    }
    assert_eq!(site.taken("summer-ballot").await, 0);
    site.register("summer-ballot", &token, &ada()).await.receipt();
    site.finish().await;
}

#[tokio::test]
async fn a_receipt_is_found_by_its_code_only_and_masked() {
    let site = Site::start().await;
    let receipt = site.register("summer-ballot", &site.token("summer-ballot").await, &ada()).await.receipt();
    let shown = site.get(&format!("/api/v1/receipts/{receipt}")).await;
    assert_eq!(shown.status, 200);
    assert_eq!(shown.json()["state"], "registered");
    assert!(!shown.text().contains("Lovelace") && !shown.text().contains("ada@example.org"));
    assert_eq!(shown.headers["referrer-policy"], "no-referrer");
    assert_eq!(shown.headers["cache-control"], "no-store");
    let mut guess = receipt.into_bytes();
    guess[27] = if guess[27] == b'0' { b'1' } else { b'0' };
    let guess = String::from_utf8(guess).expect("ASCII");
    for code in [guess.as_str(), "short", "%F0%9F%92%A9"] {
        assert_eq!(site.get(&format!("/api/v1/receipts/{code}")).await.problem(), "receipt-not-found");
        assert_eq!(site.delete(&format!("/api/v1/receipts/{code}")).await.problem(), "receipt-not-found");
    }
    site.finish().await;
}

#[tokio::test]
async fn who_withdraws_may_register_anew_and_a_late_retry_creates_nothing() {
    let site = Site::start().await;
    let token = site.token("summer-ballot").await;
    let first = site.register("summer-ballot", &token, &ada()).await;
    let path = format!("/api/v1/receipts/{}", first.receipt());
    assert_eq!(site.delete(&path).await.status, 204);
    assert_eq!(site.delete(&path).await.status, 204, "withdrawn already");
    assert_eq!(site.get(&path).await.json()["state"], "withdrawn");
    let late = site.register("summer-ballot", &token, &ada()).await;
    assert_eq!((late.status.as_u16(), &late.body), (201, &first.body), "its acknowledgement, again");
    assert_eq!(site.taken("summer-ballot").await, 0);
    let second = site.register("summer-ballot", &site.token("summer-ballot").await, &ada()).await;
    assert_ne!(second.receipt(), first.receipt());
    site.app
        .store
        .change_state("summer-ballot", shared::Action::Close, &server::store::draws::Actor::CommandLine)
        .await
        .expect("closes");
    let late = site.delete(&format!("/api/v1/receipts/{}", second.receipt())).await;
    assert_eq!(late.problem(), "draw-closed");
    assert_eq!(site.delete(&path).await.status, 204, "it had withdrawn before");
    site.finish().await;
}

#[tokio::test]
async fn a_draw_shows_itself_as_it_is_now() {
    let site = Site::start().await;
    let list = site.get("/api/v1/draws").await.json();
    let slugs: Vec<_> = list.as_array().expect("a list").iter().map(|draw| draw["slug"].clone()).collect();
    assert_eq!(slugs[0], "later", "newest opening first");
    assert!(!slugs.contains(&json!("hidden")));
    let draw = site.get("/api/v1/draws/later").await.json();
    assert_eq!(
        (&draw["state"], &draw["server_time"]),
        (&json!("announced"), &json!("2026-06-03T10:00:00.000Z"))
    );
    assert_eq!(site.get("/api/v1/draws/open").await.json()["state"], "open");
    for missing in ["hidden", "nowhere"] {
        assert_eq!(site.get(&format!("/api/v1/draws/{missing}")).await.problem(), "draw-not-found");
        assert_eq!(site.get(&format!("/draws/{missing}")).await.status, 404);
    }
    let early = site.register("later", &site.token("later").await, &person("ada")).await;
    assert_eq!(early.problem(), "draw-not-open");
    assert_eq!(early.headers["retry-after"], "3600");
    site.clock.advance(3_600_000);
    assert_eq!(site.get("/api/v1/draws/later").await.json()["state"], "open");
    assert_eq!(site.app.ambient.now(), NOW + 3_600_000);
    site.finish().await;
}

#[tokio::test]
async fn each_address_has_its_allowance_and_each_person_too() {
    let site = Site::start_with(&[
        ("DRAWBRIDGE_IP_RATE", "60/min burst 8"),
        ("DRAWBRIDGE_PERSON_RATE", "60/min burst 2"),
    ])
    .await;
    let token = site.token("open").await;
    let first = site.register("open", &token, &person("ada")).await;
    first.receipt();
    let mut codes = Vec::new();
    for _ in 0..3 {
        let answer = site.register("open", &site.token("open").await, &person("ada")).await;
        codes.push(answer.problem());
    }
    assert_eq!(codes, ["already-registered", "rate-limited", "rate-limited"], "new attempts of one person");
    let retry = site.register("open", &token, &person("ada")).await;
    assert_eq!(retry.body, first.body, "a known retry is never a new attempt");
    for _ in 0..3 {
        site.register("open", &token, &person("ada")).await;
    }
    let limited = site.register("open", &token, &person("ada")).await;
    assert_eq!(limited.problem(), "rate-limited");
    assert_eq!(limited.headers["retry-after"], "1");
    site.clock.advance(1000);
    assert_eq!(site.register("open", &token, &person("ada")).await.body, first.body);
    site.finish().await;
}
