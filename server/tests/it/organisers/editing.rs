//! Editing draws on the web: optimistic locking, one set of rules with the file, states that change once.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use shared::DrawState;

use super::{Browser, ORIGIN, location};
use crate::site::{Answer, Site, person};

const EDIT: &str = "/admin/draws/open/edit";

/// What the form of the draw "open" holds.
const OPEN: [(&str, &str); 11] = [
    ("title", "Open Ballot"),
    ("description", ""),
    ("opens_at", "2026-06-01T10:00"),
    ("closes_at", "2026-06-08T10:00"),
    ("draws_at", "2026-06-09T13:00"),
    ("timezone", "Europe/London"),
    ("capacity", ""),
    ("mode", "lenient"),
    ("terms_url", ""),
    ("privacy_url", ""),
    ("contact", ""),
];

/// The same form with some fields changed or added.
fn form<'a>(changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let kept = OPEN.into_iter().filter(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
    kept.chain(changes.iter().copied()).collect()
}

impl Browser<'_> {
    /// The version that the page carries, in its field and its tag.
    async fn version(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(
            (answer.status, &answer.headers["cache-control"]),
            (StatusCode::OK, &"no-store".parse().expect("a value"))
        );
        let tag = answer.headers["etag"].to_str().expect("text").to_owned();
        let version = field(&answer.text(), "version");
        assert_eq!(tag, format!("\"{version}\""));
        version
    }

    /// Sends the form as a program would.
    async fn send_as(&self, method: Method, fields: &[(&str, &str)], headers: &[(&str, &str)]) -> Answer {
        let csrf = self.csrf().await;
        let fields: Vec<_> = fields.iter().copied().chain([("csrf", &*csrf)]).collect();
        let mut request = Request::builder()
            .method(method)
            .uri(EDIT)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("origin", ORIGIN)
            .header("cookie", self.cookie.as_deref().expect("signed in"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = serde_urlencoded::to_string(fields).expect("a form");
        self.site.call(request.body(Body::from(body)).expect("a request")).await
    }
}

/// The value of a field of a page.
fn field(page: &str, name: &str) -> String {
    let (_, rest) = page.split_once(&format!("name=\"{name}\"")).expect("the field");
    let (tag, _) = rest.split_once('>').expect("an end");
    let value = tag.split_once("value=\"").map(|(_, value)| value.split('"').next().expect("an end"));
    value.unwrap_or_default().to_owned()
}

/// What is said to be wrong with a field.
fn complaint(page: &str, name: &str) -> String {
    let (_, rest) = page.split_once(&format!("id=\"{name}-error\"")).expect("the field");
    let (_, rest) = rest.split_once('>').expect("an end");
    rest.split_once("</p>").expect("an end").0.replace("<!>", "")
}

async fn stored(site: &Site, slug: &str) -> server::store::Draw {
    site.app.store.draw(slug).await.expect("reads").expect("is there")
}

#[tokio::test]
async fn what_is_edited_is_stored_shown_and_written_down_once() {
    let site = Site::start().await;
    let browser = Browser::signed_in(&site).await;
    assert!(browser.page("/admin/draws/open").await.contains("id=\"edit\""));
    let page = browser.page(EDIT).await;
    for (name, value) in OPEN.into_iter().filter(|(name, _)| !matches!(*name, "mode" | "description")) {
        assert_eq!(field(&page, name), value, "{name}");
    }
    let version = browser.version(EDIT).await;
    let changes = [
        ("version", &*version),
        ("title", "Open <b>Ballot</b>"),
        ("description", "One.\r\n\r\nTwo."),
        ("closes_at", "2026-06-08T11:30"),
        ("capacity", "300"),
        ("mode", "strict"),
        ("contact", "olga@example.org"),
    ];
    let saved = browser.send(EDIT, &form(&changes)).await;
    let to = location(&saved).to_owned();
    let page = browser.page(&to).await;
    assert!(page.contains("The draw is saved") && page.contains("Open &lt;b&gt;Ballot"));
    let spec = stored(&site, "open").await.spec;
    assert_eq!(
        (&*spec.description, spec.capacity, spec.mode.as_str()),
        ("One.\n\nTwo.", Some(300), "strict")
    );
    assert_eq!(spec.closes_at, 1_780_914_600_000, "half past eleven in London");
    assert!(site.get("/draws/open").await.text().contains("Open &lt;b&gt;Ballot"), "entrants see it at once");
    let again = browser.send(EDIT, &form(&changes)).await;
    assert!(browser.page(location(&again)).await.contains("Nothing was changed"), "sent again, saved once");
    let audit = browser.page("/admin/audit").await;
    assert_eq!(audit.matches(">draw changed<").count(), 1);
    assert!(audit.contains("title, description, closes_at, mode, capacity, contact"));
    let version: i64 = version.parse().expect("a number");
    assert_eq!(stored(&site, "open").await.version, version + 1);
    // What an address says is not believed.
    assert!(!browser.page("/admin/draws/open?saved-99").await.contains("The draw is saved"));
    site.finish().await;
}

#[tokio::test]
async fn of_two_organisers_the_later_sees_both_versions_and_takes_either() {
    let site = Site::start().await;
    let olga = Browser::signed_in(&site).await;
    let mut otto = Browser { site: &site, cookie: None };
    otto.sign_in(super::PASSWORD).await;
    let version = olga.version(EDIT).await;
    assert_eq!(otto.version(EDIT).await, version);
    let hers = form(&[("version", &*version), ("title", "Olga's Ballot"), ("capacity", "10")]);
    site.clock.advance(1000);
    assert!(location(&olga.send(EDIT, &hers).await).contains("?saved-"));
    let his = [("version", &*version), ("title", "Otto's <i>Ballot</i>"), ("contact", "otto@example.org")];
    let late = otto.send(EDIT, &form(&his)).await;
    assert_eq!(late.status, StatusCode::CONFLICT);
    let page = late.text();
    for told in
        ["Stored now", "Yours", "Olga", "Otto", "Title, Capacity", "olga@example.org", "The same in both"]
    {
        assert!(page.contains(told), "{told}");
    }
    assert!(!page.contains("<i>Ballot"), "texts are texts");
    assert_eq!(stored(&site, "open").await.spec.title, "Olga's Ballot");
    // Nothing typed is lost, and saving it now follows the version that was shown.
    assert_eq!(field(&page, "contact"), "otto@example.org");
    let now = field(&page, "version");
    assert_eq!(late.headers["etag"], format!("\"{now}\""));
    assert_ne!(now, version);
    assert_eq!(otto.version(EDIT).await, now, "discarding loads what is stored");
    assert_eq!(field(&otto.page(EDIT).await, "title"), "Olga&#x27;s Ballot".replace("&#x27;", "'"));
    let over = [("version", &*now), his[1], his[2]];
    assert!(location(&otto.send(EDIT, &form(&over)).await).contains("?saved-"));
    let spec = stored(&site, "open").await.spec;
    assert_eq!((&*spec.title, spec.capacity), ("Otto's <i>Ballot</i>", None), "his whole version stands");
    site.finish().await;
}

#[tokio::test]
async fn two_edits_at_once_are_one_edit_and_one_conflict() {
    let site = Site::start().await;
    let other = site.another().await;
    let olga = Browser::signed_in(&site).await;
    let otto = Browser { site: &other, cookie: olga.cookie.clone() };
    for round in 0..5 {
        let version = olga.version(EDIT).await;
        let titles = [format!("Hers {round}"), format!("His {round}")];
        let [hers, his] = titles.each_ref().map(|title| form(&[("version", &*version), ("title", title)]));
        let (hers, his) = tokio::join!(olga.send(EDIT, &hers), otto.send(EDIT, &his));
        let mut statuses = [hers.status.as_u16(), his.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [303, 409]);
        let won = if hers.status == StatusCode::SEE_OTHER { 0 } else { 1 };
        assert_eq!(stored(&site, "open").await.spec.title, titles[won]);
    }
    site.finish().await;
}

#[tokio::test]
async fn programs_say_the_version_in_if_match_and_are_answered_in_json() {
    let site = Site::start().await;
    let browser = Browser::signed_in(&site).await;
    let version: i64 = browser.version(EDIT).await.parse().expect("a number");
    let json = ("accept", "application/json");
    let missing = browser.send_as(Method::POST, &form(&[]), &[json]).await;
    assert_eq!((missing.status, &*missing.problem()), (StatusCode::BAD_REQUEST, "malformed-body"));
    let strong = format!("\"{version}\"");
    let stale = format!("\"{}\"", version - 1);
    let weak = format!("W/\"{version}\"");
    let titled = form(&[("title", "By a program")]);
    for tag in [&stale, &weak, "nonsense", &format!("\"{}\"", version + 1)] {
        let late = browser.send_as(Method::PUT, &titled, &[json, ("if-match", tag)]).await;
        assert_eq!((late.status, &*late.problem()), (StatusCode::CONFLICT, "version-conflict"), "{tag}");
        assert!(late.json()["detail"].as_str().expect("text").contains(&format!("version {version}")));
    }
    let wrong = form(&[("title", ""), ("capacity", "none")]);
    let invalid = browser.send_as(Method::PUT, &wrong, &[json, ("if-match", &strong)]).await;
    assert_eq!(&*invalid.problem(), "validation-failed");
    let fields: Vec<String> = invalid.json()["errors"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|error| error["field"].to_string())
        .collect();
    assert_eq!(fields, ["\"title\"", "\"capacity\""]);
    // A field that is not sent is not a field that is emptied.
    let part: Vec<_> = OPEN.into_iter().filter(|(name, _)| *name != "draws_at").collect();
    let partial = browser.send_as(Method::PUT, &part, &[json, ("if-match", "*")]).await;
    assert_eq!((partial.status, &*partial.problem()), (StatusCode::BAD_REQUEST, "malformed-body"));
    assert_eq!(stored(&site, "open").await.version, version, "nothing of all this changed anything");
    let several = format!("{stale}, {strong}");
    let done = browser.send_as(Method::PUT, &titled, &[json, ("if-match", &several)]).await;
    assert_eq!(location(&done), format!("/admin/draws/open?saved-{}", version + 1));
    let any =
        browser.send_as(Method::POST, &form(&[("title", "Whatever is there")]), &[("if-match", "*")]).await;
    assert_eq!(location(&any), format!("/admin/draws/open?saved-{}", version + 2));
    // Where both are said, both count.
    let fresh = (version + 2).to_string();
    let both = form(&[("title", "Third"), ("version", &fresh)]);
    let late = browser.send_as(Method::POST, &both, &[("if-match", &strong)]).await;
    assert_eq!(late.status, StatusCode::CONFLICT);
    assert!(late.text().contains("Stored now"), "people get the page");
    site.finish().await;
}

#[tokio::test]
async fn what_is_wrong_is_told_beside_the_field_and_nothing_typed_is_lost() {
    let site = Site::start().await;
    let browser = Browser::signed_in(&site).await;
    let version = browser.version(EDIT).await;
    let changes = [
        ("version", &*version),
        ("title", "<script>alert(1)</script>\u{202e}"),
        ("description", "</textarea><b>bold</b>"),
        ("closes_at", "2026-05-01T10:00"),
        ("timezone", "Europe/Atlantis"),
        ("capacity", "many"),
        ("terms_url", "javascript:alert(1)"),
        ("contact", "\"><script>"),
    ];
    let answer = browser.send(EDIT, &form(&changes)).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let page = answer.text();
    for name in ["title", "closes_at", "timezone", "capacity", "terms_url", "contact"] {
        assert!(page.contains(&format!("href=\"#{name}\"")), "{name} in the summary");
        assert_ne!(complaint(&page, name), "", "{name} beside the field");
    }
    assert_eq!(complaint(&page, "description"), "", "nothing is wrong with that");
    // Within a quoted attribute only a quote would end it.
    assert!(!page.contains("\"><script>") && !page.contains("</textarea><b>"), "texts are texts");
    assert_eq!(
        (field(&page, "capacity"), field(&page, "timezone")),
        ("many".to_owned(), "Europe/Atlantis".to_owned())
    );
    assert_eq!(field(&page, "version"), version);
    let markup = form(&[("version", &*version), ("description", "</textarea><b>bold</b>")]);
    let saved = browser.send(EDIT, &markup).await;
    assert!(browser.page(location(&saved)).await.contains("The draw is saved"));
    assert!(!browser.page(EDIT).await.contains("</textarea><b>"), "nor is what is stored markup");
    let version = browser.version(EDIT).await;
    let longest = "\u{1F3B2}".repeat(4000);
    let long = browser.send(EDIT, &form(&[("version", &version), ("description", &longest)])).await;
    assert!(location(&long).contains("?saved-"), "the longest description there may be");
    let too_long = "x".repeat(70_000);
    let refused = browser.send(EDIT, &form(&[("version", &version), ("description", &too_long)])).await;
    assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE);
    site.finish().await;
}

#[tokio::test]
async fn what_entries_or_the_state_rule_out_is_refused_in_a_sentence() {
    let site = Site::start().await;
    let browser = Browser::signed_in(&site).await;
    for name in ["ann", "ben"] {
        site.register("open", &site.token("open").await, &person(name)).await.receipt();
    }
    let version = browser.version(EDIT).await;
    let refused = browser.send(EDIT, &form(&[("version", &version), ("capacity", "1")])).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text().contains("Capacity cannot be 1: the draw has 2 entries"));
    browser.send("/admin/draws/open/close", &[]).await;
    let version = browser.version(EDIT).await;
    assert!(browser.page(EDIT).await.contains("Fixed, because registration has ended"));
    let later = form(&[("version", &version), ("closes_at", "2026-06-09T10:00")]);
    let refused = browser.send(EDIT, &later).await;
    assert!(refused.text().contains("Closing time cannot be changed any more: the draw is closed"));
    assert!(refused.text().contains("Stored: 2026-06-08 10:00"), "what it has to be is told");
    let retitled = browser.send(EDIT, &form(&[("version", &version), ("title", "Closed Ballot")])).await;
    assert!(location(&retitled).contains("?saved-"));
    let version = browser.version(EDIT).await;
    site.clock.advance(1000);
    browser.send("/admin/draws/open/cancel", &[]).await;
    let late = browser.send(EDIT, &form(&[("version", &version), ("title", "Too Late")])).await;
    assert_eq!(late.status, StatusCode::CONFLICT);
    assert!(late.text().contains("draw cancelled") && !late.text().contains("save-mine"));
    assert!(browser.page(EDIT).await.contains("Nothing of it can be changed any more"));
    let any = browser.send_as(Method::PUT, &form(&[("title", "Never")]), &[("if-match", "*")]).await;
    assert_eq!(any.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(stored(&site, "open").await.spec.title, "Closed Ballot");
    site.finish().await;
}

#[tokio::test]
async fn an_edit_needs_an_organiser_their_page_and_a_draw() {
    let site = Site::start().await;
    let browser = Browser::signed_in(&site).await;
    let version = browser.version(EDIT).await;
    let fields = form(&[("version", &version), ("title", "Not Mine")]);
    assert_eq!(browser.post(EDIT, &fields).await.status, StatusCode::FORBIDDEN, "without proof");
    let csrf = browser.csrf().await;
    let signed: Vec<_> = fields.iter().copied().chain([("csrf", &*csrf)]).collect();
    for origin in [None, Some("https://evil.example")] {
        assert_eq!(browser.post_from(EDIT, &signed, origin).await.status, StatusCode::FORBIDDEN);
    }
    let stranger = Browser { site: &site, cookie: None };
    assert!(location(&stranger.post(EDIT, &signed).await).starts_with("/admin/sign-in"));
    assert!(location(&stranger.get(EDIT).await).starts_with("/admin/sign-in"));
    assert_eq!(stored(&site, "open").await.spec.title, "Open Ballot");
    assert_eq!(browser.get("/admin/draws/none/edit").await.status, StatusCode::NOT_FOUND);
    assert_eq!(browser.send("/admin/draws/none/edit", &fields).await.status, StatusCode::NOT_FOUND);
    site.finish().await;
}

#[tokio::test]
async fn two_organisers_who_ask_for_a_state_at_once_change_it_once() {
    let site = Site::start().await;
    let other = site.another().await;
    let olga = Browser::signed_in(&site).await;
    let otto = Browser { site: &other, cookie: olga.cookie.clone() };
    let states = [
        ("announce", DrawState::Announced, "draw announced"),
        ("close", DrawState::Closed, "draw closed"),
        ("cancel", DrawState::Cancelled, "draw cancelled"),
    ];
    for (action, state, written) in states {
        let path = format!("/admin/draws/hidden/{action}");
        let before = stored(&site, "hidden").await.version;
        let (hers, his) = tokio::join!(olga.send(&path, &[]), otto.send(&path, &[]));
        let mut told = [location(&hers).to_owned(), location(&his).to_owned()];
        told.sort();
        let page = "/admin/draws/hidden";
        assert_eq!(told, [format!("{page}?{action}-already"), format!("{page}?{action}-done")]);
        for browser in [&olga, &otto] {
            assert!(location(&browser.send(&path, &[]).await).ends_with("-already"), "asked again");
        }
        let after = stored(&site, "hidden").await;
        assert_eq!((after.state, after.version), (state, before + 1), "{action}");
        let audit = olga.page("/admin/audit").await;
        assert_eq!(audit.matches(&format!(">{written}<")).count(), 1, "{action}");
    }
    site.finish().await;
}
