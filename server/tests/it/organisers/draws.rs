//! What organisers see of their draws, and do with them.

use axum::http::StatusCode;
use serde_json::json;

use super::{Browser, location};
use crate::site::{Site, ada, person, with};

#[tokio::test]
async fn a_draw_is_announced_closed_and_cancelled_once_and_written_down() {
    let site = Site::start().await;
    let browser = Browser::signed_in(&site).await;
    assert_eq!(site.get("/draws/hidden").await.status, StatusCode::NOT_FOUND);
    for (action, news, state) in [
        ("announce", "The draw is announced", "announced"),
        ("close", "Registration is closed", "closed"),
        ("cancel", "The draw is cancelled", "cancelled"),
    ] {
        let path = format!("/admin/draws/hidden/{action}");
        assert!(browser.page(&path).await.contains("confirm-change"));
        let to = browser.send(&path, &[]).await;
        assert!(browser.page(location(&to)).await.contains(news), "{news}");
        let again = browser.send(&path, &[]).await;
        assert!(location(&again).ends_with("-already"));
        assert!(location(&browser.get(&path).await).ends_with("-already"), "nothing to ask");
        let draw = site.app.store.draw("hidden").await.expect("reads").expect("is there");
        assert_eq!(draw.state.as_str(), state);
    }
    assert_eq!(
        site.get("/draws/hidden").await.status,
        StatusCode::OK,
        "its page tells that it was cancelled"
    );
    let refused = browser.send("/admin/draws/hidden/close", &[]).await;
    assert!(browser.page(location(&refused)).await.contains("not possible now"));
    let audit = browser.page("/admin/audit").await;
    for action in ["draw announced", "draw closed", "draw cancelled", "signed in"] {
        assert_eq!(audit.matches(&format!(">{action}<")).count(), 1, "{action}");
    }
    site.finish().await;
}

#[tokio::test]
async fn an_entry_is_seen_found_and_removed() {
    let site = Site::start().await;
    let browser = Browser::signed_in(&site).await;
    let token = site.token("summer-ballot").await;
    let code = site.register("summer-ballot", &token, &ada()).await.receipt();
    site.register("summer-ballot", &token, &ada()).await.receipt();
    server::telemetry::flush(&site.app).await;
    let entries = "/admin/draws/summer-ballot/entries";
    let list = browser.page(entries).await;
    assert!(list.contains("Ada Lovelace") && list.contains("1 entry takes part"));
    let href =
        list.split('"').find(|text| text.starts_with(&format!("{entries}/"))).expect("a link").to_owned();
    for (query, found) in [
        ("q=ada", true),
        ("q=ADA%20L", true),
        ("q=lovelace", false),
        ("q=%25", false),
        ("q=ADA%40example.org", true),
        ("q=ada%40example.com", false),
        (&*format!("q={}", code.to_uppercase()), true),
        ("category=general&session=sat-evening", true),
        ("category=family", false),
        ("state=withdrawn", false),
        ("sort=name", true),
        ("after=nonsense&sort=name", true),
        ("state=nonsense&sort=nonsense", true),
        ("q=%27%29%3B%20DROP%20TABLE%20entries%3B--", false),
        ("q=%3Cscript%3E", false),
    ] {
        let page = browser.page(&format!("{entries}?{query}")).await;
        assert_eq!(page.contains("Ada Lovelace"), found, "{query}");
        assert!(!page.contains("<script>"), "{query}");
    }
    let entry = browser.page(&href).await;
    for told in
        ["Ada Lovelace", "ada@example.org", "+441632960961", "Saturday evening", &code, "1, answered with"]
    {
        assert!(entry.contains(told), "{told}");
    }
    let remove = format!("{href}/remove");
    assert!(browser.page(&remove).await.contains("confirm-remove"));
    for (reason, told) in [("", "Enter a reason"), (&*"x".repeat(501), "At most 500 characters")] {
        let answer = browser.send(&remove, &[("reason", reason)]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.text().to_lowercase().contains(&told.to_lowercase()), "{told}");
    }
    let markup = format!("</textarea><b>bold</b>{}", "x".repeat(501));
    let answer = browser.send(&remove, &[("reason", &markup)]).await;
    assert!(!answer.text().contains("</textarea><b>"), "what was typed is a text");
    let removed = browser.send(&remove, &[("reason", "Registered <b>twice</b>")]).await;
    let page = browser.page(location(&removed)).await;
    assert!(page.contains("The entry is removed") && page.contains("Registered &lt;b&gt;twice"));
    assert!(!page.contains("Ada Lovelace") && !page.contains("ada@example.org"));
    assert!(location(&browser.send(&remove, &[("reason", "again")]).await).ends_with("?already"));
    assert!(browser.page("/admin/audit").await.contains("Registered &lt;b&gt;twice"));
    assert!(browser.page(&format!("{entries}?state=removed")).await.contains("Removed entry"));
    let receipt = site.get(&format!("/api/v1/receipts/{code}")).await.json();
    assert_eq!(receipt["state"], "removed");
    assert_eq!(site.taken("summer-ballot").await, 0);
    site.register("summer-ballot", &site.token("summer-ballot").await, &ada()).await.receipt();
    site.finish().await;
}

#[tokio::test]
async fn the_file_holds_a_header_a_line_an_entry_and_no_formula() {
    let site = Site::start().await;
    let browser = Browser::signed_in(&site).await;
    let path = "/admin/draws/open/entries.csv";
    let header = "receipt,entry_id,registered_at,full_name,email,phone,date_of_birth,country,postcode,category,session,party_size,guardian_name,member_id\n";
    assert_eq!(browser.page(path).await, header);
    let form =
        with(person("eve"), &[("full_name", json!("=HYPERLINK(\"x\")")), ("phone", json!("+441632960961"))]);
    let code = site.register("open", &site.token("open").await, &form).await.receipt();
    for at in 0..600 {
        site.register("open", &site.token("open").await, &person(&format!("p{at}"))).await.receipt();
    }
    let answer = browser.get(path).await;
    assert_eq!(answer.headers["content-type"], "text/csv; charset=utf-8; header=present");
    assert_eq!(answer.headers["content-disposition"], "attachment; filename=\"open-entries.csv\"");
    let file = answer.text();
    assert_eq!(file.lines().count(), 602);
    let line = file.lines().find(|line| line.starts_with(&code)).expect("the entry");
    assert!(
        line.contains("2026-06-03T10:00:00.000Z,\"'=HYPERLINK(\"\"x\"\")\",eve@example.org,'+441632960961,"),
        "{line}"
    );
    assert!(browser.page("/admin/audit").await.contains("entries exported"));
    site.finish().await;
}

#[tokio::test]
async fn an_export_of_nothing_is_a_header() {
    let site = Site::start().await;
    let draw = site.app.store.draw("open").await.expect("reads").expect("is there");
    let mut file = Vec::new();
    let store = std::sync::Arc::clone(&site.app.store);
    server::http::admin::csv::write_to(store, draw.id, &mut file).await.expect("writes");
    assert_eq!(String::from_utf8(file).expect("UTF-8").lines().count(), 1);
    site.finish().await;
}
