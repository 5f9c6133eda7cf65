//! `/admin/draws/{slug}/edit`: what is edited often of a draw; and, when somebody else stored another version
//! meanwhile, both.

use leptos::prelude::*;
use shared::{FieldError, Phase, limits};

use super::models::edit::{Conflict, Difference, EditPage, Marked, PARTS, label};
use super::parts::{badge, csrf, definitions, draw_href, textarea_content, trail_below};
use crate::components::time;
use crate::layout::document;
use crate::models::Chrome;

const FORM: &str = "edit-draw";

/// The form, with everything in it that was typed.
pub fn edit_page(chrome: &Chrome, page: &EditPage) -> String {
    let title = match (&page.conflict, page.errors.is_empty()) {
        (Some(_), _) => format!("Two versions of {}", page.draw.title),
        (None, false) => format!("Not saved: {}", page.draw.title),
        (None, true) => format!("Edit {}", page.draw.title),
    };
    document(chrome, &title, || {
        let is_over = page.draw.phase == Phase::Cancelled;
        view! {
            {trail_below(&page.draw)}
            <header class="page-head">
                <div>
                    <h1>{if page.conflict.is_some() { "Two versions of this draw" } else { "Edit this draw" }}</h1>
                    <p><strong>{page.draw.title.clone()}</strong>" "{badge(&page.draw)}</p>
                </div>
            </header>
            {page.conflict.as_ref().map(|conflict| versions(page, conflict, is_over))}
            {match (is_over, page.conflict.is_some()) {
                (false, _) => with_form(chrome, page).into_any(),
                (true, false) => over(page).into_any(),
                (true, true) => ().into_any(),
            }}
        }
    })
}

/// Both versions, and the ways on.
fn versions(page: &EditPage, conflict: &Conflict, is_over: bool) -> impl IntoView + use<> {
    let discard = format!("{}/edit", draw_href(&page.draw));
    let latest = conflict.latest.as_ref().map(|latest| {
        let (actor, what) = (latest.actor.clone(), latest.what.clone());
        view! { <p id="latest-change">"Last change: "{time(&latest.at)}", "<bdi>{actor}</bdi>": "{what}"."</p> }
    });
    let advice = if is_over {
        "Nothing of yours is saved. The draw is cancelled, so nothing of it can be changed any more."
    } else {
        "Nothing of yours is saved yet, and nothing you typed is lost. Decide which version stands, or put both \
         together in the form below."
    };
    let same = (!conflict.same.is_empty()).then(|| {
        let sum = match conflict.same.len() {
            1 => "The same in both: 1 part".to_owned(),
            parts => format!("The same in both: {parts} parts"),
        };
        view! {
            <details class="versions__same"><summary>{sum}</summary>{definitions(&conflict.same)}</details>
        }
    });
    view! {
        <section class="versions" aria-label="Two versions">
            <div class="notice notice--problem" id="conflict" role="alert">
                <p class="notice__title">"Someone else changed this draw while you were editing it"</p>
                <p>{advice}</p>
                {latest}
            </div>
            {differences(&conflict.differing)}
            {same}
            {if is_over {
                back(page).into_any()
            } else {
                view! {
                    <p class="panel__actions">
                        <button class="button" id="save-mine" form=FORM>"Save mine over it"</button>
                        <a class="button button--secondary" id="discard-mine" href=discard>"Discard mine"</a>
                    </p>
                }
                .into_any()
            }}
        </section>
    }
}

fn differences(differing: &[Difference]) -> impl IntoView + use<> {
    if differing.is_empty() {
        return view! { <p>"The texts you typed are the ones that are stored."</p> }.into_any();
    }
    let rows = differing.iter().map(|Difference { label, stored, typed }| {
        view! {
            <tr>
                <th scope="row">{*label}</th>
                <td data-label="Stored now">{marked(stored)}</td>
                <td data-label="Yours">{marked(typed)}</td>
            </tr>
        }
    });
    view! {
        <table class="table versions__table" id="versions">
            <caption>"What differs"</caption>
            <thead>
                <tr><th scope="col">"Part"</th><th scope="col">"Stored now"</th><th scope="col">"Yours"</th></tr>
            </thead>
            <tbody>{rows.collect_view()}</tbody>
        </table>
    }
    .into_any()
}

/// A text with what differs marked; what is empty is said to be.
fn marked(text: &Marked) -> impl IntoView + use<> {
    let Marked { before, differs, after } = text.clone();
    if before.is_empty() && differs.is_empty() && after.is_empty() {
        return view! { <div class="versions__none">"None"</div> }.into_any();
    }
    let differs = (!differs.is_empty()).then(|| view! { <mark>{differs}</mark> });
    view! { <div><bdi>{before}{differs}{after}</bdi></div> }.into_any()
}

/// Instead of the form, once nothing can be changed.
fn over(page: &EditPage) -> impl IntoView + use<> {
    view! {
        <section class="panel panel--narrow">
            <h2>"This draw is cancelled"</h2>
            <p>"Nothing of it can be changed any more."</p>
            {back(page)}
        </section>
    }
}

fn back(page: &EditPage) -> impl IntoView + use<> {
    let href = draw_href(&page.draw);
    view! { <p class="panel__actions"><a class="button button--secondary" href=href>"Back to the draw"</a></p> }
}

/// The form, and beside it what is not in it.
fn with_form(chrome: &Chrome, page: &EditPage) -> impl IntoView + use<> {
    view! {
        <div class="draw__columns">
            {form(chrome, page)}
            <aside class="facts stack" aria-labelledby="elsewhere">
                <h2 id="elsewhere">"What is changed elsewhere"</h2>
                <p>"What is asked of entrants, categories, sessions, and who is told of entries stay with the draw's
                    file, which "<code>"drawbridge draw apply"</code>" reads."</p>
                <p>"Take over into that file what you change here: the next time it is applied, all is as the file
                    says."</p>
            </aside>
        </div>
    }
}

fn form(chrome: &Chrome, page: &EditPage) -> impl IntoView + use<> {
    let href = draw_href(&page.draw);
    let action = format!("{href}/edit");
    let is_conflict = page.conflict.is_some();
    // A browser that comes back would put old texts beside the new version, and saving them would undo in
    // silence what was stored between: so it restores nothing.
    view! {
        <form id=FORM class="form edit" method="post" action=action novalidate autocomplete="off">
            {csrf(chrome)}
            <input type="hidden" name="version" value=page.version/>
            {is_conflict.then(|| view! { <h2>"Your version"</h2> })}
            {summary(&page.errors)}
            {read_by_entrants(page)}
            {times(page)}
            {entries(page)}
            {links(page)}
            <p class="panel__actions">
                <button class="button" id="save">{if is_conflict { "Save mine over it" } else { "Save" }}</button>
                <a class="button button--secondary" id="leave" href=href>
                    {if is_conflict { "Discard mine" } else { "Leave it as it is" }}
                </a>
            </p>
        </form>
    }
}

/// Everything that is wrong, each a link to its field where the form has it.
fn summary(errors: &[FieldError]) -> impl IntoView + use<> {
    (!errors.is_empty()).then(|| {
        let items = errors.iter().map(|error| {
            let message = error.message.to_string();
            if PARTS.iter().any(|(part, _)| *part == error.field) {
                view! { <li><a href=format!("#{}", error.field)>{message}</a></li> }.into_any()
            } else {
                view! { <li>{message}</li> }.into_any()
            }
        });
        view! {
            <div id="error-summary" class="notice notice--problem" role="alert">
                <p class="notice__title">"Nothing is saved yet"</p>
                <ul>{items.collect_view()}</ul>
            </div>
        }
    })
}

fn read_by_entrants(page: &EditPage) -> impl IntoView + use<> {
    let name = "description";
    let hint = format!(
        "Empty lines part paragraphs. At most {} characters. Leave it empty for none.",
        limits::DESCRIPTION_CHARS
    );
    view! {
        <fieldset class="edit__group">
            <legend>"What entrants read"</legend>
            {line(page, Line { max: Some(limits::TITLE_CHARS), ..Line::new("title", "text") })}
            <div class="field">
                <label for=name>{label(name)}</label>
                <p class="field__hint" id="description-hint">{hint}</p>
                {complaint(page, name)}
                <textarea id=name name=name rows="6" aria-describedby="description-hint description-error"
                    aria-invalid=is_wrong(page, name)
                    inner_html=textarea_content(&page.values.description)></textarea>
            </div>
        </fieldset>
    }
}

fn times(page: &EditPage) -> impl IntoView + use<> {
    let (opens, closes) = page.fixed_window.clone().unzip();
    let draws = Line { hint: "Optional: when winners are drawn.", ..Line::new("draws_at", "datetime-local") };
    let zone = Line {
        hint: "The times here are local to it.",
        list: Some("zones"),
        ..Line::new("timezone", "text")
    };
    let zones = page.zones.iter().map(|zone| view! { <option value=zone.clone()></option> }).collect_view();
    view! {
        <fieldset class="edit__group">
            <legend>"When"</legend>
            <div class="edit__pair">
                {instant(page, "opens_at", opens)}
                {instant(page, "closes_at", closes)}
                {line(page, draws)}
                {line(page, zone)}
            </div>
            <datalist id="zones">{zones}</datalist>
        </fieldset>
    }
}

/// Opening or closing time; `stored` is given once it cannot be changed any more.
fn instant(page: &EditPage, name: &'static str, stored: Option<String>) -> impl IntoView + use<> {
    let line_of = Line::new(name, "datetime-local");
    match stored {
        None => line(page, line_of),
        // What was typed is kept, so it has to stay possible to mend it.
        Some(stored) => line(
            page,
            Line {
                hint: "Fixed, because registration has ended.",
                is_fixed: page.values.text(name) == stored,
                stored: (page.values.text(name) != stored).then_some(stored),
                ..line_of
            },
        ),
    }
}

fn entries(page: &EditPage) -> impl IntoView + use<> {
    let capacity = Line {
        hint: "Optional: entries accepted before the draw is full. Leave it empty for no limit.",
        ..Line::new("capacity", "text")
    };
    let choices = [
        ("lenient", "The first stands", "A repeat with other answers gets the receipt of the first."),
        ("strict", "The repeat is refused", "A repeat with other answers is told that it is one."),
    ];
    let name = "mode";
    let options = choices.into_iter().map(|(value, text, hint)| {
        let is_checked = page.values.mode == value;
        view! {
            <label class="choice">
                <input type="radio" name=name value=value checked=is_checked/>
                <span class="choice__text">{text}<small>{hint}</small></span>
            </label>
        }
    });
    view! {
        <fieldset class="edit__group">
            <legend>"Entries"</legend>
            {line(page, capacity)}
            <fieldset class="field" id=name role="radiogroup" aria-describedby="mode-error" aria-invalid=is_wrong(page, name)>
                <legend>{label(name)}</legend>
                {complaint(page, name)}
                <div class="choices">{options.collect_view()}</div>
            </fieldset>
        </fieldset>
    }
}

fn links(page: &EditPage) -> impl IntoView + use<> {
    let web = "Optional: a web address.";
    let contact = "Optional: the email or web address where entrants ask.";
    view! {
        <fieldset class="edit__group">
            <legend>"Links"</legend>
            {line(page, Line { hint: web, ..Line::new("terms_url", "url") })}
            {line(page, Line { hint: web, ..Line::new("privacy_url", "url") })}
            {line(page, Line { hint: contact, ..Line::new("contact", "text") })}
        </fieldset>
    }
}

/// A field with one line of text.
#[derive(Default)]
struct Line {
    name: &'static str,
    /// `type` of the input.
    kind: &'static str,
    /// Empty for none.
    hint: &'static str,
    /// Most characters.
    max: Option<usize>,
    /// Id of a list to choose from.
    list: Option<&'static str>,
    /// Whether it can be read only.
    is_fixed: bool,
    /// What is stored, where that is all that can be saved.
    stored: Option<String>,
}

impl Line {
    fn new(name: &'static str, kind: &'static str) -> Self {
        Self { name, kind, ..Self::default() }
    }
}

fn line(page: &EditPage, line: Line) -> impl IntoView + use<> {
    let Line { name, kind, hint, max, list, is_fixed, stored } = line;
    let value = page.values.text(name).to_owned();
    let has_hint = !hint.is_empty();
    let described = if has_hint { format!("{name}-hint {name}-error") } else { format!("{name}-error") };
    let hint = match stored {
        Some(stored) => format!("{hint} Stored: {}", stored.replace('T', " ")),
        None => hint.to_owned(),
    };
    // The browser shows seconds only where the step asks for them.
    let step = (kind == "datetime-local" && value.len() > "2026-06-01T10:00".len()).then_some("any");
    view! {
        <div class="field">
            <label for=name>{label(name)}</label>
            {has_hint.then(|| view! { <p class="field__hint" id=format!("{name}-hint")>{hint}</p> })}
            {complaint(page, name)}
            <input id=name name=name type=kind value=value maxlength=max list=list step=step
                class=(name == "capacity").then_some("short")
                inputmode=(name == "capacity").then_some("numeric")
                spellcheck=(name != "title").then_some("false")
                autocapitalize=(name != "title").then_some("none")
                readonly=is_fixed aria-describedby=described aria-invalid=is_wrong(page, name)/>
        </div>
    }
}

fn complaint(page: &EditPage, name: &str) -> impl IntoView + use<> {
    let complaint = page.errors.iter().find(|error| error.field == name);
    let complaint = complaint.map(|error| error.message.to_string());
    view! { <p class="field__error" id=format!("{name}-error")>{complaint}</p> }
}

fn is_wrong(page: &EditPage, name: &str) -> Option<&'static str> {
    page.errors.iter().any(|error| error.field == name).then_some("true")
}
