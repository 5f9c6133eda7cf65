//! The organisers' side: who comes in, and what a form needs. What they see and do is in `draws`.

mod draws;
mod editing;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use server::passwords::Password;
use server::store::draws::Actor;
use shared::contact::Email;

use crate::site::{Answer, Site};

const EMAIL: &str = "olga@example.org";
const PASSWORD: &str = "correct horse battery";
const ORIGIN: &str = "http://127.0.0.1:3000";

/// A browser: the cookie it holds, and the site it talks to.
struct Browser<'a> {
    site: &'a Site,
    cookie: Option<String>,
}

impl<'a> Browser<'a> {
    /// A browser on a site that has an organiser.
    async fn new(site: &'a Site) -> Self {
        let email = Email::parse(EMAIL).expect("an address");
        let password = Password::choose(PASSWORD).expect("a password");
        let hash = site.app.passwords.hash(password).await.expect("hashes");
        site.app.store.add_organiser(&email, &hash, &Actor::CommandLine).await.expect("adds");
        Self { site, cookie: None }
    }

    async fn signed_in(site: &'a Site) -> Self {
        let mut browser = Self::new(site).await;
        let answer = browser.sign_in(PASSWORD).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
        browser
    }

    async fn sign_in(&mut self, password: &str) -> Answer {
        let form = [("email", EMAIL), ("password", password), ("next", "/admin/audit")];
        let answer = self.post("/admin/sign-in", &form).await;
        self.keep(&answer);
        answer
    }

    fn keep(&mut self, answer: &Answer) {
        if let Some(cookie) = answer.headers.get("set-cookie") {
            let pair = cookie.to_str().expect("text").split(';').next().expect("a pair");
            self.cookie = Some(pair.to_owned());
        }
    }

    async fn get(&self, path: &str) -> Answer {
        let mut request = Request::get(path);
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", cookie);
        }
        self.site.call(request.body(Body::empty()).expect("a request")).await
    }

    /// A page that has to be there, and is kept by nobody.
    async fn page(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
        assert_eq!(answer.headers["cache-control"], "no-store", "{path}");
        answer.text()
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        self.post_from(path, form, Some(ORIGIN)).await
    }

    async fn post_from(&self, path: &str, form: &[(&str, &str)], origin: Option<&str>) -> Answer {
        let body = serde_urlencoded::to_string(form).expect("a form");
        let mut request = Request::post(path).header("content-type", "application/x-www-form-urlencoded");
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", cookie);
        }
        self.site.call(request.body(Body::from(body)).expect("a request")).await
    }

    /// What the hidden field of this session's forms holds.
    async fn csrf(&self) -> String {
        let page = self.page("/admin/password").await;
        let (_, rest) = page.split_once("name=\"csrf\" value=\"").expect("a form");
        rest.split('"').next().expect("a value").to_owned()
    }

    /// Sends a form of this session.
    async fn send(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let csrf = self.csrf().await;
        let form: Vec<_> = fields.iter().copied().chain([("csrf", &*csrf)]).collect();
        self.post(path, &form).await
    }
}

fn location(answer: &Answer) -> &str {
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{:?}", answer.headers);
    answer.headers["location"].to_str().expect("text")
}

/// Every page there is for organisers.
const PAGES: [&str; 10] = [
    "/admin",
    "/admin/audit",
    "/admin/password",
    "/admin/draws/hidden",
    "/admin/draws/hidden/edit",
    "/admin/draws/hidden/announce",
    "/admin/draws/open/close",
    "/admin/draws/open/cancel",
    "/admin/draws/open/entries",
    "/admin/draws/open/entries.csv",
];

#[tokio::test]
async fn nobody_comes_in_without_signing_in() {
    let site = Site::start().await;
    let stranger = Browser::new(&site).await;
    for path in PAGES {
        let answer = stranger.get(path).await;
        assert_eq!(location(&answer), format!("/admin/sign-in?next={}", path.replace('/', "%2F")));
    }
    for path in ["/admin/live.json", "/api/v1/jobs/00000000-0000-0000-0000-000000000000"] {
        let answer = stranger.get(path).await;
        assert_eq!((answer.status, &*answer.problem()), (StatusCode::UNAUTHORIZED, "not-signed-in"));
    }
    for cookie in [
        "drawbridge_session=",
        "drawbridge_session=AAAA",
        "drawbridge_session=%00",
        &format!("drawbridge_session={}", "A".repeat(43)),
    ] {
        let forger = Browser { site: &site, cookie: Some(cookie.to_owned()) };
        assert!(location(&forger.get("/admin").await).starts_with("/admin/sign-in"), "{cookie}");
    }
    site.finish().await;
}

#[tokio::test]
async fn every_page_is_there_for_who_is_signed_in() {
    let site = Site::start().await;
    let browser = Browser::signed_in(&site).await;
    for path in PAGES {
        browser.page(path).await;
    }
    assert!(browser.page("/admin").await.contains("Hidden"), "drafts are seen");
    let live = browser.get("/admin/live.json").await.json();
    assert!(live["texts"].as_array().expect("a list").iter().any(|text| text["name"] == "open/taken"));
    let job = browser.get("/api/v1/jobs/00000000-0000-0000-0000-000000000000").await;
    assert_eq!(job.problem(), "not-found");
    for path in [
        "/admin/draws/none",
        "/admin/draws/none/entries",
        "/admin/draws/open/destroy",
        "/admin/draws/open/entries/1-x",
    ] {
        assert_eq!(browser.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    site.finish().await;
}

#[tokio::test]
async fn signing_in_needs_name_and_password_and_never_says_which_was_wrong() {
    let site = Site::start().await;
    let mut browser = Browser::new(&site).await;
    let wrong = browser.sign_in("correct horse batterz").await;
    let unknown =
        browser.post("/admin/sign-in", &[("email", "nobody@example.org"), ("password", PASSWORD)]).await;
    let no_address =
        browser.post("/admin/sign-in", &[("email", "' OR '1'='1"), ("password", PASSWORD)]).await;
    for answer in [&wrong, &unknown, &no_address] {
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.text().contains("Check the email address and the password"));
        assert!(!answer.headers.contains_key("set-cookie"));
    }
    let right = browser.sign_in(PASSWORD).await;
    assert_eq!(location(&right), "/admin/audit");
    let cookie = right.headers["set-cookie"].to_str().expect("text");
    for part in ["drawbridge_session=", "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=43200"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Secure"), "plain http on loopback");
    assert_eq!(location(&browser.get("/admin/sign-in?next=/admin/password").await), "/admin/password");
    site.finish().await;
}

#[tokio::test]
async fn on_https_the_cookie_belongs_to_this_host_alone() {
    let site = Site::start_with(&[("DRAWBRIDGE_PUBLIC_URL", "https://draws.example.org")]).await;
    let browser = Browser::new(&site).await;
    let form = [("email", EMAIL), ("password", PASSWORD)];
    let origin = Some("https://draws.example.org");
    let answer = browser.post_from("/admin/sign-in", &form, origin).await;
    let cookie = answer.headers["set-cookie"].to_str().expect("text");
    assert!(cookie.starts_with("__Host-drawbridge_session=") && cookie.contains("Secure"), "{cookie}");
    assert!(!cookie.contains("Domain"), "{cookie}");
    let elsewhere = browser.post("/admin/sign-in", &form).await;
    assert_eq!(elsewhere.status, StatusCode::FORBIDDEN);
    site.finish().await;
}

#[tokio::test]
async fn signing_in_leads_nowhere_else() {
    let site = Site::start().await;
    let browser = Browser::new(&site).await;
    for next in
        ["//evil.example", "https://evil.example/admin", "/\\evil.example", "/draws/open", "/admin\r\nx: y"]
    {
        let form = [("email", EMAIL), ("password", PASSWORD), ("next", next)];
        let answer = browser.post("/admin/sign-in", &form).await;
        site.clock.advance(60_000);
        assert_eq!(location(&answer), "/admin", "{next:?}");
    }
    site.finish().await;
}

#[tokio::test]
async fn a_sign_in_is_another_each_time_and_ends() {
    let site = Site::start().await;
    let mut browser = Browser::signed_in(&site).await;
    let first = browser.cookie.clone();
    browser.sign_in(PASSWORD).await;
    assert_ne!(browser.cookie, first);
    let before = Browser { site: &site, cookie: first };
    assert_eq!(before.get("/admin").await.status, StatusCode::SEE_OTHER, "the one before has ended");
    let out = browser.send("/admin/sign-out", &[]).await;
    assert_eq!(location(&out), "/admin/sign-in?out=1");
    assert!(out.headers["set-cookie"].to_str().expect("text").contains("Max-Age=0"));
    assert_eq!(browser.get("/admin").await.status, StatusCode::SEE_OTHER, "ended on the server");
    browser.sign_in(PASSWORD).await;
    site.clock.advance(12 * 3_600_000 - 1);
    assert_eq!(browser.get("/admin").await.status, StatusCode::OK);
    site.clock.advance(1);
    assert_eq!(browser.get("/admin").await.status, StatusCode::SEE_OTHER, "after 12 hours");
    site.finish().await;
}

#[tokio::test]
async fn guessing_is_throttled_by_name_and_by_address() {
    let site = Site::start().await;
    let mut browser = Browser::new(&site).await;
    for _ in 0..5 {
        assert_eq!(browser.sign_in("wrong wrong wrong").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let refused = browser.sign_in(PASSWORD).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.headers["retry-after"], "6");
    assert!(refused.text().contains("Try again in 6 seconds"));
    for _ in 0..4 {
        browser.post("/admin/sign-in", &[("email", "someone@example.org"), ("password", "x")]).await;
    }
    let other = browser.post("/admin/sign-in", &[("email", "another@example.org"), ("password", "x")]).await;
    assert_eq!(other.status, StatusCode::TOO_MANY_REQUESTS, "the address");
    site.clock.advance(6000);
    assert_eq!(location(&browser.sign_in(PASSWORD).await), "/admin/audit");
    site.finish().await;
}

#[tokio::test]
async fn nothing_changes_without_origin_and_proof() {
    let site = Site::start().await;
    let browser = Browser::signed_in(&site).await;
    let csrf = browser.csrf().await;
    let paths = ["/admin/draws/open/close", "/admin/draws/open/cancel", "/admin/password", "/admin/sign-out"];
    for path in paths {
        for origin in [
            None,
            Some("null"),
            Some("https://evil.example"),
            Some("http://127.0.0.1:3000.evil.example"),
            Some(""),
        ] {
            let answer = browser.post_from(path, &[("csrf", &csrf)], origin).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} from {origin:?}");
        }
        for proof in [vec![], vec![("csrf", "")], vec![("csrf", "AAAAAAAAAAAAAAAAAAAAAA")]] {
            let answer = browser.post(path, &proof).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} with {proof:?}");
        }
        let twice = browser.post(path, &[("csrf", &csrf), ("csrf", &csrf)]).await;
        assert_eq!(twice.status, StatusCode::BAD_REQUEST, "{path}");
    }
    let stranger = Browser { site: &site, cookie: None };
    assert_eq!(location(&stranger.post(paths[0], &[("csrf", &csrf)]).await), "/admin/sign-in?next=%2Fadmin");
    assert_eq!(stranger.post_from("/admin/sign-in", &[], None).await.status, StatusCode::FORBIDDEN);
    let draw = site.app.store.draw("open").await.expect("reads").expect("is there");
    assert_eq!(draw.state, shared::DrawState::Announced);
    assert_eq!(browser.get("/admin").await.status, StatusCode::OK, "still signed in");
    site.finish().await;
}

#[tokio::test]
async fn another_password_signs_everybody_else_out() {
    let site = Site::start().await;
    let mut browser = Browser::signed_in(&site).await;
    let mut elsewhere = Browser { site: &site, cookie: None };
    elsewhere.sign_in(PASSWORD).await;
    let new = "staple battery horse";
    let cases: [(&str, &str, &str, &str); 4] = [
        ("wrong wrong wrong", new, new, "not your present password"),
        (PASSWORD, "elevenchars", "elevenchars", "at least 12 characters"),
        (PASSWORD, new, "staple battery hors", "not the same as above"),
        (PASSWORD, &"x".repeat(1025), "x", "at most 1024 bytes"),
    ];
    for (current, new, repeated, told) in cases {
        let answer = browser
            .send("/admin/password", &[("current", current), ("new", new), ("repeated", repeated)])
            .await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.text().contains(told), "{told}");
    }
    let answer =
        browser.send("/admin/password", &[("current", PASSWORD), ("new", new), ("repeated", new)]).await;
    assert_eq!(location(&answer), "/admin/password?changed");
    let before = Browser { site: &site, cookie: browser.cookie.clone() };
    browser.keep(&answer);
    assert!(browser.page("/admin/password?changed").await.contains("Your password is changed"));
    for ended in [&before, &elsewhere] {
        assert_eq!(ended.get("/admin").await.status, StatusCode::SEE_OTHER);
    }
    site.clock.advance(60_000);
    assert_eq!(elsewhere.sign_in(PASSWORD).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(elsewhere.sign_in(new).await.status, StatusCode::SEE_OTHER);
    site.finish().await;
}
