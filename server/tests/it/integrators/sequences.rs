//! The number an entry has in the books of its source: sent again, it replays; with anything else, it is refused.

use std::sync::Arc;

use serde_json::json;
use server::store::draws::Actor;

use super::{HOUR, KEY, key, sequenced};
use crate::site::{Site, person, with};

#[tokio::test]
async fn a_sequence_sent_again_replays_and_with_anything_else_is_refused_in_both_modes() {
    let site = Site::start().await;
    let partner = site.integrator("partner").await;
    for draw in ["open", "strict"] {
        let first = site.send(draw, &partner, &key(1), &sequenced(person("ada"), 7)).await;
        first.receipt();
        let amnesiac = site.another().await;
        for (at, server) in [(0, &site), (10, &amnesiac)] {
            for (number, sequence) in [(2, json!(7)), (3, json!("7")), (2, json!(7))] {
                let form = sequenced(person("ada"), sequence);
                let again = server.send(draw, &partner, &key(number + at), &form).await;
                assert_eq!((again.status.as_u16(), &again.body), (201, &first.body), "{number}");
                assert!(again.replayed());
            }
            let changed = with(person("ada"), &[("full_name", json!("Ada L."))]);
            for (number, form) in [
                (at + 4, changed.clone()),
                (at + 5, person("bob")),
                (at + 6, with(person("ada"), &[("email", json!("nobody"))])),
                (at + 7, json!({})),
                // Under the very key of the entry as well.
                (1, changed),
            ] {
                let answer = server.send(draw, &partner, &key(number), &sequenced(form, 7)).await;
                assert_eq!(answer.problem(), "idempotency-key-reused", "{number}");
                assert!(!answer.text().contains(&first.receipt()), "nothing of the entry is told");
            }
        }
        // What lost to a sequence has used up neither its person nor its key.
        site.send(draw, &partner, &key(5), &sequenced(person("bob"), 8)).await.receipt();
        assert_eq!(site.taken(draw).await, 2);
    }
    site.finish().await;
}

#[tokio::test]
async fn the_keys_entry_decides_before_the_sequences() {
    let site = Site::start().await;
    let partner = site.integrator("partner").await;
    let ada = site.send("open", &partner, &key(1), &sequenced(person("ada"), 1)).await;
    let bob = site.send("open", &partner, &key(2), &sequenced(person("bob"), 2)).await;
    let amnesiac = site.another().await;
    for server in [&site, &amnesiac] {
        let by_key = server.send("open", &partner, &key(1), &sequenced(person("ada"), 2)).await;
        assert_eq!(by_key.body, ada.body, "Ada's key, Bob's number");
        let other = server.send("open", &partner, &key(1), &sequenced(person("bob"), 2)).await;
        assert_eq!(other.problem(), "idempotency-key-reused", "Ada's key, all else Bob's");
        let by_sequence = server.send("open", &partner, &key(3), &sequenced(person("bob"), 2)).await;
        assert_eq!(by_sequence.body, bob.body);
    }
    site.finish().await;
}

#[tokio::test]
async fn nothing_refuses_a_sequence_that_is_known() {
    let site =
        Site::start_with(&[("DRAWBRIDGE_IP_RATE", "off"), ("DRAWBRIDGE_PERSON_RATE", "60/min burst 2")])
            .await;
    let partner = site.integrator("partner").await;
    let first = site.send("full-house", &partner, &key(1), &sequenced(person("ada"), 1)).await;
    site.send("full-house", &partner, &key(2), &sequenced(person("bob"), 2)).await.receipt();
    let resend = async |server: &Site, number: usize| {
        let again = server.send("full-house", &partner, &key(number), &sequenced(person("ada"), 1)).await;
        assert_eq!((again.status.as_u16(), &again.body), (201, &first.body), "{number}");
    };
    assert_eq!(site.send("full-house", &partner, &key(3), &person("eve")).await.problem(), "draw-full");
    for number in 10..20 {
        resend(&site, number).await; // full, and more often than the person may try anew
    }
    let draw = site.app.store.draw("full-house").await.expect("reads").expect("is there");
    let mut spec = draw.spec.clone();
    spec.rules.phone = shared::Asked::Required;
    site.app.store.apply_draw(&spec, draw.state, &Actor::CommandLine).await.expect("applies");
    resend(&site, 20).await; // invalid by the rules of now
    resend(&site.another().await, 21).await;
    site.clock.advance(7 * 24 * HOUR);
    resend(&site, 22).await; // closed
    resend(&site.another().await, 23).await;
    assert_eq!(site.taken("full-house").await, 2);
    site.finish().await;
}

#[tokio::test]
async fn a_sequence_outlives_a_withdrawal() {
    let site = Site::start().await;
    let partner = site.integrator("partner").await;
    let first = site.send("open", &partner, &key(1), &sequenced(person("ada"), 1)).await;
    assert_eq!(site.delete(&format!("/api/v1/receipts/{}", first.receipt())).await.status, 204);
    let amnesiac = site.another().await;
    for server in [&site, &amnesiac] {
        for number in [1, 2] {
            let late = server.send("open", &partner, &key(number), &sequenced(person("ada"), 1)).await;
            assert_eq!((late.status.as_u16(), &late.body), (201, &first.body), "its acknowledgement, again");
        }
    }
    assert_eq!(site.taken("open").await, 0, "and nothing was made of it");
    let anew = site.send("open", &partner, &key(3), &sequenced(person("ada"), 2)).await;
    assert_ne!(anew.receipt(), first.receipt());
    let late = site.send("open", &partner, &key(4), &sequenced(person("ada"), 1)).await;
    assert_eq!(late.body, first.body, "the old number names the old entry");
    site.finish().await;
}

#[tokio::test]
async fn a_sequence_needs_an_api_key_and_the_right_shape() {
    let site = Site::start().await;
    let token = site.token("open").await;
    for sequence in [json!(1), json!(null)] {
        let answer = site.register("open", &token, &sequenced(person("ada"), sequence)).await;
        assert_eq!(answer.problem(), "malformed-body");
        assert!(answer.text().contains("sequence"), "{}", answer.text());
    }
    let partner = site.integrator("partner").await;
    for wrong in [json!(""), json!("a b"), json!(-1), json!(1.5), json!(1_u64 << 53), json!([1]), json!(true)]
    {
        let answer = site.send("open", &partner, KEY, &sequenced(person("ada"), wrong.clone())).await;
        assert_eq!(answer.problem(), "malformed-body", "{wrong}");
    }
    let unknown = with(person("ada"), &[("sequences", json!(1))]);
    assert_eq!(site.send("open", &partner, KEY, &unknown).await.problem(), "malformed-body");
    let none = site.send("open", &partner, KEY, &sequenced(person("ada"), json!(null))).await;
    none.receipt();
    let most = sequenced(person("bob"), (1_u64 << 53) - 1);
    site.send("open", &partner, &key(2), &most).await.receipt();
    site.register("open", &token, &person("eve")).await.receipt();
    site.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_that_send_one_sequence_at_once_get_one_entry() {
    let site = Site::start().await;
    let servers = [Arc::new(site.another().await), Arc::new(site.another().await)];
    let partner = site.integrator("partner").await;
    for draw in ["open", "strict"] {
        let mut burst = tokio::task::JoinSet::new();
        for number in 0..100 {
            let (server, partner) = (Arc::clone(&servers[number % 2]), partner.clone());
            burst.spawn(async move {
                server.send(draw, &partner, &key(number), &sequenced(person("ada"), "same")).await
            });
        }
        let answers = burst.join_all().await;
        let receipt = answers[0].receipt();
        assert!(answers.iter().all(|answer| answer.receipt() == receipt));
        assert_eq!(answers.iter().filter(|answer| answer.replayed()).count(), 99);
        assert_eq!(site.taken(draw).await, 1);
    }
    drop(servers);
    site.finish().await;
}
