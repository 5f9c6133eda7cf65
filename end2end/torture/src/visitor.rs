//! Somebody with a browser, who registers as the page does: the same back-off, the same reading of answers, the
//! same token until there is a definite answer.

use std::sync::Arc;
use std::time::Duration;

use app::islands::register::answer::{self, Verdict};
use app::islands::register::backoff;
use rand::RngExt as _;
use rand::rngs::StdRng;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, COOKIE, SET_COOKIE};
use serde_json::Value;

use crate::draws::Draw;
use crate::history::{Outcome, Payload, Receipt, Step};
use crate::raw;
use crate::world::{Attempt, Cookie, World};

/// What a server asks for is obeyed up to so many seconds, so that a run makes progress.
const ASKED_MAX_S: u32 = 2;
/// The longest wait, for the same reason.
const WAIT_MAX: Duration = Duration::from_secs(3);
/// Name of the cookie.
const ENTRANT: &str = "drawbridge_entrant=";

/// What became of somebody who pressed until it was known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// In.
    Receipt(Receipt),
    /// A definite no, and why.
    Refused(String),
    /// Another token is wanted.
    RenewToken,
    /// Nobody found out in time.
    Unknown,
}

/// Somebody.
#[derive(Debug)]
pub struct Visitor {
    /// Whose script this is.
    pub case: usize,
    /// What is decided by chance.
    pub random: StdRng,
    /// The browser's cookie, once it has one.
    pub cookie: Option<Cookie>,
    /// Where everything is noted.
    pub world: Arc<World>,
    http: reqwest::Client,
}

impl Visitor {
    /// With a browser that was never here.
    pub fn new(world: &Arc<World>, case: usize, random: StdRng) -> Self {
        Self { case, random, cookie: None, world: Arc::clone(world), http: world.client(case) }
    }

    /// The same person elsewhere.
    pub fn another_browser(&mut self) -> Self {
        Self::new(&self.world, self.case, rand::SeedableRng::from_rng(&mut self.random))
    }

    /// The same browser in another tab: what both do at once is decided by their own chances.
    pub fn another_tab(&mut self) -> Self {
        Self { cookie: self.cookie.clone(), ..self.another_browser() }
    }

    /// Loads the page of a draw until it comes, and begins an attempt with its token.
    pub async fn load(&mut self, draw: &Draw, payload: &Arc<Payload>) -> Option<Arc<Attempt>> {
        let key = self.page_token(draw).await?;
        Some(self.world.attempt(self.case, draw, key, Arc::clone(payload), self.cookie.clone(), false))
    }

    /// Begins an attempt as a program that knows no pages.
    pub async fn ask_token(&mut self, draw: &Draw, payload: &Arc<Payload>) -> Option<Arc<Attempt>> {
        let path = format!("/api/v1/draws/{}/tokens", draw.slug);
        let key = self.until_it_comes(draw, Method::POST, &path, |body| {
            let body: Value = serde_json::from_str(body).ok()?;
            Some(body["token"].as_str()?.to_owned())
        });
        let key = key.await?;
        Some(self.world.attempt(self.case, draw, key, Arc::clone(payload), self.cookie.clone(), false))
    }

    async fn page_token(&mut self, draw: &Draw) -> Option<String> {
        let path = format!("/draws/{}", draw.slug);
        let token = self.until_it_comes(draw, Method::GET, &path, |body| {
            let (_, rest) = body.split_once("name=\"token\" value=\"")?;
            Some(rest.split('"').next()?.to_owned())
        });
        token.await
    }

    /// Asks for something with a token in it, again and again. A page without one belongs to a draw that is over:
    /// then a token is asked for.
    async fn until_it_comes(
        &mut self,
        draw: &Draw,
        method: Method,
        path: &str,
        token: impl Fn(&str) -> Option<String>,
    ) -> Option<String> {
        let mut path = path.to_owned();
        let mut method = method;
        for failures in 1.. {
            let began = self.world.now();
            let mut request = self.http.request(method.clone(), self.world.url(&path));
            if let Some(cookie) = &self.cookie {
                request = request.header(COOKIE, &cookie.text);
            }
            let (outcome, text, cookie) = match request.send().await {
                Ok(response) => {
                    let cookie = response.headers().get(SET_COOKIE).and_then(|value| value.to_str().ok());
                    let cookie = cookie.and_then(|text| text.split(';').next()).map(str::to_owned);
                    let (answer, text) = read(response).await;
                    (answer, text, cookie)
                }
                Err(error) => (Outcome::Unknown(raw::causes(&error)), String::new(), None),
            };
            let is_success = matches!(&outcome, Outcome::Answered(answer) if answer.status < 300);
            self.world.record(began, self.case, draw.id, Step::Token, outcome);
            if is_success {
                self.keep(cookie);
                if let Some(token) = token(&text).or_else(|| json_token(&text)) {
                    return Some(token);
                }
                (method, path) = (Method::POST, format!("/api/v1/draws/{}/tokens", draw.slug));
            }
            if self.world.is_over() {
                return None;
            }
            self.wait(failures, None).await;
        }
        None
    }

    /// Keeps a cookie that came with a page.
    fn keep(&mut self, cookie: Option<String>) {
        if let Some(text) = cookie.filter(|text| text.starts_with(ENTRANT)) {
            self.cookie = Some(Cookie { browser: self.world.new_browser(), text });
        }
    }

    /// The request of that number to register, noted.
    async fn send(&self, attempt: &Attempt, payload: &Arc<Payload>, number: u32) -> Outcome {
        let world = &self.world;
        let slug = format!("round-{}", attempt.draw);
        let began = world.now();
        let mut request = self
            .http
            .post(world.url(&format!("/api/v1/draws/{slug}/entries")))
            .header("idempotency-key", &attempt.key)
            .header("attempt", attempt.count(number))
            .json(&payload.json());
        if attempt.is_integrators {
            request = request.header(AUTHORIZATION, &world.api_key);
        } else if let Some(cookie) = &self.cookie {
            request = request.header(COOKIE, &cookie.text);
        }
        let outcome = match request.send().await {
            Ok(response) => read(response).await.0,
            Err(error) => Outcome::Unknown(raw::causes(&error)),
        };
        world.record(began, self.case, attempt.draw, self.step(attempt, payload), outcome.clone());
        outcome
    }

    /// What a request to register is called in the history.
    pub fn step(&self, attempt: &Attempt, payload: &Arc<Payload>) -> Step {
        let browser = if attempt.is_integrators { None } else { self.cookie.as_ref() };
        Step::Register {
            attempt: attempt.id,
            payload: Arc::clone(payload),
            browser: browser.map(|cookie| cookie.browser),
        }
    }

    /// Presses Register, and again as the page does, until there is a definite answer.
    pub async fn press(&mut self, attempt: &Attempt, payload: &Arc<Payload>) -> End {
        for failures in 1.. {
            let outcome = self.send(attempt, payload, failures).await;
            let asked = match answer::judge(as_the_page_reads(&outcome)) {
                Verdict::Again(_, asked) => asked,
                Verdict::RenewToken => return End::RenewToken,
                verdict => return end(verdict, &outcome),
            };
            if self.world.is_over() {
                return End::Unknown;
            }
            self.wait(failures, asked).await;
        }
        End::Unknown
    }

    /// The first press of an attempt, as what it is for.
    pub async fn press_first(&mut self, attempt: &Attempt) -> End {
        self.press(attempt, &attempt.payload).await
    }

    /// Takes the entry of a receipt back, until it is known whether that worked; `true` when it did.
    pub async fn withdraw(&mut self, draw: &Draw, receipt: &str) -> bool {
        for failures in 1.. {
            let began = self.world.now();
            let request = self.http.delete(self.world.url(&format!("/api/v1/receipts/{receipt}")));
            let outcome = match request.send().await {
                Ok(response) => read(response).await.0,
                Err(error) => Outcome::Unknown(raw::causes(&error)),
            };
            let step = Step::Withdraw { receipt: receipt.to_owned() };
            self.world.record(began, self.case, draw.id, step, outcome.clone());
            match &outcome {
                Outcome::Answered(answer) if answer.status == 204 => return true,
                Outcome::Answered(answer) if !answer.is_temporary() => return false,
                _ if self.world.is_over() => return false,
                outcome => self.wait(failures, asked(outcome)).await,
            }
        }
        false
    }

    /// Waits before the next try, as the page does.
    pub async fn wait(&mut self, failures: u32, asked: Option<u32>) {
        let asked = asked.map(|seconds| seconds.min(ASKED_MAX_S));
        let wait = backoff::delay_ms(failures, asked, self.random.random());
        tokio::time::sleep(Duration::from_millis(wait.into()).min(WAIT_MAX)).await;
    }

    /// Does something else for a while, of so many seconds at most, and no longer than faults last.
    pub async fn dawdle(&mut self, at_most: f64) {
        let pause = Duration::from_secs_f64(self.random.random_range(0.0..at_most));
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = self.world.settling() => {}
        }
    }
}

fn asked(outcome: &Outcome) -> Option<u32> {
    match outcome {
        Outcome::Answered(answer) => answer.retry_after,
        Outcome::Unknown(_) => None,
    }
}

fn json_token(body: &str) -> Option<String> {
    let body: Value = serde_json::from_str(body).ok()?;
    Some(body["token"].as_str()?.to_owned())
}

/// What a definite verdict of the page means here.
fn end(verdict: Verdict, outcome: &Outcome) -> End {
    match (verdict, outcome) {
        (Verdict::Registered(_), Outcome::Answered(answer)) => {
            answer.receipt().map_or(End::Unknown, End::Receipt)
        }
        (_, Outcome::Answered(answer)) => End::Refused(answer.code.clone()),
        (_, Outcome::Unknown(_)) => End::Unknown,
    }
}

/// An outcome as the page's own code reads it.
fn as_the_page_reads(outcome: &Outcome) -> Option<answer::Answer> {
    let Outcome::Answered(answer) = outcome else { return None };
    Some(answer::Answer {
        status: answer.status,
        retry_after: answer.retry_after,
        receipt: answer.receipt().map(|receipt| receipt.code).unwrap_or_default(),
        problem: format!("/problems/{}", answer.code),
        errors: answer
            .fields
            .iter()
            .map(|field| shared::FieldError {
                field: field.clone().into(),
                code: String::new().into(),
                message: String::new().into(),
            })
            .collect(),
        ..answer::Answer::default()
    })
}

/// An answer, whole, and its text; unknown when it breaks off.
async fn read(response: reqwest::Response) -> (Outcome, String) {
    let status = response.status().as_u16();
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
    let is_replayed = header("idempotent-replayed").is_some();
    let retry_after = header("retry-after").and_then(|seconds| seconds.parse().ok());
    match response.text().await {
        Ok(text) => (Outcome::Answered(raw::answer(status, is_replayed, retry_after, &text)), text),
        Err(error) => (Outcome::Unknown(raw::causes(&error)), String::new()),
    }
}
