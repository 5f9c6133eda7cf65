//! A crowd presses the button at once, over HTTP, against the binary that ships.

use std::collections::HashSet;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::process::{Client, Place, Reply};
use crate::site::{person, with};

/// Sends all at once and gathers the answers.
async fn crowd(client: &Client, draw: &'static str, presses: Vec<(String, Value)>) -> Vec<Reply> {
    let mut tasks = JoinSet::new();
    for (token, form) in presses {
        let client = client.clone();
        tasks.spawn(async move { client.register(draw, &token, &form).await.expect("answers") });
    }
    tasks.join_all().await
}

async fn tokens(client: &Client, draw: &str, count: usize) -> Vec<String> {
    let mut tokens = Vec::with_capacity(count);
    for _ in 0..count {
        tokens.push(client.token(draw).await.expect("a token"));
    }
    tokens
}

fn unlimited() -> Place {
    Place::new().with("DRAWBRIDGE_IP_RATE", "off").with("DRAWBRIDGE_PERSON_RATE", "off")
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_identical_submissions_make_one_entry_and_get_the_same_bytes() {
    // With the limits as they are by default: 500 at once behind one address are welcome.
    let place = Place::new();
    let server = place.serve();
    let client = Client::new(&server);
    let token = client.token("open").await.expect("a token");
    let presses = vec![(token, person("ada")); 500];
    let replies = crowd(&client, "open", presses).await;
    let bodies: HashSet<&str> = replies.iter().map(|reply| reply.body.as_str()).collect();
    assert!(replies.iter().all(|reply| reply.status == 201), "{bodies:?}");
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    assert_eq!(
        replies.iter().filter(|reply| !reply.replayed).count(),
        1,
        "one made it, the others are retries"
    );
    assert_eq!(place.receipts("open"), [replies[0].receipt()]);
    place.reconcile();
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_submissions_of_one_person_under_as_many_tokens_make_one_entry() {
    let place = unlimited();
    let server = place.serve();
    let client = Client::new(&server);
    let presses =
        tokens(&client, "open", 500).await.into_iter().map(|token| (token, person("ada"))).collect();
    let replies = crowd(&client, "open", presses).await;
    let (made, refused): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status == 201);
    assert_eq!(made.len(), 1);
    assert!(refused.iter().all(|reply| reply.code() == "already-registered"), "{refused:?}");
    assert_eq!(place.receipts("open"), [made[0].receipt()]);
    place.reconcile();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_gets_in_each_once_and_each_retry_gets_its_receipt() {
    let place = unlimited();
    let server = place.serve();
    let client = Client::new(&server);
    let presses: Vec<(String, Value)> = tokens(&client, "open", 400)
        .await
        .into_iter()
        .enumerate()
        .map(|(number, token)| (token, person(&format!("p{number}"))))
        .collect();
    // Everybody presses three times at once.
    let tripled: Vec<_> = presses.iter().cycle().take(presses.len() * 3).cloned().collect();
    let replies = crowd(&client, "open", tripled).await;
    assert!(replies.iter().all(|reply| reply.status == 201));
    let receipts: HashSet<String> = replies.iter().map(Reply::receipt).collect();
    assert_eq!(receipts.len(), 400);
    assert_eq!(place.receipts("open").into_iter().collect::<HashSet<_>>(), receipts);
    place.reconcile();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_capped_draw_takes_exactly_its_capacity() {
    let place = unlimited();
    place.apply(&[("capped", "capacity = 37")]);
    let server = place.serve();
    let client = Client::new(&server);
    let presses: Vec<(String, Value)> = tokens(&client, "capped", 200)
        .await
        .into_iter()
        .enumerate()
        .map(|(number, token)| (token, person(&format!("p{number}"))))
        .collect();
    let replies = crowd(&client, "capped", presses).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 201).count(), 37);
    assert_eq!(replies.iter().filter(|reply| reply.code() == "draw-full").count(), 163);
    assert_eq!(place.receipts("capped").len(), 37);
    place.reconcile();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_share_a_phone_the_one_who_loses_nothing_else_wins() {
    const RULES: &str = "one_per_phone = true\ncategories = [{ id = \"g\", label = \"G\" }, { id = \"m\", label = \"M\", member_id = \"M#\" }]";
    let place = unlimited();
    place.apply(&[("clubs", RULES)]);
    let server = place.serve();
    let client = Client::new(&server);
    let form = |name: &str, phone: &str, member: Option<&str>| {
        let category = if member.is_some() { "m" } else { "g" };
        with(
            person(name),
            &[("phone", json!(phone)), ("category", json!(category)), ("member_id", json!(member))],
        )
    };
    for round in 0..20 {
        let member = format!("M{}", round % 10);
        if round < 10 {
            let holder = form(&format!("holder{round}"), &format!("+44163296{round:04}"), Some(&member));
            let token = client.token("clubs").await.expect("a token");
            assert_eq!(client.register("clubs", &token, &holder).await.expect("answers").status, 201);
        }
        let phone = format!("+44163297{round:04}");
        let loser = form(&format!("loser{round}"), &phone, Some(&member));
        let winner = form(&format!("winner{round}"), &phone, None);
        let pair = tokens(&client, "clubs", 2).await;
        let (first, second) = tokio::join!(
            client.register("clubs", &pair[0], &loser),
            client.register("clubs", &pair[1], &winner)
        );
        assert_eq!(first.expect("answers").code(), "already-registered", "round {round}");
        assert_eq!(second.expect("answers").status, 201, "round {round}");
    }
    place.reconcile();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_acknowledged_before_closing_is_in_the_frozen_list_and_nothing_after() {
    let place = unlimited();
    let server = place.serve();
    let client = Client::new(&server);
    let presses: Vec<(String, Value)> = tokens(&client, "open", 300)
        .await
        .into_iter()
        .enumerate()
        .map(|(number, token)| (token, person(&format!("p{number}"))))
        .collect();
    let crowd = tokio::spawn({
        let client = client.clone();
        async move { crowd(&client, "open", presses).await }
    });
    // Closes from another process while the crowd presses.
    assert!(place.run(&["draw", "close", "open"]).status.success());
    let frozen: HashSet<String> = place.receipts("open").into_iter().collect();
    let replies = crowd.await.expect("ran");
    let acknowledged: HashSet<String> =
        replies.iter().filter(|reply| reply.status == 201).map(Reply::receipt).collect();
    assert!(replies.iter().all(|reply| reply.status == 201 || reply.code() == "draw-closed"));
    assert_eq!(acknowledged, frozen);
    place.reconcile();
}
