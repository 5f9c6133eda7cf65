//! Nothing refuses a known retry: after closing, after filling up, after the token's age, whatever this
//! process has forgotten.

use serde_json::json;
use server::store::draws::{Actor, Applied};
use shared::Action;

use crate::site::{Site, person, with};

const HOUR: i64 = 3_600_000;

#[tokio::test]
async fn a_retry_after_closing_gets_its_receipt() {
    let site = Site::start().await;
    let token = site.token("open").await;
    let first = site.register("open", &token, &person("ada")).await;
    let unused = site.token("open").await;
    site.clock.advance(6 * 24 * HOUR);
    for _ in 0..2 {
        let retry = site.register("open", &token, &person("ada")).await;
        assert_eq!((retry.status.as_u16(), &retry.body), (201, &first.body));
    }
    let late = site.register("open", &site.token("open").await, &person("bob")).await;
    assert_eq!(late.problem(), "draw-closed");
    let stale = site.register("open", &unused, &person("bob")).await;
    assert_eq!(stale.problem(), "token-expired");
    site.finish().await;
}

#[tokio::test]
async fn a_retry_after_the_tokens_24_hours_gets_its_receipt_with_and_without_memory() {
    let site = Site::start().await;
    let token = site.token("open").await;
    let first = site.register("open", &token, &person("ada")).await;
    site.clock.advance(25 * HOUR);
    assert_eq!(site.register("open", &token, &person("ada")).await.body, first.body);
    // Another server of the same database knows nothing but what is committed.
    let amnesiac = site.another().await;
    let claimed = amnesiac.register("open", &token, &person("ada")).await;
    assert_eq!(claimed.body, first.body);
    assert!(claimed.replayed());
    site.finish().await;
}

#[tokio::test]
async fn a_token_is_not_refused_for_its_age_while_what_came_in_time_may_be_on_its_way() {
    let site = Site::start().await;
    let (used, unused) = (site.token("open").await, site.token("open").await);
    let first = site.register("open", &used, &person("ada")).await;
    site.clock.advance(24 * HOUR);
    let amnesiac = site.another().await;
    let early = amnesiac.register("open", &unused, &person("bob")).await;
    assert_eq!(early.problem(), "in-progress", "nobody can say yet");
    assert!(early.headers.contains_key("retry-after"));
    assert_eq!(amnesiac.register("open", &used, &person("ada")).await.body, first.body);
    site.clock.advance(shared::limits::TOKEN_SETTLES_MS);
    assert_eq!(amnesiac.register("open", &unused, &person("bob")).await.problem(), "token-expired");
    assert_eq!(site.taken("open").await, 1);
    site.finish().await;
}

#[tokio::test]
async fn a_retry_after_the_draw_filled_up_gets_its_receipt() {
    let site = Site::start().await;
    let (first_token, second_token) = (site.token("full-house").await, site.token("full-house").await);
    let first = site.register("full-house", &first_token, &person("ada")).await;
    let second = site.register("full-house", &second_token, &person("bob")).await;
    let third = site.register("full-house", &site.token("full-house").await, &person("eve")).await;
    assert_eq!(third.problem(), "draw-full");
    let amnesiac = site.another().await;
    for server in [&site, &amnesiac] {
        assert_eq!(server.register("full-house", &first_token, &person("ada")).await.body, first.body);
        assert_eq!(server.register("full-house", &second_token, &person("bob")).await.body, second.body);
    }
    assert_eq!(site.taken("full-house").await, 2);
    site.finish().await;
}

#[tokio::test]
async fn a_retry_that_later_rules_would_refuse_gets_its_receipt() {
    let site = Site::start().await;
    let token = site.token("open").await;
    let first = site.register("open", &token, &person("ada")).await;
    let draw = site.app.store.draw("open").await.expect("reads").expect("is there");
    let mut spec = draw.spec.clone();
    spec.rules.phone = shared::Asked::Required;
    site.app.store.apply_draw(&spec, draw.state, &Actor::CommandLine).await.expect("applies");
    let amnesiac = site.another().await;
    for server in [&site, &amnesiac] {
        let retry = server.register("open", &token, &person("ada")).await;
        assert_eq!(retry.body, first.body);
    }
    let fresh = amnesiac.register("open", &site.token("open").await, &person("bob")).await;
    assert_eq!(fresh.problem(), "validation-failed");
    let complete = with(person("bob"), &[("phone", json!("+441632960961"))]);
    amnesiac.register("open", &site.token("open").await, &complete).await.receipt();
    site.finish().await;
}

#[tokio::test]
async fn an_edit_of_the_party_does_not_make_another_attempt_of_it() {
    let site = Site::start().await;
    let edit = async |max_party: u32, min_party: u32| {
        let draw = site.app.store.draw("strict").await.expect("reads").expect("is there");
        let mut spec = draw.spec.clone();
        let category = shared::Category {
            id: "general".to_owned(),
            label: "General".to_owned(),
            min_party,
            max_party,
            member_id: None,
        };
        spec.rules.categories = vec![category];
        site.app.store.apply_draw(&spec, draw.state, &Actor::CommandLine).await.expect("applies")
    };
    edit(1, 1).await;
    let form = with(person("ada"), &[("category", json!("general"))]);
    let token = site.token("strict").await;
    let first = site.register("strict", &token, &form).await;
    let receipt = first.receipt();
    assert!(matches!(edit(4, 2).await, Applied::Refused(why) if why.contains("min_party")));
    for max_party in [4, 2] {
        assert!(matches!(edit(max_party, 1).await, Applied::Changed(_)));
        let retry = site.another().await.register("strict", &token, &form).await;
        assert_eq!((retry.receipt(), &retry.body), (receipt.clone(), &first.body), "at most {max_party}");
    }
    site.finish().await;
}

#[tokio::test]
async fn nobody_is_refused_by_rules_that_were_edited_away() {
    let site = Site::start().await;
    let organisers = site.another().await;
    let strict_about_age = with(person("ada"), &[("date_of_birth", json!("2015-01-01"))]);
    let answer = site.register("open", &site.token("open").await, &strict_about_age).await;
    assert_eq!(answer.problem(), "validation-failed", "a guardian is needed");
    let token = site.token("open").await;
    // Another server's organiser moves the closing date. This server still holds the draw as it read it a moment ago.
    let draw = organisers.app.store.draw("open").await.expect("reads").expect("is there");
    let mut spec = draw.spec.clone();
    spec.closes_at += 20 * 365 * 24 * HOUR;
    organisers.app.store.apply_draw(&spec, draw.state, &Actor::CommandLine).await.expect("applies");
    let answer = site.register("open", &token, &strict_about_age).await;
    assert_eq!(answer.status, 201, "an adult by the new closing date: {}", answer.text());
    site.finish().await;
}

#[tokio::test]
async fn a_draw_that_is_over_cannot_be_reopened() {
    let site = Site::start().await;
    let receipt = site.register("open", &site.token("open").await, &person("ada")).await.receipt();
    let draw = site.app.store.draw("open").await.expect("reads").expect("is there");
    site.clock.advance(6 * 24 * HOUR);
    let late = site.delete(&format!("/api/v1/receipts/{receipt}")).await;
    assert_eq!(late.problem(), "draw-closed");
    let stored = site.app.store.draw("open").await.expect("reads").expect("is there");
    assert_eq!(stored.state, shared::DrawState::Closed, "what was answered is committed");
    for slug in ["open", "strict"] {
        let draw = site.app.store.draw(slug).await.expect("reads").expect("is there");
        let mut longer = draw.spec.clone();
        longer.closes_at += 30 * 24 * HOUR;
        let applied =
            site.app.store.apply_draw(&longer, draw.state, &Actor::CommandLine).await.expect("answers");
        assert!(matches!(applied, Applied::Refused(_)), "{slug}: {applied:?}");
    }
    assert_eq!(draw.id, stored.id);
    site.finish().await;
}

#[tokio::test]
async fn a_retry_after_withdrawing_and_closing_gets_its_receipt_and_creates_nothing() {
    let site = Site::start().await;
    let token = site.token("open").await;
    let first = site.register("open", &token, &person("ada")).await;
    site.delete(&format!("/api/v1/receipts/{}", first.receipt())).await;
    site.app.store.change_state("open", Action::Close, &Actor::CommandLine).await.expect("closes");
    let amnesiac = site.another().await;
    for server in [&site, &amnesiac] {
        assert_eq!(server.register("open", &token, &person("ada")).await.body, first.body);
    }
    assert_eq!(site.taken("open").await, 0);
    site.finish().await;
}

#[tokio::test]
async fn a_reload_that_was_acknowledged_stays_so_under_its_own_token() {
    let site = Site::start().await;
    let cookie = site.cookie("open").await;
    let first = site.register_from("open", &site.token("open").await, &person("ada"), Some(&cookie)).await;
    let fresh = site.token("open").await;
    let reloaded = site.register_from("open", &fresh, &person("ada"), Some(&cookie)).await;
    assert_eq!(reloaded.body, first.body);

    let amnesiac = site.another().await;
    let other = amnesiac.register("open", &fresh, &person("bob")).await;
    assert_eq!(other.problem(), "idempotency-key-reused", "the token led to a receipt already");
    site.clock.advance(25 * HOUR);
    let amnesiac = site.another().await;
    let retry = amnesiac.register("open", &fresh, &person("ada")).await;
    assert_eq!((retry.status.as_u16(), &retry.body), (201, &first.body), "too old, and without its cookie");
    site.finish().await;
}

#[tokio::test]
async fn a_late_retry_of_a_reload_creates_nothing_after_a_withdrawal() {
    let site = Site::start().await;
    let cookie = site.cookie("open").await;
    let unused = site.token("open").await;
    let first = site.register_from("open", &site.token("open").await, &person("ada"), Some(&cookie)).await;
    let fresh = site.token("open").await;
    site.register_from("open", &fresh, &person("ada"), Some(&cookie)).await.receipt();
    site.delete(&format!("/api/v1/receipts/{}", first.receipt())).await;
    let amnesiac = site.another().await;
    for server in [&site, &amnesiac] {
        let retry = server.register_from("open", &fresh, &person("ada"), Some(&cookie)).await;
        assert_eq!(retry.body, first.body);
    }
    assert_eq!(site.taken("open").await, 0, "nothing was created");
    let anew = amnesiac.register_from("open", &unused, &person("ada"), Some(&cookie)).await;
    assert_ne!(anew.receipt(), first.receipt(), "the person may register anew");
    site.finish().await;
}

#[tokio::test]
async fn a_reload_after_closing_is_acknowledged_for_good() {
    let site = Site::start().await;
    let cookie = site.cookie("open").await;
    let first = site.register_from("open", &site.token("open").await, &person("ada"), Some(&cookie)).await;
    site.app.store.change_state("open", Action::Close, &Actor::CommandLine).await.expect("closes");
    let fresh = site.token("open").await;
    let reloaded = site.another().await.register_from("open", &fresh, &person("ada"), Some(&cookie)).await;
    assert_eq!(reloaded.body, first.body);
    site.clock.advance(25 * HOUR);
    assert_eq!(site.another().await.register("open", &fresh, &person("ada")).await.body, first.body);
    assert_eq!(site.taken("open").await, 1);
    site.finish().await;
}
