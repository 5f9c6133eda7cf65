//! A server in this process: a database of its own, a clock that stands still. When a test is done with it,
//! counters, entries and claims have to agree.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::{Body, HttpBody as _};
use axum::http::{HeaderMap, Request, StatusCode};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use server::ambient::{Ambient, ManualClock};
use server::config::Config;
use server::draws::file;
use server::http::door::Door;
use server::router::router;
use server::state::App;
use server::store::draws::Actor;

use crate::ground::Ground;

/// The instant at which every test begins: 2026-06-03T10:00:00Z, while the draws below are open.
pub const NOW: i64 = 1_780_480_800_000;

/// The draws there are.
pub const DRAWS: &str = r##"
[[draw]]
slug = "open"
title = "Open Ballot"
timezone = "Europe/London"
opens_at = 2026-06-01T09:00:00Z
closes_at = 2026-06-08T09:00:00Z
draws_at = 2026-06-09T12:00:00Z

[[draw]]
slug = "strict"
title = "Strict Ballot"
timezone = "Europe/London"
opens_at = 2026-06-01T09:00:00Z
closes_at = 2026-06-08T09:00:00Z
mode = "strict"

[[draw]]
slug = "full-house"
title = "Two Places"
timezone = "Europe/London"
opens_at = 2026-06-01T09:00:00Z
closes_at = 2026-06-08T09:00:00Z
capacity = 2

[[draw]]
slug = "summer-ballot"
title = "Summer Ballot"
description = "Two evenings in the walled garden."
timezone = "Europe/London"
opens_at = 2026-06-01T09:00:00Z
closes_at = 2026-06-08T09:00:00Z
draws_at = 2026-06-09T12:00:00Z
terms_url = "https://example.org/terms"
min_age = 16
countries = ["GB", "IE"]
postcode = "required"
phone = "required"
one_per_phone = true
categories = [
  { id = "general", label = "General", max_party = 4 },
  { id = "family", label = "Family", min_party = 2, max_party = 6 },
  { id = "member", label = "Members", max_party = 2, member_id = "M######" },
]
sessions = [
  { id = "sat-evening", label = "Saturday evening", excludes = ["family"] },
  { id = "sun-matinee", label = "Sunday matinee" },
]

[[draw]]
slug = "later"
title = "Later"
timezone = "Europe/London"
opens_at = 2026-06-03T11:00:00Z
closes_at = 2026-06-08T09:00:00Z

[[draw]]
slug = "hidden"
title = "Hidden"
state = "draft"
timezone = "Europe/London"
opens_at = 2026-06-01T09:00:00Z
closes_at = 2026-06-08T09:00:00Z
"##;

/// A server under test.
pub struct Site {
    /// What it is made of.
    pub app: App,
    /// Its clock.
    pub clock: Arc<ManualClock>,
    door: Door,
    ground: Arc<Ground>,
}

/// An answer, whole.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.to_vec()).expect("UTF-8")
    }

    /// The problem's code, after checking that it is a whole problem.
    pub fn problem(&self) -> String {
        assert_eq!(self.headers["content-type"], "application/problem+json");
        let body = self.json();
        assert_eq!(body["status"], self.status.as_u16());
        assert_eq!(body["request_id"], self.headers["x-request-id"].to_str().expect("text"));
        assert!(!body["title"].as_str().expect("a title").is_empty());
        assert!(!body["detail"].as_str().expect("a detail").is_empty());
        let code = body["type"].as_str().expect("a type").strip_prefix("/problems/").expect("a path");
        code.to_owned()
    }

    pub fn replayed(&self) -> bool {
        self.headers.get("idempotent-replayed").is_some_and(|value| value == "true")
    }

    pub fn receipt(&self) -> String {
        assert_eq!(self.status, StatusCode::CREATED, "{}", self.text());
        self.json()["receipt"].as_str().expect("a receipt").to_owned()
    }
}

/// Where requests come in, from this machine.
fn door(app: &App) -> Door {
    Door { app: app.clone(), routes: router(app.clone()), peer: ([127, 0, 0, 1], 9).into() }
}

/// With the length that every client sends whose body is whole.
fn as_sent(mut request: Request<Body>) -> Request<Body> {
    if let Some(bytes) = request.body().size_hint().exact().filter(|bytes| *bytes > 0) {
        request.headers_mut().entry("content-length").or_insert(bytes.into());
    }
    request
}

impl Site {
    /// With the limits off and the draws above.
    pub async fn start() -> Self {
        Self::start_with(&[("DRAWBRIDGE_IP_RATE", "off"), ("DRAWBRIDGE_PERSON_RATE", "off")]).await
    }

    pub async fn start_with(settings: &[(&str, &str)]) -> Self {
        let ground = Ground::new();
        let mut variables: HashMap<String, String> = ground.settings().iter().cloned().collect();
        variables.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let config = Config::read(|name| variables.get(name).cloned()).expect("valid settings");
        let clock = Arc::new(ManualClock::at(NOW));
        let addr = config.addr;
        let app = App::new(config, addr, Ambient::with_clock(clock.clone())).await.expect("starts");
        for (spec, state) in file::parse(DRAWS).expect("valid draws") {
            app.store.apply_draw(&spec, state, &Actor::CommandLine).await.expect("applies");
        }
        Self { door: door(&app), app, clock, ground: Arc::new(ground) }
    }

    /// Another server over the same database, Redis and clock: of its own it knows nothing but what is committed.
    pub async fn another(&self) -> Self {
        let (config, addr) = (self.app.config.clone(), self.app.config.addr);
        let app = App::new(config, addr, Ambient::with_clock(self.clock.clone())).await.expect("starts");
        Self { door: door(&app), app, clock: self.clock.clone(), ground: Arc::clone(&self.ground) }
    }

    pub async fn call(&self, request: Request<Body>) -> Answer {
        let response = self.door.answer(as_sent(request)).await.expect("infallible");
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();
        assert!(parts.headers.contains_key("x-request-id"), "every response carries its id");
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call(Request::get(path).body(Body::empty()).expect("a request")).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.call(Request::delete(path).body(Body::empty()).expect("a request")).await
    }

    pub async fn token(&self, draw: &str) -> String {
        let path = format!("/api/v1/draws/{draw}/tokens");
        let answer = self.call(Request::post(path).body(Body::empty()).expect("a request")).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        answer.json()["token"].as_str().expect("a token").to_owned()
    }

    pub async fn register(&self, draw: &str, token: &str, form: &Value) -> Answer {
        self.register_from(draw, token, form, None).await
    }

    pub async fn register_from(&self, draw: &str, token: &str, form: &Value, cookie: Option<&str>) -> Answer {
        let mut request = Request::post(format!("/api/v1/draws/{draw}/entries"))
            .header("content-type", "application/json")
            .header("idempotency-key", token);
        if let Some(cookie) = cookie {
            request = request.header("cookie", cookie);
        }
        self.call(request.body(Body::from(form.to_string())).expect("a request")).await
    }

    /// The entrant cookie a browser gets with the page.
    pub async fn cookie(&self, draw: &str) -> String {
        let page = self.get(&format!("/draws/{draw}")).await;
        let cookie = page.headers["set-cookie"].to_str().expect("text");
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
        cookie.split(';').next().expect("a pair").to_owned()
    }

    pub async fn taken(&self, draw: &str) -> i64 {
        let draw = self.app.store.draw(draw).await.expect("reads").expect("is there");
        self.app.store.taken(draw.id).await.expect("counts")
    }

    /// Ends a test: whatever happened, the database agrees with itself.
    pub async fn finish(self) {
        let found = self.app.store.reconcile(&self.app.keys).await.expect("reconciles");
        assert_eq!(found.0, Vec::<String>::new());
    }
}

/// What the draws without rules ask.
pub fn person(name: &str) -> Value {
    json!({ "full_name": name, "email": format!("{name}@example.org"), "accept_terms": true })
}

/// What the summer ballot asks.
pub fn ada() -> Value {
    json!({
        "full_name": "Ada Lovelace", "email": "ada@example.org", "phone": "+44 1632 960961",
        "date_of_birth": "1990-12-10", "country": "GB", "postcode": "AB1 2CD",
        "category": "general", "session": "sat-evening", "party_size": 2,
        "guardian_name": null, "member_id": null, "accept_terms": true
    })
}

/// A form with some fields changed.
pub fn with(mut form: Value, changes: &[(&str, Value)]) -> Value {
    for (field, value) in changes {
        form[*field] = value.clone();
    }
    form
}
