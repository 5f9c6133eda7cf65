//! Small pieces that several pages share.

use leptos::prelude::*;
use shared::Phase;

use crate::models::{Notice, Tone, When};

/// The brand mark: a gate, its bridge half lowered on a chain.
pub fn mark() -> impl IntoView {
    view! {
        <svg class="brand__mark" viewBox="0 0 32 32" width="32" height="32" aria-hidden="true" focusable="false">
            <path class="brand__wall" d="M3 29V5h4v3h4V5h4v3h2V5h4v3h4V5h4v24h-6V19a7 7 0 0 0-14 0v10z"/>
            <path class="brand__bridge" d="M9.6 29 23 29M10 28 20.5 17.500" />
        </svg>
    }
}

/// An instant, readable and for machines.
pub fn time(when: &When) -> impl IntoView + use<> {
    view! { <time datetime=when.iso.clone()>{when.text.clone()}</time> }
}

/// A draw's state in one word.
pub fn phase_badge(phase: Phase, is_full: bool) -> impl IntoView {
    let (class, text) = match phase {
        Phase::Open if is_full => ("badge badge--closed", "Full"),
        Phase::Draft => ("badge badge--draft", "Draft"),
        Phase::Announced => ("badge badge--announced", "Opens soon"),
        Phase::Open => ("badge badge--open", "Open"),
        Phase::Closed | Phase::Committed => ("badge badge--closed", "Closed"),
        Phase::Drawn => ("badge badge--closed", "Drawn"),
        Phase::Published => ("badge badge--published", "Result out"),
        Phase::Cancelled => ("badge badge--cancelled", "Cancelled"),
    };
    view! { <span class=class>{text}</span> }
}

/// A problem or a piece of news.
pub fn notice(notice: &Notice) -> impl IntoView + use<> {
    let (class, role) = match notice.tone {
        Tone::Info => ("notice", "status"),
        Tone::Success => ("notice notice--success", "status"),
        Tone::Problem => ("notice notice--problem", "alert"),
    };
    let Notice { title, detail, .. } = notice.clone();
    view! {
        <div class=class role=role>
            <p class="notice__title">{title}</p>
            {(!detail.is_empty()).then(|| view! { <p>{detail}</p> })}
        </div>
    }
}

/// Text with empty lines between its paragraphs.
pub fn paragraphs(text: &str) -> impl IntoView + use<> {
    text.split("\n\n")
        .map(str::trim)
        .filter(|paragraph| !paragraph.is_empty())
        .map(|paragraph| view! { <p>{paragraph.to_owned()}</p> })
        .collect_view()
}

/// Whom to ask: an email address or a URL becomes a link.
pub fn contact_link(contact: &str) -> impl IntoView + use<> {
    let contact = contact.to_owned();
    if contact.starts_with("https://") || contact.starts_with("http://") {
        view! { <a href=contact.clone() rel="noopener">{contact.clone()}</a> }.into_any()
    } else if contact.contains('@') {
        view! { <a href=format!("mailto:{contact}")>{contact.clone()}</a> }.into_any()
    } else {
        contact.into_any()
    }
}
