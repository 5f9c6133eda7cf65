//! The registration form. Without JavaScript it is a plain form; with it, the rules are checked while
//! typing, and what is sent is sent until it arrives.
//!
//! | to change | look in |
//! | --- | --- |
//! | which fields there are | [`fields`] |
//! | which complaints are shown, and when | [`checks`], [`state`] |
//! | what follows a press of Register | [`sending`]; what an answer means: [`answer`]; waits: [`backoff`] |
//! | what survives a reload | [`storage`] |

pub mod answer;
pub mod backoff;
pub mod checks;
#[cfg(feature = "ssr")]
mod fields;
mod network;
pub mod page;
mod sending;
mod state;
mod storage;

use leptos::prelude::*;
use wasm_bindgen::JsCast as _;
use web_sys::{Element, Event, HtmlAnchorElement};

use self::state::{Registration, Stage, State};
use crate::islands::browser;
use crate::models::{FormView, Notice, Tone};

/// The registration form of one draw. On the server its [`FormView`] comes as context.
#[island]
pub fn RegisterForm() -> impl IntoView {
    let form = data();
    let action = ["/draws/", &form.slug].concat();
    let token = form.token.clone();
    let (fields, errors) = (fields(&form), error_links(&form));
    let promise = if form.capped {
        "Places are limited. Registration ends when they are taken."
    } else {
        "Being early brings no advantage: every entry received before closing has the same chance."
    };
    let registration = Registration::new(form);
    if cfg!(not(feature = "ssr")) {
        browser::after(0, move || registration.start());
    }
    let is_busy = move || registration.watch(|state| state.stage != Stage::Editing);
    view! {
        <form id=page::FORM_ID class="form" method="post" action=action novalidate
            on:submit=move |event| { event.prevent_default(); registration.submit(); }
            on:input=move |event| registration.changed(&field_of(&event))
            on:focusout=move |event| registration.left(&field_of(&event))
            on:pointerdown=move |_| registration.press()>
            {notice(registration)}
            <div id="error-summary" class="notice notice--problem" role="alert" tabindex="-1"
                hidden=move || registration.watch(|state| !state.has_summary) on:click=follow>
                <p class="notice__title">"Some answers need another look"</p>
                <ul id="error-list" inner_html=errors></ul>
            </div>
            <p class="form__promise">{promise}</p>
            <input type="hidden" name="token" value=token/>
            <div class="form__fields" inert=is_busy inner_html=fields></div>
            {send(registration)}
        </form>
    }
}

/// What the form is made of: given by the page on the server, found in the page in the browser.
fn data() -> FormView {
    if cfg!(feature = "ssr") { use_context().unwrap_or_default() } else { page::form_view() }
}

#[cfg(feature = "ssr")]
use self::fields::{error_links, fields};

/// In the browser the fields are in the page already.
#[cfg(not(feature = "ssr"))]
fn fields(_form: &FormView) -> String {
    String::new()
}

/// In the browser the links are in the page already, and replaced by [`page::show`].
#[cfg(not(feature = "ssr"))]
fn error_links(_form: &FormView) -> String {
    String::new()
}

/// The field an event is about; empty where it is about something else.
fn field_of(event: &Event) -> String {
    let name = event.target().and_then(|target| target.unchecked_into::<Element>().get_attribute("name"));
    name.unwrap_or_default()
}

/// A link of the error summary leads into the field, not only to where it begins.
fn follow(event: leptos::ev::MouseEvent) {
    let link = event.target().and_then(|target| target.dyn_into::<HtmlAnchorElement>().ok());
    if let Some(link) = link {
        event.prevent_default();
        browser::focus(link.hash().trim_start_matches('#'));
    }
}

/// News, problems, and the question whether this is another person.
fn notice(registration: Registration) -> impl IntoView {
    let text = move |part: fn(Notice) -> String| {
        move || registration.watch(|state| news(state).map(part).unwrap_or_default())
    };
    let is_problem = |state: &State| news(state).is_some_and(|notice| notice.tone == Tone::Problem);
    view! {
        <div id="notice" class="notice" role="alert" tabindex="-1"
            data-problem=move || registration.watch(is_problem)
            hidden=move || registration.watch(|state| news(state).is_none())>
            <p class="notice__title">{text(|notice| notice.title)}</p>
            <p>{text(|notice| notice.detail)}</p>
            <p class="notice__actions" hidden=move || registration.watch(|state| !state.is_asking)>
                <button type="button" class="button" id="confirm-another" on:click=move |_| registration.confirm()>
                    "Yes, register another person"
                </button>
            </p>
        </div>
    }
}

fn news(state: &State) -> Option<Notice> {
    if !state.is_asking {
        return state.notice.clone();
    }
    let (name, email) = (state.values.full_name.trim(), state.values.email.trim());
    Some(Notice {
        tone: Tone::Info,
        title: "A registration was already sent from this page".to_owned(),
        detail: ["Register ", name, " <", email, "> as another person?"].concat(),
    })
}

/// The button, and what is happening since it was pressed.
fn send(registration: Registration) -> impl IntoView {
    let text = move |text: fn(&State) -> String| move || registration.watch(text);
    view! {
        <div class="form__send">
            <button id="register" class="button button--large" type="submit"
                disabled=move || registration.watch(|state| state.stage != Stage::Editing)>{text(button)}</button>
            <p id="status" class="form__status" role="status">{text(status)}</p>
            <p id="retry" class="form__retry" aria-hidden="true">{text(retry)}</p>
            <p class="form__impatient" hidden=move || registration.watch(|state| !offers_more(state))>
                <button id="try-now" type="button" class="button button--secondary"
                    on:click=move |_| registration.send()>"Try now"</button>
                <button id="edit-again" type="button" class="button button--quiet"
                    on:click=move |_| registration.edit_again()>"Change my answers"</button>
            </p>
        </div>
    }
}

fn button(state: &State) -> String {
    let text = match state.stage {
        Stage::Editing => "Register",
        Stage::Done => "Registered",
        Stage::Waiting(..) | Stage::Offline => "Waiting…",
        Stage::Sending => "Sending…",
    };
    text.to_owned()
}

fn status(state: &State) -> String {
    let text = match &state.stage {
        Stage::Editing => "",
        Stage::Sending => "Your request has been received, please wait",
        Stage::Waiting(reason, _) => {
            return [reason, ". Your answers are kept, and sent again by themselves."].concat();
        }
        Stage::Offline => "You are offline. The form will be sent when you are back.",
        Stage::Done => "You are registered. Your receipt is being opened.",
    };
    text.to_owned()
}

fn retry(state: &State) -> String {
    let Stage::Waiting(_, seconds) = state.stage else { return String::new() };
    let fairness = if state.view.capped { "" } else { "; your place in the draw does not depend on it" };
    ["Trying again in ", &seconds.to_string(), " s", fairness].concat()
}

/// Whether there is more to do than to wait: after ten tries, in a long wait, or without a network.
fn offers_more(state: &State) -> bool {
    match state.stage {
        Stage::Waiting(..) => state.failures >= 10 || state.is_long_wait,
        Stage::Offline => true,
        _ => false,
    }
}
