//! One entry, and the question before it is removed.

use leptos::prelude::*;
use shared::limits;

use super::models::{EntryPage, RemoveView};
use super::parts::{csrf, definitions, draw_href, textarea_content, trail};
use crate::components::notice;
use crate::layout::document;
use crate::models::Chrome;

/// Everything known of one entry.
pub fn entry_page(chrome: &Chrome, page: &EntryPage) -> String {
    document(chrome, "Entry", || {
        let href = draw_href(&page.draw);
        let remove = format!("{}/remove", page.href);
        let (class, state) = match page.state {
            "registered" => ("badge badge--open", "Takes part"),
            "withdrawn" => ("badge badge--closed", "Withdrawn"),
            _ => ("badge badge--cancelled", "Removed"),
        };
        view! {
            {trail(&[(&page.draw.title, href.clone()), ("Entries", format!("{href}/entries"))])}
            <header class="page-head">
                <div>
                    <h1><bdi>{page.title.clone()}</bdi></h1>
                    <p><span class=class data-state=page.state>{state}</span></p>
                </div>
            </header>
            {page.notice.as_ref().map(notice)}
            <div class="halves">
                <section class="panel" aria-labelledby="entry">
                    <h2 id="entry">"Entry"</h2>
                    {definitions(&page.fields)}
                </section>
                <section class="panel" aria-labelledby="history">
                    <h2 id="history">"How it came in"</h2>
                    {definitions(&page.history)}
                </section>
            </div>
            {page.can_remove.then(|| view! {
                <section class="danger-zone" aria-labelledby="removal">
                    <h2 id="removal">"Remove this entry"</h2>
                    <p>"For an entry that breaks your terms, or at the entrant's wish. You will be asked for a reason."</p>
                    <p><a class="button button--danger" id="remove" href=remove>"Remove…"</a></p>
                </section>
            })}
        }
    })
}

/// Asks whether, and why, an entry is to be removed.
pub fn remove_page(chrome: &Chrome, remove: &RemoveView) -> String {
    document(chrome, "Remove this entry?", || {
        let href = draw_href(&remove.draw);
        let invalid = remove.error.as_ref().map(|_| "true");
        let described = if remove.error.is_some() { "reason-hint reason-error" } else { "reason-hint" };
        view! {
            {trail(&[(&remove.draw.title, href.clone()), ("Entries", format!("{href}/entries"))])}
            <section class="panel panel--narrow">
                <h1>"Remove this entry?"</h1>
                <p><strong><bdi>{remove.name.clone()}</bdi></strong>" in "{remove.draw.title.clone()}</p>
                <ul>
                    <li>"The entry no longer takes part, and its personal data is deleted at once."</li>
                    <li>"The entrant's receipt says that an organiser removed it."</li>
                    <li>"The person may register again while the draw is open."</li>
                    <li>"This cannot be undone."</li>
                </ul>
                <form method="post" action=format!("{}/remove", remove.href) novalidate>
                    {csrf(chrome)}
                    <div class="field">
                        <label for="reason">"Reason"</label>
                        <p class="field__hint" id="reason-hint">
                            "Kept in the audit list for good, so leave names and addresses out. At most "
                            {limits::REASON_CHARS} " characters."
                        </p>
                        {remove.error.clone().map(|error| view! {
                            <p class="field__error" id="reason-error" role="alert">{error}</p>
                        })}
                        <textarea id="reason" name="reason" rows="3" required maxlength=limits::REASON_CHARS
                            aria-describedby=described aria-invalid=invalid
                            inner_html=textarea_content(&remove.reason)></textarea>
                    </div>
                    <p class="panel__actions">
                        <button class="button button--danger" id="confirm-remove">"Remove the entry"</button>
                        <a class="button button--secondary" href=remove.href.clone()>"Keep the entry"</a>
                    </p>
                </form>
            </section>
        }
    })
}
