//! `/admin/draws/{slug}/entries`: the table of entries.

use leptos::prelude::*;

use super::models::{EntriesQuery, EntriesView, EntryLineView, PagerView, grouped};
use super::parts::{draw_href, pager, trail_below};
use crate::components::time;
use crate::layout::document;
use crate::models::Chrome;

/// One page of a draw's entries, with what narrows the list.
pub fn entries_page(chrome: &Chrome, entries: &EntriesView) -> String {
    let title = format!("Entries of {}", entries.draw.title);
    document(chrome, &title, || {
        let href = draw_href(&entries.draw);
        view! {
            {trail_below(&entries.draw)}
            <header class="page-head">
                <div>
                    <h1>"Entries"</h1>
                    <p id="taken">{entries.draw.title.clone()}": "{taken(entries.taken)}</p>
                </div>
                <div class="page-head__actions">
                    <a class="button button--secondary" id="export" href=format!("{href}/entries.csv") download>
                        "Download CSV"
                    </a>
                </div>
            </header>
            {filters(entries, format!("{href}/entries"))}
            <h2 id="heading">{entries.heading.clone()}</h2>
            {if entries.rows.is_empty() {
                empty(entries).into_any()
            } else {
                table(&entries.rows).into_any()
            }}
            {pager(&entries.pager)}
        }
    })
}

fn taken(taken: i64) -> String {
    match taken {
        1 => "1 entry takes part".to_owned(),
        taken => format!("{} entries take part", grouped(taken)),
    }
}

fn filters(entries: &EntriesView, href: String) -> impl IntoView + use<> {
    let EntriesQuery { search, state, category, session, sort } = entries.query.clone();
    let states = [("registered", "Taking part"), ("withdrawn", "Withdrawn"), ("removed", "Removed")];
    let sorts = [("newest", "Latest first"), ("oldest", "Earliest first"), ("name", "Name")];
    let owned = |options: &[(&str, &str)]| -> Vec<(String, String)> {
        options.iter().map(|(value, text)| ((*value).to_owned(), (*text).to_owned())).collect()
    };
    let or_all = |options: &[(String, String)]| {
        let all = std::iter::once((String::new(), "All".to_owned()));
        all.chain(options.iter().cloned()).collect::<Vec<_>>()
    };
    let reset = entries.query.is_narrowed().then(|| {
        view! { <a class="button button--secondary" id="reset" href=href.clone()>"Reset"</a> }
    });
    view! {
        <form class="toolbar" role="search" method="get" action=href>
            <div class="field toolbar__wide">
                <label for="q">"Search"</label>
                <input id="q" name="q" type="search" value=search maxlength="254" autocomplete="off"
                    autocapitalize="none" spellcheck="false" aria-describedby="q-hint"/>
                <p class="field__hint" id="q-hint">"The beginning of a name, a whole email address, or a receipt code"</p>
            </div>
            {select("state", "State", &owned(&states), &state)}
            {(!entries.categories.is_empty())
                .then(|| select("category", "Category", &or_all(&entries.categories), &category))}
            {(!entries.sessions.is_empty())
                .then(|| select("session", "Session", &or_all(&entries.sessions), &session))}
            {select("sort", "Order", &owned(&sorts), &sort)}
            <div class="toolbar__actions">
                <button class="button" id="apply">"Show"</button>
                {reset}
            </div>
        </form>
    }
}

fn select(
    name: &'static str,
    label: &'static str,
    options: &[(String, String)],
    chosen: &str,
) -> impl IntoView + use<> {
    let options = options.iter().map(|(value, text)| {
        let selected = value == chosen;
        view! { <option value=value.clone() selected=selected>{text.clone()}</option> }
    });
    view! {
        <div class="field">
            <label for=name>{label}</label>
            <select id=name name=name>{options.collect_view()}</select>
        </div>
    }
}

fn empty(entries: &EntriesView) -> impl IntoView + use<> {
    let PagerView { previous, next } = &entries.pager;
    let (title, text) = if next.is_some() {
        ("Nothing found yet", "No entry that was looked at fits. The search goes on with the next page.")
    } else if previous.is_some() {
        ("Nothing more", "No further entry fits. Those that do are on the pages before.")
    } else if entries.query.is_narrowed() {
        (
            "Nothing found",
            "No entry fits. Names are found by their beginning, email addresses and receipts whole.",
        )
    } else {
        ("No entries yet", "Entries are listed here from the moment they are acknowledged.")
    };
    view! { <div class="empty" id="empty"><h3>{title}</h3><p>{text}</p></div> }
}

fn table(rows: &[EntryLineView]) -> impl IntoView + use<> {
    view! {
        <div class="table-scroll" tabindex="0" role="region" aria-labelledby="heading">
            <table class="table entries" id="entries">
                <thead>
                    <tr>
                        <th scope="col">"Name"</th>
                        <th scope="col">"Email"</th>
                        <th scope="col">"Category"</th>
                        <th scope="col">"Session"</th>
                        <th scope="col" class="table__number">"Party"</th>
                        <th scope="col">"Registered"</th>
                        <th scope="col" class="table__number">"Retries"</th>
                    </tr>
                </thead>
                <tbody>{rows.iter().map(row).collect_view()}</tbody>
            </table>
        </div>
    }
}

fn row(row: &EntryLineView) -> impl IntoView + use<> {
    let ended = match row.state {
        "withdrawn" => "Withdrawn entry",
        _ => "Removed entry",
    };
    let name = row.name.clone().unwrap_or_else(|| ended.to_owned());
    view! {
        <tr data-state=row.state>
            <th scope="row" data-label="Name"><a href=row.href.clone()><bdi>{name}</bdi></a></th>
            {cell("Email", "", row.email.clone())}
            {cell("Category", "", row.category.clone())}
            {cell("Session", "", row.session.clone())}
            {cell("Party", "table__number", row.party_size.map(|size| grouped(size.into())))}
            <td data-label="Registered">{time(&row.registered)}</td>
            {cell("Retries", "table__number", row.retries.map(grouped))}
        </tr>
    }
}

/// A cell with its text, or with the sign that there is none.
fn cell(label: &'static str, class: &'static str, text: Option<String>) -> impl IntoView {
    let class = if text.is_none() { format!("{class} table__none") } else { class.to_owned() };
    let class = Some(class.trim().to_owned()).filter(|class| !class.is_empty());
    view! { <td data-label=label class=class>{text.unwrap_or_else(|| "–".to_owned())}</td> }
}
