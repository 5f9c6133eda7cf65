//! `/draws/{slug}/result`: what is known of the result.

use leptos::prelude::*;
use shared::Phase;

use super::register::{facts, heading};
use crate::components::time;
use crate::layout::{Head, document_with};
use crate::models::{Chrome, DrawView};

/// The result of one draw, or how far it is from having one.
pub fn result_page(chrome: &Chrome, draw: &DrawView) -> String {
    let title = format!("Result of {}", draw.title);
    let head = Head { title: &title, ..Head::default() };
    document_with(chrome, head, || {
        view! {
            <article class="draw">
                {heading(draw)}
                <div class="draw__columns">
                    <section class="panel draw__main">
                        <h2>"Result"</h2>
                        <p>{state_of_result(draw.phase)}</p>
                        {expected(draw)}
                        <p class="panel__actions">
                            <a class="button button--secondary" href=format!("/draws/{}", draw.slug)>"About this draw"</a>
                        </p>
                    </section>
                    {facts(draw)}
                </div>
            </article>
        }
    })
}

fn state_of_result(phase: Phase) -> &'static str {
    match phase {
        Phase::Draft | Phase::Announced => "Registration has not begun, so there is no result yet.",
        Phase::Open => "Registration is still open. Winners are drawn after it has ended.",
        Phase::Closed => "Registration has ended. Winners have not been drawn yet.",
        Phase::Committed => {
            "The list of entries is frozen and its fingerprint fixed. Winners have not been drawn yet."
        }
        Phase::Drawn => "Winners have been drawn. The result has not been published yet.",
        Phase::Published => "The result has been published by the organiser.",
        Phase::Cancelled => "This draw was called off. No winners will be drawn.",
    }
}

fn expected(draw: &DrawView) -> impl IntoView + use<> {
    let is_to_come = matches!(draw.phase, Phase::Announced | Phase::Open | Phase::Closed | Phase::Committed);
    draw.draws.as_ref().filter(|_| is_to_come).map(|draws| {
        view! { <p>"Winners are to be drawn on " {time(draws)} "."</p> }
    })
}
