//! `/`: the list of draws.

use leptos::prelude::*;
use shared::Phase;

use crate::components::{phase_badge, time};
use crate::layout::{Head, document_with};
use crate::models::{Chrome, DrawCard};

/// Characters of a description shown in the list.
const TEASER_CHARS: usize = 180;

/// The list of draws, in the order given.
pub fn draws_page(chrome: &Chrome, draws: &[DrawCard]) -> String {
    let head = Head { title: "Draws", ..Head::default() };
    document_with(chrome, head, || {
        view! {
            <div class="intro">
                <h1>"Draws"</h1>
                <p class="lead">
                    "Register once, at any time while a draw is open. Pressing twice never counts twice, and never costs
                    you your place."
                </p>
            </div>
            {if draws.is_empty() { empty().into_any() } else { list(draws).into_any() }}
        }
    })
}

fn empty() -> impl IntoView {
    view! {
        <div class="empty">
            <h2>"No draws at the moment"</h2>
            <p>"When an organiser announces one, it is listed here with the time it opens."</p>
        </div>
    }
}

fn list(draws: &[DrawCard]) -> impl IntoView + use<> {
    view! { <ul class="cards">{draws.iter().map(card).collect_view()}</ul> }
}

fn card(draw: &DrawCard) -> impl IntoView + use<> {
    let href = format!("/draws/{}", draw.slug);
    let (label, when) = match draw.phase {
        Phase::Announced => ("Opens", &draw.opens),
        Phase::Open => ("Open until", &draw.closes),
        _ => ("Closed", &draw.closes),
    };
    view! {
        <li class="card">
            <p class="card__badge">{phase_badge(draw.phase, false)}</p>
            <h2 class="card__title"><a href=href>{draw.title.clone()}</a></h2>
            <p class="card__text">{teaser(&draw.description)}</p>
            <p class="card__time"><span>{label}</span>{time(when)}</p>
        </li>
    }
}

/// The first paragraph, cut at a word.
fn teaser(description: &str) -> String {
    let first = description.split("\n\n").map(str::trim).find(|text| !text.is_empty()).unwrap_or_default();
    if first.chars().count() <= TEASER_CHARS {
        return first.to_owned();
    }
    let cut: String = first.chars().take(TEASER_CHARS).collect();
    let whole_words = cut.rsplit_once(char::is_whitespace).map_or(cut.as_str(), |(words, _)| words);
    format!("{}…", whole_words.trim_end_matches([',', '.', ';', ':']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_teaser_ends_with_a_whole_word() {
        assert_eq!(teaser("One.\n\nTwo."), "One.");
        let long = teaser(&"garden ".repeat(60));
        assert!(long.ends_with("garden…") && long.chars().count() <= TEASER_CHARS + 1);
    }
}
