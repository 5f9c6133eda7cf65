//! `/draws/{slug}`: the form while the draw is open, and what there is to say at other times.

use leptos::prelude::*;
use shared::Phase;

use crate::components::{contact_link, paragraphs, phase_badge, time};
use crate::islands::countdown::{Countdown, CountdownView};
use crate::islands::register::RegisterForm;
use crate::islands::register::page::DATA_ID;
use crate::layout::{Head, document_with};
use crate::models::{Chrome, DrawView, FormView};

/// Milliseconds before opening from which a browser without JavaScript waits for the opening by itself.
const NEAR_MS: i64 = 15 * 60 * 1000;

/// The page of one draw: with the form where it is given, which is while the draw takes entries.
pub fn register_page(chrome: &Chrome, draw: &DrawView, form: Option<FormView>) -> String {
    let head = Head { title: &draw.title, refresh_seconds: refresh_seconds(draw), ..Head::default() };
    document_with(chrome, head, || {
        view! {
            <article class="draw">
                {heading(draw)}
                <div class="draw__columns">
                    <div class="draw__main">
                        {match form {
                            Some(form) => with_form(form).into_any(),
                            None => without_form(draw).into_any(),
                        }}
                    </div>
                    {facts(draw)}
                </div>
            </article>
        }
    })
}

/// The form, with its data beside it for the browser to find.
fn with_form(form: FormView) -> impl IntoView {
    // Serialising plain data does not fail; and the form would still work as a plain form.
    let data = serde_json::to_string(&form).unwrap_or_default();
    // So that no text can end the block: `<` means the same when escaped.
    let data = data.replace('<', "\\u003c");
    provide_context(form);
    view! {
        <script type="application/json" id=DATA_ID inner_html=data></script>
        <RegisterForm/>
    }
}

/// Seconds until just after the opening, when that is near.
fn refresh_seconds(draw: &DrawView) -> Option<u64> {
    let left = draw.opens.ms - draw.server_time;
    let is_near = draw.phase == Phase::Announced && left < NEAR_MS;
    is_near.then(|| u64::try_from(left / 1000).unwrap_or(0) + 2)
}

pub(super) fn heading(draw: &DrawView) -> impl IntoView + use<> {
    view! {
        <header class="intro">
            <p class="intro__state">{phase_badge(draw.phase, draw.is_full)}{until(draw)}</p>
            <h1>{draw.title.clone()}</h1>
            <div class="lead">{paragraphs(&draw.description)}</div>
        </header>
    }
}

/// The instant that matters next.
fn until(draw: &DrawView) -> Option<impl IntoView + use<>> {
    match draw.phase {
        Phase::Announced => Some(view! { <span>"Opens " {time(&draw.opens)}</span> }.into_any()),
        Phase::Open => Some(view! { <span>"Closes " {time(&draw.closes)}</span> }.into_any()),
        _ => None,
    }
}

pub(super) fn facts(draw: &DrawView) -> impl IntoView + use<> {
    let has_opened = draw.opens.ms <= draw.server_time;
    let has_closed = draw.closes.ms <= draw.server_time;
    let places = match draw.capacity {
        Some(1) => "1 entry, the first that is received".to_owned(),
        Some(capacity) => format!("{capacity} entries, in the order in which they are received"),
        None => "As many entries as come; each has the same chance".to_owned(),
    };
    view! {
        <aside class="facts" aria-label="About this draw">
            <dl class="definition">
                <div><dt>{if has_opened { "Opened" } else { "Opens" }}</dt><dd>{time(&draw.opens)}</dd></div>
                <div><dt>{if has_closed { "Closed" } else { "Closes" }}</dt><dd>{time(&draw.closes)}</dd></div>
                {draw.draws.as_ref().map(|draws| view! { <div><dt>"Winners drawn"</dt><dd>{time(draws)}</dd></div> })}
                <div><dt>"Places"</dt><dd>{places}</dd></div>
                {draw.rules.min_age.map(|age| view! {
                    <div><dt>"Age"</dt><dd>{format!("{age} or older on the day the draw closes")}</dd></div>
                })}
                {draw.contact.as_ref().map(|contact| view! {
                    <div><dt>"Questions"</dt><dd>{contact_link(contact)}</dd></div>
                })}
            </dl>
            {links(draw)}
        </aside>
    }
}

fn links(draw: &DrawView) -> impl IntoView + use<> {
    let link = |url: &Option<String>, text: &'static str| {
        url.clone().map(|url| view! { <li><a href=url rel="noopener">{text}</a></li> })
    };
    (draw.terms_url.is_some() || draw.privacy_url.is_some()).then(|| {
        view! {
            <ul class="facts__links">
                {link(&draw.terms_url, "Terms")}
                {link(&draw.privacy_url, "Privacy notice")}
            </ul>
        }
    })
}

fn without_form(draw: &DrawView) -> AnyView {
    match draw.phase {
        Phase::Announced | Phase::Draft => not_open(draw).into_any(),
        Phase::Open if draw.is_full => panel(
            "This draw is full",
            "Every place is taken. If an entrant withdraws, a place becomes free and the form is here again.",
            None,
        )
        .into_any(),
        Phase::Open => {
            panel("Registration is not possible just now", "Load this page again in a moment.", None)
                .into_any()
        }
        Phase::Cancelled => panel(
            "This draw was called off",
            "No winners will be drawn. Who has registered need not do anything.",
            None,
        )
        .into_any(),
        phase => {
            let href = format!("/draws/{}/result", draw.slug);
            let text = "Who has a receipt takes part. New entries are not accepted any more.";
            panel("Registration has ended", text, Some((href, phase == Phase::Published))).into_any()
        }
    }
}

fn not_open(draw: &DrawView) -> impl IntoView + use<> {
    provide_context(CountdownView { server_time: draw.server_time, opens_at: draw.opens.ms });
    let advice = match draw.capacity {
        None => "There is no need to hurry: every entry received before closing has the same chance.",
        Some(_) => "Places are limited and given in the order in which entries are received.",
    };
    view! {
        <section class="panel">
            <h2>"Not open yet"</h2>
            <p>"Registration opens on " {time(&draw.opens)} "."</p>
            <Countdown/>
            <p class="panel__scripted">"The form appears here by itself. You can leave this page open."</p>
            <noscript><p>"Load this page again then to see the form."</p></noscript>
            <p>{advice}</p>
        </section>
    }
}

/// `result` is the address of the result, and whether there is one yet.
fn panel(title: &'static str, text: &'static str, result: Option<(String, bool)>) -> impl IntoView {
    let result = result.map(|(href, is_out)| {
        let (class, text) = if is_out {
            ("button", "See the result")
        } else {
            ("button button--secondary", "When is the result out?")
        };
        view! { <a class=class href=href>{text}</a> }
    });
    view! {
        <section class="panel">
            <h2>{title}</h2>
            <p>{text}</p>
            <p class="panel__actions">
                {result}
                <a class="button button--secondary" href="/">"All draws"</a>
            </p>
        </section>
    }
}
