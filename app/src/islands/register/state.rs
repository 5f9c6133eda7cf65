//! The form while it is filled in: what is typed, what is complained about.

use leptos::prelude::*;
use shared::entry::FIELDS;
use shared::rules::{Dates, parse_date};
use shared::{EntryForm, FieldError};

use super::checks::{self, FieldSet};
use super::page;
use super::storage::{self, Saved};
use crate::models::{FormValues, FormView, Notice};

/// What the form is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Waits for the entrant.
    Editing,
    /// A request is under way.
    Sending,
    /// Tries again after so many seconds; the text says why.
    Waiting(String, u32),
    /// Waits for the network.
    Offline,
    /// Registered; the receipt is being opened.
    Done,
}

/// Why another token is needed before anything can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// The old one is void: send the same with the new one.
    Resend,
    /// The old one belongs to an entry: ask whether this is another person.
    Ask,
}

/// Everything the form knows.
#[derive(Clone, Debug)]
pub struct State {
    /// What the page was made of. Its token is the present one.
    pub view: FormView,
    /// What the form is doing.
    pub stage: Stage,
    /// What the controls hold.
    pub values: FormValues,
    /// The complaints shown.
    pub complaints: Vec<FieldError>,
    /// Whether the error summary is shown.
    pub has_summary: bool,
    /// News above the form.
    pub notice: Option<Notice>,
    /// Whether it is being asked if this is another person.
    pub is_asking: bool,
    /// Whether it has to be asked: an entry was sent from this page before.
    pub must_ask: bool,
    /// The entry in JSON, fixed when Register was pressed.
    pub payload: String,
    /// Requests made since then.
    pub requests: u32,
    /// How many of the last requests may be tried again.
    pub failures: u32,
    /// Set while another token is needed.
    pub renewal: Option<Renewal>,
    /// Whether the token was replaced in this press already: a second refusal is not for its age.
    pub is_renewed: bool,
    /// Counts waits, so that a timer of an earlier one does nothing.
    pub wait: u32,
    /// Whether the present wait is longer than people wait without something to do.
    pub is_long_wait: bool,
    touched: FieldSet,
    rejected: Vec<FieldError>,
    is_pressing: bool,
    left_while_pressing: String,
}

impl State {
    /// The days that ages are judged by. Days that cannot be read are far away, where nobody is a minor.
    fn dates(&self) -> Dates {
        let date = |text: &str| parse_date(text).unwrap_or(jiff::civil::Date::MAX);
        Dates { today: date(&self.view.today), closing: date(&self.view.closing_date) }
    }

    /// What would be sent now.
    pub fn payload(&self) -> EntryForm {
        checks::payload(&self.values, &self.view.rules, self.dates())
    }

    /// Judges what the controls hold.
    fn judge(&mut self) {
        self.values = page::values();
        let (rules, dates) = (&self.view.rules, self.dates());
        self.complaints = checks::complaints(&self.payload(), rules, dates, self.touched, &self.rejected);
        self.has_summary &= !self.complaints.is_empty();
    }

    /// The fields that matter to these answers.
    fn needed(&self) -> FieldSet {
        let (rules, dates) = (&self.view.rules, self.dates());
        let is_needed = |field: &&str| checks::is_needed(field, &self.values, rules, dates);
        FIELDS.iter().filter(|field| is_needed(field)).fold(FieldSet::default(), |set, field| set.with(field))
    }

    /// Keeps the form for a reload.
    pub fn save(&self, is_sending: bool) {
        let saved = Saved {
            values: self.values.clone(),
            token: self.view.token.clone(),
            expires_at: self.view.token_expires_at,
            is_sending,
            requests: self.requests,
        };
        storage::save(&self.view.slug, &saved);
    }
}

/// The form: a handle, copied freely into event handlers.
#[derive(Clone, Copy)]
pub struct Registration(RwSignal<State>);

impl Registration {
    /// The form as the server made it.
    pub fn new(view: FormView) -> Self {
        Self(RwSignal::new(State {
            stage: Stage::Editing,
            values: view.values.clone(),
            complaints: view.errors.clone(),
            has_summary: !view.errors.is_empty(),
            notice: view.notice.clone(),
            is_asking: false,
            must_ask: false,
            payload: String::new(),
            requests: 0,
            failures: 0,
            renewal: None,
            is_renewed: false,
            wait: 0,
            is_long_wait: false,
            touched: view.errors.iter().fold(FieldSet::default(), |set, error| set.with(&error.field)),
            rejected: view.errors.clone(),
            is_pressing: false,
            left_while_pressing: String::new(),
            view,
        }))
    }

    /// Looks, and looks again whenever anything changes.
    pub fn watch<T>(self, look: impl FnOnce(&State) -> T) -> T {
        self.0.track();
        self.look(look)
    }

    /// Looks once.
    pub fn look<T>(self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.0.read_untracked())
    }

    /// Changes what is shown.
    pub fn change(self, change: impl FnOnce(&mut State)) {
        let mut change = Some(change);
        self.apply(&mut |state| {
            if let Some(change) = change.take() {
                change(state);
            }
        });
    }

    /// One function for all changes: the signal's own is long, and would be there once for each of them.
    #[inline(never)]
    fn apply(self, change: &mut dyn FnMut(&mut State)) {
        self.0.update(|state| change(state));
    }

    /// Judges anew what the controls hold, after a change of what is known, and shows what is found. Writing
    /// to the page can cause events, so nothing is held meanwhile.
    pub fn judge(self, change: impl FnOnce(&mut State)) {
        self.change(|state| {
            change(state);
            state.judge();
        });
        let (complaints, needed) = self.look(|state| (state.complaints.clone(), state.needed()));
        page::show(&complaints, needed);
    }

    /// A control changed: what the server said about it is over, and what is mended is no longer shown.
    pub fn changed(self, field: &str) {
        self.judge(|state| state.rejected.retain(|error| error.field != field));
        self.look(|state| state.save(false));
    }

    /// A control was left: from now on it is complained about. While a button of the mouse is down that
    /// waits, because a message that appears moves whatever is being pressed away from under the pointer.
    pub fn left(self, field: &str) {
        if field.is_empty() {
            return; // A link or the summary, not a control.
        }
        if self.look(|state| state.is_pressing) {
            self.change(|state| state.left_while_pressing = field.to_owned());
        } else if self.look(|state| state.stage == Stage::Editing) {
            self.judge(|state| state.touched = state.touched.with(field));
        }
    }

    /// A button of the mouse went down, or a finger.
    pub fn press(self) {
        self.change(|state| state.is_pressing = true);
    }

    /// It came up again.
    pub fn release(self) {
        let mut left = String::new();
        self.change(|state| {
            state.is_pressing = false;
            left = std::mem::take(&mut state.left_while_pressing);
        });
        if !left.is_empty() {
            self.left(&left);
        }
    }

    /// Judges everything, as pressing Register does. Whether nothing is wrong.
    pub fn judge_all(self) -> bool {
        self.judge(|state| {
            state.touched = FieldSet::ALL;
            state.rejected.clear();
            state.notice = None;
            state.has_summary = true;
        });
        !self.look(|state| state.has_summary)
    }

    /// Takes over what the server said, and lets the entrant go on.
    pub fn reject(self, notice: Option<Notice>, errors: Vec<FieldError>) {
        self.judge(|state| {
            state.stage = Stage::Editing;
            state.rejected = errors;
            state.notice = notice;
            state.has_summary = true;
        });
        self.look(|state| state.save(false));
    }
}
