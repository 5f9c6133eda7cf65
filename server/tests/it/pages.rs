//! Pages without JavaScript, and the headers every answer has.

use axum::body::Body;
use axum::http::Request;

use crate::site::{Answer, Site};

async fn post(site: &Site, path: &str, form: &[(&str, &str)]) -> Answer {
    let body = serde_urlencoded::to_string(form).expect("a form");
    let request = Request::post(path).header("content-type", "application/x-www-form-urlencoded");
    site.call(request.body(Body::from(body)).expect("a request")).await
}

/// The token in a page's form.
fn token_of(page: &str) -> String {
    let at = page.find("name=\"token\"").expect("a token");
    let input = &page[page[..at].rfind('<').expect("a tag")..];
    let value = input.split("value=\"").nth(1).expect("a value");
    value.split('"').next().expect("its end").to_owned()
}

#[tokio::test]
async fn a_form_without_javascript_leads_to_the_receipt() {
    let site = Site::start().await;
    let page = site.get("/draws/open").await;
    assert_eq!(page.headers["cache-control"], "no-store");
    let token = token_of(&page.text());
    let form = [
        ("token", token.as_str()),
        ("full_name", "Ada"),
        ("email", "ada@example.org"),
        ("accept_terms", "true"),
    ];
    let sent = post(&site, "/draws/open", &form).await;
    assert_eq!(sent.status, 303);
    let to = sent.headers["location"].to_str().expect("text").to_owned();
    let again = post(&site, "/draws/open", &form).await;
    assert_eq!(again.headers["location"], to.as_str(), "a second press leads to the same receipt");
    let receipt = site.get(&to).await;
    assert_eq!(receipt.status, 200);
    assert_eq!(receipt.headers["referrer-policy"], "no-referrer");
    assert_eq!(receipt.headers["cache-control"], "no-store");
    let calendar = site.get(&format!("{to}/calendar.ics")).await;
    assert!(calendar.text().contains("DTSTART:20260609T120000Z"), "{}", calendar.text());
    let withdrawn = post(&site, &format!("{to}/withdraw"), &[]).await;
    assert_eq!(withdrawn.status, 303);
    assert!(site.get(&to).await.text().contains("ithdrawn"));
    site.finish().await;
}

#[tokio::test]
async fn a_wrong_form_comes_back_with_everything_that_was_typed_and_the_same_token() {
    let site = Site::start().await;
    let token = token_of(&site.get("/draws/summer-ballot").await.text());
    let typed = [
        ("token", token.as_str()),
        ("full_name", "<script>alert(1)</script>"),
        ("email", "nobody"),
        ("phone", "12"),
        ("date_of_birth", "yesterday"),
        ("country", "FR"),
        ("postcode", "§§"),
        ("category", "family"),
        ("session", "sat-evening"),
        ("party_size", "many"),
        ("guardian_name", "G"),
        ("member_id", "X1"),
    ];
    let back = post(&site, "/draws/summer-ballot", &typed).await;
    assert_eq!(back.status, 422);
    let page = back.text();
    assert_eq!(token_of(&page), token);
    assert!(!page.contains("<script>alert"), "typed text is text");
    for (name, value) in
        typed.iter().filter(|(name, _)| !["full_name", "country", "category", "session"].contains(name))
    {
        assert!(page.contains(&format!("value=\"{value}\"")), "{name}: {value}");
    }
    assert!(page.contains("error-summary"));
    assert_eq!(site.taken("summer-ballot").await, 0);
    site.finish().await;
}

#[tokio::test]
async fn a_second_person_after_back_gets_a_fresh_token_and_is_asked_to_confirm() {
    let site = Site::start().await;
    let token = token_of(&site.get("/draws/open").await.text());
    let form = |name: &'static str, email: &'static str, token: String| {
        vec![
            ("token", token),
            ("full_name", name.into()),
            ("email", email.into()),
            ("accept_terms", "true".into()),
        ]
    };
    let send = async |form: Vec<(&str, String)>| {
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        post(&site, "/draws/open", &form).await
    };
    assert_eq!(send(form("Ada", "ada@example.org", token.clone())).await.status, 303);
    let asked = send(form("Bob", "bob@example.org", token.clone())).await;
    assert_eq!(asked.status, 409);
    let fresh = token_of(&asked.text());
    assert_ne!(fresh, token);
    assert!(asked.text().contains("bob@example.org"));
    assert_eq!(send(form("Bob", "bob@example.org", fresh)).await.status, 303);
    assert_eq!(site.taken("open").await, 2);
    site.finish().await;
}

async fn post_as(site: &Site, path: &str, body: &str, said: &[(&str, &str)]) -> Answer {
    let mut request = Request::post(path).header("content-type", "application/x-www-form-urlencoded");
    for (name, value) in said {
        request = request.header(*name, *value);
    }
    site.call(request.body(Body::from(body.to_owned())).expect("a request")).await
}

#[tokio::test]
async fn what_is_not_text_is_refused_and_never_replaced() {
    let site = Site::start().await;
    let token = token_of(&site.get("/draws/open").await.text());
    let body = format!("token={token}&full_name=A%FFda&email=ada%40example.org&accept_terms=true");
    assert_eq!(post_as(&site, "/draws/open", &body, &[]).await.status, 400);
    assert_eq!(site.taken("open").await, 0);
    let path = site.get("/api/v1/draws/%ff").await;
    assert_eq!((path.status.as_u16(), path.problem().as_str()), (404, "not-found"));
    assert_eq!(site.get("/draws/%ff").await.status, 404);
    site.finish().await;
}

#[tokio::test]
async fn a_form_on_another_site_is_refused() {
    let site = Site::start().await;
    let token = token_of(&site.get("/draws/open").await.text());
    let body = format!("token={token}&full_name=Ada&email=ada%40example.org&accept_terms=true");
    let elsewhere: [&[(&str, &str)]; 4] = [
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site"), ("origin", "http://127.0.0.1:3000")],
        &[("origin", "http://evil.example")],
        &[("origin", "null")],
    ];
    for said in elsewhere {
        assert_eq!(post_as(&site, "/draws/open", &body, said).await.status, 403, "{said:?}");
    }
    assert_eq!(site.taken("open").await, 0);
    let sent = post_as(&site, "/draws/open", &body, &[("origin", "http://127.0.0.1:3000")]).await;
    let receipt = sent.headers["location"].to_str().expect("text").to_owned();
    let withdraw = format!("{receipt}/withdraw");
    for said in &elsewhere[..3] {
        assert_eq!(post_as(&site, &withdraw, "", said).await.status, 403, "{said:?}");
    }
    assert_eq!(site.taken("open").await, 1);
    let own = [("sec-fetch-site", "same-origin"), ("origin", "null")];
    assert_eq!(post_as(&site, &withdraw, "", &own).await.status, 303, "as from a page without referrer");
    site.finish().await;
}

#[tokio::test]
async fn every_page_has_its_headers_and_a_nonce_of_its_own() {
    let site = Site::start().await;
    let mut nonces = std::collections::HashSet::new();
    for path in [
        "/",
        "/draws/open",
        "/draws/later",
        "/draws/open/result",
        "/problems",
        "/problems/draw-full",
        "/nothing",
        "/admin/sign-in",
    ] {
        let page = site.get(path).await;
        let policy = page.headers["content-security-policy"].to_str().expect("text").to_owned();
        assert!(policy.starts_with("default-src 'none'"), "{path}");
        assert!(!policy.contains("unsafe-inline") && !policy.contains("'unsafe-eval'"), "{policy}");
        let nonce = policy.split("'nonce-").nth(1).and_then(|rest| rest.split('\'').next()).expect("a nonce");
        assert!(nonces.insert(nonce.to_owned()), "{path}: a nonce is used once");
        for scripted in page.text().split("<script").skip(1) {
            let tag = scripted.split('>').next().expect("a tag");
            if tag.contains("type=\"application/json\"") {
                continue; // Data, which nothing runs.
            }
            assert!(tag.contains(nonce), "{path}: {tag}");
        }
        assert!(!page.text().contains(" style=\""), "{path}: the policy allows no inline style");
        assert_eq!(page.headers["x-content-type-options"], "nosniff");
        assert_eq!(page.headers["x-frame-options"], "DENY");
    }
    site.finish().await;
}

#[tokio::test]
async fn assets_are_kept_for_good_and_compressed() {
    let site = Site::start().await;
    let assets = site.app.assets.clone();
    for path in [assets.css, assets.admin_css, assets.js, assets.wasm, assets.boot, assets.icon] {
        let plain = site.get(&path).await;
        assert_eq!(plain.status, 200, "{path}");
        assert_eq!(plain.headers["cache-control"], "public, max-age=31536000, immutable");
        assert!(!plain.headers.contains_key("content-encoding"));
        let request = Request::get(&path).header("accept-encoding", "gzip, br;q=1.0").body(Body::empty());
        let small = site.call(request.expect("a request")).await;
        assert_eq!(small.headers["content-encoding"], "br", "{path}");
        assert!(small.body.len() < plain.body.len(), "{path}");
    }
    for outside in ["/assets/assets.json", "/assets/..%2Fassets.json", "/assets/none.css"] {
        assert_eq!(site.get(outside).await.status, 404, "{outside}");
    }
    site.finish().await;
}
