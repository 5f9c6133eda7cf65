//! `/admin/audit`: who did what.

use app::pages::admin::models::{AuditLineView, AuditView, PagerView};
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use jiff::tz::TimeZone;

use super::guard::Organiser;
use super::query::{Asked, by_time, read_by_time};
use super::views;
use crate::http::{Context, HttpResult, html};
use crate::state::App;
use crate::store::listing::AuditLine;

/// One page of the list.
///
/// # Errors
/// When the store fails.
pub async fn list(
    State(app): State<App>,
    RawQuery(query): RawQuery,
    organiser: Organiser,
    context: Context,
) -> HttpResult {
    let asked = Asked::read(query);
    let page = app.store.audit_lines(&asked.window(read_by_time)).await?;
    let href = |way: &str, position| Asked::default().href("/admin/audit", way, &by_time(position));
    let pager = PagerView {
        previous: page.previous.as_ref().map(|position| href("before", position)),
        next: page.next.as_ref().map(|position| href("after", position)),
    };
    let view = AuditView { rows: page.rows.into_iter().map(line).collect(), pager };
    Ok(html(StatusCode::OK, app::admin_audit_page(&organiser.chrome(&app, &context), &view)))
}

fn line(line: AuditLine) -> AuditLineView {
    let AuditLine { at, actor, action, draw, subject, detail, .. } = line;
    // Many draws, many zones: one list has one.
    let at = views::moment(TimeZone::UTC, at);
    AuditLineView {
        at,
        actor,
        action,
        subject: subject.filter(|subject| draw.as_ref() != Some(subject)),
        draw,
        detail,
    }
}
