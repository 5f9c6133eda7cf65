//! `/admin/draws/{slug}`, and the question before its state changes.

use leptos::prelude::*;
use shared::{Action, Asked, DrawRules, Phase};

use super::models::{ChangeView, DrawPage, HourView, LiveView, grouped};
use super::parts::{badge, caught, counts, csrf, definitions, draw_href, layer_name, trail, trail_below};
use crate::components::notice;
use crate::layout::document;
use crate::models::Chrome;

/// One draw: its counts, what was decided about it, what may be done.
pub fn draw_page(chrome: &Chrome, page: &DrawPage) -> String {
    document(chrome, &page.draw.title, || {
        let href = draw_href(&page.draw);
        view! {
            {trail(&[])}
            <header class="page-head">
                <div>
                    <h1>{page.draw.title.clone()}</h1>
                    <p>{badge(&page.draw)}</p>
                </div>
                <div class="page-head__actions">
                    <a class="button" id="entries" href=format!("{href}/entries")>"Entries"</a>
                    <a class="button button--secondary" id="export" href=format!("{href}/entries.csv") download>
                        "Download CSV"
                    </a>
                </div>
            </header>
            {page.notice.as_ref().map(notice)}
            {counts(&page.live)}
            <div class="halves">
                <section class="panel" aria-labelledby="about">
                    <h2 id="about">"About this draw"</h2>
                    {definitions(&page.facts)}
                    {(page.draw.phase != Phase::Cancelled).then(|| view! {
                        <p><a class="button button--secondary" id="edit" href=format!("{href}/edit")>"Edit…"</a></p>
                    })}
                    {public_link(page)}
                </section>
                <section class="panel" aria-labelledby="asked">
                    <h2 id="asked">"What is asked"</h2>
                    {rules(&page.rules)}
                </section>
            </div>
            <section class="stack section" aria-labelledby="caught">
                <h2 id="caught">"Duplicates caught"</h2>
                <p>"A duplicate is a request that named an entry which was there, or being made, already. Counts are
                    up to a minute old."</p>
                {caught(&page.live)}
                {hours(&page.live, &page.hours)}
            </section>
            {actions(&href, &page.actions)}
        }
    })
}

fn public_link(page: &DrawPage) -> impl IntoView + use<> {
    let href = format!("/draws/{}", page.draw.slug);
    if page.draw.phase == Phase::Draft {
        return view! { <p>"This is a draft: only organisers see it."</p> }.into_any();
    }
    view! { <p><a href=href>"The page entrants see"</a></p> }.into_any()
}

fn rules(rules: &DrawRules) -> impl IntoView + use<> {
    let asked = |asked: Asked| match asked {
        Asked::Required => "required".to_owned(),
        Asked::Optional => "optional".to_owned(),
        Asked::Off => "not asked".to_owned(),
    };
    let phone = match (rules.phone, rules.one_per_phone) {
        (Asked::Off, _) => asked(Asked::Off),
        (phone, true) => format!("{}, each number once", asked(phone)),
        (phone, false) => asked(phone),
    };
    let mut rows = vec![("Phone", phone), ("Date of birth", asked(rules.date_of_birth))];
    if let Some(age) = rules.min_age {
        rows.push(("Youngest age", format!("{age} on the closing date")));
    }
    rows.push(("Country", asked(rules.country)));
    if !rules.countries.is_empty() {
        rows.push(("Countries", rules.countries.join(", ")));
    }
    rows.push(("Postcode", asked(rules.postcode)));
    for category in &rules.categories {
        let party = match (category.min_party, category.max_party) {
            (1, 1) => "one person".to_owned(),
            (least, most) if least == most => format!("{least} people"),
            (least, most) => format!("{least} to {most} people"),
        };
        let member = category.member_id.as_ref().map(|pattern| format!(", membership number {pattern}"));
        rows.push(("Category", format!("{}: {party}{}", category.label, member.unwrap_or_default())));
    }
    for session in &rules.sessions {
        let label = |id: &String| rules.category(id).map_or(id, |category| &category.label).clone();
        let excluded: Vec<String> = session.excludes.iter().map(label).collect();
        let text = match excluded.is_empty() {
            true => session.label.clone(),
            false => format!("{}, not for {}", session.label, excluded.join(", ")),
        };
        rows.push(("Session", text));
    }
    definitions(&rows)
}

/// One row an hour in which anything was caught.
fn hours(live: &LiveView, hours: &[HourView]) -> impl IntoView + use<> {
    if hours.is_empty() {
        return view! { <p>"Nothing was caught in the last 24 hours."</p> }.into_any();
    }
    let layers: Vec<String> = live.caught.iter().map(|caught| layer_name(&caught.layer)).collect();
    let heads =
        layers.iter().cloned().map(|layer| view! { <th scope="col" class="table__number">{layer}</th> });
    let heads = heads.collect_view();
    let rows = hours.iter().map(|row| {
        let cells = row.counts.iter().zip(layers.clone()).map(|(count, layer)| {
            view! { <td class="table__number" data-label=layer>{grouped(*count)}</td> }
        });
        view! { <tr><th scope="row">{row.hour.clone()}</th>{cells.collect_view()}</tr> }
    });
    view! {
        <table class="table" id="hours">
            <caption>"Hour by hour"</caption>
            <thead><tr><th scope="col">"Hour from"</th>{heads}</tr></thead>
            <tbody>{rows.collect_view()}</tbody>
        </table>
    }
    .into_any()
}

/// What may be done with a draw; each leads to a page that asks first.
fn actions(href: &str, actions: &[Action]) -> impl IntoView + use<> {
    let rows = actions.iter().map(|action| {
        let Wording { link, summary, .. } = wording(*action);
        let to = format!("{href}/{}", action.as_str());
        view! {
            <li>
                <p>{summary}</p>
                <a class="button button--secondary" id=action.as_str() href=to>{link}</a>
            </li>
        }
    });
    let rows = rows.collect_view();
    (!actions.is_empty()).then(|| {
        view! {
            <section class="stack section" aria-labelledby="change">
                <h2 id="change">"Change its state"</h2>
                <ul class="actions">{rows}</ul>
            </section>
        }
    })
}

/// What an action is called, and what comes of it.
struct Wording {
    link: &'static str,
    summary: &'static str,
    question: &'static str,
    consequences: &'static [&'static str],
    button: &'static str,
    class: &'static str,
}

fn wording(action: Action) -> Wording {
    match action {
        Action::Announce => Wording {
            link: "Announce…",
            summary: "Make this draft public.",
            question: "Announce this draw?",
            consequences: &[
                "Everybody sees it in the list of draws.",
                "It takes entries from its opening instant on, by itself.",
                "It cannot become a draft again.",
            ],
            button: "Announce the draw",
            class: "button",
        },
        Action::Close => Wording {
            link: "Close…",
            summary: "End registration now, before the closing time. It closes by itself then.",
            question: "Close registration now?",
            consequences: &[
                "The list of entries is frozen: nobody can register or withdraw any more.",
                "Everybody who was told that they are registered is on the list.",
                "The draw cannot be opened again.",
            ],
            button: "Close registration",
            class: "button button--danger",
        },
        Action::Cancel => Wording {
            link: "Cancel…",
            summary: "Call the draw off.",
            question: "Cancel this draw?",
            consequences: &[
                "Nobody can register any more, and no winners will be drawn.",
                "It leaves the list of draws. Its page and all receipts say that it was called off.",
                "Entries are kept, so that you can still export them.",
                "This cannot be undone.",
            ],
            button: "Cancel the draw",
            class: "button button--danger",
        },
    }
}

/// Asks whether a change of state is meant, and says what comes of it.
pub fn change_page(chrome: &Chrome, change: &ChangeView) -> String {
    let Wording { question, consequences, button, class, .. } = wording(change.action);
    document(chrome, question, || {
        let href = draw_href(&change.draw);
        let to = format!("{href}/{}", change.action.as_str());
        let entries = match change.taken {
            0 => "It has no entries.".to_owned(),
            1 => "It has one entry.".to_owned(),
            taken => format!("It has {} entries.", grouped(taken)),
        };
        view! {
            {trail_below(&change.draw)}
            <section class="panel panel--narrow">
                <h1>{question}</h1>
                <p><strong>{change.draw.title.clone()}</strong>" "{badge(&change.draw)}</p>
                <p>{entries}</p>
                <ul>{consequences.iter().map(|text| view! { <li>{*text}</li> }).collect_view()}</ul>
                <form method="post" action=to class="panel__actions">
                    {csrf(chrome)}
                    <button class=class id="confirm-change">{button}</button>
                    <a class="button button--secondary" href=href>"Leave it as it is"</a>
                </form>
            </section>
        }
    })
}
