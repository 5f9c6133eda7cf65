//! Pieces that organisers' pages share.

use leptos::prelude::*;

use super::models::{DrawRef, LiveView, PagerView, grouped};
use crate::components::phase_badge;
use crate::models::Chrome;

/// The hidden field that proves that a form comes from a page of ours.
pub fn csrf(chrome: &Chrome) -> impl IntoView + use<> {
    let token = chrome.organiser.as_ref().map(|organiser| organiser.csrf.clone()).unwrap_or_default();
    view! { <input type="hidden" name="csrf" value=token/> }
}

/// Where one is: links from the overview down to the page above this one.
pub fn trail(above: &[(&str, String)]) -> impl IntoView + use<> {
    let links = above.iter().map(|(name, href)| {
        let (name, href) = ((*name).to_owned(), href.clone());
        view! { <li><a href=href>{name}</a></li> }
    });
    view! {
        <nav class="trail" aria-label="Where you are">
            <ol><li><a href="/admin">"Overview"</a></li>{links.collect_view()}</ol>
        </nav>
    }
}

/// The trail of a page below a draw's page.
pub fn trail_below(draw: &DrawRef) -> impl IntoView + use<> {
    trail(&[(&draw.title, draw_href(draw))])
}

/// The address of a draw's page.
pub fn draw_href(draw: &DrawRef) -> String {
    format!("/admin/draws/{}", draw.slug)
}

/// A draw's state in one word.
pub fn badge(draw: &DrawRef) -> impl IntoView + use<> {
    phase_badge(draw.phase, draw.is_full)
}

/// Names and texts.
pub fn definitions(rows: &[(&'static str, String)]) -> impl IntoView + use<> {
    let rows = rows.iter().map(|(name, text)| {
        view! { <div><dt>{*name}</dt><dd>{text.clone()}</dd></div> }
    });
    view! { <dl class="definition">{rows.collect_view()}</dl> }
}

/// Links to the pages around; nothing when there are none.
pub fn pager(pager: &PagerView) -> impl IntoView + use<> {
    let link = |href: &Option<String>, id: &'static str, rel: &'static str, text: &'static str| {
        href.clone()
            .map(|href| view! { <a class="button button--secondary" id=id rel=rel href=href>{text}</a> })
    };
    let previous = link(&pager.previous, "previous-page", "prev", "Previous page");
    let next = link(&pager.next, "next-page", "next", "Next page");
    (previous.is_some() || next.is_some()).then(|| {
        view! { <nav class="pager" aria-label="Pages">{previous}{next}</nav> }
    })
}

/// A number that changes while one looks.
pub fn changing(live: &LiveView, what: &str, number: i64) -> impl IntoView + use<> {
    changing_text(live, what, grouped(number))
}

fn changing_text(live: &LiveView, what: &str, text: String) -> impl IntoView + use<> {
    let name = live.name(what);
    view! { <span data-live=name>{text}</span> }
}

/// A draw's counts.
pub fn counts(live: &LiveView) -> impl IntoView + use<> {
    let capacity = live.capacity.map(|capacity| {
        view! { <small>" of " {grouped(capacity.into())}</small> }
    });
    let bar = live.capacity.map(|capacity| {
        let value = live.taken.to_string();
        view! {
            <progress class="fill" max=capacity.to_string() value=value data-live=live.name("bar")
                aria-label="Places taken"></progress>
        }
    });
    view! {
        <dl class="stats">
            <div class="stat stat--live"><dt>"Entries"</dt><dd>{changing(live, "taken", live.taken)}{capacity}</dd></div>
            <div class="stat stat--live"><dt>"Last hour"</dt><dd>{changing_text(live, "hour", live.last_hour.clone())}</dd></div>
            <div class="stat stat--live"><dt>"Last minute"</dt><dd>{changing_text(live, "minute", live.last_minute.clone())}</dd></div>
        </dl>
        {bar}
    }
}

/// What each layer caught, this hour and in a day.
pub fn caught(live: &LiveView) -> impl IntoView + use<> {
    let rows = live.caught.iter().map(|caught| {
        let layer = &caught.layer;
        view! {
            <tr>
                <th scope="row">{layer_name(layer)}</th>
                <td class="table__number" data-label="This hour">
                    {changing(live, &format!("{layer}-hour"), caught.this_hour)}
                </td>
                <td class="table__number" data-label="24 hours">
                    {changing(live, &format!("{layer}-day"), caught.last_day)}
                </td>
            </tr>
        }
    });
    view! {
        <table class="table table--small caught">
            <caption>"By layer"</caption>
            <thead>
                <tr>
                    <th scope="col">"Layer"</th>
                    <th scope="col" class="table__number">"This hour"</th>
                    <th scope="col" class="table__number">"24 hours"</th>
                </tr>
            </thead>
            <tbody>{rows.collect_view()}</tbody>
        </table>
    }
}

/// The same, folded up below its sum: for where many draws are side by side.
pub fn caught_folded(live: &LiveView) -> impl IntoView + use<> {
    view! {
        <details class="caught-box">
            <summary>
                "Duplicates caught: "{changing(live, "caught", live.caught_this_hour())}" this hour"
            </summary>
            {caught(live)}
        </details>
    }
}

/// What a layer is, in words an organiser knows.
pub fn layer_name(layer: &str) -> String {
    match layer {
        "memory" => "Server's memory",
        "cache" => "Shared memory",
        "lock" => "Still in progress",
        "constraint" => "Database",
        other => other,
    }
    .to_owned()
}

/// A text as the markup inside a `<textarea>`, for `inner_html`: what stands there as a child, Leptos writes
/// without escaping it, so that a text could end the element and go on as markup.
pub fn textarea_content(text: &str) -> String {
    // HTML drops a line break right after the tag.
    format!("\n{}", text.replace('&', "&amp;").replace('<', "&lt;"))
}

/// A field of a form, with its hint and what is wrong with it.
pub struct Field<'a> {
    /// Id and name.
    pub name: &'static str,
    /// What people read.
    pub label: &'static str,
    /// `type` of the input.
    pub kind: &'static str,
    /// What browsers may fill in.
    pub autocomplete: &'static str,
    /// The text it begins with.
    pub value: &'a str,
    /// What helps to fill it in.
    pub hint: Option<String>,
    /// What is wrong.
    pub error: Option<&'a str>,
}

/// A field of a form.
pub fn field(field: Field<'_>) -> impl IntoView + use<> {
    let Field { name, label, kind, autocomplete, value, hint, error } = field;
    let hint_id = format!("{name}-hint");
    let error_id = format!("{name}-error");
    let described: Vec<&str> = [hint.is_some().then_some(&*hint_id), error.is_some().then_some(&*error_id)]
        .into_iter()
        .flatten()
        .collect();
    let described = (!described.is_empty()).then(|| described.join(" "));
    let invalid = error.map(|_| "true");
    let value = (!value.is_empty()).then(|| value.to_owned());
    let error = error.map(str::to_owned);
    view! {
        <div class="field">
            <label for=name>{label}</label>
            {hint.map(|hint| view! { <p class="field__hint" id=hint_id>{hint}</p> })}
            {error.map(|error| view! { <p class="field__error" id=error_id>{error}</p> })}
            <input id=name name=name type=kind value=value autocomplete=autocomplete autocapitalize="none"
                spellcheck="false" required aria-describedby=described aria-invalid=invalid/>
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_ends_its_textarea() {
        let text = "\n</textarea><b>&lt;</b>";
        assert_eq!(textarea_content(text), "\n\n&lt;/textarea>&lt;b>&amp;lt;&lt;/b>");
        let view = view! { <textarea inner_html=textarea_content(text)></textarea> };
        assert_eq!(view.to_html().matches("</").count(), 1, "its own end is the only one");
    }
}
