//! From the press of Register to the receipt: one token, one payload, as many requests as it takes.

use shared::FieldError;
use wasm_bindgen_futures::spawn_local;

use super::answer::{Verdict, judge};
use super::state::{Registration, Renewal, Stage};
use super::{backoff, network, page, storage};
use crate::islands::browser;
use crate::models::{Notice, Tone};

/// Milliseconds after which a wait is long: longer than any that the server has not asked for.
const LONG_WAIT_MS: u32 = 20_000;

impl Registration {
    /// Takes over the page: what was typed meanwhile, what an earlier load of the page left behind, and the
    /// events of the window.
    pub fn start(self) {
        self.listen();
        let is_unfinished = self.restore();
        self.judge(|_| ());
        if is_unfinished {
            self.begin();
        }
    }

    fn listen(self) {
        let is_waiting =
            move || self.look(|state| matches!(state.stage, Stage::Offline | Stage::Waiting(..)));
        browser::listen("online", move || {
            if is_waiting() {
                self.send()
            }
        });
        browser::listen("offline", move || {
            if is_waiting() {
                self.send()
            }
        });
        // Back to a page that the browser kept whole: the receipt was reached, the form is of use again.
        browser::listen("pageshow", move || {
            if self.look(|state| state.stage == Stage::Done) {
                self.change(|state| state.stage = Stage::Editing);
            }
        });
        // Pressing ends before the click it makes; the click must find everything in its place.
        browser::listen("pointerup", move || browser::after(0, move || self.release()));
        browser::listen("pointercancel", move || self.release());
    }

    /// Brings back what was typed before a reload. True when it was being sent then.
    fn restore(self) -> bool {
        let mut is_unfinished = false;
        self.change(|state| {
            state.must_ask = browser::came_by_history() && storage::was_finished(&state.view.slug);
            let is_answered = state.notice.is_some() || state.has_summary;
            let Some(saved) = storage::load(&state.view.slug).filter(|_| !is_answered) else { return };
            page::fill(&saved.values, saved.is_sending);
            // A token that was sent goes on even past its end: the server knows what it stands for.
            if saved.is_sending || saved.expires_at > state.view.server_time {
                state.view.token = saved.token;
                state.view.token_expires_at = saved.expires_at;
                state.requests = saved.requests;
            }
            is_unfinished = saved.is_sending;
        });
        is_unfinished
    }

    /// The form is submitted, by whatever means. Does nothing while a press is being worked on.
    pub fn submit(self) {
        if self.look(|state| state.stage != Stage::Editing) {
            return;
        }
        if !self.judge_all() {
            browser::focus("error-summary");
        } else if self.look(|state| state.must_ask) {
            self.ask();
        } else {
            self.change(|state| state.requests = 0);
            self.begin();
        }
    }

    /// The entrant said: yes, another person.
    pub fn confirm(self) {
        self.change(|state| state.must_ask = false);
        self.submit();
    }

    fn ask(self) {
        self.change(|state| {
            state.stage = Stage::Editing;
            state.is_asking = true;
            state.must_ask = true;
            state.save(false);
        });
        browser::focus("notice");
    }

    /// Fixes the payload and sends it for the first time.
    fn begin(self) {
        self.change(|state| {
            state.payload = page::entry_json(&state.payload());
            state.is_asking = false;
            state.failures = 0;
            state.is_renewed = false;
            state.renewal = None;
        });
        self.send();
    }

    /// Sends, now or as soon as there is a network.
    pub fn send(self) {
        let is_online = browser::is_online();
        self.change(|state| {
            state.wait += 1;
            state.stage = if is_online { Stage::Sending } else { Stage::Offline };
            state.requests += u32::from(is_online && state.renewal.is_none());
            state.save(true);
        });
        if is_online {
            spawn_local(self.exchange());
        }
    }

    /// One request and what follows from its answer.
    async fn exchange(self) {
        let state = self.look(Clone::clone);
        let slug = &state.view.slug;
        let answer = match state.renewal {
            Some(_) => network::ask_token(slug).await,
            None => network::send_entry(slug, &state.view.token, state.requests, &state.payload).await,
        };
        match judge(answer) {
            Verdict::Registered(receipt) => self.finish(slug, &receipt),
            Verdict::Token(token, expires_at) => self.renewed(token, expires_at),
            Verdict::Again(reason, asked_s) => self.wait(reason, asked_s),
            Verdict::RenewToken if state.is_renewed => self.refuse(Some(out_of_date()), Vec::new()),
            Verdict::RenewToken => self.renew(Renewal::Resend),
            Verdict::AskWhether => self.renew(Renewal::Ask),
            Verdict::Refused(notice, errors) => self.refuse(notice, errors),
        }
    }

    fn finish(self, slug: &str, receipt: &str) {
        storage::finish(slug);
        self.change(|state| state.stage = Stage::Done);
        browser::go_to(&["/receipts/", receipt].concat());
    }

    fn renew(self, renewal: Renewal) {
        self.change(|state| state.renewal = Some(renewal));
        self.send();
    }

    fn renewed(self, token: String, expires_at: i64) {
        let mut renewal = None;
        self.change(|state| {
            state.view.token = token;
            state.view.token_expires_at = expires_at;
            state.failures = 0;
            state.is_renewed = true;
            renewal = state.renewal.take();
        });
        if renewal == Some(Renewal::Ask) { self.ask() } else { self.send() }
    }

    fn refuse(self, notice: Option<Notice>, errors: Vec<FieldError>) {
        let has_notice = notice.is_some();
        self.reject(notice, errors);
        browser::focus(if has_notice { "notice" } else { "error-summary" });
    }

    /// Waits, counting down, and sends the same again.
    fn wait(self, reason: String, asked_s: Option<u32>) {
        self.change(|state| {
            state.failures += 1;
            state.wait += 1;
        });
        let (failures, wait) = self.look(|state| (state.failures, state.wait));
        let delay = backoff::delay_ms(failures, asked_s, browser::random());
        self.change(|state| state.is_long_wait = delay > LONG_WAIT_MS);
        self.tick(reason, wait, browser::elapsed_ms() + f64::from(delay));
    }

    fn tick(self, reason: String, wait: u32, until: f64) {
        if self.look(|state| state.wait != wait) {
            return;
        }
        let left = until - browser::elapsed_ms();
        if left <= 0.0 {
            self.send();
            return;
        }
        let seconds = (left / 1000.0).ceil() as u32;
        self.change(|state| state.stage = Stage::Waiting(reason.clone(), seconds));
        browser::after(left.min(1000.0).ceil() as u32, move || self.tick(reason, wait, until));
    }

    /// Stops trying and lets the entrant change the answers. The token stays: if a request did get through,
    /// the next one is answered from it.
    pub fn edit_again(self) {
        self.change(|state| {
            state.wait += 1;
            state.stage = Stage::Editing;
            state.save(false);
        });
        browser::focus("register");
    }
}

fn out_of_date() -> Notice {
    Notice {
        tone: Tone::Problem,
        title: "This page is out of date".to_owned(),
        detail: "Load the page again and register. What you typed is kept.".to_owned(),
    }
}
