//! `/admin/audit`: who did what.

use leptos::prelude::*;

use super::models::{AuditLineView, AuditView};
use super::parts::{pager, trail};
use crate::components::time;
use crate::layout::document;
use crate::models::Chrome;

/// One page of the audit list.
pub fn audit_page(chrome: &Chrome, audit: &AuditView) -> String {
    document(chrome, "Audit", || {
        view! {
            {trail(&[])}
            <header class="page-head">
                <div>
                    <h1 id="heading">"Audit"</h1>
                    <p>"Who changed what, latest first. Rows are added together with the change they tell of, and
                        nothing here can be edited."</p>
                </div>
            </header>
            {if audit.rows.is_empty() { empty().into_any() } else { table(&audit.rows).into_any() }}
            {pager(&audit.pager)}
        }
    })
}

fn empty() -> impl IntoView {
    view! { <div class="empty"><h2>"Nothing here"</h2><p>"What organisers do is listed here."</p></div> }
}

fn table(rows: &[AuditLineView]) -> impl IntoView + use<> {
    view! {
        <div class="table-scroll" tabindex="0" role="region" aria-labelledby="heading">
            <table class="table" id="audit">
                <thead>
                    <tr>
                        <th scope="col">"When"</th>
                        <th scope="col">"Who"</th>
                        <th scope="col">"What"</th>
                        <th scope="col">"Draw"</th>
                        <th scope="col">"Details"</th>
                    </tr>
                </thead>
                <tbody>{rows.iter().map(row).collect_view()}</tbody>
            </table>
        </div>
    }
}

fn row(row: &AuditLineView) -> impl IntoView + use<> {
    let draw = match row.draw.clone() {
        Some(slug) => {
            let href = format!("/admin/draws/{slug}");
            view! { <a href=href>{slug}</a> }.into_any()
        }
        None => "–".into_any(),
    };
    let mut details: Vec<String> = [row.subject.clone(), row.detail.clone()].into_iter().flatten().collect();
    if details.is_empty() {
        details.push("–".to_owned());
    }
    let details = details.into_iter();
    let details = details.map(|text| view! { <span class="audit__detail"><bdi>{text}</bdi></span> });
    view! {
        <tr>
            <td data-label="When">{time(&row.at)}</td>
            <td data-label="Who">{row.actor.clone()}</td>
            <td data-label="What">{row.action.clone()}</td>
            <td data-label="Draw">{draw}</td>
            <td data-label="Details"><div>{details.collect_view()}</div></td>
        </tr>
    }
}
